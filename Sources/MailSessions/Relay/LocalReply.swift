// Replies that we give in the place of a server: a refusal by rule, an upstream that is away. Each in its protocol's dress.

import MailDialogue

/// Writes replies of our own.
package enum LocalReply {
    /// Refuses a command. `text` may begin with an SMTP code; other protocols leave it away.
    package static func refusal(_ text: String, in mailProtocol: MailProtocol, command: Command) -> [UInt8] {
        let (code, words) = split(text)
        switch mailProtocol {
        case .smtp, .lmtp: return Array("\(code) \(words)\r\n".utf8)
        case .pop3: return Array("-ERR \(withoutEnhancedCode(words))\r\n".utf8)
        case .imap:
            return Array("\(no(command)) \(withoutEnhancedCode(words))\r\n".utf8)
        }
    }

    /// Greets with a refusal, before the connection is closed.
    package static func refusedGreeting(_ text: String, in mailProtocol: MailProtocol) -> [UInt8] {
        let (code, words) = split(text)
        switch mailProtocol {
        case .smtp, .lmtp: return Array("\(code) \(words)\r\n".utf8)
        case .pop3: return Array("-ERR \(withoutEnhancedCode(words))\r\n".utf8)
        case .imap: return Array("* BYE \(withoutEnhancedCode(words))\r\n".utf8)
        }
    }

    /// The upstream can't be reached: come again later.
    package static func unavailable(_ mailProtocol: MailProtocol) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("421 4.4.1 The mail server cannot be reached, try again later\r\n".utf8)
        case .pop3: Array("-ERR [SYS/TEMP] The mail server cannot be reached, try again later\r\n".utf8)
        case .imap: Array("* BYE [UNAVAILABLE] The mail server cannot be reached, try again later\r\n".utf8)
        }
    }

    /// The server has gone in the middle of the session (RFC 5321 §3.8, §4.2.5; RFC 3206 §4; RFC 9051 §7.1.5).
    /// - Parameter verdicts: answers to a message that it owed. The message is refused for now, and then the client is sent away.
    package static func serverLost(_ mailProtocol: MailProtocol, verdicts: Int) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp:
            let verdict = Array(
                "451 4.4.2 The connection to the mail server was lost, send the message again later\r\n".utf8)
            return Array(repeatElement(verdict, count: max(0, verdicts)).joined())
                + Array("421 4.4.2 The connection to the mail server was lost, try again later\r\n".utf8)
        case .pop3: return Array("-ERR [SYS/TEMP] The connection to the mail server was lost, try again later\r\n".utf8)
        case .imap:
            return Array("* BYE [UNAVAILABLE] The connection to the mail server was lost, try again later\r\n".utf8)
        }
    }

    /// A greeting that sends the client away (RFC 5321 §3.1, RFC 1939 §4, RFC 9051 §7.1.5).
    package static func isRefusal(greeting line: some Collection<UInt8>, _ mailProtocol: MailProtocol) -> Bool {
        func begins(_ words: String) -> Bool {
            line.prefix(words.utf8.count).elementsEqual(words.utf8) { $0 == $1 || $0 ^ 32 == $1 && $1 > 64 }
        }
        return switch mailProtocol {
        case .smtp, .lmtp: begins("4") || begins("5")
        case .pop3: begins("-ERR")
        case .imap: begins("* BYE")
        }
    }

    /// A limit keeps the client out: come again later.
    package static func tooMany(_ mailProtocol: MailProtocol) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("421 4.7.0 Too many connections, try again later\r\n".utf8)
        case .pop3: Array("-ERR [SYS/TEMP] Too many connections, try again later\r\n".utf8)
        case .imap: Array("* BYE [UNAVAILABLE] Too many connections, try again later\r\n".utf8)
        }
    }

    /// Nobody has said a word for too long. POP3 has no words for it: its server closes (RFC 1939 §3).
    package static func idle(_ mailProtocol: MailProtocol) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("421 4.4.2 Idle for too long, closing the connection\r\n".utf8)
        case .pop3: []
        case .imap: Array("* BYE Autologout, idle for too long\r\n".utf8)
        }
    }

    /// The server owes an answer and does not give it. Nothing of this says that anything was done (RFC 5321 §3.8, RFC 1939 §3,
    /// RFC 9051 §7.1.5).
    package static func late(_ mailProtocol: MailProtocol) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("421 4.4.2 The mail server does not answer, try again later\r\n".utf8)
        case .pop3: Array("-ERR [SYS/TEMP] The mail server does not answer, try again later\r\n".utf8)
        case .imap: Array("* BYE [UNAVAILABLE] The mail server does not answer, try again later\r\n".utf8)
        }
    }

    /// Memory is short (RFC 3463 §3.4, X.3.2: excessive load). POP3 has words only where an answer is owed.
    package static func overloaded(_ mailProtocol: MailProtocol, owesAnswer: Bool) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("421 4.3.2 Too busy, try again later\r\n".utf8)
        case .pop3: owesAnswer ? Array("-ERR [SYS/TEMP] Too busy, try again later\r\n".utf8) : []
        case .imap: Array("* BYE [UNAVAILABLE] Too busy, try again later\r\n".utf8)
        }
    }

    /// We stop (RFC 5321 §3.8, RFC 9051 §7.1.5).
    package static func stopping(_ mailProtocol: MailProtocol) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("421 4.3.2 Service shutting down, try again later\r\n".utf8)
        case .pop3: []
        case .imap: Array("* BYE [UNAVAILABLE] Service shutting down, try again later\r\n".utf8)
        }
    }

    /// NO to a command. A line that can't be told to be one hears BAD: an untagged NO would be a warning (RFC 9051 §7.1.2,
    /// §7.1.3).
    private static func no(_ command: Command) -> String { command.tag.isEmpty ? "* BAD" : "\(command.tag) NO" }

    /// The tag of a command; that of untagged responses when it has none.
    private static func tag(_ command: Command) -> String { command.tag.isEmpty ? "*" : command.tag }

    /// Agrees to begin TLS.
    static func tlsConsent(_ mailProtocol: MailProtocol, _ command: Command) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("220 2.0.0 Ready to begin TLS\r\n".utf8)
        case .pop3: Array("+OK Ready to begin TLS\r\n".utf8)
        case .imap: Array("\(tag(command)) OK Ready to begin TLS\r\n".utf8)
        }
    }

    /// TLS can't be begun here: after the login, or in a transaction.
    package static func tlsMisplaced(_ mailProtocol: MailProtocol, _ command: Command) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("503 5.5.1 STARTTLS is not permitted now\r\n".utf8)
        case .pop3: Array("-ERR STLS is not permitted now\r\n".utf8)
        case .imap: Array("\(tag(command)) BAD STARTTLS is not permitted now\r\n".utf8)
        }
    }

    /// Nothing is done for who speaks in clear (RFC 3207 §4, RFC 5530 §3).
    static func tlsRequired(_ mailProtocol: MailProtocol, _ command: Command) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("530 5.7.0 Must issue a STARTTLS command first\r\n".utf8)
        case .pop3: Array("-ERR TLS has to be begun with STLS first\r\n".utf8)
        case .imap: Array("\(no(command)) [PRIVACYREQUIRED] TLS has to be begun with STARTTLS first\r\n".utf8)
        }
    }

    /// TLS can't be begun with the upstream: the client's wish is refused (RFC 3207 §4: 454).
    package static func tlsUnavailable(_ mailProtocol: MailProtocol, _ command: Command) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("454 4.7.0 TLS is not available, try again later\r\n".utf8)
        case .pop3: Array("-ERR [SYS/TEMP] TLS is not available, try again later\r\n".utf8)
        case .imap: Array("\(tag(command)) NO [UNAVAILABLE] TLS is not available, try again later\r\n".utf8)
        }
    }

    /// A command of SMTP that nobody offered (RFC 5321 §4.2.4).
    package static func notOffered(_ command: Command) -> [UInt8] {
        Array("502 5.5.1 \(command.verb) is not offered\r\n".utf8)
    }

    /// The same, where the session ends with it.
    package static func notOfferedEnds(_ command: Command) -> [UInt8] {
        Array("421 4.7.0 \(command.verb) is not offered, closing the connection\r\n".utf8)
    }

    /// COMPRESS is no command of a server that does not offer it (RFC 4978 §3, BAD).
    package static func compressionNotOffered(_ command: Command) -> [UInt8] {
        Array("\(tag(command)) BAD COMPRESS is not offered\r\n".utf8)
    }

    /// A session ends in which COMPRESS was used all the same.
    package static let compressionEnds = Array("* BYE COMPRESS is not offered\r\n".utf8)

    /// Octets came in clear behind the client's wish to begin TLS.
    package static func tlsHasty(_ mailProtocol: MailProtocol, _ command: Command) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("554 5.5.0 Nothing may be sent behind STARTTLS before its reply\r\n".utf8)
        case .pop3: Array("-ERR Nothing may be sent behind STLS before its reply\r\n".utf8)
        case .imap: Array("\(tag(command)) BAD Nothing may be sent behind STARTTLS before its reply\r\n".utf8)
        }
    }

    /// The code, 554 5.7.1 when there is none, and the words behind it.
    private static func split(_ text: String) -> (code: String, words: String) {
        let clean = String(text.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 })
        let octets = Array(clean.utf8)[...]
        let (first, rest) = octets.firstWord
        if first.count == 3, let code = first.decimal, code >= 400, code < 600 { return ("\(code)", rest.trimmed.text) }
        return ("554", "5.7.1 " + clean)
    }

    private static func withoutEnhancedCode(_ words: String) -> String {
        let (first, rest) = Array(words.utf8)[...].firstWord
        let isCode = first.count >= 5 && first.allSatisfy { ($0 >= 48 && $0 <= 57) || $0 == 46 }
        return isCode ? rest.trimmed.text : words
    }
}
