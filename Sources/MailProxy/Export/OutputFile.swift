// Files that are written for the user: mode 0600, as sessions are nobody else's business; never through a link; under their name only
// when they are whole. Until then they have no name at all, where the file system can do that, so that nothing is left of a command that
// was interrupted or killed.

import CLinux
import Glibc
import MailCapture
import MailStore

/// A file that is written from its beginning to its end.
final class OutputFile {
    let descriptor: Int32
    private let path: String
    /// The name that it has until it is whole; nil when it has none.
    private var draft: String?
    /// It is in a directory, without a name.
    private var isNameless = false
    private let replaces: Bool

    /// - Parameters:
    ///   - path: `-` is standard output. A device, a pipe or a socket is written to as it is.
    ///   - replaces: a file that is there is replaced.
    ///   - mode: who may read it, but for what the umask forbids.
    init(_ path: String, replaces: Bool, mode: mode_t = 0o600) throws {
        guard !path.isEmpty else { throw CLIError.usage("-o has no name; - is standard output") }
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
        } else if errno != ENOENT {
            // Such as a name that is too long, which would be found out when all is written.
            throw Self.unwritable(path)
        }
        let directory = Self.directory(of: path)
        let nameless = mp_open_nameless(directory, mode)
        if nameless >= 0 {
            descriptor = nameless
            isNameless = true
            return
        }
        let draft = Self.draftName(in: directory)
        descriptor = mp_open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw Self.unwritable(path) }
        self.draft = draft
    }

    deinit {
        if descriptor > 2 { close(descriptor) }
        if let draft { unlink(draft) }
    }

    /// Where it can be read before it has its name.
    var draftPath: String { draft ?? (isNameless ? "/proc/self/fd/\(descriptor)" : path) }

    /// The file is whole: it gets its name.
    func publish() throws {
        if isNameless {
            // A name that is there is not given to another file in one step: the new one gets its own first.
            let name = replaces ? Self.draftName(in: Self.directory(of: path)) : path
            guard mp_give_name(descriptor, name) == 0 else {
                throw errno == EEXIST ? Self.exists(path) : Self.unwritable(path)
            }
            isNameless = false
            if replaces { draft = name }
        }
        guard let draft else { return }
        try Self.publish(draft, as: path, replaces: replaces)
        self.draft = nil
    }

    /// Output never takes the place of what is read, by whatever name: not of a file, nor of what belongs to a recording.
    /// - Parameter paths: as given; a directory stands for the captures in it.
    static func refuse(_ output: String, readFrom paths: [String]) throws {
        var status = stat()
        guard stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        let files: [String]
        do { files = try CapturePaths.expand(paths) } catch { throw CLIError.usage("\(error)") }
        try refuse(output, among: files + paths)
        let place = directory(of: output)
        let name = output.split(separator: "/").last.map(String.init) ?? ""
        guard RecordingDirectory.isOwn(name), paths.contains(where: { isSame($0, place) }) else { return }
        throw CLIError.usage("\(output): stands in the recording that is read; name another place")
    }

    /// Output does not take the place of these files.
    static func refuse(_ output: String, among files: [String]) throws {
        if files.contains(where: { isSame($0, output) }) {
            throw CLIError.usage("\(output): is read from; name another place")
        }
    }

    private static func isSame(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
            && first.st_ino == second.st_ino
    }

    /// It is there and no file: a pipe, a device, a socket.
    static func isStream(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
    }

    /// Standard output has other names, and what else would be printed must know that it is taken.
    static func spoken(_ path: String) -> String { ["/dev/stdout", "/dev/fd/1"].contains(path) ? "-" : path }

    // MARK: For others that write files

    static func exists(_ path: String) -> CLIError {
        .usage("\(path): is there already; --force replaces it")
    }

    static func unwritable(_ path: String) -> CLIError {
        .usage("\(path): cannot write: \(String(cString: strerror(errno)))")
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A name that no other file of this directory has, and that no reader takes for a whole file. Not made of the process's number: in
    /// containers each has the same, also as one that was killed and left a draft.
    static func draftName(in directory: String) -> String {
        "\(directory)/.mailproxy-\(String(UInt64.random(in: .min ... .max), radix: 36)).part"
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
