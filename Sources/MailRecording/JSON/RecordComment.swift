// The JSON comments that a recording has on its packets: what we know beside the octets. One writer and one reader of
// them, so that a recording can be read back without its index. Version 1.

import MailDialogue

/// A comment of a recording. `text` and `init(_:)` are each other's inverse.
package enum RecordComment: Equatable, Sendable {
    /// How a session ended; on the first packet of its end.
    package struct Closing: Equatable, Sendable {
        package var session: String
        package var end: SessionEnd
        package var user: String?
        package var tags: [String]
        package var opaque: OpaqueReason?
        package var exchanges: Int
        /// Places where octets are missing.
        package var gaps: Int
        /// The TLS of both legs, when the client's handshake behind STARTTLS failed, or nobody could read what came under it: no
        /// conversation begins that would say so.
        package var tls: TLSLeg?
        package var upstreamTLS: TLSLeg?
        /// What the packets that the session was captured from leave in doubt.
        package var doubts: [PacketDoubt]

        package init(_ summary: SessionSummary) {
            session = summary.info.id
            end = summary.end
            user = summary.user
            tags = summary.tags
            opaque = summary.opaque
            exchanges = summary.exchanges
            gaps = summary.gaps
            doubts = summary.doubts
            guard let leg = summary.info.tls, leg.failure != nil || leg.observation != nil else { return }
            tls = summary.info.tls
            upstreamTLS = summary.info.upstreamTLS
        }
    }

    /// A loss; in the header of the section that follows it. Times are microseconds since 1970.
    package struct Loss: Equatable, Sendable {
        package var octets: Int64
        package var packets: Int64
        package var from: Int64
        package var to: Int64
        /// Sessions that something is missing of.
        package var sessions: Int64
        /// Octets of the segment before that were written and not yet synced when the disk failed: whether they are there is to be seen
        /// in it.
        package var unsynced: Int64
        /// What the system said.
        package var reason: String

        package init(
            octets: Int64, packets: Int64, from: Int64, to: Int64, sessions: Int64 = 0, unsynced: Int64 = 0,
            reason: String = ""
        ) {
            self.octets = octets
            self.packets = packets
            self.from = from
            self.to = to
            self.sessions = sessions
            self.unsynced = unsynced
            self.reason = reason
        }
    }

    /// A conversation begins, or goes on in this segment. The addresses are the true ones, whatever the packets say.
    case opened(SessionInfo, leg: Leg, isContinued: Bool)
    case closed(Closing)
    /// The conversation ends with the cleartext: the session goes on under TLS, in a conversation of its own. On the first packet
    /// of its end.
    case secured(session: String)
    /// Rules changed something in an exchange. On the first packet of the session after that is known.
    case changed(session: String, exchange: Int, rules: [String])
    /// What is true of the octets that come next from a side, this packet's with them, and can't be seen of them.
    case unseen(session: String, side: Side, Unseen)
    case lost(Loss)
    /// A secret of this packet, sealed.
    case sealed(SealedSecret)

    /// The version of the comments that this code writes and reads.
    package static let version: Int64 = 1

    /// The session that is spoken of.
    package var session: String? {
        switch self {
        case .opened(let info, leg: _, isContinued: _): info.id
        case .closed(let closing): closing.session
        case .secured(let session): session
        case .changed(let session, exchange: _, rules: _): session
        case .unseen(let session, side: _, _): session
        case .sealed(let secret): secret.session
        case .lost: nil
        }
    }

    /// The comment as JSON.
    package var text: String {
        var json = JSONWriter()
        json.object { json in
            json.member("mailproxy", Self.version)
            switch self {
            case .opened(let info, let leg, let isContinued):
                json.member("session", info.id)
                json.member("protocol", info.mailProtocol.rawValue)
                json.member("route", info.route)
                json.member("client", info.client.description)
                json.member("server", info.server.description)
                json.member("upstream", info.upstream?.description)
                ClientWay.write(info.way, &json)
                if info.tls != nil { TLSLeg.write(info.tls, "tls", &json) }
                if info.upstreamTLS != nil { TLSLeg.write(info.upstreamTLS, "upstream_tls", &json) }
                if info.isInflated { json.member("inflated", true) }
                json.member("start", info.start)
                switch leg {
                case .client: break
                case .server: json.member("leg", "server")
                }
                if isContinued { json.member("continued", true) }
            case .closed(let closing):
                json.member("session", closing.session)
                json.member("end", closing.end.rawValue)
                json.member("user", closing.user)
                json.member("tags", closing.tags)
                json.member("opaque", closing.opaque?.rawValue)
                json.member("exchanges", closing.exchanges)
                if closing.gaps != 0 { json.member("gaps", closing.gaps) }
                if !closing.doubts.isEmpty {
                    json.array("doubts") { json in for doubt in closing.doubts { doubt.write(&json) } }
                }
                if closing.tls != nil { TLSLeg.write(closing.tls, "tls", &json) }
                if closing.upstreamTLS != nil { TLSLeg.write(closing.upstreamTLS, "upstream_tls", &json) }
            case .secured(let session):
                json.member("session", session)
                json.member("secured", true)
            case .changed(let session, let exchange, let rules):
                json.member("session", session)
                json.member("exchange", exchange)
                json.member("changed", rules)
            case .unseen(let session, let side, let unseen):
                json.member("session", session)
                json.member("side", Self.name(side))
                switch unseen {
                case .opaque(let reason): json.member("opaque", reason.rawValue)
                case .haste: json.member("haste", true)
                case .clear: json.member("clear", true)
                case .leftOut: json.member("left_out", true)
                }
            case .sealed(let secret): secret.write(&json)
            case .lost(let loss):
                json.object("lost") { json in
                    json.member("octets", loss.octets)
                    json.member("packets", loss.packets)
                    json.member("from", loss.from)
                    json.member("to", loss.to)
                    if loss.sessions != 0 { json.member("sessions", loss.sessions) }
                    if loss.unsynced != 0 { json.member("unsynced", loss.unsynced) }
                    if !loss.reason.isEmpty { json.member("reason", loss.reason) }
                }
            }
        }
        return json.text
    }

    /// Reads a comment. Nil when it is not ours, of a later version, or lacks what it needs.
    package init?(_ text: String) {
        // Most captures have comments of people; those are not parsed at all.
        guard text.utf8.first == UInt8(ascii: "{"), let json = JSONValue(parsing: text),
            json["mailproxy"]?.integer == Self.version
        else { return nil }
        if let lost = json["lost"] {
            guard let octets = lost["octets"]?.integer, let packets = lost["packets"]?.integer,
                let from = lost["from"]?.integer, let to = lost["to"]?.integer
            else { return nil }
            self = .lost(
                Loss(
                    octets: octets, packets: packets, from: from, to: to, sessions: lost["sessions"]?.integer ?? 0,
                    unsynced: lost["unsynced"]?.integer ?? 0, reason: lost["reason"]?.string ?? ""))
            return
        }
        guard let session = json["session"]?.string, !session.isEmpty else { return nil }
        if let name = json["protocol"]?.string {
            guard let info = Self.info(session, name, json) else { return nil }
            self = .opened(
                info, leg: json["leg"]?.string == "server" ? .server : .client,
                isContinued: json["continued"]?.bool ?? false)
        } else if let end = json["end"]?.string.flatMap(SessionEnd.init(rawValue:)) {
            self = .closed(Closing(session, end, json))
        } else if json["sealed"] != nil {
            guard let secret = SealedSecret(session, json) else { return nil }
            self = .sealed(secret)
        } else if json["secured"]?.bool == true {
            self = .secured(session: session)
        } else if let exchange = json["exchange"]?.integer, let rules = json["changed"]?.strings {
            self = .changed(session: session, exchange: Int(clamping: exchange), rules: rules)
        } else if let side = Side.allCases.first(where: { json["side"]?.string == Self.name($0) }),
            let unseen = Self.unseen(json)
        {
            self = .unseen(session: session, side: side, unseen)
        } else {
            return nil
        }
    }

    private static func unseen(_ json: JSONValue) -> Unseen? {
        if json["haste"]?.bool == true { return .haste }
        if json["clear"]?.bool == true { return .clear }
        if json["left_out"]?.bool == true { return .leftOut }
        return json["opaque"]?.string.flatMap(OpaqueReason.init(rawValue:)).map(Unseen.opaque)
    }

    static func name(_ side: Side) -> String { side == .client ? "client" : "server" }

    private static func info(_ session: String, _ name: String, _ json: JSONValue) -> SessionInfo? {
        guard let mailProtocol = MailProtocol(rawValue: name), let start = json["start"]?.integer,
            let client = json["client"]?.string.flatMap({ SocketAddress($0) }),
            let server = json["server"]?.string.flatMap({ SocketAddress($0) })
        else { return nil }
        return SessionInfo(
            id: session, mailProtocol: mailProtocol, start: start, client: client, server: server,
            upstream: json["upstream"]?.string.flatMap { SocketAddress($0) }, route: json["route"]?.string ?? "",
            tls: TLSLeg(json["tls"]), upstreamTLS: TLSLeg(json["upstream_tls"]),
            isInflated: json["inflated"]?.bool ?? false, way: ClientWay.read(json))
    }
}

extension RecordComment.Closing {
    fileprivate init(_ session: String, _ end: SessionEnd, _ json: JSONValue) {
        self.session = session
        self.end = end
        user = json["user"]?.string
        tags = json["tags"]?.strings ?? []
        opaque = json["opaque"]?.string.flatMap(OpaqueReason.init(rawValue:))
        exchanges = Int(clamping: json["exchanges"]?.integer ?? 0)
        gaps = Int(clamping: json["gaps"]?.integer ?? 0)
        if case .array(let values) = json["doubts"] {
            doubts = values.prefix(4 * PacketDoubt.Kind.allCases.count).compactMap { PacketDoubt($0) }
        } else {
            doubts = []
        }
        tls = TLSLeg(json["tls"])
        upstreamTLS = TLSLeg(json["upstream_tls"])
    }
}
