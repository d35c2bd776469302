// A tap with a role. What we send runs through the same machine as what we receive, so that our server and our client
// are judged by the observer on every octet.

/// One end of a connection: ours.
package struct Endpoint<D: Dialogue>: Sendable, Equatable {
    /// The side that we are.
    package let role: Side
    package private(set) var tap: Tap<D>

    package init(_ dialogue: D, role: Side) {
        self.role = role
        tap = Tap(dialogue)
    }

    package var dialogue: D { tap.dialogue }

    /// Octets came from the peer.
    package mutating func receive(_ bytes: [UInt8], into notes: inout [Note]) {
        tap.receive(bytes, from: role.other, into: &notes)
    }

    /// We send octets. The notes may hold frames of the peer that our octets released: they must be acted on like
    /// received ones.
    package mutating func send(_ bytes: [UInt8], into notes: inout [Note]) {
        tap.receive(bytes, from: role, into: &notes)
    }

    /// The peer sends no more.
    package mutating func peerEnded(into notes: inout [Note]) { tap.end(role.other, into: &notes) }

    /// TLS was begun: see ``Tap/beginUnderTLS(after:)``.
    package mutating func beginUnderTLS() { tap.beginUnderTLS() }

    /// We send no more.
    package mutating func weEnded(into notes: inout [Note]) { tap.end(role, into: &notes) }
}
