// A key log that is read on: what it holds at the beginning, what is written then, and lines that are written in parts.

import Foundation
import Testing

@testable import MailProxy

@Suite struct GrowingKeyLogTests {
    private static func lines(_ numbers: Range<Int>) -> String {
        numbers.map {
            String(format: "CLIENT_RANDOM %064x ", $0) + String(repeating: "ab", count: 48) + "\n"
        }.joined()
    }

    private func append(_ text: String, _ folder: ExportFolder) throws {
        let file = try #require(FileHandle(forWritingAtPath: folder.path + "/keys"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    private func rest(_ keys: GrowingKeyLog) -> String {
        var all: [UInt8] = []
        while let lines = keys.more(0, isLast: true) { all += lines }
        return String(decoding: all, as: UTF8.self)
    }

    /// However large it is, what it has at the beginning is known before the first packet.
    @Test func allOfTheBeginningIsRead() throws {
        let folder = try ExportFolder()
        try folder.write(Self.lines(0..<4_000), "keys")
        let keys = try GrowingKeyLog(folder.path + "/keys")
        #expect(keys.log.count == 4_000 && keys.log.isGrowing)
        try append(Self.lines(4_000..<4_001), folder)
        #expect(rest(keys) == Self.lines(4_000..<4_001))
    }

    @Test func aLineIsReadWhenItIsWhole() throws {
        let folder = try ExportFolder()
        let line = Self.lines(1..<2)
        try folder.write(line + String(line.prefix(100)), "keys")
        let keys = try GrowingKeyLog(folder.path + "/keys")
        #expect(keys.log.count == 1)
        #expect(keys.more(0) == nil)
        try append(String(line.dropFirst(100)) + "CLIENT", folder)
        #expect(keys.more(100_000).map { String(decoding: $0, as: UTF8.self) } == line)
        #expect(keys.more(200_000) == nil)
    }

    /// Editors leave such files, and programs that were killed.
    @Test func theLastLineMayLackItsEnd() throws {
        let folder = try ExportFolder()
        try folder.write("", "keys")
        let keys = try GrowingKeyLog(folder.path + "/keys")
        let text = String(Self.lines(1..<3).dropLast())
        try append(text, folder)
        #expect(rest(keys) == text)
        #expect(rest(keys).isEmpty)
    }

    /// Octets without a line, more than are read at once, hide nothing that comes behind them.
    @Test func whatIsNoLineIsSteppedOver() throws {
        let folder = try ExportFolder()
        try folder.write("", "keys")
        let keys = try GrowingKeyLog(folder.path + "/keys")
        try append(String(repeating: "x", count: 700_000) + "\n" + Self.lines(1..<2), folder)
        #expect(rest(keys).hasSuffix("\n" + Self.lines(1..<2)))
    }

    @Test func oneThatIsWrittenAnewIsReadAnew() throws {
        let folder = try ExportFolder()
        try folder.write(Self.lines(0..<10), "keys")
        let keys = try GrowingKeyLog(folder.path + "/keys")
        try folder.write(Self.lines(20..<21), "keys")
        #expect(rest(keys) == Self.lines(20..<21))
    }
}
