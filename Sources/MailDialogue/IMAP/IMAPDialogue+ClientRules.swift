// What a client may not do, judged when a command begins, at its literals, and when it is whole. A verdict needs a list of
// capabilities that is in force and no command under way that could change it or the state (RFC 9051 §5.5).

extension IMAPDialogue {
    /// A known command, before it is counted among those that await replies.
    func judge(_ command: IMAPCommandLine<OctetView>, _ remarks: inout Remarks) {
        let verb = command.code
        let kind = verb.kind
        if outstanding.isEmpty, !isAllowed(verb.traits.states) { remarks.blame(.imapCommandInWrongState) }
        if let offered = offeredNow {
            if !offered.offers(verb.traits.needs) { remarks.blame(.imapNotOffered) }
            if verb == .login, offered.contains(.loginDisabled) { remarks.blame(.imapLoginThoughDisabled) }
        }
        if verb == .enable, isWhole, marks.contains(.hasSelected) { remarks.blame(.imapEnableWhenSelected) }
        if kind.contains(.notUIDOnly), isWhole, enabled.contains(.uidonly) {
            remarks.blame(.imapNumberThoughUIDOnly)
        }
        // All that is under way must be FETCH, STORE or SEARCH. The saved result "$" holds no numbers.
        if kind.contains(.takesNumbers), isWhole, outstanding.count > outstanding.holdingNumbers,
            command.arguments.first != UInt8(ascii: "$")
        {
            remarks.blame(.imapAmbiguousPipeline)
        }
    }

    private func isAllowed(_ states: IMAPVerb.States) -> Bool {
        switch phase {
        case .greetingPending, .notAuthenticated: states.contains(.notAuthenticated)
        case .authenticated: states.contains(.authenticated)
        case .selected: states.contains(.selected)
        case .logout: states == .any
        case .unknown: true
        }
    }

    /// The capabilities in force, when nothing is under way that could change them.
    private var offeredNow: IMAPCapabilities? {
        outstanding.changing == 0 && isWhole ? capabilities : nil
    }

    /// The header of a literal.
    func judge(_ literal: IMAPLiteral, _ remarks: inout Remarks) {
        // A command that changes the list takes effect behind its own literals.
        let own = open.verb == .login ? 1 : 0
        guard isWhole, outstanding.changing <= own, let offered = capabilities?.withParts else { return }
        if literal.isNonSynchronizing {
            if offered.isDisjoint(with: [.literalPlus, .literalMinus]) {
                remarks.blame(.imapNonSyncLiteralNotOffered)
            } else if !offered.contains(.literalPlus), literal.size ?? .max > 4096 {
                remarks.blame(.imapLongNonSyncLiteral)
            }
        }
        let binary: IMAPCapabilities = [
            .binary, .utf8Accept, .metadata, .metadataServer, .convert, .urlauthBinary, .annotate, .others,
        ]
        if literal.isBinary, offered.isDisjoint(with: binary) { remarks.blame(.imapLiteral8NotOffered) }
    }

    /// AUTHENTICATE, which is already among those that await replies.
    func judgeMechanism(_ mechanism: OctetView, hasInitialResponse: Bool, _ remarks: inout Remarks) {
        guard isWhole, outstanding.changing <= 1, let offered = capabilities?.withParts else { return }
        if hasInitialResponse, !offered.contains(.saslIR) {
            remarks.blame(.imapInitialResponseNotOffered)
        }
        let one = IMAPMechanisms(name: mechanism)
        // A server need not list any (RFC 9051 §6.2.2).
        if !mechanism.isEmpty, !mechanisms.isEmpty, mechanisms.isDisjoint(with: [one, .others]) {
            remarks.blame(.imapMechanismNotOffered)
        }
    }

    /// A parameter of SELECT or EXAMINE.
    func judgeParameter(_ needs: IMAPCapabilities, _ remarks: inout Remarks) {
        guard isWhole, outstanding.changing == 0, let offered = capabilities, !offered.offers(needs) else { return }
        remarks.blame(.imapParameterNotOffered)
    }
}
