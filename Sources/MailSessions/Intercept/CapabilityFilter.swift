// The server's octets on their way to the client, with its lists of capabilities changed at every place where they stand: the
// reply to EHLO and LHLO, the answer to CAPA, and in IMAP the greeting, untagged CAPABILITY and the code of any reply.
//
// Octets come in as they were read and go out in pieces, each to be followed before the next is asked for: where a list may
// stand is known to the dialogue alone. What cannot be a list goes out as it came, whole. A line whose end is not there yet
// waits for it, when it may be one of a list. What comes deflated passes as it is: that is after the login, when all that matters is
// decided.

import CBytes
import MailDialogue
import MailRecording

/// What the filter has to know of the dialogue before each piece.
package struct ServerView: Equatable, Sendable {
    /// How the server's next octets are cut.
    package var demand: Demand
    /// The exchange that its next reply answers.
    package var exchange: Int
    /// Its next reply may begin TLS.
    package var awaitsTLS: Bool
    /// Its next octets are deflated: what they are made of can't be cut out of them.
    package var isDeflated: Bool

    package init(_ tap: MailTap) {
        demand = tap.demand(.server)
        exchange = tap.isGreeted ? tap.currentExchange : 0
        awaitsTLS = tap.awaitsTLS
        isDeflated = tap.isDeflated(.server)
    }
}

/// Changes the lists of capabilities in what a server sends.
package struct CapabilityFilter: Sendable {
    /// What stands in the place of a rule's name where a list was changed. No rule has it.
    package static let name = ExchangeMark.capabilities

    /// Octets of a list, or of a line that may be one, that are kept at most; what is longer passes as it is.
    static let longest = 65_536

    package var policy: CapabilityPolicy
    let mailProtocol: MailProtocol
    /// SMTP and POP3: commands whose replies are lists.
    private var lists: [Int] = []
    /// The list under way (SMTP), or the line whose end is to come.
    private var list: [UInt8] = []
    private var line: [UInt8] = []
    /// POP3: the status line has passed, lines up to a dot follow.
    private var isListing = false
    /// IMAP: a login was begun. The list behind it says nothing of TLS any more.
    private var hasBegunLogin = false
    /// Exchanges whose lists were changed, until somebody asks.
    private var changed: [Int] = []

    package init(_ mailProtocol: MailProtocol, _ policy: CapabilityPolicy) {
        self.mailProtocol = mailProtocol
        self.policy = policy
    }

    /// The exchanges in which something was hidden or added since this was asked last.
    package mutating func takeChanged() -> [Int] {
        defer { changed = [] }
        return changed
    }

    /// Octets wait for the end of their line or of their list.
    package var isHolding: Bool { !line.isEmpty || !list.isEmpty }

    /// The client sent a command, in this exchange. To be told before the server's octets that answer it.
    package mutating func sent(_ command: Command, exchange: Int) {
        let asks: Bool =
            switch mailProtocol {
            case .smtp, .lmtp: command.verb == "EHLO" || command.verb == "LHLO"
            case .pop3: command.verb == "CAPA"
            case .imap: false
            }
        if mailProtocol == .imap, command.verb == "LOGIN" || command.verb == "AUTHENTICATE" { hasBegunLogin = true }
        // A client that asks so often gets lists that are not changed no sooner than all that it asked for before.
        if asks, lists.count < DialogueLimits.outstanding { lists.append(exchange) }
    }

    /// TLS has begun: what was said before is forgotten. A line whose end is to come is one of a server that had TLS before.
    package mutating func beginUnderTLS(_ policy: CapabilityPolicy) {
        self.policy = policy
        lists = []
        list = []
        isListing = false
        hasBegunLogin = false
    }

    /// The next piece of `octets`, to be followed and passed on before the next call; nil when nothing more can go on now.
    package mutating func next(_ octets: inout ArraySlice<UInt8>, _ view: ServerView) -> ArraySlice<UInt8>? {
        while !octets.isEmpty {
            if view.isDeflated { return takeAll(&octets) }
            if let whole = takeUncut(&octets, view) { return whole }
            switch view.demand {
            case .content(_, .octets(let size)): return take(size, of: &octets)
            case .opaque, .held, .seek: return takeAll(&octets)
            case .content(_, .dotTerminated): if !isListing { return takeAll(&octets) }
            case .line: break
            }
            guard let end = octets.firstIndex(of: 10) else {
                line += octets
                octets = []
                return line.count > Self.longest ? takeHeld() : nil
            }
            let whole = line + octets[...end]
            line = []
            octets = octets[(end + 1)...]
            if let piece = change(whole, view) { return piece }
        }
        return nil
    }

    /// What goes on without a look at its lines; nil when they have to be looked at.
    private func takeUncut(_ octets: inout ArraySlice<UInt8>, _ view: ServerView) -> ArraySlice<UInt8>? {
        if view.awaitsTLS || isHolding { return nil }
        switch mailProtocol {
        case .smtp, .lmtp, .pop3: if !lists.isEmpty || isListing { return nil }
        case .imap:
            // Most of what an IMAP server sends is neither a list nor ends within a line.
            if case .content(_, .octets(let size)) = view.demand, size >= octets.count { break }
            if Self.word.isIn(octets) { return nil }
            guard let end = octets.lastIndex(of: 10) else { return nil }
            // What stands behind the last line end may be the beginning of a list: that is known when the rest was followed.
            defer { octets = octets[(end + 1)...] }
            return octets[...end]
        }
        defer { octets = [] }
        return octets
    }

    /// No more octets come: what waits, as it is.
    package mutating func end() -> ArraySlice<UInt8> { takeHeld() }

    private mutating func takeHeld() -> ArraySlice<UInt8> {
        defer {
            list = []
            line = []
        }
        return (list + line)[...]
    }

    private mutating func takeAll(_ octets: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        defer { octets = [] }
        return isHolding ? takeHeld() + octets : octets
    }

    private func take(_ count: Int, of octets: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        defer { octets = octets.dropFirst(max(count, 1)) }
        return octets.prefix(max(count, 1))
    }

    // MARK: Lists

    /// A whole line of the server, changed when it is one of a list. Nil while the list is not complete, and when nothing is left
    /// of the line.
    private mutating func change(_ line: [UInt8], _ view: ServerView) -> ArraySlice<UInt8>? {
        switch mailProtocol {
        case .smtp, .lmtp: changeSMTP(line, view)
        case .pop3: changePOP3(line, view)
        case .imap: changeIMAP(line, view)
        }
    }

    private mutating func note(_ exchange: Int) { if changed.last != exchange { changed.append(exchange) } }

    // MARK: SMTP

    private mutating func changeSMTP(_ line: [UInt8], _ view: ServerView) -> ArraySlice<UInt8>? {
        guard let first = lists.first, view.exchange >= first else { return line[...] }
        if view.exchange > first {
            // Its reply went by without being one.
            lists.removeFirst()
            return changeSMTP(line, view)
        }
        list += line
        if line.count > 3, line[3] == UInt8(ascii: "-"), list.count <= Self.longest { return nil }
        lists.removeFirst()
        defer { list = [] }
        guard list.count <= Self.longest, list.starts(with: [0x32, 0x35, 0x30]) else { return list[...] }
        let edited = edited(list)
        if edited != list { note(view.exchange) }
        return edited[...]
    }

    /// A whole 250 reply. Its last line has no hyphen behind the code, all others have one (RFC 5321 §4.2.1).
    private func edited(_ reply: [UInt8]) -> [UInt8] {
        var kept: [ArraySlice<UInt8>] = []
        var offersTLS = false
        for (number, line) in reply[...].linesWithEnds.enumerated() {
            let text = line.dropFirst(4).withoutLineEnd.line
            let keyword = text.prefix { $0 != 32 && $0 != UInt8(ascii: "=") }
            if number == 0 {
                kept.append(line)
            } else if keyword.equalsIgnoringCase("AUTH") {
                let form = text.dropFirst(keyword.count).first ?? 32
                let names = mechanisms(text.dropFirst(keyword.count + 1))
                let all = text.dropFirst(keyword.count + 1).split(separator: 32)
                if names.count == all.count {
                    kept.append(line)
                } else if !names.isEmpty {
                    let words = names.joined(separator: [32])
                    kept.append(line.prefix(4) + keyword + [form] + words + [13, 10])
                }
            } else if policy.shows(smtp: keyword) {
                offersTLS = offersTLS || keyword.equalsIgnoringCase("STARTTLS")
                kept.append(line)
            }
        }
        if policy.tls == .added, !offersTLS { kept.append(Array("250-STARTTLS\r\n".utf8)[...]) }
        var out: [UInt8] = []
        for (number, line) in kept.enumerated() {
            let mark = UInt8(ascii: number == kept.count - 1 ? " " : "-")
            // A line that is its code alone has nothing to mark.
            let hasMark = line.count > 3 && (line[line.startIndex + 3] == 32 || line[line.startIndex + 3] == 45)
            if hasMark {
                out += line.prefix(3)
                out.append(mark)
                out += line.dropFirst(4)
            } else if number < kept.count - 1, line.count >= 3 {
                out += line.prefix(3) + [mark] + line.dropFirst(3)
            } else {
                out += line
            }
        }
        return out
    }

    private func mechanisms(_ names: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        let all = names.split(separator: 32)
        return all.filter { policy.shows(mechanism: $0, of: all) }
    }

    // MARK: POP3

    private mutating func changePOP3(_ line: [UInt8], _ view: ServerView) -> ArraySlice<UInt8>? {
        if isListing {
            let text = line[...].withoutLineEnd.line
            if text.elementsEqual([UInt8(ascii: ".")]) {
                isListing = false
                guard policy.tls == .added else { return line[...] }
                note(view.exchange)
                return Array("STLS\r\n".utf8) + line[...]
            }
            let edited = edited(capability: text, line)
            if edited.count != line.count { note(view.exchange) }
            return edited.isEmpty ? nil : edited[...]
        }
        guard let first = lists.first, view.exchange >= first else { return line[...] }
        lists.removeFirst()
        if view.exchange > first { return changePOP3(line, view) }
        isListing = line.starts(with: Array("+OK".utf8))
        return line[...]
    }

    private func edited(capability text: ArraySlice<UInt8>, _ line: [UInt8]) -> [UInt8] {
        let tag = text.firstWord.word
        guard policy.shows(pop3: tag) else { return [] }
        guard tag.equalsIgnoringCase("SASL") else { return line }
        let all = text.firstWord.rest.split(separator: 32)
        let names = mechanisms(text.firstWord.rest)
        if names.count == all.count { return line }
        return names.isEmpty ? [] : Array(tag) + [32] + names.joined(separator: [32]) + [13, 10]
    }

    // MARK: IMAP

    private static let word = CaselessWord("CAPABILITY")

    private mutating func changeIMAP(_ line: [UInt8], _ view: ServerView) -> ArraySlice<UInt8>? {
        guard let place = Self.list(in: line) else { return line[...] }
        let all = line[place].split(separator: 32)
        var mechanismsOffered: [ArraySlice<UInt8>] = []
        for name in all where name.hasPrefixIgnoringCase("AUTH=") { mechanismsOffered.append(name.dropFirst(5)) }
        var kept = all.filter { name in
            name.hasPrefixIgnoringCase("AUTH=")
                ? policy.shows(mechanism: name.dropFirst(5), of: mechanismsOffered) : policy.shows(imap: name)
        }
        // A server that is under TLS already does not offer to begin it.
        let adds = policy.tls == .added && !hasBegunLogin
        if adds, !kept.contains(where: { $0.equalsIgnoringCase("STARTTLS") }) {
            kept.append(Array("STARTTLS".utf8)[...])
        }
        if policy.hidesLogins, !kept.contains(where: { $0.equalsIgnoringCase("LOGINDISABLED") }) {
            kept.append(Array("LOGINDISABLED".utf8)[...])
        }
        guard kept.count != all.count || adds else { return line[...] }
        note(view.exchange)
        let space: [UInt8] = line[..<place.lowerBound].last == 32 ? [] : [32]
        return line[..<place.lowerBound] + space + kept.joined(separator: [32]) + line[place.upperBound...]
    }

    /// Where the names of a list stand in a line: behind `* CAPABILITY `, or in the code of a status response
    /// (RFC 9051 §7.1, §7.2.2).
    private static func list(in line: [UInt8]) -> Range<Int>? {
        let text = line[...].withoutLineEnd.line
        let (first, rest) = text.firstWord
        // A list that goes on in a literal is none of which anything is known.
        guard !first.isEmpty, text.last != UInt8(ascii: "}") else { return nil }
        let (word, behind) = rest.firstWord
        if word.equalsIgnoringCase("CAPABILITY"), first.elementsEqual([UInt8(ascii: "*")]) {
            return behind.startIndex..<behind.endIndex
        }
        let isStatus = ["OK", "NO", "BAD", "BYE", "PREAUTH"].contains { (name: StaticString) in
            word.equalsIgnoringCase(name)
        }
        guard isStatus, behind.hasPrefixIgnoringCase("[CAPABILITY "), let end = behind.firstIndex(of: UInt8(ascii: "]"))
        else { return nil }
        return (behind.startIndex + 12)..<end
    }
}

/// A word that is searched for in any case, with the skips of Horspool's method.
struct CaselessWord: Sendable {
    private let word: [UInt8]

    init(_ word: StaticString) { self.word = word.withUTF8Buffer { Array($0) } }

    /// The word stands somewhere in the octets.
    func isIn(_ octets: ArraySlice<UInt8>) -> Bool {
        octets.withUnsafeBytes { place in
            word.withUnsafeBytes {
                mp_has_word_ignoring_case(place.baseAddress, place.count, $0.baseAddress, $0.count) != 0
            }
        }
    }
}

extension ArraySlice<UInt8> {
    /// The lines, each with its end.
    fileprivate var linesWithEnds: [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var rest = self
        while let end = rest.firstIndex(of: 10) {
            lines.append(rest[...end])
            rest = rest[(end + 1)...]
        }
        if !rest.isEmpty { lines.append(rest) }
        return lines
    }
}
