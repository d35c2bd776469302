// IMAP command lines (RFC 9051 §2.2.1, §9): the tag, the verb, and where the arguments begin.

/// A first line of a command that is kept.
package typealias IMAPCommand = IMAPCommandLine<ArraySlice<UInt8>>

/// A parsed first line of a command.
package struct IMAPCommandLine<Line: OctetLine> {
    /// The tag as it was; empty when the line has none that a server could answer to.
    package let tag: String
    /// The verb in capitals, `UID` joined to what it governs.
    package let verb: String
    /// The verb in the table of commands.
    package let code: IMAPVerb
    /// What stands behind the verb and one separator.
    package let arguments: Line
    /// The octets of the tag; empty as `tag` is.
    let tagOctets: Line

    /// The verb is one that the table knows.
    package var isKnown: Bool { code != .unknown }

    /// Tags longer than this are cut: they are kept while their command is open.
    package static var tagLimit: Int { IMAPTag.limit }

    /// `line` is without its line end.
    package init(_ line: Line) {
        let head = line.withContiguousStorageIfAvailable { Head($0) } ?? Head()
        let start = line.startIndex
        tagOctets = line[start..<(start + head.tagEnd)]
        tag = head.tagEnd == 0 ? "" : tagOctets.prefix(Self.tagLimit).wireText
        code = head.verb
        arguments = line[(start + head.arguments)...]
        if head.verb != .unknown {
            verb = head.verb.name
        } else {
            let word = line[(start + head.verbStart)..<(start + head.verbEnd)].keyword()
            let second = line[(start + head.secondStart)..<(start + head.secondEnd)]
            verb = second.isEmpty ? word : word + " " + second.keyword()
        }
    }

    /// Offsets of the parts of a line, read in memory.
    private struct Head {
        /// 0 when the first word is no tag.
        var tagEnd = 0
        var verb = IMAPVerb.unknown
        var verbStart = 0
        var verbEnd = 0
        /// What `UID` governs; empty when the verb is another.
        var secondStart = 0
        var secondEnd = 0
        var arguments = 0

        init() {}

        init(_ line: UnsafeBufferPointer<UInt8>) {
            let first = Self.end(line, 0)
            if IMAPCommand.isTag(line[..<first]) { tagEnd = first }
            verbStart = min(first + 1, line.count)
            verbEnd = Self.end(line, verbStart)
            arguments = min(verbEnd + 1, line.count)
            let word = UnsafeBufferPointer(rebasing: line[verbStart..<verbEnd])
            guard word.count == 3, IMAPOctet.upper(word[0]) == UInt8(ascii: "U"),
                IMAPOctet.upper(word[1]) == UInt8(ascii: "I"), IMAPOctet.upper(word[2]) == UInt8(ascii: "D")
            else {
                verb = IMAPVerb.find(word)
                return
            }
            secondStart = arguments
            secondEnd = Self.end(line, secondStart)
            verb = IMAPVerb.find(uid: UnsafeBufferPointer(rebasing: line[secondStart..<secondEnd]))
            if secondEnd > secondStart { arguments = min(secondEnd + 1, line.count) }
        }

        /// Where the word that begins at `start` ends.
        private static func end(_ line: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
            var index = start
            while index < line.count, line[index] != 32, line[index] != 9 { index += 1 }
            return index
        }
    }

    /// The octets are a tag: an astring without "+" (RFC 9051 §9). So is the mask of one, which a recording has.
    static func isTag(_ word: some Collection<UInt8>) -> Bool {
        guard let first = word.first else { return false }
        if first == SASLMask.octet { return SASLMask.covers(word) }
        if first == UInt8(ascii: "!"), word.count > 1, word.dropFirst().allSatisfy({ $0 == SASLMask.octet }) {
            return true
        }
        return word.allSatisfy { IMAPOctet.isAString($0) && $0 != UInt8(ascii: "+") }
    }
}

extension IMAPCommandLine: Equatable where Line: Equatable {}
extension IMAPCommandLine: Sendable where Line: Sendable {}

extension OctetLine {
    /// The octets as text, one to one for printable ASCII; all others as `\xNN`, so that different octets stay
    /// different.
    var wireText: String {
        if allSatisfy({ $0 >= 32 && $0 < 127 }) { return text }
        var out = ""
        let digits = Array("0123456789abcdef".unicodeScalars)
        for octet in self {
            if octet >= 32, octet < 127 {
                out.unicodeScalars.append(Unicode.Scalar(octet))
            } else {
                out += "\\x"
                out.unicodeScalars.append(digits[Int(octet >> 4)])
                out.unicodeScalars.append(digits[Int(octet & 15)])
            }
        }
        return out
    }
}

extension ArraySlice<UInt8> {
    /// The first of the arguments of an IMAP command, an atom or a quoted string (RFC 9051 §9, astring); nil when it is a literal, or
    /// breaks off.
    package var firstAString: String? {
        let rest = trimmed
        guard rest.first == UInt8(ascii: "\"") else {
            let word = rest.firstWord.word
            return word.isEmpty || IMAPLiteral(endOf: word) != nil ? nil : word.text
        }
        var name: [UInt8] = []
        var isEscaped = false
        for octet in rest.dropFirst() {
            if isEscaped {
                name.append(octet)
                isEscaped = false
            } else if octet == UInt8(ascii: "\\") {
                isEscaped = true
            } else if octet == UInt8(ascii: "\"") {
                return name[...].text
            } else {
                name.append(octet)
            }
        }
        return nil
    }
}
