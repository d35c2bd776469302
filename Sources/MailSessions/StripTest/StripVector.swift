// The ways in which a strip test treats clients: each is what an attacker on the path does who wants the secrets that TLS would hide.
// One table says of each what it is called, whom it concerns, what is done and what it shows. The attacks are those of the tool
// striptls and of "Why TLS Is Better Without STARTTLS" (Poddebniak et al., USENIX Security 2021).

import MailDialogue

/// A way in which a client is put to the test.
package enum StripVector: String, Sendable, Hashable, CaseIterable {
    /// Nothing is wrong: what a client does here tells what its other sessions are worth.
    case control
    case capabilityRemoved = "capability-removed"
    case extensionsRefused = "extensions-refused"
    case temporaryError = "starttls-temporary-error"
    case permanentError = "starttls-error"
    case invalidAnswer = "starttls-invalid-answer"
    case clearAnswer = "starttls-clear-answer"
    case untrustedCertificate = "untrusted-certificate"
    case wrongName = "wrong-name"
    case expired
    case oldVersion = "tls-1.0"
    case injectedResponse = "injected-response"
    case preAuthenticated = "preauth"

    /// A row of the table.
    package struct Row: Sendable {
        /// The protocols of which the vector is one, where TLS is begun by STARTTLS or STLS.
        package let protocols: [MailProtocol]
        /// It concerns clients that begin with TLS too.
        package let isForImplicitTLS: Bool
        /// What is done.
        package let action: String
        /// What a client shows that falls for it.
        package let meaning: String
        /// What a client does that withstands, and where that is written.
        package let section: String
    }

    private static let all: [MailProtocol] = [.smtp, .pop3, .imap]

    /// What is to be known of the vector.
    package var row: Row {
        switch self {
        case .control:
            Row(
                protocols: Self.all, isForImplicitTLS: true,
                action: "nothing: STARTTLS is offered and the certificate is good",
                meaning:
                    "it says its password in clear, whatever is offered; when it does not come to TLS here either, its other tests show nothing",
                section: "RFC 8314 §4.1")
        case .capabilityRemoved:
            Row(
                protocols: Self.all, isForImplicitTLS: false,
                action: "STARTTLS is taken out of the server's list, and logins in clear are put into it",
                meaning: "it uses TLS where it is offered only, so that anybody on the path can switch it off",
                section: "RFC 8314 §5.2")
        case .extensionsRefused:
            Row(
                protocols: [.smtp, .pop3], isForImplicitTLS: false,
                action: "EHLO or CAPA is answered with an error, as by a server without extensions",
                meaning: "it goes back to the protocol without extensions, and so without TLS",
                section: "RFC 5321 §3.2, RFC 2449 §5")
        case .temporaryError:
            Row(
                protocols: Self.all, isForImplicitTLS: false,
                action: "STARTTLS is answered with a temporary error: 454, -ERR [SYS/TEMP], NO [UNAVAILABLE]",
                meaning: "it goes on in clear when TLS cannot be begun just now", section: "RFC 3207 §4")
        case .permanentError:
            Row(
                protocols: Self.all, isForImplicitTLS: false,
                action: "STARTTLS is answered as an unknown command: 502, -ERR, BAD",
                meaning: "it goes on in clear when TLS is refused", section: "RFC 3207 §4, RFC 2595 §2.2")
        case .invalidAnswer:
            Row(
                protocols: Self.all, isForImplicitTLS: false,
                action: "STARTTLS is answered with something that its RFC does not know: 200, +, a status that is none",
                meaning: "it goes on in clear behind an answer that it does not understand", section: "RFC 3207 §4")
        case .clearAnswer:
            Row(
                protocols: Self.all, isForImplicitTLS: false,
                action: "STARTTLS is agreed to, and the client's handshake is answered with a line in clear",
                meaning: "it goes on in clear when the handshake fails", section: "RFC 8314 §5.2")
        case .untrustedCertificate:
            Row(
                protocols: Self.all, isForImplicitTLS: true,
                action: "the certificate has the right name and is signed by an authority that nobody knows",
                meaning: "it takes any certificate, so that anybody on the path can be its server",
                section: "RFC 7817 §3, RFC 5280 §6")
        case .wrongName:
            Row(
                protocols: Self.all, isForImplicitTLS: true,
                action: "the certificate is signed by the proxy's authority, for another host",
                meaning: "it takes the certificate of any other host", section: "RFC 7817 §3")
        case .expired:
            Row(
                protocols: Self.all, isForImplicitTLS: true,
                action: "the certificate is signed by the proxy's authority for the right name, and has expired",
                meaning: "it takes certificates whose keys may have been given up long ago", section: "RFC 5280 §6.1.3")
        case .oldVersion:
            Row(
                protocols: Self.all, isForImplicitTLS: true,
                action: "the certificate is good, and TLS 1.0 is all there is",
                meaning: "it takes a version of TLS that is broken", section: "RFC 8996 §4")
        case .injectedResponse:
            Row(
                protocols: Self.all, isForImplicitTLS: false,
                action:
                    "an answer to its next command stands in clear behind the consent to TLS, and the true one is late",
                meaning: "it takes octets that came in clear for the server's words under TLS",
                section: "RFC 3207 §6, RFC 2595 §4, RFC 9051 §6.2.1")
        case .preAuthenticated:
            Row(
                protocols: [.imap], isForImplicitTLS: false,
                action: "the server greets with PREAUTH, behind which STARTTLS is not allowed any more",
                meaning: "it goes on in clear as if it were logged in, and shows mail and settings",
                section: "RFC 9051 §7.1.4, §11.1")
        }
    }

    /// The table in Markdown, as Docs/StripTest.md has it.
    package static var markdown: String {
        let rows = allCases.map { vector in
            let row = vector.row
            let protocols = row.protocols.map { $0.rawValue.uppercased() }.joined(separator: ", ")
            let whom = protocols + (row.isForImplicitTLS ? "; implicit TLS too" : "")
            return "| `\(vector.rawValue)` | \(whom) | \(row.action) | \(row.meaning) | \(row.section) |\n"
        }
        return "| test | for | what is done | who falls for it | see |\n| --- | --- | --- | --- | --- |\n"
            + rows.joined()
    }

    /// The vectors for a client of this protocol, in the order in which they are tried.
    /// - Parameter isImplicit: it begins with TLS.
    package static func all(for mailProtocol: MailProtocol, isImplicit: Bool) -> [StripVector] {
        allCases.filter { vector in
            let row = vector.row
            return row.protocols.contains(mailProtocol) && (!isImplicit || row.isForImplicitTLS)
        }
    }

    /// TLS is begun in the course of it, and what is wrong is in TLS.
    var isOfTLS: Bool {
        switch self {
        case .untrustedCertificate, .wrongName, .expired, .oldVersion: true
        case .control, .capabilityRemoved, .extensionsRefused, .temporaryError, .permanentError, .invalidAnswer,
            .clearAnswer, .injectedResponse, .preAuthenticated:
            false
        }
    }

    /// STARTTLS is offered.
    var offersTLS: Bool {
        switch self {
        case .capabilityRemoved, .extensionsRefused, .preAuthenticated: false
        case .control, .temporaryError, .permanentError, .invalidAnswer, .clearAnswer, .untrustedCertificate,
            .wrongName, .expired, .oldVersion, .injectedResponse:
            true
        }
    }
}
