// Words that are searched for: what they mean, and that the index finds what looking at the text finds.

import MailMessage
import MailRecording
import Testing

@testable import MailStore

@Suite struct TextQueryTests {
    private static let messages = [
        "Subject: Invoice 7\r\n\r\nThe final notice. Please pay.\r\n",
        "Subject: hello\r\n\r\nnotice the final line\r\n",
        "Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n\r\nÀ bientôt, Jürgen\r\n",
        "Subject: paid invoice\r\n\r\nreminder, invoiced\r\n",
        "From: ann@example.com\r\n\r\nOR NOT NEAR(a b) header:x \"quoted\"\r\n",
        "Subject: 日本語の表題 – “Résumé”\r\n\r\n東京都庁へようこそ。テストABC検索𠮷野家 ภาษาไทยง่าย\r\n",
    ].map { MessageText(Array($0.utf8)) }

    private static func found(_ query: String) throws -> [Int] {
        let matcher = try TextMatcher(TextQuery(query))
        return try messages.indices.filter { try matcher.isFound(in: messages[$0]) }
    }

    @Test(arguments: [
        ("invoice", [0, 3]), ("INVOICE", [0, 3]), ("invoic*", [0, 3]), ("invoiced", [3]), ("\"final notice\"", [0]),
        ("final notice", [0, 1]), ("notice -pay", [1]), ("grosse", []), ("größe", [2]), ("grö*", [2]),
        ("a bientot", [2]),
        ("jurgen", [2]), ("header:invoice", [0, 3]), ("body:invoice", []), ("body:\"final notice\"", [0]),
        ("-header:invoice notice", [1]), ("OR NOT", [4]), ("NEAR(a", [4]), ("ann@example.com", [4]),
        ("\"invoice 7\"", [0]),
        ("\"final not\"*", [0]), ("quoted", [4]), ("final AND notice", []), ("in*ice", []),
        ("日本語", [5]), ("本語", [5]), ("語本", []), ("日本*", [5]), ("\"語の表\"", [5]), ("東京 検索", [5]), ("東京検索", []),
        ("header:東京", []), ("body:東京", [5]), ("ようこそ", [5]), ("テスト", [5]), ("abc", [5]), ("ABC検索", [5]),
        ("abc検", [5]), ("𠮷野", [5]), ("ไทย", [5]), ("resume", [5]), ("resume -表題", []), ("invoice -表題", [0, 3]),
        ("pay\"\u{301})OR(\"\u{301}notice", []), ("notice" + (0..<50).map { " -z\($0)" }.joined(), [0, 1]),
    ])
    func meaning(_ query: String, _ wanted: [Int]) throws { #expect(try Self.found(query) == wanted, "\(query)") }

    @Test(arguments: [
        "", "  ", "-a", "\"open", "***", "header:", "a -", "\"\"", "header:\"!\"", "pay\"\u{301}x",
        (0..<65).map { "w\($0)" }.joined(separator: " "),
    ])
    func mistakes(_ query: String) { #expect(throws: TextQueryError.self) { try TextQuery(query) } }

    @Test func theIndexFindsTheSame() throws {
        let scratch = try RecorderScratch()
        let writer = try IndexWriter(path: scratch.path + "/index.sqlite")
        for (number, text) in Self.messages.enumerated() {
            let row = writer.takeRow()
            writer.save(SampleSession.smtp(number + 1).summary, row: row, 0)
            // Another message before it: the words must be in one.
            writer.save(MessageRecord(exchange: 1, carrier: .data), number: 0, session: row, 0)
            var message = MessageRecord(exchange: 2, carrier: .data)
            message.text = text
            writer.save(message, number: 1, session: row, 0)
            writer.settle(session: row, 0)
        }
        writer.commit(0)
        #expect(writer.failure == nil)
        let index = try RecordingIndex(directory: scratch.path)
        for query in [
            "invoice", "final notice", "notice -pay", "jurgen", "header:invoice", "invoic*", "ann@example.com",
            "本語", "日本*", "東京 検索", "body:東京", "resume -表題", "invoice -表題",
        ] {
            var search = SessionSearch()
            search.text = try TextQuery(query)
            let cursor = try index.settled(search)
            var found: [String] = []
            while let summary = try cursor.next() { found.append(summary.info.id) }
            #expect(try found == Self.found(query).map { SampleSession.smtp($0 + 1).info.id }, "\(query)")
            #expect(try index.count(search) == found.count)
        }
    }

    /// An index of an earlier program has a run of characters without spaces as one word, and finds it as such.
    @Test func indexesOfEarlierPrograms() throws {
        let database = try Database(path: ":memory:", .readWrite)
        try database.execute("CREATE VIRTUAL TABLE texts USING fts5 (header, body, tokenize = 'unicode61')")
        try database.execute("INSERT INTO texts VALUES ('日本語 Kyoto', '')")
        let find = try database.prepare("SELECT 1 FROM texts WHERE texts MATCH ?")
        for (query, wanted) in [("日本語", true), ("header:日本語", true), ("日本*", true), ("本語", false), ("kyoto", true)] {
            find.bind(1, try TextQuery(query).match)
            #expect(try find.step() == wanted, "\(query)")
            find.reset()
        }
    }

    /// A session that was removed leaves its words; a new one must not inherit them.
    @Test func rowsAreNotUsedTwice() throws {
        let scratch = try RecorderScratch()
        let path = scratch.path + "/index.sqlite"
        do {
            let writer = try IndexWriter(path: path)
            for _ in 0..<3 { _ = writer.takeRow() }
            let row = writer.takeRow()
            writer.save(SampleSession.smtp(1).summary, row: row, 0)
            var message = MessageRecord(exchange: 1, carrier: .data)
            message.text = Self.messages[0]
            writer.save(message, number: 0, session: row, 0)
            writer.execute("DELETE FROM sessions", 0)
            writer.commit(0)
        }
        #expect(try IndexWriter(path: path).takeRow() == 5)
    }
}
