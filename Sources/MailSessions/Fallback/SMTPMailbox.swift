// Addresses and parameters of MAIL and RCPT as our server takes them (RFC 5321 §4.1.2).

import MailDialogue

/// Judges the mailbox of a path.
enum SMTPMailbox {
    enum Verdict: Equatable {
        case good
        case malformed
        /// It has octets beyond ASCII, and the transaction does not allow them (RFC 6531 §3.4).
        case needsUTF8
    }

    /// Longest mailbox taken; RFC 5321 §4.5.3.1 asks for 256 with brackets. It stands on one line of the header.
    static var longest: Int { 512 }

    static func judge(_ mailbox: ArraySlice<UInt8>, isUTF8: Bool, isRecipient: Bool = false) -> Verdict {
        guard mailbox.count <= longest else { return .malformed }
        if isRecipient, mailbox.equalsIgnoringCase("postmaster") { return .good }
        guard let (local, domain) = split(mailbox), !domain.isEmpty else { return .malformed }
        guard domain.allSatisfy({ $0 > 32 && $0 != 127 && !"<>()\"\\,;@".utf8.contains($0) }) else { return .malformed }
        if local.first == UInt8(ascii: "\"") {
            guard unquoted(local) != nil else { return .malformed }
        } else {
            guard isDotAtom(local) else { return .malformed }
        }
        guard mailbox.contains(where: { $0 >= 128 }) else { return .good }
        guard isUTF8 else { return .needsUTF8 }
        return String(validating: mailbox, as: UTF8.self) == nil ? .malformed : .good
    }

    /// The form in which equal addresses are equal octets: quotes that are not needed go (RFC 5321 §4.1.2).
    static func normalised(_ mailbox: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if mailbox.equalsIgnoringCase("postmaster") { return Array("postmaster".utf8)[...] }
        guard let (local, domain) = split(mailbox), let plain = unquoted(local), isDotAtom(plain[...]) else {
            return mailbox
        }
        return (plain + [UInt8(ascii: "@")] + domain)[...]
    }

    private static func split(_ mailbox: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
        guard let at = mailbox.lastIndex(of: UInt8(ascii: "@")), at > mailbox.startIndex else { return nil }
        return (mailbox[..<at], mailbox[(at + 1)...])
    }

    private static func isDotAtom(_ local: ArraySlice<UInt8>) -> Bool {
        local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
            && local.allSatisfy { $0 > 32 && $0 != 127 && !"<>()[]\"\\,;:@".utf8.contains($0) }
    }

    /// What is between the quotes; nil when it is no quoted string.
    private static func unquoted(_ local: ArraySlice<UInt8>) -> [UInt8]? {
        guard local.count >= 2, local.first == UInt8(ascii: "\""), local.last == UInt8(ascii: "\"") else { return nil }
        var plain: [UInt8] = []
        var escaped = false
        for octet in local.dropFirst().dropLast() {
            if escaped {
                escaped = false
                plain.append(octet)
            } else if octet == UInt8(ascii: "\\") {
                escaped = true
            } else if octet == UInt8(ascii: "\"") || octet < 32 || octet == 127 {
                return nil
            } else {
                plain.append(octet)
            }
        }
        return escaped ? nil : plain
    }
}

/// The parameters of MAIL that our extensions define.
struct SMTPMailParameters: Equatable {
    private(set) var isUTF8 = false

    /// Reads them all. The result is a refusal, or nil when all is well.
    mutating func read(_ parameters: [(keyword: String, value: ArraySlice<UInt8>)], maximum: Int) -> String? {
        var seen: Set<String> = []
        for (keyword, value) in parameters {
            guard seen.insert(keyword).inserted else { return "501 5.5.4 a parameter is there twice" }
            switch keyword {
            case "SIZE":
                // RFC 1870 §3: up to twenty digits, more than our integers hold.
                guard !value.isEmpty, value.count <= 20, value.allSatisfy({ (48...57).contains($0) }) else {
                    return "501 5.5.4 SIZE is a number"
                }
                guard let size = value.decimal, size <= maximum else {
                    return "552 5.3.4 the message is larger than \(maximum) octets"
                }
            case "BODY":
                guard value.equalsIgnoringCase("7BIT") || value.equalsIgnoringCase("8BITMIME") else {
                    return "501 5.5.4 BODY is 7BIT or 8BITMIME"
                }
            case "SMTPUTF8":
                guard value.isEmpty else { return "501 5.5.4 SMTPUTF8 has no value" }
                isUTF8 = true
            case "AUTH":
                // Nobody is trusted to name another, so whatever it says counts as AUTH=<> (RFC 4954 §5).
                guard !value.isEmpty else { return "501 5.5.4 AUTH names a mailbox or <>" }
            default: return "555 5.5.4 this parameter is not offered"
            }
        }
        return nil
    }
}
