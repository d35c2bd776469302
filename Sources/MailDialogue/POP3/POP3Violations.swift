// The violations of POP3.

extension Violation {
    package static let pop3BareLineEnd = Violation(
        "pop3-bare-lf", .client, .error, "RFC 1939 §3", "A command line ends with LF alone.")
    package static let pop3ReplyBareLineEnd = Violation(
        "pop3-reply-bare-lf", .server, .error, "RFC 1939 §3", "A reply line ends with LF alone.")
    package static let pop3DataBareLF = Violation(
        "pop3-data-bare-lf", .server, .error, "RFC 1939 §3", "A message has an LF without CR.")
    package static let pop3DataBareCR = Violation(
        "pop3-data-bare-cr", .server, .error, "RFC 1939 §3", "A message has a CR without LF.")
    package static let pop3DotLine = Violation(
        "pop3-dot-line", .server, .attack, "RFC 1939 §3",
        "A message has a lone dot between malformed line ends, which some clients take for the end.")
    package static let pop3EarlyTalker = Violation(
        "pop3-early-talker", .client, .error, "RFC 1939 §3", "The client spoke before the greeting.")
    package static let pop3UnknownCommand = Violation(
        "pop3-unknown-command", .client, .notice, "RFC 1939 §3", "The verb is not known.")
    package static let pop3MissingArgument = Violation(
        "pop3-missing-argument", .client, .error, "RFC 1939 §9", "A command lacks an argument that it must have.")
    package static let pop3BadNumber = Violation(
        "pop3-bad-number", .client, .error, "RFC 1939 §5", "An argument that must be a number is none.")
    package static let pop3PassBeforeUser = Violation(
        "pop3-pass-before-user", .client, .error, "RFC 1939 §7", "PASS does not follow USER.")
    package static let pop3APOPWithoutTimestamp = Violation(
        "pop3-apop-without-timestamp", .client, .error, "RFC 1939 §7",
        "APOP is used though the greeting had no timestamp.")
    package static let pop3BadGreeting = Violation(
        "pop3-bad-greeting", .server, .error, "RFC 1939 §4", "The greeting does not begin with +OK.")
    package static let pop3BadReply = Violation(
        "pop3-bad-reply", .server, .error, "RFC 1939 §3", "A reply line does not begin with the word +OK or -ERR.")
    package static let pop3StatusCase = Violation(
        "pop3-status-case", .server, .notice, "RFC 1939 §3", "A status indicator is not in upper case.")
    package static let pop3UnsolicitedReply = Violation(
        "pop3-unsolicited-reply", .server, .attack, "RFC 1939 §3",
        "A reply came that no command asked for: a client that counts takes it for the answer to its next command.")
    package static let pop3UnexpectedChallenge = Violation(
        "pop3-unexpected-challenge", .server, .error, "RFC 5034 §4", "A challenge came where no AUTH is under way.")
    package static let pop3BadListingLine = Violation(
        "pop3-bad-listing-line", .server, .error, "RFC 1939 §5",
        "A line of a listing is not a message number and a value.")
    package static let pop3STLSInjection = Violation(
        "pop3-stls-injection", .client, .attack, "RFC 2595 §4",
        "The client sent octets in clear behind STLS, before it was answered.")
    package static let pop3STLSReplyInjection = Violation(
        "pop3-stls-reply-injection", .server, .attack, "RFC 2595 §4",
        "The server sent octets in clear behind its answer to STLS.")
    package static let pop3CommandLength = Violation(
        "pop3-command-length", .client, .notice, "RFC 2449 §4", "A command line has more than 255 octets.")
    package static let pop3ReplyLength = Violation(
        "pop3-reply-length", .server, .notice, "RFC 1939 §3", "A reply line has more than 512 octets.")
    package static let pop3LineTooLong = Violation(
        "pop3-line-too-long", .client, .error, "RFC 2449 §4", "A command line is beyond all limits.")
    package static let pop3ReplyTooLong = Violation(
        "pop3-reply-too-long", .server, .error, "RFC 1939 §3", "A reply line is beyond all limits.")
    package static let pop3TooManyOutstanding = Violation(
        "pop3-too-many-outstanding", .client, .error, "RFC 2449 §6.6", "Too many commands await their replies.")

    /// All violations of POP3.
    package static let pop3: [Violation] = [
        pop3BareLineEnd, pop3ReplyBareLineEnd, pop3DataBareLF, pop3DataBareCR, pop3DotLine, pop3EarlyTalker,
        pop3UnknownCommand, pop3MissingArgument, pop3BadNumber, pop3PassBeforeUser, pop3APOPWithoutTimestamp,
        pop3BadGreeting, pop3BadReply, pop3StatusCase, pop3UnsolicitedReply, pop3UnexpectedChallenge,
        pop3BadListingLine, pop3STLSInjection, pop3STLSReplyInjection, pop3CommandLength, pop3ReplyLength,
        pop3LineTooLong, pop3ReplyTooLong, pop3TooManyOutstanding,
    ]
}
