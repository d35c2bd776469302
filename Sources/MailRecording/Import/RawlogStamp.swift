// What stands in front of the lines of Dovecot's rawlogs.

import MailDialogue

/// A time, and in files of both directions which of them: `1234567890.000250 ` or `1234567890.000250 I: `.
package struct RawlogStamp: Equatable, Sendable {
    /// Microseconds since 1970.
    package var time: Int64
    /// In a file of both directions: I is what came in.
    package var side: Side?
    /// The octets behind it end without a line end, and the next stamp follows at once.
    package var isOpen: Bool
    /// Octets of the stamp.
    package var length: Int

    /// Digits of the seconds: until the year 2286 there are ten; a clock that was never set says few.
    private static let mostDigits = 11

    /// Reads the stamp at the front of octets; nil when there is none.
    package init?(_ octets: ArraySlice<UInt8>) {
        let digits = octets.prefix(Self.mostDigits + 1).prefix { (48...57).contains($0) }
        guard !digits.isEmpty, digits.count <= Self.mostDigits, let seconds = digits.decimal else { return nil }
        let rest = octets.dropFirst(digits.count)
        guard rest.first == UInt8(ascii: "."), rest.count >= 8 else { return nil }
        let fraction = rest.dropFirst().prefix(6)
        guard let micros = fraction.decimal, rest[rest.startIndex + 7] == 32 else { return nil }
        time = Int64(seconds) &* 1_000_000 &+ Int64(micros)
        length = digits.count + 8
        isOpen = false
        let mark = rest.dropFirst(8).prefix(3)
        guard mark.count == 3, mark.last == 32 else { return }
        let colon = mark[mark.startIndex + 1]
        guard colon == UInt8(ascii: ":") || colon == UInt8(ascii: ">") else { return }
        switch mark[mark.startIndex] {
        case UInt8(ascii: "I"): side = .client
        case UInt8(ascii: "O"): side = .server
        default: return
        }
        isOpen = colon == UInt8(ascii: ">")
        length += 3
    }
}
