// The status indicator at the front of a POP3 reply line (RFC 1939 §3), the challenge of AUTH (RFC 5034 §4), and the
// response code behind the status (RFC 2449 §8).

/// What a reply line begins with.
package enum POP3Status: Equatable, Sendable {
    case ok
    case error
    /// `+` and base64.
    case challenge
    /// None of them.
    case none

    /// `line` is without its line end. `+OK` is looked for before `+`, which it begins with.
    package init(_ line: some OctetLine) {
        if line.hasPrefixIgnoringCase("+OK") {
            self = .ok
        } else if line.hasPrefixIgnoringCase("-ERR") {
            self = .error
        } else if line.first == UInt8(ascii: "+"), line.count == 1 || line.dropFirst().first == 32 {
            self = .challenge
        } else {
            self = .none
        }
    }

    /// As on the wire.
    package var code: String {
        switch self {
        case .ok: "+OK"
        case .error: "-ERR"
        case .challenge: "+"
        case .none: ""
        }
    }

    /// Octets of ``code``.
    var length: Int {
        switch self {
        case .ok: 3
        case .error: 4
        case .challenge: 1
        case .none: 0
        }
    }

    /// How many octets a status line says that a message has: `+OK 120 octets` (RFC 1939 §5). No RFC asks for it, and words stand around
    /// it as servers like. Nil when it does not say.
    static func announcedOctets(_ line: some OctetLine) -> Int? {
        var last: Int?
        for word in line.split(separator: 32).prefix(32) {
            let bare = word.first == UInt8(ascii: "(") ? word.dropFirst() : word
            if last != nil, bare.hasPrefixIgnoringCase("octet") || bare.hasPrefixIgnoringCase("byte") { return last }
            last = bare.decimal
        }
        return nil
    }

    /// The meaning common to all protocols.
    package var reply: ReplyStatus {
        switch self {
        case .ok: .ok
        case .error: .refused
        case .challenge: .intermediate
        case .none: .unknown
        }
    }
}

/// The response code at the front of a reply's text: `-ERR [SYS/TEMP] try later`.
package struct POP3ResponseCode: Equatable, Sendable {
    /// The codes that RFCs define.
    package enum Name: Equatable, Sendable {
        /// RFC 2449 §8.1.1.
        case loginDelay
        /// RFC 2449 §8.1.2.
        case inUse
        /// RFC 3206 §4.
        case sys
        /// RFC 3206 §5.
        case auth
        /// RFC 6856 §5.
        case utf8
        case other
    }

    package var name: Name
    /// What stands between the brackets.
    package var text: ArraySlice<UInt8>
    /// It is built as RFC 2449 §3 says: levels of at least one octet, parted by "/".
    package var isWellFormed: Bool

    /// Nil when the text of a reply does not begin with a bracket. `text` is what stands behind the status and its
    /// space.
    package init?(_ text: ArraySlice<UInt8>) {
        guard text.first == UInt8(ascii: "[") else { return nil }
        let inside = text.dropFirst().prefix { $0 != UInt8(ascii: "]") }
        self.text = inside
        let isClosed = inside.endIndex < text.endIndex
        let levels = inside.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        isWellFormed = isClosed && levels.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0 > 32 && $0 < 127 } }
        let first = levels.first ?? []
        if first.equalsIgnoringCase("LOGIN-DELAY") {
            name = .loginDelay
        } else if first.equalsIgnoringCase("IN-USE") {
            name = .inUse
        } else if first.equalsIgnoringCase("SYS") {
            name = .sys
            // "It is hierarchical, with two possible second-level codes" (RFC 3206 §4).
            let second = levels.dropFirst().first ?? []
            if !second.equalsIgnoringCase("TEMP"), !second.equalsIgnoringCase("PERM") { isWellFormed = false }
        } else if first.equalsIgnoringCase("AUTH") {
            name = .auth
        } else if first.equalsIgnoringCase("UTF8") {
            name = .utf8
        } else {
            name = .other
        }
    }

    /// The code may stand in a reply to `verb` of this sign (RFC 2449 §8.1, RFC 3206 §4 and §5, RFC 6856 §5).
    package func mayAnswer(_ verb: POP3Verb?, accepted: Bool) -> Bool {
        switch name {
        case .other: return true
        case .sys: return !accepted
        case .inUse: return !accepted && (verb == .auth || verb == .apop || verb == .pass)
        case .loginDelay, .auth:
            return !accepted && (verb == .auth || verb == .apop || verb == .pass || verb == .user)
        case .utf8: return !accepted && (verb == .list || verb == .top || verb == .retr)
        }
    }
}
