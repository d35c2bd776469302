// The violations of SMTP and LMTP.

extension Violation {
    package static let smtpBareLineEnd = Violation(
        "smtp-bare-lf", .client, .error, "RFC 5321 §2.3.8", "A command line ends with LF alone.")
    package static let smtpReplyBareLineEnd = Violation(
        "smtp-reply-bare-lf", .server, .error, "RFC 5321 §2.3.8", "A reply line ends with LF alone.")
    package static let smtpDataBareLF = Violation(
        "smtp-data-bare-lf", .client, .error, "RFC 5321 §2.3.8", "Message data has an LF without CR.")
    package static let smtpDataBareCR = Violation(
        "smtp-data-bare-cr", .client, .error, "RFC 5321 §2.3.8", "Message data has a CR without LF.")
    package static let smtpSmuggling = Violation(
        "smtp-smuggling", .client, .attack, "RFC 5321 §4.1.1.4",
        "Message data has a lone dot between malformed line ends, which some servers take for the end.")
    package static let smtpEarlyTalker = Violation(
        "smtp-early-talker", .client, .error, "RFC 5321 §4.3.1", "The client spoke before the greeting was complete.")
    package static let smtpUnknownCommand = Violation(
        "smtp-unknown-command", .client, .notice, "RFC 5321 §4.1.1", "The verb is not known.")
    package static let smtpBadSequence = Violation(
        "smtp-bad-sequence", .client, .error, "RFC 5321 §4.1.4", "A command came out of the order of a transaction.")
    package static let smtpBadPath = Violation(
        "smtp-bad-path", .client, .error, "RFC 5321 §4.1.2",
        "The argument of MAIL or RCPT is no path in angle brackets.")
    package static let smtpBadReply = Violation(
        "smtp-bad-reply", .server, .error, "RFC 5321 §4.2", "A reply line does not begin with a three-digit code.")
    package static let smtpReplyCodesDiffer = Violation(
        "smtp-reply-codes-differ", .server, .error, "RFC 5321 §4.2.1",
        "The lines of a multi-line reply carry different codes.")
    package static let smtpUnsolicitedReply = Violation(
        "smtp-unsolicited-reply", .server, .error, "RFC 5321 §4.2", "A reply came that no command asked for.")
    package static let smtpReplyDuringData = Violation(
        "smtp-reply-during-data", .server, .attack, "RFC 5321 §4.1.1.4",
        "The server replied before the end of the message data: both sides disagree about where it ends.")
    package static let smtpUnexpectedIntermediate = Violation(
        "smtp-unexpected-intermediate", .server, .error, "RFC 5321 §4.2.1",
        "An intermediate reply answers a command that has none.")
    package static let smtpBadChunkSize = Violation(
        "smtp-bad-chunk-size", .client, .error, "RFC 3030 §2", "The size of BDAT is not a number.")
    package static let smtpStartTLSInjection = Violation(
        "smtp-starttls-injection", .client, .attack, "RFC 3207 §4.2",
        "The client sent octets in clear behind STARTTLS, before it was answered.")
    package static let smtpStartTLSReplyInjection = Violation(
        "smtp-starttls-reply-injection", .server, .attack, "RFC 3207 §4.2",
        "The server sent octets in clear behind its answer to STARTTLS.")
    package static let smtpLineTooLong = Violation(
        "smtp-line-too-long", .client, .error, "RFC 5321 §4.5.3.1.4", "A command line is beyond all limits.")
    package static let smtpReplyTooLong = Violation(
        "smtp-reply-too-long", .server, .error, "RFC 5321 §4.5.3.1.5", "A reply line is beyond all limits.")
    package static let smtpTooManyOutstanding = Violation(
        "smtp-too-many-outstanding", .client, .error, "RFC 2920 §3.1", "Too many commands await their replies.")

    /// All violations of SMTP and LMTP.
    package static let smtp: [Violation] = [
        smtpBareLineEnd, smtpReplyBareLineEnd, smtpDataBareLF, smtpDataBareCR, smtpSmuggling, smtpEarlyTalker,
        smtpUnknownCommand, smtpBadSequence, smtpBadPath, smtpBadReply, smtpReplyCodesDiffer, smtpUnsolicitedReply,
        smtpReplyDuringData,
        smtpUnexpectedIntermediate, smtpBadChunkSize, smtpStartTLSInjection, smtpStartTLSReplyInjection,
        smtpLineTooLong, smtpReplyTooLong, smtpTooManyOutstanding,
    ]
}
