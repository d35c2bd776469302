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
            SessionsList.self, SessionsShow.self, SessionsExport.self, SessionsMailbox.self, SessionsTrace.self,
            SessionsCost.self, SessionsReindex.self, SessionsViolations.self,
        ])
}

extension ImportFormat: ExpressibleByArgument {}

/// Where sessions are looked for.
struct SessionPlace: ParsableArguments {
    @Option(help: "The directory of recordings.") var recordDir: String?
    @Option(help: "Only sessions for which this expression holds, such as 'imap and violations > 0'.") var filter:
        String?
    @Option(help: "Only sessions with a message that has these words: 'invoice \"final notice\" remind* -paid'.")
    var text: String?
    @Option(
        help: "The files are no captures but of this form, which their content does not tell: rawlog, swaks or openssl."
    )
    var from: ImportFormat?
    @OptionGroup var reading: ReadingOptions

    func catalog(_ paths: [String]) throws -> SessionCatalog {
        SessionCatalog.form = from
        SessionCatalog.keys = try reading.keys()
        SessionCatalog.overlap = reading.overlap
        SessionCatalog.checksums = reading.checksums.policy
        return try SessionCatalog(paths: paths, recordDirectory: recordDir, filter: filter, text: text)
    }
}

extension SessionPlace {
    /// The catalog of what was named. A word that is no file may be a session of the usual recording: where there is none, both are said.
    func catalog(_ selection: SessionSelection) throws -> SessionCatalog {
        if selection.paths.isEmpty, recordDir == nil, let word = selection.ids.first(where: { $0 != "last" }),
            access(Defaults.recordDirectory, F_OK) != 0
        {
            throw CLIError.usage(
                """
                there is no file '\(InertText.of(word))', and no recording at \(Defaults.recordDirectory) that might have \
                such a session; --record-dir or a path names another
                """)
        }
        return try catalog(selection.paths)
    }
}

/// Ends a command that has read captures: status 3 when one of them was damaged.
func endSessions() throws {
    if SessionCatalog.damaged { throw CLIError(message: "", exit: 3) }
}

struct SessionsReindex: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reindex", abstract: "Make the index of a recording anew from its segments.")

    @Argument(help: "The directory of recordings; the usual one when none is given.") var path: String?
    @Option(help: "The same.") var recordDir: String?
    @Flag(help: "Without the words of messages, which --text of 'sessions list' finds.") var noText = false

    /// Which part of the time of the second reading the first one takes, about.
    private static let firstShare: Int64 = 8

    func run() throws {
        if path != nil, recordDir != nil { throw CLIError.usage("an index is of one recording: give one directory") }
        let directory = path ?? recordDir ?? Defaults.recordDirectory
        guard access(directory, F_OK) == 0 else {
            throw CLIError.usage("\(directory): there is no recording here; --record-dir names another directory")
        }
        var sessions = 0
        do {
            let paths = RecordingDirectory.segments(in: directory).map { "\(directory)/\($0.name)" }
            // They are gone through twice; the first time, which takes a fraction of the second, each segment counts when it is done.
            let octets = paths.reduce(0) { $0 &+ ReadingProgress.size(of: $1) }
            let progress = ReadingProgress("segments read", octets: octets &+ octets / Self.firstShare)
            defer { progress.end() }
            func scanned(_ path: String) { progress.advance(by: ReadingProgress.size(of: path) / Self.firstShare) }
            try IndexRecovery.rebuild(directory, keepsText: !noText, scanned: scanned) { segments, emit in
                guard !segments.isEmpty else { return }
                var rows: [String: ExchangeRows] = [:]
                // Rows are made of what is known of octets.
                try SessionCatalog.read(segments, keepsText: !noText, tellsOctets: false, progress: progress) { batch in
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
                        case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .message: emit(event)
                        }
                    }
                }
            }
        } catch let error as CLIError {
            throw error
        } catch let error as RecorderError {
            switch error {
            case .inUse: throw CLIError.usage("\(error)")
            case .failed, .badKey, .chain, .index: throw CLIError.fault("\(error)")
            }
        } catch {
            throw CLIError.fault("\(directory): \(error)")
        }
        print("\(Figures.count(sessions, "session")) in \(directory)")
        try endSessions()
    }
}
