// The ESMTP parameters of MAIL and RCPT: which extension each belongs to, and the grammar of its value.

/// One of `esmtp-param *(SP esmtp-param)` (RFC 5321 §4.1.2), as offsets of the line's octets.
struct SMTPParameterCut {
    let keyword: Range<Int>
    /// Nil without an equals sign.
    let value: Range<Int>?

    /// Takes the next parameter off `rest`; nil when there is none.
    init?(_ line: Span<UInt8>, _ rest: inout Range<Int>) {
        guard !rest.isEmpty else { return nil }
        let (word, tail) = line.firstWord(rest)
        rest = tail
        if let equals = line.extracting(0..<word.upperBound).firstIndex(of: UInt8(ascii: "="), from: word.lowerBound) {
            keyword = word.lowerBound..<equals
            value = (equals + 1)..<word.upperBound
        } else {
            keyword = word
            value = nil
        }
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
    init?(_ keyword: Span<UInt8>) {
        guard keyword.count > 1 else { return nil }
        // The first letter and the length leave one to compare.
        let found: SMTPParameter
        switch (SMTPGrammar.capital(keyword[0]), keyword.count) {
        case (UInt8(ascii: "S"), 4): found = .size
        case (UInt8(ascii: "B"), 4): found = .body
        case (UInt8(ascii: "S"), 8): found = .smtpUTF8
        case (UInt8(ascii: "R"), 3): found = .ret
        case (UInt8(ascii: "E"), 5): found = .envid
        case (UInt8(ascii: "A"), 4): found = .auth
        case (UInt8(ascii: "B"), 2): found = .by
        case (UInt8(ascii: "H"), 7): found = .holdFor
        case (UInt8(ascii: "H"), 9): found = .holdUntil
        case (UInt8(ascii: "M"), 11): found = .mtPriority
        case (UInt8(ascii: "R"), 10): found = .requireTLS
        case (UInt8(ascii: "M"), 4): found = .mtrk
        case (UInt8(ascii: "S"), 7): found = .solicit
        case (UInt8(ascii: "S"), 9): found = .submitter
        case (UInt8(ascii: "T"), 7): found = .transID
        case (UInt8(ascii: "C"), 7): found = .conperm
        case (UInt8(ascii: "P"), 4): found = .prdr
        case (UInt8(ascii: "A"), 11): found = .altAddress
        case (UInt8(ascii: "N"), 6): found = .notify
        case (UInt8(ascii: "O"), 5): found = .orcpt
        case (UInt8(ascii: "R"), 4): found = .rrvs
        case (UInt8(ascii: "C"), 6): found = .conneg
        default: return nil
        }
        guard keyword.equalsIgnoringCase(found.keyword) else { return nil }
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
    func needs(_ value: Span<UInt8>) -> SMTPExtensions {
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

    /// The parameter may stand without a value.
    var needsNoValue: Bool {
        switch self {
        case .smtpUTF8, .requireTLS, .prdr, .conperm, .conneg: true
        case .size, .body, .ret, .envid, .auth, .by, .holdFor, .holdUntil, .mtPriority, .mtrk, .solicit, .submitter,
            .transID, .altAddress, .notify, .orcpt, .rrvs:
            false
        }
    }

    /// The value is as the extension's grammar has it.
    func allows(_ value: Span<UInt8>) -> Bool {
        switch self {
        case .smtpUTF8, .requireTLS, .prdr, .conperm, .conneg:
            return false  // RFC 6531 §3.4, RFC 8689 §2, RFC 4141 §4.2 and §5.2: no value
        case .size: return SMTPGrammar.isNumber(value, most: 20)
        case .body:
            return value.equalsIgnoringCase("7BIT") || value.equalsIgnoringCase("8BITMIME")
                || value.equalsIgnoringCase("BINARYMIME")
        case .ret: return value.equalsIgnoringCase("FULL") || value.equalsIgnoringCase("HDRS")
        case .envid: return value.count > 0 && value.count <= 100 && SMTPGrammar.isXtext(value)
        case .auth, .submitter: return value.count > 0 && SMTPGrammar.isXtext(value)
        case .by: return Self.isDeliverBy(value)
        case .holdFor: return SMTPGrammar.isNumber(value, most: 9) && value[0] != 48
        case .holdUntil: return SMTPGrammar.isDateTime(value, onlyUTC: true)
        case .mtPriority:
            switch value.count {
            case 1: return SMTPGrammar.isDigit(value[0])
            case 2: return value[0] == 45 && SMTPGrammar.isDigit(value[1]) && value[1] != 48
            default: return false
            }
        case .mtrk: return Self.isTracking(value)
        case .notify: return Self.isNotify(value)
        case .orcpt:
            guard value.count <= 500, let semicolon = value.firstIndex(of: 59), semicolon > 0 else { return false }
            return SMTPGrammar.all(value.extracting(0..<semicolon), SMTPGrammar.isAtext)
                && SMTPGrammar.isXtext(value.extracting(value.clamp(semicolon + 1)...))
        case .rrvs:
            let semicolon = value.firstIndex(of: 59) ?? value.count
            guard SMTPGrammar.isDateTime(value.extracting(0..<semicolon), onlyUTC: false) else { return false }
            if semicolon == value.count { return true }
            let action = value.extracting(value.clamp(semicolon + 1)...)
            return action.equalsIgnoringCase("C") || action.equalsIgnoringCase("R")
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

    /// `by-value = by-time ";" by-mode [by-trace]` (RFC 2852 §4).
    private static func isDeliverBy(_ value: Span<UInt8>) -> Bool {
        guard let semicolon = value.firstIndex(of: 59), semicolon > 0 else { return false }
        let hasSign = value[0] == 45 || value[0] == 43
        guard SMTPGrammar.isNumber(value.extracting((hasSign ? 1 : 0)..<semicolon), most: 9) else { return false }
        let mode = value.extracting(value.clamp(semicolon + 1)...)
        return mode.equalsIgnoringCase("N") || mode.equalsIgnoringCase("R") || mode.equalsIgnoringCase("NT")
            || mode.equalsIgnoringCase("RT")
    }

    /// `mtrk-certifier [ ":" mtrk-timeout ]` (RFC 3885 §3.1). The certifier is base64, whose `=` no value may have.
    private static func isTracking(_ value: Span<UInt8>) -> Bool {
        let colon = value.firstIndex(of: 58) ?? value.count
        let isCertifier =
            colon > 0
            && SMTPGrammar.all(value.extracting(0..<colon)) {
                SMTPGrammar.isLetterOrDigit($0) || $0 == 43 || $0 == 47 || $0 == 61
            }
        return isCertifier
            && (colon == value.count || SMTPGrammar.isNumber(value.extracting(value.clamp(colon + 1)...), most: 9))
    }

    /// `"NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )` (RFC 3461 §4.1).
    private static func isNotify(_ value: Span<UInt8>) -> Bool {
        if value.equalsIgnoringCase("NEVER") { return true }
        var start = 0
        while true {
            let end = value.firstIndex(of: UInt8(ascii: ","), from: start) ?? value.count
            let word = value.extracting(start..<end)
            guard
                word.equalsIgnoringCase("SUCCESS") || word.equalsIgnoringCase("FAILURE")
                    || word.equalsIgnoringCase("DELAY")
            else { return false }
            if end == value.count { return true }
            start = end + 1
        }
    }
}
