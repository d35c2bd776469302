// Connections under TLS whose secrets may still come: a program writes them into its key log when it has sent what they are for, and a
// live capture may have read that before. Their octets wait, within bounds, and are then read anew from the first one.

import MailRecording

/// How long it is waited for secrets.
package struct KeyPatience: Sendable, Equatable {
    /// Octets of a connection that wait.
    package var octets = 1 << 20
    /// The same of all connections together.
    package var allOctets = 32 << 20
    /// Nanoseconds of the capture's time. Programs write secrets within the handshake; what they buffer comes later.
    package var time: Int64 = 10_000_000_000

    package init() {}
}

extension SessionTracker {
    /// What waits for secrets in all connections.
    struct AwaitingKeys {
        var flows: [Int: Flow] = [:]
        /// Octets in them.
        var octets = 0
        /// When the first of them has waited long enough; the greatest time when none waits.
        var next = Int64.max
    }

    /// Nanoseconds between looks for connections that have waited long enough.
    private static let keyLook: Int64 = 500_000_000

    /// Takes the key logs of TLS among secrets of a capture, for connections that begin later.
    package mutating func take(secrets: [CaptureSecrets]) {
        for secret in secrets where secret.kind == CaptureSecrets.tlsKeyLog {
            var log = keys ?? TLSKeyLog()
            keys = nil
            log.add(secret.octets[...])
            keys = log
        }
    }

    /// More of a key log that grows: connections that wait for what it has are read.
    package mutating func add(
        keys octets: ArraySlice<UInt8>, deliver: (SessionBatch) throws -> Void
    ) rethrows {
        var log = keys ?? TLSKeyLog()
        keys = nil
        log.add(octets)
        keys = log
        for flow in awaiting.flows.values.sorted(by: { $0.number < $1.number }) {
            guard let follower = follower(flow), let random = follower.hello?.random,
                log.secrets(of: random) != follower.secrets
            else { continue }
            try readAnew(flow, deliver)
        }
    }

    /// A step of a connection under TLS that can't be read: whether it waits, as its secrets may come. Then the event is kept.
    func mayWait(_ flow: Flow, _ follower: TLSFollower, _ time: Int64, _ octets: Int) -> Bool {
        guard keys?.isGrowing == true, follower.lacksSecrets, !flow.gaveUpKeys, flow.sealedInfo == nil,
            octets <= keyPatience.octets, awaiting.octets <= keyPatience.allOctets
        else { return false }
        return flow.awaitsSince.map { time &- $0 < keyPatience.time } ?? true
    }

    /// Keeps the connection among those that wait.
    mutating func wait(_ flow: Flow, _ time: Int64, _ octets: Int) {
        awaiting.octets += octets
        flow.awaitedOctets += octets
        if flow.awaitsSince == nil { flow.awaitsSince = time }
        awaiting.flows[flow.number] = flow
        awaiting.next = min(awaiting.next, time &+ Self.keyLook)
    }

    /// It is `time` now, in nanoseconds: who has waited long enough is read as what nobody has the secrets of.
    mutating func endWaits(at time: Int64, _ deliver: (SessionBatch) throws -> Void) rethrows {
        guard time >= awaiting.next else { return }
        awaiting.next = time &+ Self.keyLook
        for flow in awaiting.flows.values.sorted(by: { $0.number < $1.number }) {
            guard let since = flow.awaitsSince, time &- since >= keyPatience.time else { continue }
            flow.gaveUpKeys = true
            try readAnew(flow, deliver)
        }
        if awaiting.flows.isEmpty { awaiting.next = .max }
    }

    /// No more secrets come.
    mutating func endAllWaits(_ deliver: (SessionBatch) throws -> Void) rethrows {
        for flow in awaiting.flows.values.sorted(by: { $0.number < $1.number }) {
            flow.gaveUpKeys = true
            try readAnew(flow, deliver)
        }
    }

    /// No longer among those that wait.
    mutating func leave(_ flow: Flow) {
        guard awaiting.flows.removeValue(forKey: flow.number) != nil else { return }
        awaiting.octets -= flow.awaitedOctets
        flow.awaitedOctets = 0
    }

    /// Takes what waits of a connection once more, from its first octet under TLS.
    private mutating func readAnew(_ flow: Flow, _ deliver: (SessionBatch) throws -> Void) rethrows {
        leave(flow)
        let held: [FlowEvent]
        switch flow.state {
        case .sealed(let sealed):
            held = sealed.held
            sealed.held = []
            flow.state = .sealed(Sealed(TLSFollower(how: .implicit, keys: keys), handshakes))
        case .following(let session):
            guard let cover = session.cover else { return }
            held = cover.held
            cover.held = []
            cover.heldOctets = 0
            cover.follower = TLSFollower(how: .starttls, keys: keys)
            var pieces: [TLSFollower.Piece] = []
            for (side, octets) in cover.first {
                cover.follower.with(keys) { $0.receive(octets, from: side, into: &pieces) }
            }
        case .fresh, .entering, .undecided, .ignored: return
        }
        for event in held {
            if case .following(let session) = flow.state, let cover = session.cover {
                try take(event, flow, session, cover, deliver)
            } else {
                try take(event, flow, deliver)
            }
            if case .closed(_, let how, let time) = event { try close(flow, how, time, deliver) }
        }
    }

    private func follower(_ flow: Flow) -> TLSFollower? {
        switch flow.state {
        case .sealed(let sealed): sealed.follower
        case .following(let session): session.cover?.follower
        case .fresh, .entering, .undecided, .ignored: nil
        }
    }
}
