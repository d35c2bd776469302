// A directory of evidence: its lock, its key of fingerprints and the names of its segments.

import CLinux
import Glibc
import MailCompression
import MailRecording

/// The layout of a recording's directory.
package enum RecordingDirectory {
    static let lockName = "recorder.lock"
    static let keyName = "fingerprint.key"
    static let indexName = "index.sqlite"
    static let keyLength = 32

    /// The name of a segment: `2026-11-23T08-00-00Z-0001.pcapng`.
    static func segmentName(time: Int64, number: Int) -> String {
        let digits = String(number)
        return Timestamp.fileName(time) + "-" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
            + ".pcapng"
    }

    /// The number in the name of a segment; nil when the name is none of ours.
    static func segmentNumber(_ name: String) -> Int? {
        guard name.hasSuffix(".pcapng") else { return nil }
        let stem = name.dropLast(".pcapng".count)
        guard let dash = stem.lastIndex(of: "-"), stem[..<dash].utf8.count == 20, stem[..<dash].hasSuffix("Z") else {
            return nil
        }
        let digits = stem[stem.index(after: dash)...]
        guard digits.utf8.count >= 4, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(digits)
    }

    /// The segments of a directory in the order in which they were written, by the names that they were written under: those that were
    /// packed since have one that is longer, under which ``PackedFile`` finds them.
    package static func segments(in directory: String) -> [(number: Int, name: String)] {
        // One that is being packed is there twice.
        let names = System.names(in: directory).map { name in
            name.hasSuffix(PackedFile.suffix) ? String(name.dropLast(PackedFile.suffix.count)) : name
        }
        return Set(names)
            .compactMap { name in segmentNumber(name).map { (number: $0, name: name) } }
            .sorted { ($0.number, $0.name) < ($1.number, $1.name) }
    }

    /// Takes the lock of the one writer; it is held while the descriptor is open.
    static func lock(_ directory: String) throws(RecorderError) -> Int32 {
        let path = directory + "/" + lockName
        let descriptor = mp_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .failed(action: "open the lock", path: path, reason: System.text(errno)) }
        // A reader that asks whether somebody records has the lock for an instant.
        for attempt in 1... {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { break }
            let code = errno
            if code == EWOULDBLOCK, attempt < 4 {
                poll(nil, 0, 5)
                continue
            }
            Glibc.close(descriptor)
            if code == EWOULDBLOCK { throw .inUse(directory: directory) }
            throw .failed(action: "lock", path: path, reason: System.text(code))
        }
        return descriptor
    }

    /// Gives the lock up and closes its descriptor. Closing alone would leave it held while a child that is about to
    /// execute its program still has a copy.
    static func unlock(_ descriptor: Int32) {
        sign(indexIsBehind: false, descriptor)
        flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    /// A recorder has written to the directory, or made its index there.
    package static func belongsToRecorder(_ directory: String) -> Bool {
        [lockName, indexName, ChainEntry.fileName].contains { access(directory + "/" + $0, F_OK) == 0 }
    }

    /// The name is that of a file which a recorder writes into its directory.
    package static func isOwn(_ name: String) -> Bool {
        let stem = name.hasSuffix(PackedFile.suffix) ? String(name.dropLast(PackedFile.suffix.count)) : name
        return [lockName, keyName, ChainEntry.fileName].contains(name) || name.hasPrefix(indexName)
            || name.hasSuffix(".seals.jsonl") || segmentNumber(stem) != nil
    }

    /// Does a recorder write to the directory at present? True as well when that cannot be known.
    package static func isRecording(_ directory: String) -> Bool {
        let descriptor = mp_open(directory + "/" + lockName, O_RDONLY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { return errno != ENOENT }
        defer { unlock(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }

    /// The key of fingerprints, made when there is none. The caller holds the lock.
    static func fingerprintKey(_ directory: String) throws(RecorderError) -> [UInt8] {
        let path = directory + "/" + keyName
        var status = stat()
        if lstat(path, &status) == 0 {
            guard let key = System.read(path, limit: keyLength + 1) else {
                throw .failed(action: "read", path: path, reason: System.text(errno))
            }
            guard key.count == keyLength else { throw .badKey(path: path) }
            return key
        }
        // Through a second name, so that the key is there whole or not at all.
        var random = SystemRandomNumberGenerator()
        let key = (0..<keyLength).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let fresh = path + ".new"
        unlink(fresh)
        let calls = FileCalls()
        let descriptor = calls.create(fresh)
        guard descriptor >= 0 else { throw .failed(action: "make", path: fresh, reason: System.text(-descriptor)) }
        defer { Glibc.close(descriptor) }
        let written = key.withUnsafeBytes { calls.write(descriptor, $0) }
        guard written == keyLength, calls.sync(descriptor) == 0, rename(fresh, path) == 0 else {
            throw .failed(action: "write", path: path, reason: System.text(written < 0 ? Int32(-written) : errno))
        }
        System.syncDirectory(directory)
        return key
    }
}
