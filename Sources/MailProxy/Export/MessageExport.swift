// Messages on their way out: taken from the notes of sessions, put together with what the books say of them, handed to whoever writes
// them in some form.

import Crypto
import MailCapture
import MailDialogue
import MailRecording

/// A message, or a part of one, that is whole as far as it came.
struct ExportedMessage {
    var info: SessionInfo
    var record: MessageRecord
    /// The item of FETCH that a part is; empty for messages.
    var section: String
    /// Letters of Maildir; nil when nothing is known of its flags.
    var flags: String?
    /// When it began; microseconds since 1970.
    var time: Int64
    var octets: Spill
    /// Which of the messages that began in its exchange it is, from 1.
    var ordinal: Int
}

/// Writes messages in some form.
protocol MessageTarget: AnyObject {
    /// Where octets wait that are too many for memory.
    var directory: String { get }
    /// Writes a message.
    /// - Returns: the file that has it.
    func take(_ message: ExportedMessage) throws -> String
    /// All messages came.
    func finish() throws
}

/// Collects the messages of one session.
struct MessageCollector: MessageSink {
    /// A message that passes or waits for its record.
    private struct Draft {
        var start: MessageStart
        var octets: Spill
        var hash: SHA256?
        var ordinal: Int
        var time: Int64
        var flags: String?
    }

    private let directory: String
    private let takesParts: Bool
    private var client: Draft?
    private var server: Draft?
    private var parked: [UInt32: Draft] = [:]
    /// Messages that have ended, in order; their records come in the same order.
    private var ended: [Draft] = []
    private var parts: [ExportedMessage] = []
    private var begun: [Int: Int] = [:]
    private(set) var failure: (any Error)?
    /// The time of what comes next.
    var time: Int64 = 0
    var flags = FlagWatch()
    private let info: SessionInfo

    init(directory: String, info: SessionInfo, takesParts: Bool) {
        self.directory = directory
        self.info = info
        self.takesParts = takesParts
    }

    mutating func begin(_ message: MessageStart) {
        let ordinal = begun[message.exchange, default: 0] + 1
        // Exchanges come in order: those of long ago begin nothing more.
        if begun.count > 4096 { begun.removeAll() }
        begun[message.exchange] = ordinal
        let draft = Draft(
            start: message, octets: Spill(in: directory), hash: message.section.isEmpty ? nil : SHA256(),
            ordinal: ordinal, time: time, flags: message.side == .client ? flags.client : flags.server)
        switch message.side {
        case .client: client = draft
        case .server: server = draft
        }
    }

    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        guard failure == nil else { return }
        do {
            switch side {
            case .client: try client?.octets.append(octets)
            case .server: try server?.octets.append(octets)
            }
        } catch {
            failure = error
        }
        // Of messages the books have the digest.
        if side == .server, server?.hash != nil {
            octets.withUnsafeBytes { server?.hash?.update(bufferPointer: $0) }
        }
    }

    private mutating func close(_ side: Side) -> Draft? {
        switch side {
        case .client:
            defer { client = nil }
            return client
        case .server:
            defer { server = nil }
            return server
        }
    }

    mutating func end(_ side: Side, complete: Bool, exchange: Int) {
        if let draft = close(side) { ended.append(draft) }
    }

    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {
        guard let draft = close(side), takesParts else { return }
        var record = MessageRecord(exchange: draft.start.exchange, carrier: draft.start.carrier)
        record.complete = complete
        record.bytes = draft.octets.count
        record.sha256 = draft.hash.map { Hex.text($0.finalize()) } ?? ""
        parts.append(exported(draft, record, section))
    }

    mutating func park(_ key: UInt32) {
        guard let waiting = close(.server) else { return }
        do { try waiting.octets.rest() } catch { failure = error }
        parked[key] = waiting
    }

    mutating func resume(_ key: UInt32) { server = parked.removeValue(forKey: key) }

    mutating func drop(_ key: UInt32) { parked[key] = nil }

    private func exported(_ draft: Draft, _ record: MessageRecord, _ section: String) -> ExportedMessage {
        ExportedMessage(
            info: info, record: record, section: section, flags: draft.flags, time: draft.time, octets: draft.octets,
            ordinal: draft.ordinal)
    }

    /// The message that a record is of.
    mutating func take(_ record: MessageRecord) -> ExportedMessage? {
        guard !ended.isEmpty else { return nil }
        let place = ended.firstIndex { $0.start.exchange == record.exchange && $0.octets.count == record.bytes } ?? 0
        return exported(ended.remove(at: place), record, "")
    }

    /// The parts that have ended.
    mutating func takeParts() -> [ExportedMessage] {
        defer { parts = [] }
        return parts
    }
}

/// Reads sessions for their messages.
struct MessageExport {
    let target: any MessageTarget
    let takesParts: Bool
    /// Of one session: changed where it is.
    private final class Kept {
        var extractor: MessageExtractor<MessageCollector>

        init(_ collector: MessageCollector) { extractor = MessageExtractor(collector) }
    }

    /// Told of each message and its file.
    let report: (ExportedMessage, String) throws -> Void

    /// - Parameter read: reads the sessions.
    /// - Returns: how many sessions and messages there were, and pieces of messages that could not be kept until what precedes them came.
    func run(
        _ read: ((SessionBatch) throws -> Void) throws -> Void
    ) throws -> (sessions: Int, messages: Int, notKept: Int) {
        var extractors: [String: Kept] = [:]
        var sessions = 0
        var count = 0
        var notKept = 0
        func give(_ message: ExportedMessage) throws {
            count += 1
            try report(message, try target.take(message))
        }
        try read { batch in
            let info = batch.session.info
            let id = info.id
            let kept: Kept
            if let known = extractors[id] {
                kept = known
            } else {
                sessions += 1
                kept = Kept(MessageCollector(directory: target.directory, info: info, takesParts: takesParts))
                extractors[id] = kept
            }
            kept.extractor.sink.time = batch.time
            if info.mailProtocol == .imap {
                for place in batch.notes.indices {
                    kept.extractor.sink.flags.accept(batch.notes[place])
                    kept.extractor.accept(batch.notes[place...place])
                }
            } else {
                kept.extractor.accept(batch.notes[...])
            }
            var isClosed = false
            for event in batch.events {
                switch event {
                case .secured: kept.extractor.close()
                case .closed:
                    isClosed = true
                    kept.extractor.close()
                case .opened, .octets, .secret, .gap, .remark, .changed, .exchange, .message, .credential: break
                }
            }
            if let failure = kept.extractor.sink.failure { throw failure }
            for part in kept.extractor.sink.takeParts() { try give(part) }
            for case .message(_, let record) in batch.events {
                if let message = kept.extractor.sink.take(record) { try give(message) }
            }
            if isClosed {
                notKept += kept.extractor.notKept
                extractors[id] = nil
            }
        }
        try target.finish()
        return (sessions, count, extractors.values.reduce(notKept) { $0 + $1.extractor.notKept })
    }
}
