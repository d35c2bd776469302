// How octets look that are not recorded.

import MailDialogue
import TestSupport
import Testing

@testable import MailRecording

@Suite struct ContentMaskTests {
    private func hide(_ text: String, step: Int, keepsDots: Bool) -> String {
        var mask = ContentMask(keepsDots: keepsDots)
        let octets = Array(text.utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: octets.count, by: step) {
            out += mask.hide(octets[start..<min(start + step, octets.count)])
        }
        return out[...].text
    }

    @Test(arguments: [1, 2, 3, 100]) func lengthsAndEndsStay(_ step: Int) {
        #expect(hide("Ab: ü\r\n..x\r\n\nq\r.\0z", step: step, keepsDots: true) == "xxxxxx\r\n.xx\r\n\nx\rx\0x")
        #expect(hide(".a\n.b", step: step, keepsDots: false) == "xx\nxx")
        #expect(hide(".a\n.b", step: step, keepsDots: true) == ".x\n.x")
    }

    @Test(arguments: [
        ("A: b\r\nC: d\r\n e\r\n\r\n", 18), ("A: b\nbody\n\n", 5), ("body text\r\n\r\n", 0), (" a: b\r\n", 0),
        ("A : b\r\n\r\n", 9), (": b\r\n\r\n", 0), ("\r\nA: b\r\n", 2), ("A: b", 4), ("", 0), ("ä: b\r\n", 0),
    ])
    func onlyFieldsAreCertainToBeHeader(_ text: String, _ count: Int) {
        #expect(ContentMask.fields(of: Array(text.utf8)[...]) == count, "\(text)")
    }

    @Test func linesKeepWhatTheyAre() {
        func hide(_ text: String, _ keepsTag: Bool) -> String {
            ContentMask.hide(line: Array(text.utf8)[...], keepsTag: keepsTag).text
        }
        #expect(hide("Dear Mr Smith\r\n", false) == "XXXX ********\r\n")
        #expect(hide("a1 XFOO bar\r\n", true) == "a1 XXXX ***\r\n")
        #expect(hide("word\r\n", false) == "XXXX\r\n")
        #expect(hide("word\r\n", true) == "****\r\n")
        #expect(hide("\r\n", false) == "\r\n")
    }

    @Test func partsOfMessagesAreHiddenInFetchResponses() {
        func hide(_ lines: [String], _ scope: RecordingScope, _ kind: FetchMask.Kind = .fetch) -> [String] {
            var mask = FetchMask()
            mask.begin(kind, scope)
            return lines.enumerated().map { place, line in
                let octets = Array(line.utf8)[...]
                return (mask.hide(octets, isFirst: place == 0) ?? octets).text + (mask.hidesLiteral ? "!" : "")
            }
        }
        #expect(
            hide(["* 1 FETCH (UID 7 BODY[TEXT] \"a\\\"b\" X-NEW \"c\" FLAGS (\\Seen))\r\n"], .envelope)
                == ["* 1 FETCH (UID 7 BODY[TEXT] \"xxxx\" X-NEW \"x\" FLAGS (\\Seen))\r\n"])
        #expect(
            hide(
                ["* 1 FETCH (BODYSTRUCTURE (\"text\" \"plain\" (\"name\" \"it.txt\") NIL NIL \"7bit\" 3 1))\r\n"],
                .headers)
                == ["* 1 FETCH (BODYSTRUCTURE (\"text\" \"plain\" (\"name\" \"xxxxxx\") NIL NIL \"7bit\" 3 1))\r\n"])
        #expect(
            hide(["* 1 FETCH (ENVELOPE (\"d\" {3}\r\n", " NIL) PREVIEW \"p\" MODSEQ (4) ENVELOPE {2}\r\n"], .envelope)
                == ["* 1 FETCH (ENVELOPE (\"x\" {3}\r\n!", " NIL) PREVIEW \"x\" MODSEQ (4) ENVELOPE {2}\r\n!"])
        #expect(
            hide(["* 1 FETCH (ENVELOPE (\"d\" {3}\r\n", " NIL) PREVIEW \"p\")\r\n"], .headers)
                == ["* 1 FETCH (ENVELOPE (\"d\" {3}\r\n", " NIL) PREVIEW \"x\")\r\n"])
        #expect(hide(["* URLFETCH \"u\" \"body\"\r\n"], .headers, .all) == ["* URLFETCH \"x\" \"xxxx\"\r\n"])
        #expect(hide(["* 1 FETCH (BODY[] \"x y\r\n"], .envelope) == ["* 1 FETCH (BODY[] \"xxx\r\n"])
        #expect(hide(["* 1 FETCH (BODY[] \"b\")\r\n"], .all) == ["* 1 FETCH (BODY[] \"b\")\r\n"])
        #expect(hide(["* 1 FETCH nothing\r\n"], .envelope) == ["* 1 FETCH xxxxxxx\r\n"])
        #expect(
            hide(["* 1 FETCH (UID 7 BODY[TEXT] word FLAGS (a) ENVELOPE (\"d\" word NIL))\r\n"], .envelope)
                == ["* 1 FETCH (UID 7 BODY[TEXT] xxxx FLAGS (a) ENVELOPE (\"x\" xxxx NIL))\r\n"])
        #expect(
            hide(["* 1 FETCH (BODY[TEXT] {2}\r\n", "rest of it UID 7)\r\n"], .envelope)
                == ["* 1 FETCH (BODY[TEXT] {2}\r\n!", "xxxx xx xx xxx x)\r\n"])
        #expect(
            hide(["* 1 FETCH BODY[TEXT] \"a (b c\r\n"], .envelope) == ["* 1 FETCH xxxxxxxxxx \"xxxxxx\r\n"])
        #expect(hide(["* URLFETCH u body\r\n"], .headers, .all) == ["* URLFETCH x xxxx\r\n"])
        #expect(FetchMask.Kind("XTEXT") == .all && FetchMask.Kind("LIST") == .other)
    }

    /// What comes from outside never traps it and never changes a length.
    @Test func anyOctetsAreHidden() {
        var random = Numbers()
        let alphabet = Array("(){}[]\"\\ ~+12aBODY\r\n.:\0\u{80}".utf8)
        for _ in 0..<2_000 {
            let octets = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            var mask = FetchMask()
            mask.begin(Bool.random(using: &random) ? .fetch : .all, .envelope)
            for isFirst in [true, false] {
                let hidden = mask.hide(octets[...], isFirst: isFirst)
                #expect(hidden.map(\.count) ?? octets.count == octets.count)
            }
            #expect(ContentMask.hide(line: octets[...], keepsTag: Bool.random(using: &random)).count == octets.count)
            #expect(ContentMask.fields(of: octets[...]) <= octets.count)
        }
    }
}
