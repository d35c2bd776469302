// What is told of octets beside themselves: secrets to be sealed, and what a recording can't show of them.

import MailDialogue

extension SessionBook {
    /// The packets of the session leave something in doubt.
    package mutating func doubt(_ doubt: PacketDoubt) {
        summary.add(doubt)
        insertFinding(doubt.kind.code)
    }

    /// Octets with a secret, in pieces that one packet holds.
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
