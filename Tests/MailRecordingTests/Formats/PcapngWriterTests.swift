// What the writer makes is read back by our reader and by tshark.

import Foundation
import MailDialogue
import MailRecording
import Testing

struct PcapngWriterTests {
    @Test func blocksAreReadBack() throws {
        var file = PcapngWriter.recordingHeader(application: "MailProxy 0.1", comment: "{\"v\":1}")
        file += PcapngWriter.packet(
            interface: 0, time: 1_700_000_000_123_456_789, [1, 2, 3, 4, 5][...], comment: "{\"session\":\"ä\"}")
        file += PcapngWriter.packet(
            interface: 1, time: 1_700_000_000_123_457_000, [6, 7, 8, 9][...], originalLength: 1_000)
        file += PcapngWriter.statistics(interface: 1, time: 1_700_000_000_200_000_000, received: 12, dropped: 3)
        var reader = CaptureFileReader()
        reader.feed(file)
        let first = try #require(try reader.next())
        let second = try #require(try reader.next())
        #expect(try reader.next() == nil)
        try reader.finish()
        #expect(Array(first.bytes) == [1, 2, 3, 4, 5])
        #expect(first.time == 1_700_000_000_123_456)
        #expect(first.fraction == 789 && second.fraction == 0)
        #expect(first.nanoseconds == 1_700_000_000_123_456_789)
        #expect(reader.interfaces.allSatisfy { $0.resolution == 9 })
        #expect(first.comments == ["{\"session\":\"ä\"}"])
        #expect(first.linkType == 1)
        #expect(second.interface == 1)
        #expect(second.originalLength == 1_000)
        #expect(second.comments.isEmpty)
        #expect(reader.interfaces.map(\.name) == ["client", "server"])
        #expect(reader.interfaces.map(\.received) == [0, 12])
        #expect(reader.dropped == 3)
        #expect(reader.sectionComments == ["{\"v\":1}"])
    }

    /// Blocks have no sign: what is before 1970 was read as a time in the 26th century.
    @Test func timesBefore1970() {
        let times = [Int64.min, -1, 0, 1, Int64.max]
        let file =
            PcapngWriter.recordingHeader(application: "t")
            + times.flatMap { PcapngWriter.packet(interface: 0, time: $0, [1][...]) }
            + times.flatMap { PcapngWriter.packet(interface: 0, time: $0, [1][...], comment: "c") }
        #expect(readAll(file).records.map(\.nanoseconds) == [0, 0, 0, 1, .max, 0, 0, 0, 1, .max])
    }

    /// An option holds 65,535 octets: longer comments are spread over several, cut between characters.
    @Test func longCommentsAreSpread() {
        for extra in 0..<4 {
            let comment = String(repeating: "x", count: extra) + String(repeating: "€", count: 50_000)
            let file =
                PcapngWriter.recordingHeader(application: "t")
                + PcapngWriter.packet(interface: 0, time: 0, [1][...], comment: comment)
            let comments = readAll(file).records.first?.comments ?? []
            #expect(comments.count == 3)
            #expect(comments.joined() == comment)
        }
    }

    /// A recording cut anywhere is read up to its last whole block.
    @Test func everyCutOfARecording() {
        let head = PcapngWriter.recordingHeader(application: "t")
        let packets = (0..<6).map {
            PcapngWriter.packet(interface: 0, time: $0, [UInt8](repeating: 1, count: Int($0))[...], comment: "c\($0)")
        }
        let file = head + packets.flatMap { $0 }
        for cut in head.count...file.count {
            var ends = head.count
            let expected = packets.prefix { packet in
                ends += packet.count
                return ends <= cut
            }
            #expect(readAll(Array(file[..<cut])).records.count == expected.count)
        }
    }

    /// tshark, the reader that our users have, takes a synthesised recording without a complaint and sees the dialogue.
    @Test(arguments: [false, true])
    func tsharkReadsIt(v6: Bool) throws {
        let client = try #require(IPEndpoint(v6 ? "[2001:db8::1]:50000" : "192.0.2.1:50000"))
        let server = try #require(IPEndpoint(v6 ? "[2001:db8::2]:25" : "192.0.2.2:25"))
        var session = PacketSynthesizer(client: client, server: server)
        var file = PcapngWriter.recordingHeader(application: "MailProxy", comment: "{\"v\":1}")
        var time: Int64 = 1_700_000_000_000_000_000
        func write(_ packets: [[UInt8]], _ comment: String? = nil) {
            for packet in packets {
                time += 1_000_001
                PcapngWriter.appendPacket(
                    interface: PcapngWriter.clientLeg, time: time, packet[...], comment: comment, to: &file)
            }
        }
        func say(_ side: Side, _ text: String) { write(session.data(from: side, Array(text.utf8)[...]), "{\"n\":1}") }
        write(session.open())
        say(.server, "220 mx.example.com ESMTP\r\n")
        say(.client, "EHLO client.example.org\r\n")
        say(.server, "250 mx.example.com\r\n")
        say(.client, "MAIL FROM:<a@example.org>\r\n")
        say(.server, "250 ok\r\n")
        say(.client, "QUIT\r\n")
        say(.server, "221 bye\r\n")
        write(session.close(by: .server))
        file += PcapngWriter.statistics(interface: 0, time: time, received: 14, dropped: 0)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID()).pcapng")
        try Data(file).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        let lines = try tshark([
            "-r", path.path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-E",
            "separator=|", "-e", "smtp.req.command", "-e", "smtp.response.code", "-e", "tcp.checksum.status", "-e",
            "tcp.analysis.flags", "-e", "frame.comment",
        ])
        let rows = lines.map { $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init) }
        #expect(rows.count == 14)
        #expect(rows.compactMap(\.first).filter { !$0.isEmpty } == ["EHLO", "MAIL", "QUIT"])
        #expect(rows.map { $0.count > 1 ? $0[1] : "" }.filter { !$0.isEmpty } == ["220", "250", "250", "221"])
        #expect(rows.allSatisfy { $0.count > 2 && $0[2] == "1" })
        #expect(rows.allSatisfy { $0.count > 3 && $0[3].isEmpty })
        #expect(rows.count { $0.count > 4 && $0[4] == "{\"n\":1}" } == 7)
    }

    /// tshark's lines; what it complains of on stderr fails the test.
    private func tshark(_ arguments: [String]) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["tshark"] + arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            .split(separator: "\n").filter { !$0.contains("Running as user") }
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(complaints.isEmpty)
        return text.split(separator: "\n").map(String.init)
    }
}
