// The joint state of both sides of one connection, as a pure machine. It is changed by "the client sent X" and "the
// server sent Y" and does not know which role we play; observer, relay, server and client share it.

/// The joint machine of a protocol. Bulk octets stay outside of it: framers own buffers, dialogues own facts.
package protocol Dialogue: Equatable, Sendable {
    /// How the next octets of `side` are to be cut.
    func demand(_ side: Side) -> Demand

    /// The limit of the next line of `side` when `demand` asks for one; else nil. Asked before each line; mutating, because a
    /// machine that is only looked at would be copied for it.
    mutating func lineLimit(_ side: Side) -> Int?

    /// A whole line, with its LF, came from `side`. What it is and what is to be said of it goes into `remarks`, which are
    /// fresh.
    mutating func accept(line: ArraySlice<UInt8>, from side: Side, _ remarks: inout Remarks)

    /// Facts and masked forms are heard. Without it what is kept only to be told need not be kept.
    var listens: Bool { get set }

    /// A piece of content came. Most machines need nothing of it; one that collects a literal argument does.
    /// The result is the masked form when the octets are a secret.
    mutating func accept(content piece: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>?

    /// Dot-terminated content has come to its end: its octets on the wire without the terminator, and how many of them are
    /// dots that were doubled. Told before ``contentEnded(from:)``.
    mutating func measured(octets: Int, stuffed: Int, from side: Side)

    /// The content that `demand` asked for is complete.
    mutating func contentEnded(from side: Side) -> ContentEnd

    /// Malformed line ends were found in dot-terminated content.
    func judge(_ flaws: ContentFlaws, from side: Side) -> [Violation]

    /// Octets of `side` waited while the other side's answer was out, and that answer ended the cleartext. Or `side` is
    /// the server and speaks first after it.
    func judgeAtEdge(_ side: Side) -> Violation?

    /// A whole line of `side` waited for the answer that says how it is cut, and that answer came. Asked before the line is
    /// accepted, or before the content begins that it became.
    func judgeWaiting(_ side: Side) -> Violation?

    /// The violation that a line beyond its limit is.
    func lineTooLong(_ side: Side) -> Violation

    /// Octets of `side` are missing, and not only inside of content whose size is known. What follows may be the rest of a
    /// line or of content; until it is certain again what it is, `demand` answers `.seek`.
    mutating func lose(_ side: Side)

    /// The next line of `side`, whose place is not known because octets of the other side are missing, can only be the beginning of
    /// content: from now on `demand` asks for that.
    mutating func takesContent(_ line: ArraySlice<UInt8>, from side: Side) -> Bool

    /// A line of `side` went by that is too long to be looked at, where octets are missing.
    mutating func passLine(_ side: Side)

    /// The answer that says what the client's octets are will not come: the session is over. They are taken for what they look like.
    mutating func answerWillNotCome()

    /// What the octets of `side` are that were not cut yet.
    func deflation(_ side: Side) -> Deflation

    /// The deflate stream of `side` has ended, or nobody can follow it any more: its octets are taken as they stand.
    mutating func deflationEnded(_ side: Side)

    /// The deflate stream of `side`, which was to end, goes on: what comes is inflated, and not followed.
    mutating func deflationGoesOn(_ side: Side)

    /// The violation that octets of `side` are which can't be inflated.
    func brokenCompression(_ side: Side) -> Violation?

    /// The session can't be followed any more.
    mutating func becomeOpaque(_ reason: OpaqueReason)

    /// What `side` sends in a session that is not followed may be a secret in clear: nothing of it is shown.
    func hidesOpaque(_ side: Side) -> Bool

    /// Set once the session is not followed any more.
    var opaque: OpaqueReason? { get }

    /// A line of `side` without its end, as it stood when the connection ended or the limit was passed; the masked form
    /// when it may hold a secret.
    func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>?

    /// A line of the client that was masked so may have begun a login: lines behind it may be responses.
    mutating func expectSecrets()

    /// A SASL mechanism succeeded that may have taken up a security layer. Wrapped octets begin with their length in
    /// four octets (RFC 4422 §3.7), the first of which is zero; no line of a mail protocol begins so.
    var mayHaveSecurityLayer: Bool { get }

    /// The exchange that a frame of `side` without further knowledge belongs to.
    var currentExchange: Int { get }

    /// The server's greeting has come.
    var isGreeted: Bool { get }

    /// The next reply of the server decides whether TLS begins (STARTTLS, STLS).
    var awaitsTLS: Bool { get }

    /// The server's next line begins something: none of its replies, listings or responses is under way.
    var isBetweenReplies: Bool { get }

    /// Octets of memory that commands which await their replies take; 0 where there are few.
    var outstandingOctets: Int { get }

    /// The server owes an answer. Not while it waits for DONE.
    var owesAnswer: Bool { get }

    /// What that answer is.
    var due: ServerDue { get }

    /// The client has begun a command whose next line is its own to send, whatever waits to be answered.
    var isAmidCommand: Bool { get }

    /// The server has said that it closes, or that it will not serve: behind that it may end the connection.
    var saidGoodbye: Bool { get }

    /// Verdicts on a message that the server owes with its next replies: the end of the message was sent.
    var verdictsOwed: Int { get }

    /// TLS may be begun where both sides are: nobody is logged in, and no transaction is open (RFC 3207 §4.2, RFC 2595 §4,
    /// RFC 9051 §6.2).
    var mayBeginTLS: Bool { get }

    /// TLS was begun, and what both sides send under it is shown in plain. Nothing that was said before counts any more
    /// (RFC 3207 §4.2, RFC 2595 §4, RFC 9051 §6.2.1), and no greeting comes.
    /// - Parameter exchange: the number of the exchange before.
    mutating func beginUnderTLS(after exchange: Int)

    /// TLS was to begin, and does not: the session is followed again, as it was before. What the server says next may answer what it took
    /// for commands.
    /// - Parameter side: who sends the first octets in clear.
    mutating func goOnInClear(_ side: Side)
}

/// What the octets of a side are under COMPRESS (RFC 4978).
package enum Deflation: UInt8, Equatable, Sendable {
    /// As they stand.
    case none
    /// Deflated.
    case deflated
    /// Deflated or not: what the other side answers decides, and until then they wait.
    case waits
    /// The stream ends behind the last line that was cut (RFC 8437 §4.1).
    case ends
}

/// What the machine says when content ends.
package struct ContentEnd: Equatable, Sendable {
    package var facts: [Fact]
    package var violations: [Violation]

    package init(facts: [Fact] = [], violations: [Violation] = []) {
        self.facts = facts
        self.violations = violations
    }
}

extension Dialogue {
    package mutating func accept(content piece: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? { nil }

    package mutating func measured(octets: Int, stuffed: Int, from side: Side) {}

    package var isOpaque: Bool { opaque != nil }

    package var verdictsOwed: Int { 0 }

    package func judgeWaiting(_ side: Side) -> Violation? { nil }
    package mutating func lose(_ side: Side) { becomeOpaque(.gap) }
    package mutating func takesContent(_ line: ArraySlice<UInt8>, from side: Side) -> Bool { false }
    package mutating func passLine(_ side: Side) {}
    package mutating func answerWillNotCome() {}
    package func deflation(_ side: Side) -> Deflation { .none }
    package mutating func deflationEnded(_ side: Side) {}
    package mutating func deflationGoesOn(_ side: Side) {}
    package func hidesOpaque(_ side: Side) -> Bool { side == .client && opaque?.leavesClear == true }
    package func brokenCompression(_ side: Side) -> Violation? { nil }
}
