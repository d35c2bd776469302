// What comes before mail in a connection: PROXY headers ("The PROXY protocol", as HAProxy publishes it), SOCKS 4, 4a and 5 (RFC 1928,
// RFC 1929), HTTP's CONNECT (RFC 9110 §9.3.6). It is stepped over: the octets behind it are those of the session, and it says who
// the client is or where it wanted to go. What a client says to log in to a proxy is no mail and goes no further than this.
//
// All that a connection begins with is held and read from its start whenever more comes, so no chunking matters. In all of these the
// client speaks first; where a server does, as those of mail do, the walk ends with its first octet.

import MailDialogue
import MailRecording
import MailSessions

/// What was stepped over.
package struct Tunnel: Equatable, Sendable {
    /// The nearest to the mail.
    package var kind: ClientWay.Kind
    /// The client, as the PROXY header says.
    package var client: IPEndpoint?
    /// The server, as the PROXY header says, or as the client asked for it by address.
    package var server: IPEndpoint?
    /// The server as the client named it, `HOST:PORT`; nil when it did not, or that was not captured.
    package var destination: String?
    /// The port that it asked for.
    package var port: UInt16?
    /// Octets are missing in it: where it ended was not seen.
    package var isCut = false

    /// How the client came.
    /// - Parameter peer: who made the TCP connection.
    package func way(from peer: IPEndpoint) -> ClientWay {
        ClientWay(kind, peer: client == nil ? nil : peer, destination: destination)
    }
}

/// Walks over what a connection begins with. Give it the events of the flow until the verdict is no longer `undecided`.
package struct TunnelWalk: Sendable {
    package enum Verdict: Equatable, Sendable {
        case undecided
        /// Nothing comes before. ``TunnelWalk/takeHeld()`` gives all that came.
        case none
        /// The server refused, or it was the answer to something else: there is no session.
        case refused
        /// ``TunnelWalk/takeHeld()`` gives what came behind it.
        case through(Tunnel)
    }

    /// Octets that are held: a request of CONNECT with all its fields, after PROXY headers.
    package static let mostHeld = 32_768
    /// One within the other.
    private static let mostLayers = 4
    /// Events without octets that are held.
    private static let mostBare = 512
    /// All that is held, where small pieces that follow each other count as one (``HeldEvents``).
    private static let mostEvents = 4_096

    /// How far the walk is. Each case says what is read next.
    private enum Stage: Equatable {
        /// The first octets of a layer, or of the session. Successors: all others.
        case entrance
        /// The server's answer to SOCKS 4. Successor: `entrance`.
        case socks4Reply
        /// The method that the server chose. Successors: `socks5Login`, `socks5Request`.
        case socks5Method
        /// The client's user name and password. Successor: `socks5LoginReply`.
        case socks5Login
        /// Successor: `socks5Request`.
        case socks5LoginReply
        /// Where to. Successor: `socks5Reply`.
        case socks5Request
        /// Successor: `entrance`.
        case socks5Reply
        /// The header section of the answer to CONNECT. Successor: `entrance`.
        case connectReply
    }

    /// What became of a stage.
    private enum Step {
        case more
        case next(Stage)
        /// It is none of these.
        case foreign
        case refused
        /// The session begins here.
        case session
    }

    private var held = HeldEvents()
    private var client: [UInt8] = []
    private var server: [UInt8] = []
    private var clientTaken = 0
    private var serverTaken = 0
    private var stage = Stage.entrance
    private var layers = 0
    private var tunnel: Tunnel?
    /// Where the layer that is being read wants to go.
    private var wanted: Tunnel?
    private var verdict = Verdict.undecided
    /// Of a header section that is not whole: where its last line begins, and how far it was looked at, from its beginning.
    private var header = (line: 0, seen: 0)
    /// Octets of a side are missing, and none came.
    private var lacksClient = false
    private var lacksServer = false

    package init() {}

    /// This event, the first of a connection, may be of a tunnel. Most are not, and need no walk.
    package static func mayBegin(with event: FlowEvent) -> Bool {
        switch event {
        case .bytes(_, .client, _, let octets, packet: _):
            octets.first.map { [UInt8(ascii: "P"), 13, 4, 5, UInt8(ascii: "C")].contains($0) } ?? true
        case .bytes(_, .server, _, let octets, packet: _):
            octets.first.map { [0, 5, UInt8(ascii: "H")].contains($0) } ?? true
        case .gap: true
        case .opened, .conflict, .doubt, .ended, .closed: false
        }
    }

    /// Takes an event of the flow.
    package mutating func accept(_ event: FlowEvent) -> Verdict {
        guard verdict == .undecided else { return verdict }
        var isLast = false
        var isCut = false
        switch event {
        case .opened, .conflict, .doubt, .ended: break
        case .bytes(_, let side, _, let octets, packet: _):
            switch side {
            case .client: client += octets
            case .server: server += octets
            }
            isLast = client.count + server.count > Self.mostHeld
        // Of a capture of one side all of the other is missing.
        case .gap(_, .client, _, _) where client.isEmpty: lacksClient = true
        case .gap(_, .server, _, _) where server.isEmpty: lacksServer = true
        case .gap: isCut = true
        case .closed: isLast = true
        }
        held.append(event)
        isLast = isLast || held.bareCount > Self.mostBare || held.count > Self.mostEvents
        walk(isLast: isLast || isCut)
        if isCut, stage != .entrance, verdict == .none {
            // What came is of the tunnel, a login to the proxy perhaps. What comes next is judged by itself.
            var cut = tunnel ?? wanted ?? Tunnel(kind: .connect)
            cut.isCut = true
            verdict = .through(cut)
        }
        return verdict
    }

    /// Octets of memory for what is held.
    package var keptOctets: Int { client.count + server.count + held.cost }

    /// There is no memory for more: what is not whole by now is no tunnel.
    package mutating func giveUp() -> Verdict {
        if verdict == .undecided { walk(isLast: true) }
        return verdict
    }

    /// What came and is not of the tunnel, in order. It is given once.
    package mutating func takeHeld() -> [FlowEvent] {
        guard case .through(let tunnel) = verdict else { return held.take(client: client, server: server) }
        return held.take(
            client: client, server: server, from: tunnel.isCut ? client.count : clientTaken,
            tunnel.isCut ? server.count : serverTaken)
    }

    // MARK: Walking

    private mutating func walk(isLast: Bool) {
        while true {
            switch step(isLast) {
            case .more:
                guard isLast else { return }
                // What is not whole is no tunnel; what lies behind whole ones is theirs.
                return finish()
            case .next(let stage):
                self.stage = stage
                guard stage == .entrance else { continue }
                layers += 1
                if layers >= Self.mostLayers { return finish() }
            case .foreign:
                verdict = .none
                return
            case .refused:
                verdict = .refused
                return
            case .session: return finish()
            }
        }
    }

    private mutating func finish() {
        // A layer that was begun and not ended is given back with all before it.
        guard let tunnel, stage == .entrance else {
            verdict = .none
            return
        }
        verdict = .through(tunnel)
    }

    private mutating func step(_ isLast: Bool) -> Step {
        // Of a capture of one side nobody knows what the server answered: it went on, so it was let through.
        let isBlind = (isLast || lacksServer) && server.isEmpty
        switch stage {
        case .entrance: return enter()
        case .socks4Reply:
            if isBlind { return through() }
            // VN 0, CD 90 when granted, port, address (the memorandum of SOCKS 4).
            return reply(8) { $0[0] == 0 && $0[1] == 0x5A } ?? .more
        case .socks5Method:
            if isBlind {
                guard let first = clientRest.first else { return .more }
                return .next(first == 1 ? .socks5Login : .socks5Request)
            }
            let rest = serverRest
            guard let version = rest.first else { return .more }
            guard version == 5 else { return .foreign }
            guard rest.count >= 2 else { return .more }
            serverTaken += 2
            switch rest[rest.startIndex + 1] {
            case 0: return .next(.socks5Request)
            case 2: return .next(.socks5Login)
            // GSS-API wraps what follows (RFC 1961), 255 is a refusal.
            default: return .refused
            }
        case .socks5Login: return login()
        case .socks5LoginReply:
            if isBlind { return .next(.socks5Request) }
            let rest = serverRest
            guard rest.count >= 2 else { return .more }
            guard rest[rest.startIndex + 1] == 0 else { return .refused }
            serverTaken += 2
            return .next(.socks5Request)
        case .socks5Request: return request()
        case .socks5Reply: return isBlind ? through() : socks5Reply()
        case .connectReply: return isBlind ? through() : connectReply()
        }
    }

    private var clientRest: ArraySlice<UInt8> { client[min(clientTaken, client.count)...] }
    private var serverRest: ArraySlice<UInt8> { server[min(serverTaken, server.count)...] }

    /// The server let the client through: the next layer, or the session, begins.
    private mutating func through() -> Step {
        if let wanted {
            tunnel = Tunnel(
                kind: wanted.kind, client: tunnel?.client, server: wanted.server, destination: wanted.destination,
                port: wanted.port)
        }
        wanted = nil
        return .next(.entrance)
    }

    /// A reply of known length; nil while octets are missing.
    private mutating func reply(_ count: Int, _ isGranted: ([UInt8]) -> Bool) -> Step? {
        let rest = serverRest
        guard rest.count >= count else { return nil }
        guard isGranted(Array(rest.prefix(count))) else { return .refused }
        serverTaken += count
        return through()
    }

    /// What the client, or else the server, begins with.
    private mutating func enter() -> Step {
        let rest = clientRest
        guard let first = rest.first else { return enterBlind() }
        // Who greets is a server of mail, whatever the client says.
        guard serverRest.isEmpty || [4, 5, UInt8(ascii: "C")].contains(first) else { return .session }
        switch first {
        case UInt8(ascii: "P"), 13:
            switch ProxyHeader.read(rest) {
            case .incomplete: return .more
            case .refused: return .session
            case .header(let header, let count):
                clientTaken += count
                // Who relays speaks of the connection to itself; the one before is nearer to the client.
                tunnel = Tunnel(
                    kind: .relayed, client: header.ends?.client ?? tunnel?.client,
                    server: header.ends?.server ?? tunnel?.server)
                return .next(.entrance)
            }
        case 4: return socks4()
        case 5:
            // VER, NMETHODS, METHODS.
            guard rest.count >= 2 else { return .more }
            let count = Int(rest[rest.startIndex + 1])
            guard count > 0 else { return .session }
            guard rest.count >= 2 + count else { return .more }
            clientTaken += 2 + count
            wanted = Tunnel(kind: .socks)
            return .next(.socks5Method)
        case UInt8(ascii: "C"): return connect()
        default: return .session
        }
    }

    /// Nothing came of the client: the server's words show the end of a tunnel whose beginning was not captured.
    private mutating func enterBlind() -> Step {
        let rest = serverRest
        guard let first = rest.first else { return .more }
        guard client.isEmpty else { return .session }
        switch first {
        case 5:
            wanted = Tunnel(kind: .socks)
            return blindSocks5(Array(rest))
        case 0:
            guard rest.count >= 2 else { return .more }
            guard rest[rest.startIndex + 1] == 0x5A else { return .session }
            wanted = Tunnel(kind: .socks4)
            return .next(.socks4Reply)
        case UInt8(ascii: "H"):
            let head = Array("HTTP/1.".utf8)
            guard rest.prefix(head.count).elementsEqual(head.prefix(rest.count)) else { return .session }
            guard rest.count >= head.count else { return .more }
            wanted = Tunnel(kind: .connect)
            return .next(.connectReply)
        default: return .session
        }
    }

    /// The server's side of SOCKS 5 alone: the method, the verdict on a login, the reply.
    private mutating func blindSocks5(_ rest: [UInt8]) -> Step {
        guard rest.count >= 3 else { return .more }
        switch rest[1] {
        case 2:
            guard rest[2] == 1 else { return .session }
            guard rest.count >= 5 else { return .more }
            guard rest[3] == 0, rest[4] == 5 else { return .session }
            serverTaken += 4
        case 0 where rest[2] == 5: serverTaken += 2
        // The reply itself: version, granted, reserved.
        case 0 where rest[2] == 0: break
        default: return .session
        }
        return .next(.socks5Reply)
    }

    // MARK: SOCKS

    /// VN, CD, DSTPORT, DSTIP, USERID, NUL; with an address of 0.0.0.x also a name and NUL (SOCKS 4a).
    private mutating func socks4() -> Step {
        let rest = Array(clientRest.prefix(8 + 2 * 512))
        guard rest.count >= 2 else { return .more }
        guard rest[1] == 1 else { return .session }
        guard rest.count >= 9 else { return .more }
        let port = UInt16(rest[2]) << 8 | UInt16(rest[3])
        // What is too long is so however much of it has come.
        guard let userEnd = rest[8...].prefix(513).firstIndex(of: 0) else { return rest.count > 520 ? .session : .more }
        var count = userEnd + 1
        let isNamed = rest[4] == 0 && rest[5] == 0 && rest[6] == 0 && rest[7] != 0
        if isNamed {
            guard let end = rest[count...].prefix(256).firstIndex(of: 0) else {
                return rest.count - count > 255 ? .session : .more
            }
            wanted = Self.tunnel(.socks4, name: rest[count..<end], port)
            count = end + 1
        } else {
            wanted = Self.tunnel(.socks4, rest[4..<8], port)
        }
        guard wanted != nil, port != 0 else { return .session }
        clientTaken += count
        return .next(.socks4Reply)
    }

    /// VER 1, ULEN, UNAME, PLEN, PASSWD (RFC 1929 §2).
    private mutating func login() -> Step {
        let rest = clientRest
        guard let version = rest.first else { return .more }
        guard version == 1 else { return .foreign }
        guard rest.count >= 2 else { return .more }
        let nameEnd = 2 + Int(rest[rest.startIndex + 1])
        guard rest.count > nameEnd else { return .more }
        let count = nameEnd + 1 + Int(rest[rest.startIndex + nameEnd])
        guard rest.count >= count else { return .more }
        clientTaken += count
        return .next(.socks5LoginReply)
    }

    /// VER, CMD, RSV, ATYP, address, port (RFC 1928 §4).
    private mutating func request() -> Step {
        let rest = Array(clientRest.prefix(4 + 256 + 2))
        guard let version = rest.first else { return .more }
        guard version == 5 else { return .foreign }
        guard rest.count >= 5 else { return .more }
        guard rest[1] == 1, let width = Self.width(rest[3], rest[4]) else { return .foreign }
        let count = 4 + width + 2
        guard rest.count >= count else { return .more }
        let port = UInt16(rest[count - 2]) << 8 | UInt16(rest[count - 1])
        let address = rest[4..<(4 + width)]
        wanted =
            rest[3] == 3 ? Self.tunnel(.socks, name: address.dropFirst(), port) : Self.tunnel(.socks, address, port)
        guard wanted != nil else { return .foreign }
        clientTaken += count
        return .next(.socks5Reply)
    }

    /// VER, REP, RSV, ATYP, address, port (RFC 1928 §6).
    private mutating func socks5Reply() -> Step {
        let rest = Array(serverRest.prefix(5))
        guard rest.count >= 2 else { return .more }
        guard rest[0] == 5, rest[1] == 0 else { return rest[0] == 5 ? .refused : .foreign }
        guard rest.count == 5 else { return .more }
        guard let width = Self.width(rest[3], rest[4]) else { return .foreign }
        return reply(4 + width + 2) { _ in true } ?? .more
    }

    /// Octets of an address of a kind; those of a name begin with their number.
    private static func width(_ kind: UInt8, _ first: UInt8) -> Int? {
        switch kind {
        case 1: 4
        case 3: 1 + Int(first)
        case 4: 16
        default: nil
        }
    }

    private static func tunnel(_ kind: ClientWay.Kind, _ address: ArraySlice<UInt8>, _ port: UInt16) -> Tunnel {
        let server = IPEndpoint(ProxyHeader.address(address), port)
        return Tunnel(kind: kind, server: server, destination: server.description, port: port)
    }

    private static func tunnel(_ kind: ClientWay.Kind, name: ArraySlice<UInt8>, _ port: UInt16) -> Tunnel? {
        // Nothing that could mean more to a terminal or a log.
        guard !name.isEmpty, name.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        let text = String(decoding: name, as: UTF8.self)
        if let address = IPAddress(text) {
            let server = IPEndpoint(address, port)
            return Tunnel(kind: kind, server: server, destination: server.description, port: port)
        }
        return Tunnel(kind: kind, destination: "\(text):\(port)", port: port)
    }

    // MARK: CONNECT

    /// `CONNECT host:port HTTP/1.1` and its fields up to an empty line (RFC 9112 §3.2.3). Fields may log in to the proxy; none is read.
    private mutating func connect() -> Step {
        let rest = clientRest
        let word = Array("CONNECT ".utf8)
        guard rest.prefix(word.count).elementsEqual(word.prefix(rest.count)) else { return .session }
        guard let end = rest.prefix(1_025).firstIndex(of: 10) else { return rest.count > 1_024 ? .session : .more }
        let words = rest[rest.startIndex..<end].split(separator: 32, omittingEmptySubsequences: false)
        guard words.count == 3, words[2].starts(with: Array("HTTP/1.".utf8)),
            let colon = words[1].lastIndex(of: UInt8(ascii: ":")),
            let port = UInt16(String(decoding: words[1][(colon + 1)...], as: UTF8.self))
        else { return .session }
        var host = words[1][..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") { host = host.dropFirst().dropLast() }
        guard let found = Self.tunnel(.connect, name: host, port) else { return .session }
        guard let count = headerEnd(rest) else { return .more }
        clientTaken += count
        wanted = found
        return .next(.connectReply)
    }

    /// A final status of 2xx opens the tunnel (RFC 9110 §9.3.6).
    private mutating func connectReply() -> Step {
        let rest = serverRest
        let head = Array("HTTP/1.".utf8)
        guard rest.prefix(head.count).elementsEqual(head.prefix(rest.count)) else { return .foreign }
        guard let count = headerEnd(rest) else { return .more }
        let line = rest.prefix { $0 != 10 }
        let words = line.split(separator: 32, maxSplits: 2)
        guard words.count >= 2, words[1].count == 3 else { return .refused }
        switch words[1].first {
        case UInt8(ascii: "1"):
            serverTaken += count
            return .next(.connectReply)
        case UInt8(ascii: "2"):
            // Without a request it may answer any: one with content is no tunnel.
            if wanted?.destination == nil, Self.announcesContent(rest.prefix(count)) { return .refused }
            serverTaken += count
            return through()
        default: return .refused
        }
    }

    /// Octets up to the end of the empty line; nil when that has not come. What was looked at is not looked at again.
    private mutating func headerEnd(_ octets: ArraySlice<UInt8>) -> Int? {
        while let end = octets.dropFirst(header.seen).firstIndex(of: 10) {
            let line = octets.dropFirst(header.line).prefix(upTo: end)
            let count = end - octets.startIndex + 1
            if line.isEmpty || line.elementsEqual([13]) {
                header = (0, 0)
                return count
            }
            header = (count, count)
        }
        header.seen = octets.count
        return nil
    }

    private static func announcesContent(_ header: ArraySlice<UInt8>) -> Bool {
        header.split(separator: 10).contains {
            $0.hasPrefixIgnoringCase("content-") || $0.hasPrefixIgnoringCase("transfer-")
        }
    }
}
