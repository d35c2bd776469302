// Which capabilities of a server its clients are shown: those that we can follow, and those that hold on both sides of us.

import MailDialogue

/// What clients are shown of a server's capabilities.
package struct CapabilityPolicy: Equatable, Sendable {
    /// What becomes of the offer to begin TLS.
    package enum TLSOffer: Equatable, Sendable {
        /// Both legs begin TLS together, so the server's offer is ours.
        case asServer
        /// Neither leg begins it (any more).
        case hidden
        /// The server's leg is under TLS already, the client's may begin it.
        case added
    }

    package var tls: TLSOffer
    /// Hides what leads the session out of our sight, past us, or is known to no table (RFC 2971 §5: what a firewall has no
    /// knowledge of it must not let a client see). Without it these pass, and a session that uses them may go on unfollowed.
    package var hidesUnfollowed = true
    /// Rules look into what passes, which they can't when it is deflated.
    package var hasRules = false
    /// What is deflated can't be changed: neither rules nor the lists of capabilities behind COMPRESS would hold.
    package var hidesCompression: Bool { hidesUnfollowed || hasRules }
    /// A client may not say who it is in another's place: the server may believe us, and it would believe the client then. Nothing that
    /// is not offered need be taken.
    package var refusesImpostors: Bool { hidesUnfollowed }
    /// Both legs are under TLS, and the server has shown that it is who it should be: a promise about the way of a message
    /// (RFC 8689) can be kept.
    package var keepsRequireTLS = false
    /// Mechanisms that are offered in the place of the server's: logins are ours to answer. Nil for the server's own.
    package var logins: LoginOffer?
    /// Nobody may log in before TLS: logins are not offered (RFC 9051 §6.2.1, LOGINDISABLED).
    package var hidesLogins = false

    package init(tls: TLSOffer) { self.tls = tls }

    /// Logins that we answer.
    package struct LoginOffer: Equatable, Sendable {
        /// By their names, in the order in which they are offered.
        package var mechanisms: [String]
        /// We know who may log in: a server that takes no logins here does not keep clients from it.
        package var isOurs: Bool

        /// - Parameter isOurs: we know who may log in; otherwise that is the upstream's to say.
        package init(isOurs: Bool) {
            mechanisms = LoginDesk.mechanisms
            self.isOurs = isOurs
        }

        var names: [ArraySlice<UInt8>] { mechanisms.map { Array($0.utf8)[...] } }
    }

    // MARK: Names

    /// The client may see this EHLO keyword (RFC 5321 §4.1.1.1).
    func shows(smtp keyword: ArraySlice<UInt8>) -> Bool {
        if keyword.equalsIgnoringCase("STARTTLS") { return tls == .asServer }
        // Another edge, of which no RFC says where it is.
        if keyword.equalsIgnoringCase("X-ANONYMOUSTLS") { return false }
        if keyword.equalsIgnoringCase("REQUIRETLS") { return keepsRequireTLS }
        guard hidesUnfollowed else { return true }
        return SMTPExtensions(keyword: keyword) != .unknown && !Self.isOneOf(Self.hiddenOfSMTP, keyword)
    }

    /// The client may see this tag of CAPA (RFC 2449 §5).
    func shows(pop3 tag: ArraySlice<UInt8>) -> Bool {
        if tag.equalsIgnoringCase("STLS") { return tls == .asServer }
        if hidesLogins, tag.equalsIgnoringCase("USER") { return false }
        guard hidesUnfollowed else { return true }
        // Dovecot lists the command itself.
        return POP3CapabilityLine(tag).capability != .other || tag.equalsIgnoringCase("CAPA")
    }

    /// The client may see this name (RFC 9051 §7.2.2).
    func shows(imap name: ArraySlice<UInt8>) -> Bool {
        if name.equalsIgnoringCase("STARTTLS") { return tls == .asServer }
        if name.equalsIgnoringCase("COMPRESS=DEFLATE") { return !hidesCompression }
        guard hidesUnfollowed else { return true }
        return IMAPCapabilities(name: name) != .others && !Self.isOneOf(Self.hiddenOfIMAP, name)
    }

    /// The client may see this SASL mechanism, which the server offers with `others`.
    ///
    /// Mechanisms that bind to the channel (RFC 5056) fail through us, by design. So does the form without binding when both are
    /// offered, and SCRAM of any hash when one of them can bind: a client that could bind says that it saw no offer, which a server
    /// that can takes for an attack (RFC 5802 §6).
    /// EXTERNAL (RFC 4422 appendix A) rests on a certificate that only the client can show.
    func shows(mechanism: ArraySlice<UInt8>, of others: [ArraySlice<UInt8>]) -> Bool {
        if hidesLogins || Self.binds(mechanism) || mechanism.equalsIgnoringCase("EXTERNAL") { return false }
        let isSCRAM = mechanism.hasPrefixIgnoringCase("SCRAM-")
        let hasBindingForm = others.contains { other in
            guard Self.binds(other) else { return false }
            if isSCRAM, other.hasPrefixIgnoringCase("SCRAM-") { return true }
            return other.count == mechanism.count + 5 && Self.isSame(other.dropLast(5), mechanism)
        }
        if hasBindingForm { return false }
        guard hidesUnfollowed else { return true }
        return !Self.isOneOf(Self.layered, mechanism) && !mechanism.hasPrefixIgnoringCase("GS2-")
    }

    private static func binds(_ mechanism: ArraySlice<UInt8>) -> Bool {
        mechanism.count > 5 && mechanism.suffix(5).equalsIgnoringCase("-PLUS")
    }

    private static func isSame(_ name: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Bool {
        name.count == other.count && name.keyword() == other.keyword()
    }

    /// It is one of the words in which an SMTP client says who it is.
    package static func isImpostor(verb: String) -> Bool { verb == "XCLIENT" || verb == "XFORWARD" }

    private static func isOneOf(_ names: [StaticString], _ name: ArraySlice<UInt8>) -> Bool {
        names.contains { name.equalsIgnoringCase($0) }
    }

    /// They turn the connection around (ATRN, TURN), fetch messages past us (BURL), speak before the greeting (PIPECONNECT), let
    /// a client say who it is in another's place (XCLIENT, XFORWARD, XPROXY), or are Exchange's own, of which too little is known.
    private static let hiddenOfSMTP: [StaticString] = [
        "ATRN", "TURN", "BURL", "PIPECONNECT", "PIPE_CONNECT", "XCLIENT", "XFORWARD", "XPROXY", "XPROXYFROM",
        "XPROXYTO",
        "UTF8SMTP",
        "XEXCH50", "X-EXPS", "X-LINK2STATE", "XRDST",
    ]

    /// They send the client elsewhere.
    private static let hiddenOfIMAP: [StaticString] = [
        "LOGIN-REFERRALS", "MAILBOX-REFERRALS", "JMAPACCESS", "URLAUTH", "URLAUTH=BINARY",
    ]

    /// They may wrap all that follows in a layer of their own (RFC 4422 §3.7).
    private static let layered: [StaticString] = ["GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "SRP"]
}
