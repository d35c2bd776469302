// The server's side of SOCKS version 5 (RFC 1928), with or without user name and password (RFC 1929). CONNECT only: mail needs
// neither BIND nor UDP.
//
// A client says three things and waits for the answer to each. What it has not waited for stays where it is: each step says how many
// octets it took.

import MailDialogue
import MailRecording

/// The words with a client up to the connection that it wants.
package struct SOCKSServer: Sendable {
    /// Where a client wants to go.
    package struct Destination: Equatable, Sendable, CustomStringConvertible {
        package enum Host: Equatable, Sendable {
            case address(IPAddress)
            case name(String)
        }

        package var host: Host
        package var port: UInt16

        package init(host: Host, port: UInt16) {
            self.host = host
            self.port = port
        }

        package var description: String {
            switch host {
            case .address(let address): SocketAddress(address, port).description
            case .name(let name): "\(name):\(port)"
            }
        }
    }

    /// What is to be done.
    package enum Step: Equatable, Sendable {
        /// Octets are missing.
        case more
        case send([UInt8])
        /// The connection is to be made; ``granted(from:)`` or ``refusal(_:)`` answers.
        case connect(Destination)
        /// The client hears this, and the connection ends.
        case refuse([UInt8], reason: String)
    }

    /// REP of a reply (RFC 1928 §6).
    package enum Failure: UInt8, Sendable {
        case general = 1
        case notAllowed = 2
        case networkUnreachable = 3
        case hostUnreachable = 4
        case connectionRefused = 5
        case timeToLiveExpired = 6
        case commandNotSupported = 7
        case addressTypeNotSupported = 8
    }

    private enum State {
        /// The methods that the client knows (RFC 1928 §3). Successors: `password`, `request`, `over`.
        case methods
        /// User name and password (RFC 1929 §2). Successors: `request`, `over`.
        case password
        /// Where to (RFC 1928 §4). Successor: `over`.
        case request
        case over
    }

    private var state = State.methods
    private let users: SOCKSUsers?

    /// - Parameter users: who may come in; nil for everybody.
    package init(users: SOCKSUsers? = nil) { self.users = users }

    /// Octets of the longest thing that a client says: a name and a password of 255 each.
    package static let longest = 513

    /// Looks at all octets that came and were not taken yet.
    /// - Returns: how many of them are done with, and what is to be done.
    package mutating func receive(_ octets: ArraySlice<UInt8>) -> (taken: Int, step: Step) {
        let found: (Int, Step)? =
            switch state {
            case .methods: readMethods(octets)
            case .password: readPassword(octets)
            case .request: readRequest(octets)
            case .over: (0, .more)
            }
        return found ?? (0, .more)
    }

    private mutating func refuse(_ taken: Int, _ words: [UInt8], _ reason: String) -> (Int, Step) {
        state = .over
        return (taken, .refuse(words, reason: reason))
    }

    /// VER, NMETHODS, METHODS.
    private mutating func readMethods(_ octets: ArraySlice<UInt8>) -> (Int, Step)? {
        let start = octets.startIndex
        guard let version = octets.first else { return nil }
        guard version == 5 else {
            return refuse(octets.count, [], version == 4 ? "it speaks SOCKS 4" : "it does not speak SOCKS 5")
        }
        guard octets.count >= 2 else { return nil }
        let count = 2 + Int(octets[start + 1])
        guard octets.count >= count else { return nil }
        let wanted: UInt8 = users == nil ? 0 : 2
        guard octets[(start + 2)..<(start + count)].contains(wanted) else {
            return refuse(
                count, [5, 0xFF], users == nil ? "it must log in, and nobody can here" : "it does not log in")
        }
        state = users == nil ? .request : .password
        return (count, .send([5, wanted]))
    }

    /// VER (1), ULEN, UNAME, PLEN, PASSWD.
    private mutating func readPassword(_ octets: ArraySlice<UInt8>) -> (Int, Step)? {
        let start = octets.startIndex
        guard let version = octets.first else { return nil }
        guard version == 1 else { return refuse(octets.count, [1, 1], "its login is of version \(version)") }
        guard octets.count >= 2 else { return nil }
        let nameEnd = 2 + Int(octets[start + 1])
        guard octets.count > nameEnd else { return nil }
        let count = nameEnd + 1 + Int(octets[start + nameEnd])
        guard octets.count >= count else { return nil }
        let name = octets[(start + 2)..<(start + nameEnd)]
        guard let users, users.contains(name, password: octets[(start + nameEnd + 1)..<(start + count)]) else {
            return refuse(count, [1, 1], "its user name or its password is wrong")
        }
        state = .request
        return (count, .send([1, 0]))
    }

    /// VER, CMD, RSV, ATYP, DST.ADDR, DST.PORT.
    private mutating func readRequest(_ octets: ArraySlice<UInt8>) -> (Int, Step)? {
        let start = octets.startIndex
        guard let version = octets.first else { return nil }
        guard version == 5 else {
            return refuse(octets.count, Self.refusal(.general), "its request is of version \(version)")
        }
        guard octets.count >= 5 else { return nil }
        let width: Int
        switch octets[start + 3] {
        case 1: width = 4
        case 3: width = 1 + Int(octets[start + 4])
        case 4: width = 16
        case let kind:
            return refuse(octets.count, Self.refusal(.addressTypeNotSupported), "its address is of kind \(kind)")
        }
        let count = 4 + width + 2
        guard octets.count >= count else { return nil }
        guard octets[start + 1] == 1 else {
            return refuse(count, Self.refusal(.commandNotSupported), "it wants more than a connection")
        }
        let address = octets[(start + 4)..<(start + 4 + width)]
        let port = UInt16(octets[start + count - 2]) << 8 | UInt16(octets[start + count - 1])
        let host: Destination.Host
        if octets[start + 3] == 3 {
            let name = String(decoding: address.dropFirst(), as: UTF8.self)
            if let literal = IPAddress(name) {
                host = .address(literal)
            } else if Self.isName(address.dropFirst()) {
                host = .name(name)
            } else {
                return refuse(count, Self.refusal(.general), "the name that it asks for is none")
            }
        } else {
            host = .address(ProxyHeader.address(address))
        }
        guard port != 0 else { return refuse(count, Self.refusal(.general), "it asks for port 0") }
        state = .over
        return (count, .connect(Destination(host: host, port: port)))
    }

    /// Letters, digits, hyphens, dots and the underscores that some have: nothing that could mean more to a resolver or a log.
    private static func isName(_ octets: ArraySlice<UInt8>) -> Bool {
        guard let first = octets.first, first != UInt8(ascii: "-") else { return false }
        return octets.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
            default: false
            }
        }
    }

    // MARK: Replies to a request (RFC 1928 §6)

    /// The connection stands.
    /// - Parameter local: our end of it.
    package static func granted(from local: SocketAddress) -> [UInt8] { reply(0, local) }

    package static func refusal(_ failure: Failure) -> [UInt8] {
        reply(failure.rawValue, SocketAddress(IPAddress(v4: 0), 0))
    }

    private static func reply(_ code: UInt8, _ bound: SocketAddress) -> [UInt8] {
        var out: [UInt8] = [5, code, 0, bound.address.isIPv6 ? 4 : 1]
        out += bound.address.octets
        out.appendBig16(bound.port)
        return out
    }
}

/// Names and passwords of those who may use a SOCKS listener.
package struct SOCKSUsers: Sendable, Equatable, CustomStringConvertible {
    private var passwords: [[UInt8]: [UInt8]] = [:]

    /// Reads lines of `NAME:PASSWORD`; empty ones and those that begin with `#` are none.
    /// - Returns: nil when a line is neither.
    package init?(lines text: String) {
        for line in text.utf8.split(separator: 10) {
            let octets = line.last == 13 ? line.dropLast() : line
            if octets.isEmpty || octets.first == UInt8(ascii: "#") { continue }
            guard let colon = octets.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let name = Array(octets[..<colon])
            let password = Array(octets[octets.index(after: colon)...])
            // What RFC 1929 §2 has room for.
            guard (1...255).contains(name.count), (1...255).contains(password.count) else { return nil }
            passwords[name] = password
        }
    }

    package var isEmpty: Bool { passwords.isEmpty }

    /// Takes as long for a wrong password as for a right one.
    func contains(_ name: ArraySlice<UInt8>, password: ArraySlice<UInt8>) -> Bool {
        let known = passwords[Array(name)]
        let right = known ?? Array(password)
        var difference: UInt8 = right.count == password.count && known != nil ? 0 : 1
        for (a, b) in zip(right, password) { difference |= a ^ b }
        return difference == 0
    }

    /// No secrets in logs.
    package var description: String { "\(passwords.count) users" }
}
