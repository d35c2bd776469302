// SASL from three sides: an observer of whatever both ends say, each end of ours against whatever the other says, and both
// ends of ours against each other.

import MailDialogue
import MailMessage

extension FuzzTarget {
    static let sasl = FuzzTarget(
        name: "sasl", longest: 1024, words: "sasl",
        invariant: "Whatever is said, nobody gets in without proof, no secret is shown, and honest ends agree."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let mechanism = mechanisms[Int(numbers.next() % UInt64(mechanisms.count))]
        let messages = input.octets.split(separator: 10, maxSplits: 63, omittingEmptySubsequences: false).map(
            Array.init)
        switch input.seed % 4 {
        case 0: follow(mechanism, messages)
        case 1: knock(at: mechanism, messages, &numbers)
        case 2: lure(mechanism, messages)
        default: meet(mechanism, messages, &numbers)
        }
    }

    private static let mechanisms: [SASLMechanism] =
        SASLMechanism.spoken + [
            .digestMD5, .ntlm, .other("GSSAPI"), .scram(.sha1, plus: true), .scram(.sha256, plus: true), .cramMD5,
            .scram(.sha512, plus: false),
        ]

    private static let password = Array("correct horse battery".utf8)

    // MARK: - An observer

    /// Lines of both ends: `c` and `s` come as they are, `C` and `S` are put into base64, anything else is a response.
    private static func follow(_ mechanism: SASLMechanism, _ messages: [[UInt8]]) {
        var follower = SASLFollower(mechanism: mechanism.name, lineLimit: 500)
        for message in messages {
            let text = message.dropFirst()
            switch message.first {
            case UInt8(ascii: "s"): _ = follower.challenge(text)
            case UInt8(ascii: "S"): _ = follower.challenge(Base64.encode(Array(text))[...])
            case UInt8(ascii: "C"): check(Base64.encode(Array(text))[...], &follower)
            case UInt8(ascii: "c"): check(text, &follower)
            default: check(message[...], &follower)
            }
        }
        _ = follower.mayInstallLayer
    }

    private static func check(_ base64: ArraySlice<UInt8>, _ follower: inout SASLFollower) {
        let reading = follower.response(base64)
        if let masked = reading.masked {
            must(masked.count == base64.count, "\(base64.shown) is masked as \(masked.shown)")
        }
        guard let credential = reading.credential else { return }
        let secret = credential.secret.withRevealed { $0 }
        let name = "\(credential.account) \(credential.details)"
        let shown = reading.masked ?? Array(base64)
        // A secret of some length may stand nowhere in what is shown, unless the account is the same word.
        guard secret.count >= 8, !name.utf8.contains(secret), !secret.contains(UInt8(ascii: "*")) else { return }
        let decoded = Base64.decode(shown[...]) ?? []
        must(!shown.contains(secret), "a secret stands in \(shown.shown)")
        must(
            !decoded.contains(secret) || (Base64.decode(base64) ?? []).places(of: secret) > 1,
            "a secret stands in \(decoded.shown)")
    }

    // MARK: - One end

    private static func server(_ mechanism: SASLMechanism) -> SASLServerMachine? {
        SASLServerMachine(
            mechanism, token: Array("<1.2@example.com>".utf8),
            binding: mechanism.name.hasSuffix("-PLUS") ? .channel(type: "tls-exporter", data: [1, 2, 3]) : .none)
    }

    private static func client(_ mechanism: SASLMechanism, _ login: SASLLogin) -> SASLClientMachine? {
        SASLClientMachine(
            mechanism, login, nonce: Array("fyko+d2lbbFgONRv".utf8),
            binding: mechanism.name.hasSuffix("-PLUS") ? .channel(type: "tls-exporter", data: [1, 2, 3]) : .none)
    }

    private static let keys: [SASLHash: SCRAMKeys] = Dictionary(
        uniqueKeysWithValues: SASLHash.allCases.compactMap { hash in
            SCRAMKeys(hash, salt: [1, 2, 3, 4], iterations: 2, password: SecretBytes(password)).map { (hash, $0) }
        })

    /// Our server and a client that knows no password.
    private static func knock(at mechanism: SASLMechanism, _ messages: [[UInt8]], _ numbers: inout SeededNumbers) {
        guard var server = server(mechanism) else { return }
        var step = numbers.oneIn(2) ? server.begin(initial: messages.first) : server.begin(initial: nil)
        var isOver = false
        for message in messages {
            if case .ask(let question) = step {
                step = server.answer(answer(question))
                if case .ask = step { broken("one question leads to another") }
            }
            switch step {
            case .accept(let account, _):
                must(mechanism == .external || mechanism == .anonymous, "\(account) got in by \(mechanism.name)")
                isOver = true
            case .fail: isOver = true
            case .challenge: must(!isOver, "a challenge after the end")
            case .ask: break
            }
            step = server.respond(message)
        }
    }

    /// The truth, which no fuzzed client can hit: the password is none of its words.
    private static func answer(_ question: SASLServerMachine.Question) -> SASLServerMachine.Answer {
        switch question {
        case .password, .digest: .holds(question.isProven(by: SecretBytes(password)))
        case .token: .holds(false)
        case .keys(_, _, let hash): keys[hash].map { .keys($0) } ?? .holds(false)
        case .external, .anonymous: .holds(true)
        }
    }

    /// Our client and a server that does not know the password.
    private static func lure(_ mechanism: SASLMechanism, _ messages: [[UInt8]]) {
        let login = SASLLogin(
            account: "ann", authorization: "", secret: SecretBytes(password), host: "example.com", port: 143)
        guard var client = client(mechanism, login) else { return }
        var sent = client.begin().map { [$0] } ?? []
        for message in messages where !asksForWork(message) { sent.append(client.respond(to: message)) }
        let isPlain: Bool =
            switch mechanism {
            case .plain, .login, .xoauth2, .oauthBearer: true
            case .cramMD5, .scram, .external, .anonymous, .digestMD5, .ntlm, .other: false
            }
        for case .send(let octets) in sent where !isPlain {
            must(!octets.contains(password), "\(mechanism.name) sends the password: \(octets.shown)")
        }
        if case .scram = mechanism {
            must(client.outcome(accepted: true) != nil, "a server that knows no password is taken for the true one")
        }
    }

    /// An iteration count of six digits: lawful, and a second of work.
    private static func asksForWork(_ message: [UInt8]) -> Bool {
        let digits = message.split(separator: UInt8(ascii: "="))
        return digits.contains { $0.prefix { (48...57).contains($0) }.count > 4 }
    }

    // MARK: - Both ends

    /// Account, authorization, the password, and perhaps another one of the server's, from the input.
    private static func meet(_ mechanism: SASLMechanism, _ messages: [[UInt8]], _ numbers: inout SeededNumbers) {
        func text(_ index: Int) -> String {
            messages.indices.contains(index) ? String(decoding: messages[index].prefix(300), as: UTF8.self) : ""
        }
        let account = text(0)
        let secret = messages.count > 2 ? Array(text(2).utf8) : password
        let isRight = numbers.oneIn(2)
        let known = isRight ? secret : secret + [UInt8(ascii: "x")]
        let login = SASLLogin(account: account, authorization: text(1), secret: SecretBytes(secret))
        guard var client = client(mechanism, login), var server = server(mechanism) else { return }
        var follower = SASLFollower(mechanism: mechanism.name)
        var violations: [Violation] = []
        var toServer: [UInt8]?
        var hasFailed = false
        func told(_ step: SASLClientMachine.Step?) -> [UInt8]? {
            switch step {
            case .send(let octets)?:
                violations += follower.response(Base64.encode(octets)[...]).violations
                return octets
            case .fail?:
                hasFailed = true
                return nil
            case nil: return nil
            }
        }
        if !client.serverBegins {
            toServer = told(client.begin())
            // An initial response that is empty is "=" on the wire, which the follower is not told here.
            if toServer?.isEmpty == true { violations = [] }
        }
        var step = server.begin(initial: toServer)
        for _ in 0..<8 where !hasFailed {
            switch step {
            case .ask(let question): step = server.answer(truth(question, known))
            case .challenge(let octets):
                violations += follower.challenge(Base64.encode(octets)[...])
                guard let response = told(client.respond(to: octets)) else { return }
                step = server.respond(response)
            case .accept(let name, let authorization):
                must(isRight || mechanism == .external || mechanism == .anonymous, "a wrong password is taken")
                must(client.outcome(accepted: true) == nil, "the client does not know that it got in")
                if mechanism != .external, mechanism != .anonymous {
                    must(
                        name == account || name == SASLText.prepared(account),
                        "\(account.debugDescription) got in as \(name.debugDescription)")
                    must(authorization.isEmpty || authorization == login.authorization, "\(authorization) is acted as")
                }
                // One iteration is what makes this fast; a password that is empty, or a token longer than PLAIN allows,
                // is the user's own.
                violations.removeAll {
                    ["sasl-scram-few-iterations", "sasl-plain-long-field", "sasl-plain-no-password"].contains($0.code)
                }
                must(violations.isEmpty, "our own ends break \(violations.map(\.code))")
                return
            case .fail(let failure):
                let isSimple =
                    account.utf8.allSatisfy { $0 > 0x60 && $0 < 0x7b } && !account.isEmpty
                    && secret.allSatisfy { $0 > 0x60 && $0 < 0x7b } && !secret.isEmpty && login.authorization.isEmpty
                    && account.utf8.count < 200 && secret.count < 200
                must(!isSimple || !isRight, "\(mechanism.name): \(account) does not get in: \(failure)")
                return
            }
        }
    }

    private static func truth(_ question: SASLServerMachine.Question, _ password: [UInt8]) -> SASLServerMachine.Answer {
        switch question {
        case .password, .digest: return .holds(question.isProven(by: SecretBytes(password)))
        case .token(_, let token): return .holds(token == SecretBytes(password))
        case .keys(_, _, let hash):
            let keys = SCRAMKeys(hash, salt: [9, 8, 7], iterations: 1, password: SecretBytes(password))
            return keys.map { .keys($0) } ?? .holds(false)
        case .external, .anonymous: return .holds(true)
        }
    }
}

extension Sequence<UInt8> {
    /// How often the octets stand in these.
    fileprivate func places(of wanted: [UInt8]) -> Int {
        let all = Array(self)
        guard !wanted.isEmpty, all.count >= wanted.count else { return 0 }
        return (0...(all.count - wanted.count)).count { all[$0...].starts(with: wanted) }
    }

    fileprivate func contains(_ wanted: [UInt8]) -> Bool { places(of: wanted) > 0 }
}
