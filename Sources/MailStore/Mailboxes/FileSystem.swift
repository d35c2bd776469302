// The system calls that the mailboxes make, behind a protocol, so that a test can have the k-th of them fail.
// Everything that promises durability goes through here: nothing in this folder calls the C library for a file in
// another way.

/// A system call that failed.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C library's errno.
    package let code: Int32
    /// The call, as in its manual page.
    package let call: String
    package let path: String
    package init(code: Int32, call: String, path: String) {
        self.code = code
        self.call = call
        self.path = path
    }
    package var description: String { "\(path.isEmpty ? "" : path + ": ")cannot \(call): \(FileError.text(code))" }
}

/// What `stat` says of a file.
package struct FileStatus: Equatable, Sendable {
    package var size: Int
    /// Seconds and nanoseconds of the last change of the content, since 1970.
    package var modified: Int64
    package var nanoseconds: Int
    /// Permission bits.
    package var mode: UInt32
    package var isDirectory: Bool
    package var inode: UInt64
    package init(size: Int, modified: Int64, nanoseconds: Int, mode: UInt32, isDirectory: Bool, inode: UInt64) {
        self.size = size
        self.modified = modified
        self.nanoseconds = nanoseconds
        self.mode = mode
        self.isDirectory = isDirectory
        self.inode = inode
    }
}

/// How a file is opened.
package enum OpenMode: Equatable, Sendable {
    case read
    case readWrite
    /// Must not exist yet; mode 0600.
    case create
    /// Made if it is missing; mode 0600.
    case readWriteOrCreate
    /// A directory, to sync it.
    case directory
}

/// The system calls of the mailboxes. An interrupted call (EINTR) is made again; reads and writes may be short, as in
/// the C library.
package protocol FileSystem: Sendable {
    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> Int32
    func close(_ descriptor: Int32)
    func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) -> Int
    func sync(_ descriptor: Int32) throws(FileError)
    func truncate(_ descriptor: Int32, to length: Int) throws(FileError)
    func setModified(_ descriptor: Int32, to seconds: Int64) throws(FileError)
    func status(_ path: String) throws(FileError) -> FileStatus
    func status(of descriptor: Int32) throws(FileError) -> FileStatus
    func link(_ from: String, _ to: String) throws(FileError)
    func rename(_ from: String, _ to: String) throws(FileError)
    func unlink(_ path: String) throws(FileError)
    /// Mode 0700.
    func makeDirectory(_ path: String) throws(FileError)
    func removeDirectory(_ path: String) throws(FileError)
    /// Names without `.` and `..`, in no order; those that are not UTF-8 are left out.
    func list(_ path: String) throws(FileError) -> [String]
    /// The exclusive lock on a file: false when another holds it. The lock goes with the descriptor, so with a killed
    /// process.
    func lock(_ descriptor: Int32) throws(FileError) -> Bool
    /// Gives the lock up, in every copy of the descriptor that a starting child may have.
    func unlock(_ descriptor: Int32)
}
