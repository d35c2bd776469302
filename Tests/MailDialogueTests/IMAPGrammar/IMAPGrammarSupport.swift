// What the grammar tests share: a response or command from a Swift string, its values as text, its faults as text.

@testable import MailDialogue

/// A text that is read from a string; a line end is put behind it.
func imapText(_ line: String) -> IMAPText { IMAPText(Array((line + "\r\n").utf8)) }

func readResponse(_ line: String, _ charset: IMAPCharset = .ascii) -> IMAPResponseReading {
    IMAPResponseReading(imapText(line), charset: charset)
}

extension IMAPResponseReading {
    /// `code@offset`, parted by spaces.
    var faultText: String { faults.map { "\($0.code.rawValue)@\($0.offset)" }.joined(separator: " ") }

    /// The octets of a span as text; `NIL` when there are none.
    func string(_ span: IMAPSpan) -> String { text.string(span) ?? "NIL" }

    func strings(_ spans: [IMAPSpan]) -> [String] { spans.map(string) }
}
