// The fields that our server puts on top of a message (RFC 5321 §4.4).

import MailMessage

/// What the Return-Path and Received fields say.
struct SMTPTrace {
    /// How the message came (RFC 3848, RFC 6531 §4.3).
    enum Transport: String {
        case smtp = "SMTP"
        case esmtp = "ESMTP"
        case lmtp = "LMTP"
        case utf8 = "UTF8SMTP"
    }

    var reversePath: String
    var recipients: [String]
    /// The name of EHLO or HELO.
    var clientName: String
    /// The client's IP address.
    var client: String
    var host: String
    var with: Transport
    var isAuthenticated: Bool
    var identifier: UInt64
    /// Microseconds since 1970.
    var time: Int64

    /// Both fields with their line ends. The recipient is named only when it is alone: others would learn of each
    /// other.
    var fields: String {
        let literal = client.contains(":") ? "[IPv6:\(bare)]" : "[\(bare)]"
        let authenticated = isAuthenticated && with != .smtp ? "A" : ""
        let id = String(identifier, radix: 36)
        var text = "Return-Path: <\(reversePath)>\r\n"
        text += "Received: from \(safeName) (\(literal))\r\n\tby \(host) with \(with.rawValue)\(authenticated) id \(id)"
        if recipients.count == 1 { text += "\r\n\tfor <\(recipients[0])>" }
        return text + ";\r\n\t\(MailDate(microseconds: time).headerText)\r\n"
    }

    private var bare: String { String(client.filter { $0 != "[" && $0 != "]" }) }

    /// The client's name is its own invention: whatever is no part of a domain or literal becomes a question mark.
    private var safeName: String {
        let safe = clientName.unicodeScalars.map { scalar -> Character in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_", ":", "[", "]": Character(scalar)
            default: "?"
            }
        }
        return safe.isEmpty ? "unknown" : String(safe)
    }
}
