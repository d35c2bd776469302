// Base64, with the vectors of RFC 4648 §10.

import Testing

@testable import MailMessage

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func vectors(plain: String, encoded: String) {
        #expect(text(Base64.encode(plain.utf8)) == encoded)
        #expect(Base64.decode(octets(encoded)[...]) == octets(plain))
        #expect(Base64.decode(octets("x" + encoded)[1...]) == octets(plain))
        #expect(Base64.decodeLenient(octets(encoded)[...]) == octets(plain))
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Zg= =", "Zm9v\r\n", "====", "Zg==Zg==", "Zm9*", "=Zg="])
    func strictDecodingRefuses(encoded: String) {
        #expect(Base64.decode(octets(encoded)[...]) == nil)
    }

    @Test func everyOctetGoesThereAndBack() {
        let all = (0...255).map { UInt8($0) }
        for count in 0...all.count {
            #expect(Base64.decode(Base64.encode(all[..<count])[...]) == Array(all[..<count]))
        }
    }
}
