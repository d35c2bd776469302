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

    /// Keys and mail are in this process's memory: nothing of it is written down when it crashes, and no other process of its user
    /// looks into it. A crash is over at once, so that who supervises it can start it again; SWIFT_BACKTRACE in the environment
    /// keeps the runtime's report.
    package static func hideMemory() throws(SystemError) {
        guard mp_hide_memory() == 0 else { throw SystemError("cannot hide the memory of this process") }
    }
}
