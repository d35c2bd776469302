// How much a finding matters.

/// How much a finding matters, least first.
package enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Good to know; nothing is to be done.
    case info
    /// Helps an attacker a little, or breaks what others rely on.
    case low
    /// A weakness that needs something else to be used.
    case medium
    /// Whoever is on the way can use it.
    case high
    /// It was used, or secrets lie open to strangers.
    case critical

    /// 0 for the least.
    package var rank: Int {
        switch self {
        case .info: 0
        case .low: 1
        case .medium: 2
        case .high: 3
        case .critical: 4
        }
    }

    package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
}
