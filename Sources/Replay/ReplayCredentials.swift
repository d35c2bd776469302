// Credentials for a replay: a recording has none, so they come from the command line, and mechanisms with a challenge are
// computed anew.

import Crypto
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
    /// The mechanism of the SASL exchange under way, and its responses so far.
    private var mechanism = ""
    private var responses = 0
    /// The account of a SASL LOGIN exchange, which its first response named.
    private var account = ""
    /// POP3's USER.
    private var popUser = ""
    /// The exchange of an IMAP LOGIN that was sent in one line, whatever parts the recorded one had.
    private var wholeLogin: Int?

    init(_ credentials: ReplayCredentials) { self.credentials = credentials }

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
        case .response:
            responses += 1
            return respond(frame, challenge)
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
            guard let open = greeting.firstIndex(of: UInt8(ascii: "<")),
                let close = greeting.lastIndex(of: UInt8(ascii: ">")),
                open < close
            else { return .unsupported("APOP: the server's greeting has no timestamp") }
            let digest = secret.withRevealed { Insecure.MD5.hash(data: Array(greeting[open...close]) + Array($0.utf8)) }
            return .octets(Array("APOP \(credentials.account(for: recorded)) \(Self.hex(digest))\r\n".utf8))
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
        mechanism = name.keyword()
        responses = 0
        account = ""
        let response = initial.trimmed
        guard !response.isEmpty, !response.elementsEqual([UInt8(ascii: "=")]) else { return .unchanged }
        responses = 1
        switch answer(response, frame, []) {
        case .octets(let encoded): return .octets(Array(line[..<response.startIndex]) + encoded + [13, 10])
        case .nothing: return .nothing
        case .unchanged: return .unchanged
        case .missing(let account): return .missing(account: account)
        case .unsupported(let why): return .unsupported(why)
        }
    }

    private mutating func respond(_ frame: ScriptFrame, _ challenge: [UInt8]) -> Outcome {
        let line = frame.octets[...].withoutLineEnd.line
        if line.isEmpty || line.elementsEqual([UInt8(ascii: "*")]) { return .unchanged }
        switch answer(line, frame, challenge) {
        case .octets(let encoded): return .octets(encoded + [13, 10])
        case .nothing: return .nothing
        case .unchanged: return .unchanged
        case .missing(let account): return .missing(account: account)
        case .unsupported(let why): return .unsupported(why)
        }
    }

    /// The base64 of the response.
    private mutating func answer(_ recorded: ArraySlice<UInt8>, _ frame: ScriptFrame, _ challenge: [UInt8]) -> Outcome {
        if mechanism == "LOGIN", responses == 1 {
            account = (Base64.decode(recorded) ?? [])[...].text
            return .octets(Base64.encode(Array(credentials.account(for: account).utf8)))
        }
        let name = mechanism == "LOGIN" ? account : frame.credential?.account ?? ""
        let user = credentials.account(for: name)
        switch mechanism {
        case "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "CRAM-MD5": break
        default: return .unsupported("the mechanism \(mechanism) can't be played")
        }
        guard let secret = credentials.secret(for: name) else { return .missing(account: name) }
        return .octets(
            secret.withRevealed { password in
                switch mechanism {
                case "PLAIN": Base64.encode(Array("\0\(user)\0\(password)".utf8))
                case "XOAUTH2": Base64.encode(Array("user=\(user)\u{1}auth=Bearer \(password)\u{1}\u{1}".utf8))
                case "OAUTHBEARER": Base64.encode(Array("n,a=\(user),\u{1}auth=Bearer \(password)\u{1}\u{1}".utf8))
                case "CRAM-MD5":
                    Base64.encode(
                        Array(
                            "\(user) \(Self.hex(HMAC<Insecure.MD5>.authenticationCode(for: Base64.decode(challenge[...]) ?? [], using: SymmetricKey(data: Array(password.utf8)))))"
                                .utf8))
                default: Base64.encode(Array(password.utf8))
                }
            })
    }

    /// The user of an IMAP LOGIN line whose password came as a literal.
    private static func imapUser(_ line: ArraySlice<UInt8>) -> String {
        let argument = line.firstWord.rest.firstWord.rest.trimmed
        if argument.first == UInt8(ascii: "\"") {
            return argument.dropFirst().prefix { $0 != UInt8(ascii: "\"") }.text
        }
        return argument.firstWord.word.text
    }

    private static func hex(_ octets: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: octets.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
