// One message through sessions that are told line by line.

import MailDialogue
import MailRecording
import Testing

/// Sessions one after the other, told to a trace.
private struct Way {
    var trace = MessageTrace(id: " <1@example.com> ")
    /// Milliseconds.
    var time: Int64 = 0
    private var count = 0

    /// Plays `C: ` and `S: ` lines of one session, 10 ms each, and closes it.
    mutating func play(
        _ mailProtocol: MailProtocol, client: UInt32 = 0x0A00_0001, server: UInt32 = 0x0A00_0002, port: UInt16 = 25,
        _ lines: [String]
    ) {
        count += 1
        var tap = mailProtocol.makeTap()
        let info = SessionInfo(
            id: "s\(count)", mailProtocol: mailProtocol, start: time * 1000,
            client: SocketAddress(ip: .v4(client), port: UInt16(40_000 + count)),
            server: SocketAddress(ip: .v4(server), port: port), route: "test")
        for line in lines {
            time += 10
            var notes: [Note] = []
            let side: Side = line.hasPrefix("C") ? .client : .server
            tap.receive(Array((line.dropFirst(3) + "\r\n").utf8)[...], from: side, into: &notes)
            trace.accept(notes, [], of: info, at: time * 1000)
        }
        trace.accept([], [.closed(SessionSummary(info: info))], of: info, at: time * 1000)
    }

    /// A submission of the message.
    mutating func submit(
        _ message: [String], to recipients: [String] = ["bob@example.com"], from client: UInt32 = 0x0A00_0001,
        at server: UInt32 = 0x0A00_0002, _ verdict: String = "250 2.0.0 Ok: queued as 4Q1"
    ) {
        var lines = ["S: 220 x", "C: EHLO c", "S: 250 x", "C: MAIL FROM:<ann@example.com>", "S: 250 ok"]
        for recipient in recipients { lines += ["C: RCPT TO:<\(recipient)>", "S: 250 ok"] }
        play(
            .smtp, client: client, server: server,
            lines + ["C: DATA", "S: 354 go"] + message.map { "C: \($0)" } + [
                "C: .", "S: \(verdict)", "C: QUIT", "S: 221",
            ])
    }

    /// A delivery over LMTP.
    mutating func deliver(_ message: [String], to recipients: [(String, String)] = [("bob@example.com", "250 saved")]) {
        var lines = ["S: 220 x", "C: LHLO c", "S: 250 x", "C: MAIL FROM:<ann@example.com>", "S: 250 ok"]
        for (recipient, _) in recipients { lines += ["C: RCPT TO:<\(recipient)>", "S: 250 ok"] }
        lines += ["C: DATA", "S: 354 go"] + message.map { "C: \($0)" } + ["C: ."]
        play(.lmtp, port: 24, lines + recipients.map { "S: \($0.1)" })
    }

    /// A message that IMAP gives.
    mutating func fetch(_ message: [String], user: String = "bob@example.com", uid: Int = 7) {
        let text = message.joined(separator: "\r\n") + "\r\n"
        play(
            .imap, port: 143,
            [
                "S: * OK", "C: a LOGIN \(user) secret", "S: a OK", "C: b SELECT INBOX", "S: * 3 EXISTS", "S: b OK",
                "C: c UID FETCH \(uid) BODY[]", "S: * 3 FETCH (BODY[] {\(text.utf8.count)}\r\n\(text) UID \(uid))",
                "S: c OK",
            ])
    }

    mutating func finished() -> MessageTrace {
        trace.finish()
        return trace
    }
}

@Suite struct TraceTests {
    private static let body = ["", "Hello", "World"]
    private static let sent = ["From: Ann <ann@example.com>", "Subject: hi", "Message-ID: <1@example.com>"] + body
    private static let hop =
        "Received: from c by mx.example.com (Postfix) with ESMTP id 4Q1 for <bob@example.com>; Thu, 26 Nov 2026 08:00:01 +0000"
    private static let delivered = [hop] + sent
    private static let stored =
        [
            "Return-Path: <ann@example.com>",
            "Received: from mx.example.com\r\n by store with LMTP\r\n id 9z; Thu, 26 Nov 2026 08:00:02 +0000",
        ]
        + delivered

    private func kinds(_ trace: MessageTrace) -> [String] {
        trace.remarks.map { "\($0.kind.rawValue) \($0.station + 1) \($0.recipient ?? "")" }
    }

    @Test func submissionQueueDeliveryAndRetrieval() {
        var way = Way()
        way.submit(Self.sent)
        way.time += 1_000
        way.deliver(Self.delivered)
        way.fetch(Self.stored)
        way.submit(["Message-ID: <other@example.com>", "", "x"])
        let trace = way.finished()
        #expect(trace.stations.map(\.carrier) == [.data, .lmtp, .fetch])
        #expect(trace.links.map { $0?.source } == [nil, 0, 1])
        #expect(trace.links[1]?.queue == "4Q1")
        #expect(trace.links[1]?.isProven == true)
        // QUIT and 221, the pause, eight lines of the session before the first of the message.
        #expect(trace.links[1]?.delay == 1_120_000)
        #expect(trace.links[1]?.hops == 1)
        #expect(trace.links.compactMap { $0?.change.body } == [.same, .same])
        #expect(trace.links[2]?.change.header.count == 2)
        #expect(
            trace.stations[0].recipients == [
                TraceRecipient(address: "bob@example.com", reply: "250 2.0.0 Ok: queued as 4Q1", status: .ok)
            ])
        #expect(trace.stations[2].user == "bob@example.com")
        #expect(trace.stations[2].mailbox == "INBOX")
        #expect(trace.stations[2].uid == 7)
        #expect(trace.stations[2].received.map(\.by) == ["store", "mx.example.com"])
        #expect(trace.remarks == [])
        let text = TraceRendering.text(trace)
        #expect(text.hasPrefix("<1@example.com>: 3 stations in 3 sessions\nFrom: Ann <ann@example.com>\nSubject: hi\n"))
        #expect(text.contains("from      station 1, 1.120 s behind its verdict, in the queue as 4Q1\n"))
        #expect(text.contains("hop       by mx.example.com with ESMTP id 4Q1 2026-11-26T08:00:01Z\n"))
        #expect(text.contains("header    + Return-Path: <ann@example.com>\n"))
        let lines = TraceRendering.lines(trace)
        #expect(lines.count == 3)
        #expect(lines[1].contains(#""source":1,"proven":true,"delay":1.120000,"queue":"4Q1","hops":1"#))
    }

    @Test func whatWasRewritten() {
        var way = Way()
        way.submit(Self.sent)
        way.deliver(
            [
                Self.hop, "From: Ann <ann@example.com>", "Subject: [list] hi", "Message-ID: <1@example.com>", "",
                "Hello", "wORLD", "-- ",
            ])
        let trace = way.finished()
        let change = trace.links[1]?.change
        #expect(change?.body == .changed)
        #expect(change?.firstLine == 2)
        #expect(change?.lines == [.removed("World"), .added("wORLD"), .added("-- ")])
        #expect(
            change?.header.dropFirst() == [
                .removed(TraceField(name: "Subject", value: "hi")),
                .added(TraceField(name: "Subject", value: "[list] hi")),
            ])
        #expect(kinds(trace) == ["changed 2 ", "changed 2 ", "last-seen 2 "])
        #expect(
            TraceRendering.text(trace).contains(
                "body      changed from line 2 on\n             - World\n             + wORLD\n"))
    }

    @Test func theCaseOfNamesIsNoChange() {
        var way = Way()
        way.submit(Self.sent)
        way.deliver([Self.hop] + Self.sent.map { $0.replacing("Message-ID", with: "Message-Id") })
        #expect(way.finished().links[1]?.change.header.count == 1)
    }

    /// One host gives the message on to two servers, each for another recipient.
    @Test(arguments: [0x0A00_0001, 0x0A00_0002] as [UInt32])
    func whatIsSplitForItsRecipients(relay: UInt32) {
        var way = Way()
        way.submit(Self.sent, to: ["bob@example.com", "eve@example.com"])
        way.submit(Self.delivered, to: ["bob@example.com"], from: relay, at: 0x0A00_0003)
        way.submit(Self.delivered, to: ["eve@example.com"], from: relay, at: 0x0A00_0004)
        let trace = way.finished()
        #expect(trace.links.map { $0?.source } == [nil, 0, 0])
        #expect(kinds(trace) == ["last-seen 2 ", "last-seen 3 "])
    }

    /// Each goes on where its recipient is, though both have the same trail.
    @Test func splitCopiesGoOnWithTheirRecipients() {
        var way = Way()
        way.submit(Self.sent, to: ["bob@example.com", "eve@example.com"])
        way.submit(Self.delivered, to: ["bob@example.com"], from: 0x0A00_0002, at: 0x0A00_0003)
        way.submit(Self.delivered, to: ["eve@example.com"], from: 0x0A00_0002, at: 0x0A00_0004)
        way.submit(
            ["Received: from mx by store with ESMTP id 8x; Thu, 26 Nov 2026 08:00:03 +0000"] + Self.delivered,
            to: ["bob@example.com"], from: 0x0A00_0003, at: 0x0A00_0005)
        #expect(way.finished().links.map { $0?.source } == [nil, 0, 0, 1])
    }

    /// A relay that adds no Received field is known by where the next session comes from.
    @Test func relaysWithoutATrail() {
        var way = Way()
        way.submit(Self.delivered, to: ["bob@example.com"], from: 0x0A00_0002, at: 0x0A00_0003)
        way.submit(Self.delivered, to: ["bob@example.com"], from: 0x0A00_0003, at: 0x0A00_0004)
        #expect(way.finished().links.map { $0?.source } == [nil, 0])
    }

    @Test func foldingAndLineEndsAreNoChange() {
        var way = Way()
        way.submit(["From: Ann\r\n <ann@example.com>", "Message-ID: <1@example.com>"] + Self.body + ["", ""])
        way.deliver([Self.hop, "From: Ann <ann@example.com>", "Message-ID:\r\n\t<1@example.com>"] + Self.body)
        let trace = way.finished()
        #expect(trace.links[1]?.change.header.count == 1)
        #expect(trace.links[1]?.change.body == .lineEnds)
        #expect(kinds(trace) == ["last-seen 2 "])
    }

    @Test func recipientsAreLostRefusedAndDeferred() {
        var way = Way()
        way.submit(Self.sent, to: ["bob@example.com", "eve@example.com", "cat@example.com", "dan@example.com"])
        way.deliver(
            Self.delivered,
            to: [
                ("bob@example.com", "250 saved"), ("cat@example.com", "552 5.2.2 full"),
                ("dan@example.com", "451 4.2.0 busy"),
            ])
        let trace = way.finished()
        #expect(
            kinds(trace) == [
                "lost 1 eve@example.com", "refused 2 cat@example.com", "deferred 2 dan@example.com",
                "last-seen 2 ",
            ])
        #expect(trace.stations[1].recipients.map(\.reply) == ["250 saved", "552 5.2.2 full", "451 4.2.0 busy"])
    }

    @Test func aRefusalIsTheEnd() {
        var way = Way()
        way.submit(Self.sent, "554 5.7.1 no")
        way.play(
            .smtp,
            [
                "S: 220 x", "C: EHLO c", "S: 250 x", "C: MAIL FROM:<ann@example.com>", "S: 250 ok",
                "C: RCPT TO:<no@example.com>",
                "S: 550 5.1.1 unknown", "C: RCPT TO:<bob@example.com>", "S: 250 ok", "C: DATA", "S: 354 go",
                "C: Message-ID: <1@example.com>", "C: ", "C: broken off",
            ])
        let trace = way.finished()
        #expect(trace.links.allSatisfy { $0 == nil })
        #expect(kinds(trace) == ["refused 1 bob@example.com", "incomplete 2 ", "refused 2 no@example.com"])
    }

    @Test func whatComesTwice() {
        var way = Way()
        way.submit(Self.sent)
        way.deliver(Self.delivered)
        way.deliver(Self.delivered)
        way.fetch(Self.stored, uid: 7)
        way.fetch(Self.stored, uid: 7)
        way.fetch(Self.stored, uid: 8)
        let trace = way.finished()
        #expect(
            kinds(trace).filter { $0.hasPrefix("doubled") } == [
                "doubled 3 bob@example.com", "doubled 6 bob@example.com",
            ])
        // Both deliveries come from the submission, not one from the other, and two messages of a mailbox not from one delivery.
        #expect(trace.links.map { $0?.source } == [nil, 0, 0, 2, 2, 1])
        #expect(!kinds(trace).contains { $0.hasPrefix("last-seen") })
    }

    /// A copy comes back from a list with another subject and a footer: each of both in the mailbox is taken for what it is.
    @Test func whatAListChangedIsNotTakenForTheOther() {
        var way = Way()
        let listed =
            ["From: Ann <ann@example.com>", "Subject: [list] hi", "Message-ID: <1@example.com>"] + Self.body + ["--"]
        let retitled = ["From: Ann <ann@example.com>", "Subject: [two] hi", "Message-ID: <1@example.com>"] + Self.body
        way.submit(Self.sent)
        way.submit(listed)
        way.submit(retitled)
        for (uid, message) in [(1, Self.sent), (2, listed), (3, retitled)] {
            way.fetch(["Received: from c by store; Thu, 26 Nov 2026 08:00:02 +0000"] + message, uid: uid)
        }
        let trace = way.finished()
        #expect(trace.links.map { $0?.source } == [nil, nil, nil, 0, 1, 2])
        #expect(trace.links.compactMap { $0?.change.body } == [.same, .same, .same])
        #expect(trace.remarks.map(\.kind) == [.doubled, .doubled])
    }

    /// RFC 5322 §3.6.4 lets comments stand beside the id; others put more there, or leave the angle brackets away.
    @Test(arguments: [
        "<1@example.com>", "1@example.com", "(of) <1@example.com> (added by gate)", "<2@example.com> <1@example.com>",
        "\r\n <1@example.com>",
    ]) func idsAmongOtherThings(_ value: String) {
        for id in ["1@example.com", "<1@example.com>", " <1@example.com> (x)"] {
            var way = Way()
            way.trace = MessageTrace(id: id)
            way.submit(["Message-ID: \(value)"] + Self.body)
            way.submit(["Message-ID: <11@example.com>"] + Self.body)
            way.submit(["Message-ID: <1@example.com.au>"] + Self.body)
            #expect(way.finished().stations.count == 1)
        }
    }

    @Test func chunksPOPAndAppend() {
        var way = Way()
        let text = "Message-ID: <1@example.com>\r\n\r\nx\r\n"
        way.play(
            .smtp,
            [
                "S: 220 x", "C: EHLO c", "S: 250-x\r\n250 CHUNKING", "C: MAIL FROM:<>", "S: 250 ok",
                "C: RCPT TO:<bob@example.com>",
                "S: 250 ok",
                "C: BDAT 20\r\n\(text.prefix(20))" + "BDAT \(text.utf8.count - 20) LAST\r\n\(text.dropFirst(20))NOOP",
                "S: 250 ok",
                "S: 250 done", "S: 250 noop",
            ])
        way.play(
            .pop3, port: 110,
            [
                "S: +OK", "C: USER bob", "S: +OK", "C: PASS secret", "S: +OK", "C: RETR 4", "S: +OK\r\n\(text).",
                "C: TOP 4 0",
                "S: +OK\r\nMessage-ID: <1@example.com>\r\n\r\n.", "C: QUIT", "S: +OK",
            ])
        way.play(
            .imap, port: 143,
            [
                "S: * OK", "C: a LOGIN bob secret", "S: a OK", "C: b APPEND \"Sent Mail\" {\(text.utf8.count)}",
                "S: + go",
                "C: \(text)", "S: b OK [APPENDUID 1 2] done",
            ])
        let trace = way.finished()
        #expect(trace.stations.map(\.carrier) == [.bdat, .retr, .top, .append])
        #expect(trace.stations.map(\.isComplete) == [true, true, false, true])
        #expect(trace.stations[0].reply == "250 done")
        #expect(trace.stations[0].sender == "")
        #expect(trace.stations[1].number == 4)
        #expect(trace.stations[1].user == "bob")
        #expect(trace.stations[3].mailbox == "Sent Mail")
        #expect(trace.stations[3].reply == "OK [APPENDUID 1 2] done")
        #expect(trace.links.map { $0?.source ?? -1 } == [-1, 0, 0, -1])
        #expect(trace.links[2]?.change.body == .unknown)
        #expect(trace.remarks == [])
    }

    @Test func controlsAreNotShown() {
        var way = Way()
        way.submit(["Message-ID: <1@example.com>", "Subject: \u{1B}[2J", "", "x"], "250 \u{1B}]0;x")
        #expect(!TraceRendering.text(way.finished()).contains("\u{1B}"))
    }

    // MARK: Differences

    @Test func differencesOfLists() {
        func text(_ old: String, _ new: String) -> String {
            ListDifference(Array(old), Array(new)).changes.map { change in
                switch change {
                case .removed(let element): "-\(element)"
                case .added(let element): "+\(element)"
                }
            }.joined()
        }
        #expect(text("", "") == "")
        #expect(text("abc", "abc") == "")
        #expect(text("abc", "abxc") == "+x")
        #expect(text("abc", "ac") == "-b")
        #expect(text("abcdef", "acxef") == "-b-d+x")
        #expect(text("", "ab") == "+a+b")
        #expect(ListDifference(Array("abX"), Array("abY")).start == 2)
    }

    @Test func longListsAreReplaced() {
        let old = (0..<3000).map { $0 * 2 }
        let new = (0..<3000).map { $0 * 3 + 1 }
        #expect(ListDifference(old, new).changes.count == 6000)
    }
}
