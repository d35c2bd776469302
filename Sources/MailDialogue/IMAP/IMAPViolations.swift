// The violations of IMAP.

extension Violation {
    package static let imapBareLineEnd = Violation(
        "imap-bare-lf", .client, .error, "RFC 9051 §2.2", "A command line ends with LF alone.")
    package static let imapReplyBareLineEnd = Violation(
        "imap-reply-bare-lf", .server, .error, "RFC 9051 §2.2", "A response line ends with LF alone.")
    package static let imapEarlyTalker = Violation(
        "imap-early-talker", .client, .notice, "RFC 9051 §2.2", "The client spoke before the greeting.")
    package static let imapUnknownCommand = Violation(
        "imap-unknown-command", .client, .notice, "RFC 9051 §6.5", "The command is not known.")
    package static let imapBadTag = Violation(
        "imap-bad-tag", .client, .error, "RFC 9051 §2.2.1", "A command line has no tag that could be answered to.")
    package static let imapDuplicateTag = Violation(
        "imap-duplicate-tag", .client, .error, "RFC 9051 §2.2.1",
        "The tag of a command that is not finished was used again.")
    package static let imapCommandInWrongState = Violation(
        "imap-command-in-wrong-state", .client, .error, "RFC 9051 §3",
        "The command is not allowed in this state of the connection.")
    package static let imapNotDone = Violation(
        "imap-not-done", .client, .error, "RFC 2177 §3", "Something else than DONE was sent to end IDLE.")
    package static let imapDoneWithoutIdle = Violation(
        "imap-done-without-idle", .client, .notice, "RFC 2177 §3", "DONE came though no IDLE is under way.")
    package static let imapLiteralNotAwaited = Violation(
        "imap-literal-not-awaited", .client, .attack, "RFC 9051 §4.3",
        "The octets of a refused literal were sent though the server did not ask for them: it runs them as commands.")
    package static let imapLiteralTooBig = Violation(
        "imap-literal-too-big", .client, .error, "RFC 9051 §9", "The size of a literal is beyond 63 bits.")
    package static let imapLongNonSyncLiteral = Violation(
        "imap-long-nonsync-literal", .client, .notice, "RFC 7888 §5",
        "A non-synchronizing literal has more than 4096 octets, which only LITERAL+ allows.")
    package static let imapUntaggedBeforeGreeting = Violation(
        "imap-untagged-before-greeting", .server, .attack, "RFC 9051 §7.1", "A response came before the greeting.")
    package static let imapDataBeforeLogin = Violation(
        "imap-data-before-login", .server, .attack, "RFC 9051 §11.3",
        "Mailbox data came before the client was authenticated.")
    package static let imapPreauth = Violation(
        "imap-preauth", .server, .notice, "RFC 9051 §7.1.4",
        "The greeting is PREAUTH, which leaves no way to STARTTLS.")
    package static let imapUnknownTag = Violation(
        "imap-unknown-tag", .server, .attack, "RFC 9051 §2.2.2", "A tagged response names no command that is open.")
    package static let imapBadResponse = Violation(
        "imap-bad-response", .server, .error, "RFC 9051 §7", "A response line fits no form.")
    package static let imapUnexpectedContinuation = Violation(
        "imap-unexpected-continuation", .server, .error, "RFC 9051 §7.6", "A continuation request came unasked.")
    package static let imapServerNonSyncLiteral = Violation(
        "imap-server-nonsync-literal", .server, .error, "RFC 7888 §3", "The server sent {n+}.")
    package static let imapServerLiteralTooBig = Violation(
        "imap-server-literal-too-big", .server, .error, "RFC 9051 §9", "The size of a literal is beyond 63 bits.")
    package static let imapStartTLSInjection = Violation(
        "imap-starttls-injection", .client, .attack, "RFC 9051 §6.2.1",
        "The client sent octets in clear behind STARTTLS, before it was answered.")
    package static let imapStartTLSReplyInjection = Violation(
        "imap-starttls-reply-injection", .server, .attack, "RFC 9051 §6.2.1",
        "The server sent octets in clear behind its answer to STARTTLS.")
    package static let imapLineTooLong = Violation(
        "imap-line-too-long", .client, .error, "RFC 7162 §4", "A command line is beyond all limits.")
    package static let imapReplyTooLong = Violation(
        "imap-reply-too-long", .server, .error, "RFC 7162 §4", "A response line is beyond all limits.")
    package static let imapTooManyOutstanding = Violation(
        "imap-too-many-outstanding", .client, .error, "RFC 9051 §5.5", "Too many commands await their replies.")

    /// All violations of IMAP.
    package static let imap: [Violation] = [
        imapBareLineEnd, imapReplyBareLineEnd, imapEarlyTalker, imapUnknownCommand, imapBadTag, imapDuplicateTag,
        imapCommandInWrongState, imapNotDone, imapDoneWithoutIdle, imapLiteralNotAwaited, imapLiteralTooBig,
        imapLongNonSyncLiteral, imapUntaggedBeforeGreeting, imapDataBeforeLogin, imapPreauth, imapUnknownTag,
        imapBadResponse, imapUnexpectedContinuation, imapServerNonSyncLiteral, imapServerLiteralTooBig,
        imapStartTLSInjection, imapStartTLSReplyInjection, imapLineTooLong, imapReplyTooLong, imapTooManyOutstanding,
    ]
}
