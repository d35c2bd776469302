// An earlier report, read from its JSON: what got better and what got worse since then.

import MailRecording

/// What matters of an earlier report.
package struct AuditBaseline: Sendable {
    /// How often each code was found, and on whom.
    package var counts: [String: Int] = [:]
    package var subjects: [String: Set<String>] = [:]
    /// When it was made, as it says.
    package var made: String?

    /// Reads a report of `--format json`. Nil when it is none.
    package init?(_ json: JSONValue) {
        guard let findings = json["findings"]?.array, json["verdict"]?.string != nil else { return nil }
        made = json["made"]?.string
        for finding in findings {
            guard let code = finding["code"]?.string else { return nil }
            counts[code] = finding["count"]?.integer.map { Int(clamping: $0) } ?? 0
            subjects[code] = Set((finding["subjects"]?.array ?? []).compactMap(\.string))
        }
    }

    /// A difference.
    package struct Change: Equatable, Sendable {
        package enum Direction: String, Sendable { case new, worse, same, better, gone }
        package var code: String
        package var direction: Direction
        package var before: Int
        package var now: Int
        /// Those whom it did not concern before.
        package var newSubjects: [String]
        /// Those whom it no longer concerns.
        package var goneSubjects: [String]
    }

    /// What changed, in the order of the findings, then what is gone.
    package func changes(to findings: [Finding]) -> [Change] {
        var changes: [Change] = []
        for finding in findings {
            let code = finding.kind.code
            let old = subjects[code] ?? []
            let new = finding.subjects.filter { !old.contains($0) }
            let gone = old.subtracting(finding.subjects).sorted()
            let before = counts[code] ?? 0
            // More places of the same hosts are more traffic; another host is worse.
            let direction: Change.Direction =
                if before == 0 {
                    .new
                } else if !new.isEmpty {
                    .worse
                } else if !gone.isEmpty {
                    .better
                } else {
                    .same
                }
            changes.append(
                Change(
                    code: code, direction: direction, before: before, now: finding.count, newSubjects: new,
                    goneSubjects: gone))
        }
        let now = Set(findings.map(\.kind.code))
        for (code, count) in counts.sorted(by: { $0.key < $1.key }) where count > 0 && !now.contains(code) {
            changes.append(
                Change(
                    code: code, direction: .gone, before: count, now: 0, newSubjects: [],
                    goneSubjects: (subjects[code] ?? []).sorted()))
        }
        return changes
    }
}
