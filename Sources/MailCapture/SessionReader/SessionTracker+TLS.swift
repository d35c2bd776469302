// Sessions under TLS, as captures show them: from the first octet on, or after STARTTLS and STLS. With keys they are read like all others;
// without, they are listed with what their handshake shows, and nothing of what is encrypted is taken for mail.

import MailDialogue
import MailRecording
import MailSessions

extension SessionTracker {
    /// Octets that are held for a handshake: its certificates, a few times over.
    private static let mostSealed = 1 << 16
    /// Events without octets that are held.
    private static let mostEvents = 8_192
    /// Octets that it takes to hold an event, beside its own.
    private static let eventCost = 128

    // MARK: Before it is a session

    /// What a connection began with is no mail in clear: TLS, perhaps.
    /// - Returns: nil when it is none.
    func sealed(_ flow: Flow, _ held: [FlowEvent]) -> Sealed? {
        // A record of a handshake (RFC 8446 §5.1) with a hello in it is the first thing that a side sends.
        var first: Side?
        var head: [UInt8] = []
        for case .bytes(_, let side, _, let octets, packet: _) in held where head.count < 6 && (first ?? side) == side {
            first = side
            head += octets.prefix(6)
        }
        if head.starts(with: [22, 3]), head.count < 6 || head[5] == (first == .client ? 1 : 2) {
            return Sealed(TLSFollower(how: .implicit, keys: keys), handshakes)
        }
        // Of one that was joined later, packets begin with records now and then.
        guard flow.isLate || held.contains(where: { if case .gap = $0 { true } else { false } }),
            Self.securedPort(flow) != nil
        else { return nil }
        let isTLS = held.contains { event in
            guard case .bytes(_, _, _, let octets, packet: _) = event else { return false }
            return TLSFollower.isHeader(octets)
        }
        return isTLS ? Sealed(TLSFollower(midstream: .implicit), handshakes) : nil
    }

    /// Takes an event of a connection under TLS.
    mutating func take(
        _ event: FlowEvent, _ flow: Flow, _ sealed: Sealed, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        var pieces: [TLSFollower.Piece] = []
        sealed.follower.with(keys) { $0.take(event, into: &pieces) }
        if sealed.follower.reading == .open, let info = flow.sealedInfo {
            return try open(event, pieces, flow, info, sealed, deliver)
        }
        if sealed.follower.reading == .open || sealed.guess != nil {
            return try guess(event, pieces, flow, sealed, deliver)
        }
        sealed.held.append(event.kept)
        var isLast = sealed.held.count > Self.mostEvents
        switch event {
        case .bytes(_, _, _, let octets, packet: _):
            sealed.heldOctets += octets.count
            isLast = isLast || sealed.heldOctets > Self.mostSealed
        case .closed: isLast = true
        case .opened, .gap, .conflict, .doubt, .ended: break
        }
        // What waits for secrets has a bound of its own.
        let held = flow.awaitsSince == nil ? sealed.heldOctets + sealed.held.count * Self.eventCost : 0
        let answer = sealed.answer?.guess.keptOctets ?? 0
        if !sealed.share.keep(sealed.follower.keptOctets + held + answer) {
            sealed.follower.giveUp()
            isLast = true
        }
        if flow.sealedInfo == nil, sealed.follower.wasAnsweredInClear {
            if try followAnswer(flow, sealed, deliver) { return }
            // More of it may tell.
            if !isLast, sealed.answer?.guess.verdict == .undecided { return }
        }
        if let info = flow.sealedInfo {
            // There is no doubt that it is a session.
            let isClosed = sealed.follower.isForeign || sealed.follower.reading == .sealed
            if isLast || isClosed { try list(flow, info, sealed, deliver) }
        } else if sealed.follower.isForeign {
            leave(flow)
            counters.count(foreign: sealed.held)
            flow.state = .ignored
        } else if sealed.held.count <= Self.mostEvents, mayBeMail(flow, sealed.follower.observation),
            mayWait(flow, sealed.follower, event.time ?? flow.opened, sealed.heldOctets)
        {
            wait(flow, event.time ?? flow.opened, sealed.heldOctets - flow.awaitedOctets)
        } else if isLast || sealed.follower.isSettled {
            try list(flow, sealed, deliver)
        }
    }

    /// The client began with TLS and the server speaks in clear: what it says tells what it is.
    /// - Returns: it is a session of mail, which is followed.
    private mutating func followAnswer(
        _ flow: Flow, _ sealed: Sealed, _ deliver: (SessionBatch) throws -> Void
    ) rethrows -> Bool {
        var answer = sealed.answer ?? (ProtocolGuess(client: flow.client, server: flow.end, midstream: false), 0)
        // Kept here only: what is kept twice is copied with each step.
        sealed.answer = nil
        for event in sealed.held.dropFirst(answer.events) {
            switch event {
            // Of the client there is nothing but TLS.
            case .bytes(_, .server, _, _, packet: _), .closed: break
            case .opened, .bytes, .gap, .conflict, .doubt, .ended: continue
            }
            guard case .mail(let mailProtocol, isSwapped: false) = answer.guess.accept(event) else { continue }
            let held = sealed.held
            sealed.held = []
            leave(flow)
            flow.state = .ignored
            guard let session = try begin(flow, mailProtocol, nil, deliver) else { return true }
            session.isOnWire = true
            for event in held { try take(event, flow, deliver) }
            return true
        }
        answer.events = sealed.held.count
        sealed.answer = answer
        return false
    }

    /// A session of our own recording can be read.
    private mutating func open(
        _ event: FlowEvent, _ pieces: [TLSFollower.Piece], _ flow: Flow, _ info: SessionInfo, _ sealed: Sealed,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        sealed.held = []
        var info = info
        info.tls = sealed.follower.leg
        try follow(flow, info, isMidway: false, deliver)
        guard case .following(let session) = flow.state else { return }
        let cover = Cover(sealed.follower, .reading, handshakes)
        session.cover = cover
        for plain in event.opened(pieces) { try apply(plain, session, deliver) }
        try follow(event, pieces, flow, session, cover, deliver)
    }

    /// No key opens a session of our own recording: it is what the recording says.
    private mutating func list(
        _ flow: Flow, _ info: SessionInfo, _ sealed: Sealed, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        try follow(flow, info, isMidway: flow.isMidstream, deliver)
        if case .following(let session) = flow.state, let closing = flow.closing {
            // It may have said this before the session was followed.
            for tag in closing.tags { session.observer.tag(tag) }
            for doubt in closing.doubts { session.observer.doubt(doubt) }
            if let tls = closing.tls {
                session.observer.learn(tls: tls, upstreamTLS: closing.upstreamTLS)
                session.identify(flow)
            }
        }
        for event in sealed.held { try take(event, flow, deliver) }
        sealed.held = []
    }

    /// Nobody has the key: it is a session when port or handshake say that it is mail.
    private mutating func list(_ flow: Flow, _ sealed: Sealed, _ deliver: (SessionBatch) throws -> Void) rethrows {
        counters.encrypted += 1
        leave(flow)
        flow.gaveUpKeys = true
        flow.state = .ignored
        let follower = sealed.follower
        guard let mailProtocol = Self.mailProtocol(flow, follower.observation) else { return }
        var leg = TLSLeg(follower.observation)
        // Some of it may have been opened before.
        leg.isOpaque = true
        guard let session = try begin(flow, mailProtocol, leg, deliver) else { return }
        session.cover = Cover(follower, .watching, handshakes)
        if follower.observation.isMidstream {
            session.observer.doubt(PacketDoubt(.midstream, .client, time: flow.start, packet: 0))
        }
        for event in sealed.held { try take(event, flow, deliver) }
        sealed.held = []
    }

    /// What can be read says what it is.
    private mutating func guess(
        _ event: FlowEvent, _ pieces: [TLSFollower.Piece], _ flow: Flow, _ sealed: Sealed,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        sealed.held = []
        sealed.share.keep(0)
        // What is under TLS is whole from its beginning, or was not opened.
        var guess = sealed.guess ?? ProtocolGuess(client: flow.client, server: flow.end, midstream: false)
        for (index, plain) in event.opened(pieces).enumerated() {
            switch guess.accept(plain) {
            case .undecided: continue
            case .notMail:
                counters.encrypted += 1
                flow.state = .ignored
                return
            case .mail(let mailProtocol, isSwapped: _):
                counters.encrypted += 1
                flow.state = .ignored
                guard let session = try begin(flow, mailProtocol, sealed.follower.leg, deliver) else { return }
                let cover = Cover(sealed.follower, .reading, handshakes)
                session.cover = cover
                for held in guess.takeHeld() { try apply(held, session, deliver) }
                for rest in event.opened(pieces).dropFirst(index + 1) { try apply(rest, session, deliver) }
                return try follow(event, pieces, flow, session, cover, deliver)
            }
        }
        sealed.guess = guess
        // It can't be opened to where it says what it is, or there is no memory for so much of it.
        let isRoom = sealed.share.keep(guess.keptOctets)
        if !isRoom || sealed.follower.reading == .sealed { try list(flow, sealed, deliver) }
    }

    /// A session begins that was under TLS from its first octet.
    private mutating func begin(
        _ flow: Flow, _ mailProtocol: MailProtocol, _ leg: TLSLeg?, _ deliver: (SessionBatch) throws -> Void
    ) rethrows -> Following? {
        guard let info = info(flow, mailProtocol, tls: leg), only?.contains(info.id) ?? true else { return nil }
        try follow(flow, info, isMidway: false, deliver)
        guard case .following(let session) = flow.state else { return nil }
        return session
    }

    /// The protocol of a port on which mail is under TLS from the first octet.
    private static func securedPort(_ flow: Flow) -> MailProtocol? {
        for port in [flow.end.port, flow.client.port] {
            if let (found, isImplicit) = MailProtocol.ofPort(port), isImplicit { return found }
        }
        return nil
    }

    /// Nothing says that it is something else.
    private func mayBeMail(_ flow: Flow, _ seen: TLSObservation) -> Bool {
        seen.offeredProtocols.isEmpty || Self.mailProtocol(flow, seen) != nil
    }

    /// What says that it is mail: the application protocol, the port, the name of the server.
    private static func mailProtocol(_ flow: Flow, _ seen: TLSObservation) -> MailProtocol? {
        let names = seen.offeredProtocols
        for name in seen.chosenProtocol.map({ [$0] }) ?? names {
            // The names that IANA registered (RFC 7301 §6); the port says that it is no LMTP.
            switch name {
            case "imap": return .imap
            case "pop3": return .pop3
            case "smtp": return .smtp
            default: continue
            }
        }
        // Who asks for something else means something else, on whatever port.
        guard names.isEmpty else { return nil }
        if let found = securedPort(flow) { return found }
        guard let label = seen.serverName?.lowercased().prefix(while: { $0 != "." }),
            seen.serverName?.contains(".") == true
        else { return nil }
        for (word, found) in [("imap", .imap), ("pop", .pop3), ("smtp", .smtp), ("submission", .smtp)]
            as [(String, MailProtocol)]
        where label.hasPrefix(word) { return found }
        return nil
    }

    // MARK: Within a session

    /// STARTTLS or STLS, or a client that begins TLS where nobody asked for it: what came behind it, of the notes of this step, is the
    /// beginning of TLS.
    mutating func cover(_ session: Following, _ notes: [Note]) {
        // What was agreed upon is said by a reply.
        let isAgreed = !notes.contains { $0.element == .opaque && $0.facts.contains(.opaque(.tls)) }
        let cover = Cover(
            TLSFollower(how: isAgreed ? .starttls : .implicit, keys: keys), keys == nil ? .watching : .undecided,
            handshakes)
        var pieces: [TLSFollower.Piece] = []
        for note in notes where note.element == .opaque && !note.raw.isEmpty {
            cover.follower.with(keys) { $0.receive(note.raw, from: note.side, into: &pieces) }
            if keys?.isGrowing == true { cover.first.append((note.side, Array(note.raw)[...])) }
        }
        session.cover = cover
    }

    /// Takes an event of a session that is under TLS.
    mutating func take(
        _ event: FlowEvent, _ flow: Flow, _ session: Following, _ cover: Cover,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        var pieces: [TLSFollower.Piece] = []
        cover.follower.with(keys) { $0.take(event, into: &pieces) }
        switch cover.mode {
        case .watching:
            if !cover.share.keep(cover.follower.keptOctets) { cover.follower.giveUp() }
            var batch = batch(session, at: flow.opened)
            apply(event, &session.observer, &batch)
            try hand(&batch, deliver)
            try tell(event, flow, session, cover, deliver)
        case .reading:
            for plain in event.opened(pieces) { try apply(plain, session, deliver) }
            try follow(event, pieces, flow, session, cover, deliver)
        case .undecided:
            switch cover.follower.reading {
            case .open:
                cover.mode = .reading
                cover.held = []
                cover.share.keep(0)
                var events: [RecordEvent] = []
                session.observer.secured(
                    tls: cover.follower.leg, upstreamTLS: nil, at: session.observer.clock(event.time ?? flow.opened),
                    events: &events)
                session.identify(flow)
                var batch = batch(session, at: event.time ?? flow.opened)
                batch.events += events
                try hand(&batch, deliver)
                for plain in event.opened(pieces) { try apply(plain, session, deliver) }
                try follow(event, pieces, flow, session, cover, deliver)
            case .sealed:
                var octets = 0
                if case .bytes(_, _, _, let carried, packet: _) = event { octets = carried.count }
                guard mayWait(flow, cover.follower, event.time ?? flow.opened, cover.heldOctets + octets),
                    cover.held.count < Self.mostEvents, !cover.follower.isForeign
                else { return try watch(event, flow, session, cover, deliver) }
                cover.heldOctets += octets
                cover.held.append(event.kept)
                cover.share.keep(0)
                wait(flow, event.time ?? flow.opened, cover.heldOctets - flow.awaitedOctets)
            case .undecided:
                if case .bytes(_, _, _, let octets, packet: _) = event { cover.heldOctets += octets.count }
                cover.held.append(event.kept)
                let held = cover.heldOctets + cover.held.count * Self.eventCost
                let isRoom = cover.share.keep(cover.follower.keptOctets + held)
                if !isRoom { cover.follower.giveUp() }
                if !isRoom || cover.heldOctets > Self.mostSealed || cover.held.count > Self.mostEvents
                    || cover.follower.isForeign
                {
                    let last = cover.held.removeLast()
                    try watch(last, flow, session, cover, deliver)
                }
            }
        }
    }

    /// No key opens it: what was held is passed on as it is.
    private mutating func watch(
        _ event: FlowEvent, _ flow: Flow, _ session: Following, _ cover: Cover,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        cover.mode = .watching
        leave(flow)
        flow.gaveUpKeys = true
        for held in cover.held + [event] {
            var batch = batch(session, at: flow.opened)
            apply(held, &session.observer, &batch)
            try hand(&batch, deliver)
        }
        cover.held = []
        cover.share.keep(cover.follower.keptOctets)
        try tell(event, flow, session, cover, deliver)
    }

    private mutating func apply(
        _ plain: FlowEvent, _ session: Following, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        var batch = batch(session, at: plain.time ?? session.identity.info.begin)
        apply(plain, &session.observer, &batch)
        try hand(&batch, deliver)
    }

    /// After a step of a session that is opened: it may have been the last that could be.
    private mutating func follow(
        _ event: FlowEvent, _ pieces: [TLSFollower.Piece], _ flow: Flow, _ session: Following, _ cover: Cover,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        for case .stopped(let side) in pieces where cover.mode == .reading {
            // Neither side is shown in part: what can't be understood together could give away what is to be masked.
            cover.mode = .watching
            var batch = batch(session, at: event.time ?? flow.opened)
            session.observer.tell(
                .opaque(.tls), of: side, at: batch.time, events: &batch.events, notes: &batch.notes)
            try hand(&batch, deliver)
        }
        try tell(event, flow, session, cover, deliver)
    }

    /// No TLS came about: what the session sends is in clear, and its observer follows it again.
    private mutating func goOnInClear(
        _ event: FlowEvent, _ flow: Flow, _ session: Following, _ cover: Cover,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        goOnInClear(session, cover)
        session.identify(flow)
        var batch = batch(session, at: event.time ?? session.observer.summary.ending)
        batch.tls = cover.follower.observation
        try hand(&batch, deliver)
    }

    /// What is known of the TLS that did not come.
    func goOnInClear(_ session: Following, _ cover: Cover) {
        var leg = cover.follower.leg
        leg.isOpaque = false
        leg.failure = leg.failure ?? "no TLS came"
        session.cover = nil
        session.observer.unsecured(tls: leg, upstreamTLS: nil)
    }

    /// Tells what is known of the TLS once the handshake has shown it, and again at the end.
    private mutating func tell(
        _ event: FlowEvent, _ flow: Flow, _ session: Following, _ cover: Cover,
        _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        if cover.mode == .watching, session.observer.tap.opaque != .tls {
            return try goOnInClear(event, flow, session, cover, deliver)
        }
        var isLast = false
        if case .closed = event { isLast = true }
        guard cover.follower.isSettled, cover.told == nil || isLast, cover.told != cover.follower.observation else {
            return
        }
        cover.told = cover.follower.observation
        var leg = cover.follower.leg
        if session.observer.book.summary.opaque == .tls { leg.isOpaque = true }
        if leg.failure != nil, cover.mode == .watching, cover.follower.observation.alert?.isFatal == true {
            // It is over, and nothing came under it.
            leg.isOpaque = false
            session.observer.unsecured(tls: leg, upstreamTLS: nil)
        } else {
            session.observer.learn(tls: leg, upstreamTLS: nil)
        }
        session.identify(flow)
        var batch = batch(session, at: event.time ?? session.observer.summary.ending)
        batch.tls = cover.follower.observation
        try hand(&batch, deliver)
    }
}

extension FlowEvent {
    /// When it happened, in nanoseconds; nil for the opening of a flow.
    fileprivate var time: Int64? {
        switch self {
        case .opened: nil
        case .bytes(_, _, let time, _, _), .gap(_, _, _, let time), .conflict(_, _, _, _, _, let time, _),
            .doubt(_, _, _, _, let time, _),
            .ended(_, _, let time), .closed(_, _, let time):
            time
        }
    }

    /// What is under TLS in it.
    fileprivate func opened(_ pieces: [TLSFollower.Piece]) -> [FlowEvent] {
        switch self {
        case .bytes(let flow, _, let time, _, let packet):
            pieces.compactMap { piece in
                switch piece {
                case .octets(let side, let octets):
                    .bytes(flow: flow, side: side, time: time, octets[...], packet: packet)
                case .gap(let side): .gap(flow: flow, side: side, count: 0, time: time)
                case .stopped: nil
                }
            }
        case .gap(let flow, _, _, let time):
            pieces.compactMap { piece in
                if case .gap(let side) = piece { .gap(flow: flow, side: side, count: 0, time: time) } else { nil }
            }
        case .conflict, .doubt, .ended, .closed: [self]
        case .opened: []
        }
    }
}

extension TLSFollower {
    /// Takes an event of the flow.
    fileprivate mutating func take(_ event: FlowEvent, into pieces: inout [Piece]) {
        switch event {
        case .bytes(_, let side, _, let octets, packet: _): receive(octets, from: side, into: &pieces)
        case .gap(_, let side, let count, _): lose(side, count, into: &pieces)
        case .closed: finish()
        case .opened, .conflict, .doubt, .ended: break
        }
    }
}
