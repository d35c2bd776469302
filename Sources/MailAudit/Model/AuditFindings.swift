// All that an audit has found, before it becomes a report.

import MailRecording

/// What was found.
package struct AuditFindings: Sendable {
    /// The gravest first.
    package var findings: [Finding]
    package var credentials: PackedRows<AuditCredential>
    package var messages: PackedRows<AuditMessage>
    package var clients: [AuditClient]
    package var servers: [AuditServer]
    /// The busiest first.
    package var tls: [AuditTLS]
    /// The most exposed first.
    package var accounts: [AuditAccount]
    /// The busiest first.
    package var edges: [AuditEdge]
    package var buckets: [AuditBucket]
    package var sessions: Int
    /// Sessions of which something went in clear.
    package var clearSessions: Int
    /// Microseconds since 1970; nil without sessions.
    package var first: Int64?
    package var last: Int64?
    /// Credentials and messages that were counted and have no row.
    package var unkept: Int

    /// The gravest severity; nil when nothing was found.
    package var worst: Severity? { findings.map(\.severity).max() }
}

/// A file that was read.
package struct AuditSource: Equatable, Sendable {
    package var file: String
    /// In hex; nil when it was not a file.
    package var sha256: String?
    package var packets: Int
    /// Places at which octets are missing.
    package var gaps: Int
    /// Packets that the capturing kernel lost, as the file says.
    package var dropped: UInt64
    /// Packets that could not be decoded.
    package var undecoded: Int
    /// Packets of which the capture kept the beginning only.
    package var cut: Int
    /// What is wrong with it.
    package var problem: String?

    package init(
        file: String, sha256: String?, packets: Int, gaps: Int, dropped: UInt64, undecoded: Int, cut: Int = 0,
        problem: String?
    ) {
        self.file = file
        self.sha256 = sha256
        self.packets = packets
        self.gaps = gaps
        self.dropped = dropped
        self.undecoded = undecoded
        self.cut = cut
        self.problem = problem
    }
}
