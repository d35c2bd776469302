// Finds the messages in the notes of a session: undoes transparency, joins the chunks of BDAT, the texts of CATENATE, the pieces of
// partial FETCH, and a header and a text that were fetched apart (`MessageAssembler+Fetch.swift`). It keeps no octets but those of
// pieces that came before what precedes them.

import MailDialogue

/// Follows the content of a session and tells a sink where messages begin, go on and end.
package struct MessageAssembler: Sendable {
    /// What may be joined to the message that is open.
    enum Continuation: Equatable {
        /// Nothing: it ends with its content.
        case none
        /// Further chunks (RFC 3030 §2).
        case chunks
        /// Further texts of one CATENATE (RFC 4469 §3).
        case catenation
        /// What the desk of pieces knows.
        case pieces
    }

    /// The message that a side sends.
    struct Slot {
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
        /// What its octets say of it, when nobody saw which command asked for it. A list, so that others take no room for it.
        var presumed: [PresumedMessage] = []
        var altered = false
        /// The last exchange that had a part in it.
        var exchange = 0

        /// It may go on with an item of a FETCH response.
        var awaitsPieces: Bool { isOpen && !inContent && continuation == .pieces }
    }

    /// Commands that open or close a mailbox whose reply is awaited, at most.
    private static let mostOpening = 16

    private var client = Slot()
    var server = Slot()
    /// What waits for further pieces. A list, so that sessions without such take no room for it.
    var desk: [FetchDesk] = []
    /// The message of the FETCH response that is under way.
    var fetched = FetchedMessage()
    var fetchLines = FetchLines()
    /// The exchanges of commands that open or close a mailbox: from their replies on, numbers are those of other messages.
    private var opening: [Int] = []
    /// Pieces that came before what precedes them and were too large, or too many, to be kept: their messages stay incomplete.
    package internal(set) var notKept = 0
    private var catenateLines = CatenateLines()
    /// A part of the CATENATE that is under way is not in it.
    private var lacksPart = false

    package init() {}

    /// The content that is under way belongs to a message, or is a part of one.
    func isInMessage(_ side: Side) -> Bool { side == .client ? client.inContent : server.inContent }

    /// Nothing of the message came before the content that is under way.
    func isAtStart(_ side: Side) -> Bool { side == .client ? !client.wasJoined : !server.wasJoined }

    /// A whole response may belong to a message that waits.
    var awaitsResponse: Bool { !desk.isEmpty && desk[0].isWaiting }

    /// Something waits, which a command that nobody can place may end.
    var holdsWaiting: Bool { !desk.isEmpty || !opening.isEmpty }

    /// A tagged reply may end what waits.
    var awaitsReply: Bool { !opening.isEmpty }

    /// Takes the next note of the session, of either side.
    package mutating func accept<Sink: MessageSink>(_ note: Note, _ sink: inout Sink) {
        switch note.element {
        case .content:
            if !note.isPlain, note.facts.contains(.leftOut) { leaveOut(note.side, &sink) }
            switch note.side {
            case .client: Self.pass(note.raw, .client, &client, &sink)
            case .server: passServer(note.raw, &sink)
            }
        case .contentBegin(let content): begin(content, note.side, &sink)
        case .contentEnd:
            switch note.side {
            case .client: Self.endContent(.client, &client, &sink)
            case .server: endServerContent(&sink)
            }
        case .command(let command):
            acceptCommand(command, note, &sink)
            if !desk.isEmpty { endWholeBySize(&sink) }
        case .commandPart:
            if catenateLines.isInside || client.continuation == .catenation { catenate(note.raw, &sink) }
        case .data(let keyword, let isComplete): acceptData(keyword, isComplete, note, &sink)
        case .dataPart: acceptFetch(note, isFirst: false, &sink)
        case .gap: lose(note, &sink)
        case .reply: if !opening.isEmpty { acceptReply(note, &sink) }
        case .opaque: close(&sink)
        // It may have opened another mailbox.
        case .unplaced where note.side == .client && holdsWaiting:
            endWaiting(&sink)
            opening = []
        case .greeting, .goAhead, .challenge, .response, .done, .incomplete, .unplaced, .unknown: break
        }
    }

    /// Octets of the content that is under way, of which there is no note.
    mutating func pass<Sink: MessageSink>(_ octets: ArraySlice<UInt8>, _ side: Side, _ sink: inout Sink) {
        switch side {
        case .client: Self.pass(octets, .client, &client, &sink)
        case .server: passServer(octets, &sink)
        }
    }

    /// The session has ended: what is open stays incomplete.
    package mutating func close<Sink: MessageSink>(_ sink: inout Sink) {
        Self.end(.client, &client, complete: false, &sink)
        if server.inContent { endServer(complete: false, &sink) }
        endWaiting(&sink)
        desk = []
        opening = []
    }

    // MARK: Lines

    private mutating func acceptCommand<Sink: MessageSink>(_ command: Command, _ note: Note, _ sink: inout Sink) {
        switch command.verb {
        case "FETCH", "UID FETCH":
            let requests = FetchRequest.all(in: note.raw, exchange: note.exchange)
            guard !requests.isEmpty else { return }
            if desk.isEmpty { desk.append(FetchDesk()) }
            desk[0].ask(requests)
        case "BDAT": break
        case "APPEND", "REPLACE", "UID REPLACE":
            catenateLines = CatenateLines()
            if !command.isComplete { catenate(note.raw, &sink) }
        case "SELECT", "EXAMINE", "CLOSE", "UNSELECT", "UNAUTHENTICATE":
            // Answers to commands before it may still come.
            if opening.count >= Self.mostOpening {
                opening.removeFirst()
                endWaiting(&sink)
            }
            opening.append(note.exchange)
        default:
            // Whatever else the client sends, the transaction with the chunks is over or the chunks go on behind it.
            guard client.continuation == .chunks, client.isOpen, Self.endsTransaction(command.verb) else { return }
            Self.end(.client, &client, complete: false, &sink)
        }
    }

    /// The mailbox that is open is another one now, or none.
    private mutating func acceptReply<Sink: MessageSink>(_ note: Note, _ sink: inout Sink) {
        guard let place = opening.firstIndex(of: note.exchange) else { return }
        opening.remove(at: place)
        endWaiting(&sink)
        if desk.first?.isEmpty == true { desk = [] }
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

    // MARK: Content

    private mutating func begin<Sink: MessageSink>(_ content: Content, _ side: Side, _ sink: inout Sink) {
        guard case .message(let carrier) = content.kind, !content.secret else { return }
        switch side {
        case .client: Self.begin(content, carrier, .client, lacksPart, &client, &sink)
        case .server:
            if carrier == .fetch { return beginFetch(content, &sink) }
            Self.begin(content, carrier, .server, lacksPart, &server, &sink)
        }
    }

    private static func begin<Sink: MessageSink>(
        _ content: Content, _ carrier: Carrier, _ side: Side, _ lacksPart: Bool, _ slot: inout Slot, _ sink: inout Sink
    ) {
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
        // Only servers send it.
        case .fetch: break
        }
    }

    static func open<Sink: MessageSink>(
        _ content: Content, _ carrier: Carrier, _ side: Side, _ continuation: Continuation, _ slot: inout Slot,
        _ sink: inout Sink, section: String = ""
    ) {
        end(side, &slot, complete: false, &sink)
        slot = Slot(isOpen: true, inContent: true, continuation: continuation, exchange: content.exchange)
        slot.section = section
        if content.dotStuffed { slot.unstuffer = DotUnstuffer() }
        if content.isPresumed { slot.presumed = [PresumedMessage(size: content.size)] }
        sink.begin(
            MessageStart(
                carrier: carrier, exchange: content.exchange, side: side, section: section,
                isPresumed: content.isPresumed))
    }

    static func pass<Sink: MessageSink>(
        _ piece: ArraySlice<UInt8>, _ side: Side, _ slot: inout Slot, _ sink: inout Sink
    ) {
        guard slot.inContent else { return }
        guard slot.unstuffer != nil, let parts = slot.unstuffer?.parts(of: piece) else {
            if !slot.presumed.isEmpty { slot.presumed[0].take(piece) }
            sink.bytes(piece, side)
            return
        }
        if !slot.altered {
            slot.altered = true
            sink.willAlter(side)
        }
        for part in parts {
            if !slot.presumed.isEmpty { slot.presumed[0].take(part) }
            sink.bytes(part, side)
        }
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
            keepNothing()
        }
        sink.leaveOut(side)
    }

    /// Octets are missing: inside of the message that is under way, or where its next chunk may have stood; or a command or response
    /// that changes the numbers of messages.
    private mutating func lose<Sink: MessageSink>(_ note: Note, _ sink: inout Sink) {
        let isCut = note.facts.contains(.contentCut)
        switch note.side {
        case .client:
            if client.isOpen {
                client.isBroken = true
                if isCut || !client.inContent { Self.end(.client, &client, complete: false, &sink) }
            }
        case .server:
            if server.inContent {
                server.isBroken = true
                keepNothing()
                if isCut { endServer(complete: false, &sink) }
            }
        }
        endWaiting(&sink)
    }

    static func endContent<Sink: MessageSink>(_ side: Side, _ slot: inout Slot, _ sink: inout Sink) {
        guard slot.inContent else { return }
        slot.inContent = false
        switch slot.continuation {
        case .none: end(side, &slot, complete: slot.presumed.first?.isWhole ?? true, &sink)
        case .chunks, .pieces, .catenation: break
        }
    }

    static func end<Sink: MessageSink>(
        _ side: Side, _ slot: inout Slot, complete: Bool, _ sink: inout Sink
    ) {
        guard slot.isOpen else { return }
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

    /// Pieces of messages that came too early, and were too large or too many to be kept.
    package var notKept: Int { assembler.notKept }

    package init(_ sink: Sink) { self.sink = sink }

    /// Takes the next notes of the session.
    package mutating func accept(_ notes: ArraySlice<Note>) {
        for note in notes { assembler.accept(note, &sink) }
    }

    /// The session has ended.
    package mutating func close() { assembler.close(&sink) }
}
