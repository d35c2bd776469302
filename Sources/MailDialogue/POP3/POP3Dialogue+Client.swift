// What the client of a POP3 session says: commands and SASL responses.

extension POP3Dialogue {
    mutating func acceptClient(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        var isResumed = false
        if let search, !search.clientIsWhole {
            let (line, crlf) = raw.withoutLineEnd
            if seekClient(raw, line, crlf, &remarks) { return }
            isResumed = true
        }
        if case .saslResponse(var follower) = client {
            let (line, crlf) = raw.withoutLineEnd
            return acceptResponse(raw, line, crlf, &follower, &remarks)
        }
        raw.withView { acceptCommand($0, raw, isResumed: isResumed, &remarks) }
    }

    private mutating func acceptCommand(
        _ view: OctetView, _ raw: ArraySlice<UInt8>, isResumed: Bool, _ remarks: inout Remarks
    ) {
        let (line, crlf) = view.withoutLineEnd
        var isResumed = isResumed
        let command = POP3CommandLine(line)
        if search != nil { isResumed = resumeByCommand(command) }
        exchange += 1
        remarks.element = .command(Command(verb: command.word, isKnown: command.verb != nil))
        remarks.exchange = exchange
        if isResumed { remarks.tell(.resumed) }
        if !crlf { remarks.blame(.pop3BareLineEnd) }
        if server == .greetingPending, search == nil { remarks.blame(.pop3EarlyTalker) }
        var entry = Outstanding(
            verb: command.verb, exchange: exchange, shape: command.shape, number: command.number)
        judgeOctets(command, line, &remarks)
        judgeLength(command, raw, &remarks)
        judgePlace(command, &entry, &remarks)
        judgeArguments(command, &entry, &remarks)
        judgeOffer(command, &remarks)
        let before = account
        account = .none
        switch command.verb {
        case .user:
            // The password may come as a line by itself.
            hasBegunLogin = true
            account = .named(listens ? command.argument.firstWord.word.text : "")
            // What stands behind the name may be the password.
            if !command.argument.firstWord.rest.isEmpty { remarks.mask(Self.maskedCommand(raw)) }
        case .pass:
            hasBegunLogin = true
            acceptPass(command, raw, before, &entry, &remarks)
        case .apop:
            hasBegunLogin = true
            acceptAPOP(command, raw, &remarks)
        case .auth:
            hasBegunLogin = true
            acceptAuth(command, raw, &entry, &remarks)
        case .stls:
            client = .tlsOffered
            heldBy = .stls
            if gaveUTF8 { remarks.blame(.pop3STLSAfterUTF8) }
        case .utf8: gaveUTF8 = true
        case .capa, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit: break
        case nil: acceptUnknown(command, line, raw, &entry, &remarks)
        }
        if command.verb != nil { mayLeakSecret = false }
        expectReply(to: entry, &remarks)
    }

    /// The command awaits its reply.
    private mutating func expectReply(to entry: Outstanding, _ remarks: inout Remarks) {
        if search != nil {
            seekReply(to: entry)
            return
        }
        outstanding.append(entry)
        pending.count(entry, 1)
        if outstanding.count > DialogueLimits.outstanding {
            remarks.blame(.pop3TooManyOutstanding)
            remarks.tell(.opaque(.holdLimit))
            becomeOpaque(.holdLimit)
        }
    }

    private mutating func acceptResponse(
        _ raw: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ crlf: Bool, _ follower: inout SASLFollower,
        _ remarks: inout Remarks
    ) {
        let reading = follower.response(line)
        client = .saslAwaiting(follower)
        remarks.element = .response
        remarks.exchange = currentExchange
        if let masked = reading.masked { remarks.mask(masked[...] + raw[line.endIndex...]) }
        if let credential = reading.credential { remarks.tell(.credential(credential)) }
        remarks.violations = reading.violations
        if !crlf { remarks.blame(.pop3BareLineEnd) }
        if line.count == 1, line.first == UInt8(ascii: "*") {
            outstanding.first?.isCancelled = true
        } else {
            outstanding.first?.hasResponded = true
        }
    }

    // MARK: Commands

    /// PASS string: the rest of the line is one argument, spaces included (RFC 1939 §7).
    private func acceptPass(
        _ command: POP3CommandLine<OctetView>, _ raw: ArraySlice<UInt8>, _ account: Account, _ entry: inout Outstanding,
        _ remarks: inout Remarks
    ) {
        switch account {
        case .none:
            remarks.blame(.pop3PassBeforeUser)
            entry.isMisplaced = true
        case .refused:
            remarks.blame(.pop3PassAfterRefusal)
            entry.isMisplaced = true
        case .named, .unknown: break
        }
        guard !command.rest.isEmpty else { return }
        remarks.mask(raw.masking((command.rest.startIndex - raw.startIndex)..<raw.count))
        remarks.tell(
            .credential(Credential(mechanism: "USER", account: account.name, secret: SecretBytes(command.rest))))
    }

    /// APOP name digest (RFC 1939 §7). The digest can be attacked with a dictionary, so it counts as the secret.
    private func acceptAPOP(_ command: POP3CommandLine<OctetView>, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        if hasTimestamp == false { remarks.blame(.pop3APOPWithoutTimestamp) }
        let (name, rest) = command.argument.firstWord
        let digest = rest.trimmed
        guard !digest.isEmpty else {
            // A single word may be the digest as well as the name.
            remarks.mask(raw.masking((command.rest.startIndex - raw.startIndex)..<raw.count))
            return
        }
        let isHex = digest.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        // As a recording shows it.
        let isMasked = digest.allSatisfy { $0 == UInt8(ascii: "*") }
        var masked = raw.masking((digest.startIndex - raw.startIndex)..<raw.count)
        if digest.count != 32 || !(isHex || isMasked) {
            remarks.blame(.pop3BadDigest)
            // What is no digest is none under its mask either, for one who reads the recording.
            masked[masked.startIndex + (digest.startIndex - raw.startIndex)] = UInt8(ascii: "!")
        }
        remarks.mask(Self.keepingSurplus(of: digest, raw, masked))
        remarks.tell(
            .credential(APOP.credential(account: raw.part(name), digest: raw.part(digest), timestamp: timestamp)))
    }

    /// That there are words behind the last argument stays to be seen in the masked form.
    private static func keepingSurplus(
        of argument: OctetView, _ raw: ArraySlice<UInt8>, _ masked: ArraySlice<UInt8>
    ) -> ArraySlice<UInt8> {
        guard let blank = argument.firstIndex(where: { $0 == 32 || $0 == 9 }) else { return masked }
        var masked = masked
        masked[masked.startIndex + (blank - raw.startIndex)] = 32
        return masked
    }

    /// AUTH mechanism [initial-response] (RFC 5034 §4). Without a mechanism old servers list theirs.
    private mutating func acceptAuth(
        _ command: POP3CommandLine<OctetView>, _ raw: ArraySlice<UInt8>, _ entry: inout Outstanding,
        _ remarks: inout Remarks
    ) {
        let (mechanism, rest) = command.argument.firstWord
        guard !mechanism.isEmpty else {
            remarks.blame(.pop3AuthWithoutMechanism)
            return
        }
        var follower = SASLFollower(mechanism)
        let initial = rest.trimmed
        if !initial.isEmpty {
            let reading = follower.response(raw.part(initial))
            if let masked = reading.masked {
                let hidden = raw[..<initial.startIndex] + masked + raw[initial.endIndex...]
                remarks.mask(Self.keepingSurplus(of: initial, raw, hidden))
            }
            if let credential = reading.credential { remarks.tell(.credential(credential)) }
            remarks.violations += reading.violations
            entry.hasResponded = true
        }
        if !SASLMechanism.isName(mechanism) {
            let start = mechanism.startIndex - raw.startIndex
            let shown = remarks.masked ?? raw
            remarks.mask(shown.masking(start..<(start + mechanism.count)))
        }
        client = .saslAwaiting(follower)
        heldBy = .auth
    }

    private mutating func acceptUnknown(
        _ command: POP3CommandLine<OctetView>, _ line: OctetView, _ raw: ArraySlice<UInt8>, _ entry: inout Outstanding,
        _ remarks: inout Remarks
    ) {
        if entry.shape == .submission {
            client = .submissionOffered
            heldBy = nil
        }
        remarks.blame(Self.isHTTPRequest(line) ? .pop3HTTPRequest : .pop3UnknownCommand)
        // What a listing or a message follows is known well enough; who reads the masked form must see it too.
        guard entry.shape == .line else { return }
        remarks.masked = maskedUnknown(raw)
        guard remarks.masked != nil else {
            remarks.masked = maskedArguments(raw)
            return
        }
        remarks.element = .command(Command(verb: "", isKnown: false))
        entry.isSecret = true
    }

    // MARK: Judging

    /// RFC 1939 §3: printable ASCII, parted by single spaces.
    private func judgeOctets(_ command: POP3CommandLine<OctetView>, _ line: OctetView, _ remarks: inout Remarks) {
        var isCR = false
        var isControl = false
        var isEightBit = false
        var isSpaced = line.first == 32
        var before: UInt8 = 0
        for octet in line {
            if octet < 33 {
                if octet == 32 {
                    if before == 32 { isSpaced = true }
                } else if octet == 13 {
                    isCR = true
                } else if octet == 9 {
                    isSpaced = true
                } else {
                    isControl = true
                }
            } else if octet >= 127 {
                if octet == 127 { isControl = true } else { isEightBit = true }
            }
            before = octet
        }
        if before == 32 { isSpaced = true }
        if isCR { remarks.blame(.pop3BareCR) }
        if isControl { remarks.blame(.pop3Control) }
        // PASS may hold spaces as a part of the password (RFC 1939 §7).
        if isSpaced, command.verb != .pass { remarks.blame(.pop3Spacing) }
        guard isEightBit, !wasLost else { return }
        switch command.verb {
        case .user, .pass, .apop:
            if let offer, !offer.capabilities.contains(.utf8User) { remarks.blame(.pop3EightBitLogin) }
        case .auth, .stls, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            if !gaveUTF8 { remarks.blame(.pop3EightBitCommand) }
        }
    }

    private func judgeLength(_ command: POP3CommandLine<OctetView>, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks)
    {
        guard raw.count > 255 else { return }
        let isInitial = command.verb == .auth && !command.argument.firstWord.rest.trimmed.isEmpty
        remarks.blame(isInitial ? .pop3AuthLength : .pop3CommandLength)
    }

    /// Is the command given where it may be? Only what cannot be otherwise is said: no reply is due that may change it.
    private func judgePlace(_ command: POP3CommandLine<OctetView>, _ entry: inout Outstanding, _ remarks: inout Remarks)
    {
        guard search == nil else { return }
        if phase == .update || pending.quits > 0 {
            remarks.blame(.pop3CommandAfterQuit)
            return
        }
        if let offer, !offer.capabilities.contains(.pipelining), !outstanding.isEmpty, !wasLost {
            remarks.blame(.pop3PipeliningNotOffered)
        }
        guard pending.turns == 0, let verb = command.verb else { return }
        switch phase {
        case .authorization: entry.isMisplaced = !verb.isForAuthorization
        case .transaction:
            // AUTH alone asks for the mechanisms; no RFC says where.
            entry.isMisplaced = !verb.isForTransaction && !(verb == .auth && command.argument.isEmpty)
        case .update, .unknown: return
        }
        if entry.isMisplaced { remarks.blame(.pop3WrongState) }
        guard let number = entry.number, phase == .transaction else { return }
        // A RSET that was not answered yet may take the mark away.
        if maildrop.isMarked(number), pending.resets == 0 { remarks.blame(.pop3MarkedNumber) }
    }

    private func judgeArguments(
        _ command: POP3CommandLine<OctetView>, _ entry: inout Outstanding, _ remarks: inout Remarks
    ) {
        switch command.fitness {
        case .good: return
        case .missing: remarks.blame(.pop3MissingArgument)
        case .surplus:
            remarks.blame(.pop3SurplusArgument)
            // Names with spaces are no names by RFC 1939 §3, but what the server makes of them is its own affair.
            if command.verb == .user || command.verb == .apop || command.verb == .auth { return }
        case .noNumber: remarks.blame(.pop3BadNumber)
        case .zero: remarks.blame(.pop3ZeroNumber)
        case .noLanguage: remarks.blame(.pop3BadLanguageRange)
        }
        entry.isMalformed = true
    }

    /// Is what the command needs offered? Nothing is said before the server gave a list.
    private func judgeOffer(_ command: POP3CommandLine<OctetView>, _ remarks: inout Remarks) {
        guard let offer, !wasLost, let verb = command.verb else { return }
        func lacks(_ capability: POP3Capabilities) -> Bool { !offer.capabilities.contains(capability) }
        switch verb {
        case .top: if lacks(.top) { remarks.blame(.pop3TopNotOffered) }
        case .uidl: if lacks(.uidl) { remarks.blame(.pop3UIDLNotOffered) }
        case .user: if lacks(.user) { remarks.blame(.pop3UserNotOffered) }
        case .stls: if lacks(.stls), !offer.isOfTransaction { remarks.blame(.pop3STLSNotOffered) }
        case .utf8: if lacks(.utf8) { remarks.blame(.pop3UTF8NotOffered) }
        case .lang: if lacks(.lang) { remarks.blame(.pop3LangNotOffered) }
        case .auth:
            let (mechanism, rest) = command.argument.firstWord
            guard !mechanism.isEmpty else { return }
            if lacks(.sasl) {
                remarks.blame(.pop3AuthNotOffered)
                if !rest.trimmed.isEmpty { remarks.blame(.pop3InitialResponseNotOffered) }
            } else if !offer.offers(mechanism: mechanism) {
                remarks.blame(.pop3MechanismNotOffered)
            }
        case .pass, .apop, .capa, .stat, .list, .retr, .dele, .noop, .rset, .last, .quit: break
        }
    }
}
