// Where a finding was seen.

import MailDialogue
import MailRecording

/// A place in a capture that shows something.
package struct Evidence: Equatable, Sendable {
    /// The session; empty when it is a matter of a whole file.
    package var session: String
    /// The exchange in it; nil when it is a matter of the session.
    package var exchange: Int?
    /// The packet with which it was certain, as Wireshark numbers them: from 1, in the file ``source``. Nil when it is not of one packet.
    package var frame: Int?
    /// Which of the files, from 0.
    package var source: Int
    /// Microseconds since 1970.
    package var time: Int64
    package var client: IPEndpoint?
    package var server: IPEndpoint?
    /// Who or what it is about, in words of this place; never a secret.
    package var detail: String
    /// What was said there, a line each: `C: ` or `S: ` and the line, secrets masked. Empty when it was not kept.
    package var excerpt: [String] = []

    package init(
        session: String, exchange: Int? = nil, frame: Int? = nil, source: Int = 0, time: Int64,
        client: IPEndpoint? = nil, server: IPEndpoint? = nil, detail: String
    ) {
        self.session = session
        self.exchange = exchange
        self.frame = frame
        self.source = source
        self.time = time
        self.client = client
        self.server = server
        self.detail = detail
    }
}

/// Something that was found, with where.
package struct Finding: Equatable, Sendable {
    /// Places that are kept of one kind.
    package static let mostEvidence = 25
    /// Names of those whom it concerns that are kept of one kind.
    package static let mostSubjects = 1_000

    package let kind: FindingKind
    /// As grave as the gravest place: a password that crossed the network of strangers is worse than one within the house.
    package var severity: Severity
    /// How often it was seen.
    package var count: Int
    /// The first places.
    package var evidence: [Evidence]
    /// Accounts, hosts or domains that it concerns, sorted.
    package var subjects: [String]

    package init(
        _ kind: FindingKind, severity: Severity, count: Int, evidence: [Evidence], subjects: [String]
    ) {
        self.kind = kind
        self.severity = severity
        self.count = count
        self.evidence = evidence
        self.subjects = subjects
    }
    /// Whether it is to be told before the other: the graver one; of two that are as grave here, the one that is graver elsewhere (a
    /// password within one machine before messages there); then the one that was seen more often.
    static func isGraver(_ finding: Finding, _ other: Finding) -> Bool {
        (other.severity, other.kind.severity, other.count, finding.kind.code)
            < (finding.severity, finding.kind.severity, finding.count, other.kind.code)
    }
}
