// What a dialogue says of a frame.

/// A frame, what it is, and what the dialogue says of it. The octets of all notes of a side, in order, are the octets
/// of that side: nothing is lost and nothing is added.
///
/// A note is made for every line that passes. What most lines don't have (secrets, facts, violations) is therefore kept apart:
/// a note without them is copied and dropped at the cost of one reference, that of its octets.
package struct Note: Equatable, Sendable {
    package var side: Side
    package var element: Element
    /// The exchange: 0 is the greeting, commands count from 1. Unsolicited lines belong to the exchange that is open or
    /// was last.
    package var exchange: Int
    /// The octets as on the wire, with their line end; inflated when the session is compressed.
    package var raw: ArraySlice<UInt8>
    private var extra: Extra?

    /// What few notes have.
    ///
    /// Unchecked: whoever changes it makes sure first that nobody else refers to it.
    private final class Extra: @unchecked Sendable {
        var masked: ArraySlice<UInt8>?
        var facts: [Fact]
        var violations: [Violation]

        static func make(_ masked: ArraySlice<UInt8>?, _ facts: [Fact], _ violations: [Violation]) -> Extra? {
            if masked == nil, facts.isEmpty, violations.isEmpty { return nil }
            return Extra(masked, facts, violations)
        }

        init(_ masked: ArraySlice<UInt8>?, _ facts: [Fact], _ violations: [Violation]) {
            self.masked = masked
            self.facts = facts
            self.violations = violations
        }
    }

    package init(
        _ side: Side, _ element: Element, exchange: Int, raw: ArraySlice<UInt8>, masked: ArraySlice<UInt8>? = nil,
        facts: [Fact], violations: [Violation] = []
    ) {
        self.side = side
        self.element = element
        self.exchange = exchange
        self.raw = raw
        extra = Extra.make(masked, facts, violations)
    }

    package init(
        _ side: Side, _ element: Element, exchange: Int, raw: ArraySlice<UInt8>, masked: ArraySlice<UInt8>? = nil,
        violations: [Violation]
    ) {
        self.init(side, element, exchange: exchange, raw: raw, masked: masked, facts: [], violations: violations)
    }

    package init(_ side: Side, _ element: Element, exchange: Int, raw: ArraySlice<UInt8>, masked: ArraySlice<UInt8>?) {
        self.init(side, element, exchange: exchange, raw: raw, masked: masked, facts: [], violations: [])
    }

    /// A frame of which there is nothing more to say.
    package init(_ side: Side, _ element: Element, exchange: Int, raw: ArraySlice<UInt8>) {
        self.side = side
        self.element = element
        self.exchange = exchange
        self.raw = raw
        extra = nil
    }

    /// Makes it the note of a line and of what the dialogue says of it.
    mutating func fill(raw: consuming ArraySlice<UInt8>, _ remarks: borrowing Remarks) {
        element = remarks.element
        exchange = remarks.exchange
        self.raw = raw
        extra =
            remarks.isPlain
            ? nil : Extra.make(remarks.listens ? remarks.masked : nil, remarks.facts, remarks.violations)
    }

    /// The same octets with secrets masked, of the same length; nil when there is no secret in them.
    package var masked: ArraySlice<UInt8>? {
        get { extra?.masked }
        set { if extra != nil || newValue != nil { own().masked = newValue } }
    }

    /// What the frame says about the session.
    package var facts: [Fact] {
        get { extra?.facts ?? [] }
        set { if extra != nil || !newValue.isEmpty { own().facts = newValue } }
    }

    /// What is wrong with it.
    package var violations: [Violation] {
        get { extra?.violations ?? [] }
        set { if extra != nil || !newValue.isEmpty { own().violations = newValue } }
    }

    /// Nothing is said of it but what it is.
    package var isPlain: Bool { extra == nil }

    /// What may be kept or shown.
    package var publicOctets: ArraySlice<UInt8> { extra?.masked ?? raw }

    /// Makes sure that nobody else sees what is changed next.
    private mutating func own() -> Extra {
        if let extra, isKnownUniquelyReferenced(&self.extra) { return extra }
        let copy = Extra(extra?.masked, extra?.facts ?? [], extra?.violations ?? [])
        extra = copy
        return copy
    }

    package static func == (a: Note, b: Note) -> Bool {
        a.side == b.side && a.element == b.element && a.exchange == b.exchange && a.raw == b.raw
            && a.masked == b.masked && a.facts == b.facts && a.violations == b.violations
    }
}
