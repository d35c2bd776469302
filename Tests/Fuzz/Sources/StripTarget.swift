// A client in a strip test: what it says comes from the input; how TLS comes about follows from its numbers.

import MailDialogue
import MailSessions

extension FuzzTarget {
    static let strip = FuzzTarget(
        name: "strip-test", longest: 2048, words: "smtp",
        invariant:
            "Whatever a client says in a strip test, the test comes to its end, with a verdict in words that a line may hold."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let proto = numbers.pick(MailProtocol.smtp, .pop3, .imap)
        let isImplicit = numbers.oneIn(5)
        let vectors = StripVector.all(for: proto, isImplicit: isImplicit)
        let vector = vectors[Int.random(in: vectors.indices, using: &numbers)]
        var trial = FuzzedTrial(vector, proto, isImplicit: isImplicit, comesToTLS: !numbers.oneIn(4))
        trial.tell(.connected)
        var rest = input.octets[...]
        while !rest.isEmpty, !trial.test.isOver {
            let size = numbers.size()
            trial.hear(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            if numbers.oneIn(8) { trial.tell(.timerFired) }
        }
        trial.tell(numbers.pick(.ended, .expired, .stopped))
        trial.check()
    }
}

/// A test, and the runtime as far as it needs one.
private struct FuzzedTrial {
    var test: StripTest
    private let comesToTLS: Bool
    private var received: [UInt8] = []
    private var sent: [UInt8] = []
    private var notes: [Note] = []

    init(_ vector: StripVector, _ proto: MailProtocol, isImplicit: Bool, comesToTLS: Bool) {
        self.comesToTLS = comesToTLS
        let facade =
            switch proto {
            case .smtp, .lmtp:
                StripFacade(
                    greeting: Array("220 mx.example.com ESMTP\r\n".utf8), host: "mx.example.com",
                    offers: ["PIPELINING", "STARTTLS", "AUTH CRAM-MD5 XOAUTH2"])
            case .pop3:
                StripFacade(
                    greeting: Array("+OK ready <1.2@mx.example.com>\r\n".utf8), host: "mx",
                    offers: ["STLS", "UIDL", "SASL CRAM-MD5"])
            case .imap:
                StripFacade(
                    greeting: Array("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n".utf8), host: "mx",
                    offers: ["IMAP4rev1", "STARTTLS", "ID", "AUTH=SCRAM-SHA-1"])
            }
        test = StripTest(vector, proto, facade, isImplicit: isImplicit)
    }

    mutating func hear(_ octets: [UInt8]) {
        received += octets
        tell(.received(octets))
    }

    mutating func tell(_ event: StripTest.Event) {
        var waiting = [event]
        while !waiting.isEmpty {
            var effects: [StripTest.Effect] = []
            let wasOver = test.isOver
            test.handle(waiting.removeFirst(), effects: &effects, notes: &notes)
            must(!wasOver || effects.isEmpty, "it does \(effects) when it is over")
            for effect in effects {
                switch effect {
                case .send(let octets): sent += octets
                case .beginTLS:
                    waiting.append(comesToTLS ? .secured : .handshakeFailed("tlsv1 alert unknown ca", isBegun: true))
                case .goesOnInClear, .wait, .close: break
                }
            }
        }
    }

    func check() {
        must(test.isOver, "it does not come to its end")
        let outcome = test.verdict
        let words = [outcome.evidence, test.program.name ?? "", test.program.account ?? "", test.program.hello ?? ""]
        for text in words {
            must(text.utf8.allSatisfy { $0 >= 32 && $0 < 127 }, "no line may hold '\(text)'")
            must(text.utf8.count <= 200, "too long: \(text)")
        }
        must(outcome.verdict != .inconclusive, "one session alone is never compared")
        let noted = notes.filter { $0.side == .client }.reduce(0) { $0 + $1.raw.count }
        must(noted <= received.count, "notes hold \(noted) octets of \(received.count)")
        let said = notes.filter { $0.side == .server }.reduce(0) { $0 + $1.raw.count }
        must(said <= sent.count, "notes hold \(said) octets of the \(sent.count) that were sent")
    }
}
