// `mailproxy sessions show`: one session, as a person reads it or as rows.

import ArgumentParser
import Glibc
import MailCapture
import MailDialogue
import MailRecording
import MailStore

/// Sessions and paths stand together on the command line: what is there as a file, or looks like one, is a path.
struct SessionSelection {
    var ids: [String] = []
    var paths: [String] = []

    init(_ words: [String]) {
        for word in words {
            let isPath =
                word == "-" || word.contains("/") || CapturePaths.endings.contains { word.hasSuffix($0) }
                || access(word, F_OK) == 0
            if isPath { paths.append(word) } else { ids.append(word) }
        }
    }

    /// The sessions that are meant; all of the catalog when none is named.
    func entries(of catalog: SessionCatalog) throws -> [CatalogEntry] {
        if ids.isEmpty { return try catalog.entries() }
        var found: [CatalogEntry] = []
        for id in ids {
            let entry = try Self.find(id, catalog)
            if !found.contains(where: { $0.summary.info.id == entry.summary.info.id }) { found.append(entry) }
        }
        return found
    }

    private static func find(_ id: String, _ catalog: SessionCatalog) throws -> CatalogEntry {
        if id == "last" {
            var last: CatalogEntry?
            try catalog.each(catalog.search(SessionOrder(descending: true))) {
                last = $0
                return false
            }
            guard let last else { throw CLIError.usage(catalog.nothing()) }
            return last
        }
        let found = try catalog.sessions(beginning: id)
        if let exact = found.first(where: { $0.summary.info.id == id }) { return exact }
        guard let first = found.first else {
            throw CLIError.usage(
                """
                there is no file '\(InertText.of(id))', and no session '\(InertText.of(id))' in \(catalog.names); \
                'mailproxy sessions list' shows what is there
                """)
        }
        // The same session may be in several of the places that are looked at.
        guard found.contains(where: { $0.summary.info.id != first.summary.info.id }) else { return first }
        guard found.count == 1 else {
            let some = found.prefix(5).map { InertText.of($0.summary.info.id) }.joined(separator: ", ")
            let count = found.count > 5 ? "more than 5" : "\(found.count)"
            throw CLIError.usage(
                "'\(id)' is the beginning of \(count) sessions (\(some)\(found.count > 5 ? ", …" : "")); give more of it"
            )
        }
        return first
    }
}

/// The form of a session that is shown.
enum ShowFormat: String, ExpressibleByArgument, CaseIterable {
    case transcript, json
}

struct SessionsShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a session: who said what, and when.",
        discussion: """
            ID is the id of a session, its first characters, or 'last'. Without an ID all sessions of the given paths are shown.
            """)

    @Argument(help: ArgumentHelp("Session, then recordings or captures.", valueName: "id-or-path")) var words:
        [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "transcript or json.") var format = ShowFormat.transcript
    @Flag(help: "One JSON line an exchange, as --format json.") var json = false
    @Flag(help: "Show all content and every line whole.") var full = false
    @Option(help: ArgumentHelp("Show secrets that were sealed: the file of the private key.", valueName: "file"))
    var reveal: String?

    func run() throws {
        let selection = SessionSelection(words)
        guard !selection.ids.isEmpty || !selection.paths.isEmpty else {
            throw CLIError.usage(
                "which session? give an id, its first characters, or 'last' (see 'mailproxy sessions list')")
        }
        if reveal != nil, json || format == .json { throw CLIError.usage("--reveal is for transcripts") }
        let catalog = try place.catalog(selection)
        let entries = try selection.entries(of: catalog)
        // What is found by is not what is shown: lists never have secrets.
        if let reveal { SessionCatalog.unsealing = Unsealing(try Unsealing.key(reveal, in: "")) }
        if entries.isEmpty { throw CLIError.usage(catalog.nothing()) }
        var out = StandardOutput()
        let options = TranscriptRenderer.Options(
            isFull: full, style: TextStyle(isColoured: Terminal.isColoured), reveals: reveal != nil)
        try SessionWriter.write(
            entries, of: catalog, form: json || format == .json ? .json : .transcript, options,
            namesSessions: entries.count > 1
        ) { try out.write($0) }
        try out.flush()
        try SessionCatalog.unsealing?.end(of: [catalog.names])
        try endSessions()
    }
}

/// How sessions are written.
enum SessionForm {
    case transcript, json, html
}

/// Writes sessions one after the other, in the order given.
enum SessionWriter {
    /// What is written of a session while it is read.
    private struct Writing {
        var renderer: TranscriptRenderer
        var page = HTMLTranscript()
        var rows = ExchangeRows()
        /// What waits until its turn comes; nil when it is written at once.
        var waiting: Spill?
    }

    /// - Parameters:
    ///   - directory: where sessions wait that are too long for memory.
    static func write(
        _ entries: [CatalogEntry], of catalog: SessionCatalog, form: SessionForm,
        _ options: TranscriptRenderer.Options, namesSessions: Bool, spillingTo directory: String = Defaults.temporary,
        to out: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        let ids = Set(entries.map(\.summary.info.id))
        // One session is written while it is read; of several each waits until its turn comes.
        let isSingle = entries.count == 1
        var sessions: [String: Writing] = [:]
        for (place, entry) in entries.enumerated() {
            let info = entry.summary.info
            var writing = Writing(renderer: TranscriptRenderer(info, options))
            if !isSingle { writing.waiting = Spill(in: directory) }
            var text = ""
            switch form {
            case .transcript: writing.renderer.head(entry.summary, into: &text)
            case .json: break
            case .html:
                var head = ""
                writing.renderer.head(entry.summary, into: &head)
                text = HTMLTranscript.opening(place + 1, info)
                writing.page.append(head, to: &text)
            }
            if isSingle { try out(Array(text.utf8)[...]) } else { try writing.waiting?.append(text) }
            sessions[info.id] = writing
        }
        try catalog.read(ids, judgesMessages: true) { batch in
            let id = batch.session.info.id
            guard var writing = sessions.removeValue(forKey: id) else { return }
            var text = ""
            switch form {
            case .transcript: render(batch, &writing.renderer, into: &text)
            case .json:
                for row in writing.rows.take(batch) {
                    text += SessionJSON.line(row, session: namesSessions ? id : nil) + "\n"
                }
            case .html:
                var plain = ""
                render(batch, &writing.renderer, into: &plain)
                writing.page.append(plain, to: &text)
            }
            if isSingle { try out(Array(text.utf8)[...]) } else { try writing.waiting?.append(text) }
            sessions[id] = writing
        }
        for (place, entry) in entries.enumerated() {
            guard var writing = sessions.removeValue(forKey: entry.summary.info.id) else { continue }
            if place > 0, form == .transcript { try out([10]) }
            try writing.waiting?.read(nil, out)
            guard form == .html else { continue }
            var text = ""
            writing.page.finish(to: &text)
            try out(Array((text + HTMLTranscript.closing).utf8)[...])
        }
    }

    private static func render(
        _ batch: SessionBatch, _ renderer: inout TranscriptRenderer, into text: inout String
    ) {
        for change in batch.changes { renderer.changed(exchange: change.exchange, rules: change.rules, into: &text) }
        renderer.accept(batch.notes[...], at: batch.time, into: &text)
        for event in batch.events {
            switch event {
            case .exchange(_, let row): renderer.flaws(of: row, into: &text)
            case .closed(let summary): renderer.close(summary, into: &text)
            case .secured(let info, time: let time):
                renderer.secured(info, at: NanosecondTime.microseconds(time), into: &text)
            case .opened, .octets, .secret, .gap, .remark, .changed, .message, .credential: break
            }
        }
    }
}

/// Buffered output to a descriptor.
struct StandardOutput {
    private let descriptor: Int32
    private let name: String
    private var buffer: [UInt8] = []

    init(_ descriptor: Int32 = 1, name: String = "standard output") {
        self.descriptor = descriptor
        self.name = name
    }

    mutating func write(_ text: String) throws {
        buffer += text.utf8
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func write(_ octets: some Sequence<UInt8>) throws {
        buffer += octets
        if buffer.count >= 1 << 18 { try flush() }
    }

    mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try SpoolFile.write(buffer[...], to: descriptor, name: name)
    }
}

/// Rows of exchanges on their way out: they wait a little, as a recording says which rules changed one when it is complete.
struct ExchangeRows {
    /// Rows that wait.
    private static let most = 64

    private var waiting: [Exchange] = []

    /// Takes what was read, gives the rows that are ready.
    mutating func take(_ batch: SessionBatch) -> [Exchange] {
        for change in batch.changes {
            guard let place = waiting.lastIndex(where: { $0.number == change.exchange }) else { continue }
            for rule in change.rules where !waiting[place].changed.contains(rule) {
                waiting[place].changed.append(rule)
            }
        }
        var isClosed = false
        for event in batch.events {
            switch event {
            case .exchange(_, let row): waiting.append(row)
            case .closed: isClosed = true
            case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .message, .credential: break
            }
        }
        let ready = isClosed ? waiting.count : max(0, waiting.count - Self.most)
        defer { waiting.removeFirst(ready) }
        return Array(waiting.prefix(ready))
    }
}
