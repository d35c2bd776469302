// What there is to list, show and export: sessions of recordings by their index, of any other capture by reading it.

import Glibc
import MailCapture
import MailRecording
import MailRules
import MailStore

/// A session with what a filter may ask for.
struct CatalogEntry {
    var summary: SessionSummary
    var exchanges: [Exchange] = []
    var messages: [MessageRecord] = []
    /// The files that hold it.
    var files: [String] = []
}

/// Finds sessions in recordings and captures.
struct SessionCatalog {
    /// As given: files, directories, `-`.
    let paths: [String]
    let filter: Expression?
    /// Standard input in a form that can be read twice.
    private var spool: SpoolFile?

    /// - Parameters:
    ///   - paths: empty for the directory of recordings.
    ///   - filter: an expression over sessions.
    init(paths: [String], recordDirectory: String?, filter: String?) throws {
        if let filter {
            do { self.filter = try Expression(filter, for: .session) } catch {
                throw CLIError.usage("--filter: \(error)")
            }
        } else {
            self.filter = nil
        }
        var paths = paths
        if paths.isEmpty {
            let directory = recordDirectory ?? Defaults.recordDirectory
            guard access(directory, F_OK) == 0 else {
                throw CLIError.usage(
                    "\(directory): there is no recording yet; 'mailproxy run' makes one, and --record-dir or a path names another"
                )
            }
            paths = [directory]
        } else if let recordDirectory {
            paths.append(recordDirectory)
        }
        if let place = paths.firstIndex(of: "-") {
            let spool = try SpoolFile(of: 0)
            paths[place] = spool.path
            self.spool = spool
        }
        self.paths = paths
    }

    /// The names for people.
    var names: String { paths.map { $0 == spool?.path ? "standard input" : $0 }.joined(separator: ", ") }

    /// All sessions that the filter lets through, by start.
    func entries() throws -> [CatalogEntry] {
        var found: [CatalogEntry] = []
        var unindexed: [String] = []
        for path in paths {
            if let indexed = try indexed(path) { found += indexed } else { unindexed.append(path) }
        }
        if !unindexed.isEmpty { found += try read(unindexed) }
        return found.sorted {
            ($0.summary.info.start, $0.summary.info.id) < ($1.summary.info.start, $1.summary.info.id)
        }
    }

    // MARK: By the index

    /// Nil when the path is no recording with a usable index.
    private func indexed(_ path: String) throws -> [CatalogEntry]? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        do {
            let index = try RecordingIndex(directory: path)
            let isIncomplete = try index.isIncomplete
            if isIncomplete {
                Console.error(
                    "\(path): the index lacks rows; 'mailproxy sessions reindex' completes it, now the recording is read"
                )
                return nil
            }
            let needs = needs
            var found: [CatalogEntry] = []
            let summaries = try index.sessions()
            let read = needs.exchanges || needs.messages ? try rows(missingIn: index, summaries) : [:]
            for summary in summaries {
                var entry = CatalogEntry(summary: summary)
                if let rows = read[summary.info.id] {
                    entry.exchanges = rows.exchanges
                    entry.messages = rows.messages
                } else {
                    if needs.exchanges { entry.exchanges = try index.exchanges(of: summary.info.id) }
                    if needs.messages { entry.messages = try index.messages(of: summary.info.id) }
                }
                guard passes(entry) else { continue }
                found.append(entry)
            }
            return found
        } catch RecordingIndexError.missing {
            return nil
        } catch let error as RecordingIndexError {
            Console.error("\(error); the recording is read instead")
            return nil
        }
    }

    /// Exchanges and messages that the index does not have yet, as the sessions go on or ended a moment ago, read from the
    /// segments.
    private func rows(
        missingIn index: RecordingIndex, _ summaries: [SessionSummary]
    ) throws -> [String: (exchanges: [Exchange], messages: [MessageRecord])] {
        var missing = try index.unread
        for summary in summaries where summary.end == .open { missing.insert(summary.info.id) }
        let sessions = try missing.sorted().map { id in
            UnreadSession(id: id, places: try index.extents(of: id).filter { $0.extent.leg == .client })
        }
        var found: [String: (exchanges: [Exchange], messages: [MessageRecord])] = [:]
        guard !sessions.isEmpty else { return found }
        try RecordedRows.reader(sessions, { true }) { event in
            switch event {
            case .exchange(session: let id, let exchange): found[id, default: ([], [])].exchanges.append(exchange)
            case .message(session: let id, let message): found[id, default: ([], [])].messages.append(message)
            case .opened, .secured, .octets, .gap, .remark, .changed, .credential, .closed: break
            }
        }
        return found
    }

    /// The segments that hold a session of a recording, else all files of the paths.
    func files(of ids: Set<String>) throws -> [String] {
        var files: [String] = []
        var rest = ids
        for path in paths {
            // An index that is behind its segments does not know all places of a session.
            guard let index = try? RecordingIndex(directory: path), (try? index.isIncomplete) == false else {
                files.append(path)
                continue
            }
            for id in ids {
                guard let places = try? index.extents(of: id), !places.isEmpty else { continue }
                rest.remove(id)
                for place in places where !files.contains(place.path) { files.append(place.path) }
            }
        }
        guard rest.isEmpty else { return paths }
        // Segments in the order in which they were written, as a session goes on from one to the next.
        return files.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
    }

    // MARK: By reading

    private func read(_ paths: [String]) throws -> [CatalogEntry] {
        let needs = needs
        var open: [String: CatalogEntry] = [:]
        var found: [CatalogEntry] = []
        try Self.read(paths, keepsRows: needs.exchanges || needs.messages) { batch in
            for event in batch.events {
                switch event {
                case .exchange(let id, let row):
                    if needs.exchanges {
                        open[id, default: CatalogEntry(summary: SessionSummary(info: batch.session.info))].exchanges
                            .append(row)
                    }
                case .message(let id, let record):
                    if needs.messages {
                        open[id, default: CatalogEntry(summary: SessionSummary(info: batch.session.info))].messages
                            .append(
                                record)
                    }
                case .closed(let summary):
                    var entry = open.removeValue(forKey: summary.info.id) ?? CatalogEntry(summary: summary)
                    entry.summary = summary
                    if passes(entry) { found.append(entry) }
                case .opened, .secured, .octets, .gap, .remark, .changed, .credential: break
                }
            }
        }
        return found
    }

    /// Reads captures, and says on stderr what is wrong with them.
    /// - Parameters:
    ///   - only: the sessions that matter; nil for all.
    ///   - keepsRows: their exchanges and messages are wanted, not only how many they are.
    static func read(
        _ paths: [String], only: Set<String>? = nil, judgesMessages: Bool = false, keepsRows: Bool = true,
        packet: ((CaptureRecord, [CaptureInterface]) throws -> Void)? = nil, _ deliver: (SessionBatch) throws -> Void
    ) throws {
        var reader: SessionReader
        do { reader = try SessionReader(paths) } catch { throw CLIError.usage("\(error)") }
        reader.only = only
        reader.judgesMessages = judgesMessages
        reader.keepsRows = keepsRows
        do {
            try reader.read(packet: packet, deliver: deliver)
        } catch let error as CaptureError {
            throw CLIError.usage("\(error)")
        }
        var isDamaged = false
        for problem in reader.problems {
            Console.error("\(problem); what comes before it was read")
            isDamaged = isDamaged || !problem.isTruncation
        }
        if let type = reader.counters.undecodedLinkType {
            Console.error("\(Figures.count(reader.counters.undecoded, "packet")) of link type \(type) were not decoded")
        }
        if isDamaged { damaged = true }
    }

    /// A file that was read is damaged in its middle: the exit status says so at the end.
    nonisolated(unsafe) private(set) static var damaged = false

    // MARK: The filter

    private var needs: (exchanges: Bool, messages: Bool) {
        var needs = (exchanges: false, messages: false)
        for field in filter?.fields ?? [] {
            switch field.name {
            case .command, .replyCode, .replyText: needs.exchanges = true
            case .size, .carrier, .from, .to, .subject: needs.messages = true
            default: break
            }
        }
        return needs
    }

    private func passes(_ entry: CatalogEntry) -> Bool { filter?.holds(for: entry) ?? true }
}

extension CatalogEntry: FieldSource {
    func value(of field: Field) -> FieldValue {
        let info = summary.info
        if let decided = field.name.protocolValue(info.mailProtocol) { return decided }
        switch field.name {
        case .route: return .text(info.route)
        case .clientAddress: return .text(info.client.host)
        case .tls: return .truth(info.tls.map { $0.failure == nil } ?? (summary.opaque == .tls))
        case .user: return summary.user.map { .text($0) } ?? .none
        case .command: return .texts(exchanges.map(\.command))
        case .size: return .numbers(messages.map(\.bytes))
        case .carrier: return .texts(messages.map(\.carrier.rawValue))
        case .from: return .texts(messages.map(\.from))
        case .to: return .texts(messages.flatMap(\.to))
        case .subject: return .texts(messages.map(\.subject))
        case .replyCode: return .texts(exchanges.map(\.replyCode))
        case .replyText: return .texts(exchanges.map(\.replyText))
        case .tag: return .texts(summary.tags)
        case .id: return .text(info.id)
        case .client: return .text(info.client.description)
        case .server: return .text(info.server.description)
        case .exchanges: return .number(summary.exchanges)
        case .messages: return .number(summary.messages)
        case .credentials: return .number(summary.credentials)
        case .violations: return .number(summary.violations)
        case .finding: return .texts(summary.findings)
        case .bytesClient: return .number(summary.clientBytes)
        case .bytesServer: return .number(summary.serverBytes)
        case .duration: return .number(Int(clamping: summary.duration))
        case .end: return .text(summary.end.rawValue)
        case .opaque: return .text(summary.opaque?.rawValue ?? "")
        case .gaps: return .number(summary.gaps)
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .clientName, .line, .sender, .senderDomain, .rcpt, .rcptDomain,
            .rcptCount, .mailbox, .header:
            return .none
        }
    }
}
