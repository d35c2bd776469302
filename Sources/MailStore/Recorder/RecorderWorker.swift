// The recorder's thread: takes events in order and makes packets and rows of them. Everything here runs on that
// thread, except `init`, which runs before it starts. Long because the state of that thread is private to it.

import Glibc
import MailDialogue
import MailRecording

/// The state and work of the recorder's thread.
final class RecorderWorker {
    /// Microseconds between updates of open sessions in the index.
    static let updateInterval: Int64 = 2_000_000
    /// Microseconds after which a session that goes on is told to the index. Most are over by then, and are told once instead of twice.
    static let freshInterval: Int64 = 500_000

    /// Remarks of a session that wait for a packet.
    static let mostRemarks = 1_000

    let settings: Recorder.Settings
    private let orders: RecorderOrders
    private let status: RecorderStatus
    private var segments: SegmentWriter
    let index: IndexWriter

    private var sessions: [String: RecordedSession] = [:]
    private var tuples = TupleTable()
    /// Sessions of which packets are gathered.
    private var touched: [RecordedSession] = []
    /// Sessions that have ended and wait for their packets to be written.
    private var ended: [RecordedSession] = []
    /// Sessions that the index has not heard of.
    private var fresh: [RecordedSession] = []
    /// When those that went on were told last.
    private var lastFresh: Int64

    var now = System.monotonicClock()
    private var lastSync: Int64
    private var lastUpdate: Int64
    private let outage: DiskOutage
    private var indexFailure: String?
    /// That of the directory, held for longer than this works.
    private let lock: Int32
    /// A session ended since the last sync.
    private var hasEnded = false

    /// What the index has yet to forget.
    private var forgetting = Forgetting()

    /// Sessions that have ended and whose exchanges and messages are to be read; nil when sessions tell them.
    var backlog: RowBacklog?
    /// Why the last of those that could not be read was not, which is said once of sessions that follow upon each other.
    var unreadFailure: String?
    /// Signs the segments; nil when nobody does.
    private let notary: Notary?
    /// Packs and removes those that are closed.
    private let keeper: SegmentKeeper
    /// How much is recorded, for ``keeper``.
    private var pace = RecordingPace()

    init(
        _ settings: Recorder.Settings, index: IndexWriter, orders: RecorderOrders, status: RecorderStatus,
        queue: RecorderQueue, notary: Notary?, keeper: SegmentKeeper, lock: Int32
    ) {
        self.lock = lock
        self.orders = orders
        self.notary = notary
        self.keeper = keeper
        backlog = settings.readRows.map { RowBacklog(RowFiller($0, queue), directory: settings.directory) }
        self.settings = settings
        self.status = status
        self.index = index
        segments = SegmentWriter(
            directory: settings.directory, segmentBytes: Int64(settings.segmentBytes),
            segmentAge: settings.segmentAge, day: settings.day, retryAfter: settings.retryAfter,
            calls: settings.calls)
        lastSync = now
        lastUpdate = now
        lastFresh = now
        let outage = DiskOutage(settings, orders, status, queue)
        self.outage = outage
        segments.holds = { outage.holds($0) }
        segments.captureDropped = { [status] in status.captureDropped }
        if let notary {
            segments.hashes = true
            segments.announce = { notary.announce($0) }
            segments.retract = { notary.retract($0) }
        }
    }

    /// Works until the queue is closed.
    func run(_ queue: RecorderQueue) {
        var lingers = false
        if backlog?.start() == false {
            settings.log("no thread could be had: exchanges and messages are not indexed")
        }
        // What was left by the last recorder.
        backlog?.feed(from: index, now)
        while true {
            let batch = queue.take(timeout: timeout, lingers: lingers)
            now = System.monotonicClock()
            if segments.current != nil, segments.ends(now) <= now { endSegment() }
            for events in batch.events {
                for event in events { take(event) }
                if index.isDue(now) {
                    flush()
                    tick()
                }
            }
            flush()
            for rows in batch.rows { take(rows) }
            let forgets = forgetting.step(keeper, index, now)
            if index.takeUnsettled() { backlog?.lookAgain() }
            tick()
            if !batch.events.isEmpty { backlog?.recorded(now) }
            if let time = pace.recorded(batch.weight, now) { keeper.rest(until: time) }
            backlog?.feed(from: index, now)
            // Before what was taken counts as written: who asks for both misses none.
            status.hasUnread.store(backlog?.hasUnread ?? false, ordering: .sequentiallyConsistent)
            queue.finish(batch)
            if batch.isClosing { break }
            lingers = !batch.events.isEmpty
            if forgets { queue.nudge() }
        }
        finish()
    }

    // MARK: Events

    private func take(_ event: RecordEvent) {
        switch event {
        case .opened(let info): open(info)
        case .secured(let info, time: let time): secure(info, time)
        case .octets(session: let id, leg: let leg, side: let side, time: let time, let pieces):
            guard let session = sessions[id] else {
                let count = pieces.reduce(0) { $0 + $1.count }
                segments.lose(packets: 1, octets: Int64(count))
                status.lost(Int64(count))
                return
            }
            write(pieces, of: session, leg, side, time)
        case .secret(session: let id, leg: let leg, side: let side, time: let time, let masked, let secret):
            guard let session = sessions[id] else {
                segments.lose(packets: 1, octets: Int64(masked.count))
                status.lost(Int64(masked.count))
                return
            }
            // What was said of the octets stands on a packet without any, before them.
            for _ in 0..<(leg == .client ? session.remarks.count : 0) {
                emit(session, leg, time) { $0.gap(from: side.other, 0) }
            }
            let sealed = orders.sealKey?.seal(secret, session: id, leg: leg, side: side, octets: masked.count)
            write([masked], of: session, leg, side, time, comment: sealed.map { .sealed($0) })
        case .gap(session: let id, leg: let leg, side: let side, time: let time, octets: let octets):
            guard let session = sessions[id] else { return }
            session.summary.gaps &+= 1
            session.isIndexed = false
            openServer(session, leg, time)
            // A hole of unknown size must still be one for those who read the recording.
            emit(session, leg, time) { $0.gap(from: side, UInt32(clamping: max(1, octets))) }
        case .remark(session: let id, side: let side, let unseen):
            // Before all others: it is of the next packet.
            sessions[id]?.remarks.insert(.unseen(session: id, side: side, unseen), at: 0)
        case .changed(session: let id, exchange: let exchange, rules: let rules):
            guard let session = sessions[id], session.remarks.count < Self.mostRemarks else { return }
            session.remarks.append(.changed(session: id, exchange: exchange, rules: rules))
        case .exchange(session: let id, let exchange):
            guard let session = sessions[id] else { return }
            index.save(exchange, session: session.row, now)
            session.summary.exchanges = max(session.summary.exchanges, exchange.number)
            session.summary.violations &+= exchange.violations.count
            session.isIndexed = false
            // While nothing can be written remarks would pile up; the index has them too.
            if !exchange.changed.isEmpty, session.remarks.count < Self.mostRemarks {
                session.remarks.append(.changed(session: id, exchange: exchange.number, rules: exchange.changed))
            }
        case .message(session: let id, let message):
            guard let session = sessions[id] else { return }
            index.save(message, number: session.messageRows, session: session.row, now)
            session.messageRows += 1
            session.summary.messages = session.messageRows
            session.isIndexed = false
        case .credential(session: let id, let credential):
            guard let session = sessions[id] else { return }
            index.save(credential, number: session.credentialRows, session: session.row, now)
            session.credentialRows += 1
            session.summary.credentials = session.credentialRows
            if !credential.account.isEmpty { session.summary.user = credential.account }
            session.isIndexed = false
        case .closed(let summary): close(summary)
        }
    }

    private func open(_ info: SessionInfo) {
        guard sessions[info.id] == nil else { return }
        let conversation = conversation(info, .client)
        let session = RecordedSession(row: index.takeRow(), summary: SessionSummary(info: info), client: conversation)
        sessions[info.id] = session
        fresh.append(session)
        handshake(session, .client, info.begin)
    }

    private func write(
        _ pieces: [ArraySlice<UInt8>], of session: RecordedSession, _ leg: Leg, _ side: Side, _ time: Int64,
        comment: RecordComment? = nil
    ) {
        let count = pieces.reduce(0) { $0 + $1.count }
        guard count > 0 else { return }
        switch leg {
        case .client:
            switch side {
            case .client: session.summary.clientBytes &+= count
            case .server: session.summary.serverBytes &+= count
            }
        case .server: openServer(session, leg, time)
        }
        session.summary.touch(NanosecondTime.microseconds(time), NanosecondTime.fraction(time))
        session.isIndexed = false
        if comment != nil || !appendPlainly(pieces, count, session, leg, side, time) {
            // What one event carries becomes one segment of TCP, whatever pieces the dialogue cut it into.
            var payload: [UInt8] = []
            payload.reserveCapacity(count)
            for piece in pieces { payload.append(contentsOf: piece) }
            emit(session, leg, time, comment: comment, payload: count) { $0.data(from: side, payload[...]) }
        }
        if segments.offset - (segments.current?.size ?? 0) >= SegmentWriter.bufferLimit { flush() }
    }

    /// Nearly all octets go on in the segment where the conversation is, and nothing is to be said of them: they are put there at once.
    /// False when it is not so.
    private func appendPlainly(
        _ pieces: [ArraySlice<UInt8>], _ count: Int, _ session: RecordedSession, _ leg: Leg, _ side: Side,
        _ time: Int64
    ) -> Bool {
        guard leg == .client, session.remarks.isEmpty, !segments.isDue(now),
            var extent = session.client.extent, extent.segment == segments.current?.number
        else { return false }
        let packets = segments.append(
            pieces, count: count, from: side, by: &session.client.synthesizer, leg: leg, time: time)
        guard packets > 0 else { return false }
        extent.end = segments.offset
        extent.packets += packets
        session.client.extent = extent
        session.client.isIndexed = false
        touch(session)
        return true
    }

    /// The server's leg is a conversation of its own, from its first octets on.
    private func openServer(_ session: RecordedSession, _ leg: Leg, _ time: Int64) {
        guard leg == .server, session.server == nil else { return }
        session.server = conversation(session.summary.info, .server)
        handshake(session, .server, time)
    }

    /// What came in clear and what comes under TLS are conversations of their own, between the same ends: no reader takes the one
    /// for the other, and none expects TLS in the second.
    private func secure(_ info: SessionInfo, _ time: Int64) {
        guard let session = sessions[info.id] else { return }
        session.isIndexed = false
        session.summary.info = info
        session.summary.touch(NanosecondTime.microseconds(time), NanosecondTime.fraction(time))
        for leg in [Leg.server, .client] where session[leg] != nil {
            emit(session, leg, time, comment: leg == .client ? .secured(session: info.id) : nil) {
                $0.close(by: .client)
            }
            session[leg]?.isOpen = false
            session[leg]?.synthesizer.startOver()
            handshake(session, leg, time)
        }
    }

    private func close(_ summary: SessionSummary) {
        guard let session = sessions.removeValue(forKey: summary.info.id) else { return }
        session.summary = summary
        session.summary.gaps &+= session.holes
        if summary.end == .open { session.summary.end = .closed }
        let closing = RecordComment.closed(RecordComment.Closing(session.summary))
        let end = session.summary.end
        for leg in [Leg.server, .client] where session[leg] != nil {
            emit(session, leg, summary.ending, comment: leg == .client ? closing : nil) { synthesizer in
                switch end {
                case .open, .closed, .timeout: synthesizer.close(by: .client)
                case .reset: synthesizer.reset(by: .client)
                case .lost: synthesizer.reset(by: .server)
                }
            }
        }
        tuples.release(session.client.tuple)
        if let server = session.server { tuples.release(server.tuple) }
        ended.append(session)
        hasEnded = true
    }

    // MARK: Packets

    private func conversation(_ info: SessionInfo, _ leg: Leg) -> Conversation {
        let server = leg == .client ? info.server : info.upstream ?? info.server
        let tuple = tuples.take(
            client: info.client, server: server, info.mailProtocol, isSealed: info.tls?.isSealedFromStart ?? false)
        return Conversation(info, leg, tuple)
    }

    private func handshake(_ session: RecordedSession, _ leg: Leg, _ time: Int64) {
        emit(session, leg, time, comment: .opened(session.summary.info, leg: leg, isContinued: false)) { $0.open() }
        session[leg]?.isOpen = true
    }

    /// Makes packets and gathers them, with what there is to say on the first of them.
    private func emit(
        _ session: RecordedSession, _ leg: Leg, _ time: Int64, comment: RecordComment? = nil, payload: Int = 0,
        _ make: (inout PacketSynthesizer) -> [[UInt8]]
    ) {
        let isReady = isSegmentReady()
        guard var conversation = session[leg] else { return }
        if isReady, conversation.extent?.segment != segments.current?.number {
            if let extent = conversation.extent {
                session.left.append(extent)
                conversation.extent = nil
                conversation.written = nil
            }
            if conversation.isOpen {
                // An acknowledgment carries the comment, as the packet that follows may have one of its own.
                let comment = RecordComment.opened(session.summary.info, leg: leg, isContinued: true)
                gather(conversation.synthesizer.gap(from: .server, 0), session, leg, &conversation, time, [comment])
            }
        }
        let packets = make(&conversation.synthesizer)
        if isReady {
            var comments = comment.map { [$0] } ?? []
            if leg == .client, !session.remarks.isEmpty, conversation.isOpen {
                let taken = session.remarks.prefix(max(0, packets.count - comments.count))
                comments += taken
                session.remarks.removeFirst(taken.count)
            }
            gather(packets, session, leg, &conversation, time, comments, payload: payload)
        } else {
            segments.lose(packets: Int64(packets.count), octets: Int64(payload), sessions: session.miss() ? 1 : 0)
            status.lost(Int64(payload))
        }
        session[leg] = conversation
    }

    private func gather(
        _ packets: [[UInt8]], _ session: RecordedSession, _ leg: Leg, _ conversation: inout Conversation, _ time: Int64,
        _ comments: [RecordComment], payload: Int = 0
    ) {
        guard let segment = segments.current, !packets.isEmpty else { return }
        let first = segments.offset
        var comments = comments[...]
        var payload = payload
        for packet in packets {
            segments.append(packet, leg: leg, time: time, payload: payload, comment: comments.popFirst()?.text)
            payload = 0
        }
        var extent =
            conversation.extent
            ?? Extent(segment: segment.number, leg: leg, first: first, end: first, packets: 0)
        extent.end = segments.offset
        extent.packets += packets.count
        conversation.extent = extent
        conversation.isIndexed = false
        touch(session)
    }

    private func touch(_ session: RecordedSession) {
        guard !session.isTouched else { return }
        session.isTouched = true
        touched.append(session)
    }

    /// Opens or changes the segment where that is due. False when nothing can be written at present.
    private func isSegmentReady() -> Bool {
        if segments.isDue(now) {
            flush()
            endSegment()
        }
        if segments.current != nil { return true }
        var loss = segments.loss
        // A segment that could be made and not synced is none: who waits tries the next.
        while segments.current == nil {
            if outage.holds(until: segments.retryAt, now) { now = System.monotonicClock() }
            guard segments.mayOpen(now) else { return false }
            loss = segments.loss
            do { try segments.open(now) } catch { report(error) }
        }
        if let segment = segments.current {
            backlog?.began(segment: segment.number, name: segment.name)
            notary?.began(segment.name)
            keeper.began(segment.name)
            index.saveSegment(
                segment.number, name: segment.name, opened: segment.began, closed: nil, bytes: nil, now)
            outage.ended(segment.name, loss)
        }
        status.failure(indexFailure)
        return true
    }

    private func endSegment() {
        guard let segment = segments.current else { return }
        do {
            guard let closed = try segments.close(now) else { return }
            notary?.ended(closed.size, segments.takeHashed())
            keeper.ended()
            // A segment that the index knows to be closed is not looked at again, whatever becomes of this process.
            for session in sessions.values where !session.isIndexed { tellIndex(session) }
            index.saveSegment(
                segment.number, name: segment.name, opened: segment.began, closed: System.wallClock(),
                bytes: closed.size, now)
        } catch {
            report(error)
        }
    }

    // MARK: Writing

    /// Writes what was gathered and tells the index of the sessions that have ended.
    private func flush() {
        let lostBefore = segments.loss?.octets ?? 0
        do {
            try segments.flush(now)
            for session in touched { session.settle() }
            if outage.failure != nil, let segment = segments.current {
                outage.ended(segment.name, segments.loss)
                status.failure(indexFailure)
            }
        } catch {
            for session in touched {
                session.forget()
                if session.miss() { segments.lose(sessions: 1) }
            }
            status.lost((segments.loss?.octets ?? 0) - lostBefore)
            report(error)
        }
        touched.removeAll(keepingCapacity: true)
        for session in ended {
            // What was told before is in the index alone.
            let isSplit = session.isSplit
            let places = session.left.filter { $0.leg == .client } + (session.client.written.map { [$0] } ?? [])
            tellIndex(session)
            if backlog != nil, isSplit || !places.isEmpty {
                backlog?.add(session.summary.info.id, row: session.row, isSplit ? nil : places, to: index, now)
            } else {
                index.settle(session: session.row, now)
            }
        }
        ended.removeAll(keepingCapacity: true)
    }

    private func tellIndex(_ session: RecordedSession) {
        for extent in session.left {
            index.save(extent, session: session.row, now)
            if extent.leg == .client { session.isSplit = true }
        }
        session.left = []
        for leg in [Leg.client, .server] {
            guard let conversation = session[leg], !conversation.isIndexed, let extent = conversation.written else {
                continue
            }
            index.save(extent, session: session.row, now)
            session[leg]?.isIndexed = true
        }
        index.save(session.summary, row: session.row, now)
        session.isIndexed = true
    }

    /// What time demands: commits, syncs, updates, old segments.
    private func tick() {
        now = System.monotonicClock()
        // Nobody has to say anything for the recorder to look whether the disk is well again.
        if outage.failure != nil, segments.current == nil { _ = isSegmentReady() }
        if index.isDue(now) || now &- lastUpdate >= Self.updateInterval || isFreshDue { updateIndex() }
        let isSyncDue =
            switch settings.sync {
            case .always: true
            case .session: hasEnded
            case .interval(let interval): now &- lastSync >= interval
            }
        if isSyncDue {
            do { try segments.sync(now) } catch { report(error) }
            if let segment = segments.current, !segment.isDirty {
                notary?.synced(segment.size, segments.takeHashed())
            }
            lastSync = now
            hasEnded = false
        }
    }

    /// Sessions have gone on for so long that the index has to hear of them.
    private var isFreshDue: Bool { !fresh.isEmpty && now &- lastFresh >= Self.freshInterval }

    private func updateIndex() {
        if isFreshDue {
            for session in fresh where sessions[session.summary.info.id] === session { tellIndex(session) }
            fresh.removeAll(keepingCapacity: true)
            lastFresh = now
        }
        if now &- lastUpdate >= Self.updateInterval {
            for session in sessions.values where !session.isIndexed { tellIndex(session) }
            lastUpdate = now
        }
        index.commit(now)
        if index.takeRollback() {
            for session in sessions.values {
                session.isIndexed = false
                session.client.isIndexed = false
                session.server?.isIndexed = false
            }
        }
        let failure = index.failure.map { "the index is not written: \($0)" }
        if let failure, indexFailure == nil {
            RecordingDirectory.sign(indexIsBehind: true, lock)
            settings.log(failure)
        }
        if failure == nil, indexFailure != nil {
            // By now it says itself that it lacks rows.
            RecordingDirectory.sign(indexIsBehind: false, lock)
            settings.log("the index is written again")
        }
        indexFailure = failure
        status.failure(outage.failure ?? indexFailure)
    }

    private func report(_ failure: SegmentWriter.Failure) { outage.began(failure) }

    /// Milliseconds until time demands something; negative for never.
    private var timeout: Int32 {
        var due = Int64.max
        if let began = index.began { due = min(due, began &+ IndexWriter.timeLimit) }
        if !fresh.isEmpty { due = min(due, lastFresh &+ Self.freshInterval) }
        if !sessions.isEmpty { due = min(due, lastUpdate &+ Self.updateInterval) }
        if let backlog { due = min(due, backlog.due) }
        if outage.failure != nil, segments.current == nil { due = min(due, max(now, segments.retryAt)) }
        if let segment = segments.current {
            due = min(due, segments.ends(now))
            switch settings.sync {
            case .interval(let interval): if segment.isDirty { due = min(due, lastSync &+ interval) }
            case .session, .always: break
            }
        }
        guard due != Int64.max else { return -1 }
        return Int32(clamping: max(0, due &- now) / 1_000 + 1)
    }

    private func finish() {
        backlog?.stop()
        flush()
        // Nobody will tell how these end.
        for session in sessions.values {
            session.summary.end = .lost
            session.client.isIndexed = false
            tellIndex(session)
            let isUnread = backlog != nil && (session.isSplit || session.client.written != nil)
            index.leave(session: session.row, isUnread: isUnread, now)
        }
        endSegment()
        outage.gaveUp(segments.loss)
        index.commit(now)
        keeper.close()
        while forgetting.step(keeper, index, isLast: true, now) {}
        index.commit(now)
        notary?.close()
    }
}
