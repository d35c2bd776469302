// Whether packets of a capture stand in another one that was read before: a file that was copied, or two captures that were made at once.
// Their octets are put together once, as those of retransmissions are; who counts packets should know it. Of each file a few packets are
// kept, those with the smallest hashes: what two files have in common is among them in proportion.

import MailRecording

/// Compares the packets of captures that are read behind each other.
package struct RepeatedPackets: Sendable {
    /// Hashes that are kept of a file.
    private static let kept = 128
    /// Files of which they are.
    private static let mostFiles = 512

    /// The smallest hashes of the file that is read, in order.
    private var sketch: [UInt64] = []
    /// The files that were read, with the greatest hash up to which all were kept.
    private var files: [(path: String, limit: UInt64)] = []
    private var owners: [UInt64: Int] = [:]

    package init() {}

    /// Takes a packet of the file that is read.
    package mutating func accept(_ record: CaptureRecord) {
        let hash = Self.hash(record)
        if sketch.count == Self.kept, let last = sketch.last, hash >= last { return }
        var (low, high) = (0, sketch.count)
        while low < high {
            let middle = (low + high) / 2
            if sketch[middle] < hash { low = middle + 1 } else { high = middle }
        }
        if low < sketch.count, sketch[low] == hash { return }
        sketch.insert(hash, at: low)
        if sketch.count > Self.kept { sketch.removeLast() }
    }

    /// The file has been read.
    /// - Returns: what there is to say of it; nil for nothing.
    package mutating func end(_ path: String) -> String? {
        defer { sketch.removeAll(keepingCapacity: true) }
        guard files.count < Self.mostFiles else { return nil }
        var common: [Int: Int] = [:]
        for hash in sketch {
            if let owner = owners[hash] { common[owner, default: 0] += 1 } else { owners[hash] = files.count }
        }
        let limit = sketch.count < Self.kept ? UInt64.max : sketch.last ?? UInt64.max
        defer { files.append((path, limit)) }
        guard let (owner, count) = common.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }),
            count > 1 || count == sketch.count
        else { return nil }
        let compared = sketch.count { $0 <= files[owner].limit }
        let many = count >= compared ? "its packets" : "about \(max(1, count * 100 / compared)) % of its packets"
        return
            "\(many) stand in \(files[owner].path) as well, and are counted in both; what is said in them is taken once"
    }

    /// Made of the time, the length, and octets among which there are the sequence numbers of TCP.
    private static func hash(_ record: CaptureRecord) -> UInt64 {
        var hash = mixed(UInt64(bitPattern: record.time))
        hash = mixed(hash ^ UInt64(truncatingIfNeeded: record.originalLength))
        return record.bytes.withUnsafeBytes { octets in
            for place in [34, 42] where place + 8 <= octets.count {
                hash = mixed(hash ^ octets.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            }
            return hash
        }
    }

    /// Spreads a number over all bits: the last step of SplitMix64.
    private static func mixed(_ number: UInt64) -> UInt64 {
        var number = number &+ 0x9E37_79B9_7F4A_7C15
        number = (number ^ (number >> 30)) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ (number >> 27)) &* 0x94D0_49BB_1331_11EB
        return number ^ (number >> 31)
    }
}
