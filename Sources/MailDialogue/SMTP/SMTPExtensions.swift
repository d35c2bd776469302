// What a server offers in its reply to EHLO or LHLO (RFC 5321 §4.1.1.1): kept in a few words, as the newest reply wins
// and every session has one (RFC 9422 §3.6).

/// The extensions of an EHLO reply, one bit each.
package struct SMTPExtensions: OptionSet, Equatable, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(bit: UInt64) { rawValue = 1 << bit }

    package static let pipelining = SMTPExtensions(bit: 0)
    package static let size = SMTPExtensions(bit: 1)
    package static let eightBitMIME = SMTPExtensions(bit: 2)
    package static let chunking = SMTPExtensions(bit: 3)
    package static let binaryMIME = SMTPExtensions(bit: 4)
    package static let startTLS = SMTPExtensions(bit: 5)
    package static let auth = SMTPExtensions(bit: 6)
    package static let dsn = SMTPExtensions(bit: 7)
    package static let enhancedStatusCodes = SMTPExtensions(bit: 8)
    package static let smtpUTF8 = SMTPExtensions(bit: 9)
    package static let limits = SMTPExtensions(bit: 10)
    package static let deliverBy = SMTPExtensions(bit: 11)
    package static let futureRelease = SMTPExtensions(bit: 12)
    package static let mtPriority = SMTPExtensions(bit: 13)
    package static let requireTLS = SMTPExtensions(bit: 14)
    package static let rrvs = SMTPExtensions(bit: 15)
    package static let mtrk = SMTPExtensions(bit: 16)
    package static let noSoliciting = SMTPExtensions(bit: 17)
    package static let submitter = SMTPExtensions(bit: 18)
    package static let etrn = SMTPExtensions(bit: 19)
    package static let atrn = SMTPExtensions(bit: 20)
    package static let turn = SMTPExtensions(bit: 21)
    package static let burl = SMTPExtensions(bit: 22)
    package static let checkpoint = SMTPExtensions(bit: 23)
    package static let conperm = SMTPExtensions(bit: 24)
    package static let conneg = SMTPExtensions(bit: 25)
    package static let utf8SMTP = SMTPExtensions(bit: 26)
    package static let expn = SMTPExtensions(bit: 27)
    package static let help = SMTPExtensions(bit: 28)
    package static let vrfy = SMTPExtensions(bit: 29)
    package static let send = SMTPExtensions(bit: 30)
    package static let soml = SMTPExtensions(bit: 31)
    package static let saml = SMTPExtensions(bit: 32)
    package static let verb = SMTPExtensions(bit: 33)
    package static let onex = SMTPExtensions(bit: 34)
    package static let prdr = SMTPExtensions(bit: 35)
    package static let pipeConnect = SMTPExtensions(bit: 36)
    package static let exdata = SMTPExtensions(bit: 37)
    package static let xclient = SMTPExtensions(bit: 38)
    package static let xforward = SMTPExtensions(bit: 39)
    package static let xverp = SMTPExtensions(bit: 40)
    package static let xsecurity = SMTPExtensions(bit: 41)
    package static let clientID = SMTPExtensions(bit: 42)
    package static let xexch50 = SMTPExtensions(bit: 43)
    package static let xexps = SMTPExtensions(bit: 44)
    package static let xlink2state = SMTPExtensions(bit: 45)
    package static let xrdst = SMTPExtensions(bit: 46)
    package static let xanonymousTLS = SMTPExtensions(bit: 47)
    package static let xproxy = SMTPExtensions(bit: 48)
    /// A keyword that is none of these: what it allows is not known.
    package static let unknown = SMTPExtensions(bit: 63)

    /// Keyword and extension, the frequent ones first.
    static let table: [(keyword: StaticString, extension: SMTPExtensions)] = [
        ("PIPELINING", .pipelining), ("SIZE", .size), ("8BITMIME", .eightBitMIME), ("STARTTLS", .startTLS),
        ("AUTH", .auth), ("ENHANCEDSTATUSCODES", .enhancedStatusCodes), ("DSN", .dsn), ("SMTPUTF8", .smtpUTF8),
        ("CHUNKING", .chunking), ("BINARYMIME", .binaryMIME), ("VRFY", .vrfy), ("ETRN", .etrn), ("HELP", .help),
        ("LIMITS", .limits), ("DELIVERBY", .deliverBy), ("FUTURERELEASE", .futureRelease),
        ("MT-PRIORITY", .mtPriority), ("REQUIRETLS", .requireTLS), ("RRVS", .rrvs), ("MTRK", .mtrk),
        ("NO-SOLICITING", .noSoliciting), ("SUBMITTER", .submitter), ("EXPN", .expn), ("ATRN", .atrn),
        ("TURN", .turn), ("BURL", .burl), ("CHECKPOINT", .checkpoint), ("CONPERM", .conperm), ("CONNEG", .conneg),
        ("UTF8SMTP", .utf8SMTP), ("SEND", .send), ("SOML", .soml), ("SAML", .saml), ("VERB", .verb), ("ONEX", .onex),
        ("PRDR", .prdr), ("PIPECONNECT", .pipeConnect), ("PIPE_CONNECT", .pipeConnect), ("EXDATA", .exdata),
        ("XCLIENT", .xclient), ("XFORWARD", .xforward), ("XVERP", .xverp), ("XSECURITY", .xsecurity),
        ("CLIENTID", .clientID), ("XEXCH50", .xexch50), ("X-EXPS", .xexps), ("X-LINK2STATE", .xlink2state),
        ("XRDST", .xrdst), ("X-ANONYMOUSTLS", .xanonymousTLS), ("XPROXY", .xproxy), ("XPROXYFROM", .xproxy),
        ("XPROXYTO", .xproxy),
    ]

    /// The same for octets that stand by themselves.
    package init(keyword: ArraySlice<UInt8>) { self.init(keyword: keyword.span) }

    /// The extension of a keyword in any case; `unknown` when the table has none.
    init(keyword: Span<UInt8>) {
        for entry in Self.table where keyword.equalsIgnoringCase(entry.keyword) {
            self = entry.extension
            return
        }
        self = .unknown
    }
}

/// SASL mechanisms that an AUTH keyword lists, one bit each.
package struct SMTPMechanisms: OptionSet, Equatable, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    private init(bit: UInt32) { rawValue = 1 << bit }

    /// A mechanism without a bit of its own.
    package static let unknown = SMTPMechanisms(bit: 31)

    /// Names in the order of their bits.
    static let names: [StaticString] = [
        "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256",
        "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS",
        "NTLM", "GSSAPI", "GS2-KRB5", "GS2-KRB5-PLUS", "GSS-SPNEGO", "KERBEROS_V4", "SRP", "OTP", "SKEY", "SECURID",
        "MSN", "XOAUTH", "SAML20", "OPENID20",
    ]

    /// The mechanism of a name in any case.
    init(name: Span<UInt8>) {
        for (bit, known) in Self.names.enumerated() where name.equalsIgnoringCase(known) {
            self = SMTPMechanisms(bit: UInt32(bit))
            return
        }
        self = .unknown
    }

    /// The names of those that are known, in capitals.
    package var names: [String] {
        Self.names.indices.filter { rawValue & (1 << UInt32($0)) != 0 }.map { "\(Self.names[$0])" }
    }
}

/// An EHLO or LHLO reply, as far as it binds what follows.
package struct SMTPOffer: Equatable, Sendable {
    package var extensions: SMTPExtensions = []
    package var mechanisms: SMTPMechanisms = []
    /// The largest message in octets (RFC 1870 §3); nil when none is stated.
    package var sizeLimit: Int?
    /// RCPT commands in a transaction and MAIL commands in a session (RFC 9422 §4.1, §4.2); nil when not limited.
    package var recipientLimit: Int?
    package var transactionLimit: Int?
    /// Different domains of recipients in a session (RFC 9422 §4.3); 0 when not limited.
    package var domainLimit: UInt32 = 0

    package init() {}

    /// Whether a mechanism is among those that are offered, or may be.
    func offers(_ mechanism: Span<UInt8>) -> Bool {
        let found = SMTPMechanisms(name: mechanism)
        return mechanisms.contains(found)
    }

    /// Every keyword is one whose parameters of MAIL and RCPT are in ``SMTPParameter``.
    var isFullyKnown: Bool {
        extensions.isDisjoint(with: [.unknown, .exdata, .xverp, .xsecurity, .clientID, .xproxy, .xlink2state, .xrdst])
    }

    /// Octets that a command line with its end may have (RFC 5321 §4.5.3.1.4): 512, and what each extension adds to MAIL and
    /// RCPT.
    func commandLimit(_ verb: SMTPCommand.Verb?) -> Int {
        let additions: [(extension: SMTPExtensions, octets: Int)]
        switch verb {
        case .mail:
            additions = [
                (.size, 26), (.eightBitMIME, 17), (.binaryMIME, 16), (.auth, 500), (.smtpUTF8, 10), (.deliverBy, 17),
                (.requireTLS, 11), (.mtPriority, 15), (.futureRelease, 34), (.mtrk, 40), (.noSoliciting, 1_007),
                (.checkpoint, 88), (.utf8SMTP, 460), (.submitter, 1_000),
            ]
        case .rcpt: additions = [(.rrvs, 33), (.utf8SMTP, 460)]
        default: additions = []
        }
        var limit = 512
        for addition in additions where extensions.contains(addition.extension) { limit += addition.octets }
        // RFC 3461 §5.4 asks servers with DSN for 1036 at least.
        if extensions.contains(.dsn), verb == .mail || verb == .rcpt { limit = max(limit, 1_036) }
        return limit
    }

    /// The text of a reply line is a keyword that no other reply's text is: what EHLO replies consist of.
    static func isUnmistakable(_ text: Span<UInt8>) -> Bool {
        let (word, parameters) = text.firstWord(text.trimmed(0..<text.count))
        let found = SMTPExtensions(keyword: text.extracting(word))
        if found == .size { return SMTPGrammar.isNumber(text.extracting(parameters), most: 20) }
        let telling: SMTPExtensions = [
            .pipelining, .eightBitMIME, .enhancedStatusCodes, .smtpUTF8, .chunking, .binaryMIME, .startTLS, .dsn,
        ]
        return parameters.isEmpty && telling.contains(found)
    }

    /// What is wrong with a keyword line.
    struct Faults: OptionSet, Equatable, Sendable {
        let rawValue: UInt8
        /// Keyword or parameters are against the grammar.
        static let syntax = Faults(rawValue: 1)
        /// The parameter of SIZE is no number.
        static let size = Faults(rawValue: 2)
        /// A limit is against the grammar; it does not bind.
        static let limits = Faults(rawValue: 4)
    }

    /// Takes `ehlo-keyword *( SP ehlo-param )`, the text of a line of the reply behind its first.
    mutating func read(_ text: Span<UInt8>) -> Faults {
        let (word, parameters) = text.firstWord(text.trimmed(0..<text.count))
        let keyword = text.extracting(word)
        var faults: Faults = []
        if !SMTPGrammar.all(text.extracting(parameters), { $0 >= 32 && $0 < 127 }) { faults.insert(.syntax) }
        guard SMTPGrammar.isKeyword(keyword) else {
            // `AUTH=LOGIN` was a keyword before RFC 2554, for clients that looked for it.
            if keyword.hasPrefixIgnoringCase("AUTH=") {
                extensions.insert(.auth)
                mechanisms.insert(SMTPMechanisms(name: keyword.extracting(keyword.clamp(5)...)))
                readMechanisms(text, parameters)
            } else {
                extensions.insert(SMTPExtensions(keyword: keyword))
            }
            return faults.union(.syntax)
        }
        let found = SMTPExtensions(keyword: keyword)
        extensions.insert(found)
        switch found {
        case .auth: readMechanisms(text, parameters)
        case .size:
            let (size, more) = text.firstWord(parameters)
            if !size.isEmpty {
                sizeLimit = text.extracting(size).decimal.flatMap { $0 == 0 ? nil : $0 }
                if !SMTPGrammar.isNumber(text.extracting(size), most: .max) || !more.isEmpty { faults.insert(.size) }
            }
        case .limits: if !readLimits(text, parameters) { faults.insert(.limits) }
        default: break
        }
        return faults
    }

    private mutating func readMechanisms(_ text: Span<UInt8>, _ parameters: Range<Int>) {
        var rest = parameters
        while !rest.isEmpty {
            let (name, tail) = text.firstWord(rest)
            mechanisms.insert(SMTPMechanisms(name: text.extracting(name)))
            rest = tail
        }
    }

    /// `limit-name ["=" limit-value]`, parted by spaces. A value against its syntax leaves its limit unset (RFC 9422 §3.7).
    private mutating func readLimits(_ text: Span<UInt8>, _ parameters: Range<Int>) -> Bool {
        var rest = parameters
        var isGood = !rest.isEmpty
        while !rest.isEmpty {
            let (range, tail) = text.firstWord(rest)
            rest = tail
            let word = text.extracting(range)
            let equals = word.firstIndex(of: UInt8(ascii: "=")) ?? word.count
            let name = word.extracting(0..<equals)
            if name.count == 0 || !SMTPGrammar.all(name, { SMTPGrammar.isLetterOrDigit($0) || $0 == 45 || $0 == 95 }) {
                isGood = false
            }
            let isRecipients = name.equalsIgnoringCase("RCPTMAX")
            let isTransactions = name.equalsIgnoringCase("MAILMAX")
            guard isRecipients || isTransactions || name.equalsIgnoringCase("RCPTDOMAINMAX") else { continue }
            let value = word.extracting(word.clamp(equals + 1)...)
            guard SMTPGrammar.isNumber(value, most: 6), value[0] != 48, let limit = value.decimal else {
                isGood = false
                continue
            }
            if isRecipients { recipientLimit = limit }
            if isTransactions { transactionLimit = limit }
            if !isRecipients, !isTransactions { domainLimit = UInt32(clamping: limit) }
        }
        return isGood
    }
}
