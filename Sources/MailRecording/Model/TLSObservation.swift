// What the TLS of a connection shows to who only looks on: what was offered and chosen, certificates, fingerprints, the alert that
// ended it. Values for audits; a recording keeps them in its comments.

import MailDialogue

/// A version of the protocol, as its two octets have it.
package struct SeenTLSVersion: Equatable, Hashable, Sendable, Comparable, CustomStringConvertible {
    package var code: UInt16

    package init(_ code: UInt16) { self.code = code }

    package static let tls10 = SeenTLSVersion(0x0301)
    package static let tls11 = SeenTLSVersion(0x0302)
    package static let tls12 = SeenTLSVersion(0x0303)
    package static let tls13 = SeenTLSVersion(0x0304)

    package static func < (a: SeenTLSVersion, b: SeenTLSVersion) -> Bool { a.code < b.code }

    /// The name by which OpenSSL knows it: `TLSv1.2`.
    package var description: String {
        switch code {
        case 0x0002: "SSLv2"
        case 0x0300: "SSLv3"
        case 0x0301: "TLSv1"
        case 0x0302: "TLSv1.1"
        case 0x0303: "TLSv1.2"
        case 0x0304: "TLSv1.3"
        default: "0x" + hex(code)
        }
    }

    init?(_ text: String) {
        let known = [0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304].map { SeenTLSVersion($0) }
        if let found = known.first(where: { $0.description == text }) {
            self = found
        } else {
            guard text.hasPrefix("0x"), let code = UInt16(text.dropFirst(2), radix: 16) else { return nil }
            self.init(code)
        }
    }
}

/// Four hexadecimal digits.
private func hex(_ code: UInt16) -> String {
    let digits = String(code, radix: 16)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
}

/// A certificate as it was sent (RFC 5280 §4.1).
package struct TLSCertificate: Equatable, Sendable {
    /// Distinguished names as text (RFC 4514, in the order of the certificate): `CN=mx.example.com, O=Example`.
    package var subject = ""
    package var issuer = ""
    /// DNS names and addresses of the subject (RFC 5280 §4.2.1.6).
    package var names: [String] = []
    /// Microseconds since 1970.
    package var notBefore: Int64 = 0
    package var notAfter: Int64 = 0
    /// `RSA`, `EC P-256`, `Ed25519`; an object identifier when it is none that is known.
    package var keyType = ""
    /// Bits of the key: of the modulus, of the curve. 0 when not known.
    package var keyBits = 0
    /// `sha256WithRSAEncryption`, or an object identifier.
    package var signature = ""
    /// Subject and issuer are the same: nobody else vouches for it, unless that is a root.
    package var isSelfIssued = false
    /// SHA-256 of the certificate, in hex.
    package var sha256 = ""

    package init() {}

    func write(_ json: inout JSONWriter) {
        json.object { json in
            json.member("subject", subject)
            json.member("issuer", issuer)
            json.member("names", names)
            json.member("not_before", notBefore)
            json.member("not_after", notAfter)
            json.member("key", keyType)
            json.member("bits", keyBits)
            json.member("signature", signature)
            if isSelfIssued { json.member("self_issued", true) }
            json.member("sha256", sha256)
        }
    }

    init(_ json: JSONValue) {
        subject = json["subject"]?.string ?? ""
        issuer = json["issuer"]?.string ?? ""
        names = json["names"]?.strings ?? []
        notBefore = json["not_before"]?.integer ?? 0
        notAfter = json["not_after"]?.integer ?? 0
        keyType = json["key"]?.string ?? ""
        keyBits = Int(clamping: json["bits"]?.integer ?? 0)
        signature = json["signature"]?.string ?? ""
        isSelfIssued = json["self_issued"]?.bool ?? false
        sha256 = json["sha256"]?.string ?? ""
    }
}

/// What was seen of the TLS of one connection.
package struct TLSObservation: Equatable, Sendable {
    /// An alert that could be read (RFC 8446 §6).
    package struct Alert: Equatable, Sendable {
        package var side: Side
        package var isFatal: Bool
        package var code: UInt8
        /// `unknown_ca`, or a number.
        package var name: String

        package init(side: Side, isFatal: Bool, code: UInt8, name: String) {
            self.side = side
            self.isFatal = isFatal
            self.code = code
            self.name = name
        }
    }

    package var how: TLSLeg.How
    /// Versions that the client offers, the best first. Nothing where its ClientHello was not seen.
    package var offeredVersions: [SeenTLSVersion] = []
    /// Suites that the client offers, by the names of IANA, in its order, without GREASE (RFC 8701).
    package var offeredCiphers: [String] = []
    /// What the server chose; nil where its ServerHello was not seen.
    package var version: SeenTLSVersion?
    package var cipher: String?
    package var serverName: String?
    /// Application protocols (RFC 7301) that the client offers, and the one that the server chose, where that could be read.
    package var offeredProtocols: [String] = []
    package var chosenProtocol: String?
    /// Of the server, its own first. In TLS 1.3 they are encrypted, and seen with the keys only.
    package var certificates: [TLSCertificate] = []
    /// Of the client, when it showed some.
    package var clientCertificates: [TLSCertificate] = []
    /// The fingerprints JA3 and JA3S (MD5, in hex) and JA4 of the hellos.
    package var ja3: String?
    package var ja3s: String?
    package var ja4: String?
    /// An earlier session was taken up: no certificate was sent.
    package var isResumed = false
    /// Its octets could be read with a key.
    package var isDecrypted = false
    /// The last alert that was read, `close_notify` too.
    package var alert: Alert?
    /// The connection was joined after its TLS had begun.
    package var isMidstream = false

    package init(how: TLSLeg.How) { self.how = how }

    /// As the member `name` of an object.
    package func write(_ name: String, _ json: inout JSONWriter) {
        json.object(name) { json in
            json.member("versions", offeredVersions.map(\.description))
            json.member("ciphers", offeredCiphers)
            if !offeredProtocols.isEmpty { json.member("alpn_offered", offeredProtocols) }
            if let chosenProtocol { json.member("alpn", chosenProtocol) }
            if let ja3 { json.member("ja3", ja3) }
            if let ja3s { json.member("ja3s", ja3s) }
            if let ja4 { json.member("ja4", ja4) }
            if isResumed { json.member("resumed", true) }
            if isDecrypted { json.member("decrypted", true) }
            if isMidstream { json.member("midstream", true) }
            if !certificates.isEmpty {
                json.array("certificates") { json in for one in certificates { one.write(&json) } }
            }
            if !clientCertificates.isEmpty {
                json.array("client_certificates") { json in for one in clientCertificates { one.write(&json) } }
            }
            if let alert {
                json.object("alert") { json in
                    json.member("side", RecordComment.name(alert.side))
                    json.member("fatal", alert.isFatal)
                    json.member("code", Int(alert.code))
                    json.member("name", alert.name)
                }
            }
        }
    }

    /// Reads what was written into a leg.
    init?(_ json: JSONValue?, of leg: TLSLeg) {
        guard let json else { return nil }
        self.init(how: leg.how)
        version = SeenTLSVersion(leg.version)
        cipher = leg.cipher.isEmpty ? nil : leg.cipher
        serverName = leg.serverName
        offeredVersions = (json["versions"]?.strings ?? []).compactMap { SeenTLSVersion($0) }
        offeredCiphers = json["ciphers"]?.strings ?? []
        offeredProtocols = json["alpn_offered"]?.strings ?? []
        chosenProtocol = json["alpn"]?.string
        ja3 = json["ja3"]?.string
        ja3s = json["ja3s"]?.string
        ja4 = json["ja4"]?.string
        isResumed = json["resumed"]?.bool ?? false
        isDecrypted = json["decrypted"]?.bool ?? false
        isMidstream = json["midstream"]?.bool ?? false
        certificates = (json["certificates"]?.array ?? []).map { TLSCertificate($0) }
        clientCertificates = (json["client_certificates"]?.array ?? []).map { TLSCertificate($0) }
        if let told = json["alert"],
            let side = Side.allCases.first(where: { told["side"]?.string == RecordComment.name($0) }),
            let code = told["code"]?.integer.flatMap({ UInt8(exactly: $0) })
        {
            alert = Alert(
                side: side, isFatal: told["fatal"]?.bool ?? false, code: code, name: told["name"]?.string ?? "")
        }
    }
}
