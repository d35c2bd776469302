// The kinds of findings about what hosts give away, breaches of protocols, and the limits of the evidence.

extension FindingKind {
    package static let serverVersion = FindingKind(
        "server-version", .exposure, .low, "Servers tell their version",
        "Whoever looks for servers with a known hole finds these.", "RFC 5321 §7.5", .hideVersions)
    package static let clientVersion = FindingKind(
        "client-version", .exposure, .info, "Clients tell their version in clear",
        "Whoever listens knows which holes to try.", "RFC 2971 §7", .protectClients)
    package static let internalName = FindingKind(
        "internal-name", .exposure, .info, "Clients tell names or addresses of the inner network",
        "EHLO of a host without a public name says how the network inside is built.", "RFC 5321 §4.1.1.1", .review)
    package static let vrfyOffered = FindingKind(
        "vrfy-works", .exposure, .low, "VRFY or EXPN tell who exists",
        "Anybody can ask.", "RFC 5321 §7.3", .hideUsers)
    package static let weakMechanismOffered = FindingKind(
        "weak-mechanism-offered", .exposure, .low, "Weak mechanisms are offered",
        "CRAM-MD5, DIGEST-MD5, NTLM and APOP can be attacked by whoever hears one login; a client may choose them.",
        "RFC 4422 §6.2", .strongerMechanism)
    package static let anonymousOffered = FindingKind(
        "anonymous-offered", .exposure, .medium, "Anonymous logins are offered",
        "Anybody may come in; whether there is something to see depends on the server.", "RFC 4505",
        .strongerMechanism)
    package static let identityOffered = FindingKind(
        "xclient-offered", .exposure, .medium, "XCLIENT is offered",
        "It is offered only to hosts that may change who they are; these should be proxies of the house.", "",
        .closeRelay)
    package static let queueOffered = FindingKind(
        "turn-offered", .exposure, .medium, "TURN is offered",
        "It hands the queue of a domain to whoever says to be it.", "RFC 5321 appendix F.1", .closeRelay)
    package static let lmtpExposed = FindingKind(
        "lmtp-exposed", .exposure, .medium, "LMTP crossed the network",
        "It is meant for one host: whoever reaches the port delivers mail past all filters.", "RFC 2033 §8",
        .closeNetwork)
    package static let unusualPort = FindingKind(
        "unusual-port", .exposure, .info, "Mail was spoken on unusual ports",
        "Firewalls and monitoring that go by port do not see it.", "RFC 8314 §7", .review)
    package static let nullSession = FindingKind(
        "port-scan", .exposure, .info, "Clients looked at a server and left",
        "They read the greeting and asked what is offered, and did nothing: monitoring, or somebody who looks for servers.",
        "", .review)

    static let exposure: [FindingKind] = [
        serverVersion, clientVersion, internalName, vrfyOffered, weakMechanismOffered, anonymousOffered,
        identityOffered, queueOffered, lmtpExposed, unusualPort, nullSession,
    ]

    package static let clientViolations = FindingKind(
        "client-violations", .protocols, .low, "Clients break rules that they must keep",
        "Servers differ in what they make of it: mail may be lost or come out changed.", "", .upgradeClients)
    package static let serverViolations = FindingKind(
        "server-violations", .protocols, .low, "Servers break rules that they must keep",
        "Clients differ in what they make of it: mail may be lost or come out changed.", "", .upgradeServers)
    package static let notices = FindingKind(
        "sloppiness", .protocols, .info, "Clients or servers are sloppy",
        "Harmless, as everybody has learnt to live with it.", "", .review)

    static let protocols: [FindingKind] = [clientViolations, serverViolations, notices]

    package static let notFollowed = FindingKind(
        "session-not-followed", .evidence, .info, "Parts of sessions could not be followed",
        "What came there is not in this report: octets were missing, or were not of the protocol.", "", .captureBetter)
    package static let gaps = FindingKind(
        "capture-gaps", .evidence, .info, "Octets are missing in the capture",
        "Credentials and messages at these places may be missing in this report, and messages may be incomplete.", "",
        .captureBetter)
    package static let drops = FindingKind(
        "capture-drops", .evidence, .low, "The capture lost packets",
        "The kernel counted packets that it could not keep: sessions may be missing altogether.", "", .captureBetter)
    package static let cut = FindingKind(
        "packets-cut", .evidence, .low, "The capture kept only the beginning of packets",
        "What stood behind it is in no report: credentials, messages, and with few octets kept whole sessions.", "",
        .captureBetter)
    package static let midstream = FindingKind(
        "session-joined-midway", .evidence, .info, "Sessions were under way when the capture began",
        "What they said before, their login above all, is not in this report.", "", .captureBetter)
    package static let oneSided = FindingKind(
        "one-sided", .evidence, .info, "Only one direction of sessions was captured",
        "Whether logins and messages were accepted can't be said.", "", .captureBetter)
    package static let secretsHidden = FindingKind(
        "secrets-hidden", .evidence, .info, "Secrets were masked when this was recorded",
        "How good passwords are can't be judged; which are the same is known where the recording's index says it.", "",
        .review)
    package static let underTLS = FindingKind(
        "under-tls", .evidence, .info, "Sessions went on under TLS",
        "They are protected, and what they hold is not in this report.", "RFC 8314 §3", .review)
    package static let undecoded = FindingKind(
        "undecoded-packets", .evidence, .info, "Packets could not be decoded",
        "Their link type is not known here, or they are damaged.", "", .captureBetter)

    package static let leftOut = FindingKind(
        "segments-left-out", .evidence, .info, "Segments were left out as receivers do",
        "Their checksum was wrong, or they lay outside of the window: a network card that computes checksums itself, a damaged line, or segments that are meant for those who look on.",
        "RFC 9293 §3.10.7.4", .captureBetter)

    static let evidence: [FindingKind] = [
        notFollowed, leftOut, gaps, drops, cut, midstream, oneSided, secretsHidden, underTLS, undecoded,
    ]
}
