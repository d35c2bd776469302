// Where the messages of a session go while they pass, piece by piece.

import MailDialogue

/// A message that begins.
package struct MessageStart: Equatable, Sendable {
    package var carrier: Carrier
    /// The exchange in which it begins.
    package var exchange: Int
    /// Who sends it. A side sends one message at a time.
    package var side: Side
    /// The item of FETCH when it is no message so far, such as `BODY[HEADER]`; empty for messages.
    package var section: String
    /// The command that asked for it was not seen: it may be a part of a message (TOP, RFC 1939 §7).
    package var isPresumed: Bool

    package init(carrier: Carrier, exchange: Int, side: Side, section: String = "", isPresumed: Bool = false) {
        self.carrier = carrier
        self.exchange = exchange
        self.side = side
        self.section = section
        self.isPresumed = isPresumed
    }
}

/// Takes the messages of a session: `begin`, any number of `bytes`, `end`, for each side in turn. Those of a server may be set aside in
/// between: a client of IMAP fetches in pieces, and those of other messages come first.
package protocol MessageSink {
    /// It wants to know the octets of messages. Who only counts messages is spared those that would have to be kept.
    static var takesOctets: Bool { get }
    mutating func begin(_ message: MessageStart)
    /// The next octets will not be those of the wire: a dot of transparency is taken away. Called once before the first
    /// such octets of a content.
    mutating func willAlter(_ side: Side)
    /// Octets of the message that `side` sends, without transparency.
    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side)
    /// What the octets are that follow, to the end of the content, is not known: only how many.
    mutating func leaveOut(_ side: Side)
    /// - Parameters:
    ///   - complete: all octets of the message came.
    ///   - exchange: the exchange that ended it, whose reply says what became of it.
    mutating func end(_ side: Side, complete: Bool, exchange: Int)
    /// What began was no message but a part of one: `section` is the item of FETCH. A header that a text followed is a message.
    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int)
    /// What the server sends is set aside: the next `begin` or `resume` is of another message. At most twice `FetchDesk.mostStreams`
    /// and `FetchDesk.mostHeaders` are at a time, and a few more for a moment.
    /// - Parameter key: of all that are set aside no other has it.
    mutating func park(_ key: UInt32)
    /// What was set aside with this key is what the server sends again.
    mutating func resume(_ key: UInt32)
    /// What was set aside with this key was a piece of a message that has come whole, with the octets of it: nothing more is told of it.
    mutating func drop(_ key: UInt32)
}

extension MessageSink {
    package static var takesOctets: Bool { true }
    package mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {}
    package mutating func willAlter(_ side: Side) {}
    package mutating func leaveOut(_ side: Side) {}
}
