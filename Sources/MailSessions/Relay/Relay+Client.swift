// The client's frames on their way to the server.

import MailDialogue
import MailMessage
import MailRules

extension Relay {
    mutating func handleClient(
        _ item: Work, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        let note = item.note
        if !item.isJudged { learn(note) }
        switch note.element {
        case .command(let command): handle(command, item, &effects, &seen, &told)
        case .contentBegin: if message == .offered { message = .clientHeader(HeaderScanner()) }
        case .content: handleContent(item, &effects, &seen, &told)
        case .contentEnd: handleContentEnd(item, &effects, &seen, &told)
        case .commandPart(let complete):
            if swallowing {
                if complete { swallowing = false }
            } else {
                toServer(note.raw, &effects, &told)
            }
        case .response, .done, .opaque, .incomplete, .unknown, .greeting, .reply, .data, .dataPart, .goAhead, .challenge:
            if !swallowing { toServer(note.raw, &effects, &told) }
        }
    }

    /// Keeps what later rules may ask for.
    private mutating func learn(_ note: Note) {
        for fact in note.facts {
            switch fact {
            case .clientName(let name): facts.clientName = name
            case .credential(let credential): facts.user = credential.account
            case .login, .reversePath, .recipient, .recipientRefused, .messageAccepted, .messageRefused, .transactionReset,
                .mailbox, .opaque:
                break
            }
        }
    }

    private mutating func handle(
        _ command: Command, _ item: Work, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        let note = item.note
        let line = note.publicOctets.withoutLineEnd.line
        if !item.isJudged {
            facts.command = command.verb
            facts.line = line.text
            facts.size = nil
            var points: [RulePoint] = [.command]
            if mailProtocol == .smtp || mailProtocol == .lmtp { points += transaction(SMTPCommand(line)) }
            for point in points where rules.needs(point, mailProtocol) {
                let verdict = rules.judge(point, facts)
                let refusal = verdict.reject
                report(verdict, exchange: note.exchange, changed: refusal != nil || verdict.delay > 0, &effects)
                if verdict.close { return close(&effects) }
                if let refusal {
                    if point == .envelope, command.verb == "RCPT", !facts.recipients.isEmpty { facts.recipients.removeLast() }
                    return refuse(
                        note, LocalReply.refusal(refusal, in: mailProtocol, command: command), &effects, &seen)
                }
                if delay(item, verdict.delay, &effects) { return }
            }
        }
        if mailProtocol == .smtp || mailProtocol == .lmtp, offer(command, note, &effects, &seen) { return }
        // IMAP's replies find their commands by tag.
        if mailProtocol != .imap { due.append(.forwarded(verb: command.verb)) }
        toServer(note.raw, &effects, &told)
    }

    /// Follows the transaction as the client means it. Gives the points that this command reaches.
    private mutating func transaction(_ command: SMTPCommand) -> [RulePoint] {
        switch command.verb {
        case .mail:
            facts.sender = command.path?.mailbox.text ?? ""
            facts.recipients = []
            facts.size = command.path?.parameters.first { $0.keyword == "SIZE" }?.value.decimal
            headerJudged = false
            refusedTransaction = false
        case .rcpt:
            guard let path = command.path, facts.recipients.count < DialogueLimits.outstanding else { return [] }
            facts.recipients.append(path.mailbox.text)
            return [.envelope]
        case .rset, .ehlo, .helo, .lhlo:
            facts.sender = ""
            facts.recipients = []
            headerJudged = false
            refusedTransaction = false
        case .data, .bdat, .noop, .quit, .vrfy, .expn, .help, .auth, .startTLS, .etrn, .burl, .xclient, .xforward, nil: break
        }
        return []
    }

    /// Answers in the server's place and drops what belongs to the command.
    ///
    /// Octets follow in any case behind BDAT and behind `{n+}`; a synchronising literal is not sent after a refusal.
    private mutating func refuse(_ note: Note, _ reply: [UInt8], _ effects: inout [Effect], _ seen: inout [Note]) {
        let line = note.raw.withoutLineEnd.line
        switch mailProtocol {
        case .smtp, .lmtp: swallowing = SMTPCommand(line).verb == .bdat && SMTPCommand(line).chunk != nil
        case .imap: swallowing = line.suffix(2).elementsEqual(Array("+}".utf8))
        case .pop3: break
        }
        answer(reply, &effects, &seen)
    }

    /// Holds DATA and the first BDAT when header rules must see the message first. True when the command was taken.
    private mutating func offer(
        _ command: Command, _ note: Note, _ effects: inout [Effect], _ seen: inout [Note]
    ) -> Bool {
        guard rules.needs(.header, mailProtocol) else { return false }
        switch command.verb {
        case "DATA":
            message = .offered
            answer(Array("354 Go ahead\r\n".utf8), &effects, &seen)
            return true
        case "BDAT":
            if refusedTransaction {
                refuse(note, Array("503 5.5.1 The message was refused, start over with RSET\r\n".utf8), &effects, &seen)
                return true
            }
            guard !headerJudged, let chunk = SMTPCommand(note.raw.withoutLineEnd.line).chunk else { return false }
            headerJudged = true
            let content = Content(.message(.bdat), size: chunk.size, exchange: note.exchange, continues: !chunk.isLast)
            message = .chunkHeader(HeaderScanner(), command: note.raw, content: content)
            return true
        default: return false
        }
    }

    private mutating func handleContent(
        _ item: Work, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        let piece = item.note.raw
        switch message {
        case .clientHeader(let scanner), .chunkHeader(let scanner, _, _):
            gather(scanner, piece, item.note.exchange, &effects, &seen, &told)
        case .awaitingServer(var octets, let ended):
            octets.append(contentsOf: piece)
            message = .awaitingServer(octets: octets, ended: ended)
        case .refused: break
        case .none, .offered, .streaming, .serverHeader, .serverRefused:
            if !swallowing { toServer(piece, &effects, &told) }
        }
    }

    private mutating func gather(
        _ old: HeaderScanner, _ piece: ArraySlice<UInt8>, _ exchange: Int, _ effects: inout [Effect],
        _ seen: inout [Note], _ told: inout [Note]
    ) {
        var scanner = old
        let kept = scanner.octets.count
        switch scanner.feed(piece) {
        case .more: store(scanner)
        case .complete(let consumed):
            let rest = piece.dropFirst(consumed)
            judgeHeader(scanner.octets, rest, exchange, &effects, &seen, &told)
        case .tooLong:
            effects.append(.log("the header section is longer than \(HeaderScanner.limit) octets: no rule has seen it"))
            let rest = piece.dropFirst(scanner.octets.count - kept)
            pass(scanner.octets, rest, added: 0, &effects, &seen, &told)
        }
    }

    private mutating func store(_ scanner: HeaderScanner) {
        switch message {
        case .clientHeader: message = .clientHeader(scanner)
        case .chunkHeader(_, let command, let content):
            message = .chunkHeader(scanner, command: command, content: content)
        case .none, .offered, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused: break
        }
    }

    /// The header section is whole: what do the rules say?
    private mutating func judgeHeader(
        _ section: [UInt8], _ rest: ArraySlice<UInt8>, _ exchange: Int, _ effects: inout [Effect],
        _ seen: inout [Note], _ told: inout [Note]
    ) {
        facts.header = HeaderBlock(section)
        switch message {
        case .chunkHeader: facts.carrier = .bdat
        case .none, .offered, .clientHeader, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused:
            facts.carrier = mailProtocol == .lmtp ? .lmtp : .data
        }
        let verdict = rules.judge(.header, facts)
        facts.header = nil
        report(verdict, exchange: exchange, changed: verdict.intervenes, &effects)
        if verdict.close { return close(&effects) }
        if let text = verdict.reject {
            let command = Command(verb: "DATA")
            let reply = LocalReply.refusal(text, in: mailProtocol, command: command)
            message = .refused(reply: reply)
            return
        }
        let edited = verdict.setHeaders.isEmpty ? section : HeaderEditor.apply(verdict.setHeaders, to: section[...])
        pass(edited, rest, added: edited.count - section.count, &effects, &seen, &told)
        if verdict.delay > 0 {
            waiting = true
            effects.append(.wait(milliseconds: verdict.delay))
        }
    }

    /// Offers the message to the server.
    private mutating func pass(
        _ section: [UInt8], _ rest: ArraySlice<UInt8>, added: Int, _ effects: inout [Effect],
        _ seen: inout [Note], _ told: inout [Note]
    ) {
        switch message {
        case .clientHeader:
            message = .awaitingServer(octets: section + rest, ended: false)
            due.append(.ownData)
            toServer(Array("DATA\r\n".utf8)[...], &effects, &told)
        case .chunkHeader(_, let command, let content):
            message = .streaming
            due.append(.forwarded(verb: "BDAT"))
            var line = command
            if added != 0 {
                let last = content.continues ? "" : " LAST"
                line = Array("BDAT \((content.size ?? 0) &+ added)\(last)\r\n".utf8)[...]
            }
            toServer(line, &effects, &told)
            toServer((section + rest)[...], &effects, &told)
        case .none, .offered, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused: break
        }
    }

    private mutating func handleContentEnd(
        _ item: Work, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        let terminator = item.note.raw
        switch message {
        case .clientHeader(let scanner):
            // A message that is all header section.
            judgeHeader(scanner.octets, [], item.note.exchange, &effects, &seen, &told)
            if isClosed { return }
            handleContentEnd(item, &effects, &seen, &told)
        case .chunkHeader(let scanner, _, _):
            effects.append(.log("the first chunk of BDAT ends before the header section does: no rule has seen it"))
            pass(scanner.octets, [], added: 0, &effects, &seen, &told)
            message = .none
        case .awaitingServer(let octets, _): message = .awaitingServer(octets: octets + terminator, ended: true)
        case .refused(let reply):
            message = .none
            abandon(&effects, &told)
            answer(reply, &effects, &seen)
        case .streaming:
            message = .none
            toServer(terminator, &effects, &told)
        case .none, .offered, .serverHeader, .serverRefused:
            if !swallowing { toServer(terminator, &effects, &told) }
            // A refused BDAT ends with its chunk; a refused IMAP command goes on behind its literal.
            if mailProtocol != .imap { swallowing = false }
        }
    }

    /// The client's transaction ended with a refusal of ours; the server's is still open and must not go on.
    private mutating func abandon(_ effects: inout [Effect], _ told: inout [Note]) {
        if headerJudged { refusedTransaction = true }
        due.append(.injected)
        toServer(Array("RSET\r\n".utf8)[...], &effects, &told)
    }
}
