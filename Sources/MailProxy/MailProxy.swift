// The command line: one executable, one command a task. Data goes to stdout, everything else to stderr.
// Exit status: 0 done and nothing to report, 1 differences or findings, 2 usage or configuration, 3 a fault while running.

import ArgumentParser
import CLinux
import Glibc

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
            let failure = mp_flush_output()
            if failure != 0 {
                throw CLIError.fault("cannot write to standard output: \(String(cString: strerror(failure)))")
            }
        } catch let error as CLIError {
            if !error.message.isEmpty { Console.error(error.message) }
            exit(error.exit)
        } catch {
            let code = MailProxyCommand.exitCode(for: error)
            if code.isSuccess {
                print(MailProxyCommand.fullMessage(for: error))
                exit(0)
            }
            // One line: what is wrong, and where the usage stands.
            let words = CommandLine.arguments.dropFirst().prefix { !$0.hasPrefix("-") }.prefix(2)
            let known =
                words.first.map { word in
                    MailProxyCommand.configuration.subcommands.contains { $0._commandName == word }
                } ?? false
            let help = known ? "mailproxy \(words[words.startIndex]) --help" : "mailproxy --help"
            let message = MailProxyCommand.message(for: error).split(separator: "\n").map(String.init).joined(
                separator: " ")
            Console.error("\(message) (see '\(help)')")
            exit(2)
        }
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
