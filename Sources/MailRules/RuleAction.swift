// What rules do, and where each action makes sense. One table: an action is a case and a line.

import MailDialogue

/// An action of a rule.
package enum RuleAction: Equatable, Sendable {
    /// Ends the evaluation: no later rule is asked at this point of this frame.
    case pass
    /// Answers in the server's place. With or without an SMTP code at the front.
    case reject(String)
    /// Ends the session.
    case close
    case tag(String)
    case log(RuleTemplate)
    /// Sets a field of a message's header section.
    case setHeader(name: String, value: RuleTemplate)
    /// Waits, in milliseconds; everything behind waits too, in order.
    case delay(Int)
    /// At a login: the client's session goes on at this upstream.
    case route(RouteTarget)

    package var kind: RuleActionKind {
        switch self {
        case .pass: .pass
        case .reject: .reject
        case .close: .close
        case .tag: .tag
        case .log: .log
        case .setHeader: .setHeader
        case .delay: .delay
        case .route: .route
        }
    }
}

/// An upstream as a rule names it.
package struct RouteTarget: Equatable, Hashable, Sendable {
    /// As a route's upstream is written: `imap://b.example.com:143?tls=starttls`.
    package let text: String
    /// Where it stands in its file, for complaints.
    package let line: Int
    package let column: Int
}

/// The names of actions.
package enum RuleActionKind: String, Sendable, CaseIterable {
    case pass
    case reject
    case close
    case tag
    case log
    case setHeader = "set-header"
    case delay
    case route

    /// The points at which it makes sense.
    package var points: Set<RulePoint> {
        switch self {
        case .pass, .close, .tag, .log, .delay: Set(RulePoint.allCases)
        case .reject: [.connect, .command, .envelope, .header]
        case .setHeader: [.header]
        case .route: [.command]
        }
    }

    /// Takes no value.
    package var isBare: Bool {
        switch self {
        case .pass, .close: true
        case .reject, .tag, .log, .setHeader, .delay, .route: false
        }
    }

    /// How it is written.
    package var example: String {
        switch self {
        case .pass: "pass"
        case .reject: "reject: \"554 5.7.1 not here\""
        case .close: "close"
        case .tag: "tag: suspicious"
        case .log: "log: \"{user} from {client.address}\""
        case .setHeader: "set-header: \"X-Route: {route}\""
        case .delay: "delay: 2s"
        case .route: "route: imap://b.example.com:143"
        }
    }

    /// One or two sentences for the reference.
    package var meaning: String {
        switch self {
        case .pass: "Asks no later rule at this point. Exceptions stand in a rule of their own before the others."
        case .reject:
            "Answers in the server's place. SMTP and LMTP take the code from the text (554 5.7.1 when there is none), POP3 says `-ERR`, IMAP `NO`. At `connect` it is the greeting and the session ends. A refused message is read to its end and never reaches the server."
        case .close: "Ends the session, both legs."
        case .tag:
            "Sets a tag on the session: letters, digits, `-`, `_`, `.`. Later rules and `--filter` ask for it with `tag`."
        case .log: "Writes a line to the log. `{field}` stands for a field's value, `{{` for a brace."
        case .setHeader:
            "Sets a header field of a message: the first of that name gets the value and others of it go; when there is none, it is put on top. `{field}` as in `log`. Also written as `set-header: {name: X-Route, value: …}`."
        case .delay: "Waits before going on. What comes behind waits too, so that nothing is overtaken."
        case .route:
            "Logs the client in at this upstream instead of the route's own, and goes on there; written as a route's upstream, with the same options. The condition has `user`, and a protocol: `imap and user == \"a@example.com\"`. The first that hits counts. See [Login.md](Login.md)."
        }
    }
}

/// Text with fields in it.
package struct RuleTemplate: Equatable, Sendable {
    enum Part: Equatable, Sendable {
        case text(String)
        case field(Field)
    }

    /// As it was written.
    package let text: String
    let parts: [Part]
    /// Longer values are cut, in octets.
    static let longestValue = 400

    /// The fields in it.
    package var fields: [Field] {
        parts.compactMap { part in
            switch part {
            case .field(let field): field
            case .text: nil
            }
        }
    }

    /// An error names the offset in octets.
    struct Malformed: Error, Equatable {
        let message: String
        let offset: Int
    }

    init(_ text: String) throws(Malformed) {
        self.text = text
        let octets = Array(text.utf8)
        var parts: [Part] = []
        var plain: [UInt8] = []
        var at = 0
        while at < octets.count {
            let octet = octets[at]
            if octet == UInt8(ascii: "{") || octet == UInt8(ascii: "}"), at + 1 < octets.count, octets[at + 1] == octet
            {
                plain.append(octet)
                at += 2
            } else if octet == UInt8(ascii: "{") {
                guard let end = octets[at...].firstIndex(of: UInt8(ascii: "}")) else {
                    throw Malformed(message: "'{' has no '}'; a brace of its own is written '{{'", offset: at)
                }
                let word = String(decoding: octets[(at + 1)..<end], as: UTF8.self)
                if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
                plain = []
                parts.append(.field(try Self.field(word, at + 1)))
                at = end + 1
            } else if octet == UInt8(ascii: "}") {
                throw Malformed(message: "'}' closes nothing; a brace of its own is written '}}'", offset: at)
            } else {
                plain.append(octet)
                at += 1
            }
        }
        if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
        self.parts = parts
    }

    private static func field(_ word: String, _ offset: Int) throws(Malformed) -> Field {
        do {
            let expression = try Expression(word, for: .rule)
            if let field = expression.bareField { return field }
        } catch {
            throw Malformed(message: error.message, offset: offset + error.offset)
        }
        throw Malformed(message: "'{\(word)}' is no field", offset: offset)
    }

    /// The text with the values of the fields. Controls are left out: no value opens another line.
    package func text(from source: some FieldSource) -> String {
        var out = ""
        for part in parts {
            switch part {
            case .text(let text): out += text
            case .field(let field): out += Self.clean(source.value(of: field).shown)
            }
        }
        return out
    }

    private static func clean(_ value: String) -> String {
        var out = String.UnicodeScalarView()
        var size = 0
        for scalar in value.unicodeScalars where scalar.value >= 32 && !(127...159 ~= scalar.value) {
            size += UTF8.width(scalar)
            if size > longestValue { break }
            out.append(scalar)
        }
        return String(out)
    }
}

extension Expression {
    /// The field, when the expression is nothing but one.
    var bareField: Field? {
        switch root {
        case .truth(let field): field
        case .constant, .compare, .oneOf, .contains, .matches, .not, .and, .or: nil
        }
    }
}
