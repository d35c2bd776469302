// How we end a proxied session of our own accord: when nobody has said a word for too long, and when the server stops.

import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    func isIdleTooLong(_ now: Int64) -> Bool {
        // Who still takes what is left for it is not idle.
        phase == .open && now &- lastActivity >= Int64(context.core.limits.idle(info.mailProtocol)) &* 1_000_000
            && (client?.undelivered ?? 0) == 0 && (server?.undelivered ?? 0) == 0
    }

    func expire() {
        guard phase == .open else { return }
        context.core.log.info("idle for too long", of: info)
        sayGoodbye(LocalReply.idle(info.mailProtocol), .timeout)
    }

    /// Ends the session with words of ours, where a client in the middle of its session can be told any.
    func sayGoodbye(_ words: [UInt8], _ end: SessionEnd) {
        goodbye = end
        guard !words.isEmpty, mayBeTold else { return closeAfterFlush() }
        switch mode {
        case .ruled:
            noteChange(clientView.exchange, by: ExchangeMark.goodbye)
            withRelay { relay, effects, seen, told in relay.sayGoodbye(words, &effects, seen: &seen, told: &told) }
        case .followed, .observed:
            noteChange(serverView.exchange, by: ExchangeMark.goodbye)
            follow(words[...], from: .server)
            client?.write(words)
            closeAfterFlush()
        }
    }

    /// What the client sees of the server.
    private var clientView: ServerView {
        switch mode {
        case .followed, .observed: serverView
        case .ruled(let kept): kept.value.relay.clientView
        }
    }

    /// The client understands a line of ours here: the session is followed, and no line, reply or literal is cut short.
    private var mayBeTold: Bool { clientView.mayBeInterrupted && filter?.isHolding != true }

    /// Nobody is in the middle of something: no answer is owed, nothing is on its way.
    var isQuiet: Bool {
        guard Clock.monotonic() &- lastActivity >= RuntimeLimits.quiet else { return false }
        let view = clientView
        if case .opaque = view.demand { return (client?.undelivered ?? 0) == 0 }
        return !view.owesAnswer && (client?.undelivered ?? 0) == 0 && (server?.undelivered ?? 0) == 0
    }
}
