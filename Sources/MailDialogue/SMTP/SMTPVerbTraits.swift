// What verbs have in common, as far as the dialogue asks.

extension SMTPCommand.Verb {
    /// The verb must be the last of a pipelined group: RFC 2920 §3.1 for EHLO, DATA, VRFY, EXPN, TURN, QUIT and NOOP,
    /// RFC 3207 §4 for STARTTLS, RFC 4954 §4 for AUTH; other extensions' verbs unless their definition says otherwise, as
    /// RFC 3030 §2 and RFC 4468 §3.2 do.
    var endsGroup: Bool {
        switch self {
        case .ehlo, .lhlo, .data, .vrfy, .expn, .quit, .noop, .turn, .auth, .startTLS, .etrn, .atrn: true
        case .helo, .mail, .rcpt, .bdat, .rset, .help, .burl, .xclient, .xforward, .send, .soml, .saml, .verb, .onex,
            .clientID, .xexch50, .xexps, .xanonymousTLS:
            false
        }
    }

    /// The reply may change what the server offers.
    var renewsOffer: Bool {
        switch self {
        case .helo, .ehlo, .lhlo, .xclient: true
        case .mail, .rcpt, .data, .bdat, .rset, .noop, .quit, .vrfy, .expn, .help, .auth, .startTLS, .etrn, .burl,
            .xforward, .send, .soml, .saml, .turn, .atrn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS:
            false
        }
    }

    /// The extension that must be offered before the verb is used. None for private verbs, which may be used without
    /// being listed (RFC 5321 §4.1.1.1), and for those of the base protocol.
    var needs: SMTPExtensions? {
        switch self {
        case .bdat: .chunking
        case .auth: .auth
        case .startTLS: .startTLS
        case .etrn: .etrn
        case .burl: .burl
        case .atrn: .atrn
        case .helo, .ehlo, .lhlo, .mail, .rcpt, .data, .rset, .noop, .quit, .vrfy, .expn, .help, .xclient, .xforward,
            .send, .soml, .saml, .turn, .verb, .onex, .clientID, .xexch50, .xexps, .xanonymousTLS:
            nil
        }
    }

    /// Begins a transaction.
    var beginsTransaction: Bool { self == .mail || self == .send || self == .soml || self == .saml }
}
