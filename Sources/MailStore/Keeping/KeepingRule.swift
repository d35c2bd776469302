// How long sessions are kept that are worth more, or less, than others: `90 days: violations > 0`, one line each, the first that holds.

import MailRules

/// Why a line says nothing. `text` is for people.
package struct KeepingRuleError: Error, Equatable, Sendable, CustomStringConvertible {
    package let text: String
    package var description: String { text }
}

/// A time, and the sessions for which it holds.
package struct KeepingRule: Sendable, Equatable {
    /// As it was written.
    package let text: String
    /// Microseconds from the end of a session; nil: for ever.
    package let age: Int64?
    package let filter: Expression

    private static let units: [(names: Set<Substring>, hours: Int64)] = [
        (["hour", "hours", "h"], 1), (["day", "days", "d"], 24), (["week", "weeks", "w"], 168),
        (["year", "years", "y"], 8_760),
    ]

    /// Hours in a hundred years.
    private static let longest: Int64 = 876_000

    /// Reads a line.
    package init(_ text: String) throws(KeepingRuleError) {
        self.text = text
        let form =
            "write 'TIME: EXPRESSION', such as '90 days: violations > 0' or 'forever: user == \"legal@example.com\"'"
        guard let colon = text.firstIndex(of: ":") else {
            throw KeepingRuleError(text: "there is no time before an expression; \(form)")
        }
        let words = text[..<colon].split(separator: " ")
        age = try Self.age(words, form)
        let condition = text[text.index(after: colon)...].drop { $0 == " " }
        do throws(ExpressionError) { filter = try Expression(String(condition), for: .session) } catch {
            throw KeepingRuleError(text: "\(error)")
        }
        guard SQLCondition(filter).isExact else {
            let fields = Set(filter.fields.map(\.text)).sorted().joined(separator: ", ")
            throw KeepingRuleError(
                text:
                    "the index alone cannot answer '\(condition)' (it asks for \(fields)): sessions are not read once more to be removed"
            )
        }
    }

    private static func age(_ words: [Substring], _ form: String) throws(KeepingRuleError) -> Int64? {
        if words == ["forever"] { return nil }
        guard words.count == 2, let count = Int64(words[0]), count > 0,
            let unit = units.first(where: { $0.names.contains(words[1]) })
        else {
            throw KeepingRuleError(
                text: "'\(words.joined(separator: " "))' is no time; \(form); units are hours, days, weeks and years")
        }
        guard count <= longest / unit.hours else {
            throw KeepingRuleError(
                text: "'\(words.joined(separator: " "))' is more than a hundred years: write 'forever'")
        }
        return count * unit.hours * 3_600_000_000
    }

    /// A time for people: `7 days`.
    static func words(_ age: Int64) -> String {
        let hours = age / 3_600_000_000
        let (count, unit) = hours % 24 == 0 ? (hours / 24, "day") : (hours, "hour")
        return "\(count) \(unit)\(count == 1 ? "" : "s")"
    }
}

/// A session of a segment, as retention sees it.
struct KeptSession: Equatable {
    var id: String
    /// The time of its last octet.
    var last: Int64
    /// The first rule that holds for it; nil when none does.
    var rule: Int?
}

/// Which sessions of one segment go.
///
/// Sessions with the same time go together, when the last of them is old enough: a segment is written anew once for each time, not once
/// for each session.
struct KeepingDecision: Equatable {
    var gone: Set<String> = []
    /// When there may be more to decide; microseconds since 1970.
    var next = Int64.max
    /// Why, in words.
    var reason = ""

    /// - Parameters:
    ///   - standard: the time of those for which no rule holds; nil: for ever.
    init(_ sessions: [KeptSession], _ rules: [KeepingRule], standard: Int64?, now: Int64) {
        var groups: [Int64: (rules: Set<Int>, ids: [String], last: Int64)] = [:]
        for session in sessions {
            let age = session.rule.map { rules[$0].age } ?? standard
            guard let age else { continue }
            var group = groups[age] ?? ([], [], .min)
            group.rules.insert(session.rule ?? -1)
            group.ids.append(session.id)
            group.last = max(group.last, session.last)
            groups[age] = group
        }
        var reasons: [String] = []
        for (age, group) in groups.sorted(by: { $0.key < $1.key }) {
            let (sum, isBeyond) = group.last.addingReportingOverflow(age)
            let due = isBeyond ? Int64.max : sum
            guard due <= now else {
                next = min(next, due)
                continue
            }
            gone.formUnion(group.ids)
            let which = group.rules.sorted().map { $0 < 0 ? "" : " (\(rules[$0].text))" }.joined()
            reasons.append(
                "\(group.ids.count) session\(group.ids.count == 1 ? "" : "s") older than \(KeepingRule.words(age))\(which)"
            )
        }
        reason = reasons.joined(separator: ", ")
    }

    /// Those that go when the recording is too large: all but those that a rule keeps longer than the others.
    init(_ sessions: [KeptSession], _ rules: [KeepingRule], standard: Int64?, beyond octets: Int64) {
        for session in sessions {
            if let rule = session.rule {
                guard let age = rules[rule].age, age <= standard ?? .max else { continue }
            }
            gone.insert(session.id)
        }
        reason = "\(gone.count) session\(gone.count == 1 ? "" : "s"), as the recording had more than \(octets) octets"
    }
}

extension RecordingIndex {
    /// The sessions of a segment. Nil when they cannot be judged yet: some go on, or their rows are still to be read.
    func sessions(
        ofSegment number: Int, _ rules: [KeepingRule]
    ) throws(RecordingIndexError) -> [KeptSession]? {
        try guarded { () throws(DatabaseError) in
            let conditions = rules.map { SQLCondition($0.filter) }
            let cases = conditions.enumerated().map { " WHEN (\($1.sql)) THEN \($0)" }.joined()
            let statement = try database.prepare(
                """
                SELECT s.id, s.last, s.settled, CASE\(cases) ELSE -1 END
                FROM (SELECT DISTINCT session FROM extents WHERE segment = \(number)) e JOIN sessions s ON s.row = e.session
                """)
            defer { statement.reset() }
            for (index, value) in conditions.flatMap(\.values).enumerated() {
                statement.bind(Int32(clamping: index + 1), value)
            }
            var found: [KeptSession] = []
            while try statement.step() {
                guard statement.int(2) != 0 else { return nil }
                let rule = statement.int(3)
                found.append(
                    KeptSession(
                        id: statement.text(0) ?? "", last: statement.int64(1), rule: rule < 0 ? nil : rule))
            }
            return found
        }
    }
}
