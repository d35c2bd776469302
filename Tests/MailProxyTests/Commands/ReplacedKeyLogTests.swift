// A key log that programs make, write, cut off and replace while it is read.

import Foundation
import MailCapture
import Testing

@testable import MailProxy

@Suite struct ReplacedKeyLogTests {
    private let folder: ExportFolder
    private let path: String

    init() throws {
        folder = try ExportFolder()
        path = folder.path + "/keys"
    }

    private func line(_ digit: Character) -> String {
        "CLIENT_RANDOM \(String(repeating: digit, count: 64)) \(String(repeating: digit, count: 96))\n"
    }

    private func append(_ text: String, to name: String) throws {
        let file = try #require(FileHandle(forWritingAtPath: folder.path + "/" + name))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    private func read(_ log: GrowingKeyLog) -> String {
        var text = ""
        while let lines = log.more(0, isLast: true) { text += String(decoding: lines, as: UTF8.self) }
        return text
    }

    @Test func itMayComeLater() throws {
        let said = Said()
        let log = try GrowingKeyLog(path) { said.texts.append($0) }
        #expect(said.texts == ["--keylog \(path): is not there yet; it is read when it comes"])
        #expect(read(log) == "")
        try folder.write(line("a"), "keys")
        #expect(read(log) == line("a"))
        #expect(read(log) == "" && said.texts.count == 1)
    }

    @Test func anotherInItsPlaceIsRead() throws {
        try folder.write(line("a"), "keys")
        let log = try GrowingKeyLog(path)
        #expect(log.log.count == 1 && read(log) == "")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        #expect(read(log) == "")
        try folder.write(line("b"), "keys")
        // Who has the former file open still writes there.
        try append(line("c"), to: "keys.1")
        #expect(read(log) == line("c") + line("b"))
        for digit in "def012" {
            try FileManager.default.removeItem(atPath: path)
            try folder.write(line(digit), "keys")
            #expect(read(log) == line(digit))
        }
    }

    @Test(arguments: [1, 2, 3]) func whatIsWrittenAnewIsReadFromItsBeginning(_ count: Int) throws {
        try folder.write(line("a") + line("b"), "keys")
        let log = try GrowingKeyLog(path)
        #expect(log.log.count == 2 && read(log) == "")
        // Into the same file, to a smaller size, the same and a greater one.
        let text = "cde".prefix(count).map { line($0) }.joined()
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
        #expect(read(log) == text)
    }

    @Test func aHoleIsNoLine() throws {
        try folder.write(line("a"), "keys")
        let log = try GrowingKeyLog(path)
        #expect(log.log.count == 1 && read(log) == "")
        // The log was copied and cut off, and its writer goes on where it was.
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: 0)
        #expect(read(log) == "")
        try file.seek(toOffset: 1_000_000)
        try file.write(contentsOf: Data(line("b").utf8))
        try file.close()
        #expect(read(log) == line("b"))
    }

    @Test func whatCannotBeOneIsSaid() throws {
        #expect(throws: CLIError.self) { try GrowingKeyLog(folder.path + "/none/keys") }
        #expect(throws: CLIError.self) { try GrowingKeyLog(folder.path) }
        let said = Said()
        let log = try GrowingKeyLog(path) { said.texts.append($0) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(read(log) == "" && read(log) == "")
        #expect(said.texts.count == 2)
        #expect(said.texts.last?.contains("of a live capture it is a file") == true)
    }

    private final class Said {
        var texts: [String] = []
    }
}
