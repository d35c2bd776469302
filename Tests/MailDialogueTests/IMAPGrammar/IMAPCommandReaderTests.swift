// Commands: values and faults.

import Testing

@testable import MailDialogue

@Suite struct IMAPCommandReaderTests {
    private func read(_ line: String, _ charset: IMAPCharset = .ascii) -> IMAPCommandReading {
        IMAPCommandReading(imapText(line), charset: charset)
    }

    private func faults(_ reading: IMAPCommandReading) -> String {
        reading.faults.map { "\($0.code.rawValue)@\($0.offset)" }.joined(separator: " ")
    }

    /// Commands of the RFCs that have no fault.
    @Test(arguments: [
        "a CAPABILITY", "a noop", "a LOGOUT", "a STARTTLS", "a AUTHENTICATE PLAIN", "a AUTHENTICATE PLAIN =",
        "a AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=", "a LOGIN SMITH SESAME", "a LOGIN \"a b\" \"\"",
        "a LOGIN {3}\r\nabc {2}\r\nde",
        "a ID NIL", "a ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" NIL)", "a ENABLE CONDSTORE X-GOOD-IDEA",
        "a COMPRESS DEFLATE", "a SELECT INBOX", "a EXAMINE blurdybloop", "a SELECT INBOX (CONDSTORE)",
        "a SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
        "a SELECT INBOX (QRESYNC (67890007 90060115194045000 1:29997 (5000,7500,9000 15000,22500,27000)))",
        "a SELECT INBOX (QRESYNC (1 2 (1,5 6,9)))", "a SELECT INBOX (QRESYNC (1 2))", "a CREATE owatagusiam/",
        "a CREATE MySpecial (USE (\\MyFlag))", "a DELETE blurdybloop", "a RENAME blurdybloop sarasoop",
        "a SUBSCRIBE #news.x",
        "a UNSUBSCRIBE #news.x", "a LIST \"\" \"\"", "a LIST \"\" *", "a LIST /usr/staff/jones %",
        "a LSUB \"#news.\" \"comp.mail.*\"",
        "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"*\" RETURN (CHILDREN)", "a LIST () \"\" (INBOX \"Tmp/%\")",
        "a LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN) SUBSCRIBED)",
        "a LIST (SPECIAL-USE REMOTE) \"\" * RETURN (SPECIAL-USE MYRIGHTS)",
        "a LIST \"\" % RETURN (METADATA (\"/shared/vendor/x\") CHILDREN)", "a LIST \"\" % RETURN ()", "a NAMESPACE",
        "a STATUS blurdybloop (UIDNEXT MESSAGES)",
        "a STATUS x (HIGHESTMODSEQ APPENDLIMIT MAILBOXID DELETED-STORAGE SIZE)",
        "a APPEND saved-messages (\\Seen) {3}\r\nabc", "a APPEND x \"17-Jul-1996 02:44:25 -0700\" {3+}\r\nabc",
        "a APPEND x (\\Seen) \" 7-Jul-1996 02:44:25 -0700\" ~{1}\r\na",
        "a APPEND x {1}\r\na {1}\r\nb (\\Draft) {0}\r\n",
        "a APPEND Drafts (\\Draft) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" TEXT {2}\r\nab)",
        "a APPEND x UTF8 (~{2}\r\nab)", "a IDLE", "a CLOSE", "a UNSELECT", "a CHECK", "a EXPUNGE",
        "a UID EXPUNGE 3000:3002",
        "a SEARCH ALL", "a UID SEARCH RETURN (MIN COUNT) UID 1:* UNSEEN",
        "a SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
        "a SEARCH CHARSET UTF-8 OR (SEEN DRAFT) NOT (TO x 1:5,*) TEXT {3}\r\nabc", "a SEARCH $ SMALLER 10",
        "a SEARCH RETURN () 1", "a SEARCH RETURN (SAVE) 2,4:7,9,12:*", "a SEARCH HEADER Message-ID <x@y>",
        "a SEARCH MODSEQ 620162338", "a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", "a SEARCH OLDER 5 YOUNGER 9",
        "a SEARCH KEYWORD $Junk UNKEYWORD x ON \"1-Feb-1994\"", "a SEARCH EMAILID M6d99 THREADID T64b",
        "a SEARCH SAVEDBEFORE 1-Jan-2020 SAVEDATESUPPORTED", "a SEARCH FUZZY (SUBJECT \"x\" FROM \"y\")",
        "a SEARCH FILTER boss",
        "a UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED", "a SEARCH RETURN (UPDATE CONTEXT COUNT) ALL",
        "a SEARCH X-GM-RAW \"has:x\"",
        "a FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])", "a FETCH 1 ALL", "a fetch 1:* fast",
        "a UID FETCH 4827313:4828442 FLAGS",
        "a FETCH * (BODY.PEEK[]<0.1024> BINARY[1.2] BINARY.PEEK[1]<0.5> BINARY.SIZE[1] BODY[1.MIME] BODY[2.HEADER.FIELDS.NOT (X)])",
        "a FETCH 1 BODYSTRUCTURE", "a UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)",
        "a FETCH 1 (PREVIEW (LAZY) EMAILID)",
        "a FETCH 1 (PREVIEW SAVEDATE THREADID MODSEQ)", "a UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-100)",
        "a FETCH $ UID",
        "a STORE 2:4 +FLAGS (\\Deleted)", "a STORE 1 FLAGS.SILENT ()", "a STORE 1 -flags \\Seen $X",
        "a UID STORE $ FLAGS (x)",
        "a UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)", "a COPY 2:4 MEETING",
        "a UID MOVE 42:69 foo",
        "a SORT (SUBJECT REVERSE DATE) US-ASCII ALL", "a UID SORT RETURN (COUNT) (DISPLAYFROM) UTF-8 UNDELETED",
        "a THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000", "a UID THREAD REFERENCES \"UTF-8\" ALL",
        "a REPLACE 4 Drafts (\\Seen) {2}\r\nab",
        "a UID REPLACE 2000 Drafts {2+}\r\nab", "a REPLACE * x CATENATE (TEXT {1}\r\na)",
        "a NOTIFY NONE",
        "a NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To)]) MessageExpunge))",
        "a NOTIFY SET (selected-delayed (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (subtree Lists (MessageNew MessageExpunge))",
        "a NOTIFY SET (mailboxes (INBOX \"x y\") NONE) (personal (MailboxName SubscriptionChange))",
        "a GETMETADATA \"\" /shared/comment", "a GETMETADATA \"INBOX\" (/shared/comment /private/comment)",
        "a GETMETADATA (DEPTH 1) \"INBOX\" (/private/filters/values)", "a GETMETADATA (DEPTH infinity MAXSIZE 5) x /a",
        "a GETMETADATA (DEPTH 0) x /a", "a GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment /private/comment)",
        "a SETMETADATA INBOX (/private/comment {3}\r\nabc /shared/x NIL)", "a GETQUOTA \"\"", "a GETQUOTAROOT INBOX",
        "a SETQUOTA \"\" (STORAGE 512 MESSAGE 5)", "a SETQUOTA \"\" ()", "a GETACL INBOX",
        "a SETACL INBOX David lrswida",
        "a SETACL INBOX David +a", "a SETACL INBOX -x \"\"", "a DELETEACL INBOX Fred", "a LISTRIGHTS INBOX smith",
        "a MYRIGHTS INBOX",
        "a GENURLAUTH \"imap://joe@example.com/INBOX/;uid=20;urlauth=submit+fred\" INTERNAL", "a RESETKEY",
        "a RESETKEY INBOX INTERNAL",
        "a URLFETCH \"imap://joe@example.com/x\"", "a URLFETCH (\"imap://x\" BODYPARTSTRUCTURE BINARY)", "a LANGUAGE",
        "a LANGUAGE FR EN",
        "a COMPARATOR \"cz;*\" i;basic", "a CANCELUPDATE \"B01\" \"C01\"", "a UNAUTHENTICATE", "a GETJMAPACCESS",
        "a ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") subject \"chad\"", "a ESEARCH RETURN (MIN) unseen",
        "a ESEARCH IN (subtree-one (a b) selected (x 5)) RETURN () ALL", "a CONVERT 1 (\"text/plain\") BINARY[1]",
        "a CONVERT 1:2 (NIL) (UID BINARY[1]<0.5> BINARY.SIZE[2] BODYPARTSTRUCTURE[1] AVAILABLECONVERSIONS[1])",
        "a UID CONVERT 5 (\"image/jpeg\" (\"pix-x\" 10 pix-y \"20\")) (BODY[HEADER] BODY[1.HEADER] BODY[1.2.MIME])",
        "a CONVERSIONS \"image/gif\" image/jpeg", "a CONVERSIONS \"*\" \"text/*\"", "a UIDBATCHES 2000",
        "a UIDBATCHES 2000 10:20", "a SELECT x (ANNOTATE)", "a FETCH 1 (ANNOTATION (/comment (value size)))",
        "a FETCH 1 ANNOTATION ((\"/comment\" /*/% *) value.priv)", "a UID FETCH 1 (UID ANNOTATION (/* (value.priv)))",
        "a STORE 1 ANNOTATION (/comment (value.priv \"x\" value.shared NIL) /altsubject (value.priv {1}\r\na))",
        "a APPEND x (\\Seen) ANNOTATION (/comment (value.priv ~{1}\r\na)) {1}\r\nb",
        "a SEARCH ANNOTATION /comment value \"IMAP4\" UNSEEN", "a SEARCH NOT ANNOTATION * value.priv NIL",
        "a SORT (ANNOTATION /altsubject value.shared REVERSE DATE) UTF-8 ALL", "a]b NOOP",
    ]) func lawful(_ line: String) {
        let reading = read(line)
        #expect(faults(reading) == "")
        #expect(reading.value != .none)
    }

    /// What is wrong, and where.
    @Test(arguments: [
        ("", "bad-tag@0"), ("a", "ended@1"), ("+ NOOP", "bad-tag@0"), ("a(b NOOP", "bad-tag@0"),
        ("a  NOOP", "extra-space@1"),
        ("a NOOP ", "extra-space@6"), ("a NOOP x", "trailing@6"), ("a FOO bar", "unknown-command@2"),
        ("a UID NOOP", "unknown-command@2"),
        ("a LOGIN x", "ended@9"), ("a LOGIN x y z", "trailing@11"), ("a LOGIN x \"y", "unclosed-quote@10"),
        ("a CONVERT 1 BINARY[1]", "unexpected@12"), ("a CONVERT 1 (\"text\") BINARY[1]", "bad-media-type@13"),
        ("a CONVERT 1 (text/plain) BINARY[1]", "unexpected@13"), ("a CONVERT 1 (NIL) FLAGS", "unknown-item@18"),
        ("a CONVERT 1 (NIL) BODY[TEXT]", "unknown-item@18"), ("a CONVERT 1 (NIL) BINARY.PEEK[1]", "unknown-item@18"),
        ("a CONVERT 1 (NIL ()) UID", "empty-list@17"), ("a FETCH 1 BODYPARTSTRUCTURE[1]", "unknown-item@10"),
        ("a CONVERSIONS x", "bad-media-type@14"), ("a UIDBATCHES", "ended@12"),
        ("a UIDBATCHES 0", "zero-number@13"), ("a UIDBATCHES 5 *", "misplaced-star@15"),
        ("a FETCH 1 ANNOTATION /comment", "unexpected@21"),
        ("a FETCH 1 ANNOTATION (comment value)", "bad-annotation@22"),
        ("a STORE 1 ANNOTATION ()", "empty-list@21"), ("a STORE 1 +ANNOTATION (/a (v x))", "unknown-item@11"),
        ("a SEARCH ANNOTATION /a size.priv \"x\"", "bad-annotation@23"),
        ("a SORT (ANNOTATION /a value) UTF-8 ALL", "bad-annotation@22"),
        ("a AUTHENTICATE PLAIN =x", "bad-base64@21"), ("a AUTHENTICATE PLAIN abc", "bad-base64@21"),
        ("a ENABLE", "ended@8"),
        ("a SELECT a&b", "bad-mailbox-name@10"), ("a SELECT a*b", "unexpected@10"), ("a SELECT \"a*b\"", ""),
        ("a SELECT x (QRESYNC (0 5))", "zero-number@21"), ("a SELECT x (QRESYNC (5 5 1:*))", "misplaced-star@27"),
        ("a SELECT x (FOO)", "unknown-item@12"), ("a SELECT x ()", "empty-list@11"),
        ("a SELECT x CONDSTORE", "unexpected@11"),
        ("a CREATE x (USE \\Sent)", "unexpected@16"), ("a LIST x", "ended@8"),
        ("a LIST (RECURSIVEMATCH) \"\" *", "recursive-match-alone@7"),
        ("a LIST (REMOTE RECURSIVEMATCH) \"\" *", "recursive-match-alone@7"),
        ("a LIST \"\" * RETURN (FOO)", "unknown-item@20"),
        ("a LIST \"\" * (CHILDREN)", "unexpected@12"), ("a LIST \"\" ()", "empty-list@10"),
        ("a STATUS x ()", "empty-list@11"),
        ("a STATUS x MESSAGES", "unexpected@11"), ("a STATUS x (FOO)", "unknown-item@12"),
        ("a APPEND x", "no-message@10"),
        ("a APPEND x (\\Seen)", "ended@18"), ("a APPEND x (\\Recent) {1}\r\na", "flag-not-settable@12"),
        ("a APPEND x \"1-Jul-1996 02:44:25 -0700\" {1}\r\na", "bad-date-time@11"),
        ("a APPEND x \"17-Jul-1996\" {1}\r\na", "bad-date-time@11"),
        ("a APPEND x CATENATE (TEXT \"a\")", "unexpected@26"), ("a APPEND x CATENATE ()", "empty-list@20"),
        ("a APPEND x hello", "ended@16"),
        ("a FETCH 0 FLAGS", "zero-number@8"), ("a FETCH 1:0 FLAGS", "zero-number@10"),
        ("a FETCH 4294967296 FLAGS", "number-too-big@8"),
        ("a FETCH 1, FLAGS", "bad-sequence-set@10"), ("a FETCH 1;2 FLAGS", "bad-sequence-set@9"),
        ("a FETCH 1:2:3 FLAGS", "bad-sequence-set@11"),
        ("a FETCH  1 FLAGS", "extra-space@7"), ("a FETCH 1", "ended@9"), ("a FETCH 1 ()", "empty-list@10"),
        ("a FETCH 1 (ALL)", "misplaced-macro@11"), ("a FETCH 1 FOO", "unknown-item@10"),
        ("a FETCH 1 BODY[", "bad-section@15"),
        ("a FETCH 1 BODY[0]", "zero-number@15"), ("a FETCH 1 BODY[HEADER.FIELDS ()]", "empty-list@29"),
        ("a FETCH 1 BODY[MIME]", "bad-section@15"),
        ("a FETCH 1 BODY[]<5>", "unexpected@18"), ("a FETCH 1 BODY[]<5.0>", "bad-partial@17"),
        ("a FETCH 1 BINARY[TEXT]", "bad-section@17"),
        ("a FETCH 1 FLAGS UID", "unexpected@16"), ("a FETCH 1 (FLAGS UID", "unclosed-list@20"),
        ("a FETCH 1 (FLAGS  UID)", "extra-space@16"),
        ("a FETCH 1 (UID) (VANISHED CHANGEDSINCE 5)", "vanished-not-uid@16"),
        ("a UID FETCH 1 (UID) (VANISHED)", "vanished-without-changed-since@20"),
        ("a UID FETCH 1 (UID) (CHANGEDSINCE 0)", "zero-number@34"), ("a STORE 1 FLAGS", "ended@15"),
        ("a STORE 1 LABELS (x)", "unknown-item@10"),
        ("a STORE 1 +FLAGS (\\Recent)", "flag-not-settable@18"), ("a STORE 1 +FLAGS (a]b)", "bad-flag@18"),
        ("a STORE 1 FLAGS (\\*)", "bad-flag@17"),
        ("a STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS ()", "modifier-twice@28"), ("a COPY 1", "ended@8"),
        ("a COPY * ", "ended@9"),
        ("a UID EXPUNGE", "ended@13"), ("a SEARCH", "ended@8"), ("a SEARCH FOO", "unknown-item@9"),
        ("a SEARCH NOT", "ended@12"),
        ("a SEARCH OR SEEN", "ended@16"), ("a SEARCH ()", "empty-list@9"), ("a SEARCH (SEEN", "unclosed-list@14"),
        ("a SEARCH SINCE 1994-02-01", "bad-date@15"),
        ("a SEARCH SINCE 30-Feb-1994", "bad-date@15"), ("a SEARCH SINCE 1-Feb-94", "bad-date@15"),
        ("a SEARCH LARGER x", "bad-number@16"),
        ("a SEARCH YOUNGER 0", "zero-number@17"), ("a SEARCH KEYWORD \\Seen", "bad-flag@17"),
        ("a SEARCH RETURN (ALL PARTIAL 1:5) ALL", "partial-with-all@16"),
        ("a SEARCH RETURN (PARTIAL 1:-5) ALL", "bad-number@27"),
        ("a SEARCH MODSEQ \"/x/y\" all 5", "bad-modseq-entry@16"),
        ("a SEARCH MODSEQ \"/flags/x\" some 5", "bad-modseq-entry@27"), ("a SEARCH EMAILID a.b", "bad-object-id@17"),
        ("a SORT DATE UTF-8 ALL", "unexpected@7"),
        ("a SORT (DATE REVERSE) UTF-8 ALL", "missing-space@20"), ("a SORT (FOO) UTF-8 ALL", "unknown-item@8"),
        ("a THREAD REFERENCES UTF-8", "ended@25"),
        ("a REPLACE 4 Drafts", "no-message@18"), ("a NOTIFY SET (selected (MessageNew))", "events-incomplete@23"),
        ("a NOTIFY SET (selected (FlagChange))", "events-incomplete@23"), ("a NOTIFY", "ended@8"),
        ("a NOTIFY SET (foo NONE)", "unknown-item@14"),
        ("a GETMETADATA x comment", "bad-metadata-entry@16"), ("a SETMETADATA x (/a)", "missing-space@19"),
        ("a SETQUOTA \"\" (STORAGE)", "missing-space@22"),
        ("a SETACL x y LRS", "bad-rights@13"), ("a ID (\"a\")", "missing-space@9"), ("a ID foo", "unexpected@5"),
        ("a GENURLAUTH x", "ended@14"),
        ("a CANCELUPDATE B01", "unexpected@15"), ("a LOGIN \"\u{e4}\" x", "eight-bit@9"),
        ("a LOGIN x~\u{1}y z", "control-octet@10"),
    ]) func wrong(_ line: String, _ expected: String) {
        #expect(faults(read(line)).split(separator: " ").first.map(String.init) ?? "" == expected)
    }

    @Test func verbsAndTags() {
        let reading = read("A7 uid Fetch 5 FLAGS")
        #expect(reading.text.string(reading.tag) == "A7")
        #expect(reading.text.string(reading.verb) == "Fetch")
        #expect(reading.isUID)
    }

    @Test func fetchValues() {
        let reading = read("a UID FETCH 1:*,7 (UID BODY.PEEK[1.TEXT]<5.10> BINARY[2]) (CHANGEDSINCE 9)")
        guard case .fetch(let set, let attributes, let modifiers) = reading.value, attributes.count == 3 else {
            Issue.record("no fetch")
            return
        }
        #expect(set.wireText == "1:*,7")
        #expect(set.contains(500, largest: 900))
        #expect(!set.contains(901, largest: 900))
        #expect(modifiers == [.changedSince(9)])
        guard case .section(let section, let isPeek, let partial) = attributes[1] else {
            Issue.record("no section")
            return
        }
        #expect(reading.text.string(section) == "1.TEXT")
        #expect(isPeek)
        #expect(partial == IMAPPartial(offset: 5, count: 10))
        guard case .binary(_, let binaryPeek, let none) = attributes[2] else {
            Issue.record("no binary")
            return
        }
        #expect(!binaryPeek)
        #expect(none == nil)
    }

    @Test func storeValues() {
        let reading = read("a STORE 2 (UNCHANGEDSINCE 5) -FLAGS.SILENT (\\Seen x)")
        guard case .store(let set, let store) = reading.value else {
            Issue.record("no store")
            return
        }
        #expect(set.wireText == "2")
        #expect(store.change == .remove)
        #expect(store.isSilent)
        #expect(store.unchangedSince == 5)
        #expect(store.flags.map { reading.text.string($0) } == ["\\Seen", "x"])
    }

    @Test func searchValues() {
        let reading = read("a SEARCH RETURN (MIN PARTIAL 1:5) CHARSET UTF-8 OR NOT SEEN (FROM \"x\" 5) LARGER 9")
        guard case .search(let search) = reading.value, search.criteria.count == 2 else {
            Issue.record("no search")
            return
        }
        #expect(search.returns?.count == 2)
        #expect(reading.text.string(search.charset) == "UTF-8")
        guard case .or(let one, let other) = search.criteria[0] else {
            Issue.record("no or")
            return
        }
        #expect(one == .not(.plain(.seen)))
        guard case .and(let both) = other, case .field(.from, let name) = both.first else {
            Issue.record("no and")
            return
        }
        #expect(reading.text.string(name) == "x")
        #expect(both.last == .numbers(IMAPNumberSet([.init(5, 5)])))
        #expect(search.criteria[1] == .larger(9))
    }

    @Test func appendValues() {
        var text = IMAPText(Array("a APPEND x (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {5000000}\r\n".utf8)[...])
        text.omitLiteral(size: 5_000_000)
        text.append(Array(" CATENATE (URL \"u\" TEXT {3}\r\n".utf8)[...])
        text.omitLiteral(size: 3)
        text.append(Array(")\r\n".utf8)[...])
        let reading = IMAPCommandReading(text)
        #expect(faults(reading) == "")
        guard case .append(_, let messages) = reading.value, messages.count == 2 else {
            Issue.record("no append")
            return
        }
        #expect(messages[0].flags.count == 1)
        #expect(!messages[0].isCatenated)
        if case .text(let span) = messages[0].parts.first { #expect(text.size(of: span) == 5_000_000) }
        #expect(messages[1].isCatenated)
        #expect(messages[1].parts.count == 2)
        if case .text(let span) = messages[1].parts.last { #expect(text.size(of: span) == 3) }
    }

    @Test func selectValues() {
        let reading = read("a SELECT \"x y\" (CONDSTORE QRESYNC (7 8 1:4 (1 2)))")
        guard case .select(let mailbox, let parameters, let isExamine) = reading.value else {
            Issue.record("no select")
            return
        }
        #expect(reading.text.string(mailbox) == "x y")
        #expect(!isExamine)
        #expect(parameters.first == .condStore)
        guard case .qresync(let validity, let modSeq, let known, let numbers, let uids) = parameters.last else {
            Issue.record("no qresync")
            return
        }
        #expect(validity == 7)
        #expect(modSeq == 8)
        #expect([known.wireText, numbers.wireText, uids.wireText] == ["1:4", "1", "2"])
    }

    @Test func listValues() {
        let reading = read("a LIST (SUBSCRIBED) \"r\" (a \"b%\") RETURN (STATUS (MESSAGES) CHILDREN)")
        guard case .list(let list) = reading.value else {
            Issue.record("no list")
            return
        }
        #expect(list.selection.map { reading.text.string($0.name) } == ["SUBSCRIBED"])
        #expect(reading.text.string(list.reference) == "r")
        #expect(list.patterns.map { reading.text.string($0) } == ["a", "b%"])
        #expect(list.returns.map { reading.text.string($0.name) } == ["STATUS", "CHILDREN"])
        #expect(list.returns.map { reading.text.string($0.value) } == ["(MESSAGES)", nil])
    }

    @Test func idIsBounded() {
        let pairs = (1...31).map { "\"f\($0)\" \"v\"" }.joined(separator: " ")
        #expect(faults(read("a ID (\(pairs))")) == "id-too-many@5")
        #expect(faults(read("a ID (\"\(String(repeating: "f", count: 31))\" NIL)")) == "id-too-long@6")
        #expect(faults(read("a ID (\"f\" \"\(String(repeating: "v", count: 1_025))\")")) == "id-too-long@6")
    }

    @Test func nestingIsBounded() {
        let deep = String(repeating: "NOT ", count: 99) + "SEEN"
        #expect(faults(read("a SEARCH \(deep)")) == "")
        #expect(faults(read("a SEARCH NOT \(deep)")).hasPrefix("too-deep@"))
        let lists = String(repeating: "(", count: 10_000) + "SEEN" + String(repeating: ")", count: 10_000)
        #expect(faults(read("a SEARCH \(lists)")).hasPrefix("too-deep@"))
        #expect(faults(read("a FOO \(lists)")) == "unknown-command@2")
    }

    @Test func utf8NamesAreLawfulWhenAgreed() {
        #expect(faults(read("a SELECT \"\u{e4}&\"", .utf8)) == "")
        #expect(faults(read("a SELECT \"\u{e4}\"", .ascii)) == "eight-bit@10")
    }
}
