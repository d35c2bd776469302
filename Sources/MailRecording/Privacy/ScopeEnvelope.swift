// What scopes know of the SMTP transaction and of the open mailbox. Commands that end or replace one do so when the server has
// accepted them; until then neither is certain, and what is not certain is not known.

import MailDialogue

/// The transaction that the next message belongs to.
struct ScopeEnvelope: Sendable {
    private struct Addresses: Sendable {
        /// Nil when there is none, or when it could not be read.
        var sender: String?
        var announced: Int?
        var recipients: [String]? = []

        mutating func add(_ name: String?) {
            if let name, let count = recipients?.count, count < ScopeFacts.mostRecipients {
                recipients?.append(name)
            } else {
                recipients = nil
            }
        }
    }

    /// Nil when it is not known which addresses hold.
    private var now: Addresses? = Addresses()
    /// What holds when the newest command that ends a transaction is accepted, with its exchange.
    private var next: (addresses: Addresses, exchange: Int, isOpen: Bool)?
    private var isOpen = false
    /// Its message has come: the next MAIL begins a new one.
    var isComplete = false

    /// MAIL.
    mutating func begin(_ path: SMTPPath?, _ exchange: Int) {
        let addresses = Addresses(
            sender: Self.name(path),
            announced: path?.parameters.first { $0.keyword == "SIZE" }?.value.decimal)
        replace(with: addresses, exchange, isOpen: true)
    }

    /// RSET, and what implies it.
    mutating func reset(_ exchange: Int) { replace(with: Addresses(), exchange, isOpen: false) }

    private mutating func replace(with addresses: Addresses, _ exchange: Int, isOpen opens: Bool) {
        if next != nil {
            now = nil
        } else if !isOpen || isComplete {
            now = addresses
            isOpen = opens
            isComplete = false
            return
        }
        next = (addresses, exchange, opens)
    }

    /// RCPT. Nil for a path that can't be read.
    mutating func add(_ path: SMTPPath?) {
        let name = Self.name(path)
        isOpen = true
        now?.add(name)
        next?.addresses.add(name)
    }

    /// The last line of a reply came.
    mutating func settle(_ exchange: Int, _ status: ReplyStatus) {
        guard let next, next.exchange == exchange else { return }
        self.next = nil
        guard status == .ok else { return }
        now = next.addresses
        isOpen = next.isOpen
        isComplete = false
    }

    func tell(_ facts: inout ScopeFacts) {
        let known = next == nil ? now : nil
        facts.sender = known?.sender
        facts.announced = known?.announced
        facts.recipients = known?.recipients
    }

    private static func name(_ path: SMTPPath?) -> String? {
        // A path that stands behind another word is the one that counts for some servers.
        guard let path, !path.parameters.contains(where: { $0.keyword.contains("<") || $0.value.contains(60) }) else {
            return nil
        }
        return name(path.mailbox)
    }

    /// A mailbox as all servers understand it; nil when some may find another domain in it, or none.
    static func name(_ octets: ArraySlice<UInt8>) -> String? {
        guard octets.count <= ScopeFacts.longest, octets.last != UInt8(ascii: ".") else { return nil }
        var marks = 0
        for octet in octets {
            switch octet {
            case UInt8(ascii: "@"): marks += 1
            case 0...32, 127, UInt8(ascii: "\""), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"),
                UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "!"), UInt8(ascii: ","), UInt8(ascii: ";"),
                UInt8(ascii: "\\"):
                return nil
            default: break
            }
        }
        return marks <= 1 ? octets.text : nil
    }
}

/// The mailbox that is open.
struct ScopeMailbox: Sendable {
    /// What a command asks for.
    enum Wish: Sendable {
        case open, close
        /// UNAUTHENTICATE (RFC 8437).
        case leave
    }

    private static let most = 16

    private var current: String? = ""
    private var asked: [(exchange: Int, wish: Wish)] = []
    /// Commands were asked that are not kept.
    private var isLost = false

    /// Empty for none; nil while it is not known.
    var name: String? { asked.isEmpty && !isLost ? current : nil }

    mutating func ask(_ wish: Wish, _ exchange: Int) {
        if asked.count < Self.most { asked.append((exchange, wish)) } else { isLost = true }
    }

    /// A mailbox was opened; the reply that says so is settled next.
    mutating func opened(_ name: String) { current = name }

    /// The last line of a reply came. True when the client has logged out of its account.
    mutating func settle(_ exchange: Int, _ status: ReplyStatus) -> Bool {
        guard let place = asked.firstIndex(where: { $0.exchange == exchange }) else { return false }
        switch (asked.remove(at: place).wish, status) {
        case (.open, .ok): isLost = false
        // No mailbox is open then (RFC 9051 §6.3.2), but for servers that keep the one before.
        case (.open, .refused): current = nil
        case (.close, .ok): current = ""
        case (.leave, .ok):
            current = ""
            return true
        case (.open, _), (.close, _), (.leave, _): break
        }
        return false
    }
}
