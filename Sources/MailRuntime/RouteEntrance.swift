// Ways in that are more than a listener: what a route says of them, and how that is written.

import MailDialogue
import MailRecording
import MailSessions

extension Route {
    /// What comes before a session.
    package struct Entrance: Equatable, Sendable {
        /// Listeners whose clients say, or show, where they want to go.
        package enum Kind: String, CaseIterable, Sendable {
            /// SOCKS 5 (RFC 1928).
            case socks5
            /// Connections that the kernel was told to turn to us (REDIRECT).
            case transparent
        }

        /// Nil when the route knows its upstream.
        package var kind: Kind?
        /// A file of users who may come in by SOCKS; nil for everybody.
        package var users: String?
        /// Networks from which a PROXY header comes first, and no connection without; nil when there is none.
        package var trusted: [IPNetwork]?
        /// Milliseconds for which a client is given time to begin with TLS before it is greeted in clear; nil for none.
        package var tlsWait: Int?
        /// The upstream is chosen by the name that the client asks for, under TLS from the first octet.
        package var seesName = false
        /// What is spoken on ports of destinations that no protocol has; nil when it is told by the first octets.
        package var mailProtocol: MailProtocol?

        package init() {}
    }

    /// What we say to the upstream of the client, beside what the client says itself.
    package struct Introduction: Equatable, Sendable {
        /// A PROXY header before everything else; nil for none.
        package var header: ProxyHeader.Version?
        /// Words of the protocol that tell the client's address, when the upstream offers them; nil for none.
        package var means: UpstreamIntroduction.Means?

        package init() {}

        /// Takes an option of an upstream. False when it is none of these.
        mutating func take(
            _ name: String, _ value: String, of route: String, _ mailProtocol: MailProtocol
        ) throws(RouteError) -> Bool {
            switch name {
            case "proxy-protocol":
                guard let version = ProxyHeader.Version(rawValue: value) else {
                    throw RouteError(
                        route: route, reason: "'proxy-protocol=\(value)' is no version that an upstream can get",
                        advice: "write proxy-protocol=v1 or proxy-protocol=v2")
                }
                header = version
                return true
            case "client-address":
                let possible: UpstreamIntroduction.Means? =
                    switch mailProtocol {
                    case .smtp, .lmtp: .xclient
                    case .imap: .id
                    case .pop3: nil
                    }
                guard EntranceOptions.kind(of: route) == nil else {
                    throw RouteError(
                        route: route, reason: "'client-address' would tell every server that a client names",
                        advice: "use it with an upstream that the route names")
                }
                guard let found = UpstreamIntroduction.Means(rawValue: value), found == possible else {
                    let advice = possible.map { "write client-address=\($0.rawValue)" } ?? "leave it away"
                    throw RouteError(
                        route: route, reason: "'client-address=\(value)' is not for \(mailProtocol.rawValue)",
                        advice: "\(advice), or use proxy-protocol")
                }
                means = found
                return true
            default: return false
            }
        }
    }

    /// A route whose clients say where they want to go: `socks5://127.0.0.1:1080`, `transparent://0.0.0.0:2525`, either with
    /// `=destination?OPTIONS` behind it.
    init(_ text: String, by kind: Entrance.Kind) throws(RouteError) {
        let mark = "=destination"
        var listenerText = text[...]
        var upstreamText = "smtp://destination"
        if let place = text.range(of: mark) {
            let rest = text[place.upperBound...]
            guard rest.isEmpty || rest.hasPrefix("?") else {
                throw Self.noUpstream(text, kind)
            }
            listenerText = text[..<place.lowerBound]
            upstreamText += rest
        }
        guard Self.separator(in: String(listenerText)) == nil else { throw Self.noUpstream(text, kind) }
        // It is parsed as one protocol, and speaks all of them.
        let authority = listenerText.dropFirst("\(kind.rawValue)://".count)
        let listener = try URL("smtp://\(authority)", of: text, side: "listener")
        let server = try URL(upstreamText[...], of: text, side: "upstream")
        guard kind == .socks5 || (listener.path == nil && listener.inherited == nil) else {
            throw RouteError(
                route: text, reason: "connections are turned to an address", advice: "write transparent://ADDRESS:PORT")
        }
        guard kind == .socks5 || listener.port != nil else {
            throw RouteError(
                route: text, reason: "the listener has no port", advice: "write transparent://ADDRESS:PORT")
        }
        guard !server.hasCredentials else {
            throw RouteError(
                route: text, reason: "'credentials' would be shown to whatever server a client names",
                advice: "leave it away, or write a route to one upstream")
        }
        let listen = try listener.listenAddress(text, defaultPort: 1080)
        var found: [Route] = []
        for mailProtocol in MailProtocol.allCases {
            for isImplicit in [false, true] where mailProtocol.schemes.contains(where: { $0.implicitTLS == isImplicit })
            {
                found.append(
                    try Route(
                        text, listener.speaking(mailProtocol, implicitTLS: isImplicit),
                        server.speaking(mailProtocol, implicitTLS: isImplicit), listen: listen, upstream: .destination))
            }
        }
        var entrance = found.first?.entrance ?? Entrance()
        entrance.kind = kind
        guard kind == .socks5 || entrance.users == nil else {
            throw RouteError(
                route: text, reason: "nobody logs in to a transparent listener", advice: "leave users away")
        }
        guard let rank = found.first?.rank, !rank.isWritten, rank.names.isEmpty else {
            throw RouteError(
                route: text, reason: "priority, weight and for are for routes with upstreams of their own",
                advice: "leave them away")
        }
        guard entrance.tlsWait == nil else {
            throw RouteError(
                route: text, reason: "'tls-wait' is for listeners with an upstream of their own",
                advice: "leave it away: here it is waited for whoever speaks first")
        }
        self.init(mailProtocol: .smtp, listen: listen, upstream: .destination, text: text)
        self.entrance = entrance
        place = found.first?.place ?? .address
        introduction = found.first?.introduction ?? Introduction()
        variants = found.map { variant in
            var variant = variant
            variant.entrance?.kind = nil
            return variant
        }
    }

    private static func noUpstream(_ text: String, _ kind: Entrance.Kind) -> RouteError {
        RouteError(
            route: text, reason: "a \(kind.rawValue) listener finds its upstream itself",
            advice: "write the listener alone, or LISTEN=destination?OPTIONS")
    }

    /// It has to do with TLS, or with capabilities: not the built-in server in clear, nor what is only the frame of its variants.
    package var needsSecurity: Bool { listenerTLS != nil || (upstream != .fallback && entrance?.kind == nil) }
}

/// The options of a listener that say what comes before a session.
struct EntranceOptions {
    private var entrance = Route.Entrance()
    private var takesHeaders = false
    private var trusted: [IPNetwork]?

    /// The kind of listener that a route begins with; nil for those with a protocol of their own.
    static func kind(of route: String) -> Route.Entrance.Kind? {
        Route.Entrance.Kind.allCases.first { route.hasPrefix("\($0.rawValue)://") }
    }

    /// Takes an option. False when it is none of these.
    mutating func take(_ name: String, _ value: String, of route: String) throws(RouteError) -> Bool {
        let isDirected = Self.kind(of: route) != nil
        switch name {
        case "proxy-protocol":
            guard value == "in" else {
                throw RouteError(
                    route: route, reason: "'proxy-protocol=\(value)' does not fit a listener",
                    advice: "write proxy-protocol=in; versions 1 and 2 are both taken")
            }
            takesHeaders = true
        case "trust":
            var networks = trusted ?? []
            for word in value.split(separator: ",", omittingEmptySubsequences: false) {
                guard let network = IPNetwork(word) else {
                    throw RouteError(
                        route: route, reason: "'\(word)' in 'trust' is no network",
                        advice: "write addresses, or networks such as 10.0.0.0/8, with no bit set behind the prefix")
                }
                networks.append(network)
            }
            trusted = networks
        case "tls-wait":
            guard let number = Int(value), (1...10_000).contains(number) else {
                throw RouteError(
                    route: route, reason: "'tls-wait=\(value)' is no number of milliseconds from 1 to 10000",
                    advice: "write tls-wait=250")
            }
            entrance.tlsWait = number
        case "users" where isDirected && !value.isEmpty: entrance.users = value
        case "protocol" where isDirected:
            guard let mailProtocol = MailProtocol(rawValue: value) else {
                throw RouteError(
                    route: route, reason: "'protocol=\(value)' is no protocol",
                    advice: "use one of \(MailProtocol.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            entrance.mailProtocol = mailProtocol
        default: return false
        }
        return true
    }

    /// All of it; nil when nothing comes before a session.
    func entrance(of route: String) throws(RouteError) -> Route.Entrance? {
        guard trusted == nil || takesHeaders else {
            throw RouteError(
                route: route, reason: "'trust' says who may send PROXY headers, and none are taken",
                advice: "add proxy-protocol=in, or leave trust away")
        }
        var entrance = entrance
        if takesHeaders { entrance.trusted = trusted ?? IPNetwork.loopback }
        return entrance == Route.Entrance() ? nil : entrance
    }
}
