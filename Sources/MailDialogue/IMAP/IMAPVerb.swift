// The commands of IMAP: how each is called, in which states it is allowed, what a server must offer for it, and what it
// does to the rules of RFC 9051 §5.5 and §7.5.1. The compiler asks a new case for all of them.

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
        var states: States
        /// One of these must be offered; none when the command belongs to both revisions of the base.
        var needs: IMAPCapabilities
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
    package var name: String {
        // Not kept in an array, as the kinds are not: a switch needs nothing to be made ready, and is asked with each line.
        switch self {
        case .unknown: ""
        case .capability: "CAPABILITY"
        case .noop: "NOOP"
        case .logout: "LOGOUT"
        case .id: "ID"
        case .starttls: "STARTTLS"
        case .authenticate: "AUTHENTICATE"
        case .login: "LOGIN"
        case .enable: "ENABLE"
        case .compress: "COMPRESS"
        case .unauthenticate: "UNAUTHENTICATE"
        case .select: "SELECT"
        case .examine: "EXAMINE"
        case .create: "CREATE"
        case .delete: "DELETE"
        case .rename: "RENAME"
        case .subscribe: "SUBSCRIBE"
        case .unsubscribe: "UNSUBSCRIBE"
        case .list: "LIST"
        case .lsub: "LSUB"
        case .xlist: "XLIST"
        case .rlist: "RLIST"
        case .rlsub: "RLSUB"
        case .namespace: "NAMESPACE"
        case .status: "STATUS"
        case .append: "APPEND"
        case .idle: "IDLE"
        case .close: "CLOSE"
        case .unselect: "UNSELECT"
        case .check: "CHECK"
        case .expunge: "EXPUNGE"
        case .search: "SEARCH"
        case .fetch: "FETCH"
        case .store: "STORE"
        case .copy: "COPY"
        case .move: "MOVE"
        case .sort: "SORT"
        case .thread: "THREAD"
        case .replace: "REPLACE"
        case .uidFetch: "UID FETCH"
        case .uidStore: "UID STORE"
        case .uidSearch: "UID SEARCH"
        case .uidCopy: "UID COPY"
        case .uidMove: "UID MOVE"
        case .uidExpunge: "UID EXPUNGE"
        case .uidSort: "UID SORT"
        case .uidThread: "UID THREAD"
        case .uidReplace: "UID REPLACE"
        case .notify: "NOTIFY"
        case .getmetadata: "GETMETADATA"
        case .setmetadata: "SETMETADATA"
        case .getannotation: "GETANNOTATION"
        case .setannotation: "SETANNOTATION"
        case .getquota: "GETQUOTA"
        case .getquotaroot: "GETQUOTAROOT"
        case .setquota: "SETQUOTA"
        case .getacl: "GETACL"
        case .setacl: "SETACL"
        case .deleteacl: "DELETEACL"
        case .listrights: "LISTRIGHTS"
        case .myrights: "MYRIGHTS"
        case .genurlauth: "GENURLAUTH"
        case .resetkey: "RESETKEY"
        case .urlfetch: "URLFETCH"
        case .language: "LANGUAGE"
        case .comparator: "COMPARATOR"
        case .conversions: "CONVERSIONS"
        case .convert: "CONVERT"
        case .uidConvert: "UID CONVERT"
        case .cancelupdate: "CANCELUPDATE"
        case .esearch: "ESEARCH"
        case .uidbatches: "UIDBATCHES"
        case .getjmapaccess: "GETJMAPACCESS"
        case .xapplepushservice: "XAPPLEPUSHSERVICE"
        }
    }

    /// What else matters of it.
    var kind: Kind {
        switch self {
        case .unknown, .id, .create, .rename, .list, .lsub, .xlist, .rlist, .rlsub, .namespace, .status, .notify,
            .getmetadata, .getannotation, .setannotation, .getquota, .getquotaroot, .setquota, .getacl, .listrights,
            .myrights, .genurlauth, .resetkey, .urlfetch, .language, .comparator, .conversions, .esearch,
            .getjmapaccess, .xapplepushservice:
            []
        case .capability, .noop, .logout, .login, .enable, .unauthenticate, .select, .examine, .delete, .subscribe,
            .unsubscribe, .append, .close, .unselect, .setmetadata, .setacl, .deleteacl, .cancelupdate, .uidbatches:
            .isPlain
        case .starttls, .compress, .idle: [.isPlain, .isOpen]
        case .authenticate: .isOpen
        case .check, .expunge, .sort, .thread, .uidStore, .uidSearch, .uidCopy, .uidMove, .uidExpunge, .uidSort,
            .uidThread, .uidReplace:
            [.isPlain, .provesSelected]
        case .search: [.holdsNumbers, .notUIDOnly, .isPlain, .provesSelected]
        case .fetch: [.holdsNumbers, .takesNumbers, .notUIDOnly, .provesSelected]
        case .store: [.holdsNumbers, .takesNumbers, .notUIDOnly, .isPlain, .provesSelected]
        case .copy, .move: [.takesNumbers, .notUIDOnly, .isPlain, .provesSelected]
        case .replace: [.takesNumbers, .isPlain, .provesSelected]
        case .uidFetch, .uidConvert: .provesSelected
        case .convert: [.holdsNumbers, .takesNumbers, .provesSelected]
        }
    }

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

    /// What it is to the machine.
    var traits: Traits {
        switch self {
        case .unknown, .capability, .noop, .logout: Traits(states: .any, needs: [])
        case .id: Traits(states: .any, needs: [.id, .rev2])
        case .starttls: Traits(states: .notAuthenticated, needs: .starttls)
        case .authenticate, .login: Traits(states: .notAuthenticated, needs: [])
        case .enable: Traits(states: .loggedIn, needs: [.enable, .rev2])
        case .compress: Traits(states: .any, needs: .compress)
        case .unauthenticate: Traits(states: .loggedIn, needs: .unauthenticate)
        case .select, .examine, .create, .delete, .rename, .subscribe, .unsubscribe, .list, .status, .append,
            .getannotation, .setannotation, .xapplepushservice:
            Traits(states: .loggedIn, needs: [])
        case .lsub: Traits(states: .loggedIn, needs: .rev1)
        case .xlist: Traits(states: .loggedIn, needs: .xlist)
        case .rlist, .rlsub: Traits(states: .loggedIn, needs: .mailboxReferrals)
        case .namespace: Traits(states: .loggedIn, needs: [.namespace, .rev2])
        case .idle: Traits(states: .loggedIn, needs: [.idle, .rev2])
        case .close, .expunge, .search, .fetch, .store, .copy, .uidFetch, .uidStore, .uidSearch, .uidCopy:
            Traits(states: .selected, needs: [])
        case .unselect: Traits(states: .selected, needs: [.unselect, .rev2])
        case .check: Traits(states: .selected, needs: .rev1)
        case .move, .uidMove: Traits(states: .selected, needs: [.move, .rev2])
        case .sort, .uidSort: Traits(states: .selected, needs: .sort)
        case .thread, .uidThread: Traits(states: .selected, needs: .thread)
        case .replace, .uidReplace: Traits(states: .selected, needs: .replace)
        case .uidExpunge: Traits(states: .selected, needs: [.uidplus, .rev2])
        case .notify: Traits(states: .loggedIn, needs: .notify)
        case .getmetadata, .setmetadata: Traits(states: .loggedIn, needs: [.metadata, .metadataServer])
        case .getquota, .getquotaroot, .setquota: Traits(states: .loggedIn, needs: .quota)
        case .getacl, .setacl, .deleteacl, .listrights, .myrights: Traits(states: .loggedIn, needs: .acl)
        case .genurlauth, .resetkey, .urlfetch: Traits(states: .loggedIn, needs: .urlauth)
        case .language: Traits(states: .any, needs: .language)
        case .comparator: Traits(states: .loggedIn, needs: .i18nLevel2)
        case .conversions: Traits(states: .loggedIn, needs: .convert)
        case .convert, .uidConvert: Traits(states: .selected, needs: .convert)
        case .cancelupdate: Traits(states: .selected, needs: [.contextSearch, .contextSort])
        case .esearch: Traits(states: .loggedIn, needs: .multisearch)
        case .uidbatches: Traits(states: .selected, needs: .uidbatches)
        case .getjmapaccess: Traits(states: .loggedIn, needs: .jmapaccess)
        }
    }
}
