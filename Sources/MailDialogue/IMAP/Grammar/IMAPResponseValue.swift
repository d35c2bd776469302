// Responses as typed values (RFC 9051 §7 and the extensions). Strings are spans of the text that was read.

/// A response that was read: the best reading and what was wrong with it.
package struct IMAPResponseReading: Equatable, Sendable {
    package var text: IMAPText
    package var value: IMAPResponseValue
    /// What the grammar does not allow, in the order of the text, the first 16.
    package var faults: [IMAPFault]
}

/// What a server says.
package enum IMAPResponseValue: Equatable, Sendable {
    /// OK, NO, BAD, BYE, PREAUTH, tagged or not.
    case status(IMAPStatus)
    /// `+` with its text or base64.
    case continuation(IMAPSpan)
    case capability([IMAPSpan])
    case enabled([IMAPSpan])
    case list(IMAPListData)
    case lsub(IMAPListData)
    case namespace(IMAPNamespaces)
    case mailboxStatus(mailbox: IMAPSpan, [IMAPStatusItem])
    case flags([IMAPSpan])
    /// SEARCH, with the MODSEQ of RFC 7162 §3.1.5.
    case search([UInt32], modSeq: UInt64?)
    case extendedSearch(IMAPExtendedSearch)
    case sort([UInt32], modSeq: UInt64?)
    case thread([IMAPThreadNode])
    case exists(UInt32)
    case recent(UInt32)
    case expunge(UInt32)
    case vanished(IMAPNumberSet, isEarlier: Bool)
    case fetch(IMAPFetchData)
    case quota(root: IMAPSpan, [IMAPQuotaResource])
    case quotaRoot(mailbox: IMAPSpan, roots: [IMAPSpan])
    /// Identifiers and their rights.
    case acl(mailbox: IMAPSpan, [IMAPPair])
    case listRights(mailbox: IMAPSpan, identifier: IMAPSpan, required: IMAPSpan, optional: [IMAPSpan])
    case myRights(mailbox: IMAPSpan, rights: IMAPSpan)
    /// Entries with their values; a value is nil where only the name was told (RFC 5464 §4.4).
    case metadata(mailbox: IMAPSpan, [IMAPPair])
    /// Fields and values; nil for `ID NIL`.
    case id([IMAPPair]?)
    case language([IMAPSpan])
    case comparator(active: IMAPSpan, available: [IMAPSpan])
    case generatedURLs([IMAPSpan])
    /// URLs with their content; the content of the extended form is its whole list (RFC 5524 §3.2).
    case fetchedURLs([IMAPPair])
    case jmapAccess(IMAPSpan)
    case converted(IMAPConverted)
    /// Media types, and the parameters for the way from one to the other (RFC 5259 §5.2).
    case conversion(from: IMAPSpan, to: IMAPSpan, parameters: [IMAPSpan])
    /// The UIDs of batches, from the newest on; the item ALL alone, or none when there are none (RFC 10022).
    case uidBatches(IMAPExtendedSearch)
    /// A response that is not known here: its keyword, and all behind it.
    case other(keyword: IMAPSpan, number: UInt32?, rest: IMAPSpan)
    /// No response could be seen.
    case none
}

/// A name with its value.
package struct IMAPPair: Equatable, Sendable {
    package let name: IMAPSpan
    package let value: IMAPSpan
}

/// A status response (RFC 9051 §7.1).
package struct IMAPStatus: Equatable, Sendable {
    package enum Kind: String, Sendable { case ok = "OK", no = "NO", bad = "BAD", bye = "BYE", preauth = "PREAUTH" }

    /// `.none` when it is untagged.
    package var tag: IMAPSpan
    package var kind: Kind
    package var code: IMAPResponseCode?
    package var text: IMAPSpan
}

/// A mailbox of LIST or LSUB (RFC 9051 §7.3.1).
package struct IMAPListData: Equatable, Sendable {
    package var attributes: [IMAPSpan] = []
    /// One character; `.none` for NIL: the name space is flat.
    package var delimiter = IMAPSpan.none
    package var mailbox = IMAPSpan.none
    /// Extended data by its tag: CHILDINFO, OLDNAME and others (RFC 5258 §6); values are whole lists.
    package var extended: [IMAPPair] = []
}

/// NAMESPACE (RFC 9051 §7.3.2): nil where the server has none of the kind.
package struct IMAPNamespaces: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var prefix: IMAPSpan
        package var delimiter: IMAPSpan
        /// Extension names with their lists.
        package var extensions: [IMAPPair]
    }

    package var personal: [Entry]?
    package var others: [Entry]?
    package var shared: [Entry]?
}

/// An item of STATUS (RFC 9051 §7.3.3, RFC 7162 §7, RFC 9208, RFC 7889, RFC 8474).
package enum IMAPStatusItem: Equatable, Sendable {
    case messages(UInt32)
    case recent(UInt32)
    case uidNext(UInt32)
    case uidValidity(UInt32)
    case unseen(UInt32)
    case deleted(UInt32)
    /// Octets.
    case size(UInt64)
    case highestModSeq(UInt64)
    /// Octets; nil for NIL, no limit of its own.
    case appendLimit(UInt32?)
    case mailboxID(IMAPSpan)
    case deletedStorage(UInt64)
    case other(name: IMAPSpan, value: IMAPSpan)
}

/// ESEARCH (RFC 9051 §7.3.4, RFC 4731, RFC 5267, RFC 7377, RFC 9394).
package struct IMAPExtendedSearch: Equatable, Sendable {
    package enum Item: Equatable, Sendable {
        case min(UInt32)
        case max(UInt32)
        case count(UInt32)
        case all(IMAPNumberSet)
        case modSeq(UInt64)
        /// A window of the result; an empty set for NIL.
        case partial(range: IMAPSpan, IMAPNumberSet)
        case addTo([Change])
        case removeFrom([Change])
        case relevancy([UInt32])
        case other(name: IMAPSpan, value: IMAPSpan)
    }

    /// A set that came into the result or left it at a position (RFC 5267 §4.3).
    package struct Change: Equatable, Sendable {
        package let position: UInt32
        package let numbers: IMAPNumberSet
    }

    /// The command that it answers; `.none` when it does not say.
    package var tag = IMAPSpan.none
    /// The mailbox searched and its UIDVALIDITY (RFC 7377 §2.1).
    package var mailbox = IMAPSpan.none
    package var uidValidity: UInt32?
    /// The numbers are UIDs.
    package var isUID = false
    package var items: [Item] = []
}

/// A message in THREAD (RFC 5256 §4), in the order of the text. A number of 0 stands for a parent that is missing.
package struct IMAPThreadNode: Equatable, Sendable {
    package let number: UInt32
    /// Index of the parent; -1 for the first of a thread.
    package let parent: Int32
}

/// A resource of QUOTA (RFC 9208 §4.2.1).
package struct IMAPQuotaResource: Equatable, Sendable {
    package let name: IMAPSpan
    package let usage: UInt64
    package let limit: UInt64
}
