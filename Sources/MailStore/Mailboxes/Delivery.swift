// Delivery: one message into the INBOX of each recipient, all of them durably or none. And what it shares with APPEND
// and COPY: a complete, synced file under a name that nobody looks at.

import MailSessions

/// A complete message file before it has its name.
struct StagedFile {
    var path: String
    var size: Int
    var wireSize: Int
}

extension MailboxStore {
    func deliver(_ spool: SpoolFile, to homes: [AccountHome]) -> DeliveryResult {
        do throws(FileError) {
            try spool.seal(modified: nil)
            let staged = StagedFile(path: spool.path, size: spool.size, wireSize: spool.wireSize)
            return .stored(try link(staged, to: homes))
        } catch {
            return MailboxStore.result(error)
        }
    }

    func deliver(_ octets: [UInt8], to homes: [AccountHome]) -> DeliveryResult {
        guard let first = homes.first else { return .failed("no recipients") }
        do throws(FileError) {
            let path = try stage(octets, in: first.directory, modified: nil, home: first)
            defer { try? files.unlink(path) }
            let wireSize = octets.count + LineEnds.bareCount(octets, afterCR: false)
            return .stored(try link(StagedFile(path: path, size: octets.count, wireSize: wireSize), to: homes))
        } catch {
            return MailboxStore.result(error)
        }
    }

    private static func result(_ error: FileError) -> DeliveryResult {
        error.isFull ? .noSpace : .failed(error.description)
    }

    /// Writes and syncs a file in the `tmp` of a Maildir. INBOX is made again when somebody took it away.
    func stage(
        _ octets: [UInt8], in maildir: String, modified: Int64?, home: AccountHome
    ) throws(FileError) -> String {
        let path = maildir + "/tmp/" + names.next()
        do throws(FileError) { try files.writeFile(path, octets, modified: modified) } catch {
            guard error.isMissing, maildir == home.directory else { throw error }
            try home.ensure(again: true)
            try files.writeFile(path, octets, modified: modified)
        }
        return path
    }

    private func link(_ staged: StagedFile, to homes: [AccountHome]) throws(FileError) -> String {
        let unique = names.next()
        let base = MessageFileName.base(unique, fileSize: staged.size, wireSize: staged.wireSize)
        var placed: [String] = []
        do throws(FileError) {
            for home in homes {
                let path = home.directory + "/new/" + base
                try place(staged.path, path, home: home)
                placed.append(path)
            }
            for home in homes { try files.syncDirectory(home.directory + "/new") }
        } catch {
            for path in placed { try? files.unlink(path) }
            throw error
        }
        for home in homes { arrived(home) }
        return unique
    }

    private func place(_ from: String, _ to: String, home: AccountHome) throws(FileError) {
        do throws(FileError) { try files.link(from, to) } catch {
            if error.isMissing {
                try home.ensure(again: true)
                try files.link(from, to)
            } else if error.needsCopy {
                let copy = try self.copy(from, into: home.directory, modified: nil)
                defer { try? files.unlink(copy) }
                try files.link(copy, to)
            } else {
                throw error
            }
        }
    }

    /// A synced copy in the `tmp` of a Maildir, where hard links don't reach.
    func copy(_ from: String, into maildir: String, modified: Int64?) throws(FileError) -> String {
        let source = try files.open(from, .read)
        defer { files.close(source) }
        let path = maildir + "/tmp/" + names.next()
        let target = try files.open(path, .create)
        do throws(FileError) {
            defer { files.close(target) }
            var position = 0
            while true {
                let piece = try files.readUp(to: MessageReader.pieceSize, source, at: position)
                if piece.isEmpty { break }
                try files.writeAll(target, piece, at: position)
                position += piece.count
            }
            if let modified { try files.setModified(target, to: modified) }
            try files.sync(target)
        } catch {
            try? files.unlink(path)
            throw error
        }
        return path
    }
}
