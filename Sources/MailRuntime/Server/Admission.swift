// Who may begin a session: the limits on sessions at once, on sessions of one address, and on new connections of one address.

import MailRecording
import Synchronization

/// Keeps count of the sessions of each client address. Without a limit nothing is kept and no lock is taken.
package final class Admission: Sendable {
    /// Which limit a connection would have broken.
    package enum Refusal: String, CaseIterable, Sendable {
        case sessions
        case sessionsPerAddress = "sessions-per-address"
        case connectionsPerSecond = "connections-per-second"
        case memory
    }

    /// What is known of an address.
    private struct Entry {
        var sessions = 0
        /// Connections that may still come at once, and when that was so.
        var allowance: Double
        var time: Int64
    }

    private struct State {
        var sessions = 0
        var entries: [IPAddress: Entry] = [:]
    }

    private let limits: ServerLimits
    private let state = Mutex(State())
    private let keepsAddresses: Bool
    private let isOff: Bool

    package init(_ limits: ServerLimits) {
        self.limits = limits
        keepsAddresses = limits.sessionsPerAddress > 0 || limits.connectionsPerSecond > 0
        isOff = !keepsAddresses && limits.sessions == 0
    }

    /// A client wants to begin a session. Nil when it may: ``left(_:)`` has to be told when it is over.
    /// - Parameter now: microseconds of a clock that only goes forward.
    package func admit(_ client: IPAddress, now: Int64) -> Refusal? {
        if isOff { return nil }
        return state.withLock { state in
            if limits.sessions > 0, state.sessions >= limits.sessions { return .sessions }
            if keepsAddresses {
                let key = Self.key(client)
                if state.entries[key] == nil, state.entries.count >= RuntimeLimits.addresses { forget(&state, now) }
                // One second's connections may come at once, beside those of the second that passes.
                let rate = Double(limits.connectionsPerSecond)
                var entry = state.entries[key] ?? Entry(allowance: rate, time: now)
                defer { state.entries[key] = entry }
                if limits.connectionsPerSecond > 0 {
                    let passed = Double(max(0, now &- entry.time)) / 1_000_000
                    entry.allowance = min(rate, entry.allowance + passed * rate)
                    entry.time = now
                    if entry.allowance < 1 { return .connectionsPerSecond }
                    entry.allowance -= 1
                }
                if limits.sessionsPerAddress > 0, entry.sessions >= limits.sessionsPerAddress {
                    return .sessionsPerAddress
                }
                entry.sessions += 1
            }
            state.sessions += 1
            return nil
        }
    }

    /// A session that was admitted is over.
    package func left(_ client: IPAddress) {
        if isOff { return }
        state.withLock { state in
            state.sessions -= 1
            guard keepsAddresses else { return }
            let key = Self.key(client)
            guard var entry = state.entries[key] else { return }
            entry.sessions -= 1
            // Without a rate there is nothing more to remember.
            state.entries[key] = entry.sessions <= 0 && limits.connectionsPerSecond == 0 ? nil : entry
        }
    }

    /// Addresses that are remembered.
    package var known: Int { state.withLock { $0.entries.count } }

    /// Lets go of the addresses without a session whose allowance is whole again; when all have one or are in haste, of those in
    /// haste too: a flood of addresses must not take memory without end.
    private func forget(_ state: inout State, _ now: Int64) {
        state.entries = state.entries.filter { $0.value.sessions > 0 || now &- $0.value.time < 1_000_000 }
        if state.entries.count >= RuntimeLimits.addresses {
            state.entries = state.entries.filter { $0.value.sessions > 0 }
        }
    }

    /// Who has one address of IPv6 has a whole network of them.
    private static func key(_ address: IPAddress) -> IPAddress {
        address.isIPv6 ? .v6(address.high, 0) : address
    }
}
