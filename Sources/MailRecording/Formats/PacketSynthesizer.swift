// Packets for a conversation that we know only as octets: what a recording writes down so that Wireshark, tcpflow and
// Zeek read it as a TCP connection. Nothing here is random, so that the same session gives the same packets.

import MailDialogue

/// Makes the frames (LINKTYPE_ETHERNET) of one TCP conversation. Endpoints of different families are both written as
/// IPv6. The stations have addresses that nobody owns (IEEE 802: locally administered): 02-00-00-00-00-01 is the client, -02 the
/// server.
package struct PacketSynthesizer: Sendable {
    /// Payload of the longest segment: an IPv4 packet holds 65,535 octets with its headers.
    package static let longestPayload = 65_000
    /// The sender's octets after which the peer acknowledges, so that no window (RFC 7323: at most 1 GiB) is overrun.
    private static let acknowledgeAfter: UInt32 = 1 << 28

    private struct End: Sendable {
        var endpoint: IPEndpoint
        /// The next sequence number.
        var sequence: UInt32
        /// Octets since the peer last sent anything.
        var unacknowledged: UInt32 = 0
        var isFinished = false
        /// The next identification of IPv4 (RFC 791 §3.1).
        var identification: UInt16 = 1
    }

    private enum Flags {
        static let fin: UInt8 = 1
        static let syn: UInt8 = 2
        static let rst: UInt8 = 4
        static let psh: UInt8 = 8
        static let ack: UInt8 = 16
    }

    /// Octets in front of the IP packet.
    static let frameHeader = 14

    private var client: End
    private var server: End
    private let isIPv6: Bool
    /// The connection was reset: nothing may follow.
    package private(set) var isReset = false

    /// - Parameter seed: chooses the initial sequence numbers. A second conversation between the same endpoints needs
    ///   another seed, as a reader tells them apart by these numbers.
    package init(client: IPEndpoint, server: IPEndpoint, seed: UInt32 = 0) {
        isIPv6 = client.address.isIPv6 || server.address.isIPv6
        var client = client
        var server = server
        if isIPv6 {
            client.address = client.address.mapped
            server.address = server.address.mapped
        }
        let numbers = Self.initialSequences(client, server, seed)
        self.client = End(endpoint: client, sequence: numbers.0)
        self.server = End(endpoint: server, sequence: numbers.1)
    }

    /// The endpoints begin another conversation, with sequence numbers far from those of the last.
    package mutating func startOver() {
        let last = (client, server)
        client = End(endpoint: last.0.endpoint, sequence: last.0.sequence &+ 1 << 30)
        server = End(endpoint: last.1.endpoint, sequence: last.1.sequence &+ 1 << 30)
        client.identification = last.0.identification
        server.identification = last.1.identification
        isReset = false
    }

    /// The handshake: SYN, SYN-ACK, ACK. To be written first; without it readers take the conversation as joined
    /// midway.
    package mutating func open() -> [[UInt8]] {
        client.sequence &-= 1
        server.sequence &-= 1
        let syn = packet(from: .client, Flags.syn, acknowledgment: 0)
        client.sequence &+= 1
        let synAck = packet(from: .server, Flags.syn | Flags.ack, acknowledgment: client.sequence)
        server.sequence &+= 1
        return [syn, synAck, packet(from: .client, Flags.ack)]
    }

    /// The segments that carry `octets`, and acknowledgments where a window would be full. Nothing when the side has
    /// finished or the connection was reset.
    package mutating func data(from side: Side, _ octets: ArraySlice<UInt8>) -> [[UInt8]] {
        guard !isReset, !self[side].isFinished else { return [] }
        var out: [[UInt8]] = []
        var rest = octets
        while !rest.isEmpty {
            let piece = rest.prefix(Self.longestPayload)
            rest = rest.dropFirst(piece.count)
            out.append(packet(from: side, rest.isEmpty ? Flags.psh | Flags.ack : Flags.ack, piece))
            advance(side, UInt32(truncatingIfNeeded: piece.count))
            if self[side].unacknowledged > Self.acknowledgeAfter { out.append(packet(from: side.other, Flags.ack)) }
        }
        return out
    }

    /// Octets that are known to have passed but were not seen: a hole in the sequence numbers, which the peer
    /// acknowledges.
    package mutating func gap(from side: Side, _ count: UInt32) -> [[UInt8]] {
        guard !isReset, !self[side].isFinished else { return [] }
        advance(side, count)
        return [packet(from: side.other, Flags.ack)]
    }

    /// A side has sent all it will: FIN, and the peer's acknowledgment. Nothing when it had finished before.
    package mutating func finish(_ side: Side) -> [[UInt8]] {
        guard !isReset, !self[side].isFinished else { return [] }
        let fin = packet(from: side, Flags.fin | Flags.ack)
        advance(side, 1)
        self[side].isFinished = true
        return [fin, packet(from: side.other, Flags.ack)]
    }

    /// Both sides finish, `side` first.
    package mutating func close(by side: Side) -> [[UInt8]] { finish(side) + finish(side.other) }

    /// A side resets the connection.
    package mutating func reset(by side: Side) -> [[UInt8]] {
        guard !isReset else { return [] }
        isReset = true
        return [packet(from: side, Flags.rst | Flags.ack)]
    }

    private subscript(side: Side) -> End {
        get {
            switch side {
            case .client: client
            case .server: server
            }
        }
        set {
            switch side {
            case .client: client = newValue
            case .server: server = newValue
            }
        }
    }

    private mutating func advance(_ side: Side, _ count: UInt32) {
        self[side].sequence &+= count
        self[side].unacknowledged =
            self[side].unacknowledged.addingReportingOverflow(count).overflow
            ? UInt32.max : self[side].unacknowledged &+ count
    }

    /// Octets of the frame that carries so many octets of payload.
    package func packetLength(payload: Int) -> Int { Self.frameHeader + (isIPv6 ? 60 : 40) + payload }

    /// The sides may send on: neither has finished, and the connection was not reset.
    package var isOpen: Bool { !isReset && !client.isFinished && !server.isFinished }

    /// Appends the one segment that carries `pieces` to `out`: what ``data(from:_:)`` gives of octets that one segment holds, without
    /// the copies.
    /// - Parameters:
    ///   - count: the octets of all pieces, 1 to ``longestPayload``.
    ///   - isLast: no segment follows that carries more of what the side sent at once.
    /// - Returns: false, with nothing appended, when the peer would have to acknowledge before.
    package mutating func appendSegment(
        from side: Side, _ pieces: [ArraySlice<UInt8>], count: Int, isLast: Bool = true, to out: inout [UInt8]
    ) -> Bool {
        let octets = UInt32(truncatingIfNeeded: count)
        guard self[side].unacknowledged < Self.acknowledgeAfter - octets else { return false }
        appendPacket(from: side, isLast ? Flags.psh | Flags.ack : Flags.ack, pieces, count: count, to: &out)
        advance(side, octets)
        return true
    }

    private mutating func packet(
        from side: Side, _ flags: UInt8, acknowledgment: UInt32? = nil, _ payload: ArraySlice<UInt8> = []
    ) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Self.frameHeader + 68 + payload.count)
        appendPacket(
            from: side, flags, acknowledgment: acknowledgment, [payload], count: payload.count, to: &out)
        return out
    }

    private mutating func appendPacket(
        from side: Side, _ flags: UInt8, acknowledgment: UInt32? = nil, _ payload: [ArraySlice<UInt8>], count: Int,
        to out: inout [UInt8]
    ) {
        let from = self[side]
        let to = self[side.other]
        self[side].identification &+= 1
        self[side.other].unacknowledged = 0
        // Options of the SYN: MSS as on a loopback, and a window scale of 14 so that one window holds 1 GiB.
        let options: UInt64? = flags & Flags.syn == 0 ? nil : 0x0204_FDE8_0103_030E
        let header = options == nil ? 20 : 28
        let length = header + count
        let start = isIPv6 ? 40 : 20
        let origin = out.count + Self.frameHeader
        withUnsafeTemporaryAllocation(byteCount: Self.frameHeader + 72, alignment: 8) { frame in
            let (destination, source): (UInt8, UInt8) =
                switch side {
                case .client: (2, 1)
                case .server: (1, 2)
                }
            frame.storeBytes(of: (0x0200_0000_0000 | UInt64(destination)).bigEndian >> 16, as: UInt64.self)
            frame.storeBytes(of: (0x0200_0000_0000 | UInt64(source)).bigEndian >> 16, toByteOffset: 6, as: UInt64.self)
            frame.storeBytes(
                of: (isIPv6 ? 0x86DD as UInt16 : 0x0800).bigEndian, toByteOffset: 12, as: UInt16.self)
            let packet = UnsafeMutableRawBufferPointer(rebasing: frame[Self.frameHeader...])
            func put(_ value: some FixedWidthInteger, at offset: Int) {
                packet.storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
            }
            let tcp = UInt16(truncatingIfNeeded: length)
            if isIPv6 {
                put(0x6000_0000 as UInt32, at: 0)
                put(tcp, at: 4)
                put(0x0640 as UInt16, at: 6)
                put(from.endpoint.address.high, at: 8)
                put(from.endpoint.address.low, at: 16)
                put(to.endpoint.address.high, at: 24)
                put(to.endpoint.address.low, at: 32)
            } else {
                put(0x4500 as UInt16, at: 0)
                put(tcp &+ 20, at: 2)
                put(from.identification, at: 4)
                put(0x4000 as UInt16, at: 6)
                put(0x4006_0000 as UInt32, at: 8)
                put(UInt32(truncatingIfNeeded: from.endpoint.address.low), at: 12)
                put(UInt32(truncatingIfNeeded: to.endpoint.address.low), at: 16)
            }
            put(from.endpoint.port, at: start)
            put(to.endpoint.port, at: start + 2)
            put(from.sequence, at: start + 4)
            put(acknowledgment ?? to.sequence, at: start + 8)
            put(UInt16(header) << 10 | UInt16(flags), at: start + 12)
            put(0xFFFF_0000 as UInt32, at: start + 14)
            put(0 as UInt16, at: start + 18)
            if let options { put(options, at: start + 20) }
            out.append(contentsOf: frame[..<(Self.frameHeader + start + header)])
        }
        for piece in payload { out.append(contentsOf: piece) }
        let hasHeaderSum = !isIPv6
        out.withUnsafeMutableBytes { all in
            let packet = UnsafeMutableRawBufferPointer(rebasing: all[origin...])
            if hasHeaderSum {
                var header = InternetChecksum()
                header.add(UnsafeRawBufferPointer(rebasing: packet[..<start]))
                packet.storeBytes(of: (~header.folded).bigEndian, toByteOffset: 10, as: UInt16.self)
            }
            var sum = InternetChecksum()
            sum.addPseudoHeader(from.endpoint.address, to.endpoint.address, length: length)
            sum.add(UnsafeRawBufferPointer(rebasing: packet[start...]))
            packet.storeBytes(of: (~sum.folded).bigEndian, toByteOffset: start + 16, as: UInt16.self)
        }
    }

    /// First sequence numbers after the SYN, by FNV-1a over the endpoints and the seed.
    private static func initialSequences(_ client: IPEndpoint, _ server: IPEndpoint, _ seed: UInt32) -> (UInt32, UInt32)
    {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for word in [
            client.address.high, client.address.low, UInt64(client.port), server.address.high, server.address.low,
            UInt64(server.port), UInt64(seed),
        ] {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                hash = (hash ^ (word >> shift & 0xFF)) &* 0x0000_0100_0000_01B3
            }
        }
        return (UInt32(truncatingIfNeeded: hash), UInt32(truncatingIfNeeded: hash >> 32))
    }
}
