// The joint machine of IMAP (RFC 3501, RFC 9051) with IDLE (RFC 2177), LITERAL+ (RFC 7888), BINARY (RFC 3516), SASL-IR
// (RFC 4959), COMPRESS (RFC 4978), CATENATE (RFC 4469), UNAUTHENTICATE (RFC 8437) and REPLACE (RFC 8508).
//
// A frame is a line or the octets of a literal. Which one the client's next octets are is decided by the client alone
// after {n+}, but by the server after {n}, AUTHENTICATE, IDLE, STARTTLS and COMPRESS: they are held until it has
// spoken. Replies are matched by tag; a "+" belongs to the one command that is open at the client's end, whatever its
// text says. `IMAPDialogue+Client.swift` and `IMAPDialogue+Server.swift` hold the two directions.

/// The joint state of an IMAP session.
package struct IMAPDialogue: Dialogue {
    /// What both sides agree on about the connection (RFC 9051 §3).
    package enum Phase: Equatable, Sendable {
        /// No greeting yet. Successors: `notAuthenticated`, `authenticated` (PREAUTH), `logout` (BYE).
        case greetingPending
        /// Nobody is logged in. Successors: `authenticated`, `logout`.
        case notAuthenticated
        /// LOGIN or AUTHENTICATE succeeded. Successors: `selected`, `notAuthenticated` (RFC 8437), `logout`.
        case authenticated
        /// A mailbox is open. Successors: `authenticated`, `notAuthenticated`, `logout`.
        case selected
        /// BYE was sent. No successor.
        case logout
    }

    /// What the client's next octets are.
    enum ClientState: Equatable, Sendable {
        /// The first line of a command. Successors: all others but `commandRest`.
        case commands
        /// A command line ended in {n}; the server's "+" or the end of the command decides. Successors: `literal`,
        /// `commands`.
        case literalOffered(Content, size: Int)
        /// The octets of a literal. Successor: `commandRest`.
        case literal(Content, size: Int)
        /// The line behind a literal. Successors: `literalOffered`, `literal`, and what a whole command leads to.
        case commandRest
        /// The server decides about AUTHENTICATE or a response. Successors: `saslResponse`, `commands`.
        case saslAwaiting(SASLFollower)
        /// "+" was sent: one line of base64. Successor: `saslAwaiting`.
        case saslResponse(SASLFollower)
        /// The server decides about IDLE. Successors: `idling`, `commands`.
        case idleOffered
        /// "+" was sent: DONE. Successor: `commands`.
        case idling
        /// The reply to STARTTLS decides. Successors: `commands`, or the session is opaque.
        case tlsOffered
        /// The reply to COMPRESS decides. Successors: `commands`, or the session is opaque.
        case compressOffered
    }

    /// What the server's next octets are.
    enum ServerState: Equatable, Sendable {
        /// The first line of a response. Successor: `literal`.
        case lines
        /// The octets of a literal. Successor: `rest`.
        case literal(Content, size: Int, keyword: String)
        /// The line behind a literal. Successors: `literal`, `lines`.
        case rest(keyword: String, exchange: Int)
    }

    /// A command that awaits its tagged reply.
    struct Outstanding: Equatable, Sendable {
        var tag: String
        var verb: String
        var exchange: Int
        /// The mailbox of SELECT and EXAMINE.
        var mailbox = ""
        /// The line may be a password, its tag too; servers repeat what they did not understand.
        var isSecret = false
    }

    /// The command that the client is sending or whose continuation the server decides about.
    struct OpenCommand: Equatable, Sendable {
        var verb = ""
        var exchange = 0
        var arguments = IMAPArguments(wanted: 0)
        /// APPEND takes the message from parts (RFC 4469 §3).
        var isCatenate = false
        /// A literal that is an argument; kept up to `DialogueLimits.keptLiteral`.
        var literal = KeptLiteral()
        /// Its literals are kept as arguments.
        var collects: Bool { verb == "LOGIN" || verb == "SELECT" || verb == "EXAMINE" }
    }

    var client = ClientState.commands
    var server = ServerState.lines
    var open = OpenCommand()
    var outstanding = Fifo<Outstanding>()
    var exchange = 0
    /// The server refused a literal; the client's next line shows whether it understood.
    var literalWasRefused = false
    /// AUTHENTICATE or a literal of LOGIN was refused: what a hasty client sent behind it comes as commands, its
    /// password too.
    var mayLeakSecret = false
    /// Lines of the server before its greeting that fit no form.
    var strayLines = 0
    package internal(set) var mayHaveSecurityLayer = false
    /// Where both sides are.
    package internal(set) var phase = Phase.greetingPending
    /// The mailbox that is selected; empty when none is.
    package internal(set) var mailbox = ""
    package internal(set) var opaque: OpaqueReason?

    package init() {}

    package var currentExchange: Int { outstanding.first?.exchange ?? exchange }

    /// Commands that await their replies.
    package var outstandingCount: Int { outstanding.count }

    package func demand(_ side: Side) -> Demand {
        if opaque != nil { return .opaque }
        switch side {
        case .client:
            switch client {
            case .commands, .commandRest, .saslResponse, .idling:
                return .line(limit: DialogueLimits.imapCommandLine)
            case .literalOffered, .saslAwaiting, .idleOffered, .tlsOffered, .compressOffered: return .held
            case .literal(let content, let size): return .content(content, .octets(size))
            }
        case .server:
            switch server {
            case .lines, .rest: return .line(limit: DialogueLimits.imapResponseLine)
            case .literal(let content, let size, _): return .content(content, .octets(size))
            }
        }
    }

    package mutating func accept(line: ArraySlice<UInt8>, from side: Side) -> Note {
        switch side {
        case .client: acceptClient(line)
        case .server: acceptServer(line)
        }
    }

    package mutating func accept(content piece: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        if side == .client, open.collects { open.literal.append(piece) }
        return nil
    }

    package mutating func contentEnded(from side: Side) -> ContentEnd {
        switch side {
        case .client:
            if open.collects { open.arguments.append(literal: open.literal.take()) }
            client = .commandRest
        case .server:
            if case .literal(let content, _, let keyword) = server {
                server = .rest(keyword: keyword, exchange: content.exchange)
            }
        }
        return ContentEnd()
    }

    /// Literals may hold any octets.
    package func judge(_ flaws: ContentFlaws, from side: Side) -> [Violation] { [] }

    package func judgeAtEdge(_ side: Side) -> Violation? {
        guard opaque == .tls else { return nil }
        return side == .client ? .imapStartTLSInjection : .imapStartTLSReplyInjection
    }

    package func lineTooLong(_ side: Side) -> Violation { side == .client ? .imapLineTooLong : .imapReplyTooLong }

    package mutating func becomeOpaque(_ reason: OpaqueReason) {
        opaque = reason
        outstanding.removeAll()
        open = OpenCommand()
    }

    package func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        guard side == .client else { return nil }
        switch client {
        case .saslAwaiting, .saslResponse: return line.masking(0..<line.count)
        case .commandRest, .literalOffered, .literal:
            return open.verb == "LOGIN" ? line.masking(0..<line.count) : nil
        case .commands, .tlsOffered, .compressOffered, .idleOffered, .idling:
            // Also where the tag is missing, or a space too many stands before the verb.
            var rest = line
            for _ in 0..<3 {
                for verb in ["LOGIN", "AUTHENTICATE"] as [StaticString] where rest.hasPrefixIgnoringCase(verb) {
                    return line.masking((rest.startIndex - line.startIndex + verb.utf8CodeUnitCount)..<line.count)
                }
                rest = rest.firstWord.rest
            }
            return nil
        }
    }
}

/// A literal that is kept while it comes, never printed.
struct KeptLiteral: Equatable, Sendable, CustomReflectable {
    private var octets: [UInt8] = []

    /// What is beyond the limit is dropped.
    mutating func append(_ piece: ArraySlice<UInt8>) {
        octets.append(contentsOf: piece.prefix(max(0, DialogueLimits.keptLiteral - octets.count)))
    }

    /// The literal, and an empty one in its place.
    mutating func take() -> SecretBytes {
        defer { octets = [] }
        return SecretBytes(octets)
    }

    var customMirror: Mirror { Mirror(self, children: [:]) }
}
