// Response codes (RFC 9051 §7.1, RFC 5530 and the extensions' registrations) with their arguments.

/// What stands in brackets at the front of a status response's text.
package enum IMAPResponseCode: Equatable, Sendable {
    /// The registered codes without arguments.
    package enum Plain: String, CaseIterable, Sendable {
        case alert = "ALERT"
        case alreadyExists = "ALREADYEXISTS"
        case authenticationFailed = "AUTHENTICATIONFAILED"
        case authorizationFailed = "AUTHORIZATIONFAILED"
        case badComparator = "BADCOMPARATOR"
        case cannot = "CANNOT"
        case clientBug = "CLIENTBUG"
        case closed = "CLOSED"
        case compressionActive = "COMPRESSIONACTIVE"
        case contactAdmin = "CONTACTADMIN"
        case corruption = "CORRUPTION"
        case expired = "EXPIRED"
        case expungeIssued = "EXPUNGEISSUED"
        case hasChildren = "HASCHILDREN"
        case inUse = "INUSE"
        case limit = "LIMIT"
        case noModSeq = "NOMODSEQ"
        case nonExistent = "NONEXISTENT"
        case noPermission = "NOPERM"
        case notificationOverflow = "NOTIFICATIONOVERFLOW"
        case notSaved = "NOTSAVED"
        case overQuota = "OVERQUOTA"
        case parse = "PARSE"
        case privacyRequired = "PRIVACYREQUIRED"
        case readOnly = "READ-ONLY"
        case readWrite = "READ-WRITE"
        case serverBug = "SERVERBUG"
        case temporaryFailure = "TEMPFAIL"
        case tooBig = "TOOBIG"
        case tryCreate = "TRYCREATE"
        case uidNotSticky = "UIDNOTSTICKY"
        case uidRequired = "UIDREQUIRED"
        case unavailable = "UNAVAILABLE"
        case unknownTransferEncoding = "UNKNOWN-CTE"
        case useAttribute = "USEATTR"
    }

    /// What METADATA says (RFC 5464 §5).
    package enum MetadataLimit: Equatable, Sendable {
        case longEntries(UInt32)
        case maxSize(UInt32)
        case tooMany
        case noPrivate
    }

    case plain(Plain)
    /// An annotation, or one more of them, is too much (RFC 5257 §5).
    case annotate(isTooMany: Bool)
    case annotations(IMAPAnnotationSize, allowsPrivate: Bool)
    /// UIDVALIDITY of the mailbox, UIDs of the messages (RFC 4315 §3, RFC 3502).
    case appendUID(validity: UInt32, IMAPNumberSet)
    case copyUID(validity: UInt32, source: IMAPNumberSet, target: IMAPNumberSet)
    case badCharset([IMAPSpan])
    case badEvent([IMAPSpan])
    case badURL(IMAPSpan)
    case capability([IMAPSpan])
    case highestModSeq(UInt64)
    /// The tag of the command that is under way, how far it is, and where it ends (RFC 9585 §4).
    case inProgress(tag: IMAPSpan, done: UInt32?, goal: UInt32?)
    case mailboxID(IMAPSpan)
    case maxConvertMessages(UInt32)
    case maxConvertParts(UInt32)
    /// The limit and the lowest UID that was processed (RFC 9738 §3.1).
    case messageLimit(UInt32, lowest: UInt32?)
    case metadata(MetadataLimit)
    case modified(IMAPNumberSet)
    case noUpdate(tag: IMAPSpan)
    case permanentFlags([IMAPSpan])
    case referral([IMAPSpan])
    case uidNext(UInt32)
    case uidValidity(UInt32)
    case undefinedFilter(IMAPSpan)
    case unseen(UInt32)
    case urlMechanisms([IMAPSpan])
    /// A code that is not known here, or whose arguments do not fit.
    case other(name: IMAPSpan, arguments: IMAPSpan)
}

extension IMAPLexer {
    /// The code in brackets; "[" is next. What follows is text.
    mutating func responseCode() -> IMAPResponseCode? {
        let start = at
        expect(UInt8(ascii: "["))
        let name = run { IMAPOctet.isAtom($0) }
        guard !failed, name.count > 0 else {
            note(.badResponseCode, at: start)
            recover(to: start)
            return nil
        }
        let arguments = at
        let faultsBefore = faults
        let code = codeValue(name, start)
        if code != nil, !failed, take(UInt8(ascii: "]")) { return code }
        // Not as it should be, or not known: the arguments are what stands before the bracket.
        let isKnown = code != nil
        faults = faultsBefore
        recover(to: arguments)
        if isKnown { note(.badResponseCode, at: start) }
        _ = take(32)
        let rest = run { $0 != UInt8(ascii: "]") && $0 != 0 }
        guard take(UInt8(ascii: "]")) else {
            if !isKnown { note(.badResponseCode, at: start) }
            recover(to: start)
            return nil
        }
        return .other(name: name, arguments: rest)
    }

    /// The value of a code whose name was read; nil when it is not known.
    private mutating func codeValue(_ name: IMAPSpan, _ start: Int) -> IMAPResponseCode? {
        let word = word(name)
        if let plain = IMAPResponseCode.Plain(rawValue: word) { return .plain(plain) }
        switch word {
        case "APPENDUID":
            space()
            let validity = nonZero()
            space()
            let from = at
            let uids = numberSet(.numbers)
            // A client that knows no MULTIAPPEND expects a plain number (RFC 4315 §3).
            if !failed, uids.count == 1, (from..<at).contains(where: { octet($0) == UInt8(ascii: ":") }) {
                note(.singleUIDAsRange, at: from)
            }
            return .appendUID(validity: validity, uids)
        case "COPYUID": return copyUID(start)
        case "ANNOTATE":
            space()
            if take(word: "TOOMANY") { return .annotate(isTooMany: true) }
            if !take(word: "TOOBIG") { fail(.badResponseCode) }
            return .annotate(isTooMany: false)
        case "ANNOTATIONS": return annotationSize()
        case "BADCHARSET":
            var names: [IMAPSpan] = []
            if take(32) { list(allowsEmpty: false) { names.append($0.astring()) } }
            return .badCharset(names)
        case "BADEVENT":
            var names: [IMAPSpan] = []
            space()
            list { names.append($0.astring()) }
            return .badEvent(names)
        case "BADURL":
            space()
            // The URL may hold any octet but "]" (RFC 4469 §5).
            return .badURL(run { $0 != UInt8(ascii: "]") && $0 != 0 })
        case "CAPABILITY": return .capability(words())
        case "HIGHESTMODSEQ":
            space()
            return .highestModSeq(nonZero64())
        case "INPROGRESS": return inProgress(start)
        case "MAILBOXID":
            space()
            return .mailboxID(objectIDInList())
        case "MAXCONVERTMESSAGES":
            space()
            return .maxConvertMessages(nonZero())
        case "MAXCONVERTPARTS":
            space()
            return .maxConvertParts(nonZero())
        case "MESSAGELIMIT":
            space()
            let limit = nonZero()
            return .messageLimit(limit, lowest: take(32) ? nonZero() : nil)
        case "METADATA": return metadataLimit()
        case "MODIFIED":
            space()
            return .modified(numberSet(.numbers))
        case "NOUPDATE":
            space()
            return .noUpdate(tag: quoted())
        case "PERMANENTFLAGS":
            space()
            return .permanentFlags(flagList(star: true))
        case "REFERRAL":
            var urls: [IMAPSpan] = []
            while take(32) {
                let url = run { $0 != UInt8(ascii: "]") && $0 > 32 }
                if url.count == 0 { fail(.badResponseCode) } else { urls.append(url) }
            }
            return .referral(urls)
        case "UIDNEXT":
            space()
            return .uidNext(nonZero())
        case "UIDVALIDITY":
            space()
            return .uidValidity(nonZero())
        case "UNDEFINED-FILTER":
            space()
            return .undefinedFilter(atom())
        case "UNSEEN":
            space()
            return .unseen(nonZero())
        case "URLMECH":
            var mechanisms: [IMAPSpan] = []
            while take(32) { mechanisms.append(run { $0 != UInt8(ascii: "]") && $0 > 32 }) }
            return .urlMechanisms(mechanisms)
        default: return nil
        }
    }

    /// The k-th source became the k-th target, so that both sets have the same size (RFC 4315 §3).
    private mutating func copyUID(_ start: Int) -> IMAPResponseCode {
        space()
        let validity = nonZero()
        space()
        let source = numberSet(.numbers)
        space()
        let target = numberSet(.numbers)
        if !failed, source.count != target.count { note(.copyUIDUneven, at: start) }
        return .copyUID(validity: validity, source: source, target: target)
    }

    private mutating func inProgress(_ start: Int) -> IMAPResponseCode {
        guard take(32) else { return .inProgress(tag: .none, done: nil, goal: nil) }
        expect(UInt8(ascii: "("))
        let tag = nstring()
        space()
        let done: UInt32? = take(word: "NIL") ? nil : UInt32(truncatingIfNeeded: number())
        space()
        let goal: UInt32? = take(word: "NIL") ? nil : nonZero()
        expect(UInt8(ascii: ")"))
        if let done, let goal, done > goal, !failed { note(.progressBeyondGoal, at: start) }
        return .inProgress(tag: tag, done: done, goal: goal)
    }

    private mutating func metadataLimit() -> IMAPResponseCode? {
        space()
        if take(word: "TOOMANY") { return .metadata(.tooMany) }
        if take(word: "NOPRIVATE") { return .metadata(.noPrivate) }
        if take(word: "LONGENTRIES") {
            space()
            return .metadata(.longEntries(UInt32(truncatingIfNeeded: number())))
        }
        guard take(word: "MAXSIZE") else {
            fail(.badResponseCode)
            return .metadata(.tooMany)
        }
        space()
        return .metadata(.maxSize(UInt32(truncatingIfNeeded: number())))
    }

    /// Words parted by spaces, up to the end or a bracket.
    mutating func words() -> [IMAPSpan] {
        var words: [IMAPSpan] = []
        words.reserveCapacity(24)
        while isGoing, next != UInt8(ascii: "]") {
            guard takeSpace() else { break }
            if next == UInt8(ascii: "]") { break }
            let word = run { $0 > 32 && $0 != UInt8(ascii: "]") }
            if word.count == 0 {
                fail(.unexpected)
            } else {
                words.append(word)
            }
        }
        return words
    }

    /// objectid in parentheses (RFC 8474 §7).
    mutating func objectIDInList() -> IMAPSpan {
        expect(UInt8(ascii: "("))
        let id = objectID()
        expect(UInt8(ascii: ")"))
        return id
    }

    /// objectid: 1 to 255 letters, digits, "_" and "-".
    mutating func objectID() -> IMAPSpan {
        let start = at
        let id = run {
            IMAPOctet.isLetter($0) || IMAPOctet.isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
        guard isGoing, !IMAPOctet.endsWord(next) else {
            if id.count == 0 { fail(.badObjectID) } else if id.count > 255 { note(.badObjectID, at: start) }
            return id
        }
        note(.badObjectID, at: start)
        let rest = run { !IMAPOctet.endsWord($0) }
        return IMAPSpan(start, Int(rest.start) &+ Int(rest.count), .bare)
    }
}
