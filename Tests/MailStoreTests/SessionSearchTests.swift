// Searches by the index give what looking at each session gives: for filters of every kind, every order, pages, counts and groups.

import MailDialogue
import MailRecording
import MailRules
import Testing

@testable import MailStore

/// Random numbers that are the same in each run (xorshift).
private struct Dice {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func roll(_ sides: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(max(1, sides)))
    }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[roll(values.count)] }
}

@Suite struct SessionSearchTests {
    private static let users = ["", "ann", "Ann", "o'hara", "bob@example.com", "jürgen", "a%b_c", "x\"y\\z"]
    private static let findings = ["imap-literal-size", "smtp-bare-lf", "pop3-long-line"]
    private static let tags = ["spam", "no \"quotes\"", "ein/zwei", "größe", "spam-2"]

    private static let lines = [
        ("NOOP", "NOOP"), ("FETCH", "a FETCH 1 ALL"), ("UID FETCH", "a UID FETCH 1 ALL"),
        ("EHLO", "EHLO jürgen.example"), ("HELO", "helo  Mx"), ("MAIL", "MAIL FROM:<> SIZE=7"),
        ("MAIL", "mail from:<\"a b\"@Example.COM> BODY=8BITMIME"), ("MAIL", "MAIL FROM:ann"),
        ("RCPT", "RCPT TO:<@relay:ann@ÄB.example>"), ("RCPT", "RCPT TO:<bob@b.example>"),
        ("RCPT", "RCPT bob@b.example"), ("RSET", "RSET"), ("SELECT", "a SELECT INBOX"),
        ("STATUS", #"a STATUS "x \"y\" z" (MESSAGES)"#), ("APPEND", "a APPEND Drafts {7}"),
        ("SELECT", "a SELECT {5}"),
        // A backslash that nothing needs.
        ("SELECT", #"a SELECT "IN\BOX""#),
        // None of these, though the words are there.
        ("VRFY", "VRFY <bob@b.example> INBOX Mx"),
    ]

    private static func samples(_ count: Int) -> [CatalogEntry] {
        var dice = Dice()
        return (0..<count).map { number in
            let digits = String(number)
            let address =
                dice.roll(4) == 0
                ? IPAddress(high: 0x2001_0db8_0000_0000, low: UInt64(dice.roll(3)))
                : IPAddress(v4: 0x0A00_0000 + UInt32(dice.roll(12)))
            var info = SessionInfo(
                id: "id" + String(repeating: "0", count: 5 - digits.count) + digits,
                mailProtocol: dice.pick(MailProtocol.allCases),
                // Some begin in the same microsecond.
                start: 1_795_420_800_000_000 + Int64(dice.roll(count / 2)) * 97_000_000,
                client: IPEndpoint(address, UInt16(1 + dice.roll(30))),
                server: IPEndpoint(IPAddress(v4: 0x7F00_0001 + UInt32(dice.roll(2))), dice.pick([25, 143])),
                route: dice.pick(["a=b", "capture"]))
            if dice.roll(3) == 0 {
                info.tls = TLSLeg(version: "TLSv1.3", cipher: "C", serverName: nil, how: .implicit)
            }
            var summary = SessionSummary(info: info)
            summary.last = info.start + Int64(dice.roll(20) - 1) * 1_000_000
            summary.user = dice.roll(3) == 0 ? nil : dice.pick(users)
            summary.exchanges = dice.roll(9)
            summary.credentials = dice.roll(3)
            summary.violations = dice.roll(2) * dice.roll(5)
            summary.findings = summary.violations == 0 ? [] : findings.filter { _ in dice.roll(2) == 0 }
            summary.clientBytes = dice.roll(5_000)
            summary.serverBytes = dice.roll(5_000)
            summary.end = dice.pick([.closed, .reset, .timeout, .lost])
            summary.opaque = dice.roll(5) == 0 ? .tls : nil
            // A handshake that failed, and one whose octets could not be followed.
            if info.tls != nil, dice.roll(4) == 0 { summary.info.tls?.failure = "no shared cipher" }
            summary.gaps = dice.roll(6) == 0 ? 1 : 0
            summary.tags = dice.roll(3) == 0 ? tags.filter { _ in dice.roll(2) == 0 } : []
            var sample = CatalogEntry(summary: summary)
            for place in 0..<summary.exchanges {
                let (command, line) = dice.pick(lines)
                var exchange = Exchange(
                    number: place, time: info.start, command: place == 0 ? "" : command, line: place == 0 ? "" : line)
                // The line ends where the name would be.
                if exchange.line == "a SELECT {5}" {
                    exchange.mailbox = dice.pick(["Drafts", "x \"y\" z", "a\\b", ""])
                }
                exchange.replyCode = dice.pick(["250", "+OK", "NO", "550"])
                exchange.replyText = dice.pick(["fine", "it's 100% so", ""])
                sample.exchanges.append(exchange)
            }
            for _ in 0..<dice.roll(3) {
                var message = MessageRecord(exchange: 1, carrier: dice.pick([.data, .fetch, .retr]))
                message.bytes = dice.roll(4) * 1_000
                message.from = dice.pick(users)
                message.to = dice.roll(2) == 0 ? [] : [dice.pick(users)]
                message.subject = dice.pick(["", "Invoice 7", "Größe"])
                message.fields = dice.pick([
                    [], [HeaderText(name: "list-id", text: "<a.example>")],
                    [HeaderText(name: "list-id", text: ""), HeaderText(name: "x-spam", text: "Größe 7")],
                ])
                sample.messages.append(message)
            }
            sample.summary.messages = sample.messages.count
            return sample
        }
    }

    /// An index of samples, every seventh of which is not settled.
    private static func recorded(_ samples: [CatalogEntry]) throws -> (
        RecorderScratch, RecordingIndex, settled: [CatalogEntry]
    ) {
        let scratch = try RecorderScratch()
        let writer = try IndexWriter(path: scratch.path + "/index.sqlite")
        var settled: [CatalogEntry] = []
        for (number, sample) in samples.enumerated() {
            let row = writer.takeRow()
            var early = sample.summary
            early.end = .open
            writer.save(early, row: row, 0)
            writer.save(sample.summary, row: row, 0)
            for exchange in sample.exchanges { writer.save(exchange, session: row, 0) }
            for (place, message) in sample.messages.enumerated() {
                writer.save(message, number: place, session: row, 0)
            }
            if number % 7 == 0 { continue }
            writer.settle(session: row, 0)
            settled.append(sample)
        }
        writer.commit(0)
        return (scratch, try RecordingIndex(directory: scratch.path), settled)
    }

    private static func all(_ cursor: SessionCursor) throws -> [SessionSummary] {
        var found: [SessionSummary] = []
        while let summary = try cursor.next() { found.append(summary) }
        #expect(try cursor.next() == nil)
        return found
    }

    /// Filters that SQL answers alone.
    private static let exact = [
        "imap", "not imap", "smtp or lmtp", "protocol == \"pop3\"", "protocol in {\"imap\", \"smtp\"}",
        "route == \"capture\"",
        "route contains \"a\"", "user", "not user", "user == \"\"", "user == \"ann\"", "user != \"ann\"",
        "user == \"o'hara\"", "user == \"jürgen\"", "user == \"a%b_c\"", "user contains \"%\"",
        "user contains \"example\"",
        "user == \"x\\\"y\\\\z\"", "not (user contains \"a\")", "user in {\"ann\", \"Ann\"}", "not (user in {\"ann\"})",
        "client.address == \"10.0.0.3\"", "client.address == \"2001:db8::1\"", "client.address != \"10.0.0.3\"",
        "client.address == \"10.0.0\"", "client.address == \"10.0.0.3:5\"", "client == \"10.0.0.3:5\"",
        "server == \"127.0.0.1:25\"", "exchanges > 4", "exchanges >= 0", "exchanges <= 2", "messages == 0", "messages",
        "not messages", "credentials != 1", "violations > 0", "violations > 2", "not (violations > 0)",
        "violations >= 1 and imap", "bytes.client > 2 KB", "bytes.server < 1000", "duration > 5 s", "duration == 0 s",
        "gaps > 0", "gaps", "end == \"reset\"", "end != \"closed\"", "end in {\"lost\", \"timeout\"}", "opaque",
        "opaque == \"\"", "opaque == \"tls\"", "opaque != \"tls\"", "not opaque", "opaque contains \"t\"",
        "finding == \"smtp-bare-lf\"", "finding != \"smtp-bare-lf\"", "finding contains \"imap\"",
        "not (finding == \"pop3-long-line\")", "tag == \"spam\"", "tag != \"spam\"", "tag == \"spam-2\"",
        "tag == \"größe\"", "tag == \"no \\\"quotes\\\"\"", "tag == \",\"",
        "not (tag == \",\")",
        "command == \"FETCH\"", "command != \"FETCH\"", "not (command == \"NOOP\")", "command contains \"UID\"",
        "command",
        "command in {\"FETCH\", \"NOOP\"}", "reply.text == \"fine\"", "reply.text contains \"100%\"",
        "reply.text == \"\"",
        "line == \"NOOP\"", "line contains \"bob@b.example\"", "not (line contains \"{7}\")",
        "carrier == \"RETR\"", "from == \"ann\"", "from contains \"'\"", "from", "subject contains \"öß\"",
        "subject == \"Invoice 7\"", "size > 1 KB", "size == 0", "size", "id == \"id00007\"", "id contains \"1\"",
        "imap and (violations > 1 or user == \"ann\") and not (end == \"reset\")",
        "(smtp or imap) and finding == \"smtp-bare-lf\" and size >= 1000",
    ]

    /// Filters of which SQL says a part, or nothing. The last are more than it takes.
    private static let inexact = [
        "user in {" + (0..<300).map { "\"u\($0)\"" }.joined(separator: ", ") + ", \"ann\"}",
        (0..<300).map { "exchanges != \($0 + 100)" }.joined(separator: " and "),
        (0..<300).map { "exchanges == \($0)" }.joined(separator: " or "), String(repeating: "not ", count: 60) + "smtp",
        "tls", "not tls and imap", "to == \"ann\"", "reply.code == 250", "reply.code == \"NO\"", "user matches \"^a\"",
        "imap and user matches \"(?i)ANN\"", "tag contains \"spam\"",

        "client.name", "not client.name", #"client.name == "Mx""#, #"client.name == "mx""#,
        #"client.name contains "ü""#, #"client.name != "Mx""#,
        "sender", #"sender == """#, #"sender == "ann""#, #"sender contains "\"a""#,
        #"sender.domain == "example.com""#, #"sender.domain == "Example.COM""#,
        #"sender.domain in {"example.com", ""}"#,
        #"rcpt == "bob@b.example""#, #"rcpt != "bob@b.example""#, #"rcpt matches "^bob""#,
        #"rcpt.domain == "äb.example""#, "not rcpt and violations > 0",
        "rcpt.count == 0", "rcpt.count > 1", "rcpt.count == 1 and imap", "rcpt.count",
        #"mailbox == "INBOX""#, #"mailbox == "x \"y\" z""#, #"mailbox contains "y""#, "mailbox",
        #"mailbox == "Drafts""#,
        #"header["List-Id"]"#, #"not header["list-id"]"#, #"header["list-id"] == """#,
        #"header["x-spam"] contains "ö""#, #"header["x-spam"] != "Größe 7""#,
        #"header["x-spam"] matches "\\d$" and rcpt"#, #"header["subject"] == "Größe""#,
        #"header["list-id"] or mailbox == "INBOX""#,

        "imap or user matches \"b\"", "not (user matches \"b\")", "violations > 1 and to",
    ]

    @Test func filters() throws {
        let samples = Self.samples(700)
        let (_, index, settled) = try Self.recorded(samples)
        for (text, isExact) in Self.exact.map({ ($0, true) }) + Self.inexact.map({ ($0, false) }) {
            let filter = try Expression(text, for: .session)
            #expect(RecordingIndex.answers(filter) == isExact, "\(text)")
            let wanted = Set(settled.filter { filter.holds(for: $0) }.map(\.summary.info.id))
            let found = try Self.all(index.settled(SessionSearch(filter))).map(\.info.id)
            if isExact {
                #expect(Set(found) == wanted, "\(text)")
                #expect(try index.count(SessionSearch(filter)) == wanted.count, "\(text)")
                // None twice.
                #expect(found.count == wanted.count, "\(text)")
            } else {
                #expect(wanted.isSubset(of: found), "\(text)")
            }
        }
    }

    /// Rows that come one after the other, and are forgotten, say what they say together; and each of these fields is in some samples and
    /// not in all.
    @Test func rowsOneByOne() throws {
        let samples = Self.samples(300)
        for text in Self.exact + Self.inexact {
            let filter = try Expression(text, for: .session)
            for sample in samples {
                var entry = CatalogEntry(summary: sample.summary)
                var gathered = GatheredRows(filter)
                for exchange in sample.exchanges { gathered.take(exchange) }
                for message in sample.messages { gathered.take(message) }
                entry.gathered = gathered
                #expect(entry.fulfils(filter) == filter.holds(for: sample), "\(text) of \(sample.summary.info.id)")
            }
        }
        for field in FieldName.allCases where field.rows != nil && field != .header {
            let filter = try Expression(field.rawValue, for: .session)
            let count = samples.count { filter.holds(for: $0) }
            #expect(count > 0 && count < samples.count, "\(field)")
        }
    }

    @Test func unsettledSessionsAreGivenAsTheyAre() throws {
        let samples = Self.samples(70)
        let (_, index, settled) = try Self.recorded(samples)
        let rest = Set(samples.map(\.summary.info.id)).subtracting(settled.map(\.summary.info.id))
        var search = SessionSearch(try Expression("user == \"nobody\"", for: .session))
        for isDescending in [false, true] {
            search.order = SessionOrder(descending: isDescending)
            let found = try Self.unsettled(index, search, 3)
            #expect(Set(found.map(\.info.id)) == rest)
            #expect(found == found.sorted(by: search.order.precedes))
            // In the time that is asked for, and before one that began in the same moment as others.
            search.since = found[4].info.start
            search.until = found[6].info.start + 1
            #expect(try Self.unsettled(index, search, 1) == found.filter(search.isWithin))
            (search.since, search.until) = (nil, nil)
            search.before = (found[5].info.start, found[5].info.id)
            #expect(try Self.unsettled(index, search, 2) == found.filter(search.isWithin))
            search.before = nil
        }
    }

    private static func unsettled(
        _ index: RecordingIndex, _ search: SessionSearch, _ count: Int
    ) throws -> [SessionSummary] {
        let rows = try index.unsettled(search)
        var found: [SessionSummary] = []
        var first = 0
        while first < rows.count { found += try index.sessions(rows, from: &first, count: count, search) }
        return found
    }

    /// What settles while it is looked at is told once.
    @Test func sessionsThatSettleAreToldOnce() throws {
        let samples = Self.samples(140)
        let (scratch, index, settled) = try Self.recorded(samples)
        let rows = try index.unsettled(SessionSearch())
        #expect(rows.count == samples.count - settled.count && rows.count > 10)
        let writer = try Database(path: scratch.path + "/index.sqlite", .readWrite)
        try writer.execute("UPDATE sessions SET settled = 1")
        #expect(try Self.all(index.settled(SessionSearch())).count == samples.count)
        var first = 0
        var told = try Self.all(index.settled(SessionSearch(), besides: rows)).map(\.info.id)
        while first < rows.count {
            told += try index.sessions(rows, from: &first, count: 7, SessionSearch()).map(\.info.id)
        }
        #expect(told.sorted() == samples.map(\.summary.info.id).sorted())
    }

    @Test(arguments: SessionOrder.Key.allCases, [false, true])
    func orders(_ key: SessionOrder.Key, _ isDescending: Bool) throws {
        let (_, index, settled) = try Self.recorded(Self.samples(300))
        var search = SessionSearch()
        search.order = SessionOrder(key, descending: isDescending)
        let found = try Self.all(index.settled(search)).map(\.info.id)
        let wanted = settled.map(\.summary).sorted(by: search.order.precedes).map(\.info.id)
        #expect(found == wanted)
    }

    @Test func pages() throws {
        let (_, index, settled) = try Self.recorded(Self.samples(200))
        let order = SessionOrder()
        let all = settled.map(\.summary).sorted(by: order.precedes)
        var search = SessionSearch()
        search.order = SessionOrder(descending: true)
        var back: [String] = []
        while true {
            let cursor = try index.settled(search)
            var page: [SessionSummary] = []
            while page.count < 7, let summary = try cursor.next() { page.append(summary) }
            guard let last = page.last else { break }
            back += page.map(\.info.id)
            search.before = (last.info.start, last.info.id)
        }
        #expect(back == all.reversed().map(\.info.id))
        // A time is a page, too, and means the same for sessions that are not settled.
        search = SessionSearch()
        search.since = all[50].info.start
        search.until = all[120].info.start
        #expect(try Self.all(index.settled(search)) == all.filter(search.isWithin))
        #expect(all.contains { !search.isWithin($0) })
    }

    @Test(arguments: SessionGroup.Key.allCases) func groups(_ key: SessionGroup.Key) throws {
        let (_, index, settled) = try Self.recorded(Self.samples(400))
        let filter = try Expression("violations < 3", for: .session)
        var wanted: [String: SessionGroup] = [:]
        for sample in settled where filter.holds(for: sample) {
            for text in SessionGroup.keys(of: sample.summary, by: key) {
                wanted[text, default: SessionGroup(text)].add(sample.summary)
            }
            guard key == .command else { continue }
            for (command, rows) in Dictionary(grouping: sample.exchanges, by: \.command) where !command.isEmpty {
                wanted[command, default: SessionGroup(command)].sessions += 1
                wanted[command, default: SessionGroup(command)].exchanges += rows.count
            }
        }
        let found = try index.groups(SessionSearch(filter), by: key)
        #expect(found.count == wanted.count)
        #expect(found.count > 1)
        for group in found { #expect(group == wanted[group.key]) }
    }

    /// A search for few among many goes by an index, in the order that is asked for, and does not sort all there are.
    @Test(arguments: [
        ("user == \"ann\"", "sessions_user"), ("imap", "sessions_protocol"), ("end == \"reset\"", "sessions_end"),
        ("violations > 3", "sessions_violations"), ("client.address == \"10.0.0.1\"", "sessions_client"),
        ("finding == \"smtp-bare-lf\"", "PRIMARY KEY"), ("imap and user == \"ann\"", "sessions_user"),
        ("smtp or imap", "sessions_start"),
    ])
    func goesByAnIndex(_ filter: String, _ name: String) throws {
        let (scratch, _, _) = try Self.recorded([])
        let database = try Database(path: scratch.path + "/index.sqlite", .readOnly)
        let condition = SQLCondition(try Expression(filter, for: .session))
        let plan = try database.prepare(
            "EXPLAIN QUERY PLAN SELECT s.row FROM sessions s WHERE s.settled = 1 AND (\(condition.sql)) ORDER BY s.start, s.id"
        )
        for (index, value) in condition.values.enumerated() { plan.bind(Int32(index + 1), value) }
        var lines: [String] = []
        while try plan.step() { lines.append(plan.text(3) ?? "") }
        #expect(lines.contains { $0.contains(name) }, "\(lines)")
    }
}
