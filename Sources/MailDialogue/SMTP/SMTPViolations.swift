// The violations of SMTP's client. Those of its server and of LMTP are in SMTPViolations+Server.swift.

extension Violation {
    // MARK: Lines and octets

    package static let smtpBareLineEnd = Violation(
        "smtp-bare-lf", .client, .error, "RFC 5321 §2.3.8", "A command line ends with LF alone.",
        example: #"C> NOOP\n"#)
    package static let smtpBareCR = Violation(
        "smtp-bare-cr", .client, .error, "RFC 5321 §2.3.8", "A command line has a CR that no LF follows.",
        example: #"C> NO\rOP\r\n"#)
    package static let smtpNULInCommand = Violation(
        "smtp-nul-in-command", .client, .error, "RFC 5321 §4.1.2", "A command line has a NUL.",
        example: #"C> MAIL FROM:<a\0b@example.com>\r\n"#)
    package static let smtpControlInCommand = Violation(
        "smtp-control-in-command", .client, .error, "RFC 5321 §4.1.2", "A command line has a control character.",
        example: #"C> NOOP \x07\r\n"#)
    package static let smtpNonASCIICommand = Violation(
        "smtp-non-ascii-command", .client, .error, "RFC 5321 §2.4",
        "A command line has octets beyond ASCII where SMTPUTF8 allows for none.",
        example: #"C> RCPT TO:<m\xc3\xbcller@example.com>\r\n"#)
    package static let smtpInvalidUTF8 = Violation(
        "smtp-invalid-utf8", .client, .error, "RFC 6531 §3.3", "A command line under SMTPUTF8 is no UTF-8.",
        example: #"C> MAIL FROM:<m\xfcller@example.com> SMTPUTF8\r\n"#)
    package static let smtpLongCommand = Violation(
        "smtp-long-command", .client, .notice, "RFC 5321 §4.5.3.1.4",
        "A command line is longer than 512 octets and what the extensions that are offered add.",
        example: "C: NOOP xxxxxxxx… (512 octets)")
    package static let smtpLongInitialResponse = Violation(
        "smtp-long-initial-response", .client, .error, "RFC 4954 §4",
        "An initial response makes AUTH longer than a command line may be.",
        example: "C: AUTH XOAUTH2 dXNlcj1… (600 octets)")
    package static let smtpLineTooLong = Violation(
        "smtp-line-too-long", .client, .error, "RFC 5321 §4.5.3.1.4", "A command line is beyond all limits.",
        example: "C: NOOP xxxxxxxx… (24577 octets)")

    // MARK: Message data

    package static let smtpDataBareLF = Violation(
        "smtp-data-bare-lf", .client, .error, "RFC 5321 §2.3.8", "Message data has an LF without CR.",
        example: #"S: 354 Go on\#nC> one\ntwo\r\n.\r\n"#)
    package static let smtpDataBareCR = Violation(
        "smtp-data-bare-cr", .client, .error, "RFC 5321 §2.3.8", "Message data has a CR without LF.",
        example: #"S: 354 Go on\#nC> one\rtwo\r\n.\r\n"#)
    package static let smtpSmuggling = Violation(
        "smtp-smuggling", .client, .attack, "RFC 5321 §4.1.1.4",
        "Message data has a lone dot between malformed line ends, which some servers take for the end.",
        example: #"S: 354 Go on\#nC> one\n.\nMAIL FROM:<evil@example.org>\r\n"#)
    package static let smtpDataBefore354 = Violation(
        "smtp-data-before-354", .client, .error, "RFC 5321 §3.3",
        "The client sent message data before the server asked for it.",
        example: "C: DATA\nC: Subject: hasty\nS: 354 Go on")

    // MARK: Time and order

    package static let smtpEarlyTalker = Violation(
        "smtp-early-talker", .client, .error, "RFC 5321 §4.3.1", "The client spoke before the greeting was complete.",
        example: "C: EHLO client.example.org\nS: 220 mx.example.com")
    package static let smtpPipeliningNotOffered = Violation(
        "smtp-pipelining-not-offered", .client, .error, "RFC 5321 §4.3.1",
        "The client sent a command before the last one was answered, and the server does not offer PIPELINING.",
        example: "S: 250 mx.example.com\nC: MAIL FROM:<>\nC: RCPT TO:<bob@example.com>")
    package static let smtpPipelinedBehindSync = Violation(
        "smtp-pipelined-behind-sync", .client, .error, "RFC 2920 §3.1",
        "The client did not wait for the reply to a command that must be the last of a pipelined group.",
        example: "C: EHLO client.example.org\nC: MAIL FROM:<>\nS: 250 PIPELINING")
    package static let smtpURLNotAwaited = Violation(
        "smtp-burl-not-awaited", .client, .error, "RFC 4468 §3.2",
        "A transaction begins before the last part of one with BURL was answered.",
        example: "C: BURL imap://imap.example.com/outbox/;uid=25 LAST\nC: MAIL FROM:<>")
    package static let smtpTooManyOutstanding = Violation(
        "smtp-too-many-outstanding", .client, .error, "RFC 2920 §3.1", "Too many commands await their replies.",
        example: "C: NOOP\nC: NOOP\nC: … (10001 commands)")
    package static let smtpBadSequence = Violation(
        "smtp-bad-sequence", .client, .error, "RFC 5321 §4.1.4", "A command came out of the order of a transaction.",
        example: "S: 250 mx.example.com\nC: DATA")
    package static let smtpMailWithoutHello = Violation(
        "smtp-mail-without-hello", .client, .error, "RFC 5321 §4.1.1.1",
        "A transaction begins before the client introduced itself.",
        example: "S: 220 mx.example.com\nC: MAIL FROM:<>")
    package static let smtpNestedMail = Violation(
        "smtp-nested-mail", .client, .error, "RFC 5321 §4.1.4", "MAIL came while a transaction was open.",
        example: "C: MAIL FROM:<>\nS: 250 Ok\nC: MAIL FROM:<>")
    package static let smtpCommandAfterQuit = Violation(
        "smtp-command-after-quit", .client, .error, "RFC 5321 §4.1.4", "A command came after QUIT.",
        example: "C: QUIT\nS: 221 Bye\nC: NOOP")
    package static let smtpUnknownCommand = Violation(
        "smtp-unknown-command", .client, .notice, "RFC 5321 §4.1.1", "The verb is not known.", example: "C: FEED ME")
    package static let smtpObsoleteCommand = Violation(
        "smtp-obsolete-command", .client, .notice, "RFC 5321 §F", "SEND, SOML, SAML or TURN, which are obsolete.",
        example: "C: TURN")

    // MARK: Arguments

    package static let smtpArgumentMissing = Violation(
        "smtp-argument-missing", .client, .error, "RFC 5321 §4.1.1", "A command lacks its argument.",
        example: "C: EHLO")
    package static let smtpArgumentNotAllowed = Violation(
        "smtp-argument-not-allowed", .client, .error, "RFC 5321 §4.1.1",
        "A command has an argument that it can't have.",
        example: "C: QUIT now")
    package static let smtpBadHelloName = Violation(
        "smtp-bad-hello-name", .client, .notice, "RFC 5321 §4.1.1.1",
        "The client's name for itself is neither a domain nor an address in brackets.", example: "C: EHLO my_host")
    package static let smtpBadPath = Violation(
        "smtp-bad-path", .client, .error, "RFC 5321 §4.1.2",
        "The argument of MAIL or RCPT is no path in angle brackets.", example: "C: MAIL FROM:x@example.com")
    package static let smtpSpaceBeforePath = Violation(
        "smtp-space-before-path", .client, .notice, "RFC 5321 §3.3",
        "A space stands between the colon and the path of MAIL or RCPT.", example: "C: MAIL FROM: <x@example.com>")
    package static let smtpBadMailbox = Violation(
        "smtp-bad-mailbox", .client, .error, "RFC 5321 §4.1.2", "The mailbox of MAIL or RCPT is against the grammar.",
        example: "C: RCPT TO:<x..y@example.com>")
    package static let smtpNullRecipient = Violation(
        "smtp-null-recipient", .client, .error, "RFC 5321 §4.1.2", "RCPT names nobody.", example: "C: RCPT TO:<>")
    package static let smtpSourceRoute = Violation(
        "smtp-source-route", .client, .notice, "RFC 5321 §3.3", "A path has a source route.",
        example: "C: RCPT TO:<@relay.example.org:x@example.com>")
    package static let smtpLongLocalPart = Violation(
        "smtp-long-local-part", .client, .notice, "RFC 5321 §4.5.3.1.1", "A local-part has more than 64 octets.",
        example: "C: RCPT TO:<xxxxxxxx…@example.com> (65 octets)")
    package static let smtpLongDomain = Violation(
        "smtp-long-domain", .client, .notice, "RFC 5321 §4.5.3.1.2", "A domain has more than 255 octets.",
        example: "C: RCPT TO:<x@xxxxxxxx….example> (256 octets)")
    package static let smtpLongPath = Violation(
        "smtp-long-path", .client, .notice, "RFC 5321 §4.5.3.1.3", "A path has more than 256 octets.",
        example: "C: RCPT TO:<xxxxxxxx…@xxxxxxxx….example> (257 octets)")
    package static let smtpBadParameter = Violation(
        "smtp-bad-parameter", .client, .error, "RFC 5321 §4.1.2",
        "A parameter of MAIL or RCPT is against the grammar, or belongs to the other of the two.",
        example: "C: MAIL FROM:<x@example.com> =10")
    package static let smtpBadParameterValue = Violation(
        "smtp-bad-parameter-value", .client, .error, "RFC 5321 §4.1.1.11",
        "The value of a parameter is against the grammar of its extension.",
        example: "C: MAIL FROM:<x@example.com> SIZE=many")
    package static let smtpBadXtext = Violation(
        "smtp-bad-xtext", .client, .error, "RFC 3461 §4", "A parameter is not encoded as xtext.",
        example: "C: MAIL FROM:<x@example.com> ENVID=a+b")
    package static let smtpParameterRepeated = Violation(
        "smtp-parameter-repeated", .client, .error, "RFC 3461 §4.5", "A parameter comes twice that may come once.",
        example: "C: RCPT TO:<x@example.com> NOTIFY=NEVER NOTIFY=DELAY")
    package static let smtpSizeOverLimit = Violation(
        "smtp-size-over-limit", .client, .notice, "RFC 1870 §6.1",
        "The client declares a message larger than the server takes.",
        example: "S: 250 SIZE 1000\nC: MAIL FROM:<x@example.com> SIZE=2000")
    package static let smtpTooManyRecipients = Violation(
        "smtp-too-many-recipients", .client, .notice, "RFC 9422 §4.2",
        "A transaction has more RCPT commands than the server's RCPTMAX.",
        example: "S: 250 LIMITS RCPTMAX=1\nC: RCPT TO:<x@example.com>\nC: RCPT TO:<y@example.com>")
    package static let smtpTooManyTransactions = Violation(
        "smtp-too-many-transactions", .client, .notice, "RFC 9422 §4.1",
        "The session has more MAIL commands than the server's MAILMAX.",
        example: "S: 250 LIMITS MAILMAX=1\nC: MAIL FROM:<>\nC: RSET\nC: MAIL FROM:<>")

    package static let smtpTooManyDomains = Violation(
        "smtp-too-many-domains", .client, .notice, "RFC 9422 §4.3",
        "The recipients of the session are in more domains than the server's RCPTDOMAINMAX.",
        example: "S: 250 LIMITS RCPTDOMAINMAX=1\nC: RCPT TO:<x@example.com>\nC: RCPT TO:<y@example.org>")

    // MARK: Extensions

    package static let smtpExtensionNotOffered = Violation(
        "smtp-extension-not-offered", .client, .error, "RFC 5321 §4.1.1.3",
        "A verb or a parameter belongs to an extension that the server does not offer.",
        example: "S: 250 mx.example.com\nC: MAIL FROM:<x@example.com> SIZE=10")
    package static let smtpMechanismNotOffered = Violation(
        "smtp-mechanism-not-offered", .client, .notice, "RFC 4954 §3",
        "AUTH names a mechanism that the server does not offer.", example: "S: 250 AUTH PLAIN\nC: AUTH LOGIN")
    package static let smtpAuthInTransaction = Violation(
        "smtp-auth-in-transaction", .client, .error, "RFC 4954 §4", "AUTH came within a transaction.",
        example: "C: MAIL FROM:<>\nS: 250 Ok\nC: AUTH PLAIN")
    package static let smtpAuthTwice = Violation(
        "smtp-auth-twice", .client, .error, "RFC 4954 §4", "AUTH came after the client had logged in.",
        example: "S: 235 Welcome\nC: AUTH PLAIN")
    package static let smtpStartTLSArgument = Violation(
        "smtp-starttls-argument", .client, .error, "RFC 3207 §4", "STARTTLS has an argument.",
        example: "C: STARTTLS now")
    package static let smtpStartTLSInjection = Violation(
        "smtp-starttls-injection", .client, .attack, "RFC 3207 §4.2",
        "The client sent octets in clear behind STARTTLS, before it was answered.",
        example: "C: STARTTLS\nC: NOOP\nS: 220 Go on")
    package static let smtpBadChunkSize = Violation(
        "smtp-bad-chunk-size", .client, .error, "RFC 3030 §2", "The size of BDAT is not a number.",
        example: "C: BDAT many")
    package static let smtpDataAfterChunk = Violation(
        "smtp-data-after-bdat", .client, .error, "RFC 3030 §2", "DATA came in a transaction that has chunks.",
        example: "C: BDAT 0\nC: DATA")
    package static let smtpDataForBinary = Violation(
        "smtp-data-for-binarymime", .client, .error, "RFC 3030 §3", "DATA came for a message with BODY=BINARYMIME.",
        example: "C: MAIL FROM:<> BODY=BINARYMIME\nC: DATA")
    package static let smtpChunkAfterLast = Violation(
        "smtp-bdat-after-last", .client, .error, "RFC 3030 §2", "BDAT came after the last chunk of a message.",
        example: "C: BDAT 0 LAST\nC: BDAT 0 LAST")
    package static let smtpChunkAfterFailure = Violation(
        "smtp-bdat-after-failure", .client, .error, "RFC 3030 §2", "BDAT came after a chunk that was refused.",
        example: "C: BDAT 0\nS: 452 Full\nC: BDAT 0")
    package static let smtpChunkNotUnderstood = Violation(
        "smtp-chunk-not-understood", .client, .attack, "RFC 3030 §2",
        "A chunk was sent to a server that knows none: it takes the octets for commands.",
        example: #"C> BDAT 6\r\nNOOP\r\n\#nS: 500 What"#)

    /// The violations of SMTP's client.
    static let smtpClient: [Violation] = [
        smtpBareLineEnd, smtpBareCR, smtpNULInCommand, smtpControlInCommand, smtpNonASCIICommand, smtpInvalidUTF8,
        smtpLongCommand, smtpLongInitialResponse, smtpLineTooLong, smtpDataBareLF, smtpDataBareCR, smtpSmuggling,
        smtpDataBefore354, smtpEarlyTalker, smtpPipeliningNotOffered, smtpPipelinedBehindSync, smtpURLNotAwaited,
        smtpTooManyOutstanding, smtpBadSequence, smtpMailWithoutHello, smtpNestedMail, smtpCommandAfterQuit,
        smtpUnknownCommand, smtpObsoleteCommand, smtpArgumentMissing, smtpArgumentNotAllowed, smtpBadHelloName,
        smtpBadPath, smtpSpaceBeforePath, smtpBadMailbox, smtpNullRecipient, smtpSourceRoute, smtpLongLocalPart,
        smtpLongDomain, smtpLongPath, smtpBadParameter, smtpBadParameterValue, smtpBadXtext, smtpParameterRepeated,
        smtpSizeOverLimit, smtpTooManyRecipients, smtpTooManyTransactions, smtpTooManyDomains, smtpExtensionNotOffered,
        smtpMechanismNotOffered, smtpAuthInTransaction, smtpAuthTwice, smtpStartTLSArgument, smtpStartTLSInjection,
        smtpBadChunkSize, smtpDataAfterChunk, smtpDataForBinary, smtpChunkAfterLast, smtpChunkAfterFailure,
        smtpChunkNotUnderstood,
    ]
}
