// Finds the messages in the notes of a session: undoes transparency, joins the chunks of BDAT and the pieces of partial
// FETCH. It keeps no octets.

import MailDialogue

/// Follows the content of a session and tells a sink where messages begin, go on and end.
package struct MessageAssembler: Sendable {
    /// What may be joined to the message that is open.
    private enum Continuation: Equatable {
        /// Nothing: it ends with its content.
        case none
        /// Further chunks (RFC 3030 §2).
        case chunks
        /// Pieces of the same message that follow on one another.
        case pieces(number: Int, next: Int)
    }

    /// The message that a side sends.
    private struct Slot {
        /// `begin` was told and `end` was not.
        var isOpen = false
        /// Octets of it are under way.
        var inContent = false
        var continuation = Continuation.none
        /// Octets of it are known to be missing.
        var isBroken = false
        /// It is a part by nature: TOP.
        var isPart = false
        /// A content was joined to an earlier one.
        var wasJoined = false
        var unstuffer: DotUnstuffer?
        var altered = false
        /// The last exchange that had a part in it.
        var exchange = 0
    }

    /// Partial FETCH commands whose length is remembered.
    private static let rememberedFetches = 256

    private var client = Slot()
    private var server = Slot()
    /// Lengths that FETCH commands asked for, oldest first.
    private var fetches: [(exchange: Int, length: Int)] = []
    /// The message of the FETCH response that is under way.
    private var fetchNumber = 0

    package init() {}

    /// The content that is under way belongs to a message.
    func isInMessage(_ side: Side) -> Bool { side == .client ? client.inContent : server.inContent }

    /// Nothing of the message came before the content that is under way.
    func isAtStart(_ side: Side) -> Bool { side == .client ? !client.wasJoined : !server.wasJoined }

    /// Takes the next note of the session, of either side.
    package mutating func accept<Sink: MessageSink>(_ note: Note, _ sink: inout Sink) {
        switch note.element {
        case .content:
            switch note.side {
            case .client: Self.pass(note.raw, .client, &client, &sink)
            case .server: Self.pass(note.raw, .server, &server, &sink)
            }
        case .contentBegin(let content):
            switch note.side {
            case .client: Self.begin(content, .client, piece(of: content), &client, &sink)
            case .server: Self.begin(content, .server, piece(of: content), &server, &sink)
            }
        case .contentEnd:
            switch note.side {
            case .client: Self.endContent(.client, &client, &sink)
            case .server: Self.endContent(.server, &server, &sink)
            }
        case .command(let command): acceptCommand(command, note, &sink)
        case .data("FETCH", complete: false): fetchNumber = FetchItem.messageNumber(note.raw) ?? 0
        case .gap:
            switch note.side {
            case .client: Self.lose(note, .client, &client, &sink)
            case .server: Self.lose(note, .server, &server, &sink)
            }
        case .opaque: close(&sink)
        case .greeting, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done, .incomplete,
            .unplaced, .unknown:
            break
        }
    }

    /// The session has ended: what is open stays incomplete.
    package mutating func close<Sink: MessageSink>(_ sink: inout Sink) {
        Self.end(.client, &client, complete: false, &sink)
        Self.end(.server, &server, complete: false, &sink)
    }

    private mutating func acceptCommand<Sink: MessageSink>(_ command: Command, _ note: Note, _ sink: inout Sink) {
        switch command.verb {
        case "FETCH", "UID FETCH":
            guard let length = FetchItem.requestedLength(note.raw) else { return }
            if fetches.count >= Self.rememberedFetches { fetches.removeFirst() }
            fetches.append((note.exchange, length))
        case "BDAT": break
        default:
            // Whatever else the client sends, the transaction with the chunks is over or the chunks go on behind it.
            guard client.continuation == .chunks, client.isOpen, Self.endsTransaction(command.verb) else { return }
            Self.end(.client, &client, complete: false, &sink)
        }
    }

    private static func endsTransaction(_ verb: String) -> Bool {
        switch verb {
        case "MAIL", "RSET", "EHLO", "HELO", "LHLO", "DATA", "QUIT": true
        default: false
        }
    }

    // MARK: Content

    /// What is known of the FETCH response that a content is in.
    private struct Fetch {
        var number: Int
        /// The length that the command asked for.
        var asked: Int?
    }

    private func piece(of content: Content) -> Fetch {
        Fetch(
            number: fetchNumber,
            asked: content.section.isEmpty ? nil : fetches.last { $0.exchange == content.exchange }?.length)
    }

    private static func begin<Sink: MessageSink>(
        _ content: Content, _ side: Side, _ fetch: Fetch, _ slot: inout Slot, _ sink: inout Sink
    ) {
        guard case .message(let carrier) = content.kind, !content.secret else { return }
        switch carrier {
        case .data, .lmtp, .retr: open(content, carrier, side, .none, &slot, &sink)
        case .top:
            open(content, carrier, side, .none, &slot, &sink)
            slot.isPart = true
        case .append:
            // Text literals of CATENATE stand between parts that only the server has (RFC 4469 §3).
            open(content, carrier, side, .none, &slot, &sink)
            slot.isPart = !content.section.isEmpty
        case .bdat:
            if slot.isOpen, slot.continuation == .chunks {
                slot.wasJoined = true
            } else {
                open(content, carrier, side, .chunks, &slot, &sink)
            }
            slot.continuation = content.continues ? .chunks : .none
            slot.inContent = true
            slot.exchange = content.exchange
        case .fetch: beginFetch(content, side, fetch, &slot, &sink)
        }
    }

    private static func beginFetch<Sink: MessageSink>(
        _ content: Content, _ side: Side, _ fetch: Fetch, _ slot: inout Slot, _ sink: inout Sink
    ) {
        switch FetchItem(content.section) {
        case .section: return
        case .whole: open(content, .fetch, side, .none, &slot, &sink)
        case .partial(let origin):
            let follows = slot.isOpen && origin > 0 && slot.continuation == .pieces(number: fetch.number, next: origin)
            if follows {
                slot.wasJoined = true
            } else {
                open(content, .fetch, side, .none, &slot, &sink)
                slot.isBroken = origin > 0
            }
            let (next, overflow) = origin.addingReportingOverflow(content.size ?? 0)
            // A piece shorter than what was asked for is the last one.
            let isLast = overflow || (fetch.asked.map { (content.size ?? 0) < $0 } ?? false)
            slot.continuation = isLast ? .none : .pieces(number: fetch.number, next: next)
            slot.inContent = true
            slot.exchange = content.exchange
        }
    }

    private static func open<Sink: MessageSink>(
        _ content: Content, _ carrier: Carrier, _ side: Side, _ continuation: Continuation, _ slot: inout Slot,
        _ sink: inout Sink
    ) {
        end(side, &slot, complete: false, &sink)
        slot = Slot(isOpen: true, inContent: true, continuation: continuation, exchange: content.exchange)
        if content.dotStuffed { slot.unstuffer = DotUnstuffer() }
        sink.begin(MessageStart(carrier: carrier, exchange: content.exchange, side: side))
    }

    private static func pass<Sink: MessageSink>(
        _ piece: ArraySlice<UInt8>, _ side: Side, _ slot: inout Slot, _ sink: inout Sink
    ) {
        guard slot.inContent else { return }
        guard slot.unstuffer != nil, let parts = slot.unstuffer?.parts(of: piece) else {
            sink.bytes(piece, side)
            return
        }
        if !slot.altered {
            slot.altered = true
            sink.willAlter(side)
        }
        for part in parts { sink.bytes(part, side) }
    }

    /// Octets are missing: inside of the message that is under way, or where its next chunk may have stood.
    private static func lose<Sink: MessageSink>(
        _ note: Note, _ side: Side, _ slot: inout Slot, _ sink: inout Sink
    ) {
        guard slot.isOpen else { return }
        slot.isBroken = true
        if note.facts.contains(.contentCut) || !slot.inContent { end(side, &slot, complete: false, &sink) }
    }

    private static func endContent<Sink: MessageSink>(_ side: Side, _ slot: inout Slot, _ sink: inout Sink) {
        guard slot.inContent else { return }
        slot.inContent = false
        switch slot.continuation {
        case .none: end(side, &slot, complete: true, &sink)
        case .chunks, .pieces: break
        }
    }

    private static func end<Sink: MessageSink>(
        _ side: Side, _ slot: inout Slot, complete: Bool, _ sink: inout Sink
    ) {
        guard slot.isOpen else { return }
        slot.isOpen = false
        slot.inContent = false
        slot.continuation = .none
        sink.end(side, complete: complete && !slot.isBroken && !slot.isPart, exchange: slot.exchange)
    }
}

/// Streams the messages of a session to a sink, in constant memory.
package struct MessageExtractor<Sink: MessageSink> {
    package var sink: Sink
    private var assembler = MessageAssembler()

    package init(_ sink: Sink) { self.sink = sink }

    /// Takes the next notes of the session.
    package mutating func accept(_ notes: ArraySlice<Note>) {
        for note in notes { assembler.accept(note, &sink) }
    }

    /// The session has ended.
    package mutating func close() { assembler.close(&sink) }
}
