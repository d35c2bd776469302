// Both sides come from the input, in pieces that follow each other as they like, with octets missing between them.
//
// 0xFF and an octet of what comes next part the pieces: bit 0 is the side, bits 1 to 3 what happens (see `Happening`),
// and the rest says how much.

import MailDialogue

/// The targets `smtp`, `lmtp`, `pop3`, `imap`.
struct BothSides {
    private let proto: MailProtocol

    init(_ proto: MailProtocol) { self.proto = proto }

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
        MessageCheck.run(Self.decode(input.octets).check(dialogue, &numbers).notes)
    }

    /// What a mark does before the octets behind it are sent.
    private enum Happening: UInt8 {
        /// Octets of the side follow.
        case speaks = 0
        /// Octets of the side are missing, as many as the upper bits say.
        case losesSome = 1
        /// The same, and nobody knows how many.
        case loses = 2
        /// Both sides lose octets, as at the beginning of a capture that starts late.
        case allIsLost = 3
        /// A hole of some thousands.
        case losesMany = 4
    }

    static func decode(_ octets: [UInt8]) -> Conversation {
        var conversation = Conversation()
        var side = Side.server
        var piece: [UInt8] = []
        var rest = octets[...]
        while let octet = rest.popFirst() {
            guard octet == 0xff, let mark = rest.popFirst() else {
                piece.append(octet)
                continue
            }
            conversation.add(.octets(side, piece))
            piece = []
            side = mark & 1 == 0 ? .client : .server
            let much = Int(mark >> 4)
            switch Happening(rawValue: mark >> 1 & 7) {
            case .speaks: break
            case .losesSome: conversation.add(.gap(side, much + 1))
            case .loses: conversation.add(.gap(side, nil))
            case .allIsLost:
                conversation.add(.gap(.client, nil))
                conversation.add(.gap(.server, nil))
            case .losesMany: conversation.add(.gap(side, (much + 1) * 1000))
            // 0xFF itself.
            case nil: piece.append(0xff)
            }
        }
        conversation.add(.octets(side, piece))
        return conversation
    }

    /// The octets that decode to these steps; `losing` gives a mark to put before a step, if any.
    static func encode(_ steps: [Step], losing: (Int) -> UInt8? = { _ in nil }) -> [UInt8] {
        var encoded: [UInt8] = []
        for (index, step) in steps.enumerated() {
            switch step {
            case .octets(let side, let octets):
                let bit: UInt8 = side == .client ? 0 : 1
                if let mark = losing(index) { encoded += [0xff, mark & 0xfe | bit] }
                encoded += [0xff, bit]
                for octet in octets { encoded += octet == 0xff ? [0xff, 0x0e | bit] : [octet] }
            case .gap(let side, let count):
                let bit: UInt8 = side == .client ? 0 : 1
                encoded += [0xff, count.map { UInt8(min($0 - 1, 15) << 4) | 0x02 | bit } ?? 0x04 | bit]
            }
        }
        return encoded
    }
}
