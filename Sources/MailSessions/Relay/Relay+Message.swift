// What header rules do with a message of the client: its header section is gathered and judged before the server hears of the
// message at all, so that a refused one leaves no trace there.

import MailDialogue
import MailMessage
import MailRules

extension Relay {
    /// The client's frames wait for the server's verdict on DATA.
    var awaitsVerdict: Bool {
        if isBereft { return false }
        return switch message {
        case .awaitingServer: true
        case .none, .offered, .clientHeader, .chunkHeader, .streaming, .refused, .serverHeader, .serverRefused: false
        }
    }

    /// Holds DATA and BDAT when header rules must see the message first. True when the command was taken.
    mutating func offer(_ command: RelayedCommand, _ note: Note, _ out: inout Output) -> Bool {
        guard mailProtocol == .smtp || mailProtocol == .lmtp, rules.needs(.header, mailProtocol) else { return false }
        switch command.verb {
        case "DATA":
            due.append(.offer(command.ofItsOwn))
            flushLocals(&out)
            return true
        case "BDAT":
            guard let chunk = SMTPCommand(note.raw.withoutLineEnd.line).chunk else { return false }
            if refusedTransaction {
                swallowed = Array("503 5.5.1 The message was refused, start over with RSET\r\n".utf8)
                return true
            }
            guard !headerJudged else { return false }
            var scanner = HeaderScanner()
            switch message {
            case .chunkHeader(let earlier): scanner = earlier.scanner
            case .none, .offered, .clientHeader, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused:
                break
            }
            message = .chunkHeader(
                ChunkHeader(
                    scanner: scanner, command: command, size: chunk.size, isLast: chunk.isLast,
                    before: scanner.octets.count, isOpen: true))
            return true
        default: return false
        }
    }

    mutating func handleContent(_ item: Work, _ out: inout Output) {
        let piece = item.note.raw
        guard swallowed == nil else { return }
        switch message {
        case .offered(let command): gather(HeaderScanner(), piece, command, item.note.exchange, &out)
        case .clientHeader(let scanner, let command): gather(scanner, piece, command, item.note.exchange, &out)
        case .chunkHeader(let chunk): gather(chunk.scanner, piece, chunk.command, item.note.exchange, &out)
        case .refused: break
        case .none, .streaming, .awaitingServer, .serverHeader, .serverRefused: toServer(piece, &out)
        }
    }

    private mutating func gather(
        _ old: HeaderScanner, _ piece: ArraySlice<UInt8>, _ command: RelayedCommand, _ exchange: Int,
        _ out: inout Output
    ) {
        var scanner = old
        let kept = scanner.octets.count
        let progress = scanner.feed(piece)
        store(scanner, command)
        switch progress {
        case .more: break
        case .complete(let consumed): judgeHeader(scanner.octets, piece.dropFirst(consumed), exchange, &out)
        case .tooLong:
            out.effects.append(
                .log("the header section is longer than \(HeaderScanner.limit) octets: no rule has seen it"))
            pass(scanner.octets, piece.dropFirst(scanner.octets.count - kept), added: 0, &out)
        }
    }

    private mutating func store(_ scanner: HeaderScanner, _ command: RelayedCommand) {
        switch message {
        case .offered, .clientHeader: message = .clientHeader(scanner, command)
        case .chunkHeader(var chunk):
            chunk.scanner = scanner
            message = .chunkHeader(chunk)
        case .none, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused: break
        }
    }

    /// The header section is whole: what do the rules say?
    private mutating func judgeHeader(
        _ section: [UInt8], _ rest: ArraySlice<UInt8>, _ exchange: Int, _ out: inout Output
    ) {
        var asked = facts
        asked.recipient = nil
        asked.news = []
        asked.header = HeaderBlock(section)
        switch message {
        case .chunkHeader: asked.carrier = .bdat
        case .none, .offered, .clientHeader, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused:
            asked.carrier = mailProtocol == .lmtp ? .lmtp : .data
        }
        let verdict = rules.judge(.header, asked)
        report(verdict, exchange: exchange, &out)
        let edited = verdict.setHeaders.isEmpty ? section : HeaderEditor.apply(verdict.setHeaders, to: section[...])
        let decision = HeaderDecision(
            section: edited, added: edited.count - section.count, rest: rest, refusal: verdict.reject,
            closes: verdict.close)
        if !wait(verdict.delay, then: .header(decision, exchange: exchange), &out) { apply(decision, exchange, &out) }
    }

    mutating func apply(_ decision: HeaderDecision, _ exchange: Int, _ out: inout Output) {
        if decision.closes { return close(&out) }
        switch message {
        case .serverHeader(_, let status): return apply(decision, status: status, &out)
        case .none, .offered, .clientHeader, .chunkHeader, .awaitingServer, .streaming, .refused, .serverRefused: break
        }
        if let text = decision.refusal {
            message = .refused(
                reply: LocalReply.refusal(text, in: mailProtocol, command: Command(verb: "DATA")))
            return
        }
        pass(decision.section, decision.rest, added: decision.added, &out)
    }

    /// Offers the message to the server.
    private mutating func pass(
        _ section: [UInt8], _ rest: ArraySlice<UInt8>, added: Int, _ out: inout Output
    ) {
        switch message {
        case .offered(let command), .clientHeader(_, let command):
            message = .awaitingServer(octets: section + rest, reply: [])
            due.append(.ownData(command.sent))
            toServer(command.raw, &out)
        case .chunkHeader(let chunk):
            message = .streaming
            headerJudged = true
            due.append(.forwarded(chunk.command.sent))
            var line = chunk.command.raw
            if added != 0 || chunk.before > 0 {
                let (size, isTooLarge) = chunk.size.addingReportingOverflow(chunk.before + added)
                // No message is that large: it ends as one that can't be followed.
                if isTooLarge { return close(&out) }
                line = Array("BDAT \(size)\(chunk.isLast ? " LAST" : "")\r\n".utf8)[...]
            }
            toServer(line, &out)
            toServer((section + rest)[...], &out)
        case .none, .awaitingServer, .streaming, .refused, .serverHeader, .serverRefused: break
        }
    }

    mutating func handleContentEnd(_ item: Work, _ out: inout Output) {
        let terminator = item.note.raw
        if let reply = swallowed {
            // A refused BDAT ends with its chunk; a refused IMAP command goes on behind its literal.
            guard mailProtocol != .imap else { return }
            swallowed = nil
            return answer(reply, &out)
        }
        switch message {
        case .offered(let command):
            message = .clientHeader(HeaderScanner(), command)
            clientFirst = item
        case .clientHeader(let scanner, _):
            // A message that is all header section; its end is handled when the verdict is carried out.
            clientFirst = item
            judgeHeader(scanner.octets, [], item.note.exchange, &out)
        case .chunkHeader(var chunk):
            if chunk.isLast {
                clientFirst = item
                return judgeHeader(chunk.scanner.octets, [], item.note.exchange, &out)
            }
            chunk.isOpen = false
            message = .chunkHeader(chunk)
            answer(Array("250 2.0.0 \(chunk.size) octets received\r\n".utf8), &out)
        case .refused(let reply):
            message = .none
            abandon(&out)
            answer(reply, &out)
        case .streaming:
            message = .none
            toServer(terminator, &out)
        case .none, .awaitingServer, .serverHeader, .serverRefused: toServer(terminator, &out)
        }
    }

    /// The client's transaction ended with a refusal; the server's is still open and must not go on.
    private mutating func abandon(_ out: inout Output) {
        refusedTransaction = true
        due.append(.injected)
        toServer(Array("RSET\r\n".utf8)[...], &out)
    }
}
