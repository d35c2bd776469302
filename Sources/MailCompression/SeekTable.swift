// The table at the end of a zstd file that says where its frames are: the "seekable format", a skippable frame that every zstd
// program passes over. With it one session is read without unpacking what lies before it.

/// Where each frame of a packed file begins.
package struct SeekTable: Equatable, Sendable {
    /// Of a skippable frame (RFC 8878 §3.1.2) that holds such a table.
    static let skippableMagic: UInt32 = 0x184D_2A5E
    static let footerMagic: UInt32 = 0x8F92_EAB1
    static let footerLength = 9
    /// More frames than a petabyte of ours has; a table of as many takes 256 MiB.
    static let mostFrames = 1 << 24

    /// The offset in the file, and in what was packed, of each frame, and behind the last.
    private(set) var packed: [Int] = [0]
    private(set) var plain: [Int] = [0]

    package init() {}

    /// Octets of all that was packed.
    package var plainSize: Int { plain.last ?? 0 }
    /// Frames.
    package var count: Int { packed.count - 1 }

    /// Adds a frame.
    mutating func append(packed length: Int, plain size: Int) {
        packed.append((packed.last ?? 0) + length)
        plain.append((plain.last ?? 0) + size)
    }

    /// The frame in which an octet is, as the offsets of its beginning; the end for one that is behind it.
    func frame(of offset: Int) -> (packed: Int, plain: Int) {
        var low = 0
        var high = plain.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if plain[middle] <= offset { low = middle } else { high = middle }
        }
        return (packed[low], plain[low])
    }

    /// The skippable frame.
    var octets: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(count * 8 + 17)
        Self.append(Self.skippableMagic, to: &out)
        Self.append(UInt32(truncatingIfNeeded: count * 8 + Self.footerLength), to: &out)
        for index in 0..<count {
            Self.append(UInt32(truncatingIfNeeded: packed[index + 1] - packed[index]), to: &out)
            Self.append(UInt32(truncatingIfNeeded: plain[index + 1] - plain[index]), to: &out)
        }
        Self.append(UInt32(truncatingIfNeeded: count), to: &out)
        out.append(0)
        Self.append(Self.footerMagic, to: &out)
        return out
    }

    /// Reads the table of a file; nil when it has none that fits.
    /// - Parameters:
    ///   - size: of the file.
    ///   - read: gives so many octets from an offset, or nil.
    init?(size: Int, _ read: (_ offset: Int, _ count: Int) -> [UInt8]?) {
        guard size >= Self.footerLength + 8, let footer = read(size - Self.footerLength, Self.footerLength),
            Self.number(footer[5...]) == Self.footerMagic
        else { return nil }
        let count = Int(Self.number(footer[...]))
        let descriptor = footer[4]
        // Reserved bits say something that nobody knows yet.
        guard count <= Self.mostFrames, descriptor & 0x7C == 0 else { return nil }
        let entry = descriptor & 0x80 != 0 ? 12 : 8
        let length = count * entry + Self.footerLength
        guard size >= length + 8, let table = read(size - length - 8, length + 8),
            Self.number(table[...]) == Self.skippableMagic, Int(Self.number(table[4...])) == length
        else { return nil }
        self.init()
        packed.reserveCapacity(count + 1)
        plain.reserveCapacity(count + 1)
        for index in 0..<count {
            let place = 8 + index * entry
            append(packed: Int(Self.number(table[place...])), plain: Int(Self.number(table[(place + 4)...])))
        }
        guard packed.last == size - length - 8 else { return nil }
    }

    private static func append(_ number: UInt32, to out: inout [UInt8]) {
        for shift in [0, 8, 16, 24] as [UInt32] { out.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// The little-endian number at the beginning; what is missing counts as 0.
    private static func number(_ octets: ArraySlice<UInt8>) -> UInt32 {
        var number: UInt32 = 0
        for (place, octet) in octets.prefix(4).enumerated() { number |= UInt32(octet) << UInt32(8 * place) }
        return number
    }
}
