// Parses patterns: literals, `.`, classes, `\d \w \s \b`, anchors, groups, alternation, `* + ? {m,n}`, `(?i) (?s) (?m)`.
// What could not run in linear time (back-references, look-around) is an error.

/// What is wrong with a pattern.
package struct PatternError: Error, Equatable, Sendable {
    package let message: String
    /// Offset in octets of the pattern.
    package let offset: Int
}

/// A condition on a place between two octets.
enum PatternAssertion: Equatable, Hashable, Sendable {
    case textStart, textEnd, lineStart, lineEnd, wordEdge, noWordEdge
}

/// A parsed pattern.
indirect enum PatternNode: Equatable, Sendable {
    case empty
    case octet(OctetSet)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// Nil as `most` is without end.
    case repeated(PatternNode, least: Int, most: Int?)
}

struct PatternParser {
    /// Groups in each other.
    static let deepest = 100
    /// The largest count in braces.
    static let mostRepeats = 1000

    private struct Flags {
        var ignoresCase = false
        var dotTakesLineFeed = false
        var anchorsAtLines = false
    }

    private let text: [UInt8]
    private var at = 0
    private var flags = Flags()

    static func parse(_ text: [UInt8]) throws(PatternError) -> PatternNode {
        var parser = PatternParser(text: text)
        let node = try parser.choice(depth: 0)
        if parser.at < text.count { throw PatternError(message: "')' closes no group", offset: parser.at) }
        return node
    }

    private init(text: [UInt8]) { self.text = text }

    private var current: UInt8? { at < text.count ? text[at] : nil }

    private func follows(_ string: StaticString) -> Bool {
        at <= text.count
            && string.withUTF8Buffer { word in text.count - at >= word.count && text[at...].starts(with: word) }
    }

    private mutating func take(_ octet: UInt8) -> Bool {
        guard current == octet else { return false }
        at += 1
        return true
    }

    private mutating func choice(depth: Int) throws(PatternError) -> PatternNode {
        guard depth < Self.deepest else {
            throw PatternError(message: "more than \(Self.deepest) groups in each other", offset: at)
        }
        let outer = flags
        defer { flags = outer }
        var branches = [try sequence(depth: depth)]
        while take(UInt8(ascii: "|")) { branches.append(try sequence(depth: depth)) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence(depth: Int) throws(PatternError) -> PatternNode {
        var parts: [PatternNode] = []
        while let octet = current, octet != UInt8(ascii: "|"), octet != UInt8(ascii: ")") {
            let start = at
            var isFlag = false
            let atom = try atom(depth: depth, isFlag: &isFlag)
            if isFlag { continue }
            parts.append(try repetition(of: atom, start))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repetition(of atom: PatternNode, _ start: Int) throws(PatternError) -> PatternNode {
        var node = atom
        var repeated = false
        while let octet = current {
            let place = at
            let bounds: (least: Int, most: Int?)
            switch octet {
            case UInt8(ascii: "*"):
                at += 1
                bounds = (0, nil)
            case UInt8(ascii: "+"):
                at += 1
                bounds = (1, nil)
            case UInt8(ascii: "?"):
                at += 1
                bounds = (0, 1)
            case UInt8(ascii: "{"):
                guard let counts = try counts() else { return node }
                bounds = counts
            default: return node
            }
            if repeated { throw PatternError(message: "two repetitions behind each other", offset: place) }
            repeated = true
            // Lazy and greedy find the same texts; only captures would differ.
            _ = take(UInt8(ascii: "?"))
            if current == UInt8(ascii: "+") {
                throw PatternError(message: "possessive repetition is not supported", offset: at)
            }
            node = .repeated(node, least: bounds.least, most: bounds.most)
        }
        return node
    }

    /// `{m}`, `{m,}`, `{m,n}`; nil when the brace is only a brace.
    private mutating func counts() throws(PatternError) -> (least: Int, most: Int?)? {
        let start = at
        at += 1
        guard let least = number() else {
            at = start
            return nil
        }
        var most: Int? = least
        if take(UInt8(ascii: ",")) {
            most = number()
        }
        guard take(UInt8(ascii: "}")) else {
            at = start
            return nil
        }
        guard least <= Self.mostRepeats, most ?? 0 <= Self.mostRepeats else {
            throw PatternError(message: "a count is larger than \(Self.mostRepeats)", offset: start)
        }
        if let most, most < least { throw PatternError(message: "the counts are in the wrong order", offset: start) }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let octet = current, octet >= 48, octet <= 57 {
            // Beyond the largest count nothing is counted.
            value = min((value ?? 0) * 10 + Int(octet - 48), 1_000_000)
            at += 1
        }
        return value
    }

    private mutating func atom(depth: Int, isFlag: inout Bool) throws(PatternError) -> PatternNode {
        let start = at
        guard let octet = current else { return .empty }
        switch octet {
        case UInt8(ascii: "("): return try group(depth: depth, isFlag: &isFlag)
        case UInt8(ascii: "["): return .octet(try bracket())
        case UInt8(ascii: "."):
            at += 1
            return .octet(flags.dotTakesLineFeed ? .all : OctetSet(10).inverted)
        case UInt8(ascii: "^"):
            at += 1
            return .assertion(flags.anchorsAtLines ? .lineStart : .textStart)
        case UInt8(ascii: "$"):
            at += 1
            return .assertion(flags.anchorsAtLines ? .lineEnd : .textEnd)
        case UInt8(ascii: "\\"): return try escape()
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
            throw PatternError(message: "nothing stands before the repetition", offset: start)
        default:
            if octet >= 0x80 { return character() }
            at += 1
            return .octet(literal(octet))
        }
    }

    private func literal(_ octet: UInt8) -> OctetSet {
        flags.ignoresCase ? OctetSet(octet).foldingCase : OctetSet(octet)
    }

    /// A character of several octets: a repetition behind it repeats all of them.
    private mutating func character() -> PatternNode {
        var parts: [PatternNode] = []
        repeat {
            parts.append(.octet(OctetSet(text[at])))
            at += 1
        } while at < text.count && text[at] & 0xC0 == 0x80
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func group(depth: Int, isFlag: inout Bool) throws(PatternError) -> PatternNode {
        let start = at
        at += 1
        let outer = flags
        if take(UInt8(ascii: "?")) {
            if follows(":") {
                at += 1
            } else if follows("=") || follows("!") || follows("<=") || follows("<!") {
                throw PatternError(message: "look-around is not supported: it can't run in linear time", offset: start)
            } else {
                if follows("<") || follows("P<") {
                    throw PatternError(message: "named groups are not supported; write (…)", offset: start)
                }
                try readFlags(start)
                if take(UInt8(ascii: ")")) {
                    isFlag = true
                    return .empty
                }
                guard take(UInt8(ascii: ":")) else {
                    throw PatternError(message: "unknown group '(?…'", offset: start)
                }
            }
        }
        let node = try choice(depth: depth + 1)
        flags = outer
        guard take(UInt8(ascii: ")")) else { throw PatternError(message: "the group has no end", offset: start) }
        return node
    }

    private mutating func readFlags(_ start: Int) throws(PatternError) {
        var value = true
        while let octet = current {
            switch octet {
            case UInt8(ascii: "i"): flags.ignoresCase = value
            case UInt8(ascii: "s"): flags.dotTakesLineFeed = value
            case UInt8(ascii: "m"): flags.anchorsAtLines = value
            case UInt8(ascii: "-"): value = false
            case UInt8(ascii: ")"), UInt8(ascii: ":"): return
            default: throw PatternError(message: "unknown flag; there are i, s and m", offset: at)
            }
            at += 1
        }
        throw PatternError(message: "the group has no end", offset: start)
    }

    private mutating func escape() throws(PatternError) -> PatternNode {
        let start = at
        at += 1
        guard let octet = current else {
            throw PatternError(message: "the pattern ends in a backslash", offset: start)
        }
        switch octet {
        case UInt8(ascii: "b"):
            at += 1
            return .assertion(.wordEdge)
        case UInt8(ascii: "B"):
            at += 1
            return .assertion(.noWordEdge)
        case UInt8(ascii: "A"):
            at += 1
            return .assertion(.textStart)
        case UInt8(ascii: "z"):
            at += 1
            return .assertion(.textEnd)
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
            throw PatternError(
                message: "back-references are not supported: they can't run in linear time", offset: start)
        default:
            at = start
            let set = try escapedSet()
            return .octet(flags.ignoresCase ? set.foldingCase : set)
        }
    }

    /// An escape that stands for octets, in a class or outside.
    private mutating func escapedSet() throws(PatternError) -> OctetSet {
        let start = at
        at += 1
        guard let octet = current else {
            throw PatternError(message: "the pattern ends in a backslash", offset: start)
        }
        at += 1
        switch octet {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "D"): return OctetSet.digits.inverted
        case UInt8(ascii: "w"): return .wordOctets
        case UInt8(ascii: "W"): return OctetSet.wordOctets.inverted
        case UInt8(ascii: "s"): return .blanks
        case UInt8(ascii: "S"): return OctetSet.blanks.inverted
        case UInt8(ascii: "n"): return OctetSet(10)
        case UInt8(ascii: "r"): return OctetSet(13)
        case UInt8(ascii: "t"): return OctetSet(9)
        case UInt8(ascii: "f"): return OctetSet(12)
        case UInt8(ascii: "x"):
            let digits = text[at..<min(at + 2, text.count)]
            guard digits.count == 2, digits.first != UInt8(ascii: "+"),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw PatternError(message: "\\x needs two hexadecimal digits", offset: start) }
            at += 2
            return OctetSet(value)
        default:
            let isWord = OctetSet.wordOctets.contains(octet) || octet >= 0x80
            if isWord { throw PatternError(message: "unknown escape in the pattern", offset: start) }
            return OctetSet(octet)
        }
    }

    private mutating func bracket() throws(PatternError) -> OctetSet {
        let start = at
        at += 1
        let isInverted = take(UInt8(ascii: "^"))
        var set = OctetSet()
        var isFirst = true
        while true {
            guard let octet = current else { throw PatternError(message: "the class has no end", offset: start) }
            if octet == UInt8(ascii: "]"), !isFirst {
                at += 1
                break
            }
            isFirst = false
            let place = at
            let low = try classMember()
            guard let from = low.single, current == UInt8(ascii: "-"), at + 1 < text.count,
                text[at + 1] != UInt8(ascii: "]")
            else {
                set.formUnion(low.set)
                continue
            }
            at += 1
            guard let to = try classMember().single, from <= to else {
                throw PatternError(message: "the range is empty or has no end", offset: place)
            }
            set.insert(from...to)
        }
        if flags.ignoresCase { set = set.foldingCase }
        return isInverted ? set.inverted : set
    }

    private mutating func classMember() throws(PatternError) -> (set: OctetSet, single: UInt8?) {
        guard let octet = current else { throw PatternError(message: "the class has no end", offset: at) }
        if octet == UInt8(ascii: "\\") {
            let start = at
            let set = try escapedSet()
            let isSet = start + 1 < text.count && Array("dDwWsS".utf8).contains(text[start + 1])
            return (set, isSet ? nil : (UInt8(0)...255).first { set.contains($0) })
        }
        if octet == UInt8(ascii: "["), follows("[:") {
            throw PatternError(message: "named classes are not supported; write \\w, \\d or ranges", offset: at)
        }
        if octet >= 0x80 {
            throw PatternError(message: "a class takes ASCII only; write (ä|ö) for other characters", offset: at)
        }
        at += 1
        return (OctetSet(octet), octet)
    }
}
