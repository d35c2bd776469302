// One side of a route as a URL: scheme, host, port, and the options behind the question mark.

import MailDialogue
import MailRecording
import MailTLS

/// A part of a route: scheme, host and port.
struct URL {
    private(set) var mailProtocol: MailProtocol
    let host: String
    let port: UInt16?
    let defaultPort: UInt16
    private(set) var implicitTLS: Bool
    /// `unix:/path` in the place of host and port.
    let path: String?
    /// `systemd:NAME` in the place of host and port.
    let inherited: String?
    private var options: [(name: String, value: String)]
    /// The last option was not written.
    private var hasDefaultCredentials = false

    init(_ text: Substring, of route: String, side: String) throws(RouteError) {
        guard let mark = text.range(of: "://") else {
            let shown = text.lastIndex(of: "@").map { "…" + text[$0...] } ?? String(text)
            throw RouteError(
                route: route, reason: "the \(side) '\(shown)' has no scheme",
                advice: "begin it with one of \(Self.schemes)")
        }
        let scheme = String(text[..<mark.lowerBound])
        guard let mailProtocol = MailProtocol(scheme: scheme),
            let entry = mailProtocol.schemes.first(where: { $0.name == scheme })
        else {
            throw RouteError(
                route: route, reason: "the scheme '\(scheme)' of the \(side) is not known",
                advice: "use one of \(Self.schemes)\(side == "listener" ? ", socks5, transparent" : "")")
        }
        implicitTLS = entry.implicitTLS
        var authority = text[mark.upperBound...]
        try Self.checkUser(authority, of: scheme, side: side)
        var options: [(name: String, value: String)] = []
        if let query = authority.firstIndex(of: "?") {
            for option in authority[query...].dropFirst().split(separator: "&") {
                let equals = option.firstIndex(of: "=") ?? option.endIndex
                options.append((String(option[..<equals]), String(option[equals...].dropFirst())))
            }
            authority = authority[..<query]
        }
        try Self.checkRepeats(options, of: route, side: side)
        self.options = options
        self.mailProtocol = mailProtocol
        defaultPort = entry.port
        if authority.hasPrefix("unix:") || authority.hasPrefix("systemd:") {
            let name = String(
                authority[authority.index(after: authority.firstIndex(of: ":") ?? authority.startIndex)...])
            let isPath = authority.hasPrefix("unix:")
            if isPath, !name.hasPrefix("/") || name.utf8.count > Self.longestPath || name.utf8.contains(0) {
                throw RouteError(
                    route: route, reason: "the \(side)'s '\(authority)' is no path of a socket",
                    advice: "write unix:/PATH, with a path of at most \(Self.longestPath) octets from the root on")
            }
            if !isPath, name.isEmpty || name.contains("/") {
                throw RouteError(
                    route: route, reason: "the \(side)'s '\(authority)' names no socket of systemd",
                    advice: "write systemd:NAME, as FileDescriptorName= says it, or systemd:0 for the first")
            }
            path = isPath ? name : nil
            inherited = isPath ? nil : name
            host = String(authority)
            port = nil
            return
        }
        path = nil
        inherited = nil
        if let slash = authority.firstIndex(of: "/") {
            guard authority[slash...] == "/" else {
                throw RouteError(
                    route: route, reason: "the \(side) has '\(authority[slash...])' behind its host",
                    advice: "leave it away: a route leads to a server, not to a mailbox")
            }
            authority = authority[..<slash]
        }
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
        self.host = String(host)
        self.port = port
    }

    /// Options that may stand several times: each adds something. Of any other the first or the last would be silently
    /// meant.
    private static let repeatable = ["listener": ["cert", "key", "trust"], "upstream": ["pin", "for"]]

    /// Nobody stands before the host: looked at first, as a password may have any character in it, and no error shows one.
    private static func checkUser(_ rest: Substring, of scheme: some StringProtocol, side: String) throws(RouteError) {
        if rest.hasPrefix("unix:") || rest.hasPrefix("systemd:") { return }
        // Options may have addresses as values.
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let names = parts.dropFirst().first.map { $0.split(separator: "&").map { $0.prefix { $0 != "=" } } } ?? []
        guard parts.first?.contains("@") == true || names.contains(where: { $0.contains("@") }) else { return }
        throw RouteError(
            route: "\(scheme)://…@…", reason: "the \(side) has a user before its host",
            advice: "leave it away; logins for upstreams stand in a file of credentials")
    }

    private static func checkRepeats(
        _ options: [(name: String, value: String)], of route: String, side: String
    ) throws(RouteError) {
        var seen: Set<String> = []
        for option in options where !(repeatable[side]?.contains(option.name) ?? false) {
            if seen.insert(option.name).inserted { continue }
            throw RouteError(
                route: route, reason: "the option '\(option.name)' of the \(side) stands twice",
                advice: "write it once")
        }
    }

    /// Octets of the path of a socket: what sockaddr_un has room for, without its end.
    private static let longestPath = 107

    /// The address to listen on; one that stands for it where there is none.
    func listenAddress(_ route: String, defaultPort: UInt16) throws(RouteError) -> SocketAddress {
        if path != nil || inherited != nil { return SocketAddress(.v4(0x7F00_0001), mailProtocol.wellKnownPort) }
        guard let address = IPAddress(host == "localhost" ? "127.0.0.1" : host) else {
            throw RouteError(
                route: route, reason: "the listener '\(host)' is no IP address",
                advice: "write the address to listen on, such as 127.0.0.1 or [::1]")
        }
        return SocketAddress(address, port ?? defaultPort)
    }

    private static let schemes = MailProtocol.allCases.flatMap(\.schemes).map(\.name).joined(separator: ", ")

    /// What the options say of a listener.
    struct ListenerOptions {
        /// Nil when we have no part in TLS.
        var tls: Route.ListenerTLS?
        var mode = Route.TLSMode.mirror
        var showsAllCapabilities = false
        var entrance: Route.Entrance?
        var place = Route.Place.address
        var stripTest: Route.StripSettings?
    }

    /// The same with another protocol, and TLS from the first octet where the protocol has it.
    func speaking(_ mailProtocol: MailProtocol, implicitTLS: Bool) -> URL {
        var url = self
        url.mailProtocol = mailProtocol
        url.implicitTLS = mailProtocol.schemes.contains { $0.implicitTLS == implicitTLS } && implicitTLS
        // What is said of STARTTLS says nothing of TLS from the first octet.
        if url.implicitTLS {
            url.options.removeAll { $0.name == "tls" && ($0.value == "none" || $0.value == "starttls") }
        }
        return url
    }

    /// What the options say of a listener.
    func listenerOptions(_ route: String, isFallback: Bool) throws(RouteError) -> ListenerOptions {
        var tls = Route.ListenerTLS(implicitTLS ? .implicit : .mirrored)
        var found = ListenerOptions()
        if let path { found.place = .unix(path: path, mode: 0o600) }
        if let inherited { found.place = .inherited(name: inherited) }
        var entrance = EntranceOptions()
        var certificates: [String] = []
        var keys: [String] = []
        var stripTest = StripOptions()
        for option in options {
            if try stripTest.take(option.name, option.value, of: route) { continue }
            if try entrance.take(option.name, option.value, of: route) { continue }
            switch option.name {
            case "tls":
                guard let mode = Route.TLSMode(rawValue: option.value), mode != .passthrough || !implicitTLS,
                    !isFallback || mode == .passthrough || mode == .stripTest
                else {
                    throw RouteError(
                        route: route, reason: "'tls=\(option.value)' does not fit this listener",
                        advice: isFallback
                            ? "the built-in server offers STARTTLS: leave it away, or listen with \(secureScheme)://"
                            : implicitTLS
                                ? "use one of mirror, require, upgrade, strip-test"
                                : "use one of mirror, require, upgrade, passthrough, strip-test")
                }
                found.mode = mode
            case "mode" where path != nil:
                guard let mode = UInt32(option.value, radix: 8), mode & 0o777 == mode, !option.value.hasPrefix("+")
                else {
                    throw RouteError(
                        route: route, reason: "'mode=\(option.value)' is no octal number up to 0777",
                        advice: "write mode=0660")
                }
                found.place = .unix(path: path ?? "", mode: mode)
            case "cert" where !option.value.isEmpty: certificates.append(option.value)
            case "key" where !option.value.isEmpty: keys.append(option.value)
            case "tls-min": tls.least = try version(option.value, route)
            case "capabilities" where option.value == "all" || option.value == "known":
                found.showsAllCapabilities = option.value == "all"
            default:
                throw unknown(
                    option, "listener",
                    "tls=MODE, cert=FILE and key=FILE, tls-min=VERSION, capabilities=all, tls-wait=MILLISECONDS, or proxy-protocol=in and trust=NETWORKS",
                    route)
            }
        }
        guard certificates.count == keys.count else {
            throw RouteError(
                route: route, reason: "the listener has \(certificates.count) cert and \(keys.count) key",
                advice: "write both for each, cert=FILE&key=FILE")
        }
        tls.files = zip(certificates, keys).map { Route.ListenerTLS.Files(certificate: $0, key: $1) }
        found.stripTest = try stripTest.settings(
            of: route, mailProtocol, isAsked: found.mode == .stripTest, isMinted: tls.isMinted)
        // The built-in server answers STARTTLS itself.
        if isFallback, !implicitTLS { tls.beginning = .ours(isRequired: false) }
        let isWithout = !implicitTLS && found.mode == .passthrough
        if isWithout, !tls.isMinted {
            throw RouteError(
                route: route, reason: "the listener has a certificate and begins no TLS",
                advice: "listen with \(secureScheme)://, or leave cert and key away")
        }
        found.tls = isWithout ? nil : tls
        found.entrance = try entrance.entrance(of: route)
        return found
    }

    private var secureScheme: String { mailProtocol.schemes.first(where: \.implicitTLS)?.name ?? "imaps" }

    /// What the options say of an upstream.
    struct UpstreamOptions {
        /// No TLS when it speaks in clear.
        var tls: Route.UpstreamTLS?
        var introduction = Route.Introduction()
        var rank = Route.Rank()
        /// The file of credentials.
        var credentials: String?
    }

    /// It names a file of credentials.
    var hasCredentials: Bool { options.contains { $0.name == "credentials" } }

    /// The same with a file of credentials, unless it names one or nobody logs in there.
    func with(credentials: String) -> URL {
        guard !hasCredentials, mailProtocol != .lmtp else { return self }
        var url = self
        url.options.append(("credentials", credentials))
        url.hasDefaultCredentials = true
        return url
    }

    /// The same as it was written.
    var withoutDefaults: URL {
        guard hasDefaultCredentials else { return self }
        var url = self
        url.options.removeLast()
        return url
    }

    /// It is on this host: what is said to it passes no network.
    var isLocal: Bool {
        path != nil || host == "localhost" || IPAddress(host).map { SocketAddress($0, 0).isLoopback } ?? false
    }

    /// What they say of an upstream.
    func upstreamOptions(
        _ route: String, _ mode: Route.TLSMode, isListenerImplicit: Bool
    ) throws(RouteError) -> UpstreamOptions {
        var found = UpstreamOptions()
        var introduction = Route.Introduction()
        var rank = Route.Rank()
        var tls = Route.UpstreamTLS()
        let words = implicitTLS ? ["implicit"] : ["none", "starttls"]
        var word: String?
        var isTuned = false
        for option in options {
            if try introduction.take(option.name, option.value, of: route, mailProtocol) { continue }
            if try rank.take(option.name, option.value, of: route) { continue }
            switch option.name {
            case "tls" where words.contains(option.value): word = option.value
            case "credentials" where !option.value.isEmpty: found.credentials = option.value
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
                    "tls=\(words.joined(separator: " or tls=")), verify=off, ca=FILE, sni=NAME, pin=DIGEST, cert=FILE and key=FILE, tls-min=VERSION, proxy-protocol=v1 or v2, client-address=xclient or id, credentials=FILE, for=NAMES, or priority=N and weight=N"
                throw unknown(option, "upstream", possible, route)
            }
            if option.name != "tls", option.name != "credentials" { isTuned = true }
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw RouteError(
                route: route, reason: "the upstream has one of cert and key", advice: "write both, cert=FILE&key=FILE")
        }
        if introduction.means != nil, mode == .passthrough {
            throw RouteError(
                route: route, reason: "'client-address' adds words where 'tls=passthrough' lets all pass untouched",
                advice: "leave one of them away")
        }
        if found.credentials != nil { try checkCredentials(route, mode) }
        found.introduction = introduction
        found.rank = rank
        let isClear = word == "none" || (mode == .passthrough && !implicitTLS)
        if isClear, mode == .require || mode == .upgrade || mode == .stripTest {
            throw RouteError(
                route: route, reason: "'tls=none' forbids what the listener's 'tls=\(mode.rawValue)' demands",
                advice: "leave one of them away")
        }
        if isClear, isTuned || word == "starttls" {
            throw RouteError(
                route: route, reason: "the upstream has options of TLS and no TLS", advice: "leave them away")
        }
        if isClear { return found }
        // Passwords of ours go over no network in clear, whatever the client does.
        let isSecret = found.credentials != nil && !isLocal
        let isAsked = word == "starttls" || isListenerImplicit || mode != .mirror || isSecret
        tls.beginning = implicitTLS ? .implicit : isAsked ? .starttls : .mirrored
        found.tls = tls
        return found
    }

    private func checkCredentials(_ route: String, _ mode: Route.TLSMode) throws(RouteError) {
        if mailProtocol == .lmtp {
            throw RouteError(
                route: route, reason: "nobody logs in with lmtp", advice: "leave credentials away, or use smtp")
        }
        if mode == .passthrough {
            throw RouteError(
                route: route, reason: "'credentials' answers logins where 'tls=passthrough' lets all pass untouched",
                advice: "leave one of them away")
        }
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
        if possible.range(of: "\(option.name)=") != nil {
            return RouteError(
                route: route, reason: "'\(text)' has no value that this option of the \(side) can have",
                advice: "write \(possible)")
        }
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
    func range(of needle: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(needle) { return index..<self.index(index, offsetBy: needle.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
