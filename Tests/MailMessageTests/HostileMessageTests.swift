// Messages made to hurt: what must hold of any octets, on generated ones, on damaged ones, and on the collected cases.

import Foundation
import TestSupport
import Testing

@testable import MailMessage

/// What holds of the structure of any octets; the first thing that does not, nil when all holds.
private func fault(_ structure: MessageStructure, of message: [UInt8]) -> String? {
    guard !structure.parts.isEmpty, structure.parts.count <= MessageStructure.maximumParts else {
        return "number of parts"
    }
    guard structure.size == message.count, structure.root.body.upperBound == message.count else { return "size" }
    for (number, part) in structure.parts.enumerated() {
        guard part.header.lowerBound >= 0, part.header.upperBound == part.body.lowerBound,
            part.body.upperBound <= message.count,
            part.depth <= MessageStructure.maximumDepth
        else { return "offsets of part \(number)" }
        guard part.lines == Octets.count(10, in: message[part.body]) else { return "lines of part \(number)" }
        var end = part.body.lowerBound
        for child in part.children {
            guard child > number, structure.parts.indices.contains(child), structure.parts[child].parent == number
            else {
                return "children of part \(number)"
            }
            let inner = structure.parts[child]
            guard inner.header.lowerBound >= end, inner.body.upperBound <= part.body.upperBound else {
                return "place of part \(child)"
            }
            end = inner.body.upperBound
        }
    }
    return nil
}

/// Everything that this module does with a message.
private func exercise(_ message: [UInt8]) -> String? {
    let structure = MessageStructure.parse(message)
    if let fault = fault(structure, of: message) { return fault }
    let full = structure.imapBytes(isExtended: true, of: message)
    guard structure.imapBytes(isExtended: false, of: message).count <= full.count else {
        return "BODY beyond BODYSTRUCTURE"
    }
    guard full.count(where: { $0 == 0 }) == 0 else { return "NUL" }
    _ = structure.envelope(of: structure.root, in: message).imapBytes
    let header = HeaderBlock(message)
    guard
        Array(header.fields.flatMap(\.raw))
            == Array(message[..<header.length].prefix(header.fields.reduce(0) { $0 + $1.raw.count }))
    else { return "octets of the header" }
    for field in header.fields {
        _ = field.text
        _ = MailDate(parsing: field.body)
        _ = AddressList(parsing: field.body)
        _ = MediaType(parsing: field.body)
    }
    for spec in [
        SectionSpec(part: [1], text: .mime), SectionSpec(part: [1, 1]), SectionSpec(text: .headerFields([[65]])),
    ] {
        _ = structure.section(spec, in: message)
    }
    let report = MessageInspector.inspect(message)
    if let fault = disagreement(report, with: message) { return fault }
    guard inspect(message, sizes: [3, 50, 1_000]) == report else { return "report in pieces" }
    let found = structure.contains(TextNeedle("never in any of these messages"), scope: .message, in: message)
    return found ? "found" : nil
}

@Suite(.serialized) struct HostileMessageTests {
    private static let seeds: [[UInt8]] = [
        message(
            "From: \"a\" <a@example.com>, g: b@example.com;", "Subject: =?utf-8?q?=C3=A4?= =?iso-8859-1?b?5A==?=",
            "Date: Wed, 17 Jul 1996 02:44:25 -0700 (c)",
            "Content-Type: multipart/mixed; boundary=\"b\"; x*0*=utf-8'e'%41; x*1=b", "",
            "--b", "Content-Type: text/plain (c); name=a(1).b", "Content-Transfer-Encoding: quoted-printable", "",
            "a=3D=", "b  ", "--b",
            "Content-Type: message/rfc822", "", "Content-Type: multipart/digest; boundary=bb", "", "--bb", "", "A: 1",
            "", "x", "--bb--",
            "--b", "Content-Transfer-Encoding: base64", "", "aGVs", "bG8=", "--b--", "end"),
        message("", ""),
        octets("no header at all\n\nbody\n"),
    ]

    /// The folder of collected messages: named by the environment, else a folder `cases` in a neighbour of the package.
    private static func folder() -> String? {
        if let named = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] { return named + "/eml" }
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
            .standardized
        let around = package.deletingLastPathComponent().path
        let neighbours = (try? FileManager.default.contentsOfDirectory(atPath: around)) ?? []
        return neighbours.sorted().map { "\(around)/\($0)/cases/eml" }.first {
            FileManager.default.fileExists(atPath: $0)
        }
    }

    /// Messages of public parsers' tests, when they are there, beside the seeds.
    static func cases() -> [(String, [UInt8])] {
        let folder = folder() ?? ""
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        let files = names.filter { $0.hasSuffix(".eml") }.sorted().compactMap { name in
            FileManager.default.contents(atPath: folder + "/" + name).map { (name, Array($0)) }
        }
        return seeds.enumerated().map { ("seed \($0)", $1) } + files
    }

    @Test func collectedCases() {
        for (name, bytes) in Self.cases() {
            #expect(exercise(bytes) == nil, "\(name)")
        }
    }

    @Test func damagedMessages() {
        var generator = Numbers()
        let odd = octets("\r\n\t \"\\()<>@,;:.=?*'-b%/[]\u{0}") + [0x80, 0xC3, 0xFF]
        for round in 0..<1_500 {
            var bytes = Self.seeds[0]
            for _ in 0...(round % 20) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[at] = odd.randomElement(using: &generator) ?? 0
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(odd.randomElement(using: &generator) ?? 0, at: at)
                default: bytes.insert(contentsOf: bytes[(at / 2)..<at], at: at)
                }
                if bytes.count > 4_000 { bytes.removeLast(2_000) }
            }
            if let fault = exercise(bytes) { Issue.record("\(fault): \(bytes)") }
        }
    }

    @Test func everyPrefix() {
        for bytes in Self.seeds {
            for count in 0...bytes.count { #expect(exercise(Array(bytes[..<count])) == nil) }
        }
    }

    /// How many times as long everything may take: `make tsan` says so.
    private static let patience = ProcessInfo.processInfo.environment["MAILPROXY_PATIENCE"].flatMap { Int($0) } ?? 1

    private func bounded(_ limit: Duration, _ work: () -> Void) {
        #expect(processorTime(work) < limit * Self.patience)
    }

    @Test func aHundredThousandFields() {
        let bytes = [UInt8](repeatElement(octets("Subject: x\r\n"), count: 100_000).joined()) + octets("\r\nbody")
        bounded(.seconds(10)) {
            #expect(HeaderBlock(bytes).fields.count == 100_000)
            #expect(MessageStructure.parse(bytes).root.size == 4)
        }
        var scanner = HeaderScanner()
        #expect(scanner.feed(bytes[...]) == .tooLong)
        #expect(scanner.octets.count == HeaderScanner.limit)
    }

    @Test func tenThousandNestedMultiparts() {
        var bytes: [UInt8] = []
        for level in 0..<10_000 {
            bytes += octets("Content-Type: multipart/mixed; boundary=b\(level)_\r\n\r\n--b\(level)_\r\n")
        }
        bounded(.seconds(5)) {
            let structure = MessageStructure.parse(bytes)
            #expect(structure.parts.count == MessageStructure.maximumDepth + 1)
            #expect(structure.parts.last?.content == .opaque)
            #expect(fault(structure, of: bytes) == nil)
            #expect(structure.imapBytes(isExtended: true, of: bytes).count < 20_000)
        }
    }

    @Test func tenThousandNestedMessages() {
        let bytes = [UInt8](repeatElement(octets("Content-Type: message/rfc822\r\n\r\n"), count: 10_000).joined())
        bounded(.seconds(5)) {
            let structure = MessageStructure.parse(bytes)
            #expect(structure.parts.count == MessageStructure.maximumDepth + 1)
            #expect(fault(structure, of: bytes) == nil)
        }
    }

    @Test func aMillionParts() {
        let bytes =
            octets("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
            + [UInt8](repeatElement(octets("--b\r\n\r\nx\r\n"), count: 1_000_000).joined()) + octets("--b--\r\n")
        bounded(.seconds(20)) {
            let structure = MessageStructure.parse(bytes)
            #expect(structure.parts.count == MessageStructure.maximumParts)
            #expect(structure.parts.last?.lines == 3 * (1_000_000 - 9_999))
            #expect(structure.parts.last.map { bytes[$0.body].suffix(1) } == octets("x")[...])
        }
    }

    @Test func aHundredOpenBoundariesThatBeginAlike() {
        var bytes: [UInt8] = []
        let stem = String(repeating: "x", count: 200)
        for level in 0..<100 {
            let boundary = stem + String(repeating: "y", count: level)
            bytes += octets("Content-Type: multipart/mixed; boundary=\(boundary)z\r\n\r\n--\(boundary)z\r\n")
        }
        bytes += [UInt8](repeatElement(octets("--\(stem)w\r\n"), count: 2_000).joined())
        bounded(.seconds(10)) {
            let structure = MessageStructure.parse(bytes)
            #expect(structure.parts.count == 101)
        }
    }

    @Test func oneHugeLineAndOneHugeParameter() {
        let line = [UInt8](repeating: 0x61, count: 2_000_000)
        bounded(.seconds(20)) {
            #expect(MessageStructure.parse(octets("A: ") + line).root.size == 0)
            #expect(
                MessageStructure.parse(octets("Content-Type: multipart/mixed; boundary=") + line + octets("\n\n--"))
                    .root.content == .opaque)
            let many = [UInt8](repeatElement(octets("; n*1*=a'b(c)"), count: 50_000).joined())
            #expect(
                MessageStructure.parse(octets("Content-Type: a/b") + many + octets("\n\n")).root.mediaType.parameters
                    .isEmpty)
        }
    }

    @Test(arguments: [
        "(", "\"", "<", "=?", "=?utf-8?q?", "=?utf-8?q?a?= ", " ", "\r\n ", ";a=", "a*0*=''%", "a(", "a(b)c ", "\\",
        ",", "1-", ":",
    ])
    func hugeFieldBodies(piece: String) {
        let body = [UInt8](repeatElement(octets(piece), count: 30_000).joined())
        for start in ["", "a/b", "text/plain; x=", "x", "1 Jan 2000 "] {
            let field = HeaderField(raw: [], name: [], body: (octets(start) + body)[...])
            bounded(.seconds(5)) {
                #expect(field.text.utf8.count <= 3 * body.count + start.utf8.count)
                #expect(field.value.count <= body.count + start.utf8.count)
                #expect(MediaType(parsing: field.body)?.type != "message")
                #expect(ContentDisposition(parsing: field.body)?.type != "never")
                #expect((MailDate(parsing: field.body)?.seconds ?? 946_684_800) == 946_684_800)
            }
        }
    }
}
