// What is told of octets beside themselves: secrets to be sealed, and what a recording can't show of them.

import MailDialogue

extension SessionBook {
    /// The packets of the session leave something in doubt.
    package mutating func doubt(_ doubt: PacketDoubt) {
        summary.add(doubt)
        insertFinding(doubt.kind.code)
    }

    /// Tells the octets of notes, and counts them.
    mutating func appendOctets(
        _ notes: ArraySlice<Note>, _ time: Int64, _ leg: Leg, _ events: inout [RecordEvent]
    ) {
        let time = NanosecondTime.of(time, fraction)
        var pieces: [ArraySlice<UInt8>] = []
        var side = notes.first?.side ?? .client
        for note in notes {
            if leg == .client, !note.isPlain, let unseen = unseen(note) {
                flush(&pieces, side, time, leg, &events)
                events.append(.remark(session: summary.info.id, side: note.side, unseen))
            }
            if note.raw.isEmpty { continue }
            if note.side != side {
                flush(&pieces, side, time, leg, &events)
                side = note.side
            }
            if let masked = note.masked {
                switch secrets {
                case .mask: pieces.append(masked)
                case .keep: pieces.append(note.raw)
                case .seal:
                    flush(&pieces, side, time, leg, &events)
                    seal(note.raw, masked, side, time, leg, &events)
                }
            } else {
                pieces.append(note.raw)
            }
            guard leg == .client else { continue }
            switch side {
            case .client: summary.clientBytes += note.raw.count
            case .server: summary.serverBytes += note.raw.count
            }
        }
        flush(&pieces, side, time, leg, &events)
    }

    private func flush(
        _ pieces: inout [ArraySlice<UInt8>], _ side: Side, _ time: Int64, _ leg: Leg, _ events: inout [RecordEvent]
    ) {
        guard !pieces.isEmpty else { return }
        events.append(.octets(session: summary.info.id, leg: leg, side: side, time: time, pieces))
        pieces = []
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

    /// Octets within messages need no note: nobody is told of them.
    package var mayPass: Bool { !tellsOctets && scope.isEmpty && untold.isEmpty }

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
