// Sessions played to an audit, as a capture would tell them.

import MailDialogue
import MailRecording
import MailSessions

@testable import MailAudit

/// A session of lines: `C: ` and `S: ` before what each side says; `C> ` and `S> ` without a line end, with `\r \n` as escapes.
struct Played {
    var mailProtocol: MailProtocol
    var client = "10.0.0.1:40000"
    var server = "10.0.0.2:25"
    var start: Int64 = 1_700_000_000_000_000
    var tls: TLSLeg?
    var end = SessionEnd.closed
    var isMidway = false
    var id = ""
    var lines: [String]

    init(_ mailProtocol: MailProtocol, _ lines: [String]) {
        self.mailProtocol = mailProtocol
        self.lines = lines
        switch mailProtocol {
        case .smtp: server = "10.0.0.2:25"
        case .lmtp: server = "10.0.0.2:24"
        case .pop3: server = "10.0.0.2:110"
        case .imap: server = "10.0.0.2:143"
        }
    }

    init(_ mailProtocol: MailProtocol, _ text: String) {
        self.init(mailProtocol, text.split(separator: "\n").map(String.init))
    }

    func at(_ client: String, _ server: String? = nil, after seconds: Int64 = 0) -> Played {
        var copy = self
        copy.client = client
        if let server { copy.server = server }
        copy.start += seconds * 1_000_000
        return copy
    }

    func under(_ tls: TLSLeg) -> Played {
        var copy = self
        copy.tls = tls
        return copy
    }

    private static func octets(_ line: String) -> [UInt8] {
        let text = String(line.dropFirst(3))
        guard line.dropFirst().first == ">" else { return Array(text.utf8) + [13, 10] }
        let unescaped =
            text.split(separator: "\\", omittingEmptySubsequences: false).enumerated().map { number, part in
                guard number > 0, let first = part.first else { return String(part) }
                return (first == "r" ? "\r" : first == "n" ? "\n" : "\\" + String(first)) + part.dropFirst()
            }.joined()
        return Array(unescaped.utf8)
    }

    /// Plays it to the book.
    func play(to book: inout AuditBook, judgesMessages: Bool = false, keepsText: Bool = false) {
        guard let client = IPEndpoint(client), let server = IPEndpoint(server) else { return }
        let name = id.isEmpty ? "\(client)-\(server)-\(start)" : id
        let info = SessionInfo(
            id: name, mailProtocol: mailProtocol, start: start, client: client, server: server, route: "capture",
            tls: tls)
        var observer = Observer(info: info, fingerprintKey: [], judgesMessages: judgesMessages, keepsText: keepsText)
        var events: [RecordEvent] = []
        var notes: [Note] = []
        observer.open(into: &events)
        if isMidway {
            for side in Side.allCases { observer.lose(side, octets: 0, at: start, events: &events, notes: &notes) }
        }
        var frame = 3
        var time = start
        func tell() {
            book.accept(
                AuditStep(
                    info: observer.summary.info, client: client, server: server, notes: notes, events: events,
                    time: time, frame: frame, source: 0))
            notes = []
            events = []
        }
        for line in lines {
            frame += 1
            time += 1_000
            let side: Side = line.hasPrefix("C") ? .client : .server
            observer.receive(Self.octets(line)[...], from: side, at: time, events: &events, notes: &notes)
            tell()
        }
        observer.close(end, at: time, events: &events, notes: &notes)
        tell()
    }
}

/// What an audit finds in sessions.
func audit(_ sessions: Played..., options: AuditOptions = AuditOptions(), deep: Bool = false) -> AuditFindings {
    var book = AuditBook(options)
    for session in sessions {
        session.play(to: &book, judgesMessages: deep, keepsText: !options.patterns.isEmpty)
    }
    return book.finish()
}

extension AuditFindings {
    /// Codes of all findings.
    var codes: Set<String> { Set(findings.map(\.kind.code)) }

    /// A finding by its kind.
    func finding(_ kind: FindingKind) -> Finding? { findings.first { $0.kind == kind } }
}

/// Dialogues that several tests use.
enum Said {
    static let submission = """
        S: 220 mx.example.com ESMTP Postfix
        C: EHLO laptop
        S: 250-mx.example.com
        S: 250-STARTTLS
        S: 250 AUTH PLAIN LOGIN
        C: AUTH PLAIN AGFkYQBrb3JyZWt0LlBmZXJkLTMx
        S: 235 2.7.0 ok
        C: MAIL FROM:<ada@example.com>
        S: 250 ok
        C: RCPT TO:<bob@example.org>
        S: 250 ok
        C: DATA
        S: 354 go on
        C: From: ada@example.com
        C: Subject: hello
        C: 
        C: Hello.
        C: .
        S: 250 taken
        C: QUIT
        S: 221 bye
        """

    static func pop3(_ user: String, _ password: String, accepted: Bool = true) -> String {
        """
        S: +OK ready
        C: USER \(user)
        S: +OK
        C: PASS \(password)
        S: \(accepted ? "+OK" : "-ERR") done
        C: QUIT
        S: +OK
        """
    }

    static func imap(_ login: String, capabilities: String = "IMAP4rev1 STARTTLS", accepted: Bool = true) -> String {
        """
        S: * OK [CAPABILITY \(capabilities)] ready
        C: 1 LOGIN \(login)
        S: 1 \(accepted ? "OK" : "NO") done
        C: 2 LOGOUT
        S: * BYE
        S: 2 OK
        """
    }
}
