// What a client has shown of its secrets, for as long as the server may repeat it: servers like to say what they did not understand, and a
// refused login is often said again whole. What was hidden in the client's line is hidden in the answer, too.

import MailMessage

/// The secrets of the exchange under way.
struct ShownWords: Equatable, Sendable {
    /// Octets of one that are kept: what is longer is found by its first part.
    private static let most = 256
    /// Octets that tell it.
    private static let fewest = 3
    /// What masks are made of, and what they leave to be seen.
    private static let ofMask = Set("*!(= ".utf8)
    /// Secrets of one exchange: a line, the credential in it, those of its responses, and what is in their base64.
    private static let count = 6
    /// Lines of the server that are looked at.
    private static let lines = 32

    private var secrets: [SecretBytes] = []
    /// The exchange in which the last one was shown.
    private var exchange = 0
    private var linesLeft = Self.lines

    /// Takes what a line of the client hides or completes. Gives nil when there is nothing.
    static func taking(_ old: Self?, _ raw: ArraySlice<UInt8>, _ remarks: Remarks) -> Self? {
        let credential = remarks.credential
        guard credential != nil || remarks.masked != nil else { return old }
        var words = old ?? Self()
        if let masked = remarks.masked,
            let first = zip(raw.indices, masked).first(where: { raw[$0] != $1 })?.0,
            let last = zip(raw.indices.reversed(), masked.reversed()).first(where: { raw[$0] != $1 })?.0
        {
            words.add(raw[first...last], remarks.exchange)
            words.addDecoded(raw[first...last], remarks.exchange)
        }
        credential?.secret.withRevealed {
            words.add($0[...], remarks.exchange)
            words.addDecoded($0[...], remarks.exchange)
        }
        return words.secrets.isEmpty ? nil : words
    }

    /// What could not be read, and was hidden as it is, may be known to the server, which then says what it was before it was encoded.
    private mutating func addDecoded(_ secret: ArraySlice<UInt8>, _ number: Int) {
        guard secret.count >= Self.fewest, secret.count <= DialogueLimits.saslLine, let octets = Base64.decode(secret)
        else { return }
        // NULs part the fields of mechanisms; names among them are as secret as the rest.
        for part in octets.split(separator: 0).prefix(2) { add(part, number) }
    }

    private mutating func add(_ secret: ArraySlice<UInt8>, _ number: Int) {
        // One that is masked already shows nothing, in any of the forms of a mask.
        let shown = secret.lazy.filter { !Self.ofMask.contains($0) }.prefix(Self.fewest).count
        guard shown >= Self.fewest, secrets.count < Self.count else { return }
        let kept = SecretBytes(secret.prefix(Self.most))
        // What a line hides is most often the credential in it.
        if !secrets.contains(kept) { secrets.append(kept) }
        exchange = max(exchange, number)
        linesLeft = Self.lines
    }

    /// Hides what a line of the server repeats. Gives what is to be looked for in the next one.
    func hide(in raw: ArraySlice<UInt8>, _ remarks: inout Remarks) -> Self? {
        guard remarks.exchange <= exchange, linesLeft > 0 else { return nil }
        var next = self
        next.linesLeft -= 1
        var isOver = false
        if case .reply(let reply) = remarks.element { isOver = reply.isLast && remarks.exchange == exchange }
        if remarks.masked == nil, !Self.isData(raw, remarks.element) {
            let start = Self.text(of: raw, remarks.element).startIndex - raw.startIndex
            let ranges = secrets.flatMap { ShownSecret($0).ranges(in: raw, from: start) }
            if !ranges.isEmpty {
                let masked = ranges.reduce(raw) { $0.maskingLine($1) }
                remarks.masked = masked
                Self.rename(&remarks.element, masked)
            }
        }
        return isOver ? nil : next
    }

    /// What a response that nobody knows is called may be what was hidden.
    private static func rename(_ element: inout Element, _ masked: ArraySlice<UInt8>) {
        guard case .data(_, let isComplete) = element, masked.starts(with: "* ".utf8) else { return }
        let head = IMAPResponseHead(masked.withoutLineEnd.line)
        guard head.keyword == .unknown else { return }
        element = .data(head.word.keyword(), complete: isComplete)
    }

    /// Data of IMAP has no text in which a server would repeat what it did not understand, and its words mean something: masked they
    /// would be read as something else.
    private static func isData(_ raw: ArraySlice<UInt8>, _ element: Element) -> Bool {
        guard case .data(let keyword, complete: _) = element, raw.starts(with: "* ".utf8) else { return false }
        return IMAPKeyword.allCases.contains { $0 != .unknown && !$0.isStatus && $0.name == keyword }
    }

    /// What stands behind the words that say what kind of answer it is: a code (RFC 5321 §4.2), a status (RFC 1939 §3), a tag and a
    /// status (RFC 9051 §7.1). A line without a place may have no such words.
    private static func text(of raw: ArraySlice<UInt8>, _ element: Element) -> ArraySlice<UInt8> {
        if raw.prefix(3).count == 3, raw.prefix(3).allSatisfy({ (48...57).contains($0) }) { return raw.dropFirst(4) }
        switch raw.first {
        case UInt8(ascii: "+"), UInt8(ascii: "-"): return raw.firstWord.rest
        default: return element == .unplaced ? raw : raw.firstWord.rest.firstWord.rest
        }
    }
}
