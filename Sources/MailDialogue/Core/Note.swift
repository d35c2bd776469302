// What a dialogue says of a frame.

/// A frame, what it is, and what the dialogue says of it. The octets of all notes of a side, in order, are the octets
/// of that side: nothing is lost and nothing is added.
package struct Note: Equatable, Sendable {
    package var side: Side
    /// The octets as on the wire, with their line end; inflated when the session is compressed.
    package var raw: ArraySlice<UInt8>
    /// What the dialogue says of them.
    var remarks: Remarks

    package init(
        _ side: Side, _ element: Element, exchange: Int, raw: ArraySlice<UInt8>, masked: ArraySlice<UInt8>? = nil,
        facts: [Fact], violations: [Violation] = []
    ) {
        self.side = side
        self.raw = raw
        remarks = Remarks(element, exchange: exchange, masked: masked, facts: facts, violations: violations)
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
        self.raw = raw
        remarks = Remarks(element, exchange: exchange)
    }

    /// A line of which nothing is said yet, and whose octets are put in when all is said.
    init(_ side: Side, listens: Bool) {
        self.side = side
        raw = []
        remarks = Remarks(listens: listens)
    }

    package var element: Element {
        get { remarks.element }
        set { remarks.element = newValue }
    }

    /// The exchange: 0 is the greeting, commands count from 1. Unsolicited lines belong to the exchange that is open or
    /// was last.
    package var exchange: Int {
        get { remarks.exchange }
        set { remarks.exchange = newValue }
    }

    /// The same octets with secrets masked, of the same length; nil when there is no secret in them.
    package var masked: ArraySlice<UInt8>? {
        get { remarks.masked }
        set { remarks.masked = newValue }
    }

    /// What the frame says about the session.
    package var facts: [Fact] {
        get { remarks.facts }
        set { remarks.facts = newValue }
    }

    /// What is wrong with it.
    package var violations: [Violation] {
        get { remarks.violations }
        set { remarks.violations = newValue }
    }

    /// It came before the answer that it had to wait for, and a violation says so. A recording has it behind that answer.
    package internal(set) var cameEarly: Bool {
        get { remarks.cameEarly }
        set { remarks.cameEarly = newValue }
    }

    /// Nothing is said of it but what it is.
    package var isPlain: Bool { remarks.isPlain }

    /// What may be kept or shown.
    package var publicOctets: ArraySlice<UInt8> { remarks.masked ?? raw }
}

/// Looks at notes where they are. Who asks a note itself from another module gets a copy of it, which counts up all that it holds: with
/// the notes of a busy proxy that takes longer than what is done about them.
extension UnsafeBufferPointer<Note> {
    /// Nothing is said of the note but what it is.
    package func isPlain(at index: Int) -> Bool { self[index].remarks.isPlain }

    /// Octets of the inside of content.
    package func isContent(at index: Int) -> Bool {
        if case .content = self[index].remarks.element { true } else { false }
    }
}
