// Finds the messages in the notes of a session: undoes transparency, joins the chunks of BDAT, the texts of CATENATE, the pieces of
// partial FETCH, and a header and a text that were fetched one behind the other. It keeps no octets.

import MailDialogue

/// Follows the content of a session and tells a sink where messages begin, go on and end.
package struct MessageAssembler: Sendable {
    /// What may be joined to the message that is open.
    private enum Continuation: Equatable {
        /// Nothing: it ends with its content.
        case none
        /// Further chunks (RFC 3030 §2).
        case chunks
        /// Further texts of one CATENATE (RFC 4469 §3).
        case catenation
        /// Of the message with this number: octets of the same part from `next` on, or, when the header is whole, the text.
        case pieces(number: Int, part: FetchItem.Part, next: Int?)
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
        /// The item of FETCH that it is, when it is no message so far; empty for messages.
        var section = ""
        /// A content was joined to an earlier one.
        var wasJoined = false
        var unstuffer: DotUnstuffer?
        var altered = false
        /// The last exchange that had a part in it.
        var exchange = 0

        /// It may go on with an item of a FETCH response.
        var awaitsPieces: Bool {
            guard isOpen, !inContent, case .pieces = continuation else { return false }
            return true
        }
    }

    /// Partial FETCH commands whose length is remembered.
    private static let rememberedFetches = 256

    private var client = Slot()
    private var server = Slot()
    /// Lengths that FETCH commands asked for, oldest first.
    private var fetches: [(exchange: Int, length: Int)] = []
    /// The message of the FETCH response that is under way.
    private var fetchNumber = 0
    private var fetchLines = FetchLines()
    private var catenateLines = CatenateLines()
    /// A part of the CATENATE that is under way is not in it.
    private var lacksPart = false

    package init() {}

    /// The content that is under way belongs to a message, or is a part of one.
    func isInMessage(_ side: Side) -> Bool { side == .client ? client.inContent : server.inContent }

    /// Nothing of the message came before the content that is under way.
    func isAtStart(_ side: Side) -> Bool { side == .client ? !client.wasJoined : !server.wasJoined }

    /// A whole response may belong to the message that is open.
    var awaitsResponse: Bool { server.awaitsPieces }

    /// Takes the next note of the session, of either side.
    package mutating func accept<Sink: MessageSink>(_ note: Note, _ sink: inout Sink) {
        switch note.element {
        case .content:
            if !note.isPlain, note.facts.contains(.leftOut) { leaveOut(note.side, &sink) }
            switch note.side {
            case .client: Self.pass(note.raw, .client, &client, &sink)
            case .server: Self.pass(note.raw, .server, &server, &sink)
            }
        case .contentBegin(let content):
            switch note.side {
            case .client: begin(content, .client, &client, &sink)
            case .server: begin(content, .server, &server, &sink)
            }
        case .contentEnd:
            switch note.side {
            case .client: Self.endContent(.client, &client, &sink)
            case .server: Self.endContent(.server, &server, &sink)
            }
        case .command(let command): acceptCommand(command, note, &sink)
        case .commandPart:
            if catenateLines.isInside || client.continuation == .catenation { catenate(note.raw, &sink) }
        case .data(let keyword, let isComplete): acceptData(keyword, isComplete, note, &sink)
        case .dataPart: acceptFetch(note, isFirst: false, &sink)
        case .gap:
            switch note.side {
            case .client: Self.lose(note, .client, &client, &sink)
            case .server: Self.lose(note, .server, &server, &sink)
            }
        case .opaque: close(&sink)
        case .greeting, .reply, .goAhead, .challenge, .response, .done, .incomplete, .unplaced, .unknown: break
        }
    }

    /// Octets of the content that is under way, of which there is no note.
    mutating func pass<Sink: MessageSink>(_ octets: ArraySlice<UInt8>, _ side: Side, _ sink: inout Sink) {
        switch side {
        case .client: Self.pass(octets, .client, &client, &sink)
        case .server: Self.pass(octets, .server, &server, &sink)
        }
    }

    /// The session has ended: what is open stays incomplete.
    package mutating func close<Sink: MessageSink>(_ sink: inout Sink) {
        Self.end(.client, &client, complete: false, &sink)
        Self.end(.server, &server, complete: false, &sink)
    }

    // MARK: Lines

    private mutating func acceptCommand<Sink: MessageSink>(_ command: Command, _ note: Note, _ sink: inout Sink) {
        switch command.verb {
        case "FETCH", "UID FETCH":
            guard let length = FetchItem.requestedLength(note.raw) else { return }
            if fetches.count >= Self.rememberedFetches { fetches.removeFirst() }
            fetches.append((note.exchange, length))
        case "BDAT": break
        case "APPEND", "REPLACE", "UID REPLACE":
            catenateLines = CatenateLines()
            if !command.isComplete { catenate(note.raw, &sink) }
        case "SELECT", "EXAMINE", "CLOSE", "UNSELECT":
            // The numbers of messages are others from here on.
            if server.awaitsPieces { Self.end(.server, &server, complete: false, &sink) }
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

    /// A line of a command that carries messages.
    private mutating func catenate<Sink: MessageSink>(_ line: ArraySlice<UInt8>, _ sink: inout Sink) {
        for event in catenateLines.take(line) {
            switch event {
            case .url:
                lacksPart = true
                if client.continuation == .catenation { client.isPart = true }
            case .end:
                lacksPart = false
                guard client.continuation == .catenation else { continue }
                Self.end(.client, &client, complete: true, &sink)
            }
        }
    }

    private mutating func acceptData<Sink: MessageSink>(
        _ keyword: String, _ isComplete: Bool, _ note: Note, _ sink: inout Sink
    ) {
        switch keyword {
        case "FETCH", "UIDFETCH":
            guard !isComplete || server.awaitsPieces else { return }
            fetchNumber = FetchItem.messageNumber(note.raw)
            acceptFetch(note, isFirst: true, &sink)
        case "EXPUNGE", "VANISHED":
            // The numbers of messages are others from here on.
            if server.awaitsPieces { Self.end(.server, &server, complete: false, &sink) }
        default: break
        }
    }

    /// A line of a FETCH response.
    private mutating func acceptFetch<Sink: MessageSink>(_ note: Note, isFirst: Bool, _ sink: inout Sink) {
        guard isFirst || fetchNumber > 0 else { return }
        for value in fetchLines.take(note.raw, isFirst: isFirst) where server.awaitsPieces {
            let content = Content(
                .message(.fetch), size: value.octets.count, exchange: note.exchange, section: value.item)
            begin(content, .server, &server, &sink)
            Self.pass(value.octets[...], .server, &server, &sink)
            Self.endContent(.server, &server, &sink)
        }
        // The size may stand behind the octets.
        guard case .pieces(fetchNumber, .whole, let next?) = server.continuation, server.awaitsPieces,
            next == fetchLines.size
        else { return }
        Self.end(.server, &server, complete: true, &sink)
    }

    // MARK: Content

    private func begin<Sink: MessageSink>(
        _ content: Content, _ side: Side, _ slot: inout Slot, _ sink: inout Sink
    ) {
        guard case .message(let carrier) = content.kind, !content.secret else { return }
        switch carrier {
        case .data, .lmtp, .retr: Self.open(content, carrier, side, .none, &slot, &sink)
        case .top:
            Self.open(content, carrier, side, .none, &slot, &sink)
            slot.isPart = true
        case .append:
            guard !content.section.isEmpty else {
                Self.open(content, carrier, side, .none, &slot, &sink)
                return
            }
            if slot.isOpen, slot.continuation == .catenation, slot.exchange == content.exchange {
                slot.wasJoined = true
                slot.inContent = true
            } else {
                Self.open(content, carrier, side, .catenation, &slot, &sink)
                slot.isPart = lacksPart
            }
        case .bdat:
            if slot.isOpen, slot.continuation == .chunks {
                slot.wasJoined = true
            } else {
                Self.open(content, carrier, side, .chunks, &slot, &sink)
            }
            slot.continuation = content.continues ? .chunks : .none
            slot.inContent = true
            slot.exchange = content.exchange
        case .fetch: beginFetch(content, side, &slot, &sink)
        }
    }

    private func beginFetch<Sink: MessageSink>(
        _ content: Content, _ side: Side, _ slot: inout Slot, _ sink: inout Sink
    ) {
        let item = FetchItem(content.section)
        let origin = item.origin ?? 0
        if Self.continues(slot, with: item, of: fetchNumber) {
            slot.wasJoined = true
            // The text makes a message of the header.
            if item.part == .text, slot.section.isEmpty || FetchItem(slot.section).part == .header { slot.section = "" }
        } else {
            Self.open(content, .fetch, side, .none, &slot, &sink, section: item.part == .whole ? "" : item.name)
            slot.isBroken = origin > 0
        }
        slot.inContent = true
        slot.exchange = content.exchange
        let size = content.size ?? 0
        let (next, overflow) = origin.addingReportingOverflow(size)
        let asked = fetches.last { $0.exchange == content.exchange }?.length
        // A piece shorter than what was asked for is the last one.
        let isLast =
            item.origin == nil || overflow || size == 0 || asked.map { size < $0 } ?? false
            || item.part == .whole && fetchLines.size == next
        switch (isLast, item.part) {
        case (false, _): slot.continuation = .pieces(number: fetchNumber, part: item.part, next: next)
        case (true, .header): slot.continuation = .pieces(number: fetchNumber, part: .header, next: nil)
        case (true, .whole), (true, .text), (true, .other): slot.continuation = .none
        }
    }

    /// The item goes on where the open one ended.
    private static func continues(_ slot: Slot, with item: FetchItem, of message: Int) -> Bool {
        guard slot.awaitsPieces, message > 0,
            case .pieces(message, let part, let next) = slot.continuation
        else { return false }
        guard let next else { return part == .header && item.part == .text && (item.origin ?? 0) == 0 }
        guard part == item.part, let origin = item.origin, origin > 0, origin == next else { return false }
        return part != .other || item.name.utf8.elementsEqual(slot.section.utf8)
    }

    private static func open<Sink: MessageSink>(
        _ content: Content, _ carrier: Carrier, _ side: Side, _ continuation: Continuation, _ slot: inout Slot,
        _ sink: inout Sink, section: String = ""
    ) {
        end(side, &slot, complete: false, &sink)
        slot = Slot(isOpen: true, inContent: true, continuation: continuation, exchange: content.exchange)
        slot.section = section
        if content.dotStuffed { slot.unstuffer = DotUnstuffer() }
        sink.begin(MessageStart(carrier: carrier, exchange: content.exchange, side: side, section: section))
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

    /// The octets of the content that is under way are hidden from here on.
    private mutating func leaveOut<Sink: MessageSink>(_ side: Side, _ sink: inout Sink) {
        switch side {
        case .client:
            guard client.inContent else { return }
            client.isBroken = true
        case .server:
            guard server.inContent else { return }
            server.isBroken = true
        }
        sink.leaveOut(side)
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
        case .chunks, .pieces, .catenation: break
        }
    }

    private static func end<Sink: MessageSink>(
        _ side: Side, _ slot: inout Slot, complete: Bool, _ sink: inout Sink
    ) {
        guard slot.isOpen else { return }
        // A header is whole though its text may follow.
        var complete = complete
        if case .pieces(_, .header, next: nil) = slot.continuation, !slot.inContent { complete = true }
        slot.isOpen = false
        slot.inContent = false
        slot.continuation = .none
        if slot.section.isEmpty {
            sink.end(side, complete: complete && !slot.isBroken && !slot.isPart, exchange: slot.exchange)
        } else {
            sink.endPart(side, slot.section, complete: complete && !slot.isBroken, exchange: slot.exchange)
        }
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
