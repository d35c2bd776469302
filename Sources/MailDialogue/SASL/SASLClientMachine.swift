// The client's end of a SASL exchange: given account, secret and a nonce it makes the responses and checks the
// server's. Every message of both sides goes through the mechanism's joint machine, so a challenge that an observer
// would report fails the login here.

/// The client's end of an exchange.
package struct SASLClientMachine: Equatable, Sendable {
    /// What comes next.
    package enum Step: Equatable, Sendable {
        /// Send this, not yet in base64. Empty is a message too.
        case send([UInt8])
        /// Cancel with `*`: nothing good can come of it.
        case fail(SASLFailure)
    }

    private enum State: Equatable, Sendable {
        /// Our first message is due. Successors: `running`, `done`, `failed`.
        case begun
        /// LOGIN: the password is due. Successor: `done`.
        case passwordDue
        /// OAUTHBEARER: the outcome is due, or the server's reason why not. Successor: `refused`.
        case tokenSent
        /// OAUTHBEARER: we took note of the reason. No successor.
        case refused(String)
        /// SCRAM: the server's challenge is due. Successors: `proofDue`, `failed`.
        case challengeDue
        /// SCRAM: the server's proof is due. Successors: `proven`, `failed`.
        case proofDue(SCRAMKeys, authMessage: [UInt8])
        /// SCRAM: the server proved itself. No successor.
        case proven
        /// We have nothing more to say. No successor.
        case done
        /// No successor.
        case failed(SASLFailure)
    }

    package let mechanism: SASLMechanism
    private let login: SASLLogin
    private let nonce: [UInt8]
    private let binding: SCRAMBinding
    private var exchange: AnyExchange
    private var state = State.begun

    /// Nil for a mechanism that is only followed.
    /// - Parameters:
    ///   - nonce: for SCRAM: printable ASCII without commas, never the same twice, not to be guessed.
    ///   - binding: for SCRAM.
    package init?(_ mechanism: SASLMechanism, _ login: SASLLogin, nonce: [UInt8], binding: SCRAMBinding = .none) {
        switch mechanism {
        case .plain, .login, .cramMD5, .scram, .xoauth2, .oauthBearer, .external, .anonymous: break
        case .digestMD5, .ntlm, .other: return nil
        }
        self.mechanism = mechanism
        self.login = login
        self.nonce = nonce
        self.binding = binding
        exchange = AnyExchange(mechanism)
    }

    /// The server begins: there is no initial response.
    package var serverBegins: Bool {
        switch mechanism {
        case .cramMD5, .login: true
        case .plain, .digestMD5, .scram, .xoauth2, .oauthBearer, .external, .anonymous, .ntlm, .other: false
        }
    }

    /// The first message, to go out with the command or in answer to the empty challenge. Nil when the server begins.
    package mutating func begin() -> Step? { serverBegins ? nil : first([]) }

    /// The answer to a challenge.
    package mutating func respond(to challenge: [UInt8]) -> Step {
        switch state {
        // A server must ask for the first message with nothing; what it says instead changes nothing.
        case .begun: return first(challenge)
        case .passwordDue:
            state = .done
            return login.secret.withRevealed { .send($0) }
        case .tokenSent:
            _ = exchange.accept(challenge, from: .server)
            state = .refused(challenge[...].text)
            return say(mechanism == .xoauth2 ? [] : BearerExchange.acknowledgement)
        case .challengeDue: return proof(challenge)
        case .proofDue(let keys, let authMessage): return check(challenge, keys, authMessage)
        case .refused, .proven, .done: return fail(.unexpected)
        case .failed(let failure): return .fail(failure)
        }
    }

    /// The server said how it ended. Nil when that is a success that may be believed.
    package func outcome(accepted: Bool) -> SASLFailure? {
        switch state {
        case .failed(let failure): failure
        case .refused(let reason): .refused(reason)
        // A server that lets us in without its proof may be anyone (RFC 5802 §3).
        case .challengeDue, .proofDue: accepted ? .serverNotProven : .badCredentials
        case .begun, .passwordDue: accepted ? .unexpected : .badCredentials
        case .tokenSent, .proven, .done: accepted ? nil : .badCredentials
        }
    }

    private mutating func first(_ challenge: [UInt8]) -> Step {
        guard !login.account.utf8.contains(0), !login.authorization.utf8.contains(0) else {
            return fail(.unusable("the account holds a NUL octet"))
        }
        switch mechanism {
        case .plain:
            state = .done
            return login.secret.withRevealed { password in
                guard !password.contains(0) else { return fail(.unusable("the password holds a NUL octet")) }
                return say(
                    PlainMessage.message(
                        authorization: login.authorization, account: login.account, password: password))
            }
        case .login:
            state = .passwordDue
            return .send(Array(login.account.utf8))
        case .cramMD5:
            state = .done
            _ = exchange.accept(challenge, from: .server)
            return login.secret.withRevealed {
                say(CRAMResponse.message(account: login.account, password: $0, challenge: challenge))
            }
        case .xoauth2, .oauthBearer:
            guard BearerMessage.canHold(login) else { return fail(.unusable("the account or the token holds ^A")) }
            state = .tokenSent
            return say(BearerMessage.message(mechanism == .xoauth2 ? .xoauth2 : .oauthBearer, login))
        case .external:
            state = .done
            return say(Array(login.authorization.utf8))
        case .anonymous:
            state = .done
            return say(Array(login.account.utf8))
        case .scram: return greet()
        case .digestMD5, .ntlm, .other: return fail(.unexpected)
        }
    }

    /// client-first-message.
    private mutating func greet() -> Step {
        guard let name = SASLText.prepared(login.account), !name.isEmpty else {
            return fail(.unusable("the account can't be prepared (RFC 4013)"))
        }
        guard !nonce.isEmpty, nonce.allSatisfy({ SCRAMClientFirst.isPrintable($0) && $0 != UInt8(ascii: ",") }) else {
            return fail(.unusable("the nonce is no printable ASCII"))
        }
        let header = SCRAMClientFirst.header(flag, authorization: login.authorization)
        state = .challengeDue
        return say(Array("\(header)n=\(SCRAMName.escaped(name)),r=".utf8) + nonce)
    }

    private var flag: SCRAMBindingFlag {
        switch binding {
        case .none: .unsupported
        case .possible: .notOffered
        case .channel(let type, _): .required(type: type)
        }
    }

    /// client-final-message.
    private mutating func proof(_ challenge: [UInt8]) -> Step {
        let judged = exchange.accept(challenge, from: .server).violations
        guard case .scram(let scram) = exchange, case .challenged(let first, let server) = scram.state else {
            if case .failure(let reason)? = SCRAMServerFinal(challenge) { return fail(.refused(reason)) }
            return fail(.malformed(Violation.saslSCRAMChallengeForm.meaning))
        }
        // Few iterations are unwise, not wrong.
        if let broken = judged.first(where: { $0.severity > .notice }) { return fail(.malformed(broken.meaning)) }
        guard (1...SASLHash.mostIterations).contains(server.iterations) else {
            return fail(.iterations(server.iterations))
        }
        let hash = scram.hash
        guard let salted = SCRAMKeys.salted(hash, login.secret, server.salt, server.iterations) else {
            return fail(.unusable("the password can't be prepared (RFC 4013)"))
        }
        var input = first.header
        if case .channel(_, let data) = binding { input += data }
        let withoutProof = SCRAMClientFinal.withoutProof(binding: input, nonce: server.nonce)
        let authMessage = SCRAMExchange.authMessage(first, server, withoutProof)
        let keys = SCRAMKeys(hash, salt: server.salt, iterations: server.iterations, saltedPassword: salted)
        let proof = SCRAMKeys.proof(hash, clientKey: SCRAMKeys.keys(hash, salted).client, over: authMessage)
        state = .proofDue(keys, authMessage: authMessage)
        return say(SCRAMClientFinal.message(withoutProof, proof: proof))
    }

    /// server-final-message.
    private mutating func check(_ challenge: [UInt8], _ keys: SCRAMKeys, _ authMessage: [UInt8]) -> Step {
        _ = exchange.accept(challenge, from: .server)
        switch SCRAMServerFinal(challenge) {
        case .verifier(let signature)?:
            guard SecretBytes.isSame(signature, keys.signature(over: authMessage)) else {
                return fail(.serverNotProven)
            }
            state = .proven
            return say([])
        case .failure(let reason)?: return fail(.refused(reason))
        case nil: return fail(.malformed(Violation.saslSCRAMChallengeForm.meaning))
        }
    }

    /// What we say goes through the joint machine too. A breach of our own is a fault of the account or the secret.
    private mutating func say(_ message: [UInt8]) -> Step {
        let judged = exchange.accept(message, from: .client).violations
        if let broken = judged.first(where: { $0.severity > .notice && $0 != .saslPlainNoPassword }) {
            return fail(.unusable(broken.meaning))
        }
        return .send(message)
    }

    private mutating func fail(_ failure: SASLFailure) -> Step {
        state = .failed(failure)
        return .fail(failure)
    }
}
