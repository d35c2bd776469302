// Rows come out of their packing as they went in, whatever is in them, and take no more room than their text and some octets.

import MailDialogue
import MailRecording
import Testing

@testable import MailAudit

@Suite struct PackedRowsTests {
    private static let odd = ["", "a", "ä\u{1F600}\0\"\n", String(repeating: "x", count: 70_000)]

    private static func message(_ number: Int) throws -> AuditMessage {
        var record = MessageRecord(
            exchange: number, carrier: Carrier.allCases[number % Carrier.allCases.count])
        record.complete = number % 2 == 0
        record.bytes = number &* 1_000_003
        record.sha256 = number % 3 == 0 ? "" : number % 3 == 1 ? String(repeating: "0af9", count: 16) : "No Hex"
        record.from = odd[number % odd.count]
        record.to = Array(repeating: odd[number % 3], count: number % 5)
        record.subject = odd[(number + 1) % odd.count]
        record.messageID = "<\(number)@example.com>"
        return AuditMessage(
            session: "20261126T120000.\(number)-1", mailProtocol: MailProtocol.allCases[number % 4], record: record,
            client: try #require(IPEndpoint("192.0.2.\(number % 255):\(number % 65_536)")),
            server: try #require(IPEndpoint("[2001:db8::\(number % 9)]:25")), time: Int64(number) - 5,
            frame: number % 2 == 0 ? nil : number, source: number % 7,
            protection: number % 2 == 0 ? .clear : .tls)
    }

    private static func credential(_ number: Int) throws -> AuditCredential {
        AuditCredential(
            account: odd[number % odd.count], mechanism: "PLAIN", mailProtocol: .imap,
            outcome: CredentialRecord.Outcome.allCases[number % 3],
            client: try #require(IPEndpoint("[::1]:\(number)")), server: try #require(IPEndpoint("127.0.0.1:143")),
            time: .max - Int64(number), session: "s\(number)", exchange: -number, frame: nil, source: 0,
            protection: .clear, tlsOffered: [nil, true, false][number % 3],
            fingerprint: ["", "00ff", "0", "AB"][number % 4], isAttackable: number % 2 == 1,
            secret: number % 2 == 0 ? nil : "", hash: number % 3 == 0 ? "$cram_md5$" : nil)
    }

    @Test func rowsComeOutAsTheyWentIn() throws {
        let messages = try (0..<60).map { try Self.message($0) }
        let credentials = try (0..<60).map { try Self.credential($0) }
        #expect(Array(PackedRows(messages)) == messages)
        #expect(Array(PackedRows(credentials)) == credentials)
    }

    @Test func aRowIsChangedInItsPlace() throws {
        var rows = PackedRows(try (0..<9).map { try Self.credential($0) })
        rows[4].fingerprint = "0123456789abcdef"
        rows[4].account = Self.odd[3]
        #expect(rows.count == 9 && rows[4].fingerprint == "0123456789abcdef" && rows[4].account == Self.odd[3])
        let (before, after) = (try Self.credential(3), try Self.credential(5))
        #expect(rows[3] == before && rows[5] == after)
    }

    @Test func numbersOfAnySize() throws {
        var row = try Self.message(1)
        for number in [Int.min, .min + 1, -1, 0, 1, 63, 64, .max - 1, .max] {
            row.record.bytes = number
            row.time = Int64(number)
            #expect(PackedRows([row]).first == row)
        }
    }
}
