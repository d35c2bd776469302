// `mailproxy sessions violations`: what the codes mean that sessions are marked with.

import ArgumentParser
import Glibc
import MailDialogue
import MailRecording

struct SessionsViolations: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "violations", abstract: "Explain the codes of protocol violations.",
        discussion: "Without a code all are listed.")

    @Argument(help: "Codes, such as smtp-bare-lf; a part of one finds all that have it.") var codes: [String] = []
    @Flag(help: "One JSON line a code.") var json = false
    @Flag(help: "The reference page, Docs/Violations.md.") var markdown = false

    func run() throws {
        if markdown {
            guard codes.isEmpty, !json else {
                throw CLIError.usage("--markdown prints the whole page: no codes, no --json")
            }
            print(ViolationReference.text, terminator: "")
            return
        }
        let all = ViolationReference.groups.flatMap(\.violations)
        var chosen = codes.isEmpty ? all : []
        for code in codes {
            let found = ViolationReference.find(code).map { [$0] } ?? all.filter { $0.code.contains(code.lowercased()) }
            guard !found.isEmpty else {
                throw CLIError.usage("no violation has the code \(code); 'mailproxy sessions violations' lists all")
            }
            chosen += found
        }
        if json {
            for violation in chosen { print(ViolationReference.line(violation)) }
        } else if codes.isEmpty {
            let width = chosen.map(\.code.count).max() ?? 0
            for violation in chosen {
                let pad = String(repeating: " ", count: width - violation.code.count)
                print("\(violation.code)\(pad)  \(violation.meaning)")
            }
        } else {
            print(chosen.map(ViolationReference.explanation).joined(separator: "\n"), terminator: "")
        }
    }
}
