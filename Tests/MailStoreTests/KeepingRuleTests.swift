// Sessions that are kept longer, or not as long, as others: their lines, what is decided, and what is left of a segment, its signatures
// and the index.

import Glibc
import MailCompression
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct KeepingRuleTests {
    private static let day: Int64 = 86_400_000_000
    private let key = ChainKey.ephemeral()

    private func until(_ isTrue: () throws -> Bool) rethrows {
        let deadline = System.monotonicClock() + 30_000_000
        while try !isTrue(), System.monotonicClock() < deadline { sched_yield() }
    }

    @Test func linesAreRead() throws {
        let rule = try KeepingRule("90 days: violations > 0 and user == \"a:b\"")
        #expect(rule.age == 90 * Self.day)
        #expect(rule.filter.text == "violations > 0 and user == \"a:b\"")
        #expect(try KeepingRule("forever: smtp").age == nil)
        #expect(try KeepingRule("1 hour: imap").age == Self.day / 24)
        #expect(try KeepingRule("2 weeks: pop3").age == 14 * Self.day)
        #expect(try KeepingRule("1 year: smtp").age == 365 * Self.day)
        #expect(KeepingRule.words(7 * Self.day) == "7 days" && KeepingRule.words(Self.day / 24) == "1 hour")
    }

    @Test(arguments: [
        ("violations > 0", "there is no time"), ("soon: smtp", "'soon' is no time"),
        ("0 days: smtp", "'0 days' is no time"),
        ("99999999999999999999 days: smtp", "is no time"),
        ("101 years: smtp", "'101 years' is more than a hundred years: write 'forever'"),
        ("292470 years: smtp", "more than a hundred years"), ("9223372036854775807 years: smtp", "more than a hundred"),
        ("876001 hours: smtp", "more than a hundred years"), ("3 fortnights: smtp", "'3 fortnights' is no time"),
        ("3 days: smtp and", "ends too early"), ("3 days: colour == \"red\"", "colour"),
        ("3 days: header[\"x\"]", "it asks for header[\"x\"]"), ("3 days: rcpt == \"x\"", "it asks for rcpt)"),
        ("3 days: smtp and not sender", "cannot answer"),
        ("3 days: reply.code == \"550\"", "the index alone cannot answer"),
    ])
    func othersAreRefused(_ line: String, _ complaint: String) {
        let error = #expect(throws: KeepingRuleError.self) { try KeepingRule(line) }
        #expect(error?.text.contains(complaint) == true, "\(error?.text ?? "")")
    }

    @Test func sessionsOfOneTimeGoTogether() throws {
        let rules = [try KeepingRule("forever: user == \"a\""), try KeepingRule("1 day: smtp")]
        let now = 100 * Self.day
        let sessions = [
            KeptSession(id: "kept", last: 0, rule: 0), KeptSession(id: "old", last: now - 2 * Self.day, rule: 1),
            KeptSession(id: "new", last: now - Self.day / 2, rule: 1),
            KeptSession(id: "other", last: now - 8 * Self.day),
        ]
        var decision = KeepingDecision(sessions, rules, standard: 7 * Self.day, now: now)
        #expect(decision.gone == ["other"])
        #expect(decision.next == now + Self.day / 2)
        #expect(decision.reason == "1 session older than 7 days")
        decision = KeepingDecision(sessions, rules, standard: 7 * Self.day, now: now + Self.day)
        #expect(decision.gone == ["other", "old", "new"] && decision.next == .max)
        #expect(decision.reason == "2 sessions older than 1 day (1 day: smtp), 1 session older than 7 days")
        decision = KeepingDecision(sessions, rules, standard: nil, now: now)
        #expect(decision.gone == [])
        // Too large: those that no rule keeps longer go first.
        decision = KeepingDecision(sessions, rules, standard: 7 * Self.day, beyond: 5)
        #expect(decision.gone == ["other", "old", "new"])
        // Without a time for all others they are kept for ever, and no line but that one keeps longer.
        #expect(KeepingDecision(sessions, rules, standard: nil, beyond: 5).gone == ["other", "old", "new"])
    }

    /// Sessions that ended so many days ago.
    private func sample(_ number: Int, _ kind: (Int) -> SampleSession, days: Int64) -> SampleSession {
        var sample = kind(number)
        sample.info.start = System.wallClock() - days * Self.day
        return sample
    }

    private func record(
        _ scratch: RecorderScratch, _ samples: [SampleSession], rules: [String], age: Int64? = nil,
        octets: Int64? = nil,
        until isDone: (Recorder) throws -> Bool = { _ in true }
    ) throws {
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = key
        settings.keeping = KeepingPolicy(
            octets: octets, age: age.map { $0 * Self.day }, rules: try rules.map { try KeepingRule($0) })
        let recorder = try Recorder(settings)
        for sample in samples { recorder.append(sample.events) }
        try until { try isDone(recorder) }
        recorder.close()
    }

    private func ids(_ samples: [SampleSession]) -> Set<String> { Set(samples.map(\.info.id)) }

    @Test func sessionsAreTakenOutOfASegment() throws {
        let scratch = try RecorderScratch()
        let (kept, gone) = (
            (1...9).map { sample($0, { .smtp($0) }, days: 20) }, (10...30).map { sample($0, { .imap($0) }, days: 20) }
        )
        let mixed = zip(kept, gone).flatMap { [$0, $1] } + gone.dropFirst(kept.count)
        try scratch.record(mixed, key: key)
        let path = scratch.segments[0]
        let before = try RecorderScratch.contents(path)
        let streams = try RecordedStreams([path])
        try record(scratch, [sample(99, { .pop3($0) }, days: 0)], rules: ["90 days: smtp"], age: 7) { _ in
            try RecordingIndex(directory: scratch.path).sessions().count == kept.count + 1
        }
        // What is there is as it was, what is not there is nowhere.
        let after = try RecordedStreams([path])
        for session in kept {
            #expect(after.clientOctets[session.info.id] == streams.clientOctets[session.info.id])
            #expect(after.serverOctets[session.info.id] == streams.serverOctets[session.info.id])
        }
        #expect(Set(after.clientOctets.keys) == ids(kept))
        #expect(after.holes == 0 && after.wrongChecksums == 0)
        let octets = try RecorderScratch.contents(path)
        #expect(octets.count < before.count)
        for session in gone { #expect(octets.firstRange(of: Array(session.info.id.utf8)) == nil) }
        #expect(System.names(in: scratch.path).filter { ThinnedSegment.isPart($0) } == [])
        // The chain says so, and changes are still named.
        let (findings, summary) = try scratch.verify(keys: [key.publicKey])
        #expect(summary.faults == 0, "\(findings.flatMap(\.faults))")
        let thinned = try #require(findings.first { $0.state == .thinned })
        #expect(thinned.note.hasPrefix("21 sessions older than 7 days"), "\(thinned.note)")
        #expect(thinned.octets == octets.count)
        try RecorderScratch.write(before, to: path)
        #expect(try scratch.faults() == [.kept])
        var changed = octets
        changed[octets.count / 2] ^= 4
        try RecorderScratch.write(changed, to: path)
        #expect(try scratch.faults() == [.changed])
        try RecorderScratch.write(octets, to: path)
        // The index says where they are now.
        let index = try RecordingIndex(directory: scratch.path)
        for session in kept {
            let place = try #require(try index.extents(of: session.info.id).first { $0.extent.leg == .client })
            let scan = try SegmentScan(path: path, number: 1)
            let found = scan.sessions.first { $0.info.id == session.info.id }
            #expect(found?.extents[.client] == place.extent)
        }
        for session in gone { #expect(try index.session(session.info.id) == nil) }
        #expect(try index.exchanges(of: gone[0].info.id).isEmpty)
        let tshark = try RecorderScratch.run(
            "/usr/bin/tshark", ["-n", "-r", path, "-Y", "imap", "-T", "fields", "-e", "frame.number"])
        #expect(tshark.status == 0 && tshark.output == "")
    }

    /// Whoever is killed between the chain and the files, or between the files and the index, leaves it to the next.
    @Test(arguments: ["chain", "seals", "segment"])
    func whatWasInterruptedIsFinished(_ stage: String) throws {
        let scratch = try RecorderScratch()
        let (kept, gone) = (
            (1...5).map { sample($0, { .smtp($0) }, days: 20) }, (10...20).map { sample($0, { .imap($0) }, days: 20) }
        )
        try scratch.record(kept + gone, key: key)
        let path = scratch.segments[0]
        let name = RecordingDirectory.segments(in: scratch.path)[0].name
        let saved = try System.names(in: scratch.path).map {
            ($0, try RecorderScratch.contents(scratch.path + "/" + $0))
        }
        let rules = ["90 days: smtp"]
        try record(scratch, [], rules: rules, age: 7) { _ in
            try RecordingIndex(directory: scratch.path).sessions().count == kept.count
        }
        let thinned = try RecorderScratch.contents(path)
        let seals = try RecorderScratch.contents(scratch.path + "/" + SegmentSeals.name(for: name))
        // As it was before, but for the chain.
        for (file, octets) in saved where file != ChainEntry.fileName {
            try RecorderScratch.write(octets, to: scratch.path + "/" + file)
        }
        for suffix in ["-wal", "-shm"] { unlink(scratch.path + "/" + RecordingDirectory.indexName + suffix) }
        let parts = ThinnedSegment.parts(name)
        switch stage {
        case "chain":
            try RecorderScratch.write(thinned, to: scratch.path + "/" + parts.segment)
            try RecorderScratch.write(seals, to: scratch.path + "/" + parts.seals)
        case "seals":
            try RecorderScratch.write(thinned, to: scratch.path + "/" + parts.segment)
            try RecorderScratch.write(seals, to: scratch.path + "/" + SegmentSeals.name(for: name))
        default:
            try RecorderScratch.write(thinned, to: path)
            try RecorderScratch.write(seals, to: scratch.path + "/" + SegmentSeals.name(for: name))
        }
        try record(scratch, [], rules: [])
        #expect(try scratch.faults() == [])
        #expect(try RecorderScratch.contents(path) == thinned)
        let index = try RecordingIndex(directory: scratch.path)
        #expect(Set(try index.sessions().map(\.info.id)) == ids(kept))
        for session in kept {
            let place = try #require(try index.extents(of: session.info.id).first)
            #expect(place.extent.end <= Int64(thinned.count))
        }
        #expect(System.names(in: scratch.path).filter { ThinnedSegment.isPart($0) } == [])
    }

    @Test func aSegmentOfNothingElseIsRemoved() throws {
        let scratch = try RecorderScratch()
        try scratch.record((1...5).map { sample($0, { .imap($0) }, days: 20) }, key: key)
        let path = scratch.segments[0]
        try record(scratch, [sample(9, { .smtp($0) }, days: 0)], rules: ["1 day: imap"]) { _ in
            access(path, F_OK) != 0 && !scratch.segments.isEmpty
        }
        #expect(scratch.segments.count == 1)
        let (findings, summary) = try scratch.verify()
        #expect(summary.faults == 0)
        #expect(
            findings.contains { $0.state == .removed && $0.note.contains("5 sessions older than 1 day (1 day: imap)") })
    }

    /// When there is too much, those that are worth more stay until nothing else is left.
    @Test func tooMuchTakesTheOthersFirst() throws {
        let scratch = try RecorderScratch()
        var samples: [SampleSession] = []
        for number in 1...60 { samples.append(number % 6 == 0 ? .imap(number) : .smtp(number)) }
        try scratch.record(samples, key: key) { $0.segmentBytes = 9_000 }
        let first = scratch.segments.count
        #expect(first > 4)
        try record(scratch, [.pop3(900)], rules: ["forever: imap"], octets: 40_000) { _ in
            try RecordingIndex(directory: scratch.path).sessions().count < 40
        }
        let left = try RecordingIndex(directory: scratch.path).sessions()
        #expect(left.count { $0.info.mailProtocol == .imap } == 10)
        #expect(left.count { $0.info.mailProtocol == .smtp } < 40)
        #expect(try scratch.faults() == [])
    }

    @Test func sessionsThatAreNotReadYetStay() throws {
        let scratch = try RecorderScratch()
        try scratch.record([sample(1, { .imap($0) }, days: 20), sample(2, { .smtp($0) }, days: 20)], key: key)
        try Database(path: scratch.path + "/" + RecordingDirectory.indexName, .readWrite).execute(
            "UPDATE sessions SET settled = 0")
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try index.sessions(ofSegment: 1, [try KeepingRule("1 day: imap")]) == nil)
        try Database(path: scratch.path + "/" + RecordingDirectory.indexName, .readWrite).execute(
            "UPDATE sessions SET settled = 1")
        let found = try #require(
            try index.sessions(ofSegment: 1, [try KeepingRule("1 day: imap"), try KeepingRule("1 day: smtp")]))
        #expect(found.map(\.rule) == [0, 1])
    }
}
