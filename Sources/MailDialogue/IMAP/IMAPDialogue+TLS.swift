// STARTTLS in IMAP (RFC 9051 §6.2.1): when it may come, and what is left of a session behind it.

extension IMAPDialogue {
    package var awaitsTLS: Bool {
        switch client {
        case .tlsOffered: true
        case .commands, .literalOffered, .literal, .commandRest, .saslAwaiting, .saslResponse, .idleOffered, .idling,
            .compressOffered, .unauthenticating, .seeking:
            false
        }
    }

    package var isGreeted: Bool { phase != .greetingPending }

    package var isBetweenReplies: Bool { server == .lines }

    package var owesAnswer: Bool { !isGreeted || (!outstanding.isEmpty && client != .idling) }

    package var saidGoodbye: Bool { marks.contains(.saidBye) }

    package var mayBeginTLS: Bool { phase == .notAuthenticated }

    package mutating func goOnInClear(_ side: Side) {
        opaque = nil
        client = .commands
    }

    package mutating func beginUnderTLS(after exchange: Int) {
        var fresh = IMAPDialogue(keepsMailbox: keepsMailbox, compressed: compressed, responseLine: responseLine)
        fresh.phase = .notAuthenticated
        fresh.exchange = exchange
        fresh.listens = listens
        self = fresh
    }
}
