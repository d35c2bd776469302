// Responses that are no FETCH: values and faults.

import Testing

@testable import MailDialogue

@Suite struct IMAPResponseReaderTests {
    /// Real and RFC-made responses that have no fault.
    @Test(arguments: [
        "* OK IMAP4rev1 Service Ready", "* PREAUTH IMAP4rev2 server logged in as Smith", "* BYE Autologout; idle",
        "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready", "+ ", "+ idling", "+ YGgGCSqGSIb3EgEC",
        "* CAPABILITY IMAP4rev2 STARTTLS AUTH=GSSAPI", "* ENABLED CONDSTORE X-GOOD-IDEA", "* ENABLED",
        "* LIST (\\Noselect) \"/\" \"\"", "* LIST () \"/\" INBOX", "* LIST () NIL a&AOQ-b",
        "* LIST (\\HasNoChildren) \".\" foo (\"OLDNAME\" (\"bar\"))",
        "* LIST () \"/\" \"Foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))", "* LSUB (\\Subscribed) \"/\" x",
        "* NAMESPACE ((\"\" \"/\")) NIL NIL",
        "* NAMESPACE ((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) ((\"~\" \"/\")) ((\"Public/\" NIL))",
        "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)", "* STATUS x ()",
        "* STATUS x (UIDVALIDITY 1 UNSEEN 0 DELETED 2 SIZE 9223372036854775807 HIGHESTMODSEQ 0 RECENT 0)",
        "* STATUS x (APPENDLIMIT NIL MAILBOXID (F2212ea87-6097_4256) DELETED-STORAGE 5)",
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded)", "* FLAGS ()", "* SEARCH",
        "* SEARCH 2 3 6", "* SEARCH 2 5 (MODSEQ 917162500)", "* SORT 5 3 4 1 2", "* SORT",
        "* ESEARCH", "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3", "* ESEARCH (TAG \"A1\") UID ALL 4:18,21,28",
        "* ESEARCH (TAG \"B1\") UID", "* ESEARCH (TAG \"A01\") UID PARTIAL (-1:-100 200:250,252:300)",
        "* ESEARCH (TAG \"A01\") PARTIAL (1:500 NIL)", "* ESEARCH (TAG \"B01\") UID ADDTO (0 32768:32769)",
        "* ESEARCH (TAG \"C01\") UID REMOVEFROM (0 32768) ADDTO (1 5 2 7)", "* ESEARCH ALL 1,5,10 RELEVANCY (4 99 42)",
        "* ESEARCH (TAG \"tag1\" MAILBOX \"folder1\" UIDVALIDITY 1) UID ALL 4001,4003",
        "* ESEARCH (TAG \"a\") MODSEQ 9 ALL 1",
        "* THREAD", "* THREAD (2)(3 6 (4 23)(44 7 96))", "* THREAD ((3)(5))", "* 23 EXISTS", "* 0 EXISTS", "* 5 RECENT",
        "* 44 EXPUNGE", "* VANISHED 505,507,510,625", "* VANISHED (EARLIER) 300:310,405,411",
        "* QUOTA \"\" (STORAGE 10 512)", "* QUOTA \"\" ()", "* QUOTAROOT INBOX \"\"", "* QUOTAROOT comp.mail.mime",
        "* ACL archive/imap fred rwipslxetad -bob lrs", "* LISTRIGHTS ~/Mail/saved smith la r swicdkxte",
        "* LISTRIGHTS x anyone \"\" l r s", "* MYRIGHTS INBOX rwiptsldaex",
        "* METADATA \"\" (/shared/comment \"Its sunny outside!\")",
        "* METADATA \"INBOX\" /shared/comment /private/comment",
        "* METADATA \"INBOX\" (/private/comment NIL)", "* ID NIL", "* ID (\"name\" \"Cyrus\" \"version\" NIL)",
        "* ID ()",
        "* LANGUAGE (EN)", "* LANGUAGE (EN DE IT i-default)", "* COMPARATOR i;unicode-casemap",
        "* GENURLAUTH \"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:91354\"",
        "* URLFETCH \"imap://joe@example.com/x\" NIL",
        "* URLFETCH \"imap://x/\" (BODYPARTSTRUCTURE (\"TEXT\")) (BINARY NIL)",
        "* JMAPACCESS \"https://example.com/.well-known/jmap\"", "a1 OK done", "a]1 NO [ALERT] no", "A2 BAD ",
        "* 2 CONVERTED (TAG \"b1\") (UID 5 BINARY[1] {3}\r\nabc BINARY[2]<0> ~{1}\r\nx BINARY.SIZE[3] 30)",
        "* 2 CONVERTED (TAG \"b1\") (BODYPARTSTRUCTURE[1] (\"TEXT\" \"PLAIN\" NIL NIL NIL \"8BIT\" 4 1) BODY[HEADER] NIL)",
        "* 2 CONVERTED (TAG \"b1\") (AVAILABLECONVERSIONS[2] ((\"image/gif\" \"image/png\")))",
        "* 2 CONVERTED (TAG \"b1\") (AVAILABLECONVERSIONS[2] (()) BINARY[1] (ERROR \"no\" TEMPFAIL 5))",
        "* 2 CONVERTED (TAG \"b1\") (BINARY[1] (ERROR \"no\" BADPARAMETERS NIL \"text/html\" (\"charset\" \"x\")))",
        "* 2 CONVERTED (TAG \"b1\") (BINARY[1] (ERROR \"no\" MISSINGPARAMETERS \"a/b\" \"c/d\"(\"e\")))",
        "* CONVERSION \"image/gif\" \"image/png\"", "* CONVERSION \"image/gif\" \"image/png\" (\"pix-y\" pix-x)",
        "* UIDBATCHES (TAG \"A1\") 215295:99695,99696:20350,7830:1", "* UIDBATCHES (TAG \"A1\")",
        "* 1 FETCH (ANNOTATION (/comment (value.priv \"x\" value.shared NIL) \"/altsubject\" (size.priv \"5\")))",
        "* 1 FETCH (UID 5 ANNOTATION (/comment /altsubject))", "* OK [ANNOTATIONS 20480 NOPRIVATE] x",
        "* OK Still here {5}", "* NO [UNKNOWN-CTE] x", "* OK [X-VENDOR (a b) \"c\"] text", "* OK [] odd text",
    ]) func lawful(_ line: String) {
        let reading = readResponse(line)
        let faults = line.contains("[] odd") ? "bad-response-code@5" : ""
        #expect(reading.faultText == faults)
        #expect(reading.value != .none)
    }

    /// What is wrong, and where.
    @Test(arguments: [
        ("*  OK x", "extra-space@1"),
        ("* OK", "missing-space@4"),
        ("*", "ended@1"),
        ("", "bad-tag@0"),
        ("x", "bad-tag@0"),
        ("* 1 CONVERTED (BINARY[1] NIL)", "unexpected@15"), ("* 1 CONVERTED (TAG \"a\") (FOO x)", "unknown-item@25"),
        ("* 1 CONVERTED (TAG \"a\") ()", "empty-list@24"), ("* CONVERSION \"image/*\" \"a/b\"", "bad-media-type@13"),
        ("* UIDBATCHES 1:5", "unexpected@13"), ("* UIDBATCHES (TAG \"A1\") 5:*", "misplaced-star@26"),
        ("* 1 FETCH (ANNOTATION (comment (value.priv \"x\")))", "bad-annotation@23"),
        ("* 1 FETCH (ANNOTATION (/a* (value.priv \"x\")))", "unexpected@25"),
        ("a1 MAYBE x", "unknown-response@3"), ("* FOO bar", "unknown-response@2"), ("* 3 FOO", "unknown-response@4"),
        ("+text", "missing-space@1"), ("* CAPABILITY STARTTLS", "no-revision@2"), ("* CAPABILITY", "no-revision@2"),
        ("* CAPABILITY IMAP4rev1 LITERAL+ LITERAL-", "literal-plus-and-minus@2"),
        ("* CAPABILITY IMAP4rev1 ", "extra-space@22"), ("* CAPABILITY  IMAP4rev1", "extra-space@12"),
        ("* LIST () \"//\" x", "bad-delimiter@10"), ("* LIST () / x", "unexpected@10"),
        ("* LIST (\\Marked \\Unmarked) NIL x", "conflicting-attributes@7"),
        ("* LIST (\\HasChildren \\HasNoChildren) NIL x", "conflicting-attributes@7"),
        ("* LIST () NIL a&b", "bad-mailbox-name@15"), ("* LIST () NIL \"a", "unclosed-quote@14"),
        ("* LIST () NIL", "ended@13"), ("* LIST (\\Noselect NIL x", "unclosed-list@23"),
        ("* LIST () NIL \"\u{e4}\"", "eight-bit@15"), ("* LIST () NIL x y", "unexpected@16"),
        ("* STATUS x (MESSAGES -1)", "bad-number@21"),
        ("* STATUS x (MESSAGES 4294967296)", "number-too-big@21"), ("* STATUS x (UIDNEXT 0)", "zero-number@20"),
        ("* STATUS x (SIZE 9223372036854775808)", "number-too-big@17"), ("* STATUS x (MESSAGES 1", "unclosed-list@22"),
        ("* STATUS x (MAILBOXID (a.b))", "bad-object-id@23"), ("* FLAGS \\Seen", "unexpected@8"),
        ("* FLAGS (\\Seen", "unclosed-list@14"), ("* FLAGS (\\Seen  x)", "extra-space@14"),
        ("* FLAGS (a]b)", "bad-flag@9"),
        ("* SEARCH ", "extra-space@8"), ("* SEARCH 0", "zero-number@9"), ("* SEARCH x", "bad-number@9"),
        ("* SEARCH 1  2", "extra-space@10"),
        ("* ESEARCH ALL *", "misplaced-star@14"), ("* ESEARCH ALL $", "misplaced-saved-result@14"),
        ("* ESEARCH MIN 0", "zero-number@14"), ("* THREAD (2)(3", "unclosed-list@14"),
        ("* THREAD (2) (3)", "extra-space@12"),
        ("* THREAD ()", "empty-list@9"), ("* THREAD (2))", "unexpected@12"), ("* THREAD 2", "unexpected@9"),
        ("* 0 EXPUNGE", "zero-number@2"), ("* 4294967296 EXISTS", "number-too-big@2"),
        ("* 3 EXISTS now", "trailing@10"),
        ("* 3 EXISTS ", "extra-space@10"), ("* VANISHED 5:*", "misplaced-star@13"),
        ("* VANISHED (SOON) 5", "unexpected@12"),
        ("* VANISHED 1,,2", "bad-sequence-set@13"), ("* VANISHED", "ended@10"),
        ("* QUOTA \"\" (STORAGE 10)", "missing-space@22"), ("* MYRIGHTS x LRS", "bad-rights@13"),
        ("* METADATA x (comment NIL)", "bad-metadata-entry@14"), ("* METADATA x (/a/ NIL)", "bad-metadata-entry@14"),
        ("* METADATA x (/a//b NIL)", "bad-metadata-entry@14"), ("* METADATA x (/ NIL)", "bad-metadata-entry@14"),
        ("* METADATA x (\"/a/*\" NIL)", "bad-metadata-entry@14"),
        ("* ID (name \"x\")", "string-needed@6"), ("* ID (\"a\" \"x\" \"A\" \"y\")", "id-twice@14"),
        ("* OK [UIDNEXT x] a", "bad-response-code@5"), ("* OK [UIDNEXT 5 a", "bad-response-code@5"),
        ("* OK [COPYUID 1 1:3 5:6] a", "copyuid-uneven@5"),
        ("* OK [INPROGRESS (\"a\" 9 5)] a", "progress-beyond-goal@5"),
        ("* OK [ALERT]a", "missing-space@12"), ("* OK a\u{0}b", "nul@6"), ("* LIST\t() NIL x", "tab@6"),
        ("* NAMESPACE () NIL NIL", "empty-list@12"), ("* NAMESPACE NIL NIL", "ended@19"),
        ("* LIST () NIL {9}", "short-literal@14"), ("* LIST () NIL {x}", "bad-number@15"),
        ("* LIST () NIL ~{1}\r\na", "misplaced-literal8@14"), ("* LIST () NIL \"a\\bc\"", "bad-escape@16"),
        ("* JMAPACCESS x", "unexpected@13"),
    ]) func wrong(_ line: String, _ expected: String) {
        let reading = readResponse(line)
        #expect(reading.faultText.split(separator: " ").first.map(String.init) == expected)
    }

    @Test func listValues() {
        let reading = readResponse(
            "* LIST (\\HasChildren \\Sent) \"/\" \"a b\" (CHILDINFO (\"SUBSCRIBED\") OLDNAME (\"x y\"))")
        guard case .list(let listing) = reading.value else {
            Issue.record("no list")
            return
        }
        #expect(reading.strings(listing.attributes) == ["\\HasChildren", "\\Sent"])
        #expect(reading.string(listing.delimiter) == "/")
        #expect(reading.string(listing.mailbox) == "a b")
        #expect(listing.extended.map { reading.string($0.name) } == ["CHILDINFO", "OLDNAME"])
        #expect(listing.extended.map { reading.string($0.value) } == ["(\"SUBSCRIBED\")", "(\"x y\")"])
    }

    @Test func statusValues() {
        let reading = readResponse(
            "* STATUS \"x\" (MESSAGES 7 HIGHESTMODSEQ 9223372036854775807 APPENDLIMIT NIL X-Y (a (b)))")
        guard case .mailboxStatus(let mailbox, let items) = reading.value else {
            Issue.record("no status")
            return
        }
        #expect(reading.string(mailbox) == "x")
        #expect(items.count == 4)
        #expect(items.first == .messages(7))
        #expect(items[1] == .highestModSeq(9_223_372_036_854_775_807))
        #expect(items[2] == .appendLimit(nil))
        guard case .other(let name, let value) = items[3] else {
            Issue.record("no other")
            return
        }
        #expect(reading.string(name) == "X-Y")
        #expect(reading.string(value) == "(a (b))")
    }

    @Test func searchValues() {
        #expect(readResponse("* SEARCH 2 84 882").value == .search([2, 84, 882], modSeq: nil))
        #expect(readResponse("* SORT 5 3 (MODSEQ 17)").value == .sort([5, 3], modSeq: 17))
        let reading = readResponse(
            "* ESEARCH (TAG \"A1\") UID MIN 4 MAX 9 COUNT 3 ALL 4,7:9 MODSEQ 8 PARTIAL (1:5 NIL)")
        guard case .extendedSearch(let search) = reading.value else {
            Issue.record("no esearch")
            return
        }
        #expect(reading.string(search.tag) == "A1")
        #expect(search.isUID)
        #expect(search.items.count == 6)
        #expect(search.items[0] == .min(4))
        #expect(search.items[2] == .count(3))
        #expect(search.items[4] == .modSeq(8))
        if case .all(let set) = search.items[3] { #expect(set.wireText == "4,7:9") } else { Issue.record("no set") }
    }

    @Test func threads() {
        guard case .thread(let nodes) = readResponse("* THREAD (2)(3 6 (4 23)(44 7 96))((5)(8))").value else {
            Issue.record("no thread")
            return
        }
        #expect(nodes.map(\.number) == [2, 3, 6, 4, 23, 44, 7, 96, 0, 5, 8])
        #expect(nodes.map(\.parent) == [-1, -1, 1, 2, 3, 2, 5, 6, -1, 8, 8])
    }

    @Test func deepThreadsAreLinear() {
        let depth = 10_000
        let line = "* THREAD " + String(repeating: "(1 ", count: depth) + "2" + String(repeating: ")", count: depth)
        guard case .thread(let nodes) = readResponse(line).value else {
            Issue.record("no thread")
            return
        }
        #expect(nodes.count == depth + 1)
        #expect(nodes.last?.parent == Int32(depth - 1))
    }

    @Test func vanishedValues() {
        guard case .vanished(let set, let isEarlier) = readResponse("* VANISHED (EARLIER) 41,43:116").value else {
            Issue.record("no vanished")
            return
        }
        #expect(set.wireText == "41,43:116")
        #expect(isEarlier)
        #expect(set.count == 75)
    }

    @Test func rightsAndMetadata() {
        let acl = readResponse("* ACL x fred lrs \"-a b\" \"\"")
        guard case .acl(_, let pairs) = acl.value else {
            Issue.record("no acl")
            return
        }
        #expect(pairs.map { acl.string($0.name) } == ["fred", "-a b"])
        #expect(pairs.map { acl.string($0.value) } == ["lrs", ""])
        let metadata = readResponse("* METADATA \"\" (/a ~{2}\r\nxy /b NIL)")
        guard case .metadata(_, let values) = metadata.value else {
            Issue.record("no metadata")
            return
        }
        #expect(metadata.faultText == "")
        #expect(values.map { metadata.string($0.value) } == ["xy", "NIL"])
    }

    @Test func namespaceValues() {
        guard case .namespace(let all) = readResponse("* NAMESPACE ((\"\" \"/\")) NIL ((\"a\" NIL)(\"b\" \".\"))").value
        else {
            Issue.record("no namespace")
            return
        }
        #expect(all.personal?.count == 1)
        #expect(all.others == nil)
        #expect(all.shared?.count == 2)
        #expect(all.shared?.first?.delimiter.isNil == true)
    }

    @Test func conversions() throws {
        let reading = readResponse(
            "* 2 CONVERTED (TAG \"b1\") (UID 5 BINARY[1.2] {3}\r\nabc BINARY.SIZE[3] (ERROR \"no\" TEMPFAIL 5) "
                + "AVAILABLECONVERSIONS[2] ((\"image/gif\" \"image/png\")))")
        guard case .converted(let converted) = reading.value, converted.items.count == 4,
            case .binary(let section, origin: nil, let content) = converted.items[1],
            case .failure(let name, let failed, let text, let code) = converted.items[2],
            case .availableConversions(_, let types) = converted.items[3]
        else {
            Issue.record("\(reading.value)")
            return
        }
        #expect(converted.number == 2 && reading.string(converted.tag) == "b1" && converted.items[0] == .uid(5))
        #expect(reading.string(section) == "1.2" && reading.string(content) == "abc")
        #expect(reading.strings([name, failed, text, code]) == ["BINARY.SIZE", "3", "no", "TEMPFAIL 5"])
        #expect(reading.strings(types) == ["image/gif", "image/png"])
    }

    @Test func batches() {
        let reading = readResponse("* UIDBATCHES (TAG \"A1\") 20:11,10:1")
        guard case .uidBatches(let batches) = reading.value else {
            Issue.record("\(reading.value)")
            return
        }
        #expect(reading.string(batches.tag) == "A1" && batches.isUID)
        #expect(batches.items == [.all(IMAPNumberSet([.init(20, 11), .init(10, 1)]))])
    }

    @Test func annotations() {
        let reading = readResponse("* 1 FETCH (ANNOTATION (/comment (value.priv \"x\" value.shared NIL) /altsubject))")
        guard case .fetch(let data) = reading.value, case .annotations(let all) = data.items.first else {
            Issue.record("\(reading.value)")
            return
        }
        #expect(reading.strings(all.map(\.entry)) == ["/comment", "/altsubject"] && all[1].values.isEmpty)
        #expect(reading.strings(all[0].values.map(\.name)) == ["value.priv", "value.shared"])
        #expect(reading.string(all[0].values[0].value) == "x" && all[0].values[1].value.isNil)
    }

    @Test func unknownResponsesAreKeptWhole() {
        let reading = readResponse("* XBATCHES (TAG \"A1\") 1:5,6:9")
        guard case .other(let keyword, let number, let rest) = reading.value else {
            Issue.record("no response")
            return
        }
        #expect(reading.string(keyword) == "XBATCHES")
        #expect(number == nil)
        #expect(reading.string(rest) == " (TAG \"A1\") 1:5,6:9")
    }

    @Test func utf8CountsWhenItIsInForce() {
        #expect(readResponse("* LIST () \"/\" \"\u{e4}&\"", .utf8).faultText == "")
        #expect(readResponse("* LIST () \"/\" \"\u{e4}&\"", .unknown).faultText == "")
        let octets = Array("* LIST () \"/\" \"".utf8) + [0xC3, 0x28] + Array("\"\r\n".utf8)
        #expect(IMAPResponseReading(IMAPText(octets), charset: .utf8).faultText == "bad-utf8@15")
    }

    @Test func faultsAreBounded() {
        let line = "* FLAGS (" + Array(repeating: "a]", count: 1_000).joined(separator: " ") + ")"
        let reading = readResponse(line)
        #expect(reading.faults.count == 16)
        guard case .flags(let flags) = reading.value else {
            Issue.record("no flags")
            return
        }
        #expect(flags.count == 1_000)
    }
}
