// Searching for what a person reads.

import Testing

@testable import MailMessage

@Suite struct TextSearchTests {
    private static let example = message(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from afar", "X-Long: split", " over lines",
        "Content-Type: multipart/mixed; boundary=b", "",
        "preamble", "--b", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
        text(Base64.encode("Das Öl ist BILLIG\r\n".utf8)), "--b", "Content-Type: text/html; charset=iso-8859-1",
        "Content-Transfer-Encoding: quoted-printable", "", "caf=E9 soft=", "break", "--b",
        "Content-Type: image/png; name=\"picture.png\"",
        "", "pixels", "--b", "Content-Type: message/rfc822", "", "Subject: forwarded", "", "inside", "--b--")

    @Test(arguments: [
        "grüße from", "GRÜ", "subject: gr", "split over", "öl ist billig", "ÖL", "CAFÉ", "softbreak",
        "picture.PNG", "forwarded", "INSIDE", "",
    ])
    func found(value: String) {
        #expect(messageContains(value, in: Self.example))
    }

    @Test(arguments: ["pixels", "preamble", "RGFz", "=C3", "nothing of this kind", "\u{0}"])
    func notFound(value: String) {
        #expect(!messageContains(value, in: Self.example))
    }

    @Test func scopes() {
        let structure = MessageStructure.parse(Self.example)
        #expect(structure.contains(TextNeedle("from afar"), scope: .message, in: Self.example))
        #expect(!structure.contains(TextNeedle("from afar"), scope: .body, in: Self.example))
        #expect(structure.contains(TextNeedle("billig"), scope: .body, in: Self.example))
    }

    @Test func fields() {
        let header = HeaderBlock(Self.example)
        #expect(header.contains(TextNeedle("AFAR"), inField: "subject"))
        #expect(header.contains(TextNeedle(""), inField: "x-long"))
        #expect(!header.contains(TextNeedle(""), inField: "x-none"))
        #expect(!header.contains(TextNeedle("afar"), inField: "x-long"))
    }
}
