// Messages: as long, as structured, as valid as before, the same in parts and as a whole, and without a word of what was said.

import Foundation
import MailMessage
import Testing

@testable import MailRecording

struct MessageAnonymizerTests {
    let text = TextAnonymizer(pseudonyms: Pseudonyms(key: testKey))

    func replaced(_ message: [UInt8], startsWithHeader: Bool = true, dots: Bool = false, chunk: Int = .max) -> [UInt8] {
        var anonymizer = MessageAnonymizer(text, startsWithHeader: startsWithHeader, isDotStuffed: dots)
        var out: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            anonymizer.accept(rest.prefix(chunk), into: &out)
            rest = rest.dropFirst(chunk)
        }
        anonymizer.pause(into: &out)
        return out
    }

    private func octets(_ text: String) -> [UInt8] { Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8) }

    private var letter: [UInt8] {
        octets(
            """
            Received: from mail.example.org (mail.example.org [203.0.113.5])
            \tby mx.example.com with ESMTPS id 4ABC123 for <bob@example.com>;
            \tThu, 26 Nov 2026 10:00:00 +0000
            From: "Alice Smith" <alice@example.org>
            To: Bob <bob@example.com>
            Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from Alice
            Date: Thu, 26 Nov 2026 10:00:00 +0000 (CET)
            Message-ID: <20261126.4711@mail.example.org>
            X-Acme-Tracking: alice-4711
            MIME-Version: 1.0
            Content-Type: multipart/mixed; boundary="=_alice_4711"

            A preamble by Alice.
            --=_alice_4711
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            Dear Bob, my password is hunter2 =E2=82=AC and =
            Gr=C3=BC=C3=9Fe=20

            > quoted by Bob
            .a dot
            --=_alice_4711
            Content-Type: application/pdf; name="Alice's salary.pdf"
            Content-Transfer-Encoding: base64
            Content-Disposition: attachment; filename="Alice's salary.pdf";
            \tcreation-date="Wed, 12 Feb 2025 16:29:51 -0500"

            QWxpY2UgZWFybnMgbW9yZSB0aGFuIEJvYi4gRG9uJ3QgdGVsbCBoaW0uIEhlIHdvdWxkIGJlIGFu
            Z3J5IQ==
            --=_alice_4711
            Content-Type: message/rfc822

            From: carol@example.net
            Subject: Secret within
            \tfolded

            The body within.
            --=_alice_4711--
            An epilogue.

            """)
    }

    @Test func aLetterKeepsItsFormAndSaysNothing() throws {
        let made = replaced(letter)
        let shown = String(decoding: made, as: UTF8.self)
        #expect(made.count == letter.count)
        for word in [
            "alice", "smith", "bob", "acme", "tracking", "hunter2", "password", "secret", "salary", "carol", "4711",
            "preamble", "epilogue", "203.0.113", "QWxpY2Ug", "Dear",
            "within", "Gr=C3", "mx.", "4ABC123",
        ] {
            #expect(!shown.lowercased().contains(word.lowercased()), "\(word)")
        }
        for kept in [
            "Received: from ", " with ESMTPS id ", "; \r\n".replacingOccurrences(of: " ", with: ""),
            "Thu, 26 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0",
            "Content-Type: multipart/mixed; boundary=", "quoted-printable", "charset=utf-8", ".pdf\"",
            "creation-date=\"Wed, 12 Feb 2025 16:29:51 -0500\"",
            "=20\r\n", "\r\n> ", "X-", "=E2=82=AC",
        ] {
            let isThere = shown.contains(kept)
            #expect(isThere, "\(kept)")
        }
        try expectSameStructure(letter, made)
    }

    /// Others are nobody's encoding, and get a pseudonym.
    private static let encodings: Set<String> = ["7bit", "8bit", "binary", "base64", "quoted-printable"]

    /// Parts of the same types, places, encodings, sizes and lines; what was valid base64 or quoted-printable still is.
    private func expectSameStructure(_ old: [UInt8], _ new: [UInt8], _ name: String = "") throws {
        let (before, after) = (MessageStructure.parse(old), MessageStructure.parse(new))
        #expect(before.parts.count == after.parts.count, "\(name)")
        for (a, b) in zip(before.parts, after.parts) {
            let isSame =
                a.header == b.header && a.body == b.body && a.lines == b.lines && a.content == b.content
                && a.depth == b.depth
                && (a.encoding == b.encoding || !Self.encodings.contains(a.encoding))
            #expect(isSame, "\(name)")
            guard isSame else { return }
            let (oldBody, newBody) = (before.decodedBody(of: a, in: old), after.decodedBody(of: b, in: new))
            // What is no base64 is read in other ways than base64.
            let isBase64 = old[a.body].split(separator: 10).allSatisfy { BodyFiller.isBase64($0) || $0 == [13] }
            if a.encoding == "base64", isBase64 { #expect(oldBody.count == newBody.count, "\(name): decoded base64") }
            if a.encoding == "quoted-printable" { #expect(oldBody.count == newBody.count, "\(name): decoded text") }
        }
    }

    @Test func chunksDoNotMatter() {
        let whole = replaced(letter)
        for chunk in [1, 2, 3, 7, 64, 1000] {
            let same = replaced(letter, chunk: chunk) == whole
            #expect(same, "chunks of \(chunk)")
        }
    }

    @Test func partsAreTheSameAloneAndWithinTheMessage() {
        let whole = replaced(letter)
        let structure = MessageStructure.parse(letter)
        for part in structure.parts.dropFirst() {
            let alone = replaced(Array(letter[part.body]), startsWithHeader: false) == Array(whole[part.body])
            #expect(alone)
            let header = replaced(Array(letter[part.header])) == Array(whole[part.header])
            #expect(header)
        }
        let text =
            replaced(Array(letter[structure.root.body]), startsWithHeader: false) == Array(whole[structure.root.body])
        #expect(text)
    }

    @Test func dotsOfTransparencyStayWhereTheyWere() {
        var stuffed: [UInt8] = []
        for line in letter.split(separator: 10, omittingEmptySubsequences: false) {
            if line.first == 46 { stuffed.append(46) }
            stuffed += line + [10]
        }
        stuffed.removeLast()
        var unstuffed: [UInt8] = []
        for line in replaced(stuffed, dots: true).split(separator: 10, omittingEmptySubsequences: false) {
            unstuffed += (line.first == 46 ? line.dropFirst() : line) + [10]
        }
        unstuffed.removeLast()
        let same = unstuffed == replaced(letter)
        #expect(same)
    }

    @Test func whatIsSaidDoesNotMatter() {
        let one = octets("Subject: x\n\nDear Alice, see you at nine.\nBob\n")
        let two = octets("Subject: x\n\nOh no Carol, it was my car!!\nEve\n")
        let same = replaced(one) == replaced(two)
        #expect(same)
    }

    @Test func longLinesArePassedInPieces() {
        var message = octets("Subject: x\n\n")
        message += [UInt8](repeating: UInt8(ascii: "a"), count: 300_000) + [13, 10]
        message += [UInt8](repeating: UInt8(ascii: "!"), count: 300_000)
        let made = replaced(message, chunk: 10_000)
        #expect(made.count == message.count)
        let same = made == replaced(message)
        #expect(same)
    }

    /// What the collected messages of others hold, however broken.
    @Test func collectedMessagesKeepTheirForm() throws {
        let paths =
            FileManager.default.enumerator(atPath: Cases.root.appendingPathComponent("eml").path)?.compactMap {
                $0 as? String
            } ?? []
        let files = paths.filter { $0.hasSuffix(".eml") }.sorted()
        let isNamed = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] != nil
        #expect(isNamed ? files.count > 100 : files.isEmpty || files.count > 100)
        // A boundary that is the beginning of another one: words get pseudonyms as a whole.
        let others = ["resources_eml_malformed_004.eml", "resources_eml_malformed_007.eml"]
        for file in files where !others.contains(where: { file.hasSuffix($0) }) {
            let message = try [UInt8](Data(contentsOf: Cases.root.appendingPathComponent("eml/" + file)))
            guard message.count < 1 << 20 else { continue }
            let made = replaced(message)
            #expect(made.count == message.count, "\(file)")
            try expectSameStructure(message, made, file)
        }
    }
}

/// The folder of cases by others: `MAILPROXY_CASES`, else beside the package.
enum Cases {
    static let root: URL = {
        if let path = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] { return URL(fileURLWithPath: path) }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("shared/cases")
    }()
}
