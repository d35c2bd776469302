// Sessions of a catalog in order, out of several recordings and captures at once: of a recording as its index gives them, one after the
// other, so that a million of them take no more memory than ten.

import Glibc
import MailRecording
import MailRules
import MailStore

/// Sessions of one place, in order.
private protocol SessionSource: AnyObject {
    /// The next session for which the filter holds; nil behind the last.
    func next() throws -> CatalogEntry?
}

/// Sessions that are in memory.
private final class ReadSessions: SessionSource {
    private var entries: ArraySlice<CatalogEntry>

    init(_ entries: [CatalogEntry], _ order: SessionOrder) {
        self.entries = entries.sorted { order.precedes($0.summary, $1.summary) }[...]
    }

    func next() -> CatalogEntry? { entries.popFirst() }
}

/// Sessions of a recording that are not settled, some at a time.
private final class UnsettledSessions: SessionSource {
    private let backlog: SessionCatalog.Backlog
    private var read: ArraySlice<CatalogEntry> = []

    init(_ backlog: SessionCatalog.Backlog) { self.backlog = backlog }

    func next() throws -> CatalogEntry? {
        while read.isEmpty {
            guard let page = try backlog.next() else { return nil }
            read = page[...]
        }
        return read.popFirst()
    }
}

/// Settled sessions of a recording.
private final class IndexedSessions: SessionSource {
    private let catalog: SessionCatalog
    private let index: RecordingIndex
    private let cursor: SessionCursor
    /// What comes is what the filter wants.
    private let isExact: Bool
    /// The filter asks for what only the messages tell.
    private let readsMessages: Bool
    /// Sessions that were read together, as the filter asks for what no index has: few at first, as few may be wanted.
    private var read: ArraySlice<CatalogEntry> = []
    private var together = 8
    private static let mostTogether = 256

    /// - Parameter told: Those that were not settled when somebody looked, and are told by another source.
    init(_ catalog: SessionCatalog, _ index: RecordingIndex, _ search: SessionSearch, told: UnsettledRows) throws {
        self.catalog = catalog
        self.index = index
        cursor = try index.settled(search, besides: told)
        isExact = RecordingIndex.answers(search.filter)
        readsMessages = !catalog.needs.fields.isEmpty
    }

    func next() throws -> CatalogEntry? {
        if readsMessages { return try nextRead() }
        while let summary = try cursor.next() {
            if isExact { return CatalogEntry(summary: summary) }
            let entry = try catalog.entry(summary, index)
            if catalog.passes(entry) { return entry }
        }
        return nil
    }

    private func nextRead() throws -> CatalogEntry? {
        while read.isEmpty {
            var summaries: [SessionSummary] = []
            while summaries.count < together, let summary = try cursor.next() {
                summaries.append(summary)
            }
            if summaries.isEmpty { return nil }
            together = min(together * 4, Self.mostTogether)
            read = try catalog.settled(summaries, index)[...]
        }
        return read.popFirst()
    }
}

extension SessionCatalog {
    /// What is searched for, in an order.
    func search(_ order: SessionOrder = SessionOrder()) -> SessionSearch {
        var search = SessionSearch(filter)
        search.text = text
        search.order = order
        return search
    }

    /// All sessions that the filter lets through, by start.
    func entries() throws -> [CatalogEntry] {
        var found: [CatalogEntry] = []
        try each(search()) {
            found.append($0)
            return true
        }
        return found
    }

    /// Gives the sessions that the filter lets through, in order, until `body` says that it has enough.
    func each(_ search: SessionSearch, _ body: (CatalogEntry) throws -> Bool) throws {
        var waiting: [(entry: CatalogEntry, source: any SessionSource)] = []
        for source in try sources(search) {
            if let entry = try guarded({ try source.next() }) { waiting.append((entry, source)) }
        }
        while !waiting.isEmpty {
            var first = 0
            for place in waiting.indices.dropFirst()
            where search.order.precedes(waiting[place].entry.summary, waiting[first].entry.summary) {
                first = place
            }
            let (entry, source) = waiting[first]
            guard try body(entry) else { return }
            if let next = try guarded({ try source.next() }) {
                waiting[first].entry = next
            } else {
                waiting.remove(at: first)
            }
        }
    }

    /// How many sessions the filter lets through.
    func count(_ search: SessionSearch) throws -> Int {
        var count = 0
        let isExact = RecordingIndex.answers(filter)
        let places = try places()
        for place in places {
            switch place {
            case .indexed(let index) where isExact:
                let (settled, others) = try guarded {
                    try index.atOnce { (try index.count(search), try index.unsettled(search)) }
                }
                count += settled
                try backlog(others, index, search).each { _ in count += 1 }
            case .indexed(let index):
                let others = try guarded { try index.unsettled(search) }
                try backlog(others, index, search).each { _ in count += 1 }
                let settled = try IndexedSessions(self, index, search, told: others)
                while try guarded({ try settled.next() }) != nil { count += 1 }
            case .files(let paths): count += try read(paths, besides: places).count { search.isWithin($0.summary) }
            }
        }
        return count
    }

    /// The sessions that the filter lets through, by what they have in common; the most sessions first.
    func groups(_ search: SessionSearch, by key: SessionGroup.Key) throws -> [SessionGroup] {
        var groups: [String: SessionGroup] = [:]
        func add(_ group: SessionGroup) { groups[group.key, default: SessionGroup(group.key)].add(group) }
        func add(_ entry: CatalogEntry, _ exchanges: @autoclosure () throws -> [Exchange]) rethrows {
            guard key == .command else {
                for text in SessionGroup.keys(of: entry.summary, by: key) {
                    groups[text, default: SessionGroup(text)].add(entry.summary)
                }
                return
            }
            for (command, rows) in Dictionary(grouping: try exchanges(), by: \.command) where !command.isEmpty {
                var group = SessionGroup(command)
                group.sessions = 1
                group.exchanges = rows.count
                add(group)
            }
        }
        let isExact = RecordingIndex.answers(filter)
        let rows = key == .command
        let places = try places()
        for place in places {
            switch place {
            case .indexed(let index):
                let (counted, others) = try guarded {
                    try index.atOnce { (isExact ? try index.groups(search, by: key) : [], try index.unsettled(search)) }
                }
                for group in counted { add(group) }
                try backlog(others, index, search, withExchanges: rows).each { add($0, $0.exchanges) }
                guard !isExact else { continue }
                let settled = try IndexedSessions(self, index, search, told: others)
                while let entry = try guarded({ try settled.next() }) {
                    try add(entry, try index.exchanges(of: entry.summary.info.id))
                }
            case .files(let paths):
                for entry in try read(paths, besides: places, withExchanges: rows) where search.isWithin(entry.summary)
                {
                    add(entry, entry.exchanges)
                }
            }
        }
        return groups.values.sorted {
            $0.sessions != $1.sessions
                ? $0.sessions > $1.sessions : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
        }
    }

    /// Gives the sessions that the filter lets through with their exchanges, place by place.
    func eachWithExchanges(_ search: SessionSearch, _ body: (CatalogEntry) throws -> Void) throws {
        let places = try places()
        for place in places {
            switch place {
            case .indexed(let index):
                let others = try guarded { try index.unsettled(search) }
                try backlog(others, index, search, withExchanges: true).each(body)
                let settled = try IndexedSessions(self, index, search, told: others)
                while var entry = try guarded({ try settled.next() }) {
                    entry.exchanges = try guarded { try index.exchanges(of: entry.summary.info.id) }
                    try body(entry)
                }
            case .files(let paths):
                for entry in try read(paths, besides: places, withExchanges: true) where search.isWithin(entry.summary)
                {
                    try body(entry)
                }
            }
        }
    }

    /// Sessions that may have carried a message; nil when not all places have an index.
    func sessions(withMessage id: String) throws -> Set<String>? {
        var found: Set<String> = []
        for place in try places() {
            switch place {
            case .indexed(let index): found.formUnion(try guarded { try index.sessions(withMessageID: id) })
            case .files: return nil
            }
        }
        return found
    }

    /// Indexes answer for all places: which sessions there are is known without reading any.
    var isIndexed: Bool {
        get throws {
            try places().allSatisfy { place in
                switch place {
                case .indexed: true
                case .files: false
                }
            }
        }
    }

    /// The session with this id, or those whose ids begin so; six at most.
    func sessions(beginning id: String) throws -> [CatalogEntry] {
        var found: [CatalogEntry] = []
        guard filter == nil, text == nil else {
            // Few are asked for so, and a limit would leave out those that are wanted.
            try each(search()) {
                if $0.summary.info.id.hasPrefix(id) { found.append($0) }
                return found.count < Self.mostAlike
            }
            return found
        }
        let places = try places()
        for place in places {
            switch place {
            case .indexed(let index):
                // Ids are ASCII; U+10FFFF sorts behind whatever follows the beginning.
                let summaries = try guarded {
                    try index.sessions(
                        where: "id >= ? AND id < ?", [.text(id), .text(id + "\u{10FFFF}")], limit: Self.mostAlike)
                }
                let missing = try guarded { try rows(missingIn: index, summaries, areWanted: rowsNeeded) }
                for summary in summaries {
                    let entry = try entry(summary, index, missing[summary.info.id])
                    if passes(entry) { found.append(entry) }
                }
            case .files(let paths):
                found += try read(paths, besides: places).filter { $0.summary.info.id.hasPrefix(id) }
            }
        }
        return found
    }

    private static let mostAlike = 6

    // MARK: Places

    private enum Place {
        case indexed(RecordingIndex)
        /// Captures, and recordings without a usable index, that are read together.
        case files([String])
    }

    private func places() throws -> [Place] {
        var places: [Place] = []
        var files: [String] = []
        for path in paths {
            if let index = try index(path) { places.append(.indexed(index)) } else { files.append(path) }
        }
        if !files.isEmpty { places.append(.files(files)) }
        return places
    }

    /// Sessions of files, but those that the index of another place has: one that was captured and recorded is one session.
    private func read(
        _ paths: [String], besides places: [Place], withExchanges: Bool = false
    ) throws -> [CatalogEntry] {
        var indexes: [RecordingIndex] = []
        for case .indexed(let index) in places { indexes.append(index) }
        let found = try read(paths, withExchanges: withExchanges)
        guard !indexes.isEmpty else { return found }
        var known: Set<String> = []
        for entry in found {
            let id = entry.summary.info.id
            let isKnown = try guarded {
                try indexes.contains { try !$0.sessions(where: "id = ?", [.text(id)], limit: 1).isEmpty }
            }
            if isKnown { known.insert(id) }
        }
        guard !known.isEmpty else { return found }
        var once = EachOnce()
        once.leaveOut(known)
        Self.tell(once)
        return found.filter { !known.contains($0.summary.info.id) }
    }

    private func sources(_ search: SessionSearch) throws -> [any SessionSource] {
        var sources: [any SessionSource] = []
        let places = try places()
        for place in places {
            switch place {
            case .indexed(let index):
                // These first: what settles meanwhile is among the others then, and known to be told.
                let others = try guarded { try index.unsettled(search) }
                let backlog = backlog(others, index, search)
                if search.order.key == .start {
                    sources.append(UnsettledSessions(backlog))
                } else {
                    // In any other order the last may come first.
                    var found: [CatalogEntry] = []
                    try backlog.each { found.append($0) }
                    sources.append(ReadSessions(found, search.order))
                }
                sources.append(try guarded { try IndexedSessions(self, index, search, told: others) })
            case .files(let paths):
                let found = try read(paths, besides: places).filter { search.isWithin($0.summary) }
                sources.append(ReadSessions(found, search.order))
            }
        }
        return sources
    }

    /// The index of a recording; nil when the path is none, or its index is of no use.
    private func index(_ path: String) throws -> RecordingIndex? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        // It does not know what stands in sessions that were recorded sealed.
        if Self.keys != nil { return nil }
        do {
            let index = try RecordingIndex(directory: path)
            if text != nil, try index.lacksTexts {
                Console.error(
                    "\(path): the index has no text; 'mailproxy sessions reindex' puts it there, now the recording is read"
                )
                return nil
            }
            guard try index.isIncomplete else { return index }
            let time = index.isAbandoned ? "" : " when nobody records any more"
            Console.error(
                """
                \(path): the index lacks rows; 'mailproxy sessions reindex' completes it\(time), now the recording is read
                """)
        } catch RecordingIndexError.missing {
        } catch {
            Console.error("\(error); the recording is read instead")
        }
        return nil
    }

    var rowsNeeded: Bool { needs.exchanges || needs.messages }

    /// A session with what the filter asks of it.
    /// - Parameter rows: those that the index does not have yet.
    func entry(
        _ summary: SessionSummary, _ index: RecordingIndex, _ rows: ReadRows? = nil, withExchanges: Bool = false
    ) throws -> CatalogEntry {
        var entry = CatalogEntry(summary: summary)
        if let read = rows?.summary {
            entry.summary.exchanges = max(summary.exchanges, read.exchanges)
            entry.summary.messages = max(summary.messages, read.messages)
            entry.summary.credentials = max(summary.credentials, read.credentials)
            entry.summary.violations = max(summary.violations, read.violations)
            entry.summary.user = summary.user ?? read.user
            entry.summary.clientBytes = max(summary.clientBytes, read.clientBytes)
            entry.summary.serverBytes = max(summary.serverBytes, read.serverBytes)
            entry.summary.last = max(summary.last, read.last)
            entry.summary.gaps = max(summary.gaps, read.gaps)
            entry.summary.opaque = summary.opaque ?? read.opaque
            for code in read.findings where !entry.summary.findings.contains(code) {
                entry.summary.findings.append(code)
            }
            entry.summary.findings.sort()
        }
        if let rows {
            entry.exchanges = rows.exchanges
            entry.gathered = rows.gathered
        } else {
            if needs.exchanges || withExchanges { entry.exchanges = try index.exchanges(of: summary.info.id) }
            if needs.messages { entry.messages = try index.messages(of: summary.info.id) }
        }
        return entry
    }

    /// An index that breaks while it is read is a fault: what came before it was given already.
    func guarded<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as RecordingIndexError { throw CLIError.fault("\(error)") }
    }
}
