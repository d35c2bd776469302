// The server's frames on their way to the client.

import MailDialogue
import MailMessage
import MailRules

extension Relay {
    mutating func handleServer(
        _ item: Work, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        let note = item.note
        if !item.isJudged, judge(item, &effects) { return }
        switch mailProtocol {
        case .imap:
            switch note.element {
            case .data(_, let complete), .dataPart(let complete): serverMidFrame = !complete
            case .contentBegin, .content, .contentEnd, .greeting, .reply, .goAhead, .challenge, .opaque, .incomplete, .unknown,
                .command, .commandPart, .response, .done:
                break
            }
            toClient(note.raw, &effects, &seen)
        case .smtp, .lmtp: handleSMTP(note, &effects, &seen, &told)
        case .pop3: handlePOP3(note, &effects, &seen)
        }
        flushLocals(&effects, &seen)
    }

    /// Rules at the reply. True when the frame must wait or the session is over.
    private mutating func judge(_ item: Work, _ effects: inout [Effect]) -> Bool {
        guard case .reply(let reply) = item.note.element, reply.isLast, rules.needs(.reply, mailProtocol) else { return false }
        facts.replyCode = reply.code
        facts.replyText = item.note.raw.withoutLineEnd.line.text
        let verdict = rules.judge(.reply, facts)
        report(verdict, exchange: item.note.exchange, changed: verdict.delay > 0, &effects)
        if verdict.close {
            close(&effects)
            return true
        }
        return delay(item, verdict.delay, &effects)
    }

    private var isLastReply: (Note) -> Bool {
        { note in
            switch note.element {
            case .reply(let reply): reply.isLast
            case .greeting, .command, .commandPart, .data, .dataPart, .goAhead, .challenge, .response, .done, .contentBegin,
                .content, .contentEnd, .opaque, .incomplete, .unknown:
                false
            }
        }
    }

    private mutating func handleSMTP(
        _ note: Note, _ effects: inout [Effect], _ seen: inout [Note], _ told: inout [Note]
    ) {
        switch due.first {
        case .injected:
            if isLastReply(note) { due.popFirst() }
        case .ownData:
            if note.element == .goAhead {
                due.first = .forwarded(verb: "DATA")
                guard case .awaitingServer(let octets, let ended) = message else { return }
                message = ended ? .none : .streaming
                toServer(octets[...], &effects, &told)
            } else if isLastReply(note) {
                due.popFirst()
                guard case .awaitingServer(_, let ended) = message else { return }
                if ended {
                    message = .none
                    answer(Array(note.raw), &effects, &seen)
                } else {
                    message = .refused(reply: Array(note.raw))
                }
            }
        case .forwarded:
            toClient(note.raw, &effects, &seen)
            if isLastReply(note) { due.popFirst() }
        case .local, nil: toClient(note.raw, &effects, &seen)
        }
    }

    private mutating func handlePOP3(_ note: Note, _ effects: inout [Effect], _ seen: inout [Note]) {
        let retrieves = due.first == .forwarded(verb: "RETR") || due.first == .forwarded(verb: "TOP")
        switch message {
        case .serverHeader(let old, let status):
            var scanner = old
            switch note.element {
            case .content:
                let kept = scanner.octets.count
                switch scanner.feed(note.raw) {
                case .more: message = .serverHeader(scanner, status: status)
                case .complete(let consumed):
                    judge(scanner.octets, status, note, &effects, &seen)
                    if message == .streaming { toClient(note.raw.dropFirst(consumed), &effects, &seen) }
                case .tooLong:
                    message = .streaming
                    effects.append(.log("the header section is longer than \(HeaderScanner.limit) octets: no rule has seen it"))
                    toClient(status + scanner.octets + note.raw.dropFirst(scanner.octets.count - kept), &effects, &seen)
                }
            case .contentEnd:
                judge(scanner.octets, status, note, &effects, &seen)
                finishRetrieval(note, &effects, &seen)
            case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done,
                .contentBegin, .opaque, .incomplete, .unknown:
                message = .none
                toClient(status + scanner.octets + note.raw, &effects, &seen)
            }
        case .streaming, .serverRefused:
            if note.element.isContentEnd {
                finishRetrieval(note, &effects, &seen)
            } else if message == .streaming {
                toClient(note.raw, &effects, &seen)
            }
        case .none, .offered, .clientHeader, .chunkHeader, .awaitingServer, .refused:
            if case .reply(let reply) = note.element, !reply.isLast, retrieves, rules.needs(.header, .pop3) {
                message = .serverHeader(HeaderScanner(), status: note.raw)
                return
            }
            toClient(note.raw, &effects, &seen)
            if isLastReply(note) || note.element.isContentEnd { due.popFirst() }
        }
    }

    private mutating func finishRetrieval(_ note: Note, _ effects: inout [Effect], _ seen: inout [Note]) {
        if message == .streaming { toClient(note.raw, &effects, &seen) }
        message = .none
        due.popFirst()
    }

    private mutating func judge(
        _ section: [UInt8], _ status: ArraySlice<UInt8>, _ note: Note, _ effects: inout [Effect], _ seen: inout [Note]
    ) {
        facts.header = HeaderBlock(section)
        facts.carrier = due.first == .forwarded(verb: "TOP") ? .top : .retr
        let verdict = rules.judge(.header, facts)
        facts.header = nil
        report(verdict, exchange: note.exchange, changed: verdict.intervenes, &effects)
        if verdict.close { return close(&effects) }
        if let text = verdict.reject {
            message = .serverRefused
            toClient(LocalReply.refusal(text, in: .pop3, command: Command(verb: "RETR"))[...], &effects, &seen)
            return
        }
        message = .streaming
        let edited = verdict.setHeaders.isEmpty ? section : HeaderEditor.apply(verdict.setHeaders, to: section[...])
        toClient(status + edited, &effects, &seen)
    }
}

extension Element {
    var isContentEnd: Bool { self == .contentEnd }
}
