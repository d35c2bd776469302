// A thousand ways to change a segment: each is named, with its place.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

struct ChainMutationTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ state >> 29) &* 0x9E37_79B9_7F4A_7C15
        }
    }

    private static let kinds = [
        "octet", "length", "remove", "several", "double", "insert", "swap", "move", "cut", "cut within", "add",
    ]

    /// Case F10: frames removed, swapped, edited; the chain tells which.
    @Test func eachOfAThousandMutationsIsNamed() throws {
        let scratch = try RecorderScratch()
        try scratch.record((1...5).map { SampleSession.smtp($0) } + (20...22).map { .imap($0) }, key: .ephemeral())
        let path = scratch.segments[0]
        let original = try RecorderScratch.contents(path)
        let blocks = blockRanges(original)
        var random = Random(state: 1)
        var unnamed: [String] = []
        for number in 0..<1_000 {
            let kind = Self.kinds[number % Self.kinds.count]
            let (changed, place) = mutate(original, blocks, kind, &random)
            try RecorderScratch.write(changed, to: path)
            let faults = try scratch.verify().findings.flatMap(\.faults)
            if !isNamed(faults, kind, place) {
                unnamed.append("\(number) \(kind) at \(place): \(faults.prefix(4).map(\.text))")
            }
        }
        #expect(unnamed.count == 0, "\(unnamed.prefix(5))")
        try RecorderScratch.write(original, to: path)
        #expect(try scratch.faults() == [])
    }

    /// Each alone, and its octets: those of the block that was touched.
    private func isNamed(_ faults: [ChainFault], _ kind: String, _ place: Range<Int>) -> Bool {
        let first = faults.first
        switch kind {
        case "octet", "length":
            return faults.count == 1 && first?.kind == .changed && first?.offset == place.lowerBound
                && first?.octets == place.count
        case "remove", "several":
            return faults.count == 1 && first?.kind == .removed && first?.was == place.lowerBound
                && first?.octets == place.count
        case "double": return faults.count == 1 && first?.kind == .doubled && first?.octets == place.count
        case "insert":
            return faults.count == 1 && first?.kind == .inserted && first?.offset == place.lowerBound
                && first?.octets == place.count
        case "swap", "move":
            return (1...2).contains(faults.count) && faults.allSatisfy { $0.kind == .moved }
        case "cut", "cut within":
            return faults.count == 1 && first?.kind == .cut && first?.was == place.lowerBound
                && first?.octets == place.count
        case "add": return faults.count == 1 && first?.kind == .added && first?.offset == place.lowerBound
        default: return false
        }
    }

    private func mutate(
        _ original: [UInt8], _ blocks: [Range<Int>], _ kind: String, _ random: inout Random
    ) -> ([UInt8], Range<Int>) {
        var octets = original
        // Neither the first, as it says what all others mean, nor the last, behind which nothing tells a gap from an end.
        let index = Int.random(in: 1..<(blocks.count - 1), using: &random)
        let block = blocks[index]
        switch kind {
        case "octet":
            octets[Int.random(in: (block.lowerBound + 8)..<(block.upperBound - 4), using: &random)] ^= UInt8.random(
                in: 1...255, using: &random)
            return (octets, block)
        case "length":
            let places = [block.lowerBound + 4, block.lowerBound + 5, block.upperBound - 4, block.upperBound - 1]
            octets[places[Int.random(in: 0..<4, using: &random)]] ^= UInt8.random(in: 1...255, using: &random)
            return (octets, block)
        case "remove":
            octets.removeSubrange(block)
            return (octets, block)
        case "several":
            let last = min(index + Int.random(in: 1...5, using: &random), blocks.count - 2)
            let range = block.lowerBound..<blocks[last].upperBound
            octets.removeSubrange(range)
            return (octets, range)
        case "double":
            let target = blocks[Int.random(in: 1..<(blocks.count - 1), using: &random)].lowerBound
            octets.insert(contentsOf: original[block], at: target)
            return (octets, block)
        case "insert":
            var foreign = Array(original[block])
            foreign[9] ^= 0xFF
            octets.insert(contentsOf: foreign, at: block.lowerBound)
            return (octets, block)
        case "swap":
            let next = blocks[index + 1]
            guard index + 1 < blocks.count - 1 else {
                octets.removeSubrange(block)
                octets.insert(contentsOf: original[block], at: blocks[1].lowerBound)
                return (octets, block)
            }
            octets.replaceSubrange(block.lowerBound..<next.upperBound, with: original[next] + original[block])
            return (octets, block)
        case "move":
            var target = index
            while target == index || target == index + 1 {
                target = Int.random(in: 1..<(blocks.count - 1), using: &random)
            }
            let place = blocks[target].lowerBound
            octets.removeSubrange(block)
            octets.insert(contentsOf: original[block], at: place > block.lowerBound ? place - block.count : place)
            return (octets, block)
        case "cut": return (Array(octets[..<block.lowerBound]), block.lowerBound..<octets.count)
        case "cut within":
            let place = Int.random(in: (block.lowerBound + 1)..<block.upperBound, using: &random)
            return (Array(octets[..<place]), place..<octets.count)
        default:
            let more = (0..<Int.random(in: 1...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            return (octets + more, octets.count..<(octets.count + more.count))
        }
    }

    /// Several changes at once, each named.
    @Test func severalAtOnce() throws {
        let scratch = try RecorderScratch()
        try scratch.record((1...12).map { SampleSession.smtp($0) }, key: .ephemeral())
        let path = scratch.segments[0]
        var octets = try RecorderScratch.contents(path)
        let blocks = blockRanges(octets)
        octets.removeSubrange(blocks[90])
        octets[blocks[60].lowerBound + 30] ^= 1
        octets[blocks[61].lowerBound + 30] ^= 1
        octets.insert(contentsOf: octets[blocks[10]], at: blocks[40].lowerBound)
        try RecorderScratch.write(octets, to: path)
        let found = try scratch.verify().findings.flatMap(\.faults)
        #expect(found.map(\.kind) == [.doubled, .changed, .changed, .removed])
        #expect(found.map(\.was) == [10, 60, 61, 90].map { blocks[$0].lowerBound })
    }

    /// A segment of many stretches is diagnosed from the one that differs first.
    @Test func longSegments() throws {
        let scratch = try RecorderScratch()
        let info = SampleSession.smtp(1).info
        let line = [UInt8](repeating: 65, count: 60_000)
        let events: [RecordEvent] =
            [.opened(info)]
            + (0..<80).map {
                .octets(session: info.id, leg: .client, side: .client, time: info.start + $0, [line[...]])
            }
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = .ephemeral()
        let recorder = try Recorder(settings)
        recorder.append(events)
        recorder.close()
        let path = scratch.segments[0]
        var octets = try RecorderScratch.contents(path)
        #expect(octets.count > 4 * SegmentDigest.stretch)
        let name = SegmentSeals.name(for: String(path.dropFirst(scratch.path.count + 1)))
        #expect(try scratch.lines(name).count > 4)
        #expect(try scratch.faults() == [])
        let block = blockRanges(octets)[50]
        octets[block.lowerBound + 5_000] = 66
        try RecorderScratch.write(octets, to: path)
        let faults = try scratch.verify().findings.flatMap(\.faults)
        #expect(faults.map(\.kind) == [.changed])
        #expect(faults.first?.offset == block.lowerBound)
    }
}
