// The joint machine of POP3 (RFC 1939) with CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC 5034), UTF8 and LANG (RFC
// 6856). What both sides say is in POP3Dialogue+Client.swift and POP3Dialogue+Server.swift, what is done behind a gap
// in POP3Dialogue+Gaps.swift.
//
// Whether a reply has many lines depends on the command, its arguments and the sign of the reply, so replies are
// matched to commands by counting (RFC 2449 §6.6). After AUTH and STLS the server decides what the client's next octets
// are: they are held until it has spoken.

/// The joint state of a POP3 session.
package struct POP3Dialogue: Dialogue {
    /// Where the session stands (RFC 1939 §3), as the replies that were seen prove it.
    package enum Phase: Equatable, Sendable {
        /// Before the login. Successors: `transaction`, `update` (QUIT ends the session here as well).
        case authorization
        /// Behind the login. Successor: `update`.
        case transaction
        /// QUIT was answered: the server closes (RFC 1939 §4, §6). Successors: none.
        case update
        /// Octets are missing, or the server contradicts itself. Successors: `transaction`, `update`.
        case unknown
    }

    /// What the client's next octets are. It is looked at with each line: what few states have is kept apart.
    enum ClientState: Equatable, Sendable {
        /// A command line. Successors: all others but `saslResponse` and `submission`.
        case commands
        /// The reply to AUTH or to a response decides. Successors: `saslResponse`, `commands`.
        indirect case saslAwaiting(SASLFollower)
        /// A challenge was sent: one line of base64. Successor: `saslAwaiting`.
        indirect case saslResponse(SASLFollower)
        /// The reply to STLS decides. Successors: `commands`, or the session is opaque.
        case tlsOffered
        /// The reply to XTND XMIT decides. Successors: `commands`, `submission`.
        case submissionOffered
        /// A message up to CRLF.CRLF. Successor: `commands`.
        indirect case submission(Content)
    }

    /// What the server's next octets are.
    enum ServerState: Equatable, Sendable {
        /// The greeting. Successor: `replies`.
        case greetingPending
        /// A status line. Successors: `listing`, `message`.
        case replies
        /// Lines up to a lone dot, which `listing` follows. Successor: `replies`.
        case listing
        /// A message up to CRLF.CRLF. Successor: `replies`.
        indirect case message(Content)
    }

    /// A command that awaits its reply.
    struct Outstanding: Equatable, Sendable {
        var verb: POP3Verb?
        var exchange: Int
        var shape: POP3ReplyShape
        /// The message number that the command names.
        var number: Int?
        /// The line may be a password; servers like to repeat what they did not understand.
        var isSecret = false
        /// Its line, or a response behind it, may be or have a password.
        var mayBeEchoed: Bool {
            switch verb {
            case .pass, .apop, .auth: true
            case .user, .stls, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit,
                nil:
                isSecret
            }
        }
        /// The server MUST answer -ERR: the line is no command by the syntax (RFC 1939 §3).
        var isMalformed = false
        /// The server MUST answer -ERR: the command may not be given here (RFC 1939 §3).
        var isMisplaced = false
        /// The client gave the SASL exchange up; the server MUST answer -ERR (RFC 5034 §4).
        var isCancelled = false
        /// The client showed something in the SASL exchange.
        var hasResponded = false
    }

    /// How many commands await their replies of those that may change what others mean.
    struct Pending: Equatable, Sendable {
        /// May change the phase: until they are answered nobody knows it.
        var turns = 0
        /// May take marks away.
        var resets = 0
        /// QUIT, well formed: nothing behind it is a command any more.
        var quits = 0

        mutating func count(_ entry: Outstanding, _ step: Int) {
            switch entry.verb {
            case .pass, .apop, .auth, .stls: turns += step
            case .quit:
                turns += step
                if !entry.isMalformed { quits += step }
            case .rset: resets += step
            case .user, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .last, nil: break
            }
        }
    }

    /// Whose password the next PASS is.
    enum Account: Equatable, Sendable {
        /// The line before was no USER, or one that was refused.
        case none
        /// It was a USER that was refused.
        case refused(String)
        case named(String)
        /// The line before was not seen.
        case unknown

        var name: String {
            switch self {
            case .named(let name), .refused(let name): name
            case .none, .unknown: ""
            }
        }
    }

    var client = ClientState.commands
    var server = ServerState.greetingPending
    /// What the lines of the listing under way have shown.
    var listing = POP3Listing()
    var outstanding = Fifo<Outstanding>()
    var exchange = 0
    /// The name of the USER command that came last, when nothing came behind it.
    var account = Account.none
    /// Where the session stands.
    package internal(set) var phase = Phase.authorization
    /// What some of the outstanding commands may change.
    var pending = Pending()
    /// What the server's last answer to CAPA offers; nil when it gave none.
    package internal(set) var offer: POP3Offer?
    /// What is known of the maildrop.
    package internal(set) var maildrop = POP3Maildrop()
    /// The greeting had a timestamp, so APOP is possible (RFC 1939 §7); nil when it was not seen.
    var hasTimestamp: Bool?
    /// That timestamp, with its angle brackets: APOP's digest can be tested with it.
    var timestamp: SecretBytes?
    /// Octets of the message that the server sent last.
    var retrieved = 0
    /// The command for whose answer the client's octets wait, or waited last.
    var heldBy: POP3Command.Verb?
    /// UTF8 was given.
    var gaveUTF8 = false
    /// UTF8 or LANG was accepted: replies may be UTF-8 (RFC 6856 §2.1, §3.2).
    var allowsUTF8Replies = false
    /// An unknown command was accepted in this exchange: lines behind the status that are none are the rest of its
    /// reply.
    var tail: Int?
    /// Lines of the server before its greeting that are no status lines.
    var strayLines = 0
    /// AUTH is over: what a hasty client sent behind it comes as commands, its password too.
    var mayLeakSecret = false
    /// USER, PASS, APOP or AUTH was sent, or may have been where octets are missing.
    var hasBegunLogin = false
    /// Octets are missing before, and the place is not certain yet.
    var search: Search? { didSet { isSearching = search != nil } }
    /// There is a search: asked before each line.
    private(set) var isSearching = false
    /// Octets were missing once: what they may have held is no fault of anybody.
    var wasLost = false
    /// The server's next line may lack its beginning.
    var serverLineIsCut = false
    package internal(set) var mayHaveSecurityLayer = false
    package private(set) var opaque: OpaqueReason?
    package var listens = true

    package init() {}

    package var currentExchange: Int { outstanding.peek { $0.exchange } ?? exchange }

    /// Commands that await their replies.
    package var outstandingCount: Int { outstanding.count }

    package var awaitsTLS: Bool {
        switch client {
        case .tlsOffered: true
        case .commands, .saslAwaiting, .saslResponse, .submissionOffered, .submission: false
        }
    }

    package var isGreeted: Bool { server != .greetingPending }

    package var isBetweenReplies: Bool { server == .replies || server == .greetingPending }

    package var outstandingOctets: Int { outstanding.footprint }

    package var owesAnswer: Bool { !isGreeted || !outstanding.isEmpty }

    package var saidGoodbye: Bool { phase == .update }

    package var mayBeginTLS: Bool { phase == .authorization }

    package mutating func goOnInClear(_ side: Side) {
        opaque = nil
        client = .commands
        if side == .server { answerUnasked() }
    }

    package mutating func beginUnderTLS(after exchange: Int) {
        var fresh = POP3Dialogue()
        fresh.server = .replies
        fresh.exchange = exchange
        // The greeting is the only one of the session, and so is its timestamp.
        fresh.hasTimestamp = hasTimestamp
        fresh.timestamp = timestamp
        fresh.listens = listens
        self = fresh
    }

    /// The server offered PIPELINING (RFC 2449 §6.6); nil when it was not asked.
    package var offersPipelining: Bool? { offer.map { $0.capabilities.contains(.pipelining) } }

    package func demand(_ side: Side) -> Demand {
        if opaque != nil { return .opaque }
        switch side {
        case .client:
            if let search, !search.clientIsWhole { return .seek(limit: DialogueLimits.line) }
            switch client {
            case .commands, .saslResponse: return .line(limit: DialogueLimits.line)
            case .saslAwaiting, .tlsOffered, .submissionOffered: return .held
            case .submission(let content): return .content(content, .dotTerminated)
            }
        case .server:
            switch server {
            case .message(let content): return .content(content, .dotTerminated)
            case .greetingPending, .listing: return .line(limit: DialogueLimits.line)
            case .replies:
                return search == nil ? .line(limit: DialogueLimits.line) : .seek(limit: DialogueLimits.line)
            }
        }
    }

    package mutating func lineLimit(_ side: Side) -> Int? {
        if opaque != nil { return nil }
        switch side {
        case .client:
            if isSearching, let search, !search.clientIsWhole { return nil }
            switch client {
            case .commands, .saslResponse: return DialogueLimits.line
            case .saslAwaiting, .tlsOffered, .submissionOffered, .submission: return nil
            }
        case .server:
            switch server {
            case .greetingPending, .listing: return DialogueLimits.line
            case .replies: return isSearching ? nil : DialogueLimits.line
            case .message: return nil
            }
        }
    }

    package mutating func accept(line: ArraySlice<UInt8>, from side: Side, _ remarks: inout Remarks) {
        switch side {
        case .client: acceptClient(line, &remarks)
        case .server: acceptServer(line, &remarks)
        }
    }

    package mutating func contentEnded(from side: Side) -> ContentEnd {
        switch side {
        case .client: client = .commands
        case .server:
            var end = ContentEnd()
            if let head = outstanding.first, head.verb == .retr, let number = head.number, !wasLost,
                let listed = maildrop.size(of: number), listed != retrieved,
                // A message without its last line end gets one on the wire, which many servers don't count.
                listed != retrieved &- 2
            {
                end.violations = [.pop3SizeDiffers]
            }
            server = .replies
            if isSearching, outstanding.isEmpty {
                if endUnplacedMessage() { end.facts = [.resumed] }
            } else {
                complete()
            }
            return end
        }
        return ContentEnd()
    }

    package mutating func measured(octets: Int, stuffed: Int, from side: Side) {
        if side == .server { retrieved = octets &- stuffed }
    }

    /// The reply to the oldest command is complete.
    mutating func complete() {
        if let entry = outstanding.popFirst() { pending.count(entry, -1) }
    }

    /// The oldest commands are forgotten, whatever they were.
    mutating func forgetOutstanding() {
        outstanding.removeAll()
        pending = Pending()
    }

    package func judge(_ flaws: ContentFlaws, from side: Side) -> [Violation] {
        // What a client submits by XTND XMIT no RFC describes.
        guard side == .server else { return [] }
        var violations: [Violation] = []
        if flaws.contains(.dotLine) { violations.append(.pop3DotLine) }
        if flaws.contains(.bareLF) { violations.append(.pop3DataBareLF) }
        if flaws.contains(.bareCR) { violations.append(.pop3DataBareCR) }
        return violations
    }

    package func judgeAtEdge(_ side: Side) -> Violation? {
        guard opaque == .tls else { return nil }
        return side == .client ? .pop3STLSInjection : .pop3STLSReplyInjection
    }

    package func judgeWaiting(_ side: Side) -> Violation? {
        switch heldBy {
        case .auth: .pop3AuthHaste
        case .stls: .pop3STLSInjection
        case .user, .pass, .apop, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last,
            .quit, nil:
            nil
        }
    }

    package func lineTooLong(_ side: Side) -> Violation { side == .client ? .pop3LineTooLong : .pop3ReplyTooLong }

    package mutating func becomeOpaque(_ reason: OpaqueReason) {
        opaque = reason
        forgetOutstanding()
        account = .none
        search = nil
        maildrop = POP3Maildrop()
        listing = POP3Listing()
        offer = nil
    }

    package func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        guard side == .client else { return maskEcho(partial: line) }
        if let search, !search.clientIsWhole { return line.masking(0..<line.count) }
        switch client {
        case .saslAwaiting, .saslResponse: return line.masking(0..<line.count)
        case .submissionOffered, .submission: return nil
        case .commands, .tlsOffered:
            let command = POP3Command(line.withoutLineEnd.line)
            return command.verb == nil && command.shape == .line
                ? maskedUnknown(line) ?? maskedArguments(line) : Self.maskedCommand(line)
        }
    }

    /// A login may stand among what was not seen.
    var mayLogIn: Bool {
        switch phase {
        case .authorization, .unknown: true
        case .transaction, .update: false
        }
    }

    /// The same for a line of the server.
    private func maskEcho(partial raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        raw.withView { view in
            let line = view.withoutLineEnd.line
            if let search { return maskEcho(raw, line, search) }
            guard outstanding.first?.mayBeEchoed ?? mayLogIn, POP3Status(line) == .error else { return nil }
            return raw.maskingLine(echo(.error, line, raw)..<raw.count)
        }
    }

    package mutating func expectSecrets() { hasBegunLogin = true }

    /// A line that is no command with what may be a secret in it masked; nil when nothing may. Directly behind an AUTH it may be
    /// anything that a hasty client sent, at any time later a response or password that came too late: base64 is one word,
    /// and so are most passwords. Once the client is logged in a word that looks like a verb is taken for one.
    func maskedUnknown(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let line = raw.withoutLineEnd.line
        let word = line.trimmed
        if word.isEmpty { return nil }
        if !mayLeakSecret {
            if let masked = Self.maskedCommand(raw) { return masked }
            if let end = LoginWord.end(in: line, words: 2), end < word.endIndex {
                return Self.hide((line[end] == 32 ? end + 1 : end)..<word.endIndex, of: raw)
            }
            guard hasBegunLogin, word.firstWord.word.count == word.count else { return nil }
            if phase == .transaction, word.span.isOfOneCase { return nil }
        }
        // That it is a request of HTTP stays to be seen.
        let end = Self.isHTTPRequest(line) ? word.lastIndex(of: 32) ?? word.endIndex : word.endIndex
        return Self.hide(word.startIndex..<end, isSpaced: Self.isSpaced(word), of: raw)
    }

    /// The masked form of a line that begins with a verb that nobody knows, while the client may log in yet: a password may stand
    /// behind it. Nil when nothing does.
    func maskedArguments(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard phase != .transaction else { return nil }
        let word = raw.withoutLineEnd.line.trimmed
        let arguments = word.firstWord.rest
        guard !arguments.isEmpty else { return nil }
        // That it is a request of HTTP stays to be seen.
        let end = Self.isHTTPRequest(word) ? word.lastIndex(of: 32) ?? word.endIndex : word.endIndex
        return arguments.startIndex < end ? Self.hide(arguments.startIndex..<end, of: raw) : nil
    }

    /// Masks a part of a line. That there are too many spaces in it stays to be seen, though not where.
    static func hide(_ part: Range<Int>, isSpaced: Bool? = nil, of raw: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var masked = raw.maskingLine((part.lowerBound - raw.startIndex)..<(part.upperBound - raw.startIndex))
        if isSpaced ?? Self.isSpaced(raw[part]) {
            masked[masked.startIndex + (part.upperBound - raw.startIndex - 1)] = 32
        }
        return masked
    }

    private static func isSpaced(_ word: ArraySlice<UInt8>) -> Bool {
        word.contains(9) || zip(word, word.dropFirst()).contains { $0 == 32 && $1 == 32 }
    }

    /// What stands behind the name that USER takes: it may be the password. Nil when there is nothing.
    private static func surplusOfName(_ behind: ArraySlice<UInt8>) -> Range<Int>? {
        let surplus = behind.withoutLineEnd.line.trimmed.firstWord.rest.trimmed
        return surplus.isEmpty ? nil : surplus.startIndex..<surplus.endIndex
    }

    /// A request line of HTTP (RFC 9112 §3), as a browser sends that was made to speak to this port.
    static func isHTTPRequest(_ line: some OctetLine) -> Bool {
        guard let space = line.lastIndex(of: 32) else { return false }
        return line[(space + 1)...].starts(with: "HTTP/".utf8)
    }

    /// A command line with what may be a secret in it masked; nil when nothing may.
    static func maskedCommand(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let blanks = line.prefix { $0 == 32 || $0 == 9 }.count
        let front = line.dropFirst(blanks)
        if front.hasPrefixIgnoringCase("USER"), let surplus = surplusOfName(front.dropFirst(4)) {
            return hide(surplus, of: line)
        }
        for verb in ["PASS", "APOP", "AUTH"] as [StaticString] where front.hasPrefixIgnoringCase(verb) {
            // The verb stays one.
            return line.masking((blanks + (front.dropFirst(4).first == 32 ? 5 : 4))..<line.count)
        }
        return nil
    }
}
