// The mark of a session in which the proxy put its client to the test. It is kept as a tag of the session, so that all who read
// tags find it: `tag matches "^strip-test/.*/fell$"`.

/// A test and what came of it.
package struct StripMark: Equatable, Sendable {
    private static let first = "strip-test"

    /// The name of the test.
    package var vector: String
    package var verdict: String

    package init(vector: String, verdict: String) {
        self.vector = vector
        self.verdict = verdict
    }

    /// As a tag.
    package var tag: String { "\(Self.first)/\(vector)/\(verdict)" }

    /// Reads a tag. Nil when it is another.
    package init?(tag: String) {
        let parts = tag.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.first, !parts[1].isEmpty, !parts[2].isEmpty else { return nil }
        vector = String(parts[1])
        verdict = String(parts[2])
    }

    /// The mark among the tags of a session; nil when it was no test.
    package static func of(_ summary: SessionSummary) -> StripMark? {
        for tag in summary.tags {
            if let mark = StripMark(tag: tag) { return mark }
        }
        return nil
    }
}
