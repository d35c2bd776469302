// Puts secrets back into the packets that hold their masks: the other direction of sealing.

import MailMessage

/// Restores packets of our recordings.
package enum SecretRestorer {
    /// What stood in the way of a secret.
    package enum Trouble: Equatable, Sendable {
        /// It was sealed to this key, and the one at hand is another.
        case otherKey(String)
        /// It is not as it was sealed: changed, cut, or moved here from elsewhere.
        case damaged
    }

    /// The secrets that a packet's comments hold.
    package static func sealed(in record: CaptureRecord) -> [SealedSecret] {
        record.comments.compactMap { text in
            guard case .sealed(let secret) = RecordComment(text) else { return nil }
            return secret
        }
    }

    /// The packet with its secrets in the place of their masks, and without what was sealed. What does not open stays as it is.
    /// - Parameters:
    ///   - key: which key there is.
    ///   - open: gives the octets of what was sealed.
    ///   - told: gets what could not be opened, and why.
    package static func restore(
        _ record: CaptureRecord, key: String, open: (SealedSecret) -> [UInt8]?, told: (SealedSecret, Trouble) -> Void
    ) -> CaptureRecord {
        let secrets = sealed(in: record)
        guard !secrets.isEmpty else { return record }
        var restored = record
        var opened: Set<Int> = []
        for (number, secret) in secrets.enumerated() {
            guard secret.key == key else {
                told(secret, .otherKey(secret.key))
                continue
            }
            guard let octets = open(secret), let bytes = put(octets, into: restored) else {
                told(secret, .damaged)
                continue
            }
            restored.bytes = bytes[...]
            opened.insert(number)
        }
        var number = -1
        restored.comments.removeAll { text in
            guard case .sealed = RecordComment(text) else { return false }
            number += 1
            return opened.contains(number)
        }
        return restored
    }

    /// A packet of ours whose TCP payload begins with other octets. Nil when it has no room for them.
    private static func put(_ octets: [UInt8], into record: CaptureRecord) -> [UInt8]? {
        // Recordings of before have no frames around their packets.
        guard record.linkType == UInt32(PcapngWriter.linkType) else { return put(octets, into: Array(record.bytes)) }
        let frame = record.bytes.prefix(PacketSynthesizer.frameHeader)
        guard let packet = put(octets, into: Array(record.bytes.dropFirst(frame.count))) else { return nil }
        return frame + packet
    }

    /// The same for an IP packet.
    private static func put(_ octets: [UInt8], into packet: [UInt8]) -> [UInt8]? {
        var bytes = packet
        guard let first = bytes.first else { return nil }
        let start: Int
        switch first >> 4 {
        case 4: start = Int(first & 15) * 4
        case 6: start = 40
        default: return nil
        }
        guard start >= 20, bytes.count >= start + 20 else { return nil }
        let payload = start + Int(bytes[start + 12] >> 4) * 4
        guard payload >= start + 20, payload <= bytes.count, octets.count <= bytes.count - payload else { return nil }
        bytes.replaceSubrange(payload..<(payload + octets.count), with: octets)
        bytes[start + 16] = 0
        bytes[start + 17] = 0
        var sum = InternetChecksum()
        let ends = first >> 4 == 4 ? bytes[12..<20] : bytes[8..<40]
        sum.add(ends)
        sum.add(6 as UInt16)
        let length = bytes.count - start
        sum.add(UInt16(truncatingIfNeeded: length >> 16))
        sum.add(UInt16(truncatingIfNeeded: length))
        sum.add(bytes[start...])
        let folded = ~sum.folded
        bytes[start + 16] = UInt8(truncatingIfNeeded: folded >> 8)
        bytes[start + 17] = UInt8(truncatingIfNeeded: folded)
        return bytes
    }
}
