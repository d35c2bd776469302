// The argument of MAIL FROM: and RCPT TO: (RFC 5321 §4.1.2): a path and ESMTP parameters. It is cut leniently, as servers
// do, and judged strictly.

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
        let octets = argument.span
        guard let cut = SMTPPathCut(octets, 0..<octets.count, keyword: keyword) else { return nil }
        func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
            argument[(argument.startIndex + range.lowerBound)..<(argument.startIndex + range.upperBound)]
        }
        mailbox = slice(cut.mailbox)
        isBracketed = cut.isBracketed
        var parameters: [(String, ArraySlice<UInt8>)] = []
        var rest = cut.tail
        while parameters.count < 64, let parameter = SMTPParameterCut(octets, &rest) {
            parameters.append((slice(parameter.keyword).keyword(), slice(parameter.value)))
        }
        self.parameters = parameters
    }
}

/// What is wrong with a path.
struct SMTPPathFaults: OptionSet, Equatable, Sendable {
    let rawValue: UInt16

    /// White space between the colon and the path (§3.3).
    static let space = SMTPPathFaults(rawValue: 1)
    /// No angle brackets.
    static let unbracketed = SMTPPathFaults(rawValue: 2)
    /// A source route, well-formed (§4.1.2, appendix C).
    static let sourceRoute = SMTPPathFaults(rawValue: 4)
    /// The mailbox, or the source route before it, is against the grammar.
    static let malformed = SMTPPathFaults(rawValue: 8)
    /// The local-part has more than 64 octets (§4.5.3.1.1), the domain more than 255 (§4.5.3.1.2), the path more than 256
    /// with its brackets (§4.5.3.1.3).
    static let longLocalPart = SMTPPathFaults(rawValue: 16)
    static let longDomain = SMTPPathFaults(rawValue: 32)
    static let longPath = SMTPPathFaults(rawValue: 64)
    /// Something other than a space stands behind the closing bracket.
    static let glued = SMTPPathFaults(rawValue: 128)
}

/// A path cut from its line, its parameters uncut, as offsets of the line's octets.
struct SMTPPathCut {
    /// The mailbox without angle brackets and source route.
    let mailbox: Range<Int>
    let isBracketed: Bool
    /// What stands behind the path, trimmed.
    let tail: Range<Int>
    /// The path as it was, with its brackets.
    private let path: Range<Int>
    private let hasSpace: Bool
    private let isGlued: Bool
    /// There is nothing wrong with it: it was looked at octet by octet when it was cut.
    private let isSound: Bool

    /// Nil when `argument` does not begin with `keyword`, has no path, or its bracket does not close.
    init?(_ line: Span<UInt8>, _ argument: Range<Int>, keyword: StaticString) {
        guard line.extracting(argument).hasPrefixIgnoringCase(keyword) else { return nil }
        let start = argument.lowerBound + keyword.utf8CodeUnitCount
        if let close = Self.plainPath(line, start..<argument.upperBound) {
            path = start..<(close + 1)
            mailbox = (start + 1)..<close
            isBracketed = true
            hasSpace = false
            isGlued = false
            isSound = true
            tail = line.trimmed((close + 1)..<argument.upperBound)
            return
        }
        isSound = false
        let rest = line.trimmed(start..<argument.upperBound)
        hasSpace = rest.lowerBound != start
        guard !rest.isEmpty, line[rest.lowerBound] == UInt8(ascii: "<") else {
            // Without brackets it is no path, but many clients wrote so and servers take it.
            let (word, tail) = line.firstWord(rest)
            guard !word.isEmpty else { return nil }
            mailbox = word
            isBracketed = false
            path = word
            self.tail = tail
            isGlued = false
            return
        }
        guard let close = Self.closingBracket(line, rest) else { return nil }
        path = rest.lowerBound..<(close + 1)
        isBracketed = true
        let inner = (rest.lowerBound + 1)..<close
        if !inner.isEmpty, line[inner.lowerBound] == UInt8(ascii: "@"),
            let colon = line.extracting(0..<close).firstIndex(of: UInt8(ascii: ":"), from: inner.lowerBound)
        {
            mailbox = (colon + 1)..<close  // a source route is accepted and ignored (RFC 5321 appendix C)
        } else {
            mailbox = inner
        }
        isGlued = close + 1 < rest.upperBound && line[close + 1] != 32
        tail = line.trimmed((close + 1)..<rest.upperBound)
    }

    /// The `>` of a path as nearly all are: a plain mailbox in brackets, with a space or nothing behind them.
    private static func plainPath(_ line: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, line[range.lowerBound] == UInt8(ascii: "<") else { return nil }
        let start = range.lowerBound + 1
        let length = line.extracting(start..<range.upperBound).mailboxLength
        let close = start + length
        guard length > 0, close < range.upperBound, line[close] == UInt8(ascii: ">") else { return nil }
        return close + 1 == range.upperBound || line[close + 1] == 32 ? close : nil
    }

    /// The `>` outside of a quoted local-part.
    private static func closingBracket(_ line: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard let first = line.extracting(0..<range.upperBound).firstIndex(of: 62, from: range.lowerBound) else {
            return nil
        }
        // Hardly any local-part is quoted.
        let before = line.extracting(range.lowerBound..<first)
        if before.firstIndex(of: 34) == nil { return first }
        var quoted = false
        var index = range.lowerBound
        while index < range.upperBound {
            switch line[index] {
            case UInt8(ascii: "\\"): if quoted { index += 1 }
            case UInt8(ascii: "\""): quoted.toggle()
            case UInt8(ascii: ">"): if !quoted { return index }
            default: break
            }
            index += 1
        }
        return nil
    }

    /// What is wrong with the path. The null path is right wherever it is right to have one, which the caller judges.
    func faults(_ line: Span<UInt8>) -> SMTPPathFaults {
        if isSound { return [] }
        var faults: SMTPPathFaults = []
        if hasSpace { faults.insert(.space) }
        if !isBracketed { faults.insert(.unbracketed) }
        if isGlued { faults.insert(.glued) }
        if path.count > 256 { faults.insert(.longPath) }
        if isBracketed, path.count > mailbox.count + 2 {
            // `<`, the route, its colon, the mailbox, `>`.
            let route = line.extracting((path.lowerBound + 1)..<(mailbox.lowerBound - 1))
            faults.insert(Self.isRoute(route) ? .sourceRoute : .malformed)
        }
        if !mailbox.isEmpty { faults.formUnion(Self.faults(ofMailbox: line.extracting(mailbox))) }
        return faults
    }

    /// `A-d-l = At-domain *( "," At-domain )`.
    private static func isRoute(_ text: Span<UInt8>) -> Bool {
        var start = 0
        while true {
            let end = text.firstIndex(of: UInt8(ascii: ","), from: start) ?? text.count
            guard start < end, text[start] == 64, SMTPGrammar.isDomain(text.extracting((start + 1)..<end)) else {
                return false
            }
            if end == text.count { return true }
            start = end + 1
        }
    }

    /// `Mailbox = Local-part "@" ( Domain / address-literal )`, or `Postmaster` alone (§4.1.1.3).
    private static func faults(ofMailbox mailbox: Span<UInt8>) -> SMTPPathFaults {
        guard let at = endOfLocalPart(mailbox) else { return .malformed }
        var faults: SMTPPathFaults = at > 64 ? .longLocalPart : []
        guard at < mailbox.count else {
            if !mailbox.equalsIgnoringCase("Postmaster") { faults.insert(.malformed) }
            return faults
        }
        let host = mailbox.extracting(mailbox.clamp(at + 1)...)
        if mailbox[at] != 64 || !SMTPGrammar.isHost(host) { faults.insert(.malformed) }
        if host.count > 255 { faults.insert(.longDomain) }
        return faults
    }

    /// Where `Dot-string / Quoted-string` ends; nil when there is none.
    private static func endOfLocalPart(_ mailbox: Span<UInt8>) -> Int? {
        var index = 0
        if mailbox[0] == 34 {
            index = 1
            while index < mailbox.count, mailbox[index] != 34 {
                if mailbox[index] == 92 { index += 1 }
                guard index < mailbox.count, mailbox[index] >= 32, mailbox[index] != 127 else { return nil }
                index += 1
            }
            return index < mailbox.count ? index + 1 : nil
        }
        while true {
            let atom = mailbox.atextLength(from: index)
            if atom == 0 { return nil }
            index += atom
            guard index < mailbox.count, mailbox[index] == 46 else { return index }
            index += 1
        }
    }
}
