// Follows one session for the audit: what the server offered, what the client did with it, and what each frame shows.
// It keeps little, and tells the book at once.

import MailDialogue
import MailRecording

/// One session under audit.
final class SessionAudit {
    let info: SessionInfo
    let client: IPEndpoint
    let server: IPEndpoint
    /// Its octets go on under TLS of which we have the plaintext.
    var isUnderTLS: Bool
    /// What was offered in clear.
    var offer = Offer()
    var banner = ""
    /// The commands that are not answered yet, with their exchanges: one, but where the client does not wait.
    private var verbs: [(exchange: Int, verb: String)] = []
    /// The client asked what is offered.
    var asked = false
    var tlsRequested: Int?
    var tlsRefused = false
    /// Where credentials were shown: frame by exchange, until they are told.
    var shown: [(credential: Credential, exchange: Int, frame: Int?, source: Int, time: Int64)] = []
    var accepted = false
    var clearCredentials = 0
    var clearMessages = 0
    var clearOctets = 0
    var tlsOctets = 0
    /// The frame of the last octets of content, for messages.
    var frame: Int?
    var source = 0
    var time: Int64
    var names: [String] = []
    var software: [String] = []
    var reversePath: String?
    var recipients: [String] = []
    var acceptedRecipients = 0
    var refusedRecipients = 0
    var verified = 0
    var deleted = 0
    var fetched = 0
    /// Octets of each side, with those that nobody understood.
    var clientOctets = 0
    var serverOctets = 0
    var serverNotes = 0
    var clientFrames = 0
    var serverFrames = 0
    var identityPassed = false
    var isOpaqueByTLS = false
    /// Where it became so.
    private(set) var opaqueAt: Evidence?
    /// Octets of the server behind its answer to STARTTLS: whether somebody was to take them for what comes under TLS shows when the client
    /// begins it.
    private(set) var heldInjection: Evidence?
    /// The client began TLS, and the server did not know what it meant.
    private(set) var hasVainTLS = false
    /// TLS was agreed upon and did not come, which is a finding of its own.
    private(set) var hasToldVainTLS = false
    /// The capture began when it was under way.
    var isMidway = false
    /// What was said last, for evidence.
    private(set) var excerpt = Excerpt()
    /// Kinds that are told once a session.
    private var told: Set<String> = []

    /// Names that are kept of a session.
    private static let mostNames = 8
    private static let mostShown = 64
    private static let mostRecipients = 1_000
    private static let mostVerbs = 256

    init(_ step: AuditStep) {
        info = step.info
        client = step.client
        server = step.server
        time = step.time
        isUnderTLS = step.info.tls != nil && step.info.tls?.failure == nil && step.info.tls?.how == .implicit
    }

    var protection: Protection { isUnderTLS ? .tls : .clear }

    /// True the first time for a code.
    func isFirst(_ code: String) -> Bool { told.insert(code).inserted }

    /// The kind was found in the session before.
    func isCommon(_ kind: FindingKind) -> Bool {
        if common == kind { return true }
        common = kind
        return false
    }
    private var common: FindingKind?

    func evidence(_ detail: String, exchange: Int? = nil) -> Evidence {
        Evidence(
            session: info.id, exchange: exchange, frame: frame, source: source, time: time, client: client,
            server: server, detail: detail)
    }

    /// Takes the next frames.
    func accept(_ step: AuditStep, _ book: inout AuditBook) {
        frame = step.frame
        source = step.source
        time = step.time
        clientOctets &+= step.passedClient
        serverOctets &+= step.passedServer
        if isUnderTLS {
            tlsOctets &+= step.passedClient &+ step.passedServer
        } else {
            clearOctets &+= step.passedClient &+ step.passedServer
        }
        // Where they are: a copy of a note counts up all that it holds.
        step.notes.withUnsafeBufferPointer { notes in
            for index in notes.indices {
                switch notes[index].side {
                case .client: clientOctets &+= notes[index].raw.count
                case .server:
                    serverOctets &+= notes[index].raw.count
                    serverNotes &+= 1
                }
                if isUnderTLS {
                    tlsOctets &+= notes[index].raw.count
                } else {
                    clearOctets &+= notes[index].raw.count
                }
                accept(notes[index], &book)
            }
        }
    }

    private func accept(_ note: Note, _ book: inout AuditBook) {
        excerpt.take(note)
        switch note.element {
        // Most of it is plain; malformed line ends in it are told with it.
        case .content: if note.isPlain { return }
        case .command(let command): take(command, note, &book)
        case .greeting(let reply):
            serverFrames += 1
            greet(reply, note, &book)
        case .reply(let reply):
            serverFrames += 1
            answer(reply, note, &book)
        case .data(let keyword, _):
            serverFrames += 1
            list(keyword, note, &book)
        case .opaque:
            if isOpaqueByTLS {
                clearOctets &-= note.raw.count
                tlsOctets &+= note.raw.count
            }
            if note.side == .client, !note.raw.isEmpty { tellInjection(&book) }
        case .gap:
            // Before anybody is logged in and mail passes, what was missed may be what was offered, or the question for it.
            if !isUnderTLS, !accepted, clearMessages == 0, acceptedRecipients == 0 { offer.isPartial = true }
        case .commandPart, .dataPart, .goAhead, .challenge, .response, .done, .contentBegin, .contentEnd,
            .unplaced, .incomplete, .unknown:
            break
        }
        guard !note.isPlain else { return }
        for violation in note.violations { book.add(violation, of: self, exchange: note.exchange) }
        for fact in note.facts { take(fact, note, &book) }
    }

    /// The server said something in clear where TLS was to begin.
    func holdInjection(_ evidence: Evidence) { heldInjection = heldInjection ?? evidence }

    /// TLS came behind it, or it is not known whether it did.
    func tellInjection(_ book: inout AuditBook) {
        guard let evidence = heldInjection else { return }
        heldInjection = nil
        book.add(.replyInjection, evidence, about: server.description)
    }

    // MARK: The client

    private func take(_ command: Command, _ note: Note, _ book: inout AuditBook) {
        clientFrames += 1
        let verb = command.verb
        if verbs.count >= Self.mostVerbs { verbs.removeAll() }
        verbs.append((note.exchange, verb))
        switch verb {
        case "EHLO", "LHLO", "CAPA", "CAPABILITY": asked = true
        case "STARTTLS", "STLS": tlsRequested = note.exchange
        case "ID" where info.mailProtocol == .imap: learnID(note)
        case "XCLIENT", "XFORWARD": identityPassed = true
        case "RCPT": judgeRoute(note)
        case "DELE": deleted += 1
        case "RETR": fetched += 1
        default: break
        }
    }

    /// IMAP's ID (RFC 2971 §3.1): `ID ("name" "Thunderbird" "version" "115")`.
    private func learnID(_ note: Note) {
        let words = Words.quoted(note.publicOctets)
        var pairs: [String: String] = [:]
        var index = 0
        while index + 1 < words.count {
            pairs[words[index].lowercased()] = words[index + 1]
            index += 2
        }
        guard let name = pairs["name"] else { return }
        learnSoftware(pairs["version"].map { "\(name) \($0)" } ?? name)
    }

    func learnSoftware(_ text: String) {
        let text = String(text.prefix(80))
        if !text.isEmpty, software.count < Self.mostNames, !software.contains(text) { software.append(text) }
    }

    /// A recipient with a route inside (RFC 5321 §3.6.1, and the percent hack); told when it was accepted.
    private func judgeRoute(_ note: Note) {
        let line = note.publicOctets
        guard let open = line.firstIndex(of: UInt8(ascii: "<")), let close = line.lastIndex(of: UInt8(ascii: ">")),
            open < close
        else { return }
        let path = line[(open + 1)..<close].text
        guard let at = path.lastIndex(of: "@") else { return }
        let local = path[..<at]
        let isRouted =
            path.hasPrefix("@") || local.contains("%") || local.contains("!") || local.contains("@")
        if isRouted { routed[note.exchange] = String(path.prefix(100)) }
        if routed.count > Self.mostVerbs { routed.removeAll() }
    }
    var routed: [Int: String] = [:]

    // MARK: The server

    private func greet(_ reply: Reply, _ note: Note, _ book: inout AuditBook) {
        let line = note.publicOctets.withoutLineEnd.line
        if banner.isEmpty { banner = String(line.prefix(200).text) }
        bracketed(line)
        // The timestamp of APOP (RFC 1939 §7).
        if info.mailProtocol == .pop3, let open = line.firstIndex(of: UInt8(ascii: "<")),
            let close = line.lastIndex(of: UInt8(ascii: ">")), open < close,
            line[open..<close].contains(UInt8(ascii: "@"))
        {
            if !isUnderTLS { offer.mechanisms.insert("APOP") }
        }
        if info.mailProtocol == .imap, !isUnderTLS, line.hasPrefixIgnoringCase("* PREAUTH") {
            book.add(.preauth, evidence(String(line.prefix(100).text), exchange: 0), about: server.description)
            accepted = true
        }
    }

    private func answer(_ reply: Reply, _ note: Note, _ book: inout AuditBook) {
        guard let place = verbs.lastIndex(where: { $0.exchange == note.exchange }) else { return }
        let verb = verbs[place].verb
        if reply.isLast { verbs.remove(at: place) }
        let line = note.publicOctets.withoutLineEnd.line
        switch verb {
        case "EHLO", "LHLO":
            if reply.status == .ok, !isUnderTLS, line.count > 4 { take(line.dropFirst(4).text) }
            if reply.status == .ok { offer.isKnown = true }
        case "CAPABILITY", "LOGIN", "AUTHENTICATE": bracketed(line)
        case "STARTTLS", "STLS":
            if reply.isLast {
                if reply.status == .ok {
                    tlsRefused = false
                } else {
                    tlsRefused = true
                    book.add(
                        .tlsRefused, evidence(String(line.prefix(120).text), exchange: note.exchange),
                        about: server.description)
                }
            }
        case "VRFY", "EXPN":
            if reply.isLast, reply.status == .ok, reply.code == "250" || reply.code == "251" {
                verified += 1
                if isFirst("vrfy") {
                    book.add(
                        .vrfyOffered, evidence("\(verb) answered \(reply.code)", exchange: note.exchange),
                        about: server.description)
                }
            }
        case "RCPT":
            if reply.isLast, reply.status == .ok, let path = routed[note.exchange] {
                book.add(.routedRecipient, evidence(path, exchange: note.exchange), about: server.description)
            }
            if reply.isLast { routed[note.exchange] = nil }
        case "XCLIENT", "XFORWARD":
            if reply.isLast, reply.status == .ok {
                book.add(
                    .identityPassed, evidence("\(verb) from \(client.host)", exchange: note.exchange),
                    about: server.description)
            }
        default: break
        }
        if reply.status == .refused, info.mailProtocol == .imap, !isUnderTLS,
            Words.upper(line, 200).contains("[REFERRAL ")
        {
            book.add(
                .referral, evidence(String(line.prefix(120).text), exchange: note.exchange), about: server.description)
        }
    }

    private func list(_ keyword: String, _ note: Note, _ book: inout AuditBook) {
        let line = note.publicOctets.withoutLineEnd.line
        switch info.mailProtocol {
        case .imap:
            switch keyword {
            case "CAPABILITY":
                if !isUnderTLS { Words.of(line).dropFirst(2).forEach { offer.take(.imap, [$0]) } }
            case "EXPUNGE": deleted += 1
            case "FETCH": fetched += 1
            case "ID":
                let words = Words.quoted(line)
                if words.count > 1, words[0].lowercased() == "name" { offer.implementation = words[1] }
            case "OK": bracketed(line)
            default: break
            }
        case .pop3:
            guard !isUnderTLS else { break }
            if verbs.contains(where: { $0.exchange == note.exchange && $0.verb == "CAPA" }) { take(line.text) }
        case .smtp, .lmtp: break
        }
    }

    private func take(_ text: String) { offer.take(info.mailProtocol, text.split(separator: " ").map { $0 }) }

    /// `[CAPABILITY …]` in a status response (RFC 9051 §7.1).
    private func bracketed(_ line: ArraySlice<UInt8>) {
        guard info.mailProtocol == .imap, !isUnderTLS else { return }
        let words = Words.of(line)
        guard let first = words.firstIndex(where: { $0.uppercased() == "[CAPABILITY" }) else { return }
        for word in words[(first + 1)...] {
            let isLast = word.hasSuffix("]")
            offer.take(.imap, [isLast ? word.dropLast() : word])
            if isLast { return }
        }
    }

    // MARK: Facts

    private func take(_ fact: Fact, _ note: Note, _ book: inout AuditBook) {
        switch fact {
        case .clientName(let name):
            let name = String(name.prefix(100))
            if names.count < Self.mostNames, !names.contains(name) { names.append(name) }
        case .credential(let credential):
            guard shown.count < Self.mostShown else { return }
            shown.append((credential, note.exchange, frame, source, time))
        case .login(let isAccepted): if isAccepted { accepted = true }
        case .reversePath(let path):
            reversePath = path
            recipients.removeAll(keepingCapacity: true)
        case .recipient(let path):
            acceptedRecipients += 1
            if recipients.count < Self.mostRecipients { recipients.append(path) }
        case .recipientRefused(let path):
            refusedRecipients += 1
            book.refusedRecipient(path, of: self, exchange: note.exchange)
        case .messageAccepted: book.judgeRelay(self, exchange: note.exchange)
        case .transactionReset: reversePath = nil
        case .opaque(let reason):
            if reason == .tls {
                isOpaqueByTLS = true
                // Told at the end: perhaps TLS never came about.
                opaqueAt = evidence("", exchange: note.exchange)
            } else {
                book.add(.notFollowed, evidence(reason.rawValue, exchange: note.exchange), about: info.id)
            }
        case .clear:
            hasVainTLS = true
            isUnderTLS = false
            isOpaqueByTLS = false
            opaqueAt = nil
            // Of a server that gave up waiting for TLS nobody is deceived.
            heldInjection = nil
            // Who began with TLS on its own agreed upon nothing.
            guard tlsRequested != nil else { break }
            hasToldVainTLS = true
            let what = note.side == .client ? "the client sent no TLS" : "the server answered in clear"
            book.add(.tlsFailed, evidence(what, exchange: note.exchange), about: server.description)
        case .messageRefused, .mailbox, .contentCut, .leftOut, .resumed: break
        }
    }

    /// The client began TLS and the server answered in clear: nothing of it was under TLS.
    func failTLS() {
        hasVainTLS = true
        isUnderTLS = false
        isOpaqueByTLS = false
        clearOctets &+= tlsOctets
        tlsOctets = 0
    }

    /// All of it was under TLS, and nobody had the keys.
    func seal() {
        isUnderTLS = true
        tlsOctets &+= clearOctets
        clearOctets = 0
    }

    /// TLS was begun behind STARTTLS, and its plaintext follows.
    func secured() { isUnderTLS = true }
}

/// Words of lines.
enum Words {
    /// Parted by spaces.
    static func of(_ line: ArraySlice<UInt8>) -> [Substring] { line.prefix(4_096).text.split(separator: " ") }

    /// The beginning in capitals.
    static func upper(_ line: ArraySlice<UInt8>, _ most: Int) -> String { line.prefix(most).text.uppercased() }

    /// The quoted strings of a line (RFC 9051 §9).
    static func quoted(_ line: ArraySlice<UInt8>) -> [String] {
        var words: [String] = []
        var current: [UInt8]?
        var isEscaped = false
        for octet in line.prefix(2_048) {
            if var word = current {
                if isEscaped {
                    word.append(octet)
                    isEscaped = false
                    current = word
                } else if octet == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if octet == UInt8(ascii: "\"") {
                    words.append(String(decoding: word, as: UTF8.self))
                    current = nil
                    if words.count >= 64 { return words }
                } else {
                    word.append(octet)
                    current = word
                }
            } else if octet == UInt8(ascii: "\"") {
                current = []
            }
        }
        return words
    }
}
