// How long the sides of a proxied session may keep each other, and how much of it may wait.
//
// Times are looked at in rounds, a few times while the shortest of them passes: a session costs no timer and a command nothing. Who is
// late hears so where a line of the server can stand (421, BYE; in POP3 as the answer that is owed), never as if something had been
// done; the other leg is closed without what was not whole.

import MailDialogue
import MailRecording
import MailSessions

/// Which limit on time a session has passed: the names of the settings, without `limits.`.
package enum Lateness: String, CaseIterable, Sendable {
    case greeting
    case smtpCommand = "smtp-command"
    case smtpDataStart = "smtp-data-start"
    case smtpDataBlock = "smtp-data-block"
    case smtpDataEnd = "smtp-data-end"
    case idleSMTP = "idle-smtp"
    case idlePOP3 = "idle-pop3"
    case idleIMAP = "idle-imap"
    /// It was we who did not read what there was.
    case memory

    static func idle(_ mailProtocol: MailProtocol) -> Lateness {
        switch mailProtocol {
        case .smtp, .lmtp: .idleSMTP
        case .pop3: .idlePOP3
        case .imap: .idleIMAP
        }
    }

    /// In the middle of something the protocols without times of their own have those of idle sessions.
    static func command(_ mailProtocol: MailProtocol) -> Lateness {
        switch mailProtocol {
        case .smtp, .lmtp: .smtpCommand
        case .pop3, .imap: idle(mailProtocol)
        }
    }

    static func answer(_ mailProtocol: MailProtocol, _ due: ServerDue) -> Lateness {
        switch (due, mailProtocol) {
        case (.greeting, _): .greeting
        case (_, .pop3), (_, .imap): idle(mailProtocol)
        case (.answer, .smtp), (.answer, .lmtp): .smtpCommand
        case (.goAhead, .smtp), (.goAhead, .lmtp): .smtpDataStart
        case (.verdict, .smtp), (.verdict, .lmtp): .smtpDataEnd
        }
    }

    static func taking(_ mailProtocol: MailProtocol) -> Lateness {
        switch mailProtocol {
        case .smtp, .lmtp: .smtpDataBlock
        case .pop3, .imap: idle(mailProtocol)
        }
    }
}

extension ProxySession {
    /// Who is late, with what, and whether it is the server that owes something.
    struct Delay {
        let limit: Lateness
        let isOfServer: Bool
        /// In the words of the log.
        let words: String
    }

    func isLate(_ now: Int64) -> Bool { delay(now) != nil }

    func expire() {
        guard let delay = delay(Clock.monotonic()) else { return }
        context.core.log.info("\(delay.words) (limits.\(delay.limit.rawValue))", of: info)
        metrics.timedOut(delay.limit)
        let words =
            if delay.limit == .memory {
                LocalReply.overloaded(info.mailProtocol, owesAnswer: delay.isOfServer)
            } else {
                delay.isOfServer ? LocalReply.late(info.mailProtocol) : LocalReply.idle(info.mailProtocol)
            }
        sayGoodbye(words, .timeout)
    }

    private func delay(_ now: Int64) -> Delay? {
        guard let found = judge(now) else { return nil }
        // Who still takes what is left for it is not late, also where the kernel has all of it already.
        let undelivered = (client?.undelivered ?? 0) + (server?.undelivered ?? 0)
        guard undelivered > 0, undelivered != undeliveredBefore else { return isKeptWaiting ? tooBusy(found) : found }
        undeliveredBefore = undelivered
        lastOfServer = now
        lastOfClient = now
        return nil
    }

    /// A side has sent what is not read as memory is short.
    private var isKeptWaiting: Bool {
        heldBack.client && client?.hasUnread == true || heldBack.server && server?.hasUnread == true
    }

    /// Whoever goes on is not late: its time is over all the same, or sessions that wait for each other's memory would stay for ever.
    private func tooBusy(_ delay: Delay) -> Delay {
        Delay(
            limit: .memory, isOfServer: delay.isOfServer,
            words: "it had more than its share of memory and waited for too long while memory was short")
    }

    private func judge(_ now: Int64) -> Delay? {
        guard phase == .open, now &- min(lastOfClient, lastOfServer) >= context.core.limits.soonest(info.mailProtocol)
        else { return nil }
        let limits = context.core.limits
        func since(_ time: Int64, _ seconds: Int) -> Bool { now &- time >= Int64(seconds) &* 1_000_000 }
        let last = max(lastOfClient, lastOfServer)
        let turn = turn
        if (server?.backlog ?? 0) > 0 {
            // What waits came from the client at that time or before.
            if since(last, limits.taking(info.mailProtocol)) {
                return Delay(
                    limit: .taking(info.mailProtocol), isOfServer: true, words: "server: it takes nothing for too long")
            }
        } else if turn.client, !isHeldBack, since(lastOfClient, limits.command(info.mailProtocol)) {
            return Delay(
                limit: .command(info.mailProtocol), isOfServer: false,
                words: "client: it does not go on with what it has begun")
        }
        if let due = turn.server, (client?.backlog ?? 0) == 0, !isHeldBack,
            since(last, limits.answer(info.mailProtocol, due))
        {
            let what = due == .greeting ? "does not greet" : "does not answer"
            return Delay(limit: .answer(info.mailProtocol, due), isOfServer: true, words: "server: it \(what) in time")
        }
        // As long as somebody owes something its own time counts, unless it is we who keep it.
        guard since(last, max(limits.idle(info.mailProtocol), owed(turn))) else { return nil }
        return Delay(limit: .idle(info.mailProtocol), isOfServer: false, words: "idle for too long")
    }

    private func owed(_ turn: Turn) -> Int {
        turn.server.map { context.core.limits.answer(info.mailProtocol, $0) } ?? 0
    }

    /// Rules or the recorder keep a side from being heard.
    private var isHeldBack: Bool {
        if isWaitingForRecorder { return true }
        if case .ruled(let kept) = mode { return kept.value.relay.isWaiting }
        return false
    }

    private var turn: Turn {
        switch mode {
        case .followed(let kept): kept.value.turn
        case .observed(let kept): kept.value.tap.turn
        case .ruled(let kept): kept.value.relay.turn
        }
    }

    // MARK: Memory

    /// Octets in a row between two counts of what waits in a session: less than that of each is not worth the time.
    private static let countedPiece = 1_024

    /// Sides that are not read although the other takes all.
    struct HeldBack {
        var client = false
        var server = false
    }

    /// Tells the gauge how many octets wait here to be understood. To be asked behind all that was received.
    func countMemory() {
        // What was counted is given back by then.
        guard phase != .finished else { return }
        let received = (client?.receivedOctets ?? 0) &+ (server?.receivedOctets ?? 0)
        guard received &- countedAt >= Self.countedPiece || countedOctets > 0 else { return }
        countedAt = received
        let octets = waiting(.client) + waiting(.server)
        guard octets != countedOctets else { return }
        context.core.metrics.memory.add(octets - countedOctets)
        countedOctets = octets
    }

    /// Holds the sides back of which more waits than their share, unless it is their turn. To be asked as long as they are.
    func settleMemory() {
        var over = HeldBack()
        if let share = context.memoryShare, countedOctets >= share {
            over = HeldBack(client: waiting(.client) >= share, server: waiting(.server) >= share)
        }
        let wasOver = isOverShare
        isOverShare = over.client || over.server
        if isOverShare {
            heldBack = context.turns.mayGoOn(self) ? HeldBack() : over
        } else {
            heldBack = HeldBack()
            if wasOver { context.turns.leaves(self) }
        }
    }

    func memoryDrained() {
        if phase == .open { return settleReading() }
        // Nothing is read any more that would have to wait.
        isOverShare = false
        heldBack = HeldBack()
        context.turns.leaves(self)
    }

    /// Octets of that side that wait to be understood, or what its commands take until they are answered.
    private func waiting(_ side: Side) -> Int {
        let kept =
            switch side {
            case .client: secrecy.held.count &+ outstanding
            case .server: filter?.held ?? 0
            }
        return switch mode {
        case .followed(let followed): kept + followed.value.pending(side)
        case .observed(let observed): kept + observed.value.tap.pending(side)
        case .ruled(let ruled): kept + ruled.value.relay.pending(side)
        }
    }

    /// Octets of memory that the client's commands take until they are answered.
    private var outstanding: Int {
        let lists = filter?.outstandingOctets ?? 0
        return switch mode {
        case .followed(let followed): lists &+ followed.value.outstandingOctets
        case .observed(let observed): lists &+ observed.value.tap.outstandingOctets
        case .ruled(let ruled): lists &+ ruled.value.relay.outstandingOctets
        }
    }
}
