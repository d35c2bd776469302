// The server's frames on their way to the client.

import MailDialogue
import MailMessage
import MailRules

extension Relay {
    mutating func handleServer(_ item: Work, _ out: inout Output) {
        var note = item.note
        if isPassing {
            toClient(note.raw, &out)
            return
        }
        if speaksUpstream { return hearUpstream(note, &out) }
        if desk != nil, case .greeting = note.element {
            guard let greeting = greetingOfDesk(note.raw, &out) else { return }
            note.raw = greeting
        }
        if item.decision == nil, judgeReply(item, &out) { return }
        if tls == .mirrored, note.consentsToTLS { return reachEdge(Array(note.raw), &out) }
        switch mailProtocol {
        case .imap: handleIMAP(note, &out)
        case .smtp, .lmtp: handleSMTP(note, &out)
        case .pop3: handlePOP3(note, &out)
        }
        if case .greeting(let reply) = note.element, reply.isLast { isGreeted = true }
        if !isClosed { flushLocals(&out) }
    }

    // MARK: Rules at the reply

    /// Asks the rules about a reply that is complete. True when the frame must wait or the session is over.
    private mutating func judgeReply(_ item: Work, _ out: inout Output) -> Bool {
        guard case .reply(let reply) = item.note.element, rules.needs(.reply, mailProtocol) else { return false }
        var answered: RelayedCommand?
        switch mailProtocol {
        case .smtp, .lmtp:
            // Lines that go on have a hyphen (RFC 5321 §4.2.1).
            if item.note.raw.dropFirst(3).first == UInt8(ascii: "-") { return false }
            guard let command = due.first?.command else { return false }
            answered = command
        case .pop3:
            if isListing {
                isListing = !reply.isLast
                return false
            }
            isListing = !reply.isLast
            answered = due.first?.command
            switch answered?.verb {
            case "RETR", "TOP": isListing = false
            default: break
            }
        case .imap: answered = relayed[item.note.exchange]
        }
        var asked = facts
        asked.news = []
        asked.recipient = nil
        asked.command = answered?.verb ?? ""
        asked.line = answered?.line ?? ""
        asked.replyCode = reply.code
        asked.replyText = item.note.raw.withoutLineEnd.line.text
        let verdict = rules.judge(.reply, asked)
        report(verdict, exchange: answered?.exchange ?? item.note.exchange, &out)
        let decision = verdict.close ? Decision.close : .forward
        if wait(verdict.delay, then: .frame(Work(note: item.note, decision: decision)), &out) { return true }
        guard verdict.close else { return false }
        close(&out)
        return true
    }

    // MARK: IMAP

    private mutating func handleIMAP(_ note: Note, _ out: inout Output) {
        switch note.element {
        case .data(_, let complete), .dataPart(let complete): serverMidFrame = !complete
        case .reply:
            relayed[note.exchange] = nil
            if let reply = replaced.removeValue(forKey: note.exchange) {
                toClient(reply[...], isOurs: true, &out)
                return
            }
        case .contentBegin, .content, .contentEnd, .greeting, .goAhead, .challenge, .opaque, .incomplete, .gap,
            .unplaced, .unknown, .command, .commandPart, .response, .done:
            break
        }
        toClient(note.raw, &out)
    }

    // MARK: SMTP

    private static func isReply(_ note: Note) -> (any: Bool, last: Bool) {
        switch note.element {
        case .reply(let reply): (true, reply.isLast)
        case .greeting, .command, .commandPart, .data, .dataPart, .goAhead, .challenge, .response, .done, .contentBegin,
            .content, .contentEnd, .opaque, .incomplete, .gap, .unplaced, .unknown:
            (false, false)
        }
    }

    private mutating func handleSMTP(_ note: Note, _ out: inout Output) {
        let reply = Self.isReply(note)
        switch due.first {
        case .injected:
            guard reply.any else { break }
            if reply.last { due.popFirst() }
            return
        case .replaced(let ours):
            guard reply.any || note.element == .challenge else { break }
            if reply.last {
                due.popFirst()
                toClient(ours[...], isOurs: true, &out)
            }
            return
        case .ownData(let command):
            guard case .awaitingServer(let octets, var lines) = message else { break }
            if note.element == .goAhead {
                due.first = .forwarded(command)
                message = .streaming
                return toServer(octets[...], &out)
            }
            guard reply.any else { break }
            lines += note.raw
            message = .awaitingServer(octets: octets, reply: lines)
            if reply.last {
                due.popFirst()
                message = .refused(reply: lines)
            }
            return
        case .forwarded: if reply.last { due.popFirst() }
        case .local, .offer, .consent, nil: break
        }
        toClient(note.raw, &out)
    }

    // MARK: POP3

    private mutating func handlePOP3(_ note: Note, _ out: inout Output) {
        let reply = Self.isReply(note)
        switch message {
        case .serverHeader(let old, let status):
            var scanner = old
            switch note.element {
            case .contentBegin: break
            case .content:
                let kept = scanner.octets.count
                switch scanner.feed(note.raw) {
                case .more: message = .serverHeader(scanner, status: status)
                case .complete(let consumed):
                    message = .serverHeader(scanner, status: status)
                    judgeRetrieved(scanner.octets, note.raw.dropFirst(consumed), note, &out)
                case .tooLong:
                    message = .streaming
                    out.effects.append(
                        .log("the header section is longer than \(HeaderScanner.limit) octets: no rule has seen it"))
                    toClient(status + scanner.octets + note.raw.dropFirst(scanner.octets.count - kept), &out)
                }
            case .contentEnd:
                // A message that is all header section: its end is held with it.
                judgeRetrieved(scanner.octets, note.raw, note, &out)
                due.popFirst()
            case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done,
                .opaque, .incomplete, .gap, .unplaced, .unknown:
                message = .none
                toClient(status + scanner.octets + note.raw, &out)
            }
            return
        case .streaming, .serverRefused:
            if message == .streaming { toClient(note.raw, &out) }
            if note.element == .contentEnd {
                message = .none
                due.popFirst()
            }
            return
        case .none, .offered, .clientHeader, .chunkHeader, .awaitingServer, .refused: break
        }
        if case .replaced(let ours) = due.first, reply.any || note.element == .challenge {
            if reply.last {
                due.popFirst()
                toClient(ours[...], isOurs: true, &out)
            }
            return
        }
        if reply.any, !reply.last, let command = due.first?.command, rules.needs(.header, .pop3) {
            switch command.verb {
            case "RETR", "TOP":
                message = .serverHeader(HeaderScanner(), status: note.raw)
                return
            default: break
            }
        }
        if reply.last || note.element == .contentEnd { due.popFirst() }
        toClient(note.raw, &out)
    }

    private mutating func judgeRetrieved(
        _ section: [UInt8], _ rest: ArraySlice<UInt8>, _ note: Note, _ out: inout Output
    ) {
        let command = due.first?.command
        var asked = facts
        asked.news = []
        asked.header = HeaderBlock(section)
        asked.command = command?.verb ?? ""
        asked.line = command?.line ?? ""
        asked.carrier = command?.verb == "TOP" ? .top : .retr
        let exchange = command?.exchange ?? note.exchange
        let verdict = rules.judge(.header, asked)
        report(verdict, exchange: exchange, &out)
        let edited = verdict.setHeaders.isEmpty ? section : HeaderEditor.apply(verdict.setHeaders, to: section[...])
        let decision = HeaderDecision(
            section: edited, added: edited.count - section.count, rest: rest, refusal: verdict.reject,
            closes: verdict.close)
        if !wait(verdict.delay, then: .header(decision, exchange: exchange), &out) { apply(decision, exchange, &out) }
    }

    /// Passes a retrieved message on, or refuses it.
    mutating func apply(_ decision: HeaderDecision, status: ArraySlice<UInt8>, _ out: inout Output) {
        // The terminator is with the section when the message has nothing else.
        let isWhole = decision.rest.elementsEqual(Array(".\r\n".utf8))
        if let text = decision.refusal {
            message = isWhole ? .none : .serverRefused
            toClient(LocalReply.refusal(text, in: .pop3, command: Command(verb: "RETR"))[...], isOurs: true, &out)
            return
        }
        message = isWhole ? .none : .streaming
        toClient(status + decision.section + decision.rest, &out)
    }
}
