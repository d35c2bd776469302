// The tokens of IMAP (RFC 9051 §9) over the octets of a text, inside one `withUnsafeBytes`.
//
// Reading never stops the caller: a token that fits not makes the lexer `failed`, and from then on every token is empty
// and nothing moves, so that readers need no error path and their loops end by asking `isGoing`. What is sloppy but can
// be read only makes a note. Every access is checked against `end`; nothing here recurses.

/// What octets beyond ASCII mean in a session.
package enum IMAPCharset: Sendable {
    /// Nothing was agreed upon: strings in quotes are ASCII, mailbox names are modified UTF-7 (RFC 3501 §5.1.3).
    case ascii
    /// ENABLE UTF8=ACCEPT or ENABLE IMAP4rev2 is in force: both are UTF-8 (RFC 9755 §3, RFC 9051 §5.1).
    case utf8
    /// It is not known, so that neither is judged.
    case unknown
}

/// A walk over the octets of a text.
struct IMAPLexer {
    let base: UnsafePointer<UInt8>
    /// Index behind the last octet, the line end not counted.
    let end: Int
    /// Index of the next octet.
    var at = 0
    let omitted: [IMAPText.Omitted]
    var nextOmitted = 0
    /// A rule did not fit; nothing more is read until `recover`.
    private(set) var failed = false
    /// The first of what was found.
    var faults: [IMAPFault] = []
    let charset: IMAPCharset

    /// Faults that are kept of one text.
    static let faultLimit = 16
    /// How deep lists may nest where the nesting is kept (RFC 9051 sets no bound; real structures stay below 30).
    static let depthLimit = 100

    /// - Parameters:
    ///   - base: must live as long as the lexer, with `count` octets behind it. A last line end is not read.
    private init(_ base: UnsafePointer<UInt8>, count: Int, omitted: [IMAPText.Omitted], charset: IMAPCharset) {
        self.base = base
        self.omitted = omitted
        self.charset = charset
        var count = count
        if count > 0, base[count - 1] == 10 {
            count -= 1
            if count > 0, base[count - 1] == 13 { count -= 1 }
        }
        end = count
    }

    /// Gives a walk over `text` to `body`.
    @inline(__always)
    static func read<Value>(_ text: IMAPText, _ charset: IMAPCharset, _ body: (inout IMAPLexer) -> Value) -> Value {
        text.octets.withUnsafeBufferPointer { octets in
            guard let base = octets.baseAddress else {
                return withUnsafePointer(to: UInt8(0)) { nothing in
                    var lexer = IMAPLexer(nothing, count: 0, omitted: text.omitted, charset: charset)
                    return body(&lexer)
                }
            }
            var lexer = IMAPLexer(base, count: octets.count, omitted: text.omitted, charset: charset)
            // Half a text says nothing that is certain.
            if text.isTruncated { lexer.fail(.tooLong, at: octets.count) }
            return body(&lexer)
        }
    }

    // MARK: Where it stands

    /// The next octet; 0, which no rule allows, at the end and after a failure.
    @inline(__always)
    var next: UInt8 { at < end && !failed ? base[at] : 0 }

    /// The octet `distance` behind the next one; 0 beyond the end.
    @inline(__always)
    func peek(_ distance: Int) -> UInt8 {
        let index = at &+ distance
        return index < end ? base[index] : 0
    }

    /// The octet at an index that was passed.
    @inline(__always)
    func octet(_ index: Int) -> UInt8 { index >= 0 && index < end ? base[index] : 0 }

    @inline(__always)
    var isAtEnd: Bool { at >= end }

    /// There is more and nothing failed.
    @inline(__always)
    var isGoing: Bool { at < end && !failed }

    // MARK: Faults

    /// Keeps a fault and goes on.
    @inline(never)
    mutating func note(_ code: IMAPFault.Code, at offset: Int) {
        if faults.count < Self.faultLimit { faults.append(IMAPFault(code, at: offset)) }
    }

    @inline(never)
    mutating func note(_ code: IMAPFault.Code) { note(code, at: at) }

    /// Keeps a fault; nothing more is read.
    @inline(never)
    mutating func fail(_ code: IMAPFault.Code) {
        guard !failed else { return }
        note(at >= end && code != .unclosedList ? .ended : octetFault(code), at: at)
        failed = true
    }

    /// The same, at a place that was passed.
    @inline(never)
    mutating func fail(_ code: IMAPFault.Code, at offset: Int) {
        guard !failed else { return }
        note(code, at: offset)
        failed = true
    }

    /// An octet that is wrong everywhere says more than the rule that it broke.
    func octetFault(_ code: IMAPFault.Code) -> IMAPFault.Code {
        guard code == .unexpected else { return code }
        switch octet(at) {
        case 0: return .nul
        case 1...31, 127: return .controlOctet
        case 128...255: return .eightBit
        default: return code
        }
    }

    /// Goes on at `index`, which was reached before.
    mutating func recover(to index: Int) {
        failed = false
        move(to: index)
    }

    /// Goes on at an index within the text.
    @inline(__always)
    mutating func move(to index: Int) {
        let target = Swift.min(Swift.max(index, 0), end)
        while nextOmitted > 0, omitted[nextOmitted - 1].offset >= target { nextOmitted -= 1 }
        at = target
    }

    // MARK: Marks

    /// Takes `octet` when it is next.
    @inline(__always)
    mutating func take(_ octet: UInt8) -> Bool {
        guard next == octet, isGoing else { return false }
        at &+= 1
        return true
    }

    /// `octet` must be next.
    @inline(__always)
    mutating func expect(_ octet: UInt8) {
        if next == octet, isGoing { at &+= 1 } else { fail(.unexpected) }
    }

    /// Exactly one space must be next.
    @inline(__always)
    mutating func space() {
        if next == 32, peek(1) != 32, peek(1) != 9 { at &+= 1 } else { oddSpace() }
    }

    @inline(never)
    private mutating func oddSpace() {
        guard isGoing else { return fail(.ended) }
        let start = at
        var hasTab = false
        while isGoing, next == 32 || next == 9 {
            hasTab = hasTab || next == 9
            at &+= 1
        }
        if at == start {
            // An octet that no line may hold is worse than the space that is missing before it.
            if next < 32 || next == 127 { fail(.unexpected) } else { note(.missingSpace) }
        } else {
            note(hasTab ? .tab : .extraSpace, at: start)
        }
    }

    /// A space is next and something behind it; takes the space.
    @inline(__always)
    mutating func takeSpace() -> Bool {
        guard next == 32 || next == 9, isGoing else { return false }
        space()
        if at >= end {
            note(.extraSpace, at: Swift.max(at &- 1, 0))
            return false
        }
        return true
    }

    /// In a list: true while another element follows, with the space before it taken; false when the list is closed.
    @inline(__always)
    mutating func more() -> Bool {
        let octet = next
        if octet == UInt8(ascii: ")") {
            at &+= 1
            return false
        }
        if octet == 32, peek(1) > 32, peek(1) != UInt8(ascii: ")") {
            at &+= 1
            return true
        }
        return oddMore()
    }

    @inline(never)
    private mutating func oddMore() -> Bool {
        guard isGoing else {
            fail(.unclosedList)
            return false
        }
        let start = at
        space()
        if isAtEnd {
            fail(.unclosedList)
            return false
        }
        if take(UInt8(ascii: ")")) {
            note(.extraSpace, at: start)
            return false
        }
        return !failed
    }

    /// The end of the text must be here.
    mutating func finish() {
        guard !failed, at < end else { return }
        if octet(at) == 32, (at..<end).allSatisfy({ base[$0] == 32 }) {
            note(.extraSpace)
        } else {
            note(.trailing)
        }
        at = end
    }

    // MARK: Words

    /// A span of octets for which `belongs` holds; empty when the first does not.
    @inline(__always)
    mutating func run(_ belongs: (UInt8) -> Bool) -> IMAPSpan {
        let start = at
        guard !failed else { return IMAPSpan(start, start, .bare) }
        var index = at
        while index < end, belongs(base[index]) { index &+= 1 }
        at = index
        return IMAPSpan(start, index, .bare)
    }

    /// An atom.
    @inline(__always)
    mutating func atom() -> IMAPSpan {
        let span = run(IMAPOctet.isAtom)
        if span.count == 0 { fail(.unexpected) }
        return span
    }

    /// True when the span's octets are `word` (capitals), letters in either case.
    @inline(__always)
    func isWord(_ span: IMAPSpan, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard Int(span.count) == count, Int(span.start) &+ count <= end else { return false }
        let octets = base + Int(span.start)
        let expected = word.utf8Start
        for index in 0..<count where IMAPOctet.upper(octets[index]) != expected[index] { return false }
        return true
    }

    /// The span's octets in capitals, when there are at most 24; else the first 24.
    func word(_ span: IMAPSpan) -> String {
        let from = Int(span.start)
        let count = Swift.min(Int(span.count), 24, Swift.max(end - from, 0))
        guard count > 0 else { return "" }
        return String(unsafeUninitializedCapacity: count) { buffer in
            for index in 0..<count {
                let octet = base[from + index]
                buffer[index] = octet > 32 && octet < 127 ? IMAPOctet.upper(octet) : UInt8(ascii: "?")
            }
            return count
        }
    }

    /// Takes `word` (capitals) when it is next as a whole word.
    @inline(__always)
    mutating func take(word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard !failed, end &- at >= count else { return false }
        let span = IMAPSpan(at, at &+ count, .bare)
        guard isWord(span, word) else { return false }
        let behind = peek(count)
        guard behind == 0 || !IMAPOctet.isAtom(behind) else { return false }
        at &+= count
        return true
    }

    // MARK: Numbers

    /// Digits, up to `limit`.
    @inline(__always)
    mutating func number(limit: UInt64 = UInt64(UInt32.max)) -> UInt64 {
        guard !failed else { return 0 }
        let start = at
        var value: UInt64 = 0
        var index = at
        while index < end {
            let digit = base[index] &- 48
            guard digit < 10 else { break }
            // Up to 18 digits can't overflow; longer ones are counted with checks.
            if index &- start < 18 {
                value = value &* 10 &+ UInt64(digit)
            } else {
                let (product, over) = value.multipliedReportingOverflow(by: 10)
                let (sum, more) = product.addingReportingOverflow(UInt64(digit))
                value = over || more ? .max : sum
            }
            index &+= 1
        }
        at = index
        if index == start {
            fail(.badNumber)
            return 0
        }
        if value > limit {
            note(.numberTooBig, at: start)
            return limit
        }
        return value
    }

    /// number64: 63 bits.
    @inline(__always)
    mutating func number64() -> UInt64 { number(limit: UInt64(Int64.max)) }

    /// nz-number: 1 to 2^32-1, without a leading zero.
    @inline(__always)
    mutating func nonZero() -> UInt32 {
        let start = at
        let value = number()
        if octet(start) == 48, !failed { note(.zeroNumber, at: start) }
        return UInt32(truncatingIfNeeded: value)
    }

    /// nz-number64, and mod-sequence-value (RFC 7162 §7).
    mutating func nonZero64() -> UInt64 {
        let start = at
        let value = number64()
        if value == 0, !failed { note(.zeroNumber, at: start) }
        return value
    }
}
