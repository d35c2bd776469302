// What a line holds beside printable ASCII, found eight octets at a time: most lines hold nothing else.

/// Octets in a line that are neither printable ASCII nor spaces.
struct SMTPLineOctets: OptionSet, Equatable, Sendable {
    let rawValue: UInt8

    /// An octet beyond ASCII.
    static let nonASCII = SMTPLineOctets(rawValue: 1)
    static let nul = SMTPLineOctets(rawValue: 2)
    /// A CR; the line is without its end, so it is a bare one.
    static let bareCR = SMTPLineOctets(rawValue: 4)
    /// Any other control but HT, or DEL.
    static let control = SMTPLineOctets(rawValue: 8)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `line` is without its line end.
    init(_ line: ArraySlice<UInt8>) {
        self = line.withUnsafeBytes { octets in
            var suspects: UInt64 = 0
            var index = 0
            while index + 8 <= octets.count {
                suspects |= Self.suspects(octets.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                index += 8
            }
            if suspects == 0 {
                while index < octets.count {
                    let octet = octets[index]
                    if octet < 32 || octet > 126 { suspects = 1 }
                    index += 1
                }
            }
            return suspects == 0 ? [] : Self.classify(octets)
        }
    }

    /// Not zero when one of eight octets is below a space or above `~`.
    ///
    /// High bits: those set already, those that a subtraction of 32 borrows from, and those that an addition of 1 to 127
    /// sets. A borrow or carry may only go astray behind an octet that is itself a suspect.
    private static func suspects(_ eight: UInt64) -> UInt64 {
        let high: UInt64 = 0x8080_8080_8080_8080
        return (eight | (eight &- 0x2020_2020_2020_2020) | (eight &+ 0x0101_0101_0101_0101)) & high
    }

    private static func classify(_ octets: UnsafeRawBufferPointer) -> SMTPLineOctets {
        var found: SMTPLineOctets = []
        for octet in octets {
            switch octet {
            case 0: found.insert(.nul)
            case 9, 32...126: break
            case 13: found.insert(.bareCR)
            case 128...255: found.insert(.nonASCII)
            default: found.insert(.control)
            }
        }
        return found
    }
}
