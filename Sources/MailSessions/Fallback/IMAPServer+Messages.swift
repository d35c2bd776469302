// IMAP commands that change messages (RFC 9051 §6.4): STORE, COPY, MOVE, EXPUNGE and their UID forms.

import MailDialogue

/// What STORE changes.
struct IMAPFlagUpdate: Equatable, Sendable {
    var uids: [UInt32]
    var change: FlagChange
    var flags: [String]
    var isSilent: Bool

    /// The flags that a message has after it, when nobody else changed them.
    func expected(_ before: [String]) -> [String] {
        switch change {
        case .replace: flags
        case .add: before + flags
        case .remove: before.filter { !flags.contains($0) }
        }
    }
}

extension IMAPServer {
    var isUID: Bool { verb.hasPrefix("UID ") }

    /// The UIDs that the set of a command names; nil when a reply was sent.
    mutating func uids(_ set: IMAPSequenceSet) -> [UInt32]? {
        if let uids = view?.uids(set, isUID: isUID) { return uids }
        reply("BAD there is no such message")
        return nil
    }

    // MARK: STORE

    mutating func store(_ scanner: inout IMAPScanner) {
        guard let set = scanner.sequenceSet(), scanner.space(), let (change, isSilent) = Self.change(&scanner),
            scanner.space()
        else { return reply(Self.syntax) }
        var flags: [String] = []
        if let list = scanner.list({ $0.flag() }) {
            flags = list
        } else {
            repeat {
                guard let flag = scanner.flag() else { return reply(Self.syntax) }
                flags.append(flag)
            } while scanner.space()
        }
        guard scanner.isAtEnd else { return reply(Self.syntax) }
        guard let uids = uids(set) else { return }
        guard view?.isReadOnly == false else { return conclude(Self.text(.readOnly)) }
        guard !uids.isEmpty else { return conclude("OK done") }
        let update = IMAPFlagUpdate(uids: uids, change: change, flags: flags, isSilent: isSilent)
        ask(.store(update), .store(uids: uids, change, flags))
    }

    private static func change(_ scanner: inout IMAPScanner) -> (FlagChange, Bool)? {
        let change: FlagChange = scanner.take("+") ? .add : scanner.take("-") ? .remove : .replace
        if scanner.keyword("FLAGS.SILENT") { return (change, true) }
        return scanner.keyword("FLAGS") ? (change, false) : nil
    }

    mutating func stored(_ update: IMAPFlagUpdate, _ answer: StoreReply) {
        guard case .changes(let changes) = answer else {
            return conclude(Self.broken)
        }
        let expected = { (entry: MessageEntry) in update.expected(entry.flags) }
        let withUID = isUID
        if let lines = view?.take(flags: changes.flags, withUID: withUID, silent: update.isSilent ? expected : nil) {
            connection.send(lines)
        }
        var others = changes
        others.flags = []
        guard news(.changes(others), mayExpunge: isUID) else { return }
        let isWhole = isUID || changes.flags.count >= update.uids.count
        conclude(isWhole ? "OK done" : Self.text(.noSuchMessage))
    }

    // MARK: COPY, MOVE

    mutating func copy(_ scanner: inout IMAPScanner) {
        guard let set = scanner.sequenceSet(), scanner.space(), let octets = scanner.astring(), scanner.isAtEnd,
            let account
        else { return reply(Self.syntax) }
        guard let uids = uids(set) else { return }
        let isMove = verb == "MOVE" || verb == "UID MOVE"
        if isMove, view?.isReadOnly != false { return conclude(Self.text(.readOnly)) }
        guard let name = Self.validName(octets[...]) else { return conclude(Self.text(.invalidName)) }
        guard !uids.isEmpty else { return conclude("OK done") }
        ask(isMove ? .move(uids) : .copy(uids), .copy(uids: uids, account, name))
    }

    /// `uids` were to be copied. MOVE tells the new UIDs before the EXPUNGEs, while the old ones still mean something
    /// (RFC 6851 §4.3).
    mutating func copied(_ uids: [UInt32], _ answer: StoreReply, isMove: Bool) {
        guard case .copied(let validity, let copies) = answer else {
            return conclude(Self.broken)
        }
        // When a message was gone, which copy is whose can't be told.
        let isWhole = copies.count == uids.count
        let code =
            isWhole
            ? "[COPYUID \(validity) \(IMAPSequenceSet.text(uids)) \(IMAPSequenceSet.text(copies))] " : ""
        guard isMove else {
            return conclude(isWhole || isUID ? "OK \(code)done" : Self.text(.noSuchMessage))
        }
        if isWhole { connection.send("* OK \(code)moved\r\n") }
        ask(.removeMoved, .remove(uids: uids))
    }

    // MARK: UID EXPUNGE (RFC 4315 §2.1); EXPUNGE without arguments is with the bare commands.

    mutating func expunge(_ scanner: inout IMAPScanner) {
        guard let set = scanner.sequenceSet(), scanner.isAtEnd else { return reply(Self.syntax) }
        guard let uids = uids(set) else { return }
        guard view?.isReadOnly == false else { return conclude(Self.text(.readOnly)) }
        ask(.expunge, .expunge(uids: uids))
    }
}
