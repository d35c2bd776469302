// Browsers that a page made to speak to a port of mail (cross-protocol requests): what they send begins with a request line of HTTP, and
// commands of mail may stand in the body behind it. None of our servers reads that far.

import MailDialogue

enum WebRequest {
    /// Methods of requests (RFC 9110 §9, RFC 5789).
    private static let methods = [
        "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH",
    ].map { Array($0.utf8)[...] }

    /// The line begins with a method: no command of SMTP is called so.
    static func isMethod(_ word: String) -> Bool { methods.contains(Array(word.utf8)[...]) }

    /// A request line (RFC 9112 §3), which ends with the version. Methods alone could be tags of IMAP.
    static func isRequest(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.split(separator: 32)
        guard words.count > 2, let method = words.first, let version = words.last else { return false }
        return methods.contains(method) && version.starts(with: "HTTP/".utf8)
    }
}
