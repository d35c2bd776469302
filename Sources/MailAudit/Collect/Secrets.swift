// What can be said of a secret without telling it.

import MailDialogue
import MailMessage

/// Judges secrets.
enum Secrets {
    /// Nothing is left of it but its length: it was masked when it was recorded.
    static func isMasked(_ secret: SecretBytes) -> Bool {
        secret.withRevealed { octets in !octets.isEmpty && octets.allSatisfy { $0 == UInt8(ascii: "*") } }
    }

    /// For eyes that asked for it.
    static func shown(_ secret: SecretBytes) -> String { secret.withRevealed { String(decoding: $0, as: UTF8.self) } }

    /// Why a password is easily guessed; nil when it is not.
    static func weakness(_ secret: SecretBytes, account: String) -> String? {
        secret.withRevealed { octets in
            guard !octets.isEmpty else { return nil }
            let text = String(decoding: octets, as: UTF8.self).lowercased()
            let account = account.lowercased()
            let local = String(account.prefix { $0 != "@" })
            if text == account || text == local || local.utf8.count > 2 && text == String(local.reversed()) {
                return "it is the name of the account"
            }
            if common.contains(text) { return "it is among the most frequent passwords" }
            let letters = text.drop { $0.isNumber }
            let stem = String(letters.reversed().drop { $0.isNumber || $0 == "!" || $0 == "." }.reversed())
            if stem.utf8.count > 3, common.contains(stem) || stem == local {
                return "it is a frequent password, or the account's name, with digits"
            }
            if octets.count < 8 { return "it has fewer than eight characters" }
            if Set(octets).count <= 2 { return "it repeats one or two characters" }
            return nil
        }
    }

    /// Passwords that every list of frequent ones has.
    private static let common: Set<String> = [
        "123456", "123456789", "12345678", "1234567890", "1234567", "12345", "1234", "111111", "000000", "123123",
        "654321", "666666", "121212", "112233", "987654321", "password", "password1", "passw0rd", "p@ssw0rd",
        "passwort", "contraseña", "motdepasse", "qwerty", "qwertz", "azerty", "qwerty123", "qwertyuiop", "asdfgh",
        "asdfghjkl", "zxcvbnm", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "q1w2e3r4", "abc123", "abcd1234", "a1b2c3",
        "letmein", "welcome", "welcome1", "admin", "admin123", "administrator", "root", "toor", "test", "test123",
        "testing", "guest", "user", "demo", "changeme", "default", "secret", "geheim", "master", "monkey", "dragon",
        "sunshine", "princess", "football", "baseball", "superman", "batman", "iloveyou", "trustno1", "shadow",
        "michael", "jordan", "hunter", "hunter2", "login", "mail", "email", "office", "summer", "winter", "spring",
        "autumn", "sommer", "herbst", "hallo", "hallo123", "hello", "hello123", "freedom", "whatever", "starwars",
        "pass", "pass123", "pass1234", "temp", "temp123", "backup", "scanner", "printer", "postmaster", "webmaster",
        "info", "support", "service", "server", "oracle", "mysql", "cisco", "company", "internet", "access",
    ]
}

/// What hashcat reads.
enum HashcatForm {
    /// A line for hashcat; nil when it has no mode for the mechanism.
    static func of(_ credential: Credential, account: String) -> String? {
        guard let evidence = credential.evidence else { return nil }
        func text(_ secret: SecretBytes) -> String { Secrets.shown(secret) }
        func hex(_ secret: SecretBytes) -> String { secret.withRevealed { $0.map { hexDigits($0) }.joined() } }
        switch evidence {
        case .cramMD5(let challenge):
            // Mode 16400: `$cram_md5$` base64 of the challenge, `$`, base64 of account and digest.
            let answer = Array(account.utf8) + [32] + credential.secret.withRevealed { $0 }
            return "$cram_md5$\(challenge.withRevealed { base64($0) })$\(base64(answer))"
        case .apop(let timestamp):
            // A digest of the timestamp with the password behind it: mode 20, the salt in front.
            return "\(text(credential.secret)):\(text(timestamp))"
        case .ntlm(let challenge, let lm, let nt):
            let realm = credential.realm ?? ""
            let response = hex(nt)
            if response.count == 48 {
                // Mode 5500, NetNTLMv1.
                return "\(account)::\(realm):\(hex(lm)):\(response):\(hex(challenge))"
            }
            guard response.count > 32 else { return nil }
            // Mode 5600, NetNTLMv2: proof and blob.
            let split = response.index(response.startIndex, offsetBy: 32)
            return "\(account)::\(realm):\(hex(challenge)):\(response[..<split]):\(response[split...])"
        case .digestMD5, .scram: return nil
        }
    }

    private static func base64(_ octets: [UInt8]) -> String { String(decoding: Base64.encode(octets), as: UTF8.self) }

    private static func hexDigits(_ octet: UInt8) -> String {
        let text = String(octet, radix: 16)
        return octet < 16 ? "0" + text : text
    }
}
