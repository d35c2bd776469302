// Our POP3 server (RFC 1939 with RFC 2449, RFC 3206 and RFC 5034) between events and effects.
//
// Message numbers and sizes are those of the login: mail that comes later is seen by the next session. DELE only marks;
// what is marked goes in one request at QUIT, and without QUIT nothing goes. Long answers leave in pieces, each when
// the one before has left. There is no lock on the maildrop: a Maildir needs none, and a message that another session
// removed gets -ERR.

import MailDialogue
import MailMessage
import MailRecording

/// Our server for one POP3 client.
package struct POP3Server: ServerSession {
    /// What is under way between two frames of the client.
    enum Activity: Equatable, Sendable {
        /// Nothing. Successors: all others.
        case commands
        /// Challenges and responses, and the store's keys for them. Successors: `loggingIn`, `commands`.
        case authenticating(SASLServer)
        /// The store is asked whether the login holds. Successors: `opening`, `commands`.
        case loggingIn
        /// The maildrop is opened. Successor: `commands`.
        case opening
        /// A message goes out. Successor: `commands`.
        case retrieving(POP3Retrieval)
        /// LIST or UIDL goes out; the index of the next message. Successor: `commands`.
        case listing(POP3Command.Verb, next: Int)
        /// The marked messages are removed; then the session ends.
        case updating
    }

    /// RFC 1939 §3 asks for at least ten minutes.
    static var idleTimeout: Int { 600 }
    static var mostErrors: Int { 20 }
    static var mostFailedLogins: Int { 5 }
    /// Octets of a message that are read and sent at once.
    static var piece: Int { 131_072 }

    private let settings: ServerSettings
    private let nonce: UInt64
    private var connection: ServerConnection<POP3Dialogue>
    private var activity = Activity.commands
    private var timestamp = ""
    private var now: Int64 = 0
    /// The name of a USER command, when nothing came behind it.
    private var user: String?
    /// The maildrop as it was at the login; nil before.
    private var maildrop: Maildrop?
    /// The client has begun TLS.
    private var isSecured = false
    private var errors = 0
    private var failedLogins = 0
    private var serial = 0

    private struct Maildrop: Sendable {
        let messages: [MessageEntry]
        var isDeleted: [Bool]

        init(_ messages: [MessageEntry]) {
            self.messages = messages
            isDeleted = Array(repeating: false, count: messages.count)
        }

        /// The messages that are not marked, with their indices.
        var present: some Sequence<(index: Int, entry: MessageEntry)> {
            messages.indices.lazy.filter { !isDeleted[$0] }.map { ($0, messages[$0]) }
        }
    }

    /// - Parameter nonce: makes the timestamp of this connection unlike those of all others.
    package init(settings: ServerSettings, nonce: UInt64 = .random(in: .min ... .max)) {
        self.settings = settings
        self.nonce = nonce
        connection = ServerConnection(POP3Dialogue())
    }

    package var wantsOctets: Bool { connection.wantsOctets }
    package var pendingOctets: Int { connection.pendingOctets }

    package mutating func handle(
        _ event: ServerEvent, now: Int64, effects: inout [ServerEffect], notes: inout [Note]
    ) {
        self.now = now
        switch event {
        case .connected:
            connection.effect(.setTimer(seconds: Self.idleTimeout))
            timestamp = "<\(nonce).\(now)@\(settings.hostName)>"
            ok(settings.digestLogins ? "\(settings.hostName) ready \(timestamp)" : "\(settings.hostName) ready")
        case .received(let octets):
            connection.effect(.setTimer(seconds: Self.idleTimeout))
            connection.receive(octets)
        case .peerEnded: connection.peerDidEnd()
        case .stored(let reply):
            if connection.answered() { stored(reply) }
        case .drained:
            guard connection.wait == .drain else { break }
            connection.effect(.setTimer(seconds: Self.idleTimeout))
            connection.drained()
            proceed()
        case .timerFired:
            // RFC 1939 §3: close without a reply and without removing anything.
            connection.wait == .store
                ? connection.effect(.setTimer(seconds: Self.idleTimeout)) : connection.close()
        case .tlsPrepared(let isPossible): connection.tlsPrepared(isPossible, .pop3, Command(verb: "STLS"))
        case .secured:
            user = nil
            isSecured = true
            connection.beginUnderTLS()
            connection.effect(.setTimer(seconds: Self.idleTimeout))
        case .mailboxChanged: break
        case .shutdown: connection.isStopping = true
        }
        run()
        connection.finish(effects: &effects, notes: &notes)
    }

    private mutating func run() {
        while connection.wait == .nothing, !connection.isClosed {
            // POP3 has no word for it.
            if connection.isStopping { return connection.close() }
            guard let frame = connection.next() else { break }
            accept(frame)
        }
        if connection.isExhausted { connection.close() }
    }

    // MARK: Frames

    private mutating func accept(_ frame: Note) {
        switch frame.element {
        case .command: command(frame)
        case .response:
            guard case .authenticating(var exchange) = activity else { return }
            let (line, crlf) = frame.raw.withoutLineEnd
            step(crlf ? exchange.respond(line) : .malformed, exchange)
        case .opaque:
            refuse("the line is too long")
            connection.close()
        case .greeting, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .done, .contentBegin, .content,
            .contentEnd, .incomplete, .gap, .unplaced, .unknown:
            break
        }
    }

    private mutating func command(_ frame: Note) {
        let (line, crlf) = frame.raw.withoutLineEnd
        let command = POP3Command(line)
        let user = user
        self.user = nil
        if maildrop == nil, WebRequest.isRequest(line) {
            connection.effect(.log("an HTTP client was turned away"))
            refuse("this is no web server")
            return connection.close()
        }
        guard crlf, !line.contains(where: { $0 == 0 || $0 == 13 }) else { return refuse("a line ends with CRLF") }
        if maildrop == nil {
            switch command.verb {
            case .user: name(command)
            case .pass: password(command, user)
            case .apop: apop(command)
            case .auth: auth(command)
            case .capa: capabilities(command)
            case .quit: quit(command)
            case .stls: startTLS(command)
            case .utf8, .lang, .last: refuse("this command is not offered")
            case .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset: refuse("log in first")
            case nil: refuse("this command is not known")
            }
        } else {
            switch command.verb {
            case .stat: stat(command)
            case .list, .uidl: list(command)
            case .retr, .top: retrieve(command)
            case .dele: delete(command)
            case .noop: if isBare(command) { ok("here") }
            case .rset:
                guard isBare(command) else { return }
                if let count = maildrop?.messages.count { maildrop?.isDeleted = Array(repeating: false, count: count) }
                ok("nothing is marked")
            case .capa: capabilities(command)
            case .quit: quit(command)
            case .user, .pass, .apop, .auth: refuse("you are logged in")
            // RFC 2595 §4: in the AUTHORIZATION state alone.
            case .stls, .utf8, .lang, .last: refuse("this command is not offered")
            case nil: refuse("this command is not known")
            }
        }
    }

    private mutating func isBare(_ command: POP3Command) -> Bool {
        if command.argument.isEmpty { return true }
        refuse("this command takes no argument")
        return false
    }

    // MARK: Replies

    private mutating func ok(_ text: String) { connection.send("+OK \(text)\r\n") }

    private mutating func refuse(_ text: String) {
        errors += 1
        connection.send("-ERR \(text)\r\n")
        guard errors >= Self.mostErrors else { return }
        connection.effect(.log("closed after \(errors) errors"))
        connection.close()
    }

    /// RFC 2595 §4.
    private mutating func startTLS(_ command: POP3Command) {
        guard settings.offersTLS, !isSecured else { return refuse("this command is not offered") }
        if isBare(command) { connection.prepareTLS() }
    }

    /// RFC 2449 §5; before the login and after it the same, but for the offer of TLS.
    private mutating func capabilities(_ command: POP3Command) {
        guard isBare(command) else { return }
        let mechanisms = SASLServer.offered(settings).map(\.rawValue).joined(separator: " ")
        let names =
            [
                "TOP", "USER", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "SASL \(mechanisms)",
                "EXPIRE NEVER", "IMPLEMENTATION mailproxy",
            ] + (settings.offersTLS && !isSecured && maildrop == nil ? ["STLS"] : [])
        connection.send("+OK what is offered\r\n" + names.map { $0 + "\r\n" }.joined() + ".\r\n")
    }

    // MARK: AUTHORIZATION

    private mutating func name(_ command: POP3Command) {
        guard !command.argument.isEmpty else { return refuse("a name is missing") }
        user = command.argument.text
        ok("a password, please")
    }

    private mutating func password(_ command: POP3Command, _ user: String?) {
        guard let user else { return refuse("USER comes right before PASS") }
        // The rest of the line as it is: a password may hold spaces (RFC 1939 §7).
        logIn(.password(user: user, SecretText(command.rest.text)))
    }

    private mutating func apop(_ command: POP3Command) {
        guard settings.digestLogins else { return refuse("this command is not offered") }
        let (name, rest) = command.argument.firstWord
        let digest = rest.trimmed
        guard !name.isEmpty, APOP.isDigest(digest) else {
            return refuse("a name and an MD5 digest are expected")
        }
        logIn(.apop(user: name.text, timestamp: timestamp, digest: digest.text))
    }

    /// AUTH mechanism [initial-response] (RFC 5034 §4); without a mechanism the list of them, as older servers gave.
    private mutating func auth(_ command: POP3Command) {
        let (name, rest) = command.argument.firstWord
        guard !name.isEmpty else {
            let lines = SASLServer.offered(settings).map { $0.rawValue + "\r\n" }.joined()
            return connection.send("+OK mechanisms\r\n" + lines + ".\r\n")
        }
        serial += 1
        let challenge = "<\(nonce).\(serial).\(now)@\(settings.hostName)>"
        guard var exchange = SASLServer(name, settings, challenge: challenge) else {
            return refuse("this mechanism is not offered")
        }
        step(exchange.begin(initial: rest.trimmed), exchange)
    }

    private mutating func step(_ step: SASLServer.Step, _ exchange: SASLServer) {
        activity = .commands
        switch step {
        case .challenge(let octets):
            activity = .authenticating(exchange)
            connection.send(Array("+ ".utf8) + Base64.encode(octets) + [13, 10])
        case .attempt(let attempt): logIn(attempt)
        case .keys(let user, let hash):
            activity = .authenticating(exchange)
            connection.ask(.scramKeys(user: user, hash))
        case .refused: loggedIn(.refused(.badCredentials))
        case .malformed: refuse("the response is malformed")
        case .cancelled: refuse("given up")
        case .serverFirst: refuse("this mechanism takes no initial response")
        }
    }

    private mutating func logIn(_ attempt: LoginAttempt) {
        activity = .loggingIn
        connection.ask(.authenticate(attempt))
    }

    // MARK: The store

    private mutating func stored(_ answer: StoreReply) {
        switch activity {
        case .loggingIn: loggedIn(answer)
        case .opening: opened(answer)
        case .retrieving(let retrieval): retrieved(retrieval, answer)
        case .updating: updated(answer)
        case .authenticating(var exchange):
            guard case .scramKeys = answer else { return loggedIn(answer) }
            step(exchange.stored(answer), exchange)
        case .commands, .listing: break
        }
    }

    private mutating func loggedIn(_ answer: StoreReply) {
        activity = .commands
        if case .account(let account) = answer {
            activity = .opening
            return connection.ask(.open(account, "INBOX", readOnly: false))
        }
        guard answer == .refused(.badCredentials) else {
            return refuse("[SYS/TEMP] the login could not be checked")
        }
        failedLogins += 1
        connection.effect(.log("a login was refused"))
        refuse("[AUTH] these credentials do not hold")
        if failedLogins >= Self.mostFailedLogins { connection.close() }
    }

    private mutating func opened(_ answer: StoreReply) {
        activity = .commands
        guard case .opened(_, let messages) = answer else {
            return refuse("[SYS/TEMP] the maildrop could not be opened")
        }
        maildrop = Maildrop(messages)
        ok("\(messages.count) messages")
    }

    // MARK: TRANSACTION

    /// The index of the message that a command names.
    private func index(_ argument: ArraySlice<UInt8>) -> Int? {
        guard let maildrop, let number = argument.decimal, number >= 1, number <= maildrop.messages.count else {
            return nil
        }
        return maildrop.isDeleted[number - 1] ? nil : number - 1
    }

    private static let noSuchMessage = "no such message"

    private mutating func stat(_ command: POP3Command) {
        guard isBare(command), let maildrop else { return }
        var count = 0
        var size = 0
        for (_, entry) in maildrop.present {
            count += 1
            size &+= entry.size
        }
        ok("\(count) \(size)")
    }

    private mutating func list(_ command: POP3Command) {
        guard let verb = command.verb, let maildrop else { return }
        if !command.argument.isEmpty {
            guard let index = index(command.argument) else { return refuse(Self.noSuchMessage) }
            return ok(line(verb, index, maildrop.messages[index]))
        }
        ok("the list")
        activity = .listing(verb, next: 0)
        proceed()
    }

    private func line(_ verb: POP3Command.Verb, _ index: Int, _ entry: MessageEntry) -> String {
        verb == .uidl ? "\(index + 1) \(entry.uniqueID)" : "\(index + 1) \(entry.size)"
    }

    /// The next part of a long answer.
    private mutating func proceed() {
        switch activity {
        case .listing(let verb, let next): listOn(verb, next)
        case .retrieving(let retrieval): read(retrieval)
        case .commands, .authenticating, .loggingIn, .opening, .updating: break
        }
    }

    private mutating func listOn(_ verb: POP3Command.Verb, _ next: Int) {
        guard let maildrop else { return }
        var text = ""
        for index in next..<max(next, maildrop.messages.count) where !maildrop.isDeleted[index] {
            text += line(verb, index, maildrop.messages[index]) + "\r\n"
            guard text.utf8.count > 65_536 else { continue }
            connection.send(text)
            activity = .listing(verb, next: index + 1)
            return connection.waitForDrain()
        }
        activity = .commands
        connection.send(text + ".\r\n")
    }

    private mutating func retrieve(_ command: POP3Command) {
        let (number, rest) = command.argument.firstWord
        var lines: Int?
        if command.verb == .top {
            guard let count = rest.trimmed.decimal else {
                return refuse("a message and a number of lines are expected")
            }
            lines = count
        } else if !rest.trimmed.isEmpty {
            return refuse("a message is expected")
        }
        guard let index = index(number), let entry = maildrop?.messages[index] else {
            return refuse(Self.noSuchMessage)
        }
        read(POP3Retrieval(uid: entry.uid, size: entry.size, bodyLines: lines))
    }

    private mutating func read(_ retrieval: POP3Retrieval) {
        activity = .retrieving(retrieval)
        connection.ask(.read(uid: retrieval.uid, offset: retrieval.offset, count: Self.piece))
    }

    private mutating func retrieved(_ before: POP3Retrieval, _ answer: StoreReply) {
        activity = .commands
        guard case .octets(let octets) = answer else {
            guard before.offset > 0 else {
                return refuse(
                    answer == .refused(.noSuchMessage) ? "the message is gone" : "[SYS/TEMP] the message can't be read")
            }
            // Half of it is out: only the end of the connection says that the rest is missing.
            connection.effect(.log("a message could not be read to its end"))
            return connection.close()
        }
        var retrieval = before
        if retrieval.offset == 0 { ok(retrieval.isTop ? "the top of it" : "\(retrieval.size) octets") }
        let isEnd = octets.count < Self.piece
        connection.send(retrieval.take(octets, isEnd: isEnd))
        guard !isEnd, !retrieval.isDone else { return }
        activity = .retrieving(retrieval)
        connection.waitForDrain()
    }

    private mutating func delete(_ command: POP3Command) {
        guard let index = index(command.argument) else { return refuse(Self.noSuchMessage) }
        maildrop?.isDeleted[index] = true
        ok("marked")
    }

    // MARK: UPDATE

    private mutating func quit(_ command: POP3Command) {
        guard isBare(command) else { return }
        let marked = maildrop.map { maildrop in
            maildrop.messages.indices.filter { maildrop.isDeleted[$0] }.map { maildrop.messages[$0].uid }
        }
        guard let marked, !marked.isEmpty else {
            ok("goodbye")
            return connection.close()
        }
        activity = .updating
        connection.ask(.remove(uids: marked))
    }

    private mutating func updated(_ answer: StoreReply) {
        activity = .commands
        if case .changes = answer {
            ok("the marked messages are removed")
        } else {
            connection.effect(.log("marked messages could not be removed"))
            connection.send("-ERR [SYS/TEMP] no marked message was removed\r\n")
        }
        connection.close()
    }
}
