// What is signed of a segment while it grows: stretch by stretch its digest so far, and the length and checksum of each block, so that a
// change can be named and not only noticed (Docs/Decisions/023).

import Crypto
import Glibc
import MailCompression
import MailMessage
import MailRecording

/// Some blocks of a segment, one behind the other.
struct Stretch: Equatable, Sendable {
    /// Where it begins in the segment.
    var offset: Int
    var octets: Int
    /// The SHA-256, in hex, of the segment from its beginning to the end of this stretch.
    var sha256: String
    var blocks: BlockMarks

    var end: Int { offset + octets }
}

/// Lengths and CRC-32s of blocks.
struct BlockMarks: Equatable, Sendable {
    var lengths: [UInt32] = []
    var sums: [UInt32] = []

    var count: Int { lengths.count }
    var octets: Int { lengths.reduce(0) { $0 + Int($1) } }

    mutating func append(_ length: Int, _ sum: UInt32) {
        lengths.append(UInt32(truncatingIfNeeded: length))
        sums.append(sum)
    }

    mutating func append(_ next: BlockMarks) {
        lengths += next.lengths
        sums += next.sums
    }

    init() {}

    /// Base64 of, for each block, its length as LEB128 and its sum in little-endian order.
    var text: String {
        var out: [UInt8] = []
        out.reserveCapacity(count * 6)
        for (length, sum) in zip(lengths, sums) {
            var rest = length
            while rest >= 0x80 {
                out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            out.append(UInt8(truncatingIfNeeded: rest))
            out.append(UInt8(truncatingIfNeeded: sum))
            out.append(UInt8(truncatingIfNeeded: sum >> 8))
            out.append(UInt8(truncatingIfNeeded: sum >> 16))
            out.append(UInt8(truncatingIfNeeded: sum >> 24))
        }
        return String(decoding: Base64.encode(out), as: UTF8.self)
    }

    /// Nil when the text is none.
    init?(_ text: String) {
        guard let octets = Base64.decode(Array(text.utf8)[...]) else { return nil }
        var place = 0
        while place < octets.count {
            var length: UInt32 = 0
            var shift: UInt32 = 0
            while place < octets.count, octets[place] & 0x80 != 0, shift < 28 {
                length |= UInt32(octets[place] & 0x7F) << shift
                shift += 7
                place += 1
            }
            guard place < octets.count, octets[place] & 0x80 == 0, octets.count - place >= 5 else { return nil }
            length |= UInt32(octets[place]) << shift
            var sum: UInt32 = 0
            for index in 0..<4 { sum |= UInt32(octets[place + 1 + index]) << UInt32(8 * index) }
            lengths.append(length)
            sums.append(sum)
            place += 5
        }
    }
}

/// The file of signed stretches beside a segment.
enum SegmentSeals {
    static let suffix = ".seals.jsonl"

    /// `2026-11-23T08-00-00Z-0001.seals.jsonl` for a segment's name.
    static func name(for segment: String) -> String { String(segment.dropLast(".pcapng".count)) + suffix }

    /// The first line: which segment, and what the chain was when it began.
    static func begin(_ segment: String, chain: String, _ time: Int64, _ key: ChainKey) -> SignedLine? {
        SignedLine(signedBy: key) { json in
            json.member("kind", "begin")
            json.member("segment", segment)
            json.member("time", time: time)
            json.member("previous", chain)
        }
    }

    static func line(
        _ stretch: Stretch, of segment: String, previous: String, _ time: Int64, _ key: ChainKey
    ) -> SignedLine? {
        SignedLine(signedBy: key) { json in
            json.member("kind", "stretch")
            json.member("segment", segment)
            json.member("offset", stretch.offset)
            json.member("octets", stretch.octets)
            json.member("blocks", stretch.blocks.count)
            json.member("sha256", stretch.sha256)
            json.member("marks", stretch.blocks.text)
            json.member("time", time: time)
            json.member("previous", previous)
        }
    }

    /// Nil when the line is of another kind.
    static func stretch(_ line: SignedLine) -> Stretch? {
        guard line.kind == "stretch", let offset = line.number("offset"), let octets = line.number("octets"),
            let sha256 = line.text("sha256"), let blocks = line.text("marks").flatMap({ BlockMarks($0) }),
            blocks.octets == octets, offset < Int.max / 2
        else { return nil }
        return Stretch(offset: offset, octets: octets, sha256: sha256, blocks: blocks)
    }
}

/// Reads a growing segment stretch by stretch and keeps the digest of all that was read.
struct SegmentDigest {
    /// A stretch has no more octets than that, unless a single block has.
    static let stretch = 1 << 20

    /// Octets that are read at once: they are still in the processor's cache when they are hashed.
    private static let piece = 1 << 17

    private(set) var offset = 0
    private(set) var blocks = 0
    private var hash = SHA256()
    /// Used again for each stretch: memory that is new costs as much as reading into it.
    private let space = Space()

    private final class Space {
        let octets = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentDigest.stretch, alignment: 64)
        deinit { octets.deallocate() }
    }

    /// The digest of what was read, in hex.
    var sha256: String { Hex.text(hash.finalize()) }

    /// The next whole blocks up to `end`, where a block ends; nil when there are none. Throws an errno.
    mutating func next(of descriptor: Int32, to end: Int) throws(ReadFailure) -> Stretch? {
        guard offset < end else { return nil }
        let wanted = min(end - offset, Self.stretch)
        let isAll = offset + wanted >= end
        let octets = UnsafeMutableRawBufferPointer(rebasing: space.octets[..<wanted])
        var stretch = Stretch(offset: offset, octets: 0, sha256: "", blocks: BlockMarks())
        var hash = hash
        var read = 0
        while read < wanted {
            let piece = UnsafeMutableRawBufferPointer(rebasing: octets[read..<min(wanted, read + Self.piece)])
            let got = pread(descriptor, piece.baseAddress, piece.count, off_t(offset + read))
            guard got > 0 else {
                if got < 0, errno == EINTR { continue }
                throw ReadFailure(code: got == 0 ? EIO : errno)
            }
            read += got
            let hashed = stretch.octets
            while let length = Self.blockLength(at: stretch.octets, in: octets, read: read, isAll: isAll) {
                let block = UnsafeRawBufferPointer(rebasing: octets[stretch.octets..<(stretch.octets + length)])
                stretch.blocks.append(length, Checksum.crc32(block))
                stretch.octets += length
            }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: octets[hashed..<stretch.octets]))
        }
        self.hash = hash
        offset += stretch.octets
        blocks += stretch.blocks.count
        stretch.sha256 = sha256
        return stretch
    }

    /// The next blocks up to `end` of those that were hashed when they were written, which are taken out; nil when there are none.
    mutating func next(of written: inout [HashedBlocks], to end: Int) -> Stretch? {
        // What was read from the file meanwhile.
        while let first = written.first, first.offset < offset { written.removeFirst() }
        guard var taken = written.first, taken.offset == offset, taken.end <= end else { return nil }
        var count = 1
        while count < written.count, taken.isContinued(by: written[count]), written[count].end <= end {
            taken.append(written[count])
            count += 1
        }
        written.removeFirst(count)
        hash = taken.hash
        offset = taken.end
        blocks += taken.blocks.count
        return Stretch(offset: taken.offset, octets: taken.octets, sha256: sha256, blocks: taken.blocks)
    }

    /// Octets that the block at `place` has, or of it all that there is; nil when it is none.
    static func blockLength(_ octets: UnsafeRawBufferPointer, at place: Int) -> Int? {
        let rest = octets.count - place
        guard rest >= 12 else { return nil }
        let claimed = Int(UInt32(littleEndian: octets.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self)))
        return claimed >= 12 && claimed & 3 == 0 ? min(claimed, rest) : nil
    }

    /// Octets of the block at `place`; nil when not all of it was read, or it is not to be in the stretch: another one begins with it.
    /// - Parameter isAll: nothing stands behind `octets`.
    private static func blockLength(
        at place: Int, in octets: UnsafeMutableRawBufferPointer, read: Int, isAll: Bool
    ) -> Int? {
        let rest = octets.count - place
        guard rest > 0 else { return nil }
        var length = rest
        if rest >= 12 {
            guard read - place >= 12 else { return nil }
            let claimed = Int(UInt32(littleEndian: octets.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self)))
            // What is no block, as in a segment that a dying disk left, stays in one piece.
            if claimed >= 12, claimed & 3 == 0 {
                if claimed > rest, place > 0, !isAll { return nil }
                length = min(claimed, rest)
            }
        } else if place > 0, !isAll {
            return nil
        }
        return length <= read - place ? length : nil
    }

    struct ReadFailure: Error { var code: Int32 }
}
