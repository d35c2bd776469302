// A comment more in the header of a section that is there already.

extension PcapngWriter {
    /// The beginning of a file of ours with one comment more in its section header, before all other options. What is no such beginning is
    /// given as it is.
    package static func commented(_ octets: ArraySlice<UInt8>, _ comment: String) -> [UInt8] {
        let start = octets.startIndex
        let length = Int(octets.little(UInt32.self, at: 4))
        let text = Array(comment.utf8)
        guard octets.starts(with: [0x0A, 0x0D, 0x0D, 0x0A]), length >= 28, length <= octets.count,
            octets.little(UInt32.self, at: 8) == 0x1A2B_3C4D, text.count <= longestOption
        else { return Array(octets) }
        var option: [UInt8] = []
        option.appendLittle16(1)
        option.appendLittle16(UInt16(truncatingIfNeeded: text.count))
        option += text
        option += [UInt8](repeating: 0, count: (4 - text.count % 4) % 4)
        // A header that had no options has no end of them either.
        if length == 28 { option += [0, 0, 0, 0] }
        let total = UInt32(truncatingIfNeeded: length + option.count)
        var out = Array(octets[start..<(start + 4)])
        out.appendLittle32(total)
        out += octets[(start + 8)..<(start + 24)]
        out += option
        out += octets[(start + 24)..<(start + length - 4)]
        out.appendLittle32(total)
        return out + octets[(start + length)...]
    }
}
