// A header section: its fields in order, looked up by name.

/// A header section (RFC 5322 §2.2), of a message or of a MIME part. Lines end with CRLF or with a bare LF.
package struct HeaderBlock: Equatable, Sendable {
    /// All fields, and lines that are none, in order.
    package let fields: [HeaderField]
    /// Size of the section in octets with its empty line.
    package let length: Int
    /// The empty line that ends the section is there.
    package let isTerminated: Bool

    /// - Parameter bytes: a header section, or a message of which only the header section is read.
    package init(_ bytes: ArraySlice<UInt8>) {
        var walk = HeaderFieldIterator(bytes)
        var fields: [HeaderField] = []
        while let field = walk.next() { fields.append(field) }
        self.fields = fields
        length = walk.position - bytes.startIndex
        isTerminated = walk.isTerminated
    }

    /// - Parameter bytes: a header section, or a message of which only the header section is read.
    package init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    /// Only the fields of some names: the others are passed over without being taken apart.
    /// - Parameters:
    ///   - bytes: a header section, or a message of which only the header section is read.
    ///   - names: names in lower case.
    package init(_ bytes: ArraySlice<UInt8>, keeping names: [[UInt8]]) {
        var walk = HeaderFieldIterator(bytes)
        var fields: [HeaderField] = []
        // The letters that the names begin with, one bit each: most lines are passed over by a look at their first octet.
        let initials = names.reduce(UInt32(0)) { $0 | HeaderFieldIterator.initial($1.first ?? 0) }
        while walk.skip(to: names, initials), let field = walk.next() {
            // The walk stops at whatever begins with a name, as "Tone" begins with "To".
            if names.contains(where: { Octets.equalIgnoringCase(field.name, $0) }) { fields.append(field) }
        }
        self.fields = fields
        length = walk.position - bytes.startIndex
        isTerminated = walk.isTerminated
    }

    /// The first field of that name, ASCII letters of either case alike.
    package func first(_ name: String) -> HeaderField? {
        fields.first { $0.isNamed(name) }
    }

    /// All fields of that name in order.
    package func all(_ name: String) -> [HeaderField] {
        fields.filter { $0.isNamed(name) }
    }

    /// The unfolded value of the first field of that name; nil when it is absent.
    package func value(_ name: String) -> [UInt8]? {
        first(name)?.value
    }

    /// The value of the first field of that name as a person reads it; nil when it is absent.
    package func text(_ name: String) -> String? {
        first(name)?.text
    }

    /// The addresses of all fields of that name.
    package func addresses(_ name: String) -> AddressList {
        AddressList(items: all(name).flatMap { AddressList(parsing: $0.body).items })
    }

    /// The addresses of all fields of that name as ``MailAddress/text`` has them, at most `limit`.
    package func addressTexts(_ name: String, limit: Int) -> [String] {
        var texts: [String] = []
        for field in fields where texts.count < limit && field.isNamed(name) {
            if let plain = AddressList.plainMailbox(field.body) {
                texts.append(String(decoding: plain, as: UTF8.self))
            } else {
                for address in AddressList(parsing: field.body).mailboxes.prefix(limit - texts.count) {
                    texts.append(address.text)
                }
            }
        }
        return texts
    }
}
