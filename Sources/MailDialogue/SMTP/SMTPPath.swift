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
        guard let cut = SMTPPathCut(argument, keyword: keyword) else { return nil }
        mailbox = cut.mailbox
        isBracketed = cut.isBracketed
        var parameters: [(String, ArraySlice<UInt8>)] = []
        var reader = SMTPParameters(cut.tail)
        while parameters.count < 64, let parameter = reader.next() {
            parameters.append((parameter.keyword.keyword(), parameter.value ?? []))
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

/// A path cut from its line, its parameters uncut.
struct SMTPPathCut {
    let mailbox: ArraySlice<UInt8>
    let isBracketed: Bool
    /// What stands behind the path, trimmed.
    let tail: ArraySlice<UInt8>
    /// The path as it was, with its brackets.
    private let path: ArraySlice<UInt8>
    private let hasSpace: Bool
    private let isGlued: Bool

    /// Nil when `argument` does not begin with `keyword`, has no path, or its bracket does not close.
    init?(_ argument: ArraySlice<UInt8>, keyword: StaticString) {
        guard argument.hasPrefixIgnoringCase(keyword) else { return nil }
        let behind = argument.dropFirst(keyword.utf8CodeUnitCount)
        let rest = behind.trimmed
        hasSpace = rest.startIndex != behind.startIndex
        guard rest.first == UInt8(ascii: "<") else {
            // Without brackets it is no path, but many clients wrote so and servers take it.
            let (word, tail) = rest.firstWord
            guard !word.isEmpty else { return nil }
            mailbox = word
            isBracketed = false
            path = word
            self.tail = tail.trimmed
            isGlued = false
            return
        }
        guard let close = Self.closingBracket(rest) else { return nil }
        path = rest[...close]
        let inner = rest[(rest.startIndex + 1)..<close]
        if inner.first == UInt8(ascii: "@"), let colon = inner.firstIndex(of: UInt8(ascii: ":")) {
            mailbox = inner[(colon + 1)...]  // a source route is accepted and ignored (RFC 5321 appendix C)
        } else {
            mailbox = inner
        }
        isBracketed = true
        let behindPath = rest[(close + 1)...]
        isGlued = behindPath.first.map { $0 != 32 } ?? false
        tail = behindPath.trimmed
    }

    /// The `>` outside of a quoted local-part.
    private static func closingBracket(_ path: ArraySlice<UInt8>) -> Int? {
        path.withUnsafeBufferPointer { octets in
            var quoted = false
            var index = 0
            while index < octets.count {
                switch octets[index] {
                case UInt8(ascii: "\\"): if quoted { index += 1 }
                case UInt8(ascii: "\""): quoted.toggle()
                case UInt8(ascii: ">"): if !quoted { return path.startIndex + index }
                default: break
                }
                index += 1
            }
            return nil
        }
    }

    /// What is wrong with the path. The null path is right wherever it is right to have one, which the caller judges.
    var faults: SMTPPathFaults {
        var faults: SMTPPathFaults = []
        if hasSpace { faults.insert(.space) }
        if !isBracketed { faults.insert(.unbracketed) }
        if isGlued { faults.insert(.glued) }
        if path.count > 256 { faults.insert(.longPath) }
        if isBracketed, path.count > mailbox.count + 2 {
            // `<`, the route, its colon, the mailbox, `>`.
            let route = path[(path.startIndex + 1)..<(mailbox.startIndex - 1)]
            let domains = route.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            let isGood = domains.allSatisfy { $0.first == 64 && SMTPGrammar.isDomain($0.dropFirst()) }
            faults.insert(isGood ? .sourceRoute : .malformed)
        }
        if !mailbox.isEmpty { faults.formUnion(Self.faults(ofMailbox: mailbox)) }
        return faults
    }

    /// `Mailbox = Local-part "@" ( Domain / address-literal )`, or `Postmaster` alone (§4.1.1.3).
    private static func faults(ofMailbox mailbox: ArraySlice<UInt8>) -> SMTPPathFaults {
        guard let at = endOfLocalPart(mailbox) else { return .malformed }
        let local = mailbox[..<at]
        var faults: SMTPPathFaults = local.count > 64 ? .longLocalPart : []
        guard at < mailbox.endIndex else {
            if !local.equalsIgnoringCase("Postmaster") { faults.insert(.malformed) }
            return faults
        }
        let host = mailbox[(at + 1)...]
        if mailbox[at] != 64 || !SMTPGrammar.isHost(host) { faults.insert(.malformed) }
        if host.count > 255 { faults.insert(.longDomain) }
        return faults
    }

    /// Where `Dot-string / Quoted-string` ends; nil when there is none.
    private static func endOfLocalPart(_ mailbox: ArraySlice<UInt8>) -> Int? {
        mailbox.withUnsafeBufferPointer { octets in
            var index = 0
            if octets.first == 34 {
                index = 1
                while index < octets.count, octets[index] != 34 {
                    if octets[index] == 92 { index += 1 }
                    guard index < octets.count, octets[index] >= 32, octets[index] != 127 else { return nil }
                    index += 1
                }
                return index < octets.count ? mailbox.startIndex + index + 1 : nil
            }
            var previous = UInt8(ascii: ".")
            while index < octets.count {
                let octet = octets[index]
                if octet == 46 {
                    if previous == 46 { return nil }
                } else if !SMTPGrammar.isAtext(octet) {
                    break
                }
                previous = octet
                index += 1
            }
            return previous == 46 ? nil : mailbox.startIndex + index
        }
    }
}
