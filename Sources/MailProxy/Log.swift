// The log: one line an event on stderr, text or JSON. No secrets come here.

import MailRecording
import MailRuntime

/// Writes log lines.
struct Log: Sendable {
    private let threshold: Int
    private let json: Bool

    init(level: String, json: Bool) {
        threshold = Self.names.firstIndex(of: level) ?? 2
        self.json = json
    }

    private static let names = ["error", "warning", "info", "debug"]

    func error(_ text: String) { write(0, text) }
    func warning(_ text: String) { write(1, text) }
    func info(_ text: String) { write(2, text) }

    /// The same for the runtime.
    var runtime: RuntimeLog { RuntimeLog { level, text, session in write(level.rawValue, text, session) } }

    /// - Parameter session: the one that the line is about. Its id is the same for both legs, and that of the recording.
    private func write(_ level: Int, _ text: String, _ session: SessionInfo? = nil) {
        guard level <= threshold else { return }
        let time = Timestamp.rfc3339(Clock.now())
        let line: String
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("time", time)
                json.member("level", Self.names[level])
                json.member("message", text)
                if let session {
                    json.member("session", session.id)
                    json.member("protocol", session.mailProtocol.rawValue)
                    json.member("route", session.route)
                    json.member("client", session.client.description)
                    if let upstream = session.upstream { json.member("upstream", upstream.description) }
                }
            }
            line = writer.text
        } else {
            // Controls of a peer must not reach the terminal.
            let whole = session.map { "\($0.id) \($0.route): \(text)" } ?? text
            let clean = String(
                String.UnicodeScalarView(whole.unicodeScalars.map { Self.isUnfit($0) ? "?" : $0 }))
            line = "\(time) \(Self.names[level].padded(to: 7)) \(clean)"
        }
        Console.say(line + "\n")
    }

    /// Controls, those of C1 too, and marks that turn the direction of text.
    private static func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 127..<160, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
