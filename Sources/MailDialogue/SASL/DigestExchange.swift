// DIGEST-MD5 (RFC 2831), followed only: RFC 6331 made it historic. What matters to an observer beside the account is
// the quality of protection, for it says whether a security layer follows.
//
//     S: realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8
//     C: charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,
//        cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",
//        response=d388dad90d4bbd760a152321f2143af7,qop=auth
//     S: rspauth=ea40f60335c427b5527b84dbabcdfffd

/// The directives of a message: `name=value`, values quoted or not, parted by commas (RFC 2831 §7.1).
struct DigestDirectives: Equatable, Sendable {
    struct Directive: Equatable, Sendable {
        /// In lower case.
        var name: String
        /// Without its quotes, backslashes resolved.
        var value: [UInt8]
        /// The value in the message, without its quotes.
        var range: Range<Int>
    }

    private(set) var all: [Directive] = []
    /// The message could be read to its end.
    private(set) var isWellFormed = true

    init(_ message: [UInt8]) {
        var index = 0
        func skip(_ isSkipped: (UInt8) -> Bool) {
            while index < message.count, isSkipped(message[index]) { index += 1 }
        }
        func isBlank(_ octet: UInt8) -> Bool { octet == 32 || octet == 9 || octet == 13 || octet == 10 }
        while true {
            // Empty elements are allowed (RFC 2831 §7.1, the # rule).
            skip { isBlank($0) || $0 == UInt8(ascii: ",") }
            if index == message.count { return }
            let start = index
            skip { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ",") && !isBlank($0) }
            let name = message[start..<index]
            skip(isBlank)
            guard index < message.count, message[index] == UInt8(ascii: "="), !name.isEmpty else { break }
            index += 1
            skip(isBlank)
            guard let value = Self.value(message, &index) else { break }
            all.append(Directive(name: name.keyword().lowercased(), value: value.octets, range: value.range))
            skip(isBlank)
            if index < message.count, message[index] != UInt8(ascii: ",") { break }
        }
        isWellFormed = false
    }

    private static func value(_ message: [UInt8], _ index: inout Int) -> (octets: [UInt8], range: Range<Int>)? {
        guard index < message.count, message[index] == UInt8(ascii: "\"") else {
            let start = index
            while index < message.count, message[index] != UInt8(ascii: ","), message[index] > 32 { index += 1 }
            return (Array(message[start..<index]), start..<index)
        }
        index += 1
        let start = index
        var octets: [UInt8] = []
        while index < message.count {
            if message[index] == UInt8(ascii: "\"") {
                index += 1
                return (octets, start..<(index - 1))
            }
            if message[index] == UInt8(ascii: "\\"), index + 1 < message.count { index += 1 }
            octets.append(message[index])
            index += 1
        }
        return nil
    }

    func count(_ name: String) -> Int { all.count { $0.name == name } }

    /// The first directive of this name.
    subscript(_ name: String) -> Directive? { all.first { $0.name == name } }
}

struct DigestExchange: SASLExchange {
    private enum State: Equatable, Sendable {
        /// The challenge is due, or the response of a client that was here before (RFC 2831 §2.2). Successors:
        /// `challenged`, `answered`.
        case begun
        /// The response is due. Successor: `answered`.
        case challenged([UInt8])
        /// The server's proof is due, or the outcome. `isFirst` after a challenge: then nothing else can come.
        /// Successors: `proven`, `challenged`.
        case answered(isFirst: Bool)
        /// The server's proof is out: the client's empty response is due. Successor: `over`.
        case proven
        /// Nothing is left to say.
        case over
    }

    /// RFC 2831 §2.1.1 and §2.1.2.
    static let challengeLimit = 2_048
    static let responseLimit = 4_096

    private var state = State.begun
    private(set) var installsLayer: Bool?

    var isOver: Bool { state == .over }

    mutating func accept(_ message: [UInt8], from side: Side) -> SASLFinding {
        switch (side, state) {
        case (.server, .begun): return challenge(message)
        case (.server, .answered(let isFirst)): return proof(message, isFirst)
        case (.client, .begun): return response(message, nil)
        case (.client, .challenged(let challenge)): return response(message, challenge)
        case (.client, .proven):
            state = .over
            return message.isEmpty ? SASLFinding() : .unreadable(.saslFinalResponseNotEmpty)
        case (.client, .answered), (.client, .over): return message.isEmpty ? SASLFinding() : .unreadable()
        case (.server, .challenged), (.server, .proven), (.server, .over): return SASLFinding()
        }
    }

    private mutating func challenge(_ message: [UInt8]) -> SASLFinding {
        state = .challenged(message)
        let directives = DigestDirectives(message)
        var violations: [Violation] = []
        if message.count >= Self.challengeLimit { violations.append(.saslDigestChallengeTooLong) }
        let isComplete = ["nonce", "algorithm"].allSatisfy { directives.count($0) == 1 }
        let atMostOnce = ["stale", "maxbuf", "charset"].allSatisfy { directives.count($0) <= 1 }
        if !directives.isWellFormed || !isComplete || !atMostOnce { violations.append(.saslDigestChallengeForm) }
        if directives["opaque"] != nil || directives["domain"] != nil { violations.append(.saslDigestHTTPDirective) }
        return SASLFinding(violations: violations)
    }

    private mutating func response(_ message: [UInt8], _ challenge: [UInt8]?) -> SASLFinding {
        state = .answered(isFirst: challenge != nil)
        if message.isEmpty { return SASLFinding() }
        let directives = DigestDirectives(message)
        // What can't be read may have chosen a layer.
        installsLayer = directives.isWellFormed ? Self.isLayered(directives["qop"]?.value ?? []) : nil
        var violations: [Violation] = []
        if message.count >= Self.responseLimit { violations.append(.saslDigestResponseTooLong) }
        let isComplete = ["username", "nonce", "cnonce", "response"].allSatisfy { directives.count($0) == 1 }
        let atMostOnce = ["realm", "nc", "qop", "digest-uri", "maxbuf", "charset"]
            .allSatisfy { directives.count($0) <= 1 }
        if !directives.isWellFormed || !isComplete || !atMostOnce { violations.append(.saslDigestResponseForm) }
        if let challenge { violations += Self.compare(directives, DigestDirectives(challenge)) }
        guard directives.count("response") == 1, let digest = directives["response"] else {
            return SASLFinding(violations: violations, secret: .unreadable)
        }
        if !APOP.isDigest(digest.value), !SASLMask.covers(digest.value) { violations.append(.saslDigestResponseHash) }
        return SASLFinding(
            violations: violations, secret: .octets(digest.range),
            credential: Self.credential(message, directives, digest, challenge))
    }

    private static func isLayered(_ qop: [UInt8]) -> Bool {
        qop[...].equalsIgnoringCase("auth-int") || qop[...].equalsIgnoringCase("auth-conf")
    }

    /// What a response says again of its challenge must be the same.
    private static func compare(_ response: DigestDirectives, _ challenge: DigestDirectives) -> [Violation] {
        var violations: [Violation] = []
        if let nonce = challenge["nonce"], let repeated = response["nonce"], nonce.value != repeated.value {
            violations.append(.saslDigestNonceChanged)
        }
        if let count = response["nc"], count.value != Array("00000001".utf8) {
            violations.append(.saslDigestNonceCount)
        }
        if challenge.isWellFormed, let chosen = response["qop"] {
            // Without a list `auth` alone is offered.
            let offered = challenge["qop"]?.value ?? Array("auth".utf8)
            let tokens = offered.split { $0 == UInt8(ascii: ",") || $0 == 32 || $0 == 9 }
            if !tokens.contains(where: { $0.keyword() == chosen.value[...].keyword() }) {
                violations.append(.saslDigestQopNotOffered)
            }
        }
        return violations
    }

    private static func credential(
        _ message: [UInt8], _ directives: DigestDirectives, _ digest: DigestDirectives.Directive,
        _ challenge: [UInt8]?
    ) -> Credential {
        var details: [CredentialDetail] = []
        if let name = directives["authzid"] { details.append(.authorization(name.value[...].text)) }
        if let realm = directives["realm"] { details.append(.realm(realm.value[...].text)) }
        if let service = directives["digest-uri"] { details.append(.service(service.value[...].text)) }
        if let challenge {
            details.append(
                .evidence(.digestMD5(challenge: SecretBytes(challenge), response: SecretBytes(message))))
        }
        return Credential(
            mechanism: SASLMechanism.digestMD5.name, account: directives["username"]?.value[...].text ?? "",
            secret: SecretBytes(digest.value), details: details)
    }

    private mutating func proof(_ message: [UInt8], _ isFirst: Bool) -> SASLFinding {
        let directives = DigestDirectives(message)
        if let proof = directives["rspauth"] {
            state = .proven
            return SASLFinding(violations: APOP.isDigest(proof.value) ? [] : [.saslDigestProofForm])
        }
        // A client that was here before and is not known any more is challenged anew (RFC 2831 §2.2.2).
        if !isFirst { return challenge(message) }
        state = .over
        return SASLFinding(violations: [.saslDigestProofForm])
    }
}
