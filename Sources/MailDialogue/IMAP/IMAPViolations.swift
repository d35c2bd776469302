// The violations of IMAP: what a client can break, and the list of all.

extension Violation {
    package static let imapBareLineEnd = Violation(
        "imap-bare-lf", .client, .error, "RFC 9051 §2.2",
        "A command line ends with LF alone.",
        example: "C: a NOOP\\n")
    package static let imapBareCR = Violation(
        "imap-bare-cr", .client, .error, "RFC 9051 §9",
        "A command line holds a CR that ends no line.",
        example: "C: a NO\\rOP")
    package static let imapNul = Violation(
        "imap-nul", .client, .error, "RFC 9051 §9",
        "A command line holds a NUL.",
        example: "C: a NOOP\\0")
    package static let imapLineTooLong = Violation(
        "imap-line-too-long", .client, .error, "RFC 7162 §4",
        "A command line is beyond all limits.",
        example: "C: a SEARCH TEXT xxxx…")
    package static let imapEarlyTalker = Violation(
        "imap-early-talker", .client, .notice, "RFC 9051 §2.2",
        "The client spoke before the greeting.",
        example: "C: a NOOP\nS: * OK ready")
    package static let imapBadTag = Violation(
        "imap-bad-tag", .client, .error, "RFC 9051 §2.2.1",
        "A command line has no tag that could be answered to.",
        example: "C: + NOOP")
    package static let imapDuplicateTag = Violation(
        "imap-duplicate-tag", .client, .error, "RFC 9051 §2.2.1",
        "The tag of a command that is not finished was used again.",
        example: "C: a NOOP\nC: a NOOP")
    package static let imapUnknownCommand = Violation(
        "imap-unknown-command", .client, .notice, "RFC 9051 §6.5",
        "The command is not known.",
        example: "C: a FROBNICATE")
    package static let imapTooManyOutstanding = Violation(
        "imap-too-many-outstanding", .client, .error, "RFC 9051 §5.5",
        "Too many commands await their replies.",
        example: "C: a0001 NOOP\nC: a0002 NOOP\nC: …")
    package static let imapCommandInWrongState = Violation(
        "imap-command-in-wrong-state", .client, .error, "RFC 9051 §3",
        "The command is not allowed in this state of the connection.",
        example: "C: a FETCH 1 FLAGS")
    package static let imapNotOffered = Violation(
        "imap-not-offered", .client, .notice, "RFC 9051 §7.2.2",
        "The command belongs to a capability that the server does not offer.",
        example: "S: * OK [CAPABILITY IMAP4rev1] ready\nC: a STARTTLS")
    package static let imapParameterNotOffered = Violation(
        "imap-parameter-not-offered", .client, .notice, "RFC 7162 §3.1",
        "CONDSTORE or QRESYNC is asked for, which the server does not offer.",
        example: "S: * PREAUTH [CAPABILITY IMAP4rev1] ready\nC: a SELECT INBOX (CONDSTORE)")
    package static let imapQResyncNotEnabled = Violation(
        "imap-qresync-not-enabled", .client, .error, "RFC 7162 §3.2.3",
        "The parameter QRESYNC is used without ENABLE QRESYNC.",
        example: "C: a SELECT INBOX (QRESYNC (1 2))")
    package static let imapMechanismNotOffered = Violation(
        "imap-mechanism-not-offered", .client, .notice, "RFC 9051 §6.2.2",
        "The client tries a SASL mechanism that the server does not list.",
        example: "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\nC: a AUTHENTICATE CRAM-MD5")
    package static let imapInitialResponseNotOffered = Violation(
        "imap-initial-response-not-offered", .client, .error, "RFC 4959 §3",
        "AUTHENTICATE has an initial response, which the server does not offer.",
        example: "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\nC: a AUTHENTICATE PLAIN AGEAYg==")
    package static let imapLoginThoughDisabled = Violation(
        "imap-login-though-disabled", .client, .error, "RFC 9051 §6.2.3",
        "The client sends LOGIN though LOGINDISABLED is advertised.",
        example: "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\nC: a LOGIN alice s3cret")
    package static let imapEnableWhenSelected = Violation(
        "imap-enable-when-selected", .client, .error, "RFC 9051 §6.3.1",
        "ENABLE came after a mailbox was selected.",
        example: "C: a SELECT INBOX\nC: b ENABLE CONDSTORE")
    package static let imapNumberThoughUIDOnly = Violation(
        "imap-number-though-uidonly", .client, .error, "RFC 9586 §3.2",
        "A command with message sequence numbers was sent though UIDONLY is enabled.",
        example: "S: * ENABLED UIDONLY\nC: a FETCH 1 FLAGS")
    package static let imapAmbiguousPipeline = Violation(
        "imap-ambiguous-pipeline", .client, .error, "RFC 9051 §5.5",
        "Message sequence numbers were sent while a command that may renumber the messages was in progress.",
        example: "C: a NOOP\nC: b STORE 1 +FLAGS (\\\\Seen)")
    package static let imapCommandDuringCompress = Violation(
        "imap-command-during-compress", .client, .error, "RFC 4978 §3",
        "The client sent octets behind COMPRESS before it was answered.",
        example: "C: a COMPRESS DEFLATE\nC: b NOOP")
    package static let imapBrokenCompression = Violation(
        "imap-broken-compression", .client, .error, "RFC 4978 §3",
        "What the client sends after COMPRESS is not deflated.",
        example: "C: a COMPRESS DEFLATE\nS: a OK on\nC: b NOOP")
    package static let imapStartTLSInjection = Violation(
        "imap-starttls-injection", .client, .attack, "RFC 9051 §6.2.1",
        "The client sent octets in clear behind STARTTLS, before it was answered.",
        example: "C: a STARTTLS\nC: b NOOP\nS: a OK go on")
    package static let imapNotDone = Violation(
        "imap-not-done", .client, .error, "RFC 9051 §6.3.13",
        "Something else than DONE was sent to end IDLE.",
        example: "C: a IDLE\nS: + idling\nC: b NOOP")
    package static let imapDoneWithoutIdle = Violation(
        "imap-done-without-idle", .client, .notice, "RFC 9051 §6.3.13",
        "DONE came though no IDLE is under way.",
        example: "C: DONE")
    package static let imapLiteralNotAwaited = Violation(
        "imap-literal-not-awaited", .client, .attack, "RFC 9051 §4.3",
        "The octets of a refused literal were sent though the server did not ask for them: it runs them as commands.",
        example: "C: a APPEND x {3}\nS: a NO no\nC: abc")
    package static let imapLiteralBeforeAsked = Violation(
        "imap-literal-before-asked", .client, .error, "RFC 9051 §4.3",
        "The octets of a synchronizing literal were sent before the server asked for them.",
        example: "C: a LOGIN {5}\nC: alice s3cret\nS: + go on")
    package static let imapResponseBeforeAsked = Violation(
        "imap-response-before-asked", .client, .error, "RFC 9051 §5.5",
        "A SASL response was sent before the server asked for it.",
        example: "C: a AUTHENTICATE PLAIN\nC: AGEAYg==\nS: + ")
    package static let imapLiteralTooBig = Violation(
        "imap-literal-too-big", .client, .error, "RFC 9051 §9",
        "The size of a literal is beyond 63 bits.",
        example: "C: a APPEND x {99999999999999999999}")
    package static let imapLongNonSyncLiteral = Violation(
        "imap-long-nonsync-literal", .client, .error, "RFC 7888 §5",
        "A non-synchronizing literal has more than 4,096 octets, which only LITERAL+ allows.",
        example: "S: * PREAUTH [CAPABILITY IMAP4rev1 LITERAL-] ready\nC: a APPEND x {4097+}")
    package static let imapNonSyncLiteralNotOffered = Violation(
        "imap-nonsync-literal-not-offered", .client, .error, "RFC 7888 §3",
        "A non-synchronizing literal was sent though the server offers neither LITERAL+ nor LITERAL-.",
        example: "S: * OK [CAPABILITY IMAP4rev1] ready\nC: a LOGIN {5+}")
    package static let imapLiteral8NotOffered = Violation(
        "imap-literal8-not-offered", .client, .error, "RFC 3516 §4.4",
        "A binary literal was sent though the server offers nothing that takes one.",
        example: "S: * PREAUTH [CAPABILITY IMAP4rev1] ready\nC: a APPEND x ~{3}")
    package static let imapLiteralNul = Violation(
        "imap-literal-nul", .client, .error, "RFC 9051 §9",
        "A literal that is not marked as binary holds a NUL.",
        example: "C: a APPEND x {1+}\nC: \\0")
    package static let imapLiteralMismatch = Violation(
        "imap-literal-mismatch", .client, .error, "RFC 9051 §4.3",
        "What follows a literal is neither a space nor the end: its size was wrong.",
        example: "C: a LOGIN {3+}\nC: alice s3cret")
    package static let imapCommandSyntax = Violation(
        "imap-command-syntax", .client, .error, "RFC 9051 §9",
        "The arguments of a command fit no rule.",
        example: "C: a SELECT")
    package static let imapCommandSpacing = Violation(
        "imap-command-spacing", .client, .error, "RFC 9051 §2.2.2",
        "A command has a space too many or too few, or a tab.",
        example: "C: a SELECT  INBOX")
    package static let imapUnclosedQuote = Violation(
        "imap-unclosed-quote", .client, .error, "RFC 9051 §4.3",
        "A quoted string has no end on its line.",
        example: "C: a SELECT \"INBOX")
    package static let imapEightBit = Violation(
        "imap-eight-bit", .client, .error, "RFC 9051 §4.3.1",
        "A command holds octets beyond ASCII outside of a literal, which was not agreed upon.",
        example: "C: a SELECT \"\\xe9t\\xe9\"")
    package static let imapBadSequenceSet = Violation(
        "imap-bad-sequence-set", .client, .error, "RFC 9051 §9",
        "A set of messages holds zero, a number beyond 32 bits, or fits no rule.",
        example: "C: a FETCH 0 FLAGS")
    package static let imapBadNumber = Violation(
        "imap-bad-number", .client, .error, "RFC 9051 §9",
        "A number is missing, beyond its range, or zero where it must not be.",
        example: "C: a SEARCH LARGER 99999999999999999999")
    package static let imapBadDate = Violation(
        "imap-bad-date", .client, .error, "RFC 9051 §9",
        "A date fits no form.",
        example: "C: a SEARCH SINCE yesterday")
    package static let imapBadSection = Violation(
        "imap-bad-section", .client, .error, "RFC 9051 §9",
        "A section or a partial range of a message fits no form.",
        example: "C: a FETCH 1 BODY[HEADERS]")
    package static let imapFlagNotSettable = Violation(
        "imap-flag-not-settable", .client, .error, "RFC 9051 §9",
        "The client sets a flag that only the server sets.",
        example: "C: a STORE 1 +FLAGS (\\\\Recent)")
    package static let imapBadMailboxName = Violation(
        "imap-bad-mailbox-name", .client, .notice, "RFC 3501 §5.1.3",
        "A mailbox name is no modified UTF-7.",
        example: "C: a CREATE &bad")
    package static let imapVanishedMisused = Violation(
        "imap-vanished-misused", .client, .error, "RFC 7162 §3.2.6",
        "VANISHED is asked for without UID or without CHANGEDSINCE.",
        example: "C: a UID FETCH 1 FLAGS (VANISHED)")
    package static let imapPartialWithAll = Violation(
        "imap-partial-with-all", .client, .error, "RFC 9394 §3.1",
        "A search asks for both PARTIAL and ALL.",
        example: "C: a SEARCH RETURN (ALL PARTIAL 1:9) ALL")
    package static let imapRecursiveMatchAlone = Violation(
        "imap-recursive-match-alone", .client, .error, "RFC 9051 §6.3.9.1",
        "RECURSIVEMATCH stands without an option that it could go with.",
        example: "C: a LIST (RECURSIVEMATCH) \"\" *")
    package static let imapEventsIncomplete = Violation(
        "imap-events-incomplete", .client, .error, "RFC 5465 §5",
        "NOTIFY names an event without those that must go with it.",
        example: "C: a NOTIFY SET (selected MessageNew)")
    package static let imapIDLimits = Violation(
        "imap-id-limits", .client, .error, "RFC 2971 §3.3",
        "ID has too many fields, one twice, or one that is too long.",
        example: "C: a ID (\"name\" \"a\" \"name\" \"b\")")
    package static let imapTooDeep = Violation(
        "imap-too-deep", .client, .error, "RFC 9051 §9",
        "A command is nested beyond all use.",
        example: "C: a SEARCH ((((…")

    /// All violations of IMAP clients.
    static let imapClient: [Violation] = [
        imapBareLineEnd, imapBareCR, imapNul, imapLineTooLong, imapEarlyTalker, imapBadTag, imapDuplicateTag,
        imapUnknownCommand, imapTooManyOutstanding, imapCommandInWrongState, imapNotOffered, imapParameterNotOffered,
        imapQResyncNotEnabled, imapMechanismNotOffered, imapInitialResponseNotOffered, imapLoginThoughDisabled,
        imapEnableWhenSelected, imapNumberThoughUIDOnly, imapAmbiguousPipeline, imapCommandDuringCompress,
        imapBrokenCompression, imapStartTLSInjection, imapNotDone, imapDoneWithoutIdle, imapLiteralNotAwaited,
        imapLiteralBeforeAsked, imapResponseBeforeAsked, imapLiteralTooBig, imapLongNonSyncLiteral,
        imapNonSyncLiteralNotOffered, imapLiteral8NotOffered, imapLiteralNul, imapLiteralMismatch, imapCommandSyntax,
        imapCommandSpacing, imapUnclosedQuote, imapEightBit, imapBadSequenceSet, imapBadNumber, imapBadDate,
        imapBadSection, imapFlagNotSettable, imapBadMailboxName, imapVanishedMisused, imapPartialWithAll,
        imapRecursiveMatchAlone, imapEventsIncomplete, imapIDLimits, imapTooDeep,
    ]

    /// All violations of IMAP.
    package static let imap: [Violation] = imapClient + imapServer
}
