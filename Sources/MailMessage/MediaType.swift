// Content-Type (RFC 2045 §5) and Content-Disposition (RFC 2183).

/// A media type with its parameters.
package struct MediaType: Equatable, Sendable {
    /// In lower case: `text`.
    package let type: String
    /// In lower case: `plain`.
    package let subtype: String
    package let parameters: [MIMEParameter]

    package init(type: String, subtype: String, parameters: [MIMEParameter] = []) {
        self.type = type
        self.subtype = subtype
        self.parameters = parameters
    }

    /// What holds without a Content-Type, and with one that cannot be read (RFC 2045 §5.2).
    package static let plainText = MediaType(
        type: "text", subtype: "plain", parameters: [MIMEParameter(name: "charset", value: Array("us-ascii".utf8))])
    /// What holds without a Content-Type in a multipart/digest (RFC 2046 §5.1.5).
    package static let message = MediaType(type: "message", subtype: "rfc822")

    /// Reads the body of a Content-Type field; nil when it has no type and subtype.
    package init?(parsing body: ArraySlice<UInt8>) {
        var lexer = FieldLexer(body)
        lexer.skipSpace()
        guard let type = MediaType.token(&lexer) else { return nil }
        lexer.skipSpace()
        guard lexer.take(UInt8(ascii: "/")) else { return nil }
        lexer.skipSpace()
        guard let subtype = MediaType.token(&lexer) else { return nil }
        self.init(type: type, subtype: subtype, parameters: MIMEParameter.parse(&lexer))
    }

    /// The value of a parameter; its name in lower case.
    package func parameter(_ name: String) -> [UInt8]? {
        parameters.first { $0.name == name }?.value
    }

    package var isMultipart: Bool { type == "multipart" }

    /// message/rfc822 and its internationalised twin (RFC 6532 §3.7).
    package var isMessage: Bool { type == "message" && (subtype == "rfc822" || subtype == "global") }

    /// A token in lower case; nil when there is none.
    static func token(_ lexer: inout FieldLexer) -> String? {
        guard let first = lexer.next, !isSpecial(first) else { return nil }
        return Octets.lowerText(lexer.readAtom(until: isSpecial))
    }

    private static func isSpecial(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "/"), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: "\""),
            UInt8(ascii: ","), 0...32, 127:
            true
        default: false
        }
    }
}

/// A content disposition with its parameters.
package struct ContentDisposition: Equatable, Sendable {
    /// In lower case: `inline`, `attachment`.
    package let type: String
    package let parameters: [MIMEParameter]

    /// Reads the body of a Content-Disposition field; nil when it has no type.
    package init?(parsing body: ArraySlice<UInt8>) {
        var lexer = FieldLexer(body)
        lexer.skipSpace()
        guard let type = MediaType.token(&lexer) else { return nil }
        self.type = type
        parameters = MIMEParameter.parse(&lexer)
    }

    /// The file name as a person reads it.
    package var filename: String? {
        parameters.first { $0.name == "filename" }?.text
    }
}
