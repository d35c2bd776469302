// The order of replies of SMTP and POP3, and what the commands in it take of memory. A server that answers nothing lets it grow with
// every command that its client sends.

import MailDialogue

/// What stands in the order of replies.
enum DueReply: Equatable, Sendable {
    /// The server's reply to this command goes to the client.
    case forwarded(RelayedCommand)
    /// The server's reply to this command is replaced by ours.
    case replaced(by: [UInt8])
    /// Ours.
    case local([UInt8])
    /// DATA waits for the replies before it: then we say 354, or the server is asked when there is no recipient.
    case offer(RelayedCommand)
    /// The server's reply to a command of ours is dropped.
    case injected
    /// The server's reply to a DATA that the client was already answered.
    case ownData(RelayedCommand)
    /// Our consent to TLS.
    case consent([UInt8])

    /// The command whose reply the server gives.
    var command: RelayedCommand? {
        switch self {
        case .forwarded(let command), .ownData(let command), .offer(let command): command
        case .replaced, .local, .injected, .consent: nil
        }
    }

    /// Octets that it keeps.
    fileprivate var octets: Int {
        switch self {
        case .forwarded(let command), .ownData(let command), .offer(let command): command.octets
        case .replaced(let reply), .local(let reply), .consent(let reply): reply.count
        case .injected: 0
        }
    }
}

/// Replies that are due, the next one first.
struct DueReplies: Sendable {
    private var replies = Fifo<DueReply>()
    /// Octets that they keep, themselves not counted.
    private(set) var octets = 0

    var isEmpty: Bool { replies.isEmpty }

    /// Octets of memory that they take; 0 where there are few.
    var footprint: Int { replies.footprint == 0 ? 0 : replies.footprint &+ octets }

    var first: DueReply? {
        get { replies.first }
        set {
            octets &+= (newValue?.octets ?? 0) &- (replies.first?.octets ?? 0)
            replies.first = newValue
        }
    }

    mutating func append(_ reply: DueReply) {
        octets &+= reply.octets
        replies.append(reply)
    }

    /// The newest one is another.
    mutating func replaceLast(with reply: DueReply) {
        guard let last = replies.last else { return }
        octets &+= reply.octets &- last.octets
        replies.last = reply
    }

    @discardableResult
    mutating func popFirst() -> DueReply? {
        guard let first = replies.popFirst() else { return nil }
        octets &-= first.octets
        return first
    }
}

/// IMAP: commands that the server has, by their number on its leg.
struct RelayedCommands: Sendable {
    private var commands: [Int: RelayedCommand] = [:]
    /// Octets that they keep, themselves not counted.
    private(set) var octets = 0

    var isEmpty: Bool { commands.isEmpty }

    /// Octets of memory that they take; 0 where there are few.
    var footprint: Int {
        let room = commands.capacity
        return room <= 32 ? 0 : room &* MemoryLayout<(Int, RelayedCommand)>.stride &+ octets
    }

    subscript(exchange: Int) -> RelayedCommand? {
        get { commands[exchange] }
        set {
            let before = commands[exchange]
            octets &+= (newValue?.octets ?? 0) &- (before?.octets ?? 0)
            commands[exchange] = newValue
            // Many that were answered leave no room behind.
            if commands.isEmpty, commands.capacity > 32 { commands = [:] }
        }
    }

    mutating func removeAll() { self = RelayedCommands() }
}
