// `mailproxy user`: who may use the fallback. With the first user only users count.

import ArgumentParser
import Glibc
import MailSessions
import MailStore

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Users of the fallback server; a running server reads them at its next start.",
        subcommands: [UserAdd.self, UserList.self, UserRemove.self, UserPasswd.self])
}

struct DataDirectory: ParsableArguments {
    @Option(help: "Directory of the mailboxes and users, the certificate authority and the key that signs recordings.")
    var dataDir: String?

    /// Where it is, whether it exists or not.
    var path: String { dataDir ?? Defaults.dataDirectory }

    /// Makes the directory if need be.
    func directory() throws -> String {
        guard mkdirs(path) else {
            throw CLIError.fault("cannot create \(path): \(String(cString: strerror(errno)))")
        }
        return path
    }

    func users() throws -> UserFile {
        let directory = try directory()
        do { return try UserFile(path: FallbackUsers.path(directory)) } catch { throw CLIError.fault("\(error)") }
    }

    private func mkdirs(_ path: String) -> Bool {
        var built = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            built += (built.isEmpty || built.hasSuffix("/") ? "" : "/") + part
            if mkdir(built, 0o700) != 0, errno != EEXIST { return false }
        }
        // What exists may be a file.
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        errno = ENOTDIR
        return status.st_mode & S_IFMT == S_IFDIR
    }
}

/// Reads a password: from the terminal without echo, else the first line of standard input.
private func readPassword() throws -> SecretText {
    let isTerminal = isatty(0) == 1
    var before = termios()
    if isTerminal {
        Console.say("password: ")
        tcgetattr(0, &before)
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(0, TCSAFLUSH, &silent)
    }
    let line = readLine(strippingNewline: true)
    if isTerminal {
        tcsetattr(0, TCSAFLUSH, &before)
        Console.say("\n")
    }
    guard let line, !line.isEmpty else { throw CLIError.usage("no password was given; type one, or pipe it in") }
    return SecretText(line)
}

struct UserAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a user; the password is asked for, or read from standard input.")
    @Argument(help: "The address.") var name: String
    @OptionGroup var data: DataDirectory

    func run() throws {
        let users = try data.users()
        if users.user(named: name.lowercased()) != nil {
            throw CLIError.usage("the user \(name) exists; change the password with 'mailproxy user passwd'")
        }
        do { try users.set(name, password: try readPassword()) } catch let error as StoreError {
            throw CLIError.usage("\(error)")
        }
    }
}

struct UserPasswd: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "passwd", abstract: "Give a user another password.")
    @Argument(help: "The address.") var name: String
    @OptionGroup var data: DataDirectory

    func run() throws {
        let users = try data.users()
        guard users.user(named: name.lowercased()) != nil else {
            throw CLIError.usage("there is no user \(name); 'mailproxy user list' shows them")
        }
        do { try users.set(name, password: try readPassword()) } catch let error as StoreError {
            throw CLIError.usage("\(error)")
        }
    }
}

struct UserRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a user; the mailbox stays on the disk.")
    @Argument(help: "The address.") var name: String
    @OptionGroup var data: DataDirectory

    func run() throws {
        let users = try data.users()
        let removed: Bool
        do { removed = try users.remove(name) } catch { throw CLIError.fault("\(error)") }
        if !removed { throw CLIError.usage("there is no user \(name); 'mailproxy user list' shows them") }
    }
}

struct UserList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the users.")
    @OptionGroup var data: DataDirectory

    func run() throws {
        for name in try data.users().names { print(name) }
    }
}
