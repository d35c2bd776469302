// The joint machine of IMAP (RFC 3501, RFC 9051) and of its extensions, as far as they change framing, states or timing:
// IDLE (RFC 2177), LITERAL+ and LITERAL- (RFC 7888), BINARY (RFC 3516), SASL-IR (RFC 4959), COMPRESS (RFC 4978), CATENATE
// (RFC 4469), MULTIAPPEND (RFC 3502), UNAUTHENTICATE (RFC 8437), REPLACE (RFC 8508), ENABLE (RFC 5161), CONDSTORE and
// QRESYNC (RFC 7162), UIDONLY (RFC 9586), NOTIFY (RFC 5465), INPROGRESS (RFC 9585).
//
// A frame is a line or the octets of a literal. Which one the client's next octets are is decided by the client alone
// after {n+}, but by the server after {n}, AUTHENTICATE, IDLE, STARTTLS and COMPRESS: they are held until it has
// spoken. Replies are matched by tag; a "+" belongs to the one command that is open at the client's end, whatever its
// text says. `IMAPDialogue+Client.swift` and `IMAPDialogue+Server.swift` hold the two directions, `+Rules` files what is
// judged, `IMAPDialogue+Gaps.swift` what is still certain behind a gap.

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
        /// Octets are missing that may have changed it. Successors: all but `greetingPending`.
        case unknown
    }

    /// What the client's next octets are. It is looked at with each line: what few states have is kept apart.
    enum ClientState: Equatable, Sendable {
        /// The first line of a command. Successors: all others but `commandRest`.
        case commands
        /// A command line ended in {n}; the server's "+" or the end of the command decides. Successors: `literal`,
        /// `commands`.
        indirect case literalOffered(Content, size: Int)
        /// The octets of a literal. Successor: `commandRest`.
        indirect case literal(Content, size: Int)
        /// The line behind a literal. Successors: `literalOffered`, `literal`, and what a whole command leads to.
        case commandRest
        /// The server decides about AUTHENTICATE or a response. Successors: `saslResponse`, `commands`.
        indirect case saslAwaiting(SASLFollower)
        /// "+" was sent: one line of base64. Successor: `saslAwaiting`.
        indirect case saslResponse(SASLFollower)
        /// The server decides about IDLE. Successors: `idling`, `commands`.
        case idleOffered
        /// "+" was sent: DONE. Successor: `commands`.
        case idling
        /// The reply to STARTTLS decides. Successors: `commands`, or the session is opaque.
        case tlsOffered
        /// The reply to COMPRESS decides. Successor: `commands`, deflated or not.
        case compressOffered
        /// The reply to UNAUTHENTICATE decides: it ends COMPRESS (RFC 8437 §4.1). Successor: `commands`, deflated or not.
        case unauthenticating
        /// Octets are missing: see `IMAPDialogue+Gaps.swift`. Successor: `commands`.
        case seeking
    }

    /// What the server's next octets are.
    enum ServerState: Equatable, Sendable {
        /// The first line of a response. Successor: `literal`.
        case lines
        /// The octets of a literal. Successor: `rest`.
        indirect case literal(Content, size: Int, IMAPKeyword)
        /// The line behind a literal. Successors: `literal`, `lines`.
        indirect case rest(IMAPKeyword, exchange: Int)
        /// Octets are missing: see `IMAPDialogue+Gaps.swift`. Successor: `lines`.
        case seeking
    }

    /// The command that the client is sending or whose continuation the server decides about.
    struct OpenCommand: Equatable, Sendable {
        var verb = IMAPVerb.unknown
        var exchange = 0
        var arguments = IMAPArguments(wanted: 0)
        /// Parentheses that are open in the arguments of a command that carries a message.
        var depth = 0
        /// APPEND takes the message from parts (RFC 4469 §3), or in parentheses behind UTF8 (RFC 6855 §4).
        var wrapper = Wrapper.none
        /// A literal that is an argument; kept up to `DialogueLimits.keptLiteral`.
        var literal = KeptLiteral()
        /// The whole command, when its grammar is looked at.
        var text: IMAPText?
        /// What the literal under way is to `text`.
        var keepsLiteral = false
        /// Its literals are kept as arguments.
        var collects: Bool { verb == .login || verb == .select || verb == .examine }
        /// One of its literals is a message.
        var carriesMessage: Bool { verb == .append || verb == .replace || verb == .uidReplace }
    }

    /// What the client's octets waited for last.
    enum Waiting: Equatable, Sendable {
        case nothing
        /// "+" or an end in its place.
        case literal
        /// A challenge.
        case challenge
        /// The answer to COMPRESS.
        case compress
    }

    /// In what a message stands.
    enum Wrapper: Equatable, Sendable {
        case none
        /// CATENATE ( … )
        case catenate
        /// UTF8 ( … )
        case utf8
    }

    /// Facts about the session that are true or not.
    struct Marks: OptionSet, Sendable {
        let rawValue: UInt32
        /// The server refused a literal; the client's next line shows whether it understood.
        static let literalWasRefused = Marks(rawValue: 1)
        /// AUTHENTICATE is over, or a literal of LOGIN was refused, or a quote in it does not end: what a hasty client sent
        /// behind it comes as commands, its password too.
        static let mayLeakSecret = Marks(rawValue: 2)
        /// `* BYE` was seen.
        static let saidBye = Marks(rawValue: 4)
        /// LOGOUT was sent and is not answered with NO or BAD.
        static let leaves = Marks(rawValue: 8)
        /// The connection ends: a word more is too much.
        static let isOver = Marks(rawValue: 16)
        /// Octets were lost: what the past would say is not certain any more.
        static let hadGap = Marks(rawValue: 32)
        /// NOTIFY was used: responses come at any time (RFC 5465 §3.1).
        static let notifies = Marks(rawValue: 64)
        /// SELECT or EXAMINE was sent.
        static let hasSelected = Marks(rawValue: 128)
        /// A command that enables CONDSTORE was sent (RFC 7162 §3.1).
        static let wantsModSeq = Marks(rawValue: 256)
        /// IDLE was ended with something else than DONE and is not answered yet.
        static let idleEnds = Marks(rawValue: 512)
        /// DONE came without IDLE: the server may take it for a command.
        static let strayDone = Marks(rawValue: 1024)
        /// A list of capabilities came since CAPABILITY was sent.
        static let hasList = Marks(rawValue: 2048)
        /// A mailbox was open when SELECT was sent.
        static let wasOpen = Marks(rawValue: 4096)
        /// ENABLE asked for a name that no table knows.
        static let askedOthers = Marks(rawValue: 8192)
        /// A NUL was seen in the literal under way: of the client, of the server.
        static let clientNul = Marks(rawValue: 16_384)
        static let serverNul = Marks(rawValue: 32_768)
        /// The literal under way may hold NUL: of the client, of the server.
        static let clientBinary = Marks(rawValue: 65_536)
        static let serverBinary = Marks(rawValue: 131_072)
        /// SELECT was sent while another one was not answered.
        static let opensMany = Marks(rawValue: 262_144)
        /// LOGIN or AUTHENTICATE was sent.
        static let hasBegunLogin = Marks(rawValue: 524_288)
        /// The command under way is none, and its line was masked: so are its literals.
        static let openIsSecret = Marks(rawValue: 1_048_576)
        /// The octets of the server up to its next LF may be the end of a line that repeats a login.
        static let tailMayEcho = Marks(rawValue: 2_097_152)
    }

    var client = ClientState.commands
    var server = ServerState.lines
    var waitedFor = Waiting.nothing
    var open = OpenCommand()
    var outstanding = IMAPOutstanding()
    var exchange = 0
    var marks = Marks()
    /// Lines of the server before its greeting that fit no form.
    var strayLines = 0
    /// What is known of the open mailbox, and of the one that is being opened.
    var counts = IMAPMailboxCounts()
    var opening = IMAPMailboxCounts()
    /// Mailboxes that are being opened, with their exchanges.
    var names: [OpeningName] = []
    /// What ENABLE asked for.
    var asked: IMAPCapabilities = []
    /// Where the search for a certain place stands.
    var search = IMAPGapSearch()
    /// The response that the server is sending, when it is read whole.
    var text: IMAPText?
    /// The literal under way is kept in `text`.
    var keepsLiteral = false
    package internal(set) var mayHaveSecurityLayer = false
    /// COMPRESS succeeded (RFC 4978 §3).
    package internal(set) var isDeflated = false
    /// What has to be inflated of the client and of the server.
    var clientDeflation = Deflation.none
    var serverDeflation = Deflation.none
    /// Where both sides are.
    package internal(set) var phase = Phase.greetingPending
    /// The mailbox that is selected; empty when none is, or its name is not known.
    package internal(set) var mailbox = ""
    /// What the server offers, by the list that is in force; nil when none is: before the first list, and when a login or
    /// its end has made the last one void (RFC 9051 §6.2.1, §6.2.2; RFC 8437 §3).
    package internal(set) var capabilities: IMAPCapabilities?
    /// The SASL mechanisms of that list.
    package internal(set) var mechanisms: IMAPMechanisms = []
    /// What the server said to be enabled (RFC 9051 §7.2.1).
    package internal(set) var enabled: IMAPCapabilities = []
    package internal(set) var opaque: OpaqueReason?
    package var listens = true
    /// Responses are read, and what they say of the open mailbox is kept and judged.
    package let keepsMailbox: Bool
    /// What can be known of the open mailbox; nil when none is open, and unless it was asked for.
    package internal(set) var mailboxView: IMAPMailboxView?
    /// The same of the mailbox that is being opened.
    var openingView: IMAPMailboxView?

    /// A mailbox that is being opened.
    struct OpeningName: Equatable, Sendable {
        var exchange: Int
        var name: String
    }

    /// What becomes of a session under COMPRESS (RFC 4978).
    package enum Compressed: Equatable, Sendable {
        /// Its octets are inflated and followed.
        case inflate
        /// They were inflated by who recorded them.
        case isInflated
        /// It is not followed: what the notes hold is sent on, and the wire has other octets.
        case passOpaquely
    }

    let compressed: Compressed
    /// Octets of the longest line of a response.
    let responseLine: Int

    /// - Parameters:
    ///   - keepsMailbox: responses are read, and what they say of the open mailbox is kept and judged. Without it responses
    ///     are only cut.
    ///   - compressed: what becomes of a session under COMPRESS.
    ///   - responseLine: octets of the longest line of a response; beyond it the session is not followed.
    package init(
        keepsMailbox: Bool = false, compressed: Compressed = .inflate,
        responseLine: Int = DialogueLimits.imapResponseLine
    ) {
        self.keepsMailbox = keepsMailbox
        self.compressed = compressed
        self.responseLine = responseLine
    }

    package var currentExchange: Int { outstanding.first?.exchange ?? exchange }

    /// Commands that await their replies.
    package var outstandingCount: Int { outstanding.count }

    package var outstandingOctets: Int { outstanding.count <= 16 ? 0 : outstanding.footprint }

    /// Nothing was lost: what the past says is all there was.
    var isWhole: Bool { !marks.contains(.hadGap) }

    package func demand(_ side: Side) -> Demand {
        if opaque != nil { return .opaque }
        switch side {
        case .client:
            switch client {
            case .commands, .commandRest, .saslResponse, .idling:
                return .line(limit: DialogueLimits.imapCommandLine)
            case .literalOffered, .saslAwaiting, .idleOffered, .tlsOffered, .compressOffered, .unauthenticating:
                return .held
            case .literal(let content, let size): return .content(content, .octets(size))
            case .seeking: return .seek(limit: DialogueLimits.imapCommandLine)
            }
        case .server:
            switch server {
            case .lines, .rest: return .line(limit: responseLine)
            case .literal(let content, let size, _): return .content(content, .octets(size))
            case .seeking: return .seek(limit: responseLine)
            }
        }
    }

    package mutating func lineLimit(_ side: Side) -> Int? {
        if opaque != nil { return nil }
        switch side {
        case .client:
            switch client {
            case .commands, .commandRest, .saslResponse, .idling: return DialogueLimits.imapCommandLine
            case .literalOffered, .saslAwaiting, .idleOffered, .tlsOffered, .compressOffered, .unauthenticating,
                .literal, .seeking:
                return nil
            }
        case .server:
            switch server {
            case .lines, .rest: return responseLine
            case .literal, .seeking: return nil
            }
        }
    }

    package mutating func accept(line: ArraySlice<UInt8>, from side: Side, _ remarks: inout Remarks) {
        switch side {
        case .client: acceptClient(line, &remarks)
        case .server: acceptServer(line, &remarks)
        }
    }

    package mutating func accept(content piece: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        switch side {
        case .client:
            if open.collects { open.literal.append(piece) }
            if open.keepsLiteral { open.text?.append(piece) }
            if !marks.contains(.clientBinary), piece.holds(0) { marks.insert(.clientNul) }
        case .server:
            if keepsLiteral { text?.append(piece) }
            if !marks.contains(.serverBinary), piece.holds(0) { marks.insert(.serverNul) }
        }
        return nil
    }

    package mutating func contentEnded(from side: Side) -> ContentEnd {
        var end = ContentEnd()
        switch side {
        case .client:
            if open.collects {
                open.arguments.append(literal: open.literal.take())
            } else if open.carriesMessage, open.arguments.count < wanted(open.verb) {
                // It was the name of the mailbox: a message may follow at once.
                open.arguments.append(literal: SecretBytes([]))
            }
            open.keepsLiteral = false
            client = .commandRest
            if marks.contains(.clientNul) { end.violations.append(.imapLiteralNul) }
            marks.remove(.clientNul)
        case .server:
            keepsLiteral = false
            if case .literal(let content, _, let keyword) = server {
                server = content.isPresumed ? .seeking : .rest(keyword, exchange: content.exchange)
                if content.isPresumed { marks.remove(.serverNul) }
            }
            if marks.contains(.serverNul) { end.violations.append(.imapServerLiteralNul) }
            marks.remove(.serverNul)
        }
        return end
    }

    /// Literals may hold any octets.
    package func judge(_ flaws: ContentFlaws, from side: Side) -> [Violation] { [] }

    package func judgeAtEdge(_ side: Side) -> Violation? {
        guard opaque == .tls else { return nil }
        return side == .client ? .imapStartTLSInjection : .imapStartTLSReplyInjection
    }

    package func judgeWaiting(_ side: Side) -> Violation? {
        guard side == .client, isWhole else { return nil }
        switch (waitedFor, client) {
        case (.compress, .commands): return .imapCommandDuringCompress
        case (.literal, .literal): return .imapLiteralBeforeAsked
        case (.challenge, .saslResponse): return .imapResponseBeforeAsked
        default: return nil
        }
    }

    package func deflation(_ side: Side) -> Deflation { side == .client ? clientDeflation : serverDeflation }

    package mutating func deflationEnded(_ side: Side) { set(.none, side) }

    package mutating func deflationGoesOn(_ side: Side) { set(.deflated, side) }

    private mutating func set(_ deflation: Deflation, _ side: Side) {
        switch side {
        case .client: clientDeflation = deflation
        case .server: serverDeflation = deflation
        }
    }

    package func brokenCompression(_ side: Side) -> Violation? {
        // Behind UNAUTHENTICATE nothing need be deflated.
        if client == .unauthenticating || !isDeflated { return nil }
        return side == .client ? .imapBrokenCompression : .imapReplyBrokenCompression
    }

    /// Where it is not known whether octets are deflated, a login may stand among them. Where they are and nobody inflates them,
    /// one may when there was none before: who has the octets can inflate them.
    package func hidesOpaque(_ side: Side) -> Bool {
        guard side == .client, let opaque else { return false }
        return opaque.leavesClear
            || opaque == .compress && (compressed != .passOpaquely || phase == .notAuthenticated)
    }

    package func lineTooLong(_ side: Side) -> Violation { side == .client ? .imapLineTooLong : .imapReplyTooLong }

    package mutating func becomeOpaque(_ reason: OpaqueReason) {
        opaque = reason
        // Nobody is going to say what they are.
        if clientDeflation == .waits { clientDeflation = .deflated }
        outstanding.removeAll()
        open = OpenCommand()
        names = []
        text = nil
        mailboxView = nil
        openingView = nil
    }

    package func mask(partial line: ArraySlice<UInt8>, from side: Side) -> ArraySlice<UInt8>? {
        guard side == .client else {
            return line.withView { maskEcho(partial: IMAPResponseHead($0.withoutLineEnd.line), line) }
        }
        switch client {
        case .saslAwaiting, .saslResponse: return line.masking(0..<line.count)
        case .commandRest, .literal: return opensSecret ? line.masking(0..<line.count) : nil
        case .literalOffered:
            // What waits is a command when the literal is refused.
            return opensSecret ? line.masking(0..<line.count) : maskUnlessCommand(line)
        case .seeking: return maskUnplaced(line)
        case .commands, .tlsOffered, .compressOffered, .unauthenticating, .idleOffered, .idling:
            return maskUnlessCommand(line)
        }
    }

    package mutating func expectSecrets() { marks.insert(.hasBegunLogin) }

    /// What belongs to the command under way may be a password.
    var opensSecret: Bool { open.verb == .login || marks.contains(.openIsSecret) }
}

/// What is known of a mailbox by counting.
struct IMAPMailboxCounts: Equatable, Sendable {
    /// Messages.
    var exists: UInt32?
    var uidValidity: UInt32?
    var uidNext: UInt32?
    var highestModSeq: UInt64?
    /// The mailbox keeps no modification sequences (RFC 7162 §3.1.2.2).
    var hasNoModSeq = false
    /// FLAGS came.
    var hasFlags = false
    /// `[CLOSED]` came for the mailbox before.
    var closedOther = false
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
