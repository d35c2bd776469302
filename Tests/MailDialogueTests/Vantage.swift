// The four places from which a dialogue is followed, and the ways in which its octets arrive.

@testable import MailDialogue

/// Where we stand.
enum Vantage: String, CaseIterable, Sendable {
    /// A tap beside the wire.
    case observer
    /// The peer of a client.
    case server
    /// The peer of a server.
    case client
    /// Two endpoints back to back.
    case relay
}

/// How octets arrive.
enum Chunking: String, CaseIterable, Sendable {
    /// A turn at once.
    case turns
    /// Each octet alone.
    case octets
    /// With each frame the first half of the same side's next one.
    case ahead
}

/// What came of it.
struct Outcome {
    var notes: [Note] = []
    /// What the relay sent on to the other side, from each side.
    var forwarded: [Side: [UInt8]]?
}

/// Runs octets through a vantage.
struct Run<D: Dialogue> {
    let make: @Sendable () -> D
    let vantage: Vantage

    func callAsFunction(_ chunks: [(side: Side, octets: [UInt8])]) -> Outcome {
        callAsFunction(chunks.map { Turn($0.side, $0.octets) })
    }

    /// Only the observer understands gaps; the others see nothing of them.
    func callAsFunction(_ chunks: [Turn]) -> Outcome {
        switch vantage {
        case .observer: observe(chunks)
        case .server: play(chunks, role: .server)
        case .client: play(chunks, role: .client)
        case .relay: relay(chunks)
        }
    }

    private func observe(_ chunks: [Turn]) -> Outcome {
        var outcome = Outcome()
        var tap = Tap(make())
        for chunk in chunks { tap.take(chunk, into: &outcome.notes) }
        tap.end(.client, into: &outcome.notes)
        tap.end(.server, into: &outcome.notes)
        return outcome
    }

    private func play(_ chunks: [Turn], role: Side) -> Outcome {
        var outcome = Outcome()
        var endpoint = Endpoint(make(), role: role)
        for chunk in chunks {
            if chunk.side == role {
                endpoint.send(chunk.octets, into: &outcome.notes)
            } else {
                endpoint.receive(chunk.octets, into: &outcome.notes)
            }
        }
        if role == .server {
            endpoint.peerEnded(into: &outcome.notes)
            endpoint.weEnded(into: &outcome.notes)
        } else {
            endpoint.weEnded(into: &outcome.notes)
            endpoint.peerEnded(into: &outcome.notes)
        }
        return outcome
    }

    /// What an endpoint says of its peer is sent on by the other endpoint, which may release what its own peer sent
    /// before.
    private func relay(_ chunks: [Turn]) -> Outcome {
        var facingClient = Endpoint(make(), role: .server)
        var facingServer = Endpoint(make(), role: .client)
        var outcome = Outcome(notes: [], forwarded: [.client: [], .server: []])
        func forward(_ fresh: [Note], from side: Side) {
            var work = fresh.filter { $0.side == side }.map { ($0, side) }[...]
            while let (note, side) = work.popFirst() {
                outcome.notes.append(note)
                outcome.forwarded?[side, default: []] += Array(note.raw)
                guard !note.raw.isEmpty else { continue }
                var released: [Note] = []
                switch side {
                case .client: facingServer.send(Array(note.raw), into: &released)
                case .server: facingClient.send(Array(note.raw), into: &released)
                }
                work += released.filter { $0.side == side.other }.map { ($0, side.other) }
            }
        }
        for chunk in chunks {
            switch chunk.side {
            case .client:
                var fresh: [Note] = []
                facingClient.receive(chunk.octets, into: &fresh)
                forward(fresh, from: .client)
            case .server:
                // No server answers what the relay still holds: then its lines come one at a time.
                let holds = facingClient.tap.pending(.client) > 0
                var rest = chunk.octets[...]
                while !rest.isEmpty {
                    let end = holds ? rest.firstIndex(of: 10) ?? rest.endIndex - 1 : rest.endIndex - 1
                    var fresh: [Note] = []
                    facingServer.receive(Array(rest[...end]), into: &fresh)
                    forward(fresh, from: .server)
                    rest = rest[(end + 1)...]
                }
            }
        }
        for side in Side.allCases {
            var fresh: [Note] = []
            switch side {
            case .client: facingClient.peerEnded(into: &fresh)
            case .server: facingServer.peerEnded(into: &fresh)
            }
            forward(fresh, from: side)
        }
        // What waits for an answer of the server will not have it.
        var rest: [Note] = []
        facingClient.weEnded(into: &rest)
        outcome.notes += rest.filter { $0.side == .client }
        for note in rest where note.side == .client { outcome.forwarded?[.client, default: []] += Array(note.raw) }
        return outcome
    }
}

extension Tap {
    /// Octets of a side come, or are missing.
    mutating func take(_ turn: Turn, into notes: inout [Note]) {
        for unseen in turn.unseen {
            switch unseen {
            case .opaque(let reason): stop(reason, at: turn.side, into: &notes)
            case .haste: tellHaste(turn.side)
            }
        }
        if let gap = turn.gap {
            lose(turn.side, gap.count, into: &notes)
        } else {
            receive(turn.octets, from: turn.side, into: &notes)
        }
    }
}

extension Transcript {
    /// The octets in the order of arrival. `opaqueFrom` has the offset in each side from which nothing may come early:
    /// TLS begins there.
    func chunks(_ chunking: Chunking, opaqueFrom: [Side: Int]) -> [Turn] {
        switch chunking {
        case .turns: return turns
        case .octets:
            return turns.flatMap { turn in turn.gap == nil ? turn.octets.map { Turn(turn.side, [$0]) } : [turn] }
        case .ahead:
            var sent: [Side: Int] = [:]
            var ends: [Side: Int] = [:]
            return frames.indices.map { index in
                let frame = frames[index]
                let end = (ends[frame.side] ?? 0) + frame.octets.count
                ends[frame.side] = end
                var upTo = end
                if let next = frames[(index + 1)...].first(where: { $0.side == frame.side }) {
                    // Never a whole line of it: that would be another dialogue.
                    let line = next.octets.firstIndex(of: 10) ?? next.octets.count
                    upTo = min(end + min(next.octets.count / 2, line), opaqueFrom[frame.side] ?? .max)
                    upTo = max(upTo, end)
                }
                let from = sent[frame.side] ?? 0
                sent[frame.side] = upTo
                return Turn(frame.side, Array(octets(frame.side)[from..<max(from, upTo)]))
            }
        }
    }

    /// Runs the octets through a vantage.
    /// - Parameter isInflated: what was deflated is inflated in them.
    func run(_ vantage: Vantage, _ chunks: [Turn], isInflated: Bool = false) -> Outcome {
        switch MailProtocol(rawValue: protocolName) {
        case .smtp: Run(make: { SMTPDialogue(.smtp) }, vantage: vantage)(chunks)
        case .lmtp: Run(make: { SMTPDialogue(.lmtp) }, vantage: vantage)(chunks)
        case .pop3: Run(make: { POP3Dialogue() }, vantage: vantage)(chunks)
        case .imap: Run(make: { imapDialogue(isInflated ? .isInflated : .inflate) }, vantage: vantage)(chunks)
        case nil: Outcome()
        }
    }

    /// As the transcript wants it.
    func imapDialogue(_ compressed: IMAPDialogue.Compressed = .inflate) -> IMAPDialogue {
        IMAPDialogue(keepsMailbox: true, compressed: compressed, responseLine: responseLine)
    }

    /// The vantages and chunkings from which the transcript can be followed. To send octets early would move them over a
    /// gap.
    var vantages: [Vantage] { hasGaps || isDeflated ? [.observer] : Vantage.allCases }
    var chunkings: [Chunking] { hasGaps || isDeflated ? [.turns, .octets] : Chunking.allCases }

    /// For each frame the notes that begin in it. An end without octets belongs to the octets before it, a begin to
    /// those behind; the note of a gap, and ends that the gap brought about, belong to the gap.
    func placed(_ notes: [Note]) -> [[Note]] {
        var placed = [[Note]](repeating: [], count: frames.count)
        for side in Side.allCases {
            var owner: [Int] = []
            var gaps: [Int] = []
            for (index, frame) in frames.enumerated() where frame.side == side {
                if frame.gap != nil { gaps.append(index) }
                owner += Array(repeating: index, count: frame.octets.count)
            }
            var offset = 0
            var gap: (frame: Int, offset: Int)?
            for note in notes.joined(side) {
                var at = offset
                if case .gap = note.element, let frame = gaps.first {
                    gaps.removeFirst()
                    gap = (frame, offset)
                }
                if note.raw.isEmpty {
                    if case .contentBegin(let content) = note.element, content.size != 0 {
                        at = offset
                    } else if let gap, gap.offset == offset {
                        placed[gap.frame].append(note)
                        continue
                    } else {
                        at = offset - 1
                    }
                }
                if !owner.isEmpty { placed[owner[min(max(at, 0), owner.count - 1)]].append(note) }
                offset += note.raw.count
            }
        }
        return placed
    }
}
