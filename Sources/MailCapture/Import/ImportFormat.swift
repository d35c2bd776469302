// Files of other programs that hold what was said in a session, though no packets.

import MailRecording

/// A form in which other programs write sessions down.
package enum ImportFormat: String, Sendable, CaseIterable {
    /// Dovecot's rawlogs: a file for each direction, or one for both.
    case rawlog
    /// What swaks prints.
    case swaks
    /// What `openssl s_client` prints, and what was typed as far as it is there.
    case openssl

    /// The route that sessions of such files have: there was none.
    package var route: String { "import:" + rawValue }

    /// The form that a session's route says it came in; nil when it was no such file.
    package init?(route: String) {
        guard route.hasPrefix("import:") else { return nil }
        self.init(rawValue: String(route.dropFirst(7).prefix { $0 != ":" }))
    }

    /// Behind the route of a session whose file begins when the client had logged in.
    static let late = ":late"

    /// A session began behind its login, be it in such a file or in a recording that was made of one. Behind STARTTLS no login was.
    static func isLate(_ info: SessionInfo) -> Bool {
        ImportFormat(route: info.route) != nil && info.route.hasSuffix(late) && info.tls?.how != .starttls
    }
}
