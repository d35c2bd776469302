// What a POP3 session tells of the maildrop (RFC 1939): sizes, unique ids, messages. What DELE marks is gone when QUIT was answered, and
// only then (§6).

import MailDialogue

/// Follows one session.
struct POP3BeliefSession {
    /// The name of the one folder.
    static let folderName = Array("INBOX".utf8)
    private static let mostPending = 4096

    private struct Pending {
        var verb: String
        var number: UInt32?
        /// What a listing has told so far.
        var found: Set<UInt32> = []
    }

    let session: String
    var desk = ContentDesk()
    private var pending: [Int: Pending] = [:]
    /// Messages of the session by their number.
    private(set) var numbers: [UInt32: UInt32] = [:]
    private var marked: Set<UInt32> = []

    init(session: String) { self.session = session }

    /// The maildrop was opened: numbers are new, and what has no unique id can't be told from others any more.
    mutating func begin(at time: Int64, _ belief: inout MailboxBelief) {
        numbers = [:]
        marked = []
        pending = [:]
        guard let folder = belief.folder(Self.folderName[...], at: time) else { return }
        for serial in belief.folders[folder].unnumbered { belief.remove(message: serial, from: folder) }
        belief.change(folder) { $0.wasOpened = true }
    }

    /// Messages that are marked to be removed with QUIT.
    var markedSerials: Set<UInt32> { Set(marked.compactMap { numbers[$0] }) }

    /// Takes the next note of the session.
    mutating func accept(
        _ note: Note, begun: [(side: Side, ordinal: Int, exchange: Int)], at time: Int64, _ belief: inout MailboxBelief
    ) {
        switch note.element {
        case .command(let command):
            guard pending.count < Self.mostPending else { return belief.fail() }
            let line = note.raw.withoutLineEnd.line
            let number = line.firstWord.rest.firstWord.word.decimal.flatMap { UInt32(exactly: $0) }
            pending[note.exchange] = Pending(verb: command.verb, number: number)
        case .reply(let reply):
            if !reply.isLast, reply.status == .ok { return }
            answer(note, reply, time, &belief)
        case .data: listed(note, time, &belief)
        case .gap: belief.hasGaps = true
        case .opaque: belief.hasGaps = true
        case .greeting, .commandPart, .dataPart, .goAhead, .challenge, .response, .done, .contentBegin, .content,
            .contentEnd, .unplaced, .incomplete, .unknown:
            break
        }
        for content in begun where content.side == .server {
            guard let number = pending[content.exchange]?.number,
                let serial = message(number, time, &belief)
            else { continue }
            desk.own(content.ordinal, by: serial, of: session, &belief)
        }
        if case .contentEnd = note.element { pending[note.exchange] = nil }
    }

    /// The message with a number.
    private mutating func message(_ number: UInt32, _ time: Int64, _ belief: inout MailboxBelief) -> UInt32? {
        guard let folder = belief.folder(Self.folderName[...], at: time) else { return nil }
        if let serial = numbers[number], belief.messages[serial] != nil { return serial }
        guard number > 0, let serial = belief.add(uid: 0, to: folder, at: time) else { return nil }
        numbers[number] = serial
        return serial
    }

    /// `1 120` of LIST, `1 unique-id` of UIDL.
    private mutating func tell(
        _ verb: String, _ line: ArraySlice<UInt8>, _ time: Int64, _ belief: inout MailboxBelief
    ) -> UInt32? {
        let (word, rest) = line.firstWord
        guard let number = word.decimal.flatMap({ UInt32(exactly: $0) }),
            let folder = belief.folder(Self.folderName[...], at: time),
            var serial = message(number, time, &belief)
        else { return nil }
        let value = rest.firstWord.word
        switch verb {
        case "LIST":
            if let size = value.decimal { belief.change(message: serial) { $0.size = UInt64(max(size, 0)) } }
        case "UIDL":
            // A unique id has 1 to 70 characters (RFC 1939 §7); longer ones are ids all the same.
            serial = belief.identify(serial, uidl: value.prefix(255).text, in: folder)
            numbers[number] = serial
        default: break
        }
        belief.change(message: serial) { $0.time = time }
        belief.change(folder) { $0.time = time }
        return serial
    }

    private mutating func listed(_ note: Note, _ time: Int64, _ belief: inout MailboxBelief) {
        guard var waiting = pending.removeValue(forKey: note.exchange) else { return }
        let line = note.raw.withoutLineEnd.line
        if waiting.verb == "LIST" || waiting.verb == "UIDL", let serial = tell(waiting.verb, line, time, &belief) {
            waiting.found.insert(serial)
        }
        pending[note.exchange] = waiting
    }

    private mutating func answer(_ note: Note, _ reply: Reply, _ time: Int64, _ belief: inout MailboxBelief) {
        guard let waiting = pending.removeValue(forKey: note.exchange), reply.status == .ok,
            let folder = belief.folder(Self.folderName[...], at: time)
        else { return }
        let text = note.raw.withoutLineEnd.line.firstWord.rest
        switch waiting.verb {
        case "STAT":
            if let count = text.firstWord.word.decimal.flatMap({ UInt32(exactly: $0) }) {
                // Those that are marked are not counted (RFC 1939 §5).
                belief.change(folder) { $0.count = count &+ UInt32(truncatingIfNeeded: marked.count) }
            }
        case "LIST" where waiting.number != nil, "UIDL" where waiting.number != nil:
            _ = tell(waiting.verb, text, time, &belief)
        case "LIST", "UIDL":
            belief.change(folder) { $0.count = UInt32(truncatingIfNeeded: waiting.found.count + marked.count) }
            guard waiting.verb == "UIDL", belief.pay(belief.folders[folder].byUIDL.count) else { return }
            let kept = waiting.found.union(markedSerials)
            for serial in Array(belief.folders[folder].byUIDL.values) where !kept.contains(serial) {
                belief.remove(message: serial, from: folder)
            }
        case "DELE": if let number = waiting.number { marked.insert(number) }
        case "RSET": marked = []
        case "QUIT":
            var gone: UInt32 = 0
            for number in marked {
                gone += 1
                if let serial = numbers[number] { belief.remove(message: serial, from: folder) }
            }
            belief.change(folder) { folder in
                folder.count = folder.count.map { $0 >= gone ? $0 - gone : 0 }
                folder.time = time
            }
            // Whatever it was called in earlier sessions, nothing is left.
            if belief.folders[folder].count == 0 {
                for serial in belief.serials(folder) { belief.remove(message: serial, from: folder) }
            }
            marked = []
            numbers = [:]
        default: break
        }
    }

    /// The session has ended without QUIT: nothing that was marked is removed.
    mutating func end() {
        marked = []
        numbers = [:]
        pending = [:]
    }
}
