// Captures of public test suites, judged by hand: which sessions and messages are in them. They are read where they
// lie.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

@Suite struct CaseSessionsTests {
    /// A capture and its sessions: protocol, messages that are whole and that are not, user, why it is not followed.
    struct Judged: CustomTestStringConvertible, Sendable {
        let file: String
        let sessions: [String]
        var testDescription: String { file }

        init(_ file: String, _ sessions: String...) {
            self.file = file
            self.sessions = sessions
        }
    }

    private static let judged: [Judged] = [
        // Two of six sessions log in by PLAIN and read; three RETR of one, one RETR of a session by USER and PASS.
        Judged(
            "ntop+nDPI/pop3.pcap", "pop3 1+0 cicciopernacchio@mail.com -", "pop3 0+0 - -",
            "pop3 0+0 digitalinvestigator@networksims.com -", "pop3 0+0 - -",
            "pop3 0+0 digitalinvestigator@networksims.com -", "pop3 3+0 digitalinvestigator@networksims.com -"),
        // Only headers are fetched: BODY.PEEK[HEADER] is no message.
        Judged("ntop+nDPI/imap.pcap", "imap 0+0 samir -"),
        Judged("ntop+nDPI/pop3_stls.pcap", "pop3 0+0 - tls"),
        // Thirty recipients, one message.
        Judged("ntop+nDPI/smtp.pcap", "smtp 1+0 - -"),
        // 49 times TOP, which gives parts.
        Judged("OISF+suricata-verify/pop3__input.pcap", "pop3 0+49 moises.nunez@ingenierianumar.com -"),
        // Captured at the sender, whose network card fills in the checksums of all but the SYN.
        Judged("OISF+suricata-verify/bug-1045__smtpsuricataflowbitsFN.pcap", "smtp 1+0 - -"),
        // Names were replaced without regard to checksums.
        Judged("OISF+suricata-verify/smtp-bug-5981__input.pcap", "smtp 1+0 galunt -"),
        Judged(
            "OISF+suricata-verify/firewall__ruletype-firewall-135-smtp-multi-mail-accept__smtp-multi-mail.pcap",
            "smtp 3+0 - -"),
        // Two chunks are one message; a DATA follows.
        Judged("OISF+suricata-verify/smtp-bdat-multichunk-inspection__input.pcap", "smtp 2+0 - -"),
        // "BDAT 5 X" is refused: whether octets of a chunk follow nobody can say, until 354 asks for a message.
        Judged("OISF+suricata-verify/smtp-bdat-bad-tail-reply-queue__input.pcap", "smtp 1+0 - -"),
        // All lines end with LF alone: the end of data never comes.
        Judged("OISF+suricata-verify/smtp-url-base64__smtp-url-b64.pcap", "smtp 0+1 - desynchronised"),
        // Garbage, a message, a refused sender, TLS behind the greeting that the server took for commands.
        Judged(
            "OISF+suricata-verify/smtp-errors__smtperr.pcap", "smtp 0+0 - -", "smtp 1+0 - -", "smtp 0+0 - -",
            "smtp 0+0 - -"),
        // TLS that a server answers with its greeting in clear.
        Judged("OISF+suricata-verify/smtp-tls-protodetect__input.pcap", "smtp 0+0 - -"),
        // The reply to EHLO is never ended, so that each reply is taken for that of the command before.
        Judged("OISF+suricata-verify/detect-email-received__input.pcap", "smtp 0+0 - -"),
        Judged("zeek+zeek/smtp.pcap", "smtp 1+0 gurpartap@patriots.in -", "smtp 1+0 - -"),
        // 27 chunks.
        Judged("zeek+zeek/smtp__rfc3030-bdat-multipart-chunked.pcap", "smtp 1+0 - -"),
        Judged("zeek+zeek/smtp__smtp-bdat-pipeline-8bitmime.pcap", "smtp 2+0 - -"),
        Judged("zeek+zeek/smtp__smtp-bdat-cmd-chunk-size-overflow.pcap", "smtp 0+0 - -"),
        Judged("zeek+zeek/tls__imap-starttls.pcap", "imap 0+0 - tls"),
        // The server's side was not captured: whether the data were asked for is not known.
        Judged("zeek+zeek/smtp-attachment-msg.pcap", "smtp 1+0 - -"),
    ]

    /// The folder is not a part of the package; where it is named it must be there.
    @Test func namedFolderIsThere() {
        let isNamed = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] != nil
        #expect(isNamed ? !CaseFiles.captures.isEmpty : CaseFiles.captures.isEmpty || CaseFiles.captures.count > 50)
    }

    @Test func sessionsAreAsJudged() throws {
        for judged in Self.judged where !CaseFiles.captures.isEmpty {
            let reading = try Reading([CaseFiles.root.path + "/pcaps/" + judged.file])
            #expect(reading.outline() == judged.sessions, "\(judged.file)")
        }
    }

    /// Every capture is read to its end, once more through a recording of what was read, and both tell the same.
    @Test func allCapturesAreRecordedAsTheyAre() throws {
        let scratch = try Scratch()
        for file in CaseFiles.captures {
            let first = try Reading([CaseFiles.root.path + "/" + file])
            #expect(first.problems.isEmpty, "\(file)")
            guard !first.summaries.isEmpty else { continue }
            let own = try scratch.write(TestRecording(first.events).segments[0], "own.pcapng")
            let second = try Reading([own])
            #expect(second.summaries.map(\.info) == first.summaries.map(\.info), "\(file)")
            #expect(second.messages.map(\.sha256).sorted() == first.messages.map(\.sha256).sorted(), "\(file)")
            #expect(second.summaries.map(\.exchanges) == first.summaries.map(\.exchanges), "\(file)")
        }
    }

    /// What is told of sessions is the same when nobody is told of the octets within messages, which are then followed on a way of their
    /// own.
    @Test func whatIsNotToldIsFollowedAlike() throws {
        for file in CaseFiles.captures {
            let path = CaseFiles.root.path + "/" + file
            let (told, untold) = (try Reading([path]), try Reading([path], tellsOctets: false))
            #expect(untold.summaries == told.summaries, "\(file)")
            #expect(untold.messages == told.messages, "\(file)")
            #expect(untold.credentials == told.credentials, "\(file)")
            #expect(untold.counters == told.counters, "\(file)")
        }
    }

    /// Nine credentials and nine messages, octet by octet, and an injection behind STARTTLS.
    @Test func mixedSessionsAreWhole() throws {
        guard !CaseFiles.captures.isEmpty else { return }
        let reading = try Reading([CaseFiles.root.path + "/mixed-11-sessions/mail.pcap"])
        #expect(reading.summaries.count == 11)
        let accounts = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"]
        #expect(reading.credentials.map(\.account).sorted() == accounts)
        #expect(reading.credentials.allSatisfy { $0.outcome == .accepted })
        #expect(Set(reading.credentials.map(\.fingerprint)).count == 9)
        let wanted = [
            ("smtp-data", 5), ("smtp-bdat", 5), ("smtp-pipelined", 200), ("pop3-retr", 5), ("pop3-pipe1", 200),
            ("pop3-pipe2", 5), ("imap-fetch", 5), ("imap-append", 5), ("smtp-oddport", 5),
        ]
        #expect(reading.bodies.count == 9)
        for (name, lines) in wanted {
            var text =
                "From: a@example.org\r\nTo: b@example.org\r\nSubject: \(name)\r\nDate: Tue, 1 Jul 2025 10:00:00 +0000\r\nMessage-ID: <\(name)@example.org>\r\n\r\n"
            for line in 0..<lines { text += "body line \(line) of \(name)\r\n" }
            #expect(reading.bodies.contains(Array(text.utf8)), "\(name)")
            #expect(reading.messages.contains { $0.subject == name && $0.bytes == text.utf8.count && $0.complete })
        }
        #expect(reading.summaries.last?.findings == ["smtp-starttls-injection"])
    }
}
