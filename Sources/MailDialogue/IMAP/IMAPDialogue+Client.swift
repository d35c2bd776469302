// What an IMAP client sends: commands with their literals, SASL responses, DONE.

extension IMAPDialogue {
    mutating func acceptClient(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        var note = Note(.client, .unknown, exchange: currentExchange, raw: raw)
        if !crlf { note.violations.append(.imapBareLineEnd) }
        switch client {
        case .saslResponse(let follower): acceptResponse(line, follower, &note)
        case .idling: acceptDone(line, &note)
        case .commandRest: acceptRest(line, &note)
        case .commands: acceptCommand(line, &note)
        case .literalOffered, .literal, .saslAwaiting, .idleOffered, .tlsOffered, .compressOffered:
            break  // the demand was not for a line
        }
        return note
    }

    private mutating func acceptResponse(_ line: ArraySlice<UInt8>, _ before: SASLFollower, _ note: inout Note) {
        var follower = before
        let reading = follower.response(line)
        client = .saslAwaiting(follower)
        note.element = .response
        note.exchange = open.exchange
        if let masked = reading.masked { note.masked = masked[...] + note.raw[line.endIndex...] }
        if let credential = reading.credential { note.facts.append(.credential(credential)) }
    }

    /// DONE ends IDLE; after anything else a server ends it too, with BAD (RFC 2177 §3).
    private mutating func acceptDone(_ line: ArraySlice<UInt8>, _ note: inout Note) {
        client = .commands
        note.exchange = open.exchange
        if line.trimmed.equalsIgnoringCase("DONE") {
            note.element = .done
        } else {
            note.violations.append(.imapNotDone)
        }
    }

    private mutating func acceptCommand(_ line: ArraySlice<UInt8>, _ note: inout Note) {
        if line.equalsIgnoringCase("DONE") {
            // The server ended IDLE while DONE was under way.
            note.element = .done
            note.violations.append(.imapDoneWithoutIdle)
            return
        }
        let command = IMAPCommand(line)
        exchange += 1
        note.exchange = exchange
        open = OpenCommand(
            verb: command.isKnown ? command.verb : "", exchange: exchange,
            arguments: IMAPArguments(wanted: wanted(command.verb)))
        if phase == .greetingPending { note.violations.append(.imapEarlyTalker) }
        if command.tag.isEmpty {
            note.violations.append(.imapBadTag)
        } else {
            if !command.isKnown { note.violations.append(.imapUnknownCommand) }
            if outstanding.first(where: { $0.tag == command.tag }) != nil { note.violations.append(.imapDuplicateTag) }
            outstanding.append(Outstanding(tag: command.tag, verb: command.verb, exchange: exchange))
        }
        if literalWasRefused {
            literalWasRefused = false
            if command.tag.isEmpty || !command.isKnown { note.violations.append(.imapLiteralNotAwaited) }
        }
        if command.tag.isEmpty || !command.isKnown {
            note.masked =
                mayLeakSecret ? note.raw.masking(0..<note.raw.count) : mask(partial: note.raw, from: .client)
        } else {
            mayLeakSecret = false
        }
        judgeState(command, &note)
        let isSecret = !command.isKnown && note.masked != nil
        let complete = follow(command.arguments, line, &note)
        note.element = .command(
            Command(
                verb: isSecret ? "" : command.verb, tag: isSecret ? "" : command.tag, isComplete: complete,
                isKnown: command.isKnown))
        if isSecret, outstanding.last?.exchange == exchange { outstanding.last?.isSecret = true }
        guard outstanding.count <= DialogueLimits.outstanding else {
            note.violations.append(.imapTooManyOutstanding)
            note.facts.append(.opaque(.holdLimit))
            becomeOpaque(.holdLimit)
            return
        }
    }

    /// The line behind a literal.
    private mutating func acceptRest(_ line: ArraySlice<UInt8>, _ note: inout Note) {
        note.exchange = open.exchange
        let complete = follow(line, line, &note)
        note.element = .commandPart(complete: complete)
    }

    /// Reads arguments, says what the client's next octets are. True when the command is complete.
    private mutating func follow(_ text: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ note: inout Note) -> Bool {
        let literal = IMAPLiteral(endOf: text)
        let words = literal.map { text[..<$0.start] } ?? text
        gather(words, line, &note)
        guard let literal else {
            client = .commands
            finish(text, &note)
            return true
        }
        guard let size = literal.size else {
            // Its end can't be found; a synchronizing one may still be refused.
            note.violations.append(.imapLiteralTooBig)
            if literal.isNonSynchronizing {
                note.facts.append(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            } else {
                client = .literalOffered(content(words, size: .max), size: .max)
            }
            return false
        }
        if literal.isNonSynchronizing {
            if size > 4096 { note.violations.append(.imapLongNonSyncLiteral) }
            client = .literal(content(words, size: size), size: size)
        } else {
            client = .literalOffered(content(words, size: size), size: size)
        }
        return false
    }

    /// How many arguments matter.
    private func wanted(_ verb: String) -> Int {
        switch verb {
        case "LOGIN", "REPLACE", "UID REPLACE": 2
        case "SELECT", "EXAMINE", "APPEND": 1
        default: 0
        }
    }

    /// Takes the arguments of a line; masks the password of LOGIN.
    private mutating func gather(_ words: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        if open.verb == "APPEND", words.contains(where: { $0 == 67 || $0 == 99 }) {
            open.isCatenate =
                open.isCatenate || words.split(separator: 32).contains { $0.equalsIgnoringCase("CATENATE") }
        }
        guard open.arguments.count < wanted(open.verb) || open.verb == "LOGIN" else { return }
        let before = open.arguments.count
        let tokens = open.arguments.append(line: words)
        guard open.verb == "LOGIN" else { return }
        // All behind the first argument may be a password, also when there is too much of it or a quote is missing.
        var secretFrom = words.endIndex
        if before >= 1 {
            secretFrom = words.startIndex
        } else if open.arguments.isBroken {
            secretFrom = words.startIndex
        } else if let first = tokens.first {
            secretFrom = first.range.upperBound
        }
        let secret = words[secretFrom...].trimmed
        guard !secret.isEmpty else { return }
        let raw = note.raw
        note.masked = raw.masking((secret.startIndex - raw.startIndex)..<(secret.endIndex - raw.startIndex))
    }

    /// What the octets of the next literal are.
    private func content(_ words: ArraySlice<UInt8>, size: Int) -> Content {
        var content = Content(.literal, size: size, exchange: open.exchange)
        switch open.verb {
        case "LOGIN": content.secret = open.arguments.count >= 1
        case "APPEND", "REPLACE", "UID REPLACE":
            // The mailbox may be a literal too; the message is what comes behind all arguments.
            guard open.arguments.count >= wanted(open.verb) else { break }
            if open.isCatenate {
                let last = words.trimmed.split(separator: 32).last ?? []
                guard last.equalsIgnoringCase("TEXT") || last.equalsIgnoringCase("(TEXT") else { break }
                content.section = "CATENATE"
            }
            content.kind = .message(.append)
        default: break
        }
        return content
    }

    /// The command is whole: its last line says what it was.
    private mutating func finish(_ text: ArraySlice<UInt8>, _ note: inout Note) {
        switch open.verb {
        case "LOGIN":
            guard open.arguments.values.count >= 2, !open.arguments.isBroken else { break }
            let account = open.arguments.values[0].withRevealed { $0[...].text }
            note.facts.append(
                .credential(Credential(mechanism: "LOGIN", account: account, secret: open.arguments.values[1])))
        case "SELECT", "EXAMINE":
            guard let name = open.arguments.values.first, var last = outstanding.last, last.exchange == open.exchange
            else { break }
            last.mailbox = name.withRevealed { $0[...].text }
            outstanding.last = last
        case "AUTHENTICATE": acceptAuthenticate(text, &note)
        case "IDLE": client = .idleOffered
        case "STARTTLS": client = .tlsOffered
        case "COMPRESS": client = .compressOffered
        default: break
        }
    }

    /// AUTHENTICATE mechanism [initial-response] (RFC 9051 §6.2.2).
    private mutating func acceptAuthenticate(_ text: ArraySlice<UInt8>, _ note: inout Note) {
        let (mechanism, rest) = text.trimmed.firstWord
        var follower = SASLFollower(mechanism: mechanism.keyword())
        let initial = rest.trimmed
        if !initial.isEmpty {
            let reading = follower.response(initial)
            if let masked = reading.masked {
                note.masked = note.raw[..<initial.startIndex] + masked + note.raw[initial.endIndex...]
            }
            if let credential = reading.credential { note.facts.append(.credential(credential)) }
        }
        client = .saslAwaiting(follower)
    }

    /// Judged only while nothing is outstanding that could change the state (RFC 9051 §5.5).
    private func judgeState(_ command: IMAPCommand, _ note: inout Note) {
        guard command.isKnown, outstanding.count == 1 else { return }
        let allowed: Bool
        switch command.verb {
        case "CAPABILITY", "NOOP", "LOGOUT", "ID", "COMPRESS", "LANGUAGE", "COMPARATOR": allowed = true
        case "STARTTLS", "AUTHENTICATE", "LOGIN": allowed = phase == .notAuthenticated || phase == .greetingPending
        case "CLOSE", "UNSELECT", "CHECK", "EXPUNGE", "FETCH", "STORE", "SEARCH", "SORT", "THREAD", "COPY", "MOVE",
            "REPLACE", "UID FETCH", "UID STORE", "UID SEARCH", "UID COPY", "UID MOVE", "UID EXPUNGE", "UID SORT",
            "UID THREAD", "UID REPLACE":
            allowed = phase == .selected
        default: allowed = phase == .authenticated || phase == .selected
        }
        if !allowed { note.violations.append(.imapCommandInWrongState) }
    }
}
