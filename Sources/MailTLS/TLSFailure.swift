// What goes wrong with keys, certificates and TLS, in words for the one who runs the program.

import COpenSSL

/// A failure, with what to do about it.
package struct TLSFailure: Error, Equatable, CustomStringConvertible {
    /// What it is about: a file, a name.
    package var subject: String
    package var reason: String
    /// What to do; empty when there is nothing to advise.
    package var advice: String
    /// What kind of failure it is, for who counts them.
    package var kind = Kind.other

    /// Kinds of failures that are worth telling apart.
    package enum Kind: Equatable, Sendable {
        /// The peer's certificate is not to be trusted.
        case untrusted
        /// The peer said so, with an alert (RFC 8446 §6.2).
        case refused
        case other
    }

    package init(_ subject: String, _ reason: String, advice: String = "") {
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    package var description: String { "\(subject): \(reason)" + (advice.isEmpty ? "" : "; \(advice)") }

    /// With the reason that OpenSSL left behind on this thread, and with nothing left there for the next.
    static func openSSL(_ subject: String, _ what: String, advice: String = "") -> TLSFailure {
        let code = ERR_peek_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else {
            return TLSFailure(subject, what, advice: advice)
        }
        var failure = TLSFailure(subject, "\(what): \(String(cString: text))", advice: advice)
        // Alerts of the peer are reasons from there on.
        if code & 0x7F_FFFF >= UInt(SSL_AD_REASON_OFFSET), code >> 23 & 0xFF == UInt(ERR_LIB_SSL) {
            failure.kind = .refused
        }
        return failure
    }
}
