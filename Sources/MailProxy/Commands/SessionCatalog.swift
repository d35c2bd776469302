// What there is to list, show and export: sessions of recordings by their index, of any other capture by reading it.

import Glibc
import MailCapture
import MailRecording
import MailRules
import MailStore

/// Finds sessions in recordings and captures.
struct SessionCatalog {
    /// As given: files, directories, `-`.
    let paths: [String]
    let filter: Expression?
    /// Words of a message.
    let text: TextQuery?
    private let matcher: TextMatcher?
    /// Standard input in a form that can be read twice.
    private var spool: SpoolFile?

    /// - Parameters:
    ///   - paths: empty for the directory of recordings.
    ///   - filter: an expression over sessions.
    ///   - text: words that one of their messages must have.
    init(paths: [String], recordDirectory: String?, filter: String?, text: String? = nil) throws {
        do {
            self.text = try text.map { try TextQuery($0) }
            matcher = try self.text.map { try TextMatcher($0) }
        } catch {
            throw CLIError.usage("--text: \(error)")
        }
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
            Self.spooled = spool.path
        }
        self.paths = paths
    }

    /// The names for people.
    var names: String { paths.map(shownName).joined(separator: ", ") }

    /// What is said where there is no session: which options left out all of them, or that there are none at all.
    /// - Parameter others: Options of the command that narrow what is taken, and were given.
    func nothing(_ others: [String] = []) -> String {
        let options = (filter == nil ? [] : ["--filter"]) + (text == nil ? [] : ["--text"]) + others
        guard let last = options.last else { return "no sessions in \(names)" }
        let list = options.count == 1 ? last : options.dropLast().joined(separator: ", ") + " and " + last
        return "no session in \(names) is what \(list) \(options.count == 1 ? "takes" : "take")"
    }

    /// The name of a file for people.
    func shownName(_ path: String) -> String { path == spool?.path ? "standard input" : path }

    /// The copy of standard input, if there is one.
    nonisolated(unsafe) private static var spooled: String?

    /// What is said of a file, by the name that its user knows.
    private static func shown(_ text: String) -> String {
        guard let spooled, text.hasPrefix("\(spooled):") else { return text }
        return "standard input" + text.dropFirst(spooled.count)
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

    func read(_ paths: [String], withExchanges: Bool = false) throws -> [CatalogEntry] {
        let needs = needs
        let keepsExchanges = needs.exchanges || withExchanges
        var open: [String: ReadRows] = [:]
        var found: [CatalogEntry] = []
        // Of a recorder that was killed: nobody will tell how these end.
        let isAbandoned = paths.allSatisfy { Self.isDirectory($0) && !RecordingDirectory.isRecording($0) }
        try Self.read(
            paths, keepsText: text != nil, keepsFields: needs.fields, keepsRows: keepsExchanges || needs.messages,
            keepsExchanges: keepsExchanges, tellsOctets: false
        ) { batch in
            for event in batch.events {
                switch event {
                case .exchange(let id, let row):
                    if keepsExchanges { open[id, default: ReadRows(self)].take(row, isKept: withExchanges) }
                case .message(let id, let message):
                    if needs.messages { try open[id, default: ReadRows(self)].take(message) }
                case .closed(let summary):
                    let rows = open.removeValue(forKey: summary.info.id) ?? ReadRows(self)
                    var entry = CatalogEntry(summary: summary, exchanges: rows.exchanges)
                    entry.gathered = rows.gathered
                    if isAbandoned, summary.end == .open { entry.summary.end = .lost }
                    if passes(entry), rows.hasText { found.append(entry) }
                case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .credential: break
                }
            }
        }
        return found
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Reads some sessions: of a recording only where they are, else the files that hold them.
    func read(
        _ ids: Set<String>, judgesMessages: Bool = false, _ deliver: (SessionBatch) throws -> Void
    ) throws {
        guard let stretches = try stretches(of: ids) else {
            try Self.read(try files(of: ids), only: ids, judgesMessages: judgesMessages, deliver)
            return
        }
        var reader = SessionReader(only: ids)
        reader.judgesMessages = judgesMessages
        reader.restore = Self.unsealing?.restore
        try reader.read(stretches, isPatient: true, deliver: deliver)
        Self.complain(of: reader.missing)
    }

    /// Says what is wrong with segments; the exit status says so, too.
    static func complain(of missing: [UnreadFile]) {
        for file in missing {
            // Retention does not wait for readers, and what it takes is no damage.
            let isRemoved = RecordingDirectory.hasRemoved(file.path)
            let text = isRemoved ? "\(file.path): was removed meanwhile, as it was not to be kept longer" : file.text
            if !isRemoved { damaged = true }
            if told.insert(text).inserted { Console.error("\(shown(text)); what else there is was read") }
        }
    }

    /// Where the client legs of sessions are. Nil when the indexes don't know it of all.
    private func stretches(of ids: Set<String>) throws -> [SessionReader.Stretch]? {
        // A handshake may stand before what the index knows of the session.
        if Self.keys != nil { return nil }
        var found: [SessionReader.Stretch] = []
        var rest = ids
        for path in paths {
            guard let index = try? RecordingIndex(directory: path), (try? index.isIncomplete) == false else {
                return nil
            }
            for id in rest {
                guard let summary = try? index.session(id), summary.info.id == id,
                    let places = try? index.extents(of: id).filter({ $0.extent.leg == .client }), !places.isEmpty
                else { continue }
                rest.remove(id)
                for place in places {
                    // One that goes on has more than the index says, and may go on in segments of which it does not know yet.
                    let end = summary.end == .open && place == places.last ? Int.max : Int(place.extent.end)
                    let first = Int(place.extent.first)
                    found.append(SessionReader.Stretch(path: place.path, octets: first..<max(first, end)))
                }
                guard summary.end == .open, let last = places.last?.extent.segment else { continue }
                for segment in RecordingDirectory.segments(in: path) where segment.number > last {
                    found.append(SessionReader.Stretch(path: path + "/" + segment.name, octets: 0..<Int.max))
                }
            }
        }
        guard rest.isEmpty else { return nil }
        return SessionReader.Stretch.joining(found)
    }

    /// Reads captures, and says on stderr what is wrong with them. Gives what was read of each file.
    /// - Parameters:
    ///   - only: the sessions that matter; nil for all.
    ///   - keepsText: messages are wanted with their text.
    ///   - keepsFields: header fields of messages that are wanted, their names in lower case.
    ///   - keepsRows: their exchanges and messages are wanted, not only how many they are.
    ///   - keepsExchanges: of these, exchanges are.
    ///   - tellsOctets: octets within messages are wanted, not only what is known of them.
    ///   - progress: shows how far the files have been read; nil where nobody has to wait.
    @discardableResult
    static func read(
        _ paths: [String], only: Set<String>? = nil, judgesMessages: Bool = false, keepsText: Bool = false,
        keepsFields: [String] = [], hashes: Bool = true, keepsRows: Bool = true, keepsExchanges: Bool = true,
        tellsOctets: Bool = true,
        progress: ReadingProgress? = nil, packet: ((CaptureRecord, [CaptureInterface]) throws -> Void)? = nil,
        _ deliver: (SessionBatch) throws -> Void
    ) throws -> [FileFigures] {
        var reader: SessionReader
        do { reader = try SessionReader(paths, checksums: checksums, overlap: overlap) } catch {
            throw CLIError.usage("\(error)")
        }
        reader.isPatient = true
        reader.only = only
        reader.judgesMessages = judgesMessages
        reader.keepsText = keepsText
        reader.keepsFields = keepsFields
        reader.hashes = hashes
        reader.keepsRows = keepsRows
        reader.keepsExchanges = keepsExchanges
        reader.tellsOctets = tellsOctets
        reader.form = form
        reader.keys = keys
        reader.restore = unsealing?.restore
        if let progress { reader.progress = { progress.advance(by: $0) } }
        var once = EachOnce()
        do {
            defer { progress?.end() }
            if paths.count > 1 {
                try reader.read(packet: packet) { if once.takes($0) { try deliver($0) } }
            } else {
                try reader.read(packet: packet, deliver: deliver)
            }
        } catch let error as CaptureError {
            throw CLIError.usage(shown("\(error)"))
        }
        complain(of: reader.missing)
        var isDamaged = false
        for problem in reader.problems {
            let text = shown("\(problem); what comes before it was read")
            if told.insert(text).inserted { Console.error(text) }
            isDamaged = isDamaged || !problem.isTruncation
        }
        if let type = reader.counters.undecodedLinkType {
            Console.error("\(Figures.count(reader.counters.undecoded, "packet")) of link type \(type) were not decoded")
        }
        for remark in reader.remarks.map(shown) where told.insert(remark).inserted { Console.error(remark) }
        tell(once)
        if isDamaged { damaged = true }
        return reader.figures
    }

    /// Says how many sessions were left out, as they are in several places.
    static func tell(_ once: EachOnce) {
        if let remark = once.remark, told.insert(remark).inserted { Console.error(remark) }
    }

    /// The form of all files that are read, when they are no captures and their content does not tell.
    nonisolated(unsafe) static var form: ImportFormat?
    /// Which of two copies of octets counts.
    nonisolated(unsafe) static var overlap = OverlapPolicy.first
    /// What is done with segments whose checksum is wrong.
    nonisolated(unsafe) static var checksums = ChecksumPolicy.auto
    /// Secrets of TLS connections, when somebody gave them.
    nonisolated(unsafe) static var keys: TLSKeyLog?
    /// Opens what is sealed, when somebody gave the key.
    nonisolated(unsafe) static var unsealing: Unsealing?
    /// What was said of files that are read more than once.
    nonisolated(unsafe) private static var told: Set<String> = []

    /// A file that was read is damaged in its middle: the exit status says so at the end.
    nonisolated(unsafe) private(set) static var damaged = false

    // MARK: The filter

    /// What the filter and the words ask for: exchanges, messages, and of these header fields.
    var needs: (exchanges: Bool, messages: Bool, fields: [String]) {
        var needs = (exchanges: false, messages: text != nil, fields: [String]())
        for field in filter?.fields ?? [] {
            switch field.name.rows {
            case .exchanges: needs.exchanges = true
            case .messages: needs.messages = true
            case .texts:
                needs.messages = true
                needs.fields.append(field.argument)
            case nil: break
            }
        }
        return needs
    }

    func passes(_ entry: CatalogEntry) -> Bool { filter.map { entry.fulfils($0) } ?? true }

    /// A message, which was read with its text, has the words.
    func hasText(_ message: MessageRecord) throws -> Bool {
        guard let matcher, let text = message.text else { return matcher == nil }
        return try matcher.isFound(in: text)
    }
}
