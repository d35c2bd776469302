// Becoming another user, for good.

import CLinux
import Glibc

/// The user whose rights this process has.
package enum ProcessUser {
    /// Becomes another user, with these groups and no others. All threads do, and it is tried that nobody can go back.
    package static func become(_ user: uid_t, _ group: gid_t, groups: [gid_t]) throws(SystemError) {
        switch mp_become(user, group, groups, groups.count) {
        case 0: return
        case -1: throw SystemError("cannot become another user")
        default: throw SystemError(saying: "became another user, but could go back to root")
        }
    }
}
