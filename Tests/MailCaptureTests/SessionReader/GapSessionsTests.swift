// Captures with lost packets and late starts: what is certain again is followed again, and nothing is invented.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct GapSessionsTests {
    private static let body = (0..<60).map { "Line \($0) of a message of some length, so that it takes packets.\r\n" }
        .joined()

    private static let pop3: [(Side, String)] = [
        (.server, "+OK ready\r\n"), (.client, "USER alice\r\n"), (.server, "+OK\r\n"), (.client, "PASS s3cret\r\n"),
        (.server, "+OK\r\n"), (.client, "STAT\r\n"), (.server, "+OK 2 8000\r\n"), (.client, "RETR 1\r\n"),
        (.server, "+OK\r\nSubject: one\r\n\r\n"), (.server, body), (.server, "the end\r\n.\r\n"),
        (.client, "DELE 1\r\n"), (.server, "+OK\r\n"), (.client, "RETR 2\r\n"),
        (.server, "+OK\r\nSubject: two\r\n\r\nshort\r\n.\r\n"), (.client, "QUIT\r\n"), (.server, "+OK bye\r\n"),
    ]

    private static let smtp: [(Side, String)] = [
        (.server, "220 mx.example.com ESMTP\r\n"), (.client, "EHLO a.example.com\r\n"),
        (.server, "250-mx.example.com\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 AUTH PLAIN\r\n"),
        (.client, "AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n"), (.server, "235 in\r\n"),
        (.client, "MAIL FROM:<a@example.com>\r\n"), (.server, "250 ok\r\n"),
        (.client, "RCPT TO:<b@example.org>\r\n"), (.server, "250 ok\r\n"), (.client, "DATA\r\n"),
        (.server, "354 go\r\n"), (.client, "Subject: one\r\n\r\n"), (.client, body), (.client, "the end\r\n.\r\n"),
        (.server, "250 kept\r\n"), (.client, "QUIT\r\n"), (.server, "221 bye\r\n"),
    ]

    private static let imap: [(Side, String)] = [
        (.server, "* OK ready\r\n"), (.client, "a LOGIN alice s3cret\r\n"), (.server, "a OK in\r\n"),
        (.client, "b SELECT INBOX\r\n"), (.server, "* 1 EXISTS\r\n* FLAGS ()\r\n* OK [UIDVALIDITY 1] fixed\r\n"),
        (.server, "b OK [READ-WRITE] open\r\n"),
        (.client, "c FETCH 1 BODY[]\r\n"), (.server, "* 1 FETCH (BODY[] {\(body.utf8.count)}\r\n"), (.server, body),
        (.server, ")\r\nc OK done\r\n"), (.client, "d LOGOUT\r\n"), (.server, "* BYE bye\r\nd OK bye\r\n"),
    ]

    /// The packets of a conversation; without those of some places, and without the handshake when it begins late.
    private func capture(_ turns: [(Side, String)], port: UInt16, without: Set<Int> = [], from first: Int = 0)
        -> [UInt8]
    {
        var synthesizer = PacketSynthesizer(
            client: SocketAddress(ip: .v4(0x0A00_0001), port: 40_000),
            server: SocketAddress(ip: .v4(0x0A00_0002), port: port))
        var packets = synthesizer.open()
        for (side, text) in turns { packets += synthesizer.data(from: side, Array(text.utf8)[...]) }
        packets += synthesizer.close(by: .client)
        var out =
            PcapngWriter.sectionHeader(application: "other")
            + PcapngWriter.interfaceDescription(name: "eth0", description: "")
        for (index, packet) in packets.enumerated() where index >= first && !without.contains(index) {
            out += PcapngWriter.packet(
                interface: 0, time: (1_700_000_000_000_000 + Int64(index) * 100_000) * 1_000, packet[...])
        }
        return out
    }

    /// How many packets there are.
    private func count(_ turns: [(Side, String)], port: UInt16) throws -> Int {
        let scratch = try Scratch()
        return try Reading([try scratch.write(capture(turns, port: port), "all.pcapng")]).counters.packets
    }

    private func read(_ octets: [UInt8]) throws -> Reading {
        let scratch = try Scratch()
        return try Reading([try scratch.write(octets, "some.pcapng")])
    }

    @Test func aMessageWithAHoleIsNotWholeAndTheNextIs() throws {
        // 3 of the handshake, then a packet for each turn and acknowledgments between; the message is the longest turn.
        let whole = try read(capture(Self.pop3, port: 110))
        #expect(whole.sessionLines().map { $0.contains("gaps") } == [false])
        #expect(whole.messages.map(\.complete) == [true, true])
        var found = 0
        for index in 3..<(try count(Self.pop3, port: 110)) {
            let reading = try read(capture(Self.pop3, port: 110, without: [index]))
            guard reading.messages.count == 2, !reading.messages[0].complete else { continue }
            found += 1
            #expect(reading.messages[1] == whole.messages[1], "without packet \(index)")
            #expect(reading.summaries.map(\.exchanges) == whole.summaries.map(\.exchanges), "without packet \(index)")
            #expect(reading.summaries.map(\.opaque) == [nil])
        }
        #expect(found > 0)
    }

    /// Every packet lost in turn, and every two: no breach of a rule, no message and no credential that the whole does
    /// not have, no secret.
    /// A disk lost a sector of a recording: its blocks are there, and what is in them is not what was written.
    @Test func aDamagedMessageOfARecordingIsNotWhole() throws {
        let header =
            PcapngWriter.sectionHeader(application: "other")
            + PcapngWriter.interfaceDescription(name: "eth0", description: "")
        var octets = PcapngWriter.recordingHeader(application: "test") + capture(Self.pop3, port: 110)[header.count...]
        #expect(try read(octets).messages.map(\.complete) == [true, true])
        let long = try #require(Self.pop3.map { Array($0.1.utf8) }.max { $0.count < $1.count })
        let place = try #require(
            octets.indices.first { octets[$0...].starts(with: long) })
        for index in (place + long.count / 2)..<(place + long.count / 2 + 8) { octets[index] = 0 }
        let damaged = try read(octets)
        #expect(damaged.messages.map(\.complete).count { !$0 } == 1)
        #expect(damaged.summaries.map(\.gaps) == [1])
        #expect(damaged.summaries.first?.doubts.map(\.kind) == [.checksum])
    }

    @Test(arguments: [MailProtocol.smtp, .pop3, .imap]) func nothingIsInvented(_ proto: MailProtocol) throws {
        let turns: [(Side, String)]
        switch proto {
        case .smtp, .lmtp: turns = Self.smtp
        case .pop3: turns = Self.pop3
        case .imap: turns = Self.imap
        }
        let port = proto.wellKnownPort
        let whole = try read(capture(turns, port: port))
        let packets = try count(turns, port: port)
        #expect(whole.summaries.map(\.violations) == [0])
        for index in 0..<packets {
            for without in [Set([index]), [index, index + 1], [index, index + 3]] {
                check(try read(capture(turns, port: port, without: without)), whole, "\(proto) without \(without)")
            }
            check(try read(capture(turns, port: port, from: index)), whole, "\(proto) from \(index)")
        }
    }

    private func check(_ reading: Reading, _ whole: Reading, _ place: String) {
        let comment = Comment(rawValue: place)
        #expect(reading.summaries.allSatisfy { $0.violations == 0 }, comment)
        for message in reading.messages where message.complete {
            #expect(whole.messages.contains { $0.sha256 == message.sha256 }, comment)
        }
        for credential in reading.credentials {
            let isKnown = whole.credentials.contains { $0.fingerprint == credential.fingerprint }
            #expect(isKnown && credential.outcome != .refused, comment)
        }
        let shown = reading.transcripts.values.contains { $0.contains("s3cret") || $0.contains("AGFsaWNlAHMzY3JldA") }
        #expect(!shown, comment)
    }

    /// A capture that begins late finds the protocol, and the session at the next exchange that is certain.
    @Test func aLateStartIsFollowedAgain() throws {
        let packets = try count(Self.pop3, port: 110)
        var followed = 0
        for first in 1..<packets {
            let reading = try read(capture(Self.pop3, port: 110, from: first))
            guard let summary = reading.summaries.first else { continue }
            #expect(first < 4 || summary.gaps == 2, "from \(first)")
            if reading.messages.contains(where: { $0.complete && $0.subject == "two" }) { followed += 1 }
        }
        #expect(followed > 4)
    }
}
