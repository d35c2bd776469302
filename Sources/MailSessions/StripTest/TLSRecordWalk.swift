// Walks over TLS records without a look into them: where they end, and whether something else comes (RFC 8446 §5.1).

/// Counts octets of TLS records, in any chunking.
struct TLSRecordWalk: Equatable, Sendable {
    /// Content type, version, length.
    private static let headerLength = 5

    private var header: [UInt8] = []
    /// Octets of the record that are still to come.
    private var remaining = 0
    /// A record began.
    private(set) var hasBegun = false

    /// How many of these octets belong to records. What stands behind them does not: it is nobody's handshake.
    mutating func advance(_ octets: ArraySlice<UInt8>) -> Int {
        var rest = octets
        while let first = rest.first {
            if remaining > 0 {
                let part = min(remaining, rest.count)
                remaining -= part
                rest = rest.dropFirst(part)
                continue
            }
            // change_cipher_spec, alert, handshake, application_data.
            if header.isEmpty, !(20...23).contains(first) { break }
            hasBegun = true
            header.append(first)
            rest = rest.dropFirst()
            guard header.count == Self.headerLength else { continue }
            remaining = Int(header[3]) << 8 | Int(header[4])
            header = []
        }
        return octets.count - rest.count
    }
}
