// The file of verdicts: it does not grow without end, and nothing that was just written is lost.

import Foundation
import MailDialogue
import MailRecording
import MailSessions
import Testing

@testable import MailProxy

@Suite struct StripTestFileTests {
    private static func report(_ number: Int) throws -> StripReport {
        let line =
            #"{"time":"2026-11-26T08:00:00.000000Z","session":"s\#(number)","route":"r","client":"192.0.2.1","protocol":"imap","#
            + #""implicit_tls":false,"name":null,"hello":null,"account":null,"vector":"expired","verdict":"fell","evidence":"PLAIN"}"#
        return try #require(StripReport(line: line))
    }

    @Test func aFullFileIsPutAway() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = Log(level: "error", json: false)
        // Two writers, as two processes are.
        let files = [0, 1].map { _ in StripTestFile(in: folder.path, log, most: 2_000) }
        for number in 0..<100 { files[number % 2].append(try Self.report(number)) }
        func lines(_ name: String) throws -> [String] {
            try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8).split(separator: "\n")
                .map(String.init)
        }
        let (older, newer) = (try lines("strip-test.jsonl.1"), try lines("strip-test.jsonl"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
        for kept in [older, newer] { #expect(kept.reduce(0) { $0 + $1.utf8.count + 1 } < 2_500) }
        let sessions = (older + newer).compactMap { StripReport(line: $0)?.session }
        #expect(sessions == (100 - sessions.count..<100).map { "s\($0)" })
        #expect(sessions.count > 8)
    }
}
