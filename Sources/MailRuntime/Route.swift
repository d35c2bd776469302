// Routes: a listener and where it leads, as `--route LISTEN=UPSTREAM` and the configuration file write them.

import MailDialogue
import MailRecording
import MailTLS

/// A listener and where it leads.
package struct Route: Equatable, Sendable {
    /// Where a session goes.
    package enum Upstream: Equatable, Sendable {
        /// A server elsewhere, by name or address.
        case server(host: String, port: UInt16)
        /// A server of this host, by the path of its socket.
        case unix(path: String)
        /// Our own server.
        case fallback
        /// The server that the client wants, as its way says.
        case destination
    }

    /// When TLS begins on a leg, or whether.
    package enum TLSMode: String, CaseIterable, Sendable {
        /// Both legs begin TLS when the client asks for it, or the client may where the upstream's leg has it.
        case mirror
        /// Nothing is done for a client before it begins TLS; the upstream's leg has it always.
        case require
        /// The upstream's leg has it always, the client may begin it.
        case upgrade
        /// Octets pass untouched, STARTTLS too.
        case passthrough
        /// Clients are put to the test: TLS is kept from them, or is not what it should be. The upstream's leg has it always.
        case stripTest = "strip-test"
    }

    /// TLS on the listener's side.
    package struct ListenerTLS: Equatable, Sendable {
        /// How clients come to TLS.
        package enum Beginning: Equatable, Sendable {
            /// With the first octet (RFC 8314 §3).
            case implicit
            /// With STARTTLS or STLS, together with the upstream's leg.
            case mirrored
            /// With STARTTLS or STLS, to which we answer.
            case ours(isRequired: Bool)
        }

        package var beginning: Beginning
        /// Files of a certificate and its key.
        package struct Files: Equatable, Sendable {
            package var certificate: String
            package var key: String
        }

        /// Certificates to show, the first to a client whose name none of them is for; empty for ones that are made for the name
        /// that the client asks for.
        package var files: [Files] = []
        /// One is made for each name.
        package var isMinted: Bool { files.isEmpty }
        /// The oldest version that is taken.
        package var least = TLSVersion.v12

        package init(_ beginning: Beginning = .implicit) { self.beginning = beginning }
    }

    /// TLS on the upstream's side.
    package struct UpstreamTLS: Equatable, Sendable {
        /// How we come to TLS.
        package enum Beginning: Equatable, Sendable {
            /// With the first octet.
            case implicit
            /// With STARTTLS or STLS, before the client hears anything.
            case starttls
            /// With STARTTLS or STLS, when the client does.
            case mirrored
        }

        package var beginning = Beginning.implicit
        /// The server's certificate is checked.
        package var verifies = true
        /// A file of roots to trust instead of the system's.
        package var roots: String?
        /// The name to ask for and to check in place of the host.
        package var serverName: String?
        /// Digests of keys of which the server has to show one, 32 octets each.
        package var pins: [[UInt8]] = []
        /// Files of the certificate and the key that we show when the server asks for them.
        package var certificate: String?
        package var key: String?
        /// The oldest version that is taken.
        package var least = TLSVersion.v12

        package init() {}
    }

    package var mailProtocol: MailProtocol
    /// Clients are put to the test; nil when they are not.
    package var stripTest: StripSettings?
    /// How clients come to TLS; nil when we have no part in it.
    package var listenerTLS: ListenerTLS?
    /// How we come to TLS; nil when we speak in clear.
    package var upstreamTLS: UpstreamTLS?
    /// Capabilities that we can't follow pass too.
    package var showsAllCapabilities = false
    /// Nothing is looked into, not even the lists of capabilities.
    package var isPassthrough = false
    /// What comes before a session; nil when a connection is one from its first octet on.
    package var entrance: Entrance?
    /// What we say to the upstream of the client.
    package var introduction = Introduction()
    /// The file of who may log in, and what the upstream gets; nil when that is the upstream's to say.
    package var credentials: String?
    /// Other upstreams of the same route, in the order in which they stand.
    package internal(set) var alternates: [Route] = []
    /// The place among them; 0 for the route itself.
    var ordinal = 0
    /// The upstream as it was written, with its options.
    var entry = ""
    /// Which part of the sessions its upstream gets, when there are several.
    package var rank = Rank()
    /// The same route for what a client may turn out to want: other protocols, TLS from the first octet.
    package var variants: [Route] = []
    /// What to listen on.
    package enum Place: Equatable, Sendable {
        /// The route's address.
        case address
        /// A socket in the file system, with the permissions that it gets.
        case unix(path: String, mode: UInt32)
        /// Sockets that systemd has opened, by the name that it gives them, or by their number.
        case inherited(name: String)

        /// It is the same place, whatever the permissions are.
        func isSame(as other: Place) -> Bool {
            if case .unix(let path, _) = self, case .unix(let another, _) = other { return path == another }
            return self == other
        }
    }

    /// The port is 0 for any free one. A loopback address that stands for the place when that is none.
    package var listen: SocketAddress
    package var place = Place.address
    package var upstream: Upstream
    /// As it was written.
    package var text: String

    /// Parses `imap://127.0.0.1:1143=imap://mail.example.com`.
    /// - Parameter credentials: the file of credentials of upstreams that name none; where there can be none it is passed over.
    package init(_ text: String, credentials: String? = nil) throws(RouteError) {
        if let kind = EntranceOptions.kind(of: text) {
            self = try Route(text, by: kind)
            return
        }
        guard let equals = Self.separator(in: text) else {
            throw RouteError(
                route: text, reason: "no '=' before an upstream",
                advice: "write LISTEN=UPSTREAM, such as imap://127.0.0.1:1143=imap://mail.example.com")
        }
        let listener = try URL(text[..<equals], of: text, side: "listener")
        let listen = try listener.listenAddress(text, defaultPort: listener.defaultPort + 1000)
        var targets: [(entry: Substring, server: URL?, upstream: Upstream)] = []
        for target in Self.upstreams(in: text[text.index(after: equals)...]) {
            if target == "fallback" {
                targets.append((target, nil, .fallback))
                continue
            }
            let url = try URL(target, of: text, side: "upstream")
            guard url.mailProtocol == listener.mailProtocol else {
                throw RouteError(
                    route: text,
                    reason:
                        "the listener speaks \(listener.mailProtocol.rawValue), the upstream \(url.mailProtocol.rawValue)",
                    advice: "use one protocol on both sides")
            }
            guard url.inherited == nil else {
                throw RouteError(
                    route: text, reason: "systemd opens listeners, no upstreams", advice: "name the server's host")
            }
            let upstream: Upstream =
                url.path.map { .unix(path: $0) } ?? .server(host: url.host, port: url.port ?? url.defaultPort)
            targets.append((target, credentials.map { url.with(credentials: $0) } ?? url, upstream))
        }
        func joined(_ listener: URL) throws(RouteError) -> Route {
            var routes: [Route] = []
            for (entry, server, upstream) in targets {
                var route = try Route(
                    text, listener, server, listen: listen, upstream: upstream, isOneOfMany: !routes.isEmpty)
                route.entry = String(entry)
                routes.append(route)
            }
            return try Self.joined(routes, of: text)
        }
        self = try joined(listener)
        try checkNames(of: text)
        if listenerTLS?.beginning == .implicit, choices.contains(where: { !$0.rank.names.isEmpty }) {
            entrance = entrance ?? Entrance()
            entrance?.seesName = true
        }
        guard entrance?.tlsWait != nil else { return }
        guard !listener.implicitTLS else {
            throw RouteError(
                route: text, reason: "the listener begins with TLS and has nothing to wait for",
                advice: "leave tls-wait away")
        }
        let secured = listener.speaking(listener.mailProtocol, implicitTLS: true)
        guard secured.implicitTLS else {
            throw RouteError(
                route: text, reason: "\(listener.mailProtocol.rawValue) has no TLS from the first octet",
                advice: "leave tls-wait away")
        }
        variants = [try joined(secured)]
    }

    /// A route of two sides that are understood.
    init(
        _ text: String, _ listener: URL, _ server: URL?, listen: SocketAddress, upstream: Upstream,
        isOneOfMany: Bool = false
    ) throws(RouteError) {
        // What the built-in server can't do is said of a route that leads to nothing else.
        let options = try listener.listenerOptions(text, isFallback: upstream == .fallback && !isOneOfMany)
        var listenerTLS = options.tls
        var upstreamTLS: UpstreamTLS?
        var upstreamOptions = URL.UpstreamOptions()
        if let server = options.mode == .passthrough ? server?.withoutDefaults : server {
            upstreamOptions = try server.upstreamOptions(
                text, options.mode, isListenerImplicit: listener.implicitTLS)
            upstreamTLS = upstreamOptions.tls
            if !listener.implicitTLS, let tls = upstreamTLS, listenerTLS != nil {
                // Where the upstream's leg has TLS already it is ours to answer.
                let isRequired = options.mode == .require
                listenerTLS?.beginning = tls.beginning == .mirrored ? .mirrored : .ours(isRequired: isRequired)
            } else if !listener.implicitTLS {
                listenerTLS = nil
            }
        }
        // In the place of an upstream too it answers STARTTLS itself.
        if upstream == .fallback, !listener.implicitTLS { listenerTLS?.beginning = .ours(isRequired: false) }
        self.init(
            mailProtocol: listener.mailProtocol, listen: listen, upstream: upstream, text: text,
            listenerTLS: listenerTLS, upstreamTLS: upstreamTLS)
        introduction = upstreamOptions.introduction
        rank = upstreamOptions.rank
        credentials = upstreamOptions.credentials
        entrance = options.entrance
        place = options.place
        showsAllCapabilities = options.showsAllCapabilities
        isPassthrough = options.mode == .passthrough
        stripTest = options.stripTest
    }

    /// An upstream that a rule may choose at a login, as a route to it from nowhere. Beyond this host its leg is under TLS, unless it
    /// says `tls=none`.
    package init(target text: String) throws(RouteError) {
        let server = try URL(text[...], of: text, side: "upstream")
        guard server.inherited == nil else {
            throw RouteError(
                route: text, reason: "systemd opens listeners, no upstreams", advice: "name the server's host")
        }
        guard server.mailProtocol != .lmtp else {
            throw RouteError(route: text, reason: "nobody logs in with lmtp", advice: "use smtp, pop3 or imap")
        }
        let options = try server.upstreamOptions(text, .mirror, isListenerImplicit: !server.isLocal)
        guard !options.rank.isWritten, options.rank.names.isEmpty else {
            throw RouteError(
                route: text, reason: "priority, weight and for are for routes with several upstreams",
                advice: "leave them away")
        }
        self.init(
            mailProtocol: server.mailProtocol, listen: SocketAddress(.v4(0x7F00_0001), 0),
            upstream: server.path.map { .unix(path: $0) }
                ?? .server(host: server.host, port: server.port ?? server.defaultPort),
            text: text, upstreamTLS: options.tls)
        introduction = options.introduction
        credentials = options.credentials
    }

    package init(
        mailProtocol: MailProtocol, listen: SocketAddress, upstream: Upstream, text: String,
        listenerTLS: ListenerTLS? = nil, upstreamTLS: UpstreamTLS? = nil
    ) {
        self.mailProtocol = mailProtocol
        self.listen = listen
        self.upstream = upstream
        self.text = text
        self.listenerTLS = listenerTLS
        self.upstreamTLS = upstreamTLS
    }

    /// What `run` starts with when no route is given.
    package static let defaults: [Route] = [
        (MailProtocol.smtp, UInt16(1025)), (.pop3, 1110), (.imap, 1143),
    ].map { entry in
        var route = Route(
            mailProtocol: entry.0, listen: SocketAddress(.v4(0x7F00_0001), entry.1), upstream: .fallback,
            text: "\(entry.0.rawValue)://127.0.0.1:\(entry.1)=fallback",
            listenerTLS: ListenerTLS(.ours(isRequired: false)))
        route.entry = "fallback"
        return route
    }

    /// The upstream in words.
    package var upstreamText: String {
        switch upstream {
        case .fallback: "fallback"
        case .destination: "destination"
        case .unix(let path): "\(scheme(isSecure: upstreamTLS?.beginning == .implicit))://unix:\(path)"
        case .server(let host, let port):
            "\(scheme(isSecure: upstreamTLS?.beginning == .implicit))://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }

    /// The listener's protocol in words: `imap`, `imaps`.
    package var listenerText: String {
        entrance?.kind?.rawValue ?? scheme(isSecure: listenerTLS?.beginning == .implicit)
    }

    /// Names this route, or this variant of it, or the way to one of its upstreams.
    package var key: String {
        let key = Self.key(text, mailProtocol, isImplicit: listenerTLS?.beginning == .implicit)
        return ordinal == 0 ? key : "\(ordinal) \(key)"
    }

    static func key(_ text: String, _ mailProtocol: MailProtocol, isImplicit: Bool) -> String {
        "\(mailProtocol.rawValue)\(isImplicit ? "s" : "") \(text)"
    }

    private func scheme(isSecure: Bool) -> String {
        isSecure ? mailProtocol.schemes.first(where: \.implicitTLS)?.name ?? "" : mailProtocol.rawValue
    }

    /// The `=` before the upstream's scheme or word; others may stand in queries.
    static func separator(in text: String) -> String.Index? {
        var index = text.startIndex
        while let equals = text[index...].firstIndex(of: "=") {
            let target = text[text.index(after: equals)...]
            if target == "fallback" || target.hasPrefix("fallback,") || target.hasPrefix("mock:") { return equals }
            if let colon = target.range(of: "://"),
                target[..<colon.lowerBound].allSatisfy({ $0.isLetter || $0.isNumber })
            {
                return equals
            }
            index = text.index(after: equals)
        }
        return nil
    }
}

/// A route that can't be understood.
package struct RouteError: Error, Equatable, CustomStringConvertible {
    /// As it was written, without what stands before an `@`: that may be a password.
    package let route: String
    package let reason: String
    package let advice: String
    package var description: String { "route '\(route)': \(reason); \(advice)" }

    package init(route: String, reason: String, advice: String) {
        self.route = Self.withoutUsers(route)
        self.reason = reason
        self.advice = advice
    }

    private static func withoutUsers(_ route: String) -> String {
        let mark = "://"
        var parts: [Substring] = []
        var rest = route[...]
        while let found = rest.firstRange(of: mark) {
            parts.append(rest[..<found.lowerBound])
            rest = rest[found.upperBound...]
        }
        parts.append(rest)
        let shown = parts.enumerated().map { index, part -> String in
            guard index > 0, !part.hasPrefix("unix:"), !part.hasPrefix("systemd:"), let at = part.lastIndex(of: "@")
            else {
                return String(part)
            }
            return "…" + part[at...]
        }
        return shown.joined(separator: mark)
    }
}

/// A server as a URL names it: `imap://mail.example.com`, `smtp://127.0.0.1:2525`.
package struct ServerURL: Equatable, Sendable {
    package let mailProtocol: MailProtocol
    package let host: String
    package let port: UInt16

    package init(_ text: String) throws(RouteError) {
        let url = try URL(text[...], of: text, side: "server")
        guard !url.implicitTLS else {
            throw RouteError(
                route: text, reason: "a server under TLS cannot be replayed to by this version",
                advice: "use \(url.mailProtocol.schemes[0].name)://")
        }
        guard url.path == nil, url.inherited == nil else {
            throw RouteError(route: text, reason: "a server is called by its host here", advice: "write HOST:PORT")
        }
        mailProtocol = url.mailProtocol
        host = url.host
        port = url.port ?? url.defaultPort
    }

    /// All its addresses. Blocks while a name is looked up.
    package func addresses() -> Result<[SocketAddress], ResolverError> {
        IPAddress(host).map { .success([SocketAddress($0, port)]) } ?? Resolver.addresses(of: host, port: port)
    }
}
