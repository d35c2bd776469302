// Certificates as they are sent (RFC 5280 §4.1), read for who vouches for whom, until when, with what key. A reader of DER (ITU-T
// X.690) of its own and no more of it than that takes: nothing is verified, so no library has to be trusted with the octets of others.

import Crypto
import MailRecording

/// Values of DER, one after the other.
struct DERReader {
    var rest: ArraySlice<UInt8>

    init(_ rest: ArraySlice<UInt8>) { self.rest = rest }

    /// The next value: its tag and content; nil when there is none, or it can't be read.
    mutating func next() -> (tag: UInt8, content: ArraySlice<UInt8>)? {
        guard rest.count >= 2 else { return nil }
        let start = rest.startIndex
        let tag = rest[start]
        var length = Int(rest[start + 1])
        var head = 2
        if length >= 0x80 {
            let width = length & 0x7F
            // Nothing in a certificate takes more than three octets to say its length.
            guard (1...3).contains(width), rest.count >= 2 + width else { return nil }
            length = rest[(start + 2)..<(start + 2 + width)].reduce(0) { $0 << 8 | Int($1) }
            head += width
        }
        // No tag of a certificate has more than five bits.
        guard tag & 0x1F != 0x1F, rest.count - head >= length else { return nil }
        defer { rest = rest.dropFirst(head + length) }
        return (tag, rest[(start + head)..<(start + head + length)])
    }

    /// The next value when it has this tag; what has another stays.
    mutating func take(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard rest.first == tag else { return nil }
        return next()?.content
    }
}

/// Reads certificates.
enum CertificateReader {
    private enum Tag {
        static let integer: UInt8 = 2
        static let bits: UInt8 = 3
        static let octets: UInt8 = 4
        static let identifier: UInt8 = 6
        static let time: UInt8 = 0x17
        static let longTime: UInt8 = 0x18
        static let sequence: UInt8 = 0x30
        static let set: UInt8 = 0x31
    }

    /// Certificates of a chain, and names in one, at most.
    private static let mostCertificates = 16
    private static let mostNames = 256

    /// The certificates of a Certificate message: of TLS 1.2 (RFC 5246 §7.4.2), or of TLS 1.3 (RFC 8446 §4.4.2).
    static func chain(_ body: ArraySlice<UInt8>, isTLS13: Bool) -> [TLSCertificate] {
        var fields = TLSFields(body)
        if isTLS13, fields.vector(1) == nil { return [] }
        guard let list = fields.vector(3) else { return [] }
        var items = TLSFields(list)
        var found: [TLSCertificate] = []
        while found.count < mostCertificates, let der = items.vector(3) {
            if isTLS13, items.vector(2) == nil { break }
            found.append(read(der))
        }
        return found
    }

    /// What can be read of it; its digest always.
    static func read(_ der: ArraySlice<UInt8>) -> TLSCertificate {
        var certificate = TLSCertificate()
        certificate.sha256 = SHA256.hash(data: Array(der)).map { octet in
            String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
        }.joined()
        fill(&certificate, der)
        return certificate
    }

    private static func fill(_ certificate: inout TLSCertificate, _ der: ArraySlice<UInt8>) {
        var outer = DERReader(der)
        guard let whole = outer.take(Tag.sequence) else { return }
        var parts = DERReader(whole)
        guard let body = parts.take(Tag.sequence) else { return }
        var fields = DERReader(body)
        // version, serialNumber.
        _ = fields.take(0xA0)
        guard fields.take(Tag.integer) != nil, let algorithm = fields.take(Tag.sequence) else { return }
        var algorithms = DERReader(algorithm)
        if let identifier = algorithms.take(Tag.identifier) { certificate.signature = name(of: identifier) }
        guard let issuer = fields.take(Tag.sequence), let validity = fields.take(Tag.sequence),
            let subject = fields.take(Tag.sequence), let key = fields.take(Tag.sequence)
        else { return }
        certificate.issuer = distinguishedName(issuer)
        certificate.subject = distinguishedName(subject)
        certificate.isSelfIssued = issuer.elementsEqual(subject)
        var times = DERReader(validity)
        certificate.notBefore = times.next().flatMap { time($0.tag, $0.content) } ?? 0
        certificate.notAfter = times.next().flatMap { time($0.tag, $0.content) } ?? 0
        (certificate.keyType, certificate.keyBits) = publicKey(key)
        while let (tag, content) = fields.next() {
            guard tag == 0xA3 else { continue }
            var list = DERReader(content)
            certificate.names = names(list.take(Tag.sequence) ?? [])
        }
    }

    /// subjectAltName among the extensions (RFC 5280 §4.2.1.6).
    private static func names(_ extensions: ArraySlice<UInt8>) -> [String] {
        var list = DERReader(extensions)
        while let item = list.take(Tag.sequence) {
            var parts = DERReader(item)
            guard let identifier = parts.take(Tag.identifier), dotted(identifier) == "2.5.29.17" else { continue }
            _ = parts.take(1)
            var value = DERReader(parts.take(Tag.octets) ?? [])
            var general = DERReader(value.take(Tag.sequence) ?? [])
            var found: [String] = []
            while found.count < mostNames, let (tag, content) = general.next() {
                switch tag {
                // rfc822Name and dNSName are text of ASCII.
                case 0x81, 0x82: found.append(String(decoding: content.prefix(253), as: UTF8.self))
                case 0x87 where content.count == 4 || content.count == 16: found.append(address(content).description)
                default: continue
                }
            }
            return found
        }
        return []
    }

    private static func address(_ octets: ArraySlice<UInt8>) -> IPAddress {
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        return octets.count == 4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: number(octets)))
            : IPAddress(high: number(octets.prefix(8)), low: number(octets.dropFirst(8)))
    }

    // MARK: Names

    private static func distinguishedName(_ sequence: ArraySlice<UInt8>) -> String {
        var list = DERReader(sequence)
        var parts: [String] = []
        while parts.count < 32, let set = list.take(Tag.set) {
            var members = DERReader(set)
            while let pair = members.take(Tag.sequence) {
                var words = DERReader(pair)
                guard let identifier = words.take(Tag.identifier), let (tag, value) = words.next() else { continue }
                parts.append("\(name(of: identifier))=\(text(tag, value.prefix(512)))")
            }
        }
        return parts.joined(separator: ", ")
    }

    /// A string of any of the kinds of X.520; commas and line ends in it are marked, so that it stays one value.
    private static func text(_ tag: UInt8, _ value: ArraySlice<UInt8>) -> String {
        // BMPString has two octets for each letter.
        let plain =
            tag == 0x1E
            ? String(decoding: TLSFields.codes(value), as: UTF16.self) : String(decoding: value, as: UTF8.self)
        var out = ""
        for scalar in plain.unicodeScalars {
            if scalar == "," || scalar == "\\" { out += "\\" }
            out.unicodeScalars.append(scalar.value < 32 || scalar.value == 127 ? "\u{FFFD}" : scalar)
        }
        return out
    }

    /// Numbers of an object identifier (X.690 §8.19).
    private static func dotted(_ octets: ArraySlice<UInt8>) -> String {
        var numbers: [UInt64] = []
        var value: UInt64 = 0
        for octet in octets.prefix(64) {
            value = value << 7 | UInt64(octet & 0x7F)
            guard octet & 0x80 == 0 else { continue }
            if numbers.isEmpty {
                let first = min(value / 40, 2)
                numbers = [first, value - first * 40]
            } else {
                numbers.append(value)
            }
            value = 0
        }
        return numbers.map { String($0) }.joined(separator: ".")
    }

    private static func name(of identifier: ArraySlice<UInt8>) -> String {
        let text = dotted(identifier)
        return known[text] ?? text
    }

    /// Attributes (RFC 4514 §3, RFC 4519), signatures and keys (RFC 8017 A.2.4, RFC 5758, RFC 5480 §2.1.1, RFC 8410 §3).
    private static let known: [String: String] = [
        "2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O",
        "2.5.4.11": "OU", "2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
        "1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.10": "RSASSA-PSS",
        "1.2.840.113549.1.1.2": "md2WithRSAEncryption", "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5": "sha1WithRSAEncryption", "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12": "sha384WithRSAEncryption", "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14": "sha224WithRSAEncryption", "1.2.840.10045.4.1": "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2": "ecdsa-with-SHA256", "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4": "ecdsa-with-SHA512", "1.2.840.10040.4.1": "DSA", "1.2.840.10040.4.3": "dsa-with-sha1",
        "1.2.840.10045.2.1": "EC", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
        "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521", "1.3.132.0.10": "secp256k1",
        "1.2.840.10045.3.1.1": "P-192", "1.3.132.0.33": "P-224",
    ]

    private static func publicKey(_ info: ArraySlice<UInt8>) -> (String, Int) {
        var fields = DERReader(info)
        guard let algorithm = fields.take(Tag.sequence) else { return ("", 0) }
        var words = DERReader(algorithm)
        guard let identifier = words.take(Tag.identifier) else { return ("", 0) }
        let type = name(of: identifier)
        // The first octet of a bit string says how many bits of its last are none.
        let key = fields.take(Tag.bits)?.dropFirst() ?? []
        switch type {
        case "RSA", "RSASSA-PSS":
            var value = DERReader(key)
            var numbers = DERReader(value.take(Tag.sequence) ?? [])
            let modulus = (numbers.take(Tag.integer) ?? []).drop { $0 == 0 }
            guard let first = modulus.first else { return (type, 0) }
            return (type, modulus.count * 8 - first.leadingZeroBitCount)
        case "EC":
            let curve = words.take(Tag.identifier).map { name(of: $0) } ?? ""
            let bits = ["P-192": 192, "P-224": 224, "P-256": 256, "P-384": 384, "P-521": 521, "secp256k1": 256]
            return (curve.isEmpty ? "EC" : "EC \(curve)", bits[curve] ?? 0)
        case "Ed25519": return (type, 256)
        case "Ed448": return (type, 456)
        default:
            // Of DSA the prime among the parameters counts.
            var parameters = DERReader(words.take(Tag.sequence) ?? [])
            let prime = (parameters.take(Tag.integer) ?? []).drop { $0 == 0 }
            return (type, type == "DSA" ? prime.count * 8 : 0)
        }
    }

    // MARK: Times

    /// UTCTime and GeneralizedTime as RFC 5280 §4.1.2.5 has them: to the second, in UTC.
    private static func time(_ tag: UInt8, _ content: ArraySlice<UInt8>) -> Int64? {
        var digits = Array(content)
        guard digits.popLast() == UInt8(ascii: "Z"), digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        func number(_ from: Int, _ count: Int) -> Int {
            digits[from..<(from + count)].reduce(0) { $0 * 10 + Int($1 - 48) }
        }
        let year: Int
        switch (tag, digits.count) {
        case (Tag.time, 12):
            let short = number(0, 2)
            year = short < 50 ? 2000 + short : 1900 + short
        case (Tag.longTime, 14): year = number(0, 4)
        default: return nil
        }
        let rest = digits.count - 10
        let (month, day) = (number(rest, 2), number(rest + 2, 2))
        let (hour, minute, second) = (number(rest + 4, 2), number(rest + 6, 2), number(rest + 8, 2))
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61 else { return nil }
        return (days(year, month, day) * 86_400 + Int64(hour * 3_600 + minute * 60 + second)) * 1_000_000
    }

    /// Days since 1970 of a date of the Gregorian calendar; the year is counted from March, so that the leap day is its last.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let fromMarch = (month + 9) % 12
        let dayOfYear = (153 * fromMarch + 2) / 5 + day - 1
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        return Int64(shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468)
    }
}
