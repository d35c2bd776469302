// One node of a message's structure: where it is and what its header says of it.

/// A body part, or the message itself.
package struct MessagePart: Equatable, Sendable {
    /// What the body is made of.
    package enum Content: Equatable, Sendable {
        /// Octets that hold no further parts.
        case leaf
        /// A multipart or message that was not taken apart, since it names no boundary or the limits were reached: it is read as
        /// plain text, as RFC 2045 §5.2 wants for what has no valid Content-Type.
        case opaque
        /// Parts between boundaries, as indices into `MessageStructure.parts`; none when no boundary line was found.
        case multipart([Int])
        /// A message; the index of its root.
        case message(Int)
    }

    /// Index of the part that holds this one; nil for the root.
    package let parent: Int?
    /// How many parts hold this one.
    package let depth: Int
    /// Offsets of the header section with its empty line.
    package let header: Range<Int>
    /// Offsets of the body, without the line end that belongs to the boundary behind it (RFC 2046 §5.1.1).
    package internal(set) var body: Range<Int>
    /// Line ends in the body.
    package internal(set) var lines: Int
    package internal(set) var content: Content

    /// The media type, by default text/plain, in a digest message/rfc822.
    package let mediaType: MediaType
    /// Content-Transfer-Encoding in lower case; `7bit` when there is none.
    package let encoding: String
    /// Content-ID.
    package let id: [UInt8]?
    /// Content-Description.
    package let description: [UInt8]?
    /// Content-Disposition.
    package let disposition: ContentDisposition?
    /// Content-Language (RFC 3282), one element a tag; nil when there is none.
    package let languages: [[UInt8]]?
    /// Content-MD5 (RFC 1864).
    package let md5: [UInt8]?
    /// Content-Location (RFC 2557).
    package let location: [UInt8]?

    init(
        parent: Int?, depth: Int, header: Range<Int>, body: Range<Int>, lines: Int, content: Content,
        fields: PartFields,
        defaultType: MediaType
    ) {
        self.parent = parent
        self.depth = depth
        self.header = header
        self.body = body
        self.lines = lines
        self.content = content
        mediaType = fields.mediaType ?? defaultType
        encoding = fields.encoding ?? "7bit"
        id = fields.id
        description = fields.description
        disposition = fields.disposition
        languages = fields.languages
        md5 = fields.md5
        location = fields.location
    }

    /// Size of the body in octets.
    package var size: Int { body.count }

    /// The name of a file that the sender gave: from the disposition, else from the media type.
    package var filename: String? {
        disposition?.filename ?? mediaType.parameters.first { $0.name == "name" }?.text
    }

    /// The body is text: by its media type, or because it was not taken apart.
    package var isText: Bool { content == .opaque || content == .leaf && mediaType.type == "text" }

    /// Parts that this one holds directly.
    package var children: [Int] {
        switch content {
        case .leaf, .opaque: []
        case .multipart(let parts): parts
        case .message(let root): [root]
        }
    }
}

/// The fields of a part's header that say what its body is, each the first of its name.
struct PartFields {
    var mediaType: MediaType?
    var encoding: String?
    var id: [UInt8]?
    var description: [UInt8]?
    var disposition: ContentDisposition?
    var languages: [[UInt8]]?
    var md5: [UInt8]?
    var location: [UInt8]?
    private var hasContentType = false

    /// Reads one more field of the header section.
    mutating func take(_ field: HeaderField) {
        guard field.name.count >= 10, Octets.equalIgnoringCase(field.name.prefix(8), "content-".utf8) else { return }
        switch Octets.lowerText(field.name.dropFirst(8)) {
        case "type" where !hasContentType:
            hasContentType = true
            // One that cannot be read is as good as none, but not the digest's default (RFC 2045 §5.2).
            mediaType = MediaType(parsing: field.body) ?? .plainText
        case "transfer-encoding" where encoding == nil:
            var lexer = FieldLexer(field.body)
            lexer.skipSpace()
            let name = MediaType.token(&lexer)
            lexer.skipSpace()
            // Anything but one word says nothing.
            if lexer.isAtEnd || lexer.next == UInt8(ascii: ";") { encoding = name }
        case "id" where id == nil: id = field.value
        case "description" where description == nil: description = field.value
        case "disposition" where disposition == nil: disposition = ContentDisposition(parsing: field.body)
        case "language" where languages == nil: languages = PartFields.languages(field.body)
        case "md5" where md5 == nil: md5 = field.value
        case "location" where location == nil: location = field.value
        default: break
        }
    }

    private static func languages(_ body: ArraySlice<UInt8>) -> [[UInt8]]? {
        var lexer = FieldLexer(body)
        var tags: [[UInt8]] = []
        while true {
            lexer.skipSpace()
            if lexer.take(UInt8(ascii: ",")) { continue }
            guard !lexer.isAtEnd else { return tags.isEmpty ? nil : tags }
            tags.append(Array(lexer.readAtom { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "(") }))
        }
    }
}
