// Sessions that carry the collected messages of others, in DATA, APPEND and FETCH: the copy has their sizes, lines and structure, what a server
// tells of a message is true of its copy, and nothing of the original is left.

import Foundation
import MailDialogue
import MailMessage
import Testing

@testable import MailRecording

struct CollectedSessionsTests {
    private typealias Turn = (side: Side, octets: [UInt8])

    private static func line(_ side: Side, _ text: String) -> Turn { (side, Array((text + "\r\n").utf8)) }

    /// As a client sends it: lines end with CR LF, and dots at their beginning are doubled.
    private static func data(_ message: [UInt8]) -> [Turn] {
        var sent: [UInt8] = []
        for line in message.split(separator: 10, omittingEmptySubsequences: false) {
            if line.first == 46 { sent.append(46) }
            sent += (line.last == 13 ? line.dropLast() : line) + [13, 10]
        }
        return [
            line(.server, "220 mx.collected.example ESMTP"), line(.client, "EHLO sender.collected.example"),
            line(.server, "250 mx.collected.example"),
            line(.client, "MAIL FROM:<ada@collected.example> SIZE=\(sent.count)"),
            line(.server, "250 2.1.0 Ok"), line(.client, "RCPT TO:<grace@collected.example>"),
            line(.server, "250 2.1.5 Ok"), line(.client, "DATA"),
            line(.server, "354 End data with <CR><LF>.<CR><LF>"), (.client, sent + Array(".\r\n".utf8)),
            line(.server, "250 2.0.0 Ok: queued as 4ZxCollected"), line(.client, "QUIT"),
            line(.server, "221 2.0.0 Bye"),
        ]
    }

    private static func append(_ message: [UInt8]) -> [Turn] {
        [
            line(.server, "* PREAUTH ready"), line(.client, "a APPEND Collected (\\Seen) {\(message.count)}"),
            line(.server, "+ OK"), (.client, message + [13, 10]),
            line(.server, "a OK [APPENDUID 1795697336 3] Append completed."), line(.client, "b LOGOUT"),
            line(.server, "* BYE Logging out"), line(.server, "b OK Logout completed."),
        ]
    }

    /// What a server says of a message before it sends it.
    private static func told(of message: [UInt8]) -> [UInt8] {
        let structure = MessageStructure.parse(message)
        return Array("RFC822.SIZE \(message.count) ENVELOPE ".utf8)
            + structure.envelope(of: structure.root, in: message).imapBytes + Array(" BODYSTRUCTURE ".utf8)
            + structure.imapBytes(isExtended: true, of: message)
    }

    private static func fetch(_ message: [UInt8]) -> [Turn] {
        [
            line(.server, "* PREAUTH ready"), line(.client, "a SELECT Collected"), line(.server, "* 1 EXISTS"),
            line(.server, "a OK [READ-WRITE] Select completed."),
            line(.client, "b FETCH 1 (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"),
            (
                .server,
                Array("* 1 FETCH (UID 7 ".utf8) + told(of: message) + Array(" BODY[] {\(message.count)}\r\n".utf8)
                    + message + Array(")\r\n".utf8)
            ),
            line(.server, "b OK Fetch completed."), line(.client, "c LOGOUT"), line(.server, "* BYE Logging out"),
            line(.server, "c OK Logout completed."),
        ]
    }

    /// Pieces of messages as they came, one behind the other.
    private static func content(_ notes: [Note]) -> [UInt8] {
        notes.flatMap { note -> [UInt8] in note.element == .content ? Array(note.raw) : [] }
    }

    /// The message of a FETCH response, which is its last literal, and what is told before it.
    private static func fetched(_ copied: Copied, _ size: Int) -> (message: [UInt8], told: [UInt8])? {
        let said = copied.after.turns.filter { $0.side == .server }.flatMap(\.octets)
        guard let start = said.firstRange(of: Array("(UID 7 ".utf8)),
            let end = said.firstRange(of: Array(" BODY[] {\(size)}\r\n".utf8)), said.count >= end.upperBound + size,
            start.upperBound <= end.lowerBound
        else { return nil }
        return (
            Array(said[end.upperBound..<(end.upperBound + size)]), Array(said[start.upperBound..<end.lowerBound])
        )
    }

    /// What a server tells of these is not quite what it would tell of the copy: unquoted blanks and backslashes in names of files, encoded
    /// words within words, percent signs folded over lines, blanks around the dots of a domain, a boundary that begins another one.
    private static let known = [
        "multi-2evil.msg.eml", "attachment_with_unquoted_name.eml", "japanese_attachment_long_name.eml",
        "feedback-report.txt.eml", "rfc2822_example11.eml", "rfc2822_example13.eml", "legacy_035.eml", "legacy_039.eml",
        "malformed_004.eml", "malformed_007.eml",
    ]

    @Test func collectedMessagesInEachCarrier() throws {
        let root = Cases.root.appendingPathComponent("eml")
        let files = (FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? [])
            .filter { $0.hasSuffix(".eml") }.sorted()
        let isNamed = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] != nil
        #expect(isNamed ? files.count > 100 : files.isEmpty || files.count > 100)
        var untrue: [String] = []
        var whole = 0
        for file in files {
            let message = try [UInt8](Data(contentsOf: root.appendingPathComponent(file)))
            guard message.count <= 8_192 else { continue }
            whole += 1
            let sent = Copied(Spoken(Self.data(message), .smtp), .smtp)
            sent.expectSame(named: "DATA of \(file)")
            let appended = Copied(Spoken(Self.append(message), .imap), .imap)
            appended.expectSame(named: "APPEND of \(file)")
            let read = Copied(Spoken(Self.fetch(message), .imap), .imap)
            read.expectSame(named: "FETCH of \(file)")
            guard let fetched = Self.fetched(read, message.count) else {
                Issue.record("\(file): FETCH has no message")
                continue
            }
            let isSame = Self.content(appended.after.notes) == fetched.message
            #expect(isSame, "\(file): APPEND and FETCH have other copies")
            guard Self.told(of: fetched.message) != fetched.told else { continue }
            if !Self.known.contains(where: { file.hasSuffix($0) }) { untrue.append(file) }
        }
        #expect(untrue == [], "\(untrue.count) of \(whole)")
    }
}
