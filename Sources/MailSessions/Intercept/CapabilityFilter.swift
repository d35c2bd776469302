// The server's octets on their way to the client, with its lists of capabilities changed at every place where they stand: the
// reply to EHLO and LHLO, the answer to CAPA, and in IMAP the greeting, untagged CAPABILITY and the code of any reply.
//
// Octets come in as they were read and go out in pieces, each to be followed before the next is asked for: where a list may
// stand is known to the dialogue alone. What cannot be a list goes out as it came, whole. A line whose end is not there yet
// waits for it, when it may be one of a list. A list that is longer than what may wait is cut: what the client is not shown it does
// not use, but what was not looked at may be what it must not see. What comes deflated can't be changed and passes as it is, for which
// reason compression is not offered where lists are changed.

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

    /// Octets of a list, or of a line that may be one, that are kept at most. No server's list comes near.
    package static let longest = 65_536
    /// Octets of one line of a list in SMTP and POP3 (RFC 5321 §4.5.3.1.5 has 512), when it had to be cut.
    static let longestCut = 1_000

    package var policy: CapabilityPolicy
    let mailProtocol: MailProtocol
    /// SMTP and POP3: commands whose replies are lists.
    private var lists: [Int] = []
    /// The list under way (SMTP), or the line whose end is to come.
    private var list: [UInt8] = []
    private var line: [UInt8] = []
    /// What becomes of the octets up to the next line end.
    private var rest = Rest.kept
    /// IMAP: the list goes on behind a literal.
    private var goesOn = false
    /// POP3: the status line has passed, lines up to a dot follow.
    private var isListing = false
    /// POP3: the list has USER.
    private var listsUser = false
    /// IMAP: a login was begun. The list behind it says nothing of TLS any more.
    private var hasBegunLogin = false
    /// Exchanges whose lists were changed, until somebody asks.
    private var changed: [Int] = []

    private enum Rest {
        /// They are kept until the line is whole.
        case kept
        /// They are the rest of a line that is no list, or has none any more.
        case passes
        /// They are the rest of a line of a list that is too long: nobody is shown it. IMAP: a code ends with a bracket, and text
        /// follows it.
        case cut(isCode: Bool)
    }

    private let memory: EditedLists?

    /// - Parameter memory: what became of other lists of the same loop.
    package init(_ mailProtocol: MailProtocol, _ policy: CapabilityPolicy, memory: EditedLists? = nil) {
        self.memory = memory
        self.mailProtocol = mailProtocol
        self.policy = policy
    }

    /// The exchanges in which something was hidden or added since this was asked last.
    package mutating func takeChanged() -> [Int] {
        defer { changed = [] }
        return changed
    }

    /// Octets wait for the end of their line or of their list.
    package var isHolding: Bool { !line.isEmpty || !list.isEmpty || isWithin }

    /// Octets that wait.
    package var held: Int { line.count + list.count }

    /// Octets of memory that commands take whose replies are lists; 0 where there are few.
    package var outstandingOctets: Int { lists.count <= 32 ? 0 : lists.capacity &* MemoryLayout<Int>.stride }

    /// The next octets are the rest of something.
    private var isWithin: Bool { if case .kept = rest { goesOn } else { true } }

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
        goesOn = false
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
            let end = octets.firstIndex(of: 10)
            let part = end.map { octets[...$0] } ?? octets
            let before = octets
            octets = octets[part.endIndex...]
            switch rest {
            case .kept:
                line += part
                if line.count > Self.longest, let piece = cutLong(isWhole: end != nil, view) { return piece }
            case .passes:
                if end != nil { rest = .kept }
                return part
            case .cut(let isCode):
                if isCode, let bracket = part.firstIndex(of: UInt8(ascii: "]")) {
                    // The list is over, and text follows it.
                    line.append(UInt8(ascii: "]"))
                    octets = before[(bracket + 1)...]
                    rest = .passes
                    return takeLine(view)
                }
                if end != nil { endCut(isCode: isCode) }
            }
            guard end != nil else { continue }
            rest = .kept
            if let piece = takeLine(view) { return piece }
        }
        return nil
    }

    // MARK: Lines beyond what is kept

    /// The line that waits is longer than what may wait. When it is no list it is given back as it is. One of a list is cut, and so
    /// is what is still to come of it.
    private mutating func cutLong(isWhole: Bool, _ view: ServerView) -> ArraySlice<UInt8>? {
        var isCode = false
        switch mailProtocol {
        case .smtp, .lmtp:
            guard lists.contains(view.exchange) else { return passLong(isWhole: isWhole) }
            line = Array(line.prefix(Self.longestCut))
        case .pop3:
            guard isListing else { return passLong(isWhole: isWhole) }
            line = Array(line.prefix(Self.longestCut))
        case .imap:
            guard let list = list(in: line) else { return passLong(isWhole: isWhole) }
            isCode = list.isCode
            if isCode, list.place.upperBound < line.count, line[list.place.upperBound] == UInt8(ascii: "]") {
                // All of the list is there, and only its text is long.
                rest = isWhole ? .kept : .passes
                return takeLine(view)
            }
            line = Array(line.prefix(Self.longest))
        }
        // A name that was cut in two is none.
        if let space = line.lastIndex(of: 32) { line.removeSubrange(space...) }
        note(view.exchange)
        if isWhole { endCut(isCode: isCode) } else { rest = .cut(isCode: isCode) }
        return nil
    }

    private mutating func passLong(isWhole: Bool) -> ArraySlice<UInt8> {
        rest = isWhole ? .kept : .passes
        defer { line = [] }
        return line[...]
    }

    private mutating func endCut(isCode: Bool) { line += isCode ? [UInt8(ascii: "]"), 13, 10] : [13, 10] }

    private mutating func takeLine(_ view: ServerView) -> ArraySlice<UInt8>? {
        let whole = line
        line = []
        return change(whole, view)
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
            rest = .kept
            goesOn = false
        }
        // What is left of a list that was cut has not been looked at.
        if case .cut = rest { line = [] }
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
        guard line.starts(with: [0x32, 0x35, 0x30]) || !list.isEmpty else {
            // No list, whatever comes behind it.
            lists.removeFirst()
            return line[...]
        }
        if list.count + line.count <= Self.longest { list += line } else { note(view.exchange) }
        if line.count > 3, line[3] == UInt8(ascii: "-") { return nil }
        lists.removeFirst()
        defer { list = [] }
        let before = self
        let edited = memory?.edited(list, by: policy) { before.edited($0) } ?? self.edited(list)
        if edited != list { note(view.exchange) }
        return edited[...]
    }

    /// A whole 250 reply. Its last line has no hyphen behind the code, all others have one (RFC 5321 §4.2.1).
    private func edited(_ reply: [UInt8]) -> [UInt8] {
        var kept: [ArraySlice<UInt8>] = []
        var offersTLS = false
        var offersLogins = false
        for (number, line) in reply[...].linesWithEnds.enumerated() {
            let text = line.dropFirst(4).withoutLineEnd.line
            let keyword = text.prefix { $0 != 32 && $0 != UInt8(ascii: "=") }
            if number == 0 {
                kept.append(line)
            } else if keyword.equalsIgnoringCase("AUTH") {
                if let logins = policy.logins {
                    // Once, however often and in whatever form the server has it.
                    if !offersLogins, !policy.hidesLogins {
                        kept.append(line.prefix(4) + keyword + [32] + logins.names.joined(separator: [32]) + [13, 10])
                    }
                    offersLogins = true
                    continue
                }
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
                defer { listsUser = false }
                let addsUser = policy.logins != nil && !policy.hidesLogins && !listsUser
                guard policy.tls == .added || addsUser else { return line[...] }
                note(view.exchange)
                return Array((policy.tls == .added ? "STLS\r\n" : "").utf8)
                    + Array((addsUser ? "USER\r\n" : "").utf8) + line[...]
            }
            if text.firstWord.word.equalsIgnoringCase("USER") { listsUser = true }
            let edited = edited(capability: text, line)
            if edited != line { note(view.exchange) }
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
        if let logins = policy.logins {
            return policy.hidesLogins ? [] : Array(tag) + [32] + logins.names.joined(separator: [32]) + [13, 10]
        }
        let all = text.firstWord.rest.split(separator: 32)
        let names = mechanisms(text.firstWord.rest)
        if names.count == all.count { return line }
        return names.isEmpty ? [] : Array(tag) + [32] + names.joined(separator: [32]) + [13, 10]
    }

    // MARK: IMAP

    private static let word = CaselessWord("CAPABILITY")

    /// How nearly all lists begin that come in each session.
    private static let listLines = ["* CAPABILITY ", "* OK [CAPABILITY "].map { Array($0.utf8) }

    private mutating func changeIMAP(_ line: [UInt8], _ view: ServerView) -> ArraySlice<UInt8>? {
        // Only of lists without a tag or a literal, which are never the same again.
        guard let memory, !goesOn, Self.listLines.contains(where: { line.starts(with: $0) }), line.last == 10,
            !line.contains(UInt8(ascii: "{"))
        else {
            return editedIMAP(line, view)
        }
        var probe = self
        let edited = memory.edited(line, by: policy, variant: hasBegunLogin ? 1 : 0) { line in
            probe.editedIMAP(line, view).map { Array($0) } ?? []
        }
        if edited != line { note(view.exchange) }
        return edited.isEmpty ? nil : edited[...]
    }

    private mutating func editedIMAP(_ line: [UInt8], _ view: ServerView) -> ArraySlice<UInt8>? {
        guard let list = list(in: line) else { return line[...] }
        let place = list.place
        // No grammar has a literal in a list, and no reader has one in a code.
        let hasLiteral = !list.isCode && IMAPLiteral(endOf: line[place]) != nil
        let literal = hasLiteral ? line[place].split(separator: 32).last : nil
        goesOn = hasLiteral
        let all = line[place].split(separator: 32).dropLast(literal == nil ? 0 : 1)
        var mechanismsOffered: [ArraySlice<UInt8>] = []
        for name in all where name.hasPrefixIgnoringCase("AUTH=") { mechanismsOffered.append(name.dropFirst(5)) }
        var kept = all.filter { name in
            name.hasPrefixIgnoringCase("AUTH=")
                ? policy.shows(mechanism: name.dropFirst(5), of: mechanismsOffered) : policy.shows(imap: name)
        }
        // A server that is under TLS already does not offer to begin it.
        let adds = policy.tls == .added && !hasBegunLogin && literal == nil
        if adds, !kept.contains(where: { $0.equalsIgnoringCase("STARTTLS") }) {
            kept.append(Array("STARTTLS".utf8)[...])
        }
        if policy.hidesLogins, literal == nil, !kept.contains(where: { $0.equalsIgnoringCase("LOGINDISABLED") }) {
            kept.append(Array("LOGINDISABLED".utf8)[...])
        }
        let hasLogins = policy.logins != nil && literal == nil && offerLogins(&kept, mechanismsOffered)
        guard adds || hasLogins || !kept.elementsEqual(all) else { return line[...] }
        note(view.exchange)
        if let literal { kept.append(literal) }
        let space: [UInt8] = line[..<place.lowerBound].last == 32 ? [] : [32]
        return line[..<place.lowerBound] + space + kept.joined(separator: [32]) + line[place.upperBound...]
    }

    /// Puts our logins in the place of the server's, where it has any: behind a login it has none. True when the list changed.
    private func offerLogins(_ kept: inout [ArraySlice<UInt8>], _ offered: [ArraySlice<UInt8>]) -> Bool {
        guard let logins = policy.logins, !policy.hidesLogins else { return false }
        let isDisabled = kept.contains { $0.equalsIgnoringCase("LOGINDISABLED") }
        guard !offered.isEmpty || (isDisabled && logins.isOurs) else { return false }
        if isDisabled, !logins.isOurs { return false }
        kept.removeAll { name in
            name.hasPrefixIgnoringCase("AUTH=") || name.equalsIgnoringCase("SASL-IR")
                || name.equalsIgnoringCase("LOGINDISABLED")
        }
        kept += logins.names.map { Array("AUTH=".utf8) + $0 }
        kept.append(Array("SASL-IR".utf8)[...])
        return true
    }

    /// Where the names of a list stand in a line: behind `* CAPABILITY `, or in the code of a status response
    /// (RFC 9051 §7.1, §7.2.2). One in a code goes up to its bracket, or to the end of what there is.
    private func list(in line: [UInt8]) -> (place: Range<Int>, isCode: Bool)? {
        let text = line[...].withoutLineEnd.line
        if goesOn { return (text.startIndex..<text.endIndex, false) }
        let (first, rest) = text.firstWord
        guard !first.isEmpty else { return nil }
        let (word, behind) = rest.firstWord
        if word.equalsIgnoringCase("CAPABILITY"), first.elementsEqual([UInt8(ascii: "*")]) {
            return (behind.startIndex..<behind.endIndex, false)
        }
        let isStatus = ["OK", "NO", "BAD", "BYE", "PREAUTH"].contains { (name: StaticString) in
            word.equalsIgnoringCase(name)
        }
        guard isStatus, behind.hasPrefixIgnoringCase("[CAPABILITY ") else { return nil }
        return ((behind.startIndex + 12)..<(behind.firstIndex(of: UInt8(ascii: "]")) ?? behind.endIndex), true)
    }
}

/// A word that is searched for in any case, many places at once.
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
