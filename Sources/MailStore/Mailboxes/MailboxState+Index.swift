// Reading and writing the index of a mailbox. A UID is told to nobody before the line that gives it is on the disk.

import MailSessions

extension MailboxState {
    private var indexPath: String { directory + "/" + UIDList.fileName }

    /// Reads index and keywords. The files are not looked at yet: records are those of the index, the scan drops what
    /// is gone.
    mutating func loadIndex() throws(Fault) {
        let (bytes, words) = try onDisk { () throws(FileError) in
            (try home.files.contents(indexPath), try home.files.contents(directory + "/" + KeywordTable.fileName))
        }
        keywords = KeywordTable(parsing: words ?? [])
        startOver()
        guard let bytes else { return try newValidity(after: nil) }
        switch UIDList.parse(bytes) {
        case .damaged(let old):
            try newValidity(after: old)
        case .intact(let list, let length):
            validity = list.validity
            next = list.next
            indexLines = list.lines.count
            indexLength = length
            // Half a line is cut off before a whole one follows it.
            needsRewrite = length != bytes.count
            adopt(lines: list.lines)
        }
    }

    private mutating func adopt(lines: [UIDList.Line]) {
        records.reserveCapacity(lines.count)
        uids.reserveCapacity(lines.count)
        for line in lines {
            // A file that was gone and came back has two lines; the later one counts.
            uids[line.base] = line.uid
            records.append(
                StoredMessage(
                    uid: line.uid, base: line.base, name: "", isNew: false, flags: MaildirFlags(), size: line.size,
                    date: line.date))
        }
        if uids.count != records.count { records.removeAll { uids[$0.base] != $0.uid } }
    }

    private mutating func newValidity(after old: UInt32?) throws(Fault) {
        let floor = validity > 0 ? max(validity, old ?? 0) : old
        validity = try onDisk { () throws(FileError) in try home.nextValidity(after: floor) }
        needsRewrite = true
    }

    /// Gives the next UIDs to messages whose files are in place, durably. On a fault none of them is known.
    @discardableResult
    mutating func adopt(_ arrived: [StoredMessage]) throws(Fault) -> [UInt32] {
        if UInt64(next) + UInt64(arrived.count) > UInt64(UInt32.max) {
            // The numbers are used up. All messages get new ones at the next look.
            let old = validity
            startOver()
            try newValidity(after: old)
            isLoaded = true
            throw .refused(.failed("UIDs used up, UIDVALIDITY changes"))
        }
        var numbered: [StoredMessage] = []
        numbered.reserveCapacity(arrived.count)
        var uid = next
        for record in arrived {
            numbered.append(
                StoredMessage(
                    uid: uid, base: record.base, name: record.name, isNew: record.isNew, flags: record.flags,
                    size: record.size, date: record.date))
            uid += 1
        }
        do throws(FileError) {
            if needsRewrite || indexLines > 2 * records.count + 1_000 {
                try rewriteIndex(adding: numbered, next: uid)
            } else if !numbered.isEmpty {
                do throws(FileError) { try appendIndex(numbered, next: uid) } catch {
                    // Somebody took the index away: what we know is written anew.
                    guard error.isMissing else { throw error }
                    try rewriteIndex(adding: numbered, next: uid)
                }
            }
        } catch {
            needsRewrite = true
            throw .file(error)
        }
        next = uid
        if !numbered.isEmpty { version &+= 1 }
        for record in numbered {
            uids[record.base] = record.uid
            if record.isNew { newCount += 1 }
        }
        records += numbered
        return numbered.map(\.uid)
    }

    private func line(_ record: StoredMessage) -> UIDList.Line {
        UIDList.Line(uid: record.uid, size: record.size, date: record.date, base: record.base)
    }

    private mutating func appendIndex(_ numbered: [StoredMessage], next: UInt32) throws(FileError) {
        var bytes: [UInt8] = []
        for record in numbered { bytes += UIDList.serialize(line(record)) }
        let count = indexLines + numbered.count
        let descriptor = try files.open(indexPath, .readWrite)
        defer { files.close(descriptor) }
        try files.writeAll(descriptor, bytes, at: indexLength)
        let header = UIDList.header(validity: validity, next: next, count: UInt32(clamping: count))
        try files.writeAll(descriptor, header, at: 0)
        try files.sync(descriptor)
        indexLines = count
        indexLength += bytes.count
    }

    private mutating func rewriteIndex(adding numbered: [StoredMessage], next: UInt32) throws(FileError) {
        let list = UIDList(validity: validity, next: next, lines: (records + numbered).map(line))
        let bytes = list.serialized
        try files.replaceFile(directory, UIDList.fileName, bytes)
        indexLines = list.lines.count
        indexLength = bytes.count
        needsRewrite = false
    }

    /// Gives a letter to each keyword that has none, durably.
    mutating func learn(_ flags: [String]) throws(Fault) {
        var table = keywords
        for flag in flags where table.letter(of: flag) == nil {
            guard table.add(flag) != nil else { throw .refused(.limit) }
        }
        guard table != keywords else { return }
        let bytes = table.serialized
        try onDisk { () throws(FileError) in try home.files.replaceFile(directory, KeywordTable.fileName, bytes) }
        keywords = table
    }

    func letters(_ flags: [String]) -> MaildirFlags { MaildirFlags(letters: flags.compactMap(keywords.letter)) }
}
