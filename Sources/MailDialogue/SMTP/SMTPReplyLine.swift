// A line of an SMTP reply (RFC 5321 §4.2): three digits, then "-" when more follow, " " or nothing on the last.

/// A parsed reply line.
package struct SMTPReplyLine: Equatable, Sendable {
    /// What stands behind the three digits.
    enum Separator: Equatable, Sendable {
        case hyphen, space
        /// The line ends with its code.
        case none
        /// Any other octet; it ends the reply like a space.
        case other
    }

    /// Three digits as on the wire; the first is 2 to 5.
    package let code: Int
    let separator: Separator
    /// Octets before the text.
    let textStart: Int

    /// A reply ends at the first line whose fourth octet is no hyphen.
    package var isLast: Bool { separator != .hyphen }

    /// Nil when the line does not begin with three digits, the first of them 2 to 5. `line` is without its line end.
    package init?(_ line: Span<UInt8>) {
        guard let code = Self.digits(line), code >= 200, code < 600 else { return nil }
        self.code = code
        guard line.count > 3 else {
            separator = .none
            textStart = 3
            return
        }
        switch line[3] {
        case UInt8(ascii: "-"): separator = .hyphen
        case UInt8(ascii: " "): separator = .space
        default: separator = .other
        }
        textStart = separator == .other ? 3 : 4
    }

    /// The number of the first three octets when they are digits.
    static func digits(_ line: Span<UInt8>) -> Int? {
        guard line.count >= 3, SMTPGrammar.isDigit(line[0]), SMTPGrammar.isDigit(line[1]), SMTPGrammar.isDigit(line[2])
        else { return nil }
        return Int(line[0] - 48) * 100 + Int(line[1] - 48) * 10 + Int(line[2] - 48)
    }

    /// What the code means, common to all protocols.
    package var status: ReplyStatus {
        switch code / 100 {
        case 2: .ok
        case 3: .intermediate
        case 4: code == 421 ? .closing : .temporary
        default: .refused
        }
    }

    /// Where the first word of the text stands.
    func firstWord(_ line: Span<UInt8>) -> Range<Int> { line.firstWord(line.trimmed(textStart..<line.count)).word }

    /// Where what the server repeats of a command may begin: behind the codes.
    func echo(_ line: Span<UInt8>) -> Int {
        let start = line.clamp(max(textStart, 4))
        let text = line.extracting(start...)
        guard SMTPEnhancedCode(text) != nil else { return start }
        return line.clamp(start + text.firstWord(0..<text.count).word.upperBound + 1)
    }

    /// The code as text.
    var codeText: String {
        // Those that most replies have need not be made.
        switch code {
        case 250: return "250"
        case 220: return "220"
        case 221: return "221"
        case 235: return "235"
        case 334: return "334"
        case 354: return "354"
        case 421: return "421"
        case 450: return "450"
        case 451: return "451"
        case 550: return "550"
        case 554: return "554"
        default: break
        }
        return String(unsafeUninitializedCapacity: 3) { buffer in
            buffer[0] = UInt8(truncatingIfNeeded: 48 + code / 100)
            buffer[1] = UInt8(truncatingIfNeeded: 48 + code / 10 % 10)
            buffer[2] = UInt8(truncatingIfNeeded: 48 + code % 10)
            return 3
        }
    }
}

/// `class "." subject "." detail` (RFC 2034 §4).
struct SMTPEnhancedCode: Equatable, Sendable {
    let category: Int
    let subject: Int
    let detail: Int

    /// The code at the beginning of a reply's text; nil when there is none.
    init?(_ text: Span<UInt8>) {
        guard text.count >= 5, text[1] == 46, text[0] == 50 || text[0] == 52 || text[0] == 53 else { return nil }
        // Nearly all have three digits.
        if text.count > 5, text[3] == 46, text[5] == 32, SMTPGrammar.isDigit(text[2]), SMTPGrammar.isDigit(text[4]) {
            category = Int(text[0] &- 48)
            subject = Int(text[2] &- 48)
            detail = Int(text[4] &- 48)
            return
        }
        var index = 2
        func number() -> Int? {
            var value = 0
            let start = index
            while index < text.count, SMTPGrammar.isDigit(text[index]), index - start < 4 {
                value = value * 10 + Int(text[index] - 48)
                index += 1
            }
            return index > start && index - start <= 3 ? value : nil
        }
        guard let subject = number(), index < text.count, text[index] == 46 else { return nil }
        index += 1
        guard let detail = number() else { return nil }
        // A word that only begins so is no code.
        if index < text.count, text[index] != 32, text[index] != 9 { return nil }
        category = Int(text[0]) - 48
        self.subject = subject
        self.detail = detail
    }
}
