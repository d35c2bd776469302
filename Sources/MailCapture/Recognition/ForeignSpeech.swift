// What is spoken in connections that are no mail, as far as their first octets tell: for counts, so that who reads them knows what was
// left out.

import MailDialogue

/// What a connection that is no mail speaks.
package enum ForeignSpeech: String, Hashable, Sendable, CaseIterable {
    /// A request or an answer of HTTP (RFC 9112 §2.1), RTSP or SIP, which look alike.
    case http
    /// The version line that both sides of SSH begin with (RFC 4253 §4.2).
    case ssh
    /// Records of TLS that are of no use to who looks on: the capture begins within them, or they were taken for mail's.
    case tls
    /// Redis: numbers of parts and their lengths.
    case redis
    /// Replies with three digits that mail does not have: FTP (RFC 959 §4.2), NNTP (RFC 3977 §3.2).
    case replies
    /// Lines of text of some other protocol.
    case text
    /// Octets that are no text.
    case binary
    /// Nobody said anything.
    case silence

    /// - Parameter held: what came of the connection, from its first octet.
    init(_ held: [FlowEvent]) {
        var sides: [Side: [UInt8]] = [:]
        for case .bytes(_, let side, _, let octets, packet: _) in held
        where sides[side, default: []].count < Self.enough {
            sides[side, default: []] += octets.prefix(Self.enough)
        }
        let (client, server) = (sides[.client] ?? [], sides[.server] ?? [])
        if client.isEmpty, server.isEmpty {
            self = .silence
        } else if Self.isHTTP(client) || Self.isHTTP(server) {
            self = .http
        } else if client.starts(with: "SSH-".utf8) || server.starts(with: "SSH-".utf8) {
            self = .ssh
        } else if client.starts(with: [22, 3]) || server.starts(with: [22, 3]) || server.starts(with: [23, 3]) {
            self = .tls
        } else if Self.isRedis(client) {
            self = .redis
        } else if Self.isReply(server) {
            self = .replies
        } else {
            let all = client + server
            self = all.allSatisfy { $0 >= 32 && $0 != 127 || [9, 10, 13].contains($0) } ? .text : .binary
        }
    }

    /// As people read it.
    package var text: String {
        switch self {
        case .http: "HTTP"
        case .ssh: "SSH"
        case .tls: "TLS"
        case .redis: "Redis"
        case .replies: "FTP or the like"
        case .text: "other text"
        case .binary: "binary"
        case .silence: "without a word"
        }
    }

    /// Octets of a side that are looked at.
    private static let enough = 512

    private static func isHTTP(_ octets: [UInt8]) -> Bool {
        let line = octets.prefix { $0 != 10 && $0 != 13 }
        let names = ["HTTP/", "RTSP/", "SIP/"]
        // A status line begins with the name of the protocol, a request ends with it.
        if names.contains(where: { line.starts(with: $0.utf8) }) { return true }
        guard let last = line.split(separator: 32).last else { return false }
        return names.contains { last.starts(with: $0.utf8) }
    }

    private static func isRedis(_ octets: [UInt8]) -> Bool {
        guard octets.first == UInt8(ascii: "*") else { return false }
        let count = octets.dropFirst().prefix { (48...57).contains($0) }
        return !count.isEmpty && octets.dropFirst(1 + count.count).starts(with: [13, 10, UInt8(ascii: "$")])
    }

    private static func isReply(_ octets: [UInt8]) -> Bool {
        octets.count >= 4 && octets.prefix(3).allSatisfy { (48...57).contains($0) } && [32, 45].contains(octets[3])
    }
}
