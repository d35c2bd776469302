// A streaming reader of classic pcap and pcapng files, in one pass: chunks of the file in, packets out. At most one
// block and one chunk are in memory.

/// Reads a capture file. Feed a chunk, then call ``next()`` until it gives nil; at the end of the file call
/// ``finish()``. Once an error was thrown the place in the file is lost: the same error is thrown again.
package struct CaptureFileReader: Sendable {
    /// The longest block or packet that is read, in octets. tcpdump's largest snap length is 262,144; USB captures
    /// reach 1 MiB.
    package static let largestBlock = 16 << 20
    /// Interfaces of a section, as each takes memory for as long as the section lasts.
    package static let mostInterfaces = 65_536
    /// Octets of secrets in a file: a key log of some hundred thousand sessions.
    package static let mostSecretOctets = 64 << 20

    enum Format: Sendable {
        case unknown
        case pcap(isBig: Bool, isNano: Bool, swapsLengths: SwappedLengths)
        case pcapng(isBig: Bool)
    }

    /// The order of the two lengths of a record changed in version 2.3, and some writers of 2.3 did not follow.
    enum SwappedLengths: Sendable { case never, whenLonger, always }

    var format = Format.unknown
    /// The interfaces of the current section so far; one in classic pcap.
    package internal(set) var interfaces: [CaptureInterface] = []
    /// The comments of the current section's header.
    package internal(set) var sectionComments: [String] = []
    /// Secrets with which packets can be decrypted, in the order in which they came and not yet taken
    /// (``takeSecrets()``).
    var secrets: [CaptureSecrets] = []
    /// Octets of secrets in the file so far.
    var secretOctets = 0
    /// Packets that the statistics blocks of finished sections count as dropped.
    var droppedBefore: UInt64 = 0
    /// Packets delivered.
    package internal(set) var packets = 0

    var buffer: [UInt8] = []
    /// What was consumed of `buffer`.
    var position = 0
    /// The offset in the file of `buffer`'s first octet.
    var base = 0
    private var failure: CaptureFormatError?

    package init() {}

    /// The secrets that came since they were last taken. They stand before the packets that they are for. Beyond
    /// ``mostSecretOctets`` in a file they are passed over.
    package mutating func takeSecrets() -> [CaptureSecrets] {
        guard !secrets.isEmpty else { return [] }
        defer { secrets = [] }
        return secrets
    }

    /// Packets that the capturing kernel lost, as the file says in its interface statistics.
    package var dropped: UInt64 { interfaces.reduce(droppedBefore) { $0 &+ $1.dropped } }

    /// The offset in the file up to which it was understood.
    package var offset: Int { base + position }

    /// More octets of the file. Cheapest when ``next()`` gave nil before.
    package mutating func feed(_ bytes: [UInt8]) {
        if position == buffer.count {
            base += position
            buffer = bytes
            position = 0
        } else if position > buffer.count / 2 {
            // The rest is copied only when as much was consumed, so that all copying together stays linear.
            var joined: [UInt8] = []
            joined.reserveCapacity(buffer.count - position + bytes.count)
            joined += buffer[position...]
            joined += bytes
            base += position
            position = 0
            buffer = joined
        } else {
            buffer += bytes
        }
    }

    /// What was fed and is not understood yet: the beginning of what follows.
    package var unread: ArraySlice<UInt8> { buffer[position...] }

    /// ``unread`` and more octets of the file, in one.
    package mutating func feed(withUnread bytes: [UInt8]) {
        base += position
        buffer = bytes
        position = 0
    }

    /// What is fed next stands at this offset of the file, and a packet or block begins there. The header was read.
    package mutating func jump(to offset: Int) {
        buffer = []
        position = 0
        base = offset
    }

    /// The next packet; nil when more of the file is needed.
    package mutating func next() throws(CaptureFormatError) -> CaptureRecord? {
        if let failure { throw failure }
        do {
            while true {
                switch format {
                case .unknown:
                    guard try begin() else { return nil }
                case .pcap(let isBig, let isNano, let swapsLengths):
                    return try nextPcap(isBig, isNano, swapsLengths)
                case .pcapng(let isBig):
                    switch try nextBlock(isBig) {
                    case .needsMore: return nil
                    case .skipped: continue
                    case .packet(let record): return record
                    }
                }
            }
        } catch {
            failure = error
            throw error
        }
    }

    /// The file has ended. Throws `truncated` when it ended within a header, a packet or a block.
    package mutating func finish() throws(CaptureFormatError) {
        if let failure { throw failure }
        let rest = buffer.count - position
        let error: CaptureFormatError
        switch format {
        case .unknown:
            let what = rest == 0 && base + position == 0 ? "the file is empty" : "the file ends within its header"
            error = CaptureFormatError(.truncated, at: offset, what)
        case .pcap, .pcapng:
            if rest == 0 { return }
            error = CaptureFormatError(
                .truncated, at: offset, "the file ends within packet or block \(packets + 1), \(rest) octets into it")
        }
        failure = error
        throw error
    }

    /// Recognises the file. False when more of it is needed.
    private mutating func begin() throws(CaptureFormatError) -> Bool {
        let head = unread
        guard head.count >= 4 else { return false }
        let magic = head.big(UInt32.self, at: 0)
        let isBig: Bool
        let isNano: Bool
        switch magic {
        case 0x0A0D_0D0A:
            // The section header itself says the byte order.
            format = .pcapng(isBig: false)
            return true
        case 0xA1B2_C3D4: (isBig, isNano) = (true, false)
        case 0xD4C3_B2A1: (isBig, isNano) = (false, false)
        case 0xA1B2_3C4D: (isBig, isNano) = (true, true)
        case 0x4D3C_B2A1: (isBig, isNano) = (false, true)
        default: throw CaptureFormatError(.notACapture, at: offset, Self.guess(head))
        }
        guard head.count >= 24 else { return false }
        let order = ByteOrder(isBig: isBig)
        let major = order.read(UInt16.self, head, 4)
        let minor = order.read(UInt16.self, head, 6)
        guard major == 2 else {
            throw CaptureFormatError(.unsupportedVersion, at: offset + 4, "pcap version \(major).\(minor) is not known")
        }
        format = .pcap(
            isBig: isBig, isNano: isNano, swapsLengths: minor < 3 ? .always : minor == 3 ? .whenLonger : .never)
        // The upper bits say whether frames end with a check sequence; lengths in IP headers make that irrelevant.
        let linkType = order.read(UInt32.self, head, 20) & 0xFFFF
        interfaces = [
            CaptureInterface(
                linkType: linkType, snapLength: Int(order.read(UInt32.self, head, 16)), name: "", details: "",
                resolution: isNano ? 9 : 6, timeOffset: 0)
        ]
        position += 24
        return true
    }

    private mutating func nextPcap(
        _ isBig: Bool, _ isNano: Bool, _ swapsLengths: SwappedLengths
    ) throws(CaptureFormatError) -> CaptureRecord? {
        guard buffer.count &- position >= 16 else { return nil }
        // Read where it is, as a slice of it would be counted for each number.
        let head = buffer.withUnsafeBytes { octets in
            func word(_ place: Int) -> UInt32 {
                let word = octets.loadUnaligned(fromByteOffset: position &+ place, as: UInt32.self)
                return isBig ? word.bigEndian : word.littleEndian
            }
            return (seconds: word(0), part: word(4), captured: word(8), original: word(12))
        }
        var captured = Int(head.captured)
        var original = Int(head.original)
        switch swapsLengths {
        case .never: break
        case .whenLonger: if captured > original { swap(&captured, &original) }
        case .always: swap(&captured, &original)
        }
        guard captured <= Self.largestBlock else {
            throw CaptureFormatError(
                .tooLarge, at: offset, "packet \(packets + 1) claims \(captured) octets, more than \(Self.largestBlock)"
            )
        }
        guard buffer.count &- position >= 16 + captured else { return nil }
        let part = Int64(head.part)
        let time = Int64(head.seconds) * 1_000_000 + (isNano ? part / 1000 : part)
        packets += 1
        let record = CaptureRecord(
            index: packets, time: time, fraction: isNano ? Int(truncatingIfNeeded: part % 1_000) : 0,
            linkType: interfaces.first?.linkType ?? 0,
            bytes: buffer[(position + 16)..<(position + 16 + captured)],
            originalLength: max(original, captured), offset: offset)
        position += 16 + captured
        return record
    }

    /// What a file that is no capture may be instead.
    private static func guess(_ head: ArraySlice<UInt8>) -> String {
        let known: [([UInt8], String)] = [
            ([0x1F, 0x8B], "the file is compressed with gzip: unpack it first"),
            ([0x28, 0xB5, 0x2F, 0xFD], "the file is compressed with zstd: unpack it first"),
            ([0xFD, 0x37, 0x7A, 0x58], "the file is compressed with xz: unpack it first"),
            ([0x42, 0x5A, 0x68], "the file is compressed with bzip2: unpack it first"),
            (
                [0x34, 0xCD, 0xB2, 0xA1],
                "the file is in Kuznetzov's variant of pcap, which is not read: convert it with editcap"
            ),
            (
                [0xA1, 0xB2, 0xCD, 0x34],
                "the file is in Kuznetzov's variant of pcap, which is not read: convert it with editcap"
            ),
            (Array("snoo".utf8), "the file is a snoop capture: convert it with editcap"),
        ]
        return known.first { head.starts(with: $0.0) }?.1 ?? "the file is neither pcap nor pcapng"
    }
}

/// Reads integers in the byte order of a file.
struct ByteOrder {
    var isBig: Bool

    @inline(__always)
    func read<T: FixedWidthInteger>(_ type: T.Type, _ slice: ArraySlice<UInt8>, _ offset: Int) -> T {
        isBig ? slice.big(type, at: offset) : slice.little(type, at: offset)
    }
}
