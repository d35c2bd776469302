// What clients hear of a login that we answer, each in its protocol's dress.

import MailDialogue

enum LoginReply {
    /// The client may go on with this.
    static func challenge(_ octets: [UInt8], _ base64: [UInt8], _ mailProtocol: MailProtocol) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("334 ".utf8) + base64 + [13, 10]
        case .pop3, .imap: Array("+ ".utf8) + base64 + [13, 10]
        }
    }

    /// Nobody has this name with this password (RFC 4954 §6, RFC 3206 §4, RFC 5530 §3).
    static func badCredentials(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(
            mailProtocol, tag, "535 5.7.8 these credentials do not hold", "[AUTH] these credentials do not hold",
            "NO [AUTHENTICATIONFAILED] these credentials do not hold")
    }

    /// Come again later (RFC 4954 §6, RFC 3206 §4, RFC 5530 §3).
    static func unavailable(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(
            mailProtocol, tag, "454 4.7.0 the login cannot be done now, try again later",
            "[SYS/TEMP] the login cannot be done now, try again later",
            "NO [UNAVAILABLE] the login cannot be done now, try again later")
    }

    /// The mechanism is not one of ours.
    static func notOffered(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(
            mailProtocol, tag, "504 5.5.4 this mechanism is not offered", "this mechanism is not offered",
            "NO this mechanism is not offered")
    }

    static func malformed(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(
            mailProtocol, tag, "501 5.5.2 the response is malformed", "the response is malformed",
            "BAD the response is malformed")
    }

    static func cancelled(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(mailProtocol, tag, "501 5.7.0 given up", "given up", "BAD given up")
    }

    static func serverFirst(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        let words = "this mechanism takes no initial response"
        return line(mailProtocol, tag, "501 5.7.0 \(words)", words, "BAD \(words)")
    }

    /// Not in this state: the client is logged in, or in a transaction, or has not said EHLO.
    static func misplaced(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(
            mailProtocol, tag, "503 5.5.1 a login is not permitted now", "a login is not permitted now",
            "BAD a login is not permitted now")
    }

    /// What might be a part of a login goes to nobody.
    static func unknown(_ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        line(
            mailProtocol, tag, "500 5.5.2 this command is not known", "this command is not known",
            "BAD this command is not known")
    }

    private static func line(
        _ mailProtocol: MailProtocol, _ tag: String, _ smtp: String, _ pop3: String, _ imap: String
    ) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: Array("\(smtp)\r\n".utf8)
        case .pop3: Array("-ERR \(pop3)\r\n".utf8)
        case .imap: Array("\(tag.isEmpty ? "*" : tag) \(imap)\r\n".utf8)
        }
    }

    /// The upstream's consent.
    static func accepted(_ reply: [UInt8], _ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp: reply.isEmpty ? Array("235 2.7.0 logged in\r\n".utf8) : reply
        case .pop3: reply.isEmpty ? Array("+OK logged in\r\n".utf8) : reply
        case .imap: Array("\(tag) ".utf8) + (reply.isEmpty ? Array("OK logged in\r\n".utf8) : reply)
        }
    }

    /// The upstream's refusal, in a form that the client takes for one of its login.
    static func refused(_ reply: [UInt8], _ mailProtocol: MailProtocol, _ tag: String) -> [UInt8] {
        switch mailProtocol {
        case .smtp, .lmtp:
            let isRefusal = reply.first == UInt8(ascii: "4") || reply.first == UInt8(ascii: "5")
            return isRefusal ? reply : badCredentials(mailProtocol, tag)
        case .pop3: return reply.starts(with: Array("-ERR".utf8)) ? reply : badCredentials(mailProtocol, tag)
        case .imap:
            let (word, rest) = reply[...].firstWord
            // BAD speaks of a command that was ours.
            guard word.equalsIgnoringCase("NO"), !rest.isEmpty else { return badCredentials(mailProtocol, tag) }
            return Array("\(tag) ".utf8) + reply
        }
    }
}
