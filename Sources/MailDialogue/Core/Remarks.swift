// What a dialogue says of a line, gathered while it reads it. The note of the line is made of it once, at the end: a note
// that is changed while it is passed about would be copied each time.

/// What a dialogue says of a line.
package struct Remarks: Sendable {
    package var element = Element.unknown
    /// The exchange that the line belongs to.
    package var exchange = 0
    /// The line with its secrets masked.
    package var masked: ArraySlice<UInt8>?
    package private(set) var facts: [Fact] = []
    package var violations: [Violation] = []
    /// Somebody takes note of facts and masked forms. Without it they are not made.
    package let listens: Bool

    package init(listens: Bool = true) { self.listens = listens }

    /// Nothing is said of the line but what it is.
    var isPlain: Bool { violations.isEmpty && (!listens || (masked == nil && facts.isEmpty)) }

    /// The line says something about the session.
    package mutating func tell(_ fact: @autoclosure () -> Fact) { if listens { facts.append(fact()) } }

    /// The line makes the place certain again; all else that it says is said behind that.
    package mutating func tellResumed() { if listens { facts.insert(.resumed, at: 0) } }

    /// The line holds a secret.
    package mutating func mask(_ masked: @autoclosure () -> ArraySlice<UInt8>?) {
        if listens { self.masked = masked() }
    }

    /// All that a note says.
    mutating func take(_ note: Note) {
        element = note.element
        exchange = note.exchange
        masked = note.masked
        violations = note.violations
        if listens { facts = note.facts }
    }
}
