// Whatever pieces octets come in, from whichever vantage: the same notes and the same state behind them.
//
// The proof goes turn by turn. Before a turn the state is that of the whole transcript so far; in pieces of every size the
// turn gives the notes of the turn at once, and leaves the same state. So every mixture of sizes over the turns gives the same
// notes, among them each pair of a size for the client and one for the server. Some pairs are run from end to end as well,
// which does not trust that equal states behave alike.

import Testing

@testable import MailDialogue

@Suite struct SplitPropertyTests {
    /// Every small size, primes beyond, the sizes of a buffer, and one that is beyond every turn.
    static let sizes = Array(1...17) + [23, 64, 257, 1000, 1009]
    /// Pairs that are run from end to end.
    static let pairs = [(1, 1000), (1000, 1), (3, 2), (7, 64), (17, 5)]

    @Test(arguments: TranscriptTests.all) func piecesOfEverySizeGiveTheSameNotes(_ transcript: Transcript) {
        switch MailProtocol(rawValue: transcript.protocolName) {
        case .smtp: cut(transcript, SMTPDialogue(.smtp))
        case .lmtp: cut(transcript, SMTPDialogue(.lmtp))
        case .pop3: cut(transcript, POP3Dialogue())
        case .imap: cut(transcript, IMAPDialogue(keepsMailbox: true))
        case nil: Issue.record("no such protocol")
        }
    }

    private func cut(_ transcript: Transcript, _ dialogue: some Dialogue) {
        for vantage in transcript.vantages {
            var before = Standpoint(vantage, dialogue)
            for (number, turn) in transcript.turns.enumerated() {
                var whole = before
                let notes = whole.take(turn)
                let isLong = turn.octets.count > 4_096
                for size in isLong ? [1, 17, 1_000] : Self.sizes where size < turn.octets.count {
                    var pieces = before
                    let other = pieces.take(turn, inPiecesOf: size)
                    let place = "\(transcript) as \(vantage), turn \(number) in pieces of \(size)"
                    for side in Side.allCases where other.joined(side) != notes.joined(side) {
                        Issue.record("\(place): other notes of the \(side)")
                    }
                    if pieces != whole { Issue.record("\(place): another state") }
                }
                before = whole
            }
        }
    }

    @Test(arguments: TranscriptTests.all) func pairsOfSizesGiveTheSameNotes(_ transcript: Transcript) {
        let reference = transcript.run(.observer, transcript.turns).notes
        let sides = Dictionary(uniqueKeysWithValues: Side.allCases.map { ($0, reference.joined($0)) })
        for vantage in transcript.vantages {
            for (client, server) in Self.pairs {
                let chunks = transcript.turns.flatMap { $0.pieces($0.side == .client ? client : server) }
                let notes = transcript.run(vantage, chunks).notes
                for side in Side.allCases where notes.joined(side) != sides[side] {
                    Issue.record("\(transcript) as \(vantage) by \(client) and \(server): other notes of the \(side)")
                }
            }
        }
    }

    /// A machine that depends on how octets come is caught.
    @Test func aDifferenceIsSeen() {
        let turn = Turn(.client, Array("NOOP\r\nNOOP\r\n".utf8))
        var whole = Standpoint(.observer, SMTPDialogue(.smtp))
        var half = whole
        _ = whole.take(turn)
        _ = half.take(Turn(.client, Array(turn.octets.dropLast())))
        #expect(whole != half)
        #expect(turn.pieces(5).map(\.octets.count) == [5, 5, 2])
        #expect(turn.pieces(5).flatMap(\.octets) == turn.octets)
    }
}

extension Turn {
    /// The turn in pieces of a size.
    func pieces(_ size: Int) -> [Turn] {
        guard gap == nil else { return [self] }
        return stride(from: 0, to: octets.count, by: size).map {
            Turn(side, Array(octets[$0..<min($0 + size, octets.count)]))
        }
    }
}

/// One who follows, at any vantage, with all of his state.
private struct Standpoint<D: Dialogue>: Equatable {
    private enum Place: Equatable {
        case beside(Tap<D>)
        case at(Endpoint<D>)
        case between(Relayed<D>)
    }

    private var place: Place

    init(_ vantage: Vantage, _ dialogue: D) {
        switch vantage {
        case .observer: place = .beside(Tap(dialogue))
        case .server: place = .at(Endpoint(dialogue, role: .server))
        case .client: place = .at(Endpoint(dialogue, role: .client))
        case .relay: place = .between(Relayed(dialogue))
        }
    }

    mutating func take(_ turn: Turn) -> [Note] {
        var notes: [Note] = []
        switch place {
        case .beside(var tap):
            tap.take(turn, into: &notes)
            place = .beside(tap)
        case .at(var endpoint):
            if turn.side == endpoint.role {
                endpoint.send(turn.octets, into: &notes)
            } else {
                endpoint.receive(turn.octets, into: &notes)
            }
            place = .at(endpoint)
        case .between(var relayed):
            relayed.take(turn, into: &notes)
            place = .between(relayed)
        }
        return notes
    }

    mutating func take(_ turn: Turn, inPiecesOf size: Int) -> [Note] { turn.pieces(size).flatMap { take($0) } }
}

/// Two endpoints back to back, each sending on what the other understood.
private struct Relayed<D: Dialogue>: Equatable {
    private var facingClient: Endpoint<D>
    private var facingServer: Endpoint<D>

    init(_ dialogue: D) {
        facingClient = Endpoint(dialogue, role: .server)
        facingServer = Endpoint(dialogue, role: .client)
    }

    mutating func take(_ turn: Turn, into notes: inout [Note]) {
        var rest = turn.octets[...]
        while !rest.isEmpty {
            // No server answers what is still held: then its lines come one at a time.
            let isHeld = turn.side == .server && facingClient.tap.pending(.client) > 0
            let end = isHeld ? rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex : rest.endIndex
            var fresh: [Note] = []
            switch turn.side {
            case .client: facingClient.receive(Array(rest[..<end]), into: &fresh)
            case .server: facingServer.receive(Array(rest[..<end]), into: &fresh)
            }
            forward(fresh, into: &notes)
            rest = rest[end...]
        }
    }

    private mutating func forward(_ fresh: [Note], into notes: inout [Note]) {
        var work = fresh[...]
        while let note = work.popFirst() {
            var released: [Note] = []
            switch note.side {
            case .client: facingServer.send(Array(note.raw), into: &released)
            case .server: facingClient.send(Array(note.raw), into: &released)
            }
            notes.append(note)
            // What it says of its own side was told when it came.
            work += released.filter { $0.side != note.side }
        }
    }
}
