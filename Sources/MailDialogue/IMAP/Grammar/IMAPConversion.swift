// Conversions of message parts (CONVERT, RFC 5259): what a client asks for, and what it gets.

/// What parts are to become: a media type, and parameters for the way there (RFC 5259 §10, convert-params).
package struct IMAPConversion: Equatable, Sendable {
    /// `text/plain`; `.none` for NIL, which leaves the choice to the server.
    package var type = IMAPSpan.none
    package var parameters: [IMAPPair] = []
}

/// CONVERTED: parts of a message as they became (RFC 5259 §8.1).
package struct IMAPConverted: Equatable, Sendable {
    /// An item; the span is the section.
    package enum Item: Equatable, Sendable {
        case uid(UInt32)
        case binary(IMAPSpan, origin: UInt64?, content: IMAPSpan)
        case binarySize(IMAPSpan, UInt64)
        case bodyPartStructure(IMAPSpan, IMAPBodyStructure)
        /// The media types that the part can become.
        case availableConversions(IMAPSpan, [IMAPSpan])
        /// Why an item could not be had: its name, a text for people, and the code with what it says (RFC 5259 §9).
        case failure(name: IMAPSpan, section: IMAPSpan, text: IMAPSpan, code: IMAPSpan)
        case other(name: IMAPSpan, value: IMAPSpan)
    }

    package var number: UInt32
    /// The command that it answers.
    package var tag = IMAPSpan.none
    package var items: [Item] = []
}

extension IMAPLexer {
    /// The arguments of CONVERT behind the set: what to convert to, and the items.
    mutating func conversion() -> (IMAPConversion, [IMAPFetchAttribute]) {
        var conversion = IMAPConversion()
        expect(UInt8(ascii: "("))
        if !take(word: "NIL") { conversion.type = mediaType() }
        if takeSpace() {
            list(allowsEmpty: false) { lexer in
                let name = lexer.astring()
                lexer.space()
                conversion.parameters.append(IMAPPair(name: name, value: lexer.astring()))
            }
        }
        close()
        space()
        var items: [IMAPFetchAttribute] = []
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { items.append($0.conversionItem()) }
        } else {
            items.append(conversionItem())
        }
        return (conversion, items)
    }

    /// convert-att: fewer than FETCH has, and two of its own.
    private mutating func conversionItem() -> IMAPFetchAttribute {
        let start = at
        let item = fetchAttribute(inList: true, isConversion: true)
        guard !failed else { return item }
        switch item {
        case .binary(_, isPeek: false, partial: _), .binarySize, .bodyPartStructure, .availableConversions: break
        case .item(let name) where isWord(name, "UID"): break
        case .section(let section, isPeek: false, partial: nil) where isHeader(section): break
        // Noted where its name was read.
        case .other: break
        case .macro, .item, .section, .binary, .preview, .annotation: note(.unknownItem, at: start)
        }
        return item
    }

    /// `HEADER`, `1.2.HEADER` or `1.2.MIME`.
    private func isHeader(_ section: IMAPSpan) -> Bool {
        let upTo = Int(section.start) &+ Int(section.count)
        var start = Int(section.start)
        while start < upTo, IMAPOctet.isDigit(octet(start)) || octet(start) == UInt8(ascii: ".") { start &+= 1 }
        let word = IMAPSpan(start, upTo, .bare)
        return isWord(word, "HEADER") || isWord(word, "MIME")
    }

    /// A media type in quotes; with a wildcard where conversions are asked for (RFC 5259 §5.1).
    mutating func mediaType(isPattern: Bool = false) -> IMAPSpan {
        let start = at
        let span = isPattern ? astring() : quoted()
        guard !failed, span.form != .omitted else { return span }
        var slashes = 0
        for index in Int(span.start)..<(Int(span.start) &+ Int(span.count)) {
            let octet = octet(index)
            if octet == UInt8(ascii: "/") { slashes &+= 1 }
            if octet == UInt8(ascii: "*"), !isPattern { slashes = 2 }
        }
        let isAny = isPattern && isWord(span, "*")
        if slashes != 1, !isAny { note(.badMediaType, at: start) }
        return span
    }

    // MARK: Responses

    /// `CONVERSION "image/gif" "image/png" ("pix-x")` behind its keyword.
    mutating func conversionOffer() -> IMAPResponseValue {
        space()
        let source = mediaType()
        space()
        let target = mediaType()
        var parameters: [IMAPSpan] = []
        if takeSpace() { list(allowsEmpty: false) { parameters.append($0.astring()) } }
        return .conversion(from: source, to: target, parameters: parameters)
    }

    /// `CONVERTED (TAG "a") (BINARY[1] {3}…)` behind its keyword.
    mutating func converted(number: UInt32) -> IMAPResponseValue {
        var converted = IMAPConverted(number: number)
        space()
        expect(UInt8(ascii: "("))
        if !take(word: "TAG") { fail(.unexpected) }
        space()
        converted.tag = string()
        close()
        space()
        list(allowsEmpty: false) { converted.items.append($0.convertedItem()) }
        return .converted(converted)
    }

    private mutating func convertedItem() -> IMAPConverted.Item {
        let start = at
        let name = run { IMAPOctet.isLetter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        if isWord(name, "UID") {
            space()
            return .uid(nonZero())
        }
        guard next == UInt8(ascii: "[") else {
            if !failed { note(.unknownItem, at: start) }
            space()
            return .other(name: name, value: anyValue())
        }
        let section = section(binary: !isWord(name, "BODY"))
        var origin: UInt64?
        if take(UInt8(ascii: "<")) {
            origin = number64()
            expect(UInt8(ascii: ">"))
        }
        space()
        if next == UInt8(ascii: "("), isFailure { return failure(name, section) }
        switch word(name) {
        case "BINARY": return .binary(section, origin: origin, content: nstring(allows8: true))
        case "BINARY.SIZE": return .binarySize(section, number64())
        case "BODYPARTSTRUCTURE": return .bodyPartStructure(section, bodyStructure(isExtended: true))
        case "AVAILABLECONVERSIONS":
            var types: [IMAPSpan] = []
            expect(UInt8(ascii: "("))
            list { types.append($0.mediaType()) }
            close()
            return .availableConversions(section, types)
        // What of a header FETCH would give comes as it does there.
        case "BODY": return .other(name: name, value: nstring())
        default:
            note(.unknownItem, at: start)
            return .other(name: name, value: anyValue())
        }
    }

    /// `(ERROR ` is next.
    private var isFailure: Bool {
        let word: StaticString = "ERROR"
        return isWord(IMAPSpan(at &+ 1, at &+ 1 &+ word.utf8CodeUnitCount, .bare), word)
            && peek(word.utf8CodeUnitCount &+ 1) == 32
    }

    /// converterror-phrase: the code with all behind it is one span.
    private mutating func failure(_ name: IMAPSpan, _ section: IMAPSpan) -> IMAPConverted.Item {
        expect(UInt8(ascii: "("))
        _ = take(word: "ERROR")
        space()
        let text = string()
        space()
        let start = at
        let code = atom()
        switch word(code) {
        case "TEMPFAIL": if takeSpace() { _ = nonZero() }
        case "BADPARAMETERS", "MISSINGPARAMETERS":
            // The names of parameters that are missing stand right behind the media type.
            while takeSpace() {
                _ = anyValue()
                if next == UInt8(ascii: "(") { skipList() }
            }
        default: if !failed { note(.unknownItem, at: start) }
        }
        let span = IMAPSpan(start, at, .bare)
        close()
        return .failure(name: name, section: section, text: text, code: span)
    }
}
