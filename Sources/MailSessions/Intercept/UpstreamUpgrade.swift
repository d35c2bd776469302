// Begins TLS with a server that speaks in clear first, before the client hears of it: the greeting is kept, TLS is demanded, and
// with the server's consent the greeting is given on. Whatever the server says beside that is its own and stays here.

import MailDialogue

/// Our side of the first words with a server that is to begin TLS.
package struct UpstreamUpgrade: Sendable {
    /// What is to be done.
    package enum Step: Equatable, Sendable {
        /// Octets are missing.
        case more
        case send([UInt8])
        /// The server agreed: the handshake begins. The client is greeted with these octets when it is over.
        case begin(greeting: [UInt8])
        case failed(String)
    }

    private enum State {
        /// Successors: `offered`, `asked`, `over`.
        case greeting
        /// The reply to EHLO or LHLO. Successors: `asked`, `over`.
        case offered
        /// TLS was asked for. Successor: `over`.
        case asked
        case over
    }

    private let mailProtocol: MailProtocol
    private let name: String
    private var state = State.greeting
    private var lines = ServerLines()
    private var greeting: [UInt8] = []
    private var offersTLS = false

    /// - Parameter name: what we call ourselves (RFC 5321 §4.1.1.1).
    package init(_ mailProtocol: MailProtocol, name: String) {
        self.mailProtocol = mailProtocol
        self.name = name
    }

    /// Octets of the server came.
    package mutating func receive(_ octets: some Collection<UInt8>) -> Step {
        guard lines.take(octets) else { return fail("it says more than \(ServerLines.longest) octets before TLS") }
        while let line = lines.next() {
            let step =
                switch mailProtocol {
                case .smtp, .lmtp: readSMTP(line)
                case .pop3: readPOP3(line)
                case .imap: readIMAP(line)
                }
            switch step {
            case .more: continue
            case .begin:
                state = .over
                // What stands behind its consent would be taken for words under TLS.
                return lines.rest.isEmpty ? step : fail("it sends octets in clear behind its consent to TLS")
            case .send, .failed:
                return lines.rest.isEmpty ? step : step.isFailure ? step : fail("it speaks out of turn")
            }
        }
        guard !lines.isLineTooLong else {
            return fail("its line is longer than \(ServerLines.longestLine) octets")
        }
        return .more
    }

    /// The server sends no more.
    package mutating func end() -> Step { fail("it ended the connection before TLS") }

    private mutating func fail(_ reason: String) -> Step {
        state = .over
        return .failed(reason)
    }

    // MARK: SMTP and LMTP (RFC 3207 §4)

    private mutating func readSMTP(_ line: [UInt8]) -> Step {
        guard let words = SMTPWords(line) else { return fail("it says '\(ServerLines.text(line))'") }
        let (code, isLast) = (words.code, words.isLast)
        switch state {
        case .greeting:
            greeting += line
            guard isLast else { return .more }
            guard code == 220 else { return fail("it greets with '\(ServerLines.text(line))'") }
            state = .offered
            return .send(Array("\(mailProtocol == .lmtp ? "LHLO" : "EHLO") \(name)\r\n".utf8))
        case .offered:
            let keyword = words.text.firstWord.word
            if keyword.equalsIgnoringCase("STARTTLS") { offersTLS = true }
            guard isLast else { return .more }
            guard code == 250, offersTLS else { return fail("it does not offer STARTTLS") }
            state = .asked
            return .send(Array("STARTTLS\r\n".utf8))
        case .asked:
            guard isLast else { return .more }
            return code == 220
                ? .begin(greeting: greeting) : fail("it answers STARTTLS with '\(ServerLines.text(line))'")
        case .over: return .more
        }
    }

    // MARK: POP3 (RFC 2595 §4)

    private mutating func readPOP3(_ line: [UInt8]) -> Step {
        let isOK = line.starts(with: Array("+OK".utf8))
        switch state {
        case .greeting:
            guard isOK else { return fail("it greets with '\(ServerLines.text(line))'") }
            greeting = line
            state = .asked
            return .send(Array("STLS\r\n".utf8))
        case .asked: return isOK ? .begin(greeting: greeting) : fail("it answers STLS with '\(ServerLines.text(line))'")
        case .offered, .over: return .more
        }
    }

    // MARK: IMAP (RFC 9051 §6.2.1)

    private mutating func readIMAP(_ line: [UInt8]) -> Step {
        let (first, behind) = line[...].withoutLineEnd.line.firstWord
        let word = behind.firstWord.word
        switch state {
        case .greeting:
            // PREAUTH would have us logged in without TLS, and STARTTLS is not allowed then (RFC 9051 §7.1.4).
            guard first.elementsEqual([UInt8(ascii: "*")]), word.equalsIgnoringCase("OK") else {
                return fail("it greets with '\(ServerLines.text(line))'")
            }
            greeting = Self.withoutCode(line)
            state = .asked
            return .send(Array("\(ServerLines.tag) STARTTLS\r\n".utf8))
        case .asked:
            guard first.text == ServerLines.tag else { return .more }
            return word.equalsIgnoringCase("OK")
                ? .begin(greeting: greeting) : fail("it answers STARTTLS with '\(ServerLines.text(line))'")
        case .offered, .over: return .more
        }
    }

    /// Capabilities that hold in clear do not hold under TLS.
    private static func withoutCode(_ line: [UInt8]) -> [UInt8] {
        let text = line[...].withoutLineEnd.line
        let behind = text.firstWord.rest.firstWord.rest
        guard behind.hasPrefixIgnoringCase("[CAPABILITY "), let end = behind.firstIndex(of: UInt8(ascii: "]")) else {
            return line
        }
        return Array(line[..<behind.startIndex]) + line[(end + 1)...].drop { $0 == 32 }
    }
}

extension UpstreamUpgrade.Step {
    fileprivate var isFailure: Bool { if case .failed = self { true } else { false } }
}
