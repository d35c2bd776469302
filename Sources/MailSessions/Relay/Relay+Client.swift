// The client's frames on their way to the server.

import MailDialogue
import MailMessage
import MailRules

extension Relay {
    mutating func handleClient(_ item: Work, _ out: inout Output) {
        let note = item.note
        if isPassing { return toServer(note.raw, &out) }
        switch note.element {
        case .command(let command): handle(command, item, &out)
        case .contentBegin: break
        case .content where dropsParts, .contentEnd where dropsParts: break
        case .commandPart(let complete) where dropsParts: drop(note, isComplete: complete, &out)
        // A literal of LOGIN, which the dialogue keeps for its credential.
        case .content where desk?.isGathering == true, .contentEnd where desk?.isGathering == true: break
        case .content:
            let room = Self.longestName - (literalName?.count ?? 0)
            if room > 0 { literalName?.append(contentsOf: note.raw.prefix(room)) }
            handleContent(item, &out)
        case .contentEnd: handleContentEnd(item, &out)
        case .commandPart(let complete): handlePart(item, complete: complete, &out)
        case .response: handleResponse(item, &out)
        case .opaque, .incomplete, .gap, .unplaced, .unknown:
            // It may be a piece of a login.
            let isWithheld = desk.map { !$0.isDone } ?? false
            if swallowed == nil, !isWithheld { toServer(note.raw, &out) }
        case .done, .greeting, .reply, .data, .dataPart, .goAhead, .challenge:
            if swallowed == nil { toServer(note.raw, &out) }
        }
    }

    // MARK: Commands

    private mutating func handle(_ command: Command, _ item: Work, _ out: inout Output) {
        let note = item.note
        let line = note.publicOctets.withoutLineEnd.line
        var decision = item.decision
        if decision == nil {
            self.command = command
            if isRestOfRefused(command) { return drop(note, isComplete: command.isComplete, &out) }
            if keepsForTLS(command, note, &out) { return }
            if refusesCompression, command.verb == "COMPRESS" {
                return refuse(note, LocalReply.compressionNotOffered(command), &out)
            }
            if refusesImpostors, CapabilityPolicy.isImpostor(verb: command.verb) {
                return refuse(note, LocalReply.notOffered(command), &out)
            }
            let (fresh, delay) = judge(command, line, note, &out)
            if wait(delay, then: .frame(Work(note: note, decision: fresh)), &out) { return }
            decision = fresh
        }
        switch decision {
        case .close: close(&out)
        case .refuse(let text):
            if mailProtocol == .smtp || mailProtocol == .lmtp { withdraw(SMTPCommand(line)) }
            refuse(note, LocalReply.refusal(text, in: mailProtocol, command: command), &out)
        case .forward, nil:
            let relayed = RelayedCommand(
                verb: command.verb, line: keepsLines ? line.text : "", exchange: note.exchange, raw: note.raw)
            if takesLogin(command, item, &out) { return }
            if offer(relayed, note, &out) { return }
            forward(relayed, hasTag: !command.tag.isEmpty, &out)
        }
    }

    /// The line is the rest of a command that we refused, and has had its answer. Only a line with a tag is a command of its own,
    /// whose answer the client can find.
    private mutating func isRestOfRefused(_ command: Command) -> Bool {
        if !command.tag.isEmpty { refusedMidway = false }
        return refusedMidway
    }

    /// Drops a line of a command that was refused. A client that did not wait for the answer sends the literals behind it without waiting,
    /// too: these are asked for here, so that their octets are known to be no commands.
    private mutating func drop(_ note: Note, isComplete: Bool, _ out: inout Output) {
        dropsParts = !isComplete
        guard dropsParts, IMAPLiteral(endOf: note.raw.withoutLineEnd.line)?.isNonSynchronizing == false else { return }
        answer(Array("+ of a command that was refused\r\n".utf8), &out)
    }

    private mutating func forward(_ command: RelayedCommand, hasTag: Bool, _ out: inout Output) {
        switch mailProtocol {
        case .smtp, .lmtp, .pop3:
            due.append(.forwarded(command.sent))
            toServer(command.raw, &out)
        case .imap:
            // IMAP's replies find their commands by tag.
            toServer(command.raw, &out)
            if hasTag { relayed[lastRelayed] = command.sent }
        }
    }

    /// A rule asks for the command when it is answered.
    private var keepsLines: Bool {
        rules.needs(.reply, mailProtocol) || (mailProtocol == .pop3 && rules.needs(.header, .pop3))
    }

    /// Asks the rules about a command. Gives their decision and how long it waits.
    private mutating func judge(
        _ command: Command, _ line: ArraySlice<UInt8>, _ note: Note, _ out: inout Output
    ) -> (Decision, delay: Int) {
        facts.command = command.verb
        facts.line = line.text
        facts.news = []
        facts.recipient = nil
        facts.mailbox = ""
        learn(note)
        var points: [RulePoint] = [.command]
        switch mailProtocol {
        case .smtp, .lmtp: points += transaction(SMTPCommand(line))
        case .imap: readArguments(of: command, line)
        case .pop3: break
        }
        var delay = 0
        var decision = Decision.forward
        desk?.route = nil
        acted = []
        for point in points where rules.needs(point, mailProtocol) {
            var facts = facts
            if point != .envelope { facts.recipient = nil }
            let verdict = rules.judge(point, facts, awaited: literalName == nil ? [] : [.mailbox, .size])
            if point == .command { acted.formUnion(verdict.rules) }
            report(verdict, exchange: note.exchange, &out)
            delay = min(delay + verdict.delay, RuleLimits.delay)
            if let text = verdict.reject { decision = .refuse(text) }
            if verdict.close { decision = .close }
            if let route = verdict.route { desk?.route = route }
            if decision != .forward { break }
        }
        facts.recipient = nil
        return (decision, delay)
    }

    /// Keeps what later rules may ask for.
    private mutating func learn(_ note: Note) {
        for fact in note.facts {
            switch fact {
            case .clientName(let name):
                facts.clientName = name
                facts.news.insert(.clientName)
            case .credential(let credential):
                facts.user = credential.account
                facts.news.insert(.login)
            case .login, .reversePath, .recipient, .recipientRefused, .messageAccepted, .messageRefused,
                .transactionReset, .mailbox, .opaque, .contentCut, .leftOut, .resumed, .clear:
                break
            }
        }
    }

    /// Follows the transaction as the client means it. Gives the points that this command reaches.
    private mutating func transaction(_ command: SMTPCommand) -> [RulePoint] {
        switch command.verb {
        case .mail, .send, .soml, .saml:
            beginTransaction()
            facts.sender = command.path?.mailbox.text ?? ""
            facts.size = command.path?.parameters.first { $0.keyword == "SIZE" }?.value.decimal
            facts.news.insert(.transaction)
            if facts.size != nil { facts.news.insert(.size) }
        case .rcpt:
            guard let path = command.path else { return [] }
            let mailbox = path.mailbox.text
            // However many there are, each is judged.
            facts.recipient = mailbox
            if facts.recipients.count < DialogueLimits.outstanding { facts.recipients.append(mailbox) }
            return [.envelope]
        case .rset, .ehlo, .helo, .lhlo: beginTransaction()
        case .data, .bdat, .noop, .quit, .vrfy, .expn, .help, .auth, .startTLS, .etrn, .burl, .xclient, .xforward,
            .turn, .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS, nil:
            break
        }
        return []
    }

    private mutating func beginTransaction() {
        facts.sender = ""
        facts.recipients = []
        facts.size = nil
        headerJudged = false
        refusedTransaction = false
        switch message {
        // Chunks that only we have seen are forgotten.
        case .chunkHeader: message = .none
        case .none, .offered, .clientHeader, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused: break
        }
    }

    /// A command of the transaction was refused by rules.
    private mutating func withdraw(_ command: SMTPCommand) {
        switch command.verb {
        case .rcpt:
            if let path = command.path, facts.recipients.last == path.mailbox.text { facts.recipients.removeLast() }
        case .mail, .send, .soml, .saml: facts.sender = ""
        case .helo, .ehlo, .lhlo, .data, .bdat, .rset, .noop, .quit, .vrfy, .expn, .help, .auth, .startTLS, .etrn,
            .burl, .xclient, .xforward, .turn, .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS, nil:
            break
        }
    }

    /// Octets of a mailbox's name that rules are asked with; servers take no longer ones.
    private static let longestName = 4_096

    /// The mailbox and the size that an IMAP command names in its first line.
    private mutating func readArguments(of command: Command, _ line: ArraySlice<UInt8>) {
        facts.size = nil
        literalName = nil
        switch command.verb {
        case "SELECT", "EXAMINE", "STATUS", "APPEND", "CREATE", "DELETE":
            let arguments = IMAPCommand(line).arguments
            if let name = arguments.firstAString {
                facts.mailbox = name
                facts.news.insert(.mailbox)
            } else if rules.needs(.command, .imap), let literal = IMAPLiteral(endOf: arguments),
                arguments[..<literal.start].trimmed.isEmpty
            {
                literalName = []
                return
            }
        default: break
        }
        readSize(line)
    }

    /// Behind its literal the name of the mailbox is known, and what stands in the line behind it.
    private mutating func readLiteralName(_ line: ArraySlice<UInt8>) {
        guard let name = literalName else { return }
        literalName = nil
        facts.mailbox = name[...].text
        facts.news.insert(.mailbox)
        readSize(line)
    }

    /// The size that the literal at the end of a line of APPEND announces.
    private mutating func readSize(_ line: ArraySlice<UInt8>) {
        guard command.verb == "APPEND", let size = IMAPLiteral(endOf: line)?.size else { return }
        facts.size = size
        facts.news.insert(.size)
    }

    /// Answers in the server's place and drops what belongs to the command.
    ///
    /// Octets follow in any case behind BDAT and behind `{n+}`; a synchronising literal is not sent after a refusal.
    mutating func refuse(_ note: Note, _ reply: [UInt8], _ out: inout Output) {
        let line = note.raw.withoutLineEnd.line
        literalName = nil
        switch mailProtocol {
        case .smtp, .lmtp:
            let command = SMTPCommand(line)
            if command.verb == .bdat, command.chunk != nil {
                swallowed = reply
                return
            }
        case .imap:
            if IMAPLiteral(endOf: line)?.isNonSynchronizing == true {
                swallowed = reply
                return
            }
            if IMAPLiteral(endOf: line) != nil || command.verb == "AUTHENTICATE" { refusedMidway = true }
        case .pop3: break
        }
        answer(reply, &out)
    }

    // MARK: What comes behind the command

    /// The part of an IMAP command behind a literal. It may complete LOGIN, or the name of a mailbox may be known now.
    private mutating func handlePart(_ item: Work, complete: Bool, _ out: inout Output) {
        let note = item.note
        if let reply = swallowed {
            let literal = IMAPLiteral(endOf: note.raw.withoutLineEnd.line)
            if complete || literal?.isNonSynchronizing == false {
                swallowed = nil
                refusedMidway = !complete
                answer(reply, &out)
            }
            return
        }
        let isGathering = desk?.isGathering == true
        switch judgeNews(item, &out) {
        case .forward where isGathering: gatherLogin(note, complete: complete, &out)
        case .refuse(let text) where isGathering:
            desk?.state = .idle
            answer(LocalReply.refusal(text, in: mailProtocol, command: command), &out)
        case .forward: toServer(note.raw, &out)
        case .close: close(&out)
        case .refuse(let text):
            // The server has most of the command. It must not get the rest, and knows no way to take it back. In the middle of one of
            // its responses the client would take our words for a part of that.
            if isGreeted, !serverMidFrame {
                answer(LocalReply.refusal(text, in: mailProtocol, command: command), &out)
                out.effects.append(.toClient(LocalReply.refusedGreeting(text, in: mailProtocol)))
            }
            close(&out)
        case nil: break
        }
    }

    /// A SASL response. It may hold the credential.
    private mutating func handleResponse(_ item: Work, _ out: inout Output) {
        if desk != nil { return respondToDesk(item, &out) }
        switch judgeNews(item, &out) {
        case .forward: toServer(item.note.raw, &out)
        case .close: close(&out)
        case .refuse(let text):
            let reply = LocalReply.refusal(text, in: mailProtocol, command: command)
            switch mailProtocol {
            case .smtp, .lmtp, .pop3: due.replaceLast(with: .replaced(by: reply))
            case .imap: replaced[lastRelayed] = reply
            }
            // The client's exchange is cancelled in its name (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2).
            toServer(Array("*\r\n".utf8)[...], &out)
        case nil: break
        }
    }

    /// Asks those rules that wait for what comes behind the line of a command: a credential, the name of a mailbox. Nil when the
    /// frame must wait.
    mutating func judgeNews(_ item: Work, _ out: inout Output) -> Decision? {
        if let decision = item.decision { return decision }
        facts.news = []
        facts.recipient = nil
        learn(item.note)
        readLiteralName(item.note.raw.withoutLineEnd.line)
        guard !facts.news.isEmpty, rules.needs(.command, mailProtocol) else { return .forward }
        let verdict = rules.judge(.command, facts, acted: acted)
        acted.formUnion(verdict.rules)
        report(verdict, exchange: item.note.exchange, &out)
        var decision = Decision.forward
        if let text = verdict.reject { decision = .refuse(text) }
        if verdict.close { decision = .close }
        if let route = verdict.route { desk?.route = route }
        if wait(verdict.delay, then: .frame(Work(note: item.note, decision: decision)), &out) { return nil }
        return decision
    }
}
