// The dialogues through their taps: bulk, lines, what an idle session keeps, and that cost stays linear.

import CAllocations
import CBytes
import MailDialogue

/// A dialogue that is brought to a place, and then fed the same turns over and over.
private struct Scene {
    var mailProtocol: MailProtocol
    var opening: [(side: Side, octets: [UInt8])]
    var turns: [(side: Side, octets: [UInt8])]

    init(_ mailProtocol: MailProtocol, _ opening: [(Side, String)], _ turns: [(Side, String)]) {
        self.mailProtocol = mailProtocol
        self.opening = opening.map { ($0.0, octets($0.1)) }
        self.turns = turns.map { ($0.0, octets($0.1)) }
    }

    var size: Int { turns.reduce(0) { $0 + $1.octets.count } }

    func run(_ times: Int, listens: Bool = true) -> Int {
        var tap = MailTap(mailProtocol, listens: listens)
        var notes: [Note] = []
        notes.reserveCapacity(4_096)
        for turn in opening { tap.receive(turn.octets[...], from: turn.side, into: &notes) }
        notes.removeAll(keepingCapacity: true)
        var frames = 0
        for _ in 0..<times {
            for turn in turns { tap.receive(turn.octets[...], from: turn.side, into: &notes) }
            frames += notes.count
            notes.removeAll(keepingCapacity: true)
        }
        return frames
    }
}

func dialogueBenchmarks(_ bench: Bench) {
    bulk(bench)
    lines(bench)
    linear(bench)
    memory(bench)
}

private let textLine = "This is a line of a message with some seventy octets in it, so to speak.\r\n"

private func bulk(_ bench: Bench) {
    guard bench.wants("bulk") else { return }
    let block = filled(octets(textLine), 1 << 20)
    bench.measure("bulk: memchr over the same octets", octets: block.count * 500) {
        var hits = 0
        for _ in 0..<500 { block.withUnsafeBytes { hits += mp_find_byte($0.baseAddress, $0.count, 0) < 0 ? 1 : 0 } }
        return hits
    }
    bench.measure("bulk: dot-terminated data", goal: 2_000, octets: block.count * 500) {
        var tap = MailProtocol.smtp.makeTap()
        var notes: [Note] = []
        for (side, line) in [(Side.server, "220 x\r\n"), (.client, "DATA\r\n"), (.server, "354 x\r\n")] {
            tap.receive(octets(line)[...], from: side, into: &notes)
        }
        for _ in 0..<500 {
            tap.receive(block[...], from: .client, into: &notes)
            notes.removeAll(keepingCapacity: true)
        }
        return 500
    }
    let body = octets("* 1 FETCH (BODY[] {\(block.count)}\r\n") + block + octets(")\r\n")
    bench.measure("bulk: literals", goal: 2_000, octets: body.count * 500) {
        var tap = MailProtocol.imap.makeTap()
        var notes: [Note] = []
        tap.receive(octets("* PREAUTH x\r\n")[...], from: .server, into: &notes)
        for _ in 0..<500 {
            tap.receive(body[...], from: .server, into: &notes)
            notes.removeAll(keepingCapacity: true)
        }
        return 500
    }
}

/// With somebody who listens, and without.
private func measure(_ bench: Bench, _ name: String, _ scene: Scene, _ times: Int) {
    bench.measure(name, goal: 400, octets: scene.size * times) { scene.run(times) }
    bench.measure(name + ", unheard", goal: 400, octets: scene.size * times) { scene.run(times, listens: false) }
}

private func lines(_ bench: Bench) {
    let smtp = Scene(
        .smtp,
        [
            (.server, "220 mx.example.com ESMTP\r\n"), (.client, "EHLO client.example.org\r\n"),
            (
                .server,
                "250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n"
            ),
        ],
        [
            (
                .client,
                "MAIL FROM:<newsletter@example.org> SIZE=20480 BODY=8BITMIME\r\nRCPT TO:<someone.else@example.com> NOTIFY=FAILURE\r\nRCPT TO:<another.one@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;another.one@example.com\r\nRSET\r\n"
            ),
            (
                .server,
                "250 2.1.0 Sender newsletter@example.org ok\r\n250 2.1.5 Recipient someone.else@example.com ok\r\n250 2.1.5 Recipient another.one@example.com ok\r\n250 2.0.0 Reset state\r\n"
            ),
        ])
    measure(bench, "lines: SMTP transactions", smtp, 100_000)

    var listing = ""
    for number in 1...1_000 { listing += "\(number) QhdPYR:00WBw1Ph7x7-0a1b2c3d4e5f\(number + 1_000)\r\n" }
    let pop3 = Scene(
        .pop3, [(.server, "+OK ready\r\n"), (.client, "USER a\r\nPASS b\r\n"), (.server, "+OK\r\n+OK\r\n")],
        [(.client, "UIDL\r\n"), (.server, "+OK 1000 messages\r\n" + listing + ".\r\n")])
    measure(bench, "lines: POP3 listing", pop3, 200)

    let imap = Scene(
        .imap,
        [
            (.server, "* PREAUTH [CAPABILITY IMAP4rev1 CONDSTORE] ready\r\n"), (.client, "a SELECT INBOX\r\n"),
            (.server, "* 172 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\na OK [READ-WRITE] done\r\n"),
        ],
        [
            (.client, "a123 UID FETCH 4827313:4828442 (UID FLAGS BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)])\r\n"),
            (
                .server,
                "* 23 FETCH (UID 4827313 FLAGS (\\Seen) MODSEQ (715194045007) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\r\n* 24 FETCH (UID 4827943 FLAGS (\\Seen \\Answered $Forwarded) MODSEQ (1771))\r\n* 25 FETCH (UID 4828442 FLAGS (\\Seen) RFC822.SIZE 44827)\r\na123 OK UID FETCH completed (0.001 + 0.000 secs).\r\n"
            ),
        ])
    measure(bench, "lines: IMAP commands and responses", imap, 100_000)
}

/// Twice the octets at twice the cost: the rates of both sizes stand below each other.
private func linear(_ bench: Bench) {
    guard bench.wants("linear") else { return }
    for size in [50_000_000, 100_000_000] {
        let flood = [UInt8](repeating: 65, count: 1 << 16)
        bench.measure("linear: a line of \(size / 1_000_000) MB", octets: size) {
            var tap = MailProtocol.imap.makeTap()
            var notes: [Note] = []
            tap.receive(octets("* OK x\r\n")[...], from: .server, into: &notes)
            var left = size
            while left > 0 {
                tap.receive(flood.prefix(left), from: .client, into: &notes)
                left -= flood.count
                notes.removeAll(keepingCapacity: true)
            }
            return 0
        }
    }
    for count in [5_000_000, 10_000_000] {
        let noop = octets("NOOP\r\n")
        let reply = octets("250 x\r\n")
        bench.measure("linear: \(count / 1_000_000) million tiny frames", octets: count / 2 * 13) {
            var tap = MailProtocol.smtp.makeTap()
            var notes: [Note] = []
            tap.receive(octets("220 x\r\n")[...], from: .server, into: &notes)
            for _ in 0..<(count / 2) {
                tap.receive(noop[...], from: .client, into: &notes)
                tap.receive(reply[...], from: .server, into: &notes)
                notes.removeAll(keepingCapacity: true)
            }
            return count
        }
    }
    for count in [500_000, 1_000_000] {
        // Pipelined in groups that stay below the limit of commands without a reply.
        let group = filled(octets("RSET\r\n"), 6 * 5_000)
        let replies = filled(octets("250 ok\r\n"), 8 * 5_000)
        bench.measure("linear: \(count / 1_000) thousand pipelined", octets: count * 14) {
            var tap = MailProtocol.smtp.makeTap()
            var notes: [Note] = []
            tap.receive(octets("220 x\r\n")[...], from: .server, into: &notes)
            for _ in 0..<(count / 5_000) {
                tap.receive(group[...], from: .client, into: &notes)
                tap.receive(replies[...], from: .server, into: &notes)
                notes.removeAll(keepingCapacity: true)
            }
            return count * 2
        }
    }
    for depth in [5_000, 10_000] {
        let nested = String(repeating: "(", count: depth) + String(repeating: ")", count: depth)
        let line = octets("* 1 FETCH (BODYSTRUCTURE \(nested))\r\n")
        bench.measure("linear: nesting \(depth) deep", octets: line.count * 200) {
            var tap = MailProtocol.imap.makeTap()
            var notes: [Note] = []
            tap.receive(octets("* PREAUTH x\r\n")[...], from: .server, into: &notes)
            for _ in 0..<200 {
                tap.receive(line[...], from: .server, into: &notes)
                notes.removeAll(keepingCapacity: true)
            }
            return 200
        }
    }
}

/// What sessions keep on the heap, beside the tap's own octets.
private func memory(_ bench: Bench) {
    guard bench.wants("memory") else { return }
    let idle: [(Side, String)] = [
        (.server, "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN] ready\r\n"),
        (.client, "a1 LOGIN alice@example.com s3cret\r\n"), (.server, "a1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        (.client, "a2 SELECT INBOX\r\n"),
        (.server, "* 172 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\na2 OK [READ-WRITE] done\r\n"),
        (.client, "a3 IDLE\r\n"), (.server, "+ idling\r\n"),
    ]
    let busy =
        idle + [(.client, "DONE\r\n"), (.server, "a3 OK\r\n")]
        + (0..<200).map { (Side.client, "b\($0) UID FETCH 1:* (UID FLAGS)\r\n") }
    for (name, turns) in [("memory: idle IMAP session", idle), ("memory: 200 commands under way", busy)] {
        let count = 1_000
        var taps: [MailTap] = []
        taps.reserveCapacity(count)
        let before = mp_heap_in_use()
        for _ in 0..<count {
            var tap = MailProtocol.imap.makeTap()
            var notes: [Note] = []
            for (side, text) in turns { tap.receive(octets(text)[...], from: side, into: &notes) }
            taps.append(tap)
        }
        let used = Int(mp_heap_in_use()) - Int(before)
        bench.tell(name, "\(used / count + MemoryLayout<MailTap>.stride) B")
        withExtendedLifetime(taps) {}
    }
}
