// Costs of sessions whose times are known.

import MailDialogue
import MailRecording
import Testing

/// A session that is told to a ledger, each turn at its time.
private struct TimedSession {
    var session: BookedSession
    var told = 0

    /// - Parameter start: milliseconds.
    init(_ mailProtocol: MailProtocol, id: String = "s", port: UInt16 = 40_000) {
        session = BookedSession(mailProtocol)
        session.book = SessionBook(
            info: SessionInfo(
                id: id, mailProtocol: mailProtocol, start: 0,
                client: SocketAddress(ip: .v4(0x0A00_0001), port: port),
                server: SocketAddress(ip: .v4(0x0A00_0002), port: 25), route: "test"), fingerprintKey: [])
    }

    private var info: SessionInfo { session.summary.info }

    /// - Parameters:
    ///   - text: lines; each ends with CRLF.
    ///   - milliseconds: since the connection was made.
    mutating func say(_ side: Side, _ text: String, at milliseconds: Int64, to ledger: inout CostLedger) {
        var notes: [Note] = []
        session.tap.receive(Array((text + "\r\n").utf8)[...], from: side, into: &notes)
        session.time = milliseconds * 1000
        session.book.accept(notes, at: session.time, into: &session.events)
        tell(notes, &ledger)
    }

    mutating func close(to ledger: inout CostLedger) {
        session.close()
        tell([], &ledger)
    }

    private mutating func tell(_ notes: [Note], _ ledger: inout CostLedger) {
        let events = Array(session.events[told...])
        told = session.events.count
        ledger.accept(notes, events, of: info, at: session.time) { [[$0.info.client.host]] }
    }
}

@Suite struct CostTests {
    private func tally(_ ledger: CostLedger, _ verb: String) -> CostTally? {
        ledger.sorted.first { $0.key.parts.last == verb }?.tally
    }

    private func milliseconds(_ times: Percentiles?) -> Int64? { times.map { $0.total / 1000 } }

    @Test func commandsOneByOne() {
        var ledger = CostLedger(byCommand: true, worst: 2)
        var session = TimedSession(.smtp)
        session.say(.server, "220 mx.example.com", at: 40, to: &ledger)
        session.say(.client, "EHLO c.example.com", at: 50, to: &ledger)
        session.say(.server, "250-mx.example.com", at: 57, to: &ledger)
        session.say(.server, "250 SIZE", at: 61, to: &ledger)
        session.say(.client, "QUIT", at: 100, to: &ledger)
        session.say(.server, "221 bye", at: 101, to: &ledger)
        session.close(to: &ledger)
        let ehlo = tally(ledger, "EHLO")
        #expect(ehlo?.exchanges == 1)
        #expect(ehlo?.roundTrips == 1)
        #expect(ehlo?.clientBytes == 20)
        #expect(ehlo?.serverBytes == 30)
        #expect(milliseconds(ehlo?.first) == 7)
        #expect(milliseconds(ehlo?.server) == 11)
        #expect(milliseconds(ehlo?.think) == 10)
        #expect(milliseconds(tally(ledger, CostMeter.greeting)?.server) == 40)
        #expect(milliseconds(tally(ledger, "QUIT")?.think) == 39)
        #expect(ledger.total.sessions == 1)
        #expect(ledger.total.exchanges == 3)
        #expect(ledger.total.server.total == 52_000)
        #expect(ledger.worst.map(\.cost.command) == [CostMeter.greeting, "EHLO"])
        #expect(
            ledger.sorted.map(\.key.parts) == [
                ["10.0.0.1", CostMeter.greeting], ["10.0.0.1", "EHLO"], ["10.0.0.1", "QUIT"],
            ])
    }

    /// The client sends for 300 ms: that is nobody's time. The server has 3 ms to 354 and 20 ms behind the end of data.
    @Test func messageIsTwoRoundTrips() {
        var ledger = CostLedger(byCommand: true, worst: 0)
        var session = TimedSession(.smtp)
        session.say(.server, "220 x", at: 0, to: &ledger)
        session.say(.client, "MAIL FROM:<a@example.com>", at: 1, to: &ledger)
        session.say(.server, "250 ok", at: 2, to: &ledger)
        session.say(.client, "RCPT TO:<b@example.com>", at: 3, to: &ledger)
        session.say(.server, "250 ok", at: 4, to: &ledger)
        session.say(.client, "DATA", at: 10, to: &ledger)
        session.say(.server, "354 go", at: 13, to: &ledger)
        session.say(.client, "Subject: x", at: 14, to: &ledger)
        session.say(.client, "", at: 200, to: &ledger)
        session.say(.client, ".", at: 314, to: &ledger)
        session.say(.server, "250 queued", at: 334, to: &ledger)
        session.close(to: &ledger)
        let data = tally(ledger, "DATA")
        #expect(data?.roundTrips == 2)
        #expect(milliseconds(data?.first) == 23)
        #expect(milliseconds(data?.server) == 23)
        #expect(milliseconds(data?.think) == 7)
        #expect(data?.clientBytes == 23)
        #expect(data?.serverBytes == 20)
    }

    /// Sent together, answered one by one: each has the time from the answer before.
    @Test func pipelinedCommandsShareNoTime() {
        var ledger = CostLedger(byCommand: true, worst: 0)
        var session = TimedSession(.smtp)
        session.say(.server, "220 x", at: 0, to: &ledger)
        session.say(.client, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nRSET", at: 10, to: &ledger)
        session.say(.server, "250 ok", at: 15, to: &ledger)
        session.say(.server, "250 ok", at: 45, to: &ledger)
        session.say(.server, "250 ok", at: 46, to: &ledger)
        session.close(to: &ledger)
        #expect(milliseconds(tally(ledger, "MAIL")?.server) == 5)
        #expect(milliseconds(tally(ledger, "RCPT")?.server) == 30)
        #expect(milliseconds(tally(ledger, "RSET")?.server) == 1)
        #expect(milliseconds(tally(ledger, "MAIL")?.think) == 10)
        #expect(tally(ledger, "RCPT")?.think.count == 0)
        #expect(ledger.total.server.total == 36_000)
    }

    /// Waiting in IDLE is neither's time, and what the server says meanwhile costs octets.
    @Test func idleIsNobodysTime() {
        var ledger = CostLedger(byCommand: true, worst: 0)
        var session = TimedSession(.imap)
        session.say(.server, "* OK hi", at: 1, to: &ledger)
        session.say(.client, "a LOGIN u p", at: 2, to: &ledger)
        session.say(.server, "a OK", at: 3, to: &ledger)
        session.say(.client, "b IDLE", at: 5, to: &ledger)
        session.say(.server, "+ idling", at: 6, to: &ledger)
        session.say(.server, "* 1 EXISTS", at: 60_000, to: &ledger)
        session.say(.client, "DONE", at: 90_000, to: &ledger)
        session.say(.server, "b OK", at: 90_004, to: &ledger)
        session.say(.server, "* 2 EXISTS", at: 90_100, to: &ledger)
        session.close(to: &ledger)
        let idle = tally(ledger, "IDLE")
        #expect(milliseconds(idle?.server) == 5)
        #expect(milliseconds(idle?.think) == 2)
        #expect(idle?.roundTrips == 2)
        #expect(idle?.serverBytes == 28)
        #expect(tally(ledger, CostMeter.unasked)?.serverBytes == 12)
        #expect(tally(ledger, CostMeter.unasked)?.exchanges == 0)
        #expect(ledger.total.exchanges == 3)
    }

    @Test func sessionsOfOneClientAreAddedUp() {
        var ledger = CostLedger(byCommand: false, worst: 9)
        for number in 0..<3 {
            var session = TimedSession(.pop3, id: "s\(number)", port: UInt16(50_000 + number))
            session.say(.server, "+OK hi", at: 5, to: &ledger)
            session.say(.client, "QUIT", at: 6, to: &ledger)
            session.say(.server, "+OK bye", at: 6 + 10 * Int64(number + 1), to: &ledger)
            session.close(to: &ledger)
        }
        let groups = ledger.sorted
        #expect(groups.count == 1)
        #expect(groups.first?.tally.sessions == 3)
        #expect(groups.first?.tally.exchanges == 6)
        #expect(groups.first?.tally.clientBytes == 18)
        #expect(groups.first?.tally.server.value(50) == 5_000)
        #expect(groups.first?.tally.server.value(100) == 30_000)
        #expect(ledger.worst.map(\.session) == ["s2", "s1", "s0", "s0", "s1", "s2"])
    }

    /// Without octets: what rows tell is the same, what they don't tell is not there.
    @Test func rowsAlone() {
        var ledger = CostLedger(byCommand: true, worst: 0)
        var session = TimedSession(.smtp)
        session.say(.server, "220 x", at: 0, to: &ledger)
        session.say(.client, "EHLO c", at: 4, to: &ledger)
        session.say(.server, "250 ok", at: 9, to: &ledger)
        session.say(.client, "NOOP", at: 20, to: &ledger)
        session.say(.server, "250 ok", at: 22, to: &ledger)
        session.close(to: &ledger)
        var quick = CostLedger(byCommand: true, worst: 0)
        quick.accept(session.session.summary, session.session.exchanges) { _ in [[]] }
        let noop = tally(quick, "NOOP")
        #expect(noop?.server == tally(ledger, "NOOP")?.server)
        #expect(noop?.think == tally(ledger, "NOOP")?.think)
        #expect(noop?.clientBytes == nil)
        #expect(noop?.roundTrips == nil)
        #expect(noop?.first.count == 0)
        #expect(quick.total.clientBytes == ledger.total.clientBytes)
    }

    @Test func aServerThatNeverGreeted() {
        var ledger = CostLedger(byCommand: true, worst: 0)
        var session = TimedSession(.smtp)
        session.say(.client, "EHLO early", at: 3, to: &ledger)
        session.close(to: &ledger)
        #expect(ledger.total.clientBytes == 12)
        #expect(ledger.total.server.count == 0)
        #expect(ledger.total.sessions == 1)
    }

    /// What comes under TLS that nobody ended has octets, and no time.
    @Test func whatIsNotFollowedHasOctetsAlone() {
        var ledger = CostLedger(byCommand: true, worst: 0)
        var session = TimedSession(.smtp)
        session.say(.server, "220 x", at: 0, to: &ledger)
        session.say(.client, "EHLO c", at: 1, to: &ledger)
        session.say(.server, "250-x\r\n250 STARTTLS", at: 2, to: &ledger)
        session.say(.client, "STARTTLS", at: 3, to: &ledger)
        session.say(.server, "220 go", at: 8, to: &ledger)
        session.say(.client, "\u{16}\u{3}\u{1}", at: 9, to: &ledger)
        session.say(.server, "\u{16}\u{3}\u{3}", at: 500, to: &ledger)
        session.close(to: &ledger)
        #expect(milliseconds(tally(ledger, "STARTTLS")?.server) == 5)
        #expect(tally(ledger, "STARTTLS")?.serverBytes == 8)
        #expect(tally(ledger, CostMeter.unfollowed)?.clientBytes == 5)
        #expect(tally(ledger, CostMeter.unfollowed)?.serverBytes == 5)
        #expect(ledger.total.exchanges == 3)
        #expect(ledger.total.server.total == 6_000)
    }

    @Test func groupsBeyondTheLimitAreOne() {
        var ledger = CostLedger(byCommand: false, worst: 0)
        let session = TimedSession(.smtp)
        for number in 0..<(CostLedger.mostGroups + 5) {
            ledger.accept(session.session.summary, []) { _ in [["\(number)"]] }
        }
        #expect(ledger.sorted.count == CostLedger.mostGroups + 1)
        #expect(tally(ledger, CostLedger.others)?.sessions == 5)
        #expect(ledger.total.sessions == CostLedger.mostGroups + 5)
    }

    // MARK: Percentiles

    @Test func fewValuesAreExact() {
        var times = Percentiles()
        for value in (1...100).shuffled() { times.add(Int64(value)) }
        #expect(times.isExact)
        #expect(times.value(50) == 50)
        #expect(times.value(95) == 95)
        #expect(times.value(0) == 1)
        #expect(times.value(100) == 100)
        #expect(Percentiles().value(50) == nil)
    }

    @Test func manyValuesAreOffByLessThanAPercent() {
        var times = Percentiles()
        var halves = [Percentiles(), Percentiles()]
        let values = (0..<20_000).map { Int64($0) * Int64($0) }
        for (place, value) in values.enumerated() {
            times.add(value)
            halves[place % 2].add(value)
        }
        #expect(!times.isExact)
        for percent in [1, 10, 50, 95, 99] {
            let exact = Double(values[values.count * percent / 100 - 1])
            let told = Double(times.value(percent) ?? 0)
            #expect(abs(told - exact) <= exact / 128 + 1, "\(percent)")
        }
        halves[0].add(halves[1])
        #expect(halves[0] == times)
        #expect(times.value(100) == values.last)
    }

    @Test func clocksThatWereSetBackAndTheLargestNumbers() {
        var times = Percentiles()
        for value in [Int64.min, -1, .max, .max] { times.add(value) }
        for _ in 0..<Percentiles.mostExact { times.add(.max) }
        #expect(times.value(1) == 0)
        #expect(times.value(100) == .max)
        #expect((times.value(95) ?? 0) > Int64.max / 128 * 126)
    }

    // MARK: Shown

    @Test func tableAndLines() {
        var ledger = CostLedger(byCommand: true, worst: 1)
        var session = TimedSession(.smtp)
        session.say(.server, "220 x", at: 1, to: &ledger)
        session.say(.client, "NOOP \u{1B}[2J", at: 2, to: &ledger)
        session.say(.server, "250 ok", at: 7, to: &ledger)
        session.close(to: &ledger)
        let shown = CostRendering(names: ["client", "command"])
        let text = shown.text(ledger, most: 1) { $1 }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0].hasPrefix("CLIENT    COMMAND  SESSIONS  EXCH  TRIPS  CLIENT B  SERVER B  SERVER S"))
        #expect(lines[1].hasPrefix("10.0.0.1  NOOP            1     1      1        11         8     0.005      5.000"))
        #expect(lines[2].hasPrefix("total                     1     2      2"))
        #expect(lines[3] == "(1 group more)")
        #expect(!text.contains("\u{1B}"))
        let json = shown.lines(ledger, most: 9)
        #expect(json.count == 4)
        #expect(
            json[0].hasPrefix(
                #"{"by":["client","command"],"key":["10.0.0.1","NOOP"],"total":false,"sessions":1,"exchanges":1,"round_trips":1,"bytes":{"client":11,"server":8},"first":{"count":1,"seconds":0.005000,"p50":0.005000,"p95":0.005000,"max":0.005000,"exact":true}"#
            ))
        #expect(json[2].hasPrefix(#"{"by":[],"key":[],"total":true,"sessions":1,"exchanges":2"#))
        #expect(json[3].hasPrefix(#"{"worst":1,"session":"s","exchange":1,"#))
    }
}
