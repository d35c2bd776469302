// How we end a proxied session of our own accord: when nobody has said a word for too long, and when the server stops.

import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    /// Ends the session with words of ours, where a client in the middle of its session can be told any.
    func sayGoodbye(_ words: [UInt8], _ end: SessionEnd) {
        goodbye = end
        let interruption = interruption
        guard !words.isEmpty, interruption.isPossible, filter?.isHolding != true else { return closeAfterFlush() }
        noteChange(interruption.exchange, by: ExchangeMark.goodbye)
        switch mode {
        case .ruled:
            withRelay { relay, effects, seen, told in relay.sayGoodbye(words, &effects, seen: &seen, told: &told) }
        case .followed, .observed:
            follow(words[...], from: .server)
            client?.write(words)
            closeAfterFlush()
        }
    }

    /// Whether the client understands a line of ours here: the session is followed, and no line, reply or literal is cut short.
    var interruption: Interruption {
        switch mode {
        case .followed(let kept): Interruption(kept.value)
        case .observed(let kept): Interruption(kept.value.tap)
        case .ruled(let kept): kept.value.relay.interruption
        }
    }

    func abort() {
        // Who is in the middle of something hears so where a line can stand: that is no answer to what is owed.
        if phase == .open { sayGoodbye(LocalReply.stopping(info.mailProtocol), .closed) }
        finish(.closed)
    }

    /// Nobody is in the middle of something: no answer is owed, nothing is on its way.
    var isQuiet: Bool {
        Clock.monotonic() &- max(lastOfClient, lastOfServer) >= RuntimeLimits.quiet && !interruption.isPremature
            && (client?.undelivered ?? 0) == 0 && (server?.undelivered ?? 0) == 0
    }
}
