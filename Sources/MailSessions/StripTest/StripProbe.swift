// Looks at the real server before a test: its greeting, what it offers, and then goodbye. It never hears anything of the client.

import MailDialogue

/// Our side of a look at a server.
package struct StripProbe: Sendable {
    /// What is to be done.
    package enum Step: Equatable, Sendable {
        /// Octets are missing.
        case more
        case send([UInt8])
        /// The server was seen. These octets are our goodbye to it.
        case done(StripFacade, goodbye: [UInt8])
        case failed(String)
    }

    private enum State {
        /// Successors: `offered`, `over`.
        case greeting
        /// The list was asked for. Successor: `over`.
        case offered
        case over
    }

    /// Octets of a line, and of all that the server says.
    private static let longestLine = 8192
    private static let longest = 65_536
    private static let tag = "mailproxy"

    private let mailProtocol: MailProtocol
    private let name: String
    private var state = State.greeting
    private var rest: [UInt8] = []
    private var seen = 0
    private var facade: StripFacade
    /// The reply to CAPA is a list, up to its dot.
    private var isListing = false

    /// - Parameter name: what we call ourselves (RFC 5321 §4.1.1.1).
    package init(_ mailProtocol: MailProtocol, name: String) {
        self.mailProtocol = mailProtocol
        self.name = name
        facade = StripFacade(greeting: [], host: name, offers: nil)
    }

    /// Octets of the server came, or a greeting that was heard before.
    package mutating func receive(_ octets: some Collection<UInt8>) -> Step {
        seen += octets.count
        guard seen <= Self.longest else { return fail("it says more than \(Self.longest) octets before it is asked") }
        rest += octets
        var start = rest.startIndex
        while let end = rest[start...].firstIndex(of: 10) {
            let line = Array(rest[start...end])
            start = end + 1
            let step =
                switch mailProtocol {
                case .smtp, .lmtp: readSMTP(line)
                case .pop3: readPOP3(line)
                case .imap: readIMAP(line)
                }
            switch step {
            case .more: continue
            case .send, .done, .failed:
                rest.removeSubrange(..<start)
                return step
            }
        }
        rest.removeSubrange(..<start)
        guard rest.count <= Self.longestLine else { return fail("its line is longer than \(Self.longestLine) octets") }
        return .more
    }

    private mutating func fail(_ reason: String) -> Step {
        state = .over
        return .failed(reason)
    }

    private mutating func done(_ goodbye: String) -> Step {
        state = .over
        return .done(facade, goodbye: Array(goodbye.utf8))
    }

    private static func text(_ line: [UInt8]) -> String { String(line[...].withoutLineEnd.line.text.prefix(200)) }

    private mutating func offer(_ line: ArraySlice<UInt8>) {
        facade.offers = (facade.offers ?? []) + [line.trimmed.text]
    }

    private mutating func readSMTP(_ line: [UInt8]) -> Step {
        guard line.count >= 4, let code = line[..<3].decimal else { return fail("it says '\(Self.text(line))'") }
        let isLast = line[3] != UInt8(ascii: "-")
        let text = line.dropFirst(4).withoutLineEnd.line
        switch state {
        case .greeting:
            facade.greeting += line
            guard isLast else { return .more }
            guard code == 220 else { return fail("it greets with '\(Self.text(line))'") }
            state = .offered
            return .send(Array("EHLO \(name)\r\n".utf8))
        case .offered:
            if code == 250, facade.offers == nil {
                facade.offers = []
                facade.host = text.firstWord.word.text
            } else if code == 250 {
                offer(text)
            }
            return isLast ? done("QUIT\r\n") : .more
        case .over: return .more
        }
    }

    private mutating func readPOP3(_ line: [UInt8]) -> Step {
        let text = line[...].withoutLineEnd.line
        switch state {
        case .greeting:
            guard line.starts(with: Array("+OK".utf8)) else { return fail("it greets with '\(Self.text(line))'") }
            facade.greeting = line
            state = .offered
            return .send(Array("CAPA\r\n".utf8))
        case .offered:
            guard isListing else {
                guard line.starts(with: Array("+OK".utf8)) else { return done("QUIT\r\n") }
                isListing = true
                facade.offers = []
                return .more
            }
            if text.elementsEqual([UInt8(ascii: ".")]) { return done("QUIT\r\n") }
            offer(text)
            return .more
        case .over: return .more
        }
    }

    private mutating func readIMAP(_ line: [UInt8]) -> Step {
        let (first, behind) = line[...].withoutLineEnd.line.firstWord
        let (word, text) = behind.firstWord
        switch state {
        case .greeting:
            guard first.elementsEqual([UInt8(ascii: "*")]), word.equalsIgnoringCase("OK") else {
                return fail("it greets with '\(Self.text(line))'")
            }
            facade.greeting = line
            state = .offered
            return .send(Array("\(Self.tag) CAPABILITY\r\n".utf8))
        case .offered:
            if first.elementsEqual([UInt8(ascii: "*")]), word.equalsIgnoringCase("CAPABILITY") {
                facade.offers = text.split(separator: 32).map(\.text)
            }
            return first.text == Self.tag ? done("\(Self.tag)2 LOGOUT\r\n") : .more
        case .over: return .more
        }
    }
}
