// What a server says that it can do, of which the audit needs to know: read from its lines, in all three protocols' ways.

import MailDialogue

/// What a server offers, before or under TLS.
struct Offer {
    /// It was asked, or said so by itself.
    var isKnown = false
    /// Octets are missing where it may have said more: what was not seen may have been offered.
    var isPartial = false
    /// What it offers was seen as a whole, or TLS was seen in it: whether TLS is offered is certain.
    var isCertain: Bool { isKnown && (tls || !isPartial) }
    var tls = false
    var loginDisabled = false
    /// Mechanisms of AUTH and AUTHENTICATE; `USER` and `APOP` for the commands of POP3.
    var mechanisms: Set<String> = []
    /// A keyword of X where STARTTLS had stood.
    var isMasked = false
    var xclient = false
    var turn = false
    /// What it says of its software.
    var implementation: String?

    /// Mechanisms of one server that are kept.
    private static let most = 64
    /// Mechanisms that show the password.
    static let plain: Set<String> = ["PLAIN", "LOGIN", "USER"]

    /// A keyword of a list of capabilities.
    /// - Parameter words: the keyword and what follows it, as they came.
    mutating func take(_ mailProtocol: MailProtocol, _ words: [Substring]) {
        guard let word = words.first?.uppercased() else { return }
        isKnown = true
        switch word {
        case "STARTTLS", "STLS": tls = true
        case "LOGINDISABLED": loginDisabled = true
        case "XCLIENT", "XFORWARD": xclient = true
        case "TURN": turn = true
        case "USER" where mailProtocol == .pop3: mechanisms.insert("USER")
        case "IMPLEMENTATION": implementation = words.dropFirst().joined(separator: " ")
        case "AUTH", "SASL": words.dropFirst().forEach { add($0.uppercased()) }
        default:
            if word.hasPrefix("AUTH=") {
                add(String(word.dropFirst(5)))
            } else if word.utf8.count >= 7, word.utf8.allSatisfy({ $0 == UInt8(ascii: "X") }) {
                isMasked = true
            } else if mailProtocol == .smtp, word.utf8.count == 8, word.hasPrefix("XXXXXXX") {
                // What a firewall leaves of `STARTTLS`.
                isMasked = true
            }
        }
    }

    private mutating func add(_ mechanism: String) {
        if !mechanism.isEmpty, mechanisms.count < Self.most { mechanisms.insert(String(mechanism.prefix(32))) }
    }
}
