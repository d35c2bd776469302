// `mailproxy sessions`: what was recorded, or captured by anybody.

import ArgumentParser
import Glibc
import MailCapture
import MailRecording
import MailStore

struct SessionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "List, show and export recorded sessions.",
        discussion: """
            A PATH may be a directory of recordings, a segment of one, or any pcap or pcapng file; - is standard input. Without \
            a path the recordings of 'mailproxy run' and 'mailproxy capture' are taken.
            """,
        subcommands: [
            SessionsList.self, SessionsShow.self, SessionsExport.self, SessionsReindex.self, SessionsViolations.self,
        ])
}

/// Where sessions are looked for.
struct SessionPlace: ParsableArguments {
    @Option(help: "The directory of recordings.") var recordDir: String?
    @Option(help: "Only sessions for which this expression holds, such as 'imap and violations > 0'.") var filter:
        String?

    func catalog(_ paths: [String]) throws -> SessionCatalog {
        try SessionCatalog(paths: paths, recordDirectory: recordDir, filter: filter)
    }
}

struct SessionsList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List sessions, one a line.")

    @Argument(help: "Recordings or captures.") var paths: [String] = []
    @OptionGroup var place: SessionPlace
    @Flag(help: "One JSON line a session.") var json = false
    @Option(help: "Only the sessions that began last, so many.") var limit: Int?

    func run() throws {
        if let limit, limit < 0 { throw CLIError.usage("--limit must not be negative") }
        let catalog = try place.catalog(paths)
        var rows = try catalog.entries().map(\.summary)
        if let limit { rows = rows.suffix(limit) }
        if json {
            for row in rows { print(SessionJSON.line(row)) }
        } else if rows.isEmpty {
            Console.error("no sessions in \(catalog.names)\(place.filter == nil ? "" : " for which the filter holds")")
        } else {
            SessionTable.print(rows)
        }
        fflush(nil)
        try endSessions()
    }
}

/// Ends a command that has read captures: status 3 when one of them was damaged.
func endSessions() throws {
    if SessionCatalog.damaged { throw CLIError(message: "", exit: 3) }
}

/// The table of `sessions list`.
enum SessionTable {
    private static let titles = [
        "ID", "START", "PROTO", "CLIENT", "SERVER", "USER", "EXCH", "MSGS", "VIOL", "SECONDS", "END",
    ]
    /// Columns of numbers stand right.
    private static let numbers: Set<Int> = [6, 7, 8, 9]

    static func print(_ rows: [SessionSummary]) {
        let cells = rows.map(cells)
        var widths = titles.map(\.count)
        for row in cells {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        let style = TextStyle(isColoured: Terminal.isColoured)
        Swift.print(style.text(line(titles, widths), .strong))
        for row in cells { Swift.print(line(row, widths)) }
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
            let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
            if column == cells.count - 1 {
                text += cell
            } else {
                text += (numbers.contains(column) ? padding + cell : cell + padding) + "  "
            }
        }
        return text
    }
}

/// What stdout is.
enum Terminal {
    /// Colours are wanted: stdout is a terminal and NO_COLOR is not set.
    static var isColoured: Bool {
        isatty(1) == 1 && Defaults.environment("NO_COLOR") == nil && Defaults.environment("TERM") != "dumb"
    }
}

struct SessionsReindex: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reindex", abstract: "Make the index of a recording anew from its segments.")

    @Option(help: "The directory of recordings.") var recordDir: String?

    func run() throws {
        let directory = recordDir ?? Defaults.recordDirectory
        guard access(directory, F_OK) == 0 else {
            throw CLIError.usage("\(directory): there is no recording here; --record-dir names another directory")
        }
        var sessions = 0
        do {
            try IndexRecovery.rebuild(directory) { segments, emit in
                guard !segments.isEmpty else { return }
                var rows: [String: ExchangeRows] = [:]
                try SessionCatalog.read(segments) { batch in
                    let id = batch.session.info.id
                    for row in rows[id, default: ExchangeRows()].take(batch) { emit(.exchange(session: id, row)) }
                    for event in batch.events {
                        switch event {
                        case .exchange: break
                        case .credential(_, var record):
                            // A recording has no secrets: marks made of their masks would say that all are the same.
                            record.fingerprint = ""
                            emit(.credential(session: id, record))
                        case .closed:
                            sessions += 1
                            rows[id] = nil
                            emit(event)
                        case .opened, .secured, .octets, .gap, .remark, .changed, .message: emit(event)
                        }
                    }
                }
            }
        } catch let error as CLIError {
            throw error
        } catch let error as RecorderError {
            switch error {
            case .inUse: throw CLIError.usage("\(error)")
            case .failed, .badKey, .index: throw CLIError.fault("\(error)")
            }
        } catch {
            throw CLIError.fault("\(directory): \(error)")
        }
        print("\(Figures.count(sessions, "session")) in \(directory)")
        try endSessions()
    }
}
