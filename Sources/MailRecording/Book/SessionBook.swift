// Keeps the books of a session: notes come in, the events that are recorded go out. Pure; the live relay, the observer
// of captures and the reader of recordings use the same one, so that all three tell the same of a session.
//
// Frugal, as it runs on the relay's thread: a piece of content costs a digest and a count, a listing line a look at its
// violations.

import Crypto
import MailDialogue

/// The books of one session.
package struct SessionBook {
    /// Exchanges that are open at the same time at most; beyond that the oldest is booked as it is.
    static let mostOpen = 4096
    /// Messages that await the verdict of the server at most.
    private static let mostSettling = 256
    /// Credentials that await the verdict of the server at most.
    private static let mostPending = 64
    /// Exchanges of which a rule was told before their command, at most.
    private static let mostForetold = 64

    /// The session so far.
    package internal(set) var summary: SessionSummary
    private let fingerprintKey: [UInt8]
    /// What becomes of secrets.
    let secrets: RecordingPrivacy.Secrets
    /// The scope of the session; none when all is recorded. A list, so that books without one take no more room for it.
    var scope: [SessionScope] = []
    /// Exchanges and messages are told one by one.
    let keepsRows: Bool
    /// Exchanges are told, when rows are.
    let keepsExchanges: Bool
    /// Octets are told.
    let tellsOctets: Bool
    /// What rules changed and was not told yet, when rows are not kept.
    var untold: [(exchange: Int, rule: String)] = []
    /// The command lines whose exchange is not complete, by number.
    private var open: [Int: OpenExchange] = [:]
    private var oldestOpen = 0
    var lastNumber = 0
    /// Rules that changed something in an exchange whose command is yet to be booked: a rule is told of as soon as it hits.
    var foretold: [Int: [String]] = [:]
    /// The content that is under way.
    var clientContent: OpenContent?
    var serverContent: OpenContent?
    var messages = MessageAssembler()
    var ledger = MessageLedger()
    /// Messages whose octets came and whose verdict did not.
    private var settling: [MessageLedger.Ended] = []
    private var envelope = Envelope()
    private var pending: [CredentialRecord] = []
    /// Violations of frames that belong to no open exchange; the next one takes them.
    private var stray: [Violation] = []
    private var isClosed = false
    /// Nanoseconds beyond the microseconds of the times that are given next, 0 to 999: who has them says so before.
    package var fraction = 0

    private struct Envelope {
        var reversePath = ""
        var recipients: [String] = []
    }

    struct OpenContent {
        var exchange: Int
        var bytes = 0
    }

    /// - Parameters:
    ///   - fingerprintKey: the recording's key for the marks of secrets.
    ///   - judgesMessages: messages are read and judged too, which costs more than all else together.
    ///   - keepsText: messages are told with their text.
    ///   - keepsFields: header fields that are told with messages, their names in lower case.
    ///   - hashes: messages and contents are told with their SHA-256, which costs as much as following them.
    ///   - keepsRows: exchanges and messages are told one by one. Else they are only counted: who records a busy server reads
    ///     them from the recording when there is time.
    ///   - keepsExchanges: of these rows exchanges are wanted too; else they are only counted.
    ///   - tellsOctets: octets are told, as they are recorded. Who only wants to know what they mean needs none.
    ///   - privacy: what is not recorded.
    package init(
        info: SessionInfo, fingerprintKey: [UInt8], judgesMessages: Bool = false, keepsText: Bool = false,
        keepsFields: [String] = [], hashes: Bool = true, keepsRows: Bool = true, keepsExchanges: Bool = true,
        tellsOctets: Bool = true,
        privacy: RecordingPrivacy = RecordingPrivacy()
    ) {
        summary = SessionSummary(info: info)
        self.keepsRows = keepsRows
        self.keepsExchanges = keepsExchanges
        self.tellsOctets = tellsOctets
        ledger.hashes = hashes
        ledger.hashesWire = keepsExchanges
        ledger.judges = judgesMessages
        ledger.keepsText = keepsText
        ledger.keepsFields = keepsFields
        self.fingerprintKey = fingerprintKey
        secrets = privacy.secrets
        if let decide = privacy.scopes { scope = [SessionScope(info, decide)] }
    }

    /// The relay knows now where it leads. To be called before ``open(into:)``.
    package mutating func learn(upstream: SocketAddress?) { summary.info.upstream = upstream }

    /// The TLS of both legs is known now. To be called before ``open(into:)``.
    package mutating func learn(tls: TLSLeg?, upstreamTLS: TLSLeg?) {
        summary.info.tls = tls
        summary.info.upstreamTLS = upstreamTLS
        if tls != nil, tls?.failure == nil, !scope.isEmpty { scope[0].learnTLS() }
    }

    /// What was deflated on the wire is kept inflated, or it is not.
    package mutating func learn(isInflated: Bool) { summary.info.isInflated = isInflated }

    /// The session begins.
    package mutating func open(into events: inout [RecordEvent]) {
        guard scope.isEmpty else { return scoped(&events) { $0.open(into: &$1) } }
        events.append(.opened(summary.info))
    }

    /// TLS was begun after STARTTLS or STLS: what was under way in clear is over.
    package mutating func secured(
        tls: TLSLeg?, upstreamTLS: TLSLeg?, at time: Int64, into events: inout [RecordEvent]
    ) {
        guard scope.isEmpty else {
            return scoped(secures: true, &events) {
                $0.secured(tls: tls, upstreamTLS: upstreamTLS, at: time, into: &$1)
            }
        }
        learn(tls: tls, upstreamTLS: upstreamTLS)
        settleAll(&events)
        envelope = Envelope()
        clientContent = nil
        serverContent = nil
        summary.touch(time, fraction)
        // Its octets are followed on.
        summary.opaque = nil
        events.append(.secured(summary.info, time: NanosecondTime.of(time, fraction)))
    }

    /// TLS was agreed upon after STARTTLS or STLS, and the client did not come to its end with the handshake: the session is over,
    /// and nothing of it was left unfollowed.
    package mutating func unsecured(tls: TLSLeg?, upstreamTLS: TLSLeg?) {
        learn(tls: tls, upstreamTLS: upstreamTLS)
        summary.opaque = nil
    }

    /// The next notes of the session, in order.
    /// - Parameters:
    ///   - chunk: octets that most of the notes were cut from. What is told of them is then told as one piece, not as one a note.
    ///   - time: microseconds since 1970, of the octets that made the notes.
    ///   - leg: where they were seen. What the server's leg shows is kept as octets only.
    package mutating func accept(
        _ notes: ArraySlice<Note>, of chunk: ArraySlice<UInt8> = [], at time: Int64, leg: Leg = .client,
        into events: inout [RecordEvent]
    ) {
        guard !notes.isEmpty else { return }
        guard scope.isEmpty else { return acceptScoped(notes, at: time, leg: leg, into: &events) }
        if !untold.isEmpty { tellChanges(&events) }
        if tellsOctets { appendOctets(notes, of: chunk, time, leg, &events) } else { countOctets(notes, leg) }
        guard leg == .client else { return }
        summary.touch(time, fraction)
        // Where they are: a copy of a note counts up all that it holds.
        notes.withUnsafeBufferPointer { notes in
            for index in notes.indices {
                if keepsRows {
                    book(notes[index], time, &events)
                } else if !notes.isContent(at: index) || !notes.isPlain(at: index) {
                    count(notes[index], &events)
                }
            }
        }
    }

    /// The next notes of the session, in order.
    package mutating func accept(
        _ notes: [Note], at time: Int64, leg: Leg = .client, into events: inout [RecordEvent]
    ) {
        accept(notes[...], at: time, leg: leg, into: &events)
    }

    /// Octets of a side are missing in a capture. To be told before the notes that follow from it.
    package mutating func lose(
        _ side: Side, octets: Int, at time: Int64, leg: Leg = .client, into events: inout [RecordEvent]
    ) {
        guard scope.isEmpty else {
            return scoped(&events) { $0.lose(side, octets: octets, at: time, leg: leg, into: &$1) }
        }
        events.append(
            .gap(
                session: summary.info.id, leg: leg, side: side, time: NanosecondTime.of(time, fraction),
                octets: max(octets, 0)))
        if leg == .client { summary.gaps += 1 }
    }

    /// A rule changed something in this exchange.
    package mutating func mark(exchange number: Int, changedBy rule: String) {
        if !scope.isEmpty { scope[0].learnChange() }
        guard let changed = open[number]?.row.changed else {
            guard keepsRows else {
                noteChange(number, rule)
                return
            }
            guard number > lastNumber, foretold[number] != nil || foretold.count < Self.mostForetold else { return }
            if foretold[number, default: []].contains(rule) { return }
            foretold[number, default: []].append(rule)
            return
        }
        if !changed.contains(rule) { open[number]?.row.changed.append(rule) }
    }

    /// A rule set a tag.
    package mutating func tag(_ tag: String) {
        if !summary.tags.contains(tag) { summary.tags.append(tag) }
    }

    /// The session has ended: what is open is booked as it is.
    package mutating func close(_ end: SessionEnd, at time: Int64, into events: inout [RecordEvent]) {
        guard !isClosed else { return }
        guard scope.isEmpty else { return scoped(isLast: true, &events) { $0.close(end, at: time, into: &$1) } }
        isClosed = true
        summary.touch(time, fraction)
        settleAll(&events)
        if !untold.isEmpty { tellChanges(&events) }
        summary.end = end
        events.append(.closed(summary))
    }

    /// Books what is open as it is.
    private mutating func settleAll(_ events: inout [RecordEvent]) {
        guard keepsRows else {
            countMessages { $0.close(&$1) }
            foretold = [:]
            for credential in pending { append(credential, &events) }
            pending = []
            return
        }
        messages.close(&ledger)
        collectMessages(&events)
        settle(upTo: Int.max, &events)
        for credential in pending { append(credential, &events) }
        pending = []
        for number in open.keys.sorted() { complete(number, &events) }
    }

    // MARK: Rows

    private mutating func book(_ note: Note, _ time: Int64, _ events: inout [RecordEvent]) {
        switch note.element {
        case .content:
            messages.accept(note, &ledger)
            switch note.side {
            case .client where clientContent == nil: open[note.exchange]?.take(literal: note.publicOctets)
            case .client: clientContent?.bytes += note.raw.count
            case .server: serverContent?.bytes += note.raw.count
            }
            ledger.wire(note.raw, note.side)
        case .contentBegin(let content):
            begin(content, note)
            collectMessages(&events)
        case .contentEnd:
            endContent(note, time, &events)
            collectMessages(&events)
        case .command(let command):
            begin(command, note, time, &events)
            messages.accept(note, &ledger)
            collectMessages(&events)
        case .greeting(let reply):
            guard keepsExchanges else {
                countGreeting()
                break
            }
            if open[0] == nil, lastNumber == 0 {
                begin(Exchange(number: 0, time: time, command: "", line: ""), &events)
            }
            open[note.exchange]?.take(reply, note.publicOctets, summary.info.mailProtocol, time)
        case .reply(let reply):
            if messages.awaitsReply {
                messages.accept(note, &ledger)
                collectMessages(&events)
            }
            guard keepsExchanges else { break }
            open[note.exchange]?.take(reply, note.publicOctets, summary.info.mailProtocol, time)
        case .opaque:
            messages.accept(note, &ledger)
            collectMessages(&events)
        case .gap:
            messages.accept(note, &ledger)
            if note.facts.contains(.contentCut) { cutContent(note, time) }
            collectMessages(&events)
        case .data(_, complete: false), .dataPart, .commandPart:
            messages.accept(note, &ledger)
            collectMessages(&events)
        case .data:
            guard messages.awaitsResponse else { break }
            messages.accept(note, &ledger)
            collectMessages(&events)
        case .unplaced where note.side == .client && messages.holdsWaiting:
            messages.accept(note, &ledger)
            collectMessages(&events)
        case .goAhead, .challenge, .response, .done, .incomplete, .unplaced, .unknown: break
        }
        if !note.isPlain {
            for violation in note.violations { book(violation, note.exchange) }
            for fact in note.facts { book(fact, note, &events) }
        }
        guard keepsExchanges else { return }
        switch note.element {
        case .greeting, .reply, .contentEnd: completeIfAnswered(note.exchange, &events)
        case .content, .contentBegin, .command, .opaque, .commandPart, .data, .dataPart, .goAhead, .challenge,
            .response, .done, .incomplete, .gap, .unplaced, .unknown:
            break
        }
    }

    private mutating func begin(_ command: Command, _ note: Note, _ time: Int64, _ events: inout [RecordEvent]) {
        guard keepsExchanges else { return countCommand(note.exchange) }
        let line = note.publicOctets.withoutLineEnd.line
        begin(
            Exchange(
                number: note.exchange, time: time, command: command.verb,
                line: line.prefix(OpenExchange.longestLine).text),
            &events)
        if !command.isComplete, summary.info.mailProtocol == .imap { open[note.exchange]?.awaitName() }
    }

    private mutating func begin(_ row: Exchange, _ events: inout [RecordEvent]) {
        if open.count >= Self.mostOpen {
            while open[oldestOpen] == nil, oldestOpen < lastNumber { oldestOpen += 1 }
            complete(oldestOpen, &events)
        }
        var row = row
        row.violations = stray
        stray = []
        row.changed = foretold.removeValue(forKey: row.number) ?? []
        lastNumber = max(lastNumber, row.number)
        open[row.number] = OpenExchange(row)
    }

    /// Books the exchange when its reply is complete and no content of it is under way. What ends the cleartext stays
    /// open, as the octets behind it can be its violations.
    private mutating func completeIfAnswered(_ number: Int, _ events: inout [RecordEvent]) {
        guard open[number]?.isAnswered == true, summary.opaque == nil else { return }
        guard clientContent?.exchange != number, serverContent?.exchange != number else { return }
        complete(number, &events)
    }

    private mutating func complete(_ number: Int, _ events: inout [RecordEvent]) {
        guard let exchange = open.removeValue(forKey: number) else { return }
        summary.exchanges += 1
        events.append(.exchange(session: summary.info.id, exchange.finished))
    }

    private mutating func book(_ violation: Violation, _ number: Int) {
        summary.violations += 1
        insertFinding(violation.code)
        guard keepsExchanges else { return }
        if open[number] != nil {
            open[number]?.add(violation)
        } else if stray.count < OpenExchange.mostViolations {
            stray.append(violation)
        }
    }

    mutating func insertFinding(_ code: String) {
        guard !summary.findings.contains(code) else { return }
        summary.findings.insert(code, at: summary.findings.firstIndex { $0 > code } ?? summary.findings.count)
    }

    // MARK: Content

    private mutating func begin(_ content: Content, _ note: Note) {
        messages.accept(note, &ledger)
        let side = note.side
        guard keepsExchanges, case .message = content.kind, !content.secret else {
            ledger.beginWire(side, nil)
            return
        }
        // The message's own digest serves for the wire too, as long as it begins here and nothing is taken out.
        let shares = messages.isInMessage(side) && messages.isAtStart(side)
        ledger.beginWire(side, shares || !ledger.hashes ? nil : SHA256())
        let new = OpenContent(exchange: content.exchange)
        switch side {
        case .client: clientContent = new
        case .server: serverContent = new
        }
    }

    /// Where the content ends is not known: what was seen of it is booked.
    private mutating func cutContent(_ note: Note, _ time: Int64) {
        let content: OpenContent?
        switch note.side {
        case .client:
            content = clientContent
            clientContent = nil
        case .server:
            content = serverContent
            serverContent = nil
        }
        guard let content else { return }
        open[content.exchange]?.take(
            content: ledger.wireDigest(note.side), content.bytes, note.side, time, isReply: false)
    }

    private mutating func endContent(_ note: Note, _ time: Int64, _ events: inout [RecordEvent]) {
        let content: OpenContent?
        switch note.side {
        case .client:
            content = clientContent
            clientContent = nil
            if content == nil { open[note.exchange]?.endLiteral() }
        case .server:
            content = serverContent
            serverContent = nil
        }
        if let content {
            let isReply = note.side == .server && summary.info.mailProtocol == .pop3
            open[content.exchange]?.take(
                content: ledger.wireDigest(note.side), content.bytes, note.side, time, isReply: isReply)
        }
        messages.accept(note, &ledger)
    }

    // MARK: Messages

    /// Takes the messages that have ended out of the ledger; those of SMTP wait for the server's verdict and the
    /// envelope.
    private mutating func collectMessages(_ events: inout [RecordEvent]) {
        guard !ledger.ended.isEmpty else { return }
        for message in ledger.ended {
            for flaw in message.flaws { book(Violation(flaw.flaw, by: message.side), message.exchange) }
            switch message.record.carrier {
            case .data, .bdat, .lmtp: settling.append(message)
            case .retr, .top, .fetch, .append: append(message.record, &events)
            }
        }
        ledger.ended = []
        if settling.count > Self.mostSettling, let oldest = settling.first { settle(upTo: oldest.exchange, &events) }
    }

    private mutating func settle(upTo exchange: Int, _ events: inout [RecordEvent]) {
        while let first = settling.first, first.exchange <= exchange {
            settling.removeFirst()
            var record = first.record
            record.from = MessageLedger.clip(envelope.reversePath)
            record.to = envelope.recipients
            append(record, &events)
        }
    }

    private mutating func append(_ record: MessageRecord, _ events: inout [RecordEvent]) {
        summary.messages += 1
        events.append(.message(session: summary.info.id, record))
    }

    // MARK: Facts

    private mutating func book(_ fact: Fact, _ note: Note, _ events: inout [RecordEvent]) {
        let exchange = note.exchange
        switch fact {
        case .credential(let credential): remember(credential, note, &events)
        case .login(let accepted): judge(accepted, exchange, &events)
        case .reversePath(let mailbox): envelope = Envelope(reversePath: mailbox)
        case .recipient(let mailbox):
            guard envelope.recipients.count < MessageLedger.mostRecipients else { break }
            envelope.recipients.append(MessageLedger.clip(mailbox))
        case .messageAccepted, .messageRefused: settle(upTo: exchange, &events)
        case .opaque(let reason): summary.opaque = summary.opaque ?? reason
        case .clear: if summary.opaque == .tls { summary.opaque = nil }
        case .clientName, .recipientRefused, .transactionReset, .mailbox, .contentCut, .leftOut, .resumed: break
        }
    }

    mutating func remember(_ credential: Credential, _ note: Note, _ events: inout [RecordEvent]) {
        let account = MessageLedger.clip(credential.account)
        let record = CredentialRecord(
            exchange: note.exchange, mechanism: credential.mechanism, account: account,
            fingerprint: Fingerprint.of(credential.secret, key: fingerprintKey), outcome: .unknown)
        if summary.user == nil, !account.isEmpty { summary.user = account }
        // No reply will be known to be the one to it, and another login may seem to be of the same exchange.
        if note.element == .unplaced { return append(record, &events) }
        // An unknown mechanism shows something in each of its steps: that is one credential all the same.
        if let index = pending.firstIndex(where: { $0.exchange == note.exchange && $0.mechanism == record.mechanism }) {
            pending[index] = record
            return
        }
        if pending.count >= Self.mostPending { append(pending.removeFirst(), &events) }
        pending.append(record)
    }

    mutating func judge(_ accepted: Bool, _ exchange: Int, _ events: inout [RecordEvent]) {
        guard let index = pending.firstIndex(where: { $0.exchange == exchange }) else { return }
        var record = pending.remove(at: index)
        record.outcome = accepted ? .accepted : .refused
        if accepted, !record.account.isEmpty { summary.user = record.account }
        append(record, &events)
    }

    private mutating func append(_ record: CredentialRecord, _ events: inout [RecordEvent]) {
        summary.credentials += 1
        judge(record)
        events.append(.credential(session: summary.info.id, record))
    }
}
