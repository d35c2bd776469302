// How a transcript shows content: the first lines, and what the rest amounts to.

import Crypto
import MailDialogue
import MailMessage

/// Content that passes while a transcript is made.
struct ContentView: Sendable {
    private var content: Content?
    private var bytes = 0
    private var shownLines = 0
    /// The line that is not complete yet, up to a limit.
    private var partial: [UInt8] = []
    private var partialLength = 0
    private var hash = SHA256()
    private var header = HeaderScanner(limit: 65_536)
    private var readsHeader = true
    private var isLeftOut = false

    init() {}

    init(_ content: Content) { self.content = content }

    /// Takes octets of it; lines that are to be shown are appended.
    mutating func add(_ octets: ArraySlice<UInt8>, isFull: Bool, _ shown: inout [String]) {
        guard let content else { return }
        bytes += octets.count
        if isLeftOut { return }
        if !content.secret { hash.update(octets) }
        if readsHeader, case .message = content.kind {
            switch header.feed(octets) {
            case .more: break
            case .complete, .tooLong: readsHeader = false
            }
        }
        var rest = octets
        while isFull || shownLines < TranscriptRenderer.shownLines, let end = rest.firstIndex(of: 10) {
            keep(rest[..<end])
            show(&shown)
            rest = rest[(end + 1)...]
        }
        if isFull || shownLines < TranscriptRenderer.shownLines { keep(rest) }
    }

    /// What follows was not recorded: the line before it is the last that is shown.
    mutating func leaveOut(_ shown: inout [String]) {
        isLeftOut = true
        readsHeader = false
        if partialLength > 0 { show(&shown) }
    }

    /// It has ended: the last line, and what it was. Nil when all of a short literal was shown.
    mutating func end(isFull: Bool, _ shown: inout [String]) -> String? {
        guard let content else { return nil }
        if partialLength > 0, isFull || shownLines < TranscriptRenderer.shownLines { show(&shown) }
        switch content.kind {
        case .literal:
            guard bytes > 200, !content.secret else { return nil }
            if isLeftOut { return "\(Figures.count(bytes, "octet")) of a literal, not recorded" }
            return "\(Figures.count(bytes, "octet")) of a literal, sha256 \(hash.hex.prefix(12))…"
        case .message:
            var text = "\(Figures.count(bytes, "octet")) of message data"
            if !content.section.isEmpty { text += " (\(InertText.of(content.section)))" }
            text += isLeftOut ? ", not recorded" : ", sha256 \(hash.hex.prefix(12))…"
            if let subject = header.header.text("Subject") {
                text += ", subject \"\(InertText.of(MessageLedger.clip(subject)))\""
            }
            return text
        }
    }

    private mutating func keep(_ octets: ArraySlice<UInt8>) {
        partialLength += octets.count
        partial += octets.prefix(max(0, TranscriptRenderer.keptOctets - partial.count))
    }

    private mutating func show(_ shown: inout [String]) {
        if partial.last == 13, partial.count == partialLength {
            partial.removeLast()
            partialLength -= 1
        }
        var text = InertText.of(partial)
        if partial.count < partialLength { text += "… (\(Figures.count(partialLength, "octet")))" }
        shown.append(text)
        shownLines += 1
        partial.removeAll(keepingCapacity: true)
        partialLength = 0
    }
}
