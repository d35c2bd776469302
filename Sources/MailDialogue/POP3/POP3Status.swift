// The status indicator at the front of a POP3 reply line (RFC 1939 §3) and the challenge of AUTH (RFC 5034 §4).

/// What a reply line begins with.
package enum POP3Status: Equatable, Sendable {
    case ok
    case error
    /// `+` and base64.
    case challenge
    /// None of them.
    case none

    /// `line` is without its line end. `+OK` is looked for before `+`, which it begins with.
    package init(_ line: ArraySlice<UInt8>) {
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
