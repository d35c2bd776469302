// What can be wrong with a message: one table. A flaw is a verdict, never a refusal: a broken message still gets its best
// reading. MailDialogue's `Violation` takes these over one by one.

/// A breach of the message format (RFC 5322, MIME) that is certain from the octets.
package enum MessageFlaw: CaseIterable, Hashable, Sendable {
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
    case bareCR
    case bareLF
    case nul
    case longLine
    case mboxLine
    case truncated
    case tooDeep
    case tooManyParts

    // Header sections.
    case noColon
    case badName
    case spaceBeforeColon
    case blankFold
    case controlCharacter
    case headerNotUTF8
    case forgedUTF8
    case fieldTooLong
    case headerTooLong
    case tooManyHops

    // The fields of a message.
    case noDate
    case noFrom
    case noMessageID
    case twoFrom
    case twoSender
    case twoReplyTo
    case twoTo
    case twoCc
    case twoBcc
    case twoDate
    case twoSubject
    case twoMessageID
    case twoInReplyTo
    case twoReferences
    case badDate
    case impossibleDate
    case obsoleteDate
    case badMessageID
    case badAddress
    case obsoleteAddress
    case emptyFrom
    case emptyAddresses
    case groupInFrom
    case noSender
    case manySenders
    case openComment
    case openQuote

    // Encoded words.
    case badEncodedWord
    case longEncodedWord
    case longEncodedLine
    case quotedEncodedWord
    case addressEncodedWord
    case tiedEncodedWord
    case unknownCharset
    case splitEncodedWord
    case controlInEncodedWord

    // MIME fields.
    case noMIMEVersion
    case badMIMEVersion
    case badType
    case twoTypes
    case twoEncodings
    case twoMIMEFields
    case badParameter
    case emptyParameter
    case unquotedParameter
    case twoParameters
    case encodedWordParameter
    case badContinuation
    case badExtendedValue
    case badDisposition
    case pathInFilename
    case hiddenExtension
    case bidiInFilename
    case controlInFilename
    case badEncoding
    case unknownEncoding
    case compositeEncoding

    // Structure.
    case noBoundary
    case twoBoundaries
    case longBoundary
    case badBoundary
    case boundaryEndsInSpace
    case boundaryReused
    case boundaryLineGarbage
    case noParts
    case noClosingBoundary
    case partAfterClose
    case headerCut
    case emptyMessageHeader

    // Bodies.
    case eightBitIn7Bit
    case bodyNotUTF8
    case foreignInBase64
    case base64Padding
    case base64LongLine
    case badEscape
    case lowerCaseEscape
    case qpLongLine
    case qpTrailingSpace
    case qpRawOctet

    /// All flaws.
    package static var all: [MessageFlaw] { allCases }

    /// The flaw with a code; nil when there is none.
    package init?(rawValue code: String) {
        guard let found = MessageFlaw.byCode[code] else { return nil }
        self = found
    }

    private static let byCode = Dictionary(uniqueKeysWithValues: allCases.map { ($0.code, $0) })

    /// The stable code, which audits quote: `message-bare-lf`.
    package var code: String { rule.code }
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
