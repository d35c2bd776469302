// From packets to sessions: decoding, reassembly, recognition of the protocol, and an observer for each connection.
// Captures of any origin and our own recordings take this one way, so that they tell the same of the same session.

import MailDialogue
import MailRecording
import MailSessions

/// Follows the mail sessions in a stream of packets.
package struct SessionTracker {
    /// What is done with the octets of a flow.
    enum State {
        /// None came.
        case fresh
        /// They wait until it is known what comes before the session.
        indirect case entering(TunnelWalk)
        /// They wait until they say what is spoken.
        case undecided(ProtocolGuess)
        /// They are under TLS and wait until it is known whether they are mail.
        case sealed(Sealed)
        case following(Following)
        case ignored
    }

    /// A session that is followed. It is large, and each packet changes it: in place.
    final class Following {
        /// Whoever changes it is alone with it, which need not be proved at each change.
        @exclusivity(unchecked) var observer: Observer
        private(set) var identity: SessionIdentity
        /// Its octets come under TLS, as they are on the wire.
        var cover: Cover?
        /// What comes behind STARTTLS is on the wire, and no plaintext of a recording or a transcript.
        var isOnWire = false

        init(_ observer: Observer, _ identity: SessionIdentity) {
            self.observer = observer
            self.identity = identity
        }

        /// Something is known of the session that its beginning did not tell, or it goes on in another connection.
        func identify(_ flow: Flow) {
            identity = SessionIdentity(observer.summary.info, flow.client, flow.server)
        }
    }

    private struct Ends: Hashable {
        var source: IPEndpoint
        var destination: IPEndpoint
    }

    /// Opening comments whose flow has not begun.
    private static let mostAnnounced = 65_536
    /// Notes, or events, for which space is kept.
    private static let mostKept = 1_024

    private let fingerprintKey: [UInt8]
    /// Messages are read and judged too.
    package var judgesMessages = false
    /// Messages and contents are told with their SHA-256.
    package var hashes = true
    /// Exchanges and messages are told one by one, not only counted.
    package var keepsRows = true
    /// Of these rows exchanges are wanted too.
    package var keepsExchanges = true
    /// All octets are told, in notes and as what is to be recorded; else those within messages are only counted.
    package var tellsOctets = true
    /// Messages are told with their text.
    package var keepsText = false
    /// Header fields that are told with messages: their names in lower case.
    package var keepsFields: [String] = []
    /// What is not recorded.
    package var privacy = RecordingPrivacy()
    /// Puts sealed secrets back into packets, where somebody has the key.
    package var restore: ((CaptureRecord) -> CaptureRecord)?
    let route: String
    private let checksums: ChecksumPolicy
    /// Which of two copies of octets counts.
    let overlap: OverlapPolicy
    var decoder: PacketDecoder
    var reassembler: TCPReassembler?
    var flows: [Int: Flow] = [:]
    /// The flows that packets came of lately, each at its number modulo the size.
    var lately: [Flow?] = []
    /// Sessions of files of other programs; their flows have negative numbers.
    var imported = 0
    /// Flows of our own recordings, by session.
    var recorded: [String: Flow] = [:]
    private var announced: [Ends: SessionInfo] = [:]
    /// Sessions whose clear part has ended and whose part under TLS has not begun.
    var parked: [String: (session: Following, flow: Flow)] = [:]
    /// Ids that were given of late, and those before them: only sessions that began at the same time can have the same.
    var ids: Set<String> = []
    var formerIDs: Set<String> = []
    static let mostIDs = 32_768
    /// Ids of sessions in the files before.
    var idsBefore: Set<String> = []
    static let mostIDsBefore = 262_144
    private var flowEvents: [FlowEvent] = []
    /// The space of batches that were delivered.
    private var notes: [Note] = []
    private var events: [RecordEvent] = []
    /// Only these sessions are followed; nil for all.
    package var only: Set<String>?
    /// What is no recorded session is nothing.
    package var ignoresUnannounced = false
    /// The file that is read, from 0.
    var source = 0 {
        didSet { if source != oldValue { keepIDs() } }
    }
    /// Secrets of TLS connections, where somebody has them.
    package var keys: TLSKeyLog?
    /// How long connections wait for them, where ``TLSKeyLog/isGrowing``.
    package var keyPatience = KeyPatience()
    var awaiting = AwaitingKeys()
    /// What connections keep until their handshake is over.
    let handshakes = CommonMemory(most: CommonMemory.forHandshakes)
    /// What they keep until it is known what they speak.
    var beginnings = CommonMemory(most: CommonMemory.forBeginnings)
    package internal(set) var counters = TrackerCounters()

    /// - Parameters:
    ///   - fingerprintKey: the key for the marks of secrets.
    ///   - route: what `SessionInfo.route` says of sessions of a foreign capture.
    package init(
        fingerprintKey: [UInt8] = [], route: String = "capture", checksums: ChecksumPolicy = .auto,
        overlap: OverlapPolicy = .first
    ) {
        self.fingerprintKey = fingerprintKey
        self.route = route
        self.checksums = checksums
        self.overlap = overlap
        decoder = PacketDecoder(overlap: overlap)
    }

    /// What reassembly left out.
    package var reassembly: ReassemblyCounters { reassembler?.counters ?? ReassemblyCounters() }

    /// Takes the next packet.
    /// - Parameters:
    ///   - isRecording: the file is one of our recordings, whose second interface shows the server's leg of sessions that
    ///     the first shows as well.
    ///   - deliver: gets what was understood, once for each step of a session.
    package mutating func accept(
        _ record: CaptureRecord, isRecording: Bool, deliver: (SessionBatch) throws -> Void
    ) rethrows {
        counters.packets += 1
        if record.originalLength > record.bytes.count {
            counters.cut += 1
            counters.cutTo = max(counters.cutTo, record.bytes.count)
        }
        // A packet in which nothing is restored is not even copied.
        guard let restore else { return try follow(record, isRecording, deliver) }
        try follow(restore(record), isRecording, deliver)
    }

    private mutating func follow(
        _ record: CaptureRecord, _ isRecording: Bool, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        if record.nanoseconds >= awaiting.next { try endWaits(at: record.nanoseconds, deliver) }
        if isRecording, record.interface == Int(PcapngWriter.serverLeg) { return }
        let segment: TCPSegment
        switch try acceptQuickly(record, deliver) {
        case .done: return
        case .segment(let plain): segment = plain
        case .other:
            guard let decoded = decode(record) else { return }
            segment = decoded
        }
        for comment in record.comments {
            if let remark = RecordComment(comment) { try take(remark, segment, record.nanoseconds, deliver) }
        }
        if reassembler == nil {
            var limits = ReassemblyLimits()
            // A recording says itself when a session ends, however long it idles; its checksums were right when it was written.
            if isRecording { limits.idleTime = Int64.max / 4 }
            let policy = isRecording && checksums == .auto ? .recorded : checksums
            reassembler = TCPReassembler(limits: limits, checksums: policy, overlap: overlap)
        }
        reassembler?.accept(segment, time: record.nanoseconds, packet: record.index, into: &flowEvents)
        try drain(deliver)
    }

    /// It is `time` now, in microseconds, and no packet came.
    package mutating func advance(to time: Int64, deliver: (SessionBatch) throws -> Void) rethrows {
        reassembler?.advance(to: NanosecondTime.of(time), into: &flowEvents)
        try drain(deliver)
        try endWaits(at: NanosecondTime.of(time), deliver)
    }

    /// The packets have ended: every session ends.
    package mutating func finish(deliver: (SessionBatch) throws -> Void) rethrows {
        reassembler?.finish(into: &flowEvents)
        try drain(deliver)
        try endAllWaits(deliver)
        // Their part under TLS is not in what was read.
        for id in parked.keys.sorted() {
            guard let left = parked.removeValue(forKey: id) else { continue }
            left.flow.state = .following(left.session)
            try close(left.flow, .endOfCapture, left.session.observer.summary.ending, deliver)
        }
    }

    // MARK: Comments

    private mutating func take(
        _ remark: RecordComment, _ segment: TCPSegment, _ time: Int64, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        switch remark {
        case .opened(let info, leg: .client, let isContinued):
            // Of a session that goes on in this segment the flow goes on as well.
            if isContinued, recorded[info.id] != nil { return }
            let fromClient = segment.source.port != 0 && !segment.flags.contains([.syn, .ack])
            let ends =
                fromClient
                ? Ends(source: segment.source, destination: segment.destination)
                : Ends(source: segment.destination, destination: segment.source)
            if announced.count >= Self.mostAnnounced { announced.removeAll() }
            announced[ends] = info
        case .opened(_, leg: .server, isContinued: _), .sealed, .lost: break
        case .closed(let closing):
            guard let flow = recorded[closing.session] else { return }
            flow.closing = closing
            guard case .following(let session) = flow.state else { return }
            for tag in closing.tags { session.observer.tag(tag) }
            for doubt in closing.doubts { session.observer.doubt(doubt) }
            if let tls = closing.tls, session.cover?.mode != .reading {
                if tls.failure == nil || tls.isOpaque {
                    session.observer.learn(tls: tls, upstreamTLS: closing.upstreamTLS)
                } else {
                    session.observer.unsecured(tls: tls, upstreamTLS: closing.upstreamTLS)
                }
                session.identify(flow)
                session.cover = nil
                session.isOnWire = false
            }
        case .secured(let session): recorded[session]?.isHandedOver = true
        case .changed(let id, let exchange, let rules):
            guard let session = followed(id) else { return }
            for rule in rules { session.observer.mark(exchange: exchange, changedBy: rule) }
            var batch = batch(session, at: time)
            batch.changes = [ExchangeChange(exchange: exchange, rules: rules)]
            try hand(&batch, deliver)
        case .unseen(let id, let side, let unseen):
            guard let session = followed(id) else { return }
            var batch = batch(session, at: time)
            session.observer.tell(
                unseen, of: side, at: session.observer.clock(time), events: &batch.events, notes: &batch.notes)
            if !batch.notes.isEmpty { try hand(&batch, deliver) }
        }
    }

    /// A session of our own recording, when it is followed.
    private func followed(_ id: String) -> Following? {
        guard case .following(let session) = recorded[id]?.state else { return nil }
        return session
    }

    // MARK: Batches

    /// A batch with nothing in it.
    /// - Parameter time: nanoseconds since 1970.
    mutating func batch(_ session: Following, at time: Int64) -> SessionBatch {
        let time = NanosecondTime.microseconds(time)
        var batch = SessionBatch(session: session.identity, time: time, notes: [], events: [])
        batch.source = source
        swap(&batch.notes, &notes)
        swap(&batch.events, &events)
        return batch
    }

    /// Delivers a batch that tells something, and takes its space back.
    /// - Parameter batch: lent, as a copy of it would share that space, which then had to be asked for anew.
    mutating func hand(_ batch: inout SessionBatch, _ deliver: (SessionBatch) throws -> Void) rethrows {
        if !batch.isEmpty { try deliver(batch) }
        batch.notes.removeAll(keepingCapacity: batch.notes.capacity <= Self.mostKept)
        batch.events.removeAll(keepingCapacity: batch.events.capacity <= Self.mostKept)
        swap(&batch.notes, &notes)
        swap(&batch.events, &events)
    }

    // MARK: Flows

    private mutating func drain(_ deliver: (SessionBatch) throws -> Void) rethrows {
        guard !flowEvents.isEmpty else { return }
        var events: [FlowEvent] = []
        swap(&events, &flowEvents)
        for event in events { try take(event, deliver) }
        events.removeAll(keepingCapacity: true)
        swap(&events, &flowEvents)
    }

    mutating func take(_ event: FlowEvent, _ deliver: (SessionBatch) throws -> Void) rethrows {
        switch event {
        case .opened(let number, let client, let server, let time, let midstream):
            let flow = Flow(number, client, server, time, midstream)
            flows[number] = flow
            let straight = announced.removeValue(forKey: Ends(source: client, destination: server))
            let turned = announced.removeValue(forKey: Ends(source: server, destination: client))
            guard let info = straight ?? turned else {
                if ignoresUnannounced { flow.state = .ignored }
                return
            }
            guard only?.contains(info.id) ?? true else {
                flow.state = .ignored
                return
            }
            if straight == nil { flow.turn() }
            recorded[info.id] = flow
            if let clear = parked.removeValue(forKey: info.id) {
                try goOn(flow, info, clear.session, at: time, deliver)
            } else if keys != nil, info.tls?.how == .implicit, info.tls?.isOpaque == true {
                flow.sealedInfo = info
                flow.state = .sealed(Sealed(TLSFollower(how: .implicit, keys: keys), handshakes))
            } else {
                try follow(flow, info, isMidway: midstream, deliver)
                // What follows the answer to STARTTLS in the same conversation was recorded as it was on the wire.
                if keys != nil, case .following(let session) = flow.state { session.isOnWire = true }
            }
        case .gap(let number, _, _, _):
            counters.gaps += 1
            try take(event, flows[number], deliver)
        case .bytes(let number, _, _, _, _), .conflict(let number, _, _, _, _, _, _), .doubt(let number, _, _, _, _, _),
            .ended(let number, _, _):
            try take(event, flow(number), deliver)
        case .closed(let number, let how, let time):
            let flow = removeFlow(number)
            try take(event, flow, deliver)
            try close(flow, how, time, deliver)
        }
    }

    mutating func take(
        _ event: FlowEvent, _ flow: Flow?, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        guard let flow else { return }
        switch flow.state {
        case .ignored: break
        case .fresh:
            flow.state =
                TunnelWalk.mayBegin(with: event) ? .entering(TunnelWalk()) : .undecided(flow.guess())
            try take(event, flow, deliver)
        case .entering(var walk):
            flow.state = .ignored
            var verdict = walk.accept(event)
            if verdict == .undecided, !keep(walk.keptOctets, of: flow) { verdict = walk.giveUp() }
            if verdict != .undecided { flow.share = nil }
            switch verdict {
            case .undecided: flow.state = .entering(walk)
            case .none:
                flow.state = .undecided(flow.guess())
                for event in walk.takeHeld() { try take(event, flow, deliver) }
            case .refused: counters.count(foreign: walk.takeHeld())
            case .through(let tunnel):
                flow.tunnel = tunnel
                flow.state = .undecided(flow.guess())
                for event in walk.takeHeld() { try take(event, flow, deliver) }
            }
        case .following(let session):
            if flow.isHandedOver, case .ended = event { break }
            let event = flow.isTurned ? event.swapped : event
            if let cover = session.cover { return try take(event, flow, session, cover, deliver) }
            var batch = batch(session, at: flow.opened)
            apply(event, &session.observer, &batch)
            if session.isOnWire, session.observer.book.summary.opaque == .tls { cover(session, batch.notes) }
            try hand(&batch, deliver)
        case .sealed(let sealed): try take(event, flow, sealed, deliver)
        case .undecided(var guess):
            flow.state = .ignored
            var verdict = guess.accept(event)
            if verdict == .undecided, !keep(guess.keptOctets, of: flow) { verdict = guess.giveUp() }
            if verdict != .undecided { flow.share = nil }
            switch verdict {
            case .undecided: flow.state = .undecided(guess)
            case .notMail:
                let held = guess.takeHeld()
                guard let sealed = sealed(flow, held) else {
                    counters.count(foreign: held)
                    return
                }
                flow.state = .sealed(sealed)
                for event in held { try take(event, flow, deliver) }
            case .mail(let mailProtocol, let isSwapped):
                if isSwapped { flow.turn() }
                let held = guess.takeHeld()
                guard let info = info(flow, mailProtocol, tls: flow.tls), only?.contains(info.id) ?? true else {
                    return
                }
                // A file of another program begins with a line.
                let isLate = flow.isLate && flow.route == nil
                let isMidway = isLate && !Self.beginsWithGreeting(held, mailProtocol)
                try follow(flow, info, isMidway: isMidway, deliver)
                if isMidway, case .following(let session) = flow.state {
                    session.observer.doubt(PacketDoubt(.midstream, .client, time: flow.start, packet: 0))
                }
                if flow.route == nil, case .following(let session) = flow.state { session.isOnWire = true }
                // The guess gives them with the sides as they are.
                for event in held { try take(flow.isTurned ? event.swapped : event, flow, deliver) }
            }
        }
    }

    mutating func follow(
        _ flow: Flow, _ info: SessionInfo, isMidway: Bool, _ deliver: (SessionBatch) throws -> Void
    ) rethrows {
        counters.sessions += 1
        var info = info
        if info.start == flow.start { info.startFraction = flow.startFraction }
        let session = Following(
            Observer(
                info: info, fingerprintKey: fingerprintKey, judgesMessages: judgesMessages, keepsText: keepsText,
                keepsFields: keepsFields, hashes: hashes, keepsRows: keepsRows, keepsExchanges: keepsExchanges,
                tellsOctets: tellsOctets,
                privacy: privacy),
            SessionIdentity(info, flow.client, flow.server))
        var batch = batch(session, at: flow.opened)
        let start = session.observer.clock(flow.opened)
        session.observer.open(into: &batch.events)
        batch.tls = info.tls?.observation
        if let tls = info.tls, tls.isOpaque {
            switch tls.how {
            case .implicit:
                session.observer.tell(
                    .opaque(.tls), of: .client, at: start, events: &batch.events, notes: &batch.notes)
            case .starttls: break
            }
        }
        // The clear part of the session is not in what is read.
        if info.tls?.how == .starttls, info.tls?.isOpaque == false {
            session.observer.secured(
                tls: info.tls, upstreamTLS: info.upstreamTLS, at: start, events: &batch.events)
        }
        if ImportFormat.isLate(info) { session.observer.joinBehindLogin() }
        if isMidway {
            // Neither side is known from its beginning.
            for side in Side.allCases {
                session.observer.lose(side, octets: 0, at: start, events: &batch.events, notes: &batch.notes)
            }
        }
        flow.state = .following(session)
        try hand(&batch, deliver)
    }
}
