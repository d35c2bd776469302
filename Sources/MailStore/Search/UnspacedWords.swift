// Words of scripts that put no space between them. The tokenizer of FTS5 takes a run of them for one word, so that none within it would be
// found: their characters are words of their own here, in the index and in what is looked for, and a word is a phrase of them.

import MailMessage

enum UnspacedWords {
    /// The text with a space before and behind each character of such a script; nil where it has none, as most texts.
    static func parted(_ text: String) -> String? {
        var text = text
        return text.withUTF8 { octets in
            var out: [UInt8] = []
            var taken = 0
            var at = 0
            while at < octets.count {
                let length = length(octets, at)
                if length > 0 {
                    if out.isEmpty { out.reserveCapacity(octets.count * 2) }
                    out += octets[taken..<at]
                    out.append(space)
                    out += octets[at..<(at + length)]
                    out.append(space)
                    taken = at + length
                }
                at += max(length, 1)
            }
            guard taken > 0 else { return nil }
            out += octets[taken...]
            return String(decoding: out, as: UTF8.self)
        }
    }

    /// What FTS5 is asked for, of words within quotation marks.
    /// - Parameter end: `*`, or nothing.
    static func term(_ words: String, _ end: String) -> String {
        guard let parted = parted(words) else { return "\"\(words)\"\(end)" }
        // Indexes of earlier programs have a run as one word.
        return "(\"\(parted)\"\(end) OR \"\(words)\"\(end))"
    }

    private static let space = UInt8(ascii: " ")

    /// The octets of the character at `at`, when it is one of these; 0 when it is not, or the middle of one.
    private static func length(_ octets: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int {
        let lead = octets[at]
        // Most octets are none of these; 0xE2 leads dashes and quotation marks.
        guard lead >= 0xE0, lead != 0xE2, at + 2 < octets.count else { return 0 }
        let second = UInt32(octets[at + 1] & 0x3F)
        let third = UInt32(octets[at + 2] & 0x3F)
        if lead < 0xF0 { return isUnspaced(UInt32(lead & 0x0F) << 12 | second << 6 | third) ? 3 : 0 }
        guard at + 3 < octets.count else { return 0 }
        let scalar = UInt32(lead & 0x07) << 18 | second << 12 | third << 6 | UInt32(octets[at + 3] & 0x3F)
        return isUnspaced(scalar) ? 4 : 0
    }

    /// By the blocks of Unicode: Thai and Lao, Myanmar, Khmer, Hiragana and Katakana, Han.
    private static func isUnspaced(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3005...0x3007, 0x3040...0x30FF, 0x31F0...0x31FF,
            0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0xFF66...0xFF9F, 0x2_0000...0x3_FFFF:
            true
        default: false
        }
    }
}

extension MessageText {
    /// The header and the body as FTS5 takes them.
    var words: (header: String, body: String) {
        (UnspacedWords.parted(header) ?? header, UnspacedWords.parted(body) ?? body)
    }
}
