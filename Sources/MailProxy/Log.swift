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
    var runtime: RuntimeLog { RuntimeLog { level, text in write(level.rawValue, text) } }

    private func write(_ level: Int, _ text: String) {
        guard level <= threshold else { return }
        let time = Timestamp.rfc3339(Clock.now())
        let line: String
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("time", time)
                json.member("level", Self.names[level])
                json.member("message", text)
            }
            line = writer.text
        } else {
            // Controls of a peer must not reach the terminal.
            let clean = String(
                String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
            line = "\(time) \(Self.names[level].padded(to: 7)) \(clean)"
        }
        Console.say(line + "\n")
    }
}
