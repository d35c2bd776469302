// A session that is in several of the places that are read, as one that was captured and recorded, is exported once.

import MailCapture
import MailRecording

/// Knows which sessions were read to their end.
struct EachOnce {
    private var done: Set<String> = []
    private var again: Set<String> = []

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

    /// Says what was left out.
    func tell() {
        guard !again.isEmpty else { return }
        let (count, verb) = again.count == 1 ? ("1 session", "is") : ("\(Figures.grouped(again.count)) sessions", "are")
        Console.error(
            "\(count) \(verb) in several of these places; each was exported once, from the place that was read first")
    }
}
