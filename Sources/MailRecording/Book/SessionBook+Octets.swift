// What is told of octets beside themselves: secrets to be sealed, and what a recording can't show of them.

import MailDialogue

extension SessionBook {
    /// The packets of the session leave something in doubt.
    package mutating func doubt(_ doubt: PacketDoubt) {
        summary.add(doubt)
        insertFinding(doubt.kind.code)
    }

    /// Tells the octets of notes, and counts them.
    /// - Parameter chunk: octets that most of the notes were cut from.
    mutating func appendOctets(
        _ notes: ArraySlice<Note>, of chunk: ArraySlice<UInt8>, _ time: Int64, _ leg: Leg,
        _ events: inout [RecordEvent]
    ) {
        let time = NanosecondTime.of(time, fraction)
        var pieces = OctetPieces(of: chunk)
        var side = notes.first?.side ?? .client
        // Where they are: a copy of a note counts up all that it holds.
        notes.withUnsafeBufferPointer { notes in
            for index in notes.indices {
                let isPlain = notes.isPlain(at: index)
                if leg == .client, !isPlain, let unseen = unseen(notes[index]) {
                    flush(&pieces, side, time, leg, &events)
                    events.append(.remark(session: summary.info.id, side: notes[index].side, unseen))
                }
                let count = notes[index].raw.count
                if count == 0 { continue }
                if notes[index].side != side {
                    flush(&pieces, side, time, leg, &events)
                    side = notes[index].side
                }
                if !isPlain, let masked = notes[index].masked {
                    switch secrets {
                    case .mask: pieces.append(masked)
                    case .keep: pieces.append(notes[index].raw)
                    case .seal:
                        flush(&pieces, side, time, leg, &events)
                        seal(notes[index].raw, masked, side, time, leg, &events)
                    }
                } else {
                    pieces.append(notes[index].raw)
                }
                guard leg == .client else { continue }
                switch side {
                case .client: summary.clientBytes += count
                case .server: summary.serverBytes += count
                }
            }
        }
        flush(&pieces, side, time, leg, &events)
    }

    private func flush(
        _ pieces: inout OctetPieces, _ side: Side, _ time: Int64, _ leg: Leg, _ events: inout [RecordEvent]
    ) {
        let all = pieces.take()
        guard !all.isEmpty else { return }
        events.append(.octets(session: summary.info.id, leg: leg, side: side, time: time, all))
    }

    /// Octets within a message of which there is no note.
    package mutating func pass(_ octets: ArraySlice<UInt8>, from side: Side, at time: Int64) {
        summary.touch(time, fraction)
        switch side {
        case .client: summary.clientBytes += octets.count
        case .server: summary.serverBytes += octets.count
        }
        guard keepsRows else { return }
        messages.pass(octets, side, &ledger)
        switch side {
        case .client: clientContent?.bytes += octets.count
        case .server: serverContent?.bytes += octets.count
        }
        ledger.wire(octets, side)
    }

    /// Octets within messages need no note: nobody is told of them. Mutating, as books that are only looked at would be copied first.
    package mutating func mayPass() -> Bool { !tellsOctets && scope.isEmpty && untold.isEmpty }

    /// Counts octets that are not told.
    mutating func countOctets(_ notes: ArraySlice<Note>, _ leg: Leg) {
        guard leg == .client else { return }
        notes.withUnsafeBufferPointer { notes in
            for index in notes.indices {
                switch notes[index].side {
                case .client: summary.clientBytes += notes[index].raw.count
                case .server: summary.serverBytes += notes[index].raw.count
                }
            }
        }
    }

    /// Octets with a secret, in pieces that one packet holds. The time is in nanoseconds.
    func seal(
        _ raw: ArraySlice<UInt8>, _ masked: ArraySlice<UInt8>, _ side: Side, _ time: Int64, _ leg: Leg,
        _ events: inout [RecordEvent]
    ) {
        var (raw, masked) = (raw, masked)
        while !raw.isEmpty {
            let piece = raw.prefix(SealedSecret.longest)
            events.append(
                .secret(
                    session: summary.info.id, leg: leg, side: side, time: time, masked.prefix(piece.count),
                    SecretBytes(piece)))
            raw = raw.dropFirst(piece.count)
            masked = masked.dropFirst(piece.count)
        }
    }

    /// What a recording can't show of the note.
    func unseen(_ note: Note) -> Unseen? {
        if note.cameEarly { return .haste }
        if case .content = note.element, note.facts.contains(.leftOut) { return .leftOut }
        guard summary.info.isInflated else { return nil }
        switch note.element {
        case .opaque, .gap:
            for case .opaque(let reason) in note.facts where reason == .compress || reason == .gap {
                return .opaque(reason)
            }
            return nil
        case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done,
            .contentBegin, .content, .contentEnd, .unplaced, .incomplete, .unknown:
            return nil
        }
    }
}

/// Pieces of octets in a row. Those that lie one behind the other in the same chunk become one, as each costs as much as copying
/// hundreds of octets.
private struct OctetPieces {
    private let chunk: ArraySlice<UInt8>
    private var pieces: [ArraySlice<UInt8>] = []
    /// What of the chunk comes behind `pieces`; empty for nothing.
    private var run = 0..<0

    init(of chunk: ArraySlice<UInt8>) { self.chunk = chunk }

    /// - Parameter octets: not empty.
    mutating func append(_ octets: ArraySlice<UInt8>) {
        let range = octets.startIndex..<octets.endIndex
        guard isOfChunk(octets) else {
            endRun()
            pieces.append(octets)
            return
        }
        if !run.isEmpty, run.upperBound == range.lowerBound {
            run = run.lowerBound..<range.upperBound
        } else {
            endRun()
            run = range
        }
    }

    /// They are not only the same octets, but lie in the same place, under the same indices.
    private func isOfChunk(_ octets: ArraySlice<UInt8>) -> Bool {
        guard octets.startIndex >= chunk.startIndex, octets.endIndex <= chunk.endIndex else { return false }
        let offset = octets.startIndex &- chunk.startIndex
        return chunk.withUnsafeBufferPointer { chunk in
            octets.withUnsafeBufferPointer { octets in
                guard let start = chunk.baseAddress, let address = octets.baseAddress else { return false }
                return start + offset == address
            }
        }
    }

    private mutating func endRun() {
        guard !run.isEmpty else { return }
        pieces.append(chunk[run])
        run = 0..<0
    }

    /// All pieces; there are none then.
    mutating func take() -> [ArraySlice<UInt8>] {
        endRun()
        defer { pieces = [] }
        return pieces
    }
}
