// What our server asks of the store, and what comes back. The sessions are pure: a request is an effect, its answer an
// event; the runtime has the store perform it on a thread that may block. A session has at most one request under way.

import MailDialogue
import MailMessage

/// What a session asks of the store.
package enum StoreRequest: Equatable, Sendable {
    /// Does this login hold? Answer: `account` or `refused`.
    case authenticate(LoginAttempt)
    /// What is kept of the user's password for SCRAM with this hash? Answer: `scramKeys`, for users that do not exist too:
    /// made up then, the same each time, so that nobody can tell who exists (RFC 9051 §11.7). `refused` when logins can't
    /// be checked so.
    case scramKeys(user: String, SASLHash)
    /// Would mail for this address be taken? Answer: `done` or `refused`.
    case checkRecipient(String)

    /// Begin a file for octets that are too many to hold. Answer: `spool`.
    case openSpool
    /// Answer: `done`.
    case appendToSpool(SpoolID, [UInt8])
    /// Forget it. Answer: `done`.
    case dropSpool(SpoolID)
    /// Deliver to the mailbox INBOX of each recipient's account; all of it is on the disk, folders synced, before the
    /// answer. The octets are stored as they are: Return-Path and Received (RFC 5321 §4.4) are the session's to write.
    /// A spool is used up by it, whatever the answer. Answer: `delivered`.
    case deliver(MessageSource, Envelope)

    /// Answer: `mailboxes`, hierarchy separator `/`, INBOX first.
    case listMailboxes(Account)
    /// Answer: `done`, or `refused` with `alreadyExists`, `invalidName`.
    case createMailbox(Account, String)
    /// Answer: `done`, or `refused` with `noSuchMailbox`, `hasChildren`, `inbox`.
    case deleteMailbox(Account, String)
    /// RFC 9051 §6.3.6: children move too; renaming INBOX moves its messages. Answer: `done` or `refused`.
    case renameMailbox(Account, from: String, to: String)
    /// Answer: `done`.
    case subscribe(Account, String, Bool)
    /// Answer: `status` or `refused`.
    case status(Account, String)

    /// Opens a mailbox and keeps it open for this session. Answer: `opened` or `refused`.
    case open(Account, String, readOnly: Bool)
    /// What other sessions and deliveries changed since `opened` or the last `refresh`, and what this session appended
    /// or copied into it. What the answers to `store`, `expunge` and `remove` told is not told again. Answer:
    /// `changes`.
    case refresh
    /// Lets go of the open mailbox. Answer: `done`.
    case close
    /// Octets of a message of the open mailbox. Answer: `octets` (shorter than asked at the end) or `refused` when it
    /// is gone.
    case read(uid: UInt32, offset: Int, count: Int)
    /// The MIME structure of a message of the open mailbox. Answer: `structure` or `refused`.
    case structure(uid: UInt32)
    /// Changes flags in the open mailbox. Answer: `changes` with the flags of all these messages as they are now.
    case store(uids: [UInt32], FlagChange, [String])
    /// Answer: `appended`, or `refused` with `noSuchMailbox` (the server says TRYCREATE).
    case append(Account, String, MessageSource, flags: [String], internalDate: Int64?)
    /// Copies messages of the open mailbox. Answer: `copied`, or `refused` with `noSuchMailbox`.
    case copy(uids: [UInt32], Account, String)
    /// Removes those of these messages that are marked \Deleted (nil: all that are). Answer: `changes` with what is
    /// gone.
    case expunge(uids: [UInt32]?)
    /// Removes these messages whatever their flags: POP3's UPDATE state, all or nothing (RFC 1939 §6). Answer:
    /// `changes`.
    case remove(uids: [UInt32])
}

/// What the store answers.
package enum StoreReply: Equatable, Sendable {
    case done
    case account(Account)
    /// The user by the name that it has in the store, and its keys.
    case scramKeys(user: String, SCRAMKeys)
    case spool(SpoolID)
    case delivered(DeliveryResult)
    case mailboxes([MailboxListing])
    case status(MailboxStatus)
    case opened(MailboxStatus, [MessageEntry])
    case changes(MailboxChanges)
    case octets([UInt8])
    case structure(MessageStructure)
    case appended(uidValidity: UInt32, uid: UInt32)
    /// `uids` are of the copies, in the order of the request.
    case copied(uidValidity: UInt32, uids: [UInt32])
    case refused(StoreRefusal)
}

/// A login as our server got it.
package enum LoginAttempt: Equatable, Sendable {
    /// USER and PASS, LOGIN, AUTH PLAIN, AUTH LOGIN.
    case password(user: String, SecretText)
    /// CRAM-MD5 (RFC 2195): the challenge as sent and the digest in hex as received.
    case cramMD5(user: String, challenge: String, digest: String)
    /// APOP (RFC 1939 §7): the timestamp of the greeting with its brackets and the digest in hex.
    case apop(user: String, timestamp: String, digest: String)
    /// SCRAM (RFC 5802): the session has checked the proof with the keys of this user.
    case proven(user: String)

    /// Who logs in.
    package var user: String {
        switch self {
        case .password(let user, _), .cramMD5(let user, _, _), .apop(let user, _, _), .proven(let user): user
        }
    }
}

/// A password as text, which never prints.
package struct SecretText: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    private let text: String
    package init(_ text: String) { self.text = text }
    /// The text, for the one who compares. Every caller is a place to review.
    package func withRevealed<R>(_ body: (String) throws -> R) rethrows -> R { try body(text) }
    package var description: String { "<secret>" }
    package var debugDescription: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Whose mailboxes are meant: the full address, lower case, or the bare name where no domain was given.
package struct Account: Equatable, Hashable, Sendable {
    package let name: String
    package init(name: String) { self.name = name }
}

/// A file of the store that a message is written into.
package struct SpoolID: Equatable, Hashable, Sendable {
    package let number: UInt64
    package init(number: UInt64) { self.number = number }
}

/// The octets of a message: in memory or in a spool file.
package enum MessageSource: Equatable, Sendable {
    case octets([UInt8])
    case spool(SpoolID)
}

/// Who a message is from and for (RFC 5321 §3.3).
package struct Envelope: Equatable, Sendable {
    package var reversePath: String
    package var recipients: [String]
    package init(reversePath: String, recipients: [String]) {
        self.reversePath = reversePath
        self.recipients = recipients
    }
}

/// What became of a delivery. All recipients share it: the message is linked into every mailbox or into none.
package enum DeliveryResult: Equatable, Sendable {
    /// On the disk, synced, under this identifier.
    case stored(String)
    /// The disk is full (452 4.3.1).
    case noSpace
    /// Writing or syncing failed (451 4.3.0).
    case failed(String)
}

/// Why the store says no.
package enum StoreRefusal: Equatable, Sendable {
    case badCredentials
    case unknownRecipient
    case noSuchMailbox
    case alreadyExists
    case hasChildren
    case invalidName
    case inbox
    case noSuchMessage
    case readOnly
    case noSpace
    /// A bound of the store is met, as the 26 keywords of a mailbox: `[LIMIT]` (RFC 9051 §7.1).
    case limit
    /// A fault of the disk or the index; the text is for the log.
    case failed(String)
}

/// A mailbox in a listing.
package struct MailboxListing: Equatable, Sendable {
    /// UTF-8, `/` between levels.
    package var name: String
    package var subscribed: Bool
    package var hasChildren: Bool
    /// False for a level that has children but holds no messages.
    package var selectable: Bool
    /// `\Sent`, `\Trash`, … (RFC 6154), or nil.
    package var specialUse: String?
    /// False for a name that is only subscribed to: `\NonExistent` (RFC 9051 §7.3.1), for LSUB and LIST (SUBSCRIBED)
    /// alone.
    package var exists: Bool
    package init(
        name: String, subscribed: Bool, hasChildren: Bool, selectable: Bool = true, specialUse: String? = nil,
        exists: Bool = true
    ) {
        self.name = name
        self.subscribed = subscribed
        self.hasChildren = hasChildren
        self.selectable = selectable
        self.specialUse = specialUse
        self.exists = exists
    }
}

/// The counts of a mailbox (RFC 9051 §6.3.11).
package struct MailboxStatus: Equatable, Sendable {
    package var name: String
    package var messages: Int
    package var unseen: Int
    package var deleted: Int
    /// Octets of all messages.
    package var size: Int
    package var uidValidity: UInt32
    package var uidNext: UInt32
    package init(
        name: String, messages: Int, unseen: Int, deleted: Int, size: Int, uidValidity: UInt32, uidNext: UInt32
    ) {
        self.name = name
        self.messages = messages
        self.unseen = unseen
        self.deleted = deleted
        self.size = size
        self.uidValidity = uidValidity
        self.uidNext = uidNext
    }
}

/// A message of the open mailbox.
package struct MessageEntry: Equatable, Sendable {
    package var uid: UInt32
    /// System flags with backslash and keywords, in their canonical case; never `\Recent`.
    package var flags: [String]
    /// Octets with CRLF line ends, as every command of ours counts them.
    package var size: Int
    /// Seconds since 1970.
    package var internalDate: Int64
    /// The unique-id for POP3's UIDL: stable for the life of the message, 1 to 70 printable characters (RFC 1939 §7).
    package var uniqueID: String
    package init(uid: UInt32, flags: [String], size: Int, internalDate: Int64, uniqueID: String) {
        self.uid = uid
        self.flags = flags
        self.size = size
        self.internalDate = internalDate
        self.uniqueID = uniqueID
    }
}

/// What changed in the open mailbox.
package struct MailboxChanges: Equatable, Sendable {
    /// Gone, ascending.
    package var removed: [UInt32]
    /// New, ascending.
    package var added: [MessageEntry]
    /// Flags as they are now.
    package var flags: [MessageEntry]
    /// UIDVALIDITY is another or the mailbox is gone: nothing that was known holds.
    package var lost: Bool
    package init(
        removed: [UInt32] = [], added: [MessageEntry] = [], flags: [MessageEntry] = [], lost: Bool = false
    ) {
        self.removed = removed
        self.added = added
        self.flags = flags
        self.lost = lost
    }
}

/// How STORE changes flags (RFC 9051 §6.4.6).
package enum FlagChange: Equatable, Sendable { case replace, add, remove }
