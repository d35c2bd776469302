// Sessions under TLS in captures: listed without keys, read with them, and nothing of what is encrypted is taken for mail.

import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct SealedSessionsTests {
    private static let clear: [(Side, [UInt8])] = SomeMail.turns([
        "S: 220 mx ESMTP\r\n", "C: EHLO a.example.com\r\n", "S: 250-mx\r\n250 STARTTLS\r\n", "C: STARTTLS\r\n",
        "S: 220 go\r\n",
    ])

    private func read(_ capture: MadeCapture, keys: TLSKeyLog? = nil) throws -> Reading {
        let scratch = try Scratch()
        return try Reading([try scratch.write(capture.octets, "made.pcapng")], keys: keys)
    }

    @Test(arguments: TLSFollowerTests.cases, [1, 100, 1_400]) func implicitWithoutKeys(
        _ one: TLSFollowerTests.Case, chunk: Int
    ) throws {
        let reading = try read(MadeCapture(one.sample.turns, port: 993, chunk: chunk))
        // The port says what it is, unless the application protocol does.
        #expect(reading.outline() == [one.name == "1.2 GCM" ? "smtp 0+0 - tls" : "imap 0+0 - tls"])
        let summary = try #require(reading.summaries.first)
        #expect(summary.info.tls?.version == one.version)
        #expect(summary.info.tls?.cipher == one.cipher)
        #expect(summary.info.tls?.serverName == "mx.example.com")
        #expect(summary.info.tls?.how == .implicit)
        #expect(summary.violations == 0 && summary.exchanges == 0)
        #expect(
            summary.clientBytes == one.sample.turns.filter { $0.side == .client }.reduce(0) { $0 + $1.octets.count })
        #expect(summary.end == .closed)
        #expect(reading.tls[summary.info.id]?.cipher == one.cipher)
        #expect(reading.counters.encrypted == 1)
    }

    @Test(arguments: TLSFollowerTests.cases, [1, 100, 1_400]) func implicitWithKeys(
        _ one: TLSFollowerTests.Case, chunk: Int
    ) throws {
        // On any port: what is said under it counts.
        for port in [465, 993, 4_711] as [UInt16] {
            let reading = try read(MadeCapture(one.sample.turns, port: port, chunk: chunk), keys: one.sample.log)
            #expect(reading.outline() == ["smtp 1+0 alice -"])
            #expect(reading.messages == (try MadeCapture(SomeMail.smtp, port: 25).read()).messages)
            let summary = try #require(reading.summaries.first)
            #expect(summary.info.tls?.version == one.version && summary.info.tls?.isOpaque == false)
            #expect(reading.credentials.map(\.mechanism) == ["PLAIN"])
            #expect(
                reading.credentials.map(\.fingerprint)
                    == (try MadeCapture(SomeMail.smtp, port: 25).read()).credentials.map(\.fingerprint))
            #expect(!reading.recorded.contains("AGFsaWNlAHMzY3JldA"))
            #expect(summary.violations == 0)
        }
    }

    @Test(arguments: TLSFollowerTests.cases, [1, 100, 1_400]) func behindSTARTTLS(
        _ one: TLSFollowerTests.Case, chunk: Int
    ) throws {
        let turns = Self.clear + one.sample.turns
        let sealed = try read(MadeCapture(turns, port: 25, chunk: chunk))
        #expect(sealed.outline() == ["smtp 0+0 - tls"])
        let tls = try #require(sealed.summaries.first?.info.tls)
        #expect(tls.version == one.version && tls.cipher == one.cipher && tls.how == .starttls && tls.isOpaque)
        #expect(sealed.summaries.first?.exchanges == 3)
        #expect(sealed.summaries.first?.violations == 0)
        // With keys that are not its own it is the same.
        let others = try read(MadeCapture(turns, port: 25, chunk: chunk), keys: SomeTLS.tls13Refused.log)
        #expect(others.summaries == sealed.summaries)
        #expect(others.recorded == sealed.recorded)
    }

    @Test(arguments: TLSFollowerTests.cases, [1, 100, 1_400]) func behindSTARTTLSWithKeys(
        _ one: TLSFollowerTests.Case, chunk: Int
    ) throws {
        // Under TLS a session begins with EHLO: the greeting is left out of the octets there, and the sample has one.
        let reading = try read(MadeCapture(Self.clear + one.sample.turns, port: 25, chunk: chunk), keys: one.sample.log)
        #expect(reading.messages.map(\.complete) == [true])
        #expect(reading.summaries.map(\.opaque) == [nil])
        #expect(reading.summaries.first?.user == "alice")
        #expect(reading.secured.map { $0.tls?.version } == [one.version])
    }

    /// What was recorded of them reads back as the same.
    @Test func recordingsReadBack() throws {
        for turns in [SomeTLS.tls12GCM.turns, Self.clear + SomeTLS.tls12GCM.turns] {
            let first = try read(MadeCapture(turns, port: turns.count > SomeTLS.tls12GCM.turns.count ? 25 : 465))
            let scratch = try Scratch()
            let second = try Reading([try scratch.write(TestRecording(first.events).segments[0], "own.pcapng")])
            #expect(second.summaries == first.summaries)
            #expect(second.summaries.first?.info.tls?.observation == first.summaries.first?.info.tls?.observation)
            #expect(second.recorded == first.recorded)
        }
    }

    /// What a recording says at the end of a session holds with keys as well, where its TLS did not come to them.
    @Test func whatTheRecordingSaysHoldsWithKeys() throws {
        let hello = try #require(SomeTLS.tls12GCM.turns.first)
        let first = try read(MadeCapture([(hello.0, Array(hello.1.prefix(40)))], port: 465))
        let events = first.events.map { event -> RecordEvent in
            guard case .closed(var summary) = event else { return event }
            summary.tags = ["seen"]
            summary.doubts = [PacketDoubt(.overlap, .client, time: 5, packet: 1)]
            return .closed(summary)
        }
        let scratch = try Scratch()
        let path = try scratch.write(TestRecording(events).segments[0], "own.pcapng")
        for keys in [nil, SomeTLS.tls12GCM.log] {
            let reading = try Reading([path], keys: keys)
            #expect(reading.summaries.map(\.tags) == [["seen"]])
            #expect(reading.summaries.map { $0.doubts.contains { $0.kind == .overlap } } == [true])
        }
    }

    /// Other TLS is counted, and no session.
    @Test func otherTLSIsCounted() throws {
        // No application protocol of mail, no port of mail, and a name that tells nothing.
        let other = try read(MadeCapture(SomeTLS.tls13Retry.turns, port: 443))
        #expect(other.summaries.isEmpty && other.counters.encrypted == 1 && other.counters.notMail == 0)
        // C24: TLS on a port of mail in clear.
        for port in [25, 110, 143] as [UInt16] {
            let reading = try read(MadeCapture(SomeTLS.tls12GCM384.turns, port: port))
            #expect(reading.summaries.isEmpty && reading.counters.encrypted == 1)
        }
        // The application protocol tells on any port.
        #expect(try read(MadeCapture(SomeTLS.tls12GCM.turns, port: 443)).outline() == ["smtp 0+0 - tls"])
    }

    /// C8, C9: joined later, and of one side.
    @Test func midstreamAndOneSided() throws {
        let late = try read(MadeCapture(SomeTLS.tls13.turns, port: 993, from: 12))
        #expect(late.outline() == ["imap 0+0 - tls"])
        #expect(late.summaries.first?.info.tls?.observation?.isMidstream == true)
        #expect(late.summaries.first?.info.tls?.version == "")
        for side in Side.allCases {
            let half = try read(MadeCapture(SomeTLS.tls12GCM.turns, port: 995, only: side), keys: SomeTLS.tls12GCM.log)
            #expect(half.outline() == [side == .client ? "smtp 0+0 - tls" : "smtp 0+0 - tls"])
            #expect(half.summaries.first?.info.tls?.serverName == (side == .client ? "mx.example.com" : nil))
            #expect(half.summaries.first?.info.tls?.version == (side == .client ? "" : "TLSv1.2"))
        }
    }

    /// C26: what is encrypted is never read as mail, wherever the capture breaks.
    @Test func lostPacketsGiveNothing() throws {
        let turns = Self.clear + SomeTLS.tls13.turns
        for lost in 3..<(turns.count + 3) {
            var capture = MadeCapture()
            capture.add(turns, port: 25, chunk: 100_000, lost: [lost])
            for keys in [nil, SomeTLS.tls13.log] {
                let reading = try read(capture, keys: keys)
                let names = Set(reading.exchanges.map(\.command)).subtracting([
                    "", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT",
                ])
                #expect(names.isEmpty)
                #expect(reading.messages.allSatisfy { !$0.complete || keys != nil })
                if keys == nil { #expect(reading.credentials.isEmpty) }
                #expect(!reading.recorded.contains("AGFsaWNlAHMzY3JldA"))
            }
        }
    }

    /// A handshake that failed is told as such.
    @Test func refused() throws {
        let reading = try read(MadeCapture(Self.clear + SomeTLS.tls12Refused.turns, port: 25))
        #expect(reading.summaries.first?.info.tls?.failure == "the client sent unknown_ca")
        #expect(reading.tls.values.first?.alert?.name == "unknown_ca")
        let implicit = try read(MadeCapture(SomeTLS.tls12Refused.turns, port: 993))
        #expect(implicit.summaries.first?.info.tls?.failure == "the client sent unknown_ca")
    }

    /// Keys that stand in the capture itself.
    @Test func secretsOfTheCapture() throws {
        let log = Array(SomeTLS.tls13.keys.utf8)
        let padded = log + [UInt8](repeating: 0, count: (4 - log.count % 4) % 4)
        func little(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let length = little(20 + padded.count)
        let block = little(10) + length + [0x4B, 0x53, 0x4C, 0x54] + little(log.count) + padded + length
        let whole = MadeCapture(SomeTLS.tls13.turns, port: 993).octets
        let head = MadeCapture().octets.count
        let scratch = try Scratch()
        let reading = try Reading([
            try scratch.write(Array(whole[..<head]) + block + Array(whole[head...]), "made.pcapng")
        ])
        #expect(reading.outline() == ["smtp 1+0 alice -"])
    }
}
