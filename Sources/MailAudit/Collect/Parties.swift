// Clients, servers, who spoke to whom, and when: added up session by session.

import MailDialogue
import MailRecording

/// Who took part.
struct Parties {
    private struct ClientTally {
        var names: [String] = []
        var software: [String] = []
        var protocols: Set<MailProtocol> = []
        var accounts: [String] = []
        var sessions = 0
        var tlsSessions = 0
        var wasOffered = false
        /// A server was seen to say what it offers.
        var isOfferKnown = false
        var clearCredentials = 0
        var clearMessages = 0
        var wentOn = false
    }

    private struct ServerTally {
        var mailProtocol: MailProtocol
        var banner = ""
        var software: String?
        var offering = 0
        var notOffering = 0
        /// The first session in which TLS was not offered.
        var without: Evidence?
        var mechanisms: Set<String> = []
        var sessions = 0
        var tlsSessions = 0
        var clearCredentials = 0
        var clearMessages = 0
        var accounts: Set<String> = []
    }

    private struct EdgeKey: Hashable {
        var client: IPAddress
        var server: IPEndpoint
    }

    private var clients: [IPAddress: ClientTally] = [:]
    private var servers: [IPEndpoint: ServerTally] = [:]
    private var edges: [EdgeKey: AuditEdge] = [:]
    private var clientFindings: [IPAddress: Set<String>] = [:]
    private var serverFindings: [IPEndpoint: Set<String>] = [:]
    private var tls: [TLSKey: AuditTLS] = [:]
    private var timeline = Timeline()

    private struct TLSKey: Hashable {
        var server: IPEndpoint
        var how: TLSLeg.How
        var version: String
        var cipher: String
        var serverName: String?
        var certificate: String?
        var isSealed: Bool
    }

    /// What servers said that was looked at: most say the same each time.
    private var softwares: [String: (name: String?, version: String?)] = [:]

    /// The program that the server of the session says to be.
    mutating func software(of session: SessionAudit) -> (name: String?, version: String?) {
        let said = session.offer.implementation.map { "\(session.banner) \($0)" } ?? session.banner
        if let known = softwares[said] { return known }
        if softwares.count >= AuditBook.mostParties { softwares.removeAll() }
        let found = (name: Software.name(said), version: Software.version(said))
        softwares[said] = found
        return found
    }

    /// A place of a finding: it concerns both ends.
    mutating func mark(_ kind: FindingKind, _ evidence: Evidence) {
        if let client = evidence.client,
            clientFindings.count < AuditBook.mostParties || clientFindings[client.address] != nil
        {
            clientFindings[client.address, default: []].insert(kind.code)
        }
        if let server = evidence.server, serverFindings.count < AuditBook.mostParties || serverFindings[server] != nil {
            serverFindings[server, default: []].insert(kind.code)
        }
    }

    /// A session has ended.
    mutating func add(_ session: SessionAudit, _ summary: SessionSummary) {
        let isTLS = session.isUnderTLS || session.isOpaqueByTLS
        addClient(session, summary, isTLS)
        addServer(session, summary, isTLS)
        let key = EdgeKey(client: session.client.address, server: session.server)
        if edges.count < AuditBook.mostParties || edges[key] != nil {
            var edge =
                edges[key]
                ?? AuditEdge(client: key.client, server: key.server, mailProtocol: session.info.mailProtocol)
            if isTLS { edge.tls += 1 } else { edge.clear += 1 }
            edges[key] = edge
        }
        timeline.add(session, isTLS)
        if let leg = summary.info.tls, leg.failure == nil { add(leg, session) }
    }

    private mutating func add(_ leg: TLSLeg, _ session: SessionAudit) {
        let seen = leg.observation
        let certificate = seen?.certificates.first
        let key = TLSKey(
            server: session.server, how: leg.how, version: leg.version, cipher: leg.cipher, serverName: leg.serverName,
            certificate: certificate?.sha256, isSealed: leg.isOpaque)
        guard tls.count < AuditBook.mostParties || tls[key] != nil else { return }
        var row =
            tls.removeValue(forKey: key)
            ?? AuditTLS(
                server: session.server, mailProtocol: session.info.mailProtocol, how: leg.how, version: leg.version,
                cipher: leg.cipher, serverName: leg.serverName, subject: certificate?.subject,
                notAfter: certificate?.notAfter, ja4: [], ja3: [], clients: [], isSealed: leg.isOpaque)
        row.sessions += 1
        Self.keep(session.client.host, &row.clients)
        if let mark = seen?.ja4 { Self.keep(mark, &row.ja4) }
        if let mark = seen?.ja3 { Self.keep(mark, &row.ja3) }
        tls[key] = row
    }

    private mutating func addClient(_ session: SessionAudit, _ summary: SessionSummary, _ isTLS: Bool) {
        let address = session.client.address
        guard clients.count < AuditBook.mostParties || clients[address] != nil else { return }
        var tally = clients.removeValue(forKey: address) ?? ClientTally()
        for name in session.names { Self.keep(name, &tally.names) }
        for software in session.software { Self.keep(software, &tally.software) }
        if let user = summary.user { Self.keep(user, &tally.accounts) }
        tally.protocols.insert(session.info.mailProtocol)
        tally.sessions += 1
        if isTLS { tally.tlsSessions += 1 }
        if session.offer.tls { tally.wasOffered = true }
        if session.offer.isCertain { tally.isOfferKnown = true }
        tally.clearCredentials += session.clearCredentials
        tally.clearMessages += session.clearMessages
        if session.tlsRefused, session.clearCredentials > 0 { tally.wentOn = true }
        clients[address] = tally
    }

    private mutating func addServer(_ session: SessionAudit, _ summary: SessionSummary, _ isTLS: Bool) {
        guard servers.count < AuditBook.mostParties || servers[session.server] != nil else { return }
        var tally =
            servers.removeValue(forKey: session.server) ?? ServerTally(mailProtocol: session.info.mailProtocol)
        if tally.banner.isEmpty { tally.banner = session.banner }
        if tally.software == nil {
            let software = software(of: session)
            tally.software = software.version ?? software.name
        }
        tally.sessions += 1
        if isTLS { tally.tlsSessions += 1 }
        tally.mechanisms.formUnion(session.offer.mechanisms)
        tally.clearCredentials += session.clearCredentials
        tally.clearMessages += session.clearMessages
        if let user = summary.user, tally.accounts.count < AuditBook.mostParties {
            tally.accounts.insert(user.lowercased())
        }
        if session.offer.isCertain {
            if session.offer.tls {
                tally.offering += 1
            } else {
                tally.notOffering += 1
                if tally.without == nil { tally.without = session.evidence("") }
            }
        }
        servers[session.server] = tally
    }

    private static func keep(_ name: String, _ names: inout [String]) {
        if names.count < AuditBook.mostNames, !names.contains(name) { names.append(name) }
    }

    // MARK: Rows

    /// Servers that offered TLS to some and not to others: the first place without, and how it compares.
    var strippedPlaces: [(Evidence, String, IPEndpoint)] {
        servers.sorted { $0.key.description < $1.key.description }.compactMap { endpoint, tally in
            guard tally.offering > 0, tally.notOffering > 0, let place = tally.without else { return nil }
            let others = Figures.count(tally.offering, "other session")
            return (
                place, "not offered in \(Figures.count(tally.notOffering, "session")), offered in \(others)", endpoint
            )
        }
    }

    var clientRows: [AuditClient] {
        clients.sorted { ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) }.map { address, tally in
            let posture: AuditClient.Posture =
                if tally.wentOn {
                    .strippable
                } else if tally.tlsSessions == tally.sessions {
                    .protected
                } else if tally.tlsSessions > 0 {
                    .mixed
                } else {
                    tally.wasOffered ? .unprotected : tally.isOfferKnown ? .unoffered : .unknown
                }
            return AuditClient(
                address: address, names: tally.names, software: tally.software,
                protocols: tally.protocols.sorted { $0.rawValue < $1.rawValue }, accounts: tally.accounts.sorted(),
                sessions: tally.sessions, tlsSessions: tally.tlsSessions, clearCredentials: tally.clearCredentials,
                clearMessages: tally.clearMessages, posture: posture,
                findings: clientFindings[address, default: []].sorted())
        }
    }

    var serverRows: [AuditServer] {
        servers.sorted {
            ($0.key.address.high, $0.key.address.low, $0.key.port) < (
                $1.key.address.high, $1.key.address.low, $1.key.port
            )
        }
        .map { endpoint, tally in
            AuditServer(
                endpoint: endpoint, mailProtocol: tally.mailProtocol, banner: tally.banner, software: tally.software,
                offersTLS: tally.offering > 0 ? true : tally.notOffering > 0 ? false : nil,
                clearMechanisms: tally.mechanisms.sorted(), sessions: tally.sessions, tlsSessions: tally.tlsSessions,
                clearCredentials: tally.clearCredentials, clearMessages: tally.clearMessages,
                accounts: tally.accounts.count, findings: serverFindings[endpoint, default: []].sorted())
        }
    }

    var tlsRows: [AuditTLS] {
        tls.values.sorted {
            ($1.sessions, $0.server.description, $0.version, $0.cipher, $0.serverName ?? "")
                < ($0.sessions, $1.server.description, $1.version, $1.cipher, $1.serverName ?? "")
        }
    }

    var edgeRows: [AuditEdge] {
        edges.values.sorted { ($1.clear + $1.tls, $0.client.description) < ($0.clear + $0.tls, $1.client.description) }
    }

    var bucketRows: [AuditBucket] { timeline.rows }

    /// Accounts by how exposed they are, the worst first.
    func accountRows(_ credentials: PackedRows<AuditCredential>) -> [AuditAccount] {
        var rows: [String: AuditAccount] = [:]
        var marks: [String: Set<String>] = [:]
        for credential in credentials where !credential.account.isEmpty {
            let key = credential.account.lowercased()
            guard rows.count < AuditBook.mostParties || rows[key] != nil else { continue }
            var row =
                rows.removeValue(forKey: key)
                ?? AuditAccount(
                    name: credential.account, mechanisms: [], protocols: [], clients: [], servers: [], findings: [])
            Self.keep(credential.client.host, &row.clients)
            Self.keep(credential.server.description, &row.servers)
            if !row.protocols.contains(credential.mailProtocol) { row.protocols.append(credential.mailProtocol) }
            switch credential.protection {
            case .tls: row.tls += 1
            case .clear:
                Self.keep(credential.mechanism, &row.mechanisms)
                switch credential.outcome {
                case .accepted: row.clearAccepted += 1
                case .refused: row.clearRefused += 1
                case .unknown: row.clearUnknown += 1
                }
            }
            if !credential.fingerprint.isEmpty { marks[key, default: []].insert(credential.fingerprint) }
            rows[key] = row
        }
        return rows.map { key, row in
            var row = row
            row.secrets = marks[key]?.count ?? 0
            return row
        }.sorted {
            ($1.clearAccepted, $1.clearUnknown, $1.clearRefused, $0.name)
                < ($0.clearAccepted, $0.clearUnknown, $0.clearRefused, $1.name)
        }
    }
}

/// Octets and sessions over time. The stretches grow with the capture, so that there are never many.
struct Timeline {
    private static let most = 2_048
    /// Microseconds.
    private var width: Int64 = 1_000_000
    private var buckets: [Int64: AuditBucket] = [:]

    /// Adds a session where it began.
    mutating func add(_ session: SessionAudit, _ isTLS: Bool) {
        let key = session.info.start / width
        var bucket = buckets[key] ?? AuditBucket(start: key * width)
        bucket.clearOctets += session.clearOctets
        bucket.tlsOctets += session.tlsOctets
        bucket.sessions += 1
        if !isTLS { bucket.clearSessions += 1 }
        buckets[key] = bucket
        while buckets.count > Self.most { widen() }
    }

    private mutating func widen() {
        width *= 2
        var wider: [Int64: AuditBucket] = [:]
        for bucket in buckets.values {
            let key = bucket.start / width
            var sum = wider[key] ?? AuditBucket(start: key * width)
            sum.clearOctets += bucket.clearOctets
            sum.tlsOctets += bucket.tlsOctets
            sum.sessions += bucket.sessions
            sum.clearSessions += bucket.clearSessions
            wider[key] = sum
        }
        buckets = wider
    }

    var rows: [AuditBucket] { buckets.values.sorted { $0.start < $1.start } }
}
