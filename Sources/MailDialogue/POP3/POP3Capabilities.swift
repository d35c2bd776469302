// What a server offers, as its answer to CAPA says (RFC 2449 §5). All tags of the IANA registry are known; private ones
// are seen and not told apart.

/// The capabilities of a POP3 server.
package struct POP3Capabilities: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// RFC 2449 §6.1.
    package static let top = POP3Capabilities(rawValue: 1 << 0)
    /// RFC 2449 §6.2.
    package static let user = POP3Capabilities(rawValue: 1 << 1)
    /// RFC 5034 §3; the mechanisms are kept beside.
    package static let sasl = POP3Capabilities(rawValue: 1 << 2)
    /// RFC 2449 §6.4.
    package static let respCodes = POP3Capabilities(rawValue: 1 << 3)
    /// RFC 2449 §6.5.
    package static let loginDelay = POP3Capabilities(rawValue: 1 << 4)
    /// RFC 2449 §6.6.
    package static let pipelining = POP3Capabilities(rawValue: 1 << 5)
    /// RFC 2449 §6.7.
    package static let expire = POP3Capabilities(rawValue: 1 << 6)
    /// RFC 2449 §6.8.
    package static let uidl = POP3Capabilities(rawValue: 1 << 7)
    /// RFC 2449 §6.9.
    package static let implementation = POP3Capabilities(rawValue: 1 << 8)
    /// RFC 2595 §4.
    package static let stls = POP3Capabilities(rawValue: 1 << 9)
    /// RFC 3206 §6.
    package static let authRespCode = POP3Capabilities(rawValue: 1 << 10)
    /// RFC 6856 §2.
    package static let utf8 = POP3Capabilities(rawValue: 1 << 11)
    /// `UTF8 USER`: names and passwords may be UTF-8 (RFC 6856 §2.2).
    package static let utf8User = POP3Capabilities(rawValue: 1 << 12)
    /// RFC 6856 §3.
    package static let lang = POP3Capabilities(rawValue: 1 << 13)
    /// A tag that no RFC has.
    package static let other = POP3Capabilities(rawValue: 1 << 14)

    /// What "MUST be announced in both states" once it is announced before the login (RFC 2449 §5); STLS is announced
    /// where it is permitted (RFC 2595 §4), and nobody knows of private tags.
    static let ofBothStates: POP3Capabilities = [
        .top, .user, .sasl, .respCodes, .loginDelay, .pipelining, .expire, .uidl, .implementation, .authRespCode, .utf8,
        .lang,
    ]
}

/// What a line of the answer to CAPA is.
package struct POP3CapabilityLine: Equatable, Sendable {
    /// What is wrong with it.
    package enum Flaw: Equatable, Sendable {
        /// It is no tag with parameters, parted by single spaces.
        case form
        /// LOGIN-DELAY without its seconds (RFC 2449 §6.5).
        case loginDelay
        /// EXPIRE without its days or NEVER (RFC 2449 §6.7).
        case expire
    }

    /// What it offers.
    package var capability: POP3Capabilities
    /// What stands behind the tag.
    package var parameters: ArraySlice<UInt8>
    package var flaw: Flaw?

    /// `line` is without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let (tag, rest) = line.firstWord
        parameters = rest
        capability = Self.capability(tag)
        let value = rest.firstWord.word
        switch capability {
        case .loginDelay: if value.decimal == nil { flaw = .loginDelay }
        case .expire: if value.decimal == nil, !value.equalsIgnoringCase("NEVER") { flaw = .expire }
        case .utf8:
            var left = rest
            while !left.isEmpty {
                let (word, tail) = left.firstWord
                if word.equalsIgnoringCase("USER") { capability.insert(.utf8User) }
                left = tail
            }
        default: break  // of a set of bits, not of a state
        }
        // RFC 2449 §3: capability = capa-tag *(SP param), without "." in the tag.
        var blank = true
        for octet in line {
            if octet == 32 {
                if blank { flaw = .form }
                blank = true
            } else {
                if octet < 33 || octet == 127 { flaw = .form }
                blank = false
            }
        }
        if blank || tag.contains(UInt8(ascii: ".")) { flaw = .form }
    }

    private static func capability(_ tag: ArraySlice<UInt8>) -> POP3Capabilities {
        for (name, capability) in tags where tag.equalsIgnoringCase(name) { return capability }
        return .other
    }

    private static let tags: [(StaticString, POP3Capabilities)] = [
        ("TOP", .top), ("USER", .user), ("SASL", .sasl), ("RESP-CODES", .respCodes), ("LOGIN-DELAY", .loginDelay),
        ("PIPELINING", .pipelining), ("EXPIRE", .expire), ("UIDL", .uidl), ("IMPLEMENTATION", .implementation),
        ("STLS", .stls), ("AUTH-RESP-CODE", .authRespCode), ("UTF8", .utf8), ("LANG", .lang),
    ]
}

/// What is known of a server's capabilities at a time.
package struct POP3Offer: Equatable, Sendable {
    package var capabilities: POP3Capabilities = []
    /// The mechanisms behind SASL, as they stand there; a line has 512 octets at most by RFC 2449 §5.
    package var mechanisms: [UInt8] = []
    /// The list was given after the login.
    package var isOfTransaction = false

    package init() {}

    /// Octets of a SASL line that are kept.
    private static let mostMechanisms = 512

    mutating func add(_ line: POP3CapabilityLine) {
        capabilities.formUnion(line.capability)
        if line.capability == .sasl { mechanisms = Array(line.parameters.prefix(Self.mostMechanisms)) }
    }

    /// The mechanism is offered; true as well when the list is too long to be kept.
    package func offers(mechanism: some OctetLine) -> Bool {
        if mechanisms.count >= Self.mostMechanisms { return true }
        let wanted = mechanism.keyword()
        return mechanisms.split(separator: 32).contains { $0.keyword() == wanted }
    }
}
