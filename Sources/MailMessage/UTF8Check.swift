// Validity of UTF-8 (RFC 3629 §4), octet by octet, so that text can be judged while it passes in pieces.

/// A judge of UTF-8 that takes its octets in pieces.
struct UTF8Check: Equatable, Sendable {
    /// What octets that are meant to be UTF-8 are.
    enum Fault: Equatable, Sendable {
        /// A sequence begins or ends wrongly: most likely another character set.
        case notUTF8
        /// All sequences have the shape of UTF-8, but one is an overlong form, a surrogate, or beyond U+10FFFF: decoders that do
        /// not check read a character there that others do not see (RFC 3629 §10).
        case forged
    }

    /// What an octet is in its place.
    enum Step: Equatable, Sendable {
        case valid
        /// The shape is broken before or at this octet.
        case broken
        /// The sequence that ends here has the right shape and a forbidden value.
        case forged
    }

    static let replacement = Unicode.Scalar(0xFFFD as UInt16) ?? "?"

    /// Octets of the present sequence that are still to come.
    private var due = 0
    /// What the second octet of the sequence may be.
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF
    private var isForged = false

    /// A sequence is open.
    var isInside: Bool { due > 0 }

    /// Takes the next octet. After a broken sequence the judge goes on with the octet that broke it.
    mutating func take(_ octet: UInt8) -> Step {
        guard due > 0 else { return begin(octet) }
        guard 0x80...0xBF ~= octet else {
            due = 0
            _ = begin(octet)
            return .broken
        }
        if !(allowed ~= octet) { isForged = true }
        allowed = 0x80...0xBF
        due -= 1
        return due == 0 && isForged ? .forged : .valid
    }

    private mutating func begin(_ octet: UInt8) -> Step {
        isForged = false
        allowed = 0x80...0xBF
        switch octet {
        case 0x00...0x7F: return .valid
        case 0xC0, 0xC1:
            due = 1
            isForged = true
        case 0xC2...0xDF: due = 1
        case 0xE0:
            due = 2
            allowed = 0xA0...0xBF
        case 0xED:
            due = 2
            allowed = 0x80...0x9F
        case 0xE1...0xEC, 0xEE, 0xEF: due = 2
        case 0xF0:
            due = 3
            allowed = 0x90...0xBF
        case 0xF4:
            due = 3
            allowed = 0x80...0x8F
        case 0xF1...0xF3: due = 3
        default: return .broken
        }
        return .valid
    }

    /// The fault of octets that are whole, and how far in it is; nil when they are UTF-8.
    static func fault(in octets: some Collection<UInt8>) -> (fault: Fault, offset: Int)? {
        var check = UTF8Check()
        var forgedAt: Int?
        var offset = 0
        for octet in octets {
            switch check.take(octet) {
            case .valid: break
            case .broken: return (.notUTF8, offset)
            case .forged: if forgedAt == nil { forgedAt = offset }
            }
            offset += 1
        }
        if check.isInside { return (.notUTF8, offset) }
        return forgedAt.map { (.forged, $0) }
    }

    static func isValid(_ octets: some Collection<UInt8>) -> Bool {
        fault(in: octets) == nil
    }
}
