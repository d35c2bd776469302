// AUTH of our SMTP server (RFC 4954 §4):
//
//     C: AUTH PLAIN
//     S: 334
//     C: AHRpbQB0YW5zdGFhZg==
//     S: 235 2.7.0 welcome

import MailDialogue
import MailMessage

extension SMTPServer {
    mutating func auth(_ command: SMTPCommand) {
        guard let introduction, introduction.isExtended else { return refuse("503 5.5.1 EHLO comes first") }
        guard account == nil else { return refuse("503 5.5.1 you are logged in") }
        guard transaction == nil else { return refuse("503 5.5.1 no AUTH within a transaction") }
        let (name, rest) = command.argument.firstWord
        guard !name.isEmpty else { return refuse("501 5.5.4 a mechanism is missing") }
        serial += 1
        let challenge = "<\(nonce).\(serial).\(now)@\(settings.hostName)>"
        guard var exchange = SASLServer(name, settings, challenge: challenge) else {
            return refuse("504 5.5.4 this mechanism is not offered")
        }
        step(exchange.begin(initial: rest.trimmed), exchange)
    }

    mutating func response(_ frame: Note) {
        guard case .authenticating(var exchange) = activity else { return }
        let (line, crlf) = frame.raw.withoutLineEnd
        guard line.count <= DialogueLimits.saslLine else {
            activity = .commands
            return refuse("500 5.5.6 the response is too long")
        }
        step(crlf ? exchange.respond(line) : .malformed, exchange)
    }

    /// The store's answer about the user's keys.
    mutating func keysStored(_ answer: StoreReply) {
        guard case .authenticating(var exchange) = activity else { return }
        guard case .scramKeys = answer else { return loggedIn(answer) }
        step(exchange.stored(answer), exchange)
    }

    private mutating func step(_ step: SASLServer.Step, _ exchange: SASLServer) {
        activity = .commands
        switch step {
        case .challenge(let octets):
            activity = .authenticating(exchange)
            connection.send(Array("334 ".utf8) + Base64.encode(octets) + [13, 10])
        case .attempt(let attempt):
            activity = .loggingIn
            connection.ask(.authenticate(attempt))
        case .keys(let user, let hash):
            activity = .authenticating(exchange)
            connection.ask(.scramKeys(user: user, hash))
        case .refused: loggedIn(.refused(.badCredentials))
        case .malformed: refuse("501 5.5.2 the response is malformed")
        case .cancelled: refuse("501 5.7.0 given up")
        case .serverFirst: refuse("501 5.7.0 this mechanism takes no initial response")
        }
    }

    mutating func loggedIn(_ answer: StoreReply) {
        activity = .commands
        switch answer {
        case .account(let account):
            self.account = account
            reply("235 2.7.0 welcome")
        case .refused(.badCredentials):
            connection.effect(.log("a login was refused"))
            refuse("535 5.7.8 these credentials do not hold")
        case .refused, .done, .scramKeys, .spool, .delivered, .mailboxes, .status, .opened, .changes, .octets,
            .structure,
            .appended, .copied:
            reply("454 4.7.0 the login could not be checked")
        }
    }
}
