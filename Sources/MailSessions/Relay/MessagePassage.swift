// Where a message stands that header rules must see before the other side does.

import MailDialogue
import MailMessage

/// A command that was passed on, or will be.
struct RelayedCommand: Equatable, Sendable {
    var verb: String
    /// The line without its end, secrets masked; empty when no rule will ask for it.
    var line: String
    /// Its number on the client's leg.
    var exchange: Int
    /// The octets as the client sent them, as long as they are to be sent on.
    var raw: ArraySlice<UInt8>

    /// Octets that it keeps.
    var octets: Int { line.utf8.count &+ raw.count }

    /// The same when it was sent on: what came with it is not kept.
    var sent: RelayedCommand { RelayedCommand(verb: verb, line: line, exchange: exchange, raw: []) }

    /// The same, apart from all that came with it.
    var ofItsOwn: RelayedCommand {
        RelayedCommand(verb: verb, line: line, exchange: exchange, raw: ArraySlice(Array(raw)))
    }
}

/// The passage of one message through a relay with header rules.
enum MessagePassage: Equatable, Sendable {
    /// Nothing is held. Successors: `offered`, `chunkHeader`, `serverHeader`.
    case none
    /// The client was told 354 by us; nothing of the message came. Successor: `clientHeader`.
    case offered(RelayedCommand)
    /// The header section of DATA is gathered. Successors: `awaitingServer`, `refused`.
    case clientHeader(HeaderScanner, RelayedCommand)
    /// The header section is gathered over chunks of BDAT; the server has heard of none. Successors: `streaming`, `refused`,
    /// `none`.
    case chunkHeader(ChunkHeader)
    /// DATA was sent to the server; its reply is awaited with the gathered octets, and with the lines of it that came.
    /// Successors: `streaming`, `refused`.
    case awaitingServer(octets: [UInt8], reply: [UInt8])
    /// The rest passes through. Successor: `none`.
    case streaming
    /// The rest is dropped, then this is the reply. Successor: `none`.
    case refused(reply: [UInt8])
    /// The header section of a message from the server is gathered; its status line is held. Successors: `streaming`,
    /// `serverRefused`.
    case serverHeader(HeaderScanner, status: ArraySlice<UInt8>)
    /// A message from the server is dropped; the client was told -ERR. Successor: `none`.
    case serverRefused

    /// Octets that are kept.
    var held: Int {
        switch self {
        case .none, .offered, .streaming, .refused, .serverRefused: 0
        case .clientHeader(let scanner, _), .serverHeader(let scanner, _): scanner.octets.count
        case .chunkHeader(let chunk): chunk.scanner.octets.count
        case .awaitingServer(let octets, _): octets.count
        }
    }
}

/// A header section that comes in chunks (RFC 3030). Chunks that end before it does are answered by us and joined to the one
/// that completes it.
struct ChunkHeader: Equatable, Sendable {
    var scanner: HeaderScanner
    /// The present chunk.
    var command: RelayedCommand
    var size: Int
    var isLast: Bool
    /// Octets of the chunks before it.
    var before: Int
    /// Its octets are still to come.
    var isOpen: Bool
}

/// What the rules decided about a header section, kept while a delay runs.
struct HeaderDecision: Equatable, Sendable {
    /// The section as it goes on.
    var section: [UInt8]
    /// Octets more than the section had.
    var added: Int
    /// What came behind the section in the same piece.
    var rest: ArraySlice<UInt8>
    var refusal: String?
    var closes: Bool
}
