// What an IMAP client sends: commands with their literals, SASL responses, DONE.

extension IMAPDialogue {
    mutating func acceptClient(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        raw.withView { acceptClient($0, raw, &remarks) }
    }

    private mutating func acceptClient(_ view: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let (line, crlf) = view.withoutLineEnd
        remarks.exchange = currentExchange
        if !crlf { remarks.blame(.imapBareLineEnd) }
        if !line.isPrintable {
            if line.holds(0) { remarks.blame(.imapNul) }
            if line.holds(13) { remarks.blame(.imapBareCR) }
        }
        switch client {
        case .saslResponse(let follower): acceptResponse(raw.part(line), raw, follower, &remarks)
        case .idling: acceptDone(line, raw, &remarks)
        case .commandRest: acceptRest(line, raw, &remarks)
        case .commands: acceptCommand(line, raw, &remarks)
        case .seeking: acceptUnplacedClient(line, raw, &remarks)
        case .literalOffered, .literal, .saslAwaiting, .idleOffered, .tlsOffered, .compressOffered, .unauthenticating:
            break  // the demand was not for a line
        }
        if case .seeking = server { loseAnswer() }
    }

    mutating func acceptResponse(
        _ line: ArraySlice<UInt8>, _ raw: ArraySlice<UInt8>, _ before: SASLFollower, isPresumed: Bool = false,
        _ remarks: inout Remarks
    ) {
        var follower = before
        let reading = isPresumed ? follower.presumedResponse(line) : follower.response(line)
        client = .saslAwaiting(follower)
        waitedFor = .challenge
        remarks.element = .response
        remarks.exchange = open.exchange
        if let masked = reading.masked { remarks.mask(masked[...] + raw[line.endIndex...]) }
        if let credential = reading.credential { remarks.tell(.credential(credential)) }
        remarks.violations += reading.violations
    }

    /// DONE ends IDLE; after anything else a server ends it too, with BAD (RFC 9051 §6.3.13).
    private mutating func acceptDone(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        client = .commands
        remarks.exchange = open.exchange
        if line.trimmed.equalsIgnoringCase("DONE") {
            remarks.element = .done
        } else {
            remarks.blame(.imapNotDone)
            remarks.mask(mask(partial: raw, from: .client))
            marks.insert(.idleEnds)
        }
    }

    mutating func acceptCommand(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        if line.equalsIgnoringCase("DONE") {
            remarks.element = .done
            if marks.contains(.idleEnds) {
                // The server may still wait for it behind a line that it took no notice of.
                remarks.exchange = open.exchange
                marks.remove(.idleEnds)
            } else {
                // The server ended IDLE while DONE was under way. To it this is an unknown command without verb.
                marks.insert(.strayDone)
                if isWhole { remarks.blame(.imapDoneWithoutIdle) }
            }
            return
        }
        let command = IMAPCommandLine(line)
        exchange += 1
        waitedFor = .nothing
        remarks.exchange = exchange
        open = OpenCommand(
            verb: command.code, exchange: exchange, arguments: IMAPArguments(wanted: wanted(command.code)))
        if command.tag.isEmpty || !command.isKnown {
            remarks.masked = command.isKnown ? Self.maskLogin(raw) : maskUnknown(raw)
        } else {
            marks.remove(.mayLeakSecret)
        }
        if command.code == .login || command.code == .authenticate { marks.insert(.hasBegunLogin) }
        var secrecy = IMAPOutstanding.Secrecy.none
        if !command.isKnown, let masked = remarks.masked {
            secrecy = masked.trimmed.first == SASLMask.octet ? .line : .arguments
        }
        let isSecret = secrecy != .none
        if !command.isKnown, !isSecret { remarks.mask(maskArguments(raw)) }
        if isSecret || !command.isKnown && mayLogIn { marks.insert(.openIsSecret) } else { marks.remove(.openIsSecret) }
        if phase == .greetingPending { remarks.blame(.imapEarlyTalker) }
        let tag = IMAPTag(command.tagOctets)
        if command.tag.isEmpty {
            remarks.blame(.imapBadTag)
        } else {
            if !command.isKnown { remarks.blame(.imapUnknownCommand) }
            // A mask is no tag: two of them look alike in a recording.
            if isWhole, command.tagOctets.count <= IMAPTag.limit, secrecy != .line, outstanding.contains(tag) {
                remarks.blame(.imapDuplicateTag)
            }
        }
        if marks.contains(.literalWasRefused) {
            marks.remove(.literalWasRefused)
            if command.tag.isEmpty || !command.isKnown { remarks.blame(.imapLiteralNotAwaited) }
        }
        // Judged by what was before it.
        if command.isKnown { judge(command, &remarks) }
        if !command.tag.isEmpty {
            if command.code == .select || command.code == .examine { beginOpening() }
            outstanding.append(
                tag, IMAPOutstanding.Entry(verb: command.code, exchange: exchange, secrecy: secrecy))
        }
        if !command.code.kind.contains(.isPlain) { search.answered = 0 }
        if reads(command.code), !isSecret { open.text = IMAPText(raw) }
        let complete = follow(command.arguments, raw, &remarks)
        remarks.element = .command(
            Command(
                verb: isSecret ? "" : command.verb, tag: isSecret ? "" : command.tag, isComplete: complete,
                isKnown: command.isKnown))
        guard !outstanding.isFull else {
            remarks.blame(.imapTooManyOutstanding)
            remarks.tell(.opaque(.holdLimit))
            becomeOpaque(.holdLimit)
            return
        }
    }

    /// The line behind a literal.
    private mutating func acceptRest(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        if search.isUnplaced { return acceptUnplacedRest(line, raw, &remarks) }
        remarks.exchange = open.exchange
        if let first = line.first, first != 32, first != UInt8(ascii: ")"), open.verb != .unknown {
            remarks.blame(.imapLiteralMismatch)
        }
        open.text?.append(raw)
        if marks.contains(.openIsSecret) {
            let end = IMAPLiteral(endOf: line)?.start ?? line.endIndex
            remarks.mask(raw.masking(0..<(end - raw.startIndex)))
        }
        let complete = follow(line, raw, &remarks)
        remarks.element = .commandPart(complete: complete)
    }

    /// Reads arguments, says what the client's next octets are. True when the command is complete.
    private mutating func follow(
        _ text: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) -> Bool {
        let literal = IMAPLiteral(endOf: text)
        let words = literal.map { text[..<$0.start] } ?? text
        gather(words, raw, isLast: literal == nil, &remarks)
        guard let literal else {
            client = .commands
            finish(text, raw, &remarks)
            return true
        }
        judge(literal, &remarks)
        guard let size = literal.size else {
            // Its end can't be found; a synchronizing one may still be refused.
            remarks.blame(.imapLiteralTooBig)
            if literal.isNonSynchronizing {
                remarks.tell(.opaque(.desynchronised))
                becomeOpaque(.desynchronised)
            } else {
                client = .literalOffered(content(words, size: .max), size: .max)
                waitedFor = .literal
            }
            return false
        }
        let content = content(words, size: size)
        if literal.isBinary { marks.insert(.clientBinary) } else { marks.remove(.clientBinary) }
        if open.text != nil {
            open.keepsLiteral = content.kind == .literal && !content.secret && size <= DialogueLimits.keptLiteral
            if !open.keepsLiteral { open.text?.omitLiteral(size: size) }
        }
        client = literal.isNonSynchronizing ? .literal(content, size: size) : .literalOffered(content, size: size)
        waitedFor = literal.isNonSynchronizing ? .nothing : .literal
        return false
    }

    /// How many arguments matter.
    func wanted(_ verb: IMAPVerb) -> Int {
        switch verb {
        case .login, .replace, .uidReplace: 2
        case .select, .examine, .append: 1
        default: 0
        }
    }

    /// Takes the arguments of a line; masks the password of LOGIN.
    /// - Parameter isLast: no literal follows.
    private mutating func gather(
        _ words: OctetView, _ raw: ArraySlice<UInt8>, isLast: Bool, _ remarks: inout Remarks
    ) {
        switch open.verb {
        case .append, .replace, .uidReplace: gatherMessage(words)
        case .login:
            let before = open.arguments.count
            let tokens = open.arguments.append(line: words)
            let last = tokens.last?.range.upperBound ?? words.startIndex
            // Not a name and a password: any of it may be the password.
            let count = open.arguments.count
            if !words[last...].trimmed.isEmpty || (isLast ? count < 2 : count > 1) { open.arguments.spoil() }
            // All behind the first argument may be a password.
            var secretFrom = words.endIndex
            if before >= 1 || open.arguments.isBroken {
                secretFrom = words.startIndex
            } else if let first = tokens.first {
                secretFrom = first.range.upperBound
            }
            let secret = words[secretFrom...].trimmed
            guard !secret.isEmpty else { return }
            remarks.mask(raw.masking((secret.startIndex - raw.startIndex)..<(secret.endIndex - raw.startIndex)))
        case .select, .examine:
            if open.arguments.count == 0 { _ = open.arguments.append(line: words) }
        default: break
        }
    }

    /// The arguments of a command that carries a message: which of its literals is one.
    mutating func gatherMessage(_ words: OctetView) {
        // What the command is about may have any name.
        var named = wanted(open.verb) - open.arguments.count
        if named > 0 { _ = open.arguments.append(line: words) }
        var scanner = IMAPWordScanner(words)
        while let token = scanner.next() {
            named -= 1
            if named >= 0 { continue }
            switch token {
            case .open: open.depth += 1
            case .close:
                open.depth = max(0, open.depth - 1)
                if open.depth == 0 { open.wrapper = .none }
            case .word(let word):
                guard open.depth == 0 else { continue }
                if word.equalsIgnoringCase("CATENATE") { open.wrapper = .catenate }
                if word.equalsIgnoringCase("UTF8") { open.wrapper = .utf8 }
            case .quoted: continue
            }
        }
    }

    /// What the octets of the next literal are.
    func content(_ words: OctetView, size: Int) -> Content {
        var content = Content(.literal, size: size, exchange: open.exchange)
        switch open.verb {
        case .login: content.secret = open.arguments.count >= 1 || open.arguments.isBroken
        case .append, .replace, .uidReplace:
            // The mailbox may be a literal too; the message is what comes behind all arguments.
            guard open.arguments.count >= wanted(open.verb) else { break }
            switch open.wrapper {
            case .catenate:
                let last = words.trimmed.split(separator: 32).last ?? .empty
                guard last.equalsIgnoringCase("TEXT") || last.equalsIgnoringCase("(TEXT") else { return content }
                content.section = "CATENATE"
            // A literal in other parentheses is the value of an annotation (RFC 5257 §4.7).
            case .none: guard open.depth == 0 else { return content }
            case .utf8: break
            }
            content.kind = .message(.append)
        case .unknown: content.secret = marks.contains(.openIsSecret)
        default: break
        }
        return content
    }

    /// The command is whole: its last line says what it was.
    private mutating func finish(_ text: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        if let whole = open.text {
            open.text = nil
            judge(whole, &remarks)
        }
        switch open.verb {
        case .login:
            guard open.arguments.values.count >= 2, !open.arguments.isBroken else {
                // A quote that does not end, a space that is not quoted: the rest of the password may come as a command.
                marks.insert(.mayLeakSecret)
                break
            }
            let account = open.arguments.values[0].withRevealed { $0[...].text }
            remarks.tell(
                .credential(Credential(mechanism: "LOGIN", account: account, secret: open.arguments.values[1])))
        case .select, .examine: finishSelect(text, &remarks)
        case .authenticate: acceptAuthenticate(text, raw, &remarks)
        case .enable:
            for name in text.split(separator: 32) {
                let one = IMAPCapabilities(name: name)
                if one == .others { marks.insert(.askedOthers) } else { asked.formUnion(one) }
                if !one.isDisjoint(with: [.condstore, .qresync]) { marks.insert(.wantsModSeq) }
            }
        case .idle:
            client = .idleOffered
            waitedFor = .nothing
        case .starttls: client = .tlsOffered
        case .compress:
            client = .compressOffered
            waitedFor = .compress
        case .unauthenticate:
            guard isDeflated else { break }
            client = .unauthenticating
            if clientDeflation == .deflated { clientDeflation = .waits }
        case .notify: marks.insert(.notifies)
        case .logout: marks.insert(.leaves)
        case .capability: marks.remove(.hasList)
        default: break
        }
    }

    /// AUTHENTICATE mechanism [initial-response] (RFC 9051 §6.2.2).
    private mutating func acceptAuthenticate(
        _ text: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) {
        let (mechanism, rest) = text.trimmed.firstWord
        var follower = SASLFollower(mechanism)
        let initial = rest.trimmed
        if !initial.isEmpty {
            let reading = follower.response(raw.part(initial))
            if let masked = reading.masked {
                remarks.mask(raw[..<initial.startIndex] + masked + raw[initial.endIndex...])
            }
            if let credential = reading.credential { remarks.tell(.credential(credential)) }
            remarks.violations += reading.violations
        }
        if !mechanism.isEmpty, !SASLMechanism.isName(mechanism) {
            let start = mechanism.startIndex - raw.startIndex
            let shown = remarks.masked ?? raw
            remarks.mask(shown.masking(start..<(start + mechanism.count)))
        }
        judgeMechanism(mechanism, hasInitialResponse: !initial.isEmpty, &remarks)
        client = .saslAwaiting(follower)
        waitedFor = .challenge
    }

    /// The mailbox of SELECT or EXAMINE and its parameters (RFC 4466 §2.4, RFC 7162 §3.1.8, §3.2.5).
    private mutating func finishSelect(_ text: OctetView, _ remarks: inout Remarks) {
        marks.insert(.hasSelected)
        guard let name = open.arguments.values.first else { return }
        let mailbox = name.withRevealed { $0.prefix(DialogueLimits.keptLiteral).text }
        if names.count < Self.namesLimit, outstanding.lastExchange == open.exchange {
            names.append(OpeningName(exchange: open.exchange, name: mailbox))
        }
        if keepsMailbox, outstanding.opening == 1 {
            openingView = IMAPMailboxView(
                name: mailbox, isReadOnly: open.verb == .examine, isUIDOnly: enabled.contains(.uidonly))
        }
        var scanner = IMAPWordScanner(text)
        var depth = 0
        var isFirst = true
        while let token = scanner.next() {
            switch token {
            case .open: depth += 1
            case .close: depth -= 1
            case .quoted: isFirst = false
            case .word(let word):
                defer { isFirst = false }
                guard depth == 1, !isFirst else { continue }
                if word.equalsIgnoringCase("CONDSTORE") { judgeParameter([.condstore, .qresync], &remarks) }
                if word.equalsIgnoringCase("QRESYNC") {
                    judgeParameter(.qresync, &remarks)
                    if isWhole, !asked.contains(.qresync), !enabled.contains(.qresync) {
                        remarks.blame(.imapQResyncNotEnabled)
                    }
                }
                if word.equalsIgnoringCase("CONDSTORE") || word.equalsIgnoringCase("QRESYNC") {
                    marks.insert(.wantsModSeq)
                }
            }
        }
    }

    /// Names of mailboxes that are being opened, at most; one more is told without a name.
    private static let namesLimit = 4

    /// A mailbox is to be opened: what comes may be of it.
    private mutating func beginOpening() {
        guard outstanding.opening == 0 else {
            marks.insert(.opensMany)
            return
        }
        opening = IMAPMailboxCounts()
        marks.remove(.opensMany)
        if phase == .selected { marks.insert(.wasOpen) } else { marks.remove(.wasOpen) }
    }
}
