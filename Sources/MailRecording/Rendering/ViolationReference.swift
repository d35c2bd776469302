// The reference page of violations, written from their tables. Docs/Violations.md is this text; a test compares them.

import MailDialogue

/// The reference of all violations.
package enum ViolationReference {
    /// A part of the table.
    package struct Group: Sendable {
        /// The heading.
        package let title: String
        package let violations: [Violation]
    }

    /// All violations by what they are breaches of.
    package static var groups: [Group] {
        [
            Group(title: "SMTP and LMTP", violations: sorted { $0.hasPrefix("smtp-") || $0.hasPrefix("lmtp-") }),
            Group(title: "POP3", violations: sorted { $0.hasPrefix("pop3-") }),
            Group(title: "IMAP", violations: sorted { $0.hasPrefix("imap-") }),
            Group(title: "SASL", violations: sorted { $0.hasPrefix("sasl-") }),
            Group(title: "TLS edge", violations: sorted { $0.hasPrefix("tls-") }),
            Group(title: "Messages", violations: Violation.messages.sorted { $0.code < $1.code }),
        ].filter { !$0.violations.isEmpty }
    }

    private static func sorted(_ belongs: (String) -> Bool) -> [Violation] {
        Violation.all.filter { belongs($0.code) }.sorted { $0.code < $1.code }
    }

    /// The violation with this code.
    package static func find(_ code: String) -> Violation? { Violation.all.first { $0.code == code } }

    /// Markdown.
    package static var text: String {
        introduction + groups.map(table).joined(separator: "\n")
    }

    private static var introduction: String {
        """
        # Violations

        This page is written by `mailproxy sessions violations --markdown` from the tables in the source: \
        \(Violation.all.count) codes. `mailproxy sessions violations CODE` explains one of them.

        A violation is a breach of an RFC by one side, never a refusal: the octets pass as they came. `sessions list` counts
        them, `sessions show` names them where they stand, and `finding == "CODE"` finds sessions and rules by them.

        - `notice`: sloppy, harmless.
        - `error`: breaks a MUST; peers may differ in what they make of it.
        - `attack`: a known attack has this shape. An innocent peer can have it too: it says where to look.

        In the examples `C:` is a line of the client and `S:` one of the server, `C>` and `S>` octets with nothing added, `M:` a line of
        a message; `\\r \\n \\0 \\xNN` stand for octets that can't be printed. Each code is produced by a transcript in `Tests/Transcripts`.


        """
    }

    private static func table(_ group: Group) -> String {
        var text = "## \(group.title)\n\n| code | side | severity | breaks | meaning | example |\n"
        text += "| --- | --- | --- | --- | --- | --- |\n"
        for violation in group.violations {
            let example = violation.example.split(separator: "\n", omittingEmptySubsequences: false)
                .map { code(String($0)) }.joined(separator: "<br>")
            text += "| `\(violation.code)` | \(side(violation)) | \(violation.severity.rawValue) "
            text += "| \(violation.section) | \(escape(violation.meaning)) | \(example) |\n"
        }
        return text
    }

    /// A span of code within a table.
    private static func code(_ text: String) -> String {
        guard !text.isEmpty else { return "" }
        let fence = text.contains("`") ? "``" : "`"
        let pad = text.contains("`") ? " " : ""
        return fence + pad + escape(text) + pad + fence
    }

    private static func escape(_ text: String) -> String {
        var out = ""
        for character in text {
            if character == "|" { out += "\\" }
            out.append(character)
        }
        return out
    }

    /// What `sessions violations CODE` prints.
    package static func explanation(_ violation: Violation) -> String {
        var text = """
            \(violation.code) (\(side(violation)), \(violation.severity.rawValue), \(violation.section))
            \(violation.meaning)

            """
        for line in violation.example.split(separator: "\n", omittingEmptySubsequences: false) {
            text += "    \(line)\n"
        }
        return text
    }

    /// What breaks it: a side, or whoever wrote the message.
    private static func side(_ violation: Violation) -> String {
        if violation.isOfMessage { return "author" }
        switch violation.side {
        case .client: return "client"
        case .server: return "server"
        }
    }

    /// One JSON line.
    package static func line(_ violation: Violation) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("code", violation.code)
            json.member("side", side(violation))
            json.member("severity", violation.severity.rawValue)
            json.member("section", violation.section)
            json.member("meaning", violation.meaning)
            json.member("example", violation.example)
        }
        return json.text
    }
}
