// What the server of a test says to commands. It knows as much of its protocol as a client needs to come to its login.

import MailDialogue

extension StripTest {
    /// The list that stands for the server's, where the session is now.
    private var list: [String] {
        var offer = StripFacade.Offer()
        offer.forbidsPipelining = vector == .injectedResponse
        if state == .clear, vector.offersTLS {
            offer.offersTLS = !hasAsked
            // Where TLS will come logins wait for it, as at a good server; where it won't, there is nothing else to do.
            offer.offersLogin = !vector.isOfTLS && vector != .injectedResponse && vector != .control
        }
        return facade.list(mailProtocol, offer)
    }

    mutating func answer(_ command: Command, _ note: Note) {
        switch mailProtocol {
        case .smtp, .lmtp: answerSMTP(command, note)
        case .pop3: answerPOP3(command, note)
        case .imap: answerIMAP(command, note)
        }
    }

    /// What the client hears that tells its secret: come again later (RFC 4954 §6, RFC 3206 §4, RFC 5530 §3).
    mutating func refuseLogin(_ tag: String) {
        switch mailProtocol {
        case .smtp, .lmtp: say("454 4.7.0 Temporary authentication failure")
        case .pop3: say("-ERR [SYS/TEMP] Temporary authentication failure")
        case .imap: say("\(tag.isEmpty ? "*" : tag) NO [UNAVAILABLE] Temporary authentication failure")
        }
    }

    // MARK: STARTTLS

    /// The client asks for TLS.
    private mutating func startTLS(_ command: Command) {
        guard state == .clear, !hasAsked else { return sayUnknown(command) }
        hasAsked = true
        let tag = command.tag.isEmpty ? "*" : command.tag
        switch vector {
        case .capabilityRemoved, .extensionsRefused, .preAuthenticated:
            isReached = true
            sayUnknown(command)
        case .permanentError:
            isReached = true
            sayUnknown(command)
        case .temporaryError:
            isReached = true
            say(LocalReply.tlsUnavailable(mailProtocol, command))
        case .invalidAnswer:
            switch mailProtocol {
            case .smtp, .lmtp: answerUnsure(Array("200 2.0.0 Ready to begin TLS\r\n".utf8))
            case .pop3: answerUnsure(Array("+ Ready to begin TLS\r\n".utf8))
            case .imap: answerUnsure(Array("\(tag) YES Ready to begin TLS\r\n".utf8))
            }
            isReached = true
        case .clearAnswer: answerUnsure(LocalReply.tlsConsent(mailProtocol, command))
        case .control, .untrustedCertificate, .wrongName, .expired, .oldVersion:
            beginTLS(LocalReply.tlsConsent(mailProtocol, command), injecting: [])
        case .injectedResponse:
            beginTLS(LocalReply.tlsConsent(mailProtocol, command), injecting: injection(behind: command.tag))
        }
    }

    /// An answer to what the client is going to say first under TLS.
    private func injection(behind tag: String) -> [UInt8] {
        var lines: [String]
        switch mailProtocol {
        case .smtp, .lmtp: lines = ["250-\(facade.host)", "250-AUTH PLAIN LOGIN", "250 8BITMIME"]
        // For CAPA, and its first line for USER.
        case .pop3: lines = ["+OK", "USER", "SASL PLAIN LOGIN", "."]
        case .imap:
            lines = ["* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN"]
            if let next = Self.tag(behind: tag) { lines.append("\(next) OK done") }
        }
        lines.append("")
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    /// The tag that a client counts up to behind this one; nil when it does not end in a number.
    static func tag(behind tag: String) -> String? {
        let digits = tag.reversed().prefix { $0.isASCII && $0.isNumber }.count
        guard let number = UInt64(tag.suffix(digits)), number < .max, digits < 19 else { return nil }
        let next = String(number + 1)
        return tag.dropLast(digits) + String(repeating: "0", count: max(0, digits - next.utf8.count)) + next
    }

    /// What a client hears in the middle of its handshake.
    var handshakeAnswer: [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("500 5.5.1 This command is not known\r\n".utf8)
        case .pop3: Array("-ERR This command is not known\r\n".utf8)
        case .imap: Array("* BAD This command is not known\r\n".utf8)
        }
    }

    private mutating func sayUnknown(_ command: Command) {
        switch mailProtocol {
        case .smtp, .lmtp: say("502 5.5.1 This command is not implemented")
        case .pop3: say("-ERR This command is not known")
        case .imap: say("\(command.tag.isEmpty ? "*" : command.tag) BAD This command is not known")
        }
    }

    // MARK: SMTP

    private mutating func answerSMTP(_ command: Command, _ note: Note) {
        switch command.verb {
        case "EHLO":
            if vector == .extensionsRefused {
                isReached = true
                return sayUnknown(command)
            }
            if vector == .capabilityRemoved { isReached = true }
            let lines = [facade.host] + list
            say(
                lines.enumerated().map { "250\($0.offset == lines.count - 1 ? " " : "-")\($0.element)" }
                    .joined(separator: "\r\n"))
        case "HELO": say("250 \(facade.host)")
        case "STARTTLS": startTLS(command)
        case "AUTH": beginLogin(SMTPCommand(note.raw.withoutLineEnd.line).argument, command)
        case "MAIL", "SEND", "SOML", "SAML":
            fell(by: command.verb)
            say("451 4.7.0 Try again later")
            close()
        case "NOOP", "RSET": say("250 2.0.0 OK")
        case "HELP": say("214 2.0.0 RFC 5321")
        case "VRFY": say("252 2.0.0 Send the message and see")
        case "RCPT", "DATA": say("503 5.5.1 MAIL comes first")
        case "QUIT":
            say("221 2.0.0 Bye")
            close()
        default: sayUnknown(command)
        }
    }

    // MARK: POP3

    private mutating func answerPOP3(_ command: Command, _ note: Note) {
        switch command.verb {
        case "CAPA":
            if vector == .extensionsRefused {
                isReached = true
                return sayUnknown(command)
            }
            if vector == .capabilityRemoved { isReached = true }
            say((["+OK"] + list + ["."]).joined(separator: "\r\n"))
        case "STLS": startTLS(command)
        case "USER": say("+OK")
        case "AUTH": beginLogin(note.raw.withoutLineEnd.line.firstWord.rest.trimmed, command)
        case "QUIT":
            say("+OK Bye")
            close()
        default: sayUnknown(command)
        }
    }

    // MARK: IMAP

    private mutating func answerIMAP(_ command: Command, _ note: Note) {
        let tag = command.tag.isEmpty ? "*" : command.tag
        switch command.verb {
        case "CAPABILITY":
            if vector == .capabilityRemoved { isReached = true }
            say("* CAPABILITY \(list.joined(separator: " "))\r\n\(tag) OK done")
        case "ID":
            learnID(note.raw)
            say("* ID NIL\r\n\(tag) OK done")
        case "NOOP": say("\(tag) OK done")
        case "STARTTLS": startTLS(command)
        case "AUTHENTICATE":
            beginLogin(IMAPCommandLine(note.raw.withoutLineEnd.line).arguments, command)
        case "LOGOUT":
            say("* BYE Bye\r\n\(tag) OK done")
            close()
        // Its password is empty, or it would have been one.
        case "LOGIN": say("\(tag) NO Login failed")
        default:
            guard vector == .preAuthenticated, command.isKnown else { return sayUnknown(command) }
            fell(by: command.verb)
            say("\(tag) NO [UNAVAILABLE] Try again later")
            close()
        }
    }

    /// A literal follows. Who sends it with `+` does not wait (RFC 7888 §4).
    mutating func askForLiteral(_ note: Note) {
        if case .command(let command) = note.element {
            openTag = command.tag
            if vector == .preAuthenticated, command.isKnown, command.verb != "LOGIN", command.verb != "ID" {
                return answer(command, note)
            }
        }
        let line = note.raw.withoutLineEnd.line
        if line.last == UInt8(ascii: "}"), line.dropLast().last == UInt8(ascii: "+") { return }
        say("+ go on")
    }

    /// The end of a command with literals that was no login.
    mutating func answerLiterals() { say("\(openTag.isEmpty ? "*" : openTag) NO Not now") }

    /// The program's name and version, of an ID command with quoted strings (RFC 2971 §3.1).
    private mutating func learnID(_ raw: ArraySlice<UInt8>) {
        var words: [String] = []
        var rest = raw
        while words.count < 60, let from = rest.firstIndex(of: UInt8(ascii: "\"")) {
            let behind = rest[(from + 1)...]
            guard let end = behind.firstIndex(of: UInt8(ascii: "\"")) else { break }
            words.append(behind[..<end].text)
            rest = behind[(end + 1)...]
        }
        func value(_ field: String) -> String? {
            let place = stride(from: 0, to: words.count - 1, by: 2).first { words[$0].lowercased() == field }
            return place.map { words[$0 + 1] }
        }
        let name = [value("name"), value("version")].compactMap { $0 }.joined(separator: " ")
        if !name.isEmpty { learn(name: name) }
    }

    // MARK: Logins

    /// AUTH, AUTHENTICATE. An initial response with a secret was seen already.
    private mutating func beginLogin(_ arguments: ArraySlice<UInt8>, _ command: Command) {
        let mechanism = arguments.firstWord.word.keyword()
        guard ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"].contains(mechanism) else {
            switch mailProtocol {
            case .smtp, .lmtp: return say("504 5.5.4 This mechanism is not offered")
            case .pop3: return say("-ERR This mechanism is not offered")
            case .imap: return say("\(command.tag.isEmpty ? "*" : command.tag) NO This mechanism is not offered")
            }
        }
        login = (mechanism, command.tag, 0)
        // With an initial response LOGIN has said its user's name.
        let hasName = mechanism == "LOGIN" && !arguments.firstWord.rest.trimmed.isEmpty
        challenge(hasName ? Self.password : mechanism == "LOGIN" ? Self.username : "")
    }

    private static let username = "VXNlcm5hbWU6"
    private static let password = "UGFzc3dvcmQ6"

    private mutating func challenge(_ base64: String) {
        login?.challenges += 1
        say(mailProtocol == .smtp || mailProtocol == .lmtp ? "334 \(base64)" : "+ \(base64)")
    }

    /// A response without a secret: the name in LOGIN, or the client gives up.
    mutating func respond(_ note: Note) {
        guard let login else { return close() }
        if login.mechanism == "LOGIN", login.challenges == 1, note.raw.first != UInt8(ascii: "*") {
            return challenge(Self.password)
        }
        self.login = nil
        switch mailProtocol {
        case .smtp, .lmtp: say("501 5.7.0 Authentication was given up")
        case .pop3: say("-ERR Authentication was given up")
        case .imap: say("\(login.tag.isEmpty ? "*" : login.tag) BAD Authentication was given up")
        }
    }
}
