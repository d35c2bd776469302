// SCRAM (RFC 5802, RFC 7677): the joint machine. Whether the proofs hold is for those who know the password; that the
// nonces grow, that the channel binding is what was said first, and that no unknown extension is demanded, both sides
// and any observer can tell.

struct SCRAMExchange: SASLExchange {
    enum State: Equatable, Sendable {
        /// client-first is due. Successors: `greeted`, `broken`.
        case begun
        /// server-first is due. Successors: `challenged`, `final`, `broken`, `over`.
        case greeted(SCRAMClientFirst)
        /// client-final is due. Successors: `final`, `broken`.
        case challenged(SCRAMClientFirst, SCRAMServerFirst)
        /// server-final is due, or the outcome. Successors: `verified`, `over`, `broken`.
        case final(SCRAMClientFirst, SCRAMServerFirst?, SCRAMClientFinal)
        /// The server's proof is out: the client's empty response is due. Successor: `over`.
        case verified(SCRAMServerFinal)
        /// A message did not fit; nothing more is judged.
        case broken
        /// Nothing is left to say.
        case over
    }

    let hash: SASLHash
    let plus: Bool
    private(set) var state = State.begun

    init(_ hash: SASLHash, plus: Bool) {
        self.hash = hash
        self.plus = plus
    }

    var isOver: Bool { state == .over }

    var account: String {
        switch state {
        case .greeted(let first), .challenged(let first, _), .final(let first, _, _): Self.account(first)
        case .begun, .verified, .broken, .over: ""
        }
    }

    static func account(_ first: SCRAMClientFirst) -> String {
        SCRAMName.unescaped(first.username) ?? first.username.text
    }

    private var mechanism: SASLMechanism { .scram(hash, plus: plus) }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch (side, state) {
        case (.client, .begun): return clientFirst(message)
        case (.server, .greeted(let first)): return serverFirst(message, first)
        case (.client, .greeted(let first)): return clientFinal(message, first, nil)
        case (.client, .challenged(let first, let challenge)): return clientFinal(message, first, challenge)
        case (.server, .final): return serverFinal(message)
        case (.client, .verified(let final)):
            state = .over
            if message.isEmpty { return SASLFinding() }
            // RFC 5802 §5.2, item 2b with RFC 4422 §5: additional data of success is answered with nothing. How an
            // error is answered is not said.
            guard case .verifier = final else { return .unreadable() }
            return .unreadable(.saslFinalResponseNotEmpty)
        case (.client, .final), (.client, .broken), (.client, .over):
            return message.isEmpty ? SASLFinding() : .unreadable()
        case (.server, .begun), (.server, .challenged), (.server, .verified), (.server, .broken), (.server, .over):
            return SASLFinding()
        }
    }

    private mutating func clientFirst(_ message: [UInt8]) -> SASLFinding {
        if message.isEmpty {
            state = .broken
            return SASLFinding(violations: [.saslSCRAMForm])
        }
        guard let first = SCRAMClientFirst(message) else {
            state = .broken
            return .unreadable(.saslSCRAMForm)
        }
        state = .greeted(first)
        var violations: [Violation] = []
        if first.hasMandatoryExtension { violations.append(.saslSCRAMExtension) }
        if [first.username, first.authorization].contains(where: { SCRAMName.unescaped($0) == nil }) {
            violations.append(.saslSCRAMNameEscape)
        }
        // The name with -PLUS says that the server binds (RFC 5801 §3), the flag that the client believes it does not.
        if plus, first.flag == .notOffered { violations.append(.saslSCRAMBindingFlag) }
        return SASLFinding(violations: violations)
    }

    private mutating func serverFirst(_ message: [UInt8], _ first: SCRAMClientFirst) -> SASLFinding {
        guard let challenge = SCRAMServerFirst(message) else {
            // An error may come as early as this (RFC 5802 §5.1, attribute e).
            if case .failure? = SCRAMServerFinal(message) {
                state = .over
                return SASLFinding()
            }
            state = .broken
            return SASLFinding(violations: [.saslSCRAMChallengeForm])
        }
        state = .challenged(first, challenge)
        var violations: [Violation] = []
        if challenge.hasMandatoryExtension { violations.append(.saslSCRAMServerExtension) }
        if !challenge.nonce.starts(with: first.nonce) || challenge.nonce.count == first.nonce.count {
            violations.append(.saslSCRAMNonceNotExtended)
        }
        if challenge.iterations < SCRAMServerFirst.fewestIterations { violations.append(.saslSCRAMFewIterations) }
        return SASLFinding(violations: violations)
    }

    private mutating func clientFinal(
        _ message: [UInt8], _ first: SCRAMClientFirst, _ challenge: SCRAMServerFirst?
    ) -> SASLFinding {
        // A client that does not like the challenge may give up with an empty line.
        guard !message.isEmpty, let final = SCRAMClientFinal(message) else {
            state = .broken
            return message.isEmpty ? SASLFinding() : .unreadable(.saslSCRAMForm)
        }
        state = .final(first, challenge, final)
        var violations: [Violation] = []
        if let challenge, !final.nonce.elementsEqual(challenge.nonce) { violations.append(.saslSCRAMNonceChanged) }
        if !Self.isBound(final, first) { violations.append(.saslSCRAMBindingChanged) }
        var details: [CredentialDetail] = []
        if !first.authorization.isEmpty {
            details.append(.authorization(SCRAMName.unescaped(first.authorization) ?? first.authorization.text))
        }
        if let challenge {
            details.append(
                .evidence(
                    .scram(
                        hash, salt: SecretBytes(challenge.salt), iterations: challenge.iterations,
                        authMessage: SecretBytes(Self.authMessage(first, challenge, final.withoutProof)))))
        }
        return SASLFinding(
            violations: violations, secret: .octets(final.proofRange),
            credential: Credential(
                mechanism: mechanism.name, account: Self.account(first),
                secret: SecretBytes(message[final.proofRange]), details: details))
    }

    private mutating func serverFinal(_ message: [UInt8]) -> SASLFinding {
        guard let final = SCRAMServerFinal(message) else {
            state = .broken
            return SASLFinding(violations: [.saslSCRAMChallengeForm])
        }
        state = .verified(final)
        return SASLFinding()
    }

    /// The final message repeats the header of the first, and data follows it if and only if the flag is `p` (RFC 5802
    /// §7, cbind-input).
    static func isBound(_ final: SCRAMClientFinal, _ first: SCRAMClientFirst) -> Bool {
        guard final.binding.starts(with: first.header) else { return false }
        switch first.flag {
        case .required: return final.binding.count > first.header.count
        case .unsupported, .notOffered: return final.binding.count == first.header.count
        }
    }

    /// AuthMessage (RFC 5802 §3).
    static func authMessage(
        _ first: SCRAMClientFirst, _ challenge: SCRAMServerFirst, _ withoutProof: some Sequence<UInt8>
    ) -> [UInt8] {
        let comma = [UInt8(ascii: ",")]
        return Array(first.bare) + comma + challenge.octets + comma + Array(withoutProof)
    }
}
