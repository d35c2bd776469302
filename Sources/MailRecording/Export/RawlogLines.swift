// The form of Dovecot's rawlogs: one file for each direction, a time in front of each line.

import CBytes

/// Writes one direction of a session, whatever way its octets are split.
package struct RawlogLines: Sendable {
    private var isAtLineStart = true

    package init() {}

    /// Appends the next octets, `1234567890.000250 ` in front of each line.
    /// - Parameter time: microseconds since 1970.
    package mutating func append(_ octets: ArraySlice<UInt8>, at time: Int64, to out: inout [UInt8]) {
        var rest = octets
        let clamped = max(time, 0)
        let micros = String(clamped % 1_000_000)
        let stamp = Array(
            "\(clamped / 1_000_000).\(String(repeating: "0", count: 6 - micros.utf8.count))\(micros) ".utf8)
        while !rest.isEmpty {
            if isAtLineStart { out.append(contentsOf: stamp) }
            let offset = rest.withUnsafeBytes { mp_find_byte($0.baseAddress, $0.count, 10) }
            isAtLineStart = offset >= 0
            let line = offset >= 0 ? rest.prefix(offset + 1) : rest
            out.append(contentsOf: line)
            rest = rest.dropFirst(line.count)
        }
    }
}
