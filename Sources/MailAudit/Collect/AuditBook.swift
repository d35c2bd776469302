// Keeps the books of an audit: sessions come in step by step, findings and rows go out at the end. Bounded: beyond its limits it
// counts on and keeps no more, and the report says so.

import MailDialogue
import MailRecording

/// The books of one audit.
package struct AuditBook {
    /// Rows that are kept of each sort.
    static let mostRows = 100_000
    /// Clients, servers and accounts that are told apart.
    static let mostParties = 50_000
    /// Names of one party.
    static let mostNames = 16

    /// A finding in the making.
    struct Sighting {
        var severity: Severity
        var count = 0
        var evidence: [Evidence] = []
        var subjects: Set<String> = []
    }

    package let options: AuditOptions
    var sightings: [FindingKind: Sighting] = [:]
    /// Kinds and sessions by violation code, where they have no kind of their own.
    var credentials = PackedRows<AuditCredential>()
    /// Of these, those whose marks are not asked for any more.
    var marked = 0
    var messages = PackedRows<AuditMessage>()
    /// Rows beyond ``mostRows``.
    var unkeptCredentials = 0
    var unkeptMessages = 0
    var parties = Parties()
    var guesses = GuessWatch()
    private var open: [String: SessionAudit] = [:]
    package private(set) var sessions = 0
    package private(set) var clearSessions = 0
    var first: Int64?
    var last: Int64?
    var gaps = 0

    /// Findings that were not told yet.
    private var fresh: [FreshFinding] = []
    private static let mostFresh = 10_000

    package init(_ options: AuditOptions = AuditOptions()) { self.options = options }

    /// Findings since the last time: each kind once for each whom it concerns. For those who watch.
    package mutating func takeFresh() -> [FreshFinding] {
        defer { fresh.removeAll() }
        return fresh
    }

    /// Takes the next step of a session.
    package mutating func accept(_ step: AuditStep) {
        let session = open[step.id] ?? begin(step)
        session.accept(step, &self)
        for event in step.events {
            switch event {
            case .secured(let info, _): if info.tls?.failure == nil, info.tls != nil { session.secured() }
            case .message(_, let record): add(record, of: session)
            case .credential(_, let record): add(record, of: session)
            case .gap(_, let leg, let side, _, let octets):
                guard leg == .client else { break }
                lose(octets, side, session)
            case .closed(let summary): end(session, summary)
            case .opened, .octets, .secret, .remark, .changed, .exchange: break
            }
        }
    }

    private mutating func begin(_ step: AuditStep) -> SessionAudit {
        let session = SessionAudit(step)
        open[step.id] = session
        sessions += 1
        first = min(first ?? session.info.start, session.info.start)
        return session
    }

    private mutating func lose(_ octets: Int, _ side: Side, _ session: SessionAudit) {
        gaps += 1
        let isStart = session.clientFrames == 0 && session.serverFrames == 0
        if isStart, octets == 0 {
            session.isMidway = true
            if session.isFirst("midway") { add(.midstream, session.evidence(""), about: session.info.id) }
            return
        }
        let side = side == .client ? "client" : "server"
        let many = octets > 0 ? "\(Figures.count(octets, "octet")) of the \(side)" : "octets of the \(side)"
        add(.gaps, session.evidence(many), about: session.info.id)
    }

    private mutating func end(_ session: SessionAudit, _ summary: SessionSummary) {
        if let tls = summary.info.tls {
            if tls.isVain { session.failTLS() } else if tls.isSealedFromStart { session.seal() }
        }
        session.tellInjection(&self)
        if session.isOpaqueByTLS, let evidence = session.opaqueAt {
            add(.underTLS, evidence, about: session.server.description)
        }
        last = max(last ?? summary.last, summary.last)
        let isTLS = session.isUnderTLS || session.isOpaqueByTLS
        if !isTLS || session.clearCredentials + session.clearMessages > 0 { clearSessions += 1 }
        judge(session, summary)
        parties.add(session, summary)
        // Only now: what is judged takes its excerpt from the open session.
        open[session.info.id] = nil
    }

    // MARK: Findings

    /// Adds a place to a finding.
    /// - Parameters:
    ///   - subject: the account, host or domain that it concerns.
    ///   - severity: where it is graver, or less so, than the kind as a rule.
    mutating func add(_ kind: FindingKind, _ evidence: Evidence, about subject: String, severity: Severity? = nil) {
        let severity = severity ?? kind.severity
        let subject = subject.utf8.count <= 200 ? subject : String(subject.prefix(200))
        // In place: a copy of it would copy all its subjects.
        let isNew = Self.note(
            &sightings[kind, default: Sighting(severity: severity)], evidence, about: subject, severity,
            open[evidence.session])
        if isNew, options.tellsFresh, fresh.count < Self.mostFresh {
            fresh.append(FreshFinding(kind: kind, severity: severity, evidence: evidence, subject: subject))
        }
        parties.mark(kind, evidence)
    }

    /// The same for what is found many times in a session: its evidence is made only where it is kept or told.
    private mutating func add(
        _ kind: FindingKind, of session: SessionAudit, about subject: String, _ evidence: () -> Evidence
    ) {
        let subject = subject.utf8.count <= 200 ? subject : String(subject.prefix(200))
        // Both ends of the session are marked with its first place.
        guard session.isCommon(kind), !options.tellsFresh,
            Self.count(&sightings[kind, default: Sighting(severity: kind.severity)], kind.severity, subject)
        else { return add(kind, evidence(), about: subject) }
    }

    /// Counts a place whose evidence is not kept. False when it is.
    private static func count(_ sighting: inout Sighting, _ severity: Severity, _ subject: String) -> Bool {
        guard sighting.evidence.count >= Finding.mostEvidence else { return false }
        sighting.severity = max(sighting.severity, severity)
        sighting.count += 1
        if sighting.subjects.count < Finding.mostSubjects { sighting.subjects.insert(subject) }
        return true
    }

    /// True when it is the first place for that subject.
    private static func note(
        _ sighting: inout Sighting, _ evidence: Evidence, about subject: String, _ severity: Severity,
        _ session: SessionAudit?
    ) -> Bool {
        sighting.severity = max(sighting.severity, severity)
        sighting.count += 1
        if sighting.evidence.count < Finding.mostEvidence {
            var evidence = evidence
            if severity > .info, evidence.excerpt.isEmpty, let session {
                evidence.excerpt = session.excerpt.text(of: evidence.exchange)
            }
            sighting.evidence.append(evidence)
        }
        return sighting.subjects.count < Finding.mostSubjects && sighting.subjects.insert(subject).inserted
    }

    /// Something about a whole file.
    package mutating func add(_ kind: FindingKind, file: Int, time: Int64, detail: String, subject: String) {
        add(kind, Evidence(session: "", source: file, time: time, detail: detail), about: subject)
    }

    /// A violation: its own kind when it is the shape of an attack, else one for all that a side does.
    mutating func add(_ violation: Violation, of session: SessionAudit, exchange: Int) {
        let kind = Self.kind(of: violation)
        let host = violation.side == .client ? session.client.host : session.server.description
        if kind == .replyInjection {
            return session.holdInjection(
                session.evidence("\(violation.code): \(violation.meaning)", exchange: exchange))
        }
        add(
            kind, session.evidence("\(violation.code): \(violation.meaning)", exchange: exchange),
            about: kind.area == .protocols ? violation.code : host)
    }

    private static func kind(of violation: Violation) -> FindingKind {
        switch violation.severity {
        case .notice: return violation.isOfMessage ? .flawedMessages : .notices
        case .error:
            if violation.isOfMessage { return .flawedMessages }
            return violation.side == .client ? .clientViolations : .serverViolations
        case .attack: break
        }
        let code = violation.code
        if code.hasSuffix("-starttls-injection") || code.hasSuffix("-stls-injection") { return .injection }
        if code.hasSuffix("-reply-injection") { return .replyInjection }
        if code.hasPrefix("sasl-") { return code == "sasl-plain-no-password" ? .emptyPassword : .saslTampering }
        if code.hasPrefix("mime-filename") { return .disguisedFile }
        if violation.isOfMessage { return .forgedShape }
        switch code {
        case "smtp-smuggling": return .smuggling
        case "pop3-dot-line": return .hiddenEnd
        case "pop3-http-request": return .crossProtocol
        case "imap-untagged-before-greeting", "imap-second-greeting", "imap-data-before-login":
            return .responseInjection
        default: return .disagreement
        }
    }

    // MARK: Messages

    private mutating func add(_ record: MessageRecord, of session: SessionAudit) {
        if session.protection == .clear {
            session.clearMessages += 1
            let name = record.subject.isEmpty ? record.messageID : record.subject
            add(
                .messagesInClear, of: session,
                about: record.from.isEmpty ? session.client.host : Shorten.line(record.from)
            ) {
                session.evidence("\(record.carrier.rawValue) \(Shorten.line(name))", exchange: record.exchange)
            }
            judgeContent(record, session)
        }
        judgeDomains(record, session)
        for flaw in record.flaws {
            add(Violation(flaw, by: record.carrier.sender), of: session, exchange: record.exchange)
        }
        guard messages.count < Self.mostRows else {
            unkeptMessages += 1
            return
        }
        var kept = record
        kept.text = nil
        kept.flaws = []
        messages.append(
            AuditMessage(
                session: session.info.id, mailProtocol: session.info.mailProtocol, record: kept, client: session.client,
                server: session.server, time: session.time, frame: session.frame, source: session.source,
                protection: session.protection))
    }

    private mutating func judgeContent(_ record: MessageRecord, _ session: SessionAudit) {
        guard let text = record.text else { return }
        if let name = ProgramNames.first(in: text.header) {
            add(
                .programAttached, session.evidence(name, exchange: record.exchange),
                about: record.from.isEmpty ? session.client.host : Shorten.line(record.from))
        }
        for pattern in options.patterns {
            guard let found = pattern.find(text.body) ?? pattern.find(text.header) else { continue }
            add(
                .sensitiveContent, session.evidence("\(pattern.name): \(found)", exchange: record.exchange),
                about: pattern.name)
        }
    }

    private mutating func judgeDomains(_ record: MessageRecord, _ session: SessionAudit) {
        guard !options.expectedDomains.isEmpty else { return }
        switch record.carrier {
        case .data, .bdat, .lmtp: break
        case .retr, .top, .fetch, .append: return
        }
        for recipient in record.to {
            guard let domain = Domains.of(recipient), !AuditOptions.isWithin(domain, options.expectedDomains) else {
                continue
            }
            add(.unexpectedDomain, session.evidence(Shorten.line(recipient), exchange: record.exchange), about: domain)
        }
    }

    // MARK: The end

    /// All that was found.
    package mutating func finish() -> AuditFindings {
        for id in open.keys.sorted() {
            guard let session = open[id] else { continue }
            end(session, SessionSummary(info: session.info))
        }
        judgeAll()
        let excerpts = keptExcerpts
        let found = sightings.map { kind, sighting in
            // What is seen only when all is known has the excerpt that another finding took at the time.
            let evidence = sighting.evidence.map { place in
                guard place.excerpt.isEmpty, sighting.severity > .info else { return place }
                var place = place
                place.excerpt = excerpts[ExcerptPlace(place)] ?? []
                return place
            }
            return Finding(
                kind, severity: sighting.severity, count: sighting.count, evidence: evidence,
                subjects: sighting.subjects.sorted())
        }
        return AuditFindings(
            findings: found.sorted(by: Finding.isGraver),
            credentials: credentials, messages: messages, clients: parties.clientRows, servers: parties.serverRows,
            tls: parties.tlsRows,
            accounts: parties.accountRows(credentials), edges: parties.edgeRows, buckets: parties.bucketRows,
            sessions: sessions, clearSessions: clearSessions, first: first, last: last,
            unkept: unkeptCredentials + unkeptMessages)
    }
}

/// A finding that was made just now.
package struct FreshFinding: Equatable, Sendable {
    package var kind: FindingKind
    package var severity: Severity
    package var evidence: Evidence
    package var subject: String
}

extension AuditBook {
    /// Where an excerpt was taken.
    private struct ExcerptPlace: Hashable {
        var session: String
        var exchange: Int?

        init(_ evidence: Evidence) {
            session = evidence.session
            exchange = evidence.exchange
        }
    }

    /// The excerpts of all places.
    private var keptExcerpts: [ExcerptPlace: [String]] {
        var kept: [ExcerptPlace: [String]] = [:]
        for sighting in sightings.values {
            for place in sighting.evidence where !place.excerpt.isEmpty {
                // The longest: the one that was taken last holds the answer.
                let old = kept[ExcerptPlace(place)] ?? []
                if old.count < place.excerpt.count { kept[ExcerptPlace(place)] = place.excerpt }
            }
        }
        return kept
    }
}

/// Text that stands in a line.
enum Shorten {
    static func line(_ text: String) -> String { text.utf8.count <= 100 ? text : String(text.prefix(100)) + "…" }
}

/// Domains of addresses.
enum Domains {
    /// The domain of an address in lower case; nil without one.
    static func of(_ address: String) -> String? {
        guard let at = address.lastIndex(of: "@") else { return nil }
        let domain = address[address.index(after: at)...].prefix { $0 != ">" }
        return domain.isEmpty ? nil : domain.lowercased()
    }

    /// The part that somebody registered, as far as two labels tell: `mail.example.com` is of `example.com`.
    static func registered(_ name: String) -> String {
        let labels = name.lowercased().split(separator: ".")
        return labels.suffix(2).joined(separator: ".")
    }
}

extension Carrier {
    /// Who sends a message that is carried so.
    fileprivate var sender: Side {
        switch self {
        case .data, .bdat, .lmtp, .append: .client
        case .retr, .top, .fetch: .server
        }
    }
}
