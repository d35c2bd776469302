// The ESMTP parameters of MAIL and RCPT: which extension each belongs to, and the grammar of its value.

/// Reads `esmtp-param *(SP esmtp-param)` one by one (RFC 5321 §4.1.2).
struct SMTPParameters {
    /// `KEYWORD` or `KEYWORD=value`.
    struct Parameter {
        let keyword: ArraySlice<UInt8>
        /// Nil without an equals sign.
        let value: ArraySlice<UInt8>?
    }

    private var rest: ArraySlice<UInt8>

    /// `tail` is what stands behind the path, trimmed.
    init(_ tail: ArraySlice<UInt8>) { rest = tail }

    mutating func next() -> Parameter? {
        guard !rest.isEmpty else { return nil }
        let (word, tail) = rest.firstWord
        rest = tail.trimmed
        guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return Parameter(keyword: word, value: nil) }
        return Parameter(keyword: word[..<equals], value: word[(equals + 1)...])
    }
}

/// A parameter that an extension defines.
enum SMTPParameter: Int, Sendable, CaseIterable {
    /// Of MAIL.
    case size, body, smtpUTF8, ret, envid, auth, by, holdFor, holdUntil, mtPriority, requireTLS, mtrk, solicit,
        submitter
    case transID, conperm, prdr
    /// Of both.
    case altAddress
    /// Of RCPT.
    case notify, orcpt, rrvs, conneg

    /// Nil when the keyword is none that an extension in ``SMTPExtensions`` defines.
    init?(_ keyword: ArraySlice<UInt8>) {
        guard let found = Self.allCases.first(where: { keyword.equalsIgnoringCase($0.keyword) }) else { return nil }
        self = found
    }

    /// It is a parameter of RCPT, or of MAIL.
    func fits(isRecipient: Bool) -> Bool {
        isRecipient ? rawValue >= Self.altAddress.rawValue : rawValue <= Self.altAddress.rawValue
    }

    var keyword: StaticString {
        switch self {
        case .size: "SIZE"
        case .body: "BODY"
        case .smtpUTF8: "SMTPUTF8"
        case .ret: "RET"
        case .envid: "ENVID"
        case .auth: "AUTH"
        case .by: "BY"
        case .holdFor: "HOLDFOR"
        case .holdUntil: "HOLDUNTIL"
        case .mtPriority: "MT-PRIORITY"
        case .requireTLS: "REQUIRETLS"
        case .mtrk: "MTRK"
        case .solicit: "SOLICIT"
        case .submitter: "SUBMITTER"
        case .transID: "TRANSID"
        case .conperm: "CONPERM"
        case .prdr: "PRDR"
        case .altAddress: "ALT-ADDRESS"
        case .notify: "NOTIFY"
        case .orcpt: "ORCPT"
        case .rrvs: "RRVS"
        case .conneg: "CONNEG"
        }
    }

    /// The extensions of which one must be offered before the parameter is used.
    func needs(_ value: ArraySlice<UInt8>) -> SMTPExtensions {
        switch self {
        case .size: .size
        case .body: value.equalsIgnoringCase("BINARYMIME") ? .binaryMIME : [.eightBitMIME, .binaryMIME]
        case .smtpUTF8: .smtpUTF8
        case .ret, .envid, .notify, .orcpt: .dsn
        case .auth: .auth
        case .by: .deliverBy
        case .holdFor, .holdUntil: .futureRelease
        case .mtPriority: .mtPriority
        case .requireTLS: .requireTLS
        case .mtrk: .mtrk
        case .solicit: .noSoliciting
        case .submitter: .submitter
        case .transID: .checkpoint
        case .conperm: .conperm
        case .prdr: .prdr
        case .altAddress: .utf8SMTP
        case .rrvs: .rrvs
        case .conneg: .conneg
        }
    }

    /// The value is as the extension's grammar has it.
    func allows(_ value: ArraySlice<UInt8>?) -> Bool {
        guard let value else {
            switch self {
            case .smtpUTF8, .requireTLS, .prdr, .conperm, .conneg: return true
            case .size, .body, .ret, .envid, .auth, .by, .holdFor, .holdUntil, .mtPriority, .mtrk, .solicit, .submitter,
                .transID, .altAddress, .notify, .orcpt, .rrvs:
                return false
            }
        }
        switch self {
        case .smtpUTF8, .requireTLS, .prdr, .conperm, .conneg:
            return false  // RFC 6531 §3.4, RFC 8689 §2, RFC 4141 §4.2 and §5.2: no value
        case .size: return SMTPGrammar.isNumber(value, most: 20)
        case .body:
            return value.equalsIgnoringCase("7BIT") || value.equalsIgnoringCase("8BITMIME")
                || value.equalsIgnoringCase("BINARYMIME")
        case .ret: return value.equalsIgnoringCase("FULL") || value.equalsIgnoringCase("HDRS")
        case .envid: return !value.isEmpty && value.count <= 100 && SMTPGrammar.isXtext(value)
        case .auth, .submitter: return !value.isEmpty && SMTPGrammar.isXtext(value)
        case .by: return Self.isDeliverBy(value)
        case .holdFor: return value.first != 48 && SMTPGrammar.isNumber(value, most: 9)
        case .holdUntil: return SMTPGrammar.isDateTime(value, onlyUTC: true)
        case .mtPriority:
            let digits = value.first == 45 ? value.dropFirst() : value
            guard digits.count == 1, let digit = digits.first, SMTPGrammar.isDigit(digit) else { return false }
            return digit != 48 || digits.count == value.count
        case .mtrk: return Self.isTracking(value)
        case .notify: return Self.isNotify(value)
        case .orcpt:
            guard value.count <= 500, let semicolon = value.firstIndex(of: 59) else { return false }
            return semicolon > value.startIndex && value[..<semicolon].allSatisfy(SMTPGrammar.isAtext)
                && SMTPGrammar.isXtext(value[(semicolon + 1)...])
        case .rrvs:
            let (date, action) = Self.halves(value, at: 59)
            guard SMTPGrammar.isDateTime(date, onlyUTC: false) else { return false }
            return action.map { $0.equalsIgnoringCase("C") || $0.equalsIgnoringCase("R") } ?? true
        case .solicit, .transID, .altAddress: return SMTPGrammar.isValue(value)
        }
    }

    /// Must not be repeated (RFC 1870 §6, RFC 3461 §4.5, RFC 1845 §3).
    var isOnceOnly: Bool {
        switch self {
        case .size, .ret, .envid, .notify, .orcpt, .transID: true
        case .body, .smtpUTF8, .auth, .by, .holdFor, .holdUntil, .mtPriority, .requireTLS, .mtrk, .solicit, .submitter,
            .conperm, .prdr, .altAddress, .rrvs, .conneg:
            false
        }
    }

    /// Is `xtext`, the encoding of RFC 3461 §4: a `+` that stands alone is worth a verdict of its own.
    var isXtext: Bool { self == .envid || self == .auth || self == .orcpt || self == .submitter }

    private static func halves(_ value: ArraySlice<UInt8>, at separator: UInt8) -> (
        ArraySlice<UInt8>, ArraySlice<UInt8>?
    ) {
        guard let place = value.firstIndex(of: separator) else { return (value, nil) }
        return (value[..<place], value[(place + 1)...])
    }

    /// `by-value = by-time ";" by-mode [by-trace]` (RFC 2852 §4).
    private static func isDeliverBy(_ value: ArraySlice<UInt8>) -> Bool {
        let (time, mode) = halves(value, at: 59)
        let digits = time.first == 45 || time.first == 43 ? time.dropFirst() : time
        guard SMTPGrammar.isNumber(digits, most: 9), let mode else { return false }
        return mode.equalsIgnoringCase("N") || mode.equalsIgnoringCase("R") || mode.equalsIgnoringCase("NT")
            || mode.equalsIgnoringCase("RT")
    }

    /// `mtrk-certifier [ ":" mtrk-timeout ]` (RFC 3885 §3.1). The certifier is base64, whose `=` no value may have.
    private static func isTracking(_ value: ArraySlice<UInt8>) -> Bool {
        let (certifier, timeout) = halves(value, at: 58)
        guard !certifier.isEmpty,
            certifier.allSatisfy({ SMTPGrammar.isLetterOrDigit($0) || $0 == 43 || $0 == 47 || $0 == 61 })
        else { return false }
        return timeout.map { SMTPGrammar.isNumber($0, most: 9) } ?? true
    }

    /// `"NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )` (RFC 3461 §4.1).
    private static func isNotify(_ value: ArraySlice<UInt8>) -> Bool {
        if value.equalsIgnoringCase("NEVER") { return true }
        return value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).allSatisfy {
            $0.equalsIgnoringCase("SUCCESS") || $0.equalsIgnoringCase("FAILURE") || $0.equalsIgnoringCase("DELAY")
        }
    }
}
