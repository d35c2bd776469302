// Colours of terminals (ECMA-48 SGR), or none.

/// How text for people is coloured.
package struct TextStyle: Equatable, Sendable {
    /// What a piece of text is.
    package enum Role: String, Sendable {
        case client = "36"
        case server = "32"
        case quiet = "2"
        case strong = "1"
        case warning = "33"
        case alarm = "31"
    }

    /// Colours are used.
    package var isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// The text in the colour of its role.
    package func text(_ text: String, _ role: Role) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(role.rawValue)m\(text)\u{1B}[0m" : text
    }
}
