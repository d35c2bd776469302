// SMTP and LMTP command lines (RFC 5321 §4.1, RFC 2033 §4): the verb, and the path and parameters of MAIL and RCPT.

/// A parsed command line.
package struct SMTPCommand: Equatable, Sendable {
    /// The verb.
    package enum Verb: String, Sendable, Hashable, CaseIterable {
        case helo = "HELO"
        case ehlo = "EHLO"
        case lhlo = "LHLO"
        case mail = "MAIL"
        case rcpt = "RCPT"
        case data = "DATA"
        case bdat = "BDAT"
        case rset = "RSET"
        case noop = "NOOP"
        case quit = "QUIT"
        case vrfy = "VRFY"
        case expn = "EXPN"
        case help = "HELP"
        case auth = "AUTH"
        case startTLS = "STARTTLS"
        case etrn = "ETRN"
        case burl = "BURL"
        case xclient = "XCLIENT"
        case xforward = "XFORWARD"
    }

    /// Nil when the verb is not known.
    package let verb: Verb?
    /// The verb as it was, in capitals.
    package let word: String
    /// What stands behind the verb, trimmed.
    package let argument: ArraySlice<UInt8>

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let (word, rest) = line.trimmed.firstWord
        self.word = word.keyword()
        verb = word.count <= 8 ? Verb(rawValue: self.word) : nil
        argument = rest.trimmed
    }

    /// The path and parameters of MAIL FROM: and RCPT TO:, nil when the argument has another shape.
    package var path: SMTPPath? {
        switch verb {
        case .mail: SMTPPath(argument, keyword: "FROM:")
        case .rcpt: SMTPPath(argument, keyword: "TO:")
        default: nil
        }
    }

    /// The size of BDAT and whether it is the last chunk (RFC 3030 §2); nil when the argument has another shape.
    package var chunk: (size: Int, isLast: Bool)? {
        let (size, rest) = argument.firstWord
        guard let octets = size.decimal else { return nil }
        let word = rest.trimmed
        if word.isEmpty { return (octets, false) }
        return word.equalsIgnoringCase("LAST") ? (octets, true) : nil
    }
}

/// A reverse-path or forward-path with its ESMTP parameters (RFC 5321 §4.1.2).
package struct SMTPPath: Equatable, Sendable {
    /// The mailbox without angle brackets and source route; empty for the null path.
    package let mailbox: ArraySlice<UInt8>
    /// It stood in angle brackets, as it must (RFC 5321 §4.1.2).
    package let isBracketed: Bool
    /// `KEYWORD` or `KEYWORD=value`, keyword in capitals.
    package let parameters: [(keyword: String, value: ArraySlice<UInt8>)]

    package static func == (a: SMTPPath, b: SMTPPath) -> Bool {
        a.mailbox == b.mailbox && a.isBracketed == b.isBracketed && a.parameters.count == b.parameters.count
            && zip(a.parameters, b.parameters).allSatisfy { $0.keyword == $1.keyword && $0.value == $1.value }
    }

    /// Parses what stands behind MAIL or RCPT.
    package init?(_ argument: ArraySlice<UInt8>, keyword: StaticString) {
        guard argument.hasPrefixIgnoringCase(keyword) else { return nil }
        let rest = argument.dropFirst(keyword.utf8CodeUnitCount).trimmed
        var mailbox: ArraySlice<UInt8>
        var tail: ArraySlice<UInt8>
        if rest.first == UInt8(ascii: "<") {
            guard let close = Self.closingBracket(rest) else { return nil }
            mailbox = rest[(rest.startIndex + 1)..<close]
            tail = rest[(close + 1)...]
            if mailbox.first == UInt8(ascii: "@"), let colon = mailbox.firstIndex(of: UInt8(ascii: ":")) {
                mailbox = mailbox[(colon + 1)...]  // a source route is accepted and ignored (RFC 5321 appendix C)
            }
        } else {
            // Without brackets it is no path, but many clients wrote so and servers take it.
            (mailbox, tail) = rest.firstWord
            guard !mailbox.isEmpty else { return nil }
        }
        var parameters: [(String, ArraySlice<UInt8>)] = []
        tail = tail.trimmed
        while !tail.isEmpty, parameters.count < 64 {
            let (word, rest) = tail.firstWord
            tail = rest.trimmed
            if let equals = word.firstIndex(of: UInt8(ascii: "=")) {
                parameters.append((word[..<equals].keyword(), word[(equals + 1)...]))
            } else {
                parameters.append((word.keyword(), []))
            }
        }
        isBracketed = rest.first == UInt8(ascii: "<")
        self.mailbox = mailbox
        self.parameters = parameters
    }

    /// The `>` outside of a quoted local-part.
    private static func closingBracket(_ path: ArraySlice<UInt8>) -> Int? {
        var quoted = false
        var escaped = false
        for index in path.indices {
            let octet = path[index]
            if escaped {
                escaped = false
            } else if quoted, octet == UInt8(ascii: "\\") {
                escaped = true
            } else if octet == UInt8(ascii: "\"") {
                quoted.toggle()
            } else if !quoted, octet == UInt8(ascii: ">") {
                return index
            }
        }
        return nil
    }
}
