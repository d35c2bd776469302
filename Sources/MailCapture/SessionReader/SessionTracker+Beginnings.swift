// How sessions begin that were not seen to open, how they go on under TLS, and what connections may keep until they begin.

import MailDialogue
import MailRecording

extension SessionTracker {
    /// Octets that a connection may keep in any case: what sessions of mail begin with.
    private static let littleKept = 512

    /// A connection keeps so many octets until it is known what it speaks.
    /// - Returns: false when all keep too much (``CommonMemory/forBeginnings``), and this one more than its part.
    mutating func keep(_ octets: Int, of flow: Flow) -> Bool {
        guard octets > Self.littleKept else { return true }
        let share = flow.share ?? CommonMemory.Share(beginnings)
        flow.share = share
        if share.keep(octets) { return true }
        if !flow.isHurried { counters.hurried += 1 }
        flow.isHurried = true
        return false
    }

    /// The server's first octets open a session, although the connection was not seen to open. `+OK`, `* OK`, `554` and the
    /// like may as well stand in the middle of one.
    static func beginsWithGreeting(_ held: [FlowEvent], _ mailProtocol: MailProtocol) -> Bool {
        for case .bytes(_, .server, _, let octets, packet: _) in held {
            let words: [StaticString] =
                switch mailProtocol {
                case .smtp, .lmtp: ["220 ", "220-"]
                case .pop3: []
                case .imap: ["* OK [CAPABILITY ", "* PREAUTH"]
                }
            return words.contains { octets.hasPrefixIgnoringCase($0) }
        }
        return false
    }

    /// What is known of a session of a foreign capture when it begins.
    /// - Returns: nil when a file before had this session.
    mutating func info(_ flow: Flow, _ mailProtocol: MailProtocol, tls: TLSLeg?) -> SessionInfo? {
        guard let id = id(of: flow) else { return nil }
        return SessionInfo(
            id: id, mailProtocol: mailProtocol, start: flow.start, client: flow.tunnel?.client ?? flow.client,
            server: flow.tunnel?.server ?? flow.server, route: flow.route ?? route, tls: tls,
            way: flow.tunnel?.way(from: flow.client))
    }

    /// The part under TLS of a session that began in clear.
    mutating func goOn(
        _ flow: Flow, _ info: SessionInfo, _ session: Following, at time: Int64,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        var events: [RecordEvent] = []
        session.observer.secured(
            tls: info.tls, upstreamTLS: info.upstreamTLS, at: session.observer.clock(time), events: &events)
        session.identify(flow)
        session.cover = nil
        flow.state = .following(session)
        var batch = batch(session, at: time)
        batch.tls = info.tls?.observation
        batch.events += events
        try hand(&batch, deliver)
    }
}
