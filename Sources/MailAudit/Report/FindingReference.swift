// The reference page of findings, written from their table. Docs/Findings.md is this text; a test compares them.

import MailRecording

/// The reference of all findings.
package enum FindingReference {
    /// Markdown.
    package static var text: String {
        introduction + FindingKind.Area.allCases.map(table).joined(separator: "\n") + "\n" + remedies
    }

    private static var introduction: String {
        let severities = Severity.allCases.reversed().map { "- `\($0.rawValue)`: \($0.meaning)" }
        return """
            # Findings

            This page is written by `mailproxy audit --list-findings --markdown` from the table in the source: \
            \(FindingKind.all.count) kinds. `mailproxy audit --explain CODE` explains one of them; [Audit.md](Audit.md) says how
            to read a report.

            \(severities.joined(separator: "\n"))

            The severity is that of the kind as a rule; a place can be graver or less so: a password that crossed a public network is
            worse than one that did not leave the host.


            """
    }

    private static func table(_ area: FindingKind.Area) -> String {
        var text = "## \(area.title)\n\n| code | severity | finding | meaning | reference | remedy |\n"
        text += "| --- | --- | --- | --- | --- | --- |\n"
        for kind in FindingKind.all where kind.area == area {
            text += "| `\(kind.code)` | \(kind.severity.rawValue) | \(escape(kind.title)) | \(escape(kind.meaning)) "
            text += "| \(escape(kind.reference)) | [\(kind.remedy.heading)](#\(kind.remedy.anchor)) |\n"
        }
        return text
    }

    private static var remedies: String {
        var text = "## Remedies\n"
        for remedy in Remedy.allCases {
            text += "\n### \(remedy.heading)\n\n\(remedy.advice)\n"
            let settings = remedy.clients + remedy.servers
            guard !settings.isEmpty else { continue }
            text += "\n| program | setting |\n| --- | --- |\n"
            for setting in settings { text += "| \(escape(setting.program)) | \(escape(setting.text)) |\n" }
        }
        return text
    }

    private static func escape(_ text: String) -> String {
        var out = ""
        for character in text {
            if character == "|" || character == "<" { out += "\\" }
            out.append(character)
        }
        return out
    }

    /// What `audit --explain CODE` prints.
    package static func explanation(_ kind: FindingKind) -> String {
        let reference = kind.reference.isEmpty ? "" : ", \(kind.reference)"
        var text = "\(kind.code) (\(kind.severity.rawValue)\(reference))\n\(kind.title). \(kind.meaning)\n\n"
        text += "What to do: \(kind.remedy.advice)\n"
        for setting in kind.remedy.clients + kind.remedy.servers {
            text += "    \(setting.program): \(setting.text)\n"
        }
        return text
    }

    /// One JSON line.
    package static func line(_ kind: FindingKind) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("code", kind.code)
            json.member("severity", kind.severity.rawValue)
            json.member("area", kind.area.rawValue)
            json.member("title", kind.title)
            json.member("meaning", kind.meaning)
            json.member("section", kind.reference.isEmpty ? nil : kind.reference)
            json.member("remedy", kind.remedy.advice)
        }
        return json.text
    }
}

extension Remedy {
    /// The heading of its part of the page: the words of its name.
    fileprivate var heading: String {
        var text = ""
        var wasUpper = true
        for character in rawValue {
            if character.isUppercase, !wasUpper { text += " " }
            wasUpper = character.isUppercase
            text += character.lowercased()
        }
        return (text.first?.uppercased() ?? "") + text.dropFirst()
    }

    /// The anchor that Markdown makes of the heading.
    fileprivate var anchor: String { String(heading.lowercased().map { $0 == " " ? "-" : $0 }) }
}
