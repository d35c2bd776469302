// The server's part of a SASL exchange (RFC 4422 §3): which challenge goes out, and the login that the responses amount
// to. The three protocols differ in how they carry the base64, not in what is in it.

import MailDialogue
import MailMessage

/// A SASL exchange under way on our side.
struct SASLServer: Equatable, Sendable {
    /// The mechanisms, in the order in which they are offered.
    enum Mechanism: String, CaseIterable, Sendable {
        case plain = "PLAIN"
        case login = "LOGIN"
        case cramMD5 = "CRAM-MD5"
    }

    /// What comes next.
    enum Step: Equatable {
        /// Send this as base64.
        case challenge([UInt8])
        /// The exchange is complete: ask the store.
        case attempt(LoginAttempt)
        /// The response is no base64 or does not fit the mechanism.
        case malformed
        /// `*`: the client gives up.
        case cancelled
        /// An initial response for a mechanism in which the server begins (RFC 4422 §5).
        case serverFirst
    }

    private let mechanism: Mechanism
    private let challenge: String
    private var user: String?

    /// - Parameter challenge: for CRAM-MD5, with its brackets, never the same twice (RFC 2195 §2).
    init(_ mechanism: Mechanism, challenge: String) {
        self.mechanism = mechanism
        self.challenge = challenge
    }

    /// The mechanisms that are offered.
    static func offered(_ settings: ServerSettings) -> [Mechanism] {
        Mechanism.allCases.filter { $0 != .cramMD5 || settings.digestLogins }
    }

    /// An offered mechanism by its name, in any case.
    static func mechanism(_ name: ArraySlice<UInt8>, _ settings: ServerSettings) -> Mechanism? {
        Mechanism(rawValue: name.keyword()).flatMap { offered(settings).contains($0) ? $0 : nil }
    }

    /// Begins. `initial` is the base64 behind the mechanism's name: empty when there was none, `=` when it was empty.
    mutating func begin(initial: ArraySlice<UInt8>) -> Step {
        switch mechanism {
        case .plain: initial.isEmpty ? .challenge([]) : respond(initial)
        case .login: initial.isEmpty ? .challenge(Array("Username:".utf8)) : respond(initial)
        case .cramMD5: initial.isEmpty ? .challenge(Array(challenge.utf8)) : .serverFirst
        }
    }

    /// The client's response as base64, without its line end.
    mutating func respond(_ base64: ArraySlice<UInt8>) -> Step {
        if base64.elementsEqual([UInt8(ascii: "*")]) { return .cancelled }
        let isEmpty = base64.elementsEqual([UInt8(ascii: "=")])
        guard let octets = isEmpty ? [] : Base64.decode(base64) else { return .malformed }
        switch mechanism {
        case .plain: return plain(octets)
        case .login:
            guard let user else {
                guard !octets.isEmpty else { return .malformed }
                user = octets[...].text
                return .challenge(Array("Password:".utf8))
            }
            return .attempt(.password(user: user, SecretText(octets[...].text)))
        case .cramMD5:
            guard let space = octets.lastIndex(of: 32), space > 0 else { return .malformed }
            let digest = octets[(space + 1)...]
            guard digest.count == 32, digest.allSatisfy(Self.isHexDigit) else { return .malformed }
            return .attempt(.cramMD5(user: octets[..<space].text, challenge: challenge, digest: digest.text))
        }
    }

    /// RFC 4616 §2. An authorisation identity other than the user is nobody's right here.
    private func plain(_ octets: [UInt8]) -> Step {
        let fields = octets.split(separator: 0, omittingEmptySubsequences: false)
        guard fields.count == 3, !fields[1].isEmpty, fields.allSatisfy({ $0.count <= 255 }) else { return .malformed }
        guard fields[0].isEmpty || fields[0] == fields[1] else { return .malformed }
        return .attempt(.password(user: fields[1].text, SecretText(fields[2].text)))
    }

    static func isHexDigit(_ octet: UInt8) -> Bool { (48...57).contains(octet) || (97...102).contains(octet) }
}
