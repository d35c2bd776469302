// A file system whose k-th call of a kind fails, as a full disk or a dying one has it, or which stops altogether from
// the k-th call on, as a killed process does.

import Glibc
import Synchronization

@testable import MailStore

final class FailingFileSystem: FileSystem {
    enum Kind: CaseIterable { case write, sync, link, rename, makeDirectory, open }
    enum Failure: Equatable {
        /// One call fails with this errno.
        case once(Int32)
        /// This call and all that change anything after it do nothing: the process is gone.
        case killed
    }

    private struct Plan {
        var kinds: Set<Kind> = []
        var failure = Failure.once(EIO)
        var left = Int.max
        var isDead = false
        var hasFired = false
        /// Writes take one octet at most.
        var isShort = false
    }

    private let real = PosixFileSystem()
    private let plan = Mutex(Plan())

    /// The call number `index` from 0 of these kinds fails.
    func arm(_ kinds: Set<Kind>, at index: Int, _ failure: Failure) {
        plan.withLock { $0 = Plan(kinds: kinds, failure: failure, left: index, isShort: $0.isShort) }
    }

    func disarm() { plan.withLock { $0 = Plan(isShort: $0.isShort) } }
    func makeWritesShort() { plan.withLock { $0.isShort = true } }
    var hasFired: Bool { plan.withLock { $0.hasFired } }

    private func step(_ kind: Kind?) throws(FileError) {
        try plan.withLock { plan throws(FileError) in
            if plan.isDead { throw FileError(code: EIO, call: "dead", path: "") }
            guard let kind, plan.kinds.contains(kind) else { return }
            plan.left -= 1
            guard plan.left < 0, !plan.hasFired else { return }
            plan.hasFired = true
            switch plan.failure {
            case .once(let code): throw FileError(code: code, call: "\(kind)", path: "")
            case .killed:
                plan.isDead = true
                throw FileError(code: EIO, call: "\(kind)", path: "")
            }
        }
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> Int32 {
        switch mode {
        case .read, .directory: break
        case .readWrite, .create, .readWriteOrCreate: try step(.open)
        }
        return try real.open(path, mode)
    }
    func close(_ descriptor: Int32) { real.close(descriptor) }
    func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int
    {
        try real.read(descriptor, into: buffer, at: offset)
    }
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        do throws(FileError) { try step(.write) } catch {
            // What is torn by a full disk or a kill: half of it is there.
            let isDeadBefore = error.call == "dead"
            if !isDeadBefore {
                _ = try? real.write(
                    descriptor, UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at: offset)
            }
            throw error
        }
        let part =
            plan.withLock { $0.isShort } ? UnsafeRawBufferPointer(rebasing: bytes[..<min(1, bytes.count)]) : bytes
        return try real.write(descriptor, part, at: offset)
    }
    func sync(_ descriptor: Int32) throws(FileError) {
        try step(.sync)
        try real.sync(descriptor)
    }
    func truncate(_ descriptor: Int32, to length: Int) throws(FileError) {
        try step(nil)
        try real.truncate(descriptor, to: length)
    }
    func setModified(_ descriptor: Int32, to seconds: Int64) throws(FileError) {
        try step(nil)
        try real.setModified(descriptor, to: seconds)
    }
    func status(_ path: String) throws(FileError) -> FileStatus { try real.status(path) }
    func status(of descriptor: Int32) throws(FileError) -> FileStatus { try real.status(of: descriptor) }
    func link(_ from: String, _ to: String) throws(FileError) {
        try step(.link)
        try real.link(from, to)
    }
    func rename(_ from: String, _ to: String) throws(FileError) {
        try step(.rename)
        try real.rename(from, to)
    }
    func unlink(_ path: String) throws(FileError) {
        try step(nil)
        try real.unlink(path)
    }
    func makeDirectory(_ path: String) throws(FileError) {
        try step(.makeDirectory)
        try real.makeDirectory(path)
    }
    func removeDirectory(_ path: String) throws(FileError) {
        try step(nil)
        try real.removeDirectory(path)
    }
    func list(_ path: String) throws(FileError) -> [String] { try real.list(path) }
    func lock(_ descriptor: Int32) throws(FileError) -> Bool { try real.lock(descriptor) }
    func unlock(_ descriptor: Int32) { real.unlock(descriptor) }
}
