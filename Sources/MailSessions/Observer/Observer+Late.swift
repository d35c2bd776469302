// Sessions of which a log begins when the client had logged in, as Dovecot's do: nothing is missing in the middle, so that they are followed
// from the first line on. What the dialogue must know for that it is told here, and nothing of it is noted or booked.

import MailDialogue
import MailRecording

extension Observer {
    /// The client has logged in before the first octets that will be received. To be called before them.
    package mutating func joinBehindLogin() { isLate = true }

    /// Lets the dialogue see a login.
    /// - Parameters:
    ///   - octets: the first of the session; the server's may be its answer to the login.
    mutating func login(before octets: ArraySlice<UInt8>, from side: Side) {
        isLate = false
        let (word, rest) = octets.firstWord
        let isServer = side == .server
        var notes: [Note] = []
        func say(_ side: Side, _ line: String) {
            tap.receive(Array((line + "\r\n").utf8)[...], from: side, into: &notes)
        }
        switch summary.info.mailProtocol {
        case .imap:
            let isAnswer =
                isServer && word.count <= 32 && rest.firstWord.word.equalsIgnoringCase("OK") && word.first != 42
            say(.server, "* OK")
            say(.client, "\(isAnswer ? word.text : "L") LOGIN x x")
            if !isAnswer { say(.server, "L OK x") }
        case .pop3:
            say(.server, "+OK")
            say(.client, "USER x")
            say(.server, "+OK")
            say(.client, "PASS x")
            if !(isServer && word.equalsIgnoringCase("+OK")) { say(.server, "+OK") }
        case .smtp, .lmtp:
            say(.server, "220 x")
            say(.client, summary.info.mailProtocol == .lmtp ? "LHLO x" : "EHLO x")
            // What was offered is not known: nothing is a breach for want of an offer.
            let extensions = [
                "PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN", "ENHANCEDSTATUSCODES",
            ]
            for name in extensions { say(.server, "250-\(name)") }
            say(.server, "250 AUTH PLAIN LOGIN")
            if isServer, word.equalsIgnoringCase("235") { say(.client, "AUTH PLAIN AHgAeA==") }
        }
    }
}
