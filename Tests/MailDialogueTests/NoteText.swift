// A note as a line of a transcript's expectations: the element in words, then what else is said of it.
//
//     command a1 LOGIN + #1 credential=LOGIN/user/secret !imap-bare-lf ~ a1 LOGIN user ****
//
// `+` where more of the frame follows, `-` on a line of a reply that is not its last, `!` a violation, `~` the masked
// form.

@testable import MailDialogue

extension Note {
    /// The line. The exchange stands in it as `#n`.
    var expectation: String {
        var words = [elementText, "#\(exchange)"]
        words += facts.map(Self.text)
        words += violations.map { ($0.side == side ? "!" : "!!") + $0.code }
        if let masked { words.append("~ " + Self.escape(masked)) }
        return words.joined(separator: " ")
    }

    private var elementText: String {
        switch element {
        case .greeting(let reply): "greeting " + Self.text(reply)
        case .command(let command):
            (["command", command.tag, command.verb].filter { !$0.isEmpty } + (command.isKnown ? [] : ["?"])
                + (command.isComplete ? [] : ["+"])).joined(separator: " ")
        case .commandPart(let complete): complete ? "part" : "part +"
        case .reply(let reply): "reply " + Self.text(reply)
        case .data(let keyword, let complete): "data " + keyword + (complete ? "" : " +")
        case .dataPart(let complete): complete ? "datapart" : "datapart +"
        case .goAhead: "goahead"
        case .challenge: "challenge"
        case .response: "response"
        case .done: "done"
        case .contentBegin(let content): "begin " + Self.text(content)
        case .content: "content \(raw.count)"
        case .contentEnd: "end"
        case .opaque: "opaque \(raw.count)"
        case .incomplete: "incomplete"
        case .gap(let count): "gap " + (count.map(String.init) ?? "?")
        case .unplaced: "unplaced"
        case .unknown: "unknown"
        }
    }

    private static func text(_ reply: Reply) -> String {
        [reply.status.rawValue, reply.code].filter { !$0.isEmpty }.joined(separator: " ") + (reply.isLast ? "" : " -")
    }

    private static func text(_ content: Content) -> String {
        var words: [String]
        switch content.kind {
        case .message(let carrier): words = ["message", carrier.rawValue]
        case .literal: words = ["literal"]
        }
        if let size = content.size { words.append("size=\(size)") }
        if content.dotStuffed { words.append("stuffed") }
        if content.secret { words.append("secret") }
        if content.continues { words.append("continues") }
        if !content.section.isEmpty { words.append("section=\(content.section)") }
        return words.joined(separator: " ")
    }

    private static func text(_ fact: Fact) -> String {
        switch fact {
        case .clientName(let name): "name=\(name)"
        case .credential(let credential):
            "credential=\(credential.mechanism)/\(credential.account)/"
                + credential.secret.withRevealed { escape($0[...]) }
        case .login(let accepted): accepted ? "login=yes" : "login=no"
        case .reversePath(let path): "from=<\(path)>"
        case .recipient(let path): "to=<\(path)>"
        case .recipientRefused(let path): "refused=<\(path)>"
        case .messageAccepted: "accepted"
        case .messageRefused: "rejected"
        case .transactionReset: "reset"
        case .mailbox(let name): "mailbox=\(name)"
        case .opaque(let reason): "opaque=\(reason.rawValue)"
        case .contentCut: "cut"
        case .leftOut: "left-out"
        case .resumed: "resumed"
        case .clear: "clear"
        }
    }

    /// Without the line end; controls and what is not ASCII as `\xNN`.
    private static func escape(_ octets: ArraySlice<UInt8>) -> String {
        octets.withoutLineEnd.line.wireText
    }
}

extension [Note] {
    /// The notes of a side with pieces of content (and of what is opaque, and of a line that can't be placed) joined, whatever way they were cut.
    func joined(_ side: Side) -> [Note] {
        var out: [Note] = []
        for note in self where note.side == side {
            if let last = out.last, last.exchange == note.exchange, last.element == note.element,
                note.element == .content || note.element == .opaque
                    || (note.element == .unplaced && last.raw.last != 10)
            {
                var both = last
                if last.masked != nil || note.masked != nil { both.masked = last.publicOctets + note.publicOctets }
                both.raw = last.raw + note.raw
                both.facts += note.facts
                both.violations += note.violations
                out[out.count - 1] = both
            } else {
                out.append(note)
            }
        }
        for index in out.indices { out[index].violations.sort { $0.code < $1.code } }
        return out
    }

    /// The octets of a side.
    func octets(_ side: Side) -> [UInt8] { filter { $0.side == side }.flatMap(\.raw) }
}
