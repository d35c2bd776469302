// Messages out of FETCH responses, whole or in pieces (RFC 9051 §6.4.5, §7.5.2). Clients ask for several messages at once, for all
// headers before the texts, for pieces in any order; servers answer commands that wait in any order (§5.5). What waits is set aside.

import MailDialogue

extension MessageAssembler {
    // MARK: Lines

    mutating func acceptData<Sink: MessageSink>(
        _ keyword: String, _ isComplete: Bool, _ note: Note, _ sink: inout Sink
    ) {
        switch keyword {
        case "FETCH", "UIDFETCH":
            guard !isComplete || awaitsResponse else { return }
            let number = UInt32(exactly: FetchItem.messageNumber(note.raw)) ?? 0
            // With UIDONLY there are no other numbers (RFC 9586).
            fetched = keyword == "FETCH" ? FetchedMessage(number: number) : FetchedMessage(uid: number)
            acceptFetch(note, isFirst: true, isWhole: isComplete, &sink)
        case "EXPUNGE":
            guard awaitsResponse else { return }
            park(&sink)
            let number = UInt32(exactly: FetchItem.messageNumber(note.raw)) ?? 0
            for stream in desk[0].expunge(number) { finish(stream, &sink) }
        case "VANISHED":
            guard awaitsResponse else { return }
            park(&sink)
            let words = note.raw.withoutLineEnd.line.firstWord.rest.firstWord.rest
            let isEarlier = words.firstWord.word.equalsIgnoringCase("(EARLIER)")
            let gone = desk[0].vanish(isEarlier ? words.firstWord.rest : words, isEarlier: isEarlier)
            for stream in gone { finish(stream, &sink) }
        // Another mailbox is open, whether or not its SELECT was seen (RFC 9051 §7.1, RFC 7162 §3.2.11); or the same one has other UIDs,
        // and so other messages (RFC 9051 §2.3.1.1).
        case "OK":
            guard awaitsResponse else { return }
            let text = note.raw.withoutLineEnd.line.firstWord.rest.firstWord.rest
            if text.hasPrefixIgnoringCase("[CLOSED]") || text.hasPrefixIgnoringCase("[UIDVALIDITY ") {
                endWaiting(&sink)
            }
        default: break
        }
    }

    /// A line of a FETCH response.
    /// - Parameter isWhole: it is all of the response.
    mutating func acceptFetch<Sink: MessageSink>(
        _ note: Note, isFirst: Bool, isWhole: Bool = false, _ sink: inout Sink
    ) {
        guard isFirst || fetched != FetchedMessage() else { return }
        let values = fetchLines.take(note.raw, isFirst: isFirst)
        if fetched.uid == 0, let uid = fetchLines.uid { fetched.uid = uid }
        if awaitsResponse { desk[0].learn(fetched, size: fetchLines.size) }
        for value in values {
            let item = FetchItem(value.item)
            // A text may come before its header.
            let isExpected =
                desk.first?.expects(item, of: fetched) == true || !isWhole && item.part == .text && item.origin == nil
            guard isExpected else { continue }
            let content = Content(
                .message(.fetch), size: value.octets.count, exchange: note.exchange, section: value.item)
            beginFetch(content, &sink)
            passServer(value.octets[...], &sink)
            endServerContent(&sink)
        }
        // The size may stand behind the octets, and may be what tells whether they are all.
        let isOver = note.element.isLastOfResponse
        guard awaitsResponse, fetchLines.size != nil || isOver, !server.inContent else { return }
        if let open = desk[0].open, open.message.isSame(as: fetched), open.part == .whole, open.origin == 0, open.hasEnd
        {
            endServer(complete: true, &sink)
        }
        while let stream = desk[0].takeWhole(of: fetched) { finish(stream, &sink) }
    }

    // MARK: Content

    mutating func beginFetch<Sink: MessageSink>(_ content: Content, _ sink: inout Sink) {
        let item = FetchItem(content.section)
        if server.inContent { endServer(complete: false, &sink) }
        let section = item.part == .whole ? "" : item.name
        guard item.mayGoOn || awaitsResponse else {
            // What nearly all clients do.
            Self.open(content, .fetch, .server, .none, &server, &sink, section: section)
            return
        }
        if desk.isEmpty { desk.append(FetchDesk()) }
        var stream: FetchStream
        if server.awaitsPieces, let open = desk[0].open, open.goesOn(with: item, of: fetched) {
            stream = open
            join(item, &stream)
        } else {
            park(&sink)
            if let waiting = desk[0].take(with: item, of: fetched) {
                stream = waiting
                resume(stream, &sink)
                join(item, &stream)
            } else {
                while let old = desk[0].take(repeatedBy: item, of: fetched) { finish(old, &sink) }
                endExcess(&sink)
                Self.open(content, .fetch, .server, .none, &server, &sink, section: section)
                guard item.mayGoOn else { return }
                stream = FetchStream(
                    key: desk[0].nextKey(), message: fetched, part: item.part, name: item.name,
                    origin: item.origin ?? 0)
                // It is of use when what precedes it comes.
                if stream.origin > 0 || item.part == .text { stream.kept = 0 }
            }
        }
        server.continuation = .pieces
        server.inContent = true
        server.exchange = max(server.exchange, content.exchange)
        let size = content.size ?? 0
        let (next, overflow) = (item.origin ?? 0).addingReportingOverflow(size)
        let asked = item.origin == nil ? nil : desk[0].asked(item, of: fetched, in: content.exchange)
        if item.part == .whole { stream.size = fetchLines.size ?? stream.size }
        stream.isEnded = item.origin == nil || overflow || size == 0
        stream.isShort = asked.map { size < $0 } ?? false
        stream.next = next
        desk[0].open = stream
        reserve(size, &sink)
    }

    /// The item goes on with what came of the message.
    private mutating func join(_ item: FetchItem, _ stream: inout FetchStream) {
        server.wasJoined = true
        guard item.part == .text, stream.part == .header else { return }
        // The text makes a message of the header.
        stream.part = .text
        server.section = ""
    }

    mutating func passServer<Sink: MessageSink>(_ octets: ArraySlice<UInt8>, _ sink: inout Sink) {
        Self.pass(octets, .server, &server, &sink)
        guard Sink.takesOctets, !desk.isEmpty, server.inContent, desk[0].open?.kept != nil else { return }
        desk[0].open?.octets += octets
    }

    mutating func endServerContent<Sink: MessageSink>(_ sink: inout Sink) {
        guard !desk.isEmpty, server.inContent, var stream = desk[0].open else {
            Self.endContent(.server, &server, &sink)
            return
        }
        server.inContent = false
        // Its octets are not shared while they are changed.
        desk[0].open = nil
        while let early = desk[0].take(behind: stream) { absorb(early, &stream, &sink) }
        desk[0].open = stream
        if stream.origin > 0 {
            // Nothing makes it whole any more.
            if stream.hasEnd || stream.size == stream.next, stream.kept == nil { endServer(complete: false, &sink) }
        } else if stream.hasEnd, stream.part != .header, stream.kept == nil {
            // A size may stand behind a short piece.
            let mayBeMore = stream.part == .whole && !stream.isEnded && stream.size == nil
            if !mayBeMore { endServer(complete: true, &sink) }
        }
    }

    /// What came early stands behind the stream.
    private mutating func absorb<Sink: MessageSink>(
        _ early: FetchStream, _ stream: inout FetchStream, _ sink: inout Sink
    ) {
        sink.drop(early.key)
        server.wasJoined = true
        server.exchange = max(server.exchange, early.exchange)
        server.isBroken = server.isBroken || early.isBroken
        if !early.octets.isEmpty { sink.bytes(early.octets[...], .server) }
        if early.part == .text, stream.part == .header {
            stream.part = .text
            server.section = ""
        }
        stream.next = early.next
        stream.isEnded = early.isEnded
        stream.isShort = early.isShort
        stream.size = stream.size ?? early.size
        if let kept = stream.kept {
            stream.kept = kept + (early.kept ?? 0)
            stream.octets += early.octets
        } else {
            desk[0].release(early.kept)
        }
    }

    // MARK: What is kept

    /// Makes room for octets of the open stream that may have to wait; gives them up when they are too many.
    private mutating func reserve<Sink: MessageSink>(_ size: Int, _ sink: inout Sink) {
        guard let kept = desk[0].open?.kept else { return }
        guard FetchDesk.mayKeep(kept.addingReportingOverflow(size).overflow ? .max : kept + size) else {
            if let stream = desk[0].open, stream.origin > 0 { notKept += 1 }
            keepNothing()
            return
        }
        while desk[0].excess(with: size), let oldest = desk[0].takeKeeping() {
            if oldest.origin > 0 { notKept += 1 }
            finish(oldest, &sink)
        }
        desk[0].keep(size)
        desk[0].open?.kept = kept + size
    }

    /// What is open is not kept to be joined to what precedes it.
    mutating func keepNothing() {
        guard let stream = desk.first?.open, let kept = stream.kept else { return }
        desk[0].release(kept)
        desk[0].open?.kept = nil
        desk[0].open?.octets = []
    }

    // MARK: What waits

    /// The client has sent a command. What is whole by its size, and behind which no command goes on, ends.
    mutating func endWholeBySize<Sink: MessageSink>(_ sink: inout Sink) {
        if server.awaitsPieces, let open = desk[0].open, open.isWholeBySize, !desk[0].isAsked(behind: open) {
            endServer(complete: true, &sink)
        }
        while let stream = desk[0].takeWholeBySize() { finish(stream, &sink) }
    }

    /// Sets aside what is open and waits.
    private mutating func park<Sink: MessageSink>(_ sink: inout Sink) {
        guard server.awaitsPieces, var stream = desk.first?.open else { return }
        if stream.isWholeBySize, !desk[0].isAsked(behind: stream) { return endServer(complete: true, &sink) }
        stream.section = server.section
        stream.isBroken = server.isBroken
        stream.exchange = server.exchange
        desk[0].open = nil
        server = Slot()
        sink.park(stream.key)
        if let header = WaitingHeader(stream) {
            desk[0].headers.append(header)
        } else {
            desk[0].streams.append(stream)
        }
    }

    /// Ends what waited longest when too many do.
    private mutating func endExcess<Sink: MessageSink>(_ sink: inout Sink) {
        if desk[0].headers.count > FetchDesk.mostHeaders { finish(desk[0].headers.removeFirst().stream, &sink) }
        while let oldest = desk[0].takeExcess() {
            if oldest.kept != nil, oldest.origin > 0 { notKept += 1 }
            finish(oldest, &sink)
        }
    }

    /// What was set aside goes on.
    private mutating func resume<Sink: MessageSink>(_ stream: FetchStream, _ sink: inout Sink) {
        server = Slot(isOpen: true, continuation: .pieces, exchange: stream.exchange)
        server.isBroken = stream.isBroken
        server.section = stream.section
        sink.resume(stream.key)
    }

    /// What was set aside ends as it is.
    private mutating func finish<Sink: MessageSink>(_ stream: FetchStream, _ sink: inout Sink) {
        desk[0].release(stream.kept)
        // A piece of no octets, which only says where the end is, is nothing by itself.
        if stream.origin > 0, stream.next == stream.origin {
            sink.drop(stream.key)
            return
        }
        // Key 0 is nobody's.
        if server.isOpen { sink.park(0) }
        sink.resume(stream.key)
        let isComplete = stream.isWhole && !stream.isBroken
        if stream.section.isEmpty {
            sink.end(.server, complete: isComplete, exchange: stream.exchange)
        } else {
            sink.endPart(.server, stream.section, complete: isComplete, exchange: stream.exchange)
        }
        if server.isOpen { sink.resume(0) }
    }

    /// Nothing goes on any more of what waits.
    mutating func endWaiting<Sink: MessageSink>(_ sink: inout Sink) {
        guard !desk.isEmpty else { return }
        park(&sink)
        for stream in desk[0].takeAll() { finish(stream, &sink) }
    }

    /// What the server's side has open ends.
    /// - Parameter complete: all of it came.
    mutating func endServer<Sink: MessageSink>(complete: Bool, _ sink: inout Sink) {
        if !desk.isEmpty, let stream = desk[0].open {
            desk[0].release(stream.kept)
            desk[0].open = nil
        }
        Self.end(.server, &server, complete: complete, &sink)
    }
}

extension Element {
    /// It ends a response of a server, which its literals part.
    fileprivate var isLastOfResponse: Bool {
        switch self {
        case .data(_, let isComplete), .dataPart(let isComplete): isComplete
        case .greeting, .command, .commandPart, .reply, .goAhead, .challenge, .response, .done, .contentBegin, .content,
            .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            false
        }
    }
}
