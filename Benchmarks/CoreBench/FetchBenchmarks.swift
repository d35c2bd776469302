// FETCH responses read in full, scanned for the mailbox view, and applied to a view of 100,000 messages: the work that
// an IMAP dialogue does when it keeps the mailbox.

import MailDialogue

/// Work of the IMAP grammar, for a bench executable to time.
enum FetchBenchmarks {
    /// A piece of work and what it costs.
    struct Case {
        let name: String
        /// Octets of input that one `run` takes.
        let octets: Int
        /// Does the work once; the result depends on all of it, so that none can be left out.
        let run: () -> Int
    }

    /// All pieces of work.
    static func cases() -> [Case] {
        let envelopes = responses(2_000) { number in
            "* \(number) FETCH (UID \(number + 7_000) FLAGS (\\Seen \\Answered $Forwarded) ENVELOPE \(envelope(number)))\r\n"
        }
        let structures = responses(2_000) { "* \($0) FETCH (UID \($0 + 7_000) BODYSTRUCTURE \(structure($0)))\r\n" }
        let whole = responses(2_000) { number in
            "* \(number) FETCH (UID \(number + 7_000) FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
                + "RFC822.SIZE 44827 ENVELOPE \(envelope(number)) BODYSTRUCTURE \(structure(number)))\r\n"
        }
        let flags = responses(20_000) {
            "* \($0) FETCH (FLAGS (\\Seen $Work) UID \($0 + 7_000) MODSEQ (\($0 + 90_000)))\r\n"
        }
        return [
            parse("fetch envelope, parsed", envelopes), parse("fetch bodystructure, parsed", structures),
            parse("fetch all of it, parsed", whole), parse("fetch flags, parsed", flags),
            scan("fetch all of it, scanned for the view", whole), scan("fetch flags, scanned for the view", flags),
            view("fetch flags, scanned and applied to a view", flags),
            expunge("expunge 100,000 messages from the front"), vanish("vanished 1:100000 in one response"),
        ]
    }

    // MARK: Work

    private static func parse(_ name: String, _ lines: [[UInt8]]) -> Case {
        Case(name: name, octets: lines.reduce(0) { $0 + $1.count }) {
            var sum = 0
            for line in lines {
                let reading = IMAPResponseReading(IMAPText(line))
                if case .fetch(let data) = reading.value { sum &+= data.items.count &+ reading.faults.count }
            }
            return sum
        }
    }

    private static func scan(_ name: String, _ lines: [[UInt8]]) -> Case {
        Case(name: name, octets: lines.reduce(0) { $0 + $1.count }) {
            var sum = 0
            for line in lines { sum &+= Int(IMAPFetchScan(IMAPText(line))?.uid ?? 0) }
            return sum
        }
    }

    private static func view(_ name: String, _ lines: [[UInt8]]) -> Case {
        Case(name: name, octets: lines.reduce(0) { $0 + $1.count }) {
            var view = IMAPMailboxView(name: "INBOX")
            var faults = view.exists(UInt32(lines.count)).count
            for line in lines {
                let text = IMAPText(line)
                if let scan = IMAPFetchScan(text) { faults &+= view.apply(scan, text).count }
            }
            return view.knownMessages &+ faults
        }
    }

    private static func full(_ count: UInt32) -> IMAPMailboxView {
        var view = IMAPMailboxView(name: "INBOX")
        _ = view.exists(count)
        for number in 1...count { _ = view.fetched(number, uid: number * 2, flags: .seen) }
        return view
    }

    private static func expunge(_ name: String) -> Case {
        let view = full(100_000)
        return Case(name: name, octets: 0) {
            var view = view
            var faults = 0
            for _ in 0..<100_000 { faults &+= view.expunge(1).count }
            return view.knownMessages &+ faults
        }
    }

    private static func vanish(_ name: String) -> Case {
        var view = IMAPMailboxView(name: "INBOX")
        _ = view.exists(100_000)
        for number in UInt32(1)...100_000 { _ = view.fetched(number, uid: number) }
        let filled = view
        let all = IMAPSequenceSet([IMAPSequenceSet.Range(1, 100_000)])
        return Case(name: name, octets: 0) {
            var view = filled
            return view.vanished(all, isEarlier: false).count &+ view.knownMessages
        }
    }

    // MARK: Input

    private static func responses(_ count: Int, _ line: (Int) -> String) -> [[UInt8]] {
        (1...count).map { Array(line($0).utf8) }
    }

    private static func envelope(_ number: Int) -> String {
        let people = "(\"Terry Gray\" NIL \"gray\" \"cac.example.com\")"
        return "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes, part \(number)\" "
            + "(\(people)) (\(people)) (\(people)) ((NIL NIL \"imap\" \"cac.example.com\")"
            + "(\"John Klensin\" NIL \"KLENSIN\" \"example.org\")) ((NIL NIL \"minutes\" \"example.org\")) NIL NIL "
            + "\"<B27397-0100000-\(number)@cac.example.com>\")"
    }

    private static func structure(_ number: Int) -> String {
        "(((\"text\" \"plain\" (\"charset\" \"utf-8\" \"format\" \"flowed\") NIL NIL \"quoted-printable\" \(number + 900) 31 NIL NIL NIL NIL)"
            + "(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" \(number + 5_000) 120 NIL NIL NIL NIL) "
            + "\"alternative\" (\"boundary\" \"=-=0123456789abcdef\") NIL NIL NIL)"
            + "(\"application\" \"pdf\" (\"name\" \"report \(number).pdf\") NIL NIL \"base64\" 482041 NIL "
            + "(\"attachment\" (\"filename\" \"report \(number).pdf\" \"size\" \"352012\")) NIL NIL) "
            + "\"mixed\" (\"boundary\" \"=-=fedcba9876543210\") NIL \"en\" NIL)"
    }
}
