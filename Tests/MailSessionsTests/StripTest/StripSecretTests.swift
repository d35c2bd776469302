// Whatever the test, the way to log in and the cut of it: no secret is in what is recorded, also of clients that do not wait for an
// answer.

import MailDialogue
import Testing

@testable import MailSessions

@Suite struct StripSecretTests {
    private static let plain = "AGFubmEAcXVpdHRl"

    /// Ways to log in, each as one octet string, answers or not.
    private static func logins(_ mailProtocol: MailProtocol) -> [String] {
        switch mailProtocol {
        case .smtp, .lmtp:
            [
                "AUTH PLAIN \(plain)\r\n", "AUTH PLAIN\r\n\(plain)\r\n", "auth plain \(plain)\n",
                "AUTH LOGIN\r\nYW5uYQ==\r\ncXVpdHRl\r\n", "AUTH LOGIN YW5uYQ==\r\ncXVpdHRl\r\n",
            ]
        case .pop3:
            [
                "USER anna\r\nPASS quitte\r\n", "PASS quitte\r\n", "pass quitte\n", "AUTH PLAIN \(plain)\r\n",
                "AUTH PLAIN\r\n\(plain)\r\n", "AUTH LOGIN\r\nYW5uYQ==\r\ncXVpdHRl\r\n",
            ]
        case .imap:
            [
                "b LOGIN anna quitte\r\n", "b LOGIN \"anna\" \"quitte\"\r\n", "b login anna quitte\n",
                "b LOGIN {4}\r\nanna {6}\r\nquitte\r\n", "b LOGIN {4+}\r\nanna {6+}\r\nquitte\r\n",
                "b AUTHENTICATE PLAIN \(plain)\r\n", "b AUTHENTICATE PLAIN\r\n\(plain)\r\n",
                "b AUTHENTICATE LOGIN\r\nYW5uYQ==\r\ncXVpdHRl\r\n",
            ]
        }
    }

    @Test(arguments: [MailProtocol.smtp, .pop3, .imap]) func noSecretIsRecorded(_ mailProtocol: MailProtocol) {
        let asks =
            switch mailProtocol {
            case .smtp, .lmtp: ["", "EHLO laptop\r\n", "STARTTLS\r\n", "EHLO laptop\r\nSTARTTLS\r\n"]
            case .pop3: ["", "CAPA\r\n", "STLS\r\n"]
            case .imap: ["", "a CAPABILITY\r\n", "a STARTTLS\r\n"]
            }
        for vector in StripVector.all(for: mailProtocol, isImplicit: false) {
            for text in asks.flatMap({ ask in Self.logins(mailProtocol).map { ask + $0 } }) {
                for piece in Array(1...24) + [Int.max] {
                    var trial = StripTrial(vector, mailProtocol, piece: piece)
                    var rest = Array(text.utf8)[...]
                    while !rest.isEmpty {
                        trial.tell(.received(Array(rest.prefix(piece))))
                        rest = rest.dropFirst(min(piece, rest.count))
                        if trial.effects.contains(.beginTLS), trial.test.state == .handshake { trial.tell(.secured) }
                    }
                    trial.tell(.timerFired)
                    trial.tell(.ended)
                    let recorded = trial.recorded
                    guard !recorded.contains("quitte"), !recorded.contains("cXVpdHRl") else {
                        Issue.record("\(vector), pieces of \(piece): \(recorded.debugDescription)")
                        return
                    }
                }
            }
        }
    }
}
