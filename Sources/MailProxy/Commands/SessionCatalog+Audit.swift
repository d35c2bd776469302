// Sessions of a catalog as an audit takes them: each step with the packet that it stands in, and what is known of the files.

import Crypto
import Glibc
import MailAudit
import MailCapture
import MailRecording
import MailStore

extension SessionIdentity: AuditedSession {
    package var id: String { info.id }
}

extension SessionCatalog {
    /// Reads the sessions that are searched for.
    /// - Parameters:
    ///   - isDeep: messages are judged too.
    ///   - keepsText: messages come with their text.
    ///   - hashes: the files' SHA-256 are wanted.
    ///   - hashesMessages: those of messages are.
    func audit(
        _ search: SessionSearch, isDeep: Bool, keepsText: Bool, hashes: Bool, hashesMessages: Bool,
        _ deliver: (AuditStep) -> Void
    ) throws -> [AuditSource] {
        var only: Set<String>?
        if filter != nil || text != nil || search.since != nil || search.until != nil {
            var ids: Set<String> = []
            try each(search) {
                ids.insert($0.summary.info.id)
                return true
            }
            only = ids
        }
        var marks = CredentialMarks(paths)
        let figures = try Self.read(
            paths, only: only, judgesMessages: isDeep, keepsText: keepsText, hashes: hashesMessages,
            keepsExchanges: false,
            tellsOctets: false
        ) { batch in
            var events = batch.events
            for index in events.indices {
                guard case .credential(let session, var record) = events[index] else { continue }
                // What is made of the masks of a recording would say that all secrets are the same.
                record.fingerprint = marks.mark(session, record)
                events[index] = .credential(session: session, record)
            }
            var step = AuditStep(
                session: batch.session, client: batch.session.info.client, server: batch.session.info.server,
                notes: batch.notes, events: events, time: batch.time, frame: batch.frame == 0 ? nil : batch.frame,
                source: batch.source)
            (step.passedClient, step.passedServer) = (batch.passed.client, batch.passed.server)
            deliver(step)
        }
        return figures.map { file in
            Self.source(file, name: shownName(file.path), sha256: hashes ? Self.digest(file.path) : nil)
        }
    }

    /// What was read of a file.
    static func source(_ file: FileFigures, name: String, sha256: String?) -> AuditSource {
        AuditSource(
            file: name, sha256: sha256, packets: file.packets, gaps: file.gaps, dropped: file.dropped,
            undecoded: file.undecoded, cut: file.cut,
            problem: file.failure ?? file.problem.map { "\($0.error)" } ?? file.disorder)
    }

    /// The SHA-256 of a file in hex; nil when it can't be read.
    private static func digest(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return Hex.text(hash.finalize()) }
            buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }
}

/// The marks of secrets that indexes of recordings keep: the octets of a recording have none.
struct CredentialMarks {
    private let indexes: [RecordingIndex]
    private var session = ""
    private var known: [CredentialRecord] = []

    init(_ paths: [String]) { indexes = paths.compactMap { try? RecordingIndex(directory: $0) } }

    /// The mark of a credential; empty when none is known.
    mutating func mark(_ session: String, _ record: CredentialRecord) -> String {
        mark(session, record.exchange, record.mechanism)
    }

    mutating func mark(_ session: String, _ exchange: Int, _ mechanism: String) -> String {
        if indexes.isEmpty { return "" }
        if session != self.session {
            self.session = session
            known = []
            for index in indexes where known.isEmpty { known = (try? index.credentials(of: session)) ?? [] }
        }
        return known.first { $0.exchange == exchange && $0.mechanism == mechanism }?.fingerprint ?? ""
    }
}
