// A filter as a condition of SQL, as far as SQL can say it: what the index can answer need not be read row by row.
//
// What can't be said is left out where that lets more sessions through, and the condition says that it is not exact; who asks then
// looks at what came through. Every part is true or false and never NULL, so that `not` means what it means in a filter.

import MailDialogue
import MailRecording
import MailRules

/// A condition on a row `s` of the table of sessions, with the values of its parameters in order.
struct SQLCondition: Equatable {
    var sql: String
    var values: [DatabaseValue] = []
    /// It holds for exactly the sessions for which the filter holds. Else it may hold for others, too.
    var isExact = true

    static let always = SQLCondition(sql: "1")

    /// The condition for a filter. It is about sessions whose rows are all in the index.
    init(_ filter: Expression?) {
        guard let filter else {
            self = .always
            return
        }
        let size = Self.size(filter.root)
        guard size.nodes <= Self.mostNodes, size.depth <= Self.mostDepth, let whole = Self.condition(filter.root) else {
            self = SQLCondition(sql: "1", isExact: false)
            return
        }
        self = whole
    }

    /// What SQLite takes as one expression, with room to spare: its trees are 1,000 deep at most, and a chain is as deep as it is long.
    private static let mostNodes = 200
    private static let mostDepth = 20

    private static func size(_ node: Expression.Node) -> (nodes: Int, depth: Int) {
        func all(_ parts: [Expression.Node]) -> (nodes: Int, depth: Int) {
            parts.reduce((1, 1)) { sum, part in
                let size = size(part)
                return (sum.0 + size.nodes, max(sum.1, size.depth + 1))
            }
        }
        switch node {
        case .constant, .truth, .compare, .contains, .matches: return (1, 1)
        case .oneOf(_, let literals): return (literals.count, 2)
        case .not(let inner): return all([inner])
        case .and(let parts), .or(let parts): return all(parts)
        }
    }

    init(sql: String, _ values: DatabaseValue..., isExact: Bool = true) {
        self.sql = sql
        self.values = values
        self.isExact = isExact
    }

    private init(sql: String, all values: [DatabaseValue], isExact: Bool) {
        self.sql = sql
        self.values = values
        self.isExact = isExact
    }

    // MARK: Nodes

    /// Nil when nothing can be said.
    private static func condition(_ node: Expression.Node) -> SQLCondition? {
        switch node {
        case .constant(let truth): return SQLCondition(sql: truth ? "1" : "0")
        case .not(let inner):
            // The opposite of too much is too little.
            guard var condition = condition(inner), condition.isExact else { return nil }
            condition.sql = "NOT (\(condition.sql))"
            return condition
        case .and(let parts):
            let known = parts.compactMap(condition)
            guard !known.isEmpty else { return nil }
            return joined(known, " AND ", isExact: known.count == parts.count)
        case .or(let parts):
            let known = parts.compactMap(condition)
            guard known.count == parts.count else { return nil }
            return joined(known, " OR ", isExact: true)
        case .oneOf(let field, let literals):
            return condition(.or(literals.map { .compare(field, .equal, $0) }))
        case .truth(let field), .compare(let field, _, _), .contains(let field, _), .matches(let field, _):
            if field.name.protocolValue(.smtp) != nil { return protocols(node) }
            return column(of: field).flatMap { $0.condition(node) }
        }
    }

    private static func joined(_ parts: [SQLCondition], _ word: String, isExact: Bool) -> SQLCondition {
        SQLCondition(
            sql: parts.map { "(\($0.sql))" }.joined(separator: word), all: parts.flatMap(\.values),
            isExact: isExact && parts.allSatisfy(\.isExact))
    }

    /// What the protocol alone decides.
    private static func protocols(_ node: Expression.Node) -> SQLCondition {
        let names = MailProtocol.allCases.filter { Expression.holds(node, forProtocol: $0) }.map(\.rawValue)
        guard !names.isEmpty else { return SQLCondition(sql: "0") }
        return SQLCondition(
            sql: "s.protocol IN (\(names.map { _ in "?" }.joined(separator: ", ")))",
            all: names.map { .text($0) }, isExact: true)
    }

    // MARK: Fields

    private static func column(of field: Field) -> SQLColumn? {
        switch field.name {
        case .route: .text("s.route")
        case .user: .text("s.user", mayBeNull: true)
        case .id: .text("s.id")
        case .client: .text("s.client")
        case .server: .text("s.server")
        case .end: .text("s.end")
        case .opaque: .text("s.opaque", mayBeNull: true, nullIsEmpty: true)
        case .clientAddress: .host("s.client")
        case .exchanges: .number("s.exchanges")
        case .messages: .number("s.messages")
        case .credentials: .number("s.credentials")
        case .violations: .number("s.violations")
        case .bytesClient: .number("s.client_bytes")
        case .bytesServer: .number("s.server_bytes")
        case .gaps: .number("s.gaps")
        case .duration: .number("max(0, s.last - s.start)")
        case .finding: .code(table: "findings", column: "code")
        case .tag: .list("s.tags")
        case .command: .row(table: "exchanges", column: "command")
        case .replyText: .row(table: "exchanges", column: "text")
        case .line: .row(table: "exchanges", column: "line")
        case .clientName: .argument(of: SMTPRow.greetings)
        case .sender: .argument(of: SMTPRow.beginnings)
        case .senderDomain: .argument(of: SMTPRow.beginnings, isAsItStands: false)
        case .rcpt: .argument(of: [SMTPRow.recipient])
        case .rcptDomain: .argument(of: [SMTPRow.recipient], isAsItStands: false)
        case .mailbox: .argument(of: Exchange.mailboxCommands, mayBeApart: true)
        case .header: .anyMessage
        case .carrier: .row(table: "messages", column: "carrier")
        case .from: .row(table: "messages", column: "sender")
        case .subject: .row(table: "messages", column: "subject")
        case .size: .rowNumber(table: "messages", column: "bytes")
        // Text that is compared as a number, a list within a column, JSON: who looks at the rows decides.
        case .replyCode, .to, .tls, .rcptCount: nil
        case .smtp, .lmtp, .pop3, .imap, .mailProtocol: nil
        }
    }
}

/// Where the value of a field stands, and how it is compared there.
private enum SQLColumn {
    /// `nullIsEmpty`: a session without it has the empty text.
    case text(String, mayBeNull: Bool = false, nullIsEmpty: Bool = false)
    case number(String)
    /// `address:port`, of which the address is asked for.
    case host(String)
    /// A table of texts and the sessions that have them.
    case code(table: String, column: String)
    /// A JSON list; NULL when it is empty.
    case list(String)
    /// Texts, or numbers, of rows that belong to the session.
    case row(table: String, column: String)
    case rowNumber(table: String, column: String)
    /// What stands in the lines of these commands: in which sessions it may. `isAsItStands`: in the same letters.
    /// `mayBeApart`: it may have come as a literal instead, and stands in a column of its own.
    case argument(of: Set<String>, isAsItStands: Bool = true, mayBeApart: Bool = false)
    /// What stands in messages: sessions that have one.
    case anyMessage

    /// The condition for a node that asks this field. Nil when SQL can't say it.
    func condition(_ node: Expression.Node) -> SQLCondition? {
        switch self {
        case .argument(let commands, let isAsItStands, let mayBeApart):
            return Self.argument(node, commands, isAsItStands, mayBeApart)
        case .anyMessage:
            if case .compare(_, .notEqual, _) = node { return nil }
            return SQLCondition(sql: "s.messages > 0", isExact: false)
        case .text, .number, .host, .code, .list, .row, .rowNumber: break
        }
        switch node {
        case .compare(let field, .notEqual, let literal):
            guard var condition = condition(.compare(field, .equal, literal)), condition.isExact else { return nil }
            condition.sql = "NOT (\(condition.sql))"
            return condition
        case .compare(_, let comparison, .number(let value)): return order(comparison.rawValue, Int64(value))
        case .compare(_, _, .text(let octets)): return Self.text(octets).flatMap(equal)
        case .contains(_, let octets): return Self.text(octets).flatMap(contains)
        case .truth: return truth
        case .compare(_, _, .truth), .matches, .oneOf, .constant, .not, .and, .or: return nil
        }
    }

    /// The sessions in which an argument of a command may be what the node asks for.
    private static func argument(
        _ node: Expression.Node, _ commands: Set<String>, _ isAsItStands: Bool, _ mayBeApart: Bool
    ) -> SQLCondition? {
        var wanted: [UInt8] = []
        switch node {
        case .compare(_, .notEqual, _): return nil
        case .compare(_, _, .text(let octets)), .contains(_, let octets): wanted = octets
        case .compare, .truth, .matches, .oneOf, .constant, .not, .and, .or: break
        }
        // In quotes these have a backslash before them (RFC 9051 §4.3).
        let isQuoted = wanted.contains(UInt8(ascii: "\"")) || wanted.contains(UInt8(ascii: "\\"))
        let line = "r.command IN (\(commands.sorted().map { "'\($0)'" }.joined(separator: ", ")))"
        var condition: SQLCondition
        if isAsItStands, !isQuoted, !wanted.isEmpty, let text = text(wanted) {
            // A backslash may stand before any other character, too, and means nothing there.
            condition = exists(
                "exchanges",
                line + " AND (instr(r.line, ?) > 0 OR instr(r.line, '\\') > 0"
                    + (mayBeApart ? " OR r.mailbox IS NOT NULL)" : ")"), .text(text))
        } else {
            condition = exists("exchanges", line)
        }
        condition.isExact = false
        return condition
    }

    /// Octets as a text of SQL. Other octets than those of a text can stand in the middle of one: nil.
    private static func text(_ octets: [UInt8]) -> String? {
        guard !octets.contains(0) else { return nil }
        return String(validating: octets, as: UTF8.self)
    }

    private func order(_ sign: String, _ value: Int64) -> SQLCondition? {
        switch self {
        case .number(let column):
            // The condition of the index over those that have any.
            let has = (sign == ">" && value >= 0) || (sign == ">=" && value >= 1)
            let prefix = has ? "\(column) > 0 AND " : ""
            return SQLCondition(sql: "\(prefix)\(column) \(sign == "==" ? "=" : sign) ?", .integer(value))
        case .rowNumber(let table, let column):
            return Self.exists(table, "r.\(column) \(sign == "==" ? "=" : sign) ?", .integer(value))
        case .text, .host, .code, .list, .row, .argument, .anyMessage: return nil
        }
    }

    private func equal(_ text: String) -> SQLCondition? {
        switch self {
        case .text(let column, let mayBeNull, let nullIsEmpty):
            if nullIsEmpty, text.isEmpty { return SQLCondition(sql: "\(column) IS NULL OR \(column) = ''") }
            return SQLCondition(sql: "\(column) \(mayBeNull ? "IS" : "=") ?", .text(text))
        case .host(let column):
            // ';' follows upon ':'. An address with colons stands in brackets.
            let host = text.contains(":") ? "[\(text)]" : text
            return SQLCondition(sql: "\(column) >= ? AND \(column) < ?", .text(host + ":"), .text(host + ";"))
        case .code(let table, let column):
            return SQLCondition(sql: "s.row IN (SELECT session FROM \(table) WHERE \(column) = ?)", .text(text))
        case .list(let column):
            return SQLCondition(
                sql: "\(column) IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(\(column)) j WHERE j.value = ?)",
                .text(text))
        case .row(let table, let column): return Self.exists(table, "r.\(column) = ?", .text(text))
        case .number, .rowNumber, .argument, .anyMessage: return nil
        }
    }

    private func contains(_ text: String) -> SQLCondition? {
        guard !text.isEmpty else { return nil }
        switch self {
        case .text(let column, _, _):
            return SQLCondition(sql: "\(column) IS NOT NULL AND instr(\(column), ?) > 0", .text(text))
        case .row(let table, let column): return Self.exists(table, "instr(r.\(column), ?) > 0", .text(text))
        case .code(let table, let column):
            return SQLCondition(
                sql: "s.row IN (SELECT session FROM \(table) WHERE instr(\(column), ?) > 0)", .text(text))
        case .number, .rowNumber, .host, .list, .argument, .anyMessage: return nil
        }
    }

    private var truth: SQLCondition? {
        switch self {
        case .text(let column, _, _): SQLCondition(sql: "\(column) IS NOT NULL AND \(column) != ''")
        case .number(let column): SQLCondition(sql: "\(column) > 0 OR \(column) < 0")
        case .row(let table, let column): Self.exists(table, "r.\(column) != ''")
        case .rowNumber(let table, let column): Self.exists(table, "r.\(column) != 0")
        case .code, .host, .list, .argument, .anyMessage: nil
        }
    }

    private static func exists(_ table: String, _ condition: String, _ values: DatabaseValue...) -> SQLCondition {
        var found = SQLCondition(
            sql: "EXISTS (SELECT 1 FROM \(table) r WHERE r.session = s.row AND \(condition))")
        found.values = values
        return found
    }
}
