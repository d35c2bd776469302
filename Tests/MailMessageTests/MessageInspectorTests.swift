// The inspector on messages of all kinds: the same report however they are cut, in bounded time and memory, and at one with
// what is read of the whole message.

import Foundation
import TestSupport
import Testing

@testable import MailMessage

/// The report of a message that comes in these pieces.
func inspect(_ message: [UInt8], sizes: [Int], limits: MessageLimits = MessageLimits()) -> MessageReport {
    var inspector = MessageInspector(limits: limits)
    var at = 0
    var turn = 0
    while at < message.count {
        let end = min(at + max(sizes[turn % sizes.count], 1), message.count)
        inspector.feed(message[at..<end])
        at = end
        turn += 1
    }
    return inspector.finish()
}

/// What must hold between a report and the whole message; the first thing that does not, nil when all holds.
func disagreement(_ report: MessageReport, with message: [UInt8]) -> String? {
    let structure = MessageStructure.parse(message)
    guard report.size == message.count, report.structure == structure else { return "structure" }
    let isShort = message.count < MessageLimits().kept
    if isShort {
        guard report.imapStructure(isExtended: true) == structure.imapBytes(isExtended: true, of: message) else {
            return "BODYSTRUCTURE"
        }
        guard report.envelope == structure.envelope(of: structure.root, in: message) else { return "envelope" }
        guard report.header.fields.map(\.raw) == HeaderBlock(message).fields.map(\.raw) else { return "fields" }
    }
    for (number, part) in structure.parts.enumerated() where part.encoding != "x-uuencode" {
        guard part.content == .leaf || part.content == .opaque else { continue }
        guard report.decodedSize(ofPart: number) == structure.decodedBody(of: part, in: message).count else {
            return "decoded size of part \(number)"
        }
    }
    for attachment in report.attachments where attachment.encoding != "x-uuencode" {
        guard attachment.range.upperBound <= message.count, attachment.part < structure.parts.count else {
            return "place of an attachment"
        }
        switch structure.parts[attachment.part].content {
        case .message, .multipart: continue
        case .leaf, .opaque: break
        }
        guard attachment.decoded(from: message).count == attachment.size else { return "size of an attachment" }
    }
    guard Set(report.flaws.map(\.flaw)).count == report.flaws.count else { return "a flaw twice" }
    guard report.flaws.allSatisfy({ 0...message.count ~= $0.offset && $0.count > 0 }) else { return "place of a flaw" }
    guard report.flaws.map(\.offset) == report.flaws.map(\.offset).sorted() else { return "order of flaws" }
    return nil
}

@Suite struct MessageInspectorTests {
    @Test func collectedMessages() {
        var count = 0
        for (name, bytes) in HostileMessageTests.cases() {
            let whole = inspect(bytes, sizes: [bytes.count])
            if let fault = disagreement(whole, with: bytes) { Issue.record("\(name): \(fault)") }
            for sizes in [[1], [2, 300, 1], [1_008, 1, 1_009]] where sizes != [1] || bytes.count < 20_000 {
                if inspect(bytes, sizes: sizes) != whole { Issue.record("\(name) in pieces of \(sizes)") }
            }
            count += 1
        }
        #expect(count >= 3)
    }

    /// Lines of every kind, long bodies of plain ones among them, which are passed over in blocks.
    @Test func generatedMessages() {
        var generator = Numbers()
        let plain = octets("The quick brown fox jumps over the lazy dog.\r\n")
        let lines: [[UInt8]] =
            [
                "--b\r\n", "--b--\r\n", "--bb\r\n", "Content-Type: multipart/mixed; boundary=b\r\n",
                "Content-Type: multipart/mixed; boundary=bb\r\n", "Content-Type: message/rfc822\r\n",
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
                "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n",
                "Content-Transfer-Encoding: binary\r\n", "Content-Transfer-Encoding: x-uuencode\r\n",
                "From: a@example.com\r\n", "Subject: =?utf-8?q?=C3=A4?=\r\n", " folded\r\n", " \r\n", "\r\n", "\r\n",
                "\r\n", "YWJj\r\n", "YQ==\r\n", "a=3D=\r\n", "a= \t\r\n", "begin 644 a\r\n", "#86)C\r\n", "`\r\n",
                "end\r\n",
                "b\n", "x\rx\r\n", "\r\r\n", "\0\r\n", "-\r\n", "ä\r\n",
            ].map(octets) + [[0xFF, 13, 10], [UInt8](repeating: 0x78, count: 1_500) + [13, 10]]
        for round in 0..<400 {
            var bytes: [UInt8] = round % 2 == 0 ? octets("Content-Type: multipart/mixed; boundary=b\r\n") : []
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                let line = lines.randomElement(using: &generator) ?? []
                bytes += line
                if Int.random(in: 0..<6, using: &generator) == 0 {
                    bytes += [UInt8](repeatElement(plain, count: Int.random(in: 0...40, using: &generator)).joined())
                }
            }
            bytes.removeLast(min(bytes.count, Int.random(in: 0...3, using: &generator)))
            let whole = inspect(bytes, sizes: [bytes.count])
            if let fault = disagreement(whole, with: bytes) { Issue.record("\(fault): \(bytes)") }
            let sizes = (0..<4).map { _ in Int.random(in: 1...1_200, using: &generator) }
            for sizes in [[1], [17], sizes] where inspect(bytes, sizes: sizes) != whole {
                Issue.record("pieces of \(sizes): \(bytes)")
            }
        }
    }

    /// A soft line break that belongs to a boundary line took the line end before it along. Found by `damagedMessages`.
    @Test func aSoftLineBreakBeforeABoundary() {
        for body in ["\n=\n", "x\r\n=\r\n", "=\r\n=\r\n", "x\r\n= \r\n"] {
            let message = octets(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                    + body + "--b--\r\n")
            for sizes in [[message.count], [1]] {
                #expect(disagreement(inspect(message, sizes: sizes), with: message) == nil, "\(body.debugDescription)")
            }
        }
    }

    @Test func limits() {
        var limits = MessageLimits()
        limits.field = 20
        limits.header = 100
        limits.kept = 30
        let bytes = octets(
            "Subject: \(String(repeating: "x", count: 50))\r\nFrom: a@example.com\r\nTo: b@example.com\r\nCc: "
                + "c@example.com\r\n\r\nbody\r\n")
        let whole = inspect(bytes, sizes: [bytes.count], limits: limits)
        #expect(whole.flaws.map(\.flaw) == [.fieldTooLong, .headerTooLong])
        #expect(whole.header(ofPart: 0).count == 30)
        #expect(whole.structure.root.size == 6)
        for size in 1..<bytes.count { #expect(inspect(bytes, sizes: [size], limits: limits) == whole) }
    }

    @Test func whatIsMissingAtTheEndIsNotJudged() {
        let bytes = octets(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYW")
        var inspector = MessageInspector()
        inspector.feed(bytes[...])
        let codes = inspector.finish(isComplete: false).flaws.map(\.flaw)
        #expect(codes == [.noDate, .noFrom, .noMessageID, .noMIMEVersion])
        #expect(
            Set(MessageInspector.inspect(bytes).flaws.map(\.flaw)).subtracting(codes)
                == [.base64Padding, .noClosingBoundary])
    }

    @Test func decodedOnDemand() {
        let bytes = message(
            "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: image/png; name=a.png",
            "Content-Transfer-Encoding: base64", "", "aGVsbG8g", "d29ybGQ=", "--b", "", "begin 644 b.txt", "#86)C", "`",
            "end",
            "--b--")
        let found = MessageInspector.inspect(bytes).attachments
        #expect(found.map(\.filename) == ["a.png", "b.txt"])
        #expect(found.map { text($0.decoded(from: bytes)) } == ["hello world", "abc"])
        #expect(found.map(\.size) == [11, 3])
        for attachment in found {
            var decoder = attachment.decoder
            var out: [UInt8] = []
            for octet in bytes[attachment.range] { decoder.feed([octet], into: &out) }
            decoder.finish(into: &out)
            #expect(out == Array(attachment.decoded(from: bytes)))
        }
        // A message that is shorter than the one that was inspected.
        #expect(found[0].decoded(from: Array(bytes.prefix(10))).isEmpty)
    }
}

/// Messages that are made to hurt, through the inspector (cases R7, R9, R10, R11, R13 and R15). The
/// benchmarks have them in full size; here the bounds are as much smaller as a debug build is slower.
@Suite(.serialized) struct HostileInspectionTests {
    private func repeated(_ text: String, _ count: Int) -> [UInt8] {
        [UInt8](repeatElement(octets(text), count: count).joined())
    }

    private static let limits: MessageLimits = {
        var limits = MessageLimits()
        limits.header = 500_000
        limits.kept = 100_000
        return limits
    }()

    private func bounded(_ seconds: Int, _ make: () -> [UInt8], _ check: (MessageReport, [UInt8]) -> Void) {
        let bytes = make()
        var report = MessageInspector.inspect([])
        let time = processorTime { report = inspect(bytes, sizes: [65_536], limits: Self.limits) }
        #expect(time < .seconds(seconds))
        #expect(report.header(ofPart: 0).count <= Self.limits.kept)
        check(report, bytes)
    }

    private func codes(_ report: MessageReport) -> Set<MessageFlaw> { Set(report.flaws.map(\.flaw)) }

    @Test func nestedTenThousandDeep() {
        bounded(60) {
            (0..<10_000).flatMap { octets("Content-Type: multipart/mixed; boundary=b\($0)_\r\n\r\n--b\($0)_\r\n") }
        } _: { report, bytes in
            #expect(report.structure.parts.count == MessageStructure.maximumDepth + 1)
            #expect(codes(report).contains(.tooDeep))
            #expect(report.structure == MessageStructure.parse(bytes))
        }
    }

    @Test func fiftyThousandParts() {
        bounded(60) {
            octets("Content-Type: multipart/mixed; boundary=b\r\n\r\n") + repeated("--b\r\n\r\nx\r\n", 50_000)
        } _: { report, _ in
            #expect(report.structure.parts.count == MessageStructure.maximumParts)
            #expect(report.flaws.first { $0.flaw == .tooManyParts }?.count == 50_000 - 9_999)
        }
    }

    @Test func manyAddressFields() {
        bounded(60) {
            repeated("To: a@example.com\r\n", 25_000)
        } _: { report, _ in
            #expect(codes(report).isSuperset(of: [.twoTo, .noFrom]))
            #expect(report.envelope.to.mailboxes.count > 5_000)
        }
    }

    @Test func hugeFields() {
        bounded(60) {
            octets("Subject: ") + repeated("x", 600_000) + octets("\r\nTo: (") + repeated("a,(", 40_000)
        } _: { report, _ in
            #expect(codes(report).isSuperset(of: [.fieldTooLong, .headerTooLong, .longLine, .truncated]))
            #expect(!codes(report).contains(.openComment))
        }
    }

    @Test func hugeHeader() {
        bounded(60) {
            repeated("X-A: \(String(repeating: "0123456789 ", count: 80))\r\n", 700)
        } _: { report, bytes in
            #expect(codes(report) == [.headerTooLong])
            #expect(report.structure.root.header == 0..<bytes.count)
        }
    }

    @Test(arguments: [
        " =?utf-8?q?a?=\r\n", " =?x?b?!?=", "=?utf-8?q?", "=?", "(", "\"", "<a@", ",", "a@b.example,", ":", "[",
        "a*0*=''%;",
        "; n*1*=a'b(c)", "\\", "\r\n ", "a.b ",
    ])
    func fieldsOfOnePieceOverAndOver(piece: String) {
        bounded(60) {
            [
                "Subject: ", "To: ", "Content-Type: a/b", "Date: ", "Message-ID: <", "MIME-Version: ",
                "Content-Disposition: a",
            ]
            .flatMap { octets($0) + repeated(piece, 12_000 / piece.utf8.count) + octets("\r\n") } + octets("\r\n")
        } _: { report, bytes in
            #expect(disagreement(report, with: bytes) == nil)
        }
    }

    @Test func longReferences() {
        bounded(60) {
            octets("References: ") + repeated("<1@example.com> ", 10_000) + octets("\r\n\r\n")
        } _: { report, _ in
            #expect(codes(report).contains(.fieldTooLong))
        }
    }
}
