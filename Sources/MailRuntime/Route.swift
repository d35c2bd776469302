// Routes: a listener and where it leads, as `--route LISTEN=UPSTREAM` and the configuration file write them.

import MailDialogue
import MailRecording

/// A listener and where it leads.
package struct Route: Equatable, Sendable {
    /// Where a session goes.
    package enum Upstream: Equatable, Sendable {
        /// A server elsewhere, by name or address.
        case server(host: String, port: UInt16)
        /// Our own server.
        case fallback
    }

    package var mailProtocol: MailProtocol
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
        }
        self.init(
            mailProtocol: listener.mailProtocol, listen: SocketAddress(address, port), upstream: upstream, text: text)
    }

    package init(mailProtocol: MailProtocol, listen: SocketAddress, upstream: Upstream, text: String) {
        self.mailProtocol = mailProtocol
        self.listen = listen
        self.upstream = upstream
        self.text = text
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
            host.contains(":")
                ? "\(mailProtocol.rawValue)://[\(host)]:\(port)" : "\(mailProtocol.rawValue)://\(host):\(port)"
        }
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
        guard !entry.implicitTLS else {
            throw RouteError(
                route: route,
                reason: "the scheme '\(scheme)' of the \(side) needs TLS, which this version does not speak",
                advice: "use \(mailProtocol.schemes[0].name)://, over which STARTTLS passes untouched")
        }
        var authority = text[mark.upperBound...]
        if let query = authority.firstIndex(of: "?") {
            // Without TLS of our own only what happens anyway can be asked for.
            let possible = side == "listener" ? "tls=passthrough" : "tls=none"
            for option in authority[query...].dropFirst().split(separator: "&") where option != possible {
                throw RouteError(
                    route: route, reason: "the option '\(option)' of the \(side) is not one that this version has",
                    advice: "leave it out, or write \(possible)")
            }
            authority = authority[..<query]
        }
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

    private static let schemes = MailProtocol.allCases.flatMap(\.schemes).filter { !$0.implicitTLS }.map(\.name)
        .joined(separator: ", ")
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
        mailProtocol = url.mailProtocol
        host = url.host
        port = url.port ?? url.defaultPort
    }

    /// All its addresses. Blocks while a name is looked up.
    package func addresses() -> Result<[SocketAddress], ResolverError> {
        IPAddress(host).map { .success([SocketAddress($0, port)]) } ?? Resolver.addresses(of: host, port: port)
    }
}
