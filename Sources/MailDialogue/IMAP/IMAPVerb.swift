// The commands of IMAP in one table: in which states each is allowed, what a server must offer for it, and what it does to
// the rules of RFC 9051 §5.5 and §7.5.1. Adding a command is a case and a line.

/// A command of RFC 3501, RFC 9051 or a registered extension.
package enum IMAPVerb: UInt8, Sendable, CaseIterable {
    /// None of them.
    case unknown
    case capability, noop, logout, id
    case starttls, authenticate, login
    case enable, compress, unauthenticate
    case select, examine, create, delete, rename, subscribe, unsubscribe, list, lsub, xlist, rlist, rlsub, namespace
    case status, append, idle
    case close, unselect, check, expunge, search, fetch, store, copy, move, sort, thread, replace
    case uidFetch, uidStore, uidSearch, uidCopy, uidMove, uidExpunge, uidSort, uidThread, uidReplace
    case notify, getmetadata, setmetadata, getannotation, setannotation
    case getquota, getquotaroot, setquota, getacl, setacl, deleteacl, listrights, myrights
    case genurlauth, resetkey, urlfetch, language, comparator, conversions, convert, uidConvert
    case cancelupdate, esearch, uidbatches, getjmapaccess, xapplepushservice

    /// What a command is to the machine.
    struct Traits: Sendable {
        var name: StaticString
        var states: States
        /// One of these must be offered; none when the command belongs to both revisions of the base.
        var needs: IMAPCapabilities
        var kind: Kind
    }

    /// The states of RFC 9051 §3 in which a command is allowed.
    struct States: OptionSet, Sendable {
        let rawValue: UInt8
        static let notAuthenticated = States(rawValue: 1)
        static let authenticated = States(rawValue: 2)
        static let selected = States(rawValue: 4)
        static let any: States = [.notAuthenticated, .authenticated, .selected]
        static let loggedIn: States = [.authenticated, .selected]
    }

    /// What else matters of a command.
    struct Kind: OptionSet, Sendable {
        let rawValue: UInt8
        /// No EXPUNGE may be sent while only such commands are in progress (RFC 9051 §7.5.1).
        static let holdsNumbers = Kind(rawValue: 1)
        /// Its first argument is a set of message sequence numbers (RFC 9051 §5.5).
        static let takesNumbers = Kind(rawValue: 2)
        /// UIDONLY forbids it (RFC 9586 §3.2).
        static let notUIDOnly = Kind(rawValue: 4)
        /// The responses to it have no text that a stranger could have written: no line of them looks like another.
        static let isPlain = Kind(rawValue: 8)
        /// What it ends in cannot be told from its line alone: the server asks for more, or the octets change.
        static let isOpen = Kind(rawValue: 16)
        /// OK to it says that a mailbox is selected.
        static let provesSelected = Kind(rawValue: 32)
    }

    /// The verb in capitals, as in notes.
    package var name: String { Self.names[Int(rawValue)] }
    var traits: Traits { Self.table[Int(rawValue)] }
    var kind: Kind { Self.kinds[Int(rawValue)] }

    /// A command by its verb; `UID` is looked up with the word behind it.
    static func find(_ word: UnsafeBufferPointer<UInt8>) -> IMAPVerb { words.find(word) ?? .unknown }
    static func find(uid word: UnsafeBufferPointer<UInt8>) -> IMAPVerb { uidWords.find(word) ?? .unknown }

    private static let words = IMAPWords<IMAPVerb>([
        ("CAPABILITY", .capability), ("NOOP", .noop), ("LOGOUT", .logout), ("ID", .id), ("STARTTLS", .starttls),
        ("AUTHENTICATE", .authenticate), ("LOGIN", .login), ("ENABLE", .enable), ("COMPRESS", .compress),
        ("UNAUTHENTICATE", .unauthenticate), ("SELECT", .select), ("EXAMINE", .examine), ("CREATE", .create),
        ("DELETE", .delete), ("RENAME", .rename), ("SUBSCRIBE", .subscribe), ("UNSUBSCRIBE", .unsubscribe),
        ("LIST", .list), ("LSUB", .lsub), ("XLIST", .xlist), ("RLIST", .rlist), ("RLSUB", .rlsub),
        ("NAMESPACE", .namespace), ("STATUS", .status), ("APPEND", .append), ("IDLE", .idle), ("CLOSE", .close),
        ("UNSELECT", .unselect), ("CHECK", .check), ("EXPUNGE", .expunge), ("SEARCH", .search), ("FETCH", .fetch),
        ("STORE", .store), ("COPY", .copy), ("MOVE", .move), ("SORT", .sort), ("THREAD", .thread),
        ("REPLACE", .replace), ("NOTIFY", .notify), ("GETMETADATA", .getmetadata), ("SETMETADATA", .setmetadata),
        ("GETANNOTATION", .getannotation), ("SETANNOTATION", .setannotation), ("GETQUOTA", .getquota),
        ("GETQUOTAROOT", .getquotaroot), ("SETQUOTA", .setquota), ("GETACL", .getacl), ("SETACL", .setacl),
        ("DELETEACL", .deleteacl), ("LISTRIGHTS", .listrights), ("MYRIGHTS", .myrights), ("GENURLAUTH", .genurlauth),
        ("RESETKEY", .resetkey), ("URLFETCH", .urlfetch), ("LANGUAGE", .language), ("COMPARATOR", .comparator),
        ("CONVERSIONS", .conversions), ("CONVERT", .convert), ("CANCELUPDATE", .cancelupdate), ("ESEARCH", .esearch),
        ("UIDBATCHES", .uidbatches), ("GETJMAPACCESS", .getjmapaccess), ("XAPPLEPUSHSERVICE", .xapplepushservice),
    ])

    private static let uidWords = IMAPWords<IMAPVerb>([
        ("FETCH", .uidFetch), ("STORE", .uidStore), ("SEARCH", .uidSearch), ("COPY", .uidCopy), ("MOVE", .uidMove),
        ("EXPUNGE", .uidExpunge), ("SORT", .uidSort), ("THREAD", .uidThread), ("REPLACE", .uidReplace),
        ("CONVERT", .uidConvert),
    ])

    private static let names: [String] = table.map { "\($0.name)" }
    private static let kinds: [Kind] = table.map(\.kind)

    /// By raw value.
    private static let table: [Traits] = allCases.map { verb in
        func traits(
            _ name: StaticString, _ states: States, _ needs: IMAPCapabilities = [], _ kind: Kind = []
        ) -> Traits { Traits(name: name, states: states, needs: needs, kind: kind) }
        return switch verb {
        case .unknown: traits("", .any)
        case .capability: traits("CAPABILITY", .any, [], .isPlain)
        case .noop: traits("NOOP", .any, [], .isPlain)
        case .logout: traits("LOGOUT", .any, [], .isPlain)
        case .id: traits("ID", .any, [.id, .rev2])
        case .starttls: traits("STARTTLS", .notAuthenticated, .starttls, [.isPlain, .isOpen])
        case .authenticate: traits("AUTHENTICATE", .notAuthenticated, [], .isOpen)
        case .login: traits("LOGIN", .notAuthenticated, [], .isPlain)
        case .enable: traits("ENABLE", .loggedIn, [.enable, .rev2], .isPlain)
        case .compress: traits("COMPRESS", .any, .compress, [.isPlain, .isOpen])
        case .unauthenticate: traits("UNAUTHENTICATE", .loggedIn, .unauthenticate, .isPlain)
        case .select: traits("SELECT", .loggedIn, [], .isPlain)
        case .examine: traits("EXAMINE", .loggedIn, [], .isPlain)
        case .create: traits("CREATE", .loggedIn)
        case .delete: traits("DELETE", .loggedIn, [], .isPlain)
        case .rename: traits("RENAME", .loggedIn)
        case .subscribe: traits("SUBSCRIBE", .loggedIn, [], .isPlain)
        case .unsubscribe: traits("UNSUBSCRIBE", .loggedIn, [], .isPlain)
        case .list: traits("LIST", .loggedIn)
        case .lsub: traits("LSUB", .loggedIn, .rev1)
        case .xlist: traits("XLIST", .loggedIn, .xlist)
        case .rlist: traits("RLIST", .loggedIn, .mailboxReferrals)
        case .rlsub: traits("RLSUB", .loggedIn, .mailboxReferrals)
        case .namespace: traits("NAMESPACE", .loggedIn, [.namespace, .rev2])
        case .status: traits("STATUS", .loggedIn)
        case .append: traits("APPEND", .loggedIn, [], .isPlain)
        case .idle: traits("IDLE", .loggedIn, [.idle, .rev2], [.isPlain, .isOpen])
        case .close: traits("CLOSE", .selected, [], .isPlain)
        case .unselect: traits("UNSELECT", .selected, [.unselect, .rev2], .isPlain)
        case .check: traits("CHECK", .selected, .rev1, [.isPlain, .provesSelected])
        case .expunge: traits("EXPUNGE", .selected, [], [.isPlain, .provesSelected])
        case .search: traits("SEARCH", .selected, [], [.holdsNumbers, .notUIDOnly, .isPlain, .provesSelected])
        case .fetch: traits("FETCH", .selected, [], [.holdsNumbers, .takesNumbers, .notUIDOnly, .provesSelected])
        case .store:
            traits("STORE", .selected, [], [.holdsNumbers, .takesNumbers, .notUIDOnly, .isPlain, .provesSelected])
        case .copy: traits("COPY", .selected, [], [.takesNumbers, .notUIDOnly, .isPlain, .provesSelected])
        case .move: traits("MOVE", .selected, [.move, .rev2], [.takesNumbers, .notUIDOnly, .isPlain, .provesSelected])
        case .sort: traits("SORT", .selected, .sort, [.isPlain, .provesSelected])
        case .thread: traits("THREAD", .selected, .thread, [.isPlain, .provesSelected])
        case .replace: traits("REPLACE", .selected, .replace, [.takesNumbers, .isPlain, .provesSelected])
        case .uidFetch: traits("UID FETCH", .selected, [], .provesSelected)
        case .uidStore: traits("UID STORE", .selected, [], [.isPlain, .provesSelected])
        case .uidSearch: traits("UID SEARCH", .selected, [], [.isPlain, .provesSelected])
        case .uidCopy: traits("UID COPY", .selected, [], [.isPlain, .provesSelected])
        case .uidMove: traits("UID MOVE", .selected, [.move, .rev2], [.isPlain, .provesSelected])
        case .uidExpunge: traits("UID EXPUNGE", .selected, [.uidplus, .rev2], [.isPlain, .provesSelected])
        case .uidSort: traits("UID SORT", .selected, .sort, [.isPlain, .provesSelected])
        case .uidThread: traits("UID THREAD", .selected, .thread, [.isPlain, .provesSelected])
        case .uidReplace: traits("UID REPLACE", .selected, .replace, [.isPlain, .provesSelected])
        case .notify: traits("NOTIFY", .loggedIn, .notify)
        case .getmetadata: traits("GETMETADATA", .loggedIn, [.metadata, .metadataServer])
        case .setmetadata: traits("SETMETADATA", .loggedIn, [.metadata, .metadataServer], .isPlain)
        case .getannotation: traits("GETANNOTATION", .loggedIn)
        case .setannotation: traits("SETANNOTATION", .loggedIn)
        case .getquota: traits("GETQUOTA", .loggedIn, .quota)
        case .getquotaroot: traits("GETQUOTAROOT", .loggedIn, .quota)
        case .setquota: traits("SETQUOTA", .loggedIn, .quota)
        case .getacl: traits("GETACL", .loggedIn, .acl)
        case .setacl: traits("SETACL", .loggedIn, .acl, .isPlain)
        case .deleteacl: traits("DELETEACL", .loggedIn, .acl, .isPlain)
        case .listrights: traits("LISTRIGHTS", .loggedIn, .acl)
        case .myrights: traits("MYRIGHTS", .loggedIn, .acl)
        case .genurlauth: traits("GENURLAUTH", .loggedIn, .urlauth)
        case .resetkey: traits("RESETKEY", .loggedIn, .urlauth)
        case .urlfetch: traits("URLFETCH", .loggedIn, .urlauth)
        case .language: traits("LANGUAGE", .any, .language)
        case .comparator: traits("COMPARATOR", .loggedIn, .i18nLevel2)
        case .conversions: traits("CONVERSIONS", .loggedIn, .convert)
        case .convert: traits("CONVERT", .selected, .convert, [.holdsNumbers, .takesNumbers, .provesSelected])
        case .uidConvert: traits("UID CONVERT", .selected, .convert, .provesSelected)
        case .cancelupdate: traits("CANCELUPDATE", .selected, [.contextSearch, .contextSort], .isPlain)
        case .esearch: traits("ESEARCH", .loggedIn, .multisearch)
        case .uidbatches: traits("UIDBATCHES", .selected, .uidbatches, .isPlain)
        case .getjmapaccess: traits("GETJMAPACCESS", .loggedIn, .jmapaccess)
        case .xapplepushservice: traits("XAPPLEPUSHSERVICE", .loggedIn)
        }
    }
}
