// A message as a client knows it: what it was told and nothing else.

import MailDialogue

/// What a header or ENVELOPE says of a message.
package final class BelievedEnvelope: Equatable, Sendable {
    /// Characters of a value that are kept.
    static let longest = 500
    /// Addresses of a list that are kept.
    static let mostAddresses = 20

    package let date: String
    package let subject: String
    package let from: [String]
    package let to: [String]
    package let messageID: String

    package init(date: String, subject: String, from: [String], to: [String], messageID: String) {
        self.date = date
        self.subject = subject
        self.from = from
        self.to = to
        self.messageID = messageID
    }

    package static func == (one: BelievedEnvelope, other: BelievedEnvelope) -> Bool {
        one.date == other.date && one.subject == other.subject && one.from == other.from && one.to == other.to
            && one.messageID == other.messageID
    }

    /// Memory in octets, about.
    var weight: Int {
        (from + to).reduce(160 + date.utf8.count + subject.utf8.count + messageID.utf8.count) {
            $0 + $1.utf8.count + 32
        }
    }
}

/// Where a message was seen whole.
package final class SeenContent: Equatable, Sendable {
    package let session: String
    /// Which of the contents that began in the session it is, from 1: who reads the session again finds it so.
    package let ordinal: Int
    package let exchange: Int
    package let bytes: Int
    /// SHA-256 in hex.
    package let sha256: String

    init(session: String, ordinal: Int, exchange: Int, bytes: Int, sha256: String) {
        self.session = session
        self.ordinal = ordinal
        self.exchange = exchange
        self.bytes = bytes
        self.sha256 = sha256
    }

    package static func == (one: SeenContent, other: SeenContent) -> Bool {
        one.session == other.session && one.ordinal == other.ordinal && one.sha256 == other.sha256
    }

    static let weight = 200
}

/// A message of a folder.
package struct BelievedMessage: Equatable, Sendable {
    /// How the client knows that it is there.
    package enum Origin: String, Sendable {
        /// The server told of it.
        case told
        /// The client put it there, and the server told its UID (RFC 4315 §3).
        case appended
        /// The server copied or moved it there from another folder, and told its UID.
        case copied
    }

    /// 0 as long as it was not told.
    package var uid: UInt32
    /// Without `.known` as long as they were not told.
    package var flags = IMAPFlagSet(bits: 0)
    /// The flags were not told: they follow from what the client asked for.
    package var flagsAreInferred = false
    /// RFC822.SIZE, or what LIST of POP3 says; nil as long as it was not told.
    package var size: UInt64?
    /// Microseconds since 1970.
    package var internalDate: Int64?
    package var envelope: BelievedEnvelope?
    /// Its header was seen, or some part of it.
    package var headerWasSeen = false
    package var partWasSeen = false
    /// Where it was seen whole.
    package var content: SeenContent?
    /// Its unique id in POP3 (RFC 1939 §7).
    package var uidl: String?
    package var origin = Origin.told
    /// Its number when its folder was left, of a message whose UID was not told; 0 else.
    package var number: UInt32 = 0
    /// When it was told of last; microseconds since 1970.
    package var time: Int64

    init(uid: UInt32, time: Int64) {
        self.uid = uid
        self.time = time
    }

    /// Takes what another one has and this one lacks: both turned out to be the same message.
    mutating func fill(from other: BelievedMessage) {
        if uid == 0 { uid = other.uid }
        if !flags.contains(.known) {
            flags = other.flags
            flagsAreInferred = other.flagsAreInferred
        }
        size = size ?? other.size
        internalDate = internalDate ?? other.internalDate
        envelope = envelope ?? other.envelope
        headerWasSeen = headerWasSeen || other.headerWasSeen
        partWasSeen = partWasSeen || other.partWasSeen
        content = content ?? other.content
        uidl = uidl ?? other.uidl
        time = max(time, other.time)
    }
}
