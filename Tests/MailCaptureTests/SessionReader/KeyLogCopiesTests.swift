// A key log that grows while connections that nobody answers wait for ever: it is there once, and does not grow without end.

import MailDialogue
import MailRecording
import Testing

@testable import MailCapture

@Suite struct KeyLogCopiesTests {
    private var growing: TLSKeyLog {
        var log = TLSKeyLog()
        log.isGrowing = true
        return log
    }

    /// A ClientHello, whole or not, and nothing behind it. Who keeps the log has a copy of all of it when it has grown.
    @Test(arguments: [true, false], [20, Int.max]) func aConnectionWithoutAnAnswerKeepsNoLog(
        isImplicit: Bool, count: Int
    ) throws {
        let hello = try #require(SomeTLS.tls13.turns.first)
        let first: Turns = [(hello.side, Array(hello.octets.prefix(count)))]
        let clear: Turns = [
            (.server, Array("220 mx.example.com ESMTP\r\n".utf8)), (.client, Array("STARTTLS\r\n".utf8)),
            (.server, Array("220 go\r\n".utf8)),
        ]
        var reader = CaptureFileReader()
        reader.feed(MadeCapture(isImplicit ? first : clear + first, port: isImplicit ? 465 : 25).octets)
        var tracker = SessionTracker()
        tracker.keys = growing
        var followers: [TLSFollower] = []
        while let record = try reader.next() {
            tracker.accept(record, isRecording: false) { _ in }
            for flow in tracker.flows.values {
                switch flow.state {
                case .sealed(let sealed): followers.append(sealed.follower)
                case .following(let session): if let cover = session.cover { followers.append(cover.follower) }
                case .fresh, .entering, .undecided, .ignored: break
                }
            }
        }
        #expect(!followers.isEmpty && followers.allSatisfy { $0.keys == nil })
    }

    private func line(_ number: Int, _ label: String = "CLIENT_RANDOM") -> [UInt8] {
        let random = String(number, radix: 16)
        let zeros = String(repeating: "0", count: 64 - random.utf8.count)
        return Array("\(label) \(zeros)\(random) \(String(repeating: "ab", count: 48))\n".utf8)
    }

    private func random(_ number: UInt8) -> [UInt8] { [UInt8](repeating: 0, count: 31) + [number] }

    /// The latest are known, whatever came before.
    @Test func aLogThatGrowsForgetsTheOldest() {
        var log = growing
        log.mostRecent = 10
        for number in 1...25 { log.add(line(number)[...]) }
        #expect((1...10).allSatisfy { log.secrets(of: random($0)) == nil })
        #expect((11...25).allSatisfy { log.secrets(of: random($0)) != nil })
        // Lines of one connection stay together.
        log.add(line(11, "SERVER_TRAFFIC_SECRET_0")[...])
        for number in 26...31 { log.add(line(number)[...]) }
        let secrets = log.secrets(of: random(11))
        #expect(secrets?[.master] != nil && secrets?[.serverTraffic] != nil)
    }

    /// One that is read as a whole does not: it may be of days.
    @Test func aWholeLogForgetsNothing() {
        var log = TLSKeyLog()
        log.mostRecent = 10
        for number in 1...25 { log.add(line(number)[...]) }
        #expect((1...25).allSatisfy { log.secrets(of: random($0)) != nil })
    }
}
