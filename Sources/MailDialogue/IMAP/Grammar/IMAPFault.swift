// What the readers of IMAP's grammar find wrong: values with a place, never an error that ends the reading. A dialogue
// turns those that are certain into violations; the section and the sentence stand here, beside the rule.

/// Something in a response or command that the grammar does not allow.
package struct IMAPFault: Equatable, Hashable, Sendable {
    package let code: Code
    /// Offset in the text of the first octet that is wrong.
    package let offset: Int

    package init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    /// What is wrong. The raw value is stable.
    package enum Code: String, CaseIterable, Sendable {
        // Octets and tokens.
        case missingSpace = "missing-space"
        case extraSpace = "extra-space"
        case tab
        case nul
        case controlOctet = "control-octet"
        case eightBit = "eight-bit"
        case badUTF8 = "bad-utf8"
        case unexpected
        case ended
        case trailing
        case badNumber = "bad-number"
        case numberTooBig = "number-too-big"
        case zeroNumber = "zero-number"
        case unclosedQuote = "unclosed-quote"
        case badEscape = "bad-escape"
        case unclosedList = "unclosed-list"
        case emptyList = "empty-list"
        case tooDeep = "too-deep"
        case shortLiteral = "short-literal"
        case misplacedLiteral8 = "misplaced-literal8"
        case misplacedNil = "misplaced-nil"
        case stringNeeded = "string-needed"
        case tooLong = "too-long"

        // Values.
        case badDate = "bad-date"
        case badDateTime = "bad-date-time"
        case badSequenceSet = "bad-sequence-set"
        case misplacedStar = "misplaced-star"
        case misplacedSavedResult = "misplaced-saved-result"
        case badFlag = "bad-flag"
        case flagNotSettable = "flag-not-settable"
        case badSection = "bad-section"
        case badPartial = "bad-partial"
        case badMailboxName = "bad-mailbox-name"
        case badBase64 = "bad-base64"
        case badObjectID = "bad-object-id"
        case badTag = "bad-tag"
        case badLabel = "bad-label"
        case badModSeqEntry = "bad-modseq-entry"
        case badDelimiter = "bad-delimiter"
        case badRights = "bad-rights"
        case badMetadataEntry = "bad-metadata-entry"
        case badAnnotation = "bad-annotation"
        case badMediaType = "bad-media-type"

        // Responses.
        case unknownResponse = "unknown-response"
        case unknownItem = "unknown-item"
        case duplicateItem = "duplicate-item"
        case badResponseCode = "bad-response-code"
        case copyUIDUneven = "copyuid-uneven"
        case singleUIDAsRange = "single-uid-as-range"
        case progressBeyondGoal = "progress-beyond-goal"
        case noRevision = "no-revision"
        case literalPlusAndMinus = "literal-plus-and-minus"
        case previewTooLong = "preview-too-long"
        case conflictingAttributes = "conflicting-attributes"

        // Commands.
        case unknownCommand = "unknown-command"
        case misplacedMacro = "misplaced-macro"
        case recursiveMatchAlone = "recursive-match-alone"
        case partialWithAll = "partial-with-all"
        case vanishedNotUID = "vanished-not-uid"
        case vanishedWithoutChangedSince = "vanished-without-changed-since"
        case eventsIncomplete = "events-incomplete"
        case idTooMany = "id-too-many"
        case idTooLong = "id-too-long"
        case idTwice = "id-twice"
        case noMessage = "no-message"
        case modifierTwice = "modifier-twice"
    }
}

extension IMAPFault.Code {
    /// The sentence that was broken.
    package var section: String {
        switch self {
        case .missingSpace, .extraSpace, .tab, .nul, .controlOctet, .unexpected, .ended, .trailing, .badNumber,
            .numberTooBig, .zeroNumber, .unclosedQuote, .badEscape, .unclosedList, .emptyList, .misplacedNil,
            .stringNeeded, .badSequenceSet, .badFlag, .badDate, .badDateTime, .badSection, .badPartial, .badBase64,
            .badTag, .badLabel, .badDelimiter, .unknownItem, .misplacedMacro, .noMessage, .badResponseCode, .tooDeep,
            .tooLong, .unknownCommand:
            "RFC 9051 §9"
        case .eightBit, .badUTF8: "RFC 9051 §4.3"
        case .shortLiteral: "RFC 9051 §4.3"
        case .misplacedLiteral8: "RFC 9051 §4.3"
        case .misplacedStar: "RFC 7162 §7"
        case .misplacedSavedResult: "RFC 9051 §6.4.4.1"
        case .flagNotSettable: "RFC 9051 §9"
        case .badMailboxName: "RFC 3501 §5.1.3"
        case .badObjectID: "RFC 8474 §7"
        case .badModSeqEntry: "RFC 7162 §7"
        case .badRights: "RFC 4314 §7"
        case .badMetadataEntry: "RFC 5464 §3.2"
        case .badAnnotation: "RFC 5257 §5"
        case .badMediaType: "RFC 5259 §10"
        case .unknownResponse: "RFC 9051 §7"
        case .duplicateItem: "RFC 9051 §9"
        case .modifierTwice: "RFC 7162 §7"
        case .copyUIDUneven: "RFC 4315 §3"
        case .singleUIDAsRange: "RFC 9051 §7.1"
        case .progressBeyondGoal: "RFC 9585 §6"
        case .noRevision: "RFC 9051 §7.2.2"
        case .literalPlusAndMinus: "RFC 7888 §5"
        case .previewTooLong: "RFC 8970 §3.3"
        case .conflictingAttributes: "RFC 9051 §7.3.1"
        case .recursiveMatchAlone: "RFC 5258 §6"
        case .partialWithAll: "RFC 9394 §3.1"
        case .vanishedNotUID, .vanishedWithoutChangedSince: "RFC 7162 §3.2.6"
        case .eventsIncomplete: "RFC 5465 §5"
        case .idTooMany, .idTooLong, .idTwice: "RFC 2971 §3.3"
        }
    }

    /// One sentence that says what is wrong.
    package var meaning: String {
        switch self {
        case .missingSpace: "Two values are not parted by a space."
        case .extraSpace: "There is more than one space, or one at the end."
        case .tab: "A tab stands for a space."
        case .nul: "There is a NUL outside of a literal8."
        case .controlOctet: "There is a control octet where text is expected."
        case .eightBit: "There is an octet beyond ASCII, which was not agreed upon."
        case .badUTF8: "Octets beyond ASCII are no UTF-8."
        case .unexpected: "An octet fits no rule at its place."
        case .ended: "Something is missing at the end."
        case .trailing: "There is more than the rule has."
        case .badNumber: "A number is expected."
        case .numberTooBig: "A number is beyond its range."
        case .zeroNumber: "A number that must not be zero is zero, or begins with one."
        case .unclosedQuote: "A quoted string has no end."
        case .badEscape: "A backslash in a quoted string is followed by neither a quote nor a backslash."
        case .unclosedList: "A list has no end."
        case .emptyList: "A list that must not be empty is."
        case .tooDeep: "Lists are nested beyond all use."
        case .shortLiteral: "A literal has fewer octets than its header says."
        case .misplacedLiteral8: "A binary literal stands where none is allowed."
        case .misplacedNil: "NIL stands where a value is needed."
        case .stringNeeded: "An atom stands where only a string is allowed."
        case .tooLong: "The text is too long to be read."
        case .badDate: "A date fits not the form 1-Feb-1994."
        case .badDateTime: "A date and time fits not the form 17-Jul-1996 02:44:25 -0700 in quotes."
        case .badSequenceSet: "A sequence set is malformed."
        case .misplacedStar: "An asterisk stands in a set that must name its messages."
        case .misplacedSavedResult: "The saved search result stands where it is not allowed."
        case .badFlag: "A flag is malformed."
        case .flagNotSettable: "A client sets a flag that only the server sets."
        case .badSection: "A section of a message is malformed."
        case .badPartial: "A partial range is malformed."
        case .badMailboxName: "A mailbox name is no modified UTF-7."
        case .badBase64: "Base64 is malformed."
        case .badObjectID: "An object identifier has other octets than letters, digits, _ and -, or more than 255."
        case .badTag: "A tag is malformed."
        case .badLabel: "A label is malformed."
        case .badModSeqEntry: "An entry of SEARCH MODSEQ is malformed."
        case .badDelimiter: "A hierarchy delimiter is not one character."
        case .badRights: "Rights are other than lower-case letters and digits."
        case .badMetadataEntry: "The name of a metadata entry does not begin with / or holds a wildcard."
        case .badAnnotation: "An entry or attribute of an annotation is not of the form that it has here."
        case .badMediaType: "A media type is not of the form type/subtype."
        case .unknownResponse: "The keyword of a response is unknown."
        case .unknownItem: "An item is unknown."
        case .duplicateItem: "A response tells the UID or the size of a message twice, and differently."
        case .modifierTwice: "STORE has UNCHANGEDSINCE more than once."
        case .badResponseCode: "The arguments of a response code do not fit it."
        case .copyUIDUneven: "The two sets of COPYUID differ in size."
        case .singleUIDAsRange: "APPENDUID names a single UID as a range."
        case .progressBeyondGoal: "INPROGRESS says more than its goal."
        case .noRevision: "A capability list names no revision of IMAP."
        case .literalPlusAndMinus: "LITERAL+ and LITERAL- are both advertised."
        case .previewTooLong: "A preview has more than 256 characters."
        case .conflictingAttributes: "A mailbox has two attributes that exclude each other."
        case .unknownCommand: "The command is unknown."
        case .misplacedMacro: "ALL, FAST or FULL stands in a list of items."
        case .recursiveMatchAlone: "RECURSIVEMATCH stands without a base option."
        case .partialWithAll: "A search returns both PARTIAL and ALL."
        case .vanishedNotUID: "VANISHED is asked for with FETCH by sequence number."
        case .vanishedWithoutChangedSince: "VANISHED is asked for without CHANGEDSINCE."
        case .eventsIncomplete: "NOTIFY names an event without those that must go with it."
        case .idTooMany: "ID has more than 30 fields."
        case .idTooLong: "A field of ID is longer than 30 octets, or its value longer than 1,024."
        case .idTwice: "A field of ID stands twice."
        case .noMessage: "APPEND has no message."
        }
    }
}
