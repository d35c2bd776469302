// Hashes a segment while it is written. What was written just now is in the processor's cache; reading it from the file a second later
// cost as much as hashing it (Docs/Decisions/079).

import Crypto
import MailCompression

/// Some blocks of a segment, one behind the other, that were hashed when they were written.
struct HashedBlocks: Sendable {
    /// Where they begin in the segment.
    var offset: Int
    var octets = 0
    var blocks = BlockMarks()
    /// The digest of the segment from its beginning to their end, to be gone on with.
    var hash: SHA256

    var end: Int { offset + octets }

    /// Whether those behind them make one stretch with them.
    func isContinued(by next: HashedBlocks) -> Bool {
        next.offset == end && octets + next.octets <= SegmentDigest.stretch
    }

    mutating func append(_ next: HashedBlocks) {
        octets += next.octets
        blocks.append(next.blocks)
        hash = next.hash
    }
}

/// The digest of a segment as far as it was written. For the recorder's thread.
struct WrittenDigest {
    private var hash = SHA256()
    private var ready: [HashedBlocks] = []
    private var open = HashedBlocks(offset: 0, hash: SHA256())
    /// A block came that is longer than a stretch, as we write none: from there on the segment is read as it stands in the file.
    private var hasLeft = false

    /// Whole blocks were written behind those before.
    mutating func append(_ octets: [UInt8]) {
        guard !hasLeft else { return }
        octets.withUnsafeBytes { octets in
            var (place, hashed) = (0, 0)
            while place < octets.count {
                let length = SegmentDigest.blockLength(octets, at: place) ?? octets.count - place
                guard length <= SegmentDigest.stretch else {
                    hasLeft = true
                    break
                }
                if open.octets > 0, open.octets + length > SegmentDigest.stretch {
                    hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: octets[hashed..<place]))
                    hashed = place
                    close()
                }
                let block = UnsafeRawBufferPointer(rebasing: octets[place..<(place + length)])
                open.blocks.append(length, Checksum.crc32(block))
                open.octets += length
                place += length
            }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: octets[hashed..<place]))
        }
    }

    /// What was written since this was last asked.
    mutating func take() -> [HashedBlocks] {
        if open.octets > 0 { close() }
        defer { ready = [] }
        return ready
    }

    private mutating func close() {
        open.hash = hash
        ready.append(open)
        open = HashedBlocks(offset: open.end, hash: hash)
    }
}
