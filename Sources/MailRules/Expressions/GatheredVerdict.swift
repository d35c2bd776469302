// What a filter over sessions says when the rows of a session come one after the other. A comparison holds when it holds for one value of
// many, so of each only that need be kept: a session of any length takes no more memory than a short one.

/// What the rows of one session have said of a condition so far.
package struct GatheredVerdict: Sendable {
    private let condition: Expression
    /// Of each comparison in the order of the tree: it held for a row.
    private var held: [Bool]

    package init(_ condition: Expression) {
        self.condition = condition
        var count = 0
        Self.count(condition.root, &count)
        held = Array(repeating: false, count: count)
    }

    /// A row came.
    /// - Parameter has: the row has a value of this field, or several.
    package mutating func take(_ row: some FieldSource, has: (FieldName) -> Bool) {
        var place = 0
        Self.gather(condition.root, &place, &held, row, has)
    }

    /// The condition holds for the session: what its rows said was gathered.
    /// - Parameter session: Knows the other fields.
    package func holds(for session: some FieldSource) -> Bool {
        var place = 0
        return holds(condition.root, &place, session)
    }

    // All walks visit the whole tree, so that places are those of the comparisons.

    private static func count(_ node: Expression.Node, _ count: inout Int) {
        switch node {
        case .constant: break
        case .truth, .compare, .oneOf, .contains, .matches: count += 1
        case .not(let inner): self.count(inner, &count)
        case .and(let parts), .or(let parts): for part in parts { self.count(part, &count) }
        }
    }

    private static func gather(
        _ node: Expression.Node, _ place: inout Int, _ held: inout [Bool], _ row: some FieldSource,
        _ has: (FieldName) -> Bool
    ) {
        switch node {
        case .constant: break
        case .not(let inner): gather(inner, &place, &held, row, has)
        case .and(let parts), .or(let parts): for part in parts { gather(part, &place, &held, row, has) }
        case .truth(let field), .compare(let field, _, _), .oneOf(let field, _), .contains(let field, _),
            .matches(let field, _):
            if !held[place], has(field.name) { held[place] = Expression.holds(positive(node), row) }
            place += 1
        }
    }

    /// `!=` is the opposite of `==`, whatever the number of values.
    private static func positive(_ node: Expression.Node) -> Expression.Node {
        guard case .compare(let field, .notEqual, let literal) = node else { return node }
        return .compare(field, .equal, literal)
    }

    private func holds(_ node: Expression.Node, _ place: inout Int, _ session: some FieldSource) -> Bool {
        switch node {
        case .constant(let truth): return truth
        case .not(let inner): return !holds(inner, &place, session)
        case .and(let parts):
            var all = true
            for part in parts { all = holds(part, &place, session) && all }
            return all
        case .or(let parts):
            var any = false
            for part in parts { any = holds(part, &place, session) || any }
            return any
        case .truth(let field), .compare(let field, _, _), .oneOf(let field, _), .contains(let field, _),
            .matches(let field, _):
            let gathered = held[place]
            place += 1
            guard field.name.rows != nil else { return Expression.holds(node, session) }
            if case .compare(_, .notEqual, _) = node { return !gathered }
            return gathered
        }
    }
}
