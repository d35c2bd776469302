// What FETCH says of a message (RFC 9051 §7.5.2 and extensions), as values. Lists that a message has once are kept flat,
// so that a response costs few allocations.

/// A FETCH response, or UIDFETCH (RFC 9586 §3.3).
package struct IMAPFetchData: Equatable, Sendable {
    /// Sequence number; with `isUIDFetch` the UID.
    package var number: UInt32
    package var isUIDFetch: Bool
    package var items: [IMAPFetchedItem] = []

    /// The UID, when it is told.
    package var uid: UInt32? {
        if isUIDFetch { return number }
        for case .uid(let uid) in items { return uid }
        return nil
    }

    /// The flags, when they are told.
    package var flags: [IMAPSpan]? {
        for case .flags(let flags) in items { return flags }
        return nil
    }

    /// The mod-sequence, when it is told.
    package var modSeq: UInt64? {
        for case .modSeq(let modSeq) in items { return modSeq }
        return nil
    }
}

/// An item of FETCH with its value.
package enum IMAPFetchedItem: Equatable, Sendable {
    case flags([IMAPSpan])
    case uid(UInt32)
    /// Without its quotes: `17-Jul-1996 02:44:25 -0700`, for `MailDate(parsingInternalDate:)`.
    case internalDate(IMAPSpan)
    case size(UInt64)
    case envelope(IMAPEnvelope)
    /// BODYSTRUCTURE.
    case bodyStructure(IMAPBodyStructure)
    /// BODY without a section: no extension data.
    case body(IMAPBodyStructure)
    /// BODY[…]: what stands between the brackets, and the offset of a part of it.
    case section(IMAPSpan, origin: UInt64?, content: IMAPSpan)
    /// BINARY[…] (RFC 3516 §4.2).
    case binary(IMAPSpan, origin: UInt64?, content: IMAPSpan)
    case binarySize(IMAPSpan, UInt64)
    /// RFC822, RFC822.HEADER, RFC822.TEXT (RFC 3501 §7.4.2).
    case message(IMAPSpan)
    case messageHeader(IMAPSpan)
    case messageText(IMAPSpan)
    case modSeq(UInt64)
    case emailID(IMAPSpan)
    /// `.none` for NIL.
    case threadID(IMAPSpan)
    case saveDate(IMAPSpan)
    case preview(IMAPSpan)
    /// Gmail's X-GM-MSGID, X-GM-THRID, X-GM-LABELS.
    case gmailMessageID(UInt64)
    case gmailThreadID(UInt64)
    case gmailLabels([IMAPSpan])
    /// RFC 5257 §4.4.
    case annotations([IMAPAnnotation])
    case other(name: IMAPSpan, value: IMAPSpan)
}

/// ENVELOPE (RFC 9051 §7.5.2).
package struct IMAPEnvelope: Equatable, Sendable {
    /// An address structure. A group is one with a NIL host and its name as mailbox, and one of four NILs at its end.
    package struct Address: Equatable, Sendable {
        package let name: IMAPSpan
        package let route: IMAPSpan
        package let mailbox: IMAPSpan
        package let host: IMAPSpan
    }

    /// The six lists of addresses, in their order on the wire.
    package enum List: Int, CaseIterable, Sendable { case from, sender, replyTo, to, cc, bcc }

    package internal(set) var date = IMAPSpan.none
    package internal(set) var subject = IMAPSpan.none
    package internal(set) var inReplyTo = IMAPSpan.none
    package internal(set) var messageID = IMAPSpan.none
    /// The addresses of all lists, one list behind the other.
    package internal(set) var addresses: [Address] = []
    /// Where each list ends in `addresses`.
    var ends = (UInt32(0), UInt32(0), UInt32(0), UInt32(0), UInt32(0), UInt32(0))

    /// The addresses of a list; empty for NIL.
    package subscript(list: List) -> ArraySlice<Address> {
        let from: UInt32
        let upTo: UInt32
        switch list {
        case .from: (from, upTo) = (0, ends.0)
        case .sender: (from, upTo) = (ends.0, ends.1)
        case .replyTo: (from, upTo) = (ends.1, ends.2)
        case .to: (from, upTo) = (ends.2, ends.3)
        case .cc: (from, upTo) = (ends.3, ends.4)
        case .bcc: (from, upTo) = (ends.4, ends.5)
        }
        guard from <= upTo, Int(upTo) <= addresses.count else { return [] }
        return addresses[Int(from)..<Int(upTo)]
    }

    package static func == (one: IMAPEnvelope, other: IMAPEnvelope) -> Bool {
        one.date == other.date && one.subject == other.subject && one.inReplyTo == other.inReplyTo
            && one.messageID == other.messageID && one.addresses == other.addresses && one.ends == other.ends
    }
}

/// BODYSTRUCTURE or BODY: the parts of a message in the order of the text, the root first (RFC 9051 §7.5.2).
package struct IMAPBodyStructure: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case basic
        /// Lines.
        case text(UInt64)
        /// MESSAGE/RFC822 or MESSAGE/GLOBAL: its envelope (an index of `envelopes`) and lines; its body is the next
        /// part.
        case message(envelope: Int, lines: UInt64)
        case multipart
    }

    package struct Part: Equatable, Sendable {
        package internal(set) var kind = Kind.basic
        /// Index of the part that holds this one; -1 for the root.
        package internal(set) var parent: Int32
        /// `.none` for a multipart.
        package internal(set) var type = IMAPSpan.none
        package internal(set) var subtype = IMAPSpan.none
        package internal(set) var id = IMAPSpan.none
        package internal(set) var description = IMAPSpan.none
        package internal(set) var encoding = IMAPSpan.none
        package internal(set) var octets: UInt64 = 0
        package internal(set) var md5 = IMAPSpan.none
        package internal(set) var disposition = IMAPSpan.none
        package internal(set) var location = IMAPSpan.none
        /// Where the lists of this part stand in `parameters` and `languages`.
        var parameterRange = Slots()
        var dispositionRange = Slots()
        var languageRange = Slots()
    }

    /// A range of a flat list.
    struct Slots: Equatable, Sendable {
        var start: UInt32 = 0
        var count: UInt32 = 0
    }

    package internal(set) var parts: [Part] = []
    package internal(set) var envelopes: [IMAPEnvelope] = []
    var allParameters: [IMAPPair] = []
    var allLanguages: [IMAPSpan] = []

    /// The parameters of a part's media type.
    package func parameters(_ part: Part) -> ArraySlice<IMAPPair> { slice(allParameters, part.parameterRange) }

    /// The parameters of a part's disposition.
    package func dispositionParameters(_ part: Part) -> ArraySlice<IMAPPair> {
        slice(allParameters, part.dispositionRange)
    }

    package func languages(_ part: Part) -> ArraySlice<IMAPSpan> { slice(allLanguages, part.languageRange) }

    private func slice<Element>(_ all: [Element], _ slots: Slots) -> ArraySlice<Element> {
        let from = Int(slots.start)
        let upTo = from + Int(slots.count)
        return upTo <= all.count ? all[from..<upTo] : []
    }
}
