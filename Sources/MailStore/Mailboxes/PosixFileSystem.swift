// The file system of the machine.

import CLinux
import Glibc

extension FileError {
    /// The C library's sentence for an error.
    static func text(_ code: Int32) -> String {
        guard let text = strerror(code) else { return "unknown" }
        return String(cString: text)
    }

    var isMissing: Bool { code == ENOENT || code == ENOTDIR }
    var alreadyExists: Bool { code == EEXIST || code == ENOTEMPTY }
    var isFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
    /// A hard link is not possible here, a copy is.
    var needsCopy: Bool { code == EXDEV || code == EMLINK || code == EPERM || code == EOPNOTSUPP }
}

/// The real calls.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> Int32 {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            case .readWriteOrCreate: O_RDWR | O_CREAT
            case .directory: O_RDONLY | O_DIRECTORY
            }
        while true {
            let descriptor = mp_open(path, flags | O_NOFOLLOW, 0o600)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw FileError(code: errno, call: "open", path: path) }
        }
    }

    /// What went wrong with an open file, by the name that it has now.
    private static func failure(_ call: String, _ descriptor: Int32) -> FileError {
        let code = errno
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { space in
            guard let start = space.baseAddress else { return -1 }
            return readlink("/proc/self/fd/\(descriptor)", start.assumingMemoryBound(to: CChar.self), space.count)
        }
        return FileError(code: code, call: call, path: String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }

    package func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

    package func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        while true {
            let count = Glibc.pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw Self.failure("read", descriptor) }
        }
    }

    package func write(
        _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        while true {
            let count = Glibc.pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw Self.failure("write", descriptor) }
        }
    }

    // Not called again after EINTR or any other error: what a failed fsync left out, a second one reports as written.
    package func sync(_ descriptor: Int32) throws(FileError) {
        if Glibc.fsync(descriptor) != 0 { throw Self.failure("fsync", descriptor) }
    }

    package func truncate(_ descriptor: Int32, to length: Int) throws(FileError) {
        if ftruncate(descriptor, off_t(length)) != 0 { throw Self.failure("ftruncate", descriptor) }
    }

    package func setModified(_ descriptor: Int32, to seconds: Int64) throws(FileError) {
        let time = timespec(tv_sec: Int(clamping: seconds), tv_nsec: 0)
        let times = [time, time]
        if futimens(descriptor, times) != 0 { throw Self.failure("futimens", descriptor) }
    }

    package func status(_ path: String) throws(FileError) -> FileStatus {
        var result = stat()
        if stat(path, &result) != 0 { throw FileError(code: errno, call: "stat", path: path) }
        return FileStatus(result)
    }

    package func status(of descriptor: Int32) throws(FileError) -> FileStatus {
        var result = stat()
        if fstat(descriptor, &result) != 0 { throw Self.failure("fstat", descriptor) }
        return FileStatus(result)
    }

    package func link(_ from: String, _ to: String) throws(FileError) {
        if Glibc.link(from, to) != 0 { throw FileError(code: errno, call: "link", path: to) }
    }

    package func rename(_ from: String, _ to: String) throws(FileError) {
        if Glibc.rename(from, to) != 0 { throw FileError(code: errno, call: "rename", path: to) }
    }

    package func unlink(_ path: String) throws(FileError) {
        if Glibc.unlink(path) != 0 { throw FileError(code: errno, call: "unlink", path: path) }
    }

    package func makeDirectory(_ path: String) throws(FileError) {
        if mkdir(path, 0o700) != 0 { throw FileError(code: errno, call: "mkdir", path: path) }
    }

    package func removeDirectory(_ path: String) throws(FileError) {
        if rmdir(path) != 0 { throw FileError(code: errno, call: "rmdir", path: path) }
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else { throw FileError(code: errno, call: "opendir", path: path) }
        defer { closedir(directory) }
        guard let nameOffset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { return [] }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { throw FileError(code: errno, call: "readdir", path: path) }
                return names
            }
            let text = (UnsafeRawPointer(entry) + nameOffset).assumingMemoryBound(to: CChar.self)
            guard let name = String(validatingCString: text), name != ".", name != ".." else { continue }
            names.append(name)
        }
    }

    package func lock(_ descriptor: Int32) throws(FileError) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw Self.failure("flock", descriptor)
    }
    package func unlock(_ descriptor: Int32) { flock(descriptor, LOCK_UN) }
}

extension FileStatus {
    fileprivate init(_ result: stat) {
        self.init(
            size: Int(result.st_size), modified: Int64(result.st_mtim.tv_sec), nanoseconds: Int(result.st_mtim.tv_nsec),
            mode: UInt32(result.st_mode) & 0o7777, isDirectory: result.st_mode & S_IFMT == S_IFDIR,
            inode: UInt64(result.st_ino))
    }
}

/// Microseconds since 1970.
func currentMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
}

/// For unique file names (maildir(5)).
func currentProcess() -> Int32 { getpid() }

/// The first label of the machine's name, reduced to what a file name may hold; 20 characters at most so that names
/// stay short.
func hostLabel() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    var label = ""
    for octet in buffer.prefix(while: { $0 != 0 }).map(UInt8.init(bitPattern:)) {
        guard octet != UInt8(ascii: "."), label.utf8.count < 20 else { break }
        let scalar = Unicode.Scalar(octet)
        let isSafe =
            octet < 0x80 && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "-")
        label.unicodeScalars.append(isSafe ? scalar : "_")
    }
    return label.isEmpty ? "localhost" : label
}
