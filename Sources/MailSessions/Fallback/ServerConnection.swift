// What our three servers have in common: the endpoint, the frames that wait to be handled, and what goes out.
//
// The client's octets are given to the endpoint in portions, the next when all frames of the one before are handled, so
// that a client that pipelines without end costs a portion of memory. Replies are collected and leave as one `send` an
// event. Frames that our own octets released (a client that did not wait for 354) are queued like received ones.

import MailDialogue

/// The connection of a server session, below the commands.
struct ServerConnection<D: Dialogue>: Sendable {
    /// What the session waits for before it handles the next frame.
    enum Wait: Equatable, Sendable {
        case nothing
        /// The answer of the store.
        case store
        /// That what was sent has left.
        case drain
        /// TLS.
        case tls
    }

    private(set) var endpoint: Endpoint<D>
    private(set) var wait = Wait.nothing
    /// `close` was said: nothing is handled or sent any more.
    private(set) var isClosed = false
    /// The client sends no more, or the server stops; acted on when what came before is handled.
    private(set) var peerEnded = false
    var isStopping = false

    private var frames = Fifo<Note>()
    private var unfed: ArraySlice<UInt8> = []
    private var toldEnd = false
    private var out: [UInt8] = []
    /// The answer under way is to a request that nobody waits for.
    private var ignoresAnswer = false
    /// Octets sent since all had left.
    private(set) var backlog = 0
    private var effects: [ServerEffect] = []
    private var notes: [Note] = []

    /// Octets given to the endpoint at once. The shortest line is one octet, and a dialogue follows 10,000 unanswered
    /// commands; message data has no lines to answer.
    private var portion: Int {
        if case .content = endpoint.dialogue.demand(.client) { 32_768 } else { 8_192 }
    }

    init(_ dialogue: D) { endpoint = Endpoint(dialogue, role: .server) }

    /// TLS may be begun where the client is: nobody is logged in, and no transaction is open.
    var mayBeginTLS: Bool { endpoint.dialogue.mayBeginTLS }

    /// Asks whether TLS can be begun. Nothing is handled before the answer.
    mutating func prepareTLS() {
        guard !isClosed else { return }
        effect(.prepareTLS)
        wait = .tls
    }

    /// The answer came: the client is told, and TLS begins behind our consent. Octets behind its command, which came in clear,
    /// are nobody's (RFC 3207 §6).
    mutating func tlsPrepared(_ isPossible: Bool, _ mailProtocol: MailProtocol, _ command: Command) {
        guard wait == .tls else { return }
        wait = .nothing
        guard unfed.isEmpty, frames.isEmpty, endpoint.tap.pending(.client) == 0 else {
            effect(.log("octets in clear came behind the wish to begin TLS"))
            send(LocalReply.tlsHasty(mailProtocol, command))
            return close()
        }
        guard isPossible else { return send(LocalReply.tlsUnavailable(mailProtocol, command)) }
        send(LocalReply.tlsConsent(mailProtocol, command))
        effect(.startTLS)
        wait = .tls
    }

    /// TLS was begun: what was said in clear counts no more.
    mutating func beginUnderTLS() {
        guard !isClosed else { return }
        endpoint.beginUnderTLS()
        frames.removeAll()
        unfed = []
        wait = .nothing
    }

    /// More may be read from the client.
    var wantsOctets: Bool { !isClosed && !isStopping && wait == .nothing && unfed.isEmpty }

    /// Octets of the client that wait to be understood or handled.
    var pendingOctets: Int { unfed.count + endpoint.tap.pending(.client) }

    mutating func receive(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        if unfed.isEmpty { unfed = bytes[...] } else { unfed.append(contentsOf: bytes) }
    }

    mutating func peerDidEnd() { peerEnded = true }

    /// The next frame of the client; nil while the session waits, or when there is none.
    mutating func next() -> Note? {
        while wait == .nothing, !isClosed {
            if let frame = frames.popFirst() { return frame }
            var fresh: [Note] = []
            if !unfed.isEmpty {
                let portion = unfed.prefix(portion)
                unfed = unfed.dropFirst(portion.count)
                endpoint.receive(Array(portion), into: &fresh)
            } else if peerEnded, !toldEnd {
                toldEnd = true
                endpoint.peerEnded(into: &fresh)
            } else {
                return nil
            }
            enqueue(fresh)
        }
        return nil
    }

    /// All that the client sent before it ended is handled.
    var isExhausted: Bool { peerEnded && toldEnd && frames.isEmpty && wait == .nothing }

    mutating func send(_ bytes: [UInt8]) {
        guard !isClosed, !bytes.isEmpty else { return }
        var fresh: [Note] = []
        endpoint.send(bytes, into: &fresh)
        enqueue(fresh)
        out.append(contentsOf: bytes)
        backlog += bytes.count
    }

    mutating func send(_ text: String) { send(Array(text.utf8)) }

    /// One request, and nothing is handled before its answer.
    mutating func ask(_ request: StoreRequest) {
        guard !isClosed else { return }
        flush()
        effects.append(.store(request))
        wait = .store
    }

    /// A request whose answer changes nothing; still nothing is handled before it.
    mutating func tell(_ request: StoreRequest) {
        ask(request)
        ignoresAnswer = true
    }

    /// The answer came. False when it is none of the session's business.
    mutating func answered() -> Bool {
        let matters = wait == .store && !ignoresAnswer
        if wait == .store { wait = .nothing }
        ignoresAnswer = false
        return matters
    }

    /// What was sent has left.
    mutating func drained() {
        backlog = 0
        if wait == .drain { wait = .nothing }
    }

    /// Nothing is handled before all that was sent has left.
    mutating func waitForDrain() {
        guard !isClosed else { return }
        flush()
        wait = .drain
    }

    mutating func effect(_ effect: ServerEffect) {
        guard !isClosed else { return }
        flush()
        effects.append(effect)
    }

    /// Closes once all that was sent has left. Frames that wait are dropped.
    mutating func close() {
        guard !isClosed else { return }
        flush()
        effects.append(.close)
        isClosed = true
        wait = .nothing
        frames.removeAll()
        unfed = []
    }

    /// Hands over what the event brought about.
    mutating func finish(effects all: inout [ServerEffect], notes told: inout [Note]) {
        flush()
        all.append(contentsOf: effects)
        told.append(contentsOf: notes)
        effects = []
        notes = []
    }

    private mutating func flush() {
        guard !out.isEmpty else { return }
        effects.append(.send(out))
        out = []
    }

    private mutating func enqueue(_ fresh: [Note]) {
        for note in fresh {
            notes.append(note)
            if note.side == .client { frames.append(note) }
        }
    }
}
