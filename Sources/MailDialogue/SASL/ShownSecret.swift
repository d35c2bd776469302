// A secret that a server was shown, as it is found again in what the server says: servers repeat the command that they do not take, whole or
// cut short, and what they say goes to clients and to the log.

import MailMessage

/// Finds a secret, or a piece of it, in words: as it is, as a quoted string of IMAP, in base64 wherever it begins; in any case.
package struct ShownSecret {
    /// Octets of a piece that tell the secret.
    private static let piece = 8
    /// A shorter secret stands in every other word.
    private static let shortest = 4

    /// Pieces of ``piece`` octets, in order: they are few and soon thrown away, which no set is made for.
    private var pieces: [UInt64] = []
    /// Whole forms that are shorter than a piece.
    private var short: [[UInt8]] = []

    package init(_ secret: SecretBytes) {
        secret.withRevealed { octets in
            guard octets.count >= Self.shortest else { return }
            add(octets)
            // With blanks around it, as it stands behind too many of them, it is told without.
            let bare = octets.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed()
            if bare.count >= Self.shortest, bare.count < octets.count { add(Array(bare)) }
            let isQuoted = octets.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
            if isQuoted {
                add(
                    octets.flatMap {
                        $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") ? [UInt8(ascii: "\\"), $0] : [$0]
                    })
            }
            for before in 0..<3 {
                // Digits at the ends hold bits of what stands beside the secret, too.
                let digits = Base64.encode([UInt8](repeating: 0, count: before) + octets)
                let whole = (before &+ octets.count) &* 8 / 6
                add(Array(digits.prefix(whole).dropFirst((before &* 8 &+ 5) / 6)))
            }
        }
        pieces.sort()
    }

    private mutating func add(_ form: [UInt8]) {
        if form.count >= Self.piece {
            Self.eachPiece(of: form) { value in
                // With a blank at an end it is less of a secret than it is long, and more of a word that a server may say by itself.
                if value >> 56 != 0x20, value & 0xFF != 0x20 { pieces.append(value) }
                return true
            }
        } else if form.count >= Self.shortest {
            short.append(form.map { $0.lowercased })
        }
    }

    /// The words have it, or a piece of it.
    package func isTold(by words: [UInt8]) -> Bool {
        var isTold = false
        Self.eachPiece(of: words) {
            isTold = has($0)
            return !isTold
        }
        if isTold || short.isEmpty { return isTold }
        let words = words.map { $0.lowercased }
        return short.contains { form in words.indices.contains { words[$0...].starts(with: form) } }
    }

    /// The words (RFC 5234 §B.1, between blanks) of a line that have a piece of it, as offsets from the start, from `start` on.
    func ranges(in line: ArraySlice<UInt8>, from start: Int) -> [Range<Int>] {
        let octets = Array(line)
        var hits: [Range<Int>] = []
        func take(_ range: Range<Int>) {
            guard range.upperBound > start else { return }
            func isInside(_ index: Int) -> Bool {
                ![9, 10, 13, 32].contains(octets[index])
            }
            var (low, high) = (max(start, range.lowerBound), range.upperBound)
            if let last = hits.last, last.upperBound >= high { return }
            while low > start, isInside(low &- 1) { low &-= 1 }
            while high < octets.count, isInside(high) { high &+= 1 }
            hits.append(low..<high)
        }
        var end = 0
        Self.eachPiece(of: octets) { value in
            if has(value) { take(end..<(end &+ Self.piece)) }
            end &+= 1
            return true
        }
        guard !short.isEmpty else { return hits }
        let lower = octets.map(\.lowercased)
        for form in short {
            for index in lower.indices where lower[index...].starts(with: form) {
                take(index..<(index &+ form.count))
            }
        }
        return hits
    }

    /// It is one of the pieces.
    private func has(_ value: UInt64) -> Bool {
        var (low, high) = (0, pieces.count)
        while low < high {
            let middle = (low &+ high) / 2
            if pieces[middle] < value { low = middle &+ 1 } else { high = middle }
        }
        return low < pieces.count && pieces[low] == value
    }

    /// Every piece of the octets, until `body` says no.
    private static func eachPiece(of octets: [UInt8], _ body: (UInt64) -> Bool) {
        var value: UInt64 = 0
        for (index, octet) in octets.enumerated() {
            value = value << 8 | UInt64(octet.lowercased)
            if index &+ 1 >= piece, !body(value) { return }
        }
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 { (65...90).contains(self) ? self | 0x20 : self }
}
