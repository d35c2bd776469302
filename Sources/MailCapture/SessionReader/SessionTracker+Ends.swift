// How sessions end, and by what they are known.

import MailDialogue
import MailRecording
import MailSessions

extension SessionTracker {
    mutating func close(
        _ flow: Flow?, _ how: FlowEnd, _ time: Int64, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        guard let flow, case .following(let session) = flow.state, awaiting.flows[flow.number] == nil else { return }
        flow.state = .ignored
        let id = session.identity.info.id
        recorded[id] = nil
        if flow.isHandedOver, flow.closing == nil, how != .endOfCapture {
            parked[id] = (session, flow)
            return
        }
        // What ended it came from others: the session itself ended with its last octets.
        let time: Int64 =
            switch how {
            case .fin, .reset, .timeout, .endOfCapture: time
            case .replaced, .evicted: session.observer.summary.ending
            }
        var batch = batch(session, at: time)
        let seen = session.observer.summary
        if seen.gaps > 0, seen.clientBytes == 0 || seen.serverBytes == 0, flow.closing == nil, flow.route == nil {
            let side: Side = seen.clientBytes == 0 ? .client : .server
            session.observer.doubt(PacketDoubt(.oneSided, side, time: flow.start, packet: 0))
        }
        let end = flow.closing?.end ?? Self.end(how)
        if let cover = session.cover, session.observer.endedAtEdge(end) {
            goOnInClear(session, cover)
            batch.tls = cover.follower.observation
        }
        session.observer.close(
            end, at: session.observer.clock(time), events: &batch.events,
            notes: &batch.notes)
        batch.passed = session.observer.takePassed()
        try hand(&batch, deliver)
    }

    private static func end(_ how: FlowEnd) -> SessionEnd {
        switch how {
        case .fin: .closed
        case .reset: .reset
        case .timeout: .timeout
        case .replaced, .evicted: .lost
        case .endOfCapture: .open
        }
    }

    /// The same capture gives the same ids, whatever is read beside it: the start, and a digest of the addresses.
    /// - Returns: nil when a file before had the same session: nothing else begins at the same moment between the same ends.
    mutating func id(of flow: Flow) -> String? {
        var mark: UInt64 = 0xCBF2_9CE4_8422_2325
        for end in [flow.client, flow.server] {
            for word in [end.address.high, end.address.low, UInt64(end.port)] {
                mark = (mark ^ word) &* 0x0000_0100_0000_01B3
                mark ^= mark >> 29
            }
        }
        var taken: Int64 = 0
        while true {
            let id = SessionID.text(flow.start &+ taken >> 12, mark: mark &+ UInt64(taken))
            if taken == 0, idsBefore.contains(id) { return nil }
            if !formerIDs.contains(id), ids.insert(id).inserted {
                if ids.count >= Self.mostIDs {
                    formerIDs = ids
                    ids = []
                }
                return id
            }
            taken += 1
        }
    }

    /// Another file begins.
    mutating func keepIDs() {
        if idsBefore.count >= Self.mostIDsBefore { idsBefore.removeAll() }
        idsBefore.formUnion(formerIDs)
        idsBefore.formUnion(ids)
        formerIDs.removeAll()
        ids.removeAll()
    }
}
