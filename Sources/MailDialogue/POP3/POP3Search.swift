// How the reply to a command of POP3 is told by its lines, while the place is not certain: see POP3Dialogue+Gaps.swift.

import MailMessage

extension POP3Dialogue.Search {
    /// A line that can be no response: no base64, and no mask of one.
    func isNoResponse(_ line: ArraySlice<UInt8>) -> Bool {
        line.isEmpty || !(SASLMask.covers(line) || Base64.decode(line) != nil)
    }

    /// The one command that awaits its reply asks for a message.
    var awaitsMessage: Bool {
        guard let candidate, case .message = candidate.shape else { return false }
        return true
    }

    /// What a line is to the reply that is looked for.
    enum Step {
        /// The reply goes on, or there is none to be looked for.
        case more
        /// It is no line of such a reply.
        case misfit
        /// It ends the reply. `isTelling` when the reply says what no other says.
        case whole(accepted: Bool, isTelling: Bool)
    }

    /// Takes a line of the server that is known from its beginning.
    mutating func step(_ line: OctetView, _ isDot: Bool) -> Step {
        guard let candidate else {
            user = nil
            turns = 0
            return .more
        }
        if isInMessage { return isDot ? .whole(accepted: true, isTelling: false) : .more }
        if var current = listing {
            listing = nil
            if isDot {
                let isTelling =
                    current.lines > 0 && current.verb != nil && current.verb != .lang && current.verb != .auth
                return .whole(accepted: true, isTelling: isTelling)
            }
            guard current.takes(line) else { return .misfit }
            listing = current
            return .more
        }
        let status = POP3Status(line)
        guard status == .ok || status == .error, line.starts(with: status.code.utf8),
            line.dropFirst(status.length).first ?? 32 == 32
        else { return .misfit }
        guard status == .ok else { return .whole(accepted: false, isTelling: false) }
        switch candidate.shape {
        case .listing(let word):
            listing = POP3Listing(word, candidate.verb)
            return .more
        case .message:
            isInMessage = true
            return .more
        case .submission: return .misfit
        case .line: break
        }
        let text = line.dropFirst(4)
        switch candidate.verb {
        case .stat:
            return POP3Dialogue.dropListing(text) == nil ? .misfit : .whole(accepted: true, isTelling: true)
        case .list, .uidl:
            let isFit = POP3Scan(text)?.number == candidate.number
            return isFit ? .whole(accepted: true, isTelling: true) : .misfit
        case .user, .pass, .apop, .auth, .stls, .capa, .utf8, .lang, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            return .whole(accepted: true, isTelling: false)
        }
    }
}

extension POP3Listing {
    /// Takes a line when it is one of such a listing.
    fileprivate mutating func takes(_ line: OctetView) -> Bool {
        switch verb {
        case .list: return POP3Scan(line).map { $0.value.decimal != nil && take($0.number) } ?? false
        case .uidl: return POP3Scan(line).map { take($0.number) } ?? false
        case .capa:
            let capability = POP3CapabilityLine(ArraySlice(line))
            guard capability.flaw == nil else { return false }
            if capability.capability != .other { lines &+= 1 }
            return true
        case .user, .pass, .apop, .auth, .stls, .utf8, .lang, .stat, .retr, .top, .dele, .noop, .rset, .last, .quit,
            nil:
            return true
        }
    }
}
