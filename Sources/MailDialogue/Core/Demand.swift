// What a dialogue wants the next octets of a side to be cut as. The framer obeys it: framing belongs to the joint state
// of the dialogue, per direction, and never to a guess about the bytes.

/// How the next octets of one side are to be cut.
package enum Demand: Equatable, Sendable {
    /// A line up to LF. Lines longer than `limit` octets make the session opaque.
    case line(limit: Int)
    /// Bulk octets that stream through in pieces.
    case content(Content, Extent)
    /// Nothing may be cut before the other side has spoken: the octets are kept.
    case held
    /// Octets are missing before, and the place is not known: whole lines are shown to the dialogue, which looks for one that
    /// makes it certain. What is longer than `limit` octets passes unseen.
    case seek(limit: Int)
    /// Everything passes uncut, to the end of the connection.
    case opaque
}

/// Where content ends.
package enum Extent: Equatable, Sendable {
    /// At CRLF "." CRLF, or at "." CRLF when it is the first line (RFC 5321 §4.1.1.4, RFC 1939 §3).
    case dotTerminated
    /// After this many octets (RFC 3030 §2, RFC 9051 §4.3).
    case octets(Int)
}

/// What content is, as far as the dialogue knows when it begins.
package struct Content: Equatable, Sendable {
    /// What the octets are.
    package enum Kind: Equatable, Sendable {
        /// A message, whole or a part of it as `section` says.
        case message(Carrier)
        /// An argument of a command or an item of a response that came as a literal.
        case literal
    }

    package var kind: Kind
    /// Size announced in octets. Where a terminator ends it, which is nil or what the server says of it, without the dots that were
    /// doubled: that need not be true.
    package var size: Int?
    /// Leading dots are doubled on the wire (RFC 5321 §4.5.2).
    package var dotStuffed: Bool
    /// The exchange it belongs to.
    package var exchange: Int
    /// The octets are a secret and are masked wherever they are kept.
    package var secret: Bool
    /// Which part of a message this is, in the words of the protocol: `BODY[]`, `BODY[1.2]<0>`, `TOP 5`; empty for the
    /// whole.
    package var section: String
    /// More pieces of the same message may follow in another content (BDAT without LAST, RFC 3030 §2).
    package var continues: Bool
    /// The command that asked for it was not seen: it may be a part of a message (TOP, RFC 1939 §7).
    package var isPresumed: Bool

    package init(
        _ kind: Kind, size: Int? = nil, dotStuffed: Bool = false, exchange: Int, secret: Bool = false,
        section: String = "", continues: Bool = false, isPresumed: Bool = false
    ) {
        self.kind = kind
        self.size = size
        self.dotStuffed = dotStuffed
        self.exchange = exchange
        self.secret = secret
        self.section = section
        self.continues = continues
        self.isPresumed = isPresumed
    }
}

/// The command by which a message travels.
package enum Carrier: String, Sendable, Hashable, CaseIterable {
    case data = "DATA"
    case bdat = "BDAT"
    case lmtp = "LMTP"
    case retr = "RETR"
    case top = "TOP"
    case fetch = "FETCH"
    case append = "APPEND"
}
