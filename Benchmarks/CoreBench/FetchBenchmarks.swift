// FETCH responses read in full, scanned for the mailbox view, and applied to a view of 100,000 messages: the work that
// an IMAP dialogue does when it keeps the mailbox.

import MailDialogue

/// Everything that is measured of the IMAP grammar and the mailbox view.
func fetchBenchmarks(_ bench: Bench) {
    guard bench.wants("imap") else { return }
    FetchBenchmarks(bench: bench).run()
}

private struct FetchBenchmarks {
    let bench: Bench

    func run() {
        let envelopes = Self.responses(2_000) { number in
            "* \(number) FETCH (UID \(number + 7_000) FLAGS (\\Seen \\Answered $Forwarded) ENVELOPE \(Self.envelope(number)))\r\n"
        }
        let structures = Self.responses(2_000) {
            "* \($0) FETCH (UID \($0 + 7_000) BODYSTRUCTURE \(Self.structure($0)))\r\n"
        }
        let whole = Self.responses(2_000) { number in
            "* \(number) FETCH (UID \(number + 7_000) FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
                + "RFC822.SIZE 44827 ENVELOPE \(Self.envelope(number)) BODYSTRUCTURE \(Self.structure(number)))\r\n"
        }
        let flags = Self.responses(20_000) {
            "* \($0) FETCH (FLAGS (\\Seen $Work) UID \($0 + 7_000) MODSEQ (\($0 + 90_000)))\r\n"
        }
        parse("imap fetch ENVELOPE, read", goal: 150, envelopes)
        parse("imap fetch BODYSTRUCTURE, read", goal: 150, structures)
        parse("imap fetch of all of it, read", goal: 150, whole)
        parse("imap fetch FLAGS, read", flags)
        scan("imap fetch of all of it, scanned", whole)
        scan("imap fetch FLAGS, scanned", flags)
        view("imap fetch FLAGS, scanned into a view", flags)
        commands("imap commands, read")
        expunge("imap view: expunge 100,000 from the front")
        vanish("imap view: 100,000 vanish at once")
    }

    // MARK: Work

    /// All lines in full. The frames are the responses; a fault in one would show as more.
    private func parse(_ name: String, goal: Int? = nil, _ lines: [[UInt8]]) {
        bench.measure(name, goal: goal, octets: lines.reduce(0) { $0 + $1.count }) {
            var frames = 0
            for line in lines {
                let reading = IMAPResponseReading(IMAPText(line))
                if case .fetch(let data) = reading.value {
                    frames &+= data.items.isEmpty ? 0 : 1 &+ reading.faults.count
                }
            }
            return frames
        }
    }

    private func scan(_ name: String, _ lines: [[UInt8]]) {
        bench.measure(name, octets: lines.reduce(0) { $0 + $1.count }) {
            lines.reduce(0) { $0 &+ (IMAPFetchScan(IMAPText($1))?.uid == nil ? 0 : 1) }
        }
    }

    private func view(_ name: String, _ lines: [[UInt8]]) {
        bench.measure(name, octets: lines.reduce(0) { $0 + $1.count }) {
            var view = IMAPMailboxView(name: "INBOX")
            var faults = view.exists(UInt32(lines.count)).count
            for line in lines {
                let text = IMAPText(line)
                if let scan = IMAPFetchScan(text) { faults &+= view.apply(scan, text).count }
            }
            return view.knownMessages &+ faults
        }
    }

    private func commands(_ name: String) {
        let lines = [
            "a1 UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (From To Subject)])\r\n",
            "a2 SELECT \"INBOX\" (CONDSTORE)\r\n",
            "a3 UID SEARCH RETURN (ALL COUNT) UNSEEN SINCE 1-Feb-2026 OR FROM \"a\" SUBJECT \"b\"\r\n", "a4 NOOP\r\n",
            "a5 UID STORE 4,7:9 +FLAGS.SILENT (\\Deleted)\r\n", "a6 LIST \"\" * RETURN (STATUS (MESSAGES UNSEEN))\r\n",
        ].map { Array($0.utf8) }
        let many = (0..<2_000).flatMap { _ in lines }
        bench.measure(name, octets: many.reduce(0) { $0 + $1.count }) {
            many.reduce(0) { $0 &+ 1 &+ IMAPCommandReading(IMAPText($1)).faults.count }
        }
    }

    /// An order of work that a plain array would pay for with quadratic cost.
    private func expunge(_ name: String) {
        guard name.hasPrefix(bench.only) else { return }
        let full = filled()
        bench.measure(name, octets: 0) {
            var view = full
            var faults = 0
            for _ in 0..<100_000 { faults &+= view.expunge(1).count }
            return 100_000 &+ view.knownMessages &+ faults
        }
    }

    private func vanish(_ name: String) {
        guard name.hasPrefix(bench.only) else { return }
        let full = filled()
        let all = IMAPNumberSet([IMAPNumberSet.Range(1, 100_000)])
        bench.measure(name, octets: 0) {
            var view = full
            return 100_000 &+ view.vanished(all, isEarlier: false).count &+ view.knownMessages
        }
    }

    private func filled() -> IMAPMailboxView {
        var view = IMAPMailboxView(name: "INBOX")
        _ = view.exists(100_000)
        for number in UInt32(1)...100_000 { _ = view.fetched(number, uid: number, flags: .seen) }
        return view
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
