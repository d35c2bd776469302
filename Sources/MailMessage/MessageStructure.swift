// The MIME structure of a message (RFC 2045, RFC 2046): a tree of parts, kept flat, that holds offsets only.

/// The parts of a message with their places in it. The functions that read octets take the message again: a structure can
/// be kept without it. Offsets beyond the octets that are given then are cut, never trapped on.
package struct MessageStructure: Equatable, Sendable {
    /// Depth beyond which a multipart or message stays opaque. Postfix's mime_nesting_limit and Dovecot's limit are 100.
    package static let maximumDepth = 100
    /// Parts beyond which a boundary line is text of the part that it stands in. Dovecot's limit is 10,000.
    package static let maximumParts = 10_000
    /// Octets of a boundary beyond which a multipart stays opaque. RFC 2046 §5.1.1 allows 70.
    package static let maximumBoundary = 1_000

    /// All parts in the order of their headers; the first is the message itself.
    package internal(set) var parts: [MessagePart]
    /// Size of the message in octets.
    package let size: Int

    /// The message itself.
    package var root: MessagePart { parts[0] }

    /// Takes a message apart in one pass. Never fails: what is broken gets the best reading.
    package static func parse(_ message: [UInt8]) -> MessageStructure {
        var scanner = StructureScanner(isJudging: false)
        scanner.feed(message[...])
        scanner.finish(isComplete: true)
        return MessageStructure(parts: scanner.parts, size: message.count)
    }

    /// The header section of a part with its empty line.
    package func header(of part: MessagePart, in message: [UInt8]) -> ArraySlice<UInt8> {
        octets(part.header, in: message)
    }

    /// The body of a part as it was sent.
    package func body(of part: MessagePart, in message: [UInt8]) -> ArraySlice<UInt8> {
        octets(part.body, in: message)
    }

    /// The body of a part with its transfer encoding undone.
    package func decodedBody(of part: MessagePart, in message: [UInt8]) -> ArraySlice<UInt8> {
        TransferEncoding.decode(body(of: part, in: message), as: part.encoding)
    }

    /// The text of a text part; nil for other parts. A charset that is not known is guessed.
    package func text(of part: MessagePart, in message: [UInt8]) -> String? {
        guard part.isText else { return nil }
        let octets = decodedBody(of: part, in: message)
        guard let label = part.mediaType.parameter("charset"), let charset = Charset(label: label) else {
            return Charset.guess(octets)
        }
        return charset.decode(octets)
    }

    /// The envelope of a message: of the root, or of the root of a message/rfc822 part.
    package func envelope(of part: MessagePart, in message: [UInt8]) -> Envelope {
        Envelope(HeaderBlock(header(of: part, in: message)))
    }

    /// Octets of the message, cut to what is there.
    func octets(_ range: Range<Int>, in message: [UInt8]) -> ArraySlice<UInt8> {
        message[range.clamped(to: 0..<message.count)]
    }
}
