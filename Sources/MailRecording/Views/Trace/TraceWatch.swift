// Watches a session for passages of one message.

import Crypto
import MailDialogue
import MailMessage

/// What a Message-ID is compared as: without angle brackets and white space around.
package enum TracedID {
    /// What stands in the first angle brackets when the text begins with them, as comments may follow (RFC 5322 §3.6.4); else the text.
    package static func normal(_ text: String) -> String {
        let octets = Array(text.utf8)[...].trimmed
        if octets.first == UInt8(ascii: "<"), let end = octets.firstIndex(of: UInt8(ascii: ">")) {
            return octets[octets.startIndex + 1..<end].text
        }
        return octets.text
    }

    /// The value of a Message-ID field has the id: it is all of it, or stands in angle brackets among comments, other ids and whatever
    /// else somebody put there.
    static func isIn(_ value: ArraySlice<UInt8>, _ id: String) -> Bool {
        normal(value.text) == id || value.text.contains("<\(id)>")
    }
}

/// Collects passages of the message with one Message-ID out of the contents of a session.
struct TraceSink: MessageSink {
    /// Octets of a body that are kept to be compared.
    static let longestBody = 1 << 20

    /// A message that passes.
    struct Passing {
        var start: MessageStart
        var began: Int64
        var number: UInt32?
        var uid: UInt32?
        fileprivate var scanner = HeaderScanner()
        /// It has the id; nil as long as its header is not whole.
        fileprivate var isWanted: Bool?
        /// What follows of it was not recorded.
        fileprivate var isLeftOut = false
        fileprivate var bytes = 0
        fileprivate var hash = SHA256()
        fileprivate var bodyHash = SHA256()
        fileprivate var loose = LooseHash()
        fileprivate var body: [UInt8]? = []

        /// What is known of the content goes to its station.
        func fill(_ station: inout TraceStation) {
            station.bytes = bytes
            station.isLeftOut = isLeftOut
            if !isLeftOut {
                station.sha256 = Hex.text(hash.finalize())
                station.bodySHA256 = Hex.text(bodyHash.finalize())
                station.looseSHA256 = loose.hex
                station.body = body
            }
            let header = HeaderBlock(scanner.octets)
            station.headerIsCut = !header.isTerminated && scanner.octets.count >= HeaderScanner.limit
            station.fields = header.fields.map { TraceField($0) }
            station.received = header.all("Received").prefix(100).map { ReceivedField($0.value) }
        }
    }

    let id: String
    var time: Int64 = 0
    /// The number and UID of the FETCH response, or the number of RETR, that is under way.
    var number: UInt32?
    var uid: UInt32?
    var client: Passing?
    var server: Passing?
    private var parked: [UInt32: Passing] = [:]
    /// Passages that have ended, whole or not, with the exchange whose reply judges them.
    var ended: [(passing: Passing, isComplete: Bool, exchange: Int)] = []

    init(id: String) { self.id = id }

    mutating func begin(_ message: MessageStart) {
        let passing = Passing(start: message, began: time, number: number, uid: uid)
        switch message.side {
        case .client: client = passing
        case .server: server = passing
        }
    }

    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        switch side {
        case .client: Self.take(octets, id, &client)
        case .server: Self.take(octets, id, &server)
        }
    }

    mutating func end(_ side: Side, complete: Bool, exchange: Int) {
        let passing = side == .client ? client : server
        drop(side)
        guard var passing else { return }
        if passing.isWanted == nil { passing.isWanted = Self.has(id, passing.scanner) }
        if passing.isWanted == true { ended.append((passing, complete, exchange)) }
    }

    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) { drop(side) }

    mutating func park(_ key: UInt32) {
        parked[key] = server
        server = nil
    }

    mutating func resume(_ key: UInt32) { server = parked.removeValue(forKey: key) }

    mutating func drop(_ key: UInt32) { parked[key] = nil }

    /// What follows of the content is not recorded.
    mutating func leaveOut(_ side: Side) {
        switch side {
        case .client: client?.isLeftOut = true
        case .server: server?.isLeftOut = true
        }
    }

    private mutating func drop(_ side: Side) {
        switch side {
        case .client: client = nil
        case .server: server = nil
        }
    }

    private static func take(_ octets: ArraySlice<UInt8>, _ id: String, _ open: inout Passing?) {
        guard var passing = open, passing.isWanted != false else { return }
        // Not shared while it is changed.
        open = nil
        defer { open = passing }
        passing.bytes += octets.count
        // Of what was not recorded only the length is true.
        if passing.isLeftOut { return }
        octets.withUnsafeBytes { passing.hash.update(bufferPointer: $0) }
        var body = octets
        if passing.isWanted == nil {
            switch passing.scanner.feed(octets) {
            case .more: return
            case .complete(let consumed): body = octets.dropFirst(consumed)
            // What comes of the header behind is compared as if it were of the body.
            case .tooLong: break
            }
            passing.isWanted = has(id, passing.scanner)
            if passing.isWanted == false {
                passing.scanner = HeaderScanner()
                return
            }
        }
        body.withUnsafeBytes { passing.bodyHash.update(bufferPointer: $0) }
        passing.loose.take(body)
        if let kept = passing.body?.count {
            if kept + body.count <= longestBody { passing.body?.append(contentsOf: body) } else { passing.body = nil }
        }
    }

    private static func has(_ id: String, _ scanner: HeaderScanner) -> Bool {
        let header = scanner.header(keeping: [Array("message-id".utf8)])
        return header.all("Message-ID").contains { TracedID.isIn($0.value[...], id) }
    }
}

/// The digest of a body whatever its line ends are, and without empty lines at its end.
struct LooseHash {
    private var hash = SHA256()
    private var lines = 0
    private var hasReturn = false

    mutating func take(_ octets: ArraySlice<UInt8>) {
        var out: [UInt8] = []
        out.reserveCapacity(octets.count + 8)
        for octet in octets {
            if octet == 10 {
                hasReturn = false
                lines += 1
                continue
            }
            if octet == 13 {
                // One that no line feed followed is content.
                if hasReturn { settle(&out) }
                hasReturn = true
                continue
            }
            if lines > 0 || hasReturn { settle(&out) }
            out.append(octet)
        }
        out.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }

    private mutating func settle(_ out: inout [UInt8]) {
        // Line ends that turned out to be no end of the body. Very many are hashed piece by piece.
        while lines > 0 {
            out.append(10)
            lines -= 1
        }
        if hasReturn { out.append(13) }
        hasReturn = false
    }

    var hex: String { Hex.text(hash.finalize()) }
}

/// Follows one session.
struct TraceWatch {
    private static let most = 4096

    private var assembler = MessageAssembler()
    private var sink: TraceSink
    private let info: SessionInfo
    private var user: String?
    private var candidate: String?
    private var mailbox: String?
    private var sender: String?
    private var recipients: [TraceRecipient] = []
    /// Numbers that RETR and TOP asked for, and mailboxes that APPEND names, by exchange.
    private var asked: [Int: UInt32] = [:]
    private var targets: [Int: String] = [:]
    /// Passages that wait for the server's verdict.
    private var waiting: [(station: TraceStation, exchange: Int, verdicts: Int)] = []
    /// Passages of a FETCH response that is under way: its UID may stand at its end.
    private var fetched: [TraceStation] = []

    init(id: String, _ info: SessionInfo) {
        sink = TraceSink(id: id)
        self.info = info
    }

    /// Takes the next note; gives the passages that are complete with it.
    mutating func accept(_ note: Note, at time: Int64, _ found: inout [TraceStation]) {
        sink.time = time
        prepare(note)
        assembler.accept(note, &sink)
        collect()
        for fact in note.facts { take(fact, note) }
        switch note.element {
        case .reply(let reply): answer(reply, note, time, &found)
        case .data(_, let isComplete), .dataPart(let isComplete):
            if isComplete { give(&found) }
        case .contentEnd where info.mailProtocol == .pop3: give(&found)
        case .greeting, .command, .commandPart, .goAhead, .challenge, .response, .done, .contentBegin, .content,
            .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            break
        }
    }

    /// The session has ended, or begins anew under TLS.
    mutating func close(_ found: inout [TraceStation]) {
        assembler.close(&sink)
        collect()
        give(&found)
        for one in waiting { append(one.station, &found) }
        waiting = []
    }

    // MARK: Steps

    /// What a line says of the content that follows.
    private mutating func prepare(_ note: Note) {
        switch note.element {
        case .command(let command):
            let line = note.publicOctets.withoutLineEnd.line
            switch command.verb {
            case "RETR", "TOP":
                if asked.count >= Self.most { asked.removeAll() }
                asked[note.exchange] = line.firstWord.rest.firstWord.word.decimal.flatMap { UInt32(exactly: $0) }
            case "APPEND":
                if targets.count >= Self.most { targets.removeAll() }
                targets[note.exchange] = Self.mailbox(line.firstWord.rest.firstWord.rest)
            default: break
            }
        case .data("FETCH", _), .data("UIDFETCH", _):
            let number = FetchItem.messageNumber(note.raw)
            sink.number = UInt32(exactly: number)
            sink.uid = nil
            learnUID(note.raw)
        case .dataPart: learnUID(note.raw)
        case .contentBegin(let content) where info.mailProtocol == .pop3:
            sink.number = asked.removeValue(forKey: content.exchange)
            sink.uid = nil
        case .greeting, .commandPart, .reply, .data, .goAhead, .challenge, .response, .done, .contentBegin, .content,
            .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            break
        }
    }

    /// The mailbox that APPEND names; nil when it is a literal.
    private static func mailbox(_ arguments: ArraySlice<UInt8>) -> String? {
        guard arguments.first == UInt8(ascii: "\"") else {
            let word = arguments.firstWord.word
            return word.first == UInt8(ascii: "{") ? nil : MailboxBelief.key(word)
        }
        var name: [UInt8] = []
        var rest = arguments.dropFirst()
        while let octet = rest.popFirst(), octet != UInt8(ascii: "\"") {
            if octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
                name.append(escaped)
            } else {
                name.append(octet)
            }
        }
        return MailboxBelief.key(name[...])
    }

    /// `UID 12` in a line of a FETCH response.
    private mutating func learnUID(_ line: ArraySlice<UInt8>) {
        var rest = line.withoutLineEnd.line
        var isNext = false
        while !rest.isEmpty {
            let (word, behind) = rest.firstWord
            let bare = word.drop { $0 == UInt8(ascii: "(") }
            if isNext {
                let digits = bare.prefix { $0 &- 48 < 10 }
                sink.uid = digits.decimal.flatMap { UInt32(exactly: $0) }
                if sink.server?.number == sink.number { sink.server?.uid = sink.uid }
                for place in fetched.indices where fetched[place].number == sink.number {
                    fetched[place].uid = sink.uid
                }
                return
            }
            isNext = bare.equalsIgnoringCase("UID")
            if behind.count >= rest.count { return }
            rest = behind
        }
    }

    private mutating func collect() {
        guard !sink.ended.isEmpty else { return }
        for (passing, isComplete, exchange) in sink.ended {
            var station = TraceStation(
                info: info, user: user ?? candidate, exchange: passing.start.exchange, carrier: passing.start.carrier,
                began: passing.began, ended: sink.time)
            station.isComplete = isComplete
            station.isPresumed = passing.start.isPresumed
            passing.fill(&station)
            switch station.carrier {
            case .data, .bdat, .lmtp:
                station.sender = sender ?? ""
                station.recipients = recipients
                waiting.append((station, exchange, 0))
            case .append:
                station.mailbox = targets[exchange]
                waiting.append((station, exchange, 0))
            case .retr, .top, .fetch:
                station.mailbox = mailbox
                station.number = passing.number
                station.uid = passing.uid
                fetched.append(station)
            }
        }
        sink.ended = []
    }

    private mutating func give(_ found: inout [TraceStation]) {
        for station in fetched { append(station, &found) }
        fetched = []
    }

    private func append(_ station: TraceStation, _ found: inout [TraceStation]) {
        var station = station
        station.user = station.user ?? user ?? candidate
        found.append(station)
    }

    private mutating func take(_ fact: Fact, _ note: Note) {
        switch fact {
        case .credential(let credential): if !credential.account.isEmpty { candidate = credential.account }
        case .login(accepted: true): user = candidate
        case .mailbox(let name): mailbox = MailboxBelief.key(Array(name.utf8)[...])
        case .reversePath(let path):
            sender = path
            recipients = []
        case .transactionReset:
            sender = nil
            recipients = []
        case .recipient(let address):
            if recipients.count < Self.most { recipients.append(TraceRecipient(address: address)) }
        case .recipientRefused(let address):
            guard recipients.count < Self.most else { break }
            let status: ReplyStatus = if case .reply(let reply) = note.element { reply.status } else { .refused }
            recipients.append(TraceRecipient(address: address, reply: Self.text(note), status: status))
        case .clientName, .login, .messageAccepted, .messageRefused, .opaque, .contentCut, .leftOut, .resumed, .clear:
            break
        }
    }

    private static func text(_ note: Note) -> String {
        note.publicOctets.withoutLineEnd.line.prefix(OpenExchange.longestLine).text
    }

    /// The verdict on a message: one, or with LMTP one for each recipient that was accepted (RFC 2033 §4.2).
    private mutating func answer(_ reply: Reply, _ note: Note, _ time: Int64, _ found: inout [TraceStation]) {
        targets[note.exchange] = nil
        guard let place = waiting.firstIndex(where: { $0.exchange == note.exchange }) else { return }
        let line = note.publicOctets.withoutLineEnd.line
        let isSMTP = info.mailProtocol == .smtp || info.mailProtocol == .lmtp
        // More lines of the same reply follow.
        if isSMTP, line.dropFirst(3).first == UInt8(ascii: "-") { return }
        var text = Self.text(note)
        if !isSMTP, info.mailProtocol == .imap { text = line.firstWord.rest.prefix(OpenExchange.longestLine).text }
        waiting[place].station.judged = time
        waiting[place].station.reply = text
        waiting[place].station.status = reply.status
        if info.mailProtocol == .lmtp {
            let open = waiting[place].station.recipients.indices.filter {
                waiting[place].station.recipients[$0].status == nil
            }
            if let recipient = open.first {
                waiting[place].station.recipients[recipient].reply = text
                waiting[place].station.recipients[recipient].status = reply.status
            }
        } else {
            for recipient in waiting[place].station.recipients.indices
            where waiting[place].station.recipients[recipient].status == nil {
                waiting[place].station.recipients[recipient].reply = text
                waiting[place].station.recipients[recipient].status = reply.status
            }
        }
        guard reply.isLast else { return }
        append(waiting.remove(at: place).station, &found)
    }
}
