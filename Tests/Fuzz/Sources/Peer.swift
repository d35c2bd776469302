// The other side of a fuzzed one. It reads the notes of what the fuzzed side sent and answers them: mostly as a good peer
// would, so that the dialogue gets far, at times as a refusing, broken or hostile one.

import MailDialogue

/// A client or server that answers.
struct Peer {
    private let proto: MailProtocol
    private let side: Side
    private var numbers: SeededNumbers
    /// Notes that were answered.
    private var answered = 0
    /// Recipients of the transaction, for LMTP.
    private var recipients = 0
    /// The command to which content or responses belong.
    private var verb = ""
    private var tag = ""
    /// Commands that a client has sent.
    private var sent = 0

    /// Parts of the passwords that a client sends, in clear and in base64.
    static let secrets = ["secretsecretsecret", "BzZWNyZXRzZWNyZXQ="].map { Array($0.utf8) }

    init(_ proto: MailProtocol, side: Side, numbers: SeededNumbers) {
        self.proto = proto
        self.side = side
        self.numbers = numbers
    }

    /// What the peer says first.
    mutating func opening() -> [UInt8] {
        guard side == .server else { return numbers.oneIn(8) ? command() : [] }
        switch proto {
        case .smtp, .lmtp: return line(numbers.pick("220 mx.example.com", "220-a\r\n220 b", "554 no", "220"))
        case .pop3: return line(numbers.pick("+OK ready", "+OK ready <1.2@example.com>", "-ERR busy"))
        case .imap:
            return line(
                numbers.pick(
                    "* OK ready", "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ IDLE] ready", "* PREAUTH ready", "* BYE")
            )
        }
    }

    /// What the peer says to notes that it has not answered yet. Empty when it waits.
    /// - Parameter isHeld: octets of the other side wait for this one.
    mutating func answer(_ notes: [Note], isHeld: Bool) -> [UInt8] {
        var answer: [UInt8] = []
        for note in notes[answered...] where note.side != side {
            answer += side == .server ? reply(to: note) : command(after: note)
        }
        answered = notes.count
        if answer.isEmpty, isHeld, numbers.oneIn(2) { answer = side == .server ? complete() : command() }
        return answer
    }

    private func line(_ text: String) -> [UInt8] { Array(text.utf8) + [13, 10] }

    // MARK: - The server

    private mutating func reply(to note: Note) -> [UInt8] {
        switch note.element {
        case .command(let command):
            verb = command.verb
            tag = command.tag
            if proto == .imap, !command.isComplete { return numbers.oneIn(8) ? complete() : line("+ go on") }
            return waitsForContent ? [] : replyOrOddity()
        case .commandPart(let complete):
            if !complete { return numbers.oneIn(8) ? self.complete() : line("+ go on") }
            return replyOrOddity()
        case .response: return numbers.oneIn(3) ? challenge() : complete()
        case .done: return complete()
        case .contentEnd:
            if proto == .imap { return [] }
            let count = proto == .lmtp ? max(recipients, 1) : 1
            if !waitsForContent || proto == .smtp { recipients = 0 }
            return (0..<min(count, 20)).flatMap { _ in replyOrOddity() }
        case .unknown, .unplaced, .incomplete: return complete()
        case .greeting, .reply, .data, .dataPart, .goAhead, .challenge, .contentBegin, .content, .opaque, .gap:
            return []
        }
    }

    private var waitsForContent: Bool { verb == "BDAT" }

    private mutating func challenge() -> [UInt8] {
        let text = numbers.pick("", "VXNlcm5hbWU6", "cj1hYmMscz1hYmM9LGk9NDA5Ng==", "=", "not base64", "dj1hYmM=")
        return line(proto == .smtp || proto == .lmtp ? "334 " + text : "+ " + text)
    }

    private mutating func replyOrOddity() -> [UInt8] {
        switch Int.random(in: 0..<40, using: &numbers) {
        case 0: return []
        case 1: return good() + good()
        case 2: return line("what?")
        case 3: return Array(good().dropLast(2)) + [10]
        case 4: return line(proto == .imap ? "* BYE" : proto == .pop3 ? "-ERR [SYS/TEMP] later" : "421 later")
        case 5, 6, 7: return refusal()
        default: return good()
        }
    }

    private mutating func refusal() -> [UInt8] {
        switch proto {
        case .smtp, .lmtp: line(numbers.pick("500 no", "550 5.1.1 no", "450 later", "503-no\r\n503 no", "535 no"))
        case .pop3: line(numbers.pick("-ERR", "-ERR [AUTH] no", "-ERR [IN-USE] later"))
        case .imap: line(tag + numbers.pick(" NO no", " BAD no", " NO [TRYCREATE] no", " BAD"))
        }
    }

    /// Ends the command that is open, whatever it is.
    private mutating func complete() -> [UInt8] {
        switch proto {
        case .smtp, .lmtp: line(numbers.pick("250 ok", "235 ok", "354 go", "500 no", "220 go", "334 "))
        case .pop3: line(numbers.pick("+OK", "-ERR", "+ ", "."))
        case .imap: line(numbers.pick(tag + " OK done", tag + " NO no", "+ ", "* OK", tag + " BAD"))
        }
    }

    private mutating func good() -> [UInt8] {
        switch proto {
        case .smtp, .lmtp: goodSMTP()
        case .pop3: goodPOP3()
        case .imap: goodIMAP()
        }
    }

    private mutating func goodSMTP() -> [UInt8] {
        switch verb {
        case "EHLO", "LHLO":
            recipients = 0
            return line(
                numbers.pick(
                    "250-mx.example.com\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-STARTTLS\r\n"
                        + "250-AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 XOAUTH2\r\n250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 1000000",
                    "250 mx.example.com",
                    "250-mx\r\n250-XCLIENT NAME ADDR\r\n250-ENHANCEDSTATUSCODES\r\n250 LIMITS RCPTMAX=5"))
        case "RCPT":
            recipients += 1
            return line("250 2.1.5 ok")
        case "DATA": return line("354 go on")
        case "AUTH": return numbers.oneIn(3) ? line("235 2.7.0 ok") : challenge()
        case "STARTTLS": return line("220 go on")
        case "QUIT": return line("221 bye")
        case "XCLIENT": return line("220 mx.example.com")
        case "RSET":
            recipients = 0
            return line("250 ok")
        default: return line(numbers.pick("250 ok", "250-a\r\n250 b", "252 maybe", "250 2.0.0 ok", "251 forwards"))
        }
    }

    private mutating func goodPOP3() -> [UInt8] {
        switch verb {
        case "CAPA": line("+OK\r\nTOP\r\nUIDL\r\nSTLS\r\nPIPELINING\r\nSASL PLAIN CRAM-MD5\r\nRESP-CODES\r\n.")
        case "LIST", "UIDL", "LANG":
            line(numbers.pick("+OK\r\n1 120\r\n2 200\r\n.", "+OK 1 120", "+OK\r\n."))
        case "RETR", "TOP": line("+OK\r\nSubject: x\r\n\r\n..a\r\n\r\n.")
        case "AUTH": numbers.oneIn(4) ? line("+OK\r\nPLAIN\r\n.") : challenge()
        case "STAT": line("+OK 2 320")
        default: line(numbers.pick("+OK", "+OK done"))
        }
    }

    private mutating func goodIMAP() -> [UInt8] {
        let ok = tag + " OK done"
        switch verb {
        case "CAPABILITY":
            return line(
                "* CAPABILITY IMAP4rev1 IDLE LITERAL+ COMPRESS=DEFLATE UIDPLUS CONDSTORE QRESYNC ENABLE\r\n" + ok)
        case "SELECT", "EXAMINE":
            return line(
                "* 3 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 9] x\r\n"
                    + "* OK [HIGHESTMODSEQ 7] x\r\n" + tag + " OK [READ-WRITE] done")
        case "FETCH", "UID FETCH":
            return line(
                numbers.pick(
                    "* 1 FETCH (UID 4 FLAGS (\\Seen) RFC822.SIZE 5 BODY[] {5}\r\nhello)",
                    "* 2 FETCH (UID 7 MODSEQ (9))", "* 3 EXPUNGE", "* 1 FETCH (BODY[1]<0> {0}\r\n BODY[2] \"x\")",
                    "* 1 FETCH (ENVELOPE (\"d\" {1}\r\ns NIL NIL NIL NIL NIL NIL NIL \"<m>\"))") + "\r\n" + ok)
        case "AUTHENTICATE": return numbers.oneIn(3) ? line(ok) : challenge()
        case "IDLE": return line("+ idling" + numbers.pick("", "\r\n* 4 EXISTS", "\r\n* 1 EXPUNGE"))
        case "LIST", "LSUB": return line("* LIST (\\HasNoChildren) \"/\" {5}\r\nINBOX\r\n" + ok)
        case "SEARCH", "UID SEARCH":
            return line(numbers.pick("* SEARCH 1 2 3", "* ESEARCH (TAG \"a\") ALL 1:3") + "\r\n" + ok)
        case "LOGOUT": return line("* BYE\r\n" + ok)
        case "ENABLE": return line("* ENABLED CONDSTORE QRESYNC UTF8=ACCEPT\r\n" + ok)
        default: return line(ok)
        }
    }

    // MARK: - The client

    /// What a client sends once something of the server was understood.
    private mutating func command(after note: Note) -> [UInt8] {
        switch note.element {
        case .greeting(let reply): return reply.isLast ? command() : []
        case .reply(let reply):
            if !reply.isLast { return [] }
            return numbers.oneIn(6) ? command() + command() : command()
        case .goAhead:
            switch verb {
            case "IDLE": return numbers.oneIn(3) ? line("DONE") : []
            case "APPEND": return Array("hello".utf8) + (numbers.oneIn(8) ? [] : [13, 10])
            case "DATA":
                return line(numbers.pick("Subject: x\r\n\r\n..a\r\n.", ".", "a\r\n.\nb\r\n.", "\r\n.\r\r\n."))
            default: return Array("hello".utf8) + [13, 10]
            }
        case .challenge:
            return line(numbers.pick("AGFubgBzZWNyZXRzZWNyZXQ=", "YW5u", "*", "", "bixhPWFubixuPWFubixyPWFiYw==", "x"))
        case .data, .dataPart, .unknown, .unplaced, .contentEnd: return numbers.oneIn(16) ? command() : []
        case .command, .commandPart, .response, .done, .contentBegin, .content, .opaque, .incomplete, .gap: return []
        }
    }

    private mutating func command() -> [UInt8] {
        sent += 1
        guard sent < 200 else { return [] }
        switch proto {
        case .smtp, .lmtp: return smtpCommand()
        case .pop3: return pop3Command()
        case .imap: return imapCommand()
        }
    }

    private mutating func smtpCommand() -> [UInt8] {
        let hello = proto == .lmtp ? "LHLO" : "EHLO"
        let text: String
        switch sent {
        case 1: text = hello + " client.example.com"
        case 2: text = numbers.pick("MAIL FROM:<a@example.com>", "AUTH PLAIN", "AUTH LOGIN", "STARTTLS")
        default:
            text = numbers.pick(
                "MAIL FROM:<a@example.com> SIZE=100 BODY=8BITMIME", "RCPT TO:<b@example.org>",
                "RCPT TO:<c@example.org>",
                "DATA", "DATA", "BDAT 5 LAST\r\nhello", "BDAT 3\r\nabc", "RSET", "NOOP", "VRFY x", hello + " again",
                "AUTH PLAIN AGFubgBzZWNyZXRzZWNyZXQ=", "AUTH CRAM-MD5", "STARTTLS", "QUIT", "XCLIENT ADDR=192.0.2.1",
                "MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA")
        }
        verb = String(text.split { $0 == " " || $0.isNewline }.last { $0.allSatisfy(\.isUppercase) } ?? "")
        return line(text)
    }

    private mutating func pop3Command() -> [UInt8] {
        line(
            numbers.pick(
                "USER ann", "PASS secretsecretsecret", "CAPA", "STAT", "LIST", "LIST 1", "UIDL", "UIDL 2", "RETR 1",
                "TOP 1 5", "DELE 1", "NOOP", "RSET", "STLS", "AUTH PLAIN", "AUTH LOGIN", "AUTH CRAM-MD5", "AUTH",
                "QUIT", "LANG", "LANG en", "UTF8", "APOP ann c4c9334bac560ecc979e58001b3e22fb"))
    }

    private mutating func imapCommand() -> [UInt8] {
        let text = numbers.pick(
            "LOGIN ann secretsecretsecret", "SELECT INBOX", "EXAMINE \"x\"", "FETCH 1:* (FLAGS UID)",
            "UID FETCH 1:* (BODY[] ENVELOPE)", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "NOOP", "IDLE",
            "APPEND INBOX {5}", "APPEND INBOX {5+}\r\nhello", "AUTHENTICATE PLAIN", "AUTHENTICATE LOGIN", "SEARCH ALL",
            "LIST \"\" *",
            "CAPABILITY", "ENABLE QRESYNC CONDSTORE", "CLOSE", "LOGOUT", "STARTTLS", "COMPRESS DEFLATE",
            "STATUS x (UIDNEXT)",
            "SELECT x (QRESYNC (1 7 1:9))", "UID SEARCH RETURN (ALL) 1:*", "UNAUTHENTICATE", "LOGIN {3}", "NOTIFY NONE",
            "GETQUOTAROOT INBOX", "MOVE 1 x", "UNSELECT")
        verb = String(text.prefix { $0 != " " })
        return line("a\(numbers.oneIn(8) ? sent &- 1 : sent) " + text)
    }
}
