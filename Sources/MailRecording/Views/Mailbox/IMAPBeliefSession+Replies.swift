// What becomes of a command when its tagged reply has come.

import MailDialogue

extension IMAPBeliefSession {
    // MARK: Tagged replies

    mutating func answer(_ note: Note, _ reply: Reply, _ time: Int64, _ belief: inout MailboxBelief) {
        let exchange = note.exchange
        sent[exchange] = nil
        var code: IMAPResponseCode?
        if case .status(let status) = IMAPResponseReading(IMAPText(note.raw)).value { code = status.code }
        if reply.status == .ok, let code { take(code, exchange, time, &belief) }
        guard let waiting = pending.removeValue(forKey: exchange) else { return }
        guard reply.status == .ok else {
            if case .select = waiting {
                let view = opening.removeValue(forKey: exchange)
                // The folder that was open is closed all the same (RFC 9051 §6.3.2), but not when nothing was understood.
                if reply.status == .refused { leave(&belief) }
                if let view, belief.folders.indices.contains(view.folder), !belief.folders[view.folder].wasOpened,
                    belief.folders[view.folder].attributes.isEmpty, belief.folders[view.folder].count == nil
                {
                    belief.remove(folder: view.folder)
                }
            }
            return
        }
        switch waiting {
        case .select:
            let view = opening.removeValue(forKey: exchange)
            leave(&belief)
            selected = view
            if let view {
                // What had no UID can't be told from others any more.
                for serial in belief.folders[view.folder].unnumbered where view.numbering.known == 0 {
                    belief.remove(message: serial, from: view.folder)
                }
                belief.change(view.folder) { folder in
                    folder.wasOpened = true
                    folder.isReadOnly = view.isReadOnly
                    folder.time = time
                }
            }
        case .close:
            if let view = selected, !view.isReadOnly { removeDeleted(view.folder, time, &belief) }
            leave(&belief)
        case .unselect: leave(&belief)
        case .store(let isUID, let numbers, let change, let flags):
            var but = IMAPNumberSet()
            if case .modified(let set) = code { but = set }
            stored(isUID, numbers, but, change, flags, time, &belief)
        case .copy: break
        case .append(let target, let appended): self.appended(appended, to: target, code, time, &belief)
        case .create(let name): _ = belief.folder(Self.trimmed(name, belief)[...], at: time)
        case .delete(let name): if let folder = belief.place(name[...]) { belief.remove(folder: folder) }
        case .rename(let from, let to): belief.rename(from[...], to: Self.trimmed(to, belief)[...], at: time)
        case .subscribe(let name, let isSubscribed):
            guard let folder = belief.folder(name[...], at: time) else { return }
            belief.change(folder) { $0.isSubscribed = isSubscribed }
        case .list(let isLSUB, let found):
            guard belief.pay(belief.folders.count) else { return }
            for place in belief.present where !found.contains(belief.folders[place].name) {
                if isLSUB {
                    belief.change(place) { $0.isSubscribed = false }
                } else if place != selected?.folder, belief.folders[place].name != "INBOX" {
                    belief.remove(folder: place)
                }
            }
        case .search(let isAll, let found):
            // A search that nobody answered says nothing, not that there is nothing.
            if let found { searched(isAll, found, time, &belief) }
        }
    }

    /// A name of CREATE may end with the delimiter, to say that folders are to come below (RFC 9051 §6.3.4).
    private static func trimmed(_ name: [UInt8], _ belief: MailboxBelief) -> [UInt8] {
        guard name.count > 1, let delimiter = belief.folders.lazy.compactMap(\.delimiter).first,
            name.last == delimiter
        else { return name }
        return Array(name.dropLast())
    }

    private func removeDeleted(_ folder: Int, _ time: Int64, _ belief: inout MailboxBelief) {
        let serials = belief.serials(folder)
        guard belief.pay(serials.count) else { return }
        var gone: UInt32 = 0
        for serial in serials where belief.messages[serial]?.flags.contains(.deleted) == true {
            belief.remove(message: serial, from: folder)
            gone += 1
        }
        belief.change(folder) { folder in
            folder.count = folder.count.map { $0 >= gone ? $0 - gone : 0 }
            folder.time = time
        }
    }

    /// The answer names all messages that are there: those that it does not name are gone. With RETURN only ALL says so (RFC 9051 §6.4.4;
    /// no option at all means ALL), and PARTIAL (RFC 9394), CONTEXT (RFC 5267) and what is not known may have other answers.
    static func asksForAll(_ arguments: IMAPSearchArguments) -> Bool {
        guard arguments.criteria == [.plain(.all)] else { return false }
        guard let returns = arguments.returns else { return true }
        let isPlain = returns.allSatisfy { option in
            switch option {
            case .min, .max, .all, .count, .save: true
            case .context, .update, .relevancy, .partial, .other: false
            }
        }
        return isPlain && (returns.isEmpty || returns.contains(.all))
    }

    /// Octets of the server are lost: what is missing in the answers that are under way may have been in them.
    mutating func forgetAnswers() {
        for (exchange, waiting) in pending {
            switch waiting {
            case .search, .list: pending[exchange] = nil
            case .select, .close, .unselect, .store, .copy, .append, .create, .delete, .rename, .subscribe: break
            }
        }
    }

    /// The answer to a search does not name all that was found.
    mutating func foundInPart(_ exchange: Int) {
        guard case .search(_, let found) = pending[exchange] else { return }
        pending[exchange] = .search(isAll: false, found: found)
    }

    /// UIDs that a search found are there; when all were asked for, no others are.
    private mutating func searched(_ isAll: Bool, _ found: [UInt32], _ time: Int64, _ belief: inout MailboxBelief) {
        guard let folder = selected?.folder, belief.folders.indices.contains(folder), belief.pay(found.count) else {
            return
        }
        let uids = isAll ? Array(Set(found)).sorted() : found
        let isWhole = isAll && selected?.numbering.exists == UInt32(exactly: uids.count)
        for (place, uid) in uids.enumerated() where uid != 0 {
            guard let serial = belief.message(uid: uid, in: folder, at: time) else { return }
            if isWhole {
                selected?.numbering.set(UInt32(truncatingIfNeeded: place + 1), uid: uid, handle: serial)
            }
        }
        guard isAll, belief.pay(belief.folders[folder].byUID.count) else { return }
        let there = Set(uids)
        for uid in Array(belief.folders[folder].byUID.keys) where !there.contains(uid) {
            belief.remove(uid: uid, from: folder)
        }
    }

    private mutating func appended(
        _ messages: [Appended], to target: [UInt8], _ code: IMAPResponseCode?, _ time: Int64,
        _ belief: inout MailboxBelief
    ) {
        guard let folder = belief.folder(target[...], at: time) else { return }
        let isOpen = selected?.folder == folder
        belief.change(folder) { folder in
            folder.time = time
            if !isOpen { folder.count = folder.count.map { $0 &+ UInt32(truncatingIfNeeded: messages.count) } }
        }
        guard case .appendUID(let validity, let uids)? = code, uids.count == messages.count else {
            if !isOpen { belief.change(folder) { $0.appendedWithoutUID += messages.count } }
            return
        }
        belief.uidValidity(validity, of: folder)
        let all = uids.ranges.lazy.flatMap { $0.resolved(largest: 0) }
        for (message, uid) in zip(messages, all) {
            guard let serial = belief.message(uid: uid, in: folder, at: time) else { return }
            let flags = belief.flags(message.flags, in: folder)
            belief.change(message: serial) { made in
                made.origin = .appended
                made.size = made.size ?? message.size.map { UInt64($0) }
                if !made.flags.contains(.known) {
                    made.flags = flags
                    made.flagsAreInferred = true
                }
            }
            if let content = message.content { desk.own(content, by: serial, of: session, &belief) }
        }
    }

    /// A silent STORE: what was asked for is so now.
    private func stored(
        _ isUID: Bool, _ numbers: IMAPNumberSet, _ but: IMAPNumberSet, _ change: IMAPStoreArguments.Change,
        _ names: [UInt8], _ time: Int64, _ belief: inout MailboxBelief
    ) {
        guard let view = selected else { return }
        guard !numbers.isSavedResult else { return belief.fail() }
        let flags = belief.flags(names, in: view.folder)
        for serial in BelievedNumbers.serials(numbers, but: but, isUID: isUID, view, &belief) {
            belief.change(message: serial) { message in
                switch change {
                case .replace:
                    message.flags = flags.union(.known)
                case .add:
                    guard message.flags.contains(.known) else { return }
                    message.flags = message.flags.union(flags)
                case .remove:
                    guard message.flags.contains(.known) else { return }
                    message.flags = message.flags.subtracting(flags).union(.known)
                }
                message.flagsAreInferred = true
                message.time = time
            }
        }
    }
}
