// The reference page, written from the tables of fields and actions. Docs/Rules.md is this text; a test compares them.

import MailDialogue

/// The reference of rules and filters.
package enum RuleReference {
    /// Markdown.
    package static var text: String {
        [
            introduction, expressions, fieldTable(.rule), points, actionTable, fieldTable(.session), fieldTable(.scope),
            tests,
        ]
        .joined(separator: "\n")
    }

    private static let introduction = """
        # Rules and filters

        This page is written by `mailproxy rules reference` from the tables in the source.

        A rule file is YAML. `mailproxy run --rules PATH` takes files and directories (`*.yaml`, `*.yml` in the order of
        their names); SIGHUP reads them again, and sessions that are open keep the rules they began with. A file with a
        mistake changes nothing: the old rules stay. `mailproxy rules check PATH` names file, line and column of every
        mistake, `rules explain PATH` says when each rule runs, `rules test PATH` runs the tests beside the files.

        ```yaml
        rules:
          - name: no-programs
            when: smtp and subject matches "(?i)invoice.*\\\\.exe"
            then:
              - reject: "554 5.7.1 programs are not accepted"
              - tag: blocked
        ```

        `name` is unique among all files. `when` is an expression; without it the rule always holds. `then` is a list of
        actions. Rules are asked in order, and all that hold act; `pass`, `reject` and `close` end the evaluation for
        this frame. They act on sessions with an upstream and on those with the fallback alike.

        """

    private static let expressions = """
        ## Expressions

        Rules (`when:`) and `--filter` share one language:

        | form | meaning |
        | --- | --- |
        | `smtp` | a field alone: it has a value, and that is neither empty, nor zero, nor false |
        | `sender.domain == "example.com"` `!=` | the same octets; `!=` is the opposite of `==` |
        | `rcpt.count > 10` `<` `<=` `>=` | numbers |
        | `size > 1 MB` | octets: `B KB MB GB` (thousands), `KiB MiB GiB` (1,024) |
        | `duration >= 1.5 s` | time spans: `ms s min h d` |
        | `command in {"RETR", "TOP"}` | one of these |
        | `subject contains "invoice"` | the text is in it, octet by octet |
        | `subject matches "(?i)invoice\\\\b"` | a regular expression fits somewhere |
        | `header["list-id"]` | a header field by name |
        | `not` `and` `or` `( )` | also `!`, `&&`, `\\|\\|`; `not` binds tightest, `or` least |

        A field with several values fulfils a comparison when one of them does. A field without a value fulfils only `!=`.
        Strings stand in double quotes with the escapes `\\\\ \\" \\n \\r \\t \\xNN`; `r"…"` has none.

        `matches` knows literals, `.`, `[a-z]`, `[^…]`, `\\d \\D \\w \\W \\s \\S \\b \\B`, `^ $ \\A \\z`, groups, `|`,
        `* + ? {m,n}` and the flags `(?i) (?s) (?m)`. It runs in linear time whatever the pattern; back-references and
        look-around are therefore errors, and so are patterns of more than 10,000 steps.

        """

    private static func fieldTable(_ use: FieldUse) -> String {
        let known = FieldTable.all.filter { $0.isKnown(for: use) }
        var lines: [String]
        switch use {
        case .rule:
            lines = [
                "## Fields of rules", "", "| field | type | known at | protocols | meaning |",
                "| --- | --- | --- | --- | --- |",
            ]
        case .session:
            lines = [
                "## Fields of `--filter`", "",
                "`mailproxy sessions list|show|export --filter EXPRESSION` asks for sessions:",
                "", "| field | type | meaning |", "| --- | --- | --- |",
            ]
        case .scope:
            lines = [
                "## Fields of `record.what`", "",
                "[Privacy.md](Privacy.md) tells when each of them is known; `never` may ask for those of the session.",
                "", "| field | type | of | meaning |", "| --- | --- | --- | --- |",
            ]
        }
        for field in known {
            let name = field.name == .header ? "header[\"…\"]" : field.name.rawValue
            let type =
                field.several && use == .session || field.several && field.isSeveralInRules
                ? "\(field.type.rawValue)s" : field.type.rawValue
            switch use {
            case .rule:
                let moment = field.moment.map { $0.words } ?? ""
                let protocols =
                    field.protocols.count == MailProtocol.allCases.count
                    ? "all"
                    : MailProtocol.allCases.filter(field.protocols.contains).map(\.rawValue).joined(separator: ", ")
                lines.append("| `\(name)` | \(type) | \(moment) | \(protocols) | \(field.meaning) |")
            case .scope:
                let owner = field.name.isOfSession ? "the session" : "the message"
                lines.append("| `\(name)` | \(type) | \(owner) | \(field.meaning) |")
            case .session: lines.append("| `\(name)` | \(type) | \(field.meaning) |")
            }
        }
        lines.append("")
        return lines.joined(separator: "\n")
    }

    private static let points = """
        ## When a rule runs

        A rule runs at the earliest point at which all its fields are known, those in `{…}` of its texts included:

        | point | moment |
        | --- | --- |
        | `connect` | a client connected, nothing was sent |
        | `command` | a command came and was not passed on yet |
        | `envelope` | RCPT came: sender and recipient are known |
        | `header` | the header section of a message is complete and nothing of it was passed on: DATA, BDAT, RETR, TOP |
        | `reply` | a reply is complete and was not passed on yet |

        A rule that asks for neither `command` nor `line` does not run at each command but at those that bring what it asks
        for: `sender` at MAIL, `user` when a credential is shown, `client.name` at EHLO, `mailbox` when one is named. A
        rule with `set-header` that asks only for such lasting facts waits for the header section.

        At RCPT `rcpt` and `rcpt.domain` are the recipient that is named there, so that a refusal meets no other one; at the
        header and behind it they are all that were not refused. A rule that asks for `user` runs when the credential is
        there, also when it comes behind AUTH or AUTHENTICATE: `reject` then cancels the exchange, and the server never
        gets the password. (Where IMAP's LOGIN has the password as a literal, or a command the name of its mailbox, a refusal
        behind that literal ends the session: the server has most of the command by then.)

        With a rule at `header` the proxy says 354 itself and offers the message to the server when the section was
        judged; what the server then says of DATA becomes the answer to the message. Chunks (BDAT) that end within the
        header section are acknowledged and sent on with the one that completes it. Sections are judged up to 256 KiB; a
        longer one passes, and the log says so. What can't be read can't be judged: after STARTTLS rules are not asked, nor
        beyond a limit of what is followed (a command line of IMAP of 64 KiB, 10,000 commands in a row); of these the log says so.

        """

    private static var actionTable: String {
        var lines = ["## Actions", "", "| action | written | points | meaning |", "| --- | --- | --- | --- |"]
        for kind in RuleActionKind.allCases {
            let points = RulePoint.allCases.filter { kind.points.contains($0) }
            let words =
                points.count == RulePoint.allCases.count ? "all" : points.map(\.rawValue).joined(separator: ", ")
            lines.append("| `\(kind.rawValue)` | `\(kind.example)` | \(words) | \(kind.meaning) |")
        }
        lines.append("")
        lines.append(
            """
            An action that is too late or too early at the point of its rule is an error at load, and so is a value that
            could open another line.

            """)
        return lines.joined(separator: "\n")
    }

    private static let tests = """
        ## Tests

        `mailproxy rules test Rules/x.yaml` runs `Rules/x.test`, a dialogue through the relay with these rules:

        ```
        test: a bounce is marked
        protocol: smtp

        S: 220 mx.example.com ESMTP
        C: MAIL FROM:<>
        = hit bounces
        = tag bounce
        -> MAIL FROM:<>
        S: 250 2.1.0 Ok
        ```

        | line | meaning |
        | --- | --- |
        | `test: NAME` | begins a test |
        | `protocol:` `client:` `route:` | the protocol (smtp), the client's address (192.0.2.1), the route |
        | `C: LINE` `S: LINE` | the client or the server sends a line; lines without anything between come at once |
        | `-> LINE` `<- LINE` | this reaches the server, the client |
        | `= hit RULE` `= tag TAG` `= log TEXT` | a rule holds, sets a tag, logs a line |
        | `= wait 2s` `= close` | the session waits (the test goes on at once), or ends |
        | `= silent` | nothing reaches anyone |
        | `= connect` | what follows is expected before anything was sent |
        | `# …` | a comment |

        What is expected stands behind the lines that cause it. With neither `->` nor `<-` they must pass unchanged, and
        nothing else may reach anyone; with one of them, these lines are all that may. Each `=` must be stated, in order.
        """ + "\n"
}

extension FieldDefinition {
    /// Rules see several values as well, not only filters.
    var isSeveralInRules: Bool {
        switch name {
        case .rcpt, .rcptDomain, .header, .from, .to, .subject, .tag: true
        default: false
        }
    }
}

extension FieldMoment {
    /// For the table.
    var words: String {
        guard let occasion else { return "`\(point.rawValue)`" }
        var brings: [String] = []
        if occasion.contains(.clientName) { brings.append("EHLO") }
        if occasion.contains(.login) { brings.append("login") }
        if occasion.contains(.transaction) { brings.append("MAIL") }
        if occasion.contains(.size) { brings.append("MAIL, APPEND") }
        if occasion.contains(.mailbox) { brings.append("SELECT…") }
        return "`\(point.rawValue)` (\(brings.joined(separator: ", ")))"
    }
}
