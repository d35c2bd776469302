// What is certain of a condition while some of its fields are not known yet.

import MailDialogue

extension Expression {
    /// Whether it holds; nil while that depends on fields that are not known.
    package func verdict(of source: some FieldSource, unknown: (FieldName) -> Bool) -> Bool? {
        Self.verdict(root, source, unknown)
    }

    private static func verdict(
        _ node: Node, _ source: some FieldSource, _ unknown: (FieldName) -> Bool
    ) -> Bool? {
        switch node {
        case .constant(let truth): return truth
        case .truth(let field), .oneOf(let field, _), .contains(let field, _), .matches(let field, _),
            .compare(let field, _, _):
            return unknown(field.name) ? nil : holds(node, source)
        case .not(let inner): return verdict(inner, source, unknown).map { !$0 }
        case .and(let parts):
            let verdicts = parts.map { verdict($0, source, unknown) }
            if verdicts.contains(false) { return false }
            return verdicts.contains(nil) ? nil : true
        case .or(let parts):
            let verdicts = parts.map { verdict($0, source, unknown) }
            if verdicts.contains(true) { return true }
            return verdicts.contains(nil) ? nil : false
        }
    }
}
