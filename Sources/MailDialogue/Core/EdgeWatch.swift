// Where TLS was to begin: whether it does. Behind STARTTLS and STLS, and where a client began with TLS on its own, a server may answer in
// clear and a client may go on in clear. Such octets are the session's, and no secret in them may go unseen.
//
// A side's octets are TLS as long as each record begins with a content type (RFC 8446 §5.1: 20 to 24), which is no octet of text. Once
// the server has sent anything but alerts there is TLS.

/// Walks over the records of both sides until it is known.
struct EdgeWatch: Equatable, Sendable {
    private var client = Records()
    private var server = Records()
    /// It is not known yet.
    private(set) var isOpen = true
    /// Somebody looked.
    private(set) var hasBegun = false

    /// The next octets of `side`.
    /// - Parameters:
    ///   - counts: text of this side may be the session's. That of a client that did not wait for the answer to STARTTLS is
    ///     not, nor that of a server behind its answer before the client said anything.
    ///   - isLate: what came of TLS before was not looked at, and so it is not known where records begin.
    /// - Returns: how many of them come before the first that is in clear; nil when none is.
    mutating func clear(in octets: ArraySlice<UInt8>, from side: Side, counts: Bool, isLate: Bool) -> Int? {
        if isLate, !hasBegun { isOpen = false }
        hasBegun = true
        guard isOpen, counts else { return nil }
        let finding =
            switch side {
            case .client: client.walk(octets, endsAtRecord: false)
            case .server: server.walk(octets, endsAtRecord: true)
            }
        switch finding {
        case .nothing: return nil
        case .clear(let count): return count
        case .record:
            isOpen = false
            return nil
        case .other:
            // What a client sends proves nothing: its server may not have understood it.
            if side == .server { isOpen = false }
            return nil
        }
    }

    /// There is TLS, whatever comes.
    mutating func settle() {
        isOpen = false
        hasBegun = true
    }

    /// Octets of `side` are missing: where its records begin is not known any more.
    mutating func lose(_ side: Side) {
        switch side {
        case .client: client.isLost = true
        case .server: isOpen = false
        }
    }
}

/// The records of a side (RFC 8446 §5.1).
private struct Records: Equatable, Sendable {
    enum Finding {
        case nothing
        /// A record that is no alert begins.
        case record
        /// Text begins behind so many octets.
        case clear(Int)
        /// What comes is neither.
        case other
    }

    /// Octets of the record that are still to come.
    private var skip = 0
    /// Octets of its header that came, and the length in it as far as it did.
    private var header = 0
    private var length = 0
    var isLost = false

    private static let headerLength = 5
    private static let alert: UInt8 = 21

    /// - Parameter endsAtRecord: nothing behind a record matters.
    mutating func walk(_ octets: ArraySlice<UInt8>, endsAtRecord: Bool) -> Finding {
        var index = octets.startIndex
        while index < octets.endIndex, !isLost {
            if skip > 0 {
                let step = min(skip, octets.endIndex - index)
                skip -= step
                index += step
                continue
            }
            let octet = octets[index]
            if header == 0 {
                switch octet {
                case 0x20...0x7E: return .clear(index - octets.startIndex)
                case 20...24: if endsAtRecord, octet != Self.alert { return .record }
                default:
                    isLost = true
                    return .other
                }
            }
            if header >= 3 { length = length << 8 | Int(octet) }
            header += 1
            index += 1
            if header == Self.headerLength {
                skip = length
                header = 0
                length = 0
            }
        }
        return .nothing
    }
}
