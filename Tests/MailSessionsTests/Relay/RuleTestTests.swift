// The tests beside rule files: the form, what a failure says, and the shipped files with theirs.

import Foundation
import MailRules
import Testing

@testable import MailSessions

@Suite struct RuleTestTests {
    private static let rules = """
        rules:
          - name: no-noop
            when: command == "NOOP"
            then: [{reject: "502 5.5.1 no"}, {tag: nooped}]
        """

    private func run(_ text: String) throws -> [RuleTest.Result] {
        let (rules, problems) = RuleCompiler.compile([RuleFile(name: "x.yaml", text: Self.rules)])
        #expect(problems == [])
        return try RuleTest.parse(text).map { $0.run(rules) }
    }

    @Test("A test that states all passes")
    func passes() throws {
        let results = try run(
            """
            # a comment
            test: refused
            S: 220 hi
            C: NOOP
            = hit no-noop
            = tag nooped
            <- 502 5.5.1 no
            C: RSET
            S: 250 Ok
            """)
        #expect(results == [RuleTest.Result(name: "refused", differences: [])])
    }

    @Test("What was not stated, and what did not come, fails with a diff")
    func fails() throws {
        let results = try run(
            """
            test: unstated hit
            S: 220 hi
            C: NOOP
            <- 502 5.5.1 no

            test: passes unexpectedly
            S: 220 hi
            C: RSET
            <- 502 5.5.1 no
            """)
        #expect(results.map(\.name) == ["unstated hit", "passes unexpectedly"])
        #expect(results[0].differences == ["line 3: the rules", "  + hit no-noop", "  + tag nooped"])
        #expect(
            results[1].differences == [
                "line 8: to the server", "  + RSET", "line 8: to the client", "  - 502 5.5.1 no",
            ])
    }

    @Test(
        "A line that fits no form is named",
        arguments: [
            ("C: x", 1), ("test: a\nprotocol: gopher", 2), ("test: a\n-> x", 2), ("test: a\nC: x\n= what", 3),
            ("test: a\nC: x\nwhat", 3), ("test: a\nC: x\n= connect", 3), ("test: a\nC: x\n= wait long", 3),
        ])
    func malformed(text: String, line: Int) {
        do {
            _ = try RuleTest.parse(text)
            Issue.record("read")
        } catch {
            #expect(error.line == line)
        }
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Rules")
        .resolvingSymlinksInPath()

    @Test("Every shipped rule file has a test beside it, and all pass")
    func shipped() throws {
        let files = try FileManager.default.contentsOfDirectory(at: Self.folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
        #expect(files.count >= 2)
        var all: [RuleFile] = []
        for url in files {
            let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
            let file = RuleFile(name: url.lastPathComponent, text: text)
            all.append(file)
            let (rules, problems) = RuleCompiler.compile([file])
            #expect(problems.map(\.text) == [])
            let test = url.deletingPathExtension().appendingPathExtension("test")
            let tests = try RuleTest.parse(String(decoding: try Data(contentsOf: test), as: UTF8.self))
            #expect(!tests.isEmpty)
            for test in tests { #expect(test.run(rules).differences == [], "\(file.name): \(test.name)") }
        }
        #expect(RuleCompiler.compile(all).problems == [], "all together")
    }
}
