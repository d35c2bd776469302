// A breach of an RFC by one side: a value with a stable code, never a refusal. Each protocol lists its own in an
// extension of this type; `Violation.all` in ProtocolTable.swift joins them.

/// A breach of an RFC by one side.
package struct Violation: Equatable, Hashable, Sendable {
    /// How much it matters.
    package enum Severity: String, Sendable, Hashable, Comparable {
        /// Sloppy, harmless.
        case notice
        /// Breaks a MUST; peers may differ in what they make of it.
        case error
        /// A known attack has this shape.
        case attack

        private var rank: Int {
            switch self {
            case .notice: 0
            case .error: 1
            case .attack: 2
            }
        }
        package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
    }

    /// The stable code, which audits quote: `smtp-bare-lf`.
    package let code: String
    /// Who did it.
    package let side: Side
    package let severity: Severity
    /// The sentence that was broken: `RFC 5321 §2.3.8`.
    package let section: String
    /// One sentence that says what happened.
    package let meaning: String
    /// The shortest octets that show it, in the form of a transcript: `C: ` or `S: ` before each line, `C> ` or `S> ` before
    /// octets with escapes to which nothing is added, `M: ` before a line of a message.
    package let example: String

    package init(
        _ code: String, _ side: Side, _ severity: Severity, _ section: String, _ meaning: String, example: String
    ) {
        self.code = code
        self.side = side
        self.severity = severity
        self.section = section
        self.meaning = meaning
        self.example = example
    }

    package static func == (a: Violation, b: Violation) -> Bool { a.code == b.code && a.side == b.side }
    package func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(side)
    }
}
