// Who may use the fallback: anyone as long as the data directory has no users, then only they.

import Glibc
import MailStore

enum FallbackUsers {
    /// Where the users of a data directory stand.
    static func path(_ directory: String) -> String { directory + "/users" }

    /// The users of a data directory, nil when there are none.
    static func users(_ directory: String) throws(StoreError) -> UserFile? {
        guard access(path(directory), F_OK) == 0 else { return nil }
        let users = try UserFile(path: path(directory))
        return users.names.isEmpty ? nil : users
    }
}
