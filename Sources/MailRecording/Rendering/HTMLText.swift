// Text for pages of HTML: transcripts and reports are full of what strangers wrote.

/// Text as HTML has it.
package enum HTMLText {
    /// The five signs of HTML as references, good in elements and in quoted attributes
    /// (HTML Living Standard, 13.1.4 Character references). Controls are not its matter: see ``InertText``.
    package static func escape(_ text: String) -> String {
        var out = ""
        escape(text, to: &out)
        return out
    }

    /// The same, appended to `out`.
    package static func escape(_ text: String, to out: inout String) {
        guard text.utf8.contains(where: { $0 == 0x26 || $0 == 0x3C || $0 == 0x3E || $0 == 0x22 || $0 == 0x27 }) else {
            out += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(scalar)
            }
        }
    }
}
