// The server's end of a SASL exchange: it makes the challenges and says who logs in. Whether a password, a digest or a
// token holds is asked of the caller, who knows the users; SCRAM is computed here from the keys that the caller has.
// Every message of both sides goes through the mechanism's joint machine, so a response that an observer would report
// is refused here.

/// The server's end of an exchange.
package struct SASLServerMachine: Equatable, Sendable {
    /// What comes next.
    package enum Step: Equatable, Sendable {
        /// Send this, not yet in base64.
        case challenge([UInt8])
        /// Answer this with `answer`.
        case ask(Question)
        /// The exchange succeeded.
        case accept(account: String, authorization: String)
        case fail(SASLFailure)
    }

    /// What the caller must know.
    package enum Question: Equatable, Sendable {
        /// Does this password hold? Answer: `holds`.
        case password(account: String, authorization: String, SecretBytes)
        /// Is this the digest of the challenge under the account's password? Answer: `holds`.
        case digest(account: String, challenge: [UInt8], digest: [UInt8])
        /// What is kept of the account's password? For an account that does not exist the caller makes keys up, the
        /// same each time, so that it can't be told from others (RFC 9051 §11.7). Answer: `keys` or `holds(false)`.
        case keys(account: String, authorization: String, SASLHash)
        /// Does this token hold for this account, which may be empty? Answer: `holds`.
        case token(account: String, SecretBytes)
        /// Did the channel prove who the client is, and may it act as this identity (empty: its own)? Answer: `holds`.
        case external(authorization: String)
        /// May anyone in? Answer: `holds`.
        case anonymous(trace: String)

        /// The answer of one who knows the password in clear. False for questions that are not about a password.
        package func isProven(by password: SecretBytes) -> Bool {
            switch self {
            case .password(_, _, let shown): return shown == password
            case .digest(_, let challenge, let digest):
                return SecretBytes.isSame(digest, password.withRevealed { SASLHash.md5Code($0, challenge) })
            case .keys, .token, .external, .anonymous: return false
            }
        }
    }

    /// The caller's answer.
    package enum Answer: Equatable, Sendable {
        case holds(Bool)
        case keys(SCRAMKeys)
    }

    private enum State: Equatable, Sendable {
        /// The first message is due. Successors: all others.
        case begun
        /// LOGIN: the password is due. Successor: `asked`.
        case passwordDue(account: String)
        /// The caller's answer is due. Successors: `proofDue`, `noteDue`, `done`.
        case asked(Question)
        /// SCRAM: the client's proof is due. Successors: `endDue`, `done`.
        case proofDue(SCRAMKeys)
        /// SCRAM: our proof is out, and the client's empty response is due. Successor: `done`.
        case endDue(account: String, authorization: String)
        /// OAUTHBEARER: the client is to take note of the refusal. Successor: `done`.
        case noteDue
        /// It is over. No successor.
        case done
    }

    package let mechanism: SASLMechanism
    private let token: [UInt8]
    private let binding: SCRAMBinding
    private var exchange: AnyExchange
    private var state = State.begun

    /// Nil for a mechanism that is only followed.
    /// - Parameters:
    ///   - token: never the same twice: for CRAM-MD5 the challenge with its angle brackets, for SCRAM what the client's
    ///     nonce
    ///     is extended with, printable ASCII without commas.
    ///   - binding: for SCRAM, the channel as the server sees it.
    package init?(_ mechanism: SASLMechanism, token: [UInt8], binding: SCRAMBinding = .none) {
        switch mechanism {
        case .plain, .login, .cramMD5, .scram, .xoauth2, .oauthBearer, .external, .anonymous: break
        case .digestMD5, .ntlm, .other: return nil
        }
        self.mechanism = mechanism
        self.token = token
        self.binding = binding
        exchange = AnyExchange(mechanism)
    }

    /// Begins. `initial` is the decoded initial response; nil when there was none, which is not the same as an empty
    /// one.
    package mutating func begin(initial: [UInt8]?) -> Step {
        if let initial {
            guard mechanism.beginner != .server else { return end(.serverBegins) }
            return respond(initial)
        }
        switch mechanism {
        case .login: return say(LoginExchange.accountPrompt)
        case .cramMD5: return say(token)
        case .plain, .scram, .xoauth2, .oauthBearer, .external, .anonymous, .digestMD5, .ntlm, .other:
            // RFC 4422 §5: the client begins, and the first challenge is empty.
            return .challenge([])
        }
    }

    /// The client's response, decoded.
    package mutating func respond(_ message: [UInt8]) -> Step {
        switch state {
        case .begun: return first(message)
        case .passwordDue(let account):
            return ask(.password(account: account, authorization: "", SecretBytes(message)))
        case .proofDue(let keys): return check(message, keys)
        case .endDue(let account, let authorization):
            guard message.isEmpty else { return end(.malformed(Violation.saslFinalResponseNotEmpty.meaning)) }
            state = .done
            return .accept(account: account, authorization: authorization)
        // What the client says to it changes nothing.
        case .noteDue: return end(.badCredentials)
        case .asked, .done: return end(.unexpected)
        }
    }

    /// The caller's answer to the question under way.
    package mutating func answer(_ answer: Answer) -> Step {
        guard case .asked(let question) = state else { return end(.unexpected) }
        switch (answer, question) {
        case (.keys(let keys), .keys): return challenge(keys)
        case (.holds(false), .token) where mechanism == .oauthBearer || mechanism == .xoauth2:
            state = .noteDue
            // RFC 7628 §3.2.2: the status is required.
            return .challenge(Array(#"{"status":"invalid_token"}"#.utf8))
        case (.holds(true), .password(let account, let authorization, _)):
            state = .done
            return .accept(account: account, authorization: authorization)
        case (.holds(true), .digest(let account, _, _)), (.holds(true), .token(let account, _)):
            state = .done
            return .accept(account: account, authorization: "")
        case (.holds(true), .external(let authorization)):
            state = .done
            return .accept(account: "", authorization: authorization)
        case (.holds(true), .anonymous):
            state = .done
            return .accept(account: "", authorization: "")
        case (.holds, .keys), (.holds(false), _), (.keys, _): return end(.badCredentials)
        }
    }

    private mutating func first(_ message: [UInt8]) -> Step {
        if mechanism == .login {
            guard !message.isEmpty else { return end(.malformed("the account is missing")) }
            state = .passwordDue(account: message[...].text)
            return .challenge(LoginExchange.passwordPrompt)
        }
        let finding = exchange.accept(message, from: .client)
        // Whether an empty password holds is the caller's to say, as with any other.
        if let broken = finding.violations.first(where: { $0.severity > .notice && $0 != .saslPlainNoPassword }) {
            return end(.malformed(broken.meaning))
        }
        switch mechanism {
        case .plain:
            guard let plain = PlainMessage(message) else { return end(.malformed(Violation.saslPlainForm.meaning)) }
            return ask(
                .password(
                    account: plain.account.text, authorization: plain.authorization.text, SecretBytes(plain.password)))
        case .cramMD5:
            guard let response = CRAMResponse(message) else {
                return end(.malformed(Violation.saslCRAMResponseForm.meaning))
            }
            return ask(.digest(account: response.account.text, challenge: token, digest: Array(response.digest)))
        case .xoauth2, .oauthBearer:
            guard let credential = finding.credential else {
                return end(.malformed(Violation.saslBearerForm.meaning))
            }
            return ask(.token(account: credential.account, credential.secret))
        case .external: return ask(.external(authorization: message[...].text))
        case .anonymous: return ask(.anonymous(trace: message[...].text))
        case .scram: return greeted()
        case .login, .digestMD5, .ntlm, .other: return end(.unexpected)
        }
    }

    /// client-first-message came.
    private mutating func greeted() -> Step {
        guard case .scram(let scram) = exchange, case .greeted(let first) = scram.state,
            let account = SASLText.prepared(SCRAMExchange.account(first)), !account.isEmpty
        else { return end(.malformed(Violation.saslSCRAMForm.meaning)) }
        switch (first.flag, binding) {
        case (.unsupported, _) where !scram.plus: break
        case (.notOffered, .none) where !scram.plus: break
        // RFC 5802 §6: the client would have bound, had it seen that we can. Somebody between may have hidden it.
        case (.notOffered, .possible), (.notOffered, .channel):
            return end(.malformed("the client believes that the server can't bind to the channel"))
        case (.required(let type), .channel(let ours, _)) where type == ours && scram.plus: break
        case (.unsupported, _), (.notOffered, _), (.required, _):
            return end(.malformed("the channel binding is none that the server has"))
        }
        let authorization = SCRAMName.unescaped(first.authorization) ?? ""
        return ask(.keys(account: account, authorization: authorization, scram.hash))
    }

    /// server-first-message.
    private mutating func challenge(_ keys: SCRAMKeys) -> Step {
        guard case .scram(let scram) = exchange, case .greeted(let first) = scram.state, keys.hash == scram.hash else {
            return end(.badCredentials)
        }
        state = .proofDue(keys)
        return say(
            SCRAMServerFirst.message(nonce: Array(first.nonce) + token, salt: keys.salt, iterations: keys.iterations))
    }

    /// client-final-message.
    private mutating func check(_ message: [UInt8], _ keys: SCRAMKeys) -> Step {
        let finding = exchange.accept(message, from: .client)
        if let broken = finding.violations.first(where: { $0.severity > .notice }) {
            return end(.malformed(broken.meaning))
        }
        guard case .scram(let scram) = exchange, case .final(let first, let server?, let final) = scram.state else {
            return end(.malformed(Violation.saslSCRAMForm.meaning))
        }
        var expected = first.header
        if case .channel(_, let data) = binding, case .required = first.flag { expected += data }
        guard final.binding == expected else { return end(.malformed(Violation.saslSCRAMBindingChanged.meaning)) }
        let authMessage = SCRAMExchange.authMessage(first, server, final.withoutProof)
        guard keys.isProven(by: final.proof, over: authMessage) else { return end(.badCredentials) }
        state = .endDue(
            account: SASLText.prepared(SCRAMExchange.account(first)) ?? "",
            authorization: SCRAMName.unescaped(first.authorization) ?? "")
        return say(SCRAMServerFinal.verifier(keys.signature(over: authMessage)).message)
    }

    private mutating func ask(_ question: Question) -> Step {
        state = .asked(question)
        return .ask(question)
    }

    /// What we say goes through the joint machine too: a breach of our own is a fault of the caller's token or keys.
    private mutating func say(_ message: [UInt8]) -> Step {
        let judged = exchange.accept(message, from: .server).violations
        if let broken = judged.first(where: { $0.severity > .notice }) { return end(.malformed(broken.meaning)) }
        return .challenge(message)
    }

    private mutating func end(_ failure: SASLFailure) -> Step {
        state = .done
        return .fail(failure)
    }
}
