// `mailproxy audit --list-findings` and `--explain CODE`: what can be found, without anything being read.

import Glibc
import MailAudit
import MailRecording

extension AuditCommand {
    /// Lists or explains the kinds of findings.
    func tellKinds() throws {
        if markdown {
            print(FindingReference.text, terminator: "")
        } else if explain.isEmpty {
            list()
        } else {
            let kinds = try explain.map { code in
                guard let kind = FindingKind.find(code.lowercased()) else {
                    throw CLIError.usage("no finding has the code \(code); 'mailproxy audit --list-findings' lists all")
                }
                return kind
            }
            switch format {
            case .json: kinds.forEach { print(FindingReference.line($0)) }
            case .text, .html, .csv, .sarif:
                print(kinds.map(FindingReference.explanation).joined(separator: "\n"), terminator: "")
            }
        }
    }

    private func list() {
        let width = FindingKind.all.map(\.code.utf8.count).max() ?? 0
        for kind in FindingKind.all {
            switch format {
            case .json: print(FindingReference.line(kind))
            case .text, .html, .csv, .sarif:
                let pad = String(repeating: " ", count: width - kind.code.utf8.count)
                let severity = kind.severity.rawValue
                print(
                    "\(kind.code)\(pad)  \(severity)\(String(repeating: " ", count: 8 - severity.utf8.count))  \(kind.title)"
                )
            }
        }
    }
}

/// A command as a shell takes it.
enum ShellWords {
    /// Words with quotes where they need them (POSIX.1-2017, Shell Command Language, 2.2.2).
    static func line(_ words: [String]) -> String { words.map(word).joined(separator: " ") }

    private static func word(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:=,@%+".utf8.contains($0)
            }
        }
        guard word.isEmpty || !isPlain else { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
