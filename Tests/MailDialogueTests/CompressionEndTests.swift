// Where COMPRESS ends (RFC 8437 §4.1): followed in clear behind every end that is certain, and not followed behind others.

import CZlib
import TestSupport
import Testing

@testable import MailDialogue

@Suite struct CompressionEndTests {
    /// A session under COMPRESS, with the streams of both sides.
    private struct Session {
        var tap: Tap<IMAPDialogue>
        var notes: [Note] = []
        let client: Deflater
        let server: Deflater

        init(level: Int32 = Z_DEFAULT_COMPRESSION) throws {
            tap = Tap(IMAPDialogue())
            client = try Deflater(level: level)
            server = try Deflater(level: level)
            take(.server, "* PREAUTH ready\r\n")
            take(.client, "a1 COMPRESS DEFLATE\r\n")
            take(.server, "a1 OK on\r\n")
        }

        mutating func take(_ side: Side, _ text: String) { take(side, Array(text.utf8)) }

        mutating func take(_ side: Side, _ octets: [UInt8]) { tap.receive(octets, from: side, into: &notes) }

        /// What is said of all octets, by side.
        var said: [[String]] { Side.allCases.map { notes.joined($0).map(\.expectation) } }
    }

    /// How a stream ends.
    enum End: String, CaseIterable {
        case sync, full, finish, flushedThenFinished, flushedTwice

        func close(_ deflater: Deflater, _ text: String) -> [UInt8] {
            let octets = Array(text.utf8)
            switch self {
            case .sync: return deflater.deflate(octets)
            case .full: return deflater.deflate(octets, Z_FULL_FLUSH)
            case .finish: return deflater.deflate(octets, Z_FINISH)
            case .flushedThenFinished: return deflater.deflate(octets) + deflater.deflate([], Z_FINISH)
            // Empty blocks that are stored begin at any octet (RFC 1951 §3.2.4).
            case .flushedTwice: return deflater.deflate(octets) + [0, 0, 0, 255, 255]
            }
        }
    }

    @Test(arguments: End.allCases, [Z_DEFAULT_COMPRESSION, Z_NO_COMPRESSION])
    func theSessionGoesOnInClear(_ end: End, level: Int32) throws {
        var session = try Session(level: level)
        let question = end.close(session.client, "a2 UNAUTHENTICATE\r\n") + Array("b LOGIN bob s3cret\r\n".utf8)
        let answer = end.close(session.server, "a2 OK done\r\n") + Array("b OK in\r\n".utf8)
        let opened = session
        session.take(.client, question)
        session.take(.server, answer)
        #expect(session.tap.dialogue.opaque == nil)
        #expect(
            session.said == [
                [
                    "command a1 COMPRESS #1", "command a2 UNAUTHENTICATE #2",
                    "command b LOGIN #3 credential=LOGIN/bob/s3cret ~ b LOGIN bob ******",
                ],
                [
                    "greeting ok PREAUTH #0 !imap-preauth", "reply ok OK #1", "reply ok OK #2",
                    "reply ok OK #3 login=yes",
                ],
            ])
        // However it is cut.
        for cut in question.indices.dropFirst() {
            var halved = opened
            halved.take(.client, Array(question[..<cut]))
            halved.take(.client, Array(question[cut...]))
            halved.take(.server, answer)
            #expect(halved.said == session.said && halved.tap == session.tap, "a cut of the question at \(cut)")
        }
        for cut in answer.indices.dropFirst() {
            var halved = opened
            halved.take(.client, question)
            halved.take(.server, Array(answer[..<cut]))
            halved.take(.server, Array(answer[cut...]))
            #expect(halved.said == session.said && halved.tap == session.tap, "a cut of the answer at \(cut)")
        }
    }

    /// What is deflated behind the line that was to be the last, in one block with it or in another.
    @Test(arguments: [true, false]) func aStreamThatGoesOnIsNotFollowed(_ inOneBlock: Bool) throws {
        var session = try Session()
        let login = "b LOGIN bob s3cret\r\n"
        var shown = Array(login.utf8)
        if inOneBlock {
            session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\n\(login)".utf8)))
        } else {
            session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\n".utf8)))
            // Behind an end that was possible nothing is inflated any more.
            shown = session.client.deflate(shown)
            session.take(.client, shown)
        }
        #expect(session.tap.dialogue.opaque == nil)
        session.take(.server, session.server.deflate(Array("a2 OK done\r\n".utf8)))
        #expect(session.tap.dialogue.opaque == .compress)
        let client = session.notes.filter { $0.side == .client }
        #expect(client.flatMap(\.raw).suffix(shown.count) == shown[...])
        #expect(client.last?.masked.map { $0.allSatisfy { $0 == UInt8(ascii: "*") } } == true)
        #expect(session.notes.allSatisfy { note in note.violations.allSatisfy { $0 == .imapPreauth } })
    }

    /// Behind BAD nothing has ended (RFC 8437 §3): the same octets are commands.
    @Test func arefusalChangesNothing() throws {
        var session = try Session()
        session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\nb NOOP\r\n".utf8)))
        session.take(.client, session.client.deflate(Array("c NOOP\r\n".utf8)))
        session.take(.server, session.server.deflate(Array("a2 BAD no\r\nb OK\r\nc OK\r\n".utf8)))
        #expect(session.tap.dialogue.opaque == nil && session.tap.dialogue.outstandingCount == 0)
        #expect(session.notes.last?.expectation == "reply ok OK #4")
    }

    /// A block that ends within an octet, with another one begun, says nothing about where the octets in clear begin.
    @Test func aPartialFlushProvesNothing() throws {
        var session = try Session()
        session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\n".utf8), Z_PARTIAL_FLUSH))
        session.take(.client, "b LOGIN bob s3cret\r\n")
        session.take(.server, session.server.deflate(Array("a2 OK done\r\n".utf8)))
        #expect(session.tap.dialogue.opaque == .compress)
        let client = session.notes.filter { $0.side == .client }
        #expect(client.dropFirst(2).allSatisfy { note in note.publicOctets.allSatisfy { $0 == UInt8(ascii: "*") } })
    }

    /// What follows the stream has to read as text.
    @Test(arguments: ["b NO\u{1}OP\r\n", "b \r NOOP\r\n", "b \u{e4}\r\n"]) func whatFollowsIsText(_ text: String) throws
    {
        var session = try Session()
        session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\n".utf8)))
        session.take(.server, session.server.deflate(Array("a2 OK done\r\n".utf8)))
        session.take(.client, text)
        #expect(session.tap.dialogue.opaque == .compress)
        #expect(session.notes.octets(.client).suffix(text.utf8.count) == Array(text.utf8)[...])
        #expect(session.notes.last?.masked?.allSatisfy { $0 == UInt8(ascii: "*") } == true)
    }

    /// Octets that may be deflated or not don't pile up, and what the end of the connection leaves of them is hidden.
    @Test func whatWaitsIsBounded() throws {
        var session = try Session()
        session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\n".utf8)))
        var ended = session
        ended.take(.client, "b LOGIN bob s3cret\r\n")
        for side in Side.allCases { ended.tap.end(side, into: &ended.notes) }
        #expect(ended.notes.last?.element == .incomplete)
        #expect(ended.notes.last?.masked?.allSatisfy { $0 == UInt8(ascii: "*") } == true)
        for _ in 0..<6 { session.take(.client, [UInt8](repeating: 65, count: DialogueLimits.held / 5)) }
        #expect(session.tap.dialogue.opaque == .compress)
        #expect(session.tap.pending(.client) < DialogueLimits.held / 5)
        #expect(session.notes.octets(.client).count > DialogueLimits.held)
    }

    /// Octets of the client that wait when the server's show that nothing more can be inflated wait in some cuttings only.
    @Test func whatWaitedIsForgotten() {
        let before = ["* PREAUTH ready\r\n", "a1 COMPRESS DEFLATE\r\n", "a2 UNAUTHENTICATE\r\na3 NOOP\r\n"]
        var whole = Tap(IMAPDialogue())
        var notes: [Note] = []
        for (side, text) in zip([Side.server, .client, .client], before) {
            whole.receive(Array(text.utf8), from: side, into: &notes)
        }
        var (single, more) = (whole, notes)
        let answer = Array("a1 OK on\r\n* FLAGS ()\r\n".utf8)
        whole.receive(answer, from: .server, into: &notes)
        for octet in answer { single.receive([octet], from: .server, into: &more) }
        #expect(whole.dialogue.opaque == .compress)
        #expect(notes.joined(.client).map(\.expectation) == more.joined(.client).map(\.expectation))
        let isSame = whole == single
        #expect(isSame)
    }

    @Test func randomOctetsBehindTheEndNeverTrap() throws {
        var numbers = Numbers()
        for _ in 0..<1_000 {
            var session = try Session()
            session.take(.client, session.client.deflate(Array("a2 UNAUTHENTICATE\r\n".utf8)))
            session.take(.server, session.server.deflate(Array("a2 OK done\r\n".utf8)))
            let before = session
            for side in Side.allCases {
                let octets = (0..<Int.random(in: 1..<40, using: &numbers)).map { _ in
                    UInt8.random(in: .min ... .max, using: &numbers)
                }
                var whole = before
                whole.take(side, octets)
                var single = before
                for octet in octets { single.take(side, [octet]) }
                #expect(single.said == whole.said, "\(octets)")
                let isSame = single.tap == whole.tap
                #expect(isSame, "\(octets)")
            }
        }
    }
}
