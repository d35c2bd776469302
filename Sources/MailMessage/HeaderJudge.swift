// Judges a header section, of a message or of a part, field by field (RFC 5322 §2.2 and §3.6, RFC 2045 §3). The grammars of
// the fields are in files of their own.

struct HeaderJudge {
    /// Whose header section it is.
    enum Kind: Equatable {
        case message(isRoot: Bool)
        case part
    }

    /// Fields that are counted.
    private enum Known: CaseIterable {
        case date, from, sender, replyTo, to, cc, bcc, messageID, inReplyTo, references, subject, received
        case version, type, encoding, disposition, id, description, comments
        case resentAddresses, resentDate, resentMessageID

        /// What a second field of the kind is; nil when there may be many.
        var doubled: MessageFlaw? {
            switch self {
            case .date: .twoDate
            case .from: .twoFrom
            case .sender: .twoSender
            case .replyTo: .twoReplyTo
            case .to: .twoTo
            case .cc: .twoCc
            case .bcc: .twoBcc
            case .messageID: .twoMessageID
            case .inReplyTo: .twoInReplyTo
            case .references: .twoReferences
            case .subject: .twoSubject
            case .type: .twoTypes
            case .encoding: .twoEncodings
            case .version, .id, .description: .twoMIMEFields
            case .received, .disposition, .comments, .resentAddresses, .resentDate, .resentMessageID: nil
            }
        }

        /// Fields that mean something in the header of a part.
        var isMIME: Bool {
            switch self {
            case .type, .encoding, .disposition, .id, .description: true
            case .date, .from, .sender, .replyTo, .to, .cc, .bcc, .messageID, .inReplyTo, .references, .subject,
                .received, .version, .comments, .resentAddresses, .resentDate, .resentMessageID:
                false
            }
        }
    }

    private static let names: [String: Known] = [
        "date": .date, "from": .from, "sender": .sender, "reply-to": .replyTo, "to": .to, "cc": .cc, "bcc": .bcc,
        "message-id": .messageID, "in-reply-to": .inReplyTo, "references": .references, "subject": .subject,
        "received": .received, "mime-version": .version, "content-type": .type,
        "content-transfer-encoding": .encoding, "content-disposition": .disposition, "content-id": .id,
        "content-description": .description, "comments": .comments, "resent-from": .resentAddresses,
        "resent-sender": .resentAddresses, "resent-reply-to": .resentAddresses, "resent-to": .resentAddresses,
        "resent-cc": .resentAddresses, "resent-bcc": .resentAddresses, "resent-date": .resentDate,
        "resent-message-id": .resentMessageID,
    ]

    /// RFC 5321 §6.3.
    private static let maximumHops = 100

    private let kind: Kind
    let start: Int
    private var counts: [Known: Int] = [:]
    private var fromMailboxes = 0
    private(set) var hasFields = false

    init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        start = offset
    }

    var isMessage: Bool { kind != .part }

    // MARK: Fields

    /// Judges a field, or a line that is none.
    /// - Parameter isCut: only its beginning is there: nothing is said of its content.
    mutating func take(_ field: HeaderField, at offset: Int, isCut: Bool, _ book: inout FlawBook) {
        let isFirst = !hasFields
        hasFields = true
        guard !field.name.isEmpty else {
            if !isCut { judgeStranger(field, at: offset, isFirst: isFirst, &book) }
            return
        }
        if field.raw[field.name.endIndex] != UInt8(ascii: ":") { book.note(.spaceBeforeColon, at: offset) }
        let base = offset - field.raw.startIndex
        if !isCut { judgeOctets(field.body, base: base, &book) }
        guard let known = HeaderJudge.names[Octets.lowerText(field.name)], isMessage || known.isMIME else { return }
        let count = (counts[known] ?? 0) + 1
        counts[known] = count
        if count == 2, let flaw = known.doubled { book.note(flaw, at: offset) }
        if count > HeaderJudge.maximumHops, known == .received { book.note(.tooManyHops, at: offset) }
        if !isCut { judge(known, field, count: count, base: base, &book) }
    }

    /// A line that is no field.
    private func judgeStranger(_ field: HeaderField, at offset: Int, isFirst: Bool, _ book: inout FlawBook) {
        let isMbox = field.raw.starts(with: "From ".utf8) || field.raw.starts(with: ">From ".utf8)
        if isFirst, isMbox, isMessage { return book.note(.mboxLine, at: offset) }
        let line = field.raw[..<Octets.endOfLine(from: field.raw.startIndex, in: field.raw)]
        let hasColon = Octets.find(UInt8(ascii: ":"), in: line) != nil
        book.note(hasColon ? .badName : .noColon, at: offset)
    }

    private func judgeOctets(_ body: ArraySlice<UInt8>, base: Int, _ book: inout FlawBook) {
        let kinds = Octets.kinds(body)
        if kinds.contains(.control),
            let first = body.firstIndex(where: { $0 < 32 && !Octets.isFoldingSpace($0) && $0 != 0 || $0 == 127 })
        {
            book.note(.controlCharacter, at: base + first)
        }
        if kinds.contains(.eightBit), let found = UTF8Check.fault(in: body) {
            let offset = base + body.startIndex + found.offset
            book.note(found.fault == .forged ? .forgedUTF8 : .headerNotUTF8, at: offset)
        }
    }

    private mutating func judge(_ known: Known, _ field: HeaderField, count: Int, base: Int, _ book: inout FlawBook) {
        let body = field.body
        let offset = base + field.raw.startIndex
        switch known {
        case .date, .resentDate: judgeDate(body, at: offset, &book)
        case .from, .sender, .replyTo, .to, .cc, .bcc, .resentAddresses:
            judgeAddresses(known, field, base: base, &book)
        case .messageID, .resentMessageID: if !MessageIDGrammar.isValid(body) { book.note(.badMessageID, at: offset) }
        case .subject, .comments, .description:
            let nameLength = body.startIndex - field.raw.startIndex
            EncodedWordJudge(body, .text, base: base).judge(nameLength: nameLength, &book)
        case .version: judgeVersion(body, at: offset, &book)
        case .type: judgeType(field, base: base, isFirst: count == 1, &book)
        case .encoding: judgeEncoding(body, at: offset, &book)
        case .disposition: judgeDisposition(field, base: base, &book)
        case .inReplyTo, .references, .received, .id: break
        }
    }

    private func judgeDate(_ body: ArraySlice<UInt8>, at offset: Int, _ book: inout FlawBook) {
        switch DateGrammar(body) {
        case .valid: break
        case .obsolete: book.note(.obsoleteDate, at: offset)
        case .impossible: book.note(.impossibleDate, at: offset)
        case .malformed: book.note(.badDate, at: offset)
        }
    }

    private mutating func judgeAddresses(_ known: Known, _ field: HeaderField, base: Int, _ book: inout FlawBook) {
        let found = AddressGrammar(field.body)
        let offset = base + field.raw.startIndex
        if let place = found.openComment { book.note(.openComment, at: base + place) }
        if let place = found.openQuote { book.note(.openQuote, at: base + place) }
        if let place = found.broken {
            book.note(.badAddress, at: base + place)
        } else if let place = found.obsolete {
            book.note(.obsoleteAddress, at: base + place)
        }
        let isEmpty = found.mailboxes == 0 && found.groups == 0
        switch known {
        case .from:
            // Since RFC 6854 a group may stand here, and in Sender, and counts as one.
            fromMailboxes += found.groups == 0 ? found.mailboxes : 0
            if isEmpty, !found.hasAt { book.note(.emptyFrom, at: offset) }
            if found.groups > 0 { book.note(.groupInFrom, at: offset) }
        case .sender:
            if found.mailboxes > 1, found.groups == 0 { book.note(.manySenders, at: offset) }
            if isEmpty, found.broken == nil { book.note(.emptyAddresses, at: offset) }
        case .replyTo, .to, .cc: if isEmpty, found.broken == nil { book.note(.emptyAddresses, at: offset) }
        case .bcc, .resentAddresses, .date, .messageID, .inReplyTo, .references, .subject, .received, .version, .type,
            .encoding, .disposition, .id, .description, .comments, .resentDate, .resentMessageID:
            break
        }
        let place = EncodedWordPlace.addresses(quoted: found.quoted, addresses: found.addresses)
        let nameLength = field.body.startIndex - field.raw.startIndex
        EncodedWordJudge(field.body, place, base: base).judge(nameLength: nameLength, &book)
    }

    // MARK: MIME fields

    private func judgeVersion(_ body: ArraySlice<UInt8>, at offset: Int, _ book: inout FlawBook) {
        var reader = FieldReader(body)
        var version: [UInt8] = []
        repeat {
            reader.skip()
            version += reader.run { FieldReader.isToken($0) }
            reader.skip()
        } while !reader.isAtEnd && FieldReader.isToken(reader.next ?? 0)
        if !reader.isAtEnd || version != Array("1.0".utf8) { book.note(.badMIMEVersion, at: offset) }
    }

    private func note(_ found: ParameterGrammar, base: Int, _ book: inout FlawBook) {
        if let place = found.openComment { book.note(.openComment, at: base + place) }
        if let place = found.openQuote { book.note(.openQuote, at: base + place) }
        if let place = found.broken { book.note(.badParameter, at: base + place) }
        if let place = found.empty { book.note(.emptyParameter, at: base + place) }
        if let place = found.unquoted { book.note(.unquotedParameter, at: base + place) }
        ParameterRules.judge(found.parameters, base: base, &book)
    }

    private func judgeType(_ field: HeaderField, base: Int, isFirst: Bool, _ book: inout FlawBook) {
        let offset = base + field.raw.startIndex
        let found = ParameterGrammar(field.body, hasSubtype: true)
        if !found.hasValue { book.note(.badType, at: offset) }
        note(found, base: base, &book)
        guard let type = MediaType(parsing: field.body) else { return }
        if let name = type.parameters.first(where: { $0.name == "name" }) {
            FilenameJudge.judge(name.text, at: offset, &book)
        }
        if isFirst, type.isMultipart { judgeBoundary(type, found, at: offset, &book) }
    }

    private func judgeBoundary(
        _ type: MediaType, _ found: ParameterGrammar, at offset: Int, _ book: inout FlawBook
    ) {
        guard let read = type.parameter("boundary"), !read.isEmpty else { return book.note(.noBoundary, at: offset) }
        // The reading has no white space at the end; what was written has.
        let boundary = found.parameters.first { $0.name == "boundary" }?.value ?? read
        if boundary.count > 70 { book.note(.longBoundary, at: offset) }
        if boundary.last.map(Octets.isSpace) ?? false { book.note(.boundaryEndsInSpace, at: offset) }
        if !boundary.allSatisfy(HeaderJudge.isBoundary) { book.note(.badBoundary, at: offset) }
    }

    /// `bchars` (RFC 2046 §5.1.1).
    private static func isBoundary(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "+"), UInt8(ascii: "_"),
            UInt8(ascii: ","), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"),
            UInt8(ascii: "="), UInt8(ascii: "?"), UInt8(ascii: " "):
            true
        default: Octets.isLetter(octet) || Octets.isDigit(octet)
        }
    }

    private func judgeEncoding(_ body: ArraySlice<UInt8>, at offset: Int, _ book: inout FlawBook) {
        var reader = FieldReader(body)
        reader.skip()
        let name = Octets.lowerText(reader.run(FieldReader.isToken))
        reader.skip()
        guard !name.isEmpty, reader.isAtEnd else { return book.note(.badEncoding, at: offset) }
        switch name {
        case "7bit", "8bit", "binary", "base64", "quoted-printable": break
        default: if !name.hasPrefix("x-") { book.note(.unknownEncoding, at: offset) }
        }
    }

    private func judgeDisposition(_ field: HeaderField, base: Int, _ book: inout FlawBook) {
        let offset = base + field.raw.startIndex
        let found = ParameterGrammar(field.body, hasSubtype: false)
        if !found.hasValue { book.note(.badDisposition, at: offset) }
        note(found, base: base, &book)
        if let name = ContentDisposition(parsing: field.body)?.filename { FilenameJudge.judge(name, at: offset, &book) }
    }

    // MARK: The end

    /// The header section is over, and all of it was read: judges what is missing.
    func finish(_ book: inout FlawBook) {
        guard case .message(let isRoot) = kind else { return }
        func has(_ known: Known) -> Bool { (counts[known] ?? 0) > 0 }
        if fromMailboxes > 1, counts[.from] == 1, !has(.sender) { book.note(.noSender, at: start) }
        guard isRoot else {
            // A message within a message needs but one of three (RFC 2046 §5.2.1).
            if !has(.from), !has(.date), !has(.subject) { book.note(.emptyMessageHeader, at: start) }
            return
        }
        if !has(.date) { book.note(.noDate, at: start) }
        if !has(.from) { book.note(.noFrom, at: start) }
        if !has(.messageID) { book.note(.noMessageID, at: start) }
        if has(.type), !has(.version) { book.note(.noMIMEVersion, at: start) }
    }
}
