// Parses expressions (recursive descent) and checks their types on the way.
//
//     or         = and *( ("or" / "||") and )
//     and        = not *( ("and" / "&&") not )
//     not        = ("not" / "!") not / primary
//     primary    = "(" or ")" / "true" / "false" / field [test]
//     test       = ("==" / "!=" / "<" / "<=" / ">" / ">=") literal / "in" "{" literal *("," literal) "}"
//                / "contains" string / "matches" string
//     field      = name *("." name) ["[" string "]"]
//     literal    = string / number [unit] / "true" / "false"

/// The parser.
struct ExpressionParser {
    /// Longer expressions are refused.
    static let longest = 65_536
    /// Parentheses and `not` in each other.
    static let deepest = 100

    private typealias Node = Expression.Node

    private let text: [UInt8]
    private let tokens: [Token]
    private let use: FieldUse
    private var at = 0

    static func parse(_ text: String, _ use: FieldUse) throws(ExpressionError) -> Expression.Node {
        let octets = Array(text.utf8)
        guard octets.count <= longest else {
            throw ExpressionError("the expression is longer than \(longest) octets", at: 0, in: [])
        }
        var parser = ExpressionParser(octets, try Lexer.tokens(octets), use)
        let node = try parser.or(depth: 0)
        let rest = parser.token
        if rest.kind != .end { throw parser.unexpected(rest) }
        return node
    }

    private init(_ text: [UInt8], _ tokens: [Token], _ use: FieldUse) {
        self.text = text
        self.tokens = tokens
        self.use = use
    }

    // MARK: Tokens

    private var token: Token {
        at < tokens.count ? tokens[at] : Token(kind: .end, offset: text.count)
    }

    private mutating func advance() -> Token {
        defer { at += 1 }
        return token
    }

    private mutating func take(_ words: String...) -> Bool {
        switch token.kind {
        case .word(let word), .symbol(let word):
            guard words.contains(word) else { return false }
            at += 1
            return true
        case .string, .number, .end: return false
        }
    }

    private func error(_ message: String, at offset: Int) -> ExpressionError {
        ExpressionError(message, at: offset, in: text)
    }

    private func unexpected(_ token: Token) -> ExpressionError {
        switch token.kind {
        case .end: error("the expression ends too early", at: token.offset)
        case .word(let word):
            error(
                "\(token.shown) does not fit here\(Suggestion.hint(word, among: Self.operators))", at: token.offset)
        case .string, .number, .symbol: error("\(token.shown) does not fit here", at: token.offset)
        }
    }

    private static let operators = ["and", "or", "not", "in", "contains", "matches"]

    private mutating func expect(_ symbol: String) throws(ExpressionError) {
        let token = token
        guard take(symbol) else {
            throw error("expected '\(symbol)', got \(token.shown)", at: token.offset)
        }
    }

    // MARK: Conditions

    private mutating func or(depth: Int) throws(ExpressionError) -> Node {
        var parts = [try and(depth: depth)]
        while take("or", "||") { parts.append(try and(depth: depth)) }
        return parts.count == 1 ? parts[0] : .or(parts)
    }

    private mutating func and(depth: Int) throws(ExpressionError) -> Node {
        var parts = [try not(depth: depth)]
        while take("and", "&&") { parts.append(try not(depth: depth)) }
        return parts.count == 1 ? parts[0] : .and(parts)
    }

    private mutating func not(depth: Int) throws(ExpressionError) -> Node {
        guard depth < Self.deepest else {
            throw error("more than \(Self.deepest) levels of parentheses", at: token.offset)
        }
        if take("not", "!") { return .not(try not(depth: depth + 1)) }
        if take("(") {
            let node = try or(depth: depth + 1)
            try expect(")")
            return node
        }
        if take("true") { return .constant(true) }
        if take("false") { return .constant(false) }
        return try test()
    }

    private mutating func test() throws(ExpressionError) -> Node {
        let field = try field()
        let sign = token
        switch sign.kind {
        case .symbol(let symbol):
            guard let comparison = Expression.Comparison(rawValue: symbol) else { break }
            at += 1
            return .compare(field, comparison, try literal(field, comparison, sign))
        case .word("in"):
            at += 1
            return .oneOf(field, try list(field, sign))
        case .word("contains"):
            at += 1
            return .contains(field, try string(field, "contains", sign).octets)
        case .word("matches"):
            at += 1
            let string = try string(field, "matches", sign)
            do {
                return .matches(field, try Pattern(string.octets))
            } catch {
                let place = min(max(error.offset, 0), string.offsets.count - 1)
                throw self.error(error.message, at: string.offsets[place])
            }
        case .word, .string, .number, .end: break
        }
        return .truth(field)
    }

    private mutating func field() throws(ExpressionError) -> Field {
        let token = advance()
        guard case .word(let word) = token.kind else { throw unexpected(token) }
        if Self.operators.contains(word) { throw unexpected(token) }
        guard let name = FieldName(rawValue: word) else {
            let hint = Suggestion.hint(word, among: FieldTable.names(for: use))
            throw error("unknown field '\(word)'\(hint)", at: token.offset)
        }
        guard name.definition.isKnown(for: use) else {
            switch use {
            case .rule: throw error("'\(word)' is a field of session filters, rules don't know it", at: token.offset)
            case .scope: throw error("'\(word)' is not known when octets are recorded", at: token.offset)
            case .session: throw error("'\(word)' is a field of rules, session filters don't know it", at: token.offset)
            }
        }
        guard name == .header else {
            if self.token.kind == .symbol("[") {
                throw error("'\(word)' takes no argument", at: self.token.offset)
            }
            return Field(name)
        }
        guard take("[") else {
            throw error("'header' takes the name of a field: header[\"subject\"]", at: self.token.offset)
        }
        let argument = advance()
        guard case .string(let octets, _) = argument.kind else {
            throw error("expected the name of a header field in quotes, got \(argument.shown)", at: argument.offset)
        }
        guard !octets.isEmpty, octets.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: ":") }) else {
            throw error("this is no name of a header field (RFC 5322 §2.2)", at: argument.offset)
        }
        try expect("]")
        return Field(.header, argument: String(decoding: octets, as: UTF8.self).lowercased())
    }

    // MARK: Literals

    private mutating func list(_ field: Field, _ sign: Token) throws(ExpressionError) -> [Expression.Literal] {
        try expect("{")
        var literals = [try literal(field, .equal, sign)]
        while take(",") { literals.append(try literal(field, .equal, sign)) }
        try expect("}")
        return literals
    }

    private mutating func string(
        _ field: Field, _ word: String, _ sign: Token
    ) throws(ExpressionError) -> (octets: [UInt8], offsets: [Int]) {
        switch field.name.definition.type {
        case .text, .code: break
        case .number, .size, .duration, .truth:
            throw error("'\(word)' looks into text, and \(field.text) is \(Self.article(field))", at: sign.offset)
        }
        let token = advance()
        guard case .string(let octets, let offsets) = token.kind else {
            throw error("expected a string behind '\(word)', got \(token.shown)\(Self.quotes(token))", at: token.offset)
        }
        return (octets, offsets)
    }

    /// What to write instead of a word that was to be a text.
    private static func quotes(_ token: Token) -> String {
        guard case .word(let word) = token.kind else { return "" }
        return "; a text stands in quotes: \"\(word)\""
    }

    private static func article(_ field: Field) -> String {
        switch field.name.definition.type {
        case .text: "text"
        case .number: "a number"
        case .size: "a count of octets"
        case .duration: "a time span"
        case .truth: "true or false"
        case .code: "a reply code"
        }
    }

    private mutating func literal(
        _ field: Field, _ comparison: Expression.Comparison, _ sign: Token
    ) throws(ExpressionError) -> Expression.Literal {
        let token = advance()
        let type = field.name.definition.type
        let isOrder = comparison != .equal && comparison != .notEqual
        let text = text
        func mismatch(_ what: String) -> ExpressionError {
            ExpressionError(
                "\(field.text) is \(Self.article(field)) and can't be compared with \(what)", at: token.offset, in: text
            )
        }
        switch token.kind {
        case .string(let octets, _):
            guard type == .text || type == .code else { throw mismatch("a string") }
            if isOrder { throw error("'\(comparison.rawValue)' orders numbers, not text", at: sign.offset) }
            return .text(octets)
        case .word("true"), .word("false"):
            guard type == .truth else { throw mismatch(token.shown) }
            if isOrder { throw error("'\(comparison.rawValue)' orders numbers", at: sign.offset) }
            return .truth(token.kind == .word("true"))
        case .number(let digits):
            return .number(try number(digits, token, type, mismatch))
        case .word, .symbol, .end:
            let hint = type == .text || type == .code ? Self.quotes(token) : ""
            throw error("expected a value for \(field.text), got \(token.shown)\(hint)", at: token.offset)
        }
    }

    private mutating func number(
        _ digits: String, _ token: Token, _ type: FieldType, _ mismatch: (String) -> ExpressionError
    ) throws(ExpressionError) -> Int {
        var unit: Unit?
        if case .word(let word) = self.token.kind, !Self.operators.contains(word) {
            guard let known = Unit(rawValue: word) else {
                let hint = Suggestion.hint(word, among: Unit.allCases.map(\.rawValue))
                throw error("unknown unit '\(word)'\(hint)", at: self.token.offset)
            }
            at += 1
            unit = known
        }
        switch type {
        case .text, .truth: throw mismatch("a number")
        case .number, .code: if unit != nil { throw mismatch("a number with a unit") }
        case .size: if unit?.isTime == true { throw mismatch("a time") }
        case .duration:
            guard let unit else { throw mismatch("a number without a unit (5 s)") }
            guard unit.isTime else { throw mismatch("octets") }
        }
        guard let value = Quantity.value(digits, unit: unit) else {
            let why = digits.contains(".") && unit == nil ? "a fraction needs a unit" : "the number is too large"
            throw error(why, at: token.offset)
        }
        return value
    }
}
