// Where a message stands that header rules must see before the other side does.

import MailDialogue
import MailMessage

/// The passage of one message through a relay with header rules.
enum MessagePassage: Equatable, Sendable {
    /// No message is held.
    case none
    /// The client was told 354 by us; nothing of the message came. Successor: `clientHeader`.
    case offered
    /// The header section of DATA is gathered. Successors: `awaitingServer`, `refused`.
    case clientHeader(HeaderScanner)
    /// The same for the first chunk of BDAT, whose command is held. Successors: `streaming`, `refused`, `none`.
    case chunkHeader(HeaderScanner, command: ArraySlice<UInt8>, content: Content)
    /// DATA was sent to the server; its reply is awaited with the gathered octets. Successors: `streaming`, `refused`.
    case awaitingServer(octets: [UInt8], ended: Bool)
    /// The rest passes through. Successor: `none`.
    case streaming
    /// The rest is dropped, then this is the reply. Successor: `none`.
    case refused(reply: [UInt8])
    /// The header section of a message from the server is gathered; its status line is held. Successors: `streaming`, `serverRefused`.
    case serverHeader(HeaderScanner, status: ArraySlice<UInt8>)
    /// A message from the server is dropped; the client was told -ERR. Successor: `none`.
    case serverRefused
}
