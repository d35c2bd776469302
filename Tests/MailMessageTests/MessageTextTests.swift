// The words of a message: decoded, without markup, in bounds.

import Testing

@testable import MailMessage

@Suite struct MessageTextTests {
    private static func text(_ message: String) -> MessageText {
        MessageText(Array(message.replacing("\n", with: "\r\n").utf8))
    }

    @Test func headerFieldsAreDecoded() {
        let text = Self.text(
            """
            From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>
            Subject: a long
             subject

            hello

            """)
        #expect(text.header == "From: Jürgen <j@example.com>\nSubject: a long subject\n")
        #expect(text.body == "hello\r\n\n")
    }

    @Test func partsAreDecoded() {
        let text = Self.text(
            """
            Content-Type: multipart/mixed; boundary=b

            --b
            Content-Type: text/plain; charset=iso-8859-1
            Content-Transfer-Encoding: quoted-printable

            Gr=F6=DFe
            --b
            Content-Type: text/html

            <p>first<br>second</p><script>no()</script>
            --b
            Content-Type: application/octet-stream; name="invoice.pdf"
            Content-Transfer-Encoding: base64

            c2VjcmV0
            --b--
            """)
        #expect(text.body.contains("Größe"))
        #expect(text.body.contains("first second"))
        #expect(!text.body.contains("no()"))
        #expect(!text.body.contains("secret"))
        #expect(text.header.contains("invoice.pdf"))
    }

    @Test(arguments: [
        ("a<b>c</b>d", "a c d"), ("<!-- x > y -->z", " z"), ("<!-- without end", " "), ("<STYLE>p{}</Style>q", "  q"),
        ("<script>if (a<b) {}</script>q", "  q"), ("<script>without end", " "), ("a < b", "a  "),
        ("1 &lt; 2 &amp;&amp; 3", "1 < 2 && 3"),
        ("&#228;&#xE4;&auml;", "äää"), ("&nonsense; & &#99999999; &#x110000;", "&nonsense; & &#99999999; &#x110000;"),
        ("", ""),
        ("&", "&"), ("<", " "), ("x&#", "x&#"),
    ])
    func markupIsLeftOut(_ html: String, _ wanted: String) { #expect(MessageText.withoutMarkup(html) == wanted) }

    @Test func boundsHold() {
        let line = String(repeating: "word ", count: 200) + "\r\n"
        let header = (0..<200).map { "X-\($0): " + line }.joined()
        let text = MessageText(Array((header + "\r\n" + String(repeating: line, count: 400)).utf8))
        #expect(text.header.utf8.count <= 16_384)
        #expect(text.body.utf8.count <= 65_536)
        #expect(text.body.utf8.count > 60_000)
        #expect(MessageText([]) == MessageText(Array("\r\n".utf8)) || MessageText([]).body.isEmpty)
        // What makes a browser slow makes nothing slow here.
        #expect(MessageText.withoutMarkup(String(repeating: "<", count: 200_000)).utf8.count <= 1)
        #expect(MessageText.withoutMarkup(String(repeating: "<script><", count: 50_000)).utf8.count <= 2)
    }
}
