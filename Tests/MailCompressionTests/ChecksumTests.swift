// The checksum is the one of zlib, whichever way it is computed.

import CZlib
import Testing

@testable import MailCompression

@Suite struct ChecksumTests {
    /// The check value of CRC-32: the sum of "123456789".
    @Test func isTheOneOfTheStandard() {
        #expect(Array("123456789".utf8).withUnsafeBytes { Checksum.crc32($0) } == 0xCBF4_3926)
        #expect([UInt8]().withUnsafeBytes { Checksum.crc32($0) } == 0)
    }

    @Test func isThatOfZlibForEveryLengthAndPlace() {
        var random: UInt64 = 0x9E37_79B9_7F4A_7C15
        let octets = (0..<5000).map { _ -> UInt8 in
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return UInt8(truncatingIfNeeded: random >> 32)
        }
        octets.withUnsafeBytes { all in
            for length in Array(0...400) + [511, 512, 513, 1023, 1024, 1025, 2047, 4096, 4975] {
                for start in [0, 1, 7, 25] {
                    let part = UnsafeRawBufferPointer(rebasing: all[start..<(start + length)])
                    let wanted = crc32_z(0, part.baseAddress?.assumingMemoryBound(to: UInt8.self), length)
                    #expect(Checksum.crc32(part) == UInt32(truncatingIfNeeded: wanted), "\(length) at \(start)")
                }
            }
        }
    }
}
