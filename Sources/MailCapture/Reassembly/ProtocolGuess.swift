// Which mail protocol a flow speaks: by its content on any port, with the port as a hint where the content fits
// several.

import MailDialogue
import MailRecording

extension FlowEvent {
    /// The same event with the sides exchanged.
    package var swapped: FlowEvent {
        switch self {
        case .opened(let flow, let client, let server, let time, let midstream):
            .opened(flow: flow, client: server, server: client, time: time, midstream: midstream)
        case .bytes(let flow, let side, let time, let octets, let packet):
            .bytes(flow: flow, side: side.other, time: time, octets, packet: packet)
        case .gap(let flow, let side, let count, let time): .gap(flow: flow, side: side.other, count: count, time: time)
        case .conflict(let flow, let side, let offset, let other, let taken, let time, let packet):
            .conflict(
                flow: flow, side: side.other, offset: offset, other: other, taken: taken, time: time, packet: packet)
        case .doubt(let flow, let side, let kind, let octets, let time, let packet):
            .doubt(flow: flow, side: side.other, kind, octets: octets, time: time, packet: packet)
        case .ended(let flow, let side, let time): .ended(flow: flow, side: side.other, time: time)
        case .closed: self
        }
    }
}

/// Finds the protocol of one flow. Give it the flow's events until the verdict is no longer `undecided`, then take what
/// it held and follow the protocol with that, and with all further events directly.
package struct ProtocolGuess: Sendable {
    package enum Verdict: Equatable, Sendable {
        /// More octets are needed.
        case undecided
        /// `isSwapped`: the content shows that the side called server is the client; ``ProtocolGuess/takeHeld()`` gives
        /// its events with the sides exchanged, and the caller exchanges those that follow (``FlowEvent/swapped``).
        case mail(MailProtocol, isSwapped: Bool)
        case notMail
    }

    /// Octets that are held before the verdict has to be given: what the first lines of any dialogue need, many times
    /// over.
    package static let mostHeld = 4_096

    /// Octets without a line end that tell as much as a line.
    private static let longLine = 1_024
    /// So often all lines are looked at whenever there is one more. Then they are looked at when there is an eighth more of them: a
    /// flow of empty lines in packets of their own would cost the square of their number.
    private static let mostEager = 32

    package private(set) var verdict = Verdict.undecided
    private let portProtocol: MailProtocol?
    /// The beginning was not captured, or not what the server began with.
    private var isMidstream: Bool
    private var held = HeldEvents()
    private var heldOctets = 0
    /// How often the lines were looked at.
    package private(set) var judgements = 0
    /// Octets with which they are looked at again.
    private var nextJudgement = 0
    private var client = Opening()
    private var server = Opening()
    /// Who spoke first, captured or not.
    private var first: Side?

    /// The octets of a side.
    private struct Opening: Sendable {
        /// All that were taken. A copy, so that the chunk of the file is not kept for a few octets.
        var all: [UInt8] = []
        /// Where the first lines begin, as far as they tell something: behind what is missing.
        var start = 0
        /// The first line may lack its beginning.
        var isCut = false

        /// These lines, and what follows them.
        var octets: ArraySlice<UInt8> { all[start...].prefix(ProtocolGuess.mostHeld) }

        /// Octets are missing here.
        mutating func cut() {
            start = all.count
            isCut = true
        }
    }

    /// How much a line tells.
    private enum Evidence: Equatable {
        case strong(MailProtocol)
        case weak(MailProtocol)
        case none
    }

    /// - Parameter midstream: the beginning of the flow was not captured.
    package init(client: IPEndpoint, server: IPEndpoint, midstream: Bool) {
        portProtocol = Self.ofPort(server.port) ?? Self.ofPort(client.port)
        isMidstream = midstream
        self.client.isCut = midstream
        self.server.isCut = midstream
    }

    /// The protocol of a server's port, with or without TLS.
    package static func ofPort(_ port: UInt16) -> MailProtocol? {
        switch port {
        case 25, 587, 465, 2525, 1025: .smtp
        case 24: .lmtp
        case 110, 995, 1110: .pop3
        case 143, 993, 1143: .imap
        default: nil
        }
    }

    /// Takes an event of the flow and gives the verdict so far.
    package mutating func accept(_ event: FlowEvent) -> Verdict {
        guard verdict == .undecided else { return verdict }
        held.append(event)
        switch event {
        case .opened, .conflict, .doubt, .ended: break
        case .bytes(_, let side, _, let octets, packet: _):
            heldOctets += octets.count
            if first == nil { first = side }
            let isLast = heldOctets >= Self.mostHeld
            let tellsMore = note(octets, side)
            if isLast || tellsMore && heldOctets >= nextJudgement { judge(isLast: isLast) }
        case .gap(_, let side, let count, _):
            // Of 0 octets nobody knows whether they were there.
            if first == nil, count > 0 { first = side }
            switch side {
            case .client: client.cut()
            case .server:
                // What a connection without a greeting is taken for.
                if count > 0, server.all.isEmpty { isMidstream = true }
                server.cut()
            }
        case .closed: judge(isLast: true)
        }
        // Events without octets are bounded, too.
        if verdict == .undecided, held.count > Self.mostHeld { judge(isLast: true) }
        return verdict
    }

    /// Octets of memory for what is held.
    package var keptOctets: Int { client.all.count + server.all.count + held.cost }

    /// There is no memory for more: it is what its first octets say.
    package mutating func giveUp() -> Verdict {
        if verdict == .undecided { judge(isLast: true) }
        return verdict
    }

    /// The events that were taken, in order, with the sides as the verdict says. They are given once.
    package mutating func takeHeld() -> [FlowEvent] {
        let events = held.take(client: client.all, server: server.all)
        client = Opening()
        server = Opening()
        if case .mail(_, let isSwapped) = verdict, isSwapped { return events.map(\.swapped) }
        return events
    }

    /// Keeps the first octets of a side. True when they may tell more than before.
    private mutating func note(_ octets: ArraySlice<UInt8>, _ side: Side) -> Bool {
        let hasLine = octets.contains(UInt8(ascii: "\n"))
        let isStart: Bool
        switch side {
        case .client:
            isStart = client.octets.count < 3
            client.all += octets
        case .server:
            isStart = server.octets.count < 3
            server.all += octets
        }
        return hasLine || isStart
    }

    private mutating func judge(isLast: Bool) {
        judgements += 1
        if judgements >= Self.mostEager { nextJudgement = heldOctets + heldOctets / 8 + 1 }
        let foreign = speaksForeign
        if foreign ?? isLast {
            verdict = .notMail
        } else if foreign == nil {
            // What the client says, it may say to anybody.
        } else if let found = decide(client, server, isLast) {
            verdict = .mail(found, isSwapped: false)
        } else if isMidstream, let found = decide(server, client, isLast) {
            // The ports misled us on who is the server.
            verdict = .mail(found, isSwapped: true)
        } else if isLast || isForeign {
            verdict = .notMail
        }
    }

    /// The lines are of a protocol that shares words with those of mail; nil when the server has yet to say so.
    ///
    /// A client can say what it likes, and must not hide a session by it: where the server has spoken, it decides.
    private var speaksForeign: Bool? {
        let clientLines = Self.lines(client)
        let serverLines = Self.lines(server)
        let asksRedis = Self.isRedis(Self.lines(client, whole: false))
        if isMidstream {
            return asksRedis || clientLines.isEmpty && Self.isRedis(Self.lines(server, whole: false))
        }
        guard let greeting = serverLines.first else {
            // Servers of Redis and HTTP wait for their client, those of mail don't.
            guard first == .client else { return false }
            return asksRedis || clientLines.first.map(Self.isRequest) == true ? nil : false
        }
        let isReply = Self.ofServer(greeting) == .weak(.smtp)
        guard first == .server else {
            return !isReply && (asksRedis || clientLines.first.map(Self.isRequest) == true)
        }
        // Of the replies of three digits that begin a session of SMTP none is another of success (RFC 5321 §4.3.2); NNTP has 200 and 201.
        guard isReply, !server.isCut else { return false }
        if greeting.first == UInt8(ascii: "2"), !greeting.starts(with: Array("220".utf8)) { return true }
        // FTP greets as SMTP does; its clients log in as those of POP3 do.
        guard !Self.contains(greeting, "SMTP"), let command = clientLines.first else { return false }
        let isForeign =
            Self.foreignVerbs.contains(Self.words(command).first ?? "")
            || Self.words(command) == ["AUTH", "TLS"] || Self.words(command) == ["AUTH", "SSL"]
        guard isForeign, isOnSMTPPort else { return isForeign }
        let isAnswered = serverLines.contains { !$0.starts(with: Array("220".utf8)) }
        return isAnswered ? serverLines.contains(where: Self.isForeignReply) : nil
    }

    private var isOnSMTPPort: Bool { portProtocol == .smtp || portProtocol == .lmtp }

    /// Redis sends numbers of parts and their lengths, `*3` and `$3`, each behind the other: a sum of money in a message has
    /// neither the right number of octets behind it, nor a length.
    private static func isRedis(_ lines: [ArraySlice<UInt8>]) -> Bool {
        let lines = lines.prefix(8)
        return zip(lines, lines.dropFirst()).contains { line, next in
            guard let count = count(line) else { return false }
            return line.first == UInt8(ascii: "*")
                ? next.first == UInt8(ascii: "$") && self.count(next) != nil : next.count == count
        }
    }

    /// The number in `*3`, or `$11`.
    private static func count(_ line: ArraySlice<UInt8>) -> Int? {
        guard line.first == UInt8(ascii: "*") || line.first == UInt8(ascii: "$") else { return nil }
        let digits = line.dropFirst()
        guard (1...10).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    /// The first line of HTTP (RFC 9112 §3): it ends with the version. RTSP and SIP have the same.
    private static func isRequest(_ line: ArraySlice<UInt8>) -> Bool {
        guard let last = line.split(separator: UInt8(ascii: " ")).last else { return false }
        return ["HTTP/", "RTSP/", "SIP/"].contains { last.starts(with: Array($0.utf8)) }
    }

    /// What clients of FTP (RFC 959 §4.1, RFC 2389) and NNTP (RFC 3977 §5) begin with.
    private static let foreignVerbs: Set<String> = [
        "USER", "PASS", "FEAT", "SYST", "OPTS", "ACCT", "PWD", "MODE", "GROUP", "CAPABILITIES", "AUTHINFO", "ARTICLE",
    ]

    /// Commands that the login of another protocol would have behind it by then.
    private static let certainLines = 3
    /// Lines in which words of others are looked for.
    private static let mostLooked = 16

    /// Commands of FTP (RFC 959 §4.1, RFC 2228, RFC 2389, RFC 2428, RFC 3659), of NNTP (RFC 3977) and of IRC (RFC 2812 §3) that mail
    /// does not have; with a name behind them also those that take a number in POP3.
    private static let foreignCommands: Set<String> = [
        "SYST", "PWD", "XPWD", "CWD", "CDUP", "TYPE", "PASV", "EPSV", "PORT", "EPRT", "FEAT", "OPTS", "MKD", "RMD",
        "SIZE", "MDTM",
        "STOR", "STOU", "APPE", "ABOR", "RNFR", "RNTO", "SITE", "ACCT", "REIN", "PBSZ", "PROT", "MLSD", "MLST", "NLST",
        "RETR", "DELE",
        "GROUP", "ARTICLE", "CAPABILITIES", "AUTHINFO", "MODE", "OVER", "XOVER", "HDR", "XHDR", "IHAVE", "TAKETHIS",
        "NEWGROUPS",
        "NEWNEWS", "LISTGROUP", "HEAD", "BODY", "POST",
        "NICK", "JOIN", "PART", "PRIVMSG", "NOTICE", "CAP", "PONG", "WHOIS", "TOPIC", "KICK", "OPER",
    ]

    /// Replies of FTP (RFC 959 §4.2) and NNTP (RFC 3977 appendix C) that SMTP does not have.
    private static let foreignReplies: Set<String> = [
        "200", "201", "202", "205", "212", "213", "215", "222", "223", "224", "225", "226", "227", "228", "229", "230",
        "231", "232",
        "234", "238", "239", "240", "257", "281", "331", "332", "335", "340", "350", "381", "400", "401", "403", "411",
        "412", "420",
        "422", "423", "425", "426", "430", "435", "436", "437", "438", "439", "440", "441", "480", "481", "482", "483",
    ]

    /// A command of another protocol that shares words with mail, as its programs write it, in capitals: a message in whose middle
    /// the capture begins has any word at the beginning of a line.
    private static func isForeignCommand(_ line: ArraySlice<UInt8>) -> Bool {
        let word = line.prefix(16).prefix { $0 != UInt8(ascii: " ") }
        return ofClient(line) == .none && foreignCommands.contains(String(decoding: word, as: UTF8.self))
    }

    /// The first word has capitals only, as a command.
    private static func isShouted(_ line: ArraySlice<UInt8>) -> Bool {
        let word = line.prefix(16).prefix { $0 != UInt8(ascii: " ") }
        return !word.isEmpty && word.allSatisfy { (65...90).contains($0) }
    }

    /// A reply of such a protocol.
    private static func isForeignReply(_ line: ArraySlice<UInt8>) -> Bool {
        ofServer(line) == .weak(.smtp) && foreignReplies.contains(String(decoding: line.prefix(3), as: UTF8.self))
    }

    /// `+OK` with nothing behind it, or an error: Redis has no other replies that POP3 has.
    private static func isRedisReply(_ line: ArraySlice<UInt8>) -> Bool {
        line.elementsEqual("+OK".utf8) || line.starts(with: "-ERR".utf8)
    }

    /// The octets cannot be mail, whatever follows.
    private var isForeign: Bool {
        // A TLS record: handshake, version 3.x (RFC 8446 §5.1). Behind a greeting it does not say that there was no mail.
        if !isMidstream, first == .client, client.octets.starts(with: [0x16, 0x03]) { return true }
        guard !isMidstream, let greeting = Self.lines(server).first else { return false }
        // All mail servers speak first (RFC 5321 §3.1, RFC 1939 §4, RFC 9051 §3.4), so this line is the greeting.
        switch Self.ofServer(greeting) {
        case .none: return !server.isCut
        case .strong: return first == .client
        case .weak: return first == .client && !Self.lines(client).isEmpty && portProtocol == nil
        }
    }

    private func decide(_ client: Opening, _ server: Opening, _ isLast: Bool) -> MailProtocol? {
        let clientLines = Self.lines(client)
        let serverLines = Self.lines(server)
        let clientEvidence = clientLines.map(Self.ofClient)
        // What Redis answers to any command tells something only beside a command of POP3, or a login that Redis does not have.
        let isBare =
            isMidstream && !clientEvidence.contains(.weak(.pop3))
            && !Self.lines(client, whole: false).contains(where: Self.isSASLCommand)
        let serverEvidence = serverLines.map { line -> Evidence in
            guard isMidstream, Self.isRedisReply(line) else { return Self.ofServer(line) }
            return isBare ? .none : .weak(.pop3)
        }
        for case .strong(let found) in clientEvidence { return found }
        if let greeting = serverEvidence.first, case .strong(let found) = greeting, isMidstream || first == .server {
            return found
        }
        if isMidstream { for case .strong(let found) in serverEvidence { return found } }
        let ofClient = clientEvidence.compactMap(Self.weak)
        let ofServer = serverEvidence.compactMap(Self.weak)
        let saysSMTP = serverLines.contains { Self.ofServer($0) == .weak(.smtp) && Self.contains($0, "SMTP") }
        // Words that others have, too: not beside such that they have alone. A server that calls itself one of SMTP may reply as it likes.
        if !saysSMTP, serverLines.prefix(Self.mostLooked).contains(where: Self.isForeignReply) { return nil }
        // In the middle of a message such a word tells nothing: there the replies do, and the port.
        let sent = Self.lines(client, whole: false).prefix(Self.mostLooked)
        let isText = isMidstream && isOnSMTPPort && ofServer.first == .smtp && sent.contains { !Self.isShouted($0) }
        if !isText || !ofClient.isEmpty, sent.contains(where: Self.isForeignCommand) { return nil }
        // The command fits the reply, or the port.
        for found in ofClient where ofServer.contains(found) { return found }
        for found in ofClient where found == portProtocol && ofServer.isEmpty {
            // Seen from one side a login is one of POP3, FTP or IRC: what comes behind it tells.
            return isLast || ofClient.count >= Self.certainLines ? found : nil
        }
        guard let found = ofServer.first else { return nil }
        // `+OK` behind a command that is none of POP3 is of another protocol, whose client speaks first.
        if found == .pop3, !isMidstream, first == .client, ofClient.isEmpty { return nil }
        // So are replies as of SMTP to commands as of POP3: of FTP.
        if found == .smtp, !ofClient.isEmpty { return nil }
        // A reply of three digits may be of FTP or NNTP: wait for the command, which also tells LMTP from SMTP.
        guard isLast || !clientEvidence.isEmpty || serverLines.count > 1 else { return nil }
        if saysSMTP || found == portProtocol || found == .smtp && portProtocol == .lmtp {
            return found == .smtp && portProtocol == .lmtp ? .lmtp : found
        }
        return nil
    }

    private static func weak(_ evidence: Evidence) -> MailProtocol? {
        switch evidence {
        case .weak(let found), .strong(let found): found
        case .none: nil
        }
    }

    /// The whole lines of a side, without line ends.
    /// - Parameter whole: without the first where that may lack its beginning.
    private static func lines(_ opening: Opening, whole: Bool = true) -> [ArraySlice<UInt8>] {
        let octets = opening.octets
        guard let end = octets.lastIndex(of: UInt8(ascii: "\n")) else {
            return octets.count >= longLine ? [octets] : []
        }
        let lines = octets[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
        // What lacks its beginning tells little, but what it tells as if whole is right more often than not.
        return whole && opening.isCut && lines.first.map { ofClient($0) == .none && ofServer($0) == .none } == true
            ? Array(lines.dropFirst()) : lines
    }

    /// AUTH with a mechanism: of SMTP (RFC 4954 §4) and POP3 (RFC 5034 §4).
    private static func isSASLCommand(_ line: ArraySlice<UInt8>) -> Bool {
        guard line.hasPrefixIgnoringCase("AUTH ") else { return false }
        let words = words(line)
        return words.count > 1 && SASLMechanism.spoken.contains { $0.name == words[1] }
    }

    // MARK: What a line tells

    /// The octets of the shortest lines that tell something: `+OK`, `220`.
    private static let shortest = 3

    private static func words(_ line: ArraySlice<UInt8>) -> [String] {
        line.prefix(80).split(separator: UInt8(ascii: " "), maxSplits: 2).prefix(2).map {
            String(decoding: $0, as: UTF8.self).uppercased()
        }
    }

    private static func contains(_ line: ArraySlice<UInt8>, _ word: String) -> Bool {
        String(decoding: line.prefix(512), as: UTF8.self).uppercased().contains(word)
    }

    private static func ofServer(_ line: ArraySlice<UInt8>) -> Evidence {
        guard line.count >= shortest else { return .none }
        let words = words(line)
        guard let verb = words.first else { return .none }
        switch verb {
        case "+OK": return .strong(.pop3)
        case "-ERR": return .weak(.pop3)
        case "*":
            guard words.count > 1 else { return .none }
            switch words[1] {
            case "OK", "PREAUTH", "BYE", "CAPABILITY", "LIST", "LSUB", "FLAGS", "SEARCH", "STATUS", "ID":
                return .strong(.imap)
            default: return words[1].utf8.allSatisfy { (48...57).contains($0) } ? .weak(.imap) : .none
            }
        default:
            if line.count >= 3, line.prefix(3).allSatisfy({ (48...57).contains($0) }),
                (UInt8(ascii: "2")...UInt8(ascii: "5")).contains(line[line.startIndex]),
                line.count == 3 || [UInt8(ascii: " "), UInt8(ascii: "-")].contains(line[line.startIndex + 3])
            {
                return .weak(.smtp)
            }
            let isTagged = words.count > 1 && ["OK", "NO", "BAD"].contains(words[1])
            return isTagged ? .weak(.imap) : .none
        }
    }

    private static func ofClient(_ line: ArraySlice<UInt8>) -> Evidence {
        guard line.count >= shortest else { return .none }
        let words = words(line)
        guard let verb = words.first else { return .none }
        switch verb {
        case "EHLO", "HELO": return .strong(.smtp)
        case "LHLO": return .strong(.lmtp)
        case "MAIL", "RCPT":
            guard words.count > 1, words[1].hasPrefix(verb == "MAIL" ? "FROM:" : "TO:") else { return .none }
            return .strong(.smtp)
        case "DATA", "BDAT", "VRFY", "EXPN": return .weak(.smtp)
        case "CAPA", "APOP", "UIDL": return .strong(.pop3)
        case "USER", "PASS": return .weak(.pop3)
        // Of SMTP and POP3; `AUTH LOGIN` has the second word of a command of IMAP.
        case "AUTH": return .none
        case "STAT", "STLS": return words.count == 1 ? .weak(.pop3) : .none
        // Others have names there; these have numbers (RFC 1939 §5).
        case "LIST", "RETR", "DELE", "TOP":
            let isNumber = words.count > 1 && words[1].utf8.allSatisfy { (48...57).contains($0) }
            return isNumber || verb == "LIST" && words.count == 1 ? .weak(.pop3) : .none
        default:
            guard words.count > 1, commands.contains(words[1]),
                verb.utf8.allSatisfy({ $0 > 32 && $0 < 127 && !"(){%*\"\\+".utf8.contains($0) }),
                // Header fields, such as `Connection: close`, would be commands otherwise.
                verb.utf8.last != UInt8(ascii: ":")
            else { return .none }
            // Tags have numbers or are short; `HELP LIST`, `SITE IDLE` and `215 list follows` are of others.
            let hasNumber = verb.utf8.contains { (48...57).contains($0) } && ofServer(line) != .weak(.smtp)
            return verb.utf8.count <= 2 || hasNumber ? .strong(.imap) : .weak(.imap)
        }
    }

    /// Commands of IMAP that no line of another protocol has as its second word (RFC 9051 §6).
    private static let commands: Set<String> = [
        "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN", "ENABLE", "SELECT", "EXAMINE", "CREATE",
        "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB", "NAMESPACE", "STATUS", "APPEND", "IDLE", "CLOSE", "UNSELECT",
        "EXPUNGE",
        "SEARCH", "FETCH", "STORE", "COPY", "MOVE", "UID", "ID",
    ]
}
