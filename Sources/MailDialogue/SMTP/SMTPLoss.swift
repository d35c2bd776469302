// What is known of an SMTP session while octets of it are missing: see SMTPDialogue+Gap.swift.

/// What is known of the client's place while it is lost.
struct SMTPLoss: Equatable, Sendable {
    enum Place: Equatable, Sendable {
        /// Anything may come.
        case anything
        /// Message data that 354 asked for, or commands behind it.
        case content
        /// A TLS handshake or a command.
        case edge
        /// DATA was the newest command, and its reply may be among what is missing.
        case awaitingData
        /// AUTH was, or a response.
        case awaitingAuth(SASLFollower?)
    }

    var place: Place
    /// The octets up to the next LF may be the end of a line.
    var isBroken: Bool
    /// The line before ended with CRLF.
    var followsCRLF = false
    /// The line before.
    var last = Last.nothing
    /// The server has answered since octets of the client were lost, and the client sent nothing since but mailboxes.
    var isHeard = false
    /// DATA or 354 came last: a header field begins a message.
    var offersContent = false
    /// The login that a line seems to have begun, whose responses may follow.
    var login: SASLFollower?

    /// What is known of a line whose place is not.
    enum Last: Equatable, Sendable {
        /// There was none since octets were lost.
        case nothing
        /// Its beginning may be missing.
        case tail(mayBeDATA: Bool)
        case line(SMTPCommand.Verb?)
    }

    /// The line before may have held a password.
    var followsSecret: Bool {
        switch last {
        case .nothing: false
        case .tail: true
        case .line(let verb): verb.map { [.auth, .xexps, .clientID].contains($0) } ?? true
        }
    }

    /// Nothing was seen since octets were lost, and they may have held anything.
    var isUnseen: Bool { last == .nothing && place == .anything }

    /// A command may come.
    var mayBeCommand: Bool {
        switch place {
        case .anything, .awaitingAuth: true
        case .content, .edge, .awaitingData: false
        }
    }

    /// The line before may be a command with one of `verbs`.
    func mayFollow(_ verbs: [SMTPCommand.Verb]) -> Bool {
        switch last {
        case .nothing: true
        case .tail(let mayBeDATA): verbs == [.data] ? mayBeDATA : true
        case .line(let verb): verb.map(verbs.contains) ?? false
        }
    }
}

/// What is known of the reply under way while replies can't be told apart.
struct SMTPReplySearch: Equatable, Sendable {
    /// The octets up to the next LF may be the end of a line.
    var isBroken: Bool
    /// They may repeat what was masked.
    var mayEcho = false
    /// They may repeat what is missing.
    var followsUnseen = false
    /// The lines of this reply were seen from its first one on.
    var isWhole: Bool
    var code: Int?
    var lines = 0
    /// A line of it can only be one of an EHLO reply.
    var hasKeyword = false
    var offer = SMTPOffer()
}
