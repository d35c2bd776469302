// The joint machine of a SASL exchange, one for each mechanism: it is changed by "the client sent X" and "the server
// sent Y", X and Y being the decoded messages. Who follows from outside (`SASLFollower`), who logs in
// (`SASLClientMachine`) and who lets in (`SASLServerMachine`) drive the same machine, so what we send is judged like
// what we receive.

/// What a message of an exchange shows.
struct SASLFinding: Equatable, Sendable {
    /// What of a message is secret.
    enum Secret: Equatable, Sendable {
        case nothing
        /// These octets, counted from the message's first.
        case octets(Range<Int>)
        /// All of it.
        case whole
        /// All of it, for it could not be read and may be anything.
        case unreadable
    }

    var violations: [Violation] = []
    var secret = Secret.nothing
    /// The credential that the message completes.
    var credential: Credential?

    /// The message does not fit its mechanism: all of it may be secret.
    static func unreadable(_ violation: Violation? = nil) -> SASLFinding {
        SASLFinding(violations: violation.map { [$0] } ?? [], secret: .unreadable)
    }
}

/// The joint machine of one mechanism.
protocol SASLExchange: Equatable, Sendable {
    /// A message of `side`, decoded from base64. The empty first challenge of a mechanism in which the client begins is
    /// none of the mechanism's messages and does not come here.
    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding

    /// The mechanism has no further message of the server: a challenge now is one too many.
    var isOver: Bool { get }

    /// A security layer may follow the success (RFC 4422 §3.7); nil while only the mechanism's name tells.
    var installsLayer: Bool? { get }

    /// The account as far as messages before the credential named it; empty when none did.
    var account: String { get }
}

extension SASLExchange {
    var installsLayer: Bool? { nil }
    var account: String { "" }
}

/// An exchange of any mechanism.
indirect enum AnyExchange: Equatable, Sendable {
    case plain(PlainExchange)
    case login(LoginExchange)
    case cramMD5(CRAMExchange)
    case digestMD5(DigestExchange)
    case scram(SCRAMExchange)
    case bearer(BearerExchange)
    case identity(IdentityExchange)
    case ntlm(NTLMExchange)
    /// A mechanism whose messages are not read.
    case other

    init(_ mechanism: SASLMechanism) {
        switch mechanism {
        case .plain: self = .plain(PlainExchange())
        case .login: self = .login(LoginExchange())
        case .cramMD5: self = .cramMD5(CRAMExchange())
        case .digestMD5: self = .digestMD5(DigestExchange())
        case .scram(let hash, let plus): self = .scram(SCRAMExchange(hash, plus: plus))
        case .xoauth2: self = .bearer(BearerExchange(.xoauth2))
        case .oauthBearer: self = .bearer(BearerExchange(.oauthBearer))
        case .external: self = .identity(IdentityExchange(.external))
        case .anonymous: self = .identity(IdentityExchange(.anonymous))
        case .ntlm: self = .ntlm(NTLMExchange())
        case .other: self = .other
        }
    }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch self {
        case .plain(var exchange):
            defer { self = .plain(exchange) }
            return exchange.accept(message, from: side)
        case .login(var exchange):
            defer { self = .login(exchange) }
            return exchange.accept(message, from: side)
        case .cramMD5(var exchange):
            defer { self = .cramMD5(exchange) }
            return exchange.accept(message, from: side)
        case .digestMD5(var exchange):
            defer { self = .digestMD5(exchange) }
            return exchange.accept(message, from: side)
        case .scram(var exchange):
            defer { self = .scram(exchange) }
            return exchange.accept(message, from: side)
        case .bearer(var exchange):
            defer { self = .bearer(exchange) }
            return exchange.accept(message, from: side)
        case .identity(var exchange):
            defer { self = .identity(exchange) }
            return exchange.accept(message, from: side)
        case .ntlm(var exchange):
            defer { self = .ntlm(exchange) }
            return exchange.accept(message, from: side)
        case .other: return side == .client ? .unreadable() : SASLFinding()
        }
    }

    private var exchange: (any SASLExchange)? {
        switch self {
        case .plain(let exchange): exchange
        case .login(let exchange): exchange
        case .cramMD5(let exchange): exchange
        case .digestMD5(let exchange): exchange
        case .scram(let exchange): exchange
        case .bearer(let exchange): exchange
        case .identity(let exchange): exchange
        case .ntlm(let exchange): exchange
        case .other: nil
        }
    }

    /// Messages are a part of the state.
    var keepsMessages: Bool {
        switch self {
        case .login, .cramMD5, .digestMD5, .scram, .ntlm: true
        case .plain, .bearer, .identity, .other: false
        }
    }

    var isOver: Bool { exchange?.isOver ?? false }
    var installsLayer: Bool? { exchange?.installsLayer }
    var account: String { exchange?.account ?? "" }
}
