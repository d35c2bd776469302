// `mailproxy audit --watch`: tells findings as they are made, of a running proxy's recording or of an interface.

import Glibc
import MailAudit
import MailCapture
import MailRecording

extension AuditCommand {
    /// Seconds between two writings of the report.
    private static let interval: Int64 = 30_000_000

    /// Watches until it is interrupted, or the time is over.
    func watch(_ book: inout AuditBook, _ baseline: AuditBaseline?) throws -> [AuditSource] {
        Interruption.block()
        let style = TextStyle(isColoured: Terminal.isColoured)
        let end = self.end()
        var written = Self.now()
        var sources: [AuditSource] = []
        func step(_ batch: SessionBatch, _ book: inout AuditBook) {
            book.accept(
                AuditStep(
                    info: batch.info, client: batch.info.client, server: batch.info.server, notes: batch.notes,
                    events: batch.events.map(Self.withoutMark), time: batch.time,
                    frame: batch.frame == 0 ? nil : batch.frame, source: batch.source))
        }
        func tell(_ book: inout AuditBook, _ sources: [AuditSource]) throws {
            for fresh in book.takeFresh() where fresh.severity >= least { print(line(fresh, style)) }
            fflush(nil)
            guard output != nil, Self.now() - written >= Self.interval else { return }
            written = Self.now()
            learnMarks(&book)
            var copy = book
            try write(report(copy.finish(), sources, baseline))
        }
        func isOver() -> Bool { Interruption.isWanted || end.map { Self.now() >= $0 } ?? false }

        if let interface {
            var tracker = SessionTracker(
                checksums: place.reading.checksums.policy, overlap: place.reading.overlap)
            let keys = try place.reading.growingKeys()
            tracker.keys = keys?.log
            (tracker.judgesMessages, tracker.keepsText) = (deep, deep || !pattern.isEmpty)
            tracker.hashes = output != nil && hashesMessages
            let source = try live.open(interface, bpf)
            try live.drop()
            Console.error("watching \(interface); Ctrl-C ends it")
            while !isOver(), source.packets < live.count ?? Int.max {
                var taken = 0
                while taken < 1024, source.packets < live.count ?? Int.max, let packet = try source.next() {
                    tracker.accept(packet, isRecording: false) { step($0, &book) }
                    taken += 1
                }
                if let lines = keys?.more(Self.now()) { tracker.add(keys: lines[...]) { step($0, &book) } }
                if taken == 0, !source.wait(milliseconds: 200) {
                    tracker.advance(to: Self.now()) { step($0, &book) }
                }
                sources = [self.figures(interface, source, tracker.counters)]
                try tell(&book, sources)
            }
            try source.takeRest(atMost: live.count ?? Int.max, now: NanosecondTime.of(Self.now())) {
                tracker.accept($0, isRecording: false) { step($0, &book) }
            }
            while let lines = keys?.more(Self.now(), isLast: true) {
                tracker.add(keys: lines[...]) { step($0, &book) }
            }
            tracker.finish { step($0, &book) }
            sources = [self.figures(interface, source, tracker.counters)]
        } else {
            let directory = try self.directory()
            let follower = RecordingFollower(directory)
            (follower.judgesMessages, follower.keepsText) = (deep, deep || !pattern.isEmpty)
            follower.hashes = output != nil && hashesMessages
            let keys = try place.reading.growingKeys()
            follower.keys = keys?.log
            // Programs write secrets before the recorder writes what they open.
            func poll() throws -> Bool {
                while let lines = keys?.more(Self.now(), isLast: true) {
                    follower.add(keys: lines[...]) { step($0, &book) }
                }
                return try follower.poll { step($0, &book) }
            }
            Console.error("watching \(directory); Ctrl-C ends it")
            while !isOver() {
                let hasMore: Bool
                do { hasMore = try poll() } catch let error as CaptureError {
                    throw CLIError.fault("\(error)")
                }
                sources = follower.figures.map { SessionCatalog.source($0, name: $0.path, sha256: nil) }
                try tell(&book, sources)
                if !hasMore { Glibc.poll(nil, 0, 200) }
            }
            // What was recorded up to now; who interrupts once more does not wait for it.
            while !Interruption.isWanted, try poll() {}
            follower.finish { step($0, &book) }
            sources = follower.figures.map { SessionCatalog.source($0, name: $0.path, sha256: nil) }
        }
        learnMarks(&book)
        try tell(&book, sources)
        return sources
    }

    /// Asks the index of the recording for the marks of secrets, which its octets don't have.
    private func learnMarks(_ book: inout AuditBook) {
        guard interface == nil, let directory = try? directory() else { return }
        var marks = CredentialMarks([directory])
        book.learnMarks { marks.mark($0.session, $0.exchange, $0.mechanism) }
    }

    /// A recording has no secrets: marks made of their masks would say that all are the same.
    private static func withoutMark(_ event: RecordEvent) -> RecordEvent {
        guard case .credential(let session, var record) = event else { return event }
        record.fingerprint = ""
        return .credential(session: session, record)
    }

    private func line(_ fresh: FreshFinding, _ style: TextStyle) -> String {
        let place = fresh.evidence
        if format == .json {
            var json = JSONWriter()
            json.object { json in
                json.member("time", time: place.time)
                json.member("severity", fresh.severity.rawValue)
                json.member("code", fresh.kind.code)
                json.member("title", fresh.kind.title)
                json.member("subject", fresh.subject)
                json.member("detail", place.detail)
                json.member("client", place.client?.description)
                json.member("server", place.server?.description)
                json.member("session", place.session.isEmpty ? nil : place.session)
                json.member("exchange", place.exchange)
            }
            return json.text
        }
        let severity = fresh.severity.rawValue.padded(to: 8)
        let ends = place.client.map { client in " \(client) → \(place.server?.description ?? "")" } ?? ""
        return "\(Timestamp.rfc3339(place.time)) \(style.text(severity, AuditReport.role(fresh.severity))) "
            + InertText.of("\(fresh.kind.code): \(fresh.subject) \(place.detail)\(ends)")
    }

    private func end() -> Int64? { live.duration.map { Self.now() + Int64($0 * 1_000_000) } }

    private func directory() throws -> String {
        let place = paths.first ?? self.place.recordDir ?? Defaults.recordDirectory
        var status = stat()
        guard stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CLIError.usage("--watch \(place): is no directory of recordings; -i watches an interface")
        }
        return place
    }

    private func figures(_ name: String, _ live: LiveCapture, _ counters: TrackerCounters) -> AuditSource {
        let statistics = try? live.statistics()
        let dropped = statistics.map { UInt64(clamping: $0.dropped + $0.interfaceDropped) } ?? 0
        return AuditSource(
            file: name, sha256: nil, packets: counters.packets, gaps: counters.gaps, dropped: dropped,
            undecoded: counters.undecoded + counters.malformed, problem: nil)
    }
}
