// A session that is in several of the places that are read, as one that was captured and recorded, is taken once.

import MailCapture
import MailRecording

/// Knows which sessions were read to their end.
struct EachOnce {
    private var done: Set<String> = []
    private var again: Set<String> = []

    /// Sessions of which the index of another place told already.
    mutating func leaveOut(_ ids: some Sequence<String>) { again.formUnion(ids) }

    /// Whether a step is of a session that was not read before.
    mutating func takes(_ batch: SessionBatch) -> Bool {
        let id = batch.info.id
        if done.contains(id) {
            again.insert(id)
            return false
        }
        for case .closed in batch.events { done.insert(id) }
        return true
    }

    /// What is said of those that were left out; nil when there were none.
    var remark: String? {
        guard !again.isEmpty else { return nil }
        let (count, verb) = again.count == 1 ? ("1 session", "is") : ("\(Figures.grouped(again.count)) sessions", "are")
        return "\(count) \(verb) in several of these places; each is taken once"
    }
}
