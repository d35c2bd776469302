// OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2: fields that end in ^A, the token behind `auth=Bearer `. A server
// that refuses says why in a challenge, and the client answers it with a single ^A before the outcome comes.
//
//     C: n,a=user@example.com,^Ahost=server.example.com^Aport=143^Aauth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRh^A^A

/// The client's message.
struct BearerMessage: Equatable, Sendable {
    enum Form: Equatable, Sendable { case xoauth2, oauthBearer }

    var account: ArraySlice<UInt8> = []
    var host: ArraySlice<UInt8> = []
    var port: ArraySlice<UInt8> = []
    /// What stands behind `auth=`, the scheme included; nil when there is none.
    var authorization: ArraySlice<UInt8>?
    /// The token, or all that stands behind another scheme's name.
    var token: ArraySlice<UInt8> = []
    /// It has the form of RFC 7628 §3.1: a header, fields `key=value`, each with ^A behind it, and one ^A more.
    var isWellFormed = true
    /// There are two `auth=`; which of them counts is not known.
    var isAmbiguous = false

    init(_ message: [UInt8], _ form: Form) {
        if message.suffix(2) != [1, 1] { isWellFormed = false }
        let fields = message.split(separator: 1, omittingEmptySubsequences: false)
        for (index, field) in fields.enumerated() {
            if form == .oauthBearer, index == 0 {
                header(field)
            } else if field.hasPrefixIgnoringCase("user=") {
                account = field.dropFirst(5)
            } else if field.hasPrefixIgnoringCase("auth=") {
                if authorization != nil { isAmbiguous = true }
                authorization = field.dropFirst(5)
                token = Self.token(field.dropFirst(5))
            } else if field.hasPrefixIgnoringCase("host=") {
                host = field.dropFirst(5)
            } else if field.hasPrefixIgnoringCase("port=") {
                port = field.dropFirst(5)
            } else if field.isEmpty ? index < fields.count - 2 : !field.contains(UInt8(ascii: "=")) {
                isWellFormed = false
            }
        }
        if authorization == nil { isWellFormed = false }
    }

    /// The GS2 header `n,a=account,`; RFC 7628 §4.4 has `n,user=account,`, and both are read.
    private mutating func header(_ field: ArraySlice<UInt8>) {
        let parts = field.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        if parts.count != 3 { isWellFormed = false }
        guard parts.count > 1 else { return }
        if parts[1].hasPrefixIgnoringCase("a=") { account = parts[1].dropFirst(2) }
        if parts[1].hasPrefixIgnoringCase("user=") { account = parts[1].dropFirst(5) }
    }

    private static func token(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        value.hasPrefixIgnoringCase("bearer ") ? value.dropFirst(7) : value
    }

    /// What ends a field stands in none of them: behind it an account could bring a token of its own.
    static func canHold(_ login: SASLLogin) -> Bool {
        !login.account.utf8.contains(1) && login.host?.utf8.contains(1) != true
            && !login.secret.withRevealed { $0.contains(1) }
    }

    static func message(_ form: Form, _ login: SASLLogin) -> [UInt8] {
        let token = login.secret.withRevealed { Array("auth=Bearer ".utf8) + $0 + [1, 1] }
        switch form {
        case .xoauth2: return Array("user=\(login.account)\u{1}".utf8) + token
        case .oauthBearer:
            var fields = "n,a=\(SCRAMName.escaped(login.account)),\u{1}"
            if let host = login.host { fields += "host=\(host)\u{1}" }
            if let port = login.port { fields += "port=\(port)\u{1}" }
            return Array(fields.utf8) + token
        }
    }
}

struct BearerExchange: SASLExchange {
    private enum State: Equatable, Sendable {
        /// The client's message is due. Successors: `answered`, `over`.
        case begun
        /// The outcome is due, or the server's error. Successor: `refused`.
        case answered
        /// The server said why not; the client's ^A is due. Successor: `over`.
        case refused
        /// Nothing is left to say.
        case over
    }

    private let form: BearerMessage.Form
    private var state = State.begun

    init(_ form: BearerMessage.Form) { self.form = form }

    /// The message that takes note of an error (RFC 7628 §3.2.3).
    static let acknowledgement: [UInt8] = [1]

    /// XOAUTH2 has no RFC: how often a server may ask is not known.
    var isOver: Bool { state == .over && form == .oauthBearer }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch (side, state) {
        case (.server, .answered):
            state = .refused
            let isObject = message.first { $0 > 32 } == UInt8(ascii: "{")
            return SASLFinding(violations: form == .xoauth2 || isObject ? [] : [.saslBearerErrorForm])
        case (.server, .begun), (.server, .refused), (.server, .over): return SASLFinding()
        case (.client, .begun), (.client, .answered):
            state = .answered
            return credential(message)
        case (.client, .refused), (.client, .over):
            state = .over
            if message == Self.acknowledgement { return SASLFinding() }
            // Google's clients answer with an empty line, and their server asks for nothing else.
            if form == .xoauth2, message.isEmpty { return SASLFinding() }
            var finding = message.isEmpty ? SASLFinding() : credential(message)
            finding.violations = form == .oauthBearer ? [.saslBearerErrorUnacknowledged] : []
            return finding
        }
    }

    private func credential(_ message: [UInt8]) -> SASLFinding {
        // Alone it takes note of an error; before one it only asks for it (RFC 7628 §3.1).
        if message == Self.acknowledgement { return SASLFinding() }
        let bearer = BearerMessage(message, form)
        let violations: [Violation] = form == .oauthBearer && !bearer.isWellFormed ? [.saslBearerForm] : []
        guard let authorization = bearer.authorization, !bearer.isAmbiguous else {
            return SASLFinding(violations: violations, secret: .unreadable)
        }
        // A client asks for the scope with an empty one (RFC 7628 §4.3).
        if authorization.isEmpty { return SASLFinding(violations: violations) }
        var details: [CredentialDetail] = []
        if !bearer.host.isEmpty {
            details.append(.host(bearer.host.text + (bearer.port.isEmpty ? "" : ":" + bearer.port.text)))
        }
        let token = bearer.token
        return SASLFinding(
            violations: violations, secret: .octets(token.startIndex..<token.endIndex),
            credential: Credential(
                mechanism: form == .xoauth2 ? SASLMechanism.xoauth2.name : SASLMechanism.oauthBearer.name,
                account: form == .xoauth2
                    ? bearer.account.text
                    : SCRAMName.unescaped(bearer.account)
                        ?? bearer.account.text,
                secret: SecretBytes(token), details: details))
    }
}
