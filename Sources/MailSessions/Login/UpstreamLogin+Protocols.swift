// What servers of each protocol say while we log in to them, and the protocols' own commands for it.

import MailDialogue

// MARK: SMTP (RFC 4954 §4)

extension UpstreamLogin {
    mutating func readSMTP(_ line: [UInt8]) -> Step {
        guard let words = SMTPWords(line) else { return lose("it says '\(ServerLines.text(line))'") }
        reply += line
        switch state {
        case .greeting:
            guard words.isLast else { return .more }
            return words.code == 220 ? ask() : lose("it greets with '\(ServerLines.text(line))'")
        case .offered:
            let (keyword, behind) = words.text.keywordOfOffer
            if keyword.equalsIgnoringCase("AUTH") { learn(behind) }
            guard words.isLast else { return .more }
            guard words.code == 250 else { return fail("it answers EHLO with '\(ServerLines.text(line))'") }
            return logIn()
        case .exchange, .cancelled, .concluding, .named, .literal:
            guard words.isLast else { return .more }
            let whole = reply
            reply = []
            if words.code == 334 { return challenge(words.text) }
            return conclude(whole, accepted: words.code == 235)
        case .over: return .more
        }
    }

    mutating func learn(_ names: ArraySlice<UInt8>) {
        for name in names.split(separator: 32) {
            let mechanism = SASLMechanism(name.keyword())
            if !mechanisms.contains(mechanism) { mechanisms.append(mechanism) }
        }
    }
}

extension ArraySlice<UInt8> {
    /// The keyword of a line of EHLO's reply, and what stands behind it; old servers write `AUTH=`.
    fileprivate var keywordOfOffer: (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        let keyword = prefix { $0 != 32 && $0 != UInt8(ascii: "=") }
        return (keyword, dropFirst(keyword.count + 1))
    }
}

// MARK: POP3 (RFC 5034 §4, RFC 1939 §7)

extension UpstreamLogin {
    mutating func readPOP3(_ line: [UInt8]) -> Step {
        let isOK = line.starts(with: Array("+OK".utf8))
        switch state {
        case .greeting: return isOK ? ask() : lose("it greets with '\(ServerLines.text(line))'")
        case .offered:
            if reply.isEmpty {
                // A server that does not know CAPA knows USER and PASS.
                if !isOK { return logIn() }
                reply = line
                return .more
            }
            let text = line[...].withoutLineEnd.line
            if text.elementsEqual([UInt8(ascii: ".")]) { return logIn() }
            let (tag, names) = text.firstWord
            if tag.equalsIgnoringCase("SASL") { learn(names) }
            return .more
        case .named:
            guard isOK else { return conclude(line, accepted: false) }
            state = .concluding
            return .send(Array("PASS ".utf8) + credential.secret.withRevealed { $0 } + [13, 10])
        case .exchange, .cancelled, .concluding, .literal:
            if line.first == UInt8(ascii: "+"), !isOK {
                return challenge(line[...].withoutLineEnd.line.dropFirst(2))
            }
            return conclude(line, accepted: isOK)
        case .over: return .more
        }
    }

    mutating func beginPOP3() -> Step {
        let account = Array(credential.account.utf8)
        let fits = credential.secret.withRevealed { Self.isLine($0) } && Self.isLine(account) && !account.isEmpty
        guard fits else { return fail("the account or its password can't be written in a line") }
        state = .named
        return .send(Array("USER ".utf8) + account + [13, 10])
    }

    private static func isLine(_ octets: [UInt8]) -> Bool {
        !octets.contains { $0 == 0 || $0 == 10 || $0 == 13 }
    }
}

// MARK: IMAP (RFC 9051 §6.2.2, §6.2.3)

extension UpstreamLogin {
    mutating func readIMAP(_ line: [UInt8]) -> Step {
        let text = line[...].withoutLineEnd.line
        let (first, behind) = text.firstWord
        let (word, rest) = behind.firstWord
        if first.elementsEqual([UInt8(ascii: "*")]) { return readUntagged(line, word, rest) }
        if state == .greeting { return lose("it greets with '\(ServerLines.text(line))'") }
        if first.elementsEqual([UInt8(ascii: "+")]) {
            guard case .literal(var parts) = state else { return challenge(behind) }
            guard !parts.isEmpty else { return lose("it asks for more than the login has") }
            let part = parts.removeFirst()
            state = parts.isEmpty ? .concluding : .literal(parts)
            return .send(part)
        }
        guard first.elementsEqual(Array(ServerLines.tag.utf8)) else { return .more }
        switch state {
        case .offered:
            guard word.equalsIgnoringCase("OK") else {
                return fail("it answers CAPABILITY with '\(ServerLines.text(line))'")
            }
            return logIn()
        case .greeting, .over: return .more
        case .named, .literal, .exchange, .cancelled, .concluding:
            return conclude(Array(line[behind.startIndex...]), accepted: word.equalsIgnoringCase("OK"))
        }
    }

    private mutating func readUntagged(
        _ line: [UInt8], _ word: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8>
    ) -> Step {
        if state == .greeting {
            guard word.equalsIgnoringCase("OK") else { return lose("it greets with '\(ServerLines.text(line))'") }
            return ask()
        }
        if word.equalsIgnoringCase("BYE") { return lose("it says '\(ServerLines.text(line))'") }
        if word.equalsIgnoringCase("CAPABILITY"), state == .offered {
            takesInitialResponse = false
            for name in rest.split(separator: 32) {
                if name.hasPrefixIgnoringCase("AUTH=") { learn(name.dropFirst(5)) }
                if name.equalsIgnoringCase("SASL-IR") { takesInitialResponse = true }
                if name.equalsIgnoringCase("LOGINDISABLED") { disablesLogin = true }
            }
        }
        let isStatus = ["OK", "NO", "BAD"].contains { (name: StaticString) in word.equalsIgnoringCase(name) }
        if isStatus, rest.hasPrefixIgnoringCase("[ALERT]") { alerts += line }
        return .more
    }

    mutating func beginIMAP() -> Step {
        let account = Self.astring(Array(credential.account.utf8))
        let password = credential.secret.withRevealed { Self.astring($0) }
        guard let account, let password else { return fail("the account or its password holds a NUL octet") }
        // Each part ends where a literal waits for `+`.
        var parts: [[UInt8]] = [Array("\(ServerLines.tag) LOGIN ".utf8)]
        for (index, string) in [account, password].enumerated() {
            for (number, piece) in string.enumerated() {
                if number == 0 { parts[parts.count - 1] += piece } else { parts.append(piece) }
            }
            parts[parts.count - 1] += index == 0 ? [32] : [13, 10]
        }
        let command = parts.removeFirst()
        state = parts.isEmpty ? .concluding : .literal(parts)
        return .send(command)
    }

    /// A string in quotes, or a literal in two pieces; nil when no string may hold it (RFC 9051 §9).
    private static func astring(_ octets: [UInt8]) -> [[UInt8]]? {
        if octets.contains(0) { return nil }
        let isQuotable = octets.count < 1_000 && octets.allSatisfy { $0 < 128 && $0 != 10 && $0 != 13 }
        guard isQuotable else { return [Array("{\(octets.count)}\r\n".utf8), octets] }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        for octet in octets {
            if octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") { quoted.append(UInt8(ascii: "\\")) }
            quoted.append(octet)
        }
        return [quoted + [UInt8(ascii: "\"")]]
    }
}
