// The last look: the copy is read as anybody would read it, and every word in it is compared with those of the original. It knows nothing of how the copy
// was made but which words may stand anywhere.

import MailDialogue

/// Looks for words of the original in the copy.
package struct ResidueSearch {
    /// Where something of the original was found.
    package struct Residue: Equatable, Sendable {
        /// Empty when it was not in a session.
        package var session: String
        package var side: Side
        package var exchange: Int
        package var form: WordScanner.Form
    }

    private let pseudonyms: Pseudonyms
    private var scanners: [String: (client: NoteScanner, server: NoteScanner)] = [:]
    /// The first that was found.
    package private(set) var residue: Residue?
    /// Words that were looked at.
    package private(set) var words = 0

    package init(_ pseudonyms: Pseudonyms) { self.pseudonyms = pseudonyms }

    /// Looks at a step of a session of the copy.
    package mutating func accept(_ info: SessionInfo, _ notes: [Note], _ events: [RecordEvent]) {
        guard residue == nil else { return }
        let addresses = [info.client, info.server] + [info.upstream, info.way?.peer].compactMap { $0 }
        if addresses.contains(where: { pseudonyms.isResidue($0.address) }) {
            residue = Residue(session: info.id, side: .client, exchange: 0, form: .plain)
        }
        var pair = scanners.removeValue(forKey: info.id) ?? (fresh(), fresh())
        for note in notes {
            switch note.side {
            case .client: look(at: note, &pair.client, info.id)
            case .server: look(at: note, &pair.server, info.id)
            }
        }
        for event in events {
            if case .closed(let summary) = event {
                look(info.id, .client, summary.exchanges) { pair.client.finish(address: $0, visit: $1) }
                look(info.id, .server, summary.exchanges) { pair.server.finish(address: $0, visit: $1) }
                return
            }
        }
        scanners[info.id] = pair
    }

    /// Looks at a text beside the sessions: a comment.
    package mutating func accept(comment: String) {
        var scanner = WordScanner(isThorough: true, isExempt: pseudonyms.isExempt)
        look("", .client, 0) {
            scanner.accept(Array(comment.utf8)[...], isContent: false, address: $0, visit: $1)
            scanner.finish(isContent: false, address: $0, visit: $1)
        }
    }

    private func fresh() -> NoteScanner { NoteScanner(isThorough: true, isExempt: pseudonyms.isExempt) }

    private mutating func look(at note: Note, _ scanner: inout NoteScanner, _ session: String) {
        look(session, note.side, note.exchange) { scanner.accept(note, address: $0, visit: $1) }
    }

    private mutating func look(
        _ session: String, _ side: Side, _ exchange: Int,
        _ body: (_ address: (IPAddress) -> Void, _ visit: (UInt64, WordScanner.Form) -> Void) -> Void
    ) {
        var found: WordScanner.Form?
        var count = 0
        let pseudonyms = pseudonyms
        body({ if pseudonyms.isResidue($0) { found = found ?? .plain } }) { mark, form in
            count += 1
            if pseudonyms.isResidue(mark) { found = found ?? form }
        }
        words += count
        if let found, residue == nil {
            residue = Residue(session: session, side: side, exchange: exchange, form: found)
        }
    }
}
