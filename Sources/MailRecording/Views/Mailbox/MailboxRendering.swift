// A picture of a mailbox for people and for programs. What was not told is `-` or null.

import MailDialogue

/// Shows mailboxes.
package enum MailboxRendering {
    // MARK: For people

    /// The folders of an account, and the messages of those that have some.
    /// - Parameters:
    ///   - time: the moment that is shown; microseconds since 1970.
    ///   - most: messages that are shown of a folder, the last ones.
    package static func text(_ picture: MailboxPicture, at time: Int64, most: Int) -> String {
        let account = picture.account
        let user = account.user.isEmpty ? "(unknown user)" : InertText.of(account.user)
        var text = "\(user) at \(account.host) over \(account.mailProtocol.rawValue), "
        text += "as of \(Timestamp.rfc3339(time)): \(Figures.count(picture.sessions, "session"))"
        text += ", the last word at \(Timestamp.rfc3339(picture.last))\n"
        for remark in remarks(picture) { text += "\(remark)\n" }
        text += "\n" + TextTable.text(folders(picture), left: [0, 8])
        for folder in picture.folders where !folder.messages.isEmpty || folder.unknown > 0 {
            text += "\n\(InertText.of(folder.folder.name))\n"
            if !folder.messages.isEmpty {
                text += TextTable.text(messages(folder, most), left: [2, 3, 5, 6, 7])
            }
            let hidden = folder.messages.count - min(most, folder.messages.count)
            if hidden > 0 { text += "(\(Figures.count(hidden, "message")) before)\n" }
            if folder.unknown > 0 {
                text += "(\(Figures.count(folder.unknown, "message")) more of which nothing was told)\n"
            }
        }
        return text
    }

    /// What the picture lacks.
    package static func remarks(_ picture: MailboxPicture) -> [String] {
        var remarks: [String] = []
        if picture.hasGaps { remarks.append("octets of its sessions are missing: what they told is not here") }
        if picture.notKept > 0 {
            remarks.append(
                "\(Figures.count(picture.notKept, "detail")) had no room: the mailbox is larger than what is kept")
        }
        if picture.notFollowed > 0 {
            remarks.append(
                "\(Figures.count(picture.notFollowed, "change")) could not be followed: flags may be older than shown")
        }
        return remarks
    }

    private static func number(_ value: (some BinaryInteger)?) -> String {
        value.map { Figures.grouped(Int(clamping: $0)) } ?? "-"
    }

    private static func folders(_ picture: MailboxPicture) -> [[String]] {
        [["FOLDER", "UIDVALIDITY", "UIDNEXT", "MESSAGES", "KNOWN", "WHOLE", "UNSEEN", "AS OF", "STATE"]]
            + picture.folders.map { one in
                let folder = one.folder
                var state: [String] = []
                if one.isOpen { state.append(folder.isReadOnly ? "open, read-only" : "open") }
                if folder.isSubscribed { state.append("subscribed") }
                state += folder.attributes.map { InertText.of($0) }
                if folder.appendedWithoutUID > 0 {
                    state.append("\(Figures.count(folder.appendedWithoutUID, "message")) appended without a UID")
                }
                return [
                    InertText.of(folder.name), folder.uidValidity.map { "\($0)" } ?? "-",
                    folder.uidNext.map { "\($0)" } ?? "-", number(folder.count), Figures.grouped(one.messages.count),
                    Figures.grouped(one.messages.count { $0.message.content != nil }), number(unseen(one)),
                    Timestamp.rfc3339(folder.time), state.joined(separator: " "),
                ]
            }
    }

    /// How many messages are unseen, when that is known.
    private static func unseen(_ one: PicturedFolder) -> UInt32? {
        if let unseen = one.folder.unseen { return unseen }
        guard let count = one.folder.count, Int(count) == one.messages.count,
            one.messages.allSatisfy({ $0.message.flags.contains(.known) })
        else { return nil }
        return UInt32(clamping: one.messages.count { !$0.message.flags.contains(.seen) })
    }

    private static func messages(_ folder: PicturedFolder, _ most: Int) -> [[String]] {
        let isMaildrop = folder.messages.contains { $0.message.uidl != nil }
        return [["#", isMaildrop ? "UIDL" : "UID", "FLAGS", "SEEN", "SIZE", "DATE", "FROM", "SUBJECT"]]
            + folder.messages.suffix(most).map { one in
                let message = one.message
                var flags = one.flags?.joined(separator: " ") ?? "-"
                if message.flagsAreInferred { flags += " (inferred)" }
                if one.isMarked { flags = "marked" }
                let date = message.internalDate.map { String(Timestamp.rfc3339($0).prefix(19)) + "Z" }
                let id = message.uidl ?? (message.uid == 0 ? "-" : "\(message.uid)")
                func shown(_ text: String?) -> String {
                    guard let text, !text.isEmpty else { return "-" }
                    return String(InertText.of(text).prefix(60))
                }
                return [
                    one.number.map { "\($0)" } ?? "-", String(InertText.of(id).prefix(70)),
                    flags.isEmpty ? "none" : InertText.of(flags), one.seen, number(one.size),
                    date ?? shown(message.envelope?.date), shown(message.envelope?.from.first),
                    shown(message.envelope?.subject),
                ]
            }
    }

    // MARK: For programs

    /// A JSON line for the account, one for each folder, one for each message behind that of its folder.
    package static func lines(
        _ picture: MailboxPicture, at time: Int64, _ write: (String) throws -> Void
    ) rethrows {
        var json = JSONWriter()
        json.object { json in
            json.member("user", picture.account.user)
            json.member("server", picture.account.host)
            json.member("protocol", picture.account.mailProtocol.rawValue)
            json.member("at", time: time)
            json.member("sessions", picture.sessions)
            json.member("last", time: picture.last)
            json.member("folders", picture.folders.count)
            json.member("gaps", picture.hasGaps)
            json.member("not_kept", picture.notKept)
            json.member("not_followed", picture.notFollowed)
        }
        try write(json.text)
        for folder in picture.folders {
            try write(line(folder, of: picture.account))
            for message in folder.messages { try write(line(message, in: folder, of: picture.account)) }
        }
    }

    private static func line(_ one: PicturedFolder, of account: BeliefAccount) -> String {
        let folder = one.folder
        var json = JSONWriter()
        json.object { json in
            json.member("user", account.user)
            json.member("folder", folder.name)
            json.member("attributes", folder.attributes)
            json.member("delimiter", folder.delimiter.map { String(decoding: [$0], as: UTF8.self) })
            json.member("subscribed", folder.isSubscribed)
            json.member("opened", folder.wasOpened)
            json.member("open", one.isOpen)
            json.member("read_only", folder.isReadOnly)
            json.member("uidvalidity", folder.uidValidity)
            json.member("uidnext", folder.uidNext)
            json.member("highestmodseq", folder.highestModSeq)
            json.member("messages", folder.count)
            json.member("known", one.messages.count)
            json.member("whole", one.messages.count { $0.message.content != nil })
            json.member("unseen", unseen(one))
            json.member("appended_without_uid", folder.appendedWithoutUID)
            json.member("time", time: folder.time)
        }
        return json.text
    }

    private static func line(
        _ one: PicturedMessage, in folder: PicturedFolder, of account: BeliefAccount
    ) -> String {
        let message = one.message
        var json = JSONWriter()
        json.object { json in
            json.member("user", account.user)
            json.member("in", folder.folder.name)
            json.member("uid", message.uid == 0 ? nil : message.uid)
            json.member("uidl", message.uidl)
            json.member("number", one.number)
            if let flags = one.flags { json.member("flags", flags) } else { json.member("flags", nil as String?) }
            json.member("flags_inferred", message.flagsAreInferred)
            json.member("marked", one.isMarked)
            json.member("size", one.size)
            json.member("date", message.internalDate.map { Timestamp.rfc3339($0) })
            if let envelope = message.envelope {
                json.object("envelope") { json in
                    json.member("date", envelope.date)
                    json.member("subject", envelope.subject)
                    json.member("from", envelope.from)
                    json.member("to", envelope.to)
                    json.member("message_id", envelope.messageID)
                }
            } else {
                json.member("envelope", nil as String?)
            }
            json.member("seen", one.seen)
            if let content = message.content {
                json.object("content") { json in
                    json.member("session", content.session)
                    json.member("exchange", content.exchange)
                    json.member("bytes", content.bytes)
                    json.member("sha256", content.sha256)
                }
            } else {
                json.member("content", nil as String?)
            }
            json.member("origin", message.origin.rawValue)
            json.member("time", time: message.time)
        }
        return json.text
    }
}
