// The fast checksum that zlib has.

import CZlib

/// Checksums that find accidents, not attackers.
package enum Checksum {
    /// CRC-32 (ISO 3309) of octets.
    package static func crc32(_ octets: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = octets.baseAddress else { return 0 }
        return UInt32(truncatingIfNeeded: CZlib.crc32_z(0, base.assumingMemoryBound(to: UInt8.self), octets.count))
    }
}
