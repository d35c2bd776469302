// The arguments of commands on messages: FETCH, STORE, APPEND, REPLACE.

extension IMAPLexer {
    // MARK: FETCH

    /// The items and modifiers behind the set.
    mutating func fetchArguments(isUID: Bool) -> ([IMAPFetchAttribute], [IMAPFetchModifier]) {
        var attributes: [IMAPFetchAttribute] = []
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { attributes.append($0.fetchAttribute(inList: true)) }
        } else {
            attributes.append(fetchAttribute(inList: false))
        }
        var modifiers: [IMAPFetchModifier] = []
        if takeSpace() {
            let start = at
            list(allowsEmpty: false) { modifiers.append($0.fetchModifier()) }
            judge(modifiers, isUID: isUID, start)
        }
        return (attributes, modifiers)
    }

    /// RFC 7162 §3.2.6: VANISHED goes with UID FETCH and CHANGEDSINCE only.
    private mutating func judge(_ modifiers: [IMAPFetchModifier], isUID: Bool, _ start: Int) {
        guard !failed, modifiers.contains(.vanished) else { return }
        if !isUID { note(.vanishedNotUID, at: start) }
        let hasSince = modifiers.contains { if case .changedSince = $0 { true } else { false } }
        if !hasSince { note(.vanishedWithoutChangedSince, at: start) }
    }

    private mutating func fetchModifier() -> IMAPFetchModifier {
        let start = at
        let name = label()
        switch word(name) {
        case "CHANGEDSINCE":
            space()
            return .changedSince(nonZero64())
        case "VANISHED": return .vanished
        case "PARTIAL":
            space()
            return .partial(partialRange())
        default:
            if !failed { note(.unknownItem, at: start) }
            return .other(name: name, value: optionValue())
        }
    }

    /// fetch-att, and the macros.
    /// - Parameter isConversion: it is CONVERT that asks, which has items of its own.
    mutating func fetchAttribute(inList: Bool, isConversion: Bool = false) -> IMAPFetchAttribute {
        let start = at
        let name = run {
            IMAPOctet.isLetter($0) || IMAPOctet.isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "_")
        }
        guard name.count > 0 else {
            fail(.unexpected)
            return .item(name)
        }
        if next == UInt8(ascii: "[") { return sectionAttribute(name, start, isConversion) }
        switch word(name) {
        case "ALL", "FAST", "FULL":
            if inList { note(.misplacedMacro, at: start) }
            return .macro(name)
        case "ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY", "BODYSTRUCTURE", "UID", "RFC822",
            "RFC822.HEADER", "RFC822.TEXT", "MODSEQ", "EMAILID", "THREADID", "SAVEDATE", "X-GM-MSGID", "X-GM-THRID",
            "X-GM-LABELS":
            return .item(name)
        case "PREVIEW":
            guard next == 32, peek(1) == UInt8(ascii: "(") else { return .preview(isLazy: false) }
            at &+= 1
            var isLazy = false
            list(allowsEmpty: false) { lexer in
                let from = lexer.at
                let modifier = lexer.atom()
                if lexer.isWord(modifier, "LAZY") { isLazy = true } else { lexer.note(.unknownItem, at: from) }
            }
            return .preview(isLazy: isLazy)
        case "ANNOTATION":
            space()
            let (entries, attributes) = annotationRequest()
            return .annotation(entries: entries, attributes: attributes)
        default:
            note(.unknownItem, at: start)
            return .other(name: name, value: optionValue())
        }
    }

    private mutating func sectionAttribute(
        _ name: IMAPSpan, _ start: Int, _ isConversion: Bool
    ) -> IMAPFetchAttribute {
        switch word(name) {
        case "BODY", "BODY.PEEK":
            let section = section()
            return .section(section, isPeek: name.count > 4, partial: partialArgument())
        case "BINARY", "BINARY.PEEK":
            let section = section(binary: true)
            return .binary(section, isPeek: name.count > 6, partial: partialArgument())
        case "BINARY.SIZE": return .binarySize(section(binary: true))
        case "BODYPARTSTRUCTURE" where isConversion: return .bodyPartStructure(section(binary: true))
        case "AVAILABLECONVERSIONS" where isConversion: return .availableConversions(section(binary: true))
        default:
            note(.unknownItem, at: start)
            _ = run { $0 != UInt8(ascii: "]") && $0 >= 32 }
            expect(UInt8(ascii: "]"))
            return .other(name: name, value: .none)
        }
    }

    private mutating func partialArgument() -> IMAPPartial? {
        partial().map { IMAPPartial(offset: $0.offset, count: $0.count) }
    }

    // MARK: STORE

    /// What stands behind the set.
    mutating func storeArguments() -> IMAPStoreArguments {
        var store = IMAPStoreArguments()
        if next == UInt8(ascii: "(") {
            list(allowsEmpty: false) { $0.storeModifier(&store) }
            space()
        }
        if take(UInt8(ascii: "+")) { store.change = .add } else if take(UInt8(ascii: "-")) { store.change = .remove }
        let start = at
        let name = run { IMAPOctet.isLetter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        store.isSilent = isWord(name, "FLAGS.SILENT") || isWord(name, "X-GM-LABELS.SILENT")
        let isLabels = isWord(name, "X-GM-LABELS") || isWord(name, "X-GM-LABELS.SILENT")
        guard store.isSilent || isLabels || isWord(name, "FLAGS") else {
            if name.count == 0 {
                fail(.unexpected)
            } else if isWord(name, "ANNOTATION"), store.change == .replace {
                space()
                store.annotations = annotations()
            } else {
                // What is to come: its value is not judged.
                note(.unknownItem, at: start)
                space()
                _ = anyValue()
            }
            return store
        }
        space()
        if isLabels {
            _ = next == UInt8(ascii: "(") ? anyValue() : astring()
        } else if next == UInt8(ascii: "(") {
            store.flags = flagList(settable: true)
        } else {
            repeat { store.flags.append(flag(settable: true)) } while !failed && takeSpace()
        }
        return store
    }

    private mutating func storeModifier(_ store: inout IMAPStoreArguments) {
        let start = at
        let name = label()
        if isWord(name, "UNCHANGEDSINCE") {
            // RFC 7162 §7: only a single one.
            if store.unchangedSince != nil { note(.modifierTwice, at: start) }
            space()
            store.unchangedSince = number64()
        } else {
            if !failed { note(.unknownItem, at: start) }
            store.modifiers.append(IMAPPair(name: name, value: optionValue()))
        }
    }

    // MARK: APPEND

    /// The messages behind the mailbox.
    mutating func appendMessages() -> [IMAPAppendMessage] {
        var messages: [IMAPAppendMessage] = []
        while takeSpace() { messages.append(appendMessage()) }
        if messages.isEmpty, !failed { fail(.noMessage, at: at) }
        return messages
    }

    /// Flags, date, extensions and the message (RFC 4466 §3, append-message).
    mutating func appendMessage() -> IMAPAppendMessage {
        var message = IMAPAppendMessage()
        if next == UInt8(ascii: "(") {
            message.flags = flagList(settable: true)
            space()
        }
        if next == UInt8(ascii: "\"") {
            message.date = dateTime()
            space()
        }
        while isGoing {
            if isLiteral {
                message.parts.append(.text(literal(allows8: true)))
                return message
            }
            let start = at
            let name = label()
            space()
            if isWord(name, "CATENATE") {
                catenate(&message)
                return message
            }
            if isWord(name, "UTF8"), next == UInt8(ascii: "(") {
                // The form of RFC 6855 §4, which RFC 9755 dropped.
                at &+= 1
                message.parts.append(.text(literal(allows8: true)))
                expect(UInt8(ascii: ")"))
                return message
            }
            if isWord(name, "ANNOTATION") {
                message.annotations += annotations()
            } else {
                if !failed { note(.unknownItem, at: start) }
                message.extensions.append(IMAPPair(name: name, value: anyValue()))
            }
            if isAtEnd { break }
            space()
        }
        if !failed { fail(.noMessage, at: at) }
        return message
    }

    /// cat-part (RFC 4469 §5).
    private mutating func catenate(_ message: inout IMAPAppendMessage) {
        var parts: [IMAPAppendMessage.Part] = []
        list(allowsEmpty: false) { lexer in
            if lexer.take(word: "TEXT") {
                lexer.space()
                let isLiteral = lexer.isLiteral
                if isLiteral { parts.append(.text(lexer.literal(allows8: true))) } else { lexer.fail(.unexpected) }
            } else if lexer.take(word: "URL") {
                lexer.space()
                parts.append(.url(lexer.astring()))
            } else {
                lexer.fail(.unexpected)
            }
        }
        message.parts = parts
        message.isCatenated = true
    }
}
