// What is made of the system calls: whole writes, whole reads, synced directories, files replaced at once.

extension FileSystem {
    /// Writes all of it, in as many calls as it takes.
    func writeAll(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            var failure: FileError?
            let count = bytes.withUnsafeBytes { whole -> Int in
                do throws(FileError) {
                    return try write(descriptor, UnsafeRawBufferPointer(rebasing: whole[done...]), at: offset + done)
                } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            // A device that takes nothing and reports nothing would hold us for ever.
            guard count > 0 else { throw FileError(code: FileError.noProgress, call: "write", path: "") }
            done += count
        }
    }

    /// Up to `count` octets from `offset`; fewer only at the end.
    func readUp(to count: Int, _ descriptor: Int32, at offset: Int) throws(FileError) -> [UInt8] {
        guard count > 0, offset >= 0 else { return [] }
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            do throws(FileError) {
                while filled < count {
                    let target = UnsafeMutableRawBufferPointer(rebasing: raw[filled..<count])
                    let step = try read(descriptor, into: target, at: offset + filled)
                    if step == 0 { break }
                    filled += step
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The whole of a small file, or nil when there is none.
    func contents(_ path: String) throws(FileError) -> [UInt8]? {
        let descriptor: Int32
        do throws(FileError) { descriptor = try open(path, .read) } catch {
            if error.isMissing { return nil }
            throw error
        }
        defer { close(descriptor) }
        return try readUp(to: try status(of: descriptor).size, descriptor, at: 0)
    }

    /// Makes the entries of a directory durable.
    func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = try open(path, .directory)
        defer { close(descriptor) }
        try sync(descriptor)
    }

    /// A new file with these octets, synced; nothing is left when it throws. Its directory is not synced.
    func writeFile(_ path: String, _ bytes: [UInt8], modified: Int64? = nil) throws(FileError) {
        let descriptor = try open(path, .create)
        do throws(FileError) {
            defer { close(descriptor) }
            try writeAll(descriptor, bytes, at: 0)
            if let modified { try setModified(descriptor, to: modified) }
            try sync(descriptor)
        } catch {
            try? unlink(path)
            throw error
        }
    }

    /// Puts a file in the place of another at once and durably.
    func replaceFile(_ directory: String, _ name: String, _ bytes: [UInt8]) throws(FileError) {
        let fresh = directory + "/" + name + ".fresh"
        // Left over from a process that was killed in between.
        try? unlink(fresh)
        try writeFile(fresh, bytes)
        do throws(FileError) { try rename(fresh, directory + "/" + name) } catch {
            try? unlink(fresh)
            throw error
        }
        try syncDirectory(directory)
    }

    /// Makes a directory unless it is there; true when it was made. The parent is not synced.
    @discardableResult
    func ensureDirectory(_ path: String) throws(FileError) -> Bool {
        do throws(FileError) {
            try makeDirectory(path)
            return true
        } catch {
            if error.alreadyExists { return false }
            throw error
        }
    }

    /// Makes the three directories of a Maildir, durably. `path` itself may exist.
    func ensureMaildir(_ path: String, parent: String) throws(FileError) {
        try ensureDirectory(path)
        for part in ["/tmp", "/new", "/cur"] { try ensureDirectory(path + part) }
        // Also when nothing was made: who made it may have been killed before its sync.
        try syncDirectory(path)
        try syncDirectory(parent)
    }

    /// Removes a directory and what is in it, as far as it goes. Symbolic links are removed, not followed.
    func removeTree(_ path: String, depth: Int = 0) {
        if let names = try? list(path), depth < 8 {
            for name in names {
                let inner = path + "/" + name
                do throws(FileError) { try unlink(inner) } catch { removeTree(inner, depth: depth + 1) }
            }
        }
        try? removeDirectory(path)
    }
}

extension FileError {
    /// EIO: a write that made no progress.
    static let noProgress: Int32 = 5
}
