// `mailproxy audit --watch`: tells findings as they are made, of a running proxy's recording or of an interface.

import Glibc
import MailAudit
import MailCapture
import MailRecording

extension AuditCommand {
    /// Microseconds between two writings of the report.
    fileprivate static let interval: Int64 = 30_000_000
    /// Microseconds after which it is asked what was lost.
    private static let lookInterval: Int64 = 1_000_000

    /// Watches until it is interrupted, or the time is over.
    /// - Returns: what was read, and why no more of it.
    func watch(_ book: inout AuditBook, _ baseline: AuditBaseline?) throws -> (
        sources: [AuditSource], failure: CLIError?
    ) {
        Interruption.block()
        // Who waits for the last report may be waited for in vain.
        defer { Interruption.unblock() }
        if let interface { return try watch(interface, &book, baseline) }
        return (try follow(&book, baseline), nil)
    }

    private func watch(
        _ interface: String, _ book: inout AuditBook, _ baseline: AuditBaseline?
    ) throws -> ([AuditSource], CLIError?) {
        var tracker = SessionTracker(
            checksums: place.reading.checksums.policy, overlap: place.reading.overlap)
        let keys = try place.reading.growingKeys()
        tracker.keys = keys?.log
        (tracker.judgesMessages, tracker.keepsText) = (deep, deep || !pattern.isEmpty)
        tracker.hashes = output != nil && hashesMessages
        let source = try live.open(interface, bpf)
        try live.drop()
        // Whoever we are now has to be able to write it: it is asked for first in half a minute.
        if let output, !writesOnce(output) { _ = try OutputFile(output, replaces: true) }
        Console.error("watching \(interface); Ctrl-C ends it")
        var telling = Telling(end: end())
        var losses = LossNotice()
        var nextLook = Self.now()
        let most = live.count ?? Int.max
        var failure: CaptureError?
        watching: while !telling.isOver, source.packets < most {
            var taken = 0
            do throws(CaptureError) {
                while taken < 1024, source.packets < most, let packet = try source.next() {
                    tracker.accept(packet, isRecording: false) { step($0, &book) }
                    taken += 1
                }
            } catch {
                failure = error
                break watching
            }
            if let lines = keys?.more(Self.now()) { tracker.add(keys: lines[...]) { step($0, &book) } }
            if taken == 0, !source.wait(milliseconds: 200) {
                tracker.advance(to: Self.now()) { step($0, &book) }
            }
            if Self.now() >= nextLook {
                nextLook = Self.now() + Self.lookInterval
                if let statistics = try? source.statistics() { losses.tell(statistics) }
            }
            try tell(&book, &telling, baseline) { [figures(interface, source, tracker.counters)] }
        }
        do throws(CaptureError) {
            if failure == nil {
                try source.takeRest(atMost: most, now: NanosecondTime.of(Self.now())) {
                    tracker.accept($0, isRecording: false) { step($0, &book) }
                }
            }
        } catch {
            failure = error
        }
        if failure != nil {
            source.takeRemains(atMost: most) { tracker.accept($0, isRecording: false) { step($0, &book) } }
        }
        while let lines = keys?.more(Self.now(), isLast: true) {
            tracker.add(keys: lines[...]) { step($0, &book) }
        }
        tracker.finish { step($0, &book) }
        tellFresh(&book)
        if let statistics = try? source.statistics() { losses.tell(statistics) }
        var seen = figures(interface, source, tracker.counters)
        seen.problem = failure.map { "\($0.text); what passed afterwards is not in the report" }
        return ([seen], failure.map { .fault("\($0.text); the report has what passed before") })
    }

    private func follow(_ book: inout AuditBook, _ baseline: AuditBaseline?) throws -> [AuditSource] {
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
        func sources() -> [AuditSource] {
            follower.figures.map { SessionCatalog.source($0, name: $0.path, sha256: nil) }
        }
        Console.error("watching \(directory); Ctrl-C ends it")
        var telling = Telling(end: end())
        while !telling.isOver {
            let hasMore: Bool
            do { hasMore = try poll() } catch let error as CaptureError {
                throw CLIError.fault("\(error)")
            }
            try tell(&book, &telling, baseline, sources)
            if !hasMore { Glibc.poll(nil, 0, 200) }
        }
        // What was recorded up to now; who interrupts once more does not wait for it.
        while !Interruption.isWanted, try poll() {}
        follower.finish { step($0, &book) }
        learnMarks(&book)
        tellFresh(&book)
        return sources()
    }

    private func step(_ batch: SessionBatch, _ book: inout AuditBook) {
        book.accept(
            AuditStep(
                info: batch.info, client: batch.info.client, server: batch.info.server, notes: batch.notes,
                events: batch.events.map(Self.withoutMark), time: batch.time,
                frame: batch.frame == 0 ? nil : batch.frame, source: batch.source))
    }

    /// When what is to be told.
    private struct Telling {
        /// Microseconds since 1970; nil without an end.
        let end: Int64?
        var next = AuditCommand.now() + AuditCommand.interval

        var isOver: Bool { Interruption.isWanted || end.map { AuditCommand.now() >= $0 } ?? false }
    }

    /// Tells new findings, and writes the report anew when it is time for that.
    private func tell(
        _ book: inout AuditBook, _ telling: inout Telling, _ baseline: AuditBaseline?, _ sources: () -> [AuditSource]
    ) throws {
        tellFresh(&book)
        guard let output, Self.now() >= telling.next else { return }
        telling.next = Self.now() + Self.interval
        let sources = sources()
        // Who reads a pipe gets one report, the last; nobody may be there yet, or read slowly, and packets do not wait.
        if writesOnce(output) { return }
        learnMarks(&book)
        var copy = book
        Self.add(sources, &copy)
        // A disk that is full may have room again; what is seen meanwhile is in the next report.
        do { try write(report(copy.finish(), sources, baseline)) } catch let error as CLIError {
            Console.error("\(error.message); the report is tried again in 30 seconds")
        }
    }

    /// The report goes where one cannot take the place of another.
    private func writesOnce(_ output: String) -> Bool { output == "-" || OutputFile.isStream(output) }

    private func tellFresh(_ book: inout AuditBook) {
        let style = TextStyle(isColoured: Terminal.isColoured)
        for fresh in book.takeFresh() where fresh.severity >= least { print(line(fresh, style)) }
        fflush(nil)
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
            undecoded: counters.undecoded + counters.malformed, cut: counters.cut, problem: nil)
    }
}
