// Whatever servers and clients say: nothing traps, what is believed hangs together, and no way of splitting the octets changes it.

import MailDialogue
import MailRecording
import Testing

/// Lines that a seed makes: those of real sessions with numbers, names and orders that no session has.
private struct LineMaker {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493 }

    private mutating func roll(_ count: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(count))
    }

    private mutating func pick(_ words: [String]) -> String { words[roll(words.count)] }

    private mutating func number() -> String {
        pick(["0", "1", "2", "3", "4", "7", "19", "4294967295", "99999999999", "*"])
    }

    private mutating func set() -> String {
        pick([number(), "\(number()):\(number())", "\(number()),\(number())", "1:*", "$"])
    }

    private mutating func name() -> String {
        pick(["INBOX", "inbox", "A", "\"A/B\"", "&U,BTFw-", "Sent", "\"\"", "A/"])
    }

    private mutating func flags() -> String {
        pick(["()", "(\\Seen)", "(\\Deleted X)", "(\\Recent)", "(", "NIL", "(\\Seen \\Deleted $A)"])
    }

    mutating func client(_ tag: Int) -> String {
        "t\(tag) "
            + pick([
                "SELECT \(name())", "EXAMINE \(name())", "CLOSE", "UNSELECT", "LIST \"\" *", "LSUB \"\" \"*\"",
                "CREATE \(name())",
                "DELETE \(name())", "RENAME \(name()) \(name())", "STORE \(set()) +FLAGS.SILENT \(flags())",
                "UID STORE \(set()) FLAGS.SILENT \(flags())", "STORE \(set()) -FLAGS.SILENT \(flags())",
                "COPY \(set()) \(name())",
                "UID MOVE \(set()) \(name())", "UID SEARCH ALL", "UID SEARCH UNSEEN", "EXPUNGE", "NOOP",
                "FETCH \(set()) FLAGS",
                "SUBSCRIBE \(name())", "STATUS \(name()) (MESSAGES)", "APPEND \(name()) \(flags()) {3+}\r\nabc", "IDLE",
                "UID SEARCH RETURN (ALL) ALL",
            ])
    }

    mutating func server(_ tag: Int) -> String {
        let code = pick([
            "", "[UIDVALIDITY \(number())] ", "[COPYUID 1 \(set()) \(set())] ", "[APPENDUID 2 \(set())] ", "[CLOSED] ",
            "[READ-ONLY] ",
            "[MODIFIED \(set())] ", "[UIDNEXT \(number())] ",
        ])
        return pick([
            "* \(number()) EXISTS", "* \(number()) EXPUNGE", "* \(number()) FETCH (UID \(number()) FLAGS \(flags()))",
            "* \(number()) FETCH (FLAGS \(flags()) RFC822.SIZE \(number()))",
            "* \(number()) FETCH (BODY[] {3}\r\nabc UID \(number()))",
            "* VANISHED \(set())", "* VANISHED (EARLIER) \(set())", "* LIST \(flags()) \"/\" \(name())",
            "* LSUB () \"/\" \(name())",
            "* STATUS \(name()) (MESSAGES \(number()) UIDVALIDITY \(number()))", "* SEARCH \(number()) \(number())",
            "* ESEARCH (TAG \"t\(tag)\") UID ALL \(set())", "* OK \(code)x", "t\(tag) OK \(code)x",
            "t\(tag) OK \(code)x", "t\(tag) OK x",
            "t\(tag) NO x", "+ go", "* BYE",
        ])
    }
}

@Suite struct BeliefInputTests {
    @Test(arguments: 0..<16) func nothingTrapsAndAllHangsTogether(seed: Int) {
        var maker = LineMaker(UInt64(seed))
        var client = Believer()
        client.begin("one", exists: 3)
        client.begin("two", exists: 5)
        for tag in 0..<400 {
            let session = tag % 3 == 0 ? "two" : "one"
            client.play(session, ["C: " + maker.client(tag)])
            for _ in 0..<3 { client.play(session, ["S: " + maker.server(tag)]) }
            if tag == 200 { client.lose("one", .server) }
        }
        for folder in client.pictures().flatMap(\.folders) {
            let uids = folder.messages.map(\.message.uid).filter { $0 != 0 }
            #expect(Set(uids).count == uids.count)
            #expect(folder.folder.known == folder.messages.count)
            #expect(folder.unknown >= 0)
        }
    }

    @Test func splittingChangesNothing() {
        var maker = LineMaker(7)
        var turns: [(Side, [UInt8])] = []
        for tag in 0..<120 {
            turns.append((.client, Array((maker.client(tag) + "\r\n").utf8)))
            for _ in 0..<3 { turns.append((.server, Array((maker.server(tag) + "\r\n").utf8))) }
        }
        func lines(_ size: Int) -> [String] {
            var client = Believer()
            client.begin("s", exists: 3)
            for (side, octets) in turns {
                let moment = client.time
                for start in stride(from: 0, to: octets.count, by: size) {
                    client.time = moment
                    client.say("s", side, Array(octets[start..<min(start + size, octets.count)]))
                }
            }
            var lines: [String] = []
            for picture in client.pictures() { MailboxRendering.lines(picture, at: 0) { lines.append($0) } }
            return lines
        }
        let whole = lines(.max / 2)
        let isSame = lines(1) == whole && lines(3) == whole
        #expect(isSame)
        #expect(whole.count > 3)
    }

    @Test(arguments: 0..<10) func maildropsTrapNeither(seed: Int) {
        var maker = LineMaker(UInt64(seed) &+ 1000)
        var client = Believer()
        client.open("p", .pop3)
        client.play("p", ["S: +OK", "C: USER you", "S: +OK", "C: PASS x", "S: +OK"])
        let verbs = [
            "STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 2", "RSET", "LIST 3", "UIDL 99999999999", "QUIT", "XYZ",
        ]
        let answers = ["+OK", "+OK 3 99", "-ERR", "1 100", "2 bbb", "x", ".", "+OK 2 zzz", "4294967296 1", ""]
        for _ in 0..<300 {
            let dice = maker.server(0).utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF }
            client.play("p", ["C: " + verbs[dice % verbs.count]])
            client.play("p", ["S: " + answers[dice / 7 % answers.count], "S: " + answers[dice / 77 % answers.count]])
        }
        for folder in client.pictures().flatMap(\.folders) { #expect(folder.folder.known == folder.messages.count) }
    }
}
