// The terminals of SMTP's grammar, and what a line holds beside printable ASCII.

import Testing

@testable import MailDialogue

@Suite struct SMTPGrammarTests {
    /// Asks about the octets of a text.
    private func holds(_ text: String, _ test: (Span<UInt8>) -> Bool) -> Bool {
        let octets = Array(text.utf8)
        return test(octets.span)
    }

    @Test(arguments: [
        "a", "a.b", "a-b.c", "1.2", "xn--bcher-kva.example", "EXAMPLE.com", "a--b",
    ]) func domains(_ text: String) { #expect(holds(text, SMTPGrammar.isDomain)) }

    @Test(arguments: ["", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "a_b", "a b", "[a]"])
    func noDomains(_ text: String) { #expect(!holds(text, SMTPGrammar.isDomain)) }

    @Test(arguments: [
        "[127.0.0.1]", "[0.0.0.0]", "[255.255.255.255]", "[IPv6:::]", "[IPv6:::1]", "[ipv6:1:2:3:4:5:6:7:8]",
        "[IPv6:1::8]", "[IPv6:1:2:3:4:5:6::]", "[IPv6:::2:3:4:5:6:7]", "[IPv6:1:2:3:4:5:6:1.2.3.4]",
        "[IPv6:::1.2.3.4]", "[IPv6:1::1.2.3.4]", "[IPv6:1:2:3:4::1.2.3.4]", "[TAG:x]", "[a-1:!~]",
    ]) func addressLiterals(_ text: String) { #expect(holds(text, SMTPGrammar.isAddressLiteral)) }

    @Test(arguments: [
        "", "[]", "[", "127.0.0.1", "[127.0.0]", "[127.0.0.1.2]", "[127.0.0.256]", "[1.2.3.0004]", "[1.2.3.]",
        "[.1.2.3]", "[IPv6:]", "[IPv6::]", "[IPv6:1:2:3:4:5:6:7]", "[IPv6:1:2:3:4:5:6:7:8:9]", "[IPv6:1::2::3]",
        "[IPv6:12345::]", "[IPv6:1:2:3:4:5:6:7::]", "[IPv6::::]", "[IPv6:1:]", "[IPv6:1:2:3:4:5:1.2.3.4]",
        "[IPv6:g::]", "[IPv6:::1.2.3]", "[TAG:]", "[-:x]", "[T G:x]", "[TAG:a]b]", "[TAG:\\]",
    ]) func noAddressLiterals(_ text: String) { #expect(!holds(text, SMTPGrammar.isAddressLiteral)) }

    @Test func xtext() {
        for text in ["", "a", "+2B", "a+3Db", "~!"] { #expect(holds(text, SMTPGrammar.isXtext), "\(text)") }
        for text in ["+", "+2", "+2b", "+zz", "a b", "a=b", "\u{7f}", "+2+"] {
            #expect(!holds(text, SMTPGrammar.isXtext), "\(text)")
        }
    }

    @Test func parameters() {
        for parameter in SMTPParameter.allCases {
            for text in ["\(parameter.keyword)", "\(parameter.keyword)".lowercased()] {
                let octets = Array(text.utf8)
                let found = SMTPParameter(octets.span)
                #expect(found == parameter)
                let less = Array(octets.dropLast())
                let none = SMTPParameter(less.span)
                #expect(none == nil)
            }
        }
        for (text, isGood) in [
            ("NEVER", true), ("never", true), ("success", true), ("FAILURE,delay", true),
            ("DELAY,SUCCESS,FAILURE", true),
            ("", false), (",", false), ("NEVER,DELAY", false), ("FAILURE,", false), ("FAILURES", false),
            ("FAIL", false),
        ] {
            #expect(holds(text) { SMTPParameter.notify.allows($0) } == isGood, "\(text)")
        }
        for text in ["7BIT", "8bitmime", "BINARYMIME"] { #expect(holds(text) { SMTPParameter.body.allows($0) }) }
        for text in ["", "8BIT", "8BITMIMEX", "BINARY"] { #expect(!holds(text) { SMTPParameter.body.allows($0) }) }
        for (text, isGood) in [
            ("rfc822;a@example.com", true), ("utf-8;a", true), (";a", false), ("rfc822", false), ("rfc 822;a", false),
            ("rfc822;a b", false), ("rfc822;", true),
        ] {
            #expect(holds(text) { SMTPParameter.orcpt.allows($0) } == isGood, "\(text)")
        }
    }

    /// A path that is judged while it is cut, and the same one behind a space, which is looked at rule by rule.
    @Test(arguments: [
        "<a@example.org>", "<>", "<a>", "<a@b> X", "<a.b@c-d.example> SIZE=1", "<\"a\"@b>", "<a@[127.0.0.1]>", "<a@b>x",
        "<a@b>\tX", "<a..b@c>", "<@a:b@c>", "<a@b->", "<a@b.>", "<a b@c>", "<ü@ü.example>", "<a@b", "<a@b>> X",
    ]) func plainPaths(_ text: String) {
        let plain = Array("FROM:\(text)".utf8)
        let spaced = Array("FROM: \(text)".utf8)
        let a = SMTPPathCut(plain.span, 0..<plain.count, keyword: "FROM:")
        let b = SMTPPathCut(spaced.span, 0..<spaced.count, keyword: "FROM:")
        let areBoth = (a == nil) == (b == nil)
        #expect(areBoth)
        guard let a, let b else { return }
        let (faults, others) = (a.faults(plain.span), b.faults(spaced.span))
        #expect(faults.union(.space) == others)
        #expect(plain[a.mailbox] == spaced[b.mailbox])
        #expect(plain[a.tail] == spaced[b.tail])
        #expect(a.isBracketed == b.isBracketed)
    }

    @Test func dateTimes() {
        for text in ["2014-04-03T23:01:00Z", "2014-04-03t23:01:00z", "2014-04-03T23:01:00.123Z"] {
            #expect(holds(text) { SMTPGrammar.isDateTime($0, onlyUTC: true) }, "\(text)")
        }
        #expect(holds("2014-04-03T23:01:00-08:00") { SMTPGrammar.isDateTime($0, onlyUTC: false) })
        for text in [
            "", "2014-04-03", "2014-04-03T23:01:00", "2014-04-03T23:01:00.Z", "2014-04-03T23:01:00Zx",
            "2014-04-03T23:01:00+0100", "2014-04-03 23:01:00Z", "2o14-04-03T23:01:00Z",
        ] {
            #expect(!holds(text) { SMTPGrammar.isDateTime($0, onlyUTC: false) }, "\(text)")
        }
    }

    /// Each octet in each place of a line of each length, beside the plain way to find it.
    @Test func octetsOfALine() {
        for count in 1...20 {
            for place in 0..<count {
                for octet in UInt8.min...UInt8.max {
                    var line = [UInt8](repeating: UInt8(ascii: "~"), count: count)
                    line[place] = octet
                    let expected: SMTPLineOctets =
                        switch octet {
                        case 0: .nul
                        case 13: .bareCR
                        case 9, 32...126: []
                        case 128...255: .nonASCII
                        default: .control
                        }
                    if SMTPLineOctets(line.span) != expected { Issue.record("\(octet) at \(place) of \(count)") }
                }
            }
        }
        let all: [UInt8] = [0, 13, 200, 7]
        #expect(SMTPLineOctets(all.span) == [.nul, .bareCR, .nonASCII, .control])
        #expect(SMTPLineOctets(Array<UInt8>().span).isEmpty)
    }

    @Test func enhancedCodes() {
        func code(_ text: String) -> [Int]? {
            let octets = Array(text.utf8)
            return SMTPEnhancedCode(octets.span).map { [$0.category, $0.subject, $0.detail] }
        }
        #expect(code("2.1.0 Ok") == [2, 1, 0])
        #expect(code("5.123.999") == [5, 123, 999])
        for text in ["", "2", "2.1", "2.1.", "3.1.0 x", "2.1.0x", "2..0 x", "2.1234.0", "2.0.0000", "x.y.z", "22.1.0"] {
            #expect(code(text) == nil, "\(text)")
        }
    }
}
