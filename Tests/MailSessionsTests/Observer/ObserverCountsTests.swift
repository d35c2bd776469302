// Books that only count say the same of a session as books with rows, but for the rows.

import Foundation
import MailDialogue
import MailRecording
import Testing

@testable import MailSessions

@Suite struct ObserverCountsTests {
    private static let transcripts: [TranscriptFile] = (try? TranscriptFile.all()) ?? []

    /// What is told of a session, without its rows.
    private struct Told {
        var summary: SessionSummary
        var octets: [[UInt8]] = []
        var credentials: [CredentialRecord] = []
        var remarks: [Unseen] = []
        var messages: [MessageRecord] = []
        var contents: [Exchange.ContentSummary] = []
        var rows = 0
        /// Notes but those of the inside of messages, and how many octets all notes have.
        var notes: [Note] = []
        var noted = 0
        var passed = 0
    }

    private static func told(
        _ file: TranscriptFile, hashes: Bool = true, keepsRows: Bool, keepsExchanges: Bool = true,
        tellsOctets: Bool = true, step: Int?
    ) -> Told {
        let end = IPEndpoint(.v4(0xC000_0201), 1)
        let info = SessionInfo(
            id: "s", mailProtocol: file.mailProtocol, start: 5, client: end, server: end, route: "test")
        var observer = Observer(
            info: info, fingerprintKey: [1], judgesMessages: !tellsOctets || !keepsExchanges, hashes: hashes,
            keepsRows: keepsRows, keepsExchanges: keepsExchanges, tellsOctets: tellsOctets)
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.open(into: &events)
        var time: Int64 = 5
        for turn in file.turns {
            var rest = turn.octets[...]
            while !rest.isEmpty {
                let piece = rest.prefix(step ?? rest.count)
                time += 1
                observer.receive(piece, from: turn.side, at: time, events: &events, notes: &notes)
                rest = rest.dropFirst(piece.count)
            }
        }
        observer.close(.closed, at: time, events: &events, notes: &notes)
        var told = Told(summary: observer.summary)
        let passed = observer.takePassed()
        told.passed = passed.client + passed.server
        told.noted = notes.reduce(0) { $0 + $1.raw.count }
        told.notes = notes.filter { if case .content = $0.element { false } else { true } }
        for event in events {
            switch event {
            case .octets(_, _, _, _, let pieces): told.octets.append(pieces.flatMap { Array($0) })
            case .credential(_, let credential): told.credentials.append(credential)
            case .remark(_, _, let unseen): told.remarks.append(unseen)
            case .exchange(_, let exchange):
                told.rows += 1
                if let content = exchange.content { told.contents.append(content) }
            case .message(_, var message):
                told.rows += 1
                // Who does not judge messages finds nothing in them.
                message.flaws = []
                told.messages.append(message)
            case .opened, .secured, .secret, .gap, .changed, .closed: break
            }
        }
        return told
    }

    @Test("The counts are those of the rows", arguments: transcripts)
    func sameCounts(_ file: TranscriptFile) {
        for step in [nil, 1, 7] as [Int?] {
            let full = Self.told(file, keepsRows: true, step: step)
            let counted = Self.told(file, keepsRows: false, step: step)
            #expect(counted.summary == full.summary, "\(file) in steps of \(step ?? 0)")
            #expect(counted.octets == full.octets)
            #expect(counted.credentials == full.credentials)
            #expect(counted.remarks == full.remarks)
            #expect(full.rows == full.summary.exchanges + full.summary.messages)
            #expect(counted.rows == 0)
        }
    }

    @Test("Octets that nobody wants are followed all the same", arguments: transcripts)
    func sameWithoutOctets(_ file: TranscriptFile) {
        for step in [nil, 1, 7, 300] as [Int?] {
            // Both judge messages, as the first has no exchanges.
            let full = Self.told(file, keepsRows: true, keepsExchanges: false, step: step)
            let spare = Self.told(file, keepsRows: true, keepsExchanges: false, tellsOctets: false, step: step)
            let place = "\(file) in steps of \(step ?? 0)"
            #expect(spare.summary == full.summary, "\(place)")
            #expect(spare.messages == full.messages, "\(place)")
            #expect(spare.credentials == full.credentials)
            #expect(spare.notes == full.notes, "\(place)")
            #expect(spare.noted + spare.passed == full.noted, "\(place)")
            #expect(full.passed == 0)
            #expect(spare.octets.isEmpty)
            #expect(spare.rows == spare.messages.count)
        }
    }

    @Test("Messages are the same without exchanges", arguments: transcripts)
    func sameWithoutExchanges(_ file: TranscriptFile) {
        for step in [nil, 7] as [Int?] {
            let full = Self.told(file, keepsRows: true, step: step)
            let counted = Self.told(file, keepsRows: false, tellsOctets: false, step: step)
            let spare = Self.told(file, keepsRows: true, keepsExchanges: false, step: step)
            #expect(spare.messages == full.messages)
            #expect(spare.summary.exchanges == full.summary.exchanges, "\(file)")
            #expect(counted.summary == full.summary, "\(file) in steps of \(step ?? 0)")
        }
    }

    @Test("All is the same without digests, but the digests", arguments: transcripts)
    func sameWithoutDigests(_ file: TranscriptFile) {
        for keepsExchanges in [true, false] {
            var full = Self.told(file, keepsRows: true, keepsExchanges: keepsExchanges, step: 7)
            let spare = Self.told(file, hashes: false, keepsRows: true, keepsExchanges: keepsExchanges, step: 7)
            for index in full.messages.indices { full.messages[index].sha256 = "" }
            for index in full.contents.indices { full.contents[index].sha256 = "" }
            #expect(spare.messages == full.messages, "\(file)")
            #expect(spare.contents == full.contents, "\(file)")
            #expect(spare.summary == full.summary, "\(file)")
            #expect(spare.rows == full.rows, "\(file)")
        }
    }

    /// The inside of a message comes in no note, unless there is something to say of it.
    @Test func contentPasses() throws {
        let end = IPEndpoint(.v4(0xC000_0201), 1)
        let info = SessionInfo(id: "s", mailProtocol: .smtp, start: 5, client: end, server: end, route: "test")
        var observer = Observer(info: info, fingerprintKey: [1], tellsOctets: false)
        var events: [RecordEvent] = []
        var notes: [Note] = []
        func say(_ side: Side, _ text: String) {
            observer.receive(Array(text.utf8)[...], from: side, at: 6, events: &events, notes: &notes)
        }
        say(.server, "220 mx ESMTP\r\n")
        say(.client, "HELO a\r\n")
        say(.server, "250 mx\r\n")
        say(.client, "MAIL FROM:<a@example.com>\r\n")
        say(.server, "250 ok\r\n")
        say(.client, "RCPT TO:<b@example.com>\r\n")
        say(.server, "250 ok\r\n")
        say(.client, "DATA\r\n")
        say(.server, "354 go\r\n")
        // Content begins with its first octets.
        say(.client, "Subject: one\r\n")
        #expect(observer.takePassed() == PassedOctets())
        notes = []
        say(.client, "\r\n..dot\r\n")
        #expect(notes.isEmpty)
        #expect(observer.takePassed().client == 9)
        say(.client, "bare\nline\r\n")
        #expect(notes.contains { !$0.violations.isEmpty })
        #expect(observer.takePassed() == PassedOctets())
        say(.client, ".\r\n")
        say(.server, "250 taken\r\n")
        let messages = events.compactMap { if case .message(_, let message) = $0 { message } else { nil } }
        #expect(messages.map(\.subject) == ["one"])
        #expect(messages.map(\.bytes) == [33])
        #expect(messages.map(\.complete) == [true])
    }

    /// What rules changed is told once, before the octets that come next.
    @Test func changesAreToldWithoutRows() {
        let end = IPEndpoint(.v4(0xC000_0201), 1)
        let info = SessionInfo(id: "s", mailProtocol: .smtp, start: 5, client: end, server: end, route: "test")
        var observer = Observer(info: info, fingerprintKey: [1], keepsRows: false)
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.receive(Array("220 x\r\n".utf8)[...], from: .server, at: 6, events: &events, notes: &notes)
        for rule in ["a", "b", "a"] { observer.mark(exchange: 1, changedBy: rule) }
        observer.receive(Array("NOOP\r\n".utf8)[...], from: .client, at: 7, events: &events, notes: &notes)
        observer.mark(exchange: 1, changedBy: "b")
        observer.mark(exchange: 2, changedBy: "c")
        observer.close(.closed, at: 8, events: &events, notes: &notes)
        let order = events.compactMap { event -> String? in
            switch event {
            case .changed(_, let exchange, let rules): "\(exchange) \(rules.joined(separator: ","))"
            case .octets(_, _, _, _, let pieces): pieces.map(\.text).joined()
            case .closed: "closed"
            case .opened, .secured, .secret, .gap, .remark, .exchange, .message, .credential: nil
            }
        }
        #expect(order == ["220 x\r\n", "1 a", "1 b", "NOOP\r\n", "2 c", "closed"])
    }
}
