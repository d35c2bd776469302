// The plainest packets, which are nearly all: Ethernet, IP without options, TCP, whole and with right checksums. Read with one look at
// their octets instead of a slice for each layer.

/// A segment with a right checksum, whose payload stays where it is: numbers only, so that nothing is counted for it.
package struct PlainSegment {
    package var source: IPEndpoint
    package var destination: IPEndpoint
    package var sequence: UInt32
    package var acknowledgment: UInt32
    package var flags: TCPFlags
    package var window: UInt16
    package var hopLimit: UInt8
    /// Offsets of the payload from the first octet of the packet.
    package var payload: Range<Int>

    /// The segment with its payload.
    /// - Parameter packet: the octets that it was read from.
    package func segment(of packet: ArraySlice<UInt8>) -> TCPSegment {
        TCPSegment(
            source: source, destination: destination, sequence: sequence, acknowledgment: acknowledgment, flags: flags,
            window: window, payload: octets(of: packet), hopLimit: hopLimit)
    }

    /// Its payload.
    package func octets(of packet: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        packet[(packet.startIndex &+ payload.lowerBound)..<(packet.startIndex &+ payload.upperBound)]
    }
}

extension PacketDecoder {
    /// The segment in a packet of the plainest kind; nil for any other, which ``decode(_:)`` reads. Where it gives a segment, that one
    /// gives the same.
    package static func plain(_ bytes: ArraySlice<UInt8>, linkType: UInt32) -> TCPSegment? {
        bytes.withUnsafeBytes { plain($0, linkType: linkType) }?.segment(of: bytes)
    }

    /// The same of octets in memory.
    package static func plain(_ octets: UnsafeRawBufferPointer, linkType: UInt32) -> PlainSegment? {
        guard linkType == 1, octets.count >= 54 else { return nil }
        let source: IPAddress
        let destination: IPAddress
        let hopLimit: UInt8
        let begin: Int
        let end: Int
        switch octets.big16(12) {
        case 0x0800:
            // Version 4 and a header of 20 octets; no fragment; TCP.
            guard octets[14] == 0x45, octets.big16(20) & 0x3FFF == 0, octets[23] == 6 else { return nil }
            begin = 34
            end = 14 &+ Int(octets.big16(16))
            var sum = InternetChecksum()
            sum.add(UnsafeRawBufferPointer(rebasing: octets[14..<34]))
            guard sum.folded == 0xFFFF else { return nil }
            source = IPAddress(v4: octets.big32(26))
            destination = IPAddress(v4: octets.big32(30))
            hopLimit = octets[22]
        case 0x86DD:
            guard octets[14] >> 4 == 6, octets[20] == 6, octets.big16(18) != 0 else { return nil }
            begin = 54
            end = 54 &+ Int(octets.big16(18))
            source = IPAddress(high: octets.big64(22), low: octets.big64(30))
            destination = IPAddress(high: octets.big64(38), low: octets.big64(46))
            hopLimit = octets[21]
        default: return nil
        }
        guard end >= begin &+ 20, end <= octets.count else { return nil }
        let header = Int(octets[begin &+ 12] >> 4) &* 4
        let flags = TCPFlags(rawValue: octets[begin &+ 13])
        // Of a SYN the options count.
        guard header >= 20, end >= begin &+ header, !flags.contains(.syn) else { return nil }
        var sum = InternetChecksum()
        sum.addPseudoHeader(source, destination, length: end &- begin)
        sum.add(UnsafeRawBufferPointer(rebasing: octets[begin..<end]))
        guard sum.folded == 0xFFFF else { return nil }
        return PlainSegment(
            source: IPEndpoint(source, octets.big16(begin)),
            destination: IPEndpoint(destination, octets.big16(begin &+ 2)), sequence: octets.big32(begin &+ 4),
            acknowledgment: octets.big32(begin &+ 8), flags: flags, window: octets.big16(begin &+ 14),
            hopLimit: hopLimit, payload: (begin &+ header)..<end)
    }
}

extension UnsafeRawBufferPointer {
    /// Big-endian numbers at a place that the caller has compared with `count`.
    fileprivate func big16(_ place: Int) -> UInt16 { loadUnaligned(fromByteOffset: place, as: UInt16.self).bigEndian }
    fileprivate func big32(_ place: Int) -> UInt32 { loadUnaligned(fromByteOffset: place, as: UInt32.self).bigEndian }
    fileprivate func big64(_ place: Int) -> UInt64 { loadUnaligned(fromByteOffset: place, as: UInt64.self).bigEndian }
}
