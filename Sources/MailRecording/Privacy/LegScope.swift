// What of one leg of a session is recorded: notes come in, and go out with all hidden that is beyond the scope. Where the header
// of a message decides, the message is kept back until its header is there, and with it all that comes behind; what is kept is bounded,
// and beyond the bound the strictest scope that is possible holds.

import MailDialogue
import MailMessage

/// The scope of the octets of one leg.
struct LegScope: Sendable {
    /// Octets of a message that are kept back until its header section is complete; and notes.
    static let mostOctets = 65_536
    static let mostNotes = 4_096

    /// What is done with the content under way.
    private enum State: Equatable, Sendable {
        /// There is none, or all of it is recorded.
        case shown
        /// So many octets of it are, and the rest is hidden.
        case header(left: Int)
        case hidden
    }

    /// Octets of a side whose place in the dialogue nobody knows.
    private var looseOfClient = ContentMask(keepsDots: true)
    private var looseOfServer = ContentMask(keepsDots: true)

    /// The content of a side.
    private struct Path: Sendable {
        var state = State.shown
        var mask = ContentMask(keepsDots: false)
        /// More chunks of the same message may follow (RFC 3030 §2).
        var continues = false
        /// Readers of the recording were told that the content is hidden.
        var isTold = false
        /// Its begin was seen.
        var isBegun = false
    }

    /// A message whose header is awaited.
    private struct Gathering: Sendable {
        var side: Side
        var scanner = HeaderScanner(limit: LegScope.mostOctets)
        /// The scope when it does not depend on the header.
        var scope: RecordingScope?
        var facts: ScopeFacts
        var octets = 0
        /// Notes of the queue that it has seen.
        var seen = 0
        var continues = false
        /// The content may be a piece of the message.
        var isPiece: Bool
    }

    private let decide: ScopeDecider
    private let isIMAP: Bool
    private var client = Path()
    private var server = Path()
    private var fetch = FetchMask()
    private var opaque: OpaqueReason?
    /// The newest command is not known, nor what it carries.
    private var isUnknown = false
    private var gathering: Gathering?
    /// The newest command that ends what chunks have begun, once it is accepted.
    private var ending: Int?
    /// The strictest scope that a header has decided of a message of the client.
    private(set) var strictest = RecordingScope.all
    /// Messages of the client have no more than that.
    var floor = RecordingScope.all
    /// Rules change the session: the header of what the server sends was another on the other leg.
    var isChanged = false
    /// Notes that wait, with their times.
    private var queue: [(note: Note, time: Int64)] = []
    private var head = 0
    private var queued = 0
    /// Notes that may be recorded.
    private(set) var ready: [(note: Note, time: Int64)] = []

    init(_ mailProtocol: MailProtocol, _ decide: @escaping ScopeDecider) {
        self.decide = decide
        isIMAP = mailProtocol == .imap
    }

    /// Octets that are kept.
    var kept: Int { queued }

    /// Takes the next note.
    mutating func take(_ note: Note, _ time: Int64, _ facts: ScopeFacts) {
        queue.append((note, time))
        queued += note.raw.count
        drain(facts)
    }

    /// Octets are missing: what waits is decided as it is.
    /// - Parameter isOver: nothing more comes of what is under way.
    mutating func breakOff(_ facts: ScopeFacts, isOver: Bool) {
        while gathering != nil || head < queue.count {
            resolve(nil)
            drain(facts)
        }
        guard isOver else { return }
        client = Path()
        server = Path()
        fetch = FetchMask()
        opaque = nil
    }

    /// The notes that may be recorded by now.
    mutating func takeReady() -> [(note: Note, time: Int64)] {
        defer { ready.removeAll(keepingCapacity: true) }
        return ready
    }

    // MARK: The queue

    private mutating func drain(_ facts: ScopeFacts) {
        while true {
            if gathering != nil {
                guard gather() else { return }
            } else if head < queue.count {
                let (note, time) = queue[head]
                head += 1
                queued -= note.raw.count
                process(note, time, facts)
            } else {
                break
            }
        }
        queue.removeAll(keepingCapacity: queue.capacity <= 64)
        head = 0
        queued = 0
    }

    /// Looks at what has come of the message whose header is awaited. False when more is needed.
    private mutating func gather() -> Bool {
        while var now = gathering, head + now.seen < queue.count {
            let note = queue[head + now.seen].note
            now.seen += 1
            gathering = now
            guard note.side == now.side else { continue }
            switch note.element {
            case .content:
                let progress = now.scanner.feed(note.raw)
                now.octets += note.raw.count
                gathering = now
                switch progress {
                case .more: continue
                case .complete: resolve(now.scanner.header)
                case .tooLong: resolve(nil)
                }
                return true
            case .contentEnd:
                if now.continues { continue }
                // All of it is header, unless the rest was not asked for.
                resolve(now.isPiece ? nil : now.scanner.header)
                return true
            case .contentBegin(let content):
                guard case .message(.bdat) = content.kind else {
                    resolve(nil)
                    return true
                }
                now.continues = content.continues
                gathering = now
            case .command(let command):
                if command.verb == "BDAT" { continue }
                resolve(nil)
                return true
            case .opaque, .gap, .unplaced, .incomplete, .unknown:
                resolve(nil)
                return true
            case .greeting, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done: continue
            }
        }
        guard gathering != nil else { return true }
        if queued <= Self.mostOctets, queue.count - head <= Self.mostNotes { return false }
        resolve(nil)
        return true
    }

    /// Decides about the message whose header is awaited.
    /// - Parameter header: nil when it will not come whole.
    private mutating func resolve(_ header: HeaderBlock?) {
        guard var gathered = gathering else { return }
        gathering = nil
        gathered.facts.message?.header = header
        var scope = gathered.scope ?? decided(gathered.facts, gathered.side)
        if gathered.scope == nil, gathered.side == .client {
            strictest = strictest.stricter(scope)
            scope = scope.stricter(floor)
        }
        var path = self[gathered.side]
        switch scope {
        case .all: path.state = .shown
        case .headers:
            // Of what has no end it is not known where the body begins.
            let isWhole = header != nil
            path.state = .header(left: isWhole ? ContentMask.fields(of: gathered.scanner.octets[...]) : 0)
        case .never, .envelope: path.state = .hidden
        }
        self[gathered.side] = path
    }

    private func decided(_ facts: ScopeFacts, _ side: Side) -> RecordingScope {
        var facts = facts
        if isChanged, side == .server { facts.message?.header = nil }
        return decide(facts).strictestRecorded
    }

    private subscript(side: Side) -> Path {
        get { side == .client ? client : server }
        set { if side == .client { client = newValue } else { server = newValue } }
    }

    // MARK: Notes

    private mutating func process(_ note: Note, _ time: Int64, _ facts: ScopeFacts) {
        if !note.isPlain {
            for case .opaque(let reason) in note.facts { opaque = opaque ?? reason }
        }
        var note = note
        switch note.element {
        case .contentBegin(let content): begin(content, note.side, facts)
        case .content:
            if !self[note.side].isBegun, linesOf(facts) != .all { self[note.side].state = .hidden }
            pass(note, time)
            return
        case .contentEnd:
            var path = self[note.side]
            path.isTold = false
            path.isBegun = false
            if !path.continues { path = Path() }
            self[note.side] = path
        case .command(let command):
            if Self.endsMessage(command.verb), client.continues { ending = note.exchange }
            isUnknown = !command.isKnown
            if isUnknown, linesOf(facts) != .all { hide(&note) }
        case .data(let keyword, let isComplete):
            if !isIMAP, isUnknown, linesOf(facts) != .all { hide(&note) }
            let kind = isIMAP ? FetchMask.Kind(keyword) : .other
            if kind != .other { fetch.begin(kind, scope(of: .fetch, nil, facts)) }
            hideFetch(&note, isFirst: true, isComplete)
        case .dataPart(let isComplete): hideFetch(&note, isFirst: false, isComplete)
        case .opaque: if opaque != .tls, linesOf(facts) != .all { hide(&note) }
        case .unplaced, .incomplete, .unknown: if linesOf(facts) != .all { hide(&note) }
        case .reply(let reply):
            if reply.isLast, ending == note.exchange {
                ending = nil
                if reply.status == .ok { client = Path() }
            }
        case .commandPart: if isUnknown, linesOf(facts) != .all { hide(&note) }
        case .greeting, .goAhead, .challenge, .response, .done, .gap: break
        }
        ready.append((note, time))
    }

    /// Commands that end what chunks have begun (RFC 3030 §2).
    private static func endsMessage(_ verb: String) -> Bool {
        switch verb {
        case "MAIL", "RSET", "EHLO", "HELO", "LHLO": true
        default: false
        }
    }

    /// The strictest scope that a message could have: that of lines which may be lines of one.
    private func linesOf(_ facts: ScopeFacts) -> RecordingScope { decide(facts).strictestRecorded }

    private func scope(of carrier: Carrier, _ size: Int?, _ facts: ScopeFacts) -> RecordingScope {
        var facts = facts
        facts.message = ScopeFacts.Message(carrier: carrier, size: size)
        return decide(facts).strictestRecorded
    }

    private mutating func hide(_ note: inout Note) {
        let octets = note.publicOctets
        switch note.element {
        case .command(var command):
            note.conceal(ContentMask.hide(line: octets, keepsTag: isIMAP))
            command.verb = String(repeating: "X", count: command.verb.utf8.count)
            note.element = .command(command)
        case .unknown: note.conceal(ContentMask.hide(line: octets, keepsTag: isIMAP && note.side == .client))
        case .opaque, .unplaced:
            // They come in pieces, cut as the octets came: where a line begins is known from the piece before.
            switch note.side {
            case .client: note.conceal(looseOfClient.hide(octets))
            case .server: note.conceal(looseOfServer.hide(octets))
            }
        case .greeting, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done, .contentBegin,
            .content, .contentEnd, .gap, .incomplete:
            var mask = ContentMask(keepsDots: true)
            note.conceal(mask.hide(octets))
        }
    }

    private mutating func hideFetch(_ note: inout Note, isFirst: Bool, _ isComplete: Bool) {
        guard note.side == .server, !fetch.isIdle else { return }
        if let hidden = fetch.hide(note.publicOctets, isFirst: isFirst) { note.conceal(hidden) }
        if isComplete { fetch = FetchMask() }
    }

    // MARK: Content

    private mutating func begin(_ content: Content, _ side: Side, _ facts: ScopeFacts) {
        self[side].isBegun = true
        var path = self[side]
        // Secrets are hidden already.
        guard !content.secret else { return }
        guard case .message(let carrier) = content.kind else {
            path = Path(isBegun: true)
            if side == .server, fetch.hidesLiteral { path.state = .hidden }
            if isUnknown, linesOf(facts) != .all { path.state = .hidden }
            self[side] = path
            return
        }
        if carrier == .bdat, path.continues {
            path.continues = content.continues
            // It may be the first of another message.
            if ending != nil, scope(of: .bdat, nil, facts) != .all { path.state = .hidden }
            self[side] = path
            return
        }
        path = Path(
            mask: ContentMask(keepsDots: content.dotStuffed), continues: carrier == .bdat && content.continues,
            isBegun: true)
        ending = nil
        var facts = facts
        var size = content.size
        if carrier == .data || carrier == .lmtp || carrier == .bdat { size = facts.announced }
        facts.message = ScopeFacts.Message(carrier: carrier, size: size)
        let scopes = decide(facts).subtracting(.never)
        let scope = scopes.isEmpty ? .envelope : scopes.only
        let isHeader = carrier == .fetch && FetchMask.isHeader(content.section)
        if scope == .all || isHeader && scope == .headers {
            path.state = .shown
        } else if scope == .envelope || !Self.beginsWithHeader(content, carrier) {
            let strictest = scope ?? scopes.strictest
            let isShown = strictest == .all || isHeader && strictest == .headers
            path.state = isShown ? .shown : .hidden
        } else {
            gathering = Gathering(
                side: side, scope: scope, facts: facts, continues: path.continues, isPiece: carrier == .fetch)
        }
        self[side] = path
    }

    /// The first octets are those of a whole header section.
    private static func beginsWithHeader(_ content: Content, _ carrier: Carrier) -> Bool {
        switch carrier {
        case .data, .bdat, .lmtp, .retr, .top: return true
        case .append: return content.section.isEmpty
        case .fetch:
            let item = FetchItem(content.section)
            guard item.origin ?? 0 == 0 else { return false }
            switch item.part {
            case .whole, .header: return true
            case .text, .other: return false
            }
        }
    }

    private mutating func pass(_ note: Note, _ time: Int64) {
        var path = self[note.side]
        defer { self[note.side] = path }
        var hidden = note
        switch path.state {
        case .shown:
            ready.append((note, time))
            return
        case .header(let left):
            if note.raw.count <= left {
                path.state = .header(left: left - note.raw.count)
                ready.append((note, time))
                return
            }
            path.state = .hidden
            if left > 0 {
                var shown = note
                shown.raw = note.raw.prefix(left)
                ready.append((shown, time))
                hidden = Note(note.side, .content, exchange: note.exchange, raw: note.raw.dropFirst(left))
            }
        case .hidden: break
        }
        hidden.conceal(path.mask.hide(hidden.raw))
        if !path.isTold {
            path.isTold = true
            hidden.facts.append(.leftOut)
        }
        ready.append((hidden, time))
    }
}

extension Note {
    /// Nobody is to see what the octets were.
    fileprivate mutating func conceal(_ hidden: ArraySlice<UInt8>) {
        raw = hidden
        masked = nil
    }
}
