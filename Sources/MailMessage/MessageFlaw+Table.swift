// The table of flaws: how much each matters, which sentence of which RFC it breaks, what it means, and the shortest example.
// Long because it is one table with a row for each flaw.

/// A row of the table.
struct FlawRule: Sendable {
    let code: String
    let severity: MessageFlaw.Severity
    let section: String
    let meaning: String
    let example: String

    fileprivate init(
        _ code: String, _ severity: MessageFlaw.Severity, _ section: String, _ meaning: String, _ example: String
    ) {
        self.code = code
        self.severity = severity
        self.section = section
        self.meaning = meaning
        self.example = example
    }
}

extension MessageFlaw {
    /// The row of this flaw.
    var rule: FlawRule { MessageFlaw.rules[self] ?? row }

    private static let rules = Dictionary(uniqueKeysWithValues: allCases.map { ($0, $0.row) })

    private var row: FlawRule {
        switch self {
        case .bareCR:
            FlawRule(
                "message-bare-cr", .error, "RFC 5322 §2.3",
                "A CR stands without an LF behind it: some readers take it for a line end, others do not.",
                "a\\rb")
        case .bareLF:
            FlawRule(
                "message-bare-lf", .error, "RFC 5322 §2.3",
                "An LF stands without a CR before it: some readers take it for a line end, others do not.",
                "a\\nb")
        case .nul:
            FlawRule(
                "message-nul", .error, "RFC 5322 §4",
                "A NUL octet stands in the message: readers written in C end the line or the message there.",
                "a\\0b")
        case .longLine:
            FlawRule(
                "message-long-line", .error, "RFC 5322 §2.1.1",
                "A line has more than 998 octets before its CRLF: transports may cut it.",
                "x (999 times)")
        case .mboxLine:
            FlawRule(
                "message-mbox-line", .notice, "RFC 5322 §2.2",
                "The message begins with the separator line of an mbox file, which is no header field.",
                "From a@example.com Mon Jan  1 00:00:00 2024")
        case .truncated:
            FlawRule(
                "message-truncated", .error, "RFC 5322 §2.2",
                "The message ends inside a header field, before the CRLF that must end it.",
                "Subject: a")
        case .tooDeep:
            FlawRule(
                "message-too-deep", .attack, "RFC 2046 §5.1.2",
                "Multiparts and messages are nested deeper than 100: what is below is not taken apart, and no "
                    + "honest sender does this.",
                "Content-Type: multipart/mixed; boundary=b100")
        case .tooManyParts:
            FlawRule(
                "message-too-many-parts", .attack, "RFC 2046 §5.1",
                "The message has more than 10,000 parts: those beyond are not told apart, and no honest sender "
                    + "does this.",
                "--b (10,001 times)")
        case .noColon:
            FlawRule(
                "header-no-colon", .error, "RFC 5322 §2.2",
                "A line of the header section is no field, since it has no colon: some readers take it for the "
                    + "beginning of the body.",
                "not a field")
        case .badName:
            FlawRule(
                "header-name", .error, "RFC 5322 §2.2",
                "The name of a header field is empty or has characters other than printable ASCII: some readers "
                    + "pass the field over, others read it.",
                "Sub ject: a")
        case .spaceBeforeColon:
            FlawRule(
                "header-space-before-colon", .error, "RFC 5322 §4.5",
                "White space stands between a field's name and its colon: some readers do not know the field by "
                    + "its name any more.",
                "Subject : a")
        case .blankFold:
            FlawRule(
                "header-blank-fold", .error, "RFC 5322 §3.2.2",
                "A folded field has a line of nothing but white space: some readers take it for the end of the "
                    + "header section.",
                "Subject: a\n \n b")
        case .controlCharacter:
            FlawRule(
                "header-control", .error, "RFC 5322 §2.2",
                "A header field holds a control character other than a tab.",
                "Subject: a\\x07")
        case .headerNotUTF8:
            FlawRule(
                "header-8bit", .error, "RFC 5322 §2.2",
                "A header field holds octets beyond ASCII that are not UTF-8 either: what they say depends on "
                    + "the reader.",
                "Subject: \\xE4")
        case .forgedUTF8:
            FlawRule(
                "header-utf8-forged", .attack, "RFC 3629 §3",
                "A header field holds an overlong form, a surrogate or a number beyond Unicode in the shape of "
                    + "UTF-8: filters and readers decode it differently.",
                "Subject: \\xC0\\xAF")
        case .fieldTooLong:
            FlawRule(
                "header-field-too-long", .attack, "RFC 5322 §2.2.3",
                "A header field is larger than 100 KiB: what is beyond is not read, and no honest sender does this.",
                "Subject: x (102,400 times)")
        case .headerTooLong:
            FlawRule(
                "header-too-long", .attack, "RFC 5322 §2.2",
                "The header sections of the message are larger than 10 MB together: fields beyond are not read, "
                    + "and no honest sender does this.",
                "X: x (10,000,000 octets)")
        case .tooManyHops:
            FlawRule(
                "header-hops", .error, "RFC 5321 §6.3",
                "The message has more than 100 Received fields: it runs in a loop.",
                "Received: x (101 times)")
        case .noDate:
            FlawRule(
                "header-date-missing", .error, "RFC 5322 §3.6",
                "The message has no Date field.",
                "From: a@example.com\n\n")
        case .noFrom:
            FlawRule(
                "header-from-missing", .error, "RFC 5322 §3.6",
                "The message has no From field.",
                "Date: Mon, 1 Jan 2024 00:00:00 +0000\n\n")
        case .noMessageID:
            FlawRule(
                "header-message-id-missing", .notice, "RFC 5322 §3.6.4",
                "The message has no Message-ID field, which every message should have.",
                "From: a@example.com\n\n")
        case .twoFrom:
            FlawRule(
                "header-from-doubled", .attack, "RFC 5322 §3.6",
                "The message has more than one From field: the one that is checked need not be the one that is shown.",
                "From: a@example.com\nFrom: b@example.org")
        case .twoSender:
            FlawRule(
                "header-sender-doubled", .attack, "RFC 5322 §3.6",
                "The message has more than one Sender field: the one that is checked need not be the one that is "
                    + "shown.",
                "Sender: a@example.com\nSender: b@example.org")
        case .twoReplyTo:
            FlawRule(
                "header-reply-to-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one Reply-To field: readers answer to different ones.",
                "Reply-To: a@example.com\nReply-To: b@example.org")
        case .twoTo:
            FlawRule(
                "header-to-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one To field.",
                "To: a@example.com\nTo: b@example.org")
        case .twoCc:
            FlawRule(
                "header-cc-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one Cc field.",
                "Cc: a@example.com\nCc: b@example.org")
        case .twoBcc:
            FlawRule(
                "header-bcc-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one Bcc field.",
                "Bcc: a@example.com\nBcc: b@example.org")
        case .twoDate:
            FlawRule(
                "header-date-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one Date field.",
                "Date: Mon, 1 Jan 2024 00:00:00 +0000\nDate: Tue, 2 Jan 2024 00:00:00 +0000")
        case .twoSubject:
            FlawRule(
                "header-subject-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one Subject field: signatures over one do not cover the other.",
                "Subject: a\nSubject: b")
        case .twoMessageID:
            FlawRule(
                "header-message-id-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one Message-ID field.",
                "Message-ID: <a@example.com>\nMessage-ID: <b@example.com>")
        case .twoInReplyTo:
            FlawRule(
                "header-in-reply-to-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one In-Reply-To field.",
                "In-Reply-To: <a@example.com>\nIn-Reply-To: <b@example.com>")
        case .twoReferences:
            FlawRule(
                "header-references-doubled", .error, "RFC 5322 §3.6",
                "The message has more than one References field.",
                "References: <a@example.com>\nReferences: <b@example.com>")
        case .badDate:
            FlawRule(
                "header-date", .error, "RFC 5322 §3.3",
                "A Date field holds no date-time, in the obsolete syntax neither.",
                "Date: yesterday")
        case .impossibleDate:
            FlawRule(
                "header-date-impossible", .error, "RFC 5322 §3.3",
                "A Date field holds a day, a time or a zone that does not exist, or a day of the week that is "
                    + "not that of the day.",
                "Date: Mon, 31 Feb 2024 00:00:00 +0000")
        case .obsoleteDate:
            FlawRule(
                "header-date-obsolete", .notice, "RFC 5322 §4.3",
                "A Date field is in the obsolete syntax: a year of two digits, a zone by name, or a comment inside.",
                "Date: Mon, 1 Jan 24 00:00:00 GMT")
        case .badMessageID:
            FlawRule(
                "header-message-id", .error, "RFC 5322 §3.6.4",
                "A Message-ID field does not hold one identifier in angle brackets.",
                "Message-ID: a@example.com")
        case .badAddress:
            FlawRule(
                "header-address", .error, "RFC 5322 §3.4",
                "An address field breaks the syntax, the obsolete one too: readers differ in whom it names.",
                "To: a b@example.com")
        case .obsoleteAddress:
            FlawRule(
                "header-address-obsolete", .notice, "RFC 5322 §4.4",
                "An address field is in the obsolete syntax: a source route, an empty place in the list, a dot "
                    + "in a phrase, or space around a dot.",
                "To: <@example.com:a@example.org>")
        case .emptyFrom:
            FlawRule(
                "header-from-empty", .error, "RFC 5322 §3.6.2",
                "A From field holds no address.",
                "From: <>")
        case .emptyAddresses:
            FlawRule(
                "header-address-empty", .error, "RFC 5322 §3.6.3",
                "A Sender, Reply-To, To or Cc field is empty; only Bcc may be.",
                "To:")
        case .groupInFrom:
            FlawRule(
                "header-from-group", .notice, "RFC 5322 §3.6.2",
                "A From field holds a group, which a mailbox list has no place for; RFC 6854 allows it for "
                    + "limited use.",
                "From: undisclosed:;")
        case .noSender:
            FlawRule(
                "header-sender-missing", .error, "RFC 5322 §3.6.2",
                "The From field has several mailboxes, and there is no Sender field, which there must be then.",
                "From: a@example.com, b@example.com")
        case .manySenders:
            FlawRule(
                "header-sender-many", .error, "RFC 5322 §3.6.2",
                "A Sender field holds more than one mailbox.",
                "Sender: a@example.com, b@example.com")
        case .openComment:
            FlawRule(
                "header-comment-open", .error, "RFC 5322 §3.2.2",
                "A comment is never closed: some readers take all that follows for the comment.",
                "To: a@example.com (")
        case .openQuote:
            FlawRule(
                "header-quote-open", .error, "RFC 5322 §3.2.4",
                "A quoted string is never closed: some readers take all that follows for the string.",
                "To: \"a <a@example.com>")
        case .badEncodedWord:
            FlawRule(
                "header-encoded-word", .error, "RFC 2047 §2",
                "An encoded word is broken: it holds a space or an octet beyond ASCII, has no end, an unknown "
                    + "encoding, or text that its encoding does not produce.",
                "Subject: =?utf-8?q?a b?=")
        case .longEncodedWord:
            FlawRule(
                "header-encoded-word-long", .error, "RFC 2047 §2",
                "An encoded word is longer than 75 characters.",
                "Subject: =?utf-8?q?x (76 octets)?=")
        case .longEncodedLine:
            FlawRule(
                "header-encoded-word-line", .notice, "RFC 2047 §2",
                "A header line with an encoded word is longer than 76 characters.",
                "Subject: x (60 times) =?utf-8?q?xxxxxxx?=")
        case .quotedEncodedWord:
            FlawRule(
                "header-encoded-word-quoted", .error, "RFC 2047 §5",
                "An encoded word stands within a quoted string: by the standard it is plain text there, and many "
                    + "readers decode it.",
                "From: \"=?utf-8?q?a?=\" <a@example.com>")
        case .addressEncodedWord:
            FlawRule(
                "header-encoded-word-address", .attack, "RFC 2047 §5",
                "An encoded word stands within an address: readers that decode it see another address than "
                    + "filters that do not.",
                "From: =?utf-8?q?a=40example.com?=@example.org")
        case .tiedEncodedWord:
            FlawRule(
                "header-encoded-word-tied", .error, "RFC 2047 §5",
                "No white space parts an encoded word from what stands beside it.",
                "Subject: a=?utf-8?q?b?=")
        case .unknownCharset:
            FlawRule(
                "header-encoded-word-charset", .notice, "RFC 2047 §6.2",
                "An encoded word names a character set that is not known here; it stays as it is.",
                "Subject: =?x-none?q?a?=")
        case .splitEncodedWord:
            FlawRule(
                "header-encoded-word-split", .error, "RFC 2047 §5",
                "The octets of an encoded word are no whole characters of the set that it names.",
                "Subject: =?utf-8?q?=C3?=")
        case .controlInEncodedWord:
            FlawRule(
                "header-encoded-word-control", .attack, "RFC 2047 §5",
                "An encoded word hides a line end, a NUL or another control character: readers that decode first "
                    + "find a second header line.",
                "Subject: =?utf-8?q?a=0D=0ABcc:_b?=")
        case .noMIMEVersion:
            FlawRule(
                "mime-version-missing", .notice, "RFC 2045 §4",
                "The message has a Content-Type and no MIME-Version, with which alone its MIME fields count.",
                "Content-Type: text/html")
        case .badMIMEVersion:
            FlawRule(
                "mime-version", .notice, "RFC 2045 §4",
                "The MIME-Version is not 1.0.",
                "MIME-Version: 2.0")
        case .badType:
            FlawRule(
                "mime-type", .error, "RFC 2045 §5.1",
                "A Content-Type does not begin with a type and a subtype: it counts as text/plain, and some "
                    + "readers guess.",
                "Content-Type: text")
        case .twoTypes:
            FlawRule(
                "mime-type-doubled", .attack, "RFC 2045 §3",
                "A header section has more than one Content-Type: readers see different bodies.",
                "Content-Type: text/plain\nContent-Type: text/html")
        case .twoEncodings:
            FlawRule(
                "mime-encoding-doubled", .attack, "RFC 2045 §3",
                "A header section has more than one Content-Transfer-Encoding: readers decode different bodies.",
                "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64")
        case .twoMIMEFields:
            FlawRule(
                "mime-field-doubled", .error, "RFC 2045 §3",
                "A header section has more than one Content-ID, Content-Description or "
                    + "MIME-Version.",
                "Content-ID: <a@example.com>\nContent-ID: <b@example.com>")
        case .badParameter:
            FlawRule(
                "mime-parameter", .error, "RFC 2045 §5.1",
                "A parameter is no attribute with a value, or something that is none stands between the semicolons.",
                "Content-Type: text/plain; charset")
        case .emptyParameter:
            FlawRule(
                "mime-parameter-empty", .notice, "RFC 2045 §5.1",
                "Nothing stands between two semicolons of a MIME field, or behind the last one.",
                "Content-Type: text/plain;")
        case .unquotedParameter:
            FlawRule(
                "mime-parameter-unquoted", .error, "RFC 2045 §5.1",
                "The value of a parameter holds a special character and is not quoted.",
                "Content-Type: multipart/mixed; boundary==_b")
        case .twoParameters:
            FlawRule(
                "mime-parameter-doubled", .error, "RFC 6838 §4.3",
                "A parameter is given more than once: readers take the first or the last.",
                "Content-Type: text/plain; charset=utf-8; charset=us-ascii")
        case .encodedWordParameter:
            FlawRule(
                "mime-parameter-encoded-word", .error, "RFC 2047 §5",
                "An encoded word stands in a parameter, where RFC 2231 has its own form: by the standard it is "
                    + "plain text there.",
                "Content-Type: image/png; name=\"=?utf-8?q?a?=\"")
        case .badContinuation:
            FlawRule(
                "mime-parameter-continuation", .error, "RFC 2231 §3",
                "The sections of a parameter have a gap, begin beyond 0, or are numbered with leading zeros.",
                "Content-Type: image/png; name*1=a")
        case .badExtendedValue:
            FlawRule(
                "mime-parameter-charset", .error, "RFC 2231 §4",
                "A parameter with a star has no charset and language marks, or a percent sign without two digits "
                    + "behind it.",
                "Content-Type: image/png; name*=a%")
        case .badDisposition:
            FlawRule(
                "mime-disposition", .error, "RFC 2183 §2",
                "A Content-Disposition does not begin with a disposition type.",
                "Content-Disposition: ; filename=a")
        case .pathInFilename:
            FlawRule(
                "mime-filename-path", .attack, "RFC 2183 §2.3",
                "A file name holds a path: whoever follows it writes outside of the folder that was chosen.",
                "Content-Disposition: attachment; filename=\"../a\"")
        case .hiddenExtension:
            FlawRule(
                "mime-filename-extension", .attack, "RFC 2183 §5",
                "A file name shows the extension of a document before that of a program: readers that hide the "
                    + "last one show a document.",
                "Content-Disposition: attachment; filename=a.pdf.exe")
        case .bidiInFilename:
            FlawRule(
                "mime-filename-bidi", .attack, "RFC 2183 §5",
                "A file name holds a character that turns the direction of writing: it is shown with another "
                    + "extension than it has.",
                "Content-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp.exe")
        case .controlInFilename:
            FlawRule(
                "mime-filename-control", .attack, "RFC 2183 §5",
                "A file name holds a control character: readers written in C end it at a NUL, others split the line.",
                "Content-Disposition: attachment; filename*=utf-8''a.exe%00.txt")
        case .badEncoding:
            FlawRule(
                "mime-encoding", .error, "RFC 2045 §6.1",
                "A Content-Transfer-Encoding is not one word: readers take the first, or none.",
                "Content-Transfer-Encoding: base64 7bit")
        case .unknownEncoding:
            FlawRule(
                "mime-encoding-unknown", .error, "RFC 2045 §6.3",
                "A Content-Transfer-Encoding is neither a standard one nor a private one with \"x-\": nobody can "
                    + "decode the body.",
                "Content-Transfer-Encoding: rot13")
        case .compositeEncoding:
            FlawRule(
                "mime-encoding-composite", .attack, "RFC 2045 §6.4",
                "A multipart or a message is encoded, which is expressly forbidden: readers that decode it see "
                    + "other parts than those that do not.",
                "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64")
        case .noBoundary:
            FlawRule(
                "mime-boundary-missing", .error, "RFC 2046 §5.1.1",
                "A multipart names no boundary: its parts cannot be told apart.",
                "Content-Type: multipart/mixed")
        case .twoBoundaries:
            FlawRule(
                "mime-boundary-doubled", .attack, "RFC 6838 §4.3",
                "A multipart names its boundary more than once: readers see different parts.",
                "Content-Type: multipart/mixed; boundary=a; boundary=b")
        case .longBoundary:
            FlawRule(
                "mime-boundary-long", .error, "RFC 2046 §5.1.1",
                "A boundary has more than 70 characters.",
                "Content-Type: multipart/mixed; boundary=x (71 times)")
        case .badBoundary:
            FlawRule(
                "mime-boundary-characters", .error, "RFC 2046 §5.1.1",
                "A boundary has characters that are not allowed in one.",
                "Content-Type: multipart/mixed; boundary=\"a;b\"")
        case .boundaryEndsInSpace:
            FlawRule(
                "mime-boundary-space", .error, "RFC 2046 §5.1.1",
                "A boundary ends in white space, which readers delete.",
                "Content-Type: multipart/mixed; boundary=\"b \"")
        case .boundaryReused:
            FlawRule(
                "mime-boundary-reused", .attack, "RFC 2046 §5.1",
                "The boundary of an inner multipart begins with that of an outer one: readers end different "
                    + "parts at its lines.",
                "--b\nContent-Type: multipart/mixed; boundary=b")
        case .boundaryLineGarbage:
            FlawRule(
                "mime-boundary-line", .error, "RFC 2046 §5.1.1",
                "Something other than white space stands behind the boundary on its line: for some readers it is "
                    + "no boundary then.",
                "--bx")
        case .noParts:
            FlawRule(
                "mime-parts-missing", .error, "RFC 2046 §5.1.1",
                "A multipart has no part: no line of its boundary was found.",
                "Content-Type: multipart/mixed; boundary=b\n\ntext")
        case .noClosingBoundary:
            FlawRule(
                "mime-closing-boundary-missing", .error, "RFC 2046 §5.1.1",
                "A multipart is not closed by its last boundary line: it may have been cut off.",
                "--b\n\ntext")
        case .partAfterClose:
            FlawRule(
                "mime-part-after-close", .attack, "RFC 2046 §5.1.1",
                "A boundary line stands behind the one that closed the multipart: some readers go on with parts "
                    + "that others do not see.",
                "--b--\n--b")
        case .headerCut:
            FlawRule(
                "mime-header-cut", .error, "RFC 2046 §5.1.1",
                "A boundary line stands in the header of a part, before the empty line that must end it.",
                "--b\nContent-Type: text/plain\n--b--")
        case .emptyMessageHeader:
            FlawRule(
                "mime-message-header", .error, "RFC 2046 §5.2.1",
                "A message within the message has none of From, Subject and Date.",
                "Content-Type: message/rfc822\n\nX: a")
        case .eightBitIn7Bit:
            FlawRule(
                "mime-8bit-in-7bit", .error, "RFC 2045 §2.7",
                "A body holds octets beyond ASCII and is labelled 7bit, or not at all: transports may strip "
                    + "their highest bits.",
                "\\xE4")
        case .bodyNotUTF8:
            FlawRule(
                "mime-charset-utf8", .error, "RFC 3629 §4",
                "A text says that it is UTF-8 and is not: readers show different text.",
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\\xE4")
        case .foreignInBase64:
            FlawRule(
                "mime-base64-characters", .error, "RFC 2045 §6.8",
                "A base64 body holds characters that are neither of its alphabet nor white space: readers skip "
                    + "them or end there.",
                "YW!Jj")
        case .base64Padding:
            FlawRule(
                "mime-base64-padding", .error, "RFC 2045 §6.8",
                "A base64 body goes on behind its padding or ends inside a group: readers end at different places.",
                "YQ==YQ")
        case .base64LongLine:
            FlawRule(
                "mime-base64-line", .error, "RFC 2045 §6.8",
                "A line of a base64 body has more than 76 characters.",
                "A (80 times)")
        case .badEscape:
            FlawRule(
                "mime-qp-escape", .error, "RFC 2045 §6.7",
                "An equals sign in a quoted-printable body has neither two digits nor a line end behind it: "
                    + "readers show different text.",
                "a=b")
        case .lowerCaseEscape:
            FlawRule(
                "mime-qp-lower-case", .notice, "RFC 2045 §6.7",
                "A quoted-printable body has digits in lower case.",
                "=c3")
        case .qpLongLine:
            FlawRule(
                "mime-qp-line", .error, "RFC 2045 §6.7",
                "A line of a quoted-printable body has more than 76 characters.",
                "x (77 times)")
        case .qpTrailingSpace:
            FlawRule(
                "mime-qp-space", .notice, "RFC 2045 §6.7",
                "A line of a quoted-printable body ends in white space, which readers must delete.",
                "a \\x20")
        case .qpRawOctet:
            FlawRule(
                "mime-qp-octet", .error, "RFC 2045 §6.7",
                "A quoted-printable body holds a control character or an octet beyond ASCII as it is.",
                "\\xE4")
        }
    }
}
