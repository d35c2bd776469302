// Follows the TLS of one connection from outside: what its handshake shows goes to an observation, and with the secrets of a key log
// its records are opened. Octets of both sides in any chunking; memory for one record and one handshake message of each side.
//
// Lost octets: without keys the side is not followed any more. With keys the next record is looked for that opens with one of the
// numbers that may have come; none is taken on the strength of its header alone.

import MailDialogue
import MailRecording

/// One connection.
package struct TLSFollower: Sendable {
    /// What a step gives.
    package enum Piece: Equatable, Sendable {
        /// Plaintext of a side.
        case octets(Side, [UInt8])
        /// Plaintext of a side is missing here.
        case gap(Side)
        /// What follows of a side can't be opened any more.
        case stopped(Side)
    }

    /// Whether the records can be opened.
    package enum Reading: Equatable, Sendable {
        /// The hellos are not here yet.
        case undecided
        case open
        /// There is no key for it, or the suite is none that is opened here.
        case sealed
    }

    /// Octets of a handshake message that are kept: chains of certificates have come to some ten thousand.
    static let longestMessage = 1 << 18
    /// Octets of a record behind its header (RFC 5246 §6.2.3; RFC 8446 §5.2 has less).
    private static let longestRecord = (1 << 14) + 2_048
    /// Octets in which the next record is looked for.
    private static let longestSearch = 3 * longestRecord
    /// Numbers that a record behind a gap is tried with.
    private static let mostTries: UInt64 = 512
    private static let headerLength = 5

    /// One direction.
    struct Direction: Sendable {
        /// The record under way, its header included; behind a gap all that came.
        var buffer: [UInt8] = []
        /// Octets of a record that nobody needs.
        var skip = 0
        /// The handshake message under way.
        var message: [UInt8] = []
        /// Records are protected.
        var isProtected = false
        var opener: RecordOpener?
        /// Of TLS 1.3, the secret that the next one is made of.
        var secret: [UInt8] = []
        /// Of TLS 1.3: what comes is protected for the session, not for the handshake.
        var isApplication = false
        /// The number of the next record under this key.
        var number: UInt64 = 0
        /// So many octets are missing, and the next record is looked for.
        var missing: UInt64?
        /// Of `buffer`, octets at which no record begins.
        var searched = 0
        /// It is not followed any more.
        var isLost = false

        /// Octets of the record under way, its header included; nil while the header is not whole.
        var recordLength: Int? {
            buffer.count >= TLSFollower.headerLength
                ? TLSFollower.headerLength + (Int(buffer[3]) << 8 | Int(buffer[4])) : nil
        }
    }

    package internal(set) var observation: TLSObservation
    package internal(set) var reading = Reading.undecided
    /// All that the handshake shows is known, or will not be.
    package private(set) var isSettled = false
    /// The octets are none of TLS.
    package internal(set) var isForeign = false
    /// Why the handshake did not come to its end, where that could be read.
    package private(set) var failure: String?

    private(set) var keys: TLSKeyLog?
    var client = Direction()
    var server = Direction()
    var hello: SeenClientHello?
    var choice: SeenServerHello?
    var secrets: TLSKeyLog.Secrets?
    /// Of TLS 1.2 and before, from the ServerHello on.
    var openers: (client: RecordOpener, server: RecordOpener)?
    /// The server's part of a whole handshake came to its end.
    var sawDone = false
    private var hasGivenUp = false
    private var pieces: [Piece] = []

    /// - Parameter keys: a log that grows is not kept, but lent for each step: whoever keeps it has a copy of its own once it grows.
    package init(how: TLSLeg.How, keys: TLSKeyLog? = nil) {
        observation = TLSObservation(how: how)
        self.keys = keys?.isGrowing == true ? nil : keys
    }

    /// A connection whose beginning was not captured: it is known to be TLS, and nothing more will be.
    package init(midstream how: TLSLeg.How) {
        self.init(how: how)
        observation.isMidstream = true
        reading = .sealed
        isSettled = true
        client.isLost = true
        server.isLost = true
    }

    subscript(side: Side) -> Direction {
        _read {
            switch side {
            case .client: yield client
            case .server: yield server
            }
        }
        _modify {
            switch side {
            case .client: yield &client
            case .server: yield &server
            }
        }
    }

    /// The next octets of a side. What could be opened is appended to `pieces`.
    package mutating func receive(_ octets: ArraySlice<UInt8>, from side: Side, into pieces: inout [Piece]) {
        swap(&self.pieces, &pieces)
        take(octets, side)
        swap(&self.pieces, &pieces)
    }

    /// Octets of a side are missing.
    package mutating func lose(_ side: Side, _ count: Int, into pieces: inout [Piece]) {
        swap(&self.pieces, &pieces)
        lose(count, side)
        swap(&self.pieces, &pieces)
    }

    /// Nothing more comes.
    package mutating func finish() { settle() }

    /// Octets that are kept of records and messages of the handshake under way.
    var keptOctets: Int {
        client.buffer.count + client.message.count + server.buffer.count + server.message.count
    }

    /// There is no room for its handshake: what it has shown is all that it will.
    mutating func giveUp() {
        hasGivenUp = true
        stop(.client)
        stop(.server)
    }

    /// The leg of the session, as far as it is known.
    package var leg: TLSLeg {
        var leg = TLSLeg(observation)
        leg.failure = failure
        return leg
    }

    /// The client began TLS, and what the server says is none.
    var wasAnsweredInClear: Bool {
        hello != nil && choice == nil && server.isLost && observation.alert == nil && !hasGivenUp
    }

    /// It can't be read, and secrets that are not in the log would perhaps open it.
    var lacksSecrets: Bool { reading == .sealed && hello != nil && !(secrets?.isComplete ?? false) }

    /// Takes a step with what a log that grows has by now. After the ServerHello its secrets are known, or will not be.
    mutating func with(_ log: TLSKeyLog?, _ step: (inout Self) -> Void) {
        guard log?.isGrowing == true, choice == nil else { return step(&self) }
        keys = log
        step(&self)
        keys = nil
    }

    mutating func settle() {
        isSettled = true
        if reading == .undecided { reading = .sealed }
    }

    /// What follows of a side is beyond us.
    mutating func stop(_ side: Side) {
        self[side].isLost = true
        self[side].buffer = []
        self[side].message = []
        if reading == .open { pieces.append(.stopped(side)) }
        if reading == .open || hello == nil { reading = .sealed }
        if client.isLost && server.isLost || choice == nil && side == .server { settle() }
    }

    // MARK: Records (RFC 8446 §5.1)

    private mutating func take(_ octets: ArraySlice<UInt8>, _ side: Side) {
        var rest = octets
        while !rest.isEmpty, !self[side].isLost {
            if self[side].skip > 0 {
                let part = min(self[side].skip, rest.count)
                self[side].skip -= part
                rest = rest.dropFirst(part)
                continue
            }
            if self[side].missing != nil {
                self[side].buffer += rest
                return search(side)
            }
            let wanted = self[side].recordLength ?? Self.headerLength
            let part = min(wanted - self[side].buffer.count, rest.count)
            self[side].buffer += rest.prefix(part)
            rest = rest.dropFirst(part)
            guard self[side].buffer.count == wanted else { return }
            if wanted == Self.headerLength, !begin(side) { continue }
            guard let length = self[side].recordLength, self[side].buffer.count >= length else { continue }
            let record = self[side].buffer
            self[side].buffer.removeAll(keepingCapacity: true)
            take(record: record, side)
        }
    }

    /// The header of a record is whole. False when its body is not wanted, or it is none.
    private mutating func begin(_ side: Side) -> Bool {
        let header = self[side].buffer
        guard Self.isHeader(header[...]), let length = self[side].recordLength else {
            isForeign = hello == nil && choice == nil
            // A server that knows nothing of TLS answers as it always does.
            if !isForeign, side == .server, choice == nil { failure = "the server answered with something else" }
            stop(side)
            return false
        }
        guard !needsBody(header[0], length - Self.headerLength, side) else { return true }
        self[side].skip = length - Self.headerLength
        self[side].buffer.removeAll(keepingCapacity: true)
        return false
    }

    /// The header of a record that is no longer than it may be.
    static func isHeader(_ octets: ArraySlice<UInt8>) -> Bool {
        let start = octets.startIndex
        return octets.count >= headerLength && (20...24).contains(octets[start]) && octets[start + 1] == 3
            && octets[start + 2] <= 4 && Int(octets[start + 3]) << 8 | Int(octets[start + 4]) <= longestRecord
    }

    private func needsBody(_ type: UInt8, _ length: Int, _ side: Side) -> Bool {
        guard self[side].isProtected else { return type != 23 && type != 24 }
        // An alert that is no longer than it has to be is in clear.
        if isTLS13, type == 21, length == 2 { return true }
        if isTLS13, type == 20 { return false }
        return reading == .open
    }

    var isTLS13: Bool { (observation.version ?? .tls10) >= .tls13 }

    private mutating func take(record: [UInt8], _ side: Side) {
        let payload = record.dropFirst(Self.headerLength)
        let type = record[0]
        let isClear = !self[side].isProtected || isTLS13 && type == 21 && payload.count == 2
        if isClear { return take(content: payload, type, side) }
        guard let (type, content) = open(type, (record[1], record[2]), payload, side) else { return }
        take(content: content[...], type, side)
    }

    private mutating func open(
        _ type: UInt8, _ version: (UInt8, UInt8), _ payload: ArraySlice<UInt8>, _ side: Side
    ) -> (type: UInt8, content: [UInt8])? {
        let number = self[side].number
        if self[side].opener == nil {
            // The log has no secret for the handshake: what is of it can't be opened, and need not be.
            guard isTLS13, var opener = applicationOpener(side) else {
                stop(side)
                return nil
            }
            guard let found = opener.open(type, version: version, payload, number: 0) else { return nil }
            enterApplication(side, opener)
            self[side].number = 1
            return found
        }
        guard let found = self[side].opener?.open(type, version: version, payload, number: number) else {
            stop(side)
            return nil
        }
        self[side].number &+= 1
        return found
    }

    private mutating func take(content: ArraySlice<UInt8>, _ type: UInt8, _ side: Side) {
        switch type {
        case 20: changeCipher(side)
        case 21: alert(content, side)
        case 22: handshake(content, side)
        case 23 where self[side].isProtected:
            if !content.isEmpty { pieces.append(.octets(side, Array(content))) }
        default: break
        }
    }

    private mutating func alert(_ content: ArraySlice<UInt8>, _ side: Side) {
        guard content.count == 2, let level = content.first, let code = content.last else { return }
        let name = TLSAlertName.of(code)
        // In TLS 1.3 all but two end the connection, whatever the level says (RFC 8446 §6).
        let isFatal = isTLS13 ? code != 0 && code != 90 : level == 2
        observation.alert = TLSObservation.Alert(side: side, isFatal: isFatal, code: code, name: name)
        guard isFatal else { return }
        let isDone =
            isTLS13
            ? client.isApplication && server.isApplication : client.isProtected && server.isProtected
        if !isDone, failure == nil { failure = "the \(side == .client ? "client" : "server") sent \(name)" }
        settle()
    }

    // MARK: Gaps

    private mutating func lose(_ count: Int, _ side: Side) {
        guard !self[side].isLost, count > 0 else { return }
        if self[side].skip >= count {
            self[side].skip -= count
            return
        }
        var lost = UInt64(count) - UInt64(self[side].skip)
        self[side].skip = 0
        guard reading == .open, self[side].isProtected, self[side].opener != nil else { return stop(side) }
        pieces.append(.gap(side))
        self[side].message = []
        if self[side].missing == nil, let length = self[side].recordLength {
            let left = length - self[side].buffer.count
            self[side].number &+= 1
            if lost <= left {
                // Where this record ends is known.
                self[side].skip = left - Int(lost)
                self[side].buffer = []
                return
            }
            lost -= UInt64(left)
        }
        self[side].buffer = []
        self[side].searched = 0
        self[side].missing = (self[side].missing ?? 0) &+ lost
    }

    /// Looks for a record that opens among what came behind a gap.
    private mutating func search(_ side: Side) {
        let buffer = self[side].buffer
        // A record has 22 octets at least, with its header and what authenticates it.
        let tries = min((self[side].missing ?? 0) / 22 + 1, Self.mostTries)
        var index = self[side].searched
        var firstPartial: Int?
        while index + Self.headerLength <= buffer.count {
            defer { index += 1 }
            guard Self.isHeader(buffer[index...]) else { continue }
            let end = index + Self.headerLength + (Int(buffer[index + 3]) << 8 | Int(buffer[index + 4]))
            guard end <= buffer.count else {
                firstPartial = firstPartial ?? index
                continue
            }
            guard let (type, content) = guess(buffer[index..<end], tries, side) else { continue }
            self[side].missing = nil
            self[side].buffer = []
            take(content: content[...], type, side)
            return take(buffer[end...], side)
        }
        self[side].searched = firstPartial ?? max(0, buffer.count - Self.headerLength + 1)
        if buffer.count > Self.longestSearch { stop(side) }
    }

    /// Opens a record with the first of the numbers that fits.
    private mutating func guess(
        _ record: ArraySlice<UInt8>, _ tries: UInt64, _ side: Side
    ) -> (type: UInt8, content: [UInt8])? {
        let start = record.startIndex
        let version = (record[start + 1], record[start + 2])
        let payload = record.dropFirst(Self.headerLength)
        func find(_ opener: RecordOpener?, from first: UInt64) -> (RecordOpener, UInt64, UInt8, [UInt8])? {
            for step in 0...tries {
                guard var opener else { return nil }
                if let found = opener.open(record[start], version: version, payload, number: first &+ step) {
                    return (opener, first &+ step, found.type, found.content)
                }
            }
            return nil
        }
        if let (opener, number, type, content) = find(self[side].opener, from: self[side].number) {
            self[side].opener = opener
            self[side].number = number &+ 1
            return (type, content)
        }
        guard isTLS13, !self[side].isApplication,
            let (opener, number, type, content) = find(applicationOpener(side), from: 0)
        else { return nil }
        enterApplication(side, opener)
        self[side].number = number &+ 1
        return (type, content)
    }
}
