// What is still certain when a capture lost octets, or began late.
//
// Behind a hole a line may be the inside of a literal: a message that quotes a session, or one that was written to
// deceive. So a line alone proves nothing. What proves a place is that both sides agree on it:
//
// 1. Client lost, server not. Its last line so far reads as a whole command that carries no text, and the server answers
//    with OK and that tag. OK comes only when the command with this tag was received to its end (RFC 9051 §7.6), and
//    nothing of the client follows the line, so that the line's end is the end of a command: also if the line was the end
//    of a literal of a command with that tag. (NO and BAD may come early, in the middle of a non-synchronizing literal:
//    they prove nothing.)
// 2. Server lost, client not. A line answers a command that the client is known to have sent. It may still stand in a
//    message that is being fetched. So it counts only while no command is open whose answer can hold the text of others;
//    and when one was open, only for a command sent after that one seemed to be answered, which a client that waits does
//    not send before. Then the line is the end of a response. An answer that was lost in the hole would keep such a
//    command open for ever: so it also counts when the newest command was answered twice in a row, as in 3.
// 3. Both lost. The client's last line and an OK of the server with its tag, as in 1., twice in a row with two tags: the
//    second line was sent behind the first OK and was answered behind it. In a literal of the server both answers would
//    have been written before the questions were asked.
// 4. Server lost in IDLE. DONE is the next line of the client and ends IDLE, or comes too late for one that has ended:
//    either way a command follows (RFC 9051 §6.3.13).
//
// 5. Server lost while it decides about a literal or a response. The client says itself what it was: it goes on with a command, or
//    with what was offered. So what does not begin as a command does is the literal; a line of base64 is the response.
//
// What a line shows of a login is told wherever it stands (`IMAPDialogue+Unplaced.swift`), and a message that a server sends is read where
// its FETCH response can begin (`IMAPDialogue+Fetched.swift`).
//
// A FETCH of flags, sizes and dates counts as a command that carries no text, in 1. and 3.
//
// Lists of capabilities, what is enabled, the mailbox and its counts may have changed in the hole. They are forgotten,
// and so is every verdict that rests on the past. What is learnt behind the hole counts again.

import MailMessage

/// The search for a line that makes the place certain.
struct IMAPGapSearch: Equatable, Sendable {
    /// The client's last line, when it reads as a whole command that carries no text.
    var candidate: IMAPTag?
    /// The tag of the last command of which question and answer were seen.
    var lastPair: IMAPTag?
    /// Only commands behind this exchange prove the server's place.
    var doubtUpTo = 0
    /// The exchange of the newest command that was answered before another was sent; 0 for none, and when one was sent since
    /// that can bring text.
    var answered = 0
    /// IDLE was under way: DONE ends it or comes too late.
    var isIdle = false
    /// The literal under way was not seen to be asked for.
    var isPresumed = false
    /// It is of a command whose place is not known, as little as that of what follows it.
    var isUnplaced = false
    /// What the client sends next, unless that is a command.
    var offer = Offer.nothing
    /// The login that the line before seems to have begun, wherever it stood.
    var login = Login.nothing

    /// What the server's lines were since octets of it were lost.
    var speech = Speech.responses
    /// None was seen yet.
    var isFirst = false
    /// The exchange that was the newest then.
    var lostAt = 0
    /// A command waited then whose answer can hold the text of others.
    var awaitedText = false
    /// The client has sent FETCH since, in a line whose place is not known.
    var asksForText = false
    /// A message that the server's last line announced.
    var announced = Announced.nothing

    /// What the lines of a server look like whose place is not known.
    enum Speech: Equatable, Sendable {
        /// Each may be the first line of a response.
        case responses
        /// The same, but for the first one, which may be the end of a line.
        case tail
        /// Others, as they stand in messages.
        case text
    }

    /// A message in a literal.
    enum Announced: Equatable, Sendable {
        case nothing
        indirect case message(Content, size: Int, IMAPKeyword)
    }

    /// What a client may send behind an answer that is missing.
    enum Offer: Equatable, Sendable {
        case nothing
        indirect case literal(Content, size: Int)
        indirect case response(SASLFollower)
    }

    /// What the next line of the client shows of a login.
    enum Login: Equatable, Sendable {
        case nothing
        /// LOGIN: the name is a literal of so many octets.
        case name(Int)
        /// LOGIN: the password is one.
        case password(account: String, size: Int)
        /// AUTHENTICATE, or a challenge.
        indirect case response(SASLFollower)
    }
}

extension IMAPDialogue {
    package mutating func lose(_ side: Side) {
        guard opaque == nil else { return }
        let isLoggedIn = phase == .authenticated || phase == .selected
        forget()
        marks.insert(.hadGap)
        marks.subtract([.literalWasRefused, .isOver, .idleEnds, .strayDone])
        search.lastPair = nil
        search.candidate = nil
        search.isIdle = false
        search.answered = 0
        switch side {
        case .client: loseClient()
        case .server: loseServer()
        }
        if server == .seeking, client == .seeking || !isLoggedIn { marks.insert(.tailMayEcho) }
    }

    /// What may have changed unseen.
    private mutating func forget() {
        if phase != .logout { phase = .unknown }
        capabilities = nil
        mechanisms = []
        enabled = []
        asked = []
        counts = IMAPMailboxCounts()
        opening = IMAPMailboxCounts()
        mailbox = ""
        mailboxView = nil
        openingView = nil
    }

    private mutating func loseClient() {
        client = .seeking
        search.offer = .nothing
        search.login = .nothing
        search.isUnplaced = false
        open = OpenCommand()
    }

    private mutating func loseServer() {
        server = .seeking
        text = nil
        keepsLiteral = false
        search.doubtUpTo = outstanding.notPlain > 0 ? .max : 0
        search.speech = .responses
        search.isFirst = true
        search.lostAt = exchange
        search.awaitedText = outstanding.notPlain > 0
        search.asksForText = false
        search.announced = .nothing
        loseAnswer()
    }

    /// What the server says is not known, and may decide what the client sends next.
    mutating func loseAnswer() {
        if client != .seeking { search.login = .nothing }
        switch client {
        case .commands, .literal, .commandRest, .seeking: break
        case .idleOffered, .idling:
            client = .seeking
            search.isIdle = true
        case .literalOffered(let content, let size) where size < .max:
            client = .seeking
            search.offer = .literal(content, size: size)
            search.isPresumed = false
            search.isUnplaced = false
        case .saslAwaiting(let follower):
            client = .seeking
            search.offer = .response(follower)
        case .literalOffered, .saslResponse, .tlsOffered, .compressOffered, .unauthenticating: loseClient()
        }
    }

    // MARK: Lines

    package mutating func takesContent(_ line: ArraySlice<UInt8>, from side: Side) -> Bool {
        if side == .server { return takesFetched(line) }
        guard client == .seeking, case .literal(let content, let size) = search.offer else { return false }
        search.offer = .nothing
        search.login = .nothing
        let command = IMAPCommand(line.withoutLineEnd.line)
        // `Subject: Check this` is no command: the tags of no client end so.
        if command.isKnown, !command.tag.isEmpty, command.tagOctets.last != UInt8(ascii: ":") {
            // The literal was refused.
            open = OpenCommand()
            if !search.isUnplaced { client = .commands }
            search.isUnplaced = false
            return false
        }
        client = .literal(content, size: size)
        search.isPresumed = true
        return true
    }

    package mutating func passLine(_ side: Side) {
        guard side == .client else {
            search.speech = .text
            search.announced = .nothing
            return
        }
        search.offer = .nothing
        search.isUnplaced = false
    }

    /// A line behind AUTHENTICATE or a response whose answer is missing. False when it is neither a response nor a command.
    private mutating func takesResponse(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) -> Bool {
        guard case .response(var follower) = search.offer else { return false }
        search.offer = .nothing
        let base64 = raw.part(line)
        guard !base64.isEmpty, SASLMask.covers(base64) || Base64.decode(base64) != nil else {
            open = OpenCommand()
            let command = IMAPCommandLine(line)
            guard command.isKnown, !command.tagOctets.isEmpty else {
                remarks.mask(SASLMask.noResponse(raw.masking(0..<raw.count)))
                return true
            }
            client = .commands
            acceptCommand(line, raw, &remarks)
            return true
        }
        follower.missChallenge()
        acceptResponse(base64, raw, follower, isPresumed: true, &remarks)
        return true
    }

    mutating func acceptUnplacedClient(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        remarks.element = .unplaced
        remarks.violations = []
        if takesResponse(line, raw, &remarks) {
            search.login = .nothing
            return
        }
        if search.isIdle, line.equalsIgnoringCase("DONE") {
            search.isIdle = false
            client = .commands
            remarks.element = .done
            remarks.exchange = open.exchange
            remarks.tell(.resumed)
            return
        }
        search.isIdle = false
        remarks.mask(maskUnplaced(raw))
        let command = IMAPCommandLine(line)
        showLogin(command, raw, &remarks)
        expectMessage(command, raw)
        if command.code == .fetch || command.code == .uidFetch, !command.tagOctets.isEmpty { search.asksForText = true }
        let kind = command.code.kind
        let isPlain = kind.contains(.isPlain) && !kind.contains(.isOpen) || Self.fetchesNoText(command)
        let isCandidate =
            command.isKnown && isPlain
            && (1...IMAPTag.limit).contains(command.tagOctets.count) && IMAPLiteral(endOf: line) == nil
        search.candidate = isCandidate ? IMAPTag(command.tagOctets) : nil
        if !isCandidate { search.lastPair = nil }
    }

    /// FETCH of nothing that holds words of a message.
    private static func fetchesNoText(_ command: IMAPCommandLine<OctetView>) -> Bool {
        guard command.code == .fetch || command.code == .uidFetch else { return false }
        let items = command.arguments.firstWord.rest.trimmed
        let isList = items.first == UInt8(ascii: "(") && items.last == UInt8(ascii: ")")
        let words = (isList ? items.dropFirst().dropLast() : items).split(separator: 32)
        return !words.isEmpty
            && words.allSatisfy { word in
                Self.itemsWithoutText.contains { word.equalsIgnoringCase($0) }
            }
    }

    private static let itemsWithoutText: [StaticString] = [
        "FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "FAST",
    ]

    mutating func acceptUnplacedServer(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        remarks.element = .unplaced
        remarks.violations = []
        let head = IMAPResponseHead(line)
        remarks.mask(maskEcho(unplaced: head, raw))
        hear(head, line, isShown: remarks.masked == nil)
        marks.remove(.tailMayEcho)
        if case .continuation = head.kind { hearChallenge(raw.part(head.rest)) }
        guard head.kind == .tagged, let status = IMAPResponse.status(head.keyword), IMAPCommand.isTag(head.tag),
            head.tag.count <= IMAPTag.limit
        else { return }
        if refutesLiteral(&remarks) { return }
        if case .response = search.login { search.login = .nothing }
        let tag = IMAPTag(head.tag)
        if status != .ok, tag != search.candidate, outstanding.find(tag)?.isLogin ?? true {
            remarks.mask(maskEcho(head, raw))
        }
        if client == .seeking {
            pair(tag, status, &remarks)
            return
        }
        guard let entry = outstanding.find(tag) else { return }
        guard entry.verb.kind.contains(.isPlain) else {
            _ = outstanding.remove(tag)
            // From the first one on it is the newer commands that can prove something.
            if outstanding.notPlain == 0 { search.doubtUpTo = exchange }
            return
        }
        let isProven = outstanding.notPlain == 0 && entry.exchange > search.doubtUpTo
        guard isProven || isSecondAnswer(entry) else { return }
        server = .lines
        outstanding.removeAll(before: entry.exchange)
        names.removeAll { $0.exchange < entry.exchange }
        remarks.tell(.resumed)
        acceptLine(line, raw, &remarks)
    }

    /// The masked form of a line that may repeat what the server did not understand: the untagged refusal, or the end of a line.
    func maskEcho(unplaced head: IMAPResponseHead<OctetView>, _ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        switch head.kind {
        case .untagged: return head.keyword == .bad ? maskText(head, raw) : nil
        case .continuation: return nil
        case .tagged where IMAPResponse.status(head.keyword) != nil: return nil
        case .tagged, .none: return marks.contains(.tailMayEcho) ? raw.maskingLine(0..<raw.count) : nil
        }
    }

    /// The server answers a command in the middle of a literal that it was not seen to ask for: the sides are elsewhere.
    mutating func refutesLiteral(_ remarks: inout Remarks) -> Bool {
        guard search.isPresumed, case .literal = client else { return false }
        remarks.tell(.opaque(.gap))
        becomeOpaque(.gap)
        return true
    }

    /// The newest command is answered, and so was the one before, with nothing between that can bring text.
    private mutating func isSecondAnswer(_ entry: IMAPOutstanding.Entry) -> Bool {
        guard entry.exchange == exchange, client == .commands else { return false }
        if search.answered > 0, search.answered < entry.exchange { return true }
        search.answered = entry.exchange
        return false
    }

    /// Both are lost: question and answer, twice.
    private mutating func pair(_ tag: IMAPTag, _ status: ReplyStatus, _ remarks: inout Remarks) {
        guard status == .ok, tag == search.candidate else {
            search.lastPair = nil
            search.candidate = nil
            return
        }
        search.candidate = nil
        guard let last = search.lastPair, last != tag else {
            search.lastPair = tag
            return
        }
        server = .lines
        outstanding.removeAll()
        names = []
        resumeClient(&remarks)
    }

    /// The server, whose place is known, answers a command that was not seen as one.
    mutating func resume(byTag tag: OctetView, _ status: ReplyStatus, _ remarks: inout Remarks) {
        remarks.element = .unplaced
        if case .response = search.login { search.login = .nothing }
        guard client == .seeking, status == .ok, tag.count <= IMAPTag.limit, IMAPTag(tag) == search.candidate else {
            return
        }
        resumeClient(&remarks)
    }

    private mutating func resumeClient(_ remarks: inout Remarks) {
        client = .commands
        search = IMAPGapSearch()
        forget()
        remarks.tell(.resumed)
    }

    /// A client line whose place is not known: only a well-formed command is shown, and of LOGIN no argument.
    func maskUnplaced(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let command = IMAPCommand(line.withoutLineEnd.line)
        guard command.isKnown, !command.tag.isEmpty else { return line.masking(0..<line.count) }
        return Self.maskLogin(line)
    }
}
