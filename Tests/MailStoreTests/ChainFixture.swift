// What the tests of the chain share: a recording that is signed, and what verify finds of it.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

extension RecorderScratch {
    /// Records sessions, signed, and ends.
    func record(
        _ sessions: [SampleSession], key: ChainKey, _ change: (inout Recorder.Settings) -> Void = { _ in }
    ) throws {
        var settings = Recorder.Settings(directory: path)
        settings.chainKey = key
        change(&settings)
        let recorder = try Recorder(settings)
        for session in sessions { recorder.append(session.events) }
        recorder.close()
    }

    /// What verify finds.
    func verify(
        keys: [ChainPublicKey] = [], expected: ChainHead? = nil
    ) throws -> (findings: [ChainFinding], summary: ChainSummary) {
        var findings: [ChainFinding] = []
        let summary = try ChainVerifier(path, keys: keys, expected: expected) { findings.append($0) }.run()
        return (findings, summary)
    }

    /// The kinds of all faults.
    func faults(keys: [ChainPublicKey] = [], expected: ChainHead? = nil) throws -> [ChainFaultKind] {
        try verify(keys: keys, expected: expected).findings.flatMap { $0.faults.map(\.kind) }
    }

    /// A file's lines.
    func lines(_ name: String) throws -> [String] {
        String(decoding: try Self.contents(path + "/" + name), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func write(_ lines: [String], _ name: String) throws {
        try Self.write(lines.map { $0 + "\n" }.joined().utf8, to: path + "/" + name)
    }
}

/// The blocks of a segment, as their ranges.
func blockRanges(_ octets: [UInt8]) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var place = 0
    while place + 8 <= octets.count {
        let length = (0..<4).reduce(0) { $0 | Int(octets[place + 4 + $1]) << (8 * $1) }
        ranges.append(place..<(place + length))
        place += length
    }
    return ranges
}
