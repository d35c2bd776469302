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
// Lists of capabilities, what is enabled, the mailbox and its counts may have changed in the hole. They are forgotten,
// and so is every verdict that rests on the past. What is learnt behind the hole counts again.

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
}

extension IMAPDialogue {
    package mutating func lose(_ side: Side) {
        guard opaque == nil else { return }
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
        open = OpenCommand()
    }

    private mutating func loseServer() {
        server = .seeking
        text = nil
        keepsLiteral = false
        search.doubtUpTo = outstanding.notPlain > 0 ? .max : 0
        loseAnswer()
    }

    /// What the server says is not known, and may decide what the client sends next.
    mutating func loseAnswer() {
        switch client {
        case .commands, .literal, .commandRest, .seeking: break
        case .idleOffered, .idling:
            client = .seeking
            search.isIdle = true
        case .literalOffered, .saslAwaiting, .saslResponse, .tlsOffered, .compressOffered, .unauthenticating:
            loseClient()
        }
    }

    // MARK: Lines

    mutating func acceptUnplacedClient(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        remarks.element = .unplaced
        remarks.violations = []
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
        let kind = command.code.kind
        let isCandidate =
            command.isKnown && kind.contains(.isPlain) && !kind.contains(.isOpen)
            && (1...IMAPTag.limit).contains(command.tagOctets.count) && IMAPLiteral(endOf: line) == nil
        search.candidate = isCandidate ? IMAPTag(command.tagOctets) : nil
        if !isCandidate { search.lastPair = nil }
    }

    mutating func acceptUnplacedServer(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        remarks.element = .unplaced
        remarks.violations = []
        let head = IMAPResponseHead(line)
        guard head.kind == .tagged, let status = IMAPResponse.status(head.keyword), IMAPCommand.isTag(head.tag),
            head.tag.count <= IMAPTag.limit
        else { return }
        let tag = IMAPTag(head.tag)
        if status == .bad, tag != search.candidate, !outstanding.contains(tag) { remarks.mask(maskEcho(head, raw)) }
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
