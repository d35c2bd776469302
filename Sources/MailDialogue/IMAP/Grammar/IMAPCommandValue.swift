// Commands as typed values (RFC 9051 §6 and the extensions). Strings are spans of the text that was read.

/// A command that was read: the best reading and what was wrong with it.
package struct IMAPCommandReading: Equatable, Sendable {
    package var text: IMAPText
    package var tag: IMAPSpan
    /// The verb as the client wrote it, without UID.
    package var verb: IMAPSpan
    /// UID stands before the verb: numbers are UIDs.
    package var isUID: Bool
    package var value: IMAPCommandValue
    /// What the grammar does not allow, in the order of the text, the first 16.
    package var faults: [IMAPFault]
}

/// What a client asks for.
package enum IMAPCommandValue: Equatable, Sendable {
    /// Commands without arguments.
    package enum Plain: String, CaseIterable, Sendable {
        case capability = "CAPABILITY"
        case noop = "NOOP"
        case logout = "LOGOUT"
        case startTLS = "STARTTLS"
        case namespace = "NAMESPACE"
        case idle = "IDLE"
        case close = "CLOSE"
        case unselect = "UNSELECT"
        case check = "CHECK"
        case expunge = "EXPUNGE"
        case unauthenticate = "UNAUTHENTICATE"
        case getJMAPAccess = "GETJMAPACCESS"
    }

    case plain(Plain)
    /// `.none` when the command has no initial response.
    case authenticate(mechanism: IMAPSpan, initialResponse: IMAPSpan)
    case login(user: IMAPSpan, password: IMAPSpan)
    case id([IMAPPair]?)
    case enable([IMAPSpan])
    case compress(IMAPSpan)
    case select(mailbox: IMAPSpan, [IMAPSelectParameter], isExamine: Bool)
    /// Parameters with whole lists as values: USE (RFC 6154 §3).
    case create(mailbox: IMAPSpan, [IMAPPair])
    case delete(mailbox: IMAPSpan)
    case rename(from: IMAPSpan, to: IMAPSpan)
    case subscribe(mailbox: IMAPSpan)
    case unsubscribe(mailbox: IMAPSpan)
    case list(IMAPListArguments)
    case lsub(reference: IMAPSpan, pattern: IMAPSpan)
    case status(mailbox: IMAPSpan, items: [IMAPSpan])
    case append(mailbox: IMAPSpan, [IMAPAppendMessage])
    /// The number is 0 for `*`.
    case replace(UInt32, mailbox: IMAPSpan, IMAPAppendMessage)
    case search(IMAPSearchArguments)
    case sort(keys: [IMAPSortKey], IMAPSearchArguments)
    case thread(algorithm: IMAPSpan, IMAPSearchArguments)
    /// A search in other mailboxes (RFC 7377): the list behind IN, `.none` when there is none.
    case multiSearch(sources: IMAPSpan, IMAPSearchArguments)
    case fetch(IMAPNumberSet, [IMAPFetchAttribute], [IMAPFetchModifier])
    case store(IMAPNumberSet, IMAPStoreArguments)
    case copy(IMAPNumberSet, mailbox: IMAPSpan)
    case move(IMAPNumberSet, mailbox: IMAPSpan)
    /// UID EXPUNGE (RFC 4315 §2.1).
    case expungeUIDs(IMAPNumberSet)
    /// The groups of NOTIFY SET, whole lists; nil for NOTIFY NONE (RFC 5465 §8).
    case notify(wantsStatus: Bool, groups: [IMAPSpan]?)
    case getMetadata(mailbox: IMAPSpan, options: [IMAPPair], entries: [IMAPSpan])
    case setMetadata(mailbox: IMAPSpan, [IMAPPair])
    case getQuota(root: IMAPSpan)
    case getQuotaRoot(mailbox: IMAPSpan)
    case setQuota(root: IMAPSpan, [IMAPPair])
    case getACL(mailbox: IMAPSpan)
    case setACL(mailbox: IMAPSpan, identifier: IMAPSpan, rights: IMAPSpan)
    case deleteACL(mailbox: IMAPSpan, identifier: IMAPSpan)
    case listRights(mailbox: IMAPSpan, identifier: IMAPSpan)
    case myRights(mailbox: IMAPSpan)
    /// URLs with their mechanisms (RFC 4467 §7).
    case generateURLs([IMAPPair])
    case resetKey(mailbox: IMAPSpan, mechanisms: [IMAPSpan])
    case fetchURLs([IMAPSpan])
    case language([IMAPSpan])
    case comparator([IMAPSpan])
    case cancelUpdate(tags: [IMAPSpan])
    /// CONVERT with what parts are to become and the items (RFC 5259 §6).
    case convert(IMAPNumberSet, IMAPConversion, [IMAPFetchAttribute])
    /// Media types, or wildcards for them (RFC 5259 §5.1).
    case conversions(from: IMAPSpan, to: IMAPSpan)
    /// Messages in a batch, and of which batches the UIDs are wanted: all when nil (RFC 10022).
    case uidBatches(size: UInt32, batches: IMAPNumberSet?)
    /// A command whose arguments are not known here, with all behind its verb.
    case other(rest: IMAPSpan)
    /// No command could be seen.
    case none
}

/// A parameter of SELECT or EXAMINE (RFC 4466 §2.1, RFC 7162 §3).
package enum IMAPSelectParameter: Equatable, Sendable {
    case condStore
    /// Annotations are wanted (RFC 5257 §4.2).
    case annotate
    /// What the client knows: empty sets where it does not say.
    case qresync(
        uidValidity: UInt32, modSeq: UInt64, knownUIDs: IMAPNumberSet, numbers: IMAPNumberSet, uids: IMAPNumberSet)
    case other(name: IMAPSpan, value: IMAPSpan)
}

/// LIST with the options of RFC 5258.
package struct IMAPListArguments: Equatable, Sendable {
    package var selection: [IMAPPair] = []
    package var reference = IMAPSpan.none
    package var patterns: [IMAPSpan] = []
    /// Return options; STATUS and METADATA have a whole list as value.
    package var returns: [IMAPPair] = []
}

/// A message of APPEND or REPLACE.
package struct IMAPAppendMessage: Equatable, Sendable {
    package enum Part: Equatable, Sendable {
        /// A literal, or TEXT of CATENATE.
        case text(IMAPSpan)
        /// URL of CATENATE (RFC 4469 §3).
        case url(IMAPSpan)
    }

    package var flags: [IMAPSpan] = []
    package var date = IMAPSpan.none
    /// RFC 5257 §4.7.
    package var annotations: [IMAPAnnotation] = []
    /// Other extensions by label (RFC 4466 §2.7).
    package var extensions: [IMAPPair] = []
    package var parts: [Part] = []
    package var isCatenated = false
}

/// What SEARCH, SORT and THREAD look for.
package struct IMAPSearchArguments: Equatable, Sendable {
    /// The options behind RETURN; nil when there is none.
    package var returns: [IMAPSearchReturn]?
    package var charset = IMAPSpan.none
    /// All of them must hold.
    package var criteria: [IMAPSearchCriterion] = []
}

/// A result option of SEARCH (RFC 9051 §6.4.4, RFC 5267, RFC 9394).
package enum IMAPSearchReturn: Equatable, Sendable {
    case min, max, all, count, save, context, update, relevancy
    case partial(IMAPSpan)
    case other(name: IMAPSpan, value: IMAPSpan)
}

/// A key of SEARCH (RFC 9051 §6.4.4 and extensions).
package indirect enum IMAPSearchCriterion: Equatable, Sendable {
    /// Keys without arguments.
    package enum Plain: String, CaseIterable, Sendable {
        case all = "ALL"
        case answered = "ANSWERED"
        case deleted = "DELETED"
        case draft = "DRAFT"
        case flagged = "FLAGGED"
        case new = "NEW"
        case old = "OLD"
        case recent = "RECENT"
        case saveDateSupported = "SAVEDATESUPPORTED"
        case seen = "SEEN"
        case unanswered = "UNANSWERED"
        case undeleted = "UNDELETED"
        case undraft = "UNDRAFT"
        case unflagged = "UNFLAGGED"
        case unseen = "UNSEEN"
    }

    package enum Field: String, CaseIterable, Sendable {
        case bcc = "BCC"
        case body = "BODY"
        case cc = "CC"
        case from = "FROM"
        case subject = "SUBJECT"
        case text = "TEXT"
        case to = "TO"
    }

    package enum DateField: String, CaseIterable, Sendable {
        case before = "BEFORE"
        case on = "ON"
        case since = "SINCE"
        case sentBefore = "SENTBEFORE"
        case sentOn = "SENTON"
        case sentSince = "SENTSINCE"
        case savedBefore = "SAVEDBEFORE"
        case savedOn = "SAVEDON"
        case savedSince = "SAVEDSINCE"
    }

    case plain(Plain)
    case field(Field, IMAPSpan)
    case header(IMAPSpan, IMAPSpan)
    case date(DateField, IMAPSpan)
    case keyword(IMAPSpan, isSet: Bool)
    case larger(UInt64)
    case smaller(UInt64)
    case numbers(IMAPNumberSet)
    case uids(IMAPNumberSet)
    case not(IMAPSearchCriterion)
    case or(IMAPSearchCriterion, IMAPSearchCriterion)
    case and([IMAPSearchCriterion])
    /// Seconds (RFC 5032).
    case older(UInt32)
    case younger(UInt32)
    /// The entry and its type are `.none` when they are not there (RFC 7162 §3.1.5).
    case modSeq(UInt64, entry: IMAPSpan, type: IMAPSpan)
    case emailID(IMAPSpan)
    case threadID(IMAPSpan)
    case filter(IMAPSpan)
    /// An entry with or without wildcards, `value` with or without a type, and what to look for; `.none` for NIL (RFC 5257
    /// §4.8).
    case annotation(entry: IMAPSpan, attribute: IMAPSpan, value: IMAPSpan)
    case fuzzy(IMAPSearchCriterion)
    /// Gmail's X-GM-RAW, X-GM-MSGID, X-GM-THRID, X-GM-LABELS, by their name.
    case gmail(name: IMAPSpan, value: IMAPSpan)
    /// A key that is not known here; what follows it can't be told apart.
    case other(IMAPSpan)
}

/// A key of SORT (RFC 5256 §3, RFC 5957, RFC 6203).
package struct IMAPSortKey: Equatable, Sendable {
    package let name: IMAPSpan
    package let isReversed: Bool
}

/// An item that FETCH asks for.
package enum IMAPFetchAttribute: Equatable, Sendable {
    /// ALL, FAST or FULL.
    case macro(IMAPSpan)
    /// An item without arguments: FLAGS, UID, ENVELOPE, BODY, BODYSTRUCTURE and others.
    case item(IMAPSpan)
    case section(IMAPSpan, isPeek: Bool, partial: IMAPPartial?)
    case binary(IMAPSpan, isPeek: Bool, partial: IMAPPartial?)
    case binarySize(IMAPSpan)
    case preview(isLazy: Bool)
    /// Entries with or without wildcards, and attributes of them (RFC 5257 §4.3).
    case annotation(entries: [IMAPSpan], attributes: [IMAPSpan])
    /// What only CONVERT asks for, with the section (RFC 5259 §8).
    case bodyPartStructure(IMAPSpan)
    case availableConversions(IMAPSpan)
    /// An item that is not known here, with its argument.
    case other(name: IMAPSpan, value: IMAPSpan)
}

/// `<offset.count>` (RFC 9051 §6.4.5).
package struct IMAPPartial: Equatable, Sendable {
    package let offset: UInt64
    package let count: UInt64
}

/// A modifier of FETCH (RFC 4466 §2.4).
package enum IMAPFetchModifier: Equatable, Sendable {
    case changedSince(UInt64)
    case vanished
    case partial(IMAPSpan)
    case other(name: IMAPSpan, value: IMAPSpan)
}

/// What STORE changes.
package struct IMAPStoreArguments: Equatable, Sendable {
    package enum Change: Sendable { case replace, add, remove }

    package var change = Change.replace
    package var isSilent = false
    package var flags: [IMAPSpan] = []
    /// ANNOTATION in place of flags (RFC 5257 §4.5).
    package var annotations: [IMAPAnnotation] = []
    /// UNCHANGEDSINCE (RFC 7162 §3.1.3).
    package var unchangedSince: UInt64?
    /// Modifiers that are not known here.
    package var modifiers: [IMAPPair] = []
}
