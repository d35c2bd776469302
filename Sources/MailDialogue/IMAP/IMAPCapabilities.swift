// What a server offers, as a set of bits: a list of capabilities of any length takes 16 octets of a session, and asking
// for one is a mask. Names that no table knows leave one bit for all of them.

/// Capabilities of IMAP (RFC 9051 §7.2.2 and the extensions' registrations).
package struct IMAPCapabilities: OptionSet, Sendable, Hashable {
    package let rawValue: UInt128
    package init(rawValue: UInt128) { self.rawValue = rawValue }

    private static func bit(_ index: Int) -> IMAPCapabilities { IMAPCapabilities(rawValue: 1 << UInt128(index)) }

    package static let rev1 = bit(0)
    package static let rev2 = bit(1)
    package static let starttls = bit(2)
    package static let loginDisabled = bit(3)
    package static let saslIR = bit(4)
    package static let literalPlus = bit(5)
    package static let literalMinus = bit(6)
    package static let compress = bit(7)
    package static let idle = bit(8)
    package static let binary = bit(9)
    package static let catenate = bit(10)
    package static let multiappend = bit(11)
    package static let replace = bit(12)
    package static let utf8Accept = bit(13)
    package static let utf8Only = bit(14)
    package static let enable = bit(15)
    package static let condstore = bit(16)
    package static let qresync = bit(17)
    package static let uidonly = bit(18)
    package static let notify = bit(19)
    package static let contextSearch = bit(20)
    package static let contextSort = bit(21)
    package static let esort = bit(22)
    package static let unauthenticate = bit(23)
    package static let urlauth = bit(24)
    package static let urlauthBinary = bit(25)
    package static let convert = bit(26)
    package static let metadata = bit(27)
    package static let metadataServer = bit(28)
    package static let annotate = bit(29)
    package static let mailboxReferrals = bit(30)
    package static let loginReferrals = bit(31)
    package static let jmapaccess = bit(32)
    package static let messageLimit = bit(33)
    package static let saveLimit = bit(34)
    package static let inProgress = bit(35)
    package static let esearch = bit(36)
    package static let searchres = bit(37)
    package static let multisearch = bit(38)
    package static let partial = bit(39)
    package static let searchFuzzy = bit(40)
    package static let within = bit(41)
    package static let filters = bit(42)
    package static let i18nLevel1 = bit(43)
    package static let i18nLevel2 = bit(44)
    package static let sort = bit(45)
    package static let sortDisplay = bit(46)
    package static let thread = bit(47)
    package static let language = bit(48)
    package static let listExtended = bit(49)
    package static let listStatus = bit(50)
    package static let listMyRights = bit(51)
    package static let listMetadata = bit(52)
    package static let children = bit(53)
    package static let specialUse = bit(54)
    package static let createSpecialUse = bit(55)
    package static let namespace = bit(56)
    package static let statusSize = bit(57)
    package static let uidplus = bit(58)
    package static let move = bit(59)
    package static let unselect = bit(60)
    package static let uidbatches = bit(61)
    package static let id = bit(62)
    package static let acl = bit(63)
    package static let rights = bit(64)
    package static let quota = bit(65)
    package static let quotaSet = bit(66)
    package static let objectID = bit(67)
    package static let saveDate = bit(68)
    package static let preview = bit(69)
    package static let appendLimit = bit(70)
    package static let imapSieve = bit(71)
    package static let urlPartial = bit(72)
    package static let xlist = bit(73)
    package static let gmail = bit(74)
    /// A name that is not in this table.
    package static let others = bit(127)

    /// What IMAP4rev2 has in it, whether named or not (RFC 9051 appendix E).
    package static let partsOfRev2: IMAPCapabilities = [
        .namespace, .unselect, .uidplus, .esearch, .searchres, .enable, .idle, .saslIR, .listExtended, .listStatus,
        .move,
        .literalMinus, .binary, .specialUse, .statusSize, .children, .id,
    ]

    /// Names with what stands for them. Those with a value behind "=" stand in `families`.
    private static let names = IMAPWords<IMAPCapabilities>([
        ("IMAP4REV1", .rev1), ("IMAP4REV2", .rev2), ("STARTTLS", .starttls), ("LOGINDISABLED", .loginDisabled),
        ("SASL-IR", .saslIR), ("LITERAL+", .literalPlus), ("LITERAL-", .literalMinus), ("COMPRESS=DEFLATE", .compress),
        ("IDLE", .idle), ("BINARY", .binary), ("CATENATE", .catenate), ("MULTIAPPEND", .multiappend),
        ("REPLACE", .replace), ("UTF8=ACCEPT", .utf8Accept), ("UTF8=ONLY", .utf8Only), ("ENABLE", .enable),
        ("CONDSTORE", .condstore), ("QRESYNC", .qresync), ("UIDONLY", .uidonly), ("NOTIFY", .notify),
        ("CONTEXT=SEARCH", .contextSearch), ("CONTEXT=SORT", .contextSort), ("ESORT", .esort),
        ("UNAUTHENTICATE", .unauthenticate), ("URLAUTH", .urlauth), ("URLAUTH=BINARY", .urlauthBinary),
        ("CONVERT", .convert), ("METADATA", .metadata), ("METADATA-SERVER", .metadataServer),
        ("ANNOTATE-EXPERIMENT-1", .annotate), ("MAILBOX-REFERRALS", .mailboxReferrals),
        ("LOGIN-REFERRALS", .loginReferrals), ("JMAPACCESS", .jmapaccess), ("INPROGRESS", .inProgress),
        ("ESEARCH", .esearch), ("SEARCHRES", .searchres), ("MULTISEARCH", .multisearch), ("PARTIAL", .partial),
        ("SEARCH=FUZZY", .searchFuzzy), ("WITHIN", .within), ("FILTERS", .filters), ("I18NLEVEL=1", .i18nLevel1),
        ("I18NLEVEL=2", .i18nLevel2), ("SORT", .sort), ("SORT=DISPLAY", .sortDisplay), ("LANGUAGE", .language),
        ("LIST-EXTENDED", .listExtended), ("LIST-STATUS", .listStatus), ("LIST-MYRIGHTS", .listMyRights),
        ("LIST-METADATA", .listMetadata), ("CHILDREN", .children), ("SPECIAL-USE", .specialUse),
        ("CREATE-SPECIAL-USE", .createSpecialUse), ("NAMESPACE", .namespace), ("STATUS=SIZE", .statusSize),
        ("UIDPLUS", .uidplus), ("MOVE", .move), ("UNSELECT", .unselect), ("UIDBATCHES", .uidbatches), ("ID", .id),
        ("ACL", .acl), ("QUOTA", .quota), ("QUOTASET", .quotaSet), ("OBJECTID", .objectID), ("SAVEDATE", .saveDate),
        ("PREVIEW", .preview), ("APPENDLIMIT", .appendLimit), ("URL-PARTIAL", .urlPartial), ("XLIST", .xlist),
        ("X-GM-EXT-1", .gmail),
    ])

    private static let families = IMAPWords<IMAPCapabilities>([
        ("THREAD", .thread), ("RIGHTS", .rights), ("QUOTA", .quota), ("APPENDLIMIT", .appendLimit),
        ("MESSAGELIMIT", .messageLimit), ("SAVELIMIT", .saveLimit), ("IMAPSIEVE", .imapSieve),
    ])

    /// What a name in a list stands for; `others` when no table knows it.
    package init(name: some OctetLine) {
        if let known = Self.names.find(name) {
            self = known
        } else if let equals = name.firstIndex(of: UInt8(ascii: "=")), let family = Self.families.find(name[..<equals])
        {
            self = family
        } else {
            self = .others
        }
    }

    /// All that a list with these names offers: IMAP4rev2 brings its parts.
    package var withParts: IMAPCapabilities { contains(.rev2) ? union(Self.partsOfRev2) : self }

    /// One of `wanted` is offered, or nothing need be.
    func offers(_ wanted: IMAPCapabilities) -> Bool { wanted.isEmpty || !withParts.isDisjoint(with: wanted) }
}

/// SASL mechanisms of a list (`AUTH=`), as bits.
package struct IMAPMechanisms: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    private static let names: IMAPWords<IMAPMechanisms> = {
        let all: [StaticString] = [
            "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512",
            "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS", "XOAUTH2", "OAUTHBEARER", "EXTERNAL",
            "ANONYMOUS", "GSSAPI", "GSS-SPNEGO", "GS2-KRB5", "GS2-KRB5-PLUS", "NTLM", "KERBEROS_V4", "SRP", "OTP",
            "SKEY", "SECURID", "XOAUTH", "X-PLAIN-SUBMIT", "ATOKEN", "WETOKEN",
        ]
        return IMAPWords(all.enumerated().map { ($1, IMAPMechanisms(rawValue: 1 << UInt32($0))) })
    }()

    /// A mechanism that is not in this table.
    package static let others = IMAPMechanisms(rawValue: 1 << 31)

    package init(name: some OctetLine) { self = Self.names.find(name) ?? .others }
}

/// A list of capabilities as a server sent it.
package struct IMAPCapabilityList: Equatable, Sendable {
    package var capabilities: IMAPCapabilities = []
    package var mechanisms: IMAPMechanisms = []

    /// - Parameter names: parted by spaces.
    package init(_ names: some OctetLine) {
        var rest = names
        while !rest.isEmpty {
            let (name, behind) = rest.firstWord
            rest = behind
            if name.isEmpty { continue }
            if name.hasPrefixIgnoringCase("AUTH=") {
                mechanisms.formUnion(IMAPMechanisms(name: name.dropFirst(5)))
            } else {
                capabilities.formUnion(IMAPCapabilities(name: name))
            }
        }
    }
}
