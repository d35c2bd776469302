// The login of a session that we answer in the server's place. The client shows us who it is; whether that holds, and what the upstream
// gets instead, is the runtime's to say; then the upstream is logged in to, and the client hears how it ended.
//
//     idle → due → asking / gathering → waiting → speaking → done
//
// Everything behind the client's command waits until it is over. Until then nothing that holds a secret of the client goes on.

import MailDialogue
import MailRules

/// What the runtime is asked for at a login.
package enum LoginOrder: Equatable, Sendable {
    /// Does this login hold, and what does the upstream get? Answer: ``Relay/logIn(_:greets:isSecured:nonce:…)`` or
    /// ``Relay/endLogin(_:…)``.
    /// - Parameters:
    ///   - route: where the rules send the client; nil for the route's own upstream.
    ///   - exchange: the client's.
    case check(ClientCredential, route: String?, exchange: Int)
    /// The upstream refused a token that was kept: is there a new one? The same answers.
    case renew(exchange: Int)
    /// The upstream let us in.
    case accepted(exchange: Int)
}

/// How a login ends without the upstream's consent.
package enum LoginRefusal: Equatable, Sendable {
    /// Nobody has this name with this password.
    case badCredentials
    /// It can't be checked now.
    case unavailable
}

/// The login of a session.
struct LoginDesk: Sendable {
    enum State: Sendable {
        /// Nobody logs in. Successors: `due`, `asking`, `gathering`, `waiting`.
        case idle
        /// A command waits for the replies before it.
        case due(Relay.Work)
        /// The client is asked (RFC 4422 §3). Successors: `waiting`, `idle`.
        case asking(SASLServer)
        /// IMAP: the rest of LOGIN is in literals. Successors: `waiting`, `idle`.
        case gathering
        /// The runtime is asked. Successors: `speaking`, `idle`.
        case waiting
        /// We speak with the upstream. Successors: `waiting`, `done`, `idle`.
        case speaking(UpstreamLogin)
        /// The client is in. No successor, but TLS.
        case done
    }

    /// The mechanisms that clients are offered. A password can be shown to another server; what proves it to one server alone can't.
    static let mechanisms = ["PLAIN", "LOGIN"]
    /// Logins that may fail, as with our own server.
    static let mostFailures = 5

    /// Keeps one apart, so that sessions without it have no room for it.
    indirect enum Box: Sendable {
        case desk(LoginDesk)

        var desk: LoginDesk {
            switch self {
            case .desk(let desk): desk
            }
        }
    }

    var state = State.idle
    /// We know who may log in. Otherwise that is the upstream's to say.
    let knows: Bool
    let settings: ServerSettings
    /// POP3's USER.
    var user = ""
    /// The exchange of the client's command.
    var exchange = 0
    /// Where rules send the client.
    var route: String?
    var failures = 0
    /// Lists of capabilities in what the upstream says last.
    var policy: CapabilityPolicy?

    init(knows: Bool, hostName: String) {
        self.knows = knows
        settings = ServerSettings(hostName: hostName)
    }

    /// Commands of the client wait.
    var blocks: Bool {
        switch state {
        case .due, .waiting, .speaking: true
        case .idle, .asking, .gathering, .done: false
        }
    }

    /// TLS has begun: what was said in clear does not count.
    mutating func restart() {
        state = .idle
        user = ""
        route = nil
    }

    /// What the server says is said to us.
    var isSpeaking: Bool { if case .speaking = state { true } else { false } }

    var isGathering: Bool { if case .gathering = state { true } else { false } }
    var isDone: Bool { if case .done = state { true } else { false } }

    /// The client's command begins a login or is a part of one.
    static func takes(_ command: Command, _ mailProtocol: MailProtocol) -> Bool {
        switch mailProtocol {
        case .smtp, .lmtp: command.verb == "AUTH"
        case .pop3: ["USER", "PASS", "APOP", "AUTH"].contains(command.verb)
        case .imap: command.verb == "LOGIN" || command.verb == "AUTHENTICATE"
        }
    }
}
