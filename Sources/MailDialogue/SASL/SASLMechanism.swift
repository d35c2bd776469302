// The SASL mechanisms by name, and what of each is fixed before the first octet: who begins, and whether it can take up
// a security layer.

/// A SASL mechanism (RFC 4422 §3.1).
package enum SASLMechanism: Equatable, Hashable, Sendable {
    /// RFC 4616.
    case plain
    /// Account and password asked for one after the other; no RFC defines it.
    case login
    /// RFC 2195.
    case cramMD5
    /// RFC 2831, which RFC 6331 made historic. Followed, not spoken.
    case digestMD5
    /// RFC 5802 and RFC 7677; `plus` is the variant that is bound to the TLS channel.
    case scram(SASLHash, plus: Bool)
    /// The forerunner of OAUTHBEARER; no RFC defines it.
    case xoauth2
    /// RFC 7628.
    case oauthBearer
    /// RFC 4422 Appendix A.
    case external
    /// RFC 4505.
    case anonymous
    /// MS-NLMP. Followed, not spoken.
    case ntlm
    /// Any other, by its name in capitals: GSSAPI, GS2-KRB5. Its messages are not read.
    case other(String)

    /// Who sends the first message (RFC 4422 §5, item 2a).
    package enum Beginner: Sendable {
        case client, server
        /// Either may: the mechanism says how, or it is not known here.
        case either
    }

    /// The mechanism of a name in capitals.
    package init(_ name: String) {
        self = Self.spoken.first { $0.name == name } ?? .other(name)
    }

    /// The word has the form of a mechanism's name (RFC 4422 §3.1), in capital letters unless it is known. What has another
    /// form, and stands where the name is due, may be a response or a password.
    static func isName(_ word: some OctetLine) -> Bool {
        guard (1...20).contains(word.count) else { return false }
        var (hasCapital, hasSmall) = (false, false)
        for octet in word {
            switch octet {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): hasCapital = true
            case UInt8(ascii: "a")...UInt8(ascii: "z"): hasSmall = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): break
            default: return false
            }
        }
        return (hasCapital && !hasSmall) || SASLMechanism(word.keyword()).isSpoken
    }

    private var isSpoken: Bool { if case .other = self { false } else { true } }

    /// All but `other`, the strongest first.
    package static let spoken: [SASLMechanism] =
        [
            .scram(.sha512, plus: true), .scram(.sha256, plus: true), .scram(.sha1, plus: true),
            .scram(.sha512, plus: false),
            .scram(.sha256, plus: false), .scram(.sha1, plus: false), .oauthBearer, .xoauth2, .external, .plain, .login,
            .cramMD5, .digestMD5, .ntlm, .anonymous,
        ]

    /// The name in capitals.
    package var name: String {
        switch self {
        case .plain: "PLAIN"
        case .login: "LOGIN"
        case .cramMD5: "CRAM-MD5"
        case .digestMD5: "DIGEST-MD5"
        case .scram(let hash, let plus): "SCRAM-\(hash.rawValue)" + (plus ? "-PLUS" : "")
        case .xoauth2: "XOAUTH2"
        case .oauthBearer: "OAUTHBEARER"
        case .external: "EXTERNAL"
        case .anonymous: "ANONYMOUS"
        case .ntlm: "NTLM"
        case .other(let name): name
        }
    }

    /// Who begins. Client and server only where an RFC says so.
    package var beginner: Beginner {
        switch self {
        case .plain, .scram, .oauthBearer, .external, .anonymous: .client
        case .cramMD5: .server
        // RFC 2831 §2.2: a client that was here before may begin. LOGIN, XOAUTH2 and NTLM have no RFC.
        case .login, .digestMD5, .xoauth2, .ntlm, .other: .either
        }
    }

    /// Can take up a security layer (RFC 4422 §3.7), as far as the name tells. GS2 has none (RFC 5801 §12), SCRAM
    /// neither (RFC 5802 §5.2).
    var canInstallLayer: Bool {
        switch self {
        case .digestMD5, .ntlm: true
        case .plain, .login, .cramMD5, .scram, .xoauth2, .oauthBearer, .external, .anonymous: false
        case .other(let name): ["GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "SRP"].contains(name)
        }
    }
}
