// Lines of SMTP and POP3: verbs, codes, keywords and numbers stay, names are replaced.

import MailDialogue
import MailMessage

/// Replaces lines of protocols.
struct LineAnonymizer {
    let text: TextAnonymizer
    private var sasl: SASLAnonymizer { SASLAnonymizer(text: text) }

    init(_ text: TextAnonymizer) { self.text = text }

    /// Splits a line into itself and its end.
    static func parts(_ line: ArraySlice<UInt8>) -> (line: ArraySlice<UInt8>, end: ArraySlice<UInt8>) {
        let content = line.withoutLineEnd.line
        return (content, line[content.endIndex...])
    }

    /// A line that fits nothing, or whose place is not known, when it reads like a line of its protocol.
    func readsLikeOne(_ line: ArraySlice<UInt8>, of side: Side, in mailProtocol: MailProtocol) -> Bool {
        let (word, rest) = line.firstWord
        switch (mailProtocol, side) {
        case (.smtp, .server), (.lmtp, .server):
            return line.count >= 3 && line.prefix(3).allSatisfy { $0 >= 48 && $0 <= 57 }
                && [nil, 32, 45].contains(line.dropFirst(3).first)
        case (.pop3, .server): return word.equalsIgnoringCase("+OK") || word.equalsIgnoringCase("-ERR")
        case (.smtp, .client), (.lmtp, .client), (.pop3, .client): return Self.isVerb(word)
        case (.imap, .server):
            guard word.elementsEqual([42]) || IMAPLineAnonymizer.isTag(word) else { return false }
            let next = rest.firstWord.word
            return next.decimal != nil || Self.isVerb(next)
        case (.imap, .client): return IMAPLineAnonymizer.isTag(word) && Self.isVerb(rest.firstWord.word)
        }
    }

    private static func isVerb(_ word: ArraySlice<UInt8>) -> Bool {
        word.count >= 2 && word.allSatisfy { $0 >= 65 && $0 <= 90 || $0 >= 97 && $0 <= 122 || $0 >= 48 && $0 <= 57 }
            && AnonymousWords.spoken.contains(AnonymousWords.Mark.of(word))
    }

    /// Octets that nobody could read: letters, digits and what is beyond ASCII become the same letter.
    func unread(_ octets: ArraySlice<UInt8>, into out: inout [UInt8]) {
        text.pseudonyms.unread += octets.count
        for octet in octets {
            switch octet {
            case 0, 9, 10, 13, 32...47, 58...64, 91...96, 123...127: out.append(octet)
            case 48...57, 65...90, 97...122: out.append(UInt8(ascii: "x"))
            case 128...: out.append(0xFF)
            default: out.append(1)
            }
        }
    }

    /// A message of SASL on a line, alone or behind a keyword.
    func challenge(_ line: ArraySlice<UInt8>, _ mechanism: String, behindWord: Bool, into out: inout [UInt8]) {
        var rest = line
        if behindWord {
            let word = line.firstWord.word
            out += word
            rest = line[word.endIndex...]
        }
        let base64 = rest.trimmed
        out += rest[..<base64.startIndex]
        if !base64.isEmpty {
            let made = sasl.replaced(base64, mechanism, isChallenge: behindWord)
            // Nothing in it was to be replaced: what any server says, or masks.
            if made.elementsEqual(base64) { text.pseudonyms.keep(base64) }
            out += made
        }
        out += rest[base64.endIndex...]
    }

    /// `AUTH mechanism [initial-response]` behind its verb; a tag may stand before it.
    func login(_ line: ArraySlice<UInt8>, _ mechanism: inout String, into out: inout [UInt8]) {
        let start = line.firstIndex { $0 != 32 && $0 != 9 } ?? line.endIndex
        out += line[..<start]
        let name = line[start...].firstWord.word
        mechanism = name.keyword()
        text.replace(name, .syntax, into: &out)
        challenge(line[name.endIndex...], mechanism, behindWord: false, into: &out)
    }

    // MARK: SMTP

    /// A command of SMTP or LMTP, without its end.
    func smtpCommand(_ line: ArraySlice<UInt8>, verb: String, _ mechanism: inout String, into out: inout [UInt8]) {
        let word = line.firstWord.word
        let rest = line[word.endIndex...]
        text.replace(word, .syntax, into: &out)
        switch verb {
        case "MAIL", "RCPT": path(rest, into: &out)
        case "AUTH": login(rest, &mechanism, into: &out)
        case "BDAT", "STARTTLS", "DATA", "RSET", "QUIT": text.replace(rest, .syntax, into: &out)
        case "XCLIENT", "XFORWARD": parameters(rest, into: &out)
        default: text.replace(rest, .names, into: &out)
        }
    }

    /// `FROM:<path> parameters`.
    private func path(_ line: ArraySlice<UInt8>, into out: inout [UInt8]) {
        guard let colon = line.firstIndex(of: 58) else { return text.replace(line, .names, into: &out) }
        text.replace(line[...colon], .syntax, into: &out)
        var index = colon + 1
        while index < line.endIndex, line[index] == 32 || line[index] == 9 { index += 1 }
        var isQuoted = false
        let isBracketed = index < line.endIndex && line[index] == 60
        while index < line.endIndex {
            let octet = line[index]
            if octet == 92 { index += 1 } else if octet == 34 { isQuoted.toggle() }
            if !isQuoted, isBracketed ? octet == 62 : octet == 32 { break }
            index += 1
        }
        index = min(index, line.endIndex)
        text.replace(line[(colon + 1)..<index], .names, into: &out)
        parameters(line[index...], into: &out)
    }

    /// `SIZE=1000 ENVID=id`.
    private func parameters(_ line: ArraySlice<UInt8>, into out: inout [UInt8]) {
        var index = line.startIndex
        while index < line.endIndex {
            if line[index] == 32 || line[index] == 9 || line[index] == 62 {
                out.append(line[index])
                index += 1
                continue
            }
            let end = line[index...].firstIndex { $0 == 32 || $0 == 9 } ?? line.endIndex
            let word = line[index..<end]
            index = end
            guard let equals = word.firstIndex(of: 61) else {
                text.replace(word, .syntax, into: &out)
                continue
            }
            let key = word[..<equals]
            text.replace(key, .syntax, into: &out)
            let value = word[equals...]
            switch key.keyword() {
            case "ENVID", "AUTH", "XNAME", "NAME", "ADDR", "HELO", "LOGIN", "IDENT", "DESTADDR":
                text.replace(value, Self.xtext, into: &out)
            case "ORCPT":
                // The type of the address, and the address (RFC 3461 §4.2).
                let type = value.firstIndex(of: 59) ?? value.startIndex
                text.replace(value[..<type], .syntax, into: &out)
                text.replace(value[type...], Self.xtext, into: &out)
            default: text.replace(value, .syntax, into: &out)
            }
        }
    }

    private static let xtext: WordRule = {
        var rule = WordRule.names
        rule.isXText = true
        rule.words = AnonymousWords.set("UNAVAILABLE TEMPUNAVAIL IPV6")
        return rule
    }()

    /// A line of a reply, without its end.
    /// - Parameter verb: of the command that is answered; empty for the greeting.
    func smtpReply(_ line: ArraySlice<UInt8>, verb: String, isFirst: Bool, into out: inout [UInt8]) {
        guard line.count >= 3, line.prefix(3).allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
            return unread(line, into: &out)
        }
        out += line.prefix(3)
        let rest = line.dropFirst(3)
        if line.starts(with: Array("334".utf8)) { return challenge(rest, "", behindWord: true, into: &out) }
        let isCapability = !isFirst && (verb == "EHLO" || verb == "LHLO")
        text.replace(rest, isCapability ? Self.capability : .speech, into: &out)
    }

    private static let capability: WordRule = {
        var rule = WordRule.syntax
        rule.findsAddresses = true
        return rule
    }()

    // MARK: POP3

    /// A command of POP3, without its end.
    func pop3Command(_ line: ArraySlice<UInt8>, verb: String, _ mechanism: inout String, into out: inout [UInt8]) {
        let word = line.firstWord.word
        let rest = line[word.endIndex...]
        text.replace(word, .syntax, into: &out)
        switch verb {
        case "AUTH": login(rest, &mechanism, into: &out)
        case "USER", "PASS", "APOP": text.replace(rest, .names, into: &out)
        default: text.replace(rest, .syntax, into: &out)
        }
    }

    /// A line of a reply or of a listing, without its end.
    func pop3Reply(_ line: ArraySlice<UInt8>, verb: String, isListing: Bool, into out: inout [UInt8]) {
        switch verb {
        case "UIDL" where isListing || line.first == 43: identifiers(line, into: &out)
        case "STAT", "LIST", "CAPA", "DELE", "RETR", "TOP", "NOOP": text.replace(line, Self.capability, into: &out)
        default: text.replace(line, .speech, into: &out)
        }
    }

    /// `1 unique-id`: what consists of hexadecimal digits is no name and stays, as UIDs do.
    private func identifiers(_ line: ArraySlice<UInt8>, into out: inout [UInt8]) {
        var index = line.startIndex
        while index < line.endIndex {
            let end = line[index...].firstIndex(of: 32) ?? line.endIndex
            let word = line[index..<end]
            if !word.isEmpty, word.allSatisfy({ HexPair.value($0) != nil }) {
                text.pseudonyms.keep(word)
                out += word
            } else {
                text.replace(word, word.first == 43 ? .speech : .names, into: &out)
            }
            if end < line.endIndex { out.append(32) }
            index = end + 1
        }
    }
}
