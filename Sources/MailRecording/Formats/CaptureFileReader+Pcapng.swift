// The blocks of pcapng (draft-ietf-opsawg-pcapng §4): sections, interfaces, packets in three forms, statistics,
// secrets. Other blocks are passed over.

extension CaptureFileReader {
    enum Step {
        case needsMore
        case skipped
        case packet(CaptureRecord)
    }

    /// Takes one block.
    mutating func nextBlock(_ isBig: Bool) throws(CaptureFormatError) -> Step {
        let head = unread
        guard head.count >= 12 else { return .needsMore }
        var order = ByteOrder(isBig: isBig)
        // The type of a section header reads the same in both orders.
        let isSection = head.big(UInt32.self, at: 0) == 0x0A0D_0D0A
        if isSection {
            switch head.big(UInt32.self, at: 8) {
            case 0x1A2B_3C4D: order.isBig = true
            case 0x4D3C_2B1A: order.isBig = false
            default:
                throw CaptureFormatError(.badByteOrder, at: offset + 8, "the section has no byte-order magic")
            }
        }
        let length = Int(order.read(UInt32.self, head, 4))
        guard length >= (isSection ? 28 : 12), length & 3 == 0 else {
            throw CaptureFormatError(.badLength, at: offset + 4, "a block claims a length of \(length) octets")
        }
        guard length <= Self.largestBlock else {
            throw CaptureFormatError(
                .tooLarge, at: offset + 4, "a block claims \(length) octets, more than \(Self.largestBlock)")
        }
        guard head.count >= length else { return .needsMore }
        let trailer = Int(order.read(UInt32.self, head, length - 4))
        guard trailer == length else {
            throw CaptureFormatError(
                .badLength, at: offset + length - 4, "a block of \(length) octets ends with the length \(trailer)")
        }
        let body = head.part(8, length - 12)
        let step: Step
        if isSection {
            try beginSection(order, body)
            step = .skipped
        } else {
            switch order.read(UInt32.self, head, 0) {
            case 1:
                try addInterface(order, body)
                step = .skipped
            case 2: step = .packet(try obsoletePacket(order, body))
            case 3: step = .packet(try simplePacket(order, body))
            case 5:
                addStatistics(order, body)
                step = .skipped
            case 6: step = .packet(try enhancedPacket(order, body))
            case 10:
                try addSecrets(order, body)
                step = .skipped
            default: step = .skipped
            }
        }
        position += length
        return step
    }

    private mutating func beginSection(_ order: ByteOrder, _ body: ArraySlice<UInt8>) throws(CaptureFormatError) {
        let major = order.read(UInt16.self, body, 4)
        guard major == 1 else {
            throw CaptureFormatError(.unsupportedVersion, at: offset + 12, "pcapng version \(major) is not known")
        }
        droppedBefore = dropped
        interfaces = []
        sectionComments = []
        Self.forEachOption(order, body.dropFirst(16)) { code, value in
            if code == 1 { sectionComments.append(String(decoding: value, as: UTF8.self)) }
        }
        format = .pcapng(isBig: order.isBig)
    }

    private mutating func addInterface(_ order: ByteOrder, _ body: ArraySlice<UInt8>) throws(CaptureFormatError) {
        guard body.count >= 8 else {
            throw CaptureFormatError(.badLength, at: offset, "an interface description is too short")
        }
        guard interfaces.count < Self.mostInterfaces else {
            throw CaptureFormatError(
                .tooManyInterfaces, at: offset, "a section describes more than \(Self.mostInterfaces) interfaces")
        }
        var interface = CaptureInterface(
            linkType: UInt32(order.read(UInt16.self, body, 0)), snapLength: Int(order.read(UInt32.self, body, 4)),
            name: "", details: "", resolution: 6, timeOffset: 0)
        Self.forEachOption(order, body.dropFirst(8)) { code, value in
            switch code {
            // Names are kept for as long as the section lasts: no longer than a person reads.
            case 2: interface.name = String(decoding: value.prefix(256), as: UTF8.self)
            case 3: interface.details = String(decoding: value.prefix(256), as: UTF8.self)
            case 9: interface.resolution = value.first ?? 6
            case 14: interface.timeOffset = order.read(Int64.self, value, 0)
            default: break
            }
        }
        interfaces.append(interface)
    }

    /// A decryption secrets block (§4.7): what kind of secrets they are, their length, and they.
    private mutating func addSecrets(_ order: ByteOrder, _ body: ArraySlice<UInt8>) throws(CaptureFormatError) {
        let length = Int(order.read(UInt32.self, body, 4))
        guard body.count >= 8, length <= body.count - 8 else {
            throw CaptureFormatError(
                .badLength, at: offset, "a block of secrets claims \(length) octets, more than it holds")
        }
        guard length <= Self.mostSecretOctets - secretOctets else { return }
        secretOctets += length
        secrets.append(CaptureSecrets(kind: order.read(UInt32.self, body, 0), octets: Array(body.part(8, length))))
    }

    private mutating func addStatistics(_ order: ByteOrder, _ body: ArraySlice<UInt8>) {
        let index = Int(order.read(UInt32.self, body, 0))
        guard body.count >= 12, index < interfaces.count else { return }
        Self.forEachOption(order, body.dropFirst(12)) { code, value in
            switch code {
            case 4: interfaces[index].received = order.read(UInt64.self, value, 0)
            case 5: interfaces[index].dropped = order.read(UInt64.self, value, 0)
            default: break
            }
        }
    }

    private mutating func enhancedPacket(
        _ order: ByteOrder, _ body: ArraySlice<UInt8>
    ) throws(CaptureFormatError) -> CaptureRecord {
        let ticks = UInt64(order.read(UInt32.self, body, 4)) << 32 | UInt64(order.read(UInt32.self, body, 8))
        return try packet(
            order, body, header: 20, interface: Int(order.read(UInt32.self, body, 0)), ticks: ticks,
            captured: Int(order.read(UInt32.self, body, 12)), original: Int(order.read(UInt32.self, body, 16)))
    }

    private mutating func obsoletePacket(
        _ order: ByteOrder, _ body: ArraySlice<UInt8>
    ) throws(CaptureFormatError) -> CaptureRecord {
        let ticks = UInt64(order.read(UInt32.self, body, 4)) << 32 | UInt64(order.read(UInt32.self, body, 8))
        return try packet(
            order, body, header: 20, interface: Int(order.read(UInt16.self, body, 0)), ticks: ticks,
            captured: Int(order.read(UInt32.self, body, 12)), original: Int(order.read(UInt32.self, body, 16)))
    }

    private mutating func simplePacket(
        _ order: ByteOrder, _ body: ArraySlice<UInt8>
    ) throws(CaptureFormatError) -> CaptureRecord {
        let original = Int(order.read(UInt32.self, body, 0))
        let limit = interfaces.first?.snapLength ?? 0
        // There is no captured length: what the snap length left, or the rest of the block when that is shorter.
        let captured = min(original, limit == 0 ? original : limit, max(body.count - 4, 0))
        return try packet(
            order, body, header: 4, interface: 0, ticks: nil, captured: captured, original: original, hasOptions: false)
    }

    private mutating func packet(
        _ order: ByteOrder, _ body: ArraySlice<UInt8>, header: Int, interface index: Int, ticks: UInt64?, captured: Int,
        original: Int, hasOptions: Bool = true
    ) throws(CaptureFormatError) -> CaptureRecord {
        guard body.count >= header, captured <= body.count - header else {
            throw CaptureFormatError(
                .badLength, at: offset, "packet \(packets + 1) claims \(captured) octets, more than its block holds")
        }
        guard index < interfaces.count else {
            throw CaptureFormatError(
                .unknownInterface, at: offset, "packet \(packets + 1) is of interface \(index), which is not described")
        }
        var comments: [String] = []
        let padded = header + (captured + 3) & ~3
        if hasOptions, body.count >= padded + 4 {
            Self.forEachOption(order, body.dropFirst(padded)) { code, value in
                if code == 1 { comments.append(String(decoding: value, as: UTF8.self)) }
            }
        }
        packets += 1
        let interface = interfaces[index]
        let time = ticks.map(interface.time) ?? (0, 0)
        return CaptureRecord(
            index: packets, time: time.0, fraction: time.1, interface: index,
            linkType: interface.linkType,
            bytes: body.part(header, captured), originalLength: max(original, captured), comments: comments,
            offset: offset)
    }

    /// Options up to opt_endofopt, the end, or an option that is longer than what is left.
    private static func forEachOption(
        _ order: ByteOrder, _ options: ArraySlice<UInt8>, _ body: (UInt16, ArraySlice<UInt8>) -> Void
    ) {
        var rest = options
        while rest.count >= 4 {
            let code = order.read(UInt16.self, rest, 0)
            let length = Int(order.read(UInt16.self, rest, 2))
            guard code != 0, length <= rest.count - 4 else { return }
            body(code, rest.part(4, length))
            rest = rest.dropFirst(4 + (length + 3) & ~3)
        }
    }
}
