// ENVELOPE, BODY and BODYSTRUCTURE as FETCH sends them (RFC 9051 §7.5.2, RFC 3501 §7.4.2).

extension Envelope {
    /// The parenthesised list of ENVELOPE.
    package var imapBytes: [UInt8] {
        var out = Array("(".utf8)
        out += imapString(date) + Array(" ".utf8) + imapString(subject)
        for list in [from, sender, replyTo, to, cc, bcc] {
            out.append(UInt8(ascii: " "))
            out += list.imapBytes
        }
        out += Array(" ".utf8) + imapString(inReplyTo) + Array(" ".utf8) + imapString(messageID) + Array(")".utf8)
        return out
    }
}

extension AddressList {
    /// The list of address structures, NIL when it is empty. A group is a structure with a NIL host before its members and one of
    /// four NILs behind them.
    package var imapBytes: [UInt8] {
        guard !items.isEmpty else { return Array("NIL".utf8) }
        var out = Array("(".utf8)
        for item in items {
            switch item {
            case .mailbox(let address):
                out.append(UInt8(ascii: "("))
                out += imapString(address.displayName) + Array(" ".utf8) + imapString(address.route) + Array(" ".utf8)
                out += imapString(address.localPart) + Array(" ".utf8) + imapString(address.domain) + Array(")".utf8)
            case .groupStart(let name): out += Array("(NIL NIL ".utf8) + imapString(name) + Array(" NIL)".utf8)
            case .groupEnd: out += Array("(NIL NIL NIL NIL)".utf8)
            }
        }
        out.append(UInt8(ascii: ")"))
        return out
    }
}

extension MessageStructure {
    /// The parenthesised list of BODYSTRUCTURE, or that of BODY, which has no extension data.
    package func imapBytes(isExtended: Bool, of message: [UInt8]) -> [UInt8] {
        imapBytes(isExtended: isExtended) { header(of: $0, in: message) }
    }

    /// The same for one who has not the whole message: `headerOf` gives the header section of the root of a message within it.
    package func imapBytes(isExtended: Bool, headerOf: (MessagePart) -> ArraySlice<UInt8>) -> [UInt8] {
        withoutActuallyEscaping(headerOf) { headerOf in
            var writer = BodyStructureWriter(structure: self, headerOf: headerOf, isExtended: isExtended)
            writer.write(root)
            return writer.out
        }
    }
}

/// Writes the list of one message. It recurses as deep as the structure, which is bounded.
private struct BodyStructureWriter {
    let structure: MessageStructure
    let headerOf: (MessagePart) -> ArraySlice<UInt8>
    let isExtended: Bool
    var out: [UInt8] = []

    mutating func write(_ part: MessagePart) {
        out.append(UInt8(ascii: "("))
        switch part.content {
        case .multipart(let children):
            if children.isEmpty {
                // The grammar wants at least one part: an empty text stands for none.
                put("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0")
                put(isExtended ? " NIL NIL NIL NIL)" : ")")
            }
            for child in children where structure.parts.indices.contains(child) { write(structure.parts[child]) }
            put(" ")
            out += imapString(part.mediaType.subtype)
            if isExtended {
                put(" ")
                put(part.mediaType.parameters)
                putExtension(part)
            }
        case .message(let child) where structure.parts.indices.contains(child):
            putBasic(part, type: part.mediaType)
            let root = structure.parts[child]
            put(" ")
            out += Envelope(HeaderBlock(headerOf(root))).imapBytes
            put(" ")
            write(root)
            put(" \(part.lines)")
            putSingleExtension(part)
        case .opaque, .message:
            // A list that says multipart must hold lists, one that says message/rfc822 an envelope: what was not taken apart is
            // shown as text.
            putBasic(part, type: .plainText)
            put(" \(part.lines)")
            putSingleExtension(part)
        case .leaf:
            putBasic(part, type: part.mediaType)
            if part.mediaType.type == "text" { put(" \(part.lines)") }
            putSingleExtension(part)
        }
        out.append(UInt8(ascii: ")"))
    }

    private mutating func put(_ text: String) {
        out.append(contentsOf: text.utf8)
    }

    private mutating func putBasic(_ part: MessagePart, type: MediaType) {
        out += imapString(type.type)
        put(" ")
        out += imapString(type.subtype)
        put(" ")
        // The default of text without a charset (RFC 2045 §5.2), which clients expect to be told.
        let isBare = type.type == "text" && type.parameter("charset") == nil
        put(isBare ? type.parameters + MediaType.plainText.parameters : type.parameters)
        put(" ")
        out += imapString(part.id)
        put(" ")
        out += imapString(part.description)
        put(" ")
        out += imapString(part.encoding)
        put(" \(part.size)")
    }

    /// A parameter list, NIL when it is empty. A value with a charset goes out as it came, under the name with a star: that is
    /// what clients of both revisions decode.
    private mutating func put(_ parameters: [MIMEParameter]) {
        guard !parameters.isEmpty else { return put("NIL") }
        put("(")
        for (number, parameter) in parameters.enumerated() {
            if number > 0 { put(" ") }
            out += imapString(parameter.extended == nil ? parameter.name : parameter.name + "*")
            put(" ")
            out += imapString(parameter.extended ?? parameter.value)
        }
        put(")")
    }

    private mutating func putSingleExtension(_ part: MessagePart) {
        guard isExtended else { return }
        put(" ")
        out += imapString(part.md5)
        putExtension(part)
    }

    /// Disposition, language, location: the end of both kinds of extension data.
    private mutating func putExtension(_ part: MessagePart) {
        put(" ")
        if let disposition = part.disposition {
            put("(")
            out += imapString(disposition.type)
            put(" ")
            put(disposition.parameters)
            put(")")
        } else {
            put("NIL")
        }
        put(" ")
        if let languages = part.languages {
            put("(")
            for (number, tag) in languages.enumerated() {
                if number > 0 { put(" ") }
                out += imapString(tag[...])
            }
            put(")")
        } else {
            put("NIL")
        }
        put(" ")
        out += imapString(part.location)
    }
}
