// Bare LF line ends: how many there are, and CRLF in their place.

import CBytes

enum LineEnds {
    /// How many LFs have no CR before them; `afterCR`: the octet before the first was a CR.
    static func bareCount(_ bytes: [UInt8], afterCR: Bool) -> Int {
        var count = 0
        each(bytes, afterCR: afterCR) { _ in count += 1 }
        return count
    }

    /// With a CR before each bare LF.
    static func converted(_ bytes: [UInt8], afterCR: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 16)
        var start = 0
        each(bytes, afterCR: afterCR) { position in
            result += bytes[start..<position]
            result.append(UInt8(ascii: "\r"))
            start = position
        }
        result += bytes[start...]
        return result
    }

    /// Calls with the position of each bare LF.
    private static func each(_ bytes: [UInt8], afterCR: Bool, _ body: (Int) -> Void) {
        bytes.withUnsafeBytes { whole in
            guard let base = whole.baseAddress else { return }
            var position = 0
            while position < whole.count {
                let step = mp_find_byte(base + position, whole.count - position, UInt8(ascii: "\n"))
                guard step >= 0 else { return }
                position += step
                let follows = position == 0 ? afterCR : whole[position - 1] == UInt8(ascii: "\r")
                if !follows { body(position) }
                position += 1
            }
        }
    }
}
