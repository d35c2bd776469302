// Credentials for a replay: a recording has none, so they come from the command line, and mechanisms with a challenge
// are computed anew.

import MailDialogue
import MailMessage
import MailSessions

/// Who logs in with what.
package struct ReplayCredentials: Sendable, Equatable {
    private var user: String?
    private var password: SecretText?
    private var byAccount: [String: SecretText] = [:]

    package init(user: String? = nil, password: SecretText? = nil) {
        self.user = user
        self.password = password
    }

    /// Takes lines `account:password`. Nil, or what is wrong with which line.
    package mutating func read(_ text: String) -> String? {
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
                return "\(number + 1):1: write ACCOUNT:PASSWORD"
            }
            byAccount[String(line[..<colon])] = SecretText(String(line[line.index(after: colon)...]))
        }
        return nil
    }

    /// The account that is used in the place of the recorded one.
    func account(for recorded: String) -> String { user ?? recorded }

    func secret(for recorded: String) -> SecretText? { byAccount[account(for: recorded)] ?? password }
}

/// Rewrites the frames of a login.
struct LoginRewriter: Equatable, Sendable {
    private let credentials: ReplayCredentials
    /// Unlike that of any other session: what SCRAM's nonces are made of.
    private let nonce: String
    /// The recorded SASL exchange under way, and ours in its place once it is known whose it is.
    private var recorded = SASLFollower(mechanism: "")
    private var machine: SASLClientMachine?
    private var exchanges = 0
    /// POP3's USER.
    private var popUser = ""
    /// The exchange of an IMAP LOGIN that was sent in one line, whatever parts the recorded one had.
    private var wholeLogin: Int?

    init(_ credentials: ReplayCredentials, nonce: String) {
        self.credentials = credentials
        self.nonce = nonce
    }

    /// What a frame becomes.
    enum Outcome: Equatable {
        case octets([UInt8])
        /// It stays as it is.
        case unchanged
        /// No password is known for this account.
        case missing(account: String)
        /// The frame belongs to a login that was already sent whole.
        case nothing
        /// The mechanism can't be played.
        case unsupported(String)
    }

    /// The octets to send in the place of `frame`. `challenge` is the live server's last one, `greeting` its greeting.
    mutating func rewrite(
        _ frame: ScriptFrame, in mailProtocol: MailProtocol, challenge: [UInt8], greeting: [UInt8]
    ) -> Outcome {
        if wholeLogin == frame.exchange { return .nothing }
        let made = unguarded(frame, in: mailProtocol, challenge: challenge, greeting: greeting)
        guard made == .unchanged else { return made }
        // A recorded secret goes to no server, wherever the client said it.
        guard !frame.hasSecret else {
            return .unsupported("the secret in exchange \(frame.exchange) stands where none can be put in its place")
        }
        return .octets(frame.octets)
    }

    private mutating func unguarded(
        _ frame: ScriptFrame, in mailProtocol: MailProtocol, challenge: [UInt8], greeting: [UInt8]
    ) -> Outcome {
        switch frame.element {
        case .command(let command):
            return rewrite(command, frame, in: mailProtocol, challenge: challenge, greeting: greeting)
        case .response: return respond(frame, challenge)
        case .commandPart, .content, .contentBegin, .contentEnd, .done, .opaque, .unknown, .incomplete, .gap,
            .unplaced, .greeting, .reply, .data, .dataPart, .goAhead, .challenge:
            return .unchanged
        }
    }

    private mutating func rewrite(
        _ command: Command, _ frame: ScriptFrame, in mailProtocol: MailProtocol, challenge: [UInt8], greeting: [UInt8]
    ) -> Outcome {
        let line = frame.octets[...].withoutLineEnd.line
        switch (mailProtocol, command.verb) {
        case (.imap, "LOGIN"):
            let recorded = frame.credential?.account ?? Self.imapUser(line)
            guard let secret = credentials.secret(for: recorded) else { return .missing(account: recorded) }
            let user = credentials.account(for: recorded)
            wholeLogin = frame.exchange
            return .octets(
                Array("\(command.tag) LOGIN ".utf8) + imapString(Array(user.utf8)) + [32]
                    + secret.withRevealed { imapString(Array($0.utf8)) } + [13, 10])
        case (.pop3, "USER"):
            popUser = line.firstWord.rest.trimmed.text
            return .octets(Array("USER \(credentials.account(for: popUser))\r\n".utf8))
        case (.pop3, "PASS"):
            guard let secret = credentials.secret(for: popUser) else { return .missing(account: popUser) }
            return .octets(Array("PASS ".utf8) + secret.withRevealed { Array($0.utf8) } + [13, 10])
        case (.pop3, "APOP"):
            let recorded = frame.credential?.account ?? ""
            guard let secret = credentials.secret(for: recorded) else { return .missing(account: recorded) }
            guard let timestamp = APOP.timestamp(greeting[...]) else {
                return .unsupported("APOP: the server's greeting has no timestamp")
            }
            let digest = APOP.digest(timestamp, secret.withRevealed { SecretBytes($0) })
            return .octets(Array("APOP \(credentials.account(for: recorded)) ".utf8) + digest + [13, 10])
        case (_, "AUTH"), (_, "AUTHENTICATE"): return begin(command, frame, line, in: mailProtocol)
        default: return .unchanged
        }
    }

    /// AUTH mechanism [initial-response], with IMAP's tag before it.
    private mutating func begin(
        _ command: Command, _ frame: ScriptFrame, _ line: ArraySlice<UInt8>, in mailProtocol: MailProtocol
    ) -> Outcome {
        let body = mailProtocol == .imap ? line.firstWord.rest : line
        let (name, initial) = body.firstWord.rest.trimmed.firstWord
        recorded = SASLFollower(mechanism: name.keyword())
        machine = nil
        exchanges += 1
        let response = initial.trimmed
        guard !response.isEmpty, !response.elementsEqual([UInt8(ascii: "=")]) else { return .unchanged }
        switch answer(response, frame, nil) {
        case .octets(let encoded): return .octets(Array(line[..<response.startIndex]) + encoded + [13, 10])
        case .nothing: return .nothing
        case .unchanged: return .unchanged
        case .missing(let account): return .missing(account: account)
        case .unsupported(let why): return .unsupported(why)
        }
    }

    private mutating func respond(_ frame: ScriptFrame, _ challenge: [UInt8]) -> Outcome {
        let line = frame.octets[...].withoutLineEnd.line
        if line.elementsEqual([UInt8(ascii: "*")]) { return .unchanged }
        // An empty line is an answer like any other once we are in an exchange: before it the server's proof is
        // checked.
        if line.isEmpty, machine == nil { return .unchanged }
        switch answer(line, frame, challenge) {
        case .octets(let encoded): return .octets(encoded + [13, 10])
        case .nothing: return .nothing
        case .unchanged: return .unchanged
        case .missing(let account): return .missing(account: account)
        case .unsupported(let why): return .unsupported(why)
        }
    }

    /// The base64 of the response in the place of a recorded one. `challenge` is the live server's, in base64; nil for
    /// an initial response.
    private mutating func answer(
        _ response: ArraySlice<UInt8>, _ frame: ScriptFrame, _ challenge: [UInt8]?
    ) -> Outcome {
        let shown = recorded.response(response).credential
        let mechanism = SASLMechanism(recorded.mechanism)
        let name = frame.credential?.account ?? shown?.account ?? recorded.account
        if machine == nil {
            let user = credentials.account(for: name)
            // An identity to act as belongs to the account that was recorded.
            let authorization = user == name ? (frame.credential ?? shown)?.authorization ?? "" : ""
            var login = SASLLogin(account: user, authorization: authorization, secret: SecretBytes([]))
            switch mechanism {
            case .plain, .login, .cramMD5, .scram, .xoauth2, .oauthBearer:
                guard let secret = credentials.secret(for: name) else { return .missing(account: name) }
                login.secret = secret.withRevealed { SecretBytes($0) }
            // Whoever the channel says, or nobody.
            case .external, .anonymous: break
            case .digestMD5, .ntlm, .other:
                return .unsupported("the mechanism \(mechanism.name) can't be played")
            }
            machine = SASLClientMachine(mechanism, login, nonce: Array("\(nonce).\(exchanges)".utf8))
        }
        guard let decoded = challenge.map({ Base64.decode($0[...]) }) ?? [] else {
            return .unsupported("\(mechanism.name): the server's challenge is not base64")
        }
        switch machine?.respond(to: decoded) {
        case .send(let octets):
            // An empty initial response is said by an equals sign (RFC 4954 §4).
            return .octets(octets.isEmpty && challenge == nil ? [UInt8(ascii: "=")] : Base64.encode(octets))
        case .fail(let failure): return .unsupported("\(mechanism.name): \(failure)")
        case nil: return .unsupported("the mechanism \(mechanism.name) can't be played")
        }
    }

    /// The live server said how the login ended. Nil, or why its success can't be believed.
    func concluded(accepted: Bool) -> String? {
        guard accepted, let machine, let failure = machine.outcome(accepted: true) else { return nil }
        return "\(machine.mechanism.name): \(failure)"
    }

    /// The user of an IMAP LOGIN line whose password came as a literal.
    private static func imapUser(_ line: ArraySlice<UInt8>) -> String {
        let argument = line.firstWord.rest.firstWord.rest.trimmed
        if argument.first == UInt8(ascii: "\"") {
            return argument.dropFirst().prefix { $0 != UInt8(ascii: "\"") }.text
        }
        return argument.firstWord.word.text
    }
}
