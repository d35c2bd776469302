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
        var rows = 0
    }

    private static func told(_ file: TranscriptFile, keepsRows: Bool, step: Int?) -> Told {
        let end = IPEndpoint(.v4(0xC000_0201), 1)
        let info = SessionInfo(
            id: "s", mailProtocol: file.mailProtocol, start: 5, client: end, server: end, route: "test")
        var observer = Observer(info: info, fingerprintKey: [1], keepsRows: keepsRows)
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
        for event in events {
            switch event {
            case .octets(_, _, _, _, let pieces): told.octets.append(pieces.flatMap { Array($0) })
            case .credential(_, let credential): told.credentials.append(credential)
            case .remark(_, _, let unseen): told.remarks.append(unseen)
            case .exchange, .message: told.rows += 1
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
