// Tests/Conformance.md is true: what it names exists, no row of the conformance list is missing, and rows that a transcript
// names stand there with that transcript.
//
// The list itself stays outside of this repository, as the texts of the RFCs do: MAILPROXY_RFC names its folder. Where it
// is not there the page is held against the repository alone.

import Foundation
import Testing

@Suite struct ConformanceTests {
    /// A row of the page.
    struct Row {
        var id: String
        /// Transcripts and tests.
        var tests: [String]
        var reason: String
    }

    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    private static func page() throws -> [Row] {
        let text = try String(contentsOf: tests.appendingPathComponent("Conformance.md"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 4, isID(cells[1]) else { return nil }
            // What stands in backticks is a test, the rest says why there is none or not all.
            let parts = cells[2].split(separator: "`", omittingEmptySubsequences: false).map(String.init)
            let named = parts.indices.filter { $0 % 2 == 1 }.map { parts[$0] }
            let rest = parts.indices.filter { $0 % 2 == 0 }.map { parts[$0] }.joined()
            return Row(
                id: cells[1], tests: named, reason: rest.trimmingCharacters(in: CharacterSet(charactersIn: " ,;")))
        }
    }

    private static func isID(_ text: some StringProtocol) -> Bool {
        text.count == 6 && ["SM-", "PO-", "IM-", "TL-"].contains { text.hasPrefix($0) }
            && text.suffix(3).allSatisfy(\.isNumber)
    }

    @Test func everyRowHasATestOrAReason() throws {
        let rows = try Self.page()
        #expect(rows.count > 300)
        #expect(Set(rows.map(\.id)).count == rows.count, "a row stands there twice")
        for row in rows { #expect(!row.tests.isEmpty || row.reason.count > 20, "\(row.id) has neither") }
    }

    @Test func everythingNamedExists() throws {
        for row in try Self.page() {
            for test in row.tests {
                let parts = test.split(separator: "#", maxSplits: 1)
                let path = parts.count == 2 ? String(parts[0]) : "Transcripts/\(test).txt"
                let text = try? String(contentsOf: Self.tests.appendingPathComponent(path), encoding: .utf8)
                #expect(text != nil, "\(row.id) names \(path)")
                guard parts.count == 2, let text else { continue }
                #expect(text.contains(parts[1]), "\(row.id): nothing in \(path) is named \(parts[1])")
            }
        }
    }

    /// Scripts/conformance was run when a transcript got an id.
    @Test func rowsThatTranscriptsNameStandWithThem() throws {
        let rows = Dictionary(try Self.page().map { ($0.id, $0.tests) }) { first, _ in first }
        for transcript in try Transcript.load() {
            let text = try String(contentsOf: transcript.url, encoding: .utf8)
            for line in text.split(separator: "\n") where line.hasPrefix("#") {
                for word in line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "-" })
                where Self.isID(word) {
                    #expect(
                        rows[String(word)]?.contains(transcript.description) == true,
                        "\(transcript) names \(word): run Scripts/conformance")
                }
            }
        }
    }

    @Test func noRowOfTheListIsMissing() throws {
        let root = Self.tests.deletingLastPathComponent()
        let folder =
            ProcessInfo.processInfo.environment["MAILPROXY_RFC"].map { URL(fileURLWithPath: $0, relativeTo: root) }
            ?? root.deletingLastPathComponent().appendingPathComponent("shared/rfc")
        let known = Set(try Self.page().map(\.id))
        let list = try? String(contentsOf: folder.appendingPathComponent("conformance.md"), encoding: .utf8)
        guard let list else {
            // A folder that was named must be there.
            #expect(ProcessInfo.processInfo.environment["MAILPROXY_RFC"] == nil, "there is no list in \(folder.path)")
            return
        }
        var listed: Set<String> = []
        for line in list.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let id = cells.first, Self.isID(id) else { continue }
            listed.insert(id)
            #expect(known.contains(id), "\(id) is not in Conformance.md")
        }
        #expect(listed.count > 300)
        for id in known.sorted() { #expect(listed.contains(id), "\(id) is no row of the list") }
    }
}
