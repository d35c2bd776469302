// In which order sessions are found, said once for SQL and once for who puts several recordings together.

import MailRecording

/// An order of sessions. Sessions that are alike in it stand by their start, then by their id.
package struct SessionOrder: Equatable, Sendable {
    /// What sessions are ordered by.
    package enum Key: String, CaseIterable, Sendable {
        case start, duration, bytes, exchanges, messages, credentials, violations, user, client, server, end
        case mailProtocol = "protocol"
    }

    package var key: Key
    /// The largest, or the latest, first.
    package var isDescending: Bool

    package init(_ key: Key = .start, descending: Bool = false) {
        self.key = key
        isDescending = descending
    }

    /// The order of the rows `s` of the table of sessions.
    var sql: String {
        let direction = isDescending ? " DESC" : ""
        let column =
            switch key {
            case .start: ""
            case .duration: "max(0, s.last - s.start)"
            case .bytes: "s.client_bytes + s.server_bytes"
            case .exchanges: "s.exchanges"
            case .messages: "s.messages"
            case .credentials: "s.credentials"
            case .violations: "s.violations"
            case .user: "ifnull(s.user, '')"
            case .client: "s.client"
            case .server: "s.server"
            case .end: "s.end"
            case .mailProtocol: "s.protocol"
            }
        return (column.isEmpty ? "" : column + direction + ", ") + "s.start\(direction), s.id\(direction)"
    }

    /// The value that is compared.
    private enum Value {
        case number(Int64)
        case text(String)

        /// Below 0, 0, or above 0. Texts by their octets, as SQLite does it.
        func compared(with other: Value) -> Int {
            switch (self, other) {
            case (.number(let mine), .number(let theirs)): mine < theirs ? -1 : mine > theirs ? 1 : 0
            case (.text(let mine), .text(let theirs)):
                mine.utf8.lexicographicallyPrecedes(theirs.utf8)
                    ? -1 : theirs.utf8.lexicographicallyPrecedes(mine.utf8) ? 1 : 0
            case (.number, .text), (.text, .number): 0
            }
        }
    }

    private func value(_ summary: SessionSummary) -> Value {
        switch key {
        case .start: .number(summary.info.start)
        case .duration: .number(summary.duration)
        case .bytes: .number(Int64(summary.clientBytes) &+ Int64(summary.serverBytes))
        case .exchanges: .number(Int64(summary.exchanges))
        case .messages: .number(Int64(summary.messages))
        case .credentials: .number(Int64(summary.credentials))
        case .violations: .number(Int64(summary.violations))
        case .user: .text(summary.user ?? "")
        case .client: .text(summary.info.client.description)
        case .server: .text(summary.info.server.description)
        case .end: .text(summary.end.rawValue)
        case .mailProtocol: .text(summary.info.mailProtocol.rawValue)
        }
    }

    /// `first` stands before `second`.
    package func precedes(_ first: SessionSummary, _ second: SessionSummary) -> Bool {
        var verdict = value(first).compared(with: value(second))
        if verdict == 0 { verdict = Value.number(first.info.start).compared(with: .number(second.info.start)) }
        if verdict == 0 { verdict = Value.text(first.info.id).compared(with: .text(second.info.id)) }
        return isDescending ? verdict > 0 : verdict < 0
    }
}
