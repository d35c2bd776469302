// What an audit can find: a kind has a stable code, and all that does not depend on the capture.

/// A kind of finding.
package struct FindingKind: Hashable, Sendable {
    /// What a kind is about.
    package enum Area: String, Sendable, CaseIterable {
        case credentials, tls, messages, attacks, exposure, protocols, evidence

        /// The heading of the part of a report.
        package var title: String {
            switch self {
            case .credentials: "Credentials"
            case .tls: "TLS"
            case .messages: "Messages"
            case .attacks: "Attacks and abuse"
            case .exposure: "What hosts give away"
            case .protocols: "Breaches of protocols"
            case .evidence: "Limits of the evidence"
            }
        }
    }

    /// The stable code: `credentials-in-clear`.
    package let code: String
    package let area: Area
    package let severity: Severity
    /// What was found, in a few words.
    package let title: String
    /// What it means for the one whose mail it is: one or two sentences.
    package let meaning: String
    /// Where it is written: an RFC with its section, or a CVE.
    package let reference: String
    package let remedy: Remedy

    package init(
        _ code: String, _ area: Area, _ severity: Severity, _ title: String, _ meaning: String, _ reference: String,
        _ remedy: Remedy
    ) {
        self.code = code
        self.area = area
        self.severity = severity
        self.title = title
        self.meaning = meaning
        self.reference = reference
        self.remedy = remedy
    }

    package static func == (a: FindingKind, b: FindingKind) -> Bool { a.code == b.code }
    package func hash(into hasher: inout Hasher) { hasher.combine(code) }

    /// Every kind, in the order of the reference page.
    package static let all: [FindingKind] =
        credentials + tls + messages + attacks + exposure + protocols + evidence

    /// The kind with this code.
    package static func find(_ code: String) -> FindingKind? { all.first { $0.code == code } }
}
