// Ten thousand single bits, each turned over in a recording: each is found.

import Glibc
import MailCompression
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct ChainFlipTests {
    /// Case F2. Nine thousand in the segment, where the digest is all that there is to notice them; the others anywhere in the segment, the
    /// chain and the stretches, which takes signatures.
    @Test func eachOfTenThousandBitsIsFound() throws {
        let scratch = try RecorderScratch()
        let key = ChainKey.ephemeral()
        try scratch.record([.pop3(1)], key: key)
        let segment = scratch.segments[0]
        let name = RecordingDirectory.segments(in: scratch.path)[0].name
        let files = [
            segment, scratch.path + "/" + ChainEntry.fileName, scratch.path + "/" + SegmentSeals.name(for: name),
        ]
        var state: UInt64 = 7
        var unfound: [String] = []
        let contents = try files.map { try RecorderScratch.contents($0) }
        let all = contents.reduce(0) { $0 + $1.count } * 8
        let signed = try SegmentReading(try PackedFile(path: segment), checkpoints: []).sha256
        for number in 0..<10_000 {
            let isPlain = number < 9_000
            let total = isPlain ? contents[0].count * 8 : all
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var bit = Int(state >> 33) % total
            var file = 0
            while bit >= contents[file].count * 8 {
                bit -= contents[file].count * 8
                file += 1
            }
            let octet = contents[file][bit / 8]
            let descriptor = open(files[file], O_WRONLY)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            var turned = octet ^ (1 << UInt8(bit % 8))
            try #require(pwrite(descriptor, &turned, 1, off_t(bit / 8)) == 1)
            let isFound =
                try isPlain
                ? SegmentReading(try PackedFile(path: segment), checkpoints: []).sha256 != signed
                : ChainVerifier(scratch.path, keys: [key.publicKey]) { _ in }.run().faults > 0
            if !isFound { unfound.append("bit \(bit % 8) of octet \(bit / 8) of file \(file)") }
            var original = octet
            try #require(pwrite(descriptor, &original, 1, off_t(bit / 8)) == 1)
        }
        #expect(unfound.count == 0, "\(unfound.prefix(5))")
        #expect(try scratch.faults() == [])
    }
}
