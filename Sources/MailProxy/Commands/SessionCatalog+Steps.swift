// Sessions of a catalog read step by step, for views that need what was said and not only rows.

import MailCapture
import MailRecording
import MailStore

extension SessionCatalog {
    /// Sessions that are read in one go: their ids are in memory.
    private static let mostAtOnce = 100_000

    /// Reads the sessions that are searched for. When all are, in one reading; else those that the filter and the time let through, of a
    /// recording only where they are.
    /// - Parameter isWanted: says no of sessions that matter to nobody; nil when all do.
    func readSteps(
        _ search: SessionSearch, where isWanted: ((SessionSummary) -> Bool)? = nil,
        _ deliver: (SessionBatch) throws -> Void
    ) throws {
        guard filter != nil || text != nil || search.since != nil || search.until != nil || isWanted != nil else {
            try Self.read(paths, deliver)
            return
        }
        var ids: Set<String> = []
        try each(search) { entry in
            if isWanted?(entry.summary) == false { return true }
            ids.insert(entry.summary.info.id)
            if ids.count >= Self.mostAtOnce {
                try read(ids, deliver)
                ids.removeAll()
            }
            return true
        }
        if !ids.isEmpty { try read(ids, deliver) }
    }

    /// Reads the sessions in which a message passed; where indexes don't know them, all that are searched for.
    /// - Parameter id: a Message-ID without angle brackets.
    func readSteps(
        _ search: SessionSearch, withMessage id: String, _ deliver: (SessionBatch) throws -> Void
    ) throws {
        guard let ids = try sessions(withMessage: id) else { return try readSteps(search, deliver) }
        guard filter != nil || text != nil || search.since != nil || search.until != nil else {
            return ids.isEmpty ? () : try read(ids, deliver)
        }
        try readSteps(search, where: { ids.contains($0.info.id) }, deliver)
    }
}
