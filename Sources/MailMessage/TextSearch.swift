// Searching for text in messages (RFC 9051 §6.4.4): letters of either case alike, in what a person reads and not in its
// encoded form.

/// A text to look for.
package struct TextNeedle: Equatable, Sendable {
    private let folded: [UInt8]

    package init(_ text: String) {
        folded = TextNeedle.fold(text)
    }

    /// The needle is in the text; an empty one is in every text.
    package func isFound(in text: String) -> Bool {
        Octets.find(folded, in: TextNeedle.fold(text)[...]) != nil
    }

    /// UTF-8 of the text in lower case. Text that is all ASCII, as most is, takes a shorter way.
    private static func fold(_ text: String) -> [UInt8] {
        var octets = Array(text.utf8)
        guard octets.allSatisfy({ $0 < 128 }) else { return Array(text.lowercased().utf8) }
        for index in octets.indices { octets[index] = Octets.lower(octets[index]) }
        return octets
    }
}

extension MessageStructure {
    /// Where a search looks.
    package enum SearchScope: Sendable {
        /// The header section and the body (SEARCH TEXT).
        case message
        /// The body: text parts, and the headers of parts and of messages in it (SEARCH BODY).
        case body
    }

    /// The text is in the message.
    package func contains(_ needle: TextNeedle, scope: SearchScope, in message: [UInt8]) -> Bool {
        for (number, part) in parts.enumerated() {
            if number > 0 || scope == .message, isFound(needle, inHeader: header(of: part, in: message)) { return true }
            if let text = text(of: part, in: message), needle.isFound(in: text) { return true }
        }
        return false
    }

    private func isFound(_ needle: TextNeedle, inHeader header: ArraySlice<UInt8>) -> Bool {
        var walk = HeaderFieldIterator(header)
        while let field = walk.next() {
            if needle.isFound(in: Charset.guess(field.name) + ": " + field.text) { return true }
        }
        return false
    }
}

extension HeaderBlock {
    /// A field of that name holds the text; with an empty text: there is a field of that name (SEARCH HEADER).
    package func contains(_ needle: TextNeedle, inField name: String) -> Bool {
        fields.contains { $0.isNamed(name) && needle.isFound(in: $0.text) }
    }
}

/// The text is in the header or the body of the message, as a person reads them.
package func messageContains(_ text: String, in message: [UInt8]) -> Bool {
    MessageStructure.parse(message).contains(TextNeedle(text), scope: .message, in: message)
}
