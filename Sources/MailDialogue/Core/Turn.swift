// Who has to speak next: for those who watch the time. RFC 5321 §4.5.3.2 gives each kind of answer a time of its own.

/// What the server owes.
package enum ServerDue: Equatable, Sendable {
    /// Its greeting.
    case greeting
    /// The answer to a command.
    case answer
    /// The 354 to DATA.
    case goAhead
    /// What becomes of a message that has come to its end.
    case verdict
}

/// Who has to speak next. It may be both: a client may have begun a command while the last one is not answered.
package struct Turn: Equatable, Sendable {
    /// The client is in the middle of a command, a literal or a message.
    package var client = false
    /// What the server owes; nil for nothing.
    package var server: ServerDue?

    package init(client: Bool = false, server: ServerDue? = nil) {
        self.client = client
        self.server = server
    }
}

extension MailTap {
    /// Who has to speak next. Nobody, as far as is known, in a session that is not followed.
    package var turn: Turn {
        guard opaque == nil else { return Turn() }
        var turn = Turn()
        switch demand(.client) {
        case .content:
            // What is owed is owed for what comes now.
            turn.client = true
            return turn
        case .line:
            turn.client = isAmidCommand || pending(.client) > 0
            if isAmidCommand { return turn }
        case .held, .seek, .opaque: break
        }
        if owesAnswer { turn.server = due }
        return turn
    }
}

extension Dialogue {
    package var due: ServerDue { isGreeted ? .answer : .greeting }
}

extension SMTPDialogue {
    package var isAmidCommand: Bool { if case .saslResponse = client { outstanding.count == 1 } else { false } }

    package var due: ServerDue {
        guard greeted else { return .greeting }
        guard let (verb, endsMessage) = outstanding.peek({ ($0.verb, $0.traits.contains(.endsMessage)) }) else {
            return .answer
        }
        if case .dataOffered = client, verb == .data, outstanding.count == 1 { return .goAhead }
        return verb == .data || endsMessage ? .verdict : .answer
    }
}

extension POP3Dialogue {
    package var isAmidCommand: Bool { if case .saslResponse = client { true } else { false } }
}

extension IMAPDialogue {
    package var isAmidCommand: Bool {
        switch client {
        case .commandRest, .saslResponse: true
        case .commands, .idling, .literalOffered, .literal, .saslAwaiting, .idleOffered, .tlsOffered, .compressOffered,
            .unauthenticating, .seeking:
            false
        }
    }
}
