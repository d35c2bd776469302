// The server's part of a SASL exchange (RFC 4422 §3): what goes out next, and the login that the responses amount to.
// The mechanisms are MailDialogue's; here is what our servers offer of them and how their questions become the store's.
// The three protocols differ in how they carry the base64, not in what is in it.

import MailDialogue
import MailMessage

/// A SASL exchange under way on our side.
struct SASLServer: Equatable, Sendable {
    /// The mechanisms, in the order in which they are offered.
    enum Mechanism: String, CaseIterable, Sendable {
        case plain = "PLAIN"
        case login = "LOGIN"
        case cramMD5 = "CRAM-MD5"
        case scramSHA1 = "SCRAM-SHA-1"
        case scramSHA256 = "SCRAM-SHA-256"

        /// SCRAM's hash; nil for other mechanisms.
        fileprivate var hash: SASLHash? {
            switch self {
            case .plain, .login, .cramMD5: nil
            case .scramSHA1: .sha1
            case .scramSHA256: .sha256
            }
        }
    }

    /// What comes next.
    enum Step: Equatable {
        /// Send this as base64.
        case challenge([UInt8])
        /// Ask the store for the user's keys and hand its answer to `stored`.
        case keys(user: String, SASLHash)
        /// The exchange is complete: ask the store.
        case attempt(LoginAttempt)
        /// The proof does not hold.
        case refused
        /// The response is no base64 or does not fit the mechanism.
        case malformed
        /// `*`: the client gives up.
        case cancelled
        /// An initial response for a mechanism in which the server begins (RFC 4422 §5).
        case serverFirst
    }

    private var machine: SASLServerMachine
    /// The user whose keys the store gave, by the name that it has there.
    private var user = ""

    /// Nil for a mechanism that is not offered.
    /// - Parameters:
    ///   - name: the mechanism's, in any case.
    ///   - challenge: for CRAM-MD5, with its brackets, never the same twice (RFC 2195 §2). SCRAM extends the client's
    ///     nonce
    ///     with it, as far as a nonce may hold it (RFC 5802 §7).
    init?(_ name: ArraySlice<UInt8>, _ settings: ServerSettings, challenge: String) {
        guard let mechanism = Mechanism(rawValue: name.keyword()), Self.offered(settings).contains(mechanism) else {
            return nil
        }
        var token = Array(challenge.utf8)
        if mechanism.hash != nil { token.removeAll { $0 <= 32 || $0 >= 127 || $0 == UInt8(ascii: ",") } }
        guard let machine = SASLServerMachine(SASLMechanism(mechanism.rawValue), token: token) else { return nil }
        self.machine = machine
    }

    /// The mechanisms that are offered.
    static func offered(_ settings: ServerSettings) -> [Mechanism] {
        Mechanism.allCases.filter { mechanism in
            if let hash = mechanism.hash { return settings.scramHashes.contains(hash) }
            return mechanism != .cramMD5 || settings.digestLogins
        }
    }

    /// Begins. `initial` is the base64 behind the mechanism's name: empty when there was none, `=` when it was empty.
    mutating func begin(initial: ArraySlice<UInt8>) -> Step {
        if initial.isEmpty { return step(machine.begin(initial: nil)) }
        // What is refused whatever it says is not decoded.
        if machine.mechanism.beginner == .server { return .serverFirst }
        return decoded(initial) { machine, octets in machine.begin(initial: octets) }
    }

    /// The client's response as base64, without its line end.
    mutating func respond(_ base64: ArraySlice<UInt8>) -> Step {
        decoded(base64) { machine, octets in machine.respond(octets) }
    }

    /// The store's answer to `keys`: anything but keys is a refusal.
    mutating func stored(_ reply: StoreReply) -> Step {
        guard case .scramKeys(let user, let keys) = reply else { return .refused }
        self.user = user
        return step(machine.answer(.keys(keys)))
    }

    private mutating func decoded(
        _ base64: ArraySlice<UInt8>, _ advance: (inout SASLServerMachine, [UInt8]) -> SASLServerMachine.Step
    ) -> Step {
        if base64.elementsEqual([UInt8(ascii: "*")]) { return .cancelled }
        let isEmpty = base64.elementsEqual([UInt8(ascii: "=")])
        guard let octets = isEmpty ? [] : Base64.decode(base64) else { return .malformed }
        return step(advance(&machine, octets))
    }

    private func step(_ step: SASLServerMachine.Step) -> Step {
        switch step {
        case .challenge(let octets): return .challenge(octets)
        case .ask(.password(let account, let authorization, let password)):
            // More than 255 octets need not be taken (RFC 4616 §2).
            let isShort = account.utf8.count <= 255 && password.withRevealed { $0.count <= 255 }
            guard isShort, Self.mayAct(account, as: authorization) else { return .malformed }
            return .attempt(.password(user: account, SecretText(password.withRevealed { $0[...].text })))
        case .ask(.digest(let account, let challenge, let digest)):
            return .attempt(.cramMD5(user: account, challenge: challenge[...].text, digest: digest[...].text))
        case .ask(.keys(let account, let authorization, let hash)):
            guard Self.mayAct(account, as: authorization) else { return .malformed }
            return .keys(user: account, hash)
        // Of the mechanisms that we offer SCRAM alone ends so.
        case .accept: return .attempt(.proven(user: user))
        case .ask(.token), .ask(.external), .ask(.anonymous): return .refused
        case .fail(.badCredentials), .fail(.serverNotProven): return .refused
        case .fail(.serverBegins): return .serverFirst
        case .fail(.cancelled): return .cancelled
        case .fail(.malformed), .fail(.unexpected), .fail(.iterations), .fail(.unusable), .fail(.refused):
            return .malformed
        }
    }

    /// An authorisation identity other than the user is nobody's right here.
    private static func mayAct(_ account: String, as authorization: String) -> Bool {
        authorization.isEmpty || authorization == account
    }
}
