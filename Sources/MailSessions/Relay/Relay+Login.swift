// Logins that we answer in the server's place: see LoginDesk. What the client sees and what the server sees of it are two dialogues, as
// elsewhere in the relay.

import MailDialogue
import MailMessage
import MailRules

extension Relay {
    /// Logins are answered here from now on.
    /// - Parameters:
    ///   - knows: the runtime knows who may log in; otherwise that is the upstream's to say.
    ///   - hostName: for challenges.
    package mutating func answersLogins(knows: Bool, hostName: String) {
        desk = LoginDesk(knows: knows, hostName: hostName)
    }

    /// Logins are answered here, and the server is told nothing of the client's.
    package var hasDesk: Bool { desk != nil }

    /// The upstream is being logged in to, and what it says is said to us.
    package var speaksUpstream: Bool { desk?.isSpeaking == true }

    /// A login is under way that waits for something else than the client.
    package var isLoggingIn: Bool { desk?.blocks == true }

    /// A login is under way, and the client has said nothing behind it. It is heard, so that its end is heard.
    package var listensBehindLogin: Bool {
        isLoggingIn && !waiting && edge == nil && clientFirst == nil && clientWork.isEmpty
            && clientTap.pending(.client) == 0
    }

    /// What the client is to see of lists of capabilities in the upstream's last word at a login.
    package mutating func show(capabilities policy: CapabilityPolicy?) { desk?.policy = policy }

    /// The client's exchange that the server's next reply answers.
    package func clientExchange(answeredBy exchange: Int) -> Int {
        switch mailProtocol {
        case .smtp, .lmtp, .pop3: due.first?.command?.exchange ?? exchange
        case .imap: relayed[exchange]?.exchange ?? exchange
        }
    }

    /// A greeting as clients get it who log in to us: without the timestamp of a login that we can't check (APOP, RFC 1939 §7). Nil
    /// when it lets in everybody whom we should ask first.
    mutating func greetingOfDesk(_ line: ArraySlice<UInt8>, _ out: inout Output) -> ArraySlice<UInt8>? {
        switch mailProtocol {
        case .smtp, .lmtp: return line
        case .pop3:
            guard let begin = line.firstIndex(of: UInt8(ascii: "<")),
                let end = line[begin...].firstIndex(of: UInt8(ascii: ">"))
            else { return line }
            return line[..<begin] + line[(end + 1)...].drop { $0 == 32 }
        case .imap:
            guard desk?.knows == true, line.firstWord.rest.firstWord.word.equalsIgnoringCase("PREAUTH") else {
                return line
            }
            out.effects.append(.log("the upstream greets with PREAUTH, and nobody has logged in"))
            toClient(Array("* BYE [UNAVAILABLE] The mail server cannot be used, try again later\r\n".utf8)[...], &out)
            close(&out)
            return nil
        }
    }

    // MARK: The client's part

    /// Takes what belongs to a login. True when it goes no further.
    mutating func takesLogin(_ command: Command, _ item: Work, _ out: inout Output) -> Bool {
        guard let desk else { return false }
        guard LoginDesk.takes(command, mailProtocol) else {
            if mailProtocol == .pop3 { self.desk?.user = "" }
            // Responses of a client that did not wait look like commands.
            guard !desk.isDone, !command.isKnown else { return false }
            refuse(item.note, LoginReply.unknown(mailProtocol, command.tag), &out)
            return true
        }
        self.desk?.state = desk.isDone ? .done : .due(item)
        if desk.isDone {
            refuse(item.note, LoginReply.misplaced(mailProtocol, command.tag), &out)
        } else {
            beginDueLogin(&out)
        }
        return true
    }

    /// Begins the login that waits, when all before it is answered.
    mutating func beginDueLogin(_ out: inout Output) {
        guard case .due(let item) = desk?.state, isGreeted, !serverMidFrame, due.isEmpty, relayed.isEmpty,
            localsWaiting.isEmpty, case .command(let command) = item.note.element
        else { return }
        desk?.state = .idle
        desk?.exchange = item.note.exchange
        let mayLogIn = clientTap.mayBeginTLS && (mailProtocol != .smtp || !facts.clientName.isEmpty)
        guard mayLogIn else {
            return refuse(item.note, LoginReply.misplaced(mailProtocol, command.tag), &out)
        }
        let line = item.note.raw.withoutLineEnd.line
        switch command.verb {
        case "LOGIN": beginLogin(command, item.note, line, &out)
        case "USER":
            let name = line.firstWord.rest.trimmed
            desk?.user = name.text
            answer(Array((name.isEmpty ? "-ERR a name is missing" : "+OK a password, please").utf8) + [13, 10], &out)
        case "PASS":
            let user = desk?.user ?? ""
            desk?.user = ""
            guard !user.isEmpty, let shown = item.note.credential else {
                return answer(Array("-ERR USER comes right before PASS\r\n".utf8), &out)
            }
            attempt(ClientCredential(user: user, secret: shown.secret), &out)
        case "AUTH", "AUTHENTICATE":
            let arguments = mailProtocol == .imap ? line.firstWord.rest.firstWord.rest : line.firstWord.rest
            let (name, rest) = arguments.firstWord
            guard let settings = desk?.settings, LoginDesk.mechanisms.contains(name.keyword()),
                var exchange = SASLServer(name, settings, challenge: "")
            else { return refuse(item.note, LoginReply.notOffered(mailProtocol, command.tag), &out) }
            step(exchange.begin(initial: rest.trimmed), exchange, item.note, &out)
        default: refuse(item.note, LoginReply.notOffered(mailProtocol, command.tag), &out)
        }
    }

    /// LOGIN of IMAP: whole, or with literals to come.
    private mutating func beginLogin(
        _ command: Command, _ note: Note, _ line: ArraySlice<UInt8>, _ out: inout Output
    ) {
        if command.isComplete {
            guard let shown = note.credential else {
                return answer(LoginReply.malformed(mailProtocol, command.tag), &out)
            }
            return attempt(ClientCredential(user: shown.account, secret: shown.secret), &out)
        }
        desk?.state = .gathering
        askForLiteral(line, &out)
    }

    private mutating func askForLiteral(_ line: ArraySlice<UInt8>, _ out: inout Output) {
        if IMAPLiteral(endOf: line)?.isNonSynchronizing == false {
            toClient(Array("+ go on\r\n".utf8)[...], isOurs: true, &out)
        }
    }

    /// A further part of LOGIN, which rules have let pass.
    mutating func gatherLogin(_ note: Note, complete: Bool, _ out: inout Output) {
        guard complete else { return askForLiteral(note.raw.withoutLineEnd.line, &out) }
        desk?.state = .idle
        guard let shown = note.credential else { return answer(LoginReply.malformed(mailProtocol, command.tag), &out) }
        attempt(ClientCredential(user: shown.account, secret: shown.secret), &out)
    }

    /// The client's response in a SASL exchange.
    mutating func respondToDesk(_ item: Work, _ out: inout Output) {
        guard case .asking(var exchange) = desk?.state else { return }
        switch judgeNews(item, &out) {
        case .forward:
            desk?.state = .idle
            let (line, crlf) = item.note.raw.withoutLineEnd
            let fits = crlf && line.count <= DialogueLimits.saslLine
            step(fits ? exchange.respond(line) : .malformed, exchange, item.note, &out)
        case .close: close(&out)
        case .refuse(let text):
            desk?.state = .idle
            answer(LocalReply.refusal(text, in: mailProtocol, command: command), &out)
        case nil: break
        }
    }

    private mutating func step(_ step: SASLServer.Step, _ exchange: SASLServer, _ note: Note, _ out: inout Output) {
        switch step {
        case .challenge(let octets):
            desk?.state = .asking(exchange)
            toClient(LoginReply.challenge(octets, Base64.encode(octets), mailProtocol)[...], isOurs: true, &out)
        case .attempt(let login):
            // The note has the octets as they are, which need not be text.
            switch login {
            case .password(let user, let secret):
                let shown = note.credential?.secret ?? secret.withRevealed { SecretBytes(Array($0.utf8)) }
                attempt(ClientCredential(user: user, secret: shown), &out)
            case .cramMD5, .apop, .proven: answer(LoginReply.notOffered(mailProtocol, command.tag), &out)
            }
        case .keys, .refused: answer(LoginReply.badCredentials(mailProtocol, command.tag), &out)
        case .malformed: answer(LoginReply.malformed(mailProtocol, command.tag), &out)
        case .cancelled: answer(LoginReply.cancelled(mailProtocol, command.tag), &out)
        case .serverFirst: answer(LoginReply.serverFirst(mailProtocol, command.tag), &out)
        }
    }

    private mutating func attempt(_ login: ClientCredential, _ out: inout Output) {
        guard let desk else { return }
        self.desk?.state = .waiting
        out.effects.append(.login(.check(login, route: desk.route, exchange: desk.exchange)))
    }

    // MARK: The upstream's part

    /// The upstream is to be logged in to.
    /// - Parameters:
    ///   - greets: it is another server than before, whose greeting is to come.
    ///   - isSecured: its leg is under TLS.
    ///   - nonce: see ``UpstreamLogin``.
    package mutating func logIn(
        _ credential: UpstreamCredential, greets: Bool, isSecured: Bool, nonce: [UInt8], _ effects: inout [Effect],
        seen: inout [Note], told: inout [Note]
    ) {
        guard case .waiting = desk?.state, !isClosed else { return }
        perform(&effects, &seen, &told) { relay, out in
            if greets {
                relay.serverTap = MailTap(relay.mailProtocol, sendsOn: true)
                relay.serverWork.removeAll()
                relay.lastRelayed = 0
                relay.serverMidFrame = false
                relay.isListing = false
                relay.reopenServer()
            }
            var login = UpstreamLogin(
                relay.mailProtocol, credential, name: relay.facts.clientName, greets: greets, isSecured: isSecured,
                nonce: nonce)
            let step = login.begin()
            relay.desk?.state = .speaking(login)
            relay.advanceLogin(step, &out)
        }
    }

    /// A server that repeats the secret that we show it does so in a recording with asterisks.
    func maskEchoes(_ notes: inout [Note]) {
        guard case .speaking(let login) = desk?.state, !notes.isEmpty else { return }
        let shown = ShownSecret(login.credential.secret)
        for index in notes.indices where shown.isTold(by: Array(notes[index].raw)) {
            let raw = notes[index].raw
            // What kind of reply it is stays: the code, or the tag and the word behind it.
            let rest = mailProtocol == .imap ? raw.firstWord.rest.firstWord.rest : raw.dropFirst(4)
            notes[index].masked = raw.masking((rest.startIndex - raw.startIndex)..<raw.count)
        }
    }

    /// The server is left for another one: what is said to it last.
    package mutating func leaveServer(_ effects: inout [Effect], told: inout [Note]) {
        guard case .waiting = desk?.state, !isClosed else { return }
        var seen: [Note] = []
        perform(&effects, &seen, &told) { relay, out in
            let words = relay.mailProtocol == .imap ? "\(ServerLines.tag) LOGOUT\r\n" : "QUIT\r\n"
            relay.toServer(Array(words.utf8)[...], &out)
        }
    }

    /// The login ends without the upstream's consent.
    /// - Parameter closes: there is no upstream any more.
    package mutating func endLogin(
        _ refusal: LoginRefusal, closes: Bool = false, _ effects: inout [Effect], seen: inout [Note],
        told: inout [Note]
    ) {
        guard desk?.blocks == true, !isClosed else { return }
        perform(&effects, &seen, &told) { relay, out in
            switch refusal {
            case .badCredentials:
                out.effects.append(.log("a login was refused"))
                relay.concludeLogin(LoginReply.badCredentials(relay.mailProtocol, relay.command.tag), &out)
            case .unavailable:
                relay.concludeLogin(
                    LoginReply.unavailable(relay.mailProtocol, relay.command.tag), isFailure: false, &out)
            }
            if closes { relay.close(&out) }
        }
    }

    /// The server's octets while it is logged in to.
    mutating func hearUpstream(_ note: Note, _ out: inout Output) {
        guard case .speaking(var login) = desk?.state else { return }
        let step = login.receive(note.raw)
        desk?.state = .speaking(login)
        advanceLogin(step, &out)
    }

    private mutating func advanceLogin(_ step: UpstreamLogin.Step, _ out: inout Output) {
        guard let desk, case .speaking(let login) = desk.state else { return }
        switch step {
        case .more: break
        case .send(let octets): toServer(octets[...], &out)
        case .accepted(let reply, let alerts):
            self.desk?.state = .done
            out.effects.append(.login(.accepted(exchange: desk.exchange)))
            let words = alerts + LoginReply.accepted(reply, mailProtocol, command.tag)
            toClient(filtered(words)[...], isOurs: true, &out)
        case .refused(let reply, let alerts):
            if login.credential.isRenewable {
                self.desk?.state = .waiting
                out.effects.append(.login(.renew(exchange: desk.exchange)))
                return
            }
            out.effects.append(.log("the upstream refused the login"))
            concludeLogin(filtered(alerts + LoginReply.refused(reply, mailProtocol, command.tag)), &out)
        case .failed(let reason):
            out.effects.append(.log("login at the upstream: \(reason)"))
            concludeLogin(LoginReply.unavailable(mailProtocol, command.tag), isFailure: false, &out)
            if !login.isInStep { close(&out) }
        }
    }

    /// The client hears that it is not in.
    private mutating func concludeLogin(_ words: [UInt8], isFailure: Bool = true, _ out: inout Output) {
        desk?.state = .idle
        toClient(words[...], isOurs: true, &out)
        guard isFailure else { return }
        desk?.failures += 1
        if (desk?.failures ?? 0) >= LoginDesk.mostFailures {
            out.effects.append(.log("closed after \(LoginDesk.mostFailures) refused logins"))
            close(&out)
        }
    }

    /// Lists of capabilities in the words as the client may see them.
    private func filtered(_ words: [UInt8]) -> [UInt8] {
        guard mailProtocol == .imap, var policy = desk?.policy else { return words }
        policy.hidesLogins = false
        var filter = CapabilityFilter(.imap, policy)
        filter.sent(Command(verb: "LOGIN"), exchange: 0)
        var rest = words[...]
        var out: [UInt8] = []
        let view = ServerView(MailTap(.imap))
        while !rest.isEmpty, let piece = filter.next(&rest, view) { out += piece }
        return out + filter.end()
    }

    /// The server went away in the middle of a login, or is not understood any more.
    mutating func loseUpstream(_ out: inout Output) {
        concludeLogin(LoginReply.unavailable(mailProtocol, command.tag), isFailure: false, &out)
        close(&out)
    }
}

extension Note {
    /// What the frame shows to log in.
    var credential: Credential? {
        for case .credential(let credential) in facts { return credential }
        return nil
    }
}
