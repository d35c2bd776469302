// One side sends whatever it likes; the other is a peer that answers as real ones do, and at times as bad ones do.

import MailDialogue

/// The targets `smtp-client`, `imap-server` and so on.
struct OneSided {
    private let proto: MailProtocol
    private let fuzzed: Side

    init(_ proto: MailProtocol, fuzzed: Side) {
        self.proto = proto
        self.fuzzed = fuzzed
    }

    func run(_ input: [UInt8]) {
        let input = FuzzInput(input)
        switch proto {
        case .smtp: run(input, SMTPDialogue(.smtp))
        case .lmtp: run(input, SMTPDialogue(.lmtp))
        case .pop3: run(input, POP3Dialogue())
        case .imap: run(input, .forFuzzing(input))
        }
    }

    private func run(_ input: FuzzInput, _ dialogue: some Dialogue) {
        var numbers = input.numbers
        let conversation = converse(input, dialogue, &numbers)
        let followed = conversation.check(dialogue, &numbers)
        if fuzzed == .server {
            Self.checkSecrets(followed.notes)
            conversation.checkRecording(followed, dialogue)
        }
    }

    /// Whatever a server says, the passwords that the peer sends are shown in no command and no response, nor in anything else that
    /// is a line or the beginning of one. Left out is what nobody can know: a server that asks for a message, or for a literal,
    /// and gets a response makes it a part of that content; and what is not followed any more has no lines.
    private static func checkSecrets(_ notes: [Note]) {
        for note in notes where note.side == .client {
            switch note.element {
            case .command, .response, .incomplete, .unplaced, .unknown, .done:
                for secret in Peer.secrets {
                    must(!note.publicOctets.holds(secret), "a password is shown: \(note.shown)")
                }
            case .greeting, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .contentBegin, .content,
                .contentEnd, .opaque, .gap:
                break
            }
        }
    }

    /// The fuzzed side sends some lines, the peer answers what was understood of them, and so on.
    private func converse(_ input: FuzzInput, _ dialogue: some Dialogue, _ numbers: inout SeededNumbers) -> Conversation
    {
        var conversation = Conversation()
        var followed = Followed(tap: Tap(dialogue))
        var peer = Peer(proto, side: fuzzed.other, numbers: SeededNumbers(seed: numbers.next()))
        func say(_ side: Side, _ octets: [UInt8]) {
            conversation.add(.octets(side, octets))
            followed.take(.octets(side, octets))
        }
        say(fuzzed.other, peer.opening())
        var rest = input.octets[...]
        while !rest.isEmpty {
            say(fuzzed, Self.lines(&rest, numbers.oneIn(4) ? Int.random(in: 2...5, using: &numbers) : 1))
            for _ in 0..<16 {
                let isHeld = followed.tap.dialogue.demand(fuzzed) == .held && followed.tap.pending(fuzzed) > 0
                let answer = peer.answer(followed.notes, isHeld: isHeld)
                if answer.isEmpty { break }
                say(fuzzed.other, answer)
            }
        }
        return conversation
    }

    /// The next lines.
    private static func lines(_ rest: inout ArraySlice<UInt8>, _ count: Int) -> [UInt8] {
        var end = rest.startIndex
        for _ in 0..<count where end < rest.endIndex {
            end = rest[end...].firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
        }
        defer { rest = rest[end...] }
        return Array(rest[..<end])
    }
}

extension Dialogue where Self == IMAPDialogue {
    /// With and without the parsing of mailbox data.
    static func forFuzzing(_ input: FuzzInput) -> IMAPDialogue {
        IMAPDialogue(keepsMailbox: input.seed >> 8 & 1 == 1)
    }
}

extension ArraySlice<UInt8> {
    /// The octets stand somewhere in these.
    fileprivate func holds(_ wanted: [UInt8]) -> Bool {
        guard let first = wanted.first else { return true }
        return indices.contains { self[$0] == first && self[$0...].starts(with: wanted) }
    }
}
