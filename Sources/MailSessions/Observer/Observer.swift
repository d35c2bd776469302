// Follows one connection from outside: octets in, notes and recorded events out. The passive capture, the reader of
// recordings and the live relay use it; it never changes anything.

import MailDialogue
import MailRecording

/// A tap with its books.
package struct Observer {
    /// Follows the protocol.
    /// For questions of the relay, which are asked for each chunk: an answer of the observer itself would copy it whole.
    package internal(set) var tap: MailTap
    /// The first octets come behind the login.
    var isLate = false
    /// What comes of a side is hidden in the recording, to the end of its content.
    private var clientLeftOut = false
    private var serverLeftOut = false
    /// Keeps what is recorded. For questions after each step as well: `book.summary.opaque` is read where it is.
    package private(set) var book: SessionBook
    /// Octets of either side within messages of which there is no note, since they were taken last.
    private var passed = PassedOctets()

    /// - Parameters:
    ///   - fingerprintKey: the recording's key for the marks of secrets.
    ///   - judgesMessages: messages are read and judged too.
    ///   - keepsText: messages are told with their text.
    ///   - keepsFields: header fields that are told with messages, their names in lower case.
    ///   - hashes: messages and contents are told with their SHA-256.
    ///   - keepsRows: exchanges and messages are told one by one, not only counted.
    ///   - keepsExchanges: of these rows exchanges are wanted too.
    ///   - tellsOctets: all octets are told, in notes and as what is to be recorded. Else those within messages come in no note,
    ///     unless there is something to say of them.
    package init(
        info: SessionInfo, fingerprintKey: [UInt8], judgesMessages: Bool = false, keepsText: Bool = false,
        keepsFields: [String] = [], hashes: Bool = true, keepsRows: Bool = true, keepsExchanges: Bool = true,
        tellsOctets: Bool = true,
        privacy: RecordingPrivacy = RecordingPrivacy()
    ) {
        tap = MailTap(info.mailProtocol, isInflated: info.isInflated, watchesEdge: true)
        // What is kept of the session is what its notes hold.
        var info = info
        info.isInflated = info.mailProtocol == .imap
        book = SessionBook(
            info: info, fingerprintKey: fingerprintKey, judgesMessages: judgesMessages, keepsText: keepsText,
            keepsFields: keepsFields, hashes: hashes, keepsRows: keepsRows, keepsExchanges: keepsExchanges,
            tellsOctets: tellsOctets,
            privacy: privacy)
    }

    /// Octets of which there was no note, since this was asked last.
    package mutating func takePassed() -> PassedOctets {
        defer { passed = PassedOctets() }
        return passed
    }

    /// Octets of `side` arrived. Follows those of which nothing is told, from the first on, and gives how many they are; the rest is for
    /// ``receive(_:from:at:events:notes:)``.
    package mutating func pass(_ octets: ArraySlice<UInt8>, from side: Side, at time: Int64) -> Int {
        guard book.mayPass(), !isLate, !clientLeftOut, !serverLeftOut else { return 0 }
        let count = tap.passContent(octets, from: side)
        guard count > 0 else { return 0 }
        book.pass(count == octets.count ? octets : octets.prefix(count), from: side, at: time)
        passed.add(count, side)
        return count
    }

    /// The same, with a time in nanoseconds.
    package mutating func pass(_ octets: ArraySlice<UInt8>, from side: Side, atNanosecond time: Int64) -> Int {
        pass(octets, from: side, at: clock(time))
    }

    /// What comes next is told with a time that has nanoseconds: packets are recorded with them, rows are made of the microseconds.
    /// - Parameter time: nanoseconds since 1970.
    /// - Returns: its microseconds, for the calls that follow.
    package mutating func clock(_ time: Int64) -> Int64 {
        book.fraction = NanosecondTime.fraction(time)
        return NanosecondTime.microseconds(time)
    }

    /// Goes on with the books of another, under TLS that was begun after STARTTLS or STLS.
    /// - Parameter exchange: the number of the last exchange that is in the books.
    package init(
        goingOn book: SessionBook, tls: TLSLeg?, upstreamTLS: TLSLeg?, after exchange: Int, at time: Int64,
        events: inout [RecordEvent]
    ) {
        tap = MailTap(book.summary.info.mailProtocol, watchesEdge: true)
        tap.beginUnderTLS(after: exchange)
        self.book = book
        self.book.learn(isInflated: book.summary.info.mailProtocol == .imap)
        self.book.secured(tls: tls, upstreamTLS: upstreamTLS, at: time, into: &events)
    }

    /// The session so far.
    package var summary: SessionSummary { book.summary }

    /// The relay knows now where it leads. To be called before ``open(into:)``.
    package mutating func learn(upstream: SocketAddress?) { book.learn(upstream: upstream) }

    /// The TLS of both legs is known now. To be called before ``open(into:)``.
    package mutating func learn(tls: TLSLeg?, upstreamTLS: TLSLeg?) { book.learn(tls: tls, upstreamTLS: upstreamTLS) }

    /// The connection is there. To be called first.
    package mutating func open(into events: inout [RecordEvent]) { book.open(into: &events) }

    /// Octets of `side` arrived. What is now understood is appended to `notes`, what is to be recorded to `events`.
    /// - Parameter time: microseconds since 1970.
    package mutating func receive(
        _ octets: ArraySlice<UInt8>, from side: Side, at time: Int64, events: inout [RecordEvent], notes: inout [Note]
    ) {
        let count = pass(octets, from: side, at: time)
        if count > 0, count == octets.count { return }
        receiveRest(
            count == 0 ? octets : octets.dropFirst(count), from: side, at: time, events: &events, notes: &notes)
    }

    /// The same for octets that ``pass(_:from:at:)`` left.
    package mutating func receiveRest(
        _ octets: ArraySlice<UInt8>, from side: Side, at time: Int64, events: inout [RecordEvent], notes: inout [Note]
    ) {
        if isLate { login(before: octets, from: side) }
        let first = notes.count
        tap.receive(octets, from: side, into: &notes)
        if clientLeftOut || serverLeftOut { markLeftOut(&notes, from: first) }
        book.accept(notes[first...], of: octets, at: time, into: &events)
    }

    /// TLS was begun after STARTTLS or STLS: from here on the octets are what came under it.
    package mutating func secured(
        tls: TLSLeg?, upstreamTLS: TLSLeg?, at time: Int64, events: inout [RecordEvent]
    ) {
        tap.beginUnderTLS()
        book.secured(tls: tls, upstreamTLS: upstreamTLS, at: time, into: &events)
    }

    /// TLS was agreed upon after STARTTLS or STLS, and the client did not come to its end with the handshake: no octet came under
    /// it.
    package mutating func unsecured(tls: TLSLeg?, upstreamTLS: TLSLeg?) {
        book.unsecured(tls: tls, upstreamTLS: upstreamTLS)
    }

    /// Octets of `side` are missing. The session is followed on from where it is certain again what the octets are.
    /// - Parameter octets: how many; 0 when that is not known.
    package mutating func lose(
        _ side: Side, octets: Int, at time: Int64, events: inout [RecordEvent], notes: inout [Note]
    ) {
        let first = notes.count
        tap.lose(side, octets > 0 ? octets : nil, into: &notes)
        // What waited to be understood comes before the gap, what the gap means behind it. A gap may be noted in two: the part
        // within content whose size is known, and the rest. It is one all the same.
        var from = first
        var isTold = false
        for index in notes.indices[first...] {
            guard !isTold, case .gap = notes[index].element else { continue }
            isTold = true
            book.accept(notes[from..<index], at: time, into: &events)
            book.lose(side, octets: octets, at: time, into: &events)
            from = index
        }
        book.accept(notes[from...], at: time, into: &events)
    }

    /// Who recorded the session knew this of what comes next from `side`.
    package mutating func tell(
        _ unseen: Unseen, of side: Side, at time: Int64, events: inout [RecordEvent], notes: inout [Note]
    ) {
        switch unseen {
        case .haste: tap.tellHaste(side)
        case .leftOut:
            switch side {
            case .client: clientLeftOut = true
            case .server: serverLeftOut = true
            }
        case .opaque(let reason):
            let first = notes.count
            tap.stop(reason, at: side, into: &notes)
            book.accept(notes[first...], at: time, into: &events)
        case .clear:
            let first = notes.count
            tap.goOnInClear(side, into: &notes)
            book.accept(notes[first...], at: time, into: &events)
        }
    }

    /// Says of content that its octets are hidden.
    private mutating func markLeftOut(_ notes: inout [Note], from first: Int) {
        for index in notes.indices[first...] {
            guard case .content = notes[index].element else { continue }
            switch notes[index].side {
            case .client where clientLeftOut: clientLeftOut = false
            case .server where serverLeftOut: serverLeftOut = false
            case .client, .server: continue
            }
            notes[index].facts.append(.leftOut)
        }
    }

    /// No more octets come from `side`.
    package mutating func end(_ side: Side, at time: Int64, events: inout [RecordEvent], notes: inout [Note]) {
        let first = notes.count
        tap.end(side, into: &notes)
        book.accept(notes[first...], at: time, into: &events)
    }

    /// The connection has ended. What was not whole is told as it is; the session's summary is the last event.
    package mutating func close(
        _ end: SessionEnd, at time: Int64, events: inout [RecordEvent], notes: inout [Note]
    ) {
        self.end(.client, at: time, events: &events, notes: &notes)
        self.end(.server, at: time, events: &events, notes: &notes)
        if endedAtEdge(end) {
            let first = notes.count
            tap.goOnInClear(.client, into: &notes)
            book.accept(notes[first...], at: time, into: &events)
        }
        book.close(end, at: time, into: &events)
    }

    /// A session that ends so has agreed upon TLS, and its client went away without a word of it.
    package func endedAtEdge(_ end: SessionEnd) -> Bool {
        switch end {
        case .closed, .reset: tap.isSilentAtEdge
        // TLS may have come when nobody looked any more.
        case .open, .timeout, .lost: false
        }
    }

    /// The packets of the session leave something in doubt.
    package mutating func doubt(_ doubt: PacketDoubt) { book.doubt(doubt) }

    /// A rule changed something in this exchange.
    package mutating func mark(exchange: Int, changedBy rule: String) { book.mark(exchange: exchange, changedBy: rule) }

    /// A rule set a tag.
    package mutating func tag(_ tag: String) { book.tag(tag) }
}

/// Octets of each side that were followed and told in no note.
package struct PassedOctets: Equatable, Sendable {
    package var client = 0
    package var server = 0

    package init() {}

    mutating func add(_ count: Int, _ side: Side) {
        switch side {
        case .client: client &+= count
        case .server: server &+= count
        }
    }
}
