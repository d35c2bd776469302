// The ports on which mail is spoken: who is the server of a connection whose beginning was not captured.

import MailRecording

/// Ports of mail servers.
package enum MailPorts {
    /// SMTP, submission, LMTP, POP3 and IMAP, with and without TLS, and the ports of MailProxy's own listeners.
    package static let all: Set<UInt16> = [25, 587, 465, 2525, 1025, 24, 110, 995, 1110, 143, 993, 1143]

    /// Whether `endpoint` is the client of `other`: its peer's port is a mail port and its own is not, else it has the
    /// higher port.
    package static func isClient(_ endpoint: IPEndpoint, of other: IPEndpoint) -> Bool {
        let isMail = all.contains(endpoint.port)
        return isMail == all.contains(other.port) ? endpoint.port >= other.port : !isMail
    }
}
