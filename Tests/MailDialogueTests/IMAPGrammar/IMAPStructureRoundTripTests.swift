// ENVELOPE and BODYSTRUCTURE of messages, written by MailMessage and read by the grammar: both keep to the same rules,
// for any message.

import MailMessage
import Testing

@testable import MailDialogue

@Suite struct IMAPStructureRoundTripTests {
    static let lines = [
        "From: \"A \\\"B\\\" C\" <a@example.com>, b@example.org", "To: group: x@example.com, y@example.com;",
        "Cc: undisclosed:;",
        "Subject: =?utf-8?q?caf=C3=A9?=", "Subject: {5}", "Subject: a \"b\" \\c",
        "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", "Message-ID: <1@x>",
        "In-Reply-To: <0@x>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=\"utf-8\"; format=flowed",
        "Content-Type: multipart/mixed; boundary=b", "Content-Type: multipart/alternative; boundary=\"c d\"",
        "Content-Type: message/rfc822",
        "Content-Type: image/png; name*=utf-8''a%20b", "Content-Type: nonsense", "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=\"x (1).pdf\"; size=5", "Content-Language: en, de",
        "Content-Location: http://x/\"y\"",
        "Content-ID: <i@x>", "Content-Description: \u{e4}\u{1F600}", "Content-MD5: Q2hlY2s=", "", "", "--b", "--b--",
        "--c d", "--c d--", "text", "\u{0}",
        "Reply-To: (comment) <@route:a@b>", "Sender: broken <", "\t folded",
    ]

    @Test(arguments: [UInt64(1), 2, 3]) func whatIsWrittenIsRead(_ seed: UInt64) {
        var mutator = IMAPMutator(seed: seed)
        for _ in 0..<1_500 {
            var text: [String] = []
            for _ in 0..<(2 + mutator.next(24)) { text.append(Self.lines[mutator.next(Self.lines.count)]) }
            let message = Array(text.joined(separator: "\r\n").utf8)
            let structure = MessageStructure.parse(message)
            let envelope = structure.envelope(of: structure.root, in: message)
            let line =
                Array("* 1 FETCH (BODYSTRUCTURE ".utf8) + structure.imapBytes(isExtended: true, of: message)
                + Array(" ENVELOPE ".utf8) + envelope.imapBytes + Array(" BODY ".utf8)
                + structure.imapBytes(isExtended: false, of: message) + Array(" UID 7)\r\n".utf8)
            let reading = IMAPResponseReading(IMAPText(line), charset: .ascii)
            guard case .fetch(let data) = reading.value, reading.faults.isEmpty, data.items.count == 4,
                case .bodyStructure(let long) = data.items[0], case .body(let short) = data.items[2]
            else {
                Issue.record("\(reading.faultText): \(String(decoding: line, as: UTF8.self))")
                return
            }
            // The short form is the long one without its extension data.
            let same =
                long.parts.count == short.parts.count
                && zip(long.parts, short.parts).allSatisfy { one, other in
                    one.kind == other.kind && one.parent == other.parent && one.octets == other.octets
                        && reading.string(one.subtype) == reading.string(other.subtype)
                        && reading.string(one.encoding) == reading.string(other.encoding)
                }
            if !same { Issue.record("BODY differs: \(String(decoding: line, as: UTF8.self))") }
            guard IMAPFetchScan(IMAPText(line))?.uid == 7 else {
                Issue.record("not scanned: \(String(decoding: line, as: UTF8.self))")
                return
            }
        }
    }
}
