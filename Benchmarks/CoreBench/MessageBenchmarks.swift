// The reader of messages: bodies of all encodings through the inspector, header sections, structures, decoders, and that cost
// stays linear on messages that are made to hurt.

import MailMessage

/// Everything that is measured of MailMessage.
func messageBenchmarks(_ bench: Bench) {
    guard bench.wants("message") else { return }
    let texts = MessageTexts()
    inspect(bench, "message inspect text", goal: 500, texts.message(body: texts.text))
    inspect(bench, "message inspect text of short lines", goal: 500, texts.message(body: texts.shortLines))
    inspect(
        bench, "message inspect text in UTF-8",
        texts.message("8bit", type: "text/plain; charset=utf-8", body: texts.utf8))
    inspect(bench, "message inspect base64", goal: 500, texts.message("base64", type: "image/png", body: texts.base64))
    inspect(bench, "message inspect quoted-printable", texts.message("quoted-printable", body: texts.quotedPrintable))
    inspect(bench, "message inspect headers", [UInt8](repeatElement(texts.header, count: 2_000).joined()))
    inspect(
        bench, "message inspect multipart of 2,000 parts", texts.multipart(parts: 2_000, body: texts.text.prefix(4_000))
    )
    let mail = texts.multipart(parts: 3, body: texts.text.prefix(20_000))
    bench.measure("message structure of a mail of 60 KB", octets: mail.count) {
        MessageStructure.parse(mail).parts.count
    }
    let large = texts.multipart(parts: 3, body: texts.base64[...])
    bench.measure("message structure of a mail of 24 MB", octets: large.count) {
        MessageStructure.parse(large).parts.count
    }
    decode(bench, "message decode base64", "base64", texts.base64)
    decode(bench, "message decode quoted-printable", "quoted-printable", texts.quotedPrintable)
    for (name, make) in hostileMessages() { inspect(bench, "message hostile \(name)", make()) }
}

private func inspect(_ bench: Bench, _ name: String, goal: Int? = nil, _ make: @autoclosure () -> [UInt8]) {
    guard name.hasPrefix(bench.only) else { return }
    let message = make()
    bench.measure(name, goal: goal, octets: message.count) {
        var inspector = MessageInspector()
        // As a socket gives them.
        for start in stride(from: 0, to: message.count, by: 65_536) {
            inspector.feed(message[start..<min(start + 65_536, message.count)])
        }
        let report = inspector.finish()
        return report.structure.parts.count + report.flaws.count
    }
}

private func decode(_ bench: Bench, _ name: String, _ encoding: String, _ body: [UInt8]) {
    bench.measure(name, octets: body.count) {
        var decoder = TransferDecoder(encoding: encoding)
        var out: [UInt8] = []
        var sum = 0
        for start in stride(from: 0, to: body.count, by: 65_536) {
            decoder.feed(body[start..<min(start + 65_536, body.count)], into: &out)
            sum += out.count
            out.removeAll(keepingCapacity: true)
        }
        return sum
    }
}

/// Messages of nothing but what costs most, by what they are.
private func hostileMessages() -> [(String, () -> [UInt8])] {
    func repeated(_ text: String, _ count: Int) -> [UInt8] {
        [UInt8](repeatElement(Array(text.utf8), count: count).joined())
    }
    let mixed = Array("Content-Type: multipart/mixed; boundary=b\r\n\r\n".utf8)
    func nested() -> [UInt8] {
        (0..<10_000).flatMap { Array("Content-Type: multipart/mixed; boundary=b\($0)_\r\n\r\n--b\($0)_\r\n".utf8) }
    }
    return [
        ("10,000 multiparts nested", nested),
        ("1,000,000 parts", { mixed + repeated("--b\r\n\r\nx\r\n", 1_000_000) + Array("--b--\r\n".utf8) }),
        ("500,000 To fields", { repeated("To: a@example.com\r\n", 500_000) }),
        ("one field of 10 MB", { Array("Subject: ".utf8) + repeated("x", 10_000_000) }),
        ("address fields of 50 KB", { repeated("To: " + String(repeating: "a,", count: 25_000) + "\r\n", 100) }),
        ("headers of 50 MB", { repeated("X-A: 0123456789 0123456789 0123456789\r\n", 1_300_000) }),
        (
            "100,000 encoded words",
            { repeated("Subject:" + String(repeating: " =?utf-8?q?a=C3=A4?=\r\n", count: 100), 1_000) }
        ),
        ("comments 10,000 deep", { repeated("To: " + String(repeating: "(", count: 10_000) + "\r\n", 100) }),
        ("lines of hyphens", { mixed + repeated("--\r\n", 2_000_000) }),
        ("bare CRs", { Array("\r\n".utf8) + repeated("\r", 5_000_000) }),
    ]
}

/// What the messages are made of.
private struct MessageTexts {
    private static let size = 8_000_000

    let text = MessageTexts.lines("Lorem ipsum dolor sit amet, consectetur adipisici elit, sed eiusmod tempor.")
    let shortLines = MessageTexts.lines("- a short line here")
    let utf8 = MessageTexts.lines("Größere Mengen von Text, der für Umlaute zwei Oktette hat.")
    let base64 = MessageTexts.lines(String(repeating: "QUJDREVGR0hJSktM", count: 4) + "TU5PUFFSU1RV")
    let quotedPrintable = MessageTexts.lines("Gr=C3=B6=C3=9Fere Mengen von Text, der f=C3=BCr Umlaute mehr hat, =")

    let header = Array(
        """
        Received: from mail.example.com (mail.example.com [192.0.2.1]) by mx.example.org with ESMTPS\r
         id 4F2a1B3c4D for <user@example.org>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r
        From: "Example, Person" <person@example.com>\r
        To: One <one@example.org>, =?utf-8?q?Zw=C3=B6lf?= <twelve@example.org>\r
        Subject: =?utf-8?b?R3LDvMOfZSBhdXMgZGVyIEZlcm5l?= and some plain words\r
        X-Mailer: Example Mailer 1.2.3 (build 456)\r
        References: <20240101000000.1@mail.example.com> <20240101000000.2@mail.example.com>\r

        """.utf8)

    private static func lines(_ line: String) -> [UInt8] {
        let line = Array((line + "\r\n").utf8)
        return [UInt8](repeatElement(line, count: size / line.count).joined())
    }

    func message(_ encoding: String = "7bit", type: String = "text/plain", body: [UInt8]) -> [UInt8] {
        let fields = "MIME-Version: 1.0\r\nContent-Type: \(type)\r\nContent-Transfer-Encoding: \(encoding)\r\n\r\n"
        return header + Array(fields.utf8) + body
    }

    func multipart(parts: Int, body: ArraySlice<UInt8>) -> [UInt8] {
        var out = header + Array("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n".utf8)
        for number in 0..<parts {
            out += Array("--=_b\r\nContent-Type: text/plain; name=\"\(number).txt\"\r\n\r\n".utf8) + body
            out += Array("\r\n".utf8)
        }
        return out + Array("--=_b--\r\n".utf8)
    }
}
