// The violations of POP3 clients; those of servers are in POP3Violations+Server.swift.

extension Violation {
    // MARK: Lines

    package static let pop3BareLineEnd = Violation(
        "pop3-bare-lf", .client, .error, "RFC 1939 §3", "A command line ends with LF alone.", example: "C> NOOP\\n")
    package static let pop3BareCR = Violation(
        "pop3-bare-cr", .client, .error, "RFC 1939 §3",
        "A command line has a CR without LF: a peer that takes it for a line end sees two commands.",
        example: "C> NOOP\\rDELE 1\\r\\n")
    package static let pop3Control = Violation(
        "pop3-control", .client, .error, "RFC 1939 §3", "A command line has a control character.",
        example: "C> USER ali\\0ce\\r\\n")
    package static let pop3Spacing = Violation(
        "pop3-spacing", .client, .notice, "RFC 1939 §3",
        "A command and its arguments are not parted by single spaces.", example: "C: RETR  1")
    package static let pop3EightBitCommand = Violation(
        "pop3-8bit-command", .client, .notice, "RFC 1939 §3",
        "A command has octets that are not ASCII, and UTF8 was not given.", example: "C> XNAME \\xC3\\xA9\\r\\n")
    package static let pop3CommandLength = Violation(
        "pop3-command-length", .client, .notice, "RFC 2449 §4", "A command line has more than 255 octets.",
        example: "C: USER aaa… (more than 255 octets)")
    package static let pop3AuthLength = Violation(
        "pop3-auth-length", .client, .error, "RFC 5034 §4",
        "An AUTH line with an initial response has more than 255 octets.",
        example: "C: AUTH PLAIN AAA… (more than 255 octets)")
    package static let pop3LineTooLong = Violation(
        "pop3-line-too-long", .client, .error, "RFC 2449 §4", "A command line is beyond all limits.",
        example: "C: NOOP aaa… (more than 24576 octets)")

    // MARK: Commands

    package static let pop3EarlyTalker = Violation(
        "pop3-early-talker", .client, .error, "RFC 1939 §3", "The client spoke before the greeting.",
        example: "C: USER alice\nS: +OK ready")
    package static let pop3UnknownCommand = Violation(
        "pop3-unknown-command", .client, .notice, "RFC 1939 §3", "The verb is not known.", example: "C: HELO x")
    package static let pop3HTTPRequest = Violation(
        "pop3-http-request", .client, .attack, "RFC 1939 §3",
        "A request of HTTP came as a command: a browser is made to speak to this port.",
        example: "C: POST / HTTP/1.1")
    package static let pop3MissingArgument = Violation(
        "pop3-missing-argument", .client, .error, "RFC 1939 §9", "A command lacks an argument that it must have.",
        example: "C: TOP 1")
    package static let pop3SurplusArgument = Violation(
        "pop3-surplus-argument", .client, .error, "RFC 1939 §9", "A command has more arguments than it takes.",
        example: "C: STAT 1")
    package static let pop3BadNumber = Violation(
        "pop3-bad-number", .client, .error, "RFC 1939 §5", "An argument that must be a number is none.",
        example: "C: RETR 1x")
    package static let pop3ZeroNumber = Violation(
        "pop3-zero-number", .client, .error, "RFC 1939 §4", "A message number is 0, though the first message is 1.",
        example: "C: RETR 0")
    package static let pop3BadLanguageRange = Violation(
        "pop3-bad-language-range", .client, .error, "RFC 6856 §3.2", "The argument of LANG is no language range.",
        example: "C: LANG en_US")
    package static let pop3TooManyOutstanding = Violation(
        "pop3-too-many-outstanding", .client, .error, "RFC 2449 §6.6", "Too many commands await their replies.",
        example: "C: NOOP\nC: NOOP\nC: … (more than 10000 without a reply)")

    // MARK: States

    package static let pop3WrongState = Violation(
        "pop3-wrong-state", .client, .error, "RFC 1939 §3", "A command was given in a state that does not allow it.",
        example: "S: +OK ready\nC: STAT")
    package static let pop3CommandAfterQuit = Violation(
        "pop3-command-after-quit", .client, .error, "RFC 1939 §6",
        "A command came behind QUIT, which ends the session.",
        example: "C: QUIT\nC: DELE 1")
    package static let pop3MarkedNumber = Violation(
        "pop3-marked-number", .client, .error, "RFC 1939 §5", "A command names a message that is marked as deleted.",
        example: "C: DELE 1\nS: +OK\nC: RETR 1")
    package static let pop3PassBeforeUser = Violation(
        "pop3-pass-before-user", .client, .error, "RFC 1939 §7", "PASS does not follow USER.",
        example: "C: PASS secret")
    package static let pop3PassAfterRefusal = Violation(
        "pop3-pass-after-refusal", .client, .error, "RFC 1939 §7", "PASS follows a USER that was refused.",
        example: "C: USER alice\nS: -ERR no\nC: PASS secret")
    package static let pop3STLSAfterUTF8 = Violation(
        "pop3-stls-after-utf8", .client, .error, "RFC 6856 §2.1", "STLS was given after UTF8.",
        example: "C: UTF8\nS: +OK\nC: STLS")
    package static let pop3STLSInjection = Violation(
        "pop3-stls-injection", .client, .attack, "RFC 2595 §4",
        "The client sent octets in clear behind STLS, before it was answered.",
        example: "C> STLS\\r\\nCAPA\\r\\n\nS: +OK")

    // MARK: Logins

    package static let pop3APOPWithoutTimestamp = Violation(
        "pop3-apop-without-timestamp", .client, .error, "RFC 1939 §7",
        "APOP is used though the greeting had no timestamp.",
        example: "S: +OK ready\nC: APOP alice 0123456789abcdef0123456789abcdef")
    package static let pop3BadDigest = Violation(
        "pop3-bad-digest", .client, .error, "RFC 1939 §7",
        "The digest of APOP is not 32 hexadecimal digits in lower case.",
        example: "C: APOP alice 0123456789ABCDEF0123456789ABCDEF")
    package static let pop3EightBitLogin = Violation(
        "pop3-8bit-login", .client, .error, "RFC 6856 §2.2",
        "A name or password is not ASCII, and the server did not offer UTF8 USER.",
        example: "C> USER \\xC3\\xA9va\\r\\n")
    package static let pop3AuthWithoutMechanism = Violation(
        "pop3-auth-without-mechanism", .client, .notice, "RFC 5034 §4",
        "AUTH names no mechanism, as clients did before CAPA.", example: "C: AUTH")

    package static let pop3AuthHaste = Violation(
        "pop3-auth-haste", .client, .error, "RFC 5034 §4",
        "A line came behind AUTH or a response before the server had answered it.",
        example: "C: AUTH PLAIN\nC: AGFsaWNlAHNlY3JldA==\nS> + \\r\\n")

    // MARK: What was not offered

    package static let pop3PipeliningNotOffered = Violation(
        "pop3-pipelining-not-offered", .client, .error, "RFC 2449 §6.6",
        "A command came before the one before it was answered, and CAPA did not list PIPELINING.",
        example: "C: NOOP\nC: NOOP")
    package static let pop3TopNotOffered = Violation(
        "pop3-top-not-offered", .client, .notice, "RFC 2449 §6.1", "TOP was given, and CAPA did not list it.",
        example: "C: TOP 1 0")
    package static let pop3UIDLNotOffered = Violation(
        "pop3-uidl-not-offered", .client, .notice, "RFC 2449 §6.8", "UIDL was given, and CAPA did not list it.",
        example: "C: UIDL")
    package static let pop3UserNotOffered = Violation(
        "pop3-user-not-offered", .client, .error, "RFC 2449 §6.2",
        "USER was given, and CAPA did not list it: the password that follows goes where it is not wanted.",
        example: "C: USER alice")
    package static let pop3AuthNotOffered = Violation(
        "pop3-auth-not-offered", .client, .notice, "RFC 5034 §3", "AUTH was given, and CAPA did not list SASL.",
        example: "C: AUTH PLAIN")
    package static let pop3InitialResponseNotOffered = Violation(
        "pop3-initial-response-not-offered", .client, .error, "RFC 5034 §3",
        "AUTH has an initial response, and CAPA did not list SASL.", example: "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==")
    package static let pop3MechanismNotOffered = Violation(
        "pop3-mechanism-not-offered", .client, .notice, "RFC 2449 §6.3",
        "AUTH names a mechanism that CAPA did not list behind SASL.", example: "C: AUTH LOGIN")
    package static let pop3STLSNotOffered = Violation(
        "pop3-stls-not-offered", .client, .notice, "RFC 2595 §4", "STLS was given, and CAPA did not list it.",
        example: "C: STLS")
    package static let pop3UTF8NotOffered = Violation(
        "pop3-utf8-not-offered", .client, .notice, "RFC 6856 §2", "UTF8 was given, and CAPA did not list it.",
        example: "C: UTF8")
    package static let pop3LangNotOffered = Violation(
        "pop3-lang-not-offered", .client, .notice, "RFC 6856 §3.1", "LANG was given, and CAPA did not list it.",
        example: "C: LANG")

    /// All violations of POP3.
    package static let pop3: [Violation] = pop3OfClients + pop3OfServers

    private static let pop3OfClients: [Violation] = [
        pop3BareLineEnd, pop3BareCR, pop3Control, pop3Spacing, pop3EightBitCommand, pop3CommandLength, pop3AuthLength,
        pop3LineTooLong, pop3EarlyTalker, pop3UnknownCommand, pop3HTTPRequest, pop3MissingArgument, pop3SurplusArgument,
        pop3BadNumber, pop3ZeroNumber, pop3BadLanguageRange, pop3TooManyOutstanding, pop3WrongState,
        pop3CommandAfterQuit, pop3MarkedNumber, pop3PassBeforeUser, pop3PassAfterRefusal, pop3STLSAfterUTF8,
        pop3STLSInjection, pop3APOPWithoutTimestamp, pop3BadDigest, pop3EightBitLogin, pop3AuthWithoutMechanism,
        pop3AuthHaste,
        pop3PipeliningNotOffered, pop3TopNotOffered, pop3UIDLNotOffered, pop3UserNotOffered, pop3AuthNotOffered,
        pop3InitialResponseNotOffered, pop3MechanismNotOffered, pop3STLSNotOffered, pop3UTF8NotOffered,
        pop3LangNotOffered,
    ]
}
