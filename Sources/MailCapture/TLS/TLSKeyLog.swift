// Secrets of TLS connections, as programs write them for who looks on: the format of NSS, which SSLKEYLOGFILE names a file of and which
// Decryption Secrets Blocks of pcapng hold (draft-ietf-tls-keylogfile §2).

/// Secrets by the client's random.
package struct TLSKeyLog: Sendable {
    /// What a line says that it is.
    enum Label: String, Sendable, CaseIterable {
        /// The master secret of TLS 1.2 and before.
        case master = "CLIENT_RANDOM"
        case clientHandshake = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
        case serverHandshake = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
        case clientTraffic = "CLIENT_TRAFFIC_SECRET_0"
        case serverTraffic = "SERVER_TRAFFIC_SECRET_0"
    }

    struct Secrets: Equatable, Sendable {
        fileprivate var values: [Label: [UInt8]] = [:]

        subscript(_ label: Label) -> [UInt8]? { values[label] }

        /// Nothing is missing to open what the session sends.
        var isComplete: Bool {
            values[.master] != nil || values[.clientTraffic] != nil && values[.serverTraffic] != nil
        }
    }

    /// Connections whose secrets are kept: of some hundred octets each. The log of a busy server for days has no more.
    private static let mostConnections = 1 << 20
    /// Connections of a log that grows after which the oldest are forgotten: who writes it, writes for connections that begin now.
    var mostRecent = 1 << 15
    /// Octets of a line; those that are understood have 226 at most.
    private static let longestLine = 1_024

    private var secrets: [[UInt8]: Secrets] = [:]
    /// Of a log that grows, those that came before these.
    private var older: [[UInt8]: Secrets] = [:]
    /// Lines that are no comment and were not understood.
    package private(set) var strangeLines = 0
    /// Secrets that were understood.
    package private(set) var count = 0

    /// More may come: connections wait for it (``KeyPatience``).
    package var isGrowing = false

    package init() {}

    package var isEmpty: Bool { secrets.isEmpty }

    func secrets(of clientRandom: [UInt8]) -> Secrets? { secrets[clientRandom] ?? older[clientRandom] }

    /// Adds the lines of a file, or of a block. What is no line of a key log is counted and left out.
    package mutating func add(_ octets: ArraySlice<UInt8>) {
        for line in octets.split(whereSeparator: { $0 == 10 || $0 == 13 }) { add(line: line) }
    }

    private mutating func add(line: ArraySlice<UInt8>) {
        guard line.first != UInt8(ascii: "#") else { return }
        let words = line.count <= Self.longestLine ? line.split(whereSeparator: { $0 == 32 || $0 == 9 }) : []
        guard let word = words.first else {
            if line.count > Self.longestLine { strangeLines += 1 }
            return
        }
        guard words.count == 3, let random = Self.unhex(words[1]), random.count == 32,
            let secret = Self.unhex(words[2]),
            (32...64).contains(secret.count)
        else {
            strangeLines += 1
            return
        }
        // There are others, such as EXPORTER_SECRET, that open no records.
        guard let label = Label(rawValue: String(decoding: word, as: UTF8.self)) else { return }
        if secrets[random] == nil {
            if isGrowing, secrets.count >= mostRecent {
                older = secrets
                secrets = [:]
            }
            guard secrets.count < Self.mostConnections else { return }
            secrets[random] = older.removeValue(forKey: random)
        }
        secrets[random, default: Secrets()].values[label] = secret
        count += 1
    }

    private static func unhex(_ word: ArraySlice<UInt8>) -> [UInt8]? {
        guard word.count % 2 == 0 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(word.count / 2)
        var high: UInt8?
        for digit in word {
            let value: UInt8
            switch digit {
            case 48...57: value = digit - 48
            case 65...70: value = digit - 55
            case 97...102: value = digit - 87
            default: return nil
            }
            if let first = high {
                out.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return out
    }
}
