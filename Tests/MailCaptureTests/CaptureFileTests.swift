// Files from disk: packets in order, clear errors, filters.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

struct CaptureFileTests {
    private static let packets: [[UInt8]] = {
        let client = IPEndpoint(IPAddress(v4: 0xC000_0201), 50_000)
        var mail = PacketSynthesizer(client: client, server: IPEndpoint(IPAddress(v4: 0xC000_0202), 25))
        var web = PacketSynthesizer(client: client, server: IPEndpoint(IPAddress(v4: 0xC000_0203), 80))
        return mail.open() + web.open() + mail.data(from: .server, Array("220 hi\r\n".utf8)[...])
            + mail.close(by: .client)
    }()

    private func recording() -> [UInt8] {
        var file = PcapngWriter.recordingHeader(application: "test")
        for (index, packet) in Self.packets.enumerated() {
            PcapngWriter.appendPacket(interface: 0, time: Int64(index), packet[...], to: &file)
        }
        return file
    }

    private func readAll(_ file: CaptureFile) throws -> [CaptureRecord] {
        var records: [CaptureRecord] = []
        while let record = try file.next() { records.append(record) }
        return records
    }

    @Test func readsAFile() throws {
        let scratch = try Scratch()
        let octets = recording()
        let file = try CaptureFile(path: scratch.write(octets, "a.pcapng"))
        #expect(file.size == octets.count)
        #expect(try readAll(file).map { Array($0.bytes) } == Self.packets)
        #expect(try file.next() == nil)
        #expect(file.offset == octets.count)
        #expect(file.packets == Self.packets.count)
        #expect(file.interfaces.map(\.name) == ["client", "server"])
        #expect(file.dropped == 0)
        #expect(file.sectionComments.isEmpty)
    }

    /// A file of many chunks, each of whose packets comes once.
    @Test func readsInChunks() throws {
        let scratch = try Scratch()
        var octets = PcapngWriter.recordingHeader(application: "test")
        for index in 0..<20_000 {
            PcapngWriter.appendPacket(
                interface: 0, time: Int64(index) * 1_000,
                [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: index % 90)[...],
                to: &octets)
        }
        let records = try readAll(CaptureFile(path: scratch.write(octets, "long.pcapng")))
        #expect(records.map(\.index) == Array(1...20_000))
        #expect(records.map(\.time) == (0..<20_000).map { Int64($0) })
        #expect(records.allSatisfy { $0.bytes.count == ($0.index - 1) % 90 })
    }

    @Test func cutFileGivesWhatIsThere() throws {
        let scratch = try Scratch()
        let file = try CaptureFile(path: scratch.write(recording().dropLast(3), "cut.pcapng"))
        for _ in 1..<Self.packets.count { #expect(try file.next() != nil) }
        let error = #expect(throws: CaptureError.self) { try file.next() }
        #expect(error?.code == .badFormat)
        #expect(error?.format?.code == .truncated)
    }

    @Test func errorsNameTheFile() throws {
        let scratch = try Scratch()
        let missing = #expect(throws: CaptureError.self) { try CaptureFile(path: scratch.path + "/none.pcap") }
        #expect(missing?.code == .unreadable)
        #expect(missing?.text == "\(scratch.path)/none.pcap: No such file or directory")
        let directory = try CaptureFile(path: scratch.path)
        #expect(throws: CaptureError(.unreadable, "\(scratch.path): Is a directory")) { try directory.next() }
        let text = try scratch.write(Array("Dear reader".utf8), "letter.txt")
        let letter = try CaptureFile(path: text)
        let error = #expect(throws: CaptureError.self) { try letter.next() }
        #expect(error?.text == "\(text): the file is neither pcap nor pcapng (at offset 0)")
    }

    @Test(arguments: [
        ("tcp port 25", 8), ("tcp port 80", 3), ("", 11), ("udp", 0),
        ("host 192.0.2.2 and tcp[tcpflags] & tcp-syn != 0", 2),
    ])
    func filtersPacketsOfFiles(expression: String, expected: Int) throws {
        let filter = try CaptureFilter(expression, linkType: 1)
        let scratch = try Scratch()
        let records = try readAll(CaptureFile(path: scratch.write(recording(), "a.pcapng")))
        #expect(records.count == 11)
        #expect(records.count { filter.matches($0) } == expected)
    }

    /// Without a filter all is captured but what has no mail in it for certain.
    @Test func usualFilterLosesNothing() throws {
        let filter = try CaptureFilter(CaptureFilter.usual, linkType: 1)
        var wire = Wire()
        let segment = wire.say(.client, "EHLO x\r\n")
        let (a, b): ([UInt8], [UInt8]) = ([192, 0, 2, 1], [192, 0, 2, 2])
        func udp(_ port: UInt16, _ text: [UInt8]) -> [UInt8] {
            PacketMaker.big(50_000) + PacketMaker.big(port) + PacketMaker.big(UInt16(text.count + 8)) + [0, 0] + text
        }
        func takes(_ packet: [UInt8], _ frame: PacketMaker.Frame = .ethernet) -> Bool {
            var maker = PacketMaker()
            maker.frame = frame
            return filter.matches(CaptureRecord(index: 1, time: 0, linkType: 1, bytes: maker.framed(packet)[...]))
        }
        var six = PacketMaker()
        six.isIPv6 = true
        for packet in [PacketMaker().packet(segment), six.packet(segment)] {
            for frame in [PacketMaker.Frame.ethernet, .vlan, .qinq] { #expect(takes(packet, frame)) }
        }
        let inner = PacketMaker().packet(segment)
        #expect(takes(PacketMaker.ipv4(inner, a, b, proto: 4)))
        #expect(takes(PacketMaker.ipv4([0, 0, 8, 0] + inner, a, b, proto: 47)))
        for port in [4_789, 8_472, 6_081] as [UInt16] {
            #expect(takes(PacketMaker.ipv4(udp(port, inner), a, b, proto: 17)))
        }
        #expect(takes(PacketMaker.ipv4(Array(inner.prefix(40)), a, b, fragment: 0x2000)))
        #expect(takes(PacketMaker.ipv4(Array(inner.suffix(24)), a, b, fragment: 3)))
        #expect(takes(PacketMaker.ipv4(udp(53, inner), a, b, fragment: 0x2000, proto: 17)))
        #expect(takes(PacketMaker.ipv4(inner, a, b, fragment: 8, proto: 17)))
        #expect(!takes(PacketMaker.ipv4(udp(53, inner), a, b, proto: 17)))
        #expect(!takes(PacketMaker.ipv4(udp(443, inner), a, b, proto: 17)))
        #expect(!takes(PacketMaker.ipv4([8, 0, 0, 0], a, b, proto: 1)))
        #expect(!takes(PacketMaker.ipv6([128, 0, 0, 0], a + a + a + a, b + b + b + b, next: 58)))
    }

    @Test func badFilterIsExplained() {
        let error = #expect(throws: CaptureError.self) { try CaptureFilter("tcp prot 25", linkType: 101) }
        #expect(error?.code == .badFilter)
        #expect(error?.text.contains("tcp prot 25") == true)
        #expect((error?.text.count ?? 0) > 25)
    }

    @Test func emptyPacketMatchesNothing() throws {
        let filter = try CaptureFilter("tcp", linkType: 1)
        #expect(!filter.matches(CaptureRecord(index: 1, time: 0, linkType: 1, bytes: [])))
    }
}
