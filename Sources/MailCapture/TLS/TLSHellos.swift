// The messages of a handshake that are sent in clear (RFC 8446 §4.1, RFC 5246 §7.4), read for what they offer and choose. All lengths
// are checked; what does not fit is no message.

import Crypto

/// Numbers and vectors in the presentation language of TLS (RFC 8446 §3).
struct TLSFields {
    var rest: ArraySlice<UInt8>

    init(_ rest: ArraySlice<UInt8>) { self.rest = rest }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func number(_ width: Int) -> Int? { take(width).map { $0.reduce(0) { $0 << 8 | Int($1) } } }

    mutating func code() -> UInt16? { number(2).map { UInt16(truncatingIfNeeded: $0) } }

    /// What stands behind a length of `width` octets.
    mutating func vector(_ width: Int) -> ArraySlice<UInt8>? { number(width).flatMap { take($0) } }

    /// The 16-bit codes in a vector.
    static func codes(_ octets: ArraySlice<UInt8>) -> [UInt16] {
        var fields = TLSFields(octets)
        var codes: [UInt16] = []
        while let code = fields.code() { codes.append(code) }
        return codes
    }
}

/// Extensions by number (IANA's registry).
enum TLSExtension {
    static let serverName: UInt16 = 0
    static let groups: UInt16 = 10
    static let pointFormats: UInt16 = 11
    static let signatureAlgorithms: UInt16 = 13
    static let applicationProtocols: UInt16 = 16
    static let encryptThenMAC: UInt16 = 22
    static let preSharedKey: UInt16 = 41
    static let supportedVersions: UInt16 = 43
}

/// What a client offers (RFC 8446 §4.1.2).
struct SeenClientHello: Equatable, Sendable {
    var legacyVersion: UInt16 = 0
    var random: [UInt8] = []
    var sessionID: [UInt8] = []
    var ciphers: [UInt16] = []
    /// The extensions by number, in order.
    var extensions: [UInt16] = []
    var serverName: String?
    /// As octets: the registry has some that are no text.
    var applicationProtocols: [[UInt8]] = []
    var supportedVersions: [UInt16] = []
    var groups: [UInt16] = []
    var pointFormats: [UInt8] = []
    var signatureAlgorithms: [UInt16] = []

    /// Nil when it can't be read to its end.
    /// - Parameter body: the message without its header of four octets.
    init?(_ body: ArraySlice<UInt8>) {
        var fields = TLSFields(body)
        guard let version = fields.code(), let random = fields.take(32), let session = fields.vector(1),
            let ciphers = fields.vector(2), fields.vector(1) != nil
        else { return nil }
        legacyVersion = version
        self.random = Array(random)
        sessionID = Array(session)
        self.ciphers = TLSFields.codes(ciphers)
        // Before TLS 1.2 there may be none.
        if fields.rest.isEmpty { return }
        guard let list = fields.vector(2) else { return nil }
        var items = TLSFields(list)
        while !items.rest.isEmpty {
            guard let kind = items.code(), let data = items.vector(2) else { return nil }
            extensions.append(kind)
            read(kind, TLSFields(data))
        }
    }

    private mutating func read(_ kind: UInt16, _ data: TLSFields) {
        var data = data
        switch kind {
        case TLSExtension.serverName:
            guard let list = data.vector(2) else { return }
            var names = TLSFields(list)
            while let type = names.number(1), let name = names.vector(2) {
                guard type == 0, serverName == nil, (1...253).contains(name.count),
                    name.allSatisfy({ (0x21...0x7E).contains($0) })
                else { continue }
                serverName = String(decoding: name, as: UTF8.self)
            }
        case TLSExtension.applicationProtocols:
            guard let list = data.vector(2) else { return }
            var names = TLSFields(list)
            while applicationProtocols.count < 16, let name = names.vector(1) {
                applicationProtocols.append(Array(name))
            }
        case TLSExtension.supportedVersions: supportedVersions = data.vector(1).map(TLSFields.codes) ?? []
        case TLSExtension.groups: groups = data.vector(2).map(TLSFields.codes) ?? []
        case TLSExtension.pointFormats: pointFormats = data.vector(1).map { Array($0) } ?? []
        case TLSExtension.signatureAlgorithms: signatureAlgorithms = data.vector(2).map(TLSFields.codes) ?? []
        default: return
        }
    }

    /// The versions that it offers, the best first (RFC 8446 §4.2.1; without the extension all up to its own).
    var offeredVersions: [UInt16] {
        if !supportedVersions.isEmpty {
            return supportedVersions.filter { !CipherSuite.isGrease($0) }.sorted(by: >)
        }
        return [legacyVersion]
    }
}

/// What a server chose (RFC 8446 §4.1.3).
struct SeenServerHello: Equatable, Sendable {
    /// The `random` of a HelloRetryRequest (RFC 8446 §4.1.3).
    private static let retry: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2,
        0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]

    var legacyVersion: UInt16
    var random: [UInt8]
    var sessionID: [UInt8]
    var cipher: UInt16
    var extensions: [UInt16] = []
    var selectedVersion: UInt16?
    var applicationProtocol: [UInt8]?

    var version: UInt16 { selectedVersion ?? legacyVersion }
    /// The client has to begin anew: it chose nothing yet but the suite.
    var isRetry: Bool { random == Self.retry }

    init?(_ body: ArraySlice<UInt8>) {
        var fields = TLSFields(body)
        guard let version = fields.code(), let random = fields.take(32), let session = fields.vector(1),
            let cipher = fields.code(), fields.number(1) != nil
        else { return nil }
        legacyVersion = version
        self.random = Array(random)
        sessionID = Array(session)
        self.cipher = cipher
        if fields.rest.isEmpty { return }
        guard let list = fields.vector(2) else { return nil }
        var items = TLSFields(list)
        while !items.rest.isEmpty {
            guard let kind = items.code(), let data = items.vector(2) else { return nil }
            extensions.append(kind)
            var value = TLSFields(data)
            switch kind {
            case TLSExtension.supportedVersions: selectedVersion = value.code()
            case TLSExtension.applicationProtocols: applicationProtocol = Self.chosen(&value)
            default: continue
            }
        }
    }

    /// The one name in the server's list (RFC 7301 §3.1).
    static func chosen(_ value: inout TLSFields) -> [UInt8]? {
        guard let list = value.vector(2) else { return nil }
        var names = TLSFields(list)
        return names.vector(1).map { Array($0) }
    }
}

// MARK: Fingerprints

/// Marks that tell programs by how they say hello: JA3 and JA3S (J. Althouse and others, Salesforce, 2017: MD5 of the numbers in
/// order) and JA4 (FoxIO, 2023: counts, and SHA-256 of the numbers in ascending order).
enum TLSFingerprint {
    private static func hex(_ octets: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for octet in octets {
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func hex(_ codes: [UInt16]) -> String {
        codes.map { hex([UInt8($0 >> 8), UInt8($0 & 255)]) }.joined(separator: ",")
    }

    private static func decimal(_ codes: [UInt16]) -> String {
        codes.filter { !CipherSuite.isGrease($0) }.map { String($0) }.joined(separator: "-")
    }

    private static func md5(_ text: String) -> String { hex(Insecure.MD5.hash(data: Array(text.utf8))) }

    static func ja3(_ hello: SeenClientHello) -> String { md5(ja3Text(hello)) }

    static func ja3Text(_ hello: SeenClientHello) -> String {
        [
            String(hello.legacyVersion), decimal(hello.ciphers), decimal(hello.extensions), decimal(hello.groups),
            hello.pointFormats.map { String($0) }.joined(separator: "-"),
        ].joined(separator: ",")
    }

    static func ja3s(_ hello: SeenServerHello) -> String {
        md5("\(hello.legacyVersion),\(hello.cipher),\(decimal(hello.extensions))")
    }

    static func ja4(_ hello: SeenClientHello) -> String {
        let ciphers = hello.ciphers.filter { !CipherSuite.isGrease($0) }
        let extensions = hello.extensions.filter { !CipherSuite.isGrease($0) }
        func two(_ count: Int) -> String { count < 10 ? "0\(count)" : "\(min(count, 99))" }
        let version =
            switch hello.offeredVersions.first ?? 0 {
            case 0x0304: "13"
            case 0x0303: "12"
            case 0x0302: "11"
            case 0x0301: "10"
            case 0x0300: "s3"
            case 0x0002: "s2"
            default: "00"
            }
        let head =
            "t\(version)\(hello.serverName == nil && !extensions.contains(TLSExtension.serverName) ? "i" : "d")"
            + two(ciphers.count) + two(extensions.count) + ends(hello.applicationProtocols.first ?? [])
        let sorted = extensions.filter { $0 != TLSExtension.serverName && $0 != TLSExtension.applicationProtocols }
            .sorted()
        let algorithms = hello.signatureAlgorithms.filter { !CipherSuite.isGrease($0) }
        let second = hex(sorted) + (algorithms.isEmpty ? "" : "_" + hex(algorithms))
        return head + "_" + mark(hex(ciphers.sorted()), ciphers.isEmpty) + "_" + mark(second, extensions.isEmpty)
    }

    /// The first and last character of the first application protocol; of one that is no text, of its hexadecimal form.
    private static func ends(_ name: [UInt8]) -> String {
        guard let first = name.first, let last = name.last else { return "00" }
        func isAlphanumeric(_ octet: UInt8) -> Bool {
            (48...57).contains(octet) || (65...90).contains(octet) || (97...122).contains(octet)
        }
        if isAlphanumeric(first), isAlphanumeric(last) { return String(decoding: [first, last], as: UTF8.self) }
        return String(hex([first]).prefix(1) + hex([last]).suffix(1))
    }

    private static func mark(_ text: String, _ isEmpty: Bool) -> String {
        isEmpty ? "000000000000" : String(hex(SHA256.hash(data: Array(text.utf8))).prefix(12))
    }
}
