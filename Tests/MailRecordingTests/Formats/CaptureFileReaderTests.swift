// The reader of capture files: every form of the formats, any chunking, every cut, any damage.

import MailRecording
import Testing

struct CaptureFileReaderTests {
    static let packets: [[UInt8]] = [
        Array("first".utf8), [], Array(repeating: 0xAB, count: 300), Array("last one".utf8),
    ]

    static func pcapng(big: Bool) -> [UInt8] {
        var file = section(big: big, options: option(1, Array("note".utf8), big: big) + option(0, [], big: big))
        file += interface(big: big, link: 1, options: option(2, Array("eth0".utf8), big: big))
        file += interface(
            big: big, link: 276, options: option(9, [9], big: big) + option(14, octets(10 as Int64, big: big), big: big)
        )
        file += block(0x0000_0BAD, Array("a custom block".utf8), big: big)
        file += enhanced(packets[0], ticks: 1_000_001, options: option(1, Array("{\"v\":1}".utf8), big: big), big: big)
        file += enhanced(packets[1], interface: 1, ticks: 2_000_001_999, big: big)
        file += block(
            5,
            octets(0 as UInt32, big: big) + octets(0 as UInt64, big: big)
                + option(5, octets(7 as UInt64, big: big), big: big), big: big)
        file += block(3, octets(UInt32(packets[2].count), big: big) + packets[2], big: big)
        file += block(
            2,
            octets(0 as UInt16, big: big) + octets(0 as UInt16, big: big) + octets(0 as UInt32, big: big)
                + octets(5 as UInt32, big: big) + octets(UInt32(packets[3].count), big: big)
                + octets(99 as UInt32, big: big)
                + packets[3], big: big)
        return file
    }

    @Test(arguments: [false, true], [false, true])
    func classicPcapInFourMagics(big: Bool, nano: Bool) {
        var file = pcapHeader(big: big, nano: nano, link: 0x1400_0001)
        for (index, packet) in Self.packets.enumerated() {
            file += pcapRecord(packet, seconds: 100, fraction: UInt32(index) * (nano ? 1_000 : 1), big: big)
        }
        for chunk in [1, 3, 16, 17, Int.max] {
            let (records, error) = readAll(file, chunk: chunk)
            #expect(error == nil)
            #expect(records.map { Array($0.bytes) } == Self.packets)
            #expect(records.map(\.time) == [100_000_000, 100_000_001, 100_000_002, 100_000_003])
            #expect(records.map(\.index) == [1, 2, 3, 4])
            #expect(records.map(\.linkType) == [1, 1, 1, 1])
            #expect(records.map(\.offset) == [24, 45, 61, 377])
        }
    }

    @Test(arguments: [false, true])
    func pcapngWithEveryBlock(big: Bool) {
        let file = Self.pcapng(big: big)
        for chunk in [1, 5, 64, Int.max] {
            let (records, error) = readAll(file, chunk: chunk)
            #expect(error == nil)
            #expect(records.map { Array($0.bytes) } == Self.packets)
            #expect(records.map(\.time) == [1_000_001, 12_000_001, 0, 5])
            #expect(records.map(\.interface) == [0, 1, 0, 0])
            #expect(records.map(\.linkType) == [1, 276, 1, 1])
            #expect(records.map(\.originalLength) == [5, 0, 300, 99])
            #expect(records.first?.comments == ["{\"v\":1}"])
        }
    }

    @Test func sectionsStartAnew() throws {
        let file = Self.pcapng(big: false) + Self.pcapng(big: true)
        var reader = CaptureFileReader()
        reader.feed(file)
        var count = 0
        while let record = try reader.next() {
            count += 1
            #expect(record.index == count)
        }
        try reader.finish()
        #expect(count == 8)
        #expect(reader.interfaces.map(\.name) == ["eth0", ""])
        #expect(reader.sectionComments == ["note"])
        #expect(reader.dropped == 14)
    }

    /// A key log comes with the packets that it is for, once, in either byte order, in parts and in bounds.
    @Test(arguments: [false, true])
    func secretsBlock(big: Bool) throws {
        func secrets(_ text: String, length: Int? = nil) -> [UInt8] {
            let octets = Array(text.utf8)
            let kind: UInt32 = 0x544C_534B
            return block(
                10,
                MailRecordingTests.octets(kind, big: big)
                    + MailRecordingTests.octets(UInt32(length ?? octets.count), big: big) + octets, big: big)
        }
        let head = section(big: big) + interface(big: big)
        var reader = CaptureFileReader()
        reader.feed(
            head + secrets("CLIENT_RANDOM 01 02\n") + secrets("x") + enhanced([1], ticks: 1, big: big) + secrets("y")
                + enhanced([2], ticks: 2, big: big))
        #expect(reader.takeSecrets().isEmpty)
        #expect(try reader.next()?.index == 1)
        let first = reader.takeSecrets()
        #expect(first.map(\.kind) == [CaptureSecrets.tlsKeyLog, CaptureSecrets.tlsKeyLog])
        #expect(first.map { String(decoding: $0.octets, as: UTF8.self) } == ["CLIENT_RANDOM 01 02\n", "x"])
        #expect("\(first)" == "[<secrets>, <secrets>]")
        #expect(reader.takeSecrets().isEmpty)
        #expect(try reader.next()?.index == 2)
        #expect(reader.takeSecrets().map(\.octets) == [Array("y".utf8)])
        #expect(readAll(head + secrets("ab", length: 5)).error?.code == .badLength)
        #expect(readAll(head + block(10, [0, 0, 0], big: big)).error?.code == .badLength)
    }

    @Test func timesInEveryResolution() {
        func time(_ resolution: UInt8, _ ticks: UInt64, offset: Int64 = 0) -> Int64? {
            let file =
                section(big: false)
                + interface(
                    big: false,
                    options: option(9, [resolution], big: false) + option(14, octets(offset, big: false), big: false))
                + enhanced([1], ticks: ticks, big: false)
            return readAll(file).records.first?.time
        }
        #expect(time(0, 3) == 3_000_000)
        #expect(time(3, 1_500) == 1_500_000)
        #expect(time(6, 77) == 77)
        #expect(time(9, 1_999) == 1)
        #expect(time(0x80 | 10, 1_536) == 1_500_000)
        #expect(time(0x80 | 20, 1 << 20) == 1_000_000)
        #expect(time(0x80 | 127, .max) == 0)
        #expect(time(127, .max) == 0)
        #expect(time(0, .max) == Int64.max)
        #expect(time(6, 5, offset: -2) == -1_999_995)
        #expect(time(6, 5, offset: .min) == Int64.min)
        #expect(time(6, .max, offset: .max) == Int64.max)
    }

    /// What is finer than microseconds is kept, up to nanoseconds.
    @Test(arguments: [false, true])
    func nanosecondsOfTimes(big: Bool) {
        func fraction(_ resolution: UInt8, _ ticks: UInt64, offset: Int64 = 0) -> [Int64]? {
            let file =
                section(big: big)
                + interface(
                    big: big,
                    options: option(9, [resolution], big: big) + option(14, octets(offset, big: big), big: big))
                + enhanced([1], ticks: ticks, big: big)
            return readAll(file).records.first.map { [$0.time, Int64($0.fraction)] }
        }
        #expect(fraction(6, 77) == [77, 0])
        #expect(fraction(9, 1_999) == [1, 999])
        #expect(fraction(9, 1_700_000_000_123_456_789) == [1_700_000_000_123_456, 789])
        #expect(fraction(9, 1_999, offset: 3) == [3_000_001, 999])
        #expect(fraction(7, 19) == [1, 900])
        #expect(fraction(12, 1_234_567) == [1, 234])
        #expect(fraction(0x80 | 30, (1 << 30) + 3) == [1_000_000, 2])
        let pcap =
            pcapHeader(big: big, nano: true) + pcapRecord([9], seconds: 7, fraction: 123_456_789, big: big)
        #expect(readAll(pcap).records.map(\.nanoseconds) == [7_123_456_789])
    }

    /// 64 bits of nanoseconds end in 2262; times beyond stay there, and nothing traps.
    @Test func nanosecondsHaveAnEnd() {
        #expect(NanosecondTime.of(Int64.max) == Int64.max)
        #expect(NanosecondTime.of(Int64.min) == Int64.min)
        #expect(NanosecondTime.of(Int64.max / 1_000, 999) == Int64.max)
        for time in [-1, 0, 1, 999, 1_000, -1_000, -1_001, Int64.max, Int64.min + 1_000] {
            let (micros, rest) = (NanosecondTime.microseconds(time), NanosecondTime.fraction(time))
            #expect((0..<1_000).contains(rest))
            #expect(NanosecondTime.of(micros, rest) == time)
        }
        #expect(NanosecondTime.microseconds(-1) == -1)
    }

    @Test func oldVersionsSwapTheLengths() {
        func lengths(_ minor: UInt16, captured: UInt32, original: UInt32) -> [Int] {
            let file =
                pcapHeader(big: false, minor: minor) + octets(0 as UInt64, big: false) + octets(captured, big: false)
                + octets(original, big: false) + [1, 2, 3]
            return readAll(file).records.flatMap { [$0.bytes.count, $0.originalLength] }
        }
        #expect(lengths(4, captured: 3, original: 9) == [3, 9])
        #expect(lengths(3, captured: 9, original: 3) == [3, 9])
        #expect(lengths(3, captured: 3, original: 9) == [3, 9])
        #expect(lengths(2, captured: 9, original: 3) == [3, 9])
    }

    @Test func errorsSayWhatAndWhere() {
        func error(_ file: [UInt8]) -> CaptureFormatError? { readAll(file).error }
        let head = section(big: false) + interface(big: false)
        #expect(error([])?.code == .truncated)
        #expect(error([]) == CaptureFormatError(.truncated, at: 0, "the file is empty"))
        #expect(
            error(Array("hello".utf8)) == CaptureFormatError(.notACapture, at: 0, "the file is neither pcap nor pcapng")
        )
        #expect(error([0x1F, 0x8B, 8, 0])?.text == "the file is compressed with gzip: unpack it first")
        #expect(error([0xA1, 0xB2, 0xC3, 0xD4, 0, 9] + [UInt8](repeating: 0, count: 18))?.code == .unsupportedVersion)
        // Case C20: a captured length of 2^31.
        let huge =
            pcapHeader(big: false) + octets(0 as UInt64, big: false) + octets(1 << 31 as UInt32, big: false) + [
                0, 0, 0, 0,
            ]
        #expect(error(huge)?.code == .tooLarge)
        #expect(error(huge)?.offset == 24)
        #expect(
            error(head + octets(6 as UInt32, big: false) + octets(UInt32.max - 3, big: false) + [0, 0, 0, 0])?.code
                == .tooLarge)
        #expect(
            error(head + octets(6 as UInt32, big: false) + octets(8 as UInt32, big: false) + [0, 0, 0, 0])?.code
                == .badLength)
        #expect(error(head + enhanced([1], interface: 1, ticks: 0, big: false))?.code == .unknownInterface)
        #expect(error(head + enhanced([1], interface: 1, ticks: 0, big: false))?.offset == head.count)
        var bad = head + enhanced([1], ticks: 0, big: false)
        bad[bad.count - 1] ^= 1
        #expect(error(bad)?.code == .badLength)
        #expect(error(bad)?.offset == bad.count - 4)
        #expect(error([0x0A, 0x0D, 0x0D, 0x0A] + [UInt8](repeating: 9, count: 30))?.code == .badByteOrder)
        let many = (0...CaptureFileReader.mostInterfaces).flatMap { _ in interface(big: false) }
        #expect(error(section(big: false) + many)?.code == .tooManyInterfaces)
    }

    /// Case C20: snap lengths of 0 and -1, and packets beyond the snap length, are read.
    @Test func snapLengthsAreNoLimit() {
        for snap in [0, 1, UInt32.max] {
            let file = pcapHeader(big: false, snap: snap) + pcapRecord([1, 2, 3], seconds: 1, fraction: 0, big: false)
            #expect(readAll(file).records.map { Array($0.bytes) } == [[1, 2, 3]])
        }
    }

    @Test func errorIsThrownAgain() {
        var reader = CaptureFileReader()
        reader.feed(Array("not a capture".utf8))
        for _ in 0..<2 { #expect(throws: CaptureFormatError.self) { try reader.next() } }
        #expect(throws: CaptureFormatError.self) { try reader.finish() }
    }

    /// Case F1: cut at every octet, all whole packets are read, and the cut is told.
    @Test(arguments: [false, true])
    func everyCut(big: Bool) {
        let file = Self.pcapng(big: big)
        let whole = readAll(file).records
        // Packets that end at or before the cut: a packet's block ends where the next block begins.
        for cut in 0..<file.count {
            let (records, error) = readAll(Array(file[..<cut]), chunk: 11)
            #expect(records == Array(whole.prefix(records.count)))
            let expected = whole.count { record in
                let length = file[(record.offset + 4)..<(record.offset + 8)]
                let size = (big ? Array(length) : length.reversed()).reduce(0) { $0 << 8 | Int($1) }
                return record.offset + size <= cut
            }
            #expect(records.count == expected)
            if let error { #expect(error.code == .truncated) }
        }
        #expect(readAll(Array(file[..<(file.count - 1)])).error?.code == .truncated)
    }

    /// Any damage gives records and perhaps an error, never a trap.
    @Test func bitFlips() {
        var dice = Dice(1)
        var errors = 0
        for round in 0..<4_000 {
            var file = Self.pcapng(big: round & 1 == 0)
            for _ in 0...(round % 3) {
                let index = Int.random(in: 0..<file.count, using: &dice)
                file[index] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
            }
            let whole = readAll(file)
            let pieces = readAll(file, chunk: 1 + round % 40)
            #expect(whole.records == pieces.records)
            // Where a cut tail ends depends on nothing but the file, too.
            #expect(whole.error == pieces.error)
            if whole.error != nil { errors += 1 }
        }
        #expect(errors > 500)
    }

    /// A block of many chunks and many blocks of a chunk are copied a bounded number of times.
    @Test func readingIsLinear() {
        let big = [UInt8](repeating: 7, count: 4 << 20)
        let file = section(big: false) + interface(big: false) + enhanced(big, ticks: 1, big: false)
        let (records, error) = readAll(file, chunk: 1_000)
        #expect(error == nil)
        #expect(records.first?.bytes.count == big.count)
    }
}
