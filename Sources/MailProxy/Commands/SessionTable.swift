// How `sessions list` shows sessions, and groups of them, to people.

import Glibc
import MailRecording
import MailStore

/// The table of `sessions list`. Its columns are as wide as the first rows need.
struct SessionTable {
    /// Rows that wait until the widths are known.
    private static let most = 1_000

    private var waiting: [[String]] = []
    private var widths: [Int]?

    private static let titles = [
        "ID", "START", "PROTO", "CLIENT", "SERVER", "USER", "EXCH", "MSGS", "VIOL", "SECONDS", "END",
    ]
    /// Columns of numbers stand right.
    private static let numbers: Set<Int> = [6, 7, 8, 9]

    /// Takes a row; writes what is ready.
    mutating func add(_ summary: SessionSummary, to out: inout StandardOutput) throws {
        waiting.append(Self.cells(summary))
        if widths != nil || waiting.count >= Self.most { try finish(&out) }
    }

    /// Writes what waits.
    mutating func finish(_ out: inout StandardOutput) throws {
        if widths == nil {
            var needed = Self.titles.map(\.count)
            for row in waiting {
                for (column, cell) in row.enumerated() { needed[column] = max(needed[column], cell.count) }
            }
            widths = needed
            let style = TextStyle(isColoured: Terminal.isColoured)
            try out.write(style.text(Self.line(Self.titles, needed), .strong) + "\n")
        }
        for row in waiting { try out.write(Self.line(row, widths ?? []) + "\n") }
        waiting.removeAll(keepingCapacity: true)
    }

    private static func cells(_ summary: SessionSummary) -> [String] {
        let info = summary.info
        let time = Timestamp.rfc3339(info.start)
        return [
            InertText.of(info.id), time.prefix(19) + "Z", info.mailProtocol.rawValue, info.client.description,
            info.server.description, summary.user.map { String(InertText.of($0).prefix(40)) } ?? "-",
            "\(summary.exchanges)", "\(summary.messages)", "\(summary.violations)", Figures.seconds(summary.duration),
            end(summary),
        ]
    }

    private static func end(_ summary: SessionSummary) -> String {
        guard let opaque = summary.opaque else { return summary.end.rawValue }
        return "\(summary.end.rawValue) (\(opaque.rawValue))"
    }

    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (column, cell) in cells.enumerated() {
            let width = column < widths.count ? widths[column] : 0
            let padding = String(repeating: " ", count: max(0, width - cell.count))
            if column == cells.count - 1 {
                text += cell
            } else {
                text += (numbers.contains(column) ? padding + cell : cell + padding) + "  "
            }
        }
        return text
    }
}

/// The table of `sessions list --by`.
enum GroupTable {
    static func text(_ groups: [SessionGroup], by key: SessionGroup.Key) -> String {
        // The messages and octets of a session are not those of one command.
        let isWhole = key != .command
        var lines = [
            [key.rawValue.uppercased(), "SESSIONS", "EXCH"] + (isWhole ? ["MSGS", "VIOL", "CLIENT B", "SERVER B"] : [])
        ]
        for group in groups {
            var cells = [name(group, key), Figures.grouped(group.sessions), Figures.grouped(group.exchanges)]
            if isWhole {
                cells += [group.messages, group.violations, group.clientBytes, group.serverBytes].map(Figures.grouped)
            }
            lines.append(cells)
        }
        return TextTable.text(lines, left: [0])
    }

    /// What a group is called.
    static func name(_ group: SessionGroup, _ key: SessionGroup.Key) -> String {
        switch key {
        case .hour: return Int64(group.key).map { String(Timestamp.rfc3339($0).prefix(13)) + "Z" } ?? group.key
        case .user, .client, .server, .route, .end, .command, .finding, .mailProtocol:
            return group.key.isEmpty ? "-" : String(InertText.of(group.key).prefix(60))
        }
    }

    /// A JSON line for programs.
    static func json(_ group: SessionGroup, by key: SessionGroup.Key) -> String {
        var writer = JSONWriter()
        writer.object { json in
            json.member("by", key.rawValue)
            json.member(
                "key", key == .hour ? Int64(group.key).map { Timestamp.rfc3339($0) } ?? group.key : group.key)
            json.member("sessions", group.sessions)
            json.member("exchanges", group.exchanges)
            if key != .command {
                json.member("messages", group.messages)
                json.member("violations", group.violations)
                json.object("bytes") { json in
                    json.member("client", group.clientBytes)
                    json.member("server", group.serverBytes)
                }
            }
        }
        return writer.text
    }
}

/// What stdout is.
enum Terminal {
    /// Colours are wanted: stdout is a terminal and NO_COLOR is not set.
    static var isColoured: Bool {
        isatty(1) == 1 && Defaults.environment("NO_COLOR") == nil && Defaults.environment("TERM") != "dumb"
    }
}
