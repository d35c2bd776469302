// The kinds of findings about credentials.

import MailRecording

extension FindingKind {
    package static let credentialsInClear = FindingKind(
        SessionFinding.credentialsInClear, .credentials, .high, "Passwords crossed the network in clear",
        "Whoever can see the traffic has the account: its mail, what can be reset by mail, and every place where the same password is used.",
        "RFC 8314 §4.1", .protectLogins)
    package static let refusedInClear = FindingKind(
        SessionFinding.refusedInClear, .credentials, .medium,
        "Passwords were refused, and crossed the network in clear",
        "A refused password is often an old one, or that of another account, and TLS would have hidden it.",
        "RFC 8314 §4.1", .protectLogins)
    package static let tokensInClear = FindingKind(
        SessionFinding.tokensInClear, .credentials, .high, "Access tokens crossed the network in clear",
        "Whoever sees a bearer token has the rights that it grants until it expires.", "RFC 7628 §5", .protectLogins)
    package static let attackableHash = FindingKind(
        SessionFinding.attackableHash, .credentials, .medium, "Challenge and response can be attacked",
        "The password did not cross the network, but challenge and response did: passwords can be tried against them as fast as a computer can, and most that people choose fall.",
        "RFC 4422 §6.2", .strongerMechanism)
    package static let scramInClear = FindingKind(
        SessionFinding.scramInClear, .credentials, .low, "SCRAM was used without TLS",
        "Salt and iterations make guessing slow, not impossible, and the session behind the login is in clear.",
        "RFC 5802 §9", .protectLogins)
    package static let anonymousLogin = FindingKind(
        "anonymous-login", .credentials, .medium, "An anonymous login was accepted",
        "Anybody can do what anonymous users may do here.", "RFC 4505", .strongerMechanism)
    package static let emptyPassword = FindingKind(
        "empty-password", .credentials, .high, "An empty password was sent",
        "Some directories take an empty password for an anonymous bind that succeeds; a server that passes it on lets anybody in.",
        "RFC 4616 §2", .changePasswords)
    package static let weakPassword = FindingKind(
        "weak-password", .credentials, .high, "Passwords are among the first that are guessed",
        "It is the account's name, one of the most frequent passwords, or shorter than eight characters: a guessing attack finds it in minutes.",
        "CWE-521", .changePasswords)
    package static let sharedPassword = FindingKind(
        "password-shared", .credentials, .medium, "Several accounts have the same password",
        "Whoever has one of them has them all; often it is a default that was never changed.", "CWE-1391",
        .changePasswords)
    package static let passwordAtSeveralServers = FindingKind(
        "password-at-several-servers", .credentials, .low, "The same password is used at several servers",
        "One server that leaks it, or one connection in clear, opens all.", "CWE-1391", .changePasswords)
    package static let clearBesideTLS = FindingKind(
        "clear-beside-tls", .credentials, .medium, "Accounts log in with TLS here and without it there",
        "One device that sends the password in clear undoes what TLS does for all others.", "RFC 8314 §5",
        .protectClients)
    package static let loginDespiteDisabled = FindingKind(
        "login-despite-logindisabled", .credentials, .high,
        "Passwords were sent though the server had said LOGINDISABLED",
        "The client does not heed what the server says: the server can't protect this password.", "RFC 9051 §6.2.3",
        .protectClients)
    package static let loginUnasked = FindingKind(
        "login-before-capabilities", .credentials, .medium, "Clients logged in without asking whether TLS is offered",
        "Such a client would not use TLS if it were there; it has to be told to.", "RFC 8314 §5", .protectClients)
    package static let loginAfterRefusal = FindingKind(
        "login-after-tls-refused", .credentials, .high, "Clients went on in clear when TLS was refused",
        "An attacker on the way who refuses STARTTLS gets the password: TLS is only used where nobody objects.",
        "RFC 8314 §5.2", .protectClients)
    package static let proxiedLogin = FindingKind(
        "login-as-another", .credentials, .info, "Accounts logged in to act as another",
        "Such accounts open many mailboxes with one password; their passwords deserve more care than others.",
        "RFC 4422 §3.4.1", .review)
    package static let manyClients = FindingKind(
        "account-at-many-clients", .credentials, .info, "Accounts were used from many addresses",
        "Several devices of one user, a shared mailbox, or a password that others have.", "", .review)

    static let credentials: [FindingKind] = [
        credentialsInClear, refusedInClear, tokensInClear, attackableHash, scramInClear, anonymousLogin, emptyPassword,
        weakPassword, sharedPassword, passwordAtSeveralServers, clearBesideTLS, loginDespiteDisabled, loginUnasked,
        loginAfterRefusal, proxiedLogin, manyClients,
    ]
}
