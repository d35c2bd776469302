// The mailbox of an account at a moment, in order and ready to be shown or written.

import MailDialogue

/// A message of a picture.
package struct PicturedMessage: Equatable, Sendable {
    package let message: BelievedMessage
    /// Its number in the session that has the folder open, or had it last; nil when it has none.
    package let number: UInt32?
    /// The names of its flags; nil when they were not told.
    package let flags: [String]?
    /// DELE was said: QUIT removes it (RFC 1939 §6).
    package let isMarked: Bool

    /// How much of it was seen: `whole`, `header`, `part`, or `none`.
    package var seen: String {
        if message.content != nil { return "whole" }
        if message.headerWasSeen { return "header" }
        return message.partWasSeen || message.envelope != nil ? "part" : "none"
    }

    /// Its size, as it was told or as it was seen.
    package var size: UInt64? { message.size ?? message.content.map { UInt64(max($0.bytes, 0)) } }
}

/// A folder of a picture.
package struct PicturedFolder: Equatable, Sendable {
    package let folder: BelievedFolder
    package let isOpen: Bool
    /// By UID; those without by their number.
    package let messages: [PicturedMessage]

    /// Messages of which nothing is known but that they are there.
    package var unknown: Int { max(0, Int(folder.count ?? 0) - messages.count) }
}

/// The folders of an account.
package struct MailboxPicture: Sendable {
    package let account: BeliefAccount
    package let folders: [PicturedFolder]
    package let sessions: Int
    /// When it was told of last; microseconds since 1970.
    package let last: Int64
    package let hasGaps: Bool
    package let notKept: Int
    package let notFollowed: Int

    /// The same with some of its folders.
    package func keeping(_ isKept: (PicturedFolder) -> Bool) -> MailboxPicture {
        MailboxPicture(
            account: account, folders: folders.filter(isKept), sessions: sessions, last: last, hasGaps: hasGaps,
            notKept: notKept, notFollowed: notFollowed)
    }
}

extension BeliefBook {
    /// The mailboxes as they are now, in the order of users, servers and protocols.
    package func pictures() -> [MailboxPicture] {
        accounts.indices.sorted { one, other in
            let (first, second) = (accounts[one].account, accounts[other].account)
            return (first.user, first.host, first.mailProtocol.rawValue)
                < (second.user, second.host, second.mailProtocol.rawValue)
        }.map { picture($0) }
    }

    private func picture(_ place: Int) -> MailboxPicture {
        let (account, belief) = accounts[place]
        let (numbers, marked, open) = numbers(of: place)
        let folders = belief.present.map { number -> PicturedFolder in
            let folder = belief.folders[number]
            let messages = belief.serials(number).compactMap { serial -> PicturedMessage? in
                guard let message = belief.messages[serial] else { return nil }
                let last = message.number == 0 ? nil : message.number
                return PicturedMessage(
                    message: message, number: numbers[serial] ?? last,
                    flags: message.flags.contains(.known) ? folder.names(of: message.flags) : nil,
                    isMarked: marked.contains(serial))
            }
            return PicturedFolder(
                folder: folder, isOpen: open.contains(number), messages: messages.sorted(by: Self.precedes))
        }
        return MailboxPicture(
            account: account,
            folders: folders.sorted {
                ($0.folder.name == "INBOX" ? "" : $0.folder.name) < ($1.folder.name == "INBOX" ? "" : $1.folder.name)
            }, sessions: belief.sessions, last: belief.last, hasGaps: belief.hasGaps, notKept: belief.notKept,
            notFollowed: belief.notFollowed)
    }

    private static func precedes(_ one: PicturedMessage, _ other: PicturedMessage) -> Bool {
        func key(_ message: PicturedMessage) -> (UInt32, UInt32, Int64, String) {
            let uid = message.message.uid
            return (
                uid == 0 ? .max : uid, message.number ?? .max, message.message.time, message.message.uidl ?? ""
            )
        }
        return key(one) < key(other)
    }
}
