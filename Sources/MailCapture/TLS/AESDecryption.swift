// AES backwards (FIPS 197 §5.3), for records in CBC, which Swift's Crypto has no way to open. It serves to read what others sent, with
// their keys and in no hurry: nobody can time it, so that tables do no harm.

/// The inverse cipher with one key.
struct AESDecryption: Sendable {
    /// 16 octets for each round and one more.
    private let roundKeys: [UInt8]
    private let rounds: Int

    /// - Parameter key: 16 or 32 octets; any other opens nothing.
    init(key: [UInt8]) {
        let words = key.count / 4
        rounds = words + 6
        var schedule = key
        guard words == 4 || words == 8 else {
            roundKeys = []
            return
        }
        var constant: UInt8 = 1
        for index in words..<(4 * (rounds + 1)) {
            var word = Array(schedule.suffix(4))
            if index % words == 0 {
                word = [word[1], word[2], word[3], word[0]].map { Self.tables.box[Int($0)] }
                word[0] ^= constant
                constant = Self.double(constant)
            } else if words > 6, index % words == 4 {
                word = word.map { Self.tables.box[Int($0)] }
            }
            let start = schedule.count - 4 * words
            for place in 0..<4 { word[place] ^= schedule[start + place] }
            schedule += word
        }
        roundKeys = schedule
    }

    /// Opens whole blocks; each is combined with the sealed one before it (NIST SP 800-38A §6.2).
    func openCBC(_ sealed: ArraySlice<UInt8>, iv: [UInt8]) -> [UInt8] {
        guard !roundKeys.isEmpty, iv.count == 16 else { return [] }
        var out: [UInt8] = []
        out.reserveCapacity(sealed.count)
        var last = iv[...]
        var rest = sealed
        while rest.count >= 16 {
            let block = rest.prefix(16)
            rest = rest.dropFirst(16)
            for (plain, before) in zip(open(Array(block)), last) { out.append(plain ^ before) }
            last = block
        }
        return out
    }

    private func open(_ block: [UInt8]) -> [UInt8] {
        var state = block
        let tables = Self.tables
        add(rounds, &state)
        var round = rounds - 1
        while round >= 0 {
            // InvShiftRows and InvSubBytes: row r of the state moves right by r.
            var moved = state
            for column in 0..<4 {
                for row in 0..<4 {
                    moved[4 * ((column + row) & 3) + row] = tables.inverse[Int(state[4 * column + row])]
                }
            }
            state = moved
            add(round, &state)
            if round > 0 {
                for start in stride(from: 0, to: 16, by: 4) {
                    let (a, b, c, d) = (state[start], state[start + 1], state[start + 2], state[start + 3])
                    let (a4, b4, c4, d4) = (Int(a), Int(b), Int(c), Int(d))
                    state[start] = tables.by14[a4] ^ tables.by11[b4] ^ tables.by13[c4] ^ tables.by9[d4]
                    state[start + 1] = tables.by9[a4] ^ tables.by14[b4] ^ tables.by11[c4] ^ tables.by13[d4]
                    state[start + 2] = tables.by13[a4] ^ tables.by9[b4] ^ tables.by14[c4] ^ tables.by11[d4]
                    state[start + 3] = tables.by11[a4] ^ tables.by13[b4] ^ tables.by9[c4] ^ tables.by14[d4]
                }
            }
            round -= 1
        }
        return state
    }

    private func add(_ round: Int, _ state: inout [UInt8]) {
        for index in 0..<16 { state[index] ^= roundKeys[16 * round + index] }
    }

    // MARK: Tables

    private struct Tables: Sendable {
        var box = [UInt8](repeating: 0, count: 256)
        var inverse = [UInt8](repeating: 0, count: 256)
        var by9 = [UInt8](repeating: 0, count: 256)
        var by11 = [UInt8](repeating: 0, count: 256)
        var by13 = [UInt8](repeating: 0, count: 256)
        var by14 = [UInt8](repeating: 0, count: 256)
    }

    /// Times x in GF(2⁸) (FIPS 197 §4.2).
    private static func double(_ value: UInt8) -> UInt8 { value << 1 ^ (value & 0x80 == 0 ? 0 : 0x1B) }

    private static func times(_ a: UInt8, _ b: UInt8) -> UInt8 {
        var (product, a, b): (UInt8, UInt8, UInt8) = (0, a, b)
        while b != 0 {
            if b & 1 == 1 { product ^= a }
            a = double(a)
            b >>= 1
        }
        return product
    }

    private static let tables: Tables = {
        var tables = Tables()
        for value in 0...255 {
            let octet = UInt8(value)
            // The inverse in the field, as the 254th power; 0 stays 0.
            var power: UInt8 = 1
            for _ in 0..<254 { power = times(power, octet) }
            func turned(_ by: UInt8) -> UInt8 { power << by | power >> (8 - by) }
            let boxed = power ^ turned(1) ^ turned(2) ^ turned(3) ^ turned(4) ^ 0x63
            tables.box[value] = boxed
            tables.inverse[Int(boxed)] = octet
            tables.by9[value] = times(octet, 9)
            tables.by11[value] = times(octet, 11)
            tables.by13[value] = times(octet, 13)
            tables.by14[value] = times(octet, 14)
        }
        return tables
    }()
}
