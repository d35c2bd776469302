// The command line: one executable, one command a task. Data goes to stdout, everything else to stderr.
// Exit status: 0 done and nothing to report, 1 differences or findings, 2 usage or configuration, 3 a fault while running.

import ArgumentParser
import CLinux
import Glibc
import MailRules

/// `mailproxy`.
struct MailProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mailproxy",
        abstract: "A scriptable man-in-the-middle proxy and recorder for SMTP, POP3 and IMAP.",
        version: Defaults.version,
        subcommands: [
            RunCommand.self, CaptureCommand.self, SessionsCommand.self, AuditCommand.self, ReplayCommand.self,
            VerifyCommand.self,
            SealCommand.self, UnsealCommand.self, AnonymizeCommand.self,
            RulesCommand.self,
            UserCommand.self, CACommand.self, StripTestCommand.self, ConfigCommand.self,
        ])
}

@main
enum Main {
    static func main() {
        // A reader that went away (`mailproxy sessions list | head`) is no fault.
        signal(SIGPIPE, SIG_DFL)
        do {
            var command = try MailProxyCommand.parseAsRoot()
            try command.run()
            try flushOutput()
        } catch let error as CLIError {
            if !error.message.isEmpty { Console.error(error.message) }
            exit(error.exit)
        } catch {
            let code = MailProxyCommand.exitCode(for: error)
            if code.isSuccess {
                print(MailProxyCommand.fullMessage(for: error))
                do { try flushOutput() } catch {
                    if let error = error as? CLIError { Console.error(error.message) }
                    exit(3)
                }
                exit(0)
            }
            Console.error(complaint(MailProxyCommand.message(for: error), of: CommandLine.arguments.dropFirst()))
            exit(2)
        }
    }

    /// What was printed is written, or somebody hears that it was not.
    private static func flushOutput() throws {
        let failure = mp_flush_output()
        if failure == 0 { return }
        // When an earlier piece was not taken nobody knows any more why.
        let reason =
            failure > 0 ? String(cString: strerror(failure)) : "not all of it was taken; is there room where it leads?"
        throw CLIError.fault("standard output: \(reason)")
    }

    /// One line: what is wrong with a command line, and where the usage stands.
    /// - Parameter message: what the parser says, in several lines.
    static func complaint(_ message: String, of arguments: some Sequence<String>) -> String {
        var command: any ParsableCommand.Type = MailProxyCommand.self
        var words = ["mailproxy"]
        var unknown: String?
        for word in arguments {
            let known = command.configuration.subcommands
            guard let next = known.first(where: { $0._commandName == word }) else {
                // The parser calls it an argument that nobody expected.
                if !known.isEmpty, !word.hasPrefix("-"), word != "help" {
                    unknown =
                        "there is no command '\(word)'" + Suggestion.hint(word, among: known.map { $0._commandName })
                }
                break
            }
            command = next
            words.append(word)
        }
        // A list of values is one of lines with dashes.
        let lines = message.split(separator: "\n").map(String.init)
        let values = lines.filter { $0.hasPrefix("  - ") }.map { $0.dropFirst(4) }
        let text = (lines.filter { !$0.hasPrefix("  - ") } + (values.isEmpty ? [] : [values.joined(separator: ", ")]))
        return "\(unknown ?? text.joined(separator: " ")) (see '\(words.joined(separator: " ")) --help')"
    }
}

/// Writing to the terminal.
enum Console {
    /// One line on stderr, with the program's name before it.
    static func error(_ text: String) { say("mailproxy: \(Shown.inert(text))\n") }

    /// Text on stderr, at once and in one piece.
    static func say(_ text: String) {
        let octets = Array(text.utf8)
        var sent = 0
        while sent < octets.count {
            let count = octets[sent...].withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { return }
            sent += max(0, count)
        }
    }
}
