// A fast checksum: by the processor's multiplication without carry where there is one, else by what zlib has.

import CBytes
import CZlib

/// Checksums that find accidents, not attackers.
package enum Checksum {
    /// CRC-32 (ISO 3309) of octets.
    package static func crc32(_ octets: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = octets.baseAddress else { return 0 }
        let start = base.assumingMemoryBound(to: UInt8.self)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { rest in
            let folded = mp_fold_crc32(base, octets.count, rest.baseAddress)
            guard folded > 0 else { return UInt32(truncatingIfNeeded: CZlib.crc32_z(0, start, octets.count)) }
            // zlib inverts what it is given and what it gives: all bits set are a sum that begins with 0.
            let sum = CZlib.crc32_z(0xFFFF_FFFF, rest.baseAddress, 16)
            return UInt32(truncatingIfNeeded: CZlib.crc32_z(sum, start + folded, octets.count - folded))
        }
    }
}
