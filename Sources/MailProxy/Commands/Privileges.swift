// Who we are once the listeners are bound: a process that began as root for a port below 1024 becomes another user, for good.

import Glibc
import MailRuntime

/// A user to become.
struct Privileges {
    let name: String
    let user: uid_t
    let group: gid_t
    /// Supplementary groups.
    private let groups: [gid_t]
    let home: String

    /// - Parameters:
    ///   - text: `NAME` or `NAME:GROUP`; either may be a number.
    ///   - isNow: it is to be done now, for which we have to be root.
    /// - Throws: what is not known.
    init(_ text: String, isNow: Bool = true) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let entry = parts[0].isEmpty ? nil : getpwnam(parts[0]) ?? UInt32(parts[0]).flatMap({ getpwuid($0) })
        else {
            throw CLIError.usage("user '\(text)': there is no user '\(parts[0])'")
        }
        name = String(cString: entry.pointee.pw_name)
        user = entry.pointee.pw_uid
        home = String(cString: entry.pointee.pw_dir)
        if parts.count == 2 {
            guard let found = parts[1].isEmpty ? nil : getgrnam(parts[1]) ?? UInt32(parts[1]).flatMap({ getgrgid($0) })
            else { throw CLIError.usage("user '\(text)': there is no group '\(parts[1])'") }
            group = found.pointee.gr_gid
            groups = [group]
        } else {
            group = entry.pointee.pw_gid
            var count: Int32 = 256
            var list = [gid_t](repeating: 0, count: Int(count))
            guard getgrouplist(name, group, &list, &count) >= 0 else {
                throw CLIError.usage("user '\(text)': it is in too many groups")
            }
            groups = Array(list.prefix(Int(count)))
        }
        guard user != 0 else {
            throw CLIError.usage("user '\(text)': that is root; name a user without its rights")
        }
        guard !isNow || geteuid() == 0 || geteuid() == user else {
            throw CLIError.usage(
                "user '\(text)': only root can become another user; start as root, or leave 'user' away")
        }
    }

    /// What is made while we are still root, and before there are other threads, is to belong to the user. False when that can't
    /// be. Does nothing when we are not root.
    func actAsUser() -> Bool {
        guard geteuid() == 0 else { return true }
        guard setegid(group) == 0 else { return false }
        return seteuid(user) == 0
    }

    /// Ends ``actAsUser()``. Does nothing once we have become the user.
    func actAsRoot() {
        guard getuid() == 0, geteuid() != 0 else { return }
        seteuid(0)
        setegid(getgid())
    }

    /// Becomes the user; afterwards nobody can go back.
    func drop() throws {
        guard geteuid() == 0 else { return }
        do { try ProcessUser.become(user, group, groups: groups) } catch {
            throw CLIError.fault("user \(name): \(error)")
        }
    }
}
