// The ESMTP parameters of MAIL and RCPT: which extension each belongs to, and the grammar of its value.

import CBytes

/// One of `esmtp-param *(SP esmtp-param)` (RFC 5321 §4.1.2), as offsets of the line's octets.
struct SMTPParameterCut {
    let keyword: Range<Int>
    /// What stands behind the equals sign; empty without one.
    let value: Range<Int>
    let hasValue: Bool

    /// Takes the next parameter off `rest`, which begins with it; nil when there is none.
    init?(_ line: Span<UInt8>, _ rest: inout Range<Int>) {
        guard !rest.isEmpty else { return nil }
        let start = rest.lowerBound
        let cut = line.extracting(rest).withUnsafeBytes { mp_parameter_lengths($0.baseAddress, $0.count) }
        var end = start &+ Int(cut.word)
        hasValue = cut.keyword < cut.word
        keyword = start..<(start &+ Int(cut.keyword))
        value = (hasValue ? keyword.upperBound &+ 1 : end)..<end
        while end < rest.upperBound, line[end] == 32 || line[end] == 9 { end &+= 1 }
        rest = end..<rest.upperBound
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
        // In capitals, from the last letter to the first.
        switch keyword.packed {
        case 0x455a_4953: self = .size
        case 0x5944_4f42: self = .body
        case 0x3846_5455_5054_4d53: self = .smtpUTF8
        case 0x54_4552: self = .ret
        case 0x44_4956_4e45: self = .envid
        case 0x4854_5541: self = .auth
        case 0x5942: self = .by
        case 0x52_4f46_444c_4f48: self = .holdFor
        case 0x4b52_544d: self = .mtrk
        case 0x54_4943_494c_4f53: self = .solicit
        case 0x44_4953_4e41_5254: self = .transID
        case 0x4d_5245_504e_4f43: self = .conperm
        case 0x5244_5250: self = .prdr
        case 0x5946_4954_4f4e: self = .notify
        case 0x54_5043_524f: self = .orcpt
        case 0x5356_5252: self = .rrvs
        case 0x4745_4e4e_4f43: self = .conneg
        case 0:
            guard let long = Self.long.first(where: { keyword.equalsIgnoringCase($0.keyword) }) else { return nil }
            self = long
        default: return nil
        }
    }

    /// Those whose keywords are too long to be compared at once.
    private static let long: [SMTPParameter] = [.holdUntil, .mtPriority, .requireTLS, .submitter, .altAddress]

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
        case .body: Self.isBinaryMIME(value) ? .binaryMIME : [.eightBitMIME, .binaryMIME]
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
            switch value.packed {
            case 0x5449_4237, 0x454d_494d_5449_4238: return true  // 7BIT, 8BITMIME
            default: return Self.isBinaryMIME(value)
            }
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
            let type = value.atextLength(from: 0)
            guard value.count <= 500, type > 0, type < value.count, value[type] == UInt8(ascii: ";") else {
                return false
            }
            return SMTPGrammar.isXtext(value.extracting((type + 1)...))
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
        if value.packed == 0x52_4556_454e { return true }  // NEVER
        var start = 0
        while true {
            let end = value.firstIndex(of: UInt8(ascii: ","), from: start) ?? value.count
            switch value.extracting(start..<end).packed {
            case 0x53_5345_4343_5553, 0x45_5255_4c49_4146, 0x59_414c_4544: break  // SUCCESS, FAILURE, DELAY
            default: return false
            }
            if end == value.count { return true }
            start = end + 1
        }
    }

    /// BODY asks for a message that only BDAT can carry (RFC 3030 §3).
    static func isBinaryMIME(_ value: Span<UInt8>) -> Bool { value.equalsIgnoringCase("BINARYMIME") }
}

/// What is wrong with the parameters of a command; each is told once.
struct SMTPParameterFaults: OptionSet, Equatable, Sendable {
    let rawValue: UInt8

    /// None that the command may have, or against the grammar.
    static let malformed = SMTPParameterFaults(rawValue: 1)
    /// The value is against the grammar of its extension.
    static let badValue = SMTPParameterFaults(rawValue: 2)
    static let badXtext = SMTPParameterFaults(rawValue: 4)
    static let notOffered = SMTPParameterFaults(rawValue: 8)
    static let repeated = SMTPParameterFaults(rawValue: 16)
    static let sizeOverLimit = SMTPParameterFaults(rawValue: 32)
}
