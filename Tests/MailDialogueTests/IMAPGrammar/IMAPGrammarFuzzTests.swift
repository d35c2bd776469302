// Random mutations of responses and commands: whatever the octets are, reading them ends, each place that a value or a
// fault names lies in the text, and the same octets give the same reading however they were put together.

import Testing

@testable import MailDialogue

/// Mutations of lines that look like IMAP, the same in each run.
struct IMAPMutator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return bound < 1 ? 0 : Int(state % UInt64(bound))
    }

    static let responses = [
        "* 12 FETCH (FLAGS (\\Seen $X) UID 9 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 44827 MODSEQ (65402))",
        "* 1 FETCH (ENVELOPE (\"d\" {3}\r\na\"b ((\"T G\" NIL \"g\" \"h\")(NIL NIL \"x\" \"y\")) NIL NIL NIL NIL NIL \"r\" \"<1@x>\") UID 3)",
        "* 2 FETCH (BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" (\"a\" \"b\") NIL NIL \"7BIT\" 1152 23 NIL (\"i\" (\"x\" \"y\")) (\"en\") \"l\")"
            + "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"a\" \"b\" NIL NIL NIL \"8bit\" 5) 7)"
            + " \"MIXED\" (\"B\" \"b\") NIL \"en\" NIL 4 (1 (2))) UID 8)",
        "* 3 FETCH (BODY[1.HEADER.FIELDS (A \"]\")]<5> {4}\r\nabcd BINARY[2] ~{2}\r\n\0\0 PREVIEW \"p\" X-GM-LABELS (\\Inbox a))",
        "* LIST (\\HasNoChildren) \"/\" a&AOQ-b (CHILDINFO (\"SUBSCRIBED\") OLDNAME (\"x\"))",
        "* STATUS \"x\" (MESSAGES 7 UIDNEXT 8 HIGHESTMODSEQ 9 MAILBOXID (F22) APPENDLIMIT NIL)",
        "* ESEARCH (TAG \"A1\" MAILBOX x UIDVALIDITY 5) UID MIN 4 ALL 4,7:9 PARTIAL (-1:-5 NIL) ADDTO (0 1:2)",
        "* THREAD (2)(3 6 (4 23)(44 7 96))((5)(8))", "* VANISHED (EARLIER) 300:310,405,411",
        "* VANISHED 3,5:7,4294967295",
        "* OK [COPYUID 1 304,319:320 3956:3958] x", "* OK [PERMANENTFLAGS (\\Seen \\*)] x",
        "* OK [INPROGRESS (\"A\" 5 9)] x",
        "a1 OK [READ-WRITE] done", "* NAMESPACE ((\"\" \"/\" \"X\" (\"a\" \"b\"))) NIL ((\"p\" NIL))", "* 40 EXISTS",
        "* 7 EXPUNGE", "+ go",
        "* METADATA \"\" (/a ~{2}\r\nxy /b NIL)", "* ACL x fred lrs -a b", "* SEARCH 1 2 (MODSEQ 5)",
        "* QUOTA \"\" (STORAGE 1 2)",
        "* ID (\"a\" \"b\" \"c\" NIL)", "* URLFETCH \"u\" (BODY NIL) (BINARY ~{1}\r\n\0)",
        "* CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN",
    ]

    static let commands = [
        "a UID FETCH 1:*,7 (UID BODY.PEEK[1.TEXT]<5.10> BINARY[2] PREVIEW (LAZY)) (CHANGEDSINCE 9 VANISHED)",
        "a SEARCH RETURN (MIN PARTIAL 1:5) CHARSET UTF-8 OR NOT SEEN (FROM \"x\" 5) LARGER 9 TEXT {3}\r\nabc SINCE 1-Feb-1994",
        "a SEARCH MODSEQ \"/flags/\\\\draft\" all 5 FUZZY (HEADER a {2+}\r\nbc) KEYWORD x $",
        "a STORE 2 (UNCHANGEDSINCE 5) -FLAGS.SILENT (\\Seen x)",
        "a APPEND x (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {3}\r\nabc CATENATE (URL \"u\" TEXT {3}\r\ndef) UTF8 (~{1}\r\n\0)",
        "a SELECT \"x y\" (CONDSTORE QRESYNC (7 8 1:4 (1 2)))",
        "a LIST (SUBSCRIBED) \"r\" (a \"b%\") RETURN (STATUS (MESSAGES) METADATA (/a))",
        "a LOGIN {3}\r\nabc \"d\\\"e\"",
        "a NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge)) (subtree (a b) NONE)",
        "a SORT RETURN (COUNT) (REVERSE DATE SUBJECT) UTF-8 ALL", "a GETMETADATA (DEPTH 1) x (/a \"/b\")",
        "a SETACL x y +lr",
        "a ID (\"a\" {1}\r\nb \"c\" NIL)", "a ESEARCH IN (mailboxes (a b) selected (x 5)) RETURN (ALL) ALL",
        "a REPLACE * x {1}\r\na",
        "a URLFETCH (\"u\" BINARY) v", "a AUTHENTICATE PLAIN AGE=", "a COPY 1:4294967295 a&AOQ-",
        "a CREATE x (USE (\\Sent))", "a NOOP",
    ]

    private static let pieces: [[UInt8]] =
        [
            "(", ")", "((", "))", "\"", "\\", " ", "  ", "\t", "\r", "\n", "\r\n", "{", "}", "{3}\r\n", "{0}\r\n",
            "{99999999999999999999}\r\n", "~{1}\r\n",
            "[", "]", "<", ">", "NIL", "*", ":", ",", "$", "&", "-", "0", "4294967296", "9223372036854775808",
            "18446744073709551616", "\0", "UID", "FLAGS",
        ].map { Array($0.utf8) } + [[0xC3], [0xFF], [0xE4, 0xB8], [0x7F]]

    /// A line with up to six changes, its line end behind it.
    mutating func line(_ seeds: [String]) -> [UInt8] {
        var line = Array(seeds[next(seeds.count)].utf8)
        for _ in 0..<next(7) {
            let at = next(line.count + 1)
            switch next(6) {
            case 0: line.insert(contentsOf: Self.pieces[next(Self.pieces.count)], at: at)
            case 1: if at < line.count { line[at] = UInt8(truncatingIfNeeded: next(256)) }
            case 2: line.removeSubrange(at..<min(at + 1 + next(8), line.count))
            case 3: line.removeSubrange(at...)
            case 4:
                let upTo = min(at + next(20), line.count)
                line.insert(contentsOf: line[at..<upTo], at: next(line.count + 1))
            default:
                let other = Array(seeds[next(seeds.count)].utf8)
                line.insert(contentsOf: other[next(other.count)...].prefix(next(30)), at: at)
            }
        }
        return line + [13, 10]
    }
}

/// All spans of a value, wherever they are in it.
private func spans(in value: Any, _ found: inout [IMAPSpan]) {
    if let span = value as? IMAPSpan {
        found.append(span)
        return
    }
    for child in Mirror(reflecting: value).children { spans(in: child.value, &found) }
}

@Suite struct IMAPGrammarFuzzTests {
    /// A problem with what a reading names, as text; nil when all lies within the text.
    private func problem(_ value: Any, _ faults: [IMAPFault], _ text: IMAPText) -> String? {
        if let fault = faults.first(where: { $0.offset < 0 || $0.offset > text.octets.count }) {
            return "fault \(fault) beyond the text"
        }
        var found: [IMAPSpan] = []
        spans(in: value, &found)
        for span in found where span.form != .omitted && Int(span.start) + Int(span.count) > text.octets.count {
            return "span \(span) beyond the text"
        }
        return nil
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func responses(_ seed: UInt64) {
        var mutator = IMAPMutator(seed: seed)
        var view = IMAPMailboxView(name: "x")
        for round in 0..<4_000 {
            let line = mutator.line(IMAPMutator.responses)
            let text = IMAPText(line)
            let reading = IMAPResponseReading(text, charset: round % 2 == 0 ? .ascii : .utf8)
            if round % 8 == 0, let problem = problem(reading.value, reading.faults, text) {
                Issue.record("\(problem): \(line)")
            }
            // What the scan takes is what the reader takes, when nothing was wrong.
            if let scan = IMAPFetchScan(text), reading.faults.isEmpty, case .fetch(let data) = reading.value {
                if scan.number != data.number || scan.uid != data.uid || scan.modSeq != data.modSeq {
                    Issue.record("scan differs: \(line)")
                }
            }
            _ = view.apply(reading)
            if let exists = view.exists, view.knownMessages > Int(exists) {
                Issue.record("view holds too much: \(line)")
            }
            // The same octets in the middle of others.
            let padded = [UInt8](repeating: 40, count: 3) + line + [40]
            var moved = IMAPResponseReading(
                IMAPText(padded[3..<(3 + line.count)]), charset: round % 2 == 0 ? .ascii : .utf8)
            moved.text = reading.text
            if moved != reading { Issue.record("the place in memory matters: \(line)") }
        }
    }

    @Test(arguments: [UInt64(5), 6, 7, 8]) func commands(_ seed: UInt64) {
        var mutator = IMAPMutator(seed: seed)
        for round in 0..<4_000 {
            let line = mutator.line(IMAPMutator.commands)
            let text = IMAPText(line)
            let reading = IMAPCommandReading(text, charset: round % 2 == 0 ? .ascii : .unknown)
            if round % 8 == 0, let problem = problem(reading.value, reading.faults, text) {
                Issue.record("\(problem): \(line)")
            }
            // In pieces it is the same text.
            let cut = mutator.next(line.count + 1)
            var pieces = IMAPText(line[..<cut])
            pieces.append(line[cut...])
            if IMAPCommandReading(pieces, charset: round % 2 == 0 ? .ascii : .unknown) != reading {
                Issue.record("the pieces matter: \(line)")
            }
        }
    }

    /// Unclosed, unopened, repeated: the cost stays linear. Quadratic work on a megabyte would take minutes.
    @Test func longTextsAreLinear() {
        let count = 100_000
        for (front, middle, back) in [
            ("* 1 FETCH (BODYSTRUCTURE ", "(", ""), ("* 1 FETCH (FLAGS (", "a ", "))"), ("* 1 FETCH (", "X (", ""),
            ("* 1 FETCH (", "UID x ", ")"),
            ("* 1 FETCH (", "BODY[x] \"", ""), ("* 1 FETCH (ENVELOPE (", "\"a\" ", "))"),
            ("* LIST (", "\\a ", ") NIL x"), ("* THREAD ", "(1)", ""),
            ("* THREAD ", "(1 ", ""), ("* VANISHED ", "1,", "1"), ("* SEARCH", " 1", ""), ("a SEARCH ", "NOT ", "ALL"),
            ("a SEARCH", " 1", ""),
            ("a SEARCH ", "OR 1 ", "1"), ("* OK [", "a ", "] x"), ("* ESEARCH", " ALL 1", ""),
            ("* FLAGS (", "a] ", ")"), ("+ ", "\r", ""),
            ("* METADATA x (", "/a NIL ", ")"), ("a FETCH 1 (", "BODY[] ", ")"), ("* STATUS x (", "MESSAGES 1 ", ")"),
            ("a LOGIN ", "\\", ""),
            ("* ID (", "\"a\" NIL ", ")"), ("* CAPABILITY", " X", ""), ("* NAMESPACE ", "((\"\" NIL))", ""),
            ("a SELECT ", "&AOQ-", ""),
        ] {
            let text = imapText(front + String(repeating: middle, count: count) + back)
            #expect(IMAPResponseReading(text).faults.count <= 16)
            #expect(IMAPCommandReading(text).faults.count <= 16)
            _ = IMAPFetchScan(text)
        }
    }
}
