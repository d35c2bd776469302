// Closed segments are packed and say the same afterwards; the oldest go when there are too many, and the index and the chain know.

import Glibc
import MailCompression
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

struct SegmentKeeperTests {
    private let key = ChainKey.ephemeral()

    private func names(_ scratch: RecorderScratch, _ suffix: String) -> [String] {
        System.names(in: scratch.path).filter { $0.hasSuffix(suffix) }.sorted()
    }

    /// Waits, without sleeping, for what another thread does.
    private func until(_ isTrue: () throws -> Bool) rethrows {
        let deadline = System.monotonicClock() + 30_000_000
        while try !isTrue(), System.monotonicClock() < deadline { sched_yield() }
    }

    private func content(_ path: String) throws -> [UInt8] {
        let file = try PackedFile(path: path)
        var all: [UInt8] = []
        while true {
            let octets = try file.read(1 << 20)
            if octets.isEmpty { return all }
            all += octets
        }
    }

    @Test func closedSegmentsArePacked() throws {
        let scratch = try RecorderScratch()
        let samples = (1...40).map { [SampleSession.smtp($0), .imap($0 + 100)][$0 % 2] }
        try scratch.record(samples, key: key) { $0.segmentBytes = 9_000 }
        let plain = scratch.segments
        #expect(plain.count > 5)
        let before = try plain.map { try RecorderScratch.contents($0) }
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = key
        settings.keeping = KeepingPolicy(level: 3)
        let recorder = try Recorder(settings)
        recorder.append([.opened(SampleSession.pop3(900).info)])
        until { names(scratch, ".pcapng.zst").count == plain.count }
        // The one that is being written stays as it is.
        until { names(scratch, ".pcapng").count == 1 }
        #expect(names(scratch, ".pcapng").count == 1)
        #expect(names(scratch, ".part").isEmpty)
        recorder.close()
        for (path, octets) in zip(plain, before) {
            #expect(access(path, F_OK) != 0)
            let isSame = try content(path) == octets
            #expect(isSame)
            let (status, output, _) = try RecorderScratch.run("/usr/bin/zstd", ["-q", "-d", "-c", path + ".zst"])
            #expect(status == 0)
            #expect(output.utf8.count >= octets.count)
            #expect(try RecorderScratch.mode(path + ".zst") == 0o600)
        }
        #expect(scratch.segments.dropLast() == plain[...])
        #expect(try scratch.faults() == [])
        // The index goes on to say where the octets are, and a new one says the same.
        let index = try RecordingIndex(directory: scratch.path)
        let place = try #require(try index.extents(of: samples[20].info.id).first)
        let file = try PackedFile(path: place.path)
        try file.seek(to: Int(place.extent.first))
        let head = try file.read(4)
        #expect(head == [6, 0, 0, 0])
        let scan = try SegmentScan(path: plain[0], number: 1)
        #expect(scan.bytes == Int64(before[0].count))
        #expect(!scan.sessions.isEmpty)
    }

    @Test func changesOfAPackedSegmentAreNamed() throws {
        let scratch = try RecorderScratch()
        try scratch.record((1...5).map { .smtp($0) }, key: key)
        let path = scratch.segments[0]
        let original = try RecorderScratch.contents(path)
        try scratch.record([.smtp(9)], key: key) { $0.keeping = KeepingPolicy(level: 1) }
        // A recorder that ends at once may have had no time for it: the next has.
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = key
        settings.keeping = KeepingPolicy(level: 1)
        let recorder = try Recorder(settings)
        until { names(scratch, ".pcapng.zst").count == 2 && names(scratch, ".pcapng").isEmpty }
        recorder.close()
        #expect(try scratch.faults() == [])
        var packed = try RecorderScratch.contents(path + ".zst")
        packed[packed.count / 2] ^= 0x10
        try RecorderScratch.write(packed, to: path + ".zst")
        #expect(try scratch.faults() == [.changed])
        // Somebody unpacks it, takes a block out and packs it again.
        let block = blockRanges(original)[20]
        try RecorderScratch.write(original[..<block.lowerBound] + original[block.upperBound...], to: path + ".x")
        unlink(path + ".zst")
        #expect(try RecorderScratch.run("/usr/bin/zstd", ["-q", path + ".x", "-o", path + ".zst"]).status == 0)
        let faults = try scratch.verify().findings.flatMap(\.faults)
        #expect(faults.map(\.kind) == [.removed])
        #expect(faults.first?.was == block.lowerBound)
    }

    /// Case F15: never more than one segment beyond what may be kept.
    @Test func theOldestAreRemoved() throws {
        let scratch = try RecorderScratch()
        let samples = (1...200).map { SampleSession.smtp($0) }
        let most: Int64 = 60_000
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = key
        settings.segmentBytes = 9_000
        settings.keeping = KeepingPolicy(octets: most)
        let recorder = try Recorder(settings)
        func kept() -> Int {
            System.names(in: scratch.path).filter { $0.contains(".pcapng") || $0.hasSuffix(SegmentSeals.suffix) }
                .reduce(0) { total, name in
                    var status = stat()
                    return total + (stat(scratch.path + "/" + name, &status) == 0 ? Int(status.st_size) : 0)
                }
        }
        for (number, sample) in samples.enumerated() {
            recorder.append(sample.events)
            if number % 10 == 9 { until { kept() < Int(most) + 9_000 + 6_000 } }
        }
        // On a busy machine what was appended may wait to be written: little is kept then, and nothing removed.
        until {
            RecordingDirectory.segments(in: scratch.path).first.map { $0.number > 1 } == true
                && kept() < Int(most) + 9_000 + 6_000
        }
        #expect(kept() < Int(most) + 9_000 + 6_000)
        recorder.close()
        let (findings, summary) = try scratch.verify()
        #expect(summary.faults == 0, "\(findings.flatMap(\.faults))")
        #expect(findings.contains { $0.state == .removed && $0.note.contains("more than 60000 octets") })
        let first = try #require(RecordingDirectory.segments(in: scratch.path).first)
        #expect(first.number > 1)
        // Who comes too late is told what became of a segment, and of no other.
        let removed = findings.filter { $0.state == .removed }.compactMap(\.segment)
        #expect(!removed.isEmpty && removed.allSatisfy { RecordingDirectory.hasRemoved(scratch.path + "/" + $0) })
        #expect(!RecordingDirectory.hasRemoved(scratch.path + "/" + first.name))
        #expect(!RecordingDirectory.hasRemoved(scratch.path + "/2000-01-01T00-00-00Z-0001.pcapng"))
        // The index knows of those that are there, and of no others.
        let index = try RecordingIndex(directory: scratch.path)
        #expect(try !index.isIncomplete)
        let listed = try index.sessions()
        #expect(listed.count < samples.count && !listed.isEmpty)
        for summary in listed {
            let places = try index.extents(of: summary.info.id)
            #expect(!places.isEmpty)
            #expect(places.allSatisfy { $0.extent.segment >= first.number && access($0.path, F_OK) == 0 })
        }
        #expect(listed.last?.info.id == samples.last?.info.id)
        #expect(try index.exchanges(of: samples[0].info.id).isEmpty)
        let last = try index.exchanges(of: samples[199].info.id)
        #expect(!last.isEmpty)
    }

    @Test func oldSegmentsAreRemoved() throws {
        let scratch = try RecorderScratch()
        try scratch.record([.smtp(1)], key: key)
        try scratch.record([.smtp(2)], key: key)
        let old = scratch.segments[0]
        let times = [timespec(tv_sec: 1_000_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 0)]
        #expect(times.withUnsafeBufferPointer { utimensat(AT_FDCWD, old, $0.baseAddress, 0) } == 0)
        var settings = Recorder.Settings(directory: scratch.path)
        settings.chainKey = key
        settings.keeping = KeepingPolicy(level: 3, age: 86_400_000_000 * 30)
        let recorder = try Recorder(settings)
        until { access(old, F_OK) != 0 && names(scratch, ".zst").count == 1 && names(scratch, ".pcapng").isEmpty }
        recorder.close()
        #expect(scratch.segments.count == 1)
        let findings = try scratch.verify().findings
        #expect(findings.first?.state == .removed)
        #expect(findings.first?.note == "older than 30 days")
        #expect(findings.flatMap(\.faults).isEmpty)
        #expect(
            try RecordingIndex(directory: scratch.path).sessions().map(\.info.id) == [SampleSession.smtp(2).info.id])
        // What goes away without a word of the chain is missed.
        unlink(scratch.segments[0] + ".zst")
        #expect(try scratch.faults() == [.missing])
    }
}
