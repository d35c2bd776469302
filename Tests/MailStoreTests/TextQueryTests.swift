// Words that are searched for: what they mean, and that the index finds what looking at the text finds.

import MailMessage
import MailRecording
import Testing

@testable import MailStore

@Suite struct TextQueryTests {
    private static let messages = [
        "Subject: Invoice 7\r\n\r\nThe final notice. Please pay.\r\n",
        "Subject: hello\r\n\r\nnotice the final line\r\n",
        "Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n\r\nÀ bientôt, Jürgen\r\n",
        "Subject: paid invoice\r\n\r\nreminder, invoiced\r\n",
        "From: ann@example.com\r\n\r\nOR NOT NEAR(a b) header:x \"quoted\"\r\n",
    ].map { MessageText(Array($0.utf8)) }

    private static func found(_ query: String) throws -> [Int] {
        let matcher = try TextMatcher(TextQuery(query))
        return try messages.indices.filter { try matcher.isFound(in: messages[$0]) }
    }

    @Test(arguments: [
        ("invoice", [0, 3]), ("INVOICE", [0, 3]), ("invoic*", [0, 3]), ("invoiced", [3]), ("\"final notice\"", [0]),
        ("final notice", [0, 1]), ("notice -pay", [1]), ("grosse", []), ("größe", [2]), ("grö*", [2]),
        ("a bientot", [2]),
        ("jurgen", [2]), ("header:invoice", [0, 3]), ("body:invoice", []), ("body:\"final notice\"", [0]),
        ("-header:invoice notice", [1]), ("OR NOT", [4]), ("NEAR(a", [4]), ("ann@example.com", [4]),
        ("\"invoice 7\"", [0]),
        ("\"final not\"*", [0]), ("quoted", [4]), ("final AND notice", []), ("in*ice", []),
        ("pay\"\u{301})OR(\"\u{301}notice", []), ("notice" + (0..<50).map { " -z\($0)" }.joined(), [0, 1]),
    ])
    func meaning(_ query: String, _ wanted: [Int]) throws { #expect(try Self.found(query) == wanted, "\(query)") }

    @Test(arguments: [
        "", "  ", "-a", "\"open", "***", "header:", "a -", "\"\"", "header:\"!\"", "pay\"\u{301}x",
        (0..<65).map { "w\($0)" }.joined(separator: " "),
    ])
    func mistakes(_ query: String) { #expect(throws: TextQueryError.self) { try TextQuery(query) } }

    @Test func theIndexFindsTheSame() throws {
        let scratch = try RecorderScratch()
        let writer = try IndexWriter(path: scratch.path + "/index.sqlite")
        for (number, text) in Self.messages.enumerated() {
            let row = writer.takeRow()
            writer.save(SampleSession.smtp(number + 1).summary, row: row, 0)
            // Another message before it: the words must be in one.
            writer.save(MessageRecord(exchange: 1, carrier: .data), number: 0, session: row, 0)
            var message = MessageRecord(exchange: 2, carrier: .data)
            message.text = text
            writer.save(message, number: 1, session: row, 0)
            writer.settle(session: row, 0)
        }
        writer.commit(0)
        #expect(writer.failure == nil)
        let index = try RecordingIndex(directory: scratch.path)
        for query in [
            "invoice", "final notice", "notice -pay", "jurgen", "header:invoice", "invoic*", "ann@example.com",
        ] {
            var search = SessionSearch()
            search.text = try TextQuery(query)
            let cursor = try index.settled(search)
            var found: [String] = []
            while let summary = try cursor.next() { found.append(summary.info.id) }
            #expect(try found == Self.found(query).map { SampleSession.smtp($0 + 1).info.id }, "\(query)")
            #expect(try index.count(search) == found.count)
        }
    }

    /// A session that was removed leaves its words; a new one must not inherit them.
    @Test func rowsAreNotUsedTwice() throws {
        let scratch = try RecorderScratch()
        let path = scratch.path + "/index.sqlite"
        do {
            let writer = try IndexWriter(path: path)
            for _ in 0..<3 { _ = writer.takeRow() }
            let row = writer.takeRow()
            writer.save(SampleSession.smtp(1).summary, row: row, 0)
            var message = MessageRecord(exchange: 1, carrier: .data)
            message.text = Self.messages[0]
            writer.save(message, number: 0, session: row, 0)
            writer.execute("DELETE FROM sessions", 0)
            writer.commit(0)
        }
        #expect(try IndexWriter(path: path).takeRow() == 5)
    }
}
