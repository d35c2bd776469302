// Credentials: what each shows, and what all of them together show.

import MailDialogue
import MailRecording

extension AuditBook {
    /// Takes a credential of which the session knows the outcome.
    mutating func add(_ record: CredentialRecord, of session: SessionAudit) {
        let place = session.shown.firstIndex {
            $0.exchange == record.exchange && $0.credential.mechanism == record.mechanism
        }
        let shown = place.map { session.shown.remove(at: $0) }
        let credential = shown?.credential
        let isHidden = credential.map { Secrets.isMasked($0.secret) } ?? true
        let isHash = credential?.evidence != nil || SessionFinding.hashes.contains(record.mechanism)
        var row = AuditCredential(
            account: record.account, mechanism: record.mechanism, mailProtocol: session.info.mailProtocol,
            outcome: record.outcome, client: session.client, server: session.server, time: shown?.time ?? session.time,
            session: session.info.id, exchange: record.exchange, frame: shown?.frame ?? session.frame,
            source: shown?.source ?? session.source, protection: session.protection,
            tlsOffered: session.isUnderTLS || !session.offer.isCertain ? nil : session.offer.tls,
            fingerprint: "", isAttackable: isHash)
        if let credential, !isHidden, !isHash {
            row.fingerprint = Fingerprint.of(credential.secret, key: options.fingerprintKey)
        } else if isHidden, !isHash {
            row.fingerprint = record.fingerprint
        }
        if options.revealsSecrets, let credential, !isHidden { row.secret = Secrets.shown(credential.secret) }
        if options.tellsHashes, let credential, !isHidden {
            row.hash = HashcatForm.of(credential, account: record.account)
        }
        judge(row, credential, isHidden: isHidden, session)
        for found in guesses.note(row, options) { add(found.kind, Self.place(row, found.detail), about: found.about) }
        guard credentials.count < Self.mostRows else {
            unkeptCredentials += 1
            return
        }
        credentials.append(row)
    }

    /// Credentials whose marks are asked for again: others know the last ones a little later than they are seen.
    private static let mostUnmarked = 1_000

    /// Takes the marks of secrets that the octets don't show, from who knows them.
    /// - Parameter mark: gives an empty text when it is not known, or not yet.
    package mutating func learnMarks(_ mark: (AuditCredential) -> String) {
        for index in credentials.indices.dropFirst(marked)
        where credentials[index].fingerprint.isEmpty && !credentials[index].isAttackable {
            credentials[index].fingerprint = mark(credentials[index])
        }
        marked = max(marked, credentials.count - Self.mostUnmarked)
    }

    private mutating func judge(
        _ row: AuditCredential, _ credential: Credential?, isHidden: Bool, _ session: SessionAudit
    ) {
        func evidence(_ detail: String) -> Evidence {
            Evidence(
                session: row.session, exchange: row.exchange, frame: row.frame, source: row.source, time: row.time,
                client: row.client, server: row.server, detail: detail)
        }
        let about = row.account.isEmpty ? row.client.host : row.account
        let name = "\(row.mechanism), \(row.outcome.rawValue)"
        if row.mechanism == "ANONYMOUS" {
            if row.outcome == .accepted { add(.anonymousLogin, evidence(name), about: row.server.description) }
            return
        }
        if let authorization = credential?.authorization, authorization != row.account, !authorization.isEmpty {
            add(.proxiedLogin, evidence("\(row.account) as \(authorization)"), about: about)
        }
        if let credential, !isHidden, !row.isAttackable {
            if credential.secret.isEmpty, !SessionFinding.tokens.contains(row.mechanism), row.mechanism != "EXTERNAL" {
                add(.emptyPassword, evidence(name), about: about)
            } else if !SessionFinding.tokens.contains(row.mechanism),
                let why = Secrets.weakness(credential.secret, account: row.account), row.outcome != .refused
            {
                add(.weakPassword, evidence(why), about: about)
            }
        } else if isHidden, session.isFirst("hidden") {
            add(.secretsHidden, evidence(name), about: about)
        }
        guard row.protection == .clear else { return }
        session.clearCredentials += 1
        let severity = Exposure.of(session)
        if let code = SessionFinding.code(row.mechanism, row.outcome), let kind = FindingKind.find(code) {
            let isUsable = [.credentialsInClear, .tokensInClear].contains(kind)
            add(kind, evidence(name), about: about, severity: isUsable ? severity : nil)
        }
        if session.offer.loginDisabled { add(.loginDespiteDisabled, evidence(name), about: session.client.host) }
        if session.tlsRefused { add(.loginAfterRefusal, evidence(name), about: session.client.host) }
        if !session.offer.isKnown, !session.offer.isPartial, !session.asked, !session.isMidway {
            add(.loginUnasked, evidence(name), about: session.client.host)
        }
    }

    // MARK: All together

    mutating func judgeCredentials() {
        var accountsOf: [String: Set<String>] = [:]
        var serversOf: [String: Set<String>] = [:]
        var clientsOf: [String: Set<String>] = [:]
        var protections: [String: Set<Protection>] = [:]
        var firstOf: [String: AuditCredential] = [:]
        for row in credentials where !row.account.isEmpty {
            let account = row.account.lowercased()
            if row.outcome == .accepted {
                clientsOf[account, default: []].insert(row.client.host)
                protections[account, default: []].insert(row.protection)
            }
            if firstOf[account] == nil { firstOf[account] = row }
            // What was refused is no password of that account: whoever guesses tries the same at many.
            guard !row.fingerprint.isEmpty, row.outcome != .refused,
                !SessionFinding.tokens.contains(row.mechanism)
            else { continue }
            accountsOf[row.fingerprint, default: []].insert(Self.person(account))
            serversOf[row.fingerprint + " " + account, default: []].insert(row.server.host)
            if firstOf[row.fingerprint] == nil { firstOf[row.fingerprint] = row }
        }
        for (mark, accounts) in accountsOf.sorted(by: { $0.key < $1.key }) where accounts.count > 1 {
            guard let row = firstOf[mark] else { continue }
            let names = accounts.sorted()
            for name in names {
                add(.sharedPassword, Self.place(row, "the same as of \(Self.others(names, but: name))"), about: name)
            }
        }
        for (key, servers) in serversOf.sorted(by: { $0.key < $1.key }) where servers.count > 1 {
            let account = key.drop { $0 != " " }.dropFirst()
            guard let row = firstOf[String(account)] else { continue }
            let names = servers.sorted().prefix(4).joined(separator: ", ")
            add(.passwordAtSeveralServers, Self.place(row, "\(account) at \(names)"), about: String(account))
        }
        for (account, seen) in protections.sorted(by: { $0.key < $1.key }) where seen.count > 1 {
            let clear = credentials.first { $0.account.lowercased() == account && $0.protection == .clear }
            guard let clear else { continue }
            add(.clearBesideTLS, Self.place(clear, "in clear from \(clear.client.host)"), about: account)
        }
        for (account, clients) in clientsOf.sorted(by: { $0.key < $1.key })
        where clients.count >= options.manyClients {
            guard let row = firstOf[account] else { continue }
            add(.manyClients, Self.place(row, Figures.count(clients.count, "address") + " in all"), about: account)
        }
    }

    /// `ada` and `ada@example.com` are one and the same person, as far as a password tells.
    private static func person(_ account: String) -> String { account.prefix { $0 != "@" }.lowercased() }

    private static func others(_ names: [String], but name: String) -> String {
        let rest = names.filter { $0 != name }
        return rest.prefix(3).joined(separator: ", ") + (rest.count > 3 ? " and \(rest.count - 3) more" : "")
    }

    static func place(_ row: AuditCredential, _ detail: String) -> Evidence {
        Evidence(
            session: row.session, exchange: row.exchange, frame: row.frame, source: row.source, time: row.time,
            client: row.client, server: row.server, detail: detail)
    }
}

/// How far octets in clear went.
enum Exposure {
    /// Strangers could see them; the house could; nobody but the host itself.
    static func of(_ session: SessionAudit) -> Severity {
        var ends = [session.client.address, session.server.address]
        // A proxy on the way: what it sends on may go farther than what it got.
        if let upstream = session.info.upstream, session.info.upstreamTLS == nil { ends.append(upstream.address) }
        if ends.allSatisfy(\.isLoopback) { return .medium }
        return ends.allSatisfy { $0.isLoopback || $0.isPrivate } ? .high : .critical
    }
}

extension IPAddress {
    /// Of a private network, of one link, or nobody's: RFC 1918 §3, RFC 6598 §7, RFC 3927 §1.2, RFC 4193 §3, RFC 4291 §2.5.6.
    package var isPrivate: Bool {
        if isIPv6 { return high >> 57 == 0xFC >> 1 || high >> 54 == 0xFE80 >> 6 }
        let bits = UInt32(truncatingIfNeeded: low)
        return bits >> 24 == 10 || bits >> 20 == 0xAC1 || bits >> 16 == 0xC0A8 || bits >> 22 == 0x6440 >> 6
            || bits >> 16 == 0xA9FE || bits == 0
    }
}
