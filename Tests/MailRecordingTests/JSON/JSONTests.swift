// JSON text written and read: escapes, order, nesting, and that no octets trap the reader.

import Testing

@testable import MailRecording

@Suite struct JSONTests {
    @Test func writesMembersInOrderWithCommas() {
        var json = JSONWriter()
        json.object { json in
            json.member("mailproxy", 1)
            json.member("session", "a\"b")
            json.member("upstream", nil as String?)
            json.member("tags", ["x", "y"])
            json.array("list") { json in
                json.object { $0.member("a", true) }
                json.object { _ in }
                json.value(-3)
            }
            json.member("seconds", seconds: 1_000_250)
            json.member("none", nil as Int?)
            json.member("late", seconds: -5)
        }
        #expect(
            json.text
                == #"{"mailproxy":1,"session":"a\"b","upstream":null,"tags":["x","y"],"list":[{"a":true},{},-3],"seconds":1.000250,"none":null,"late":-0.000005}"#
        )
    }

    @Test(arguments: [Int.min, -10, -1, 0, 9, 10, 1_203, Int.max]) func writesNumbers(_ number: Int) {
        var json = JSONWriter()
        json.object { json in
            json.member("n", number)
            json.member("other", Int64(number))
        }
        #expect(json.text == "{\"n\":\(number),\"other\":\(number)}")
    }

    @Test func escapesControls() {
        var out: [UInt8] = []
        JSONWriter.appendString("\u{0}\u{1F}\t\n\r\u{8}\u{C}\"\\/\u{7F}\u{85}\u{A0}é🙂", to: &out)
        #expect(String(decoding: out, as: UTF8.self) == #""\u0000\u001f\t\n\r\b\f\"\\/\u007f\u0085"# + "\u{A0}é🙂\"")
    }

    @Test func readsWhatItWrites() {
        let odd =
            String(String.UnicodeScalarView((0..<0x300).compactMap { Unicode.Scalar($0 as UInt32) })) + "🙂\u{2028}"
        var json = JSONWriter()
        json.object { json in
            json.member("odd", odd)
            json.member("n", Int64.min)
            json.member("t", false)
            json.member("l", [odd, ""])
        }
        let value = JSONValue(parsing: json.text)
        #expect(value?["odd"]?.string == odd)
        #expect(value?["n"]?.integer == Int64.min)
        #expect(value?["t"]?.bool == false)
        #expect(value?["l"]?.strings == [odd, ""])
        #expect(value?["missing"] == nil)
    }

    @Test(arguments: [
        (
            #" { "a" : [ 1 , -0 , 2.5e+3 , null ] } "#,
            JSONValue.object([("a", .array([.integer(1), .integer(0), .number("2.5e+3"), .null]))])
        ),
        (#""\ud83d\ude42\ud83dx\u00E9""#, .string("🙂\u{FFFD}xé")),
        ("99999999999999999999", .number("99999999999999999999")),
        ("[]", .array([])),
        ("{}", .object([])),
    ])
    func reads(_ text: String, _ expected: JSONValue) {
        #expect(JSONValue(parsing: text) == expected)
    }

    @Test(arguments: [
        "", " ", "{", "[", "\"", "tru", "01", "1.", "-", "1e", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "\"\u{1}\"",
        #""\x""#, #""\u12""#,
        "1 2", "[1 2]", "{\"a\":1,}", "\"\\", "\u{FEFF}1",
    ])
    func refuses(_ text: String) {
        #expect(JSONValue(parsing: text) == nil)
    }

    @Test func nestingIsBounded() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(JSONValue(parsing: nested(JSONValue.deepest)) != nil)
        #expect(JSONValue(parsing: nested(JSONValue.deepest + 2)) == nil)
        #expect(JSONValue(parsing: String(repeating: "[", count: 1_000_000)) == nil)
    }

    @Test func everyPrefixAndEveryChangedOctetIsTotal() {
        let text = Array(#"{"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\ude42\n"],"b":{"c":"d"}}"#.utf8)
        for end in 0..<text.count { #expect(JSONValue(parsing: text[..<end]) == nil) }
        var parsed = 0
        for index in text.indices {
            for octet in UInt8.min...UInt8.max {
                var changed = text
                changed[index] = octet
                if JSONValue(parsing: changed[...]) != nil { parsed += 1 }
            }
        }
        #expect(parsed > text.count)
    }
}
