// What is read of whole responses and commands with the grammar: response codes always, for they change the state; all the
// rest when a view of the mailbox is kept.

extension IMAPDialogue {
    /// What octets beyond ASCII mean (RFC 9755 §3, RFC 9051 §7.2.2).
    var charset: IMAPCharset {
        if !enabled.isDisjoint(with: [.utf8Accept, .rev2]) { return .utf8 }
        guard isWhole, let capabilities else { return .unknown }
        // A server of the second revision alone speaks UTF-8 from its first line on.
        return capabilities.contains(.rev1) ? .ascii : .unknown
    }

    /// A response is whole.
    mutating func take(_ whole: IMAPText, _ keyword: IMAPKeyword, _ remarks: inout Remarks) {
        let reading = IMAPResponseReading(whole, charset: charset)
        if !remarks.violations.contains(.imapServerLiteralMismatch) {
            // Text that is missing behind OK or BYE misleads nobody.
            let isStatus = keyword.isStatus
            let faults = isStatus ? reading.faults.filter { $0.code != .missingSpace } : reading.faults
            remarks.violations.add(faults.compactMap { Violation.imapReply($0.code) })
        }
        if case .status(let status) = reading.value {
            guard let code = status.code else { return }
            if case .capability = code { takeListCode(whole, &remarks) }
            take(code, isTagged: !status.tag.isNil, &remarks)
        }
        guard keepsMailbox else { return }
        if case .search(let numbers, _) = reading.value { judgeSearch(numbers, &remarks) }
        view(reading, &remarks)
    }

    /// `[CAPABILITY …]` (RFC 9051 §7.1).
    private mutating func takeListCode(_ whole: IMAPText, _ remarks: inout Remarks) {
        let octets = whole.octets
        guard let bracket = octets.firstIndex(of: UInt8(ascii: "[")),
            let end = octets[bracket...].firstIndex(of: UInt8(ascii: "]"))
        else { return }
        takeList(octets[bracket..<end].firstWord.rest, &remarks)
    }

    /// What a response code says of the session.
    private mutating func take(_ code: IMAPResponseCode, isTagged: Bool, _ remarks: inout Remarks) {
        let isOpening = outstanding.opening > 0
        switch code {
        case .plain(.closed):
            if isOpening { opening.closedOther = true }
            // Of a client that is not heard to the end it is not known whether it opens another one.
            let isKnown = phase == .selected && client != .seeking
            if isKnown || phase == .unknown { closeMailbox() }
            if !isKnown, phase == .authenticated, !isWhole { phase = .unknown }
        case .plain(.noModSeq): if isOpening { opening.hasNoModSeq = true } else { counts.hasNoModSeq = true }
        case .plain(.uidNotSticky):
            if isWhole, capabilities?.contains(.uidonly) == true {
                remarks.blame(.imapUIDNotStickyThoughUIDOnly)
            }
        case .plain(.notificationOverflow): marks.remove(.notifies)
        case .uidValidity(let value):
            if isOpening {
                opening.uidValidity = value
            } else if phase == .selected {
                if let before = counts.uidValidity, before != value {
                    remarks.blame(.imapUIDValidityChanged)
                }
                counts.uidValidity = value
            }
        case .uidNext(let value):
            if isOpening {
                opening.uidNext = value
            } else if phase == .selected {
                if let before = counts.uidNext, value < before { remarks.blame(.imapUIDNextBack) }
                counts.uidNext = value
            }
        case .highestModSeq(let value):
            if isOpening {
                opening.highestModSeq = value
            } else if phase == .selected {
                if let before = counts.highestModSeq, value < before {
                    remarks.blame(.imapHighestModSeqBack)
                }
                counts.highestModSeq = value
            }
        case .inProgress: if isTagged { remarks.blame(.imapProgressTagged) }
        case .plain, .annotate, .annotations, .appendUID, .copyUID, .badCharset, .badEvent, .badURL, .capability,
            .mailboxID,
            .maxConvertMessages, .maxConvertParts, .messageLimit, .metadata, .modified, .noUpdate, .permanentFlags,
            .referral, .undefinedFilter, .unseen, .urlMechanisms, .other:
            break
        }
    }

    /// Numbers of SEARCH are those of messages when only SEARCH by sequence number is under way.
    private func judgeSearch(_ numbers: [UInt32], _ remarks: inout Remarks) {
        guard isWhole, phase == .selected, outstanding.opening == 0, outstanding.searching > 0,
            outstanding.searchingUIDs == 0, let exists = counts.exists, numbers.contains(where: { $0 > exists })
        else { return }
        remarks.blame(.imapSearchBeyondExists)
    }

    /// Gives a response to the view that it is of.
    private mutating func view(_ reading: IMAPResponseReading, _ remarks: inout Remarks) {
        guard outstanding.opening > 0 else {
            let faults = mailboxView?.apply(reading) ?? []
            // What can't be read contradicts nothing.
            guard phase == .selected, reading.faults.isEmpty else { return }
            remarks.violations.add(faults.compactMap { Violation.imapView($0) })
            return
        }
        let mayBeOther = marks.contains(.wasOpen) && !opening.closedOther
        switch reading.value {
        case .fetch, .vanished, .expunge:
            // Before the mailbox that was open is closed, messages may be its.
            if mayBeOther { openingView?.forget() } else { _ = openingView?.apply(reading) }
        default: _ = openingView?.apply(reading)
        }
    }

    // MARK: Commands

    /// The grammar of a command is looked at. Not of those with a password, which nothing else may keep.
    func reads(_ verb: IMAPVerb) -> Bool { keepsMailbox && verb != .unknown && verb != .login && verb != .authenticate }

    /// A command is whole.
    func judge(_ whole: IMAPText, _ remarks: inout Remarks) {
        if remarks.violations.contains(.imapLiteralMismatch) { return }
        let reading = IMAPCommandReading(whole, charset: charset)
        remarks.violations.add(reading.faults.compactMap { Violation.imapCommand($0.code) })
    }
}

extension [Violation] {
    /// Appends each code once. Where a rule fits not at all, a space that is missing says nothing more.
    mutating func add(_ more: [Violation]) {
        for one in more where !contains(one) { append(one) }
        if contains(.imapReplySyntax) { removeAll { $0 == .imapReplySpacing } }
        if contains(.imapCommandSyntax) { removeAll { $0 == .imapCommandSpacing } }
    }
}

extension Violation {
    /// What a fault in a response is; nil for what a client has to pass over (RFC 9051 §7.1), and what is counted elsewhere.
    static func imapReply(_ code: IMAPFault.Code) -> Violation? {
        switch code {
        case .missingSpace, .extraSpace, .tab: .imapReplySpacing
        case .nul, .controlOctet: nil
        case .eightBit, .badUTF8: .imapReplyEightBit
        case .badNumber, .numberTooBig, .zeroNumber: .imapReplyBadNumber
        case .unclosedQuote: .imapReplyUnclosedQuote
        case .misplacedLiteral8: .imapReplyLiteral8
        case .badFlag: .imapReplyBadFlag
        case .duplicateItem: .imapDuplicateItem
        case .badResponseCode, .singleUIDAsRange: .imapBadResponseCode
        case .copyUIDUneven: .imapCopyUIDUneven
        case .progressBeyondGoal: .imapProgressBeyondGoal
        case .previewTooLong: .imapPreviewTooLong
        case .conflictingAttributes: .imapConflictingAttributes
        case .unexpected, .ended, .trailing, .badEscape, .unclosedList, .emptyList, .tooDeep, .misplacedNil,
            .stringNeeded, .badDate, .badDateTime, .badSequenceSet, .badSection, .badPartial, .badBase64, .badObjectID,
            .badDelimiter, .badRights, .badMetadataEntry, .badAnnotation, .badMediaType:
            .imapReplySyntax
        default: nil
        }
    }

    /// What a fault in a command is; nil for what is told elsewhere, or what only says that it is not known here.
    static func imapCommand(_ code: IMAPFault.Code) -> Violation? {
        switch code {
        case .missingSpace, .extraSpace, .tab: .imapCommandSpacing
        case .eightBit, .badUTF8: .imapEightBit
        case .badNumber, .numberTooBig, .zeroNumber: .imapBadNumber
        case .unclosedQuote: .imapUnclosedQuote
        case .badDate, .badDateTime: .imapBadDate
        case .badSequenceSet, .misplacedStar: .imapBadSequenceSet
        case .badSection, .badPartial: .imapBadSection
        case .flagNotSettable: .imapFlagNotSettable
        case .badMailboxName: .imapBadMailboxName
        case .vanishedNotUID, .vanishedWithoutChangedSince: .imapVanishedMisused
        case .partialWithAll: .imapPartialWithAll
        case .recursiveMatchAlone: .imapRecursiveMatchAlone
        case .eventsIncomplete: .imapEventsIncomplete
        case .idTooMany, .idTooLong, .idTwice: .imapIDLimits
        case .tooDeep: .imapTooDeep
        case .unexpected, .ended, .trailing, .badEscape, .unclosedList, .emptyList, .misplacedLiteral8, .misplacedNil,
            .stringNeeded, .misplacedSavedResult, .badFlag, .badBase64, .badObjectID, .badLabel, .badModSeqEntry,
            .badRights, .badMetadataEntry, .badAnnotation, .badMediaType, .misplacedMacro, .noMessage:
            .imapCommandSyntax
        default: nil
        }
    }

    /// What a contradiction in the view is; nil for what is counted without it too.
    static func imapView(_ fault: IMAPMailboxView.Fault) -> Violation? {
        switch fault {
        case .uidNotAscending: .imapUIDNotAscending
        case .uidChanged: .imapUIDChanged
        case .modSeqWentBack: .imapModSeqBack
        case .vanishedUnknown: .imapVanishedUnknown
        case .existsShrank, .expungeBeyondExists, .numberBeyondExists, .highestModSeqWentBack, .uidValidityChanged,
            .uidNextWentBack:
            nil
        }
    }
}
