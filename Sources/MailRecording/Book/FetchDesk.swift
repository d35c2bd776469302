// What waits for its next piece while an IMAP client fetches messages in pieces, and within which bounds (decision 088). It only
// remembers: `MessageAssembler+Fetch.swift` acts.

import MailDialogue

/// The message that a FETCH response is about.
struct FetchedMessage: Equatable, Sendable {
    /// Its sequence number; 0 when it is not known, or is not certain any more.
    var number: UInt32 = 0
    /// Its UID; 0 when it is not known.
    var uid: UInt32 = 0

    /// The UID tells where both are known, else the number does.
    func isSame(as other: FetchedMessage) -> Bool {
        if uid != 0, other.uid != 0 { return uid == other.uid }
        return number != 0 && number == other.number
    }
}

/// A message, or a part of one, of which some pieces came.
struct FetchStream: Sendable {
    /// Streams that began earlier have smaller ones.
    let key: UInt32
    var message: FetchedMessage
    var part: FetchItem.Part
    /// The item without the place in it.
    let name: String
    /// Where its first octet stands in the part.
    let origin: Int
    /// Where its next octet would stand.
    var next = 0
    /// Its last octet came for certain: it was sent without an origin, or a piece behind it was empty.
    var isEnded = false
    /// Its last piece was shorter than what was asked for.
    var isShort = false
    /// `RFC822.SIZE` of the message, when it was said beside a piece.
    var size: Int?
    /// Octets of it that are kept until what precedes them came; nil when none are.
    var kept: Int?
    /// They, for who takes octets.
    var octets: [UInt8] = []
    // What the assembler knows of it while it does not wait.
    var section = ""
    var isBroken = false
    var exchange = 0

    /// Its last octet came. Only the last piece may be shorter than what was asked for (RFC 9051 §6.4.5), but some servers cap them all:
    /// a larger size shows that.
    var hasEnd: Bool { isEnded || isShort && !(part == .whole && (size ?? 0) > next) }

    /// Its pieces are all there.
    var isWhole: Bool { origin == 0 && (hasEnd || part == .whole && size == next) }

    /// Nothing but the size tells that its pieces are all there, and servers are known to say too small ones.
    var isWholeBySize: Bool { isWhole && !hasEnd }

    /// An item whose octets are those behind its own.
    func goesOn(with item: FetchItem, of message: FetchedMessage) -> Bool {
        guard self.message.isSame(as: message) else { return false }
        let origin = item.origin ?? 0
        if part == .header, hasEnd { return item.part == .text && origin == 0 }
        guard !hasEnd, part == item.part, origin > 0, origin == next else { return false }
        return part != .other || name.utf8.elementsEqual(item.name.utf8)
    }

    /// One that came before its own turn, and whose octets are those behind its own. Each octet is told once again for that: those that wait
    /// themselves take none, or the same octets would be told again and again.
    func goesOn(with other: FetchStream) -> Bool {
        guard origin == 0, other.kept != nil, message.isSame(as: other.message) else { return false }
        if part == .header, hasEnd { return other.part == .text && other.origin == 0 }
        guard !hasEnd, part == other.part, other.origin > 0, other.origin == next else { return false }
        return part != .other || name.utf8.elementsEqual(other.name.utf8)
    }

    /// An item that begins where it began: the client asks for the same once more.
    func isRepeated(by item: FetchItem, of message: FetchedMessage) -> Bool {
        guard self.message.isSame(as: message), part == item.part, origin == item.origin ?? 0 else { return false }
        return part != .other || name.utf8.elementsEqual(item.name.utf8)
    }
}

/// A whole header whose text may come. There may be many, so that little is kept of each.
struct WaitingHeader: Sendable {
    let key: UInt32
    var message: FetchedMessage
    let exchange: Int
    /// It is `RFC822.HEADER`, not `BODY[HEADER]`.
    let isOldName: Bool

    /// Nil when more has to be kept of it.
    init?(_ stream: FetchStream) {
        guard stream.part == .header, stream.isWhole, !stream.isBroken, stream.kept == nil,
            stream.section == Self.name || stream.section == Self.oldName
        else { return nil }
        key = stream.key
        message = stream.message
        exchange = stream.exchange
        isOldName = stream.section == Self.oldName
    }

    var stream: FetchStream {
        let name = isOldName ? Self.oldName : Self.name
        var stream = FetchStream(key: key, message: message, part: .header, name: name, origin: 0)
        stream.isEnded = true
        stream.section = name
        stream.exchange = exchange
        return stream
    }

    static let name = "BODY[HEADER]"
    static let oldName = "RFC822.HEADER"
}

/// A piece that a FETCH command asks for: how long it may be is not said in the response.
struct FetchRequest: Sendable {
    /// Octets of a set and of a section that are kept; longer ones match all.
    private static let longest = 128
    /// Pieces of one command.
    static let most = 16
    /// Octets of `<origin.length>`: two numbers of 19 digits.
    private static let longestPlace = 41

    let exchange: Int
    private let isUID: Bool
    /// The messages, as they are written.
    private let set: [UInt8]
    /// What stands in brackets.
    private let section: [UInt8]
    private let origin: Int
    let length: Int

    /// The pieces that a command asks for, the first `most` of them: `BODY.PEEK[]<0.32768>` (RFC 9051 §6.4.5).
    static func all(in line: ArraySlice<UInt8>, exchange: Int) -> [FetchRequest] {
        guard line.contains(UInt8(ascii: "<")) else { return [] }
        var words = line.withoutLineEnd.line.firstWord.rest
        let isUID = words.firstWord.word.equalsIgnoringCase("UID")
        if isUID { words = words.firstWord.rest }
        let (set, items) = words.firstWord.rest.firstWord
        var requests: [FetchRequest] = []
        var rest = items
        while requests.count < most, let open = rest.firstIndex(of: UInt8(ascii: "[")),
            let close = rest[open...].firstIndex(of: UInt8(ascii: "]"))
        {
            let section = rest[(open + 1)..<close]
            rest = rest[(close + 1)...]
            let place = rest.prefix(longestPlace)
            guard place.first == UInt8(ascii: "<"), let end = place.firstIndex(of: UInt8(ascii: ">")) else { continue }
            let range = place[..<end].dropFirst()
            guard let point = range.firstIndex(of: UInt8(ascii: ".")), let origin = range[..<point].decimal,
                let length = range[(point + 1)...].decimal
            else { continue }
            requests.append(
                FetchRequest(
                    exchange: exchange, isUID: isUID, set: set.count > longest ? [] : Array(set),
                    section: section.count > longest ? [] : Array(section), origin: origin, length: length))
        }
        return requests
    }

    /// It may be what the server answers with this item.
    func mayAsk(for item: FetchItem, of message: FetchedMessage) -> Bool {
        guard origin == item.origin else { return false }
        let number = isUID ? message.uid : message.number
        if !set.isEmpty, number != 0, !Self.names(set[...], number) { return false }
        let name = Array(item.name.utf8)
        guard !section.isEmpty, let open = name.firstIndex(of: UInt8(ascii: "[")), name.last == UInt8(ascii: "]")
        else { return true }
        return name[(open + 1)...].dropLast().elementsEqual(section) { Self.upper($0) == Self.upper($1) }
    }

    private static func upper(_ octet: UInt8) -> UInt8 { octet >= 97 && octet <= 122 ? octet - 32 : octet }

    /// A set of numbers has this one, or may have it (RFC 9051 §9, sequence-set).
    static func names(_ set: ArraySlice<UInt8>, _ number: UInt32) -> Bool {
        for range in set.split(separator: UInt8(ascii: ",")) {
            let ends = range.split(separator: UInt8(ascii: ":"), maxSplits: 1).map { $0.decimal }
            guard let first = ends.first, let one = first, let last = ends.last, let other = last else { return true }
            if Int(number) >= min(one, other), Int(number) <= max(one, other) { return true }
        }
        return false
    }
}

/// What waits in a session.
struct FetchDesk: Sendable {
    /// Messages and parts that wait for their next piece; and as many that wait for what precedes them.
    static let mostStreams = 16
    /// Headers that wait for their text.
    static let mostHeaders = 128
    /// Octets that came before what precedes them, of all.
    static let mostKept = 1 << 20
    /// Pieces that commands ask for.
    private static let mostRequests = 128

    /// That of the message which is open in the assembler.
    var open: FetchStream?
    /// Those that are set aside, the one that was used last at the end.
    var streams: [FetchStream] = []
    var headers: [WaitingHeader] = []
    private var requests: [FetchRequest] = []
    /// The last command of which not all that it asks for is known.
    private var forgotten = Int.min
    /// Octets that are kept.
    private var kept = 0
    private var lastKey: UInt32 = 0

    var isWaiting: Bool { open != nil || !streams.isEmpty || !headers.isEmpty }
    var isEmpty: Bool { !isWaiting && requests.isEmpty }

    mutating func nextKey() -> UInt32 {
        lastKey &+= 1
        return lastKey
    }

    // MARK: Commands

    mutating func ask(_ new: [FetchRequest]) {
        if new.count >= FetchRequest.most, let exchange = new.last?.exchange { forgotten = exchange }
        while requests.count + new.count > Self.mostRequests, let oldest = requests.first {
            forgotten = max(forgotten, oldest.exchange)
            requests.removeAll { $0.exchange == oldest.exchange }
        }
        requests += new
    }

    /// How many octets the client asked for in the piece that comes, at most; nil when it is not known. A server may answer commands
    /// that wait in any order: of those that it may answer here the smallest counts, so that none is taken for the last by mistake.
    mutating func asked(_ item: FetchItem, of message: FetchedMessage, in exchange: Int) -> Int? {
        if let oldest = requests.first, oldest.exchange < exchange { requests.removeAll { $0.exchange < exchange } }
        guard exchange > forgotten else { return nil }
        var length: Int?
        for request in requests where request.mayAsk(for: item, of: message) {
            length = min(length ?? .max, request.length)
        }
        return length
    }

    /// A client goes on behind the last octet of it: it asked for a piece there that did not come yet.
    func isAsked(behind stream: FetchStream) -> Bool {
        guard !requests.isEmpty else { return false }
        let item = FetchItem("\(stream.name)<\(stream.next)>")
        return requests.contains { $0.mayAsk(for: item, of: stream.message) }
    }

    // MARK: What is kept

    /// There is room for this many octets of one stream, if others go.
    static func mayKeep(_ octets: Int) -> Bool { octets <= mostKept }

    /// Octets more than may be kept.
    func excess(with more: Int) -> Bool { kept + more > Self.mostKept }

    mutating func keep(_ octets: Int) { kept += octets }

    mutating func release(_ octets: Int?) { kept -= octets ?? 0 }

    // MARK: What waits

    /// Takes out what was set aside and goes on with this item.
    mutating func take(with item: FetchItem, of message: FetchedMessage) -> FetchStream? {
        if let place = streams.lastIndex(where: { $0.goesOn(with: item, of: message) }) {
            return streams.remove(at: place)
        }
        guard item.part == .text, item.origin ?? 0 == 0,
            let place = headers.lastIndex(where: { $0.message.isSame(as: message) })
        else { return nil }
        return headers.remove(at: place).stream
    }

    /// Takes out what came early and goes on with the stream.
    mutating func take(behind stream: FetchStream) -> FetchStream? {
        streams.lastIndex { stream.goesOn(with: $0) }.map { streams.remove(at: $0) }
    }

    /// Takes out what begins as this item does.
    mutating func take(repeatedBy item: FetchItem, of message: FetchedMessage) -> FetchStream? {
        if let place = streams.firstIndex(where: { $0.isRepeated(by: item, of: message) }) {
            return streams.remove(at: place)
        }
        guard item.part == .header, item.origin ?? 0 == 0,
            let place = headers.firstIndex(where: { $0.message.isSame(as: message) })
        else { return nil }
        return headers.remove(at: place).stream
    }

    /// Takes out the oldest one that keeps octets.
    mutating func takeKeeping() -> FetchStream? {
        streams.firstIndex { $0.kept != nil }.map { streams.remove(at: $0) }
    }

    /// Takes out one that waits longest, when too many do.
    mutating func takeExcess() -> FetchStream? {
        guard streams.count > Self.mostStreams else { return nil }
        let early = streams.count { $0.origin > 0 }
        guard early > Self.mostStreams || streams.count - early > Self.mostStreams else { return nil }
        let place = streams.firstIndex { ($0.origin > 0) == (early > Self.mostStreams) }
        return place.map { streams.remove(at: $0) }
    }

    /// Takes out a message that is whole, as a size that was said now shows, or the end of the response.
    mutating func takeWhole(of message: FetchedMessage) -> FetchStream? {
        let place = streams.firstIndex {
            $0.part == .whole && $0.isWhole && $0.message.isSame(as: message)
                && ($0.hasEnd || !isAsked(behind: $0))
        }
        return place.map { streams.remove(at: $0) }
    }

    /// Takes out a message that is whole by its size, and behind which no client goes on.
    mutating func takeWholeBySize() -> FetchStream? {
        streams.firstIndex { $0.isWholeBySize && !isAsked(behind: $0) }.map { streams.remove(at: $0) }
    }

    /// What goes on with this item is here.
    func expects(_ item: FetchItem, of message: FetchedMessage) -> Bool {
        if open?.goesOn(with: item, of: message) == true { return true }
        if item.part == .text, headers.contains(where: { $0.message.isSame(as: message) }) { return true }
        return streams.contains { $0.goesOn(with: item, of: message) }
    }

    /// Takes out all that is set aside, what began first at the front.
    mutating func takeAll() -> [FetchStream] {
        var all = streams + headers.map(\.stream)
        all.sort { $0.key < $1.key }
        streams = []
        headers = []
        return all
    }

    /// A response said both of a number and a UID, or a size.
    mutating func learn(_ message: FetchedMessage, size: Int?) {
        func learn(_ known: inout FetchedMessage) -> Bool {
            guard known.isSame(as: message) else { return false }
            if known.uid == 0 { known.uid = message.uid }
            if message.number != 0 { known.number = message.number }
            return true
        }
        for place in streams.indices where learn(&streams[place].message) {
            if streams[place].part == .whole { streams[place].size = size ?? streams[place].size }
        }
        for place in headers.indices { _ = learn(&headers[place].message) }
        guard var stream = open, learn(&stream.message) else { return }
        if stream.part == .whole { stream.size = size ?? stream.size }
        open = stream
    }

    /// A message went: those behind it have smaller numbers now (RFC 9051 §7.5.1). Takes out what waits of it. Nothing is open.
    mutating func expunge(_ number: UInt32) -> [FetchStream] {
        take { message in
            if message.number > number { message.number -= 1 } else if message.number == number { return true }
            return false
        }
    }

    /// Messages went by their UIDs. Their numbers are not said: those of others are not known from here on, but where they went long ago
    /// (RFC 7162 §3.2.10). Nothing is open.
    mutating func vanish(_ uids: ArraySlice<UInt8>, isEarlier: Bool) -> [FetchStream] {
        take { message in
            if message.uid == 0 { return !isEarlier }
            if !isEarlier { message.number = 0 }
            return FetchRequest.names(uids, message.uid)
        }
    }

    private mutating func take(_ isGone: (inout FetchedMessage) -> Bool) -> [FetchStream] {
        var gone: [FetchStream] = []
        var stays: [FetchStream] = []
        for var stream in streams {
            if isGone(&stream.message) { gone.append(stream) } else { stays.append(stream) }
        }
        streams = stays
        var headersThatStay: [WaitingHeader] = []
        for var header in headers {
            if isGone(&header.message) { gone.append(header.stream) } else { headersThatStay.append(header) }
        }
        headers = headersThatStay
        gone.sort { $0.key < $1.key }
        return gone
    }
}
