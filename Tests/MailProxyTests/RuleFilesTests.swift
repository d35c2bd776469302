// Rule files on disk: which are read, in which order, and what a mistake says.

import Foundation
import Testing

@testable import MailProxy

@Suite struct RuleFilesTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("rules-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private func rule(_ name: String) -> String { "rules: [{name: \(name), when: smtp, then: [close]}]" }

    @Test("A directory gives its rule files in the order of their names")
    func directory() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("20-b.yaml", rule("b"))
        try write("10-a.yml", rule("a"))
        try write("30-c.test", "no rules")
        try write(".hidden.yaml", "no rules")
        #expect(try RuleFiles.load([folder]).rules.map(\.name) == ["a", "b"])
        #expect(try RuleFiles.load([folder + "/"]).count == 2)
        #expect(try RuleFiles.load(["\(folder)/20-b.yaml", "\(folder)/10-a.yml"]).rules.map(\.name) == ["b", "a"])
        #expect(try RuleFiles.load([]).isEmpty)
    }

    @Test("A mistake is one line with file, line and column, status 2")
    func mistake() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("x.yaml", "rules:\n  - name: x\n    when: smtp and usr\n    then: [close, clse]\n")
        do {
            _ = try RuleFiles.load([folder])
            Issue.record("loaded")
        } catch let error as CLIError {
            #expect(error.exit == 2)
            #expect(
                error.message == "\(folder)/x.yaml:3:20: error: unknown field 'usr' (did you mean 'user'?) "
                    + "(and 1 more, see 'mailproxy rules check')")
        }
    }

    @Test("What is not there or no text is said in one line")
    func unreadable() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data([0xff, 0xfe, 0x00]).write(to: URL(fileURLWithPath: "\(folder)/x.yaml"))
        for path in ["\(folder)/none.yaml", "\(folder)/x.yaml"] {
            do {
                _ = try RuleFiles.load([path])
                Issue.record("loaded")
            } catch let error as CLIError {
                #expect(error.exit == 2 && error.message.contains(path) && !error.message.contains("\n"))
            }
        }
    }
}
