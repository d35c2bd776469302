// The violations of POP3 servers; those of clients are in POP3Violations.swift.

extension Violation {
    // MARK: Lines

    package static let pop3ReplyBareLineEnd = Violation(
        "pop3-reply-bare-lf", .server, .error, "RFC 1939 §3", "A reply line ends with LF alone.", example: "S> +OK\\n")
    package static let pop3ReplyBareCR = Violation(
        "pop3-reply-bare-cr", .server, .error, "RFC 1939 §3",
        "A reply line has a CR without LF: a peer that takes it for a line end sees two replies.",
        example: "S> +OK\\r-ERR\\r\\n")
    package static let pop3DataBareLF = Violation(
        "pop3-data-bare-lf", .server, .error, "RFC 1939 §3", "A message has an LF without CR.",
        example: "C: RETR 1\nS: +OK\nS> a\\nb\\r\\n.\\r\\n")
    package static let pop3DataBareCR = Violation(
        "pop3-data-bare-cr", .server, .error, "RFC 1939 §3", "A message has a CR without LF.",
        example: "C: RETR 1\nS: +OK\nS> a\\rb\\r\\n.\\r\\n")
    package static let pop3DotLine = Violation(
        "pop3-dot-line", .server, .attack, "RFC 1939 §3",
        "A message has a lone dot between malformed line ends, which some clients take for the end.",
        example: "C: RETR 1\nS: +OK\nS> a\\n.\\nb\\r\\n.\\r\\n")
    package static let pop3ReplyLength = Violation(
        "pop3-reply-length", .server, .notice, "RFC 1939 §3", "A reply line has more than 512 octets.",
        example: "S: +OK aaa… (more than 512 octets)")
    package static let pop3ReplyTooLong = Violation(
        "pop3-reply-too-long", .server, .error, "RFC 1939 §3", "A reply line is beyond all limits.",
        example: "S: +OK aaa… (more than 24576 octets)")
    package static let pop3EightBitReply = Violation(
        "pop3-8bit-reply", .server, .notice, "RFC 6856 §3.2",
        "The text of a reply is not ASCII, and neither UTF8 nor LANG was accepted.",
        example: "S> +OK gr\\xC3\\xBC\\xC3\\x9Fe\\r\\n")

    // MARK: Greeting and status lines

    package static let pop3BadGreeting = Violation(
        "pop3-bad-greeting", .server, .error, "RFC 1939 §4", "The greeting does not begin with +OK.",
        example: "S: -ERR go away")
    package static let pop3BadTimestamp = Violation(
        "pop3-bad-timestamp", .server, .error, "RFC 1939 §7",
        "The greeting has a < that is not the front of a timestamp in the form of a msg-id.",
        example: "S: +OK ready <1896.697170952>")
    package static let pop3BadReply = Violation(
        "pop3-bad-reply", .server, .error, "RFC 1939 §3", "A reply line does not begin with the word +OK or -ERR.",
        example: "C: NOOP\nS: OK")
    package static let pop3StatusCase = Violation(
        "pop3-status-case", .server, .notice, "RFC 1939 §3", "A status indicator is not in upper case.",
        example: "C: NOOP\nS: +ok")
    package static let pop3UnsolicitedReply = Violation(
        "pop3-unsolicited-reply", .server, .attack, "RFC 1939 §3",
        "A reply came that no command asked for: a client that counts takes it for the answer to its next command.",
        example: "S: +OK ready\nS: +OK again")
    package static let pop3ReplyAfterQuit = Violation(
        "pop3-reply-after-quit", .server, .error, "RFC 1939 §6", "The server went on after it had answered QUIT.",
        example: "C: QUIT\nS: +OK bye\nS: +OK")
    package static let pop3MisplacedAccepted = Violation(
        "pop3-misplaced-accepted", .server, .error, "RFC 1939 §3",
        "The server accepted a command in a state that does not allow it.", example: "S: +OK ready\nC: STAT\nS: +OK 0 0"
    )
    package static let pop3MalformedAccepted = Violation(
        "pop3-malformed-accepted", .server, .error, "RFC 1939 §3", "The server accepted a command that is malformed.",
        example: "C: DELE 1x\nS: +OK")

    // MARK: The maildrop

    package static let pop3BadStat = Violation(
        "pop3-bad-stat", .server, .error, "RFC 1939 §5", "The answer to STAT is not two numbers, parted by one space.",
        example: "C: STAT\nS: +OK 2 messages")
    package static let pop3BadListingLine = Violation(
        "pop3-bad-listing-line", .server, .error, "RFC 1939 §5",
        "A line of a listing is not a message number and a value.", example: "C: LIST\nS: +OK\nS: one 120\nS: .")
    package static let pop3ListingExtra = Violation(
        "pop3-listing-extra", .server, .notice, "RFC 1939 §5",
        "A drop listing or scan listing says more than the numbers, which is strongly discouraged.",
        example: "C: STAT\nS: +OK 2 320 octets")
    package static let pop3OtherNumber = Violation(
        "pop3-other-number", .server, .error, "RFC 1939 §5", "A listing is of another message than was asked for.",
        example: "C: LIST 1\nS: +OK 2 200")
    package static let pop3NumberTwice = Violation(
        "pop3-number-twice", .server, .error, "RFC 1939 §5", "A listing has a message twice.",
        example: "C: LIST\nS: +OK\nS: 1 120\nS: 1 120\nS: .")
    package static let pop3NumberBeyondCount = Violation(
        "pop3-number-beyond-count", .server, .error, "RFC 1939 §4",
        "The server knows a message of a number that is above the number of messages.",
        example: "C: STAT\nS: +OK 1 120\nC: RETR 2\nS: +OK")
    package static let pop3CountChanged = Violation(
        "pop3-count-changed", .server, .error, "RFC 1939 §4",
        "The server counts other messages than before, though the maildrop stands for the session.",
        example: "C: STAT\nS: +OK 1 120\nC: STAT\nS: +OK 2 240")
    package static let pop3MarkedListed = Violation(
        "pop3-marked-listed", .server, .error, "RFC 1939 §5", "A listing has a message that is marked as deleted.",
        example: "C: DELE 1\nS: +OK\nC: LIST\nS: +OK\nS: 1 120\nS: .")
    package static let pop3MarkedAccepted = Violation(
        "pop3-marked-accepted", .server, .error, "RFC 1939 §5",
        "The server accepted a command that names a message that is marked as deleted.",
        example: "C: DELE 1\nS: +OK\nC: RETR 1\nS: +OK")
    package static let pop3SizeDiffers = Violation(
        "pop3-size-differs", .server, .notice, "RFC 1939 §5",
        "RETR gives a message of another size than LIST said.",
        example: "C: LIST 1\nS: +OK 1 120\nC: RETR 1\nS: +OK\nS: Subject: x\nS: .")
    package static let pop3IDLength = Violation(
        "pop3-id-length", .server, .error, "RFC 1939 §7", "A unique-id has more than 70 octets.",
        example: "C: UIDL 1\nS: +OK 1 aaa… (more than 70 octets)")
    package static let pop3IDOctets = Violation(
        "pop3-id-octets", .server, .error, "RFC 1939 §7", "A unique-id has octets other than 0x21 to 0x7E.",
        example: "C: UIDL 1\nS> +OK 1 \\xC3\\xA9\\r\\n")
    package static let pop3IDExtra = Violation(
        "pop3-id-extra", .server, .error, "RFC 1939 §7", "Something follows the unique-id in its listing.",
        example: "C: UIDL 1\nS: +OK 1 abc 120")
    package static let pop3IDTwice = Violation(
        "pop3-id-twice", .server, .notice, "RFC 1939 §7",
        "Two messages have the same unique-id, which only copies of one message may have.",
        example: "C: UIDL\nS: +OK\nS: 1 abc\nS: 2 abc\nS: .")

    // MARK: Capabilities and response codes

    package static let pop3BadCapability = Violation(
        "pop3-bad-capability", .server, .notice, "RFC 2449 §3",
        "A line of CAPA's answer is not a tag and parameters, parted by single spaces.",
        example: "C: CAPA\nS: +OK\nS: SASL  PLAIN\nS: .")
    package static let pop3CapabilityLength = Violation(
        "pop3-capability-length", .server, .error, "RFC 2449 §5",
        "A line of CAPA's answer has more than 512 octets.",
        example: "C: CAPA\nS: +OK\nS: SASL AAA… (more than 512 octets)")
    package static let pop3BadLoginDelay = Violation(
        "pop3-bad-login-delay", .server, .error, "RFC 2449 §6.5", "LOGIN-DELAY is listed without a number of seconds.",
        example: "C: CAPA\nS: +OK\nS: LOGIN-DELAY\nS: .")
    package static let pop3BadExpire = Violation(
        "pop3-bad-expire", .server, .error, "RFC 2449 §6.7", "EXPIRE is listed without a number of days or NEVER.",
        example: "C: CAPA\nS: +OK\nS: EXPIRE soon\nS: .")
    package static let pop3STLSInTransaction = Violation(
        "pop3-stls-in-transaction", .server, .notice, "RFC 2595 §4",
        "CAPA lists STLS after the login, where it is not permitted.",
        example: "C: PASS secret\nS: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .")
    package static let pop3CapabilityWithdrawn = Violation(
        "pop3-capability-withdrawn", .server, .error, "RFC 2449 §5",
        "CAPA does not list after the login what it listed before it.",
        example: "C: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\nC: AUTH PLAIN …\nS: +OK\nC: CAPA\nS: +OK\nS: .")
    package static let pop3ResponseCodeNotOffered = Violation(
        "pop3-response-code-not-offered", .server, .notice, "RFC 2449 §8",
        "A reply has a response code, and CAPA did not list RESP-CODES.",
        example: "C: CAPA\nS: +OK\nS: USER\nS: .\nC: USER alice\nS: -ERR [AUTH] no")
    package static let pop3BadResponseCode = Violation(
        "pop3-bad-response-code", .server, .error, "RFC 2449 §6.4",
        "The text of a reply begins with a bracket and is no response code, though CAPA lists RESP-CODES.",
        example: "C: CAPA\nS: +OK\nS: RESP-CODES\nS: .\nC: USER alice\nS: -ERR [what")
    package static let pop3MisplacedResponseCode = Violation(
        "pop3-misplaced-response-code", .server, .error, "RFC 2449 §8.1",
        "A response code stands in a reply in which it has no meaning.",
        example: "C: CAPA\nS: +OK\nS: RESP-CODES\nS: .\nC: PASS secret\nS: +OK [IN-USE]")
    package static let pop3BadLangReply = Violation(
        "pop3-bad-lang-reply", .server, .error, "RFC 6856 §3.2",
        "The answer to LANG does not begin with the language tag and a space.", example: "C: LANG es\nS: +OK")
    package static let pop3BadLanguageListing = Violation(
        "pop3-bad-language-listing", .server, .error, "RFC 6856 §3.2",
        "A line of a language listing does not begin with a language tag.",
        example: "C: LANG\nS: +OK\nS: (none)\nS: .")

    // MARK: AUTH and STLS

    package static let pop3UnexpectedChallenge = Violation(
        "pop3-unexpected-challenge", .server, .error, "RFC 5034 §4", "A challenge came where no AUTH is under way.",
        example: "C: NOOP\nS: + abcd")
    package static let pop3ChallengeForm = Violation(
        "pop3-challenge-form", .server, .notice, "RFC 5034 §4", "An empty challenge lacks the space behind its +.",
        example: "C: AUTH PLAIN\nS: +")
    package static let pop3CancelIgnored = Violation(
        "pop3-cancel-ignored", .server, .error, "RFC 5034 §4", "The client gave AUTH up, and the server accepted it.",
        example: "C: AUTH PLAIN\nS> + \\r\\n\nC: *\nS: +OK")
    package static let pop3AuthWithoutExchange = Violation(
        "pop3-auth-without-exchange", .server, .error, "RFC 5034 §4",
        "The server accepted AUTH though the client had shown nothing.", example: "C: AUTH PLAIN\nS: +OK")
    package static let pop3STLSReplyInjection = Violation(
        "pop3-stls-reply-injection", .server, .attack, "RFC 2595 §4",
        "The server sent octets in clear behind its answer to STLS.", example: "C: STLS\nS> +OK\\r\\n+OK fake\\r\\n")

    static let pop3OfServers: [Violation] = [
        pop3ReplyBareLineEnd, pop3ReplyBareCR, pop3DataBareLF, pop3DataBareCR, pop3DotLine, pop3ReplyLength,
        pop3ReplyTooLong, pop3EightBitReply, pop3BadGreeting, pop3BadTimestamp, pop3BadReply, pop3StatusCase,
        pop3UnsolicitedReply, pop3ReplyAfterQuit, pop3MisplacedAccepted, pop3MalformedAccepted, pop3BadStat,
        pop3BadListingLine, pop3ListingExtra, pop3OtherNumber, pop3NumberTwice, pop3NumberBeyondCount, pop3CountChanged,
        pop3MarkedListed, pop3MarkedAccepted, pop3SizeDiffers, pop3IDLength, pop3IDOctets, pop3IDExtra, pop3IDTwice,
        pop3BadCapability,
        pop3CapabilityLength, pop3BadLoginDelay, pop3BadExpire, pop3STLSInTransaction, pop3CapabilityWithdrawn,
        pop3ResponseCodeNotOffered, pop3BadResponseCode, pop3MisplacedResponseCode, pop3BadLangReply,
        pop3BadLanguageListing, pop3UnexpectedChallenge, pop3ChallengeForm, pop3CancelIgnored, pop3AuthWithoutExchange,
        pop3STLSReplyInjection,
    ]
}
