// The messages of Tests/Transcripts/message: what is said of each, in every split, and that each flaw of the table is said
// somewhere.

import Foundation
import Testing

@testable import MailMessage

@Suite struct MessageTranscriptTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Transcripts/message").standardized

    static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasSuffix(".txt") }
        .sorted()

    static func transcripts(_ name: String) -> [MessageTranscript] {
        let text = FileManager.default.contents(atPath: folder.appendingPathComponent(name).path) ?? Data()
        return MessageTranscript.parse(String(decoding: text, as: UTF8.self))
    }

    private func report(_ transcript: MessageTranscript, pieces: [ArraySlice<UInt8>]) -> MessageReport {
        var inspector = MessageInspector()
        for piece in pieces { inspector.feed(piece) }
        return inspector.finish(isComplete: !transcript.isCut)
    }

    /// Pieces of one size.
    private func cut(_ octets: [UInt8], every size: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: octets.count, by: size).map { octets[$0..<min($0 + size, octets.count)] }
    }

    @Test func thereAreTranscripts() {
        #expect(Self.names.count >= 12)
        #expect(Self.names.allSatisfy { !Self.transcripts($0).isEmpty })
    }

    @Test(arguments: names) func verdicts(name: String) {
        for transcript in Self.transcripts(name) {
            let whole = report(transcript, pieces: [transcript.octets[...]])
            let said = transcript.verdicts(of: whole)
            if Set(said) != Set(transcript.verdicts) || said.count != transcript.verdicts.count {
                Issue.record(
                    """
                    \(transcript.title)
                    expected: \(transcript.verdicts.joined(separator: "\n    "))
                    said: \(said.joined(separator: "\n    "))
                    """)
            }
            #expect(MessageStructure.parse(transcript.octets) == whole.structure, "\(transcript.title)")
        }
    }

    @Test(arguments: names) func sameInEverySplit(name: String) {
        for transcript in Self.transcripts(name) {
            let octets = transcript.octets
            let whole = report(transcript, pieces: [octets[...]])
            // Large ones are cut everywhere only into small pieces.
            let isLarge = octets.count > 4_000
            for size in octets.count > 200_000 ? [1_000, 4_096] : [1, 2, 3, 7, 1_009] {
                #expect(report(transcript, pieces: cut(octets, every: size)) == whole, "\(transcript.title) by \(size)")
            }
            for place in isLarge ? [] : Array(0...octets.count) {
                let isSame = report(transcript, pieces: [octets[..<place], octets[place...]]) == whole
                if !isSame { Issue.record("\(transcript.title) cut at \(place)") }
            }
        }
    }

    @Test func everyFlawIsSaidSomewhere() {
        var missing = Set(MessageFlaw.all.map(\.code))
        for name in Self.names {
            for verdict in Self.transcripts(name).flatMap(\.verdicts) where verdict.hasPrefix("flaw ") {
                missing.remove(String(verdict.split(separator: " ")[1]))
            }
        }
        #expect(missing.isEmpty)
    }

    @Test func tableOfFlaws() {
        #expect(MessageFlaw.all.count >= 90)
        #expect(Set(MessageFlaw.all.map(\.code)).count == MessageFlaw.all.count)
        #expect(MessageFlaw(rawValue: "message-none") == nil)
        for flaw in MessageFlaw.all {
            #expect(["message", "header", "mime"].contains { flaw.code.hasPrefix($0 + "-") }, "\(flaw)")
            #expect(flaw.section.wholeMatch(of: /RFC \d{4} §\d+(\.\d+)*/) != nil, "\(flaw)")
            #expect(flaw.meaning.hasSuffix(".") && flaw.meaning.count > 20, "\(flaw)")
            #expect(!flaw.example.isEmpty, "\(flaw)")
            #expect(MessageFlaw(rawValue: flaw.code) == flaw)
        }
    }
}
