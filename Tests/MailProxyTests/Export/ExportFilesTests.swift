// What is written when sessions are exported, and through what it is not written.

import Foundation
import MailDialogue
import MailMessage
import MailRecording
import Testing

@testable import MailProxy

/// A directory that goes with the test.
final class ExportFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("mailproxy-\(UUID())").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Names in it and below it, sorted.
    var names: [String] { (try? FileManager.default.subpathsOfDirectory(atPath: path).sorted()) ?? [] }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
    }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path + "/" + name)[.posixPermissions] as? Int
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: target)
    }

    func write(_ text: String, _ name: String) throws {
        try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8)
    }
}

@Suite struct ExportFilesTests {
    private func message(
        _ text: String, in folder: ExportFolder, session: String = "s", exchange: Int = 3, ordinal: Int = 1,
        section: String = "", flags: String? = nil, from: String = ""
    ) throws -> ExportedMessage {
        let address = SocketAddress(ip: .v4(0x0A00_0001), port: 40_000)
        let info = SessionInfo(
            id: session, mailProtocol: .imap, start: 0, client: address, server: address, route: "test")
        let octets = Spill(in: folder.path)
        try octets.append(text)
        var record = MessageRecord(exchange: exchange, carrier: .fetch)
        record.bytes = text.utf8.count
        record.complete = true
        record.from = from
        return ExportedMessage(
            info: info, record: record, section: section, flags: flags, time: 1_795_687_200_000_042, octets: octets,
            ordinal: ordinal)
    }

    @Test func aFileHasItsNameWhenItIsWhole() throws {
        let folder = try ExportFolder()
        let path = folder.path + "/out"
        var file: OutputFile? = try OutputFile(path, replaces: false)
        try SpoolFile.write(Array("half".utf8)[...], to: #require(file).descriptor, name: path)
        #expect(folder.names.isEmpty, "what is killed now leaves nothing")
        file = nil
        #expect(folder.names.isEmpty, "what was broken off leaves nothing")
        let whole = try OutputFile(path, replaces: false)
        try SpoolFile.write(Array("whole".utf8)[...], to: whole.descriptor, name: path)
        try whole.publish()
        #expect(folder.names == ["out"] && folder.read("out") == "whole")
        #expect(try folder.mode("out") == 0o600)
        let refused = #expect(throws: CLIError.self) { try OutputFile(path, replaces: false) }
        #expect(refused?.exit == 2 && refused?.message.contains("--force") == true)
        try OutputFile(path, replaces: true).publish()
        #expect(folder.read("out") == "")
    }

    @Test func whatIsReadIsNeverReplaced() throws {
        let folder = try ExportFolder()
        let path = folder.path + "/day.pcap"
        try folder.write("packets", "day.pcap")
        try folder.write("another", "report.html")
        try folder.link("link.pcap", to: path)
        for given in [
            path, folder.path, folder.path + "/../" + (folder.path as NSString).lastPathComponent + "/day.pcap",
        ] {
            let refused = #expect(throws: CLIError.self) { try OutputFile.refuse(path, readFrom: [given]) }
            #expect(refused?.exit == 2 && refused?.message.contains("is read from") == true)
        }
        #expect(throws: CLIError.self) { try OutputFile.refuse(folder.path + "/link.pcap", readFrom: [path]) }
        // What stands beside captures may be replaced, but for what belongs to a recording.
        try OutputFile.refuse(folder.path + "/report.html", readFrom: [folder.path])
        try folder.write("", "chain.jsonl")
        #expect(throws: CLIError.self) { try OutputFile.refuse(folder.path + "/chain.jsonl", readFrom: [folder.path]) }
        try OutputFile.refuse(folder.path + "/new.html", readFrom: [folder.path])
        #expect(throws: CLIError.self) { try OutputFile("", replaces: false) }
    }

    /// In a container each process may have the same number, also as the one that was killed before.
    @Test func whatAKilledProgramLeftIsInNobodysWay() throws {
        let folder = try ExportFolder()
        for number in 1...4_000 { try folder.write("left", ".mailproxy-\(getpid())-\(number).part") }
        try folder.write("an older one", "out")
        try OutputFile(folder.path + "/out", replaces: true).publish()
        #expect(folder.read("out") == "")
        let spill = Spill(in: folder.path)
        try spill.append([UInt8](repeating: 1, count: 300_000)[...])
        try spill.publish(as: folder.path + "/large", replaces: false)
        #expect(folder.read("large")?.utf8.count == 300_000)
    }

    /// It is said before anything is written.
    @Test func aNameThatCanNotBe() throws {
        let folder = try ExportFolder()
        let path = folder.path + "/" + String(repeating: "x", count: 300)
        let refused = #expect(throws: CLIError.self) { try OutputFile(path, replaces: true) }
        #expect(refused?.exit == 2 && refused?.message.contains("cannot write") == true)
    }

    /// Somebody was faster.
    @Test func aFileThatCameMeanwhileStays() throws {
        let folder = try ExportFolder()
        let file = try OutputFile(folder.path + "/out", replaces: false)
        try folder.write("another's", "out")
        #expect(throws: CLIError.self) { try file.publish() }
        #expect(folder.read("out") == "another's")
    }

    @Test func nothingIsWrittenThroughALink() throws {
        let folder = try ExportFolder()
        try folder.write("untouched", "target")
        try folder.link("out", to: folder.path + "/target")
        try folder.link("s-3.eml", to: folder.path + "/target")
        #expect(throws: CLIError.self) { try OutputFile(folder.path + "/out", replaces: true) }
        let files = try MessageFiles(folder.path, replaces: false)
        #expect(throws: CLIError.self) { try files.take(message("x", in: folder)) }
        _ = try MessageFiles(folder.path, replaces: true).take(message("x", in: folder))
        #expect(folder.read("target") == "untouched")
        #expect(folder.read("s-3.eml") == "x")
    }

    /// An id of a foreign recording is text of a stranger.
    @Test func messagesStayInTheirDirectory() throws {
        let folder = try ExportFolder()
        let files = try MessageFiles(folder.path + "/out", replaces: false)
        let path = try files.take(message("Subject: x\r\n", in: folder, session: "../../é x"))
        #expect(path == folder.path + "/out/________x-3.eml")
        _ = try files.take(message("2", in: folder, session: "../../é x", ordinal: 2))
        _ = try files.take(message("p", in: folder, session: "a", section: "BODY[2.MIME]"))
        #expect(
            folder.names == ["out", "out/________x-3-2.eml", "out/________x-3.eml", "out/a-3.BODY_2_MIME_.part"])
        #expect(try folder.mode("out") == 0o700)
        #expect(try folder.mode("out/________x-3.eml") == 0o600)
    }

    /// What rests takes no memory when there is much of it, and is the same behind.
    @Test func whatRestedIsTheSame() throws {
        let folder = try ExportFolder()
        func octets(_ number: Int) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 250_000) }
        var spills: [Spill] = []
        for number in 0..<75 {
            let spill = Spill(in: folder.path)
            try spill.append(octets(number)[...])
            try spill.rest()
            try spill.rest()
            spills.append(spill)
        }
        #expect(spills.contains { $0.place != nil })
        #expect(folder.names.isEmpty)
        for (number, spill) in spills.enumerated() {
            if number % 3 == 0 { try spill.append("more") }
            var read: [UInt8] = []
            try spill.read { read += $0 }
            let isSame = read == octets(number) + (number % 3 == 0 ? Array("more".utf8) : [])
            #expect(isSame, "\(number)")
        }
        // What went on has a file of its own from then on: it would be written anew each time. The space is used again.
        let last = try #require(spills.last)
        try last.rest()
        #expect(last.place == nil)
        let fresh = Spill(in: folder.path)
        try fresh.append(octets(1)[...])
        try fresh.rest()
        #expect(fresh.place == 0)
        try last.publish(as: folder.path + "/last", replaces: false)
        #expect(FileManager.default.contents(atPath: folder.path + "/last").map(Array.init) == octets(74))
    }

    @Test func octetsAreTheSameInMemoryAndInAFile() throws {
        let folder = try ExportFolder()
        let spill = Spill(in: folder.path)
        var all: [UInt8] = []
        for number in 0..<300 {
            let piece = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 4001)
            try spill.append(piece[...])
            all += piece
        }
        #expect(spill.count == all.count)
        var read: [UInt8] = []
        try spill.read { read += $0 }
        let isSame = read == all
        #expect(isSame)
        read = []
        try spill.read(262_000..<600_000) { read += $0 }
        let isPart = read == Array(all[262_000..<600_000])
        #expect(isPart)
        try spill.publish(as: folder.path + "/whole", replaces: false)
        #expect(folder.names == ["whole"])
        let isWritten = FileManager.default.contents(atPath: folder.path + "/whole").map(Array.init) == all
        #expect(isWritten)
    }

    @Test func aMaildirHasFlagsAndUniqueNames() throws {
        let folder = try ExportFolder()
        let first = try MaildirFolder(folder.path + "/box")
        let second = try MaildirFolder(folder.path + "/box")
        for target in [first, second] {
            _ = try target.take(message("new", in: folder))
            _ = try target.take(message("seen", in: folder, flags: "FS"))
            _ = try target.take(message("none", in: folder, flags: ""))
        }
        let names = folder.names.filter { $0.contains("=") }
        #expect(names.count == 6)
        #expect(names.count { $0.hasPrefix("box/new/1795687200.M42P") && $0.hasSuffix(",S=3") } == 2)
        #expect(names.count { $0.hasPrefix("box/new/") } == 4)
        #expect(names.count { $0.hasPrefix("box/cur/") && $0.hasSuffix(",S=4:2,FS") } == 2)
        #expect(folder.names.filter { $0.hasPrefix("box/tmp/") }.isEmpty)
    }

    @Test func anMboxTellsWhatHadNoLineEnd() throws {
        let folder = try ExportFolder()
        let target = try MboxFile(folder.path + "/box", replaces: false)
        _ = try target.take(message("From x\r\n\r\nhi\r\n", in: folder, from: "Ann <ann@example.com>"))
        _ = try target.take(message("no end", in: folder))
        try target.finish()
        let date = "Thu Nov 26 10:00:00 2026"
        #expect(
            folder.read("box")
                == "From ann@example.com \(date)\n>From x\r\n\r\nhi\r\n\nFrom MAILER-DAEMON \(date) unterminated\nno end\n\n"
        )
    }

    private static let nested =
        "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\ntext\r\n--a\r\n"
        + "Content-Type: application/pdf; name=\"../x.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--a\r\n"
        + "Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        + "Content-Type: image/png; name=x.pdf\r\n\r\nimage\r\n--b--\r\n--a--\r\n"

    @Test func attachmentsAreDecodedAndCounted() throws {
        let folder = try ExportFolder()
        let out = folder.path + "/out"
        let all = try AttachmentFiles(out, naming: .name, choice: AttachmentChoice(), json: true)
        _ = try all.take(message(Self.nested, in: folder))
        #expect(all.count == 2)
        #expect(folder.names == ["out", "out/x-2.pdf", "out/x.pdf"])
        #expect(folder.read("out/x.pdf") == "hello" && folder.read("out/x-2.pdf") == "image")
        let images = try AttachmentFiles(out, naming: .hash, choice: AttachmentChoice(type: "image/*"), json: false)
        for _ in 0..<2 { _ = try images.take(message(Self.nested, in: folder)) }
        #expect(images.count == 2 && folder.names.count == 4)
        let none = AttachmentChoice(type: nil, name: "*.doc", hash: nil)
        let documents = try AttachmentFiles(out, naming: .name, choice: none, json: false)
        _ = try documents.take(message(Self.nested, in: folder))
        #expect(documents.count == 0)
    }

    @Test func partsHaveTheNumbersOfIMAP() {
        let structure = MessageStructure.parse(Array(Self.nested.utf8))
        let paths = structure.parts.indices.map { AttachmentFiles.path(of: $0, in: structure) }
        #expect(Set(paths) == ["", "1", "2", "3", "3.1"])
        let plain = MessageStructure.parse(Array("a: b\r\n\r\nc".utf8))
        #expect(AttachmentFiles.path(of: 0, in: plain) == "1")
    }
}
