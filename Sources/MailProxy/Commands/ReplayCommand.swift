// `mailproxy replay`: plays recorded sessions against a server and compares the replies.

import ArgumentParser
import Glibc
import MailCapture
import MailRecording
import MailRuntime
import MailSessions
import Replay

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Play recorded sessions against a server and compare the replies.",
        discussion: """
            Each session of the server's protocol is played in the order of the recording, one after the other; commands wait \
            for the replies that the recorded client waited for. Passwords are not in a recording: give them with --user and \
            --password, or as lines ACCOUNT:PASSWORD in a file. Exit status 1 when a reply differs.
            """)

    @Argument(help: "Recordings, or capture files of any origin.") var files: [String] = []
    @Option(help: "The directory of recordings.") var recordDir: String?
    @Option(help: "The server, such as imap://127.0.0.1:1143.") var to: String
    @Option(help: "Only this session: its id, or the first characters of it.") var session: String?
    @Option(help: "Log in as this account, whatever the recording says.") var user: String?
    @Option(help: "The password.") var password: String?
    @Option(help: "A file with lines ACCOUNT:PASSWORD.") var credentials: String?
    @Option(help: "Seconds without an answer after which a session is given up.") var timeout = 10
    @Option(help: "Seconds after which a session is given up in any case.") var deadline = 600
    @OptionGroup var reading: ReadingOptions
    @Flag(help: "One JSON line a session, and a summary line.") var json = false
    @Flag(name: .short, help: "Show differences that the RFCs allow, too.") var verbose = false

    func run() throws {
        guard timeout > 0, timeout <= 86_400 else { throw CLIError.usage("--timeout must be from 1 to 86400 seconds") }
        guard deadline > 0, deadline <= 86_400 else {
            throw CLIError.usage("--deadline must be from 1 to 86400 seconds")
        }
        let server: ServerURL
        do { server = try ServerURL(to) } catch { throw CLIError.usage("--to: \(error)") }
        var known = ReplayCredentials(user: user, password: password.map { SecretText($0) })
        if let credentials {
            let text = try TextFile.read(credentials, what: "credentials file")
            if let complaint = known.read(text) { throw CLIError.usage("\(credentials):\(complaint)") }
        }
        let addresses: [SocketAddress]
        switch server.addresses() {
        case .success(let found): addresses = found
        case .failure(let error): throw CLIError.fault("\(error)")
        }
        let paths = Defaults.recordings(files, recordDir)
        var reader: SessionReader
        do { reader = try SessionReader(paths, checksums: reading.checksums.policy, overlap: reading.overlap) } catch {
            throw CLIError.usage("\(error)")
        }
        reader.keys = try reading.keys()
        let driver = ReplayDriver(to: addresses, timeout: timeout, deadline: deadline)
        var tally = Tally()
        var scripts: [String: ReplayScript] = [:]
        // The server that is played against may record into the very files that are read: what began later is of our making.
        let begin = Clock.now()
        do {
            try reader.read { batch in
                guard batch.session.info.mailProtocol == server.mailProtocol, batch.session.info.start < begin else {
                    return
                }
                if let session, !batch.session.info.id.hasPrefix(session) { return }
                scripts[batch.session.info.id, default: ReplayScript(info: batch.session.info)].accept(batch.notes)
                for case .closed(let summary) in batch.events {
                    guard let script = scripts.removeValue(forKey: summary.info.id), !script.frames.isEmpty else {
                        continue
                    }
                    try play(script, driver, known, &tally)
                }
            }
        } catch let error as CaptureError {
            throw CLIError.usage("\(error)")
        }
        for problem in reader.problems { Console.error("\(problem)") }
        if tally.played == 0 {
            throw CLIError.usage(
                session.map { "no \(server.mailProtocol.rawValue) session '\($0)' in \(paths.joined(separator: ", "))" }
                    ?? "no \(server.mailProtocol.rawValue) session in \(paths.joined(separator: ", "))")
        }
        summarise(tally)
        if tally.differ + tally.failed > 0 { throw CLIError(message: "", exit: 1) }
    }

    private struct Tally {
        var same = 0
        var differ = 0
        var failed = 0
        var exchanges = 0
        var microseconds: Int64 = 0
        var played: Int { same + differ + failed }
    }

    private func play(
        _ script: ReplayScript, _ driver: ReplayDriver, _ credentials: ReplayCredentials, _ tally: inout Tally
    ) throws {
        let outcome: (result: ReplayResult, microseconds: Int64)
        do {
            outcome = try driver.play(script, credentials: credentials)
        } catch {
            throw CLIError.fault("cannot connect to \(to): \(error.reason)")
        }
        let result = outcome.result
        switch result.verdict {
        case .same: tally.same += 1
        case .differs: tally.differ += 1
        case .failed: tally.failed += 1
        }
        tally.exchanges += result.exchanges
        tally.microseconds &+= outcome.microseconds
        if json { printJSON(script, result, outcome.microseconds) } else { printText(script, result) }
        fflush(nil)
    }

    private func printText(_ script: ReplayScript, _ result: ReplayResult) {
        let word = result.verdict.rawValue.padded(to: 8)
        let reason = result.reason.map { ": " + Shown.inert($0) } ?? ""
        print("\(script.info.id)  \(word)\(Figures.count(result.exchanges, "exchange"))\(reason)")
        for difference in result.differences where verbose || difference.kind != .allowed {
            let section = difference.section.isEmpty ? "" : " (\(difference.section))"
            print("  exchange \(difference.exchange), \(difference.kind.rawValue)\(section)")
            if !difference.expected.isEmpty { print("    recorded: \(Shown.inert(difference.expected))") }
            print("    now:      \(Shown.inert(difference.got))")
        }
    }

    private func printJSON(_ script: ReplayScript, _ result: ReplayResult, _ microseconds: Int64) {
        var writer = JSONWriter()
        writer.object { json in
            json.member("session", script.info.id)
            json.member("result", result.verdict.rawValue)
            json.member("exchanges", result.exchanges)
            json.array("differences") { json in
                for difference in result.differences {
                    json.object { json in
                        json.member("exchange", difference.exchange)
                        json.member("class", difference.kind.rawValue)
                        json.member("expected", difference.expected)
                        json.member("got", difference.got)
                        json.member("section", difference.section)
                    }
                }
            }
            json.member("seconds", seconds: microseconds)
            if let reason = result.reason { json.member("reason", reason) }
        }
        print(writer.text)
    }

    private func summarise(_ tally: Tally) {
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("summary", true)
                json.member("sessions", tally.played)
                json.member("same", tally.same)
                json.member("differs", tally.differ)
                json.member("failed", tally.failed)
                json.member("exchanges", tally.exchanges)
                json.member("seconds", seconds: tally.microseconds)
            }
            print(writer.text)
        } else {
            print(
                "\(Figures.count(tally.played, "session")), \(Figures.count(tally.exchanges, "exchange")): \(tally.same) same, \(tally.differ) differ, \(tally.failed) failed"
            )
        }
    }
}

/// Text of peers on a terminal.
enum Shown {
    /// Controls, and what turns the direction of writing, are made visible.
    static func inert(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<32, 127..<160, 0x200B...0x200F, 0x202A...0x202E, 0x2066...0x2069:
                out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
