// Words of messages go when the segments of their stretch have gone, are found in all stretches until then, and leave no room behind.

import MailDialogue
import MailMessage
import MailRecording
import Testing

@testable import MailStore

@Suite struct TextStretchesTests {
    /// An index whose segments have one session each, with as much text as a stretch has at least, and a word of its own.
    private final class Written {
        let scratch: RecorderScratch
        let path: String
        var writer: IndexWriter
        var segment = 0
        private static let filling = MessageText(
            Array(("Subject: filling\r\n\r\n" + String(repeating: "some words of a text ", count: 50)).utf8))

        init(_ segments: Int = 0) throws {
            scratch = try RecorderScratch()
            path = scratch.path + "/" + RecordingDirectory.indexName
            writer = try IndexWriter(path: path, leastText: 16_384)
            for _ in 0..<segments { add() }
        }

        /// - Parameters:
        ///   - also: an earlier segment that the session is in.
        ///   - readTo: how many of the messages were read so far; nil when all were.
        @discardableResult
        func add(messages: Int = 18, also: Int? = nil, readTo: Int? = nil, _ now: Int64 = 0) -> Int64 {
            segment += 1
            writer.saveSegment(segment, name: "s\(segment)", opened: 1, closed: nil, bytes: nil, now)
            let row = writer.takeRow()
            writer.save(SampleSession.smtp(segment).summary, row: row, now)
            for place in [also, segment] {
                guard let place else { continue }
                writer.save(
                    Extent(segment: place, leg: .client, first: 100, end: 200, packets: 2), session: row, now)
            }
            if readTo != nil { writer.mark(unread: true, session: row, now) }
            for number in 0..<(readTo ?? messages) { read(number, row, now) }
            if readTo == nil { writer.settle(session: row, now) }
            writer.saveSegment(segment, name: "s\(segment)", opened: 1, closed: 2, bytes: 2 << 20, now)
            writer.commit(now)
            return row
        }

        /// A message of the session that was added last is read.
        func read(_ number: Int, _ row: Int64, _ now: Int64 = 0) {
            var message = MessageRecord(exchange: number, carrier: .data)
            message.text =
                number == 0
                ? MessageText(Array("Subject: word\(segment) hello\r\n\r\nThe final notice.\r\n".utf8))
                : Self.filling
            writer.save(message, number: number, session: row, now)
        }

        func forget(_ segment: Int) { #expect(writer.forget(segment: segment, 0)) }

        func found(_ words: String, by key: SessionOrder.Key = .start) throws -> [Int] {
            let index = try RecordingIndex(directory: scratch.path)
            var search = SessionSearch()
            search.text = try TextQuery(words)
            search.order = SessionOrder(key)
            let cursor = try index.settled(search)
            var found: [Int] = []
            while let summary = try cursor.next() { found.append(Int(summary.info.id.suffix(6)) ?? 0) }
            #expect(try index.count(search) == found.count)
            #expect(try index.groups(search, by: .mailProtocol).reduce(0) { $0 + $1.sessions } == found.count)
            return found
        }

        var tables: [String] {
            get throws {
                let statement = try Database(path: path, .readOnly).prepare(
                    """
                    SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%' OR name GLOB 'emptied_*' ORDER BY name
                    """)
                var found: [String] = []
                while try statement.step() { found.append(statement.text(0) ?? "") }
                return found
            }
        }

        func number(_ sql: String) throws -> Int64 {
            let statement = try Database(path: path, .readOnly).prepare(sql)
            return try statement.step() ? statement.int64(0) : -1
        }
    }

    @Test func allStretchesAreSearched() throws {
        let written = try Written(4)
        #expect(try written.tables == ["texts_0", "texts_2", "texts_3", "texts_4"])
        for key in [SessionOrder.Key.start, .bytes] {
            #expect(try written.found("\"final notice\"", by: key) == [1, 2, 3, 4])
            #expect(try written.found("wor*", by: key) == [1, 2, 3, 4])
            #expect(try written.found("header:word3", by: key) == [3])
            #expect(try written.found("hello -word2", by: key) == [1, 3, 4])
            #expect(try written.found("nowhere", by: key) == [])
        }
    }

    /// Little text makes no stretch of its own, however many segments it is in.
    @Test func stretchesAreNotSmall() throws {
        let written = try Written()
        for _ in 0..<10 { written.add(messages: 3) }
        #expect(try written.tables == ["texts_0", "texts_9"])
        #expect(try written.found("notice").count == 10)
    }

    @Test func wordsGoWithTheLastSegment() throws {
        let written = try Written(3)
        written.forget(1)
        // Until all of it is there nothing is.
        #expect(try written.tables == ["texts_0", "texts_2", "texts_3"])
        #expect(try written.found("notice") == [1, 2, 3])
        written.writer.commit(0)
        #expect(try written.tables == ["emptied_0", "texts_2", "texts_3"])
        #expect(try written.number("SELECT count(*) FROM stretches") == 2)
        #expect(try written.found("notice") == [2, 3])
        while written.writer.emptyTexts(0) {}
        written.writer.commit(0)
        #expect(try written.tables == ["texts_2", "texts_3"])
        #expect(try written.found("notice") == [2, 3])
        #expect(try written.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") == 1)
        // Nothing is left, and nothing is being written.
        for segment in [2, 3] { written.forget(segment) }
        while written.writer.emptyTexts(0) {}
        written.writer.commit(0)
        #expect(try written.tables == ["texts_4"])
        #expect(try written.found("notice") == [])
        written.add()
        #expect(try written.found("word4") == [4])
    }

    @Test func theFileDoesNotGrow() throws {
        let written = try Written(6)
        var pages: [Int64] = []
        for round in 1...24 {
            written.forget(round)
            while written.writer.emptyTexts(0) {}
            written.add(messages: 100)
            #expect(try written.tables.count == 6)
            pages.append(try written.number("PRAGMA page_count"))
        }
        #expect(pages[23] <= pages[7], "\(pages)")
    }

    /// Sessions that no segment has had for long must not keep the words of others: they belong to where the session ends.
    @Test func longSessionsKeepNothing() throws {
        let written = try Written(2)
        written.add(also: 1)
        written.forget(1)
        written.forget(2)
        written.writer.commit(0)
        #expect(try written.tables.filter { $0.hasPrefix("texts") } == ["texts_3"])
        #expect(try written.found("notice") == [3])
    }

    /// Sessions that are taken out of a later segment first are read again from the earlier one.
    @Test func wordsAreReadAgain() throws {
        let written = try Written(1)
        written.add(also: 1)
        written.add()
        written.forget(2)
        written.writer.commit(0)
        #expect(written.writer.takeUnsettled())
        #expect(!written.writer.takeUnsettled())
        #expect(try written.found("notice") == [1, 3])
        let id = SampleSession.smtp(2).info.id
        let index = try RecordingIndex(directory: written.scratch.path)
        #expect(try index.unread == [id])
        #expect(try index.unsettled(SessionSearch()).count == 1)
        #expect(try index.session(id) != nil)
        #expect(try written.writer.unread(limit: 9, in: "").map(\.id) == [id])
    }

    /// One that loses the words of its first messages while the others are being read is read again.
    @Test func wordsThatGoWhileASessionIsRead() throws {
        let written = try Written(1)
        let row = written.add(also: 1, readTo: 9)
        let writer = written.writer
        written.forget(2)
        for number in 9..<18 { written.read(number, row) }
        writer.finishReading(session: row, 0)
        writer.commit(0)
        #expect(writer.takeUnsettled())
        #expect(try writer.unread(limit: 9, in: "").map(\.row) == [row])
        // Once more, and nothing goes.
        for number in 0..<18 { written.read(number, row) }
        writer.finishReading(session: row, 0)
        writer.commit(0)
        #expect(!writer.takeUnsettled())
        #expect(try writer.unread(limit: 9, in: "").isEmpty)
        #expect(try written.found("word2") == [2])
        #expect(try written.number("SELECT count(*) FROM texts_0_docsize WHERE id / 1048576 = \(row)") == 18)
    }

    @Test(arguments: [0, 1, 3]) func aKilledWriterGivesBackTheRestNextTime(_ steps: Int) throws {
        let written = try Written(3)
        // As much as is not given back at once.
        for _ in 0..<8 {
            try written.writer.database.execute("INSERT INTO texts_0_data VALUES (abs(random()), zeroblob(2000000))")
        }
        written.forget(1)
        written.writer.commit(0)
        for _ in 0..<steps {
            _ = written.writer.emptyTexts(0)
            written.writer.commit(0)
        }
        written.writer = try IndexWriter(path: written.path, leastText: 16_384)
        #expect(try written.found("notice") == [2, 3])
        while written.writer.emptyTexts(0) {}
        written.writer.commit(0)
        #expect(try written.tables == ["texts_2", "texts_3"])
        #expect(try written.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") == 1)
    }

    /// What a transaction that fails had begun and ended is begun and ended once more.
    @Test func aFailureTakesItAllBack() throws {
        let written = try Written(2)
        written.writer.saveSegment(3, name: "s3", opened: 1, closed: nil, bytes: nil, 0)
        written.forget(1)
        written.writer.execute("nonsense", 0)
        #expect(written.writer.failure != nil)
        #expect(try written.tables == ["texts_0", "texts_2"])
        #expect(try written.found("notice") == [1, 2])
        written.add(IndexWriter.retryAfter)
        #expect(written.writer.failure == nil)
        #expect(written.writer.forget(segment: 1, IndexWriter.retryAfter))
        written.writer.commit(0)
        #expect(try written.tables.filter { $0.hasPrefix("texts") } == ["texts_2", "texts_3"])
        #expect(try written.found("notice") == [2, 3])
    }

    /// Whoever reads meanwhile has what there was.
    @Test(arguments: [SessionOrder.Key.start, .bytes]) func readersGoOn(_ key: SessionOrder.Key) throws {
        let written = try Written(3)
        let index = try RecordingIndex(directory: written.scratch.path)
        var search = SessionSearch()
        search.text = try TextQuery("notice")
        search.order = SessionOrder(key)
        let cursor = try index.settled(search)
        written.forget(1)
        written.forget(2)
        while written.writer.emptyTexts(0) {}
        written.writer.commit(0)
        var found: [String] = []
        while let summary = try cursor.next() { found.append(summary.info.id) }
        let all = (1...3).map { SampleSession.smtp($0).info.id }
        #expect(found == (key == .start ? Array(all.suffix(1)) : all))
        #expect(try index.atOnce { try index.count(search) } == 1)
    }

    /// The words of an index of an earlier program are the first stretch.
    @Test func anEarlierIndexGoesOn() throws {
        let written = try Written()
        written.add(messages: 2)
        written.add(messages: 2)
        try written.writer.database.execute(
            """
            ALTER TABLE texts_0 RENAME TO texts; DROP TABLE stretches; PRAGMA user_version = 8
            """)
        written.writer = try IndexWriter(path: written.path, leastText: 16_384)
        #expect(try written.found("notice") == [1, 2])
        written.add()
        #expect(try written.tables == ["texts_0", "texts_3"])
        #expect(try written.found("notice") == [1, 2, 3])
        written.forget(1)
        written.writer.commit(0)
        #expect(try written.tables == ["texts_0", "texts_3"])
        written.forget(2)
        while written.writer.emptyTexts(0) {}
        written.writer.commit(0)
        #expect(try written.tables == ["texts_3"])
        #expect(try written.found("notice") == [3])
    }

    /// An index that is made anew has stretches from the beginning.
    @Test func aNewIndexHasStretches() throws {
        let scratch = try RecorderScratch()
        let line = "C: " + String(repeating: "x", count: 100_000)
        let samples = (1...40).map { SampleSession($0, .smtp, port: 1025, ["S: 220 hello", line, "S: 250 ok"]) }
        try scratch.record(samples, key: .ephemeral()) { $0.segmentBytes = 300_000 }
        let texts = samples.map {
            MessageText(Array("Subject: word\(Int($0.info.id.suffix(6)) ?? 0)\r\n\r\ntext".utf8))
        }
        try IndexRecovery.rebuild(scratch.path) { _, emit in
            for (sample, text) in zip(samples, texts) {
                var message = MessageRecord(exchange: 1, carrier: .data)
                message.text = text
                emit(.message(session: sample.info.id, message))
                emit(.closed(sample.summary))
            }
        }
        let index = try RecordingIndex(directory: scratch.path)
        let stretches = try IndexSchema.stretches(index.database)
        #expect((3...4).contains(stretches.count), "\(stretches)")
        for (words, count) in [("text", 40), ("word7", 1), ("word40", 1), ("word41", 0)] {
            var search = SessionSearch()
            search.text = try TextQuery(words)
            #expect(try index.count(search) == count, "\(words)")
        }
        for first in stretches {
            let table = IndexSchema.textTable(first)
            let statement = try index.database.prepare("SELECT count(*) FROM \(table)_docsize")
            #expect(try statement.step())
            #expect(statement.int(0) >= 5)
            // Words that wait are as few as in any index.
            let size = try index.database.prepare("SELECT v FROM \(table)_config WHERE k = 'hashsize'")
            #expect(try size.step())
            #expect(size.int(0) == IndexSchema.textsInPart)
        }
    }
}
