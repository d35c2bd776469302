// Sessions of a recording that its index does not have all of: they go on, or have ended and wait for the recorder to read their exchanges
// and messages into the index. Where a filter asks for these they are read from the segments, some sessions at a time, so that however many
// wait no more than some are in memory. What was read is not kept: the index has one writer, the recorder (Docs/Decisions/042).

import MailRecording
import MailRules
import MailStore

extension SessionCatalog {
    /// What was read of a session, for the filter. Its messages are looked at as they come, so that however many they are no more than
    /// one is in memory.
    struct ReadRows {
        private let catalog: SessionCatalog
        /// Nil without a filter.
        private(set) var gathered: GatheredRows?
        /// Those that somebody wants to have.
        private(set) var exchanges: [Exchange] = []
        /// It has a message with the words, or none are asked for.
        private(set) var hasText: Bool
        /// What it has come to, as far as its packets are there.
        var summary: SessionSummary?

        init(_ catalog: SessionCatalog) {
            self.catalog = catalog
            gathered = catalog.filter.map { GatheredRows($0) }
            hasText = catalog.text == nil
        }

        mutating func take(_ exchange: Exchange, isKept: Bool) {
            gathered?.take(exchange)
            if isKept { exchanges.append(exchange) }
        }

        mutating func take(_ message: MessageRecord) throws {
            gathered?.take(message)
            if !hasText { hasText = try catalog.hasText(message) }
        }
    }

    /// Octets that are read only to show how many exchanges and messages sessions that go on have so far: of one, and of all.
    private static let mostForCount: Int64 = 16 << 20
    private static let mostForCounts: Int64 = 64 << 20
    /// Sessions that are read at once, and octets of their own that they may have: what is in memory is of these.
    private static let mostAtOnce = 256
    private static let mostOctetsAtOnce: Int64 = 8 << 20
    /// Sessions that are read from where on it is said that they are, and what would change it.
    private static let many = 1_000

    /// The filter asks what is counted when a session has ended.
    private var asksForCounts: Bool {
        (filter?.fields ?? []).contains { field in
            switch field.name {
            case .exchanges, .messages, .credentials, .violations, .finding, .user, .bytesClient, .bytesServer,
                .duration,
                .gaps, .opaque:
                true
            default: false
            }
        }
    }

    /// Sessions that go on or ended a moment ago, and are wanted: looked at some at a time.
    final class Backlog {
        private let catalog: SessionCatalog
        private let index: RecordingIndex
        private let search: SessionSearch
        private let rows: UnsettledRows
        private let withExchanges: Bool
        /// How many were looked at, and how many of them were read.
        private var taken = 0
        private var readCount = 0
        private var limit = ReadingLimit()
        private var progress: Progress

        fileprivate init(
            _ catalog: SessionCatalog, _ rows: UnsettledRows, _ index: RecordingIndex, _ search: SessionSearch,
            _ withExchanges: Bool
        ) {
            self.catalog = catalog
            self.index = index
            self.search = search
            self.rows = rows
            self.withExchanges = withExchanges
            progress = Progress("sessions that are not in the index yet", of: Int64(rows.count))
        }

        /// Gives all of them, in the order of their starts.
        func each(_ body: (CatalogEntry) throws -> Void) throws {
            while let page = try next() { for entry in page { try body(entry) } }
        }

        /// The next ones, in the order that is asked for when that is the order of their starts; nil behind the last.
        func next() throws -> [CatalogEntry]? {
            guard taken < rows.count else {
                progress.end()
                return nil
            }
            return try catalog.guarded {
                let before = taken
                let summaries = try index.sessions(rows, from: &taken, count: mostAtOnce, search)
                let areWanted = catalog.rowsNeeded || withExchanges
                let candidates = try catalog.candidates(
                    summaries, index, areWanted: areWanted, readsSettled: catalog.readsTexts, &limit)
                let few = readCount < many
                readCount += candidates.count { $0.unread != nil }
                if few, readCount >= many { tell() }
                let found = try catalog.looked(at: candidates, index, areWanted: areWanted, withExchanges)
                if readCount > 0 { progress.advance(by: Int64(min(taken, rows.count) - before)) }
                // They may be printed before the next are read.
                if !found.isEmpty { progress.makeRoom() }
                return found
            }
        }

        private func tell() {
            progress.makeRoom()
            Console.error(
                "\(index.directory): \(Figures.count(rows.count, "session")) are not all in the index yet, and are read from the segments"
                    + " where the filter may hold; "
                    + (index.isAbandoned
                        ? "the next recorder, or 'mailproxy sessions reindex', puts them there"
                        : "the recorder puts them there when it has time"))
        }
    }

    func backlog(
        _ rows: UnsettledRows, _ index: RecordingIndex, _ search: SessionSearch, withExchanges: Bool = false
    ) -> Backlog {
        Backlog(self, rows, index, search, withExchanges)
    }

    /// Octets that were read only for counts.
    private struct ReadingLimit {
        var octets: Int64 = 0
    }

    /// Of sessions that the filter may let through, those that it does.
    private func looked(
        at candidates: [Candidate], _ index: RecordingIndex, areWanted: Bool, _ withExchanges: Bool
    ) throws -> [CatalogEntry] {
        var found: [CatalogEntry] = []
        var rest = candidates[...]
        while !rest.isEmpty {
            let batch = Self.batch(rest)
            rest = rest.dropFirst(batch.count)
            let rows = try read(batch.compactMap(\.unread), areWanted: areWanted, withExchanges: withExchanges)
            for summary in batch.map(\.summary) {
                let rows = rows[summary.info.id]
                var entry = try entry(summary, index, rows, withExchanges: withExchanges)
                guard passes(entry), rows?.hasText ?? (text == nil) else { continue }
                if !withExchanges { entry.exchanges = [] }
                entry.messages = []
                entry.gathered = nil
                found.append(entry)
            }
        }
        return found
    }

    /// A session for which the filter may hold, and where it is to be read when it has to be.
    private struct Candidate {
        var summary: SessionSummary
        var unread: UnreadSession?
    }

    /// As many as are read at once, and those between them that need not be.
    private static func batch(_ candidates: ArraySlice<Candidate>) -> ArraySlice<Candidate> {
        var count = 0
        var octets: Int64 = 0
        for (index, candidate) in zip(candidates.indices, candidates) {
            guard let unread = candidate.unread else { continue }
            octets &+= unread.octets
            if count == mostAtOnce || count > 0 && octets > mostOctetsAtOnce { return candidates[..<index] }
            count += 1
        }
        return candidates
    }

    /// The filter or the words ask for what the index does not tell of a session by itself.
    private var readsTexts: Bool { text != nil || !needs.fields.isEmpty }

    /// - Parameter readsSettled: also those are read of which the index has all by now: they were to come from here.
    private func candidates(
        _ summaries: [SessionSummary], _ index: RecordingIndex, areWanted: Bool, readsSettled: Bool,
        _ limit: inout ReadingLimit
    ) throws -> [Candidate] {
        let missing = try index.missing(of: summaries.map(\.info.id))
        let isLimited = !areWanted && !asksForCounts
        var candidates: [Candidate] = []
        for summary in summaries {
            let id = summary.info.id
            let goesOn = summary.end == .open || (index.isAbandoned && summary.end == .lost)
            let lacksCounts: Bool
            let isUnread: Bool
            switch missing[id] {
            case .all?: (lacksCounts, isUnread) = (true, true)
            case .rows?: (lacksCounts, isUnread) = (false, areWanted)
            case nil: (lacksCounts, isUnread) = (false, readsSettled)
            }
            // Of those that have ended, and were told whole, all is known but their rows.
            if isRefused(summary, isWhole: !goesOn && !lacksCounts) { continue }
            var candidate = Candidate(summary: summary)
            if goesOn || isUnread {
                let places = try index.extents(of: id).filter { $0.extent.leg == .client }
                let session = UnreadSession(id: id, places: places)
                let own = session.octets
                if !isLimited || own <= Self.mostForCount && limit.octets + own <= Self.mostForCounts {
                    limit.octets += own
                    candidate.unread = session
                }
            }
            candidates.append(candidate)
        }
        return candidates
    }

    /// Whatever is yet to be known of it, the filter does not let the session through.
    /// - Parameter isWhole: only its exchanges and messages are.
    private func isRefused(_ summary: SessionSummary, isWhole: Bool) -> Bool {
        filter?.verdict(of: CatalogEntry(summary: summary)) { field in
            switch field {
            case .command, .line, .replyCode, .replyText, .clientName, .sender, .senderDomain, .rcpt, .rcptDomain,
                .rcptCount, .mailbox, .size, .carrier, .from, .to, .subject, .header:
                true
            case .smtp, .lmtp, .pop3, .imap, .mailProtocol, .route, .clientAddress, .id, .client, .server: false
            case .tls, .user, .tag, .exchanges, .messages, .credentials, .violations, .finding, .bytesClient,
                .bytesServer, .duration, .end, .opaque, .gaps:
                !isWhole
            }
        } == false
    }

    /// What the index does not have yet of these sessions, as they go on or ended a moment ago, read from the segments.
    /// - Parameter areWanted: their exchanges and messages are; else how many there are, which the index has of all that ended.
    func rows(
        missingIn index: RecordingIndex, _ summaries: [SessionSummary], areWanted: Bool
    ) throws -> [String: ReadRows] {
        var limit = ReadingLimit()
        return try read(
            try candidates(summaries, index, areWanted: areWanted, readsSettled: false, &limit).compactMap(\.unread),
            areWanted: areWanted)
    }

    private func read(
        _ sessions: [UnreadSession], areWanted: Bool, withExchanges: Bool = false
    ) throws -> [String: ReadRows] {
        var found: [String: ReadRows] = [:]
        guard !sessions.isEmpty else { return found }
        try RecordedRows.read(sessions, text != nil, fields: needs.fields, { true }, isPatient: true) { event in
            switch event {
            case .exchange(session: let id, let exchange):
                if areWanted { found[id, default: ReadRows(self)].take(exchange, isKept: withExchanges) }
            case .message(session: let id, let message):
                if areWanted { try found[id, default: ReadRows(self)].take(message) }
            case .closed(let summary): found[summary.info.id, default: ReadRows(self)].summary = summary
            case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .credential: break
            }
        }
        return found
    }

    /// Sessions of which the index has all that it can have, and whose messages are to be read: those that the filter lets through, in the
    /// order given.
    func settled(_ summaries: [SessionSummary], _ index: RecordingIndex) throws -> [CatalogEntry] {
        var candidates: [Candidate] = []
        var certain: Set<String> = []
        for summary in summaries {
            let entry = try entry(summary, index)
            switch filter?.verdict(of: entry, unknown: { $0.rows == .texts }) {
            case false?: continue
            case true?: certain.insert(summary.info.id)
            case nil: break
            }
            var candidate = Candidate(summary: summary)
            if !certain.contains(summary.info.id) {
                let places = try index.extents(of: summary.info.id).filter { $0.extent.leg == .client }
                candidate.unread = UnreadSession(id: summary.info.id, places: places)
            }
            candidates.append(candidate)
        }
        var found: [CatalogEntry] = []
        var rest = candidates[...]
        while !rest.isEmpty {
            let batch = Self.batch(rest)
            rest = rest.dropFirst(batch.count)
            let rows = try read(batch.compactMap(\.unread), areWanted: true)
            for summary in batch.map(\.summary) {
                var entry = CatalogEntry(summary: summary)
                if !certain.contains(summary.info.id) {
                    // What the index has is more, where a segment of the session is gone.
                    entry.gathered = rows[summary.info.id]?.gathered ?? filter.map { GatheredRows($0) }
                    entry.gathered?.take(try self.entry(summary, index))
                    guard passes(entry) else { continue }
                    entry.gathered = nil
                }
                found.append(entry)
            }
        }
        return found
    }
}

extension UnreadSession {
    /// Octets of the segments from its first packet to its last.
    fileprivate var octets: Int64 {
        places.reduce(0) { $0 &+ max(0, $1.extent.end &- $1.extent.first) }
    }
}
