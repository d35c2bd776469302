// Who may log in through us, and what an upstream gets in the place of what they show. Compared in a time that tells nobody which users
// there are.

import MailDialogue

/// What of a client's password is known.
package enum KnownPassword: Equatable, Sendable {
    case clear(SecretBytes)
    /// PBKDF2 with HMAC-SHA-256, as the users of the built-in server are kept (RFC 8018 §5.2).
    case hash(salt: [UInt8], iterations: Int, SecretBytes)

    /// Reads `$pbkdf2-sha256$ITERATIONS$SALT$HASH`, salt and hash in hexadecimal. Nil when it is no such hash.
    package init?(hash text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "pbkdf2-sha256", let iterations = Int(parts[2]),
            (1...SASLHash.mostIterations).contains(iterations), let salt = Self.octets(hex: parts[3]), !salt.isEmpty,
            let hash = Self.octets(hex: parts[4]), hash.count == 32
        else { return nil }
        self = .hash(salt: salt, iterations: iterations, SecretBytes(hash))
    }

    private static func octets(hex text: Substring) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }

    /// What a hash costs to compare with.
    fileprivate var iterations: Int {
        switch self {
        case .clear: 0
        case .hash(_, let iterations, _): iterations
        }
    }

    /// The password is this one.
    fileprivate func isMet(by secret: SecretBytes) -> Bool {
        switch self {
        case .clear(let password):
            // Their digests are compared, so that the time does not tell their lengths.
            return password.withRevealed { known in
                secret.withRevealed { shown in
                    SecretBytes.isSame(SASLHash.sha256.code([], known), SASLHash.sha256.code([], shown))
                }
            }
        case .hash(let salt, let iterations, let hash):
            let prepared = secret.withRevealed { octets in
                SASLText.isUTF8(octets) ? SASLText.prepared(octets[...].text).map { Array($0.utf8) } ?? octets : octets
            }
            guard let salted = SASLHash.sha256.salted(SecretBytes(prepared), salt: salt, iterations: iterations) else {
                return false
            }
            return salted.withRevealed { one in hash.withRevealed { SecretBytes.isSame(one, $0) } }
        }
    }
}

/// The logins that a file of credentials names.
package struct LoginBook: Sendable {
    /// One of them.
    package struct Entry: Equatable, Sendable {
        /// The client's name, in lower case.
        package let user: String
        package let password: KnownPassword
        /// The name at the upstream.
        package let account: String
        /// Nil when a token is asked for.
        package let upstreamPassword: SecretBytes?

        package init(user: String, password: KnownPassword, account: String, upstreamPassword: SecretBytes?) {
            self.user = user.lowercased()
            self.password = password
            self.account = account
            self.upstreamPassword = upstreamPassword
        }
    }

    package let entries: [Entry]
    private let byUser: [String: Int]
    /// Compared with when nobody has the name, at the price of the dearest of those that somebody has.
    private let decoy: KnownPassword?

    package init(_ entries: [Entry]) {
        self.entries = entries
        byUser = Dictionary(entries.enumerated().map { ($1.user, $0) }, uniquingKeysWith: { first, _ in first })
        let most = entries.map(\.password.iterations).max() ?? 0
        decoy =
            most == 0
            ? nil
            : .hash(
                salt: [UInt8](repeating: 0, count: 16), iterations: most,
                SecretBytes([UInt8](repeating: 0, count: 32)))
    }

    /// The entry of a client's login, by its place; nil when there is none or the password is another. May take a tenth of a
    /// second.
    package func entry(for login: ClientCredential) -> Int? {
        let index = byUser[login.user.lowercased()]
        let known = index.map { entries[$0].password }
        if known.map({ $0.iterations == 0 }) ?? true { _ = decoy?.isMet(by: login.secret) }
        guard let index, known?.isMet(by: login.secret) == true else { return nil }
        return index
    }
}
