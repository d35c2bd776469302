// Secrets that come while a capture goes on: what waited for them is read as if they had been there, and no wait is without an end.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct GrowingKeysTests {
    /// What is told of a capture.
    private struct Told: Equatable {
        var sessions: [SessionSummary] = []
        var credentials: [CredentialRecord] = []
        var messages = 0
        var octets: [UInt8] = []
        var opened = 0

        mutating func take(_ batch: SessionBatch) {
            for event in batch.events {
                switch event {
                case .opened: opened += 1
                case .closed(let summary): sessions.append(summary)
                case .credential(_, let record): credentials.append(record)
                case .message: messages += 1
                case .octets(_, _, _, _, let pieces): for piece in pieces { octets += piece }
                case .secured, .secret, .gap, .remark, .changed, .exchange: break
                }
            }
        }
    }

    private static let clear: Turns = [
        (.server, Array("220 mx.example.com ESMTP\r\n".utf8)), (.client, Array("EHLO x\r\n".utf8)),
        (.server, Array("250-mx\r\n250 STARTTLS\r\n".utf8)), (.client, Array("STARTTLS\r\n".utf8)),
        (.server, Array("220 go\r\n".utf8)),
    ]

    private func records(_ capture: MadeCapture) throws -> [CaptureRecord] {
        var reader = CaptureFileReader()
        reader.feed(capture.octets)
        var records: [CaptureRecord] = []
        while let record = try reader.next() { records.append(record) }
        return records
    }

    /// - Parameter lines: lines of the log, each with the number of packets before it.
    private func read(
        _ records: [CaptureRecord], keys: TLSKeyLog?, lines: [(Int, [UInt8])] = [],
        patience: KeyPatience = KeyPatience()
    ) -> Told {
        var told = Told()
        var tracker = SessionTracker()
        tracker.keys = keys
        tracker.keyPatience = patience
        for index in 0...records.count {
            for (_, line) in lines.filter({ $0.0 == index }) { tracker.add(keys: line[...]) { told.take($0) } }
            if index < records.count { tracker.accept(records[index], isRecording: false) { told.take($0) } }
        }
        tracker.finish { told.take($0) }
        return told
    }

    private var growing: TLSKeyLog {
        var log = TLSKeyLog()
        log.isGrowing = true
        return log
    }

    private func lines(of sample: Sample) -> [[UInt8]] {
        sample.keys.split(separator: "\n").map { Array("\($0)\n".utf8) }
    }

    /// Whenever they come, together or one by one, also when the connection is over.
    @Test(arguments: TLSFollowerTests.cases, [true, false]) func secretsThatComeLate(
        one: TLSFollowerTests.Case, isImplicit: Bool
    ) throws {
        let turns = isImplicit ? one.sample.turns : Self.clear + one.sample.turns
        let records = try records(MadeCapture(turns, port: isImplicit ? 465 : 25))
        let wanted = read(records, keys: one.sample.log)
        let lines = lines(of: one.sample)
        for place in 0...records.count {
            #expect(read(records, keys: growing, lines: lines.map { (place, $0) }) == wanted, "all at \(place)")
            let spread = lines.enumerated().map { (min(records.count, place + 2 * $0), $1) }
            #expect(read(records, keys: growing, lines: spread) == wanted, "from \(place) on")
        }
    }

    /// Secrets that never come, or too late: it is as without a log.
    @Test(arguments: [true, false]) func secretsThatDoNotCome(isImplicit: Bool) throws {
        let sample = SomeTLS.tls13
        let turns = isImplicit ? sample.turns : Self.clear + sample.turns
        let records = try records(MadeCapture(turns, port: isImplicit ? 465 : 25))
        let wanted = read(records, keys: nil)
        #expect(wanted.sessions.count == 1)
        #expect(read(records, keys: growing) == wanted)
        var patience = KeyPatience()
        patience.octets = 64
        let late = lines(of: sample).map { (records.count, $0) }
        #expect(read(records, keys: growing, lines: late, patience: patience) == wanted)
        patience = KeyPatience()
        patience.allOctets = -1
        #expect(read(records, keys: growing, lines: late, patience: patience) == wanted)
        patience = KeyPatience()
        patience.time = 1
        #expect(read(records, keys: growing, lines: late, patience: patience) == wanted)
    }

    /// On a silent link time alone ends the wait.
    @Test func timeEndsTheWait() throws {
        let records = try records(MadeCapture(SomeTLS.tls13.turns, port: 993))
        var told = Told()
        var tracker = SessionTracker()
        tracker.keys = growing
        for record in records.dropLast(3) { tracker.accept(record, isRecording: false) { told.take($0) } }
        let last = try #require(records.last).time
        tracker.advance(to: last + 5_000_000) { told.take($0) }
        #expect(told.opened == 0)
        tracker.advance(to: last + 11_000_000) { told.take($0) }
        #expect(told.opened == 1)
        tracker.finish { told.take($0) }
        #expect(told.sessions.map(\.opaque) == [.tls])
    }
}
