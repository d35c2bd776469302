// The kinds of findings about TLS.

extension FindingKind {
    package static let tlsNotUsed = FindingKind(
        "tls-offered-not-used", .tls, .medium, "TLS was offered and not used",
        "The server is ready; the clients are not told to use it. Passwords and messages of these sessions went in clear for nothing.",
        "RFC 8314 §5", .protectClients)
    package static let tlsNotOffered = FindingKind(
        "tls-not-offered", .tls, .high, "Servers offer logins and no TLS",
        "No client can protect its password here.", "RFC 8314 §4", .offerTLS)
    package static let tlsNotOfferedRelay = FindingKind(
        "tls-not-offered-relay", .tls, .medium, "Servers that take mail offer no TLS",
        "Mail from other servers arrives in clear whatever the sender does.", "RFC 3207 §6", .offerTLS)
    package static let tlsRefused = FindingKind(
        "starttls-refused", .tls, .high, "STARTTLS was refused",
        "Either the server is broken, or somebody on the way makes sure that all goes on in clear.", "RFC 3207 §6",
        .findStripping)
    package static let tlsFailed = FindingKind(
        "starttls-failed", .tls, .medium, "STARTTLS was agreed upon, and no TLS followed",
        "The handshake was cut off, or the octets behind the agreement were no TLS: a firewall, a broken library, or somebody on the way.",
        "RFC 3207 §4.2", .findStripping)
    package static let stripped = FindingKind(
        "starttls-stripped", .tls, .high, "The same server offers TLS to some and not to others",
        "Somebody between these clients and the server may be removing STARTTLS from what it says.", "RFC 3207 §6",
        .findStripping)
    package static let masked = FindingKind(
        "starttls-masked", .tls, .critical, "STARTTLS was overwritten in the server's reply",
        "A keyword of X in the place of STARTTLS is what some firewalls make of it: they turn TLS off for all behind them.",
        "RFC 3207 §6", .findStripping)
    package static let injection = FindingKind(
        "starttls-injection", .tls, .critical, "Octets in clear stood behind STARTTLS",
        "A server that keeps them runs them as the client's own commands under TLS: somebody tried this, or a client is broken.",
        "CVE-2011-0411", .upgradeServers)
    package static let replyInjection = FindingKind(
        "starttls-reply-injection", .tls, .critical, "Octets in clear stood behind the server's answer to STARTTLS",
        "A client that keeps them takes them for the server's word under TLS: somebody tried this, or a server is broken.",
        "RFC 9051 §6.2.1", .upgradeClients)
    package static let loginOfferedInClear = FindingKind(
        "login-offered-in-clear", .tls, .medium, "Servers take passwords in clear though they have TLS",
        "Every client that is set up wrongly works, and gives its password away without anybody noticing.",
        "RFC 9051 §11.7", .requireTLS)
    package static let preauth = FindingKind(
        "preauth-in-clear", .tls, .medium, "A session in clear began as already logged in",
        "After PREAUTH no STARTTLS is possible: an attacker who sends it keeps a careless client in clear.",
        "RFC 9051 §7.1.4", .findStripping)
    package static let oldVersion = FindingKind(
        "tls-version-old", .tls, .high, "Old versions of TLS were used",
        "SSL 3.0, TLS 1.0 and 1.1 have attacks that modern versions have not, and are no longer allowed.", "RFC 8996",
        .modernTLS)
    package static let oldVersionOffered = FindingKind(
        "tls-version-old-offered", .tls, .low, "Clients would still speak old versions of TLS",
        "A server that is old, or made to look so, gets an old version.", "RFC 8996", .upgradeClients)
    package static let weakCipher = FindingKind(
        "tls-cipher-weak", .tls, .high, "Weak ciphers were used",
        "RC4, DES, 3DES, export ciphers and ciphers without encryption or authentication do not protect.",
        "RFC 9325 §4.1", .modernTLS)
    package static let noForwardSecrecy = FindingKind(
        "tls-no-forward-secrecy", .tls, .medium, "Ciphers without forward secrecy were used",
        "Whoever gets the server's key one day reads what was recorded today.", "RFC 9325 §4.1", .modernTLS)
    package static let untrusted = FindingKind(
        "certificate-untrusted", .tls, .high, "Certificates could not be trusted, and were accepted",
        "The proxy was told to go on with a certificate that no authority vouches for: the server may be anybody.",
        "RFC 7817 §3", .certificates)
    package static let expired = FindingKind(
        "certificate-expired", .tls, .high, "Certificates had expired or were not yet valid",
        "Clients that check refuse to connect; those that go on have learnt to ignore warnings.", "RFC 8314 §4.4",
        .certificates)
    package static let expiring = FindingKind(
        "certificate-expires-soon", .tls, .low, "Certificates expire within two weeks",
        "When nobody renews them, clients will stop working or learn to ignore warnings.", "RFC 8314 §4.4",
        .certificates)
    package static let selfSigned = FindingKind(
        "certificate-self-signed", .tls, .medium, "Certificates are signed by themselves",
        "No client can tell them from those of an attacker, unless it was given exactly this one.", "RFC 8314 §4.4",
        .certificates)
    package static let wrongName = FindingKind(
        "certificate-wrong-name", .tls, .high, "Certificates are for other names than clients asked for",
        "Clients that check refuse to connect; for others any certificate will do.", "RFC 7817 §3", .certificates)
    package static let weakKey = FindingKind(
        "certificate-weak-key", .tls, .high, "Certificates have weak keys",
        "RSA keys below 2048 bits can be broken, or will be soon.", "RFC 9325 §4.5", .certificates)
    package static let weakSignature = FindingKind(
        "certificate-weak-signature", .tls, .high, "Certificates are signed with MD5 or SHA-1",
        "Such signatures can be forged.", "RFC 9325 §4.5", .certificates)
    package static let handshakeFailed = FindingKind(
        "tls-handshake-failed", .tls, .medium, "TLS handshakes failed",
        "Client and server found no common ground, or one did not trust the other; some clients go on in clear then.",
        "RFC 8314 §5", .modernTLS)
    package static let noServerName = FindingKind(
        "tls-no-server-name", .tls, .info, "Clients do not say which server they want (SNI)",
        "They get the default certificate, which may be for another name; old software.", "RFC 8314 §4.4",
        .upgradeClients)

    static let tls: [FindingKind] = [
        tlsNotUsed, tlsNotOffered, tlsNotOfferedRelay, tlsRefused, tlsFailed, stripped, masked, injection,
        replyInjection, loginOfferedInClear, preauth, oldVersion, oldVersionOffered, weakCipher, noForwardSecrecy,
        untrusted, expired, expiring, selfSigned, wrongName, weakKey, weakSignature, handshakeFailed, noServerName,
    ]
}
