// Transfer encodings undone in pieces: the same as whole, and as it should be.

import TestSupport
import Testing

@testable import MailMessage

@Suite struct TransferDecoderTests {
    private func decode(_ encoding: String, _ body: [UInt8], every size: Int) -> [UInt8] {
        var decoder = TransferDecoder(encoding: encoding)
        var out: [UInt8] = []
        for start in stride(from: 0, to: body.count, by: size) {
            decoder.feed(body[start..<min(start + size, body.count)], into: &out)
        }
        decoder.finish(into: &out)
        return out
    }

    @Test(arguments: [
        ("quoted-printable", "a=3Db=\r\nc  \r\nd = \t\r\ne=\nf\n", "a=bc\r\nd ef\n"),
        ("quoted-printable", "a \t", "a"), ("quoted-printable", "a =", "a "), ("quoted-printable", "=4", "=4"),
        ("quoted-printable", "=G1 = x ==41", "=G1 = x =A"), ("quoted-printable", "a\rb\r", "a\rb\r"),
        ("quoted-printable", "a \r\r\n", "a \r\r\n"), ("quoted-printable", "=c3=A4\r\n", "ä\r\n"),
        ("quoted-printable", "\r\n\r\n", "\r\n\r\n"), ("base64", "aGVs\r\nbG8=", "hello"), ("base64", "a G-V*s", "hel"),
        ("base64", "YQ==YQ==", "aa"), ("base64", "YWJ", "ab"), ("base64", "=", ""),
        ("uuencode", "text\r\nbegin 644 x\r\n#86)C\r\n#9&5F\r\n`\r\nend\r\n#86)C\r\n", "abcdef"),
        ("x-uuencode", "begin 644 x\n#86)C\nend", "abc"), ("uuencode", "#86)C\r\n", ""),
        ("7bit", "a=3D\r\n", "a=3D\r\n"), ("x-unknown", "abc", "abc"),
    ])
    func decodes(encoding: String, body: String, expected: String) {
        let bytes = octets(body)
        for size in 1...max(bytes.count, 1) { #expect(decode(encoding, bytes, every: size) == octets(expected)) }
        #expect(Array(TransferEncoding.decode(bytes[...], as: encoding)) == octets(expected))
    }

    @Test func base64RoundTrip() {
        var generator = Numbers()
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(decode("base64", Base64.encode(bytes), every: 7) == bytes)
        }
    }

    @Test func whatIsHeldBackStaysSmall() {
        var decoder = TransferDecoder(encoding: "quoted-printable")
        var out: [UInt8] = []
        let spaces = [UInt8](repeating: 32, count: 10_000)
        decoder.feed(spaces[...], into: &out)
        #expect(out.count >= 8_000)
        var uu = TransferDecoder(encoding: "uuencode")
        uu.feed([UInt8](repeating: 65, count: 1_000_000)[...], into: &out)
        uu.finish(into: &out)
        #expect(out.count <= 10_000)
    }
}
