// What a connection is, by the first octets of either side: a client that begins with TLS speaks first, in clear the server does.

import MailDialogue

/// The first octets of a client.
package enum FirstOctets: Equatable, Sendable {
    /// Octets are missing.
    case undecided
    /// A TLS handshake begins (RFC 8446 §5.1), with what it tells so far.
    case tls(ClientHello)
    /// Anything else.
    case clear

    /// Octets of a ClientHello that are waited for. With post-quantum key shares they have come to 2,000, with a ticket to take up a
    /// session a few thousand more; a larger one is taken for TLS all the same, but what it tells is not looked for.
    package static let longest = 16_384

    /// How many octets are missing at least behind these, which are undecided. Who waits for so many before looking again looks at
    /// a ClientHello that comes octet by octet a few times only.
    package static func missing(behind octets: ArraySlice<UInt8>) -> Int {
        if case .incomplete(let count) = ClientHello.read(octets) { count } else { 1 }
    }

    /// - Parameter all: nothing more will come, or is to be waited for.
    package init(of octets: ArraySlice<UInt8>, all: Bool = false) {
        let start = octets.startIndex
        // A record of the kind handshake, of any version 3.x, that is not empty, and in it a ClientHello (RFC 8446 §4).
        let wanted: [ClosedRange<UInt8>] = [22...22, 3...3, 0...4, 0...64, 0...255, 1...1]
        for (index, range) in wanted.enumerated() where index < octets.count {
            guard range.contains(octets[start + index]) else {
                self = .clear
                return
            }
        }
        guard octets.count >= wanted.count else {
            self = all ? .clear : .undecided
            return
        }
        switch ClientHello.read(octets) {
        case .incomplete where !all && octets.count < Self.longest: self = .undecided
        // It is up to TLS to refuse what is wrong with it.
        case .incomplete, .malformed: self = .tls(ClientHello(hasUnreadableName: true))
        case .hello(let hello): self = .tls(hello)
        }
    }
}

extension MailProtocol {
    /// The protocol that greets with these octets; nil for none. The first four octets tell.
    package init?(greeting octets: ArraySlice<UInt8>) {
        let head = octets.prefix(4)
        if head.starts(with: Array("* ".utf8)) {
            self = .imap
        } else if head.starts(with: Array("+OK".utf8)) || head.starts(with: Array("-ERR".utf8)) {
            self = .pop3
        } else if head.count == 4, head.prefix(3).allSatisfy({ (0x30...0x39).contains($0) }),
            head.last == 32 || head.last == UInt8(ascii: "-")
        {
            self = .smtp
        } else {
            return nil
        }
    }

    /// The protocol of a server's port and whether TLS begins with the first octet there (RFC 5321 §4.5.4.2, RFC 6409 §3.1,
    /// RFC 8314 §7.3, RFC 1939 §3, RFC 9051 §2.1). Port 24 is LMTP by custom.
    package static func ofPort(_ port: UInt16) -> (MailProtocol, implicitTLS: Bool)? {
        for candidate in allCases {
            if let scheme = candidate.schemes.first(where: { $0.port == port }) {
                return (candidate, scheme.implicitTLS)
            }
        }
        return nil
    }
}

/// What a client says at the beginning of TLS that tells where it wants to go (RFC 8446 §4.1.2).
package struct ClientHello: Equatable, Sendable {
    /// The name of the server (RFC 6066 §3).
    package var serverName: String?
    /// It may ask for a name, which can't be read or is none of a host.
    package var hasUnreadableName = false
    /// The application protocols (RFC 7301 §3.1), in the client's order.
    package var applicationProtocols: [String] = []

    package init(hasUnreadableName: Bool = false) { self.hasUnreadableName = hasUnreadableName }

    /// The mail protocol among the application protocols, under its registered name.
    package var mailProtocol: MailProtocol? {
        applicationProtocols.lazy.compactMap { name in
            switch name {
            case "imap": .imap
            case "pop3": .pop3
            case "smtp": .smtp
            default: nil
            }
        }.first
    }

    enum Reading: Equatable {
        /// So many octets are missing at least.
        case incomplete(Int)
        case malformed
        case hello(ClientHello)
    }

    /// Reads the ClientHello in the records at the beginning of `octets`.
    static func read(_ octets: ArraySlice<UInt8>) -> Reading {
        var message: [UInt8] = []
        var rest = octets
        while true {
            var missing = 1
            if message.count >= 4 {
                let length = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
                if length > FirstOctets.longest { return .malformed }
                if message.count >= length { return parse(message[4..<length]) }
                missing = length - message.count
            }
            guard rest.count >= 5 else { return .incomplete(missing) }
            let start = rest.startIndex
            let length = Int(rest[start + 3]) << 8 | Int(rest[start + 4])
            guard rest[start] == 22, (1...16_384).contains(length) else { return .malformed }
            message += rest.dropFirst(5).prefix(length)
            guard rest.count >= 5 + length else {
                // The rest of the message may be among what has come of this record.
                rest = []
                continue
            }
            rest = rest.dropFirst(5 + length)
        }
    }

    private static func parse(_ body: ArraySlice<UInt8>) -> Reading {
        var reader = Reader(rest: body)
        var hello = ClientHello()
        // legacy_version, random, legacy_session_id, cipher_suites, legacy_compression_methods, extensions.
        guard reader.take(34) != nil, reader.vector(1) != nil, reader.vector(2) != nil, reader.vector(1) != nil else {
            return .malformed
        }
        if reader.rest.isEmpty { return .hello(hello) }
        guard let list = reader.vector(2) else { return .malformed }
        var extensions = Reader(rest: list)
        while !extensions.rest.isEmpty {
            guard let kind = extensions.number(2), let data = extensions.vector(2) else { return .malformed }
            switch kind {
            case 0:
                hello.serverName = serverName(data)
                hello.hasUnreadableName = hello.serverName == nil
            case 16: hello.applicationProtocols = protocols(data)
            default: continue
            }
        }
        return .hello(hello)
    }

    private static func serverName(_ data: ArraySlice<UInt8>) -> String? {
        var reader = Reader(rest: data)
        guard let list = reader.vector(2) else { return nil }
        var names = Reader(rest: list)
        while let kind = names.number(1), let name = names.vector(2) {
            guard kind == 0 else { continue }
            let isPlain = name.allSatisfy { (0x21...0x7E).contains($0) }
            return isPlain && (1...253).contains(name.count) ? String(decoding: name, as: UTF8.self) : nil
        }
        return nil
    }

    private static func protocols(_ data: ArraySlice<UInt8>) -> [String] {
        var reader = Reader(rest: data)
        guard let list = reader.vector(2) else { return [] }
        var names = Reader(rest: list)
        var found: [String] = []
        while found.count < 16, let name = names.vector(1) { found.append(String(decoding: name, as: UTF8.self)) }
        return found
    }

    /// Numbers and vectors in the presentation language of TLS (RFC 8446 §3).
    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }

        mutating func number(_ width: Int) -> Int? { take(width).map { $0.reduce(0) { $0 << 8 | Int($1) } } }

        /// What stands behind a length of `width` octets.
        mutating func vector(_ width: Int) -> ArraySlice<UInt8>? { number(width).flatMap { take($0) } }
    }
}
