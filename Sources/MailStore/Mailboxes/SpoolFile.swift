// A message that is still coming in, in a file of the spool directory. It becomes the message file itself: by a hard
// link.

final class SpoolFile {
    let path: String
    private let files: any FileSystem
    private let descriptor: Int32
    private(set) var size = 0
    private var bare = 0
    private var endsInCR = false
    /// Sealed, or a write failed.
    private var isClosed = false

    init(path: String, files: any FileSystem) throws(FileError) {
        self.path = path
        self.files = files
        self.descriptor = try files.open(path, .create)
    }

    /// Octets with CRLF line ends.
    var wireSize: Int { size + bare }

    /// After a fault the spool is of no use any more: what it holds is not what was sent.
    func append(_ bytes: [UInt8]) throws(FileError) {
        guard !isClosed else { throw FileError(code: FileError.noProgress, call: "write", path: path) }
        do throws(FileError) { try files.writeAll(descriptor, bytes, at: size) } catch {
            isClosed = true
            throw error
        }
        size += bytes.count
        bare += LineEnds.bareCount(bytes, afterCR: endsInCR)
        if let last = bytes.last { endsInCR = last == UInt8(ascii: "\r") }
    }

    /// Makes the octets durable, and the date if one is given. A failure is final.
    func seal(modified: Int64?) throws(FileError) {
        guard !isClosed else { throw FileError(code: FileError.noProgress, call: "write", path: path) }
        isClosed = true
        if let modified { try files.setModified(descriptor, to: modified) }
        try files.sync(descriptor)
    }

    deinit {
        files.close(descriptor)
        try? files.unlink(path)
    }
}
