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
        /// Our own server.
        case fallback
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
        /// Files of a certificate and its key; nil for one that is made for the name that the client asks for.
        package var certificate: String?
        package var key: String?
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
    /// How clients come to TLS; nil when we have no part in it.
    package var listenerTLS: ListenerTLS?
    /// How we come to TLS; nil when we speak in clear.
    package var upstreamTLS: UpstreamTLS?
    /// Capabilities that we can't follow pass too.
    package var showsAllCapabilities = false
    /// Nothing is looked into, not even the lists of capabilities.
    package var isPassthrough = false
    /// The port is 0 for any free one.
    package var listen: SocketAddress
    package var upstream: Upstream
    /// As it was written.
    package var text: String

    /// Parses `imap://127.0.0.1:1143=imap://mail.example.com`.
    package init(_ text: String) throws(RouteError) {
        guard let equals = Self.separator(in: text) else {
            throw RouteError(
                route: text, reason: "no '=' before an upstream",
                advice: "write LISTEN=UPSTREAM, such as imap://127.0.0.1:1143=imap://mail.example.com")
        }
        let listener = try URL(text[..<equals], of: text, side: "listener")
        guard let address = IPAddress(listener.host == "localhost" ? "127.0.0.1" : listener.host) else {
            throw RouteError(
                route: text, reason: "the listener '\(listener.host)' is no IP address",
                advice: "write the address to listen on, such as 127.0.0.1 or [::1]")
        }
        let port = listener.port ?? listener.defaultPort + 1000
        let target = text[text.index(after: equals)...]
        let upstream: Upstream
        let options = try listener.listenerOptions(text, isFallback: target == "fallback")
        var listenerTLS = options.tls
        var upstreamTLS: UpstreamTLS?
        if target == "fallback" {
            upstream = .fallback
        } else {
            let server = try URL(target, of: text, side: "upstream")
            guard server.mailProtocol == listener.mailProtocol else {
                throw RouteError(
                    route: text,
                    reason:
                        "the listener speaks \(listener.mailProtocol.rawValue), the upstream \(server.mailProtocol.rawValue)",
                    advice: "use one protocol on both sides")
            }
            upstream = .server(host: server.host, port: server.port ?? server.defaultPort)
            upstreamTLS = try server.upstreamTLS(text, options.mode, isListenerImplicit: listener.implicitTLS)
            if !listener.implicitTLS, let tls = upstreamTLS, listenerTLS != nil {
                // Where the upstream's leg has TLS already it is ours to answer.
                let isRequired = options.mode == .require
                listenerTLS?.beginning = tls.beginning == .mirrored ? .mirrored : .ours(isRequired: isRequired)
            } else if !listener.implicitTLS {
                listenerTLS = nil
            }
        }
        self.init(
            mailProtocol: listener.mailProtocol, listen: SocketAddress(address, port), upstream: upstream, text: text,
            listenerTLS: listenerTLS, upstreamTLS: upstreamTLS)
        showsAllCapabilities = options.showsAllCapabilities
        isPassthrough = options.mode == .passthrough
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
        Route(
            mailProtocol: entry.0, listen: SocketAddress(.v4(0x7F00_0001), entry.1), upstream: .fallback,
            text: "\(entry.0.rawValue)://127.0.0.1:\(entry.1)=fallback")
    }

    /// The upstream in words.
    package var upstreamText: String {
        switch upstream {
        case .fallback: "fallback"
        case .server(let host, let port):
            "\(scheme(isSecure: upstreamTLS?.beginning == .implicit))://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }

    /// The listener's protocol in words: `imap`, `imaps`.
    package var listenerText: String { scheme(isSecure: listenerTLS?.beginning == .implicit) }

    private func scheme(isSecure: Bool) -> String {
        isSecure ? mailProtocol.schemes.first(where: \.implicitTLS)?.name ?? "" : mailProtocol.rawValue
    }

    /// The `=` before the upstream's scheme or word; others may stand in queries.
    private static func separator(in text: String) -> String.Index? {
        var index = text.startIndex
        while let equals = text[index...].firstIndex(of: "=") {
            let target = text[text.index(after: equals)...]
            if target == "fallback" || target.hasPrefix("mock:") { return equals }
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

/// A part of a route: scheme, host and port.
struct URL {
    let mailProtocol: MailProtocol
    let host: String
    let port: UInt16?
    let defaultPort: UInt16
    let implicitTLS: Bool
    private let options: [(name: String, value: String)]

    init(_ text: Substring, of route: String, side: String) throws(RouteError) {
        guard let mark = text.range(of: "://") else {
            throw RouteError(
                route: route, reason: "the \(side) '\(text)' has no scheme",
                advice: "begin it with one of \(Self.schemes)")
        }
        let scheme = String(text[..<mark.lowerBound])
        guard let mailProtocol = MailProtocol(scheme: scheme),
            let entry = mailProtocol.schemes.first(where: { $0.name == scheme })
        else {
            throw RouteError(
                route: route, reason: "the scheme '\(scheme)' of the \(side) is not known",
                advice: "use one of \(Self.schemes)")
        }
        implicitTLS = entry.implicitTLS
        var authority = text[mark.upperBound...]
        var options: [(name: String, value: String)] = []
        if let query = authority.firstIndex(of: "?") {
            for option in authority[query...].dropFirst().split(separator: "&") {
                let equals = option.firstIndex(of: "=") ?? option.endIndex
                options.append((String(option[..<equals]), String(option[equals...].dropFirst())))
            }
            authority = authority[..<query]
        }
        self.options = options
        if let slash = authority.firstIndex(of: "/") { authority = authority[..<slash] }
        var port: UInt16?
        var host = authority
        let afterBracket = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[afterBracket...].lastIndex(of: ":") {
            guard let number = UInt16(authority[authority.index(after: colon)...]) else {
                throw RouteError(
                    route: route, reason: "the port of the \(side) '\(authority)' is not a number up to 65535",
                    advice: "write HOST:PORT")
            }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else {
            throw RouteError(route: route, reason: "the \(side) has no host", advice: "write \(scheme)://HOST:PORT")
        }
        self.mailProtocol = mailProtocol
        self.host = String(host)
        self.port = port
        defaultPort = entry.port
    }

    private static let schemes = MailProtocol.allCases.flatMap(\.schemes).map(\.name).joined(separator: ", ")

    /// What the options say of a listener.
    struct ListenerOptions {
        /// Nil when we have no part in TLS.
        var tls: Route.ListenerTLS?
        var mode = Route.TLSMode.mirror
        var showsAllCapabilities = false
    }

    /// What the options say of a listener.
    func listenerOptions(_ route: String, isFallback: Bool) throws(RouteError) -> ListenerOptions {
        var tls = Route.ListenerTLS(implicitTLS ? .implicit : .mirrored)
        var found = ListenerOptions()
        for option in options {
            switch option.name {
            case "tls":
                guard let mode = Route.TLSMode(rawValue: option.value), mode != .passthrough || !implicitTLS,
                    !isFallback || mode == .passthrough
                else {
                    throw RouteError(
                        route: route, reason: "'tls=\(option.value)' does not fit this listener",
                        advice: isFallback
                            ? "the built-in server takes TLS from the first octet: listen with \(secureScheme)://"
                            : implicitTLS
                                ? "use one of mirror, require, upgrade"
                                : "use one of mirror, require, upgrade, passthrough")
                }
                found.mode = mode
            case "cert" where !option.value.isEmpty: tls.certificate = option.value
            case "key" where !option.value.isEmpty: tls.key = option.value
            case "tls-min": tls.least = try version(option.value, route)
            case "capabilities" where option.value == "all" || option.value == "known":
                found.showsAllCapabilities = option.value == "all"
            default:
                throw unknown(
                    option, "listener", "tls=MODE, cert=FILE and key=FILE, tls-min=VERSION or capabilities=all", route)
            }
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw RouteError(
                route: route, reason: "the listener has one of cert and key", advice: "write both, cert=FILE&key=FILE")
        }
        let isWithout = !implicitTLS && (isFallback || found.mode == .passthrough)
        if isWithout, tls.certificate != nil {
            throw RouteError(
                route: route, reason: "the listener has a certificate and begins no TLS",
                advice: "listen with \(secureScheme)://, or leave cert and key away")
        }
        found.tls = isWithout ? nil : tls
        return found
    }

    private var secureScheme: String { mailProtocol.schemes.first(where: \.implicitTLS)?.name ?? "imaps" }

    /// What they say of an upstream. Nil when it speaks in clear.
    func upstreamTLS(
        _ route: String, _ mode: Route.TLSMode, isListenerImplicit: Bool
    ) throws(RouteError) -> Route.UpstreamTLS? {
        var tls = Route.UpstreamTLS()
        let words = implicitTLS ? ["implicit"] : ["none", "starttls"]
        var word: String?
        var isTuned = false
        for option in options {
            switch option.name {
            case "tls" where words.contains(option.value): word = option.value
            case "verify" where option.value == "off" || option.value == "on": tls.verifies = option.value == "on"
            case "ca" where !option.value.isEmpty: tls.roots = option.value
            case "sni" where !option.value.isEmpty: tls.serverName = option.value
            case "cert" where !option.value.isEmpty: tls.certificate = option.value
            case "key" where !option.value.isEmpty: tls.key = option.value
            case "tls-min": tls.least = try version(option.value, route)
            case "pin":
                guard let pin = Self.octets(hex: option.value), pin.count == 32 else {
                    throw RouteError(
                        route: route, reason: "the pin '\(option.value)' is no SHA-256 digest",
                        advice: "write the 64 hexadecimal digits of the key's digest")
                }
                tls.pins.append(pin)
            default:
                let possible =
                    "tls=\(words.joined(separator: " or tls=")), verify=off, ca=FILE, sni=NAME, pin=DIGEST, cert=FILE and key=FILE, or tls-min=VERSION"
                throw unknown(option, "upstream", possible, route)
            }
            if option.name != "tls" { isTuned = true }
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw RouteError(
                route: route, reason: "the upstream has one of cert and key", advice: "write both, cert=FILE&key=FILE")
        }
        let isClear = word == "none" || (mode == .passthrough && !implicitTLS)
        if isClear, mode == .require || mode == .upgrade {
            throw RouteError(
                route: route, reason: "'tls=none' forbids what the listener's 'tls=\(mode.rawValue)' demands",
                advice: "leave one of them away")
        }
        if isClear, isTuned || word == "starttls" {
            throw RouteError(
                route: route, reason: "the upstream has options of TLS and no TLS", advice: "leave them away")
        }
        if isClear { return nil }
        let isAsked = word == "starttls" || isListenerImplicit || mode != .mirror
        tls.beginning = implicitTLS ? .implicit : isAsked ? .starttls : .mirrored
        return tls
    }

    private func version(_ text: String, _ route: String) throws(RouteError) -> TLSVersion {
        if let version = TLSVersion(rawValue: text) { return version }
        throw RouteError(
            route: route, reason: "'tls-min=\(text)' is no version of TLS",
            advice: "use one of \(TLSVersion.allCases.map(\.rawValue).joined(separator: ", "))")
    }

    private func unknown(
        _ option: (name: String, value: String), _ side: String, _ possible: String, _ route: String
    ) -> RouteError {
        let text = option.value.isEmpty ? option.name : "\(option.name)=\(option.value)"
        return RouteError(
            route: route, reason: "the option '\(text)' of the \(side) is not one that this version has here",
            advice: "leave it out, or write \(possible)")
    }

    private static func octets(hex text: String) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }
}

extension StringProtocol {
    /// The first place where `needle` stands.
    fileprivate func range(of needle: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(needle) { return index..<self.index(index, offsetBy: needle.count) }
            index = self.index(after: index)
        }
        return nil
    }
}

/// A route that can't be understood.
package struct RouteError: Error, Equatable, CustomStringConvertible {
    package let route: String
    package let reason: String
    package let advice: String
    package var description: String { "route '\(route)': \(reason); \(advice)" }
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
        mailProtocol = url.mailProtocol
        host = url.host
        port = url.port ?? url.defaultPort
    }

    /// All its addresses. Blocks while a name is looked up.
    package func addresses() -> Result<[SocketAddress], ResolverError> {
        IPAddress(host).map { .success([SocketAddress($0, port)]) } ?? Resolver.addresses(of: host, port: port)
    }
}
