// A condition of a rule or a filter: parsed once, typed, and asked often.
//
//     smtp and rcpt.domain in {"example.com", "example.org"} and not (size > 10 MB)
//
// A field with several values fulfils a comparison when one of them does; `!=` is the opposite of `==`. A field without
// a value fulfils nothing but `!=`. Text is compared octet by octet.

import MailDialogue

/// A condition.
package struct Expression: Equatable, Sendable {
    /// How a field is compared.
    package enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    /// What a field is compared with.
    package enum Literal: Equatable, Sendable {
        case text([UInt8])
        /// A number, octets, or microseconds, as the field's type says.
        case number(Int)
        case truth(Bool)
    }

    /// The tree. Chains of `and` and `or` are flat, so its depth is the depth of parentheses.
    package indirect enum Node: Equatable, Sendable {
        case constant(Bool)
        case truth(Field)
        case compare(Field, Comparison, Literal)
        case oneOf(Field, [Literal])
        case contains(Field, [UInt8])
        case matches(Field, Pattern)
        case not(Node)
        case and([Node])
        case or([Node])
    }

    /// As it was written.
    package let text: String
    package let root: Node

    /// Parses an expression.
    package init(_ text: String, for use: FieldUse) throws(ExpressionError) {
        self.text = text
        root = try ExpressionParser.parse(text, use)
    }

    /// A condition that is always true.
    package static let always = Expression(text: "", root: .constant(true))

    private init(text: String, root: Node) {
        self.text = text
        self.root = root
    }

    /// The condition holds.
    package func holds(for source: some FieldSource) -> Bool { Self.holds(root, source) }

    /// The fields that it names, each once, in order.
    package var fields: [Field] {
        var found: [Field] = []
        Self.collect(root, into: &found)
        return found
    }

    // MARK: Asking

    static func holds(_ node: Node, _ source: some FieldSource) -> Bool {
        switch node {
        case .constant(let truth): truth
        case .truth(let field): source.value(of: field).isTrue
        case .compare(let field, let comparison, let literal):
            compare(source.value(of: field), comparison, literal)
        case .oneOf(let field, let literals):
            literals.contains { compare(source.value(of: field), .equal, $0) }
        case .contains(let field, let needle):
            any(source.value(of: field)) { text in
                text.withOctets { Octets.contains(needle, in: $0) }
            }
        case .matches(let field, let pattern):
            any(source.value(of: field)) { text in text.withOctets { pattern.isFound(in: $0) } }
        case .not(let inner): !holds(inner, source)
        case .and(let parts): parts.allSatisfy { holds($0, source) }
        case .or(let parts): parts.contains { holds($0, source) }
        }
    }

    private static func any(_ value: FieldValue, _ test: (String) -> Bool) -> Bool {
        switch value {
        case .text(let text): test(text)
        case .texts(let texts): texts.contains(where: test)
        case .none, .truth, .number, .numbers: false
        }
    }

    private static func compare(_ value: FieldValue, _ comparison: Comparison, _ literal: Literal) -> Bool {
        if comparison == .notEqual { return !compare(value, .equal, literal) }
        switch literal {
        case .truth(let wanted): return value.isTrue == wanted
        case .text(let wanted):
            return any(value) { text in
                // Most texts differ in their length already.
                text.utf8.count == wanted.count && text.withOctets { $0.elementsEqual(wanted) }
            }
        case .number(let wanted):
            switch value {
            case .number(let number): return order(number, comparison, wanted)
            case .numbers(let numbers): return numbers.contains { order($0, comparison, wanted) }
            case .text, .texts: return any(value) { text in Int(text).map { order($0, comparison, wanted) } ?? false }
            case .none, .truth: return false
            }
        }
    }

    private static func order(_ value: Int, _ comparison: Comparison, _ wanted: Int) -> Bool {
        switch comparison {
        case .equal: value == wanted
        case .notEqual: value != wanted
        case .less: value < wanted
        case .lessOrEqual: value <= wanted
        case .greater: value > wanted
        case .greaterOrEqual: value >= wanted
        }
    }

    /// What a node says of a session of which only the protocol is known.
    package static func holds(_ node: Node, forProtocol mailProtocol: MailProtocol) -> Bool {
        holds(node, ProtocolAlone(mailProtocol: mailProtocol))
    }

    // MARK: What it needs

    private static func collect(_ node: Node, into found: inout [Field]) {
        switch node {
        case .constant: break
        case .truth(let field), .compare(let field, _, _), .oneOf(let field, _), .contains(let field, _),
            .matches(let field, _):
            if !found.contains(field) { found.append(field) }
        case .not(let inner): collect(inner, into: &found)
        case .and(let parts), .or(let parts): for part in parts { collect(part, into: &found) }
        }
    }

    /// It may hold in sessions of this protocol: words like `smtp` are known, and fields that the protocol does not
    /// have have no value.
    package func canHold(in mailProtocol: MailProtocol) -> Bool { Self.verdict(root, mailProtocol) != false }

    /// What is certain from the protocol alone; nil when it depends.
    private static func verdict(_ node: Node, _ mailProtocol: MailProtocol) -> Bool? {
        switch node {
        case .constant(let truth): return truth
        case .truth(let field), .oneOf(let field, _), .contains(let field, _), .matches(let field, _),
            .compare(let field, _, _):
            guard field.name.definition.protocols.contains(mailProtocol) else {
                return holds(node, ProtocolAlone(mailProtocol: mailProtocol))
            }
            switch field.name {
            case .smtp, .lmtp, .pop3, .imap, .mailProtocol:
                return holds(node, ProtocolAlone(mailProtocol: mailProtocol))
            default: return nil
            }
        case .not(let inner): return verdict(inner, mailProtocol).map { !$0 }
        case .and(let parts):
            let verdicts = parts.map { verdict($0, mailProtocol) }
            if verdicts.contains(false) { return false }
            return verdicts.contains(nil) ? nil : true
        case .or(let parts):
            let verdicts = parts.map { verdict($0, mailProtocol) }
            if verdicts.contains(true) { return true }
            return verdicts.contains(nil) ? nil : false
        }
    }
}

/// Knows the protocol and nothing else.
private struct ProtocolAlone: FieldSource {
    let mailProtocol: MailProtocol

    func value(of field: Field) -> FieldValue {
        field.name.protocolValue(mailProtocol) ?? .none
    }
}

extension FieldName {
    /// The value of fields that the protocol alone decides.
    package func protocolValue(_ mailProtocol: MailProtocol) -> FieldValue? {
        switch self {
        case .smtp: .truth(mailProtocol == .smtp)
        case .lmtp: .truth(mailProtocol == .lmtp)
        case .pop3: .truth(mailProtocol == .pop3)
        case .imap: .truth(mailProtocol == .imap)
        case .mailProtocol: .text(mailProtocol.rawValue)
        case .route, .clientAddress, .clientName, .tls, .user, .command, .line, .sender, .senderDomain, .rcpt,
            .rcptDomain, .rcptCount, .size, .mailbox, .carrier, .header, .from, .to, .subject, .replyCode, .replyText,
            .tag, .id, .client, .server, .exchanges, .messages, .credentials, .violations, .finding, .bytesClient,
            .bytesServer, .duration, .end, .opaque, .gaps:
            nil
        }
    }
}

extension String {
    /// The UTF-8 of the text, without a copy where it lies in one piece.
    func withOctets<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(utf8).withUnsafeBufferPointer(body)
    }
}

enum Octets {
    /// `needle` occurs in `hay`.
    static func contains(_ needle: [UInt8], in hay: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = needle.first else { return true }
        guard hay.count >= needle.count else { return false }
        var start = 0
        while start <= hay.count - needle.count {
            if hay[start] == first, hay[start..<(start + needle.count)].elementsEqual(needle) { return true }
            start += 1
        }
        return false
    }
}
