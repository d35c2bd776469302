// What the server of a POP3 session says: the greeting, status lines, listings, challenges.

extension POP3Dialogue {
    mutating func acceptServer(_ raw: ArraySlice<UInt8>) -> Note {
        let (line, crlf) = raw.withoutLineEnd
        if search != nil, server == .replies { return seekServer(raw, line, crlf) }
        var note = Note(.server, .unknown, exchange: currentExchange, raw: raw)
        if serverLineIsCut {
            serverLineIsCut = false
            if POP3Status(line) == .none {
                note.element = .unplaced
                return note
            }
        }
        if !crlf { note.violations.append(.pop3ReplyBareLineEnd) }
        if line.contains(13) { note.violations.append(.pop3ReplyBareCR) }
        switch server {
        case .listing(var listing):
            // The machine lets go of the listing while it is changed, so that nothing of it is copied.
            server = .replies
            acceptListing(&listing, raw, line, &note)
        case .greetingPending: acceptGreeting(raw, line, &note)
        case .replies: acceptReply(raw, line, &note)
        case .message: break  // the demand was for content
        }
        return note
    }

    // MARK: Listings

    /// A line of a multi-line reply. The dot that ends it carries the status of the whole.
    private mutating func acceptListing(
        _ listing: inout POP3Listing, _ raw: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ note: inout Note
    ) {
        if line.count == 1, line.first == UInt8(ascii: ".") {
            endListing(listing, &note)
            complete()
            note.element = .reply(Reply(.ok, code: "+OK"))
            return
        }
        note.element = .data(listing.word, complete: true)
        switch listing.verb {
        case .list: acceptScanListing(&listing, line, &note)
        case .uidl: acceptIDListing(&listing, line, &note)
        case .capa:
            if raw.count > 512 { note.violations.append(.pop3CapabilityLength) }
            let capability = POP3CapabilityLine(line)
            listing.offer.add(capability)
            switch capability.flaw {
            case .form: note.violations.append(.pop3BadCapability)
            case .loginDelay: note.violations.append(.pop3BadLoginDelay)
            case .expire: note.violations.append(.pop3BadExpire)
            case nil: break
            }
            if capability.capability == .stls, phase == .transaction { note.violations.append(.pop3STLSInTransaction) }
        case .lang:
            let (tag, _) = line.firstWord
            if !tag.isLanguageTag { note.violations.append(.pop3BadLanguageListing) }
        case .user, .pass, .apop, .auth, .stls, .utf8, .stat, .retr, .top, .dele, .noop, .rset, .last, .quit, nil: break
        }
        server = .listing(listing)
    }

    /// Number, one space, size (RFC 1939 §5); more is discouraged.
    private mutating func acceptScanListing(
        _ listing: inout POP3Listing, _ line: ArraySlice<UInt8>, _ note: inout Note
    ) {
        guard let scan = POP3Scan(line), let size = scan.value.decimal else {
            listing.isSound = false
            note.violations.append(.pop3BadListingLine)
            return
        }
        if scan.hasMore { note.violations.append(.pop3ListingExtra) }
        judgeListed(scan.number, &listing, &note)
        let (sum, over) = listing.octets.addingReportingOverflow(size)
        if over { listing.isSound = false } else { listing.octets = sum }
        maildrop.tell(size: size, of: scan.number)
    }

    /// Number, one space, unique-id, and nothing behind (RFC 1939 §7).
    private mutating func acceptIDListing(
        _ listing: inout POP3Listing, _ line: ArraySlice<UInt8>, _ note: inout Note
    ) {
        guard let scan = POP3Scan(line) else {
            listing.isSound = false
            note.violations.append(.pop3BadListingLine)
            return
        }
        judgeListed(scan.number, &listing, &note)
        judgeID(scan, &note)
        if !listing.take(id: scan.value) { note.violations.append(.pop3IDTwice) }
    }

    private func judgeID(_ scan: POP3Scan, _ note: inout Note) {
        if scan.hasMore { note.violations.append(.pop3IDExtra) }
        if scan.value.count > 70 { note.violations.append(.pop3IDLength) }
        if !scan.value.allSatisfy({ $0 > 32 && $0 < 127 }) { note.violations.append(.pop3IDOctets) }
    }

    /// A message of this number is in the maildrop, says a listing.
    private mutating func judgeListed(_ number: Int, _ listing: inout POP3Listing, _ note: inout Note) {
        if !listing.take(number) { note.violations.append(.pop3NumberTwice) }
        if maildrop.lacks(number) { note.violations.append(.pop3NumberBeyondCount) }
        if maildrop.isMarked(number) {
            note.violations.append(.pop3MarkedListed)
            maildrop.doubtMarks()
        }
    }

    private mutating func endListing(_ listing: POP3Listing, _ note: inout Note) {
        switch listing.verb {
        case .capa:
            var fresh = listing.offer
            fresh.isOfTransaction = phase == .transaction
            if let offer, !wasLost, !offer.isOfTransaction, fresh.isOfTransaction {
                let gone = offer.capabilities.intersection(.ofBothStates).subtracting(fresh.capabilities)
                if !gone.isEmpty { note.violations.append(.pop3CapabilityWithdrawn) }
            }
            offer = fresh
        case .list, .uidl:
            guard listing.isSound else { return }
            if !maildrop.tell(unmarked: listing.lines) { note.violations.append(.pop3CountChanged) }
            if listing.verb == .list { maildrop.tell(octets: listing.octets) }
        case .user, .pass, .apop, .auth, .stls, .utf8, .lang, .stat, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            break
        }
    }

    // MARK: Greeting

    private mutating func acceptGreeting(_ raw: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        let status = POP3Status(line)
        note.exchange = 0
        if status != .ok { note.violations.append(.pop3BadGreeting) }
        guard status == .ok || status == .error else {
            strayLines += 1
            if strayLines >= DialogueLimits.linesBeforeGreeting {
                note.facts.append(.opaque(.notThisProtocol))
                becomeOpaque(.notThisProtocol)
            }
            return
        }
        if raw.count > 512 { note.violations.append(.pop3ReplyLength) }
        judgeText(status, line, &note)
        note.element = .greeting(Reply(status.reply, code: status.code))
        hasTimestamp = false
        if let start = line.firstIndex(of: UInt8(ascii: "<")) {
            // "<" stands in a greeting only at the front of a timestamp, which is a msg-id (RFC 2449 §3).
            let end = line[start...].firstIndex(of: UInt8(ascii: ">"))
            hasTimestamp = end != nil
            timestamp = end.map { SecretBytes(line[start...$0]) }
            let inside = line[(start + 1)..<(end ?? line.endIndex)]
            let halves = inside.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            let isGood =
                halves.count == 2 && halves.allSatisfy { !$0.isEmpty }
                && inside.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "<") }
            if end == nil || !isGood { note.violations.append(.pop3BadTimestamp) }
        }
        server = .replies
    }

    // MARK: Status lines

    private mutating func acceptReply(_ raw: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        let status = POP3Status(line)
        if status == .none, let tail {
            // No status begins so: it is the rest of the reply to a command that nobody knows.
            note.exchange = tail
            note.element = .data("", complete: true)
            return
        }
        if raw.count > 512, status != .challenge { note.violations.append(.pop3ReplyLength) }
        guard let head = outstanding.first else {
            if phase == .update {
                note.violations.append(.pop3ReplyAfterQuit)
            } else if wasLost {
                note.element = .unplaced
                note.violations = []
            } else {
                note.violations.append(.pop3UnsolicitedReply)
            }
            return
        }
        if status == .challenge { return acceptChallenge(head, line, &note) }
        guard status != .none else {
            if wasLost {
                note.element = .unplaced
            } else {
                note.violations.append(.pop3BadReply)
            }
            return
        }
        tail = nil
        if phase == .update { note.violations.append(.pop3ReplyAfterQuit) }
        judgeText(status, line, &note)
        // In a greeting text may follow without a space (RFC 2449 §3), nowhere else.
        if let next = line.dropFirst(status.length).first, next != 32 { note.violations.append(.pop3BadReply) }
        judgeResponseCode(status, head, line, &note)
        if status == .ok { judgeAcceptance(head, line, &note) }
        var reply = Reply(status.reply, code: status.code)
        if status == .ok { open(head, &reply) }
        note.element = .reply(reply)
        if head.isSecret { note.masked = note.raw.masking(status.length..<note.raw.count) }
        if reply.isLast { complete() }
        settle(head, accepted: status == .ok, &note)
        if head.shape == .submission, status == .ok, !reply.isLast { note.element = .goAhead }
    }

    private mutating func acceptChallenge(
        _ head: Outstanding, _ line: ArraySlice<UInt8>, _ note: inout Note
    ) {
        guard head.verb == .auth, case .saslAwaiting(var follower) = client else {
            if wasLost {
                note.element = .unplaced
            } else {
                note.violations.append(.pop3UnexpectedChallenge)
            }
            return
        }
        note.element = .challenge
        // "A line with only a "+", followed by a single space" (RFC 5034 §4).
        if line.count == 1 { note.violations.append(.pop3ChallengeForm) }
        note.violations += follower.challenge(line.dropFirst(2))
        client = .saslResponse(follower)
    }

    /// What +OK opens.
    private mutating func open(_ head: Outstanding, _ reply: inout Reply) {
        switch head.shape {
        case .line: break
        case .listing(let word):
            server = .listing(POP3Listing(word, head.verb))
            reply.isLast = false
        case .message(let carrier, let section):
            let kind = Content.Kind.message(carrier)
            server = .message(Content(kind, dotStuffed: true, exchange: head.exchange, section: section))
            reply.isLast = false
        case .submission:
            guard client == .submissionOffered else { break }
            client = .submission(Content(.message(.data), dotStuffed: true, exchange: head.exchange))
            reply.isLast = false
        }
    }

    /// What the reply means for the session.
    private mutating func settle(_ head: Outstanding, accepted: Bool, _ note: inout Note) {
        switch head.verb {
        case .user:
            if !accepted, case .named(let name) = account, head.exchange == exchange { account = .refused(name) }
        case .pass, .apop:
            note.facts.append(.login(accepted: accepted))
            if accepted { logIn() }
        case .auth where head.shape == .line:
            note.facts.append(.login(accepted: accepted))
            if accepted { logIn() }
            switch client {
            case .saslAwaiting(let follower), .saslResponse(let follower):
                client = .commands
                if accepted { mayHaveSecurityLayer = follower.mayInstallLayer }
                mayLeakSecret = true
            case .commands, .tlsOffered, .submissionOffered, .submission: break
            }
        case .stls:
            if accepted {
                becomeOpaque(.tls)
                note.facts.append(.opaque(.tls))
            } else if client == .tlsOffered {
                client = .commands
            }
        case .utf8:
            guard accepted else { return }
            allowsUTF8Replies = true
            maildrop.forgetSizes()
        case .lang: if accepted { allowsUTF8Replies = true }
        case .dele: if accepted, let number = head.number { maildrop.mark(number) }
        case .rset: if accepted { maildrop.unmarkAll() }
        case .quit:
            // In the UPDATE state the server closes whether the removal was successful or not (RFC 1939 §6).
            if accepted || phase == .transaction, !head.isMalformed { phase = .update }
        case nil:
            if accepted, head.shape == .line { tail = head.exchange }
            // What was submitted has its own reply; a refusal is the only one.
            if head.shape == .submission, !accepted, client == .submissionOffered { client = .commands }
        case .auth, .capa, .stat, .list, .uidl, .retr, .top, .noop, .last: break
        }
    }

    private mutating func logIn() {
        phase = phase == .authorization || phase == .unknown ? .transaction : .unknown
        maildrop = POP3Maildrop()
    }

    // MARK: Judging

    /// The words of a status line, whatever it answers.
    private func judgeText(_ status: POP3Status, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        if !line.starts(with: status.code.utf8) { note.violations.append(.pop3StatusCase) }
        if !allowsUTF8Replies, !wasLost, line.reduce(0, { $0 | $1 }) > 127 {
            note.violations.append(.pop3EightBitReply)
        }
    }

    private func judgeResponseCode(
        _ status: POP3Status, _ head: Outstanding, _ line: ArraySlice<UInt8>, _ note: inout Note
    ) {
        // Without CAPA nobody knows whether a bracket is a code or a bracket.
        guard let offer, let code = POP3ResponseCode(line.dropFirst(status.length + 1)) else { return }
        guard offer.capabilities.contains(.respCodes) else {
            if code.name != .other, !wasLost { note.violations.append(.pop3ResponseCodeNotOffered) }
            return
        }
        if !code.isWellFormed {
            note.violations.append(.pop3BadResponseCode)
        } else if !code.mayAnswer(head.verb, accepted: status == .ok) {
            note.violations.append(.pop3MisplacedResponseCode)
        }
    }

    /// May the server accept this, and is +OK what it must be for this command?
    private mutating func judgeAcceptance(_ head: Outstanding, _ line: ArraySlice<UInt8>, _ note: inout Note) {
        if head.isMalformed { note.violations.append(.pop3MalformedAccepted) }
        if head.isCancelled { note.violations.append(.pop3CancelIgnored) }
        var isMisplaced = head.isMisplaced
        if let verb = head.verb, !wasLost {
            // All replies before were seen: the phase is the one in which the server took the command.
            if phase == .authorization, !verb.isForAuthorization { isMisplaced = true }
            if phase == .transaction, !verb.isForTransaction, head.shape == .line { isMisplaced = true }
        }
        if isMisplaced {
            note.violations.append(.pop3MisplacedAccepted)
            phase = .unknown
        }
        if head.verb == .auth, head.shape == .line, !head.hasResponded, !head.isCancelled, !wasLost {
            note.violations.append(.pop3AuthWithoutExchange)
        }
        judgeNumber(head, &note)
        let text = line.dropFirst(4)
        switch head.verb {
        case .stat: acceptStat(text, &note)
        case .list where head.shape == .line:
            guard let scan = POP3Scan(text), let size = scan.value.decimal else {
                return note.violations.append(.pop3BadListingLine)
            }
            if scan.hasMore { note.violations.append(.pop3ListingExtra) }
            if scan.number != head.number { return note.violations.append(.pop3OtherNumber) }
            maildrop.tell(size: size, of: scan.number)
        case .uidl where head.shape == .line:
            guard let scan = POP3Scan(text) else { return note.violations.append(.pop3BadListingLine) }
            if scan.number != head.number { note.violations.append(.pop3OtherNumber) }
            judgeID(scan, &note)
        case .lang where head.shape == .line:
            // "+OK", a space, the tag, "and another space" (RFC 6856 §3.2).
            let tag = text.firstWord.word
            if !tag.isLanguageTag || tag.endIndex == text.endIndex { note.violations.append(.pop3BadLangReply) }
        case .user, .pass, .apop, .auth, .stls, .capa, .utf8, .lang, .list, .uidl, .retr, .top, .dele, .noop, .rset,
            .last, .quit, nil:
            break
        }
    }

    /// The server says that there is a message of the number that the command names.
    private mutating func judgeNumber(_ head: Outstanding, _ note: inout Note) {
        guard let number = head.number, !head.isMalformed else { return }
        if maildrop.lacks(number) { note.violations.append(.pop3NumberBeyondCount) }
        if maildrop.isMarked(number) {
            note.violations.append(.pop3MarkedAccepted)
            maildrop.doubtMarks()
        }
    }

    /// A drop listing: count, one space, octets (RFC 1939 §5); more is discouraged.
    private mutating func acceptStat(_ text: ArraySlice<UInt8>, _ note: inout Note) {
        guard let (count, octets, hasMore) = Self.dropListing(text) else { return note.violations.append(.pop3BadStat) }
        if hasMore { note.violations.append(.pop3ListingExtra) }
        if !maildrop.tell(unmarked: count, octets: octets) { note.violations.append(.pop3CountChanged) }
    }
}

extension POP3Dialogue {
    /// The numbers of a drop listing, and whether more stands behind them.
    static func dropListing(_ text: ArraySlice<UInt8>) -> (count: Int, octets: Int, hasMore: Bool)? {
        guard let space = text.firstIndex(of: 32), let count = text[..<space].decimal else { return nil }
        let rest = text[(space + 1)...]
        let end = rest.firstIndex(of: 32) ?? rest.endIndex
        guard let octets = rest[..<end].decimal else { return nil }
        return (count, octets, !rest[end...].trimmed.isEmpty)
    }
}

/// A line that speaks of one message: number, one space, value.
struct POP3Scan: Equatable {
    var number: Int
    var value: ArraySlice<UInt8>
    /// Something stands behind the value.
    var hasMore: Bool

    /// Nil when it does not begin with a message number, one space and a value.
    init?(_ line: ArraySlice<UInt8>) {
        guard let space = line.firstIndex(of: 32) else { return nil }
        guard let number = line[..<space].decimal, number > 0 else { return nil }
        self.number = number
        let rest = line[(space + 1)...]
        let end = rest.firstIndex(of: 32) ?? rest.endIndex
        value = rest[..<end]
        hasMore = !rest[end...].trimmed.isEmpty
        if value.isEmpty { return nil }
    }
}
