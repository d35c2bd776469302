// What is hashed while it is written is what a reader of the file finds, however it is handed over.

import CLinux
import Crypto
import Glibc
import MailMessage
import MailRecording
import Testing

@testable import MailStore

struct WrittenDigestTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ state >> 29) &* 0x9E37_79B9_7F4A_7C15
        }
    }

    /// A block of pcapng as far as its length goes.
    private func block(_ length: Int, _ random: inout Random) -> [UInt8] {
        let claimed = UInt32(length)
        var octets = [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: length)
        octets[length - 1] = UInt8.random(in: 0...255, using: &random)
        for index in 0..<4 { octets[4 + index] = UInt8(truncatingIfNeeded: claimed >> UInt32(8 * index)) }
        return octets
    }

    /// Some of what was written is handed over, some only stands in the file.
    @Test(arguments: 0..<8) func stretchesAreThoseOfTheFile(seed: UInt64) throws {
        var random = Random(state: seed)
        let scratch = try RecorderScratch()
        let path = scratch.path + "/blocks"
        var file: [UInt8] = []
        var written = WrittenDigest()
        var handed: [HashedBlocks] = []
        var lengths: [UInt32] = []
        // One block may be longer than a stretch; most are packets.
        let long = seed % 4 == 3 ? Int.random(in: 0..<60, using: &random) : -1
        for number in 0..<60 {
            var piece: [UInt8] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let isLong = number == long && piece.isEmpty
                let length = 4 * (isLong ? 300_000 : Int.random(in: 3...(seed & 1 == 0 ? 40 : 6_000), using: &random))
                piece += block(length, &random)
                lengths.append(UInt32(length))
            }
            file += piece
            written.append(piece)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: handed += written.take()
            case 1 where seed % 3 == 0: _ = written.take()
            default: break
            }
        }
        try RecorderScratch.write(file, to: path)
        let descriptor = mp_open(path, O_RDONLY, 0)
        let seals = try SignedFile(path: scratch.path + "/seals", calls: FileCalls())
        let current = NotaryWork.Current("blocks", descriptor, seals)
        current.written = handed
        var seen = BlockMarks()
        // Signed up to some place first, then to the end.
        for end in [Int(lengths[..<(lengths.count / 2)].reduce(0, +)), file.count] {
            while true {
                let before = current.digest.offset
                guard let stretch = try current.next(to: end) else { break }
                #expect(stretch.offset == before && stretch.end == current.digest.offset && stretch.end <= end)
                #expect(stretch.octets <= SegmentDigest.stretch)
                #expect(stretch.octets == stretch.blocks.octets)
                #expect(stretch.sha256 == Hex.text(SHA256.hash(data: file[..<stretch.end])))
                seen.append(stretch.blocks)
            }
            #expect(current.digest.offset == end)
        }
        // What is longer than a stretch is signed in parts.
        if long < 0 {
            #expect(seen.lengths == lengths)
            #expect(current.digest.blocks == lengths.count)
        }
    }
}
