// The part of a server that lives on one loop: its acceptors and its sessions.

import Glibc
import MailDialogue
import MailRecording
import MailSessions

/// A session on a loop.
protocol RunningSession: AnyObject {
    /// The server stops: say goodbye where the protocol has words for it, then close.
    func shutDown()
    /// Close at once.
    func abort()
    /// The recorder has room again.
    func recorderDrained()
}

/// What one loop holds.
///
/// Unchecked: touched by its loop's thread only, but for `start` before the thread runs.
final class LoopContext: @unchecked Sendable {
    /// Room for notes that is kept: a read of short lines makes some thousands.
    private static let keptNotes = 1024

    let loop: EventLoop
    let core: ServerCore
    private var ids: SessionID
    private var acceptors: [Acceptor] = []
    private var sessions: [ObjectIdentifier: any RunningSession] = [:]
    private var waitsForRecorder = false
    /// Notes of the octets at hand: of one session at a time, so that idle sessions keep no room for them.
    private var notes: [Note] = []
    private var onEmpty: (() -> Void)?

    init(loop: EventLoop, core: ServerCore, lane: Int, lanes: Int) {
        self.loop = loop
        self.core = core
        ids = SessionID(lane: lane, of: lanes)
    }

    /// Takes connections of `listener` from now on.
    func serve(_ listener: Listener, _ route: Route, _ upstream: UpstreamAddress) {
        let acceptor = Acceptor(
            listener, on: loop,
            accepted: { [unowned self] descriptor, client in
                accept(descriptor, client, listener.address, route, upstream)
            },
            exhausted: { [core] error in
                core.log.warning("no descriptor for another connection: \(error.reason); waiting")
            })
        do {
            try acceptor.start()
            acceptors.append(acceptor)
        } catch {
            core.log.error("\(route.text): \(error)")
        }
    }

    private func accept(
        _ descriptor: Int32, _ client: SocketAddress, _ server: SocketAddress, _ route: Route,
        _ upstream: UpstreamAddress
    ) {
        core.accepted.add(1, ordering: .relaxed)
        let now = Clock.now()
        // A listener on all addresses says nothing of the one that the client used.
        let isAny = server.address.low == 0 && server.address.high == 0
        let local = isAny ? SocketAddress.local(of: descriptor) ?? server : server
        let info = SessionInfo(
            id: ids.next(at: now), mailProtocol: route.mailProtocol, start: now, client: client, server: local,
            route: route.text)
        let session: any RunningSession & StartableSession
        switch route.upstream {
        case .fallback: session = FallbackSession(descriptor, info, self)
        case .server: session = ProxySession(descriptor, info, upstream, self)
        }
        sessions[ObjectIdentifier(session)] = session
        core.open.add(1, ordering: .relaxed)
        session.start()
    }

    func finished(_ session: any RunningSession) {
        guard sessions.removeValue(forKey: ObjectIdentifier(session)) != nil else { return }
        core.open.subtract(1, ordering: .relaxed)
        if sessions.isEmpty { onEmpty?() }
    }

    /// Lends an empty list of notes.
    func withNotes(_ body: (inout [Note]) -> Void) {
        // Taken out meanwhile: should the body come here again, it finds another one.
        var lent: [Note] = []
        swap(&lent, &notes)
        body(&lent)
        lent.removeAll(keepingCapacity: lent.capacity <= Self.keptNotes)
        swap(&lent, &notes)
    }

    /// Gives events to the recorder. True when the session must pause.
    func record(_ events: [RecordEvent]) -> Bool {
        guard let recorder = core.recorder, !events.isEmpty else { return false }
        recorder.append(events)
        guard recorder.isCongested else { return false }
        if !waitsForRecorder {
            waitsForRecorder = true
            let loop = loop
            recorder.whenDrained { [self] in loop.post { [self] in hasRoom() } }
        }
        return true
    }

    private func hasRoom() {
        waitsForRecorder = false
        for session in Array(sessions.values) { session.recorderDrained() }
    }

    /// Takes no more connections, asks all sessions to end, and calls back when they have.
    func drain(_ done: @escaping () -> Void) {
        for acceptor in acceptors { acceptor.stop() }
        acceptors = []
        onEmpty = done
        if sessions.isEmpty { return done() }
        for session in Array(sessions.values) { session.shutDown() }
    }

    /// Ends what has not ended.
    func abortAll() {
        for session in Array(sessions.values) { session.abort() }
    }
}

/// A session that can begin.
protocol StartableSession {
    func start()
}

/// Where an upstream is: known from the start, or to be looked up for each connection.
enum UpstreamAddress: Sendable {
    case none
    case literal(SocketAddress)
    case name(String, UInt16)
}
