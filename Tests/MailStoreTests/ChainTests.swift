// The chain of a recording: what it says of a sound one, and each way in which chain, key and files can be other than they were.

import Crypto
import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

struct ChainTests {
    private let key = ChainKey.ephemeral()

    /// Three segments.
    private func recording() throws -> RecorderScratch {
        let scratch = try RecorderScratch()
        for number in 1...3 { try scratch.record((1...5).map { SampleSession.smtp(number * 10 + $0) }, key: key) }
        return scratch
    }

    @Test func aSoundRecording() throws {
        let scratch = try recording()
        let (findings, summary) = try scratch.verify()
        #expect(findings.map(\.state) == [.signed, .signed, .signed, .signed])
        #expect(summary.faults == 0)
        #expect(summary.entries == 4)
        #expect(summary.head?.number == 3)
        #expect(summary.keys == [key.publicKey.text])
        let segment = try RecorderScratch.contents(scratch.segments[0])
        #expect(findings[0].octets == segment.count)
        #expect(findings[0].blocks == blockRanges(segment).count)
        #expect(try RecorderScratch.mode(scratch.path + "/chain.jsonl") == 0o600)
        for line in try scratch.lines("chain.jsonl") where line.contains("\"segment\"") {
            let value = try #require(JSONValue(parsing: line))
            let name = try #require(value["segment"]?.string)
            let octets = try RecorderScratch.contents(scratch.path + "/" + name)
            #expect(value["sha256"]?.string == Hex.text(SHA256.hash(data: octets)))
            #expect(try RecorderScratch.mode(scratch.path + "/" + SegmentSeals.name(for: name)) == 0o600)
        }
    }

    @Test func entriesThatAreGoneOrChanged() throws {
        let scratch = try recording()
        let lines = try scratch.lines("chain.jsonl")
        func faults(_ changed: [String]) throws -> [String] {
            try scratch.write(changed, "chain.jsonl")
            return try scratch.verify().findings.flatMap { $0.faults.map(\.text) }
        }
        var removed = lines
        removed.remove(at: 2)
        let missing = try faults(removed)
        #expect(missing.contains("entries 2 to 2 are missing before line 3"))
        #expect(missing.contains("it has no entry in the chain, and was never signed") == false)
        var swapped = lines
        swapped.swapAt(1, 2)
        #expect(try faults(swapped).contains { $0.contains("line 3 holds entry 1 once more, or out of its place") })
        var edited = lines
        edited[2] = edited[2].replacing("\"blocks\":", with: "\"blocks\":1")
        let edits = try faults(edited)
        #expect(edits.contains("line 3 is not signed by the chain's key"))
        #expect(edits.contains("line 4 does not follow line 3: one of them was changed"))
        #expect(try faults(lines + [lines[3]]).contains { $0.contains("line 5 holds entry 3 once more") })
        #expect(try faults([lines[0], "nonsense"] + lines[1...]).contains("line 2 is none of a chain"))
        #expect(try faults(Array(lines.dropFirst())).contains("line 1 comes before the chain says which key signs"))
        #expect(try faults(lines) == [])
    }

    /// A whole entry at the end can be cut off without a trace in what is left; a segment then has no entry, and a head that was kept
    /// is missed.
    @Test func theEndCutOff() throws {
        let scratch = try recording()
        let lines = try scratch.lines("chain.jsonl")
        let head = try #require(try scratch.verify().summary.head)
        #expect(try scratch.faults(expected: head) == [])
        try scratch.write(Array(lines.dropLast()), "chain.jsonl")
        let last = try #require(scratch.segments.last)
        // Its stretches are signed still.
        #expect(try scratch.verify().findings.contains { $0.state == .open && last.hasSuffix($0.segment ?? "?") })
        unlink(last)
        #expect(try scratch.faults() == [.missing])
        unlink(scratch.path + "/" + SegmentSeals.name(for: String(last.dropFirst(scratch.path.count + 1))))
        #expect(try scratch.faults() == [])
        #expect(try scratch.faults(expected: head) == [.head])
        try scratch.write([], "chain.jsonl")
        #expect(try scratch.faults(expected: head).contains(.head))
    }

    /// A recorder that was killed in the middle of a line leaves half of it, wherever the kill came: no fault, as nobody can tell it from
    /// a line that is not there; but it is told. Other octets there are none of ours.
    @Test func halfALineAtTheEnd() throws {
        let scratch = try recording()
        let lines = try scratch.lines("chain.jsonl")
        let last = try #require(lines.last)
        for count in [1, 5, 20, last.utf8.count / 2, last.utf8.count] {
            try scratch.write(Array(lines.dropLast()), "chain.jsonl")
            let path = scratch.path + "/chain.jsonl"
            try RecorderScratch.write(RecorderScratch.contents(path) + Array(last.utf8.prefix(count)), to: path)
            let found = try scratch.verify()
            #expect(found.findings.flatMap(\.faults) == [], "\(count) octets")
            #expect(found.findings.last?.note.contains("line \(lines.count) was not written to its end") == true)
            for other in ["nonsense", "{\"n\":\(lines.count),\"kind\"", last + "x"] {
                try scratch.write(Array(lines.dropLast()), "chain.jsonl")
                try RecorderScratch.write(RecorderScratch.contents(path) + Array(other.utf8), to: path)
                #expect(try scratch.faults() == [.link], "\(other)")
            }
        }
        // Who records next puts it right.
        try scratch.write(Array(lines.dropLast()), "chain.jsonl")
        let path = scratch.path + "/chain.jsonl"
        try RecorderScratch.write(RecorderScratch.contents(path) + Array(last.utf8.prefix(40)), to: path)
        try scratch.record([.pop3(9)], key: key)
        #expect(try scratch.verify().findings.allSatisfy { $0.faults.isEmpty && $0.state != .open })
    }

    /// Whoever has the key may write all of it anew; not the head that somebody kept.
    @Test func aChainWrittenAnew() throws {
        let scratch = try recording()
        let head = try #require(try scratch.verify().summary.head)
        let other = try RecorderScratch()
        for number in 1...4 { try other.record([.pop3(number)], key: key) }
        #expect(try other.faults() == [])
        #expect(try other.faults(expected: head) == [.head])
        #expect(ChainHead(head.description) == head)
        for bad in ["", "1", "1:", "x:\(head.digest)", "-1:\(head.digest)", "1:\(head.digest)0", "1:\(head.digest):"] {
            #expect(ChainHead(bad) == nil, "\(bad)")
        }
    }

    @Test func segmentsThatAreGoneOrCame() throws {
        let scratch = try recording()
        let (first, second) = (scratch.segments[0], scratch.segments[1])
        let octets = try RecorderScratch.contents(first)
        unlink(first)
        #expect(try scratch.faults() == [.missing])
        try RecorderScratch.write(octets, to: first)
        #expect(try scratch.faults() == [])
        try RecorderScratch.write(octets, to: scratch.path + "/2026-11-23T08-00-00Z-0009.pcapng")
        #expect(try scratch.faults() == [.unsigned])
        unlink(scratch.path + "/2026-11-23T08-00-00Z-0009.pcapng")
        // One in the place of the other.
        let name = String(second.dropFirst(scratch.path.count + 1))
        try RecorderScratch.write(octets, to: second)
        let faults = try scratch.verify().findings.first { $0.segment == name }?.faults ?? []
        #expect(
            !faults.isEmpty && faults.allSatisfy { [.changed, .removed, .inserted, .cut, .added].contains($0.kind) })
    }

    @Test func stretchesThatAreGoneOrChanged() throws {
        let scratch = try recording()
        let name = SegmentSeals.name(for: String(scratch.segments[1].dropFirst(scratch.path.count + 1)))
        let lines = try scratch.lines(name)
        unlink(scratch.path + "/" + name)
        #expect(try scratch.faults() == [.missing])
        try scratch.write(lines.dropLast(), name)
        #expect(try scratch.faults() == [.link])
        try scratch.write(lines, name)
        #expect(try scratch.faults() == [])
    }

    @Test func anotherKey() throws {
        let scratch = try recording()
        #expect(try scratch.faults(keys: [key.publicKey]) == [])
        let other = ChainKey.ephemeral()
        #expect(try scratch.faults(keys: [other.publicKey]) == [.key])
        try scratch.record([.smtp(99)], key: other)
        #expect(try scratch.faults() == [.key])
        #expect(try scratch.faults(keys: [key.publicKey, other.publicKey]) == [])
        #expect(try scratch.verify().summary.keys.count == 2)
    }

    /// A killed recorder leaves a segment without an entry; what was signed of it is checked, and the next recorder goes on.
    @Test func aKilledRecorder() throws {
        let scratch = try recording()
        let last = try #require(scratch.segments.last)
        let lines = try scratch.lines("chain.jsonl")
        let octets = try RecorderScratch.contents(last)
        try scratch.write(lines.dropLast(), "chain.jsonl")
        // It wrote a little more than it had signed.
        try RecorderScratch.write(octets + octets.suffix(40), to: last)
        var finding = try #require(try scratch.verify().findings.first { $0.state == .open })
        #expect(finding.signed == octets.count)
        #expect(finding.octets == octets.count + 40)
        #expect(finding.faults.isEmpty)
        try scratch.record([.imap(77)], key: key)
        finding = try #require(try scratch.verify().findings.first { $0.state == .recovered })
        #expect(finding.octets == octets.count + 40)
        #expect(try scratch.faults() == [])
        // What was changed before the next one began was signed as it is, and stays named by what was signed before.
        try scratch.write(lines.dropLast(), "chain.jsonl")
        var changed = octets
        changed[octets.count / 2] ^= 1
        try RecorderScratch.write(changed, to: last)
        try scratch.write(
            Array(try scratch.lines(SegmentSeals.name(for: name(last, scratch))).prefix(2)),
            SegmentSeals.name(for: name(last, scratch)))
        #expect(try scratch.faults().contains(.changed))
        for path in scratch.segments.dropFirst(3) { unlink(path) }
        try scratch.record([.imap(78)], key: key)
        #expect(try scratch.faults().contains(.changed))
    }

    private func name(_ path: String, _ scratch: RecorderScratch) -> String {
        String(path.dropFirst(scratch.path.count + 1))
    }

    /// Signing goes on in stretches while a segment grows.
    @Test func aSegmentThatGrows() throws {
        let scratch = try RecorderScratch()
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = key
        settings.sync = .always
        let recorder = try Recorder(settings)
        defer { recorder.close() }
        recorder.append(SampleSession.smtp(1).events)
        // At most as long as a signature takes to come due, and a little.
        let deadline = System.monotonicClock() + 20_000_000
        var finding: ChainFinding?
        while System.monotonicClock() < deadline, (finding?.signed ?? 0) < 1_000 {
            finding = try scratch.verify().findings.first { $0.segment != nil }
            sched_yield()
        }
        #expect(finding?.state == .open)
        #expect(finding?.faults == [])
        #expect((finding?.signed ?? 0) > 1_000)
        #expect(finding?.note == "being written")
    }

    /// A disk that takes nothing for a while: signing goes on afterwards, with nothing left out.
    @Test func aFullDisk() throws {
        let scratch = try RecorderScratch()
        let first = Countdown(1)
        let counter = Countdown(3)
        try scratch.record((1...50).map { SampleSession.smtp($0) }, key: key) { settings in
            settings.calls.write = { descriptor, octets in
                // Lines of JSON only, behind the one that names the key: the segment itself is written.
                if octets.first == UInt8(ascii: "{"), !first.takes(), counter.takes() { return -Int(ENOSPC) }
                return Glibc.write(descriptor, octets.baseAddress, octets.count)
            }
        }
        // What could not be signed until the end was signed by the next one.
        try scratch.record([.smtp(60)], key: key)
        #expect(try scratch.faults() == [])
    }

    @Test func keys() throws {
        let scratch = try RecorderScratch()
        #expect(try ChainKey(in: scratch.path) == nil)
        let made = try ChainKey.readOrMake(in: scratch.path)
        #expect(try ChainKey.readOrMake(in: scratch.path).publicKey == made.publicKey)
        let path = ChainKey.path(in: scratch.path)
        #expect(try RecorderScratch.mode(path) == 0o600)
        #expect(ChainPublicKey(made.publicKey.text) == made.publicKey)
        #expect(ChainPublicKey(made.publicKey.pem) == made.publicKey)
        let (status, output, _) = try RecorderScratch.run("/usr/bin/openssl", ["pkey", "-in", path, "-pubout"])
        #expect(status == 0)
        #expect(ChainPublicKey(output) == made.publicKey)
        chmod(path, 0o644)
        #expect(throws: RecorderError.self) { try ChainKey.readOrMake(in: scratch.path) }
        chmod(path, 0o600)
        rename(path, path + ".old")
        symlink(path + ".old", path)
        #expect(throws: RecorderError.self) { try ChainKey.readOrMake(in: scratch.path) }
        unlink(path)
        try RecorderScratch.write("no key".utf8, to: path)
        #expect(throws: RecorderError.self) { try ChainKey.readOrMake(in: scratch.path) }
        for bad in [
            "", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", String(repeating: "=", count: 44),
        ] {
            #expect(ChainPublicKey(bad) == nil)
        }
    }

    /// OpenSSL checks a line, with the public key and nothing of ours.
    @Test func othersCheckALine() throws {
        let scratch = try recording()
        let line = try #require(try scratch.lines("chain.jsonl").last)
        let cut = try #require(line.range(of: ",\"signature\":\""))
        let signature = try #require(SignedLine(Array(line.utf8))).signature
        try RecorderScratch.write((line[..<cut.lowerBound] + "}").utf8, to: scratch.path + "/line")
        try RecorderScratch.write(signature, to: scratch.path + "/signature")
        try RecorderScratch.write(key.publicKey.pem.utf8, to: scratch.path + "/key.pem")
        let (status, output, errors) = try RecorderScratch.run(
            "/usr/bin/openssl",
            [
                "pkeyutl", "-verify", "-pubin", "-inkey", scratch.path + "/key.pem", "-rawin", "-in",
                scratch.path + "/line", "-sigfile", scratch.path + "/signature",
            ])
        #expect(status == 0, "\(output) \(errors)")
    }
}

/// Says yes so many times.
private final class Countdown: @unchecked Sendable {
    private var left: Int
    private var lock = pthread_mutex_t()

    init(_ count: Int) {
        left = count
        pthread_mutex_init(&lock, nil)
    }

    func takes() -> Bool {
        pthread_mutex_lock(&lock)
        defer { pthread_mutex_unlock(&lock) }
        left -= 1
        return left >= 0
    }
}
