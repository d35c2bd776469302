// What a line of the client shows whose place is not known: logins, chunks, and what of it may be a secret.

import MailMessage

extension SMTPDialogue {
    /// What a line whose place is not known shows of a login was seen, wherever it stands. Gives the login whose responses may follow.
    /// - Parameter login: the one that was under way.
    mutating func showLogin(
        _ raw: ArraySlice<UInt8>, _ verb: SMTPCommand.Verb?, _ login: SASLFollower?, _ remarks: inout Remarks
    ) -> SASLFollower? {
        if case .lost(let loss) = client, loss.place == .content { return nil }
        if verb == .auth || verb == .xexps { return showAUTH(raw, &remarks) }
        // Behind a challenge a line begins with the client's next octet, whatever is missing before.
        guard var login else { return nil }
        guard verb == nil, Self.isResponse(raw) else {
            if let masked = remarks.masked { remarks.mask(SASLMask.noResponse(masked)) }
            return nil
        }
        login.missChallenge()
        let base64 = raw.withoutLineEnd.line
        remarks.exchange = exchange
        tell(login.presumedResponse(base64), of: base64, raw, &remarks)
        return login
    }

    private mutating func showAUTH(_ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) -> SASLFollower? {
        let octets = raw.span
        let line = octets.extracting(0..<octets.lineLength.length)
        let argument = SMTPCommandCut(line).argument
        let (mechanism, rest) = raw[(raw.startIndex + argument.lowerBound)..<(raw.startIndex + argument.upperBound)]
            .firstWord
        guard SASLMechanism.isName(mechanism), SMTPLineOctets(line).isEmpty else { return nil }
        // Each login has a number of its own, by which it is known.
        exchange &+= 1
        remarks.exchange = exchange
        var follower = SASLFollower(mechanism, lineLimit: DialogueLimits.saslLine)
        let initial = rest.trimmed
        if !initial.isEmpty { tell(follower.presumedResponse(initial), of: initial, raw, &remarks) }
        return follower
    }

    /// A challenge whose place is not known either: what follows may be the response to it. False when it is none that is known, or
    /// nothing can follow it.
    mutating func hearChallenge(_ raw: ArraySlice<UInt8>) -> Bool {
        guard case .lost(var loss) = client, loss.place != .content, raw.starts(with: "334 ".utf8) else { return false }
        let challenge = raw.withoutLineEnd.line.dropFirst(4)
        guard let octets = Base64.decode(challenge), octets.isEmpty || PresumedMechanism.of(challenge: octets) != nil
        else { return false }
        if var login = loss.login {
            _ = login.challenge(challenge)
            loss.login = login
        } else {
            exchange &+= 1
            loss.login = SASLFollower(behind: challenge, lineLimit: DialogueLimits.saslLine)
        }
        client = .lost(loss)
        return true
    }

    /// A response in a line whose place is not known.
    private func tell(
        _ reading: SASLFollower.Reading, of base64: ArraySlice<UInt8>, _ raw: ArraySlice<UInt8>,
        _ remarks: inout Remarks
    ) {
        remarks.mask(reading.masked.map { raw[..<base64.startIndex] + $0 + raw[base64.endIndex...] })
        if let credential = reading.credential { remarks.tell(.credential(credential)) }
    }

    /// BDAT says how many octets follow, whatever the server thinks of it (RFC 3030 §2). Behind them the place is as little known as before.
    mutating func expectChunk(_ line: Span<UInt8>, _ remarks: inout Remarks) {
        let command = SMTPCommandCut(line)
        guard command.verb == .bdat, let chunk = command.chunk(line), !isHopeless, SMTPLineOctets(line).isEmpty else {
            return
        }
        usesChunks = true
        client = .chunk(size: chunk.size, isLast: chunk.isLast)
        isDoubtful = true
    }

    /// DATA that a client sends who was heard since octets of it were lost, behind mailboxes or nothing, is a command: content begins
    /// otherwise, and no server answers in the middle of it, but for chunks. Behind it comes the message, when it begins as one.
    func expectData(_ verb: SMTPCommand.Verb?, _ line: Span<UInt8>, isShown: Bool, _ loss: inout SMTPLoss) {
        loss.offersContent = false
        guard isShown, let verb else {
            loss.isHeard = false
            return
        }
        if verb == .mail || verb == .rcpt { return }
        loss.offersContent = verb == .data && line.count == 4 && loss.isHeard && loss.mayBeCommand
        loss.isHeard = false
    }

    /// A reply that asks for nothing came: the client's next line is a command, unless it had sent others before.
    mutating func hearReply() {
        guard case .lost(var loss) = client else { return }
        loss.offersContent = false
        switch loss.last {
        case .nothing, .line(.mail), .line(.rcpt): loss.isHeard = !usesChunks
        case .tail, .line: break
        }
        client = .lost(loss)
    }

    /// A line of the server that may lack its beginning. One that reads `354` behind what may be DATA asks for the message, when the client
    /// goes on as a message begins.
    mutating func hearTail(_ line: Span<UInt8>) {
        guard case .lost(var loss) = client, let reply = SMTPReplyLine(line) else { return }
        loss.offersContent = reply.code == 354 && reply.isLast && loss.mayBeCommand && loss.mayFollow([.data])
        client = .lost(loss)
    }

    /// Base64, or what a response becomes when it is masked.
    static func isResponse(_ raw: ArraySlice<UInt8>) -> Bool {
        let line = raw.withoutLineEnd.line
        return !line.isEmpty && (SASLMask.covers(line) || Base64.decode(line) != nil)
    }

    /// The masked form of a line that may be a command, content or a SASL response: of a command in good shape the secret, which is
    /// where it always is; of another what follows its verb, for the verb is what makes a place certain, or keeps it from being
    /// certain, also where the line is read again; all of anything else.
    func maskUnplaced(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let octets = raw.span
        let line = octets.extracting(0..<octets.lineLength.length)
        let command = SMTPCommandCut(line)
        guard let verb = command.shownVerb(line) else { return raw.masking(0..<raw.count) }
        var secret: Range<Int>? = command.argument.isEmpty ? nil : command.argument
        switch verb {
        case .mail, .send, .soml, .saml, .rcpt:
            let cut = SMTPPathCut(line, command.argument, keyword: verb == .rcpt ? "TO:" : "FROM:")
            if cut?.isBracketed == true { secret = nil }
        case .bdat: if command.chunk(line) != nil { secret = nil }
        case .ehlo, .helo, .lhlo: if SMTPGrammar.isHost(line.extracting(command.argument)) { secret = nil }
        case .auth, .xexps:
            let (mechanism, rest) = line.firstWord(command.argument)
            let start = raw.startIndex
            let isName = SASLMechanism.isName(raw[(start + mechanism.lowerBound)..<(start + mechanism.upperBound)])
            if isName || mechanism.isEmpty { secret = rest.isEmpty ? nil : rest }
        case .data, .rset, .quit, .startTLS, .vrfy, .expn, .noop, .help, .etrn, .burl, .xclient, .xforward, .turn,
            .atrn,
            .verb, .onex, .clientID, .xexch50, .xanonymousTLS:
            break
        }
        return secret.map { raw.masking($0) }
    }
}

extension SMTPCommandCut {
    /// The verb, where the masked form of a line without a place shows it, too.
    func shownVerb(_ line: Span<UInt8>) -> SMTPCommand.Verb? { SMTPLineOctets(line).isEmpty ? verb : nil }
}
