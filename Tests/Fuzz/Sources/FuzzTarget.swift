// The table of targets. A target is a function of octets that ends the process when its invariant is broken.

import MailDialogue

/// Something that is fed with random octets.
struct FuzzTarget: Sendable {
    let name: String
    /// The longest input, in octets: long enough for the states behind each other, short enough for speed.
    let longest: Int
    /// The dictionary in Tests/Fuzz/Dictionaries, without its ending.
    let words: String
    /// What holds for every input, in one sentence.
    let invariant: String
    let run: @Sendable ([UInt8]) -> Void

    static let all: [FuzzTarget] =
        dialogues
        + [
            compressed, sasl, mime, captures, imports, expressions, grammar, relay, arrival, entrance, login, strip,
            scopes, anonymize,
        ]

    /// Each protocol with one side's octets as they are and a plausible other side, and with both sides as they come.
    private static let dialogues: [FuzzTarget] = MailProtocol.allCases.flatMap { proto in
        Side.allCases.map { side in
            FuzzTarget(
                name: "\(proto.rawValue)-\(side == .client ? "client" : "server")", longest: 4096,
                words: proto.rawValue,
                invariant: "Whatever one side sends, notes hold the octets of both, the same however they are cut."
            ) { OneSided(proto, fuzzed: side).run($0) }
        } + [
            FuzzTarget(
                name: proto.rawValue, longest: 4096, words: proto.rawValue,
                invariant: "Whatever both sides send and lose, notes hold their octets, the same however they are cut."
            ) { BothSides(proto).run($0) }
        ]
    }
}
