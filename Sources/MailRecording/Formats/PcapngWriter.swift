// Blocks of a pcapng file (draft-ietf-opsawg-pcapng): the form of our recordings. Each call gives whole blocks, so that
// a file to which only whole results were appended is readable up to its last block whenever the writer dies.

/// Makes pcapng blocks, little-endian, times in nanoseconds.
package enum PcapngWriter {
    /// LINKTYPE_ETHERNET. There are no frames where a proxy stands, but this is what every reader takes: libpcap, and with it tcpdump, tcpflow
    /// and Zeek, refuses a file with several interfaces of LINKTYPE_RAW, as its own number for that is another one
    /// (Docs/Decisions/033).
    package static let linkType: UInt16 = 1
    /// LINKTYPE_RAW, which recordings had before.
    package static let formerLinkType: UInt16 = 101
    /// No packet of ours is longer than an IP packet; the number is what tcpdump writes.
    package static let snapLength: UInt32 = 262_144
    /// A longer comment is spread over several options, as an option's length has 16 bits.
    package static let longestOption = 65_532

    /// The interface of what passed between us and the client.
    package static let clientLeg: UInt32 = 0
    /// The interface of what passed between us and the server.
    package static let serverLeg: UInt32 = 1

    /// What a recording begins with: a section and the interfaces ``clientLeg`` and ``serverLeg``.
    package static func recordingHeader(application: String, comment: String? = nil) -> [UInt8] {
        sectionHeader(application: application, comment: comment)
            + interfaceDescription(name: "client", description: "client leg: what the client sent and saw")
            + interfaceDescription(name: "server", description: "server leg: what the server sent and saw")
    }

    /// A section header block. The section's length is left open, as it is not known while writing.
    package static func sectionHeader(application: String, comment: String? = nil) -> [UInt8] {
        block(0x0A0D_0D0A) { body in
            body.appendLittle32(0x1A2B_3C4D)
            body.appendLittle16(1)
            body.appendLittle16(0)
            body.appendLittle64(UInt64.max)
            appendComment(comment, to: &body)
            appendOption(4, Array(application.utf8)[...], to: &body)
            appendEnd(to: &body)
        }
    }

    /// An interface description block; interfaces count from 0 in the order of their blocks.
    package static func interfaceDescription(
        name: String, description: String, linkType: UInt16 = linkType, snapLength: UInt32 = snapLength
    ) -> [UInt8] {
        block(1) { body in
            body.appendLittle16(linkType)
            body.appendLittle16(0)
            body.appendLittle32(snapLength)
            appendOption(2, Array(name.utf8)[...], to: &body)
            appendOption(3, Array(description.utf8)[...], to: &body)
            appendOption(9, [9], to: &body)
            appendEnd(to: &body)
        }
    }

    /// An enhanced packet block.
    /// - Parameters:
    ///   - time: nanoseconds since 1970.
    ///   - originalLength: octets of the packet on the wire, when more than `packet` has.
    package static func packet(
        interface: UInt32, time: Int64, _ packet: ArraySlice<UInt8>, originalLength: UInt32? = nil,
        comment: String? = nil
    ) -> [UInt8] {
        var out: [UInt8] = []
        appendPacket(
            interface: interface, time: time, packet, originalLength: originalLength, comment: comment, to: &out)
        return out
    }

    /// Appends an enhanced packet block to `out`.
    package static func appendPacket(
        interface: UInt32, time: Int64, _ packet: ArraySlice<UInt8>, originalLength: UInt32? = nil,
        comment: String? = nil, to out: inout [UInt8]
    ) {
        let captured = UInt32(truncatingIfNeeded: packet.count)
        let ticks = ticks(time)
        guard comment != nil else {
            appendPacket(
                interface: interface, time: time, length: packet.count, originalLength: originalLength, to: &out
            ) { $0.append(contentsOf: packet) }
            return
        }
        appendBlock(6, to: &out) { out in
            out.appendLittle32(interface)
            out.appendLittle32(UInt32(truncatingIfNeeded: ticks >> 32))
            out.appendLittle32(UInt32(truncatingIfNeeded: ticks))
            out.appendLittle32(captured)
            out.appendLittle32(max(originalLength ?? captured, captured))
            out.append(contentsOf: packet)
            pad(packet.count, &out)
            if let comment {
                appendComment(comment, to: &out)
                appendEnd(to: &out)
            }
        }
    }

    /// Appends an enhanced packet block without a comment, as nearly all are: the length of the packet is known before, and all that
    /// stands before it is added at once.
    /// - Parameter fill: appends the packet, `length` octets.
    package static func appendPacket(
        interface: UInt32, time: Int64, length packet: Int, originalLength: UInt32? = nil, to out: inout [UInt8],
        _ fill: (inout [UInt8]) -> Void
    ) {
        let captured = UInt32(truncatingIfNeeded: packet)
        let ticks = ticks(time)
        let length = (captured &+ 35) & ~3
        let head = (
            (6 as UInt32).littleEndian, length.littleEndian, interface.littleEndian,
            UInt32(truncatingIfNeeded: ticks >> 32).littleEndian, UInt32(truncatingIfNeeded: ticks).littleEndian,
            captured.littleEndian, max(originalLength ?? captured, captured).littleEndian
        )
        withUnsafeBytes(of: head) { out.append(contentsOf: $0) }
        fill(&out)
        pad(packet, &out)
        withUnsafeBytes(of: length.littleEndian) { out.append(contentsOf: $0) }
    }

    /// An interface statistics block: how many packets came and how many were lost, up to `time` in nanoseconds.
    package static func statistics(interface: UInt32, time: Int64, received: UInt64, dropped: UInt64) -> [UInt8] {
        block(5) { body in
            let ticks = ticks(time)
            body.appendLittle32(interface)
            body.appendLittle32(UInt32(truncatingIfNeeded: ticks >> 32))
            body.appendLittle32(UInt32(truncatingIfNeeded: ticks))
            for (code, value) in [(4, received), (5, dropped)] as [(UInt16, UInt64)] {
                body.appendLittle16(code)
                body.appendLittle16(8)
                body.appendLittle64(value)
            }
            appendEnd(to: &body)
        }
    }

    /// A time as blocks have it: without a sign. What is before 1970 stands at its beginning; it would else be read as centuries later.
    private static func ticks(_ time: Int64) -> UInt64 { UInt64(max(time, 0)) }

    private static func block(_ type: UInt32, _ fill: (inout [UInt8]) -> Void) -> [UInt8] {
        var out: [UInt8] = []
        appendBlock(type, to: &out, fill)
        return out
    }

    private static func appendBlock(_ type: UInt32, to out: inout [UInt8], _ fill: (inout [UInt8]) -> Void) {
        let start = out.count
        out.appendLittle32(type)
        out.appendLittle32(0)
        fill(&out)
        let length = UInt32(truncatingIfNeeded: out.count - start + 4)
        out.appendLittle32(length)
        let swapped = length.byteSwapped
        out.putBig16(UInt16(truncatingIfNeeded: swapped >> 16), at: start + 4)
        out.putBig16(UInt16(truncatingIfNeeded: swapped), at: start + 6)
    }

    private static func appendComment(_ comment: String?, to out: inout [UInt8]) {
        guard let comment else { return }
        var rest = Array(comment.utf8)[...]
        repeat {
            var cut = rest.startIndex + min(rest.count, longestOption)
            // Not in the middle of a character: step back over continuation octets (RFC 3629 §3).
            while cut < rest.endIndex, cut > rest.startIndex, rest[cut] & 0xC0 == 0x80 { cut -= 1 }
            appendOption(1, rest[..<cut], to: &out)
            rest = rest[cut...]
        } while !rest.isEmpty
    }

    private static func appendOption(_ code: UInt16, _ value: ArraySlice<UInt8>, to out: inout [UInt8]) {
        let value = value.prefix(longestOption)
        out.appendLittle16(code)
        out.appendLittle16(UInt16(truncatingIfNeeded: value.count))
        out.append(contentsOf: value)
        pad(value.count, &out)
    }

    private static func appendEnd(to out: inout [UInt8]) { out.appendLittle32(0) }

    private static func pad(_ count: Int, _ out: inout [UInt8]) {
        for _ in 0..<((4 - count & 3) & 3) { out.append(0) }
    }
}
