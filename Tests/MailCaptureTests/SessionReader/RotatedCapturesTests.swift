// Captures in several files, as programs write them that begin a new one now and then, under names of their own.

import Foundation
import MailDialogue
import MailRecording
import Testing

@testable import MailCapture

@Suite struct RotatedCapturesTests {
    private let head =
        PcapngWriter.sectionHeader(application: "other")
        + PcapngWriter.interfaceDescription(name: "eth0", description: "")

    /// A session of many commands, a block for each packet.
    private var packets: [[UInt8]] {
        var synthesizer = PacketSynthesizer(
            client: SocketAddress(ip: .v4(0x0A00_0001), port: 40_000),
            server: SocketAddress(ip: .v4(0x0A00_0002), port: 25))
        var made = synthesizer.open()
        func say(_ side: Side, _ text: String) { made += synthesizer.data(from: side, Array(text.utf8)[...]) }
        say(.server, "220 mx ESMTP\r\n")
        for number in 0..<10 {
            say(.client, "VRFY user\(number)\r\n")
            say(.server, "252 perhaps\r\n")
        }
        say(.client, "QUIT\r\n")
        say(.server, "221 bye\r\n")
        made += synthesizer.close(by: .client)
        let start: Int64 = 1_700_000_000_000_000
        return made.enumerated().map { number, packet in
            PcapngWriter.packet(interface: 0, time: start + Int64(number) * 1000, packet[...])
        }
    }

    /// Two packets a file, called as `tcpdump -C` calls them: `day.pcap`, `day.pcap1`, … `day.pcap10`.
    private func write(to scratch: Scratch) throws -> [String] {
        let packets = packets
        return try stride(from: 0, to: packets.count, by: 2).enumerated().map { number, first in
            let piece = packets[first..<min(first + 2, packets.count)].flatMap { $0 }
            return try scratch.write(head + piece, "day.pcap" + (number == 0 ? "" : "\(number)"))
        }
    }

    @Test func aDirectoryStandsForAllCapturesInItWhateverTheirNames() throws {
        let scratch = try Scratch()
        let files = try write(to: scratch)
        #expect(files.count > 11)
        _ = try scratch.write(Array("no capture\n".utf8), "notes.txt")
        _ = try scratch.write(head, ".mailproxy-1-1.part")
        let other = try Scratch()
        let whole = try Reading([try other.write(head + packets.flatMap { $0 }, "all.pcapng")])
        let read = try Reading([scratch.path])
        #expect(read.counters.packets == packets.count)
        #expect(read.summaries.map(\.exchanges) == [12] && read.summaries == whole.summaries)
    }

    /// The shell gives `day.pcap10` before `day.pcap2`.
    @Test func filesAreReadInTheOrderOfTheirPackets() throws {
        let scratch = try Scratch()
        let files = try write(to: scratch)
        let read = try Reading(files.sorted())
        #expect(read.summaries.map(\.exchanges) == [12] && read.summaries.map(\.end) == [.closed])
        #expect(CapturePaths.ordered(files.reversed()) == files)
    }

    @Test func whatHasNoPacketStaysWhereItIs() throws {
        let scratch = try Scratch()
        let files = try write(to: scratch)
        let empty = try scratch.write(head, "empty.pcapng")
        let missing = scratch.path + "/missing.pcap"
        #expect(
            CapturePaths.ordered([files[2], empty, files[1], missing, "-", files[0]])
                == [files[0], empty, files[1], missing, "-", files[2]])
    }

    /// Another part of this process may have the index open. Who closes it anywhere gives up the locks of the whole process.
    @Test(arguments: ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"]) func locksOnAnIndexStay(
        _ name: String
    ) throws {
        let scratch = try Scratch()
        let file = try scratch.write(head, "day.pcapng")
        let index = open(try scratch.write(Array("SQLite".utf8), name), O_RDWR)
        defer { close(index) }
        var lock = flock()
        lock.l_type = Int16(F_RDLCK)
        try #require(fcntl(index, F_SETLK, &lock) == 0)
        #expect(try CapturePaths.expand([scratch.path]) == [file])
        // Locks of open files are not those of processes: this one is told of its own. F_OFD_GETLK is 36 (fcntl(2)).
        var other = flock()
        other.l_type = Int16(F_WRLCK)
        try #require(fcntl(index, 36, &other) == 0)
        #expect(other.l_type == Int16(F_RDLCK))
    }

    /// A pipe would be waited for, and a directory can't be read.
    @Test func pipesAndDirectoriesInADirectoryAreLeftOut() throws {
        let scratch = try Scratch()
        let file = try scratch.write(head, "day.pcapng")
        #expect(mkfifo(scratch.path + "/pipe.pcap", 0o600) == 0 && mkdir(scratch.path + "/old.pcap", 0o700) == 0)
        #expect(try CapturePaths.expand([scratch.path]) == [file])
    }

    /// Directories below are not read; who hoped so is told.
    @Test(arguments: [true, false]) func aDirectoryWithoutCapturesNamesDirectoriesInIt(_ isOneThere: Bool) throws {
        let scratch = try Scratch()
        if isOneThere { try #require(mkdir(scratch.path + "/monday", 0o700) == 0) }
        let error = #expect(throws: CaptureError.self) { try CapturePaths.expand([scratch.path]) }
        #expect(error?.description.contains("no capture in this directory") == true)
        #expect(error?.description.contains("directories in it are not read") == isOneThere)
    }

    @Test(arguments: [
        ("DAY.PCAP", true), ("day.pcap1.gz", true), ("day.pcap.2", true), ("day.pcapng12.zst", true),
        ("day.cap.gz", true),
        ("day.log.gz", false), ("pcap", false), ("day.pcapx", false), ("1234", false),
    ]) func namesOfCaptures(_ name: String, _ isOne: Bool) throws {
        let scratch = try Scratch()
        let file = try scratch.write([0x1F, 0x8B, 8, 0], name)
        #expect((try? CapturePaths.expand([scratch.path])) == (isOne ? [file] : nil))
    }
}
