// What a connection is, told by its first octets.

import MailDialogue
import TestSupport
import Testing

@testable import MailSessions

struct FirstOctetsTests {
    /// A ClientHello in records of at most `size` octets.
    private func hello(extensions: [UInt8]?, records size: Int = 16_384) -> [UInt8] {
        var body: [UInt8] = [3, 3] + [UInt8](repeating: 9, count: 32) + [2, 7, 7] + [0, 2, 0x13, 1] + [1, 0]
        if let extensions { body += [UInt8(extensions.count >> 8), UInt8(extensions.count & 255)] + extensions }
        let message: [UInt8] = [1, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
        var out: [UInt8] = []
        var start = 0
        while start < message.count {
            let part = message[start..<min(start + size, message.count)]
            out += [22, 3, 1, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
            start += part.count
        }
        return out
    }

    private func name(_ name: String) -> [UInt8] {
        let octets = Array(name.utf8)
        func two(_ count: Int) -> [UInt8] { [UInt8(count >> 8), UInt8(count & 255)] }
        return [0, 0] + two(octets.count + 5) + two(octets.count + 3) + [0] + two(octets.count) + octets
    }

    private func protocols(_ names: [String]) -> [UInt8] {
        let list = names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        let count = UInt8(list.count)
        return [0, 16, 0, count + 2, 0, count] + list
    }

    private func told(_ octets: [UInt8]) -> ClientHello? {
        if case .tls(let hello) = FirstOctets(of: octets[...]) { hello } else { nil }
    }

    @Test(arguments: [1, 7, 50, 16_384]) func aClientHelloInAnyPieces(_ size: Int) {
        let unknown: [UInt8] = [0xFA, 0xFA, 0, 1, 0]
        let octets = hello(extensions: unknown + name("imap.example.com") + protocols(["h2", "imap"]), records: size)
        // A record of one octet has no room for the type of the message beside it; all others begin alike.
        for count in 0..<octets.count {
            #expect(FirstOctets(of: octets[..<count]) == .undecided, "cut after \(count) octets")
            let missing = FirstOctets.missing(behind: octets[..<count])
            #expect(missing >= 1 && missing <= octets.count - count, "cut after \(count) octets")
        }
        // Who waits for what is missing looks a few times only, however it comes.
        var looks = 0
        var count = 0
        while count < octets.count {
            count += FirstOctets.missing(behind: octets[..<count])
            looks += 1
        }
        #expect(count == octets.count && looks < 120)
        let found = told(octets + [1, 2, 3])
        #expect(found?.serverName == "imap.example.com")
        #expect(found?.applicationProtocols == ["h2", "imap"])
        #expect(found?.mailProtocol == .imap)
    }

    @Test func helloesThatTellNothing() {
        #expect(told(hello(extensions: nil)) == ClientHello())
        #expect(told(hello(extensions: [])) == ClientHello())
        #expect(told(hello(extensions: protocols(["h2"])))?.mailProtocol == nil)
        #expect(told(hello(extensions: name("a\nb")))?.serverName == nil)
        #expect(told(hello(extensions: name("")))?.serverName == nil)
        // Lengths that lie: TLS is to refuse them. Nobody knows whether they ask for a name.
        let unknown = ClientHello(hasUnreadableName: true)
        #expect(told(hello(extensions: [0, 0, 255, 255])) == unknown)
        #expect(told([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]) == unknown)
        #expect(told([22, 3, 1, 0, 4, 1, 255, 255, 255]) == unknown)
        for bad in ["a\nb", "", "ä", String(repeating: "a", count: 254)] {
            #expect(told(hello(extensions: name(bad)))?.hasUnreadableName == true)
        }
        #expect(told(hello(extensions: name(String(repeating: "a", count: 253))))?.hasUnreadableName == false)
    }

    @Test func aHelloThatIsTooLongOrDoesNotComeIsStillTLS() {
        let half: [UInt8] = [22, 3, 1, 4, 0, 1, 0, 3, 0xFC] + [UInt8](repeating: 0, count: 500)
        #expect(FirstOctets(of: half[...]) == .undecided)
        #expect(FirstOctets(of: half[...], all: true) == .tls(ClientHello(hasUnreadableName: true)))
        // One that says that it is longer than what is waited for.
        let long: [UInt8] = [22, 3, 1, 64, 0, 1, 0, 0x3F, 0xFD]
        #expect(FirstOctets(of: long[...]) == .tls(ClientHello(hasUnreadableName: true)))
    }

    @Test(arguments: ["EHLO", "a", "\r\n", "GET / HTTP/1.1\r\n", "* ", "\u{16}\u{2}"]) func inClear(_ text: String) {
        #expect(FirstOctets(of: Array(text.utf8)[...]) == .clear)
    }

    @Test func nothingYet() {
        #expect(FirstOctets(of: []) == .undecided)
        #expect(FirstOctets(of: [], all: true) == .clear)
        #expect(FirstOctets(of: [22, 3][...], all: true) == .clear)
        // An alert, and a handshake that is no ClientHello.
        #expect(FirstOctets(of: [21, 3, 1, 0, 2, 1][...]) == .clear)
        #expect(FirstOctets(of: [22, 3, 1, 0, 2, 2][...]) == .clear)
    }

    @Test(arguments: [
        ("220 mail.example.com ESMTP\r\n", MailProtocol.smtp), ("220-mail.example.com\r\n", .smtp),
        ("554 no\r\n", .smtp),
        ("+OK ready\r\n", .pop3), ("-ERR busy\r\n", .pop3), ("* OK ready\r\n", .imap), ("* PREAUTH\r\n", .imap),
        ("* BYE\r\n", .imap),
    ])
    func greetings(_ text: String, _ wanted: MailProtocol) {
        #expect(MailProtocol(greeting: Array(text.utf8)[...]) == wanted)
        #expect(MailProtocol(greeting: Array(text.utf8.prefix(4))[...]) == wanted)
    }

    @Test(arguments: ["", "2", "220", "SSH-2.0", "+", "*", "2200", "HTTP/1.1 400"]) func noGreetings(_ text: String) {
        #expect(MailProtocol(greeting: Array(text.utf8)[...]) == nil)
    }

    @Test func ports() {
        for (port, wanted, isImplicit) in [
            (25, MailProtocol.smtp, false), (587, .smtp, false), (465, .smtp, true), (24, .lmtp, false),
            (110, .pop3, false),
            (995, .pop3, true), (143, .imap, false), (993, .imap, true),
        ] {
            let found = MailProtocol.ofPort(UInt16(port))
            #expect(found?.0 == wanted)
            #expect(found?.implicitTLS == isImplicit)
        }
        #expect(MailProtocol.ofPort(80) == nil)
    }

    @Test func randomOctetsNeverTrap() {
        var random = Numbers()
        for _ in 0..<20_000 {
            var octets = hello(
                extensions: name("a.example") + protocols(["imap"]), records: .random(in: 1...60, using: &random))
            for _ in 0..<Int.random(in: 0..<8, using: &random) {
                octets[.random(in: 0..<octets.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            octets.removeLast(.random(in: 0..<octets.count, using: &random))
            _ = FirstOctets(of: octets[...], all: .random(using: &random))
        }
    }
}
