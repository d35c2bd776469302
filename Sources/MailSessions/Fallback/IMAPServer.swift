// Our IMAP server (RFC 3501, RFC 9051) between events and effects: frames become whole commands, commands become
// requests to the store and replies. The groups of commands are in the extensions beside this file.
//
// A command is read whole, literals in place, before it is understood; only the message of APPEND streams past. Before
// the tagged reply in a mailbox the store is asked what others changed, so that every command brings news.

import MailDialogue
import MailMessage
import MailRecording

/// Our server for one IMAP client.
package struct IMAPServer: ServerSession {
    /// What is under way between two frames of the client.
    enum Activity: Equatable, Sendable {
        /// Nothing. Successors: all others.
        case commands
        /// Literals of a command and the lines behind them come. Successors: what the command leads to, `commands`.
        case gathering(IMAPGathering)
        /// Challenges and responses, and the store's keys for them. Successors: `loggingIn`, `commands`.
        case authenticating(SASLServer)
        /// The store is asked whether the login holds. Successor: `commands`.
        case loggingIn
        /// IDLE: news are told at once. Successor: `commands`.
        case idling
        /// News are fetched within IDLE. Successor: `idling`.
        case idleRefreshing
        /// News are fetched before the tagged reply. Successor: `commands`.
        case concluding(IMAPConclusion)
        /// A request whose answer completes the command. Successors: `concluding`, `commands`.
        case asking(IMAPRequest)
        /// APPEND. Successors: `asking`, `commands`.
        case appending(IMAPAppend)
        /// FETCH. Successors: `concluding`, `commands`.
        case fetching(IMAPFetch)
        /// SEARCH. Successors: `concluding`, `commands`.
        case searching(IMAPSearch)
    }

    /// RFC 9051 §5.4 asks for at least thirty minutes.
    static var idleTimeout: Int { 1_800 }
    static var mostErrorsBeforeLogin: Int { 3 }
    static var mostErrors: Int { 20 }
    /// Octets of a message that are read and sent at once, and that may wait to leave before more is made.
    static var piece: Int { 131_072 }

    let settings: ServerSettings
    let nonce: UInt64
    var connection = ServerConnection(IMAPDialogue())
    var activity = Activity.commands
    var account: Account?
    var view: IMAPMailboxView?
    /// The tag and the verb of the command under way.
    var tag = ""
    var verb = ""
    var now: Int64 = 0
    /// The mailbox changed while the store was asked within IDLE.
    var changedMeanwhile = false
    /// Challenges so far.
    var serial = 0
    /// The client has begun TLS.
    private(set) var isSecured = false
    private var errors = 0

    /// - Parameter nonce: makes challenges of this connection unlike those of all others.
    package init(settings: ServerSettings, nonce: UInt64 = .random(in: .min ... .max)) {
        self.settings = settings
        self.nonce = nonce
    }

    /// While idling the client's DONE is awaited.
    package var wantsOctets: Bool { connection.wantsOctets }
    package var pendingOctets: Int { connection.pendingOctets }

    package mutating func handle(
        _ event: ServerEvent, now: Int64, effects: inout [ServerEffect], notes: inout [Note]
    ) {
        self.now = now
        switch event {
        case .connected:
            connection.effect(.setTimer(seconds: Self.idleTimeout))
            connection.send("* OK [CAPABILITY \(capabilities)] \(settings.hostName) ready\r\n")
        case .received(let octets):
            connection.effect(.setTimer(seconds: Self.idleTimeout))
            connection.receive(octets)
        case .peerEnded: connection.peerDidEnd()
        case .stored(let reply):
            if connection.answered() { stored(reply) }
        case .drained:
            let waited = connection.wait == .drain
            connection.drained()
            if waited {
                connection.effect(.setTimer(seconds: Self.idleTimeout))
                proceed()
            }
        case .timerFired:
            connection.wait == .store
                ? connection.effect(.setTimer(seconds: Self.idleTimeout)) : leave("* BYE nothing came for too long")
        case .tlsPrepared(let isPossible):
            connection.tlsPrepared(isPossible, .imap, Command(verb: "STARTTLS", tag: tag))
        case .secured:
            isSecured = true
            connection.beginUnderTLS()
            connection.effect(.setTimer(seconds: Self.idleTimeout))
        case .mailboxChanged: mailboxChanged()
        case .shutdown: connection.isStopping = true
        }
        run()
        connection.finish(effects: &effects, notes: &notes)
    }

    private mutating func run() {
        while connection.wait == .nothing, !connection.isClosed {
            if connection.isStopping { return leave("* BYE the server is shutting down") }
            guard let frame = connection.next() else { break }
            accept(frame)
        }
        if connection.isExhausted { leave(nil) }
    }

    /// Closes; a spool file that was begun is forgotten. Within a literal no line may be sent.
    mutating func leave(_ line: String?) {
        switch activity {
        case .appending(let append):
            if let spool = append.intake.spool { connection.effect(.store(.dropSpool(spool))) }
        case .fetching(let fetch) where fetch.isWithinResponse: return connection.close()
        case .idling, .idleRefreshing: connection.effect(.unwatch)
        case .commands, .gathering, .authenticating, .loggingIn, .concluding, .asking, .fetching, .searching: break
        }
        if let line { connection.send(line + "\r\n") }
        connection.close()
    }

    // MARK: Frames

    private mutating func accept(_ frame: Note) {
        switch frame.element {
        case .command(let command):
            if frame.facts.contains(.opaque(.desynchronised)) {
                return leave("* BYE [TOOBIG] the literal is too large")
            }
            self.command(frame, command)
        case .commandPart: commandPart(frame)
        case .content: content(frame)
        case .contentEnd: contentEnded()
        case .response: response(frame)
        case .done: done(frame)
        case .opaque: leave("* BYE [TOOBIG] the line is too long")
        case .unknown: notDone()
        case .contentBegin, .incomplete, .gap, .unplaced, .greeting, .reply, .data, .dataPart, .goAhead, .challenge:
            break
        }
    }

    /// The first line of a command.
    private mutating func command(_ frame: Note, _ command: Command) {
        let (line, crlf) = frame.raw.withoutLineEnd
        if account == nil, WebRequest.isRequest(line) {
            connection.effect(.log("an HTTP client was turned away"))
            return leave("* BYE this is no web server")
        }
        let parsed = IMAPCommand(line)
        let literal = command.isComplete ? nil : IMAPLiteral(endOf: line)
        guard !command.tag.isEmpty else {
            // Nothing could be told to be the end of it, so nothing that needs an answer to go on can go on.
            let waits = ["IDLE", "AUTHENTICATE", "STARTTLS", "COMPRESS"].contains(command.verb)
            if waits || literal != nil { return leave("* BYE a command needs a tag") }
            connection.send("* BAD a command needs a tag\r\n")
            return countError()
        }
        tag = line.firstWord.word.text
        verb = parsed.verb
        var gathering = IMAPGathering(Array(parsed.arguments))
        gathering.refusal = crlf ? refusal(parsed) : "BAD a line ends with CRLF"
        gathered(gathering, literal)
    }

    /// The line behind a literal.
    private mutating func commandPart(_ frame: Note) {
        if frame.facts.contains(.opaque(.desynchronised)) { return leave("* BYE [TOOBIG] the literal is too large") }
        let (line, crlf) = frame.raw.withoutLineEnd
        var literal: IMAPLiteral?
        if case .commandPart(complete: false) = frame.element { literal = IMAPLiteral(endOf: line) }
        switch activity {
        case .gathering(var gathering):
            gathering.append(line)
            if !crlf { gathering.refusal = gathering.refusal ?? "BAD a line ends with CRLF" }
            gathered(gathering, literal)
        case .appending(let append): appendLine(append, line, crlf, literal)
        case .commands, .authenticating, .loggingIn, .idling, .idleRefreshing, .concluding, .asking, .fetching,
            .searching:
            break
        }
    }

    private mutating func content(_ frame: Note) {
        switch activity {
        case .gathering(var gathering):
            activity = .commands
            gathering.append(frame.raw)
            activity = .gathering(gathering)
        case .appending(var append):
            activity = .commands
            appendContent(&append, frame.raw)
        case .commands, .authenticating, .loggingIn, .idling, .idleRefreshing, .concluding, .asking, .fetching,
            .searching:
            break
        }
    }

    private mutating func contentEnded() {
        if case .appending(let append) = activity { appendContentEnded(append) }
    }

    /// All of a command up to here is there: a literal follows, or it is whole.
    private mutating func gathered(_ given: IMAPGathering, _ literal: IMAPLiteral?) {
        var gathering = given
        guard let literal else {
            activity = .commands
            if let refusal = gathering.refusal { return reply(refusal) }
            return execute(IMAPScanner(gathering.octets))
        }
        if verb == "APPEND", gathering.refusal == nil, let head = IMAPAppend.Head(gathering.octets, literal) {
            return append(head, literal)
        }
        let size = literal.size ?? .max
        if gathering.octets.count > IMAPGathering.limit || size > IMAPGathering.limit - gathering.octets.count {
            gathering.refusal = gathering.refusal ?? "NO [TOOBIG] the literal is too large"
        } else if literal.isBinary {
            gathering.refusal = gathering.refusal ?? "BAD binary literals are not offered"
        }
        guard !literal.isNonSynchronizing else {
            gathering.append([13, 10])
            activity = .gathering(gathering)
            return
        }
        if let refusal = gathering.refusal {
            activity = .commands
            return reply(refusal)
        }
        gathering.append([13, 10])
        activity = .gathering(gathering)
        connection.send("+ go on\r\n")
    }

    // MARK: Replies

    /// The tagged reply, at once. BAD counts.
    mutating func reply(_ text: String) {
        activity = .commands
        connection.send("\(tag) \(text)\r\n")
        if text.hasPrefix("BAD") { countError() }
    }

    mutating func countError() {
        errors += 1
        guard errors >= (account == nil ? Self.mostErrorsBeforeLogin : Self.mostErrors) else { return }
        connection.effect(.log("closed after \(errors) errors"))
        leave("* BYE too many errors")
    }

    mutating func forgetErrors() { errors = 0 }

    /// The tagged reply after news. In a mailbox the store is asked for them first.
    mutating func conclude(_ text: String) {
        guard view != nil else { return reply(text) }
        // RFC 9051 §7.5.1: no message may lose its number during these, since the next may be on its way.
        let mayExpunge = verb != "FETCH" && verb != "STORE" && verb != "SEARCH"
        activity = .concluding(IMAPConclusion(text: text, mayExpunge: mayExpunge))
        connection.ask(.refresh)
    }

    // MARK: The store

    private mutating func stored(_ answer: StoreReply) {
        switch activity {
        case .loggingIn: loggedIn(answer)
        case .concluding(let conclusion):
            activity = .commands
            if news(answer, mayExpunge: conclusion.mayExpunge) { reply(conclusion.text) }
        case .idleRefreshing:
            activity = .idling
            guard news(answer, mayExpunge: true) else { return }
            if changedMeanwhile { mailboxChanged() }
        case .asking(let request):
            activity = .commands
            answered(request, answer)
        case .appending(let append): appendStored(append, answer)
        case .fetching(let fetch): fetchStored(fetch, answer)
        case .searching(var search):
            activity = .commands
            searchStored(&search, answer)
        case .authenticating: keysStored(answer)
        case .commands, .gathering, .idling: break
        }
    }

    /// Tells what others changed. False when the mailbox is lost and the session has ended.
    mutating func news(_ answer: StoreReply, mayExpunge: Bool) -> Bool {
        guard case .changes(let changes) = answer else { return true }
        if changes.lost {
            leave("* BYE the mailbox is gone")
            return false
        }
        if let lines = view?.take(changes, mayExpunge: mayExpunge) { connection.send(lines) }
        return true
    }

    /// The next part of a long answer.
    private mutating func proceed() {
        if case .fetching(let fetch) = activity { fetchOn(fetch) }
    }
}

/// A command whose literals are coming.
struct IMAPGathering: Equatable, Sendable {
    /// Octets of a command without APPEND's message. RFC 9051 names no limit; sets and search texts stay far below.
    static var limit: Int { 131_072 }

    /// The arguments so far, each literal behind its header.
    private(set) var octets: [UInt8]
    /// The tagged reply that is certain; the rest is read and dropped.
    var refusal: String?

    init(_ octets: [UInt8]) { self.octets = octets }

    mutating func append(_ more: some Sequence<UInt8>) {
        if refusal == nil { octets.append(contentsOf: more) }
        if octets.count > Self.limit { refusal = refusal ?? "NO [TOOBIG] the command is too large" }
    }
}

/// A tagged reply that waits for news.
struct IMAPConclusion: Equatable, Sendable {
    var text: String
    var mayExpunge: Bool
}
