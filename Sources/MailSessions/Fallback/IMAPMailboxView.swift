// The open mailbox as the client knows it. Its numbers change only when the client is told (RFC 9051 §7.5.1): a message
// that is gone keeps its number until an EXPUNGE may be sent.

import MailDialogue
import MailMessage

/// A mailbox in the eyes of one client.
struct IMAPMailboxView: Equatable, Sendable {
    static let systemFlags = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"]

    private(set) var name: String
    let isReadOnly: Bool
    let uidValidity: UInt32
    let uidNext: UInt32
    /// Ascending UIDs; the message number is the index + 1.
    private(set) var entries: [MessageEntry]
    private(set) var uids: [UInt32]
    /// Gone, and the client was not told.
    private(set) var gone: Set<UInt32> = []
    private(set) var keywords: [String] = []

    init(_ status: MailboxStatus, _ messages: [MessageEntry], isReadOnly: Bool) {
        name = status.name
        self.isReadOnly = isReadOnly
        uidValidity = status.uidValidity
        uidNext = status.uidNext
        entries = messages
        uids = messages.map(\.uid)
        for entry in messages { _ = learn(entry.flags) }
    }

    var flagList: String { (Self.systemFlags + keywords).joined(separator: " ") }

    /// True when a keyword was not known before.
    private mutating func learn(_ flags: [String]) -> Bool {
        var isNew = false
        for flag in flags where !flag.hasPrefix("\\") && !keywords.contains(flag) {
            keywords.append(flag)
            isNew = true
        }
        return isNew
    }

    /// A keyword as the mailbox has it, whatever case it comes in.
    func spelling(_ keyword: String) -> String {
        keywords.first { $0.lowercased() == keyword.lowercased() } ?? keyword
    }

    /// A mailbox was renamed: this one, or one above it.
    mutating func renamed(from: String, to: String) {
        guard from != "INBOX" else { return }
        if name == from || name.hasPrefix(from + "/") { name = to + name.dropFirst(from.count) }
    }

    func index(uid: UInt32) -> Int? {
        var low = 0
        var high = uids.count
        while low < high {
            let middle = (low + high) / 2
            if uids[middle] < uid { low = middle + 1 } else { high = middle }
        }
        return low < uids.count && uids[low] == uid ? low : nil
    }

    /// The indices that a set names.
    func indices(_ set: IMAPSequenceSet, isUID: Bool) -> [Range<Int>] {
        isUID ? set.indices(uids: uids) : set.indices(count: uids.count)
    }

    /// The UIDs that a set names; nil when it names a message number that there is not.
    func uids(_ set: IMAPSequenceSet, isUID: Bool) -> [UInt32]? {
        if !isUID, let largest = set.largestNumber, Int(largest) > uids.count { return nil }
        return indices(set, isUID: isUID).flatMap { uids[$0] }
    }

    // MARK: Changes

    /// Takes flags in; what has to be said of them. With `silent`, flags that are as expected are not told.
    mutating func take(
        flags changed: [MessageEntry], withUID: Bool, silent: ((MessageEntry) -> [String])? = nil
    ) -> [UInt8] {
        var text = ""
        var hasNewKeyword = false
        for entry in changed {
            guard let index = index(uid: entry.uid) else { continue }
            hasNewKeyword = learn(entry.flags) || hasNewKeyword
            let expected = silent?(entries[index])
            entries[index].flags = entry.flags
            if let expected, Set(expected) == Set(entry.flags) { continue }
            let uid = withUID ? "UID \(entry.uid) " : ""
            text += "* \(index + 1) FETCH (\(uid)FLAGS (\(entry.flags.joined(separator: " "))))\r\n"
        }
        return Array((hasNewKeyword ? "* FLAGS (\(flagList))\r\n" : "").utf8) + Array(text.utf8)
    }

    /// Takes changes in; what has to be said of them.
    /// - Parameter mayExpunge: numbers may change now.
    mutating func take(_ changes: MailboxChanges, mayExpunge: Bool) -> [UInt8] {
        gone.formUnion(changes.removed)
        var out: [UInt8] = mayExpunge ? expunge() : []
        let before = entries.count
        for entry in changes.added.sorted(by: { $0.uid < $1.uid }) where entry.uid > uids.last ?? 0 {
            entries.append(entry)
            uids.append(entry.uid)
            _ = learn(entry.flags)
        }
        if entries.count > before { out += Array("* \(entries.count) EXISTS\r\n".utf8) }
        out += take(flags: changes.flags, withUID: true)
        return out
    }

    /// Tells what is gone, the highest number first so that those before it stay right.
    private mutating func expunge() -> [UInt8] {
        guard !gone.isEmpty else { return [] }
        var text = ""
        for index in uids.indices.reversed() where gone.contains(uids[index]) { text += "* \(index + 1) EXPUNGE\r\n" }
        entries.removeAll { gone.contains($0.uid) }
        uids = entries.map(\.uid)
        gone = []
        return Array(text.utf8)
    }
}
