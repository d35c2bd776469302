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
    func serve(_ listener: Listener, _ service: Service) {
        let acceptor = Acceptor(
            listener, on: loop,
            accepted: { [unowned self] descriptor, client in
                accept(descriptor, client, listener.address, service)
            },
            exhausted: { [core] error in
                core.log.warning("no descriptor for another connection: \(error.reason); waiting")
            })
        do {
            try acceptor.start()
            acceptors.append(acceptor)
        } catch {
            core.log.error("\(service.route.text): \(error)")
        }
    }

    private func accept(
        _ descriptor: Int32, _ client: SocketAddress, _ server: SocketAddress, _ service: Service
    ) {
        core.accepted.add(1, ordering: .relaxed)
        let now = Clock.now()
        // A listener on all addresses says nothing of the one that the client used.
        let isAny = server.address.low == 0 && server.address.high == 0
        let local = isAny ? SocketAddress.local(of: descriptor) ?? server : server
        let info = SessionInfo(
            id: ids.next(at: now), mailProtocol: service.route.mailProtocol, start: now, client: client, server: local,
            route: service.route.text)
        let session: any RunningSession & StartableSession
        if service.route.entrance != nil {
            session = Arrival(descriptor, info, service, self)
        } else {
            session = makeSession(descriptor, info, service.target)
        }
        sessions[ObjectIdentifier(session)] = session
        core.open.add(1, ordering: .relaxed)
        session.start()
    }

    private func makeSession(
        _ descriptor: Int32, _ info: SessionInfo, _ target: UpstreamTarget
    ) -> any RunningSession & StartableSession {
        switch target.address {
        case .none: FallbackSession(descriptor, info, target.security, self)
        case .literal, .name, .connected, .unreachable: ProxySession(descriptor, info, target, self)
        }
    }

    /// What came before a session is over, and the session begins.
    func begin(_ arrival: Arrival, _ descriptor: Int32, _ info: SessionInfo, _ target: UpstreamTarget) {
        guard sessions.removeValue(forKey: ObjectIdentifier(arrival)) != nil else { return }
        let session = makeSession(descriptor, info, target)
        sessions[ObjectIdentifier(session)] = session
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
