// The kinds of findings about attacks and abuse.

extension FindingKind {
    package static let bruteForce = FindingKind(
        "brute-force", .attacks, .high, "Passwords of an account were guessed at",
        "Many logins of one account were refused within a short time.", "RFC 9051 §11.7", .stopGuessing)
    package static let bruteForceSucceeded = FindingKind(
        "brute-force-succeeded", .attacks, .critical, "A login succeeded after many had been refused",
        "Either somebody found the password at last, or somebody guessed it.", "RFC 9051 §11.7", .stopGuessing)
    package static let spraying = FindingKind(
        "password-spraying", .attacks, .high, "One client tried passwords on many accounts",
        "Few guesses for each account stay below the limits that lock accounts.", "RFC 9051 §11.7", .stopGuessing)
    package static let addressProbing = FindingKind(
        "address-probing", .attacks, .medium, "VRFY or EXPN were used to find addresses",
        "The server told who exists: lists for spam and for guessing passwords are made so.", "RFC 5321 §7.3",
        .hideUsers)
    package static let recipientProbing = FindingKind(
        "recipient-probing", .attacks, .medium, "Recipients were tried one after the other",
        "Many recipients were refused in a short time: a dictionary of names is tried out.", "RFC 5321 §7.3", .hideUsers
    )
    package static let openRelay = FindingKind(
        "open-relay", .attacks, .critical, "A server relays mail for strangers",
        "Neither the sender nor the recipient is of this server, nobody logged in, and it took the message: spammers find such servers within hours.",
        "RFC 2505 §2.1", .closeRelay)
    package static let routedRecipient = FindingKind(
        "routed-recipient", .attacks, .high, "Recipients with a route inside were accepted",
        "Addresses such as user%elsewhere@here or @here:user@elsewhere are how relaying is done behind the back of simple checks.",
        "RFC 5321 §3.6.1", .closeRelay)
    package static let identityPassed = FindingKind(
        "client-identity-changed", .attacks, .high,
        "Clients told a server who they are by XCLIENT or XFORWARD, and it believed them",
        "Whoever may do that can pass for any address and any login; only proxies of the house may.",
        "", .closeRelay)
    package static let smuggling = FindingKind(
        "smtp-smuggling", .attacks, .critical, "Message data has the shape of SMTP smuggling",
        "A second message hides behind a malformed end of the first: one server sees one message, the next sees two, and the second has a forged sender.",
        "CVE-2023-51764", .upgradeServers)
    package static let hiddenEnd = FindingKind(
        "hidden-end-of-message", .attacks, .high, "A message has a false end inside",
        "Some clients take a lone dot between malformed line ends for the end, and the rest for replies of the server.",
        "RFC 1939 §3", .upgradeClients)
    package static let disagreement = FindingKind(
        "sides-disagree", .attacks, .high, "Client and server disagree about where they are",
        "What one takes for content the other runs as commands: with luck it is a bug, without it somebody wrote these commands.",
        "RFC 5321 §4.1.1.4", .upgradeServers)
    package static let responseInjection = FindingKind(
        "response-injection", .attacks, .high, "The server said what it must not say yet",
        "Mailbox data before the login, or a second greeting, is how somebody on the way plants mail in a client.",
        "RFC 9051 §11.3", .upgradeClients)
    package static let crossProtocol = FindingKind(
        "cross-protocol", .attacks, .high, "A browser was made to speak to a mail server",
        "A request of HTTP came to a mail port: a web page makes its visitor's browser send commands from inside the house.",
        "CWE-441", .upgradeServers)
    package static let saslTampering = FindingKind(
        "sasl-tampering", .attacks, .high, "A login looks as if it was tampered with",
        "A nonce, a binding or a field is not what the other side sent: a replay, somebody between, or an attack on careless code.",
        "RFC 5802 §6", .upgradeServers)
    package static let referral = FindingKind(
        "referral-in-clear", .attacks, .medium, "A server referred clients elsewhere in clear",
        "Anybody on the way can write such a line; a client that follows it takes its password to a stranger.",
        "RFC 9051 §11.3", .findStripping)
    package static let massDeletion = FindingKind(
        "mass-deletion", .attacks, .medium, "Many messages were deleted in one session",
        "A tidy user, or somebody who covers traces or does harm.", "", .review)
    package static let massRetrieval = FindingKind(
        "mass-retrieval", .attacks, .info, "Whole mailboxes were fetched in one session",
        "A new device, a backup, or somebody who takes all there is.", "", .review)
    package static let bulkSender = FindingKind(
        "bulk-sender", .attacks, .medium, "One session sent to very many recipients",
        "A newsletter, or an account that spams.", "RFC 5321 §4.5.3.1.8", .review)
    package static let evasion = FindingKind(
        "overlapping-segments", .attacks, .high, "TCP segments contradict each other",
        "The same place of a stream came with different octets: who looks on and who receives may see different mail.",
        "RFC 9293 §3.10.7.4", .review)
    package static let fragments = FindingKind(
        "overlapping-fragments", .attacks, .high, "IP fragments contradict each other",
        "The same place of a packet came with different octets: who looks on and who receives may see different mail.",
        "RFC 5722 §3", .review)
    package static let insertion = FindingKind(
        "inserted-by-ttl", .attacks, .high, "Segments came that were not meant to arrive",
        "Their TTL is far from that of the side's others, and what they say was contradicted, or never acknowledged: packets that expire before the receiver are written for those who look on.",
        "", .review)
    package static let forgedReset = FindingKind(
        "forged-reset", .attacks, .medium, "Resets came that did not end the session",
        "Somebody who is not an end of the connection may have sent them: to break it off, or to make those who look on forget it.",
        "RFC 5961 §3", .review)
    package static let behindEnd = FindingKind(
        "octets-behind-end", .attacks, .medium, "Octets came behind the end of a stream",
        "No receiver takes them; they may be meant for those who look on.", "RFC 9293 §3.10.7.4", .review)
    package static let bypass = FindingKind(
        "proxy-bypassed", .attacks, .high, "Mail went past the proxy",
        "These sessions are not recorded, judged or protected by it.", "", .closeNetwork)

    static let attacks: [FindingKind] = [
        bruteForce, bruteForceSucceeded, spraying, addressProbing, recipientProbing, openRelay, routedRecipient,
        identityPassed, smuggling, hiddenEnd, disagreement, responseInjection, crossProtocol, saslTampering, referral,
        massDeletion, massRetrieval, bulkSender, evasion, fragments, insertion, forgedReset, behindEnd, bypass,
    ]
}
