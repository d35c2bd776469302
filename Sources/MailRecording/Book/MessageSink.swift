// Where the messages of a session go while they pass, piece by piece.

import MailDialogue

/// A message that begins.
package struct MessageStart: Equatable, Sendable {
    package var carrier: Carrier
    /// The exchange in which it begins.
    package var exchange: Int
    /// Who sends it. A side sends one message at a time.
    package var side: Side

    package init(carrier: Carrier, exchange: Int, side: Side) {
        self.carrier = carrier
        self.exchange = exchange
        self.side = side
    }
}

/// Takes the messages of a session: `begin`, any number of `bytes`, `end`, for each side in turn.
package protocol MessageSink {
    mutating func begin(_ message: MessageStart)
    /// The next octets will not be those of the wire: a dot of transparency is taken away. Called once before the first
    /// such octets of a content.
    mutating func willAlter(_ side: Side)
    /// Octets of the message that `side` sends, without transparency.
    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side)
    /// - Parameters:
    ///   - complete: all octets of the message came.
    ///   - exchange: the exchange that ended it, whose reply says what became of it.
    mutating func end(_ side: Side, complete: Bool, exchange: Int)
}

extension MessageSink {
    package mutating func willAlter(_ side: Side) {}
}
