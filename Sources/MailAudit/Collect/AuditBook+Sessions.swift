// What a session shows when it has ended, and what all of them show together.

import MailDialogue
import MailRecording

extension AuditBook {
    /// Ports on which mail is expected (RFC 8314 §7, RFC 5321, RFC 2033), and those of our own listeners.
    private static let usualPorts: Set<UInt16> = [
        24, 25, 110, 143, 465, 587, 993, 995, 1025, 1110, 1143, 1465, 1587, 1993, 1995, 2525,
    ]

    /// Judges a session that has ended.
    mutating func judge(_ session: SessionAudit, _ summary: SessionSummary) {
        judgeTLS(session, summary)
        judgeOffer(session)
        judgeHosts(session)
        judgeAmounts(session)
        for doubt in summary.doubts { add(doubt, of: session) }
        let isHalf = (session.clientOctets == 0) != (session.serverOctets == 0)
        if isHalf, session.clientOctets + session.serverOctets > 128 || session.clientFrames + session.serverNotes > 1,
            session.isFirst("one-sided")
        {
            let side = session.clientOctets == 0 ? "server" : "client"
            add(.oneSided, session.evidence("only octets of the \(side)"), about: session.info.id)
        }
        if !options.proxies.isEmpty, !options.proxies.contains(session.client.address),
            !options.proxies.contains(session.server.address)
        {
            add(.bypass, session.evidence("\(session.client.host) to \(session.server)"), about: session.client.host)
        }
    }

    /// What the packets of a session leave in doubt.
    private mutating func add(_ doubt: PacketDoubt, of session: SessionAudit) {
        let kind: FindingKind
        switch doubt.kind {
        case .overlap: kind = .evasion
        case .fragments: kind = .fragments
        case .reset: kind = .forgedReset
        case .end: kind = .behindEnd
        case .checksum, .window: kind = .leftOut
        case .ttl: kind = .insertion
        case .midstream:
            guard session.isFirst("midway") else { return }
            kind = .midstream
        case .oneSided:
            guard session.isFirst("one-sided") else { return }
            kind = .oneSided
        }
        var evidence = session.evidence(doubt.text)
        evidence.time = doubt.time
        evidence.frame = doubt.packet > 0 ? doubt.packet : nil
        add(kind, evidence, about: doubt.side == .client ? session.client.host : session.server.description)
    }

    private mutating func judgeTLS(_ session: SessionAudit, _ summary: SessionSummary) {
        for (leg, host) in [
            (summary.info.tls, session.server.description),
            (summary.info.upstreamTLS, summary.info.upstream?.description ?? session.server.description),
        ] {
            if let leg { judge(leg, about: host, session) }
        }
        guard !session.isUnderTLS, !session.isOpaqueByTLS else { return }
        let used = session.clearCredentials > 0 || session.clearMessages > 0 || session.accepted
        if session.offer.tls, used, session.tlsRequested == nil {
            add(.tlsNotUsed, session.evidence("offered by \(session.server)"), about: session.client.host)
        }
    }

    private mutating func judgeOffer(_ session: SessionAudit) {
        let offer = session.offer
        let host = session.server.description
        func mechanisms(_ wanted: Set<String>) -> String {
            offer.mechanisms.intersection(wanted).sorted().joined(separator: ", ")
        }
        if offer.isMasked { add(.masked, session.evidence("a keyword of X in the list of extensions"), about: host) }
        if offer.xclient { add(.identityOffered, session.evidence("to \(session.client.host)"), about: host) }
        if offer.turn { add(.queueOffered, session.evidence("to \(session.client.host)"), about: host) }
        if offer.mechanisms.contains("ANONYMOUS") { add(.anonymousOffered, session.evidence(""), about: host) }
        if !offer.mechanisms.isDisjoint(with: SessionFinding.hashes) {
            add(.weakMechanismOffered, session.evidence(mechanisms(SessionFinding.hashes)), about: host)
        }
        guard offer.isCertain else { return }
        let takesPasswords = Self.takesPasswords(session)
        if offer.tls {
            if takesPasswords { add(.loginOfferedInClear, session.evidence(mechanisms(Offer.plain)), about: host) }
        } else if takesPasswords || session.clearCredentials > 0 {
            add(.tlsNotOffered, session.evidence(mechanisms(Offer.plain)), about: host)
        } else if session.info.mailProtocol == .smtp {
            add(.tlsNotOfferedRelay, session.evidence(""), about: host)
        }
    }

    /// The server says that it takes a password in clear.
    private static func takesPasswords(_ session: SessionAudit) -> Bool {
        let offer = session.offer
        if !offer.mechanisms.isDisjoint(with: Offer.plain) { return true }
        // LOGIN is there unless it is said to be disabled (RFC 9051 §6.2.3).
        return session.info.mailProtocol == .imap && !offer.loginDisabled && !offer.isPartial && !session.banner.isEmpty
    }

    private mutating func judgeHosts(_ session: SessionAudit) {
        let host = session.server.description
        let software = parties.software(of: session)
        if let version = software.version {
            add(.serverVersion, session.evidence(version), about: host)
        }
        if session.protection == .clear, let software = session.software.first {
            add(.clientVersion, session.evidence(software), about: session.client.host)
        }
        for name in session.names where Software.isInternal(name) {
            add(.internalName, session.evidence(Shorten.line(name)), about: session.client.host)
        }
        if session.info.mailProtocol == .lmtp, !session.server.address.isLoopback {
            add(.lmtpExposed, session.evidence("from \(session.client.host)"), about: host)
        }
        if !Self.usualPorts.contains(session.server.port), session.server.port != 0, session.info.route == "capture" {
            add(.unusualPort, session.evidence("port \(session.server.port)"), about: host)
        }
        let didNothing =
            session.clearCredentials == 0 && session.clearMessages == 0 && !session.accepted
            && session.reversePath == nil && session.tlsRequested == nil && session.acceptedRecipients == 0
        // Octets of the server alone are a greeting, or half of a session.
        let isWhole = session.clientOctets > 0 || session.serverNotes == 1
        if didNothing, isWhole, session.serverFrames > 0, session.clientFrames <= 3, !session.isMidway,
            !session.isUnderTLS, !session.hasVainTLS,
            session.tlsOctets == 0, !session.offer.isPartial
        {
            add(
                .nullSession, session.evidence(Figures.count(session.clientFrames, "command")),
                about: session.client.host)
        }
    }

    private mutating func judgeAmounts(_ session: SessionAudit) {
        if session.deleted >= options.manyMessages {
            add(.massDeletion, session.evidence(Figures.count(session.deleted, "message")), about: session.client.host)
        }
        if session.fetched >= options.manyMessages {
            add(.massRetrieval, session.evidence(Figures.count(session.fetched, "message")), about: session.client.host)
        }
        if session.acceptedRecipients >= options.manyRecipients {
            add(
                .bulkSender, session.evidence(Figures.count(session.acceptedRecipients, "recipient")),
                about: session.client.host)
        }
        if session.verified >= 3 {
            add(.addressProbing, session.evidence("\(session.verified) found"), about: session.client.host)
        }
    }

    // MARK: Relaying

    /// The server took a message: was it for one of its own?
    mutating func judgeRelay(_ session: SessionAudit, exchange: Int) {
        guard session.info.mailProtocol == .smtp, !session.accepted, !session.identityPassed,
            !session.client.address.isPrivate, !session.client.address.isLoopback
        else { return }
        let sender = session.reversePath.flatMap(Domains.of)
        let isKnown = !options.localDomains.isEmpty
        // Without being told, only a server of the house is judged: who is taken in elsewhere can't be known.
        guard isKnown || session.server.address.isPrivate else { return }
        let own = Domains.registered(Words.of(ArraySlice(session.banner.utf8)).dropFirst().first.map(String.init) ?? "")
        func isLocal(_ domain: String) -> Bool {
            isKnown ? AuditOptions.isWithin(domain, options.localDomains) : Domains.registered(domain) == own
        }
        if let sender, isLocal(sender) { return }
        guard let stranger = session.recipients.first(where: { Domains.of($0).map { !isLocal($0) } ?? false }) else {
            return
        }
        let detail = "from \(session.reversePath ?? "") to \(Shorten.line(stranger)) by \(session.client.host)"
        add(
            .openRelay,
            session.evidence(
                isKnown ? detail : detail + " (a guess: --local-domain makes it certain)", exchange: exchange),
            about: session.server.description, severity: isKnown ? .critical : .medium)
    }

    // MARK: All together

    mutating func judgeAll() {
        judgeCredentials()
        for (place, detail, server) in parties.strippedPlaces {
            var evidence = place
            evidence.detail = detail
            add(.stripped, evidence, about: server.description)
        }
    }
}

/// What hosts say of themselves.
enum Software {
    /// Programs that greetings name, with how they are to be called.
    private static let known: [(String, String)] = [
        ("postfix", "Postfix"), ("dovecot", "Dovecot"), ("exim", "Exim"), ("sendmail", "Sendmail"), ("cyrus", "Cyrus"),
        ("courier", "Courier"), ("microsoft esmtp", "Exchange"), ("microsoft exchange", "Exchange"),
        ("zimbra", "Zimbra"),
        ("qmail", "qmail"), ("opensmtpd", "OpenSMTPD"), ("hmailserver", "hMailServer"), ("mailenable", "MailEnable"),
        ("domino", "Domino"), ("gimap", "Gmail"), ("gsmtp", "Gmail"), ("mdaemon", "MDaemon"), ("kerio", "Kerio"),
        ("icewarp", "IceWarp"), ("communigate", "CommuniGate"), ("uw imap", "UW IMAP"), ("imap4rev1 v1", "UW IMAP"),
        ("haraka", "Haraka"), ("stalwart", "Stalwart"), ("maddy", "maddy"), ("mailpit", "Mailpit"),
        ("qpopper", "Qpopper"),
        ("teapop", "Teapop"), ("proton", "Proton Bridge"), ("axigen", "Axigen"), ("groupwise", "GroupWise"),
    ]

    /// The program; nil when the text names none that is known.
    static func name(_ text: String) -> String? {
        let text = text.lowercased()
        return known.first { text.contains($0.0) }?.1
    }

    /// A program with its version, as `Exim 4.96`; nil when there is no version.
    static func version(_ text: String) -> String? {
        guard let name = name(text) else { return nil }
        let words = text.split { $0 == " " || $0 == "/" || $0 == "(" || $0 == ")" || $0 == "," || $0 == ";" }
        for word in words.prefix(40) {
            let word = word.hasPrefix("v") || word.hasPrefix("V") ? word.dropFirst() : word
            guard let first = word.first, first.isNumber, word.contains("."), word.utf8.count < 24 else { continue }
            let numbers = word.split(separator: ".")
            // An address or a date is no version.
            guard numbers.count >= 2, !(numbers.count == 4 && numbers.allSatisfy { $0.allSatisfy(\.isNumber) }),
                let major = numbers.first, major.allSatisfy(\.isNumber), numbers[1].first?.isNumber == true
            else { continue }
            return "\(name) \(word)"
        }
        return nil
    }

    /// A name of the inner network: without a domain, of a domain that is nobody's, or a private address.
    static func isInternal(_ name: String) -> Bool {
        let name = name.lowercased()
        if name.hasPrefix("[") {
            let text = name.dropFirst().prefix { $0 != "]" }
            let address = IPAddress(String(text.hasPrefix("ipv6:") ? text.dropFirst(5) : text))
            return address.map { $0.isPrivate } ?? false
        }
        if IPAddress(name) != nil { return IPAddress(name)?.isPrivate ?? false }
        guard name.contains("."), let last = name.split(separator: ".").last else { return name != "localhost" }
        return ["local", "lan", "internal", "intranet", "localdomain", "home", "corp", "private"].contains(last)
    }
}
