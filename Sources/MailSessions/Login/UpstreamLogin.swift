// Logs in to a server in a client's name: what it offers is asked for, the best of it is taken, and its last word is given back. The
// client hears nothing of it but that.
//
// A server that we have come to later, because a rule chose it, greets first. What each protocol says is in +SMTP, +POP3 and +IMAP.

import MailDialogue
import MailMessage

/// Our side of a login.
package struct UpstreamLogin: Sendable {
    /// What is to be done.
    package enum Step: Equatable, Sendable {
        /// Octets are missing.
        case more
        case send([UInt8])
        /// We are in. The server's last reply, and what it said before that users have to see (RFC 9051 §7.1, ALERT).
        case accepted(reply: [UInt8], alerts: [UInt8])
        /// It does not want us.
        case refused(reply: [UInt8], alerts: [UInt8])
        /// It can't be asked.
        case failed(String)
    }

    enum State: Equatable, Sendable {
        /// It has to greet. Successor: `offered`.
        case greeting
        /// What it offers was asked for. Successors: `named`, `literal`, `exchange`, `concluding`.
        case offered
        /// POP3: USER was said. Successors: `concluding`, `over`.
        case named
        /// IMAP: parts of LOGIN that wait to be asked for. Successors: `concluding`, `over`.
        case literal([[UInt8]])
        /// A SASL exchange. Successors: `cancelled`, `over`.
        case exchange(SASLClientMachine)
        /// We gave up. Successor: `over`.
        case cancelled(String)
        /// The last word of PASS or LOGIN is due. Successor: `over`.
        case concluding
        case over
    }

    let mailProtocol: MailProtocol
    let name: String
    let credential: UpstreamCredential
    let isSecured: Bool
    let nonce: [UInt8]
    var state: State
    var lines = ServerLines()
    /// The lines of a reply that has more of them.
    var reply: [UInt8] = []
    var alerts: [UInt8] = []
    var mechanisms: [SASLMechanism] = []
    /// IMAP: SASL-IR (RFC 4959). SMTP and POP3 have it always (RFC 4954 §4, RFC 5034 §4).
    var takesInitialResponse = true
    /// IMAP: LOGIN is not for use (RFC 9051 §6.2.3).
    var disablesLogin = false
    /// The first response, to go out when it is asked for.
    var first: [UInt8]?
    /// What the server says next answers what it is asked next. Otherwise it is of no more use.
    private(set) var isInStep = true

    /// - Parameters:
    ///   - name: what SMTP servers are told of us: the name that the client gave (RFC 5321 §4.1.1.1).
    ///   - greets: the server's greeting is to come.
    ///   - isSecured: the connection is under TLS.
    ///   - nonce: for SCRAM: printable ASCII without commas, never the same twice, not to be guessed.
    package init(
        _ mailProtocol: MailProtocol, _ credential: UpstreamCredential, name: String, greets: Bool, isSecured: Bool,
        nonce: [UInt8]
    ) {
        self.mailProtocol = mailProtocol
        self.credential = credential
        self.name = name
        self.isSecured = isSecured
        self.nonce = nonce
        state = greets ? .greeting : .offered
    }

    /// The first words with a server that has greeted before.
    package mutating func begin() -> Step { state == .offered ? ask() : .more }

    /// Octets of the server came.
    package mutating func receive(_ octets: some Collection<UInt8>) -> Step {
        guard lines.take(octets) else { return lose("it says more than \(ServerLines.longest) octets at the login") }
        while state != .over, let line = lines.next() {
            let step =
                switch mailProtocol {
                case .smtp, .lmtp: readSMTP(line)
                case .pop3: readPOP3(line)
                case .imap: readIMAP(line)
                }
            if step != .more { return step }
        }
        return lines.isLineTooLong ? lose("its line is longer than \(ServerLines.longestLine) octets") : .more
    }

    // MARK: What the protocols share

    /// Asks what the server offers.
    mutating func ask() -> Step {
        state = .offered
        reply = []
        return .send(
            Array(
                {
                    switch mailProtocol {
                    case .smtp: "EHLO \(name)\r\n"
                    case .lmtp: "LHLO \(name)\r\n"
                    case .pop3: "CAPA\r\n"
                    case .imap: "\(ServerLines.tag) CAPABILITY\r\n"
                    }
                }().utf8))
    }

    mutating func fail(_ reason: String) -> Step {
        state = .over
        let isTold = ShownSecret(credential.secret).isTold(by: Array(reason.utf8))
        return .failed(isTold ? "it repeats what it was shown" : reason)
    }

    /// It does not keep to the protocol: what it says next might be taken for the answer to something else.
    mutating func lose(_ reason: String) -> Step {
        isInStep = false
        return fail(reason)
    }

    /// The server wants nobody, or not this client.
    mutating func refused(_ reply: [UInt8]) -> Step {
        state = .over
        return .refused(reply: withoutSecret(reply), alerts: withoutSecret(alerts))
    }

    mutating func accepted(_ reply: [UInt8]) -> Step {
        state = .over
        return .accepted(reply: withoutSecret(reply), alerts: withoutSecret(alerts))
    }

    /// A server that says what it was shown says it to nobody else.
    private func withoutSecret(_ words: [UInt8]) -> [UInt8] {
        ShownSecret(credential.secret).isTold(by: words) ? [] : words
    }

    /// The mechanism to use of those that are offered; nil for the protocol's own command.
    ///
    /// A password under TLS is shown as it is, which works wherever its owner logs in; in clear it is rather proven.
    func choose() -> SASLMechanism? {
        switch credential.proof {
        case .token(_, let bearer):
            return [bearer, bearer.other].map(\.mechanism).first { mechanisms.contains($0) }
        case .password:
            let shown: [SASLMechanism] = [.plain, .login]
            let proven: [SASLMechanism] = [
                .scram(.sha256, plus: false), .scram(.sha1, plus: false), .cramMD5,
            ]
            let order = isSecured ? shown + (hasOwnCommand ? [] : proven) : proven + shown
            return order.first { mechanisms.contains($0) }
        }
    }

    private var hasOwnCommand: Bool {
        switch mailProtocol {
        case .smtp, .lmtp: false
        case .pop3: true
        case .imap: !disablesLogin
        }
    }

    /// The offer is known: logs in.
    mutating func logIn() -> Step {
        if let mechanism = choose() { return begin(mechanism) }
        if case .token(_, let bearer) = credential.proof {
            return fail("it offers neither \(bearer.rawValue.uppercased()) nor \(bearer.other.rawValue.uppercased())")
        }
        switch mailProtocol {
        case .smtp, .lmtp: return fail("it offers no login that we know")
        case .pop3: return beginPOP3()
        case .imap: return disablesLogin ? fail("it offers no login that we know") : beginIMAP()
        }
    }

    private mutating func begin(_ mechanism: SASLMechanism) -> Step {
        let login = SASLLogin(
            account: credential.account, secret: credential.secret, host: credential.host, port: credential.port)
        guard var machine = SASLClientMachine(mechanism, login, nonce: nonce) else {
            return fail("\(mechanism.name) is not spoken")
        }
        let begun = machine.begin()
        var command = Array(
            {
                switch mailProtocol {
                case .smtp, .lmtp, .pop3: "AUTH \(mechanism.name)"
                case .imap: "\(ServerLines.tag) AUTHENTICATE \(mechanism.name)"
                }
            }().utf8)
        switch begun {
        case nil: break
        case .fail(let failure): return fail("\(mechanism.name): \(failure)")
        case .send(let message):
            let initial = message.isEmpty ? [UInt8(ascii: "=")] : Base64.encode(message)
            if takesInitialResponse, command.count + initial.count + 3 <= longestCommand {
                command += [32] + initial
            } else {
                first = message
            }
        }
        reply = []
        state = .exchange(machine)
        return .send(command + [13, 10])
    }

    /// Octets of a command line with an initial response (RFC 5321 §4.5.3.1.4; RFC 2449 §4).
    private var longestCommand: Int {
        switch mailProtocol {
        case .smtp, .lmtp: 512
        case .pop3: 255
        case .imap: 8_192
        }
    }

    /// The server's challenge, in base64.
    mutating func challenge(_ base64: ArraySlice<UInt8>) -> Step {
        guard case .exchange(var machine) = state else { return lose("it asks for more than the login has") }
        if let message = first {
            first = nil
            return .send(Base64.encode(message) + [13, 10])
        }
        guard let octets = Base64.decode(base64.trimmed) else { return cancel("its challenge is no base64") }
        let step = machine.respond(to: octets)
        state = .exchange(machine)
        switch step {
        case .send(let message): return .send(Base64.encode(message) + [13, 10])
        case .fail(let failure): return cancel("\(failure)")
        }
    }

    /// `*`: the server has its last word all the same (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2).
    private mutating func cancel(_ reason: String) -> Step {
        state = .cancelled(reason)
        return .send(Array("*\r\n".utf8))
    }

    /// The server's last word.
    mutating func conclude(_ reply: [UInt8], accepted isAccepted: Bool) -> Step {
        switch state {
        case .cancelled(let reason): return isAccepted ? lose(reason) : fail(reason)
        case .exchange(let machine):
            guard isAccepted else { return refused(reply) }
            if let failure = machine.outcome(accepted: true) { return lose("\(failure)") }
            return accepted(reply)
        case .concluding: return isAccepted ? accepted(reply) : refused(reply)
        case .named, .literal: return isAccepted ? lose("it lets us in before our password") : refused(reply)
        case .greeting, .offered, .over: return lose("it answers what it was not asked")
        }
    }
}
