// Files that are written for the user: mode 0600, as sessions are nobody else's business; never through a link; under their name only
// when they are whole.

import CLinux
import Glibc

/// A file that is written from its beginning to its end.
final class OutputFile {
    let descriptor: Int32
    private let path: String
    /// The name that it has until it is whole; nil when the output is no file of a directory.
    private var draft: String?
    private let replaces: Bool

    /// - Parameters:
    ///   - path: `-` is standard output. A device, a pipe or a socket is written to as it is.
    ///   - replaces: a file that is there is replaced.
    init(_ path: String, replaces: Bool) throws {
        self.path = path
        self.replaces = replaces
        if path == "-" {
            descriptor = 1
            return
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            guard status.st_mode & S_IFMT != S_IFDIR else { throw CLIError.usage("\(path): is a directory") }
            descriptor = mp_open(path, O_WRONLY, 0)
            guard descriptor >= 0 else { throw Self.unwritable(path) }
            return
        }
        if lstat(path, &status) == 0 {
            if status.st_mode & S_IFMT == S_IFLNK {
                throw CLIError.usage("\(path): is a symbolic link; name the file itself")
            }
            guard replaces else { throw Self.exists(path) }
        }
        let draft = Self.draftName(in: Self.directory(of: path))
        descriptor = mp_open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.unwritable(path) }
        self.draft = draft
    }

    deinit {
        if descriptor > 2 { close(descriptor) }
        if let draft { unlink(draft) }
    }

    /// Where it can be read before it has its name.
    var draftPath: String { draft ?? path }

    /// The file is whole: it gets its name.
    func publish() throws {
        guard let draft else { return }
        try Self.publish(draft, as: path, replaces: replaces)
        self.draft = nil
    }

    // MARK: For others that write files

    static func exists(_ path: String) -> CLIError {
        .usage("\(path): is there already; --force replaces it")
    }

    private static func unwritable(_ path: String) -> CLIError {
        .usage("\(path): cannot write: \(String(cString: strerror(errno)))")
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    nonisolated(unsafe) private static var drafts = 0

    /// A name that no other file of this directory has, and that no reader takes for a whole file.
    static func draftName(in directory: String) -> String {
        drafts += 1
        return "\(directory)/.mailproxy-\(getpid())-\(drafts).part"
    }

    /// Gives a file its name.
    static func publish(_ draft: String, as path: String, replaces: Bool) throws {
        if replaces {
            // A link in its place is replaced, not followed.
            guard rename(draft, path) == 0 else { throw unwritable(path) }
            return
        }
        if mp_rename_noreplace(draft, path) == 0 { return }
        if errno == EEXIST { throw exists(path) }
        // File systems that can't do it can make a second name.
        guard errno == EINVAL || errno == ENOSYS, link(draft, path) == 0 else {
            throw errno == EEXIST ? exists(path) : unwritable(path)
        }
        unlink(draft)
    }

    /// Makes a directory for output, or takes one that is there.
    static func makeDirectory(_ path: String) throws {
        guard path != "-" else { throw CLIError.usage("-o names a directory for this format, not standard output") }
        if mkdir(path, 0o700) == 0 { return }
        var status = stat()
        guard errno == EEXIST, stat(path, &status) == 0 else {
            throw CLIError.usage("\(path): cannot make the directory: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw CLIError.usage("\(path): is no directory") }
    }
}
