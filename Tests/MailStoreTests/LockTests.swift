// A process that starts another has all its descriptors twice until the other executes its program. A lock that is given
// up must be free at once, although such a copy of its descriptor is still open.

import Glibc
import Testing

@testable import MailStore

struct LockTests {
    /// Another descriptor for what this process has open under `path`, as a forked child has it.
    private func copy(of path: String) throws -> Int32 {
        for descriptor in try PosixFileSystem().list("/proc/self/fd").compactMap({ Int32($0) }) {
            var target = [CChar](repeating: 0, count: 4_096)
            let length = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            if length > 0, target[..<length].elementsEqual(path.utf8.map { CChar(bitPattern: $0) }) {
                return dup(descriptor)
            }
        }
        Issue.record("\(path) is not open")
        return -1
    }

    @Test func theLockOfTheMailboxesIsGivenUpInAllItsCopies() throws {
        let scratch = try Scratch()
        var store: MailboxStore? = try scratch.store()
        #expect(store != nil)
        let child = try copy(of: scratch.path + "/mail/.lock")
        defer { close(child) }
        store = nil
        #expect(throws: Never.self) { try scratch.store() }
    }

    @Test func theLockOfTheRecorderIsGivenUpInAllItsCopies() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let child = try copy(of: scratch.path + "/recorder.lock")
        defer { close(child) }
        recorder.close()
        #expect(!RecordingDirectory.isRecording(scratch.path))
        #expect(throws: Never.self) { try Recorder(.init(directory: scratch.path)).close() }
    }

    @Test func theSignOfAnIndexThatIsBehindEndsWithItsRecorder() throws {
        let scratch = try RecorderScratch()
        #expect(!RecordingDirectory.isIndexBehind(scratch.path))
        let lock = try RecordingDirectory.lock(scratch.path)
        #expect(!RecordingDirectory.isIndexBehind(scratch.path))
        RecordingDirectory.sign(indexIsBehind: true, lock)
        #expect(RecordingDirectory.isIndexBehind(scratch.path))
        RecordingDirectory.sign(indexIsBehind: false, lock)
        #expect(!RecordingDirectory.isIndexBehind(scratch.path))
        RecordingDirectory.sign(indexIsBehind: true, lock)
        let child = dup(lock)
        defer { close(child) }
        #expect(RecordingDirectory.isRecording(scratch.path))
        RecordingDirectory.unlock(lock)
        #expect(!RecordingDirectory.isIndexBehind(scratch.path))
        #expect(!RecordingDirectory.isRecording(scratch.path))
    }

    @Test func whoLooksForARecorderLeavesNoLock() throws {
        let scratch = try RecorderScratch()
        try Recorder(.init(directory: scratch.path)).close()
        #expect(!RecordingDirectory.isRecording(scratch.path))
        let lock = try RecordingDirectory.lock(scratch.path)
        #expect(RecordingDirectory.isRecording(scratch.path))
        RecordingDirectory.unlock(lock)
        #expect(!RecordingDirectory.isRecording(scratch.path))
    }
}
