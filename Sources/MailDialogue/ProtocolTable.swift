// The protocols that are spoken here: a line each. Adding one is a folder and a line of this table.

/// A mail protocol.
package enum MailProtocol: String, Sendable, Hashable, CaseIterable {
    case smtp, lmtp, pop3, imap

    /// URL schemes, as curl spells them, with the default port of each and whether TLS starts with the first octet.
    package var schemes: [(name: String, port: UInt16, implicitTLS: Bool)] {
        switch self {
        case .smtp: [("smtp", 25, false), ("submission", 587, false), ("smtps", 465, true), ("submissions", 465, true)]
        case .lmtp: [("lmtp", 24, false)]
        case .pop3: [("pop3", 110, false), ("pop3s", 995, true)]
        case .imap: [("imap", 143, false), ("imaps", 993, true)]
        }
    }

    /// The port under which dissectors know the cleartext protocol.
    package var wellKnownPort: UInt16 {
        switch self {
        case .smtp: 25
        case .lmtp: 24
        case .pop3: 110
        case .imap: 143
        }
    }

    /// The protocol of a URL scheme.
    package init?(scheme: String) {
        guard let found = Self.allCases.first(where: { $0.schemes.contains { $0.name == scheme } }) else { return nil }
        self = found
    }

    /// A tap that follows this protocol from the greeting on.
    package func makeTap() -> MailTap {
        switch self {
        case .smtp: .smtp(Tap(SMTPDialogue(.smtp)))
        case .lmtp: .smtp(Tap(SMTPDialogue(.lmtp)))
        case .pop3: .pop3(Tap(POP3Dialogue()))
        case .imap: .imap(Tap(IMAPDialogue()))
        }
    }
}

/// A tap of any protocol, for those who only watch.
package enum MailTap: Sendable {
    case smtp(Tap<SMTPDialogue>)
    case pop3(Tap<POP3Dialogue>)
    case imap(Tap<IMAPDialogue>)

    /// Octets of `side` arrived.
    package mutating func receive(_ bytes: ArraySlice<UInt8>, from side: Side, into notes: inout [Note]) {
        // Each case is taken out and put back so that the tap is changed in place, without a copy.
        switch self {
        case .smtp(var tap):
            self = .none
            tap.receive(bytes, from: side, into: &notes)
            self = .smtp(tap)
        case .pop3(var tap):
            self = .none
            tap.receive(bytes, from: side, into: &notes)
            self = .pop3(tap)
        case .imap(var tap):
            self = .none
            tap.receive(bytes, from: side, into: &notes)
            self = .imap(tap)
        case .none: break
        }
    }

    /// No more octets come from `side`.
    package mutating func end(_ side: Side, into notes: inout [Note]) {
        switch self {
        case .smtp(var tap):
            tap.end(side, into: &notes)
            self = .smtp(tap)
        case .pop3(var tap):
            tap.end(side, into: &notes)
            self = .pop3(tap)
        case .imap(var tap):
            tap.end(side, into: &notes)
            self = .imap(tap)
        case .none: break
        }
    }

    /// Octets of `side` are missing.
    package mutating func lose(_ side: Side, into notes: inout [Note]) {
        switch self {
        case .smtp(var tap):
            tap.lose(side, into: &notes)
            self = .smtp(tap)
        case .pop3(var tap):
            tap.lose(side, into: &notes)
            self = .pop3(tap)
        case .imap(var tap):
            tap.lose(side, into: &notes)
            self = .imap(tap)
        case .none: break
        }
    }

    /// Why the session is not followed any more.
    package var opaque: OpaqueReason? {
        switch self {
        case .smtp(let tap): tap.dialogue.opaque
        case .pop3(let tap): tap.dialogue.opaque
        case .imap(let tap): tap.dialogue.opaque
        case .none: nil
        }
    }

    /// How the next octets of `side` are to be cut.
    package func demand(_ side: Side) -> Demand {
        switch self {
        case .smtp(let tap): tap.dialogue.demand(side)
        case .pop3(let tap): tap.dialogue.demand(side)
        case .imap(let tap): tap.dialogue.demand(side)
        case .none: .opaque
        }
    }

    /// Octets of `side` that wait to be understood.
    package func pending(_ side: Side) -> Int {
        switch self {
        case .smtp(let tap): tap.pending(side)
        case .pop3(let tap): tap.pending(side)
        case .imap(let tap): tap.pending(side)
        case .none: 0
        }
    }

    /// Holds the place of a tap while it is changed.
    case none
}

extension Violation {
    /// Every violation of every protocol.
    package static let all: [Violation] = smtp + pop3 + imap
}
