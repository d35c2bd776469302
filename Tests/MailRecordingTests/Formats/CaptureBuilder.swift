// Builds capture files and packets octet by octet, independently of the code under test.

import MailRecording

/// A pseudo random sequence that is the same in every run.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ state >> 29) &* 0xBF58_476D_1CE4_E5B9
    }
}

func octets<T: FixedWidthInteger>(_ value: T, big: Bool) -> [UInt8] {
    withUnsafeBytes(of: big ? value.bigEndian : value.littleEndian) { Array($0) }
}

func pcapHeader(big: Bool, nano: Bool = false, minor: UInt16 = 4, snap: UInt32 = 65_535, link: UInt32 = 101) -> [UInt8]
{
    octets(nano ? 0xA1B2_3C4D : 0xA1B2_C3D4 as UInt32, big: big) + octets(2 as UInt16, big: big)
        + octets(minor, big: big)
        + octets(0 as UInt64, big: big) + octets(snap, big: big) + octets(link, big: big)
}

func pcapRecord(_ bytes: [UInt8], seconds: UInt32, fraction: UInt32, original: UInt32? = nil, big: Bool) -> [UInt8] {
    octets(seconds, big: big) + octets(fraction, big: big) + octets(UInt32(bytes.count), big: big)
        + octets(original ?? UInt32(bytes.count), big: big) + bytes
}

func block(_ type: UInt32, _ body: [UInt8], big: Bool) -> [UInt8] {
    let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    let length = octets(UInt32(padded.count + 12), big: big)
    return octets(type, big: big) + length + padded + length
}

func option(_ code: UInt16, _ value: [UInt8], big: Bool) -> [UInt8] {
    octets(code, big: big) + octets(UInt16(value.count), big: big) + value
        + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
}

func section(big: Bool, options: [UInt8] = []) -> [UInt8] {
    block(
        0x0A0D_0D0A,
        octets(0x1A2B_3C4D as UInt32, big: big) + octets(1 as UInt16, big: big) + octets(0 as UInt16, big: big)
            + octets(UInt64.max, big: big) + options, big: big)
}

func interface(big: Bool, link: UInt16 = 101, snap: UInt32 = 0, options: [UInt8] = []) -> [UInt8] {
    block(1, octets(link, big: big) + [0, 0] + octets(snap, big: big) + options, big: big)
}

func enhanced(_ bytes: [UInt8], interface: UInt32 = 0, ticks: UInt64, options: [UInt8] = [], big: Bool) -> [UInt8] {
    let padding = [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    return block(
        6,
        octets(interface, big: big) + octets(UInt32(ticks >> 32), big: big)
            + octets(UInt32(truncatingIfNeeded: ticks), big: big)
            + octets(UInt32(bytes.count), big: big) + octets(UInt32(bytes.count), big: big) + bytes + padding + options,
        big: big)
}

/// All records of a file that is fed in chunks of `size`, and the error that ended it.
func readAll(_ file: [UInt8], chunk size: Int = .max) -> (records: [CaptureRecord], error: CaptureFormatError?) {
    var reader = CaptureFileReader()
    var records: [CaptureRecord] = []
    do throws(CaptureFormatError) {
        var start = 0
        while start < file.count {
            let end = size < file.count - start ? start + size : file.count
            reader.feed(Array(file[start..<end]))
            start = end
            while let record = try reader.next() { records.append(record) }
        }
        try reader.finish()
    } catch {
        return (records, error)
    }
    return (records, nil)
}

/// An IPv4 packet with right checksums left out (zero): the decoder takes them as offloaded.
func ipv4(_ payload: [UInt8], id: UInt16 = 1, fragment: UInt16 = 0, proto: UInt8 = 6, options: [UInt8] = []) -> [UInt8]
{
    [0x45 + UInt8(options.count / 4), 0] + octets(UInt16(20 + options.count + payload.count), big: true)
        + octets(id, big: true) + octets(fragment, big: true) + [64, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2] + options
        + payload
}

func ipv6(_ payload: [UInt8], next: UInt8 = 6) -> [UInt8] {
    var address = [UInt8](repeating: 0, count: 16)
    address[0] = 0x20
    address[1] = 0x01
    return [0x60, 0, 0, 0] + octets(UInt16(payload.count), big: true) + [next, 64] + address + address.map { $0 ^ 1 }
        + payload
}

func tcp(_ payload: [UInt8], sequence: UInt32 = 7, flags: UInt8 = 0x18, options: [UInt8] = []) -> [UInt8] {
    octets(40_000 as UInt16, big: true) + octets(25 as UInt16, big: true) + octets(sequence, big: true)
        + octets(9 as UInt32, big: true) + [UInt8((20 + options.count) << 2), flags, 0x20, 0, 0, 0, 0, 0] + options
        + payload
}
