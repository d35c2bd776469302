// Which copy counts where the same place of a stream or a packet came with different octets.

/// What is taken of octets that came twice, and differ. Receivers decide differently (RFC 9293 §3.10.7.4 leaves it to
/// them, RFC 5722 §3 forbids such fragments), so that whoever looks on can only choose, and say that there is a choice.
package enum OverlapPolicy: String, Sendable, Hashable, CaseIterable {
    /// The copy that came first.
    case first
    /// The newest copy, among those that still wait for octets before them. What was handed on in order stays, as it
    /// does with a receiver: its program has read it.
    case last
}
