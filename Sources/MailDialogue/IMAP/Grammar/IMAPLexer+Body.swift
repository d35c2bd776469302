// ENVELOPE and BODYSTRUCTURE (RFC 9051 §9, envelope, body). The nesting of bodies is kept to a depth that real messages
// do not reach; beyond it the reading fails, and the caller passes over the whole value without keeping it.

extension IMAPLexer {
    // MARK: Envelope

    mutating func envelope() -> IMAPEnvelope {
        var envelope = IMAPEnvelope()
        expect(UInt8(ascii: "("))
        envelope.date = nstring()
        space()
        envelope.subject = nstring()
        space()
        // Most messages have one address in each of four lists.
        if !failed { envelope.addresses.reserveCapacity(4) }
        addresses(&envelope.addresses)
        envelope.ends.0 = UInt32(truncatingIfNeeded: envelope.addresses.count)
        space()
        addresses(&envelope.addresses)
        envelope.ends.1 = UInt32(truncatingIfNeeded: envelope.addresses.count)
        space()
        addresses(&envelope.addresses)
        envelope.ends.2 = UInt32(truncatingIfNeeded: envelope.addresses.count)
        space()
        addresses(&envelope.addresses)
        envelope.ends.3 = UInt32(truncatingIfNeeded: envelope.addresses.count)
        space()
        addresses(&envelope.addresses)
        envelope.ends.4 = UInt32(truncatingIfNeeded: envelope.addresses.count)
        space()
        addresses(&envelope.addresses)
        envelope.ends.5 = UInt32(truncatingIfNeeded: envelope.addresses.count)
        space()
        envelope.inReplyTo = nstring()
        space()
        envelope.messageID = nstring()
        close()
        return envelope
    }

    /// ")", with an odd space before it.
    @inline(__always)
    mutating func close() {
        if next == UInt8(ascii: ")"), isGoing { at &+= 1 } else { oddClose() }
    }

    @inline(never)
    private mutating func oddClose() {
        let start = at
        while isGoing, next == 32 || next == 9 { at &+= 1 }
        if isGoing, next == UInt8(ascii: ")") {
            note(.extraSpace, at: start)
            at &+= 1
        } else {
            isAtEnd ? fail(.unclosedList, at: start) : fail(.unexpected)
        }
    }

    /// `"(" 1*address ")" / nil`; the addresses touch each other.
    private mutating func addresses(_ addresses: inout [IMAPEnvelope.Address]) {
        guard next == UInt8(ascii: "("), isGoing else {
            if take(word: "NIL") { return }
            return fail(.unexpected)
        }
        at &+= 1
        if next == UInt8(ascii: ")") { note(.emptyList, at: at &- 1) }
        while isGoing, next != UInt8(ascii: ")") {
            if next == 32 {
                note(.extraSpace)
                at &+= 1
                continue
            }
            expect(UInt8(ascii: "("))
            let name = nstring()
            space()
            let route = nstring()
            space()
            let mailbox = nstring()
            space()
            let host = nstring()
            close()
            if !failed {
                addresses.append(IMAPEnvelope.Address(name: name, route: route, mailbox: mailbox, host: host))
            }
        }
        expect(UInt8(ascii: ")"))
    }

    // MARK: Body

    /// - Parameter isExtended: false for BODY, which has no extension data.
    mutating func bodyStructure(isExtended: Bool) -> IMAPBodyStructure {
        var body = IMAPBodyStructure()
        self.body(&body, parent: -1, depth: 0)
        return body
    }

    private mutating func body(_ body: inout IMAPBodyStructure, parent: Int32, depth: Int) {
        guard depth < Self.depthLimit else { return fail(.tooDeep, at: at) }
        let start = at
        expect(UInt8(ascii: "("))
        guard !failed else { return }
        let index = body.parts.count
        body.parts.append(IMAPBodyStructure.Part(parent: parent))
        var part = IMAPBodyStructure.Part(parent: parent)
        if next == UInt8(ascii: "(") {
            part.kind = .multipart
            while isGoing, next == UInt8(ascii: "(") || next == 32 && peek(1) == UInt8(ascii: "(") {
                if next == 32 {
                    note(.extraSpace)
                    at &+= 1
                }
                self.body(&body, parent: Int32(truncatingIfNeeded: index), depth: depth &+ 1)
            }
            space()
            part.subtype = string()
            if takeSpaceInList() {
                part.parameterRange = parameters(&body)
                disposition(&part, &body)
            }
        } else {
            part.type = string()
            space()
            part.subtype = string()
            space()
            part.parameterRange = parameters(&body)
            space()
            part.id = nstring()
            space()
            part.description = nstring()
            space()
            // The rule wants a string, and servers send NIL where a message has no such field.
            part.encoding = string()
            space()
            part.octets = number64()
            kind(&part, index, &body, depth: depth)
            if takeSpaceInList() {
                part.md5 = nstring()
                disposition(&part, &body)
            }
        }
        // More extension data may follow in time to come: it is passed over.
        while takeSpaceInList() { _ = anyValue() }
        if failed {
            if isAtEnd { note(.unclosedList, at: start) }
            return
        }
        close()
        body.parts[index] = part
    }

    /// What a text and a message have besides the basic fields.
    private mutating func kind(
        _ part: inout IMAPBodyStructure.Part, _ index: Int, _ body: inout IMAPBodyStructure, depth: Int
    ) {
        if isWord(part.type, "TEXT") {
            space()
            part.kind = .text(number64())
        } else if isWord(part.type, "MESSAGE"), isWord(part.subtype, "RFC822") || isWord(part.subtype, "GLOBAL") {
            // Some servers show a message that they could not take apart like any other part.
            guard next == 32, peek(1) == UInt8(ascii: "(") else { return note(.ended) }
            space()
            let envelope = envelope()
            guard !failed else { return }
            body.envelopes.append(envelope)
            let number = body.envelopes.count &- 1
            space()
            self.body(&body, parent: Int32(truncatingIfNeeded: index), depth: depth &+ 1)
            space()
            part.kind = .message(envelope: number, lines: number64())
        }
    }

    /// A space with another value behind it.
    @inline(__always)
    private mutating func takeSpaceInList() -> Bool {
        guard next == 32, peek(1) != UInt8(ascii: ")") else { return false }
        space()
        return !failed
    }

    /// `"(" string SP string … ")" / nil`
    private mutating func parameters(_ body: inout IMAPBodyStructure) -> IMAPBodyStructure.Slots {
        let first = body.allParameters.count
        if next | 0x20 == UInt8(ascii: "n"), take(word: "NIL") { return IMAPBodyStructure.Slots() }
        list(allowsEmpty: false) { lexer in
            let name = lexer.string()
            lexer.space()
            // A value that is NIL is sent by servers for `name=`.
            let value = lexer.string()
            body.allParameters.append(IMAPPair(name: name, value: value))
        }
        return IMAPBodyStructure.Slots(
            start: UInt32(truncatingIfNeeded: first),
            count: UInt32(truncatingIfNeeded: body.allParameters.count - first))
    }

    /// Disposition, language and location, as far as they are there.
    private mutating func disposition(_ part: inout IMAPBodyStructure.Part, _ body: inout IMAPBodyStructure) {
        guard takeSpaceInList() else { return }
        if next == UInt8(ascii: "(") {
            at &+= 1
            part.disposition = string()
            space()
            part.dispositionRange = parameters(&body)
            close()
        } else if !take(word: "NIL") {
            // RFC 9051 wants a list; old servers send the bare string.
            part.disposition = string()
            if !failed { note(.unexpected) }
        }
        guard takeSpaceInList() else { return }
        let first = body.allLanguages.count
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { body.allLanguages.append($0.string()) }
        } else {
            let language = nstring()
            if !language.isNil { body.allLanguages.append(language) }
        }
        part.languageRange = IMAPBodyStructure.Slots(
            start: UInt32(truncatingIfNeeded: first), count: UInt32(truncatingIfNeeded: body.allLanguages.count - first)
        )
        guard takeSpaceInList() else { return }
        part.location = nstring()
    }
}
