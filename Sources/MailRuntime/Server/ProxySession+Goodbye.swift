// How we end a proxied session of our own accord: when nobody has said a word for too long, and when the server stops.

import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    func isIdleTooLong(_ now: Int64) -> Bool {
        phase == .open && now &- lastActivity >= Int64(context.core.limits.idle(info.mailProtocol)) &* 1_000_000
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
            withRelay { relay, effects, seen, told in relay.sayGoodbye(words, &effects, seen: &seen, told: &told) }
        case .followed, .observed:
            follow(words[...], from: .server)
            client?.write(words)
            closeAfterFlush()
        }
    }

    /// The client understands a line of the server here: the session is followed, and no line or literal is cut short.
    private var mayBeTold: Bool {
        let view = serverView
        guard case .line = view.demand else { return false }
        return !view.isDeflated && filter?.isHolding != true && !waitsForServer
    }
}
