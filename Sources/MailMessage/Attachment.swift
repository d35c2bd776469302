// What a message carries beside its text: parts that are meant as files, and files that stand uuencoded in text.

/// A file in a message. Its octets stay in the message; they are decoded on demand.
package struct Attachment: Equatable, Sendable {
    /// Index of the part that it is, or that it stands in.
    package let part: Int
    /// The name that the sender gave, encodings undone, nothing else changed: it may hold a path.
    package let filename: String?
    /// `type/subtype` in lower case.
    package let mediaType: String
    /// `attachment`, `inline` or another word; nil without Content-Disposition and for uuencoded files.
    package let disposition: String?
    /// The transfer encoding in lower case, `uuencode` for a file in a text.
    package let encoding: String
    /// Offsets of its octets in the message, encoded.
    package let range: Range<Int>
    /// Octets of the file.
    package let size: Int

    /// The attachment that a part is; nil for text to read, multiparts, and messages that nobody calls an attachment.
    init?(_ part: MessagePart, number: Int, decodedSize: Int) {
        switch part.content {
        case .multipart, .opaque: return nil
        case .leaf, .message: break
        }
        let type = part.mediaType
        let isNamed = part.filename != nil || part.disposition?.type == "attachment"
        guard isNamed || type.type != "text" && !type.isMessage else { return nil }
        self.part = number
        filename = part.filename
        mediaType = "\(type.type)/\(type.subtype)"
        disposition = part.disposition?.type
        encoding = part.encoding
        range = part.body
        size = decodedSize
    }

    init(_ file: UUFile) {
        part = file.part
        filename = file.name
        mediaType = "application/octet-stream"
        disposition = nil
        encoding = "uuencode"
        range = file.range
        size = file.size
    }

    /// A decoder for the octets of `range`, for one who has them in pieces.
    package var decoder: TransferDecoder { TransferDecoder(encoding: encoding) }

    /// The octets of the file, from the message that it was found in.
    package func decoded(from message: [UInt8]) -> ArraySlice<UInt8> {
        TransferEncoding.decode(message[range.clamped(to: 0..<message.count)], as: encoding)
    }
}
