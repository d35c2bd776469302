// What can be wrong with a message: one table. A flaw is a verdict, never a refusal: a broken message still gets its best
// reading. MailDialogue's `Violation` takes these over one by one.

/// A breach of the message format (RFC 5322, MIME) that is certain from the octets.
package enum MessageFlaw: String, CaseIterable, Hashable, Sendable {
    /// How much it matters; the same three steps as those of violations.
    package enum Severity: String, Sendable, Hashable {
        /// Sloppy, harmless.
        case notice
        /// Breaks a MUST; readers may differ in what they make of it.
        case error
        /// A known attack has this shape.
        case attack
    }

    // Lines and octets.
    case bareCR = "message-bare-cr"
    case bareLF = "message-bare-lf"
    case nul = "message-nul"
    case longLine = "message-long-line"
    case mboxLine = "message-mbox-line"
    case truncated = "message-truncated"
    case tooDeep = "message-too-deep"
    case tooManyParts = "message-too-many-parts"

    // Header sections.
    case noColon = "header-no-colon"
    case badName = "header-name"
    case spaceBeforeColon = "header-space-before-colon"
    case blankFold = "header-blank-fold"
    case controlCharacter = "header-control"
    case headerNotUTF8 = "header-8bit"
    case forgedUTF8 = "header-utf8-forged"
    case fieldTooLong = "header-field-too-long"
    case headerTooLong = "header-too-long"
    case tooManyHops = "header-hops"

    // The fields of a message.
    case noDate = "header-date-missing"
    case noFrom = "header-from-missing"
    case noMessageID = "header-message-id-missing"
    case twoFrom = "header-from-doubled"
    case twoSender = "header-sender-doubled"
    case twoReplyTo = "header-reply-to-doubled"
    case twoTo = "header-to-doubled"
    case twoCc = "header-cc-doubled"
    case twoBcc = "header-bcc-doubled"
    case twoDate = "header-date-doubled"
    case twoSubject = "header-subject-doubled"
    case twoMessageID = "header-message-id-doubled"
    case twoInReplyTo = "header-in-reply-to-doubled"
    case twoReferences = "header-references-doubled"
    case badDate = "header-date"
    case impossibleDate = "header-date-impossible"
    case obsoleteDate = "header-date-obsolete"
    case badMessageID = "header-message-id"
    case badAddress = "header-address"
    case obsoleteAddress = "header-address-obsolete"
    case emptyFrom = "header-from-empty"
    case emptyAddresses = "header-address-empty"
    case groupInFrom = "header-from-group"
    case noSender = "header-sender-missing"
    case manySenders = "header-sender-many"
    case openComment = "header-comment-open"
    case openQuote = "header-quote-open"

    // Encoded words.
    case badEncodedWord = "header-encoded-word"
    case longEncodedWord = "header-encoded-word-long"
    case longEncodedLine = "header-encoded-word-line"
    case quotedEncodedWord = "header-encoded-word-quoted"
    case addressEncodedWord = "header-encoded-word-address"
    case tiedEncodedWord = "header-encoded-word-tied"
    case unknownCharset = "header-encoded-word-charset"
    case splitEncodedWord = "header-encoded-word-split"
    case controlInEncodedWord = "header-encoded-word-control"

    // MIME fields.
    case noMIMEVersion = "mime-version-missing"
    case badMIMEVersion = "mime-version"
    case badType = "mime-type"
    case twoTypes = "mime-type-doubled"
    case twoEncodings = "mime-encoding-doubled"
    case twoMIMEFields = "mime-field-doubled"
    case badParameter = "mime-parameter"
    case emptyParameter = "mime-parameter-empty"
    case unquotedParameter = "mime-parameter-unquoted"
    case twoParameters = "mime-parameter-doubled"
    case encodedWordParameter = "mime-parameter-encoded-word"
    case badContinuation = "mime-parameter-continuation"
    case badExtendedValue = "mime-parameter-charset"
    case badDisposition = "mime-disposition"
    case pathInFilename = "mime-filename-path"
    case hiddenExtension = "mime-filename-extension"
    case bidiInFilename = "mime-filename-bidi"
    case controlInFilename = "mime-filename-control"
    case badEncoding = "mime-encoding"
    case unknownEncoding = "mime-encoding-unknown"
    case compositeEncoding = "mime-encoding-composite"

    // Structure.
    case noBoundary = "mime-boundary-missing"
    case twoBoundaries = "mime-boundary-doubled"
    case longBoundary = "mime-boundary-long"
    case badBoundary = "mime-boundary-characters"
    case boundaryEndsInSpace = "mime-boundary-space"
    case boundaryReused = "mime-boundary-reused"
    case boundaryLineGarbage = "mime-boundary-line"
    case noParts = "mime-parts-missing"
    case noClosingBoundary = "mime-closing-boundary-missing"
    case partAfterClose = "mime-part-after-close"
    case headerCut = "mime-header-cut"
    case emptyMessageHeader = "mime-message-header"

    // Bodies.
    case eightBitIn7Bit = "mime-8bit-in-7bit"
    case bodyNotUTF8 = "mime-charset-utf8"
    case foreignInBase64 = "mime-base64-characters"
    case base64Padding = "mime-base64-padding"
    case base64LongLine = "mime-base64-line"
    case badEscape = "mime-qp-escape"
    case lowerCaseEscape = "mime-qp-lower-case"
    case qpLongLine = "mime-qp-line"
    case qpTrailingSpace = "mime-qp-space"
    case qpRawOctet = "mime-qp-octet"

    /// All flaws.
    package static var all: [MessageFlaw] { allCases }

    /// The stable code, which audits quote: `message-bare-lf`.
    package var code: String { rawValue }
    package var severity: Severity { rule.severity }
    /// The sentence that was broken: `RFC 5322 §2.3`; for the bounds of this reader the sentence that they concern.
    package var section: String { rule.section }
    /// One sentence that says what happened.
    package var meaning: String { rule.meaning }
    /// The shortest octets that show it: lines parted by line feeds, which stand for CRLF, and escapes `\r \n \0 \xNN`.
    package var example: String { rule.example }
}

/// A flaw as it occurs in a message.
package struct FoundFlaw: Hashable, Sendable {
    package let flaw: MessageFlaw
    /// Where it occurs first, in octets from the beginning of the message.
    package let offset: Int
    /// How often it occurs.
    package let count: Int

    package init(_ flaw: MessageFlaw, offset: Int, count: Int = 1) {
        self.flaw = flaw
        self.offset = offset
        self.count = count
    }
}

/// Collects flaws: of each the first place and the number.
struct FlawBook: Equatable, Sendable {
    private var found: [MessageFlaw: (offset: Int, count: Int)] = [:]
    /// Nothing is noted: what passes is encoded, and is not what it looks like.
    var isMuted = false

    mutating func note(_ flaw: MessageFlaw, at offset: Int, count: Int = 1) {
        if !isMuted { noteAlways(flaw, at: offset, count: count) }
    }

    /// Notes what holds of octets whatever they stand for.
    mutating func noteAlways(_ flaw: MessageFlaw, at offset: Int, count: Int = 1) {
        let known = found[flaw] ?? (offset, 0)
        found[flaw] = (min(known.offset, offset), known.count &+ count)
    }

    /// In the order of their places, flaws of one place in the order of the table.
    var flaws: [FoundFlaw] {
        MessageFlaw.allCases.compactMap { flaw in
            found[flaw].map { FoundFlaw(flaw, offset: $0.offset, count: $0.count) }
        }.enumerated().sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }.map(\.element)
    }

    static func == (a: FlawBook, b: FlawBook) -> Bool { a.flaws == b.flaws }
}
