// What a dialogue says of a line. It is written where it stays, within the note of that line: lines are many, and each copy of
// what is said of them costs as much as reading them.

/// What a dialogue says of a line.
///
/// What most lines don't have (secrets, facts, violations) is kept apart: without them it is copied and dropped at no cost but
/// that of its element.
package struct Remarks: Sendable {
    package var element = Element.unknown
    /// The exchange that the line belongs to.
    package var exchange = 0
    /// Somebody takes note of facts and masked forms. Without it they are not made.
    package let listens: Bool
    /// The only fact, as most lines have that have any, while there is nothing else to say.
    private var lone: Fact?
    private var extra: Extra?

    /// What few lines have.
    ///
    /// Unchecked: whoever changes it makes sure first that nobody else refers to it.
    private final class Extra: @unchecked Sendable {
        var masked: ArraySlice<UInt8>?
        var facts: [Fact]
        var violations: [Violation]
        var cameEarly = false

        init(_ masked: ArraySlice<UInt8>?, _ facts: [Fact], _ violations: [Violation]) {
            self.masked = masked
            self.facts = facts
            self.violations = violations
        }
    }

    package init(listens: Bool = true) { self.listens = listens }

    init(_ element: Element, exchange: Int) {
        self.element = element
        self.exchange = exchange
        listens = true
    }

    init(
        _ element: Element, exchange: Int, masked: ArraySlice<UInt8>?, facts: [Fact], violations: [Violation]
    ) {
        self.init(element, exchange: exchange)
        if masked == nil, violations.isEmpty, facts.count < 2 {
            lone = facts.first
        } else {
            extra = Extra(masked, facts, violations)
        }
    }

    /// The line with its secrets masked, of the same length; nil when there is no secret in it.
    package var masked: ArraySlice<UInt8>? {
        get { extra?.masked }
        set { if extra != nil || newValue != nil { own().masked = newValue } }
    }

    /// What the line says about the session.
    package var facts: [Fact] {
        get { extra?.facts ?? lone.map { [$0] } ?? [] }
        set { if extra != nil || lone != nil || !newValue.isEmpty { own().facts = newValue } }
    }

    /// The login that the line shows or completes.
    var credential: Credential? {
        func of(_ fact: Fact) -> Credential? { if case .credential(let credential) = fact { credential } else { nil } }
        if let extra { return extra.facts.lazy.compactMap(of).first }
        return lone.flatMap(of)
    }

    /// What is wrong with it.
    package var violations: [Violation] {
        get { extra?.violations ?? [] }
        set { if extra != nil || !newValue.isEmpty { own().violations = newValue } }
    }

    /// It came before the answer that it had to wait for, and is blamed for that.
    var cameEarly: Bool {
        get { extra?.cameEarly ?? false }
        set { if extra != nil || newValue { own().cameEarly = newValue } }
    }

    /// Nothing is said of the line but what it is.
    package var isPlain: Bool {
        guard let extra else { return lone == nil }
        return extra.masked == nil && extra.facts.isEmpty && extra.violations.isEmpty
    }

    /// The other side may go on.
    var letsGoOn: Bool { if case .goAhead = element { true } else { false } }

    /// The line says something about the session.
    package mutating func tell(_ fact: @autoclosure () -> Fact) {
        guard listens else { return }
        if extra == nil, lone == nil { lone = fact() } else { own().facts.append(fact()) }
    }

    /// The line makes the place certain again; all else that it says is said behind that.
    package mutating func tellResumed() { if listens { own().facts.insert(.resumed, at: 0) } }

    /// The line breaks a rule.
    ///
    /// Not inlined: it is said in many places, and hardly ever.
    @inline(never)
    package mutating func blame(_ violation: Violation) { own().violations.append(violation) }

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
        cameEarly = note.cameEarly
        if listens { facts = note.facts }
    }

    /// What was said only to those who listen is dropped when nobody does.
    mutating func settle() { if !listens, let extra, extra.masked != nil { masked = nil } }

    /// Makes sure that nobody else sees what is changed next.
    private mutating func own() -> Extra {
        if let extra, isKnownUniquelyReferenced(&self.extra) { return extra }
        let copy = Extra(extra?.masked, facts, extra?.violations ?? [])
        copy.cameEarly = extra?.cameEarly ?? false
        lone = nil
        extra = copy
        return copy
    }
}

extension Remarks: Equatable {
    package static func == (a: Remarks, b: Remarks) -> Bool {
        a.element == b.element && a.exchange == b.exchange && a.masked == b.masked && a.facts == b.facts
            && a.violations == b.violations
    }
}
