// What 'mailproxy sessions' finds, cuts out and writes.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

@testable import MailProxy

@Suite struct SessionsCommandTests {
    /// A directory that goes with the test.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID())").path

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ octets: [UInt8], _ name: String) throws -> String {
            try Data(octets).write(to: URL(fileURLWithPath: path + "/" + name))
            return path + "/" + name
        }
    }

    private static let turns: [(Side, String)] = [
        (.server, "+OK hi\r\n"), (.client, "RETR 1\r\n"), (.server, "+OK\r\nSubject: x\r\n\r\nhi\r\n.\r\n"),
        (.client, "QUIT\r\n"), (.server, "+OK\r\n"),
    ]

    /// Two POP3 sessions whose packets alternate; as a recording, with a server leg for the first.
    private func capture(isRecording: Bool) -> [UInt8] {
        var out =
            isRecording
            ? PcapngWriter.recordingHeader(application: "test")
            : PcapngWriter.sectionHeader(application: "test")
                + PcapngWriter.interfaceDescription(name: "eth0", description: "")
        var time: Int64 = 1_700_000_000_000_000
        let server = SocketAddress(ip: .v4(0x0A00_0002), port: 110)
        let infos = (0..<2).map { number in
            SessionInfo(
                id: "session\(number)", mailProtocol: .pop3, start: time,
                client: SocketAddress(ip: .v4(0x0A00_0001), port: UInt16(40_000 + number)), server: server, route: "r")
        }
        var ends = infos.map { PacketSynthesizer(client: $0.client, server: $0.server) }
        func write(_ packets: [[UInt8]], _ comment: String?, _ interface: UInt32 = 0) {
            var comment = isRecording ? comment : nil
            for packet in packets {
                out += PcapngWriter.packet(interface: interface, time: time * 1_000, packet[...], comment: comment)
                comment = nil
                time += 10
            }
        }
        for (place, info) in infos.enumerated() {
            write(ends[place].open(), RecordComment.opened(info, leg: .client, isContinued: false).text)
        }
        if isRecording {
            var leg = PacketSynthesizer(client: infos[0].client, server: infos[0].server, seed: 9)
            write(leg.open(), RecordComment.opened(infos[0], leg: .server, isContinued: false).text, 1)
            write(leg.data(from: .server, Array("+OK before the rule\r\n".utf8)[...]), nil, 1)
        }
        for (side, text) in Self.turns {
            for place in ends.indices { write(ends[place].data(from: side, Array(text.utf8)[...]), nil) }
        }
        for place in ends.indices { write(ends[place].close(by: .client), nil) }
        return out
    }

    @Test func wordsAreSessionsOrPaths() throws {
        let folder = try Folder()
        let file = try folder.write([], "plain")
        let selection = SessionSelection(["last", file, "6c4e", "-", "absent.pcap", "some/where", "absent"])
        #expect(selection.ids == ["last", "6c4e", "absent"])
        #expect(selection.paths == [file, "-", "absent.pcap", "some/where"])
    }

    @Test func sessionsAreFoundByTheirBeginning() throws {
        let folder = try Folder()
        let file = try folder.write(capture(isRecording: true), "own.pcapng")
        let catalog = try SessionCatalog(paths: [file], recordDirectory: nil, filter: nil)
        func find(_ words: String...) throws -> [String] {
            try SessionSelection(words).entries(of: catalog).map(\.summary.info.id)
        }
        #expect(try find() == ["session0", "session1"])
        #expect(try find("session1") == ["session1"])
        #expect(try find("last", "session1") == ["session1"])
        let ambiguous = #expect(throws: CLIError.self) { try find("sess") }
        #expect(ambiguous?.exit == 2 && ambiguous?.message.contains("session0, session1") == true)
        let absent = #expect(throws: CLIError.self) { try find("nope") }
        #expect(absent?.exit == 2 && absent?.message.contains("no session 'nope'") == true)
        // It may have been meant for a file.
        #expect(absent?.message.contains("no file 'nope'") == true)
    }

    @Test func filtersAskForWhatTheyNeed() throws {
        let folder = try Folder()
        let file = try folder.write(capture(isRecording: true), "own.pcapng")
        func count(_ filter: String) throws -> Int {
            try SessionCatalog(paths: [file], recordDirectory: nil, filter: filter).entries().count
        }
        #expect(try count("pop3 and command == \"RETR\" and subject == \"x\"") == 2)
        #expect(try count("id == \"session1\"") == 1)
        #expect(try count("imap or carrier == \"TOP\" or gaps > 0") == 0)
        #expect(try count("client.address == \"10.0.0.1\" and not tls and messages == 1 and exchanges == 3") == 2)
        let wrong = #expect(throws: CLIError.self) { try count("nonsense ==") }
        #expect(wrong?.exit == 2)
    }

    @Test(arguments: [false, true])
    func aCutHasThePacketsOfItsSessionsAlone(_ isRecording: Bool) throws {
        let folder = try Folder()
        let file = try folder.write(capture(isRecording: isRecording), "all.pcapng")
        let all = try SessionCatalog(paths: [file], recordDirectory: nil, filter: nil).entries().map(\.summary)
        let wanted = try #require(all.last)
        var cut = PacketCut([wanted.info.id])
        try SessionCatalog.read([file]) { cut.learn($0) }
        var octets: [UInt8] = []
        try SessionCatalog.read([file], packet: { octets += cut.take($0, $1) }) { _ in }
        let part = try folder.write(octets, "part.pcapng")
        let left = try SessionCatalog(paths: [part], recordDirectory: nil, filter: nil).entries().map(\.summary)
        #expect(left == [wanted])
        #expect(cut.packets == 3 + Self.turns.count + 4)
    }

    /// The other leg of a session goes with it.
    @Test func aCutHasBothLegs() throws {
        let folder = try Folder()
        let file = try folder.write(capture(isRecording: true), "own.pcapng")
        var cut = PacketCut(["session0"])
        var octets: [UInt8] = []
        try SessionCatalog.read([file], packet: { octets += cut.take($0, $1) }) { _ in }
        #expect(String(decoding: octets, as: UTF8.self).contains("+OK before the rule"))
        #expect(cut.packets == 3 + Self.turns.count + 4 + 4)
    }
}

@Suite struct AnonymizeCommandTests {
    @Test(arguments: [("90", 90), ("-90s", -90), ("15m", 900), ("-12h", -43_200), ("36600d", 3_162_240_000)])
    func shifts(text: String, seconds: Int64) throws {
        #expect(try AnonymizeCommand.microseconds(text) == seconds * 1_000_000)
    }

    @Test(arguments: [
        "-9223372036854775808", "9223372036854775807", "-9223372036854775808d", "36601d", "3162240001", "soon", "", "d",
        "-",
    ])
    func shiftsThatAreNone(text: String) {
        #expect(throws: CLIError.self) { try AnonymizeCommand.microseconds(text) }
    }

    @Test func keysAreOctets() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let key = [0xFF, 0xFE, 0, 0xC0] + [UInt8](repeating: 0x80, count: 11) + [10]
        try Data(key).write(to: URL(fileURLWithPath: path))
        #expect(try AnonymizeCommand.key(path) == key)
        try Data("0123456789abcdefgh\r\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try AnonymizeCommand.key(path) == Array("0123456789abcdefgh".utf8))
        try Data(key.dropLast()).write(to: URL(fileURLWithPath: path))
        #expect(throws: CLIError.self) { try AnonymizeCommand.key(path) }
    }
}
