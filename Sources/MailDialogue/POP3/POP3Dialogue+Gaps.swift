// What is done when octets of a POP3 session are missing, or its beginning.
//
// Nothing but the commands says which replies have many lines, so a gap takes the place away: a line "+OK" may answer a
// command or stand in a message. It is certain again in these cases and in no others:
//
// 1. The client's octets are all there and no command was unanswered when octets of the server were lost. The server
//    owes nothing, so the next that it owes is the reply to the client's next command.
// 2. The same with one unanswered command whose multi-line reply had begun, and the client has sent nothing since: all
//    that the server sends is the rest of that reply. It ends at the line "." behind a line that ends in CRLF, for no
//    other line of a multi-line reply is a dot alone (RFC 1939 §3).
// 3. The server's answer to CAPA did not offer PIPELINING. Then the client sends a command when it has the whole reply
//    to the one before (RFC 2449 §6.6), so that each command shows that nothing else is unanswered.
// 4. A command is followed by a reply that has its form and says what no other reply says: the two numbers of STAT, the
//    number that LIST or UIDL asked for, a listing of numbers with values, a list of capabilities; and from the command
//    to the end of the reply the client is silent.
// 5. Two commands in turn, each followed by a whole reply of its form while the client is silent. Else the client would
//    have more unanswered and still have sent one command behind each reply; or a message would hold two such lines and
//    nothing else between the two commands.
// 6. USER, then one line that begins with +OK, then PASS. USER may be given before the login only (RFC 1939 §7), where
//    no reply holds text of others, so that the line is a status line; and PASS may be given "immediately after a
//    successful USER command" only, so that the client itself took it for the answer.
//
// What a line shows of a login is told wherever it stands: USER, PASS, APOP, AUTH, a line of base64 behind AUTH or a challenge. It has no
// place by that, and no outcome.
//
// A message is read as one before that: behind +OK to RETR or TOP, and, where the client's commands are missing, behind a line +OK when
// the next begins as a header field does, which no listing does; whether RETR or TOP asked for it is not said. So it is behind such a line
// of which the beginning may be missing, unless octets of a reply of many lines are: then it may be the rest of that. A line of base64 is read behind AUTH whose challenge is missing.
//
// Once the client was seen to send a command before the one before it was answered, only 4 is left. Until it is
// certain, lines are not placed, nobody is found to have broken a rule, and a client's line is masked whole unless it
// is a command that is known and well formed; of such a one the secret is masked. Behind a gap nothing is said for the
// rest of the session that what is missing might explain: replies that nobody asked for, counts, marks.

import MailMessage

extension POP3Dialogue {
    /// The search for a place that is certain.
    struct Search: Equatable, Sendable {
        /// The client's octets are all there: its commands have their place, only what answers them has none.
        var clientIsWhole: Bool
        /// The client's next line may lack its beginning.
        var clientLineIsCut: Bool
        /// No command was unanswered (1).
        var isIdle = false
        /// The one unanswered command, whose multi-line reply had begun (2).
        var open: Outstanding?
        /// The one command that awaits its reply.
        var candidate: Outstanding?
        /// What the lines behind the status of its reply have shown; nil before the status line.
        var listing: POP3Listing?
        /// The reply is a message, whose status line came.
        var isInMessage = false
        /// Replies in turn that fitted their commands (5).
        var turns = 0
        /// A command came before the one before it was answered.
        var isPipelined = false
        /// The name that the candidate gave, when it is USER.
        var candidateName: String?
        /// A name that USER gave, when a line that begins with +OK followed and nothing else (6).
        var user: String?
        /// The server's last line ended in CRLF.
        var isBehindCRLF = false
        /// The server's last line was a status line that begins with +OK.
        var isBehindOK = false
        /// That line may lack its beginning: only a header field shows that it does not.
        var wasCut = false
        /// The client sent a command since octets of the server were lost, and the server nothing.
        var isAsked = false
        /// Octets are missing in a reply of many lines, the rest of which may still come.
        var isInside = false
        /// TOP was among the commands of whose replies octets are missing, or came since.
        var mayBeTop = false
        /// Octets that it says what follows has.
        var announced: Int?
        /// What AUTH began, while its challenges are missing.
        var follower: SASLFollower?
        /// The name that USER gave in the line before, wherever that stood.
        var named: String?
        /// A line of the client that may be or have a password awaits its reply; servers like to repeat what they did not understand.
        var isSecret = false
        /// Nothing was seen since octets of the client were lost.
        var isUnseen = false

        /// The pattern is broken: what was found so far proves nothing.
        mutating func restart() {
            forgetCandidate()
            turns = 0
            user = nil
        }

        mutating func forgetCandidate() {
            candidate = nil
            candidateName = nil
            listing = nil
            isInMessage = false
        }
    }

    package mutating func lose(_ side: Side) {
        guard opaque == nil else { return }
        wasLost = true
        tail = nil
        var next = search ?? Search(clientIsWhole: true, clientLineIsCut: false)
        if side == .server, next.isInMessage || next.listing != nil { next.isInside = true }
        next.restart()
        switch side {
        case .client:
            hasBegunLogin = true
            next.clientIsWhole = false
            next.clientLineIsCut = true
            next.isUnseen = true
            next.isIdle = false
            next.open = nil
            // What comes may be the response behind the one that was expected: a password that would be shown as a name.
            next.follower = nil
            next.named = nil
            account = .unknown
            // The server's greeting or reply that is under way goes on as it would.
            var current: Outstanding?
            switch server {
            case .listing, .message: current = outstanding.first
            case .greetingPending, .replies: break
            }
            forgetOutstanding()
            if let current { outstanding.append(current) }
            phase = .unknown
        case .server:
            serverLineIsCut = true
            next.isSecret = next.isSecret || outstanding.elements.contains(where: \.mayBeEchoed)
            next.isBehindCRLF = false
            next.isAsked = false
            switch server {
            case .listing, .message: next.isInside = true
            case .greetingPending, .replies: break
            }
            next.mayBeTop = next.mayBeTop || outstanding.elements.contains { $0.verb == .top }
            if search == nil {
                next.isIdle = outstanding.isEmpty
                if outstanding.count == 1, let head = outstanding.first {
                    switch server {
                    case .listing, .message: next.open = head
                    case .greetingPending, .replies: break
                    }
                }
            }
            if pending.turns > 0 { phase = .unknown }
            // What the reply to AUTH or STLS was decides what the client's octets are.
            if client != .commands {
                if case .saslAwaiting(let follower) = client { next.follower = follower }
                next.clientIsWhole = false
                next.isIdle = false
                account = .unknown
            }
            server = .replies
            listing = POP3Listing()
            forgetOutstanding()
        }
        client = .commands
        maildrop.forgetMarks()
        search = next
    }

    /// Replies up to the client's next command answer what was no command.
    mutating func answerUnasked() {
        switch server {
        case .greetingPending: break
        case .replies, .listing, .message: server = .replies
        }
        var next = Search(clientIsWhole: true, clientLineIsCut: false)
        next.isIdle = true
        search = next
    }

    /// It is certain again where both sides are.
    private mutating func resume() {
        if search?.clientIsWhole == false { account = .unknown }
        search = nil
        serverLineIsCut = false
    }

    // MARK: The client

    /// A command of a client whose octets are all there. True when it makes the place certain.
    mutating func resumeByCommand(_ command: POP3CommandLine<OctetView>) -> Bool {
        guard let search else { return false }
        guard search.isIdle || offersPipelining == false && !search.isPipelined else { return false }
        // The rest of a line that was cut may still come, when the gap was in the greeting.
        let isCut = serverLineIsCut
        resume()
        serverLineIsCut = isCut
        return true
    }

    /// A command was sent whose reply will be looked for.
    mutating func seekReply(to entry: Outstanding) {
        guard var next = search else { return }
        next.open = nil
        next.user = nil
        next.isAsked = serverLineIsCut && !next.isInside
        next.mayBeTop = next.mayBeTop || entry.verb == .top
        if next.candidate != nil {
            next.isPipelined = true
            next.restart()
        } else {
            next.candidate = entry
        }
        switch entry.verb {
        case .auth where entry.shape == .line:
            // What follows may be responses, and TLS.
            if case .saslAwaiting(let follower) = client { next.follower = follower }
            next.clientIsWhole = false
            next.restart()
        case .stls:
            next.clientIsWhole = false
            next.restart()
        case nil:
            if entry.shape == .submission { next.clientIsWhole = false }
            next.restart()
        case .pass, .apop: phase = .unknown
        case .user, .auth, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit:
            break
        }
        client = .commands
        search = next
    }

    /// A line of a client of whom octets are missing. Nil when it makes the place certain: then it is a command like
    /// any other.
    mutating func seekClient(
        _ raw: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ crlf: Bool, _ remarks: inout Remarks
    ) -> Bool {
        guard var next = search else { return false }
        let command = POP3Command(line)
        // Also where the line may lack its beginning.
        let mayBeCommand =
            crlf && command.verb != nil && command.fitness == .good && line.first != 32
            && line.allSatisfy { $0 > 31 && $0 != 127 }
        let isCommand = mayBeCommand && !next.clientLineIsCut
        next.clientLineIsCut = false
        if isCommand, command.verb == .pass, let user = next.user {
            resume()
            account = .named(user)
            phase = .authorization
            return false
        }
        remarks.element = .unplaced
        remarks.exchange = currentExchange
        switch command.verb {
        case .pass, .apop, .auth: next.isSecret = true
        case .user, .stls, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            next.isSecret = next.isSecret || !isCommand
        }
        next.isUnseen = false
        if var follower = next.follower, command.verb == nil, !next.isNoResponse(line) {
            follower.missChallenge()
            let reading = follower.presumedResponse(line)
            remarks.element = .response
            remarks.exchange = exchange
            if let masked = reading.masked { remarks.mask(masked[...] + raw[line.endIndex...]) }
            if let credential = reading.credential { remarks.tell(.credential(credential)) }
            next.follower = follower
            next.restart()
            search = next
            return true
        }
        let wasDue = next.follower != nil
        next.follower = nil
        let isLogin = mayBeCommand && showLogin(command, raw, &next, &remarks)
        if !isLogin { next.named = nil }
        guard isCommand else {
            if !isLogin {
                remarks.mask(raw.masking(0..<raw.count))
                if wasDue, let masked = remarks.masked { remarks.mask(SASLMask.noResponse(masked)) }
            }
            next.restart()
            search = next
            return true
        }
        if !isLogin { remarks.mask(Self.maskedCommand(raw)) }
        let follower = next.follower
        search = next
        seekReply(
            to: Outstanding(
                verb: command.verb, exchange: exchange, shape: command.shape, number: command.number))
        if follower != nil { search?.follower = follower }
        if command.verb == .user, search?.candidate != nil { search?.candidateName = command.argument.text }
        return true
    }

    // MARK: The server

    package mutating func takesContent(_ line: ArraySlice<UInt8>, from side: Side) -> Bool {
        guard side == .server, server == .replies, !serverLineIsCut, let search, search.isBehindOK,
            !search.wasCut || !search.isInside && FieldLine.begins(line)
        else { return false }
        if let candidate = search.candidate {
            guard search.isInMessage, case .message(let carrier, let section) = candidate.shape else { return false }
            server = .message(
                Content(.message(carrier), dotStuffed: true, exchange: candidate.exchange, section: section))
            return true
        }
        guard search.wasCut || !search.clientIsWhole && FieldLine.begins(line) else { return false }
        // Part of a message, for all that is known.
        let isTop = search.wasCut && search.mayBeTop
        server = .message(
            Content(
                .message(isTop ? .top : .retr), size: search.announced, dotStuffed: true, exchange: currentExchange,
                isPresumed: true))
        return true
    }

    package mutating func passLine(_ side: Side) {
        switch side {
        case .client: search?.follower = nil
        case .server: search?.isBehindOK = false
        }
    }

    /// The message that was read before the place was certain is over. True when that makes it certain.
    mutating func endUnplacedMessage() -> Bool {
        guard var next = search else { return false }
        next.isBehindOK = false
        next.isBehindCRLF = false
        defer { if search != nil { search = next } }
        guard let candidate = next.candidate, next.isInMessage else { return false }
        next.turns += 1
        if !next.isPipelined, next.turns >= 2 || offersPipelining == false {
            resume()
            infer(candidate.verb, true)
            return true
        }
        next.forgetCandidate()
        next.user = nil
        return false
    }

    /// A line of the server while the place is not certain.
    mutating func seekServer(
        _ raw: ArraySlice<UInt8>, _ line: OctetView, _ crlf: Bool, _ remarks: inout Remarks
    ) {
        remarks.element = .unplaced
        guard var next = search else { return }
        let known = next.clientIsWhole ? next.candidate ?? next.open : nil
        remarks.exchange = known?.exchange ?? currentExchange
        remarks.mask(maskEcho(raw, line, next))
        let isStatus = Self.isPlainOK(line)
        next.wasCut = serverLineIsCut
        let isCut = serverLineIsCut && !(isStatus && next.isAsked && next.awaitsMessage)
        switch POP3Status(line) {
        case .ok where !isCut, .error where !isCut:
            next.follower = nil
            // Where commands wait in a row it may answer one before.
            if !next.isPipelined { next.isSecret = false }
        case .challenge where !isCut && !next.clientIsWhole:
            let challenge = raw.part(line).dropFirst(POP3Status.challenge.length).trimmed
            if next.follower == nil {
                exchange += 1
                next.follower = SASLFollower(behind: challenge)
            } else {
                _ = next.follower?.challenge(challenge)
            }
        case .ok, .error, .challenge, .none: break
        }
        next.isBehindOK = next.wasCut ? isStatus : POP3Status(line) == .ok
        next.announced =
            next.isBehindOK && remarks.masked == nil && (next.wasCut || !next.clientIsWhole)
            ? POP3Status.announcedOctets(line) : nil
        serverLineIsCut = false
        next.isUnseen = false
        let isDot = line.count == 1 && line.first == UInt8(ascii: ".") && crlf && next.isBehindCRLF
        next.isBehindCRLF = crlf
        if isCut {
            // The end of something that is not the reply to the candidate.
            next.restart()
        } else if next.open != nil {
            if isDot {
                resume()
                remarks.tell(.resumed)
                return
            }
        } else {
            switch next.step(line, isDot) {
            case .more: break
            case .misfit: next.restart()
            case .whole(let accepted, let isTelling):
                let verb = next.candidate?.verb
                let name = next.candidateName
                next.turns += 1
                if isTelling || (!next.isPipelined && (next.turns >= 2 || offersPipelining == false)) {
                    resume()
                    remarks.tell(.resumed)
                    infer(verb, accepted)
                    return
                }
                next.forgetCandidate()
                next.user = verb == .user && accepted && !next.isPipelined ? name : nil
            }
        }
        search = next
    }

    /// The line of a server with what it may repeat masked. Nobody knows what it refuses: servers repeat what they did not understand,
    /// and that may be a password. So may the end of a line.
    func maskEcho(_ raw: ArraySlice<UInt8>, _ line: OctetView, _ search: Search) -> ArraySlice<UInt8>? {
        // `+OK` is no part of what is repeated; its text may be.
        if serverLineIsCut, search.isSecret {
            guard Self.isPlainOK(line) else { return raw.maskingLine(0..<raw.count) }
            return line.count > 4 ? raw.maskingLine(4..<raw.count) : nil
        }
        switch POP3Status(line) {
        case .error: return raw.maskingLine(echo(.error, line, raw)..<raw.count)
        case .none: return serverLineIsCut && search.isUnseen ? raw.maskingLine(0..<raw.count) : nil
        case .ok, .challenge: return nil
        }
    }

    /// `+OK` in capitals, alone or with text behind a space.
    private static func isPlainOK(_ line: OctetView) -> Bool {
        line.starts(with: POP3Status.ok.code.utf8) && (line.count == 3 || line[line.startIndex + 3] == 32)
    }

    /// What a reply says of the state of the session.
    private mutating func infer(_ verb: POP3Verb?, _ accepted: Bool) {
        guard accepted, let verb else { return }
        switch verb {
        case .pass, .apop, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last: phase = .transaction
        case .user, .utf8: phase = .authorization
        case .quit: phase = .update
        case .auth, .stls, .capa, .lang: break
        }
    }
}
