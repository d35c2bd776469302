// The violations of SMTP's server, and those of LMTP.

extension Violation {
    // MARK: Reply lines

    package static let smtpReplyBareLineEnd = Violation(
        "smtp-reply-bare-lf", .server, .error, "RFC 5321 §2.3.8", "A reply line ends with LF alone.",
        example: #"S> 220 mx.example.com\n"#)
    package static let smtpReplyBareCR = Violation(
        "smtp-reply-bare-cr", .server, .error, "RFC 5321 §2.3.8", "A reply line has a CR that no LF follows.",
        example: #"S> 250 O\rk\r\n"#)
    package static let smtpControlInReply = Violation(
        "smtp-control-in-reply", .server, .notice, "RFC 5321 §4.2", "A reply line has a control character.",
        example: #"S> 250 O\x07k\r\n"#)
    package static let smtpNonASCIIReply = Violation(
        "smtp-non-ascii-reply", .server, .notice, "RFC 5321 §4.2",
        "A reply line has octets beyond ASCII, and the client did not ask for SMTPUTF8.",
        example: #"S> 250 \xc3\xa7a va\r\n"#)
    package static let smtpLongReply = Violation(
        "smtp-long-reply", .server, .notice, "RFC 5321 §4.5.3.1.5", "A reply line is longer than 512 octets.",
        example: "S: 250 xxxxxxxx… (513 octets)")
    package static let smtpReplyTooLong = Violation(
        "smtp-reply-too-long", .server, .error, "RFC 5321 §4.5.3.1.5", "A reply line is beyond all limits.",
        example: "S: 250 xxxxxxxx… (24577 octets)")
    package static let smtpBadReply = Violation(
        "smtp-bad-reply", .server, .error, "RFC 5321 §4.2", "A reply line does not begin with a three-digit code.",
        example: "S: hello")
    package static let smtpReplyCodeOutOfRange = Violation(
        "smtp-reply-code-out-of-range", .server, .error, "RFC 5321 §4.2",
        "The first digit of a reply code is not 2 to 5, or the second is beyond 5.", example: "S: 150 Wait")
    package static let smtpBadSeparator = Violation(
        "smtp-bad-separator", .server, .error, "RFC 5321 §4.2", "Neither a space nor a hyphen follows a reply code.",
        example: "S: 250Ok")
    package static let smtpReplyWithoutText = Violation(
        "smtp-reply-without-text", .server, .notice, "RFC 5321 §4.2", "A reply is a bare code.", example: "S: 250")
    package static let smtpReplyCodesDiffer = Violation(
        "smtp-reply-codes-differ", .server, .error, "RFC 5321 §4.2.1",
        "The lines of a multi-line reply carry different codes.", example: "S: 250-one\nS: 251 two")

    // MARK: What a reply may be

    package static let smtpBadGreetingCode = Violation(
        "smtp-bad-greeting-code", .server, .error, "RFC 5321 §4.3.2",
        "The server opens with a code that neither welcomes nor refuses.", example: "S: 250 mx.example.com")
    package static let smtpGreetingWithoutDomain = Violation(
        "smtp-greeting-without-domain", .server, .notice, "RFC 5321 §4.2",
        "The greeting does not begin with the server's domain or address.", example: "S: 220 ****")
    package static let smtpHelloReplyWithoutDomain = Violation(
        "smtp-ehlo-without-domain", .server, .notice, "RFC 5321 §4.1.1.1",
        "The reply to EHLO does not begin with the server's domain or address.",
        example: "C: EHLO client.example.org\nS: 250 (hello)")
    package static let smtpUnsolicitedReply = Violation(
        "smtp-unsolicited-reply", .server, .error, "RFC 5321 §4.2", "A reply came that no command asked for.",
        example: "C: NOOP\nS: 250 Ok\nS: 250 Ok")
    package static let smtpReplyDuringData = Violation(
        "smtp-reply-during-data", .server, .attack, "RFC 5321 §4.1.1.4",
        "The server replied before the end of the message data: both sides disagree about where it ends.",
        example: "S: 354 Go on\nC: Subject: x\nS: 250 Queued")
    package static let smtpReplyDuringChunk = Violation(
        "smtp-reply-during-chunk", .server, .error, "RFC 3030 §2", "The server replied to a chunk before its end.",
        example: "C: BDAT 1000\nS: 452 Full")
    package static let smtpUnexpectedIntermediate = Violation(
        "smtp-unexpected-intermediate", .server, .error, "RFC 5321 §4.2.1",
        "An intermediate reply answers a command that has none.", example: "C: NOOP\nS: 354 Go on")
    package static let smtpOtherIntermediate = Violation(
        "smtp-other-intermediate", .server, .error, "RFC 5321 §4.3.2",
        "An intermediate reply has a code that its command does not have.", example: "C: DATA\nS: 334 Go on")
    package static let smtpDataNotAwaited = Violation(
        "smtp-data-not-awaited", .server, .error, "RFC 5321 §4.3.2",
        "The server answered DATA with success and did not ask for the message.", example: "C: DATA\nS: 250 Ok")
    package static let smtpBareChallenge = Violation(
        "smtp-bare-challenge", .server, .error, "RFC 4954 §4", "No space follows the code of an empty challenge.",
        example: "C: AUTH PLAIN\nS: 334")
    package static let smtpStartTLSReplyInjection = Violation(
        "smtp-starttls-reply-injection", .server, .attack, "RFC 3207 §4.2",
        "The server sent octets in clear behind its answer to STARTTLS.",
        example: #"C: STARTTLS\#nS> 220 Go on\r\n250 AUTH PLAIN\r\n"#)

    // MARK: Extensions

    package static let smtpHeloWithKeywords = Violation(
        "smtp-helo-with-keywords", .server, .error, "RFC 5321 §3.2", "HELO is answered as if it were EHLO.",
        example: "C: HELO client.example.org\nS: 250-mx.example.com\nS: 250 PIPELINING")
    package static let smtpBadKeyword = Violation(
        "smtp-bad-keyword", .server, .notice, "RFC 5321 §4.1.1.1",
        "A line of an EHLO reply is no keyword with parameters.", example: "S: 250-AUTH=LOGIN")
    package static let smtpBadSizeKeyword = Violation(
        "smtp-bad-size-keyword", .server, .notice, "RFC 1870 §3", "The parameter of SIZE is not a number.",
        example: "S: 250 SIZE unlimited")
    package static let smtpBadLimits = Violation(
        "smtp-bad-limits", .server, .error, "RFC 9422 §3", "The parameters of LIMITS are against their grammar.",
        example: "S: 250 LIMITS RCPTMAX=0")
    package static let smtpBinaryWithoutChunking = Violation(
        "smtp-binarymime-without-chunking", .server, .error, "RFC 3030 §3", "BINARYMIME is offered without CHUNKING.",
        example: "S: 250 BINARYMIME")
    package static let smtpUTF8Without8BitMIME = Violation(
        "smtp-smtputf8-without-8bitmime", .server, .error, "RFC 6531 §3.1", "SMTPUTF8 is offered without 8BITMIME.",
        example: "S: 250 SMTPUTF8")
    package static let smtpEnhancedCodeMismatch = Violation(
        "smtp-enhanced-code-mismatch", .server, .error, "RFC 2034 §4",
        "The class of an enhanced status code differs from that of the reply.", example: "S: 550 2.0.0 Ok")
    package static let smtpEnhancedCodeMissing = Violation(
        "smtp-enhanced-code-missing", .server, .notice, "RFC 2034 §4",
        "A reply has no enhanced status code, though the server offers them.", example: "S: 250 Ok")
    package static let smtpEnhancedCodesDiffer = Violation(
        "smtp-enhanced-codes-differ", .server, .error, "RFC 2034 §4",
        "The lines of a reply have different enhanced status codes.", example: "S: 550-5.1.1 No\nS: 550 5.7.1 No")
    package static let smtpEnhancedCodeOnIntermediate = Violation(
        "smtp-enhanced-code-on-3yz", .server, .notice, "RFC 2034 §4",
        "An intermediate reply has an enhanced status code.",
        example: "C: DATA\nS: 354 2.0.0 Go on")

    // MARK: LMTP

    package static let lmtpHello = Violation(
        "lmtp-hello", .client, .error, "RFC 2033 §4.1", "HELO or EHLO instead of LHLO.",
        example: "C: EHLO client.example.org")
    package static let smtpLHLO = Violation(
        "smtp-lhlo", .client, .error, "RFC 2033 §4.1", "LHLO, which belongs to LMTP.",
        example: "C: LHLO client.example.org")
    package static let lmtpHelloAccepted = Violation(
        "lmtp-hello-accepted", .server, .error, "RFC 2033 §4.1", "A server of LMTP accepts HELO or EHLO.",
        example: "C: EHLO client.example.org\nS: 250 mx.example.com")
    package static let lmtpMissingExtension = Violation(
        "lmtp-missing-extension", .server, .notice, "RFC 2033 §5",
        "A server of LMTP does not offer PIPELINING and ENHANCEDSTATUSCODES.",
        example: "C: LHLO client.example.org\nS: 250 mx.example.com")
    package static let lmtpDataForNobody = Violation(
        "lmtp-data-for-nobody", .server, .error, "RFC 2033 §4.2",
        "The server asks for a message that has no accepted recipient.", example: "C: DATA\nS: 354 Go on")
    package static let lmtpReplyForNobody = Violation(
        "lmtp-reply-for-nobody", .server, .error, "RFC 2033 §4.3",
        "The last chunk of a message without accepted recipients is answered.",
        example: "C: BDAT 0 LAST\nS: 503 No recipients")
    package static let lmtpTooManyReplies = Violation(
        "lmtp-too-many-replies", .server, .error, "RFC 2033 §4.2",
        "A message has more replies than accepted recipients.", example: "C: .\nS: 250 bob\nS: 250 carol")

    /// All violations of SMTP and LMTP.
    package static let smtp: [Violation] =
        smtpClient + [
            smtpReplyBareLineEnd, smtpReplyBareCR, smtpControlInReply, smtpNonASCIIReply, smtpLongReply,
            smtpReplyTooLong, smtpBadReply, smtpReplyCodeOutOfRange, smtpBadSeparator, smtpReplyWithoutText,
            smtpReplyCodesDiffer, smtpBadGreetingCode, smtpGreetingWithoutDomain, smtpHelloReplyWithoutDomain,
            smtpUnsolicitedReply, smtpReplyDuringData, smtpReplyDuringChunk, smtpUnexpectedIntermediate,
            smtpOtherIntermediate, smtpDataNotAwaited, smtpBareChallenge, smtpStartTLSReplyInjection,
            smtpHeloWithKeywords, smtpBadKeyword, smtpBadSizeKeyword, smtpBadLimits, smtpBinaryWithoutChunking,
            smtpUTF8Without8BitMIME, smtpEnhancedCodeMismatch, smtpEnhancedCodeMissing, smtpEnhancedCodesDiffer,
            smtpEnhancedCodeOnIntermediate, lmtpHello, smtpLHLO, lmtpHelloAccepted, lmtpMissingExtension,
            lmtpDataForNobody, lmtpReplyForNobody, lmtpTooManyReplies,
        ]
}
