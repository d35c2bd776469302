// What a server may not do, and what its responses say of the session: counts of the open mailbox, capabilities, what is
// enabled. A verdict on a count needs a mailbox that is open and none that is being opened: of that one it is not known
// which responses are of it, before `[CLOSED]` or the tagged reply (RFC 9051 §7.1).

extension IMAPDialogue {
    /// A mailbox is open, and what comes is of it.
    private var isSettled: Bool { phase == .selected && outstanding.opening == 0 && client != .seeking }

    /// Counts what an untagged response says; the rest of it is not read here.
    mutating func count(_ head: IMAPResponseHead<OctetView>, _ remarks: inout Remarks) {
        if head.number == .bad { remarks.blame(.imapReplyBadNumber) }
        switch head.keyword {
        case .exists:
            guard case .value(let number) = head.number else { break }
            if outstanding.opening > 0 {
                opening.exists = number
            } else if phase == .selected || phase == .unknown {
                if isSettled, let before = counts.exists, number < before {
                    remarks.blame(.imapExistsShrinks)
                }
                counts.exists = number
            }
        case .expunge: countExpunge(head.number, &remarks)
        case .vanished: countVanished(head.rest, &remarks)
        case .fetch:
            guard case .value(let number) = head.number else { break }
            if number == 0 { remarks.blame(.imapReplyBadNumber) }
            if isWhole, enabled.contains(.uidonly) { remarks.blame(.imapReplyNumberThoughUIDOnly) }
            if isSettled, let exists = counts.exists, number > exists {
                remarks.blame(.imapFetchBeyondExists)
            }
        case .uidfetch:
            if isWhole, !enabled.contains(.uidonly), !asked.contains(.uidonly) {
                remarks.blame(.imapUIDFetchNotEnabled)
            }
        case .flags: if outstanding.opening > 0 { opening.hasFlags = true }
        case .capability: takeList(head.rest, &remarks)
        case .enabled: takeEnabled(head.rest, &remarks)
        default: break
        }
    }

    private mutating func countExpunge(_ number: IMAPResponseHead<OctetView>.Number, _ remarks: inout Remarks) {
        guard case .value(let number) = number else { return }
        if number == 0 { remarks.blame(.imapReplyBadNumber) }
        if isWhole, enabled.contains(.uidonly) {
            remarks.blame(.imapReplyNumberThoughUIDOnly)
        } else if isWhole, isSettled, enabled.contains(.qresync), !counts.hasNoModSeq {
            remarks.blame(.imapExpungeThoughQResync)
        }
        judgeRemoval(&remarks)
        if outstanding.opening > 0 {
            opening.exists = opening.exists.map { $0 > 0 ? $0 - 1 : 0 }
        } else if let exists = counts.exists {
            if number > exists {
                if isSettled { remarks.blame(.imapExpungeBeyondExists) }
            } else if exists > 0 {
                counts.exists = exists - 1
            }
        }
    }

    /// VANISHED [(EARLIER)] uid-set (RFC 7162 §3.2.10). Each UID of the set is a message less, but the earlier ones are
    /// already gone.
    private mutating func countVanished(_ rest: OctetView, _ remarks: inout Remarks) {
        let isAgreed = [enabled, asked].contains { !$0.isDisjoint(with: [.qresync, .uidonly]) }
        if isWhole, !isAgreed { remarks.blame(.imapVanishedNotEnabled) }
        guard !rest.hasPrefixIgnoringCase("(EARLIER)") else { return }
        judgeRemoval(&remarks)
        guard let gone = Self.count(set: rest) else {
            counts.exists = nil
            return
        }
        if outstanding.opening > 0 {
            opening.exists = opening.exists.map { UInt64($0) > gone ? $0 - UInt32(gone) : 0 }
        } else if let exists = counts.exists {
            if gone > UInt64(exists) {
                if isSettled { remarks.blame(.imapVanishedBeyondExists) }
                counts.exists = nil
            } else {
                counts.exists = exists - UInt32(gone)
            }
        }
    }

    /// RFC 9051 §7.5.1, RFC 7162 §3.2.10.2: messages go only while a command is in progress that allows it. One whose end
    /// the client has not sent is not.
    private func judgeRemoval(_ remarks: inout Remarks) {
        guard isWhole, isSettled, !marks.contains(.notifies) else { return }
        let pending: Int
        switch client {
        case .literalOffered, .literal, .commandRest: pending = outstanding.lastExchange == open.exchange ? 1 : 0
        case .commands, .saslAwaiting, .saslResponse, .idleOffered, .idling, .tlsOffered, .compressOffered,
            .unauthenticating, .seeking:
            pending = 0
        }
        let inProgress = outstanding.count - pending
        let holding = outstanding.holdingNumbers - (open.verb.kind.contains(.holdsNumbers) ? pending : 0)
        if inProgress == 0 {
            remarks.blame(.imapExpungeUnasked)
        } else if inProgress == holding {
            remarks.blame(.imapExpungeDuringFetch)
        }
    }

    /// How many numbers a set without "*" has; nil when it is none.
    static func count(set: some OctetLine) -> UInt64? {
        var total: UInt64 = 0
        for range in set.trimmed.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let ends = range.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            let numbers = ends.compactMap { $0.decimal.flatMap { UInt32(exactly: $0) } }
            guard numbers.count == ends.count, let first = numbers.first, let last = numbers.last, ends.count <= 2,
                first > 0, last > 0
            else { return nil }
            total += UInt64(max(first, last) - min(first, last)) + 1
        }
        return total
    }

    // MARK: What is offered and enabled

    /// A list of capabilities, wherever it stood.
    mutating func takeList(_ names: some OctetLine, _ remarks: inout Remarks) {
        let list = IMAPCapabilityList(names)
        let offered = list.capabilities
        if offered.isDisjoint(with: [.rev1, .rev2]) { remarks.blame(.imapCapabilityWithoutRevision) }
        if offered.isSuperset(of: [.literalPlus, .literalMinus]) {
            remarks.blame(.imapLiteralPlusAndMinus)
        }
        if offered.contains(.qresync), !offered.offers(.enable) { remarks.blame(.imapQResyncWithoutEnable) }
        if offered.contains(.jmapaccess), !offered.contains(.objectID) {
            remarks.blame(.imapJMAPAccessWithoutObjectID)
        }
        capabilities = offered
        mechanisms = list.mechanisms
        marks.insert(.hasList)
    }

    private mutating func takeEnabled(_ names: OctetView, _ remarks: inout Remarks) {
        var isUnasked = false
        for name in names.split(separator: 32) {
            let one = IMAPCapabilities(name: name)
            if one == .others {
                isUnasked = isUnasked || !marks.contains(.askedOthers)
                continue
            }
            // QRESYNC has CONDSTORE in it (RFC 7162 §3.2.3).
            let implied = one == .condstore && asked.contains(.qresync)
            if !asked.isSuperset(of: one), !implied { isUnasked = true }
            enabled.formUnion(one)
        }
        if isWhole, isUnasked { remarks.blame(.imapEnabledUnasked) }
        if enabled.contains(.uidonly) { mailboxView?.enableUIDOnly() }
    }

    // MARK: Tagged replies

    /// What is wrong with the answer to a command, before it takes effect.
    mutating func judge(
        _ command: IMAPOutstanding.Entry, _ status: ReplyStatus, _ head: IMAPResponseHead<OctetView>,
        _ remarks: inout Remarks
    ) {
        if command.verb == .unauthenticate, status == .refused { remarks.blame(.imapUnauthenticateRefused) }
        guard status == .ok else { return }
        switch command.verb {
        case .capability:
            if isWhole, !marks.contains(.hasList), !head.rest.hasPrefixIgnoringCase("[CAPABILITY") {
                remarks.blame(.imapCapabilityMissing)
            }
        case .logout:
            if isWhole, !marks.contains(.saidBye) { remarks.blame(.imapLogoutWithoutBye) }
        case .login:
            if isWhole, capabilities?.contains(.loginDisabled) == true {
                remarks.blame(.imapLoginAcceptedThoughDisabled)
            }
        case .examine:
            if !head.rest.hasPrefixIgnoringCase("[READ-ONLY]") { remarks.blame(.imapExamineNotReadOnly) }
            judgeOpening(&remarks)
        case .select: judgeOpening(&remarks)
        default: break
        }
    }

    /// What must come before OK to SELECT or EXAMINE (RFC 9051 §6.3.2). Judged when one mailbox at a time is opened.
    private func judgeOpening(_ remarks: inout Remarks) {
        guard isWhole, !marks.contains(.opensMany) else { return }
        if !opening.hasFlags { remarks.blame(.imapSelectWithoutFlags) }
        if opening.exists == nil { remarks.blame(.imapSelectWithoutExists) }
        if opening.uidValidity == nil { remarks.blame(.imapSelectWithoutUIDValidity) }
        let keepsModSeq = !enabled.isDisjoint(with: [.condstore, .qresync])
        if keepsModSeq, marks.contains(.wantsModSeq), opening.highestModSeq == nil, !opening.hasNoModSeq {
            remarks.blame(.imapSelectWithoutModSeq)
        }
        if marks.contains(.wasOpen), !opening.closedOther, let offered = capabilities {
            let isDue = offered.contains(.qresync) || (offered.contains(.rev2) && !offered.contains(.rev1))
            if isDue { remarks.blame(.imapSelectWithoutClosed) }
        }
    }

    /// SELECT or EXAMINE was answered; a failed one closes the mailbox before it all the same (RFC 9051 §6.3.2).
    mutating func settleOpening(_ command: IMAPOutstanding.Entry, accepted: Bool, _ remarks: inout Remarks) {
        var name = ""
        if let index = names.firstIndex(where: { $0.exchange == command.exchange }) {
            name = names[index].name
            names.remove(at: index)
        }
        let view = openingView
        let next = opening
        opening = IMAPMailboxCounts()
        openingView = nil
        if phase == .logout { return }
        guard accepted else {
            if phase == .selected || phase == .unknown { closeMailbox() }
            return
        }
        phase = .selected
        mailbox = name
        counts = next
        // Of several that were opened at once it is not known what is of which.
        mailboxView = outstanding.opening == 0 ? view : nil
        if outstanding.opening > 0 { counts = IMAPMailboxCounts() }
        if keepsMailbox, mailboxView == nil { mailboxView = IMAPMailboxView(name: name) }
        marks.insert(.wasOpen)
        remarks.tell(.mailbox(name))
    }

    /// No mailbox is open any more.
    mutating func closeMailbox() {
        phase = .authenticated
        mailbox = ""
        counts = IMAPMailboxCounts()
        mailboxView = nil
    }
}
