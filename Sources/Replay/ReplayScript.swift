// A recorded session as a script: the client's frames with the points at which they were sent, and what the server
// answered.

import Crypto
import MailDialogue
import MailRecording

/// A frame that the client sent.
package struct ScriptFrame: Equatable, Sendable {
    package var element: Element
    /// The octets as on the wire; secrets are masked when the recording masks them.
    package var octets: [UInt8]
    package var exchange: Int
    /// Exchanges that were complete when it was sent, the greeting among them.
    package var completedBefore: Int
    /// Go-aheads and challenges of its own exchange that had come.
    package var intermediatesBefore: Int
    /// It showed a credential.
    package var credential: Credential?
    /// There is a secret in the octets, or its mask.
    package var hasSecret = false
}

/// What the server answered to a command.
package struct Answer: Equatable, Sendable {
    package var status: ReplyStatus?
    package var code = ""
    package var text = ""
    /// How often each keyword of untagged data came, and how many lines a listing had.
    package var data: [String: Int] = [:]
    /// SHA-256 of the listing's lines, for POP3's LIST and UIDL.
    package var listing: [UInt8] = []
    /// The same of the numbers at the front of its lines alone: the names in a UIDL are the server's own (RFC 1939 §7).
    package var listed: [UInt8] = []
    /// SHA-256 of each message or part that came, in order.
    package var contents: [[UInt8]] = []
    package var violations: [Violation] = []
    package var isComplete = false
}

/// Gathers answers from notes; the same for the recording and for the live server.
package struct AnswerBook: Equatable, Sendable {
    package private(set) var answers: [Int: Answer] = [:]
    package private(set) var completed = 0
    /// Go-aheads and challenges by exchange.
    package private(set) var intermediates: [Int: Int] = [:]
    /// Keywords and violations of one answer that are told apart: more than RFC 9051 has, and no server's to choose.
    private static let kinds = 256
    private let mailProtocol: MailProtocol
    private var digest: [UInt8] = []
    private var hasher = StreamDigest()

    package init(_ mailProtocol: MailProtocol) { self.mailProtocol = mailProtocol }

    package mutating func accept(_ note: Note) {
        guard note.side == .server else { return }
        var answer = answers[note.exchange] ?? Answer()
        for violation in note.violations where !answer.violations.contains(violation) {
            guard answer.violations.count < Self.kinds else { break }
            answer.violations.append(violation)
        }
        var completes = false
        switch note.element {
        case .greeting(let reply), .reply(let reply):
            if reply.isLast || answer.status == nil {
                answer.status = reply.status
                answer.code = reply.code
                answer.text = note.raw.withoutLineEnd.line.text
            }
            completes = reply.isLast
        case .data(let keyword, _):
            let isRoom = answer.data.count < Self.kinds || answer.data[keyword] != nil
            answer.data[isRoom ? keyword : "...", default: 0] += 1
            if mailProtocol == .pop3 {
                answer.listing = StreamDigest.chain(answer.listing, note.raw)
                answer.listed = StreamDigest.chain(answer.listed, note.raw.withoutLineEnd.line.firstWord.word)
            }
        case .goAhead, .challenge: intermediates[note.exchange, default: 0] += 1
        case .contentBegin: hasher = StreamDigest()
        case .content: hasher.update(note.raw)
        case .contentEnd:
            answer.contents.append(hasher.finish())
            completes = mailProtocol == .pop3
        case .dataPart, .opaque, .incomplete, .gap, .unplaced, .unknown, .command, .commandPart, .response, .done: break
        }
        if completes, !answer.isComplete {
            answer.isComplete = true
            completed += 1
        }
        answers[note.exchange] = answer
    }

    /// The exchange has its final reply.
    package func isComplete(_ exchange: Int) -> Bool { answers[exchange]?.isComplete ?? false }
}

/// SHA-256 over pieces.
struct StreamDigest: Equatable, Sendable {
    private var hash = SHA256()
    private var count = 0

    mutating func update(_ piece: ArraySlice<UInt8>) {
        piece.withUnsafeBytes { hash.update(bufferPointer: $0) }
        count += piece.count
    }

    func finish() -> [UInt8] { Array(hash.finalize()) }

    /// A digest that also depends on what came before.
    static func chain(_ before: [UInt8], _ piece: ArraySlice<UInt8>) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: before)
        piece.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    static func == (a: StreamDigest, b: StreamDigest) -> Bool { a.count == b.count && a.finish() == b.finish() }
}

/// A recorded session, ready to be played.
package struct ReplayScript: Equatable, Sendable {
    package let info: SessionInfo
    package private(set) var frames: [ScriptFrame] = []
    package private(set) var expected: AnswerBook
    /// The session went on in a way that can't be played: TLS, compression, a gap.
    package private(set) var opaque: OpaqueReason?

    package init(info: SessionInfo) {
        self.info = info
        expected = AnswerBook(info.mailProtocol)
    }

    /// Takes the notes of the session in their order.
    package mutating func accept(_ notes: some Sequence<Note>) {
        for note in notes {
            // Behind STARTTLS the server expects TLS, which is not begun here; the reply that says so is still one in clear.
            if opaque == .tls { continue }
            for fact in note.facts {
                if case .opaque(let reason) = fact { opaque = opaque ?? reason }
            }
            // What is missing can't be played, and what follows stands on it.
            if case .gap = note.element { opaque = opaque ?? .gap }
            if opaque == .gap { continue }
            if case .opaque = note.element { continue }
            switch note.side {
            case .server: expected.accept(note)
            case .client: append(note)
            }
        }
    }

    private mutating func append(_ note: Note) {
        var credential: Credential?
        for fact in note.facts {
            if case .credential(let shown) = fact { credential = shown }
        }
        if note.element == .content, let last = frames.indices.last, frames[last].element == .content,
            frames[last].exchange == note.exchange
        {
            frames[last].octets += note.raw
            if note.masked != nil { frames[last].hasSecret = true }
            if let credential { frames[last].credential = credential }
            return
        }
        if case .incomplete = note.element { return }
        if case .contentBegin = note.element { return }
        if case .contentEnd = note.element, let last = frames.indices.last, frames[last].element == .content {
            // The terminator goes with its content; one frame is one decision.
            frames[last].octets += note.raw
            return
        }
        // Behind a verb that nobody knows a secret may stand, which goes to no server; its mask may, as the verb is all that matters.
        var isHidden = false
        if case .command(let command) = note.element, !command.isKnown { isHidden = note.masked != nil }
        frames.append(
            ScriptFrame(
                element: note.element == .contentEnd ? .content : note.element,
                octets: Array(isHidden ? note.publicOctets : note.raw),
                exchange: note.exchange, completedBefore: expected.completed,
                intermediatesBefore: expected.intermediates[note.exchange] ?? 0, credential: credential,
                hasSecret: note.masked != nil && !isHidden))
        // The account of a command in parts is known with its last part; the first is what a replay asks for.
        guard let credential, let first = frames.firstIndex(where: { $0.exchange == note.exchange }) else { return }
        if frames[first].credential == nil { frames[first].credential = credential }
    }
}
