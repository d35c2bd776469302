// Finds line ends in the octets of messages, which are too many to look at one by one in Swift.

import CBytes

/// Goes from one CR or LF to the next. The octets are searched once for each of both, whatever their order.
struct LineEndWalk {
    private let octets: ArraySlice<UInt8>
    private var nextCR: Int
    private var nextLF: Int

    init(_ octets: ArraySlice<UInt8>) {
        self.octets = octets
        nextCR = octets.startIndex - 1
        nextLF = octets.startIndex - 1
    }

    /// The index of the first CR or LF at or behind `start`; nil when none is left. `start` never goes back.
    mutating func next(from start: Int) -> Int? {
        if nextCR < start { nextCR = octets[start...].firstIndex(ofOctet: 13) ?? octets.endIndex }
        if nextLF < start { nextLF = octets[start...].firstIndex(ofOctet: 10) ?? octets.endIndex }
        let end = min(nextCR, nextLF)
        return end < octets.endIndex ? end : nil
    }
}

extension ArraySlice<UInt8> {
    /// The index of the first `octet`.
    func firstIndex(ofOctet octet: UInt8) -> Int? {
        let offset = withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, octet) }
        return offset < 0 ? nil : startIndex + offset
    }
}
