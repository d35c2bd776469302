// FETCH (RFC 9051 §6.4.5). A response is made item by item. Structures and headers are read into memory; bodies, which
// may be of any size, go out in pieces behind the size of their literal, each when the one before has left.

import MailDialogue
import MailMessage

/// A FETCH under way.
struct IMAPFetch: Equatable, Sendable {
    /// The message that is told of.
    struct Current: Equatable, Sendable {
        enum Step: Equatable, Sendable {
            /// \Seen is set if it has to be. Successor: `structure`.
            case seen
            /// The structure is asked for if an item needs it. Successor: `headers`.
            case structure
            /// Headers that items need are read. Successor: `items`.
            case headers
            /// The response is made from the item with this index on. Successors: `body`, the next message.
            case items(Int)
            /// A literal goes out. Successor: `items`.
            case body(item: Int, next: Int, end: Int)
        }

        let uid: UInt32
        var step = Step.seen
        var tellsFlags = false
        var structure: MessageStructure?
        /// Header sections by the place where they begin.
        var headers: [Int: [UInt8]] = [:]
        var wanted: [Range<Int>] = []
    }

    /// Octets of a header section that are looked at when items are made of it, and of all sections of a message.
    static var mostHeader: Int { 1 << 20 }
    static var mostHeaders: Int { 4 << 20 }

    let items: [IMAPFetchItem]
    let uids: [UInt32]
    var position = 0
    var someAreGone = false
    var current: Current?

    /// A response has begun and is not complete.
    var isWithinResponse: Bool {
        switch current?.step {
        case .items, .body: true
        case .seen, .structure, .headers, nil: false
        }
    }

    mutating func next() {
        position += 1
        current = nil
    }
}

extension IMAPServer {
    mutating func fetch(_ scanner: inout IMAPScanner) {
        guard let set = scanner.sequenceSet(), scanner.space(), var items = IMAPFetchItem.items(&scanner),
            scanner.isAtEnd
        else { return reply(Self.syntax) }
        guard let uids = uids(set) else { return }
        if isUID, !items.contains(.uid) { items.insert(.uid, at: 0) }
        fetchOn(IMAPFetch(items: items, uids: uids))
    }

    mutating func fetchOn(_ given: IMAPFetch) {
        var fetch = given
        activity = .commands
        while fetch.position < fetch.uids.count, !connection.isClosed {
            if connection.backlog > Self.piece {
                activity = .fetching(fetch)
                return connection.waitForDrain()
            }
            let uid = fetch.uids[fetch.position]
            guard let view, let index = view.index(uid: uid), !view.gone.contains(uid) else {
                fetch.someAreGone = true
                fetch.next()
                continue
            }
            var current = fetch.current ?? IMAPFetch.Current(uid: uid)
            let request = advance(&current, fetch.items, view, index)
            fetch.current = current
            if let request {
                activity = .fetching(fetch)
                return connection.ask(request)
            }
            if case .items(let item) = current.step, item >= fetch.items.count { fetch.next() }
        }
        conclude(fetch.someAreGone && !isUID ? Self.text(.noSuchMessage) : "OK done")
    }

    /// What the store has to do for this message next; nil when a step was made without it.
    private mutating func advance(
        _ current: inout IMAPFetch.Current, _ items: [IMAPFetchItem], _ view: IMAPMailboxView, _ index: Int
    ) -> StoreRequest? {
        let entry = view.entries[index]
        switch current.step {
        case .seen:
            if items.contains(where: \.marksSeen), !view.isReadOnly, !entry.flags.contains("\\Seen") {
                return .store(uids: [current.uid], .add, ["\\Seen"])
            }
            current.step = .structure
            return nil
        case .structure:
            if items.contains(where: \.needsStructure) { return .structure(uid: current.uid) }
            current.step = .headers
            return nil
        case .headers:
            if let range = current.wanted.last {
                let have = current.headers[range.lowerBound]?.count ?? 0
                let missing = min(range.count, IMAPFetch.mostHeader) - have
                if missing > 0 {
                    let offset = range.lowerBound + have
                    return .read(uid: current.uid, offset: offset, count: min(missing, Self.piece))
                }
                current.wanted.removeLast()
                return nil
            }
            connection.send("* \(index + 1) FETCH (")
            current.step = .items(0)
            return nil
        case .items(let item):
            tell(&current, items, from: item, entry)
            return nil
        case .body(let item, let next, let end):
            if next < end { return .read(uid: current.uid, offset: next, count: min(end - next, Self.piece)) }
            finishItem(&current, item, items.count)
            return nil
        }
    }

    /// Items up to the first body that has to be read, or the end of the response.
    private mutating func tell(
        _ current: inout IMAPFetch.Current, _ items: [IMAPFetchItem], from first: Int, _ entry: MessageEntry
    ) {
        for item in first..<max(first, items.count) {
            switch items[item] {
            case .flags:
                current.tellsFlags = false
                connection.send("FLAGS (\(entry.flags.joined(separator: " ")))")
            case .uid: connection.send("UID \(entry.uid)")
            case .internalDate:
                connection.send("INTERNALDATE \"\(MailDate(seconds: entry.internalDate).internalDateText)\"")
            case .size: connection.send("RFC822.SIZE \(entry.size)")
            case .envelope:
                let header = current.structure.flatMap { current.headers[$0.root.header.lowerBound] } ?? []
                connection.send(Array("ENVELOPE ".utf8) + MailMessage.Envelope(HeaderBlock(header)).imapBytes)
            case .structure(let isExtended):
                let headers = current.headers
                let octets = current.structure?.imapBytes(isExtended: isExtended) {
                    headers[$0.header.lowerBound]?[...] ?? []
                }
                connection.send((isExtended ? "BODYSTRUCTURE " : "BODY ") + (octets == nil ? "NIL" : ""))
                connection.send(octets ?? [])
            case .section(let section):
                connection.send(section.label)
                switch section.place(current.structure, size: entry.size) {
                case .nowhere: connection.send(" NIL")
                case .octets(let range):
                    let cut = section.cut(range)
                    guard cut.isEmpty else {
                        connection.send(" {\(cut.count)}\r\n")
                        current.step = .body(item: item, next: cut.lowerBound, end: cut.upperBound)
                        return
                    }
                    connection.send(" \"\"")
                case .fields(let header, let names, let isSelected):
                    let all = section.fields(current.headers[header.lowerBound] ?? [], names, isSelected)
                    let cut = section.cut(0..<all.count)
                    connection.send(Array(" {\(cut.count)}\r\n".utf8) + all[cut])
                }
            }
            finishItem(&current, item, items.count)
        }
    }

    /// A space before the next item, or the end of the response. Flags that changed by reading are told unasked.
    private mutating func finishItem(_ current: inout IMAPFetch.Current, _ item: Int, _ count: Int) {
        current.step = .items(item + 1)
        guard item + 1 == count else { return connection.send(" ") }
        if current.tellsFlags, let view, let index = view.index(uid: current.uid) {
            connection.send(" FLAGS (\(view.entries[index].flags.joined(separator: " ")))")
        }
        connection.send(")\r\n")
    }

    // MARK: The store

    mutating func fetchStored(_ given: IMAPFetch, _ answer: StoreReply) {
        var fetch = given
        activity = .commands
        guard var current = fetch.current else { return fetchOn(fetch) }
        switch (current.step, answer) {
        case (.seen, .changes(let changes)):
            _ = view?.take(flags: changes.flags, withUID: false)
            current.tellsFlags = !changes.flags.isEmpty
            current.step = .structure
        case (.seen, _):
            // Reading goes on when the flag can't be set; a message that is gone shows at the next step.
            current.step = .structure
        case (.structure, .structure(let structure)):
            current.structure = structure
            current.wanted = Self.headers(fetch.items, structure)
            current.step = .headers
        case (.headers, .octets(let octets)):
            if let range = current.wanted.last {
                current.headers[range.lowerBound, default: []] += octets
                if octets.isEmpty { current.wanted.removeLast() }
            }
        case (.body(let item, let next, let end), .octets(let octets)) where !octets.isEmpty:
            let piece = octets.prefix(end - next)
            connection.send(Array(piece))
            current.step = .body(item: item, next: next + piece.count, end: end)
        case (.structure, _), (.headers, _):
            fetch.someAreGone = true
            fetch.next()
            return fetchOn(fetch)
        case (.body, _), (.items, _):
            // The size is out: only the end of the connection says that the rest is missing.
            connection.effect(.log("a message could not be read to its end"))
            return connection.close()
        }
        fetch.current = current
        fetchOn(fetch)
    }

    /// The header sections that the items are made of.
    private static func headers(_ items: [IMAPFetchItem], _ structure: MessageStructure) -> [Range<Int>] {
        var wanted: [Range<Int>] = []
        for item in items {
            switch item {
            case .envelope: wanted.append(structure.root.header)
            case .structure:
                for part in structure.parts {
                    if case .message(let child) = part.content, structure.parts.indices.contains(child) {
                        wanted.append(structure.parts[child].header)
                    }
                }
            case .section(let section):
                if case .fields(let header, _, _) = section.place(structure, size: structure.size) {
                    wanted.append(header)
                }
            case .flags, .uid, .internalDate, .size: break
            }
        }
        var seen: Set<Int> = []
        var total = 0
        return wanted.filter { range in
            guard !range.isEmpty, seen.insert(range.lowerBound).inserted else { return false }
            total += min(range.count, IMAPFetch.mostHeader)
            return total <= IMAPFetch.mostHeaders
        }
    }
}

extension IMAPFetchItem {
    /// The item needs to know where the parts are.
    fileprivate var needsStructure: Bool {
        switch self {
        case .envelope, .structure: true
        case .section(let section): section.spec != SectionSpec()
        case .flags, .uid, .internalDate, .size: false
        }
    }
}

extension IMAPFetchSection {
    /// Where a section is.
    enum Place: Equatable {
        case octets(Range<Int>)
        /// Fields of the header section there: those named, or all but those.
        case fields(Range<Int>, [[UInt8]], Bool)
        /// The message has no such part.
        case nowhere
    }

    /// Finds the section. `structure` may be nil for the whole message, which has `size` octets.
    func place(_ structure: MessageStructure?, size: Int) -> Place {
        if spec == SectionSpec() { return .octets(0..<size) }
        guard let structure else { return .nowhere }
        var part = structure.root
        if !spec.part.isEmpty {
            guard let numbered = structure.part(numbered: spec.part) else { return .nowhere }
            if spec.text == .whole { return .octets(numbered.body) }
            if spec.text == .mime { return .octets(numbered.header) }
            // The others are of a message.
            guard case .message(let child) = numbered.content, structure.parts.indices.contains(child) else {
                return .nowhere
            }
            part = structure.parts[child]
        }
        switch spec.text {
        case .header: return .octets(part.header)
        case .text: return .octets(part.body)
        case .headerFields(let names): return .fields(part.header, names, true)
        case .headerFieldsNot(let names): return .fields(part.header, names, false)
        case .whole, .mime: return .nowhere
        }
    }

    /// The fields of a header section whose names are, or are not, in the list, and the empty line behind them.
    func fields(_ header: [UInt8], _ names: [[UInt8]], _ isSelected: Bool) -> [UInt8] {
        let wanted = Set(names.map { $0[...].text.lowercased() })
        var out: [UInt8] = []
        var walk = HeaderFieldIterator(header[...])
        var end = 0
        while let field = walk.next() {
            end = field.raw.endIndex
            if wanted.contains(field.name.text.lowercased()) == isSelected { out.append(contentsOf: field.raw) }
        }
        return out + header[end...]
    }
}
