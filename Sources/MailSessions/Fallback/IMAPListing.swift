// LIST and LSUB (RFC 3501 §6.3.8, §6.3.9), with the options of RFC 5258 and RFC 6154 that clients send: which mailboxes
// are meant, and the lines that tell of them.

import MailDialogue
import MailMessage

/// What LIST or LSUB asks for.
struct IMAPListing: Equatable, Sendable {
    private let isLSUB: Bool
    /// UTF-8, with the reference in front.
    private var patterns: [[UInt8]] = []
    private var onlySubscribed: Bool
    private var onlySpecialUse = false
    private var tellsSubscribed = false
    /// LIST "" "": only the hierarchy separator is wanted.
    private(set) var asksForSeparator = false

    /// Longest pattern that is looked at. Names have at most 1,000 octets.
    private static var longest: Int { 1_000 }

    /// Nil when the arguments are malformed or ask for what is not known.
    init?(_ scanner: inout IMAPScanner, isSubscribed: Bool) {
        isLSUB = isSubscribed
        onlySubscribed = isSubscribed
        if !isLSUB, let options = scanner.list({ $0.atom()?.keyword() }) {
            guard scanner.space() else { return nil }
            for option in options {
                switch option {
                case "SUBSCRIBED": onlySubscribed = true
                case "SPECIAL-USE": onlySpecialUse = true
                case "REMOTE": break
                default: return nil
                }
            }
            tellsSubscribed = onlySubscribed
        }
        guard let reference = scanner.astring(), scanner.space() else { return nil }
        var given: [[UInt8]] = []
        if !isLSUB, scanner.next == UInt8(ascii: "(") {
            guard let list = scanner.list({ $0.listPattern() }), !list.isEmpty else { return nil }
            given = list
        } else {
            guard let pattern = scanner.listPattern() else { return nil }
            given = [pattern]
            asksForSeparator = pattern.isEmpty
        }
        if !isLSUB, !scanner.isAtEnd {
            guard scanner.space(), scanner.keyword("RETURN"), scanner.space(),
                let options = scanner.list({ $0.atom()?.keyword() })
            else { return nil }
            for option in options {
                switch option {
                case "SUBSCRIBED": tellsSubscribed = true
                case "CHILDREN", "SPECIAL-USE": break
                default: return nil
                }
            }
        }
        guard scanner.isAtEnd else { return nil }
        // A pattern that is no name matches nothing (RFC 9051 §6.3.9).
        patterns = given.compactMap { pattern in
            let whole = reference + pattern
            guard whole.count <= Self.longest else { return nil }
            return IMAPScanner.mailboxName(whole).map { Array($0.utf8) }
        }
    }

    /// The untagged responses for these mailboxes.
    func lines(_ mailboxes: [MailboxListing]) -> [UInt8] {
        var out: [UInt8] = []
        var parents: Set<String> = []
        for mailbox in mailboxes {
            if onlySubscribed ? !mailbox.subscribed : !mailbox.exists { continue }
            if onlySpecialUse, mailbox.specialUse == nil { continue }
            let name = Array(mailbox.name.utf8)
            if matches(name) {
                out += line(attributes(mailbox), mailbox.name)
            } else if isLSUB {
                // RFC 3501 §6.3.9: with "%" a level above a subscribed mailbox is told with \Noselect.
                for index in name.indices where name[index] == UInt8(ascii: "/") && matches(Array(name[..<index])) {
                    let parent = String(decoding: name[..<index], as: UTF8.self)
                    let isTold = mailboxes.contains { $0.name == parent && $0.subscribed }
                    if !isTold, parents.insert(parent).inserted { out += line(["\\Noselect"], parent) }
                }
            }
        }
        return out
    }

    private func attributes(_ mailbox: MailboxListing) -> [String] {
        var attributes: [String] = []
        if !mailbox.exists { attributes += isLSUB ? ["\\Noselect"] : ["\\NonExistent"] }
        if mailbox.exists, !mailbox.selectable { attributes.append("\\Noselect") }
        if mailbox.exists { attributes.append(mailbox.hasChildren ? "\\HasChildren" : "\\HasNoChildren") }
        if tellsSubscribed, mailbox.subscribed { attributes.append("\\Subscribed") }
        if let use = mailbox.specialUse { attributes.append(use) }
        return attributes
    }

    private func line(_ attributes: [String], _ name: String) -> [UInt8] {
        let head = "* \(isLSUB ? "LSUB" : "LIST") (\(attributes.joined(separator: " "))) \"/\" "
        return Array(head.utf8) + Self.quoted(name) + [13, 10]
    }

    /// A mailbox name in a response.
    static func quoted(_ name: String) -> [UInt8] { imapString(ModifiedUTF7.encode(name)[...]) }

    private func matches(_ name: [UInt8]) -> Bool { patterns.contains { Self.matches($0, name) } }

    /// `*` stands for any octets, `%` for any but the separator. The time is the product of both lengths, whatever the
    /// pattern.
    static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        // reached[i]: the octets so far fit the first i octets of the pattern.
        var reached = [Bool](repeating: false, count: pattern.count + 1)
        reached[0] = true
        func close() {
            for index in pattern.indices where reached[index] && isWildcard(pattern[index]) {
                reached[index + 1] = true
            }
        }
        close()
        for octet in name {
            var next = [Bool](repeating: false, count: pattern.count + 1)
            for index in pattern.indices where reached[index] {
                switch pattern[index] {
                case UInt8(ascii: "*"): next[index] = true
                case UInt8(ascii: "%"): if octet != UInt8(ascii: "/") { next[index] = true }
                default: if pattern[index] == octet { next[index + 1] = true }
                }
            }
            reached = next
            close()
        }
        return reached[pattern.count]
    }

    private static func isWildcard(_ octet: UInt8) -> Bool {
        octet == UInt8(ascii: "*") || octet == UInt8(ascii: "%")
    }
}
