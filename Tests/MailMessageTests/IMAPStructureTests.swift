// ENVELOPE, BODY and BODYSTRUCTURE, byte for byte.

import Testing

@testable import MailMessage

@Suite struct IMAPStructureTests {
    private func envelope(_ lines: String...) -> String {
        text(Envelope(HeaderBlock(octets(lines.joined(separator: "\r\n") + "\r\n\r\n"))).imapBytes)
    }

    private func structure(_ bytes: [UInt8], isExtended: Bool = false) -> String {
        text(MessageStructure.parse(bytes).imapBytes(isExtended: isExtended, of: bytes))
    }

    @Test func strings() {
        #expect(text(imapString(nil)) == "NIL")
        #expect(text(imapString("")) == "\"\"")
        #expect(text(imapString("a \"b\" \\")) == "\"a \\\"b\\\" \\\\\"")
        #expect(text(imapString("ä")) == "{2}\r\nä")
        #expect(text(imapString(octets("a\r\nb")[...])) == "{4}\r\na\r\nb")
        #expect(text(imapString([0x61, 0])) == "{2}\r\na?")
        #expect(text(imapString([9, 1, 127])) == "\"\t\u{1}\u{7F}\"")
    }

    /// The message of RFC 3501 §8 and RFC 9051 §8.
    @Test func exampleOfTheStandard() {
        let result = envelope(
            "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", "From: Terry Gray <gray@cac.washington.edu>",
            "Subject: IMAP4rev2 WG mtg summary and minutes", "To: imap@cac.washington.edu",
            "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>",
            "Message-Id: <B27397-0100000@cac.washington.edu>",
            "MIME-Version: 1.0", "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII")
        #expect(
            result == """
                ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" \
                (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) \
                (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) \
                ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL \
                "<B27397-0100000@cac.washington.edu>")
                """)
    }

    @Test func defaultsAndGroups() {
        #expect(envelope("X: y") == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)")
        #expect(
            envelope("Subject:", "From: a@example.com", "Sender: ", "Reply-To: b@example.com", "To: g: x@example.com;")
                == """
                (NIL "" ((NIL NIL "a" "example.com")) ((NIL NIL "a" "example.com")) ((NIL NIL "b" "example.com")) \
                ((NIL NIL "g" NIL)(NIL NIL "x" "example.com")(NIL NIL NIL NIL)) NIL NIL NIL NIL)
                """)
        #expect(
            envelope("To: a@example.com", "To: b@example.com") == """
                (NIL NIL NIL NIL NIL ((NIL NIL "a" "example.com")(NIL NIL "b" "example.com")) NIL NIL NIL NIL)
                """)
    }

    @Test func singleParts() {
        #expect(
            structure(message("", "one", "two", ""))
                == "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 2)")
        #expect(
            structure(message("Content-Type: TEXT/HTML; Charset=\"UTF-8\"", "Content-Transfer-Encoding: 8bit", "", "ä"))
                == "(\"text\" \"html\" (\"charset\" \"UTF-8\") NIL NIL \"8bit\" 2 0)")
        let image = message(
            "Content-Type: image/png; name*=utf-8''%C3%A4.png", "Content-Disposition: attachment; filename=\"a b.png\"",
            "Content-Language: en, de", "Content-ID: <1@example.com>", "Content-MD5: x", "Content-Location: y", "", "zz"
        )
        #expect(
            structure(image)
                == "(\"image\" \"png\" (\"name*\" \"utf-8''%C3%A4.png\") \"<1@example.com>\" NIL \"7bit\" 2)")
        #expect(
            structure(image, isExtended: true) == """
                ("image" "png" ("name*" "utf-8''%C3%A4.png") "<1@example.com>" NIL "7bit" 2 "x" \
                ("attachment" ("filename" "a b.png")) ("en" "de") "y")
                """)
    }

    @Test func multiparts() {
        let bytes = message(
            "Content-Type: multipart/mixed; boundary=\"b\"", "", "--b", "", "one", "--b",
            "Content-Type: message/rfc822", "",
            "Subject: s", "", "x", "y", "--b--", "")
        let inner = "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)"
        let charset = "(\"charset\" \"us-ascii\")"
        #expect(
            structure(bytes) == """
                (("text" "plain" \(charset) NIL NIL "7bit" 3 0)("message" "rfc822" NIL NIL NIL "7bit" 18 \(inner) \
                ("text" "plain" \(charset) NIL NIL "7bit" 4 1) 3) "mixed")
                """)
        #expect(
            structure(bytes, isExtended: true) == """
                (("text" "plain" \(charset) NIL NIL "7bit" 3 0 NIL NIL NIL NIL)("message" "rfc822" NIL NIL NIL "7bit" 18 \(inner) \
                ("text" "plain" \(charset) NIL NIL "7bit" 4 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL) "mixed" \
                ("boundary" "b") NIL NIL NIL)
                """)
    }

    @Test func whatIsNotTakenApart() {
        let empty = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0"
        #expect(structure(message("Content-Type: multipart/mixed; boundary=b", "", "x")) == "(\(empty)) \"mixed\")")
        #expect(
            structure(message("Content-Type: multipart/mixed; boundary=b", "", "x"), isExtended: true)
                == "(\(empty) NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)")
        #expect(
            structure(message("Content-Type: multipart/mixed", "", "x", ""))
                == "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1)")
    }
}
