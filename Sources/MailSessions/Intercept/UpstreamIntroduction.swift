// Tells an upstream who the client is, before the client hears anything: with XCLIENT (SMTP and LMTP, Postfix's XCLIENT_README) or with
// ID (IMAP, RFC 2971, in the fields that Dovecot takes from those it trusts). Only when the upstream offers it. The client is greeted
// with what the upstream says last; all else that it says meanwhile is its own and stays here.

import MailDialogue
import MailRecording

/// Our side of the first words with a server that is to know the client.
package struct UpstreamIntroduction: Sendable {
    /// How the client's address is told.
    package enum Means: String, Sendable, CaseIterable {
        case xclient
        case id
    }

    /// What is to be done.
    package enum Step: Equatable, Sendable {
        /// Octets are missing.
        case more
        case send([UInt8])
        /// It is over: the client is greeted with these octets.
        /// - Parameter complaint: why the server does not know the client; nil when it does.
        case done(greeting: [UInt8], complaint: String?)
        case failed(String)
    }

    private enum State {
        /// Successors: `offered`, `told`, `over`.
        case greeting
        /// What the server offers was asked for: by EHLO, LHLO or CAPABILITY. Successors: `told`, `over`.
        case offered
        /// The client was named. Successor: `over`.
        case told
        case over
    }

    private let mailProtocol: MailProtocol
    private let name: String
    private let client: SocketAddress
    private let server: SocketAddress
    private var state = State.greeting
    private var lines = ServerLines()
    private var greeting: [UInt8] = []
    /// The reply to XCLIENT, which is a greeting again.
    private var reply: [UInt8] = []
    private var attributes: [String] = []
    private var offersID = false

    /// - Parameters:
    ///   - name: what we call ourselves (RFC 5321 §4.1.1.1).
    ///   - client: the client's end of its connection.
    ///   - server: the other end of that.
    package init(_ mailProtocol: MailProtocol, name: String, client: SocketAddress, server: SocketAddress) {
        self.mailProtocol = mailProtocol
        self.name = name
        self.client = client
        self.server = server
    }

    /// The server's greeting was heard already, before TLS.
    package mutating func begin(greeting: [UInt8]) -> Step { receive(greeting) }

    /// Octets of the server came.
    package mutating func receive(_ octets: some Collection<UInt8>) -> Step {
        guard lines.take(octets) else {
            return fail("it says more than \(ServerLines.longest) octets before it is asked")
        }
        while let line = lines.next() {
            let step =
                switch mailProtocol {
                case .smtp, .lmtp: readSMTP(line)
                case .imap: readIMAP(line)
                case .pop3: done(line, "POP3 has no words for it")
                }
            switch step {
            case .more: continue
            case .done(let greeting, let complaint):
                // What it says without being asked is the client's to hear.
                return .done(greeting: greeting + lines.rest, complaint: complaint)
            case .send, .failed: return step
            }
        }
        guard !lines.isLineTooLong else {
            return fail("its line is longer than \(ServerLines.longestLine) octets")
        }
        return .more
    }

    private mutating func fail(_ reason: String) -> Step {
        state = .over
        return .failed(reason)
    }

    private mutating func done(_ greeting: [UInt8], _ complaint: String? = nil) -> Step {
        state = .over
        return .done(greeting: greeting, complaint: complaint)
    }

    // MARK: SMTP and LMTP

    private mutating func readSMTP(_ line: [UInt8]) -> Step {
        guard let words = SMTPWords(line) else { return fail("it says '\(ServerLines.text(line))'") }
        let (code, isLast) = (words.code, words.isLast)
        switch state {
        case .greeting:
            greeting += line
            guard isLast else { return .more }
            // A server that wants nobody says so to the client.
            guard code == 220 else { return done(greeting) }
            state = .offered
            return .send(Array("\(mailProtocol == .lmtp ? "LHLO" : "EHLO") \(name)\r\n".utf8))
        case .offered:
            let (word, behind) = words.text.firstWord
            if word.equalsIgnoringCase("XCLIENT") {
                attributes = behind.split(separator: 32).map { $0.text.uppercased() }
            }
            guard isLast else { return .more }
            guard code == 250, attributes.contains("ADDR") else { return done(greeting, "it does not offer XCLIENT") }
            state = .told
            return .send(xclient)
        case .told:
            reply += line
            guard isLast else { return .more }
            if code == 220 { return done(reply) }
            if code == 421 { return done(reply) }
            return done(greeting, "it answers XCLIENT with '\(ServerLines.text(line))'")
        case .over: return .more
        }
    }

    /// The attributes that the server takes. A name that is not looked up is said to be none: otherwise it would keep ours.
    private var xclient: [UInt8] {
        func form(_ address: IPAddress) -> String { address.isIPv6 ? "IPV6:\(address)" : "\(address)" }
        var command = "XCLIENT"
        for (attribute, value) in [
            ("NAME", "[UNAVAILABLE]"), ("ADDR", form(client.address)), ("PORT", "\(client.port)"),
            ("DESTADDR", form(server.address)), ("DESTPORT", "\(server.port)"),
        ] where attributes.contains(attribute) {
            command += " \(attribute)=\(value)"
        }
        return Array((command + "\r\n").utf8)
    }

    // MARK: IMAP (RFC 2971 §3.1)

    private mutating func readIMAP(_ line: [UInt8]) -> Step {
        let (first, behind) = line[...].withoutLineEnd.line.firstWord
        let (word, text) = behind.firstWord
        switch state {
        case .greeting:
            greeting = line
            guard first.elementsEqual([UInt8(ascii: "*")]),
                word.equalsIgnoringCase("OK") || word.equalsIgnoringCase("PREAUTH")
            else { return done(greeting) }
            if text.hasPrefixIgnoringCase("[CAPABILITY ") {
                return offer(text.dropFirst("[CAPABILITY ".utf8.count).prefix { $0 != UInt8(ascii: "]") })
            }
            state = .offered
            return .send(Array("\(ServerLines.tag) CAPABILITY\r\n".utf8))
        case .offered:
            if word.equalsIgnoringCase("CAPABILITY") { offersID = Self.has("ID", text) }
            guard first.text == ServerLines.tag else { return .more }
            return offersID ? tell() : done(greeting, "it does not offer ID")
        case .told:
            guard first.text == ServerLines.tag else { return .more }
            return word.equalsIgnoringCase("OK")
                ? done(greeting) : done(greeting, "it answers ID with '\(ServerLines.text(line))'")
        case .over: return .more
        }
    }

    private static func has(_ name: StaticString, _ list: ArraySlice<UInt8>) -> Bool {
        list.split(separator: 32).contains { $0.equalsIgnoringCase(name) }
    }

    private mutating func offer(_ list: ArraySlice<UInt8>) -> Step {
        Self.has("ID", list) ? tell() : done(greeting, "it does not offer ID")
    }

    private mutating func tell() -> Step {
        state = .told
        let fields = [
            ("x-originating-ip", "\(client.address)"), ("x-originating-port", "\(client.port)"),
            ("x-connected-ip", "\(server.address)"), ("x-connected-port", "\(server.port)"),
        ]
        let list = fields.map { "\"\($0.0)\" \"\($0.1)\"" }.joined(separator: " ")
        return .send(Array("\(ServerLines.tag) ID (\(list))\r\n".utf8))
    }
}
