// Random input that is the same in every run.

import MailMessage

/// A generator with a seed (splitmix64), and the inputs of SASL's tests.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func octets(_ count: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: count, using: &self)).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }

    /// Printable ASCII with all that is special in SASL, and some letters beyond; no spaces, for CRAM-MD5's digest
    /// stands behind the last one.
    mutating func text(_ count: ClosedRange<Int>) -> String {
        let letters = Array("abcXYZ019=,+/@\"\\%:;<>{}äß漢")
        return String(
            (0..<Int.random(in: count, using: &self)).map { _ in
                letters[Int.random(in: 0..<letters.count, using: &self)]
            })
    }

    /// A nonce.
    mutating func token() -> [UInt8] { Base64.encode(octets(9...18)).filter { $0 != UInt8(ascii: "=") } }

    /// Something that looks like a message of some mechanism, broken at some place, or anything.
    mutating func message() -> [UInt8] {
        let models = [
            "", "n,,n=user,r=abc", "y,a=x,n=u=2Cser,r=abc", "p=tls-unique,,n=user,r=abc",
            "r=abcdef,s=c2FsdA==,i=4", "c=biws,r=abcdef,p=QUJD", "v=QUJD", "e=other-error", "\0user\0pass",
            "a\0b\0c\0d", "user 0123456789abcdef0123456789abcdef", "<1@example.com>",
            "n,a=u,\u{1}auth=Bearer t\u{1}\u{1}", "user=u\u{1}auth=Bearer t\u{1}\u{1}", "\u{1}", "{\"status\":\"401\"}",
            "realm=\"x\",nonce=\"a\\\"b\",qop=\"auth,auth-int\",algorithm=md5-sess",
            "username=\"u\",nonce=\"a\",cnonce=\"b\",nc=00000001,response=0123456789abcdef0123456789abcdef,qop=auth",
            "NTLMSSP\0\u{1}\0\0\0\u{7}\u{2}\0\0", "NTLMSSP\0\u{2}\0\0\0abcdefghijklmnopqrstuvwxyz",
            "NTLMSSP\0\u{3}\0\0\0\u{18}\0\u{18}\0@\0\0\0\u{18}\0\u{18}\0X\0\0\0abcdefghijklmnopqrstuvwxyz",
        ]
        if Int.random(in: 0..<4, using: &self) == 0 { return octets(0...80) }
        var message = Array(models[Int.random(in: 0..<models.count, using: &self)].utf8)
        for _ in 0..<Int.random(in: 0...3, using: &self) where !message.isEmpty {
            let place = Int.random(in: 0..<message.count, using: &self)
            switch Int.random(in: 0..<3, using: &self) {
            case 0: message[place] = UInt8.random(in: .min ... .max, using: &self)
            case 1: message.remove(at: place)
            default: message.insert(contentsOf: octets(1...4), at: place)
            }
        }
        return message
    }
}
