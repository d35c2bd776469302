// What the packets of sessions leave in doubt, as findings.

import MailDialogue
import MailRecording
import Testing

@testable import MailAudit

@Suite struct AuditDoubtTests {
    /// A session that ends with these doubts.
    private func found(_ doubts: [PacketDoubt]) -> AuditFindings {
        var book = AuditBook()
        guard let client = IPEndpoint("10.0.0.1:4000"), let server = IPEndpoint("10.0.0.2:25") else {
            return book.finish()
        }
        let info = SessionInfo(id: "s", mailProtocol: .smtp, start: 1, client: client, server: server, route: "capture")
        var summary = SessionSummary(info: info)
        summary.doubts = doubts
        book.accept(
            AuditStep(
                info: info, client: client, server: server, notes: [], events: [.opened(info), .closed(summary)],
                time: 9,
                frame: 7, source: 0))
        return book.finish()
    }

    @Test(arguments: [
        (PacketDoubt.Kind.overlap, "overlapping-segments"), (.fragments, "overlapping-fragments"),
        (.reset, "forged-reset"),
        (.end, "octets-behind-end"), (.checksum, "segments-left-out"), (.window, "segments-left-out"),
        (.ttl, "inserted-by-ttl"),
        (.midstream, "session-joined-midway"), (.oneSided, "one-sided"),
    ]) func eachHasItsKind(_ kind: PacketDoubt.Kind, _ code: String) throws {
        let doubts = found([PacketDoubt(kind, .server, time: 5, packet: 12, count: 3, octets: 27)])
        let finding = try #require(doubts.findings.first { $0.kind.code == code })
        let place = try #require(finding.evidence.first)
        #expect(place.frame == 12 && place.time == 5 && place.detail.contains("server, packet 12, 27 octets, 3 times"))
        #expect(finding.subjects == ["10.0.0.2:25"])
    }

    @Test func noDoubtNoFinding() { #expect(found([]).codes.isDisjoint(with: ["overlapping-segments", "one-sided"])) }
}
