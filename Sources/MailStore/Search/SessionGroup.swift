// Sessions counted by what they have in common.

import MailRecording

/// What sessions have in common, and how much of them there is.
package struct SessionGroup: Equatable, Sendable {
    /// What sessions are counted by.
    package enum Key: String, CaseIterable, Sendable {
        case user, client, server, route, end, command, finding, hour
        case mailProtocol = "protocol"
    }

    /// The user, the client's address, `ip:port` of the server, the verb, the code; of `hour` its first microsecond since 1970 in UTC.
    package var key: String
    package var sessions = 0
    /// Of `command`: exchanges with this verb.
    package var exchanges = 0
    package var messages = 0
    package var violations = 0
    package var clientBytes = 0
    package var serverBytes = 0

    package init(_ key: String) { self.key = key }

    /// Counts a session.
    package mutating func add(_ summary: SessionSummary) {
        sessions += 1
        exchanges += summary.exchanges
        messages += summary.messages
        violations += summary.violations
        clientBytes &+= summary.clientBytes
        serverBytes &+= summary.serverBytes
    }

    /// Counts what another group of the same key has.
    package mutating func add(_ other: SessionGroup) {
        sessions += other.sessions
        exchanges += other.exchanges
        messages += other.messages
        violations += other.violations
        clientBytes &+= other.clientBytes
        serverBytes &+= other.serverBytes
    }

    private static let hour: Int64 = 3_600_000_000

    /// The groups that a session belongs to, by all but `command`, which its exchanges tell.
    package static func keys(of summary: SessionSummary, by key: Key) -> [String] {
        let info = summary.info
        switch key {
        case .user: return [summary.user ?? ""]
        case .client: return [info.client.host]
        case .server: return [info.server.description]
        case .route: return [info.route]
        case .end: return [summary.end.rawValue]
        case .finding: return summary.findings
        case .hour: return ["\(info.start - ((info.start % hour) + hour) % hour)"]
        case .mailProtocol: return [info.mailProtocol.rawValue]
        case .command: return []
        }
    }

    /// The same for rows `s` of the table of sessions; nil where a row belongs to several groups.
    static func column(_ key: Key) -> String? {
        switch key {
        case .user: "ifnull(s.user, '')"
        case .client: "rtrim(rtrim(s.client, '0123456789'), ':')"
        case .server: "s.server"
        case .route: "s.route"
        case .end: "s.end"
        case .hour: "s.start - ((s.start % \(hour)) + \(hour)) % \(hour)"
        case .mailProtocol: "s.protocol"
        case .command, .finding: nil
        }
    }
}
