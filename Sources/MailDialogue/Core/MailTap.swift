// A tap of any protocol, for those who only watch.

/// A tap of any protocol. A value: a copy goes its own way.
///
/// The tap itself is kept apart and changed in place, so that a session hands a reference about instead of a machine with some
/// dozens of fields, and an idle session needs no more room than its own protocol takes.
package struct MailTap: Sendable {
    private var machine: Machine
    /// Goes wherever `machine` goes: when it has one owner, so has the machine.
    private var mark = Mark()

    private final class Mark: Sendable {}

    private enum Machine: Sendable {
        case smtp(Kept<SMTPDialogue>)
        case pop3(Kept<POP3Dialogue>)
        case imap(Kept<IMAPDialogue>)
    }

    /// Keeps a tap.
    ///
    /// Unchecked: whoever changes it makes sure first that nobody else refers to it.
    private final class Kept<D: Dialogue>: @unchecked Sendable {
        /// Whoever changes it is alone with it, which need not be proved at each change.
        @exclusivity(unchecked) var tap: Tap<D>
        init(_ tap: Tap<D>) { self.tap = tap }

        /// Looks at the tap where it is. One that is only read would be copied first, with all that it refers to.
        @inline(__always)
        func look<Part>(_ body: (inout Tap<D>) -> Part) -> Part { body(&tap) }
    }

    /// Follows `mailProtocol` from the greeting on.
    /// - Parameters:
    ///   - keepsMailbox: IMAP responses are read, and what they say of the open mailbox is kept and judged.
    ///   - sendsOn: what the notes hold is sent on, or comes from one who plays it. So they hold what is on the wire, as soon as
    ///     it is there: a compressed session is not followed, nor what comes behind a BDAT without a size.
    ///   - isInflated: what was deflated on the wire comes inflated, as recordings hold it.
    ///   - listens: facts and masked forms of lines are wanted. Without it notes of lines have neither; all else is the same.
    ///   - watchesEdge: a session in which TLS was to begin, and does not, is followed on in clear. For who only looks on.
    package init(
        _ mailProtocol: MailProtocol, keepsMailbox: Bool = false, sendsOn: Bool = false, isInflated: Bool = false,
        listens: Bool = true, watchesEdge: Bool = false
    ) {
        switch mailProtocol {
        case .smtp:
            machine = .smtp(Kept(Tap(SMTPDialogue(.smtp, seeks: !sendsOn), listens: listens, watchesEdge: watchesEdge)))
        case .lmtp:
            machine = .smtp(Kept(Tap(SMTPDialogue(.lmtp, seeks: !sendsOn), listens: listens, watchesEdge: watchesEdge)))
        case .pop3: machine = .pop3(Kept(Tap(POP3Dialogue(), listens: listens, watchesEdge: watchesEdge)))
        case .imap:
            let dialogue = IMAPDialogue(
                keepsMailbox: keepsMailbox, compressed: sendsOn ? .passOpaquely : isInflated ? .isInflated : .inflate)
            machine = .imap(Kept(Tap(dialogue, listens: listens, watchesEdge: watchesEdge)))
        }
    }

    /// Octets of `side` arrived.
    package mutating func receive(_ bytes: consuming ArraySlice<UInt8>, from side: Side, into notes: inout [Note]) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.receive(bytes, from: side, into: &notes)
        case .pop3(let kept): kept.tap.receive(bytes, from: side, into: &notes)
        case .imap(let kept): kept.tap.receive(bytes, from: side, into: &notes)
        }
    }

    /// Follows octets of which nobody keeps a note, as far as that needs no copy of them: the inside of messages, and what is
    /// opaque. Gives how many it followed; the rest is for ``receive(_:from:into:)``.
    package mutating func pass(_ bytes: UnsafeRawBufferPointer, from side: Side) -> Int {
        own()
        switch machine {
        case .smtp(let kept): return kept.tap.pass(bytes, from: side)
        case .pop3(let kept): return kept.tap.pass(bytes, from: side)
        case .imap(let kept): return kept.tap.pass(bytes, from: side)
        }
    }

    /// Follows octets of the inside of a message of which no note is wanted, as far as there is nothing to say of them. Gives
    /// how many it followed; the rest is for ``receive(_:from:into:)``.
    package mutating func passContent(_ bytes: ArraySlice<UInt8>, from side: Side) -> Int {
        own()
        switch machine {
        case .smtp(let kept): return kept.tap.passContent(bytes, from: side)
        case .pop3(let kept): return kept.tap.passContent(bytes, from: side)
        case .imap(let kept): return kept.tap.passContent(bytes, from: side)
        }
    }

    /// No more octets come from `side`.
    package mutating func end(_ side: Side, into notes: inout [Note]) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.end(side, into: &notes)
        case .pop3(let kept): kept.tap.end(side, into: &notes)
        case .imap(let kept): kept.tap.end(side, into: &notes)
        }
    }

    /// Octets of `side` are missing: `count` of them, or nil when that is not known.
    package mutating func lose(_ side: Side, _ count: Int? = nil, into notes: inout [Note]) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.lose(side, count, into: &notes)
        case .pop3(let kept): kept.tap.lose(side, count, into: &notes)
        case .imap(let kept): kept.tap.lose(side, count, into: &notes)
        }
    }

    /// What comes next from `side` came before the answer that it had to wait for, as who recorded it says.
    package mutating func tellHaste(_ side: Side) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.tellHaste(side)
        case .pop3(let kept): kept.tap.tellHaste(side)
        case .imap(let kept): kept.tap.tellHaste(side)
        }
    }

    /// Who recorded the session did not follow it from here on, because of what comes next from `side`.
    package mutating func stop(_ reason: OpaqueReason, at side: Side, into notes: inout [Note]) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.stop(reason, at: side, into: &notes)
        case .pop3(let kept): kept.tap.stop(reason, at: side, into: &notes)
        case .imap(let kept): kept.tap.stop(reason, at: side, into: &notes)
        }
    }

    /// Who recorded the session knew that TLS was to begin, and that what comes next from `side` is in clear.
    package mutating func goOnInClear(_ side: Side, into notes: inout [Note]) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.goOnInClear(side, into: &notes)
        case .pop3(let kept): kept.tap.goOnInClear(side, into: &notes)
        case .imap(let kept): kept.tap.goOnInClear(side, into: &notes)
        }
    }

    /// TLS was to begin, and the client has sent nothing since.
    package var isSilentAtEdge: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.isSilentAtEdge }
        case .pop3(let kept): kept.look { $0.isSilentAtEdge }
        case .imap(let kept): kept.look { $0.isSilentAtEdge }
        }
    }

    /// TLS was begun, and what both sides send under it is shown in plain: see ``Tap/beginUnderTLS(after:)``.
    package mutating func beginUnderTLS(after exchange: Int? = nil) {
        own()
        switch machine {
        case .smtp(let kept): kept.tap.beginUnderTLS(after: exchange)
        case .pop3(let kept): kept.tap.beginUnderTLS(after: exchange)
        case .imap(let kept): kept.tap.beginUnderTLS(after: exchange)
        }
    }

    /// The next reply of the server decides whether TLS begins.
    package var awaitsTLS: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.awaitsTLS }
        case .pop3(let kept): kept.look { $0.dialogue.awaitsTLS }
        case .imap(let kept): kept.look { $0.dialogue.awaitsTLS }
        }
    }

    /// TLS may be begun where both sides are.
    package var mayBeginTLS: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.mayBeginTLS }
        case .pop3(let kept): kept.look { $0.dialogue.mayBeginTLS }
        case .imap(let kept): kept.look { $0.dialogue.mayBeginTLS }
        }
    }

    /// What comes next from `side` is deflated, or may be.
    package func isDeflated(_ side: Side) -> Bool {
        switch machine {
        case .smtp, .pop3: false
        case .imap(let kept): kept.look { $0.dialogue.deflation(side) != .none }
        }
    }

    /// The server's greeting has come.
    package var isGreeted: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.isGreeted }
        case .pop3(let kept): kept.look { $0.dialogue.isGreeted }
        case .imap(let kept): kept.look { $0.dialogue.isGreeted }
        }
    }

    /// The server's next line begins something.
    package var isBetweenReplies: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.isBetweenReplies }
        case .pop3(let kept): kept.look { $0.dialogue.isBetweenReplies }
        case .imap(let kept): kept.look { $0.dialogue.isBetweenReplies }
        }
    }

    /// Octets of memory that commands which await their replies take; 0 where there are few.
    package var outstandingOctets: Int {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.outstandingOctets }
        case .pop3(let kept): kept.look { $0.dialogue.outstandingOctets }
        case .imap(let kept): kept.look { $0.dialogue.outstandingOctets }
        }
    }

    /// The server owes an answer.
    package var owesAnswer: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.owesAnswer }
        case .pop3(let kept): kept.look { $0.dialogue.owesAnswer }
        case .imap(let kept): kept.look { $0.dialogue.owesAnswer }
        }
    }

    /// What that answer is.
    var due: ServerDue {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.due }
        case .pop3(let kept): kept.look { $0.dialogue.due }
        case .imap(let kept): kept.look { $0.dialogue.due }
        }
    }

    /// The client has begun a command whose next line is its own to send.
    var isAmidCommand: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.isAmidCommand }
        case .pop3(let kept): kept.look { $0.dialogue.isAmidCommand }
        case .imap(let kept): kept.look { $0.dialogue.isAmidCommand }
        }
    }

    /// The server has said that it closes, or that it will not serve.
    package var saidGoodbye: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.saidGoodbye }
        case .pop3(let kept): kept.look { $0.dialogue.saidGoodbye }
        case .imap(let kept): kept.look { $0.dialogue.saidGoodbye }
        }
    }

    /// Verdicts on a message that the server owes with its next replies.
    package var verdictsOwed: Int {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.verdictsOwed }
        case .pop3(let kept): kept.look { $0.dialogue.verdictsOwed }
        case .imap(let kept): kept.look { $0.dialogue.verdictsOwed }
        }
    }

    /// The exchange that the server's next reply belongs to; that of the newest command when none is owed.
    package var currentExchange: Int {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.currentExchange }
        case .pop3(let kept): kept.look { $0.dialogue.currentExchange }
        case .imap(let kept): kept.look { $0.dialogue.currentExchange }
        }
    }

    /// Facts and masked forms of lines are made.
    package var listens: Bool {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.listens }
        case .pop3(let kept): kept.look { $0.dialogue.listens }
        case .imap(let kept): kept.look { $0.dialogue.listens }
        }
    }

    /// What was seen of the mailbox that is open, when it is kept.
    package var mailbox: IMAPMailboxView? {
        switch machine {
        case .smtp, .pop3: nil
        case .imap(let kept): kept.look { $0.dialogue.mailboxView }
        }
    }

    /// Why the session is not followed any more.
    package var opaque: OpaqueReason? {
        switch machine {
        case .smtp(let kept): kept.look { $0.dialogue.opaque }
        case .pop3(let kept): kept.look { $0.dialogue.opaque }
        case .imap(let kept): kept.look { $0.dialogue.opaque }
        }
    }

    /// How the next octets of `side` are to be cut. Of content that has begun: what is still to come.
    package func demand(_ side: Side) -> Demand {
        switch machine {
        case .smtp(let kept): kept.look { $0.demand(side) }
        case .pop3(let kept): kept.look { $0.demand(side) }
        case .imap(let kept): kept.look { $0.demand(side) }
        }
    }

    /// Octets of `side` that wait to be understood.
    package func pending(_ side: Side) -> Int {
        switch machine {
        case .smtp(let kept): kept.look { $0.pending(side) }
        case .pop3(let kept): kept.look { $0.pending(side) }
        case .imap(let kept): kept.look { $0.pending(side) }
        }
    }

    /// Makes sure that nobody else sees what is changed next.
    private mutating func own() {
        if isKnownUniquelyReferenced(&mark) { return }
        mark = Mark()
        switch machine {
        case .smtp(let kept): machine = .smtp(Kept(kept.tap))
        case .pop3(let kept): machine = .pop3(Kept(kept.tap))
        case .imap(let kept): machine = .imap(Kept(kept.tap))
        }
    }
}
