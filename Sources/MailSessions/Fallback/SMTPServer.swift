// Our SMTP and LMTP server (RFC 5321, RFC 6409, RFC 2033) between events and effects: the order of commands and their
// replies. What comes as message data is in SMTPServer+Content.swift, AUTH in SMTPServer+Auth.swift.
//
// A 250 to a message is given only when the store says that it is on the disk (RFC 5321 §6.1).

import MailDialogue
import MailRecording

/// Our server for one SMTP or LMTP client.
package struct SMTPServer: ServerSession {
    /// What is under way between two frames of the client.
    enum Activity: Equatable, Sendable {
        /// Nothing. Successors: all others.
        case commands
        /// The store is asked whether it takes mail for this address. Successor: `commands`.
        case checking(String)
        /// Challenges and responses, and the store's keys for them. Successors: `loggingIn`, `commands`.
        case authenticating(SASLServer)
        /// The store is asked whether the login holds. Successor: `commands`.
        case loggingIn
        /// Message data or a chunk comes in. Successors: `delivering`, `commands`.
        case content(SMTPInbound)
        /// The store delivers. Successor: `commands`.
        case delivering
    }

    /// How the client introduced itself.
    struct Introduction: Equatable, Sendable {
        var name: String
        /// EHLO or LHLO: extensions are in force.
        var isExtended: Bool
    }

    /// MAIL was accepted (RFC 5321 §3.3).
    struct Transaction: Equatable, Sendable {
        /// Where a message that comes in chunks stands (RFC 3030 §2).
        enum Chunks: Equatable, Sendable {
            case none
            /// A chunk was accepted and more must follow.
            case open
            /// A chunk was refused: only RSET, EHLO and QUIT lead on.
            case failed
        }
        var reversePath: String
        var isUTF8: Bool
        var recipients: [String] = []
        var chunks = Chunks.none
        var message: SMTPInbound.Message?
    }

    static var commandTimeout: Int { 300 }
    static var mostErrors: Int { 20 }

    let settings: ServerSettings
    let nonce: UInt64
    var connection: ServerConnection<SMTPDialogue>
    var activity = Activity.commands
    var introduction: Introduction?
    var transaction: Transaction?
    var account: Account?
    var client: SocketAddress?
    /// The time of the event under way, microseconds since 1970.
    var now: Int64 = 0
    /// The client has begun TLS.
    private var isSecured = false
    private var errors = 0
    private var hasSpoken = false
    /// Messages and challenges so far: makes their identifiers differ.
    var serial = 0

    /// - Parameter nonce: makes challenges of this connection unlike those of all others.
    package init(settings: ServerSettings, nonce: UInt64 = .random(in: .min ... .max)) {
        self.settings = settings
        self.nonce = nonce
        connection = ServerConnection(SMTPDialogue(settings.lmtp ? .lmtp : .smtp))
    }

    package var wantsOctets: Bool { connection.wantsOctets }
    package var pendingOctets: Int { connection.pendingOctets }

    package mutating func handle(
        _ event: ServerEvent, now: Int64, effects: inout [ServerEffect], notes: inout [Note]
    ) {
        self.now = now
        switch event {
        case .connected(let client, _):
            self.client = client
            connection.effect(.setTimer(seconds: Self.commandTimeout))
            connection.send("220 \(settings.hostName) \(settings.lmtp ? "LMTP" : "ESMTP") ready\r\n")
        case .received(let octets):
            connection.effect(.setTimer(seconds: Self.commandTimeout))
            connection.receive(octets)
        case .peerEnded: connection.peerDidEnd()
        case .stored(let reply):
            if connection.answered() { stored(reply) }
        case .drained: connection.drained()
        case .timerFired: timerFired()
        case .tlsPrepared(let isPossible):
            connection.tlsPrepared(isPossible, settings.lmtp ? .lmtp : .smtp, Command(verb: "STARTTLS"))
        case .secured:
            introduction = nil
            isSecured = true
            connection.beginUnderTLS()
            connection.effect(.setTimer(seconds: Self.commandTimeout))
        case .mailboxChanged: break
        case .shutdown: connection.isStopping = true
        }
        run()
        connection.finish(effects: &effects, notes: &notes)
    }

    private mutating func run() {
        while connection.wait == .nothing, !connection.isClosed {
            if connection.isStopping { return leave("421 4.3.2 \(settings.hostName) is shutting down") }
            guard let frame = connection.next() else { break }
            accept(frame)
        }
        if connection.isExhausted { leave(nil) }
    }

    private mutating func timerFired() {
        guard connection.wait == .nothing else {
            return connection.effect(.setTimer(seconds: Self.commandTimeout))
        }
        leave("421 4.4.2 \(settings.hostName) waited too long")
    }

    /// Closes; a spool file that was begun is forgotten.
    mutating func leave(_ line: String?) {
        if let line { connection.send(line + "\r\n") }
        if let spool = openSpool { connection.effect(.store(.dropSpool(spool))) }
        connection.close()
    }

    /// The spool file of the message that comes in or is between two chunks.
    private var openSpool: SpoolID? {
        if case .content(let inbound) = activity { return inbound.message.intake.spool }
        return transaction?.message?.intake.spool
    }

    // MARK: Frames

    private mutating func accept(_ frame: Note) {
        switch frame.element {
        case .command: command(frame)
        case .response: response(frame)
        case .contentBegin, .incomplete: break
        case .content: content(frame)
        case .contentEnd: contentEnded(frame)
        case .opaque:
            let line =
                frame.violations.contains(.smtpLineTooLong) ? "500 5.5.6 the line is too long" : "421 4.7.0 too much"
            leave(line)
        case .greeting, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .done, .gap, .unplaced,
            .unknown:
            break
        }
    }

    private mutating func command(_ frame: Note) {
        let (line, crlf) = frame.raw.withoutLineEnd
        let command = SMTPCommand(line)
        if !hasSpoken, WebRequest.isMethod(command.word) {
            connection.effect(.log("an HTTP client was turned away"))
            return leave("421 4.7.0 this is no web server")
        }
        hasSpoken = true
        let isClean = line.allSatisfy { $0 == 9 || ($0 >= 32 && $0 != 127) }
        // The octets of a chunk follow whatever the line looks like, so its reply comes behind them.
        if command.verb == .bdat { return bdat(command, refusal: crlf && isClean ? nil : Self.badLine) }
        guard crlf, isClean else { return refuse(Self.badLine) }
        let is7bit = line.allSatisfy { $0 < 128 }
        switch command.verb {
        case .helo, .ehlo, .lhlo: hello(command, is7bit)
        case .mail: mail(command)
        case .rcpt: recipient(command)
        case .data: data(command)
        case .auth: is7bit ? auth(command) : refuse(SMTPServer.notASCII)
        case .rset:
            guard isBare(command) else { return }
            reset()
            reply("250 2.0.0 forgotten")
        case .quit:
            guard isBare(command) else { return }
            leave("221 2.0.0 \(settings.hostName) closes")
        case .noop: is7bit ? reply("250 2.0.0 here") : refuse(SMTPServer.notASCII)
        case .vrfy:
            guard is7bit else { return refuse(SMTPServer.notASCII) }
            command.argument.isEmpty
                ? refuse("501 5.5.4 an address is missing") : reply("252 2.0.0 send the message and see")
        case .help:
            reply("214-2.0.0 RFC 5321 with the extensions that EHLO lists\r\n214 2.0.0 mail is kept here, not relayed")
        case .startTLS: startTLS(command)
        case .expn, .etrn, .burl, .xclient, .xforward, .send, .soml, .saml, .turn, .atrn, .verb, .onex,
            .clientID, .xexch50, .xexps, .xanonymousTLS:
            refuse("502 5.5.1 this command is not offered")
        case .bdat: break
        case nil: refuse(is7bit ? "500 5.5.1 this command is not known" : Self.notASCII)
        }
    }

    /// RFC 3207 §4.
    private mutating func startTLS(_ command: SMTPCommand) {
        guard settings.offersTLS, !isSecured else { return refuse("502 5.5.1 this command is not offered") }
        guard isBare(command) else { return }
        guard connection.mayBeginTLS else { return refuse("503 5.5.1 STARTTLS is not permitted now") }
        connection.prepareTLS()
    }

    static let badLine = "500 5.5.2 a line ends with CRLF and has no control characters"
    static let notASCII = "501 5.5.2 octets beyond ASCII belong in addresses only"

    /// RFC 5321 §4.3.2: DATA, RSET and QUIT take no argument.
    func takesNone(_ command: SMTPCommand) -> Bool { command.argument.isEmpty }

    private mutating func isBare(_ command: SMTPCommand) -> Bool {
        if takesNone(command) { return true }
        refuse("501 5.5.4 this command takes no argument")
        return false
    }

    // MARK: Replies

    mutating func reply(_ text: String) { connection.send(text + "\r\n") }

    /// A refusal counts: a client with too many errors is sent away.
    mutating func refuse(_ text: String) {
        errors += 1
        if errors < Self.mostErrors { return reply(text) }
        connection.effect(.log("closed after \(errors) errors"))
        leave("421 4.7.0 too many errors")
    }

    // MARK: Introduction and transaction

    /// RFC 5321 §4.1.1.1. A refused EHLO leaves all as it was (§4.1.4).
    private mutating func hello(_ command: SMTPCommand, _ is7bit: Bool) {
        let isLMTP = command.verb == .lhlo
        guard isLMTP == settings.lmtp else {
            return refuse(settings.lmtp ? "500 5.5.1 LMTP begins with LHLO" : "500 5.5.1 this command is not known")
        }
        let name = command.argument.firstWord.word
        guard is7bit, !name.isEmpty, name.count <= 255 else {
            return refuse("501 the name of the client is missing or malformed")
        }
        reset()
        introduction = Introduction(name: name.text, isExtended: command.verb != .helo)
        guard command.verb != .helo else { return reply("250 \(settings.hostName)") }
        let mechanisms = SASLServer.offered(settings).map(\.rawValue).joined(separator: " ")
        let lines =
            [
                settings.hostName, "PIPELINING", "SIZE \(settings.maximumMessage)", "8BITMIME", "SMTPUTF8", "CHUNKING",
                "ENHANCEDSTATUSCODES", "AUTH \(mechanisms)",
            ] + (settings.offersTLS && !isSecured ? ["STARTTLS"] : [])
        reply(lines.map { "250-\($0)\r\n" }.joined() + "250 HELP")
    }

    mutating func reset() {
        if let spool = transaction?.message?.intake.spool { connection.tell(.dropSpool(spool)) }
        transaction = nil
    }

    private mutating func mail(_ command: SMTPCommand) {
        guard let introduction else { return refuse("503 5.5.1 introduce yourself first") }
        if settings.requiresAuthentication, account == nil { return refuse("530 5.7.0 log in first") }
        guard transaction == nil else { return refuse("503 5.5.1 a transaction is open") }
        guard let path = command.path else { return refuse("501 5.5.4 MAIL FROM:<address> is expected") }
        guard introduction.isExtended || path.parameters.isEmpty else {
            return refuse("555 5.5.4 parameters need EHLO")
        }
        var parameters = SMTPMailParameters()
        if let refusal = parameters.read(path.parameters, maximum: settings.maximumMessage) { return refuse(refusal) }
        if !path.mailbox.isEmpty {
            switch SMTPMailbox.judge(path.mailbox, isUTF8: parameters.isUTF8) {
            case .good: break
            case .malformed: return refuse("501 5.1.7 the reverse-path is malformed")
            case .needsUTF8: return refuse("553 5.6.7 the address needs SMTPUTF8")
            }
        }
        transaction = Transaction(reversePath: path.mailbox.text, isUTF8: parameters.isUTF8)
        reply("250 2.1.0 go on")
    }

    private mutating func recipient(_ command: SMTPCommand) {
        guard let transaction, transaction.chunks == .none else {
            return refuse("503 5.5.1 MAIL comes before RCPT, RCPT before the message")
        }
        guard let path = command.path, !path.mailbox.isEmpty else {
            return refuse("501 5.5.4 RCPT TO:<address> is expected")
        }
        guard path.parameters.isEmpty else { return refuse("555 5.5.4 this parameter is not offered") }
        switch SMTPMailbox.judge(path.mailbox, isUTF8: transaction.isUTF8, isRecipient: true) {
        case .good: break
        case .malformed: return refuse("501 5.1.3 the address is malformed")
        case .needsUTF8: return refuse("553 5.6.7 the address needs SMTPUTF8")
        }
        guard transaction.recipients.count < settings.maximumRecipients else {
            return reply("452 4.5.3 too many recipients, send the rest in a further transaction")
        }
        let address = SMTPMailbox.normalised(path.mailbox).text
        activity = .checking(address)
        connection.ask(.checkRecipient(address))
    }

    // MARK: The store

    private mutating func stored(_ answer: StoreReply) {
        switch activity {
        case .checking(let address): checked(address, answer)
        case .loggingIn: loggedIn(answer)
        case .content: contentStored(answer)
        case .delivering: delivered(answer)
        case .authenticating: keysStored(answer)
        case .commands: break
        }
    }

    private mutating func checked(_ address: String, _ answer: StoreReply) {
        activity = .commands
        switch answer {
        case .done:
            transaction?.recipients.append(address)
            reply("250 2.1.5 taken")
        case .refused(.unknownRecipient): refuse("550 5.1.1 no such mailbox here")
        case .refused(.noSpace): reply("452 4.2.2 the disk is full")
        case .refused, .account, .scramKeys, .spool, .delivered, .mailboxes, .status, .opened, .changes, .octets,
            .structure,
            .appended, .copied:
            reply("451 4.3.0 the address could not be looked up")
        }
    }
}
