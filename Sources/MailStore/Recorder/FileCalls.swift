// The system calls of the recorder behind a seam, so that tests let the k-th write fail as a full or dying disk does.

import CLinux
import Glibc

/// System calls on segments. Each gives a result of 0 or more, or the negative errno.
struct FileCalls: Sendable {
    /// Creates a file that must not exist (O_EXCL), through no symbolic link, mode 0600; gives the descriptor.
    var create: @Sendable (_ path: String) -> Int32 = { path in
        let descriptor = mp_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        return descriptor < 0 ? -errno : descriptor
    }
    /// Writes some of the octets at the end of the file.
    var write: @Sendable (_ descriptor: Int32, _ octets: UnsafeRawBufferPointer) -> Int = { descriptor, octets in
        while true {
            let count = Glibc.write(descriptor, octets.baseAddress, octets.count)
            if count >= 0 { return count }
            if errno != EINTR { return -Int(errno) }
        }
    }
    /// Makes what was written durable.
    var sync: @Sendable (_ descriptor: Int32) -> Int32 = { descriptor in
        fdatasync(descriptor) == 0 ? 0 : -errno
    }

    /// Microseconds since 1970, for names and midnights.
    var wallClock: @Sendable () -> Int64 = { System.wallClock() }

    init() {}
}

/// What the recorder needs of the system beside ``FileCalls``.
enum System {
    /// Microseconds since 1970.
    static func wallClock() -> Int64 { clock(CLOCK_REALTIME) }

    /// Microseconds of a clock that never goes back.
    static func monotonicClock() -> Int64 { clock(CLOCK_MONOTONIC) }

    /// The text of an errno.
    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }

    /// Makes a directory and those above it, mode 0700. One that exists is left as it is.
    static func makeDirectory(_ path: String) throws(RecorderError) {
        var ends: [String.Index] = path.indices.filter { path[$0] == "/" && $0 != path.startIndex }
        ends.append(path.endIndex)
        for end in ends where mkdir(String(path[..<end]), 0o700) != 0 {
            let code = errno
            // What stands above may be there and closed to us; only the last step must succeed.
            guard code == EEXIST || end != path.endIndex else {
                throw .failed(action: "make the directory", path: path, reason: text(code))
            }
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .failed(action: "use the directory", path: path, reason: text(errno))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .failed(action: "use the directory", path: path, reason: text(ENOTDIR))
        }
    }

    /// Makes a file durable that somebody else has written. An errno; 0 when it is done.
    static func sync(path: String) -> Int32 {
        let descriptor = mp_open(path, O_RDONLY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { return errno }
        defer { Glibc.close(descriptor) }
        return fsync(descriptor) == 0 ? 0 : errno
    }

    /// Makes the names in a directory durable, as far as the file system can.
    static func syncDirectory(_ path: String) {
        let descriptor = mp_open(path, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        Glibc.close(descriptor)
    }

    /// Opens a file of our own to be read, through no symbolic link. Negative, with errno, when that fails.
    static func openToRead(_ path: String) -> Int32 { mp_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) }

    /// Opens a file that grows, or makes it, through no symbolic link, mode 0600, to be read from its beginning and written at its
    /// end. Negative, with errno, when that fails.
    static func openToAppend(_ path: String) -> Int32 {
        mp_open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    }

    /// The names in a directory, in no order. Empty when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { octets in
                String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The octets of a small file; nil when it cannot be read.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = mp_open(path, O_RDONLY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        return read(descriptor, limit: limit)
    }

    /// Up to `limit` octets from where a descriptor stands; nil when reading fails.
    static func read(_ descriptor: Int32, limit: Int) -> [UInt8]? {
        var failed = false
        let octets = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            while count < limit {
                let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, limit - count)
                if got > 0 {
                    count += got
                } else if got == 0 || errno != EINTR {
                    failed = got < 0
                    return
                }
            }
        }
        return failed ? nil : octets
    }

    private static func clock(_ which: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(which, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
    }
}
