// JA3 and JA4 by the examples of those who defined them.

import Testing

@testable import MailCapture

@Suite struct TLSFingerprintTests {
    private func hello(
        version: UInt16 = 0x0303, ciphers: [UInt16], extensions: [UInt16], groups: [UInt16] = [], formats: [UInt8] = [],
        algorithms: [UInt16] = [], versions: [UInt16] = [], protocols: [String] = []
    ) throws -> SeenClientHello {
        func vector(_ width: Int, _ octets: [UInt8]) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: octets.count >> (8 * (width - 1 - $0))) } + octets
        }
        func codes(_ codes: [UInt16]) -> [UInt8] { codes.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] } }
        var list: [UInt8] = []
        for kind in extensions {
            let data: [UInt8] =
                switch kind {
                case 0: vector(2, [0] + vector(2, Array("example.com".utf8)))
                case 10: vector(2, codes(groups))
                case 11: vector(1, formats)
                case 13: vector(2, codes(algorithms))
                case 16: vector(2, protocols.flatMap { vector(1, Array($0.utf8)) })
                case 43: vector(1, codes(versions))
                default: []
                }
            list += codes([kind]) + vector(2, data)
        }
        let body =
            codes([version]) + [UInt8](repeating: 7, count: 32) + vector(1, []) + vector(2, codes(ciphers)) + [1, 0]
            + (extensions.isEmpty ? [] : vector(2, list))
        return try #require(SeenClientHello(body[...]))
    }

    /// The two examples of the README of JA3.
    @Test func ja3() throws {
        let first = try hello(
            version: 769, ciphers: [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4], extensions: [0, 10, 11],
            groups: [23, 24, 25], formats: [0])
        #expect(TLSFingerprint.ja3Text(first) == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
        #expect(TLSFingerprint.ja3(first) == "ada70206e40642a3e4461f35503241d5")
        let second = try hello(version: 769, ciphers: [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], extensions: [])
        #expect(TLSFingerprint.ja3Text(second) == "769,4-5-10-9-100-98-3-6-19-18-99,,,")
        #expect(TLSFingerprint.ja3(second) == "de350869b8c85de67a350c8d186f11e6")
    }

    /// The example of JA4's technical details: a Chrome, with GREASE in all its lists.
    @Test func ja4() throws {
        let chrome = try hello(
            ciphers: [
                0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C,
                0x009D, 0x002F, 0x0035,
            ],
            extensions: [
                0x2A2A, 0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B,
                0xFF01, 0x000B, 0x000A, 0x0015, 0x3A3A,
            ],
            groups: [0x4A4A, 29], formats: [0],
            algorithms: [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            versions: [0x5A5A, 0x0304, 0x0303], protocols: ["h2", "http/1.1"])
        #expect(TLSFingerprint.ja4(chrome) == "t13d1516h2_8daaf6152771_e5627efa2ab1")
    }

    @Test func ja4OfLittle() throws {
        let old = try hello(version: 0x0301, ciphers: [], extensions: [])
        #expect(TLSFingerprint.ja4(old) == "t10i000000_000000000000_000000000000")
        let odd = try hello(ciphers: [0x1301], extensions: [16], protocols: ["\u{01}imap-"])
        #expect(TLSFingerprint.ja4(odd).hasPrefix("t12i01010d_"))
    }

    /// FIPS 197, appendix C.1 and C.3: one block each, its IV all zeros.
    @Test func aes() {
        let plain = (0..<16).map { UInt8($0 * 0x11) }
        let short = AESDecryption(key: (0..<16).map { UInt8($0) })
        let sealed: [UInt8] = [
            0x69, 0xC4, 0xE0, 0xD8, 0x6A, 0x7B, 0x04, 0x30, 0xD8, 0xCD, 0xB7, 0x80, 0x70, 0xB4, 0xC5, 0x5A,
        ]
        #expect(short.openCBC(sealed[...], iv: [UInt8](repeating: 0, count: 16)) == plain)
        let long = AESDecryption(key: (0..<32).map { UInt8($0) })
        let other: [UInt8] = [
            0x8E, 0xA2, 0xB7, 0xCA, 0x51, 0x67, 0x45, 0xBF, 0xEA, 0xFC, 0x49, 0x90, 0x4B, 0x49, 0x60, 0x89,
        ]
        #expect(long.openCBC(other[...], iv: [UInt8](repeating: 0, count: 16)) == plain)
    }
}
