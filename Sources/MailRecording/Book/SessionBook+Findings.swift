// Findings of an audit that a session shows by itself, so that they can be searched for: `finding == "credentials-in-clear"`.

import MailDialogue

/// Codes of findings that `sessions` and `audit` have in common.
package enum SessionFinding {
    package static let credentialsInClear = "credentials-in-clear"
    package static let refusedInClear = "refused-credentials-in-clear"
    package static let tokensInClear = "tokens-in-clear"
    package static let attackableHash = "attackable-hash"
    package static let scramInClear = "scram-in-clear"

    /// Mechanisms that show a token in the place of a password.
    package static let tokens: Set<String> = ["XOAUTH2", "OAUTHBEARER"]
    /// Mechanisms whose challenge and response can be tested with guesses.
    package static let hashes: Set<String> = ["CRAM-MD5", "DIGEST-MD5", "NTLM", "APOP"]
    /// Mechanisms that show nothing to test or to use.
    package static let harmless: Set<String> = ["ANONYMOUS", "EXTERNAL", "GSSAPI", "GS2-KRB5"]

    /// What a credential in clear is; nil when it shows nothing.
    package static func code(_ mechanism: String, _ outcome: CredentialRecord.Outcome) -> String? {
        if harmless.contains(mechanism) { return nil }
        if mechanism.hasPrefix("SCRAM-") { return scramInClear }
        if hashes.contains(mechanism) { return attackableHash }
        if tokens.contains(mechanism) { return tokensInClear }
        switch outcome {
        case .refused: return refusedInClear
        case .accepted, .unknown: return credentialsInClear
        }
    }
}

extension SessionBook {
    /// A credential came, under TLS or not.
    mutating func judge(_ record: CredentialRecord) {
        if let tls = summary.info.tls, tls.failure == nil { return }
        if let code = SessionFinding.code(record.mechanism, record.outcome) { insertFinding(code) }
    }
}
