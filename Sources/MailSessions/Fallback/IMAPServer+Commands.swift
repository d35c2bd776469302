// Which IMAP command may come when (RFC 9051 §3, §6), and those that need no mailbox: CAPABILITY, ID, ENABLE, LOGIN,
// AUTHENTICATE, IDLE, NAMESPACE.

import MailDialogue
import MailMessage

extension IMAPServer {
    /// What is offered; before the login the ways to log in are a part of it.
    var capabilities: String {
        let base =
            "IMAP4rev1 LITERAL+ IDLE ENABLE ID NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE STATUS=SIZE "
            + "APPENDLIMIT=\(settings.maximumMessage)"
        let mechanisms = SASLServer.offered(settings).map { " AUTH=" + $0.rawValue }.joined()
        return account == nil ? base + " SASL-IR" + mechanisms + (offersTLS ? " STARTTLS" : "") : base
    }

    private var offersTLS: Bool { settings.offersTLS && !isSecured }

    /// Why a command can't be run in this state; nil when it can.
    func refusal(_ command: IMAPCommand) -> String? {
        switch command.verb {
        case "CAPABILITY", "NOOP", "LOGOUT", "ID": return nil
        case "LOGIN", "AUTHENTICATE": return account == nil ? nil : "BAD you are logged in"
        // RFC 9051 §6.2.1: in the not authenticated state alone.
        case "STARTTLS":
            guard offersTLS else { return "BAD this command is not offered" }
            return connection.mayBeginTLS ? nil : "BAD STARTTLS is not permitted now"
        case "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB",
            "NAMESPACE", "STATUS", "APPEND", "IDLE", "ENABLE":
            return account == nil ? "BAD log in first" : nil
        case "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE", "UID SEARCH",
            "UID FETCH", "UID STORE", "UID COPY", "UID MOVE", "UID EXPUNGE":
            if account == nil { return "BAD log in first" }
            return view == nil ? "BAD select a mailbox first" : nil
        default: return command.isKnown ? "BAD this command is not offered" : "BAD this command is not known"
        }
    }

    static let syntax = "BAD the arguments are malformed"

    /// A whole command that this state allows.
    mutating func execute(_ arguments: IMAPScanner) {
        var scanner = arguments
        switch verb {
        case "CAPABILITY", "NOOP", "LOGOUT", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "NAMESPACE", "IDLE":
            guard scanner.isAtEnd else { return reply("BAD this command takes no arguments") }
            executeBare()
        case "STARTTLS": scanner.isAtEnd ? connection.prepareTLS() : reply("BAD this command takes no arguments")
        case "ID": identify(&scanner)
        case "ENABLE": enable(&scanner)
        case "LOGIN": logIn(&scanner)
        case "AUTHENTICATE": authenticate(scanner.rest)
        case "SELECT", "EXAMINE": select(&scanner)
        case "CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE": manage(&scanner)
        case "RENAME": rename(&scanner)
        case "LIST", "LSUB": list(&scanner)
        case "STATUS": status(&scanner)
        // What comes here has no message behind its arguments.
        case "APPEND": reply(Self.syntax)
        case "FETCH", "UID FETCH": fetch(&scanner)
        case "STORE", "UID STORE": store(&scanner)
        case "SEARCH", "UID SEARCH": search(&scanner)
        case "COPY", "UID COPY", "MOVE", "UID MOVE": copy(&scanner)
        case "UID EXPUNGE": expunge(&scanner)
        default: reply("BAD this command is not known")
        }
    }

    private mutating func executeBare() {
        switch verb {
        case "CAPABILITY":
            connection.send("* CAPABILITY \(capabilities)\r\n")
            reply("OK that is all")
        case "LOGOUT":
            connection.send("* BYE goodbye\r\n")
            reply("OK done")
            leave(nil)
        case "NOOP", "CHECK": conclude("OK done")
        case "CLOSE", "UNSELECT": close()
        case "EXPUNGE": ask(.expunge, .expunge(uids: nil))
        case "NAMESPACE":
            connection.send("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n")
            conclude("OK done")
        case "IDLE": idle()
        default: break
        }
    }

    /// RFC 2971 §3: what the client says of itself changes nothing.
    private mutating func identify(_ scanner: inout IMAPScanner) {
        let isGood =
            scanner.keyword("NIL")
            || scanner.list { inner in
                inner.string() != nil ? () : inner.keyword("NIL") ? () : nil
            } != nil
        guard isGood, scanner.isAtEnd else { return reply(Self.syntax) }
        connection.send("* ID (\"name\" \"mailproxy\")\r\n")
        reply("OK done")
    }

    /// RFC 5161 §3.1: none of what can be enabled is known here, and unknown names are passed over.
    private mutating func enable(_ scanner: inout IMAPScanner) {
        var count = 0
        while scanner.atom() != nil {
            count += 1
            guard scanner.space() else { break }
        }
        guard count > 0, scanner.isAtEnd else { return reply(Self.syntax) }
        connection.send("* ENABLED\r\n")
        reply("OK done")
    }

    // MARK: Login

    private mutating func logIn(_ scanner: inout IMAPScanner) {
        guard let user = scanner.astring(), scanner.space(), let password = scanner.astring(), scanner.isAtEnd else {
            return reply(Self.syntax)
        }
        activity = .loggingIn
        connection.ask(.authenticate(.password(user: user[...].text, SecretText(password[...].text))))
    }

    /// AUTHENTICATE mechanism [initial-response] (RFC 9051 §6.2.2).
    private mutating func authenticate(_ arguments: ArraySlice<UInt8>) {
        let (name, initial) = arguments.firstWord
        guard !name.isEmpty else { return reply(Self.syntax) }
        serial += 1
        let challenge = "<\(nonce).\(serial).\(now)@\(settings.hostName)>"
        guard var exchange = SASLServer(name, settings, challenge: challenge) else {
            return reply("NO this mechanism is not offered")
        }
        step(exchange.begin(initial: initial), exchange)
    }

    mutating func response(_ frame: Note) {
        guard case .authenticating(var exchange) = activity else { return }
        let (line, crlf) = frame.raw.withoutLineEnd
        step(crlf ? exchange.respond(line) : .malformed, exchange)
    }

    /// The store's answer about the user's keys.
    mutating func keysStored(_ answer: StoreReply) {
        guard case .authenticating(var exchange) = activity else { return }
        guard case .scramKeys = answer else { return loggedIn(answer) }
        step(exchange.stored(answer), exchange)
    }

    private mutating func step(_ step: SASLServer.Step, _ exchange: SASLServer) {
        switch step {
        case .challenge(let octets):
            activity = .authenticating(exchange)
            connection.send(Array("+ ".utf8) + Base64.encode(octets) + [13, 10])
        case .attempt(let attempt):
            activity = .loggingIn
            connection.ask(.authenticate(attempt))
        case .keys(let user, let hash):
            activity = .authenticating(exchange)
            connection.ask(.scramKeys(user: user, hash))
        case .refused: loggedIn(.refused(.badCredentials))
        case .malformed: reply("BAD the response is malformed")
        case .cancelled: reply("BAD given up")
        case .serverFirst: reply("BAD this mechanism takes no initial response")
        }
    }

    mutating func loggedIn(_ answer: StoreReply) {
        if case .account(let account) = answer {
            self.account = account
            forgetErrors()
            return reply("OK [CAPABILITY \(capabilities)] welcome")
        }
        guard answer == .refused(.badCredentials) else {
            return reply("NO [UNAVAILABLE] the login could not be checked")
        }
        connection.effect(.log("a login was refused"))
        reply("NO [AUTHENTICATIONFAILED] these credentials do not hold")
        countError()
    }

    // MARK: IDLE (RFC 2177)

    private mutating func idle() {
        activity = .idling
        connection.send("+ idling\r\n")
        guard let account, let view else { return }
        connection.effect(.watch(account, view.name))
        mailboxChanged()
    }

    mutating func mailboxChanged() {
        switch activity {
        case .idling:
            changedMeanwhile = false
            activity = .idleRefreshing
            connection.ask(.refresh)
        case .idleRefreshing: changedMeanwhile = true
        case .commands, .gathering, .authenticating, .loggingIn, .concluding, .asking, .appending, .fetching,
            .searching:
            break
        }
    }

    mutating func done(_ frame: Note) {
        guard activity == .idling else {
            connection.send("* BAD no IDLE is under way\r\n")
            return countError()
        }
        if view != nil { connection.effect(.unwatch) }
        reply("OK done")
    }

    /// Another line than DONE ends IDLE too.
    mutating func notDone() {
        guard activity == .idling else { return }
        if view != nil { connection.effect(.unwatch) }
        reply("BAD DONE was expected")
    }
}
