// Drives a server session as the runtime does: events in, effects performed, with a store in memory.

import MailDialogue
import MailMessage
import MailRecording
import Testing

@testable import MailSessions

/// One client at one of our servers.
final class Conversation<S: ServerSession> {
    private(set) var session: S
    private let store: MemoryStoreSession
    private(set) var output: [UInt8] = []
    private(set) var notes: [Note] = []
    private(set) var isClosed = false
    private(set) var timers: [Int] = []
    private(set) var watched: String?
    private(set) var logs: [String] = []
    private(set) var hits: [String] = []
    /// The largest output of one event.
    private(set) var largestSend = 0
    /// Whether TLS can be begun, and how often it was.
    var canBeginTLS = true
    private(set) var beginnings = 0
    /// Requests wait for `answer()` instead of being answered at once.
    var holdsAnswers = false
    private(set) var waiting: [StoreRequest] = []
    /// 2026-11-25T12:00:00Z
    var now: Int64 = 1_795_608_000_000_000
    private var read = 0

    init(_ session: S, _ store: MemoryStore, connect: Bool = true) {
        self.session = session
        self.store = MemoryStoreSession(store)
        if connect { start() }
    }

    func start() {
        let server = SocketAddress(ip: .v4(0x7F00_0001), port: 1025)
        event(.connected(client: SocketAddress(ip: .v4(0xC000_0207), port: 40_000), server: server))
    }

    func event(_ first: ServerEvent) {
        var events = [first]
        while !events.isEmpty {
            var effects: [ServerEffect] = []
            session.handle(events.removeFirst(), now: now, effects: &effects, notes: &notes)
            var hasSent = false
            for effect in effects {
                #expect(!isClosed, "nothing follows close: \(effect)")
                switch effect {
                case .send(let octets):
                    #expect(!octets.isEmpty)
                    output += octets
                    largestSend = max(largestSend, octets.count)
                    hasSent = true
                case .store(let request):
                    if holdsAnswers { waiting.append(request) } else { events.append(.stored(store.perform(request))) }
                case .setTimer(let seconds): timers.append(seconds)
                case .watch(_, let name): watched = name
                case .unwatch: watched = nil
                case .prepareTLS: events.append(.tlsPrepared(canBeginTLS))
                case .startTLS: beginnings += 1
                case .close: isClosed = true
                case .log(let line): logs.append(line)
                case .hit(let rules, _, _, _): hits += rules
                }
            }
            if hasSent, !isClosed { events.append(.drained) }
        }
    }

    /// Answers the request that waits.
    func answer() {
        let requests = waiting
        waiting = []
        for request in requests { event(.stored(store.perform(request))) }
    }

    /// The client sends text, at once or in pieces of `size` octets.
    func send(_ text: String, pieces size: Int? = nil) { send(Array(text.utf8), pieces: size) }

    func send(_ octets: [UInt8], pieces size: Int? = nil) {
        guard let size else { return event(.received(octets)) }
        var rest = octets[...]
        while !rest.isEmpty, !isClosed {
            event(.received(Array(rest.prefix(size))))
            rest = rest.dropFirst(size)
        }
    }

    /// What came since the last call, as text.
    func reply() -> String {
        defer { read = output.count }
        return String(decoding: output[read...], as: UTF8.self)
    }

    /// Sends a line and returns what comes back.
    func say(_ line: String) -> String {
        _ = reply()
        send(line + "\r\n")
        return reply()
    }

    /// Nothing that we sent breaks a rule, and all octets are in the notes.
    func expectClean(_ location: SourceLocation = #_sourceLocation) {
        let ours = notes.filter { $0.side == .server }
        #expect(ours.flatMap(\.violations).map(\.code) == [], sourceLocation: location)
        #expect(ours.flatMap { Array($0.raw) } == output, sourceLocation: location)
    }
}

/// Plays the same input whole, octet by octet and in threes against a new session and store each; all outputs must be
/// equal.
func play<S: ServerSession>(
    _ input: String, store make: () -> MemoryStore = MemoryStore.init, location: SourceLocation = #_sourceLocation,
    _ session: () -> S
) -> (output: String, store: MemoryStore, conversation: Conversation<S>) {
    play(Array(input.utf8), store: make, location: location, session)
}

func play<S: ServerSession>(
    _ input: [UInt8], store make: () -> MemoryStore = MemoryStore.init, location: SourceLocation = #_sourceLocation,
    _ session: () -> S
) -> (output: String, store: MemoryStore, conversation: Conversation<S>) {
    let store = make()
    let whole = Conversation(session(), store)
    whole.send(input)
    whole.expectClean(location)
    for size in [1, 3] {
        let other = Conversation(session(), make())
        other.send(input, pieces: size)
        other.expectClean(location)
        let (a, b) = (String(decoding: other.output, as: UTF8.self), String(decoding: whole.output, as: UTF8.self))
        #expect(a == b, sourceLocation: location)
        #expect(other.isClosed == whole.isClosed, sourceLocation: location)
    }
    return (String(decoding: whole.output, as: UTF8.self), store, whole)
}

/// Base64 for the tests' SASL responses.
enum Base64Text {
    static func encode(_ text: String) -> [UInt8] { MailMessage.Base64.encode(text.utf8) }
}
