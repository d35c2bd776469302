// A TCP segment as a capture shows it (RFC 9293 §3.1).

/// The control bits of a segment.
package struct TCPFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let fin = TCPFlags(rawValue: 1)
    package static let syn = TCPFlags(rawValue: 2)
    package static let rst = TCPFlags(rawValue: 4)
    package static let psh = TCPFlags(rawValue: 8)
    package static let ack = TCPFlags(rawValue: 16)
}

/// What a checksum says of a segment.
package enum ChecksumVerdict: Sendable, Hashable {
    case right
    /// Damaged, forged, or captured at the sender before its network card filled it in.
    case wrong
    /// Only the pseudo header was summed: the sender left the rest to its network card.
    case offloaded
    /// Octets are missing, so that it cannot be computed.
    case unknown
}

/// A segment.
package struct TCPSegment: Equatable, Sendable {
    package var source: IPEndpoint
    package var destination: IPEndpoint
    package var sequence: UInt32
    /// Valid with ``TCPFlags/ack``.
    package var acknowledgment: UInt32
    package var flags: TCPFlags
    /// As in the header, not scaled.
    package var window: UInt16
    /// The window scale option of a SYN (RFC 7323 §2).
    package var windowScale: UInt8?
    package var payload: ArraySlice<UInt8>
    /// Octets of payload that were on the wire behind `payload` and were not captured.
    package var missing: Int
    package var checksum: ChecksumVerdict
    /// The packet came in IP fragments that disagreed where they overlapped; the first was taken.
    package var hasFragmentConflict: Bool
    /// The TTL of the IP packet around it (the hop limit of IPv6, the lowest one of its fragments); 0 when it is not known.
    package var hopLimit: UInt8

    package init(
        source: IPEndpoint, destination: IPEndpoint, sequence: UInt32, acknowledgment: UInt32 = 0, flags: TCPFlags,
        window: UInt16 = 65_535, windowScale: UInt8? = nil, payload: ArraySlice<UInt8> = [], missing: Int = 0,
        checksum: ChecksumVerdict = .right, hasFragmentConflict: Bool = false,
        hopLimit: UInt8 = 0
    ) {
        self.source = source
        self.destination = destination
        self.sequence = sequence
        self.acknowledgment = acknowledgment
        self.flags = flags
        self.window = window
        self.windowScale = windowScale
        self.payload = payload
        self.missing = missing
        self.checksum = checksum
        self.hasFragmentConflict = hasFragmentConflict
        self.hopLimit = hopLimit
    }

    /// Octets of payload on the wire.
    package var length: Int { payload.count + missing }
}
