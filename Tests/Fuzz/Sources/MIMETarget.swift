// A message, whatever it is: one reading of it, the same in pieces, that stays within its octets.

import MailMessage

extension FuzzTarget {
    static let mime = FuzzTarget(
        name: "mime", longest: 16_384, words: "mime",
        invariant: "Any octets are a message whose parts lie within each other, and pieces of it read like the whole."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        checkScanner(input.octets, &numbers)
        checkInspector(input.octets, &numbers)
        checkStructure(input.octets)
        checkFields(input.octets)
    }

    /// The end of the header is found at the same place whatever the pieces.
    private static func checkScanner(_ message: [UInt8], _ numbers: inout SeededNumbers) {
        let limit = numbers.pick(HeaderScanner.limit, 100)
        var whole = HeaderScanner(limit: limit)
        _ = whole.feed(message[...])
        var pieces = HeaderScanner(limit: limit)
        var rest = message[...]
        while !rest.isEmpty {
            let size = numbers.size()
            _ = pieces.feed(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        must(pieces.octets == whole.octets, "pieces give another header section")
        must(pieces.isComplete == whole.isComplete, "pieces end the header section elsewhere")
        must(whole.octets.count <= limit, "more is kept than the limit allows")
        let all = HeaderBlock(message)
        must(all.length <= message.count, "the header is longer than the message")
    }

    /// What is found in a message does not depend on its pieces, within bounds that are small enough to be met.
    private static func checkInspector(_ message: [UInt8], _ numbers: inout SeededNumbers) {
        var limits = MessageLimits()
        if numbers.oneIn(4) {
            limits.field = 60
            limits.header = 300
            limits.kept = 100
            limits.depth = 3
            limits.parts = 5
        }
        let isComplete = !numbers.oneIn(4)
        var whole = MessageInspector(limits: limits)
        whole.feed(message[...])
        let report = whole.finish(isComplete: isComplete)
        for isSingle in [message.count <= 1024, false] {
            var pieces = MessageInspector(limits: limits)
            var rest = message[...]
            while !rest.isEmpty {
                let size = isSingle ? 1 : numbers.size()
                pieces.feed(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            let other = pieces.finish(isComplete: isComplete)
            must(other.flaws == report.flaws, "pieces have the flaws \(other.flaws) in place of \(report.flaws)")
            must(other.structure == report.structure, "pieces give another structure")
            must(other == report, "pieces give another report")
        }
        for flaw in report.flaws {
            must((0...message.count).contains(flaw.offset), "\(flaw.flaw.code) is at \(flaw.offset)")
        }
        checkLine(report.envelope.imapBytes, "ENVELOPE")
        checkLine(report.imapStructure(isExtended: true), "BODYSTRUCTURE")
        for attachment in report.attachments { _ = "\(attachment)" }
        for index in report.structure.parts.indices {
            must(report.decodedSize(ofPart: index) >= 0, "a size below zero")
        }
    }

    private static func checkStructure(_ message: [UInt8]) {
        let structure = MessageStructure.parse(message)
        must(structure.size == message.count, "another size")
        must(!structure.parts.isEmpty && structure.parts.count <= MessageStructure.maximumParts, "too many parts")
        for (index, part) in structure.parts.enumerated() {
            must(part.depth <= MessageStructure.maximumDepth, "part \(index) is too deep")
            must(part.header.upperBound <= part.body.lowerBound, "part \(index): header \(part.header) in \(part.body)")
            must(part.body.upperBound <= message.count, "part \(index) goes beyond the message")
            if let parent = part.parent {
                must(parent < index, "part \(index) stands before its parent")
                let around = structure.parts[parent].body
                must(
                    part.header.lowerBound >= around.lowerBound && part.body.upperBound <= around.upperBound,
                    "part \(index), \(part.header) \(part.body), is not within its parent's \(around)")
            }
            must(part.lines <= part.body.count, "more lines than octets")
            _ = structure.decodedBody(of: part, in: message)
            _ = structure.text(of: part, in: message)
            checkLine(structure.envelope(of: part, in: message).imapBytes, "ENVELOPE")
        }
        for isExtended in [false, true] {
            checkLine(structure.imapBytes(isExtended: isExtended, of: message), "BODYSTRUCTURE")
        }
    }

    /// A parenthesized list as IMAP has it, balanced, with CR and LF in literals only (RFC 9051 §4.3).
    private static func checkLine(_ octets: [UInt8], _ what: String) {
        var depth = 0
        var isQuoted = false
        var rest = octets[...]
        while let octet = rest.popFirst() {
            if isQuoted {
                must(octet != 13 && octet != 10 && octet != 0, "\(what): a control in a string: \(octets.shown)")
                if octet == UInt8(ascii: "\\") { rest = rest.dropFirst() }
                if octet == UInt8(ascii: "\"") { isQuoted = false }
                continue
            }
            switch octet {
            case UInt8(ascii: "\""): isQuoted = true
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                must(depth >= 0, "\(what): unbalanced: \(octets.shown)")
            case UInt8(ascii: "{"):
                var size = 0
                while let digit = rest.popFirst(), digit != UInt8(ascii: "}") {
                    must((48...57).contains(digit), "\(what): no literal: \(octets.shown)")
                    size = size &* 10 &+ Int(digit &- 48)
                }
                must(rest.starts(with: [13, 10]) && rest.count >= size + 2, "\(what): no literal: \(octets.shown)")
                rest = rest.dropFirst(size + 2)
            case 0...31, 127...: broken("\(what): an octet outside of strings: \(octets.shown)")
            default: break
            }
        }
        must(depth == 0 && !isQuoted, "\(what): unbalanced: \(octets.shown)")
    }

    /// Every parser of a field on every line.
    private static func checkFields(_ message: [UInt8]) {
        for line in message.split(separator: 10).prefix(64) {
            _ = EncodedWord.decode(line)
            _ = AddressList(parsing: line).mailboxes.map(\.text)
            _ = MediaType(parsing: line)
            _ = ContentDisposition(parsing: line)?.filename
            _ = QuotedPrintable.decode(line)
            _ = Charset.guess(line)
            if let date = MailDate(parsing: line) {
                let again = MailDate(parsing: Array(date.headerText.utf8)[...])
                must(again == date, "\(date.headerText) is read as \(again.map(\.headerText) ?? "nothing")")
            }
            if let date = MailDate(parsingInternalDate: line) {
                let again = MailDate(parsingInternalDate: Array(date.internalDateText.utf8)[...])
                must(again == date, "\(date.internalDateText) is read otherwise")
            }
            if let section = SectionSpec(parsing: line) {
                must(SectionSpec(parsing: section.imapBytes[...]) == section, "\(line.shown) is read otherwise")
            }
        }
    }
}
