// What a dialogue says of a frame.

/// A frame, what it is, and what the dialogue says of it. The octets of all notes of a side, in order, are the octets
/// of that side: nothing is lost and nothing is added.
package struct Note: Equatable, Sendable {
    package var side: Side
    package var element: Element
    /// The exchange: 0 is the greeting, commands count from 1. Unsolicited lines belong to the exchange that is open or
    /// was last.
    package var exchange: Int
    /// The octets as on the wire, with their line end.
    package var raw: ArraySlice<UInt8>
    /// The same octets with secrets masked, of the same length; nil when there is no secret in them.
    package var masked: ArraySlice<UInt8>?
    package var facts: [Fact]
    package var violations: [Violation]

    package init(
        _ side: Side, _ element: Element, exchange: Int, raw: ArraySlice<UInt8>, masked: ArraySlice<UInt8>? = nil,
        facts: [Fact] = [], violations: [Violation] = []
    ) {
        self.side = side
        self.element = element
        self.exchange = exchange
        self.raw = raw
        self.masked = masked
        self.facts = facts
        self.violations = violations
    }

    /// What may be kept or shown.
    package var publicOctets: ArraySlice<UInt8> { masked ?? raw }
}
