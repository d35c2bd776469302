// What an expression can ask for, and the values it gets.

import MailDialogue

/// What an expression is used for: it decides which fields it may name.
package enum FieldUse: Sendable, Hashable, CaseIterable {
    /// `when:` of a rule: one moment of a live session.
    case rule
    /// `--filter`: a session with all that is known of it.
    case session
    /// `record.what`: what is known of a session when its octets are to be recorded.
    case scope
}

/// The kind of value that a field has.
package enum FieldType: String, Sendable, Hashable {
    case text
    case number
    /// A count of octets.
    case size
    /// A time span; its values are microseconds.
    case duration
    case truth
    /// The status of a reply: text, and a number where it is one.
    case code
}

/// A field with its argument: `header["subject"]`.
package struct Field: Equatable, Hashable, Sendable {
    package let name: FieldName
    /// The name of a header field in lower case; empty for fields without an argument.
    package let argument: String

    package init(_ name: FieldName, argument: String = "") {
        self.name = name
        self.argument = argument
    }

    /// As people write it.
    package var text: String { argument.isEmpty ? name.rawValue : "\(name.rawValue)[\"\(argument)\"]" }
}

/// The value of a field. A field with several values fulfils a comparison when any of them does.
package enum FieldValue: Equatable, Sendable {
    /// Not known, or there is none.
    case none
    case truth(Bool)
    /// A number, octets, or microseconds.
    case number(Int)
    case numbers([Int])
    case text(String)
    case texts([String])

    /// What a bare field says: there is a value, and it is neither empty, nor zero, nor false.
    package var isTrue: Bool {
        switch self {
        case .none: false
        case .truth(let truth): truth
        case .number(let number): number != 0
        case .numbers(let numbers): numbers.contains { $0 != 0 }
        case .text(let text): !text.isEmpty
        case .texts(let texts): texts.contains { !$0.isEmpty }
        }
    }

    /// The domain of a mailbox: what stands behind the last `@`, in lower case.
    package static func domain(of mailbox: String) -> String {
        guard let at = mailbox.utf8.lastIndex(of: UInt8(ascii: "@")) else { return "" }
        return mailbox[mailbox.utf8.index(after: at)...].lowercased()
    }

    /// As it stands in a log line.
    package var shown: String {
        switch self {
        case .none: ""
        case .truth(let truth): truth ? "true" : "false"
        case .number(let number): "\(number)"
        case .numbers(let numbers): numbers.map { "\($0)" }.joined(separator: " ")
        case .text(let text): text
        case .texts(let texts): texts.joined(separator: " ")
        }
    }
}

/// Whatever can be asked for fields.
package protocol FieldSource {
    /// The value of a field; `.none` when it is not known.
    func value(of field: Field) -> FieldValue
}
