// The violations of IMAP: what a server can break.

extension Violation {
    package static let imapReplyBrokenCompression = Violation(
        "imap-reply-broken-compression", .server, .error, "RFC 4978 §3",
        "What the server sends after its OK to COMPRESS is not deflated.",
        example: "C: a COMPRESS DEFLATE\nS: a OK on\nS: * OK ready")
    package static let imapReplyBareLineEnd = Violation(
        "imap-reply-bare-lf", .server, .error, "RFC 9051 §2.2",
        "A response line ends with LF alone.",
        example: "S: * OK ready\\n")
    package static let imapReplyBareCR = Violation(
        "imap-reply-bare-cr", .server, .error, "RFC 9051 §9",
        "A response line holds a CR that ends no line.",
        example: "S: * OK re\\rady")
    package static let imapReplyNul = Violation(
        "imap-reply-nul", .server, .error, "RFC 9051 §9",
        "A response line holds a NUL.",
        example: "S: * OK \\0")
    package static let imapReplyTooLong = Violation(
        "imap-reply-too-long", .server, .error, "RFC 7162 §4",
        "A response line is beyond all limits.",
        example: "S: * SEARCH 1 2 3 4…")
    package static let imapUntaggedBeforeGreeting = Violation(
        "imap-untagged-before-greeting", .server, .attack, "RFC 9051 §7.1",
        "A response came before the greeting.",
        example: "S: * CAPABILITY IMAP4rev1\nS: * OK ready")
    package static let imapSecondGreeting = Violation(
        "imap-second-greeting", .server, .attack, "RFC 9051 §7.1.4",
        "PREAUTH came though the session had been greeted.",
        example: "S: * OK ready\nS: * PREAUTH welcome")
    package static let imapPreauth = Violation(
        "imap-preauth", .server, .notice, "RFC 9051 §7.1.4",
        "The greeting is PREAUTH, which leaves no way to STARTTLS.",
        example: "S: * PREAUTH welcome")
    package static let imapDataBeforeLogin = Violation(
        "imap-data-before-login", .server, .attack, "RFC 9051 §11.3",
        "Mailbox data came before the client was authenticated.",
        example: "S: * OK ready\nS: * 3 EXISTS")
    package static let imapStartTLSReplyInjection = Violation(
        "imap-starttls-reply-injection", .server, .attack, "RFC 9051 §6.2.1",
        "The server sent octets in clear behind its answer to STARTTLS.",
        example: "C: a STARTTLS\nS: a OK go on\nS: * CAPABILITY IMAP4rev1")
    package static let imapDataAfterBye = Violation(
        "imap-data-after-bye", .server, .error, "RFC 9051 §7.1.5",
        "The server went on after it had taken its leave.",
        example: "S: * BYE overload\nS: * 3 EXISTS")
    package static let imapLogoutWithoutBye = Violation(
        "imap-logout-without-bye", .server, .error, "RFC 9051 §6.1.3",
        "LOGOUT was answered with OK, but without BYE.",
        example: "C: a LOGOUT\nS: a OK bye")
    package static let imapLoginAcceptedThoughDisabled = Violation(
        "imap-login-accepted-though-disabled", .server, .error, "RFC 9051 §6.2.3",
        "The server accepted LOGIN though it advertises LOGINDISABLED.",
        example: "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\nC: a LOGIN alice s3cret\nS: a OK welcome")
    package static let imapBadResponse = Violation(
        "imap-bad-response", .server, .error, "RFC 9051 §7",
        "A response line fits no form.",
        example: "S: hello")
    package static let imapUnknownTag = Violation(
        "imap-unknown-tag", .server, .attack, "RFC 9051 §2.2.2",
        "A tagged response names no command that is open.",
        example: "S: a OK done")
    package static let imapTaggedBye = Violation(
        "imap-tagged-bye", .server, .error, "RFC 9051 §7.1",
        "BYE or PREAUTH has a tag, though it is always untagged.",
        example: "C: a LOGOUT\nS: a BYE")
    package static let imapOKToIncomplete = Violation(
        "imap-ok-to-incomplete", .server, .attack, "RFC 9051 §7.6",
        "The server says OK to a command of which it has not seen the end.",
        example: "C: a LOGIN {5}\nS: a OK welcome")
    package static let imapUnexpectedContinuation = Violation(
        "imap-unexpected-continuation", .server, .error, "RFC 9051 §7.6",
        "A continuation request came unasked.",
        example: "S: + go on")
    package static let imapBareContinuation = Violation(
        "imap-bare-continuation", .server, .notice, "RFC 9051 §9",
        "A continuation request has no space behind its plus sign.",
        example: "C: a LOGIN {5}\nS: +")
    package static let imapUnauthenticateRefused = Violation(
        "imap-unauthenticate-refused", .server, .error, "RFC 8437 §3",
        "UNAUTHENTICATE was answered with NO.",
        example: "C: a UNAUTHENTICATE\nS: a NO")
    package static let imapServerNonSyncLiteral = Violation(
        "imap-server-nonsync-literal", .server, .error, "RFC 9051 §4.3",
        "The server sent a non-synchronizing literal.",
        example: "S: * LIST () \"/\" {3+}")
    package static let imapServerLiteralTooBig = Violation(
        "imap-server-literal-too-big", .server, .error, "RFC 9051 §9",
        "The size of a literal is beyond 63 bits.",
        example: "S: * LIST () \"/\" {99999999999999999999}")
    package static let imapServerLiteralNul = Violation(
        "imap-server-literal-nul", .server, .error, "RFC 9051 §9",
        "A literal that is not marked as binary holds a NUL.",
        example: "S: * 1 FETCH (BODY[] {1}\nS: \\0)")
    package static let imapServerLiteralMismatch = Violation(
        "imap-server-literal-mismatch", .server, .error, "RFC 9051 §4.3",
        "What follows a literal is neither a space nor the end of what it stands in: its size was wrong.",
        example: "S: * 1 FETCH (BODY[] {1}\nS: ab)")
    package static let imapCapabilityMissing = Violation(
        "imap-capability-missing", .server, .error, "RFC 9051 §6.1.1",
        "CAPABILITY was answered with OK, but without a list.",
        example: "C: a CAPABILITY\nS: a OK done")
    package static let imapCapabilityWithoutRevision = Violation(
        "imap-capability-without-revision", .server, .error, "RFC 9051 §7.2.2",
        "A capability list names no revision of IMAP.",
        example: "S: * CAPABILITY IDLE")
    package static let imapLiteralPlusAndMinus = Violation(
        "imap-literal-plus-and-minus", .server, .error, "RFC 7888 §5",
        "LITERAL+ and LITERAL- are both advertised.",
        example: "S: * CAPABILITY IMAP4rev1 LITERAL+ LITERAL-")
    package static let imapQResyncWithoutEnable = Violation(
        "imap-qresync-without-enable", .server, .error, "RFC 7162 §3.2.3",
        "QRESYNC is advertised without ENABLE.",
        example: "S: * CAPABILITY IMAP4rev1 QRESYNC")
    package static let imapJMAPAccessWithoutObjectID = Violation(
        "imap-jmapaccess-without-objectid", .server, .error, "RFC 9698 §3",
        "JMAPACCESS is advertised without OBJECTID.",
        example: "S: * CAPABILITY IMAP4rev1 JMAPACCESS")
    package static let imapEnabledUnasked = Violation(
        "imap-enabled-unasked", .server, .error, "RFC 9051 §6.3.1",
        "The server enabled what the client did not ask for.",
        example: "S: * ENABLED QRESYNC")
    package static let imapSelectWithoutFlags = Violation(
        "imap-select-without-flags", .server, .error, "RFC 9051 §6.3.2",
        "A mailbox was opened without FLAGS.",
        example: "C: a SELECT INBOX\nS: * 3 EXISTS\nS: a OK [READ-WRITE] opened")
    package static let imapSelectWithoutExists = Violation(
        "imap-select-without-exists", .server, .error, "RFC 9051 §6.3.2",
        "A mailbox was opened without EXISTS.",
        example: "C: a SELECT INBOX\nS: * FLAGS (\\\\Seen)\nS: a OK [READ-WRITE] opened")
    package static let imapSelectWithoutUIDValidity = Violation(
        "imap-select-without-uidvalidity", .server, .notice, "RFC 9051 §6.3.2",
        "A mailbox was opened without UIDVALIDITY.",
        example: "C: a SELECT INBOX\nS: * FLAGS (\\\\Seen)\nS: * 3 EXISTS\nS: a OK [READ-WRITE] opened")
    package static let imapSelectWithoutModSeq = Violation(
        "imap-select-without-modseq", .server, .error, "RFC 7162 §3.1.2",
        "A mailbox was opened with neither HIGHESTMODSEQ nor NOMODSEQ though CONDSTORE is enabled.",
        example: "S: * ENABLED CONDSTORE\nC: a SELECT INBOX\nS: a OK [READ-WRITE] opened")
    package static let imapSelectWithoutClosed = Violation(
        "imap-select-without-closed", .server, .notice, "RFC 7162 §3.2.11",
        "Another mailbox was opened without CLOSED for the one before.",
        example: "C: a SELECT INBOX\nS: a OK [READ-WRITE]\nC: b SELECT Drafts\nS: b OK [READ-WRITE]")
    package static let imapExamineNotReadOnly = Violation(
        "imap-examine-not-read-only", .server, .error, "RFC 9051 §6.3.3",
        "OK to EXAMINE does not begin with READ-ONLY.",
        example: "C: a EXAMINE INBOX\nS: a OK [READ-WRITE] opened")
    package static let imapExistsShrinks = Violation(
        "imap-exists-shrinks", .server, .error, "RFC 9051 §5.2",
        "EXISTS has fewer messages than there are; only EXPUNGE and VANISHED remove any.",
        example: "S: * 3 EXISTS\nS: * 2 EXISTS")
    package static let imapExpungeBeyondExists = Violation(
        "imap-expunge-beyond-exists", .server, .error, "RFC 9051 §7.5.1",
        "EXPUNGE has a number beyond the messages of the mailbox.",
        example: "S: * 3 EXISTS\nS: * 4 EXPUNGE")
    package static let imapVanishedBeyondExists = Violation(
        "imap-vanished-beyond-exists", .server, .error, "RFC 7162 §3.2.10.2",
        "More messages vanished than there were.",
        example: "S: * 1 EXISTS\nS: * VANISHED 4:9")
    package static let imapFetchBeyondExists = Violation(
        "imap-fetch-beyond-exists", .server, .error, "RFC 9051 §2.3.1.2",
        "FETCH has a number beyond the messages of the mailbox.",
        example: "S: * 3 EXISTS\nS: * 4 FETCH (FLAGS ())")
    package static let imapExpungeUnasked = Violation(
        "imap-expunge-without-command", .server, .error, "RFC 9051 §7.5.1",
        "Messages were removed while no command was in progress.",
        example: "S: * 1 EXPUNGE")
    package static let imapExpungeDuringFetch = Violation(
        "imap-expunge-during-fetch", .server, .error, "RFC 9051 §7.5.1",
        "Messages were removed while only commands with message sequence numbers were in progress.",
        example: "C: a FETCH 1:* FLAGS\nS: * 1 EXPUNGE")
    package static let imapExpungeThoughQResync = Violation(
        "imap-expunge-though-qresync", .server, .error, "RFC 7162 §3.2.10",
        "EXPUNGE came though QRESYNC is enabled, which has VANISHED instead.",
        example: "S: * ENABLED QRESYNC\nS: * 1 EXPUNGE")
    package static let imapVanishedNotEnabled = Violation(
        "imap-vanished-not-enabled", .server, .error, "RFC 7162 §3.2.10",
        "VANISHED came though neither QRESYNC nor UIDONLY is enabled.",
        example: "S: * VANISHED 7")
    package static let imapReplyNumberThoughUIDOnly = Violation(
        "imap-reply-number-though-uidonly", .server, .error, "RFC 9586 §3",
        "A response has a message sequence number though UIDONLY is enabled.",
        example: "S: * ENABLED UIDONLY\nS: * 1 FETCH (FLAGS ())")
    package static let imapUIDFetchNotEnabled = Violation(
        "imap-uidfetch-not-enabled", .server, .error, "RFC 9586 §3.3",
        "UIDFETCH came though UIDONLY is not enabled.",
        example: "S: * 7 UIDFETCH (FLAGS ())")
    package static let imapUIDNotStickyThoughUIDOnly = Violation(
        "imap-uidnotsticky-though-uidonly", .server, .error, "RFC 9586 §3.6",
        "UIDNOTSTICKY comes from a server that offers UIDONLY.",
        example: "S: * PREAUTH [CAPABILITY IMAP4rev1 UIDONLY] ready\nS: * OK [UIDNOTSTICKY] no")
    package static let imapUIDValidityChanged = Violation(
        "imap-uidvalidity-changed", .server, .error, "RFC 9051 §2.3.1.1",
        "UIDVALIDITY changed while the mailbox was open.",
        example: "S: * OK [UIDVALIDITY 1] ok\nS: * OK [UIDVALIDITY 2] ok")
    package static let imapUIDNextBack = Violation(
        "imap-uidnext-back", .server, .error, "RFC 9051 §2.3.1.1",
        "UIDNEXT went back while the mailbox was open.",
        example: "S: * OK [UIDNEXT 9] ok\nS: * OK [UIDNEXT 8] ok")
    package static let imapHighestModSeqBack = Violation(
        "imap-highestmodseq-back", .server, .error, "RFC 7162 §3.1.2.1",
        "HIGHESTMODSEQ went back while the mailbox was open.",
        example: "S: * OK [HIGHESTMODSEQ 9] ok\nS: * OK [HIGHESTMODSEQ 8] ok")
    package static let imapReplyBadNumber = Violation(
        "imap-reply-bad-number", .server, .error, "RFC 9051 §9",
        "The number of a response is zero, beyond 32 bits, or none.",
        example: "S: * 0 EXPUNGE")
    package static let imapUIDNotAscending = Violation(
        "imap-uid-not-ascending", .server, .error, "RFC 9051 §2.3.1.1",
        "The UID of a message does not lie between those of its neighbours.",
        example: "S: * 1 FETCH (UID 9)\nS: * 2 FETCH (UID 8)")
    package static let imapUIDChanged = Violation(
        "imap-uid-changed", .server, .error, "RFC 9051 §2.3.1.1",
        "The UID of a message changed.",
        example: "S: * 1 FETCH (UID 9)\nS: * 1 FETCH (UID 10)")
    package static let imapModSeqBack = Violation(
        "imap-modseq-back", .server, .error, "RFC 7162 §3.1",
        "The modification sequence of a message went back.",
        example: "S: * 1 FETCH (MODSEQ (9))\nS: * 1 FETCH (MODSEQ (8))")
    package static let imapVanishedUnknown = Violation(
        "imap-vanished-unknown", .server, .error, "RFC 7162 §3.2.10.2",
        "VANISHED names a message that was not there.",
        example: "S: * 1 FETCH (UID 9)\nS: * VANISHED 8")
    package static let imapSearchBeyondExists = Violation(
        "imap-search-beyond-exists", .server, .error, "RFC 9051 §2.3.1.2",
        "SEARCH found a number beyond the messages of the mailbox.",
        example: "S: * 3 EXISTS\nC: a SEARCH ALL\nS: * SEARCH 4")
    package static let imapReplySyntax = Violation(
        "imap-reply-syntax", .server, .error, "RFC 9051 §9",
        "A response fits no rule.",
        example: "S: * 1 FETCH FLAGS")
    package static let imapReplySpacing = Violation(
        "imap-reply-spacing", .server, .notice, "RFC 9051 §9",
        "A response has a space too many or too few, or a tab.",
        example: "S: * 1 FETCH (UID  7)")
    package static let imapReplyUnclosedQuote = Violation(
        "imap-reply-unclosed-quote", .server, .error, "RFC 9051 §4.3",
        "A quoted string has no end on its line.",
        example: "S: * LIST () \"/\" \"INBOX")
    package static let imapReplyEightBit = Violation(
        "imap-reply-eight-bit", .server, .error, "RFC 9051 §7.2.2",
        "A response holds octets beyond ASCII in a quoted string, which was not agreed upon.",
        example: "S: * LIST () \"/\" \"\\xc3\\xa9\"")
    package static let imapReplyBadFlag = Violation(
        "imap-reply-bad-flag", .server, .error, "RFC 9051 §9",
        "A flag in a response is malformed.",
        example: "S: * FLAGS (a]b)")
    package static let imapDuplicateItem = Violation(
        "imap-duplicate-item", .server, .error, "RFC 9051 §9",
        "A response tells the UID or the size of a message twice, and differently.",
        example: "S: * 1 FETCH (UID 7 UID 8)")
    package static let imapConflictingAttributes = Violation(
        "imap-conflicting-attributes", .server, .error, "RFC 9051 §7.3.1",
        "A mailbox has two attributes that exclude each other.",
        example: "S: * LIST (\\\\Marked \\\\Unmarked) \"/\" INBOX")
    package static let imapPreviewTooLong = Violation(
        "imap-preview-too-long", .server, .error, "RFC 8970 §3.3",
        "A preview has more than 256 characters.",
        example: "S: * 1 FETCH (PREVIEW \"xxxx…\")")
    package static let imapReplyLiteral8 = Violation(
        "imap-misplaced-literal8", .server, .error, "RFC 9051 §9",
        "A binary literal stands where none is allowed.",
        example: "S: * 1 FETCH (BODY[] ~{1}")
    package static let imapBadResponseCode = Violation(
        "imap-bad-response-code", .server, .error, "RFC 9051 §7.1",
        "The arguments of a response code do not fit it.",
        example: "S: * OK [UIDVALIDITY x] ok")
    package static let imapCopyUIDUneven = Violation(
        "imap-copyuid-uneven", .server, .error, "RFC 4315 §3",
        "The two sets of COPYUID differ in size.",
        example: "S: a OK [COPYUID 1 1:3 7:8] done")
    package static let imapProgressTagged = Violation(
        "imap-progress-tagged", .server, .error, "RFC 9585 §4",
        "INPROGRESS stands in the answer that ends a command.",
        example: "S: a OK [INPROGRESS (\"a\" 1 2)] done")
    package static let imapProgressBeyondGoal = Violation(
        "imap-progress-beyond-goal", .server, .error, "RFC 9585 §4",
        "INPROGRESS says more than its goal.",
        example: "S: * OK [INPROGRESS (\"a\" 3 2)] going on")

    /// All violations of IMAP servers.
    static let imapServer: [Violation] = [
        imapReplyBrokenCompression, imapReplyBareLineEnd, imapReplyBareCR, imapReplyNul, imapReplyTooLong,
        imapUntaggedBeforeGreeting, imapSecondGreeting, imapPreauth, imapDataBeforeLogin, imapStartTLSReplyInjection,
        imapDataAfterBye, imapLogoutWithoutBye, imapLoginAcceptedThoughDisabled, imapBadResponse, imapUnknownTag,
        imapTaggedBye, imapOKToIncomplete, imapUnexpectedContinuation, imapBareContinuation,
        imapUnauthenticateRefused, imapServerNonSyncLiteral, imapServerLiteralTooBig, imapServerLiteralNul,
        imapServerLiteralMismatch, imapCapabilityMissing, imapCapabilityWithoutRevision, imapLiteralPlusAndMinus,
        imapQResyncWithoutEnable, imapJMAPAccessWithoutObjectID, imapEnabledUnasked, imapSelectWithoutFlags,
        imapSelectWithoutExists, imapSelectWithoutUIDValidity, imapSelectWithoutModSeq, imapSelectWithoutClosed,
        imapExamineNotReadOnly, imapExistsShrinks, imapExpungeBeyondExists, imapVanishedBeyondExists,
        imapFetchBeyondExists, imapExpungeUnasked, imapExpungeDuringFetch, imapExpungeThoughQResync,
        imapVanishedNotEnabled, imapReplyNumberThoughUIDOnly, imapUIDFetchNotEnabled, imapUIDNotStickyThoughUIDOnly,
        imapUIDValidityChanged, imapUIDNextBack, imapHighestModSeqBack, imapReplyBadNumber, imapUIDNotAscending,
        imapUIDChanged, imapModSeqBack, imapVanishedUnknown, imapSearchBeyondExists, imapReplySyntax,
        imapReplySpacing, imapReplyUnclosedQuote, imapReplyEightBit, imapReplyBadFlag, imapDuplicateItem,
        imapConflictingAttributes, imapPreviewTooLong, imapReplyLiteral8, imapBadResponseCode, imapCopyUIDUneven,
        imapProgressTagged, imapProgressBeyondGoal,
    ]
}
