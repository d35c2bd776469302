// Logins and messages in lines whose place is not known: what they show was seen, wherever they stand. They have no place by that, and no
// outcome.

import MailMessage

extension IMAPDialogue {
    /// A line of a client of whom octets are missing: tells what it shows of a login, and masks no more than what is secret in it.
    mutating func showLogin(
        _ command: IMAPCommandLine<OctetView>, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) {
        let before = search.login
        search.login = .nothing
        if case .password(let account, let size) = before, raw.withoutLineEnd.line.count == size {
            return tell(account, raw.prefix(size), raw, &remarks)
        }
        if command.isKnown, !command.tag.isEmpty {
            guard Self.isLikely(command, raw) else { return }
            switch command.code {
            case .login: showArguments(raw.part(command.arguments), raw, nil, &remarks)
            case .authenticate: showInitial(raw.part(command.arguments).trimmed, raw, &remarks)
            default: break
            }
            return
        }
        switch before {
        case .nothing, .password: break
        case .name(let size):
            // With the line end of the command, or what follows the literal.
            guard raw.count >= size + 2 else { return }
            let name = raw.prefix(size)
            showArguments(raw[name.endIndex...].withoutLineEnd.line, raw, name.text, &remarks)
        case .response(let follower): showResponse(raw.withoutLineEnd.line, raw, follower, &remarks)
        }
    }

    /// A command that announces a message, as a whole: what comes next is that, unless it is a command. Behind it the place is as little
    /// known as before.
    mutating func expectMessage(_ command: IMAPCommandLine<OctetView>, _ raw: ArraySlice<UInt8>) {
        guard command.isKnown, !command.tag.isEmpty, let literal = IMAPLiteral(endOf: command.arguments),
            let size = literal.size
        else { return }
        var next = OpenCommand(
            verb: command.code, exchange: currentExchange, arguments: IMAPArguments(wanted: wanted(command.code)))
        guard next.carriesMessage else { return }
        swap(&open, &next)
        let words = command.arguments[..<literal.start]
        gatherMessage(words)
        let content = content(words, size: size)
        guard case .message = content.kind, content.section.isEmpty else {
            open = OpenCommand()
            return
        }
        search.offer = .literal(content, size: size)
        search.isUnplaced = true
    }

    /// The line behind a message that was read so.
    mutating func acceptUnplacedRest(_ line: OctetView, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks) {
        let exchange = open.exchange
        open = OpenCommand()
        client = .seeking
        search.isUnplaced = false
        search.isPresumed = false
        guard line.isEmpty else { return acceptUnplacedClient(line, raw, &remarks) }
        remarks.element = .commandPart(complete: true)
        remarks.exchange = exchange
        remarks.violations = []
    }

    /// A command as programs and people type it, and no sentence: `Please login to continue`.
    private static func isLikely(_ command: IMAPCommandLine<OctetView>, _ raw: ArraySlice<UInt8>) -> Bool {
        let verb = raw.prefix(upTo: command.arguments.startIndex).dropFirst(command.tagOctets.count)
        return command.tagOctets.contains { (48...57).contains($0) } || !verb.contains { (97...122).contains($0) }
    }

    /// The server asks for more, in a line behind the client's last one: for a literal, or a response.
    mutating func hearChallenge(_ base64: ArraySlice<UInt8>) {
        guard client == .seeking else { return }
        switch search.login {
        case .name, .password: break
        case .response(var follower):
            _ = follower.challenge(base64)
            search.login = .response(follower)
        case .nothing: search.login = .response(SASLFollower(behind: base64))
        }
    }

    /// Arguments of LOGIN: what is left of them.
    /// - Parameter account: the name, when it came before them.
    private mutating func showArguments(
        _ line: ArraySlice<UInt8>, _ raw: ArraySlice<UInt8>, _ account: String?, _ remarks: inout Remarks
    ) {
        let literal = IMAPLiteral(endOf: line)
        let words = literal.map { line[..<$0.start] } ?? line
        var arguments = IMAPArguments(wanted: 3)
        let tokens = arguments.append(line: words)
        guard !arguments.isBroken, account == nil || words.first == 32,
            literal == nil || words.isEmpty || words.last == 32
        else { return }
        let names = account.map { [$0] } ?? tokens.prefix(1).map { $0.value.withRevealed { $0[...].text } }
        let secrets = tokens.dropFirst(account == nil ? 1 : 0)
        if let literal {
            guard let size = literal.size, size <= DialogueLimits.line, secrets.isEmpty else { return }
            if account == nil { exchange += 1 }
            search.login = names.first.map { .password(account: $0, size: size) } ?? .name(size)
            remarks.mask(nil)
        } else if let name = names.first, let secret = secrets.first, secrets.count == 1 {
            if account == nil { exchange += 1 }
            tell(name, raw[secret.range], value: secret.value, raw, &remarks)
        }
    }

    private mutating func showInitial(
        _ arguments: ArraySlice<UInt8>, _ raw: ArraySlice<UInt8>, _ remarks: inout Remarks
    ) {
        let (mechanism, rest) = arguments.firstWord
        guard SASLMechanism.isName(mechanism) else { return }
        exchange += 1
        let follower = SASLFollower(mechanism)
        let initial = rest.trimmed
        guard !initial.isEmpty else {
            search.login = .response(follower)
            return remarks.mask(nil)
        }
        showResponse(initial, raw, follower, &remarks)
    }

    private mutating func showResponse(
        _ base64: ArraySlice<UInt8>, _ raw: ArraySlice<UInt8>, _ before: SASLFollower, _ remarks: inout Remarks
    ) {
        guard !base64.isEmpty, SASLMask.covers(base64) || Base64.decode(base64) != nil else {
            if let masked = remarks.masked { remarks.mask(SASLMask.noResponse(masked)) }
            return
        }
        var follower = before
        let reading = follower.presumedResponse(base64)
        search.login = .response(follower)
        // Each login has a number of its own, by which it is known.
        if follower.isPresumed, reading.credential != nil { exchange += 1 }
        remarks.exchange = exchange
        remarks.mask(reading.masked.map { raw[..<base64.startIndex] + $0 + raw[base64.endIndex...] })
        if let credential = reading.credential { remarks.tell(.credential(credential)) }
    }

    private func tell(
        _ account: String, _ secret: ArraySlice<UInt8>, value: SecretBytes? = nil, _ raw: ArraySlice<UInt8>,
        _ remarks: inout Remarks
    ) {
        remarks.mask(raw.masking((secret.startIndex - raw.startIndex)..<(secret.endIndex - raw.startIndex)))
        let value = value ?? SecretBytes(secret)
        remarks.exchange = exchange
        remarks.tell(.credential(Credential(mechanism: "LOGIN", account: account, secret: value)))
    }
}
