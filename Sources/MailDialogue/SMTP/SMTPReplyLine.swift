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
    /// What stands behind the separator.
    package let text: ArraySlice<UInt8>
    let separator: Separator

    /// A reply ends at the first line whose fourth octet is no hyphen.
    package var isLast: Bool { separator != .hyphen }

    /// Nil when the line does not begin with three digits, the first of them 2 to 5.
    package init?(_ line: ArraySlice<UInt8>) {
        guard let code = Self.digits(line), code >= 200, code < 600 else { return nil }
        self.code = code
        let rest = line.dropFirst(3)
        switch rest.first {
        case UInt8(ascii: "-"): separator = .hyphen
        case UInt8(ascii: " "): separator = .space
        case nil: separator = .none
        case .some:
            separator = .other
            text = rest
            return
        }
        text = rest.dropFirst()
    }

    /// The number of the first three octets when they are digits.
    static func digits(_ line: ArraySlice<UInt8>) -> Int? {
        guard line.count >= 3 else { return nil }
        let start = line.startIndex
        let (a, b, c) = (Int(line[start]) - 48, Int(line[start + 1]) - 48, Int(line[start + 2]) - 48)
        guard (0...9).contains(a), (0...9).contains(b), (0...9).contains(c) else { return nil }
        return a * 100 + b * 10 + c
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

    /// The enhanced status code at the beginning of the text (RFC 2034 §4); nil when there is none.
    var enhanced: SMTPEnhancedCode? { SMTPEnhancedCode(text) }
}

/// `class "." subject "." detail`.
struct SMTPEnhancedCode: Equatable, Sendable {
    let category: Int
    let subject: Int
    let detail: Int

    init?(_ text: ArraySlice<UInt8>) {
        guard text.count >= 5, let first = text.first, first == 50 || first == 52 || first == 53,
            text[text.startIndex + 1] == 46
        else { return nil }
        category = Int(first) - 48
        let behind = text.dropFirst(2)
        let subject = behind.prefix { SMTPGrammar.isDigit($0) }
        let tail = behind[subject.endIndex...]
        guard tail.first == 46 else { return nil }
        let detail = tail.dropFirst().prefix { SMTPGrammar.isDigit($0) }
        guard subject.count <= 3, detail.count <= 3, let subjectNumber = subject.decimal,
            let detailNumber = detail.decimal
        else { return nil }
        // A word that only begins so is no code.
        if let next = tail[detail.endIndex...].first, next != 32, next != 9 { return nil }
        self.subject = subjectNumber
        self.detail = detailNumber
    }
}
