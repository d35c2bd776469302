// A folder as a client knows it. Messages are kept by their account (MailboxBelief) and found here by UID.

import MailDialogue

/// A folder.
package struct BelievedFolder: Equatable, Sendable {
    /// As the server writes it.
    package let wireName: [UInt8]
    /// Decoded, INBOX in capitals: what it is known by.
    package let name: String
    /// Of LIST, such as `\Sent`; in the order in which they came.
    package var attributes: [String] = []
    /// The octet that parts levels; nil when it was not told or there are none.
    package var delimiter: UInt8?
    package var isSubscribed = false
    package var uidValidity: UInt32?
    package var uidNext: UInt32?
    package var highestModSeq: UInt64?
    /// How many messages there are, as EXISTS, STATUS or STAT told, and what the client did since.
    package var count: UInt32?
    /// How many of them are unseen, as STATUS told; dropped when the folder is opened.
    package var unseen: UInt32?
    /// The client opened it, and so may know its messages.
    package var wasOpened = false
    package var isReadOnly = false
    /// Messages that the client put there without being told their UIDs.
    package var appendedWithoutUID = 0
    /// When the server told of it last; microseconds since 1970.
    package var time: Int64

    var keywords = IMAPKeywordTable()
    /// Serial numbers of its messages by UID, and of those without one.
    var byUID: [UInt32: UInt32] = [:]
    var unnumbered: Set<UInt32> = []
    var byUIDL: [String: UInt32] = [:]

    init(wireName: [UInt8], name: String, time: Int64) {
        self.wireName = wireName
        self.name = name
        self.time = time
    }

    /// How many messages are known one by one.
    package var known: Int { byUID.count + unnumbered.count + byUIDL.count }

    /// The names of flags, system flags first.
    package func names(of flags: IMAPFlagSet) -> [String] { keywords.names(of: flags) }
}
