// What the TLS of a session shows to who looks on: versions, ciphers, certificates, alerts.

import MailDialogue
import MailRecording

extension AuditBook {
    /// Microseconds of two weeks.
    private static let soon: Int64 = 14 * 86_400 * 1_000_000

    /// Judges one leg of a session.
    mutating func judge(_ leg: TLSLeg, about host: String, _ session: SessionAudit) {
        if let failure = leg.failure {
            // Told already where TLS was agreed upon and did not come, with what is to be done about that.
            if !session.hasToldVainTLS {
                add(.handshakeFailed, session.evidence(Shorten.line(failure)), about: host)
            }
        } else if let alert = leg.observation?.alert, alert.isFatal, alert.name != "close_notify" {
            let side = alert.side == .client ? "client" : "server"
            add(.handshakeFailed, session.evidence("\(alert.name), said the \(side)"), about: host)
        }
        if let distrust = leg.distrust { add(.untrusted, session.evidence(Shorten.line(distrust)), about: host) }
        judge(version: leg.version, cipher: leg.cipher, about: host, session)
        if let seen = leg.observation { judge(seen, about: host, session) }
    }

    /// Judges what a handshake agreed upon.
    /// - Parameters:
    ///   - version: as OpenSSL spells it: `TLSv1.2`.
    ///   - cipher: as OpenSSL or IANA spell it.
    private mutating func judge(version: String, cipher: String, about host: String, _ session: SessionAudit) {
        if ["SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"].contains(version) {
            add(.oldVersion, session.evidence(version), about: host)
        }
        let name = String(cipher.uppercased().map { $0 == "_" ? "-" : $0 })
        let parts = Set(name.split(separator: "-"))
        let weak: Set<Substring> = [
            "RC4", "DES", "DES40", "3DES", "NULL", "EXPORT", "EXP", "MD5", "ANON", "ADH", "AECDH", "CBC3", "RC2",
        ]
        if !parts.isDisjoint(with: weak) {
            add(.weakCipher, session.evidence(cipher), about: host)
        } else if !cipher.isEmpty, version != "TLSv1.3", parts.isDisjoint(with: ["DHE", "ECDHE", "EDH"]) {
            add(.noForwardSecrecy, session.evidence(cipher), about: host)
        }
    }

    private mutating func judge(_ seen: TLSObservation, about host: String, _ session: SessionAudit) {
        if let oldest = seen.offeredVersions.min(), oldest < .tls12 {
            add(.oldVersionOffered, session.evidence("\(oldest)"), about: session.client.host)
        }
        // Without its hello nobody knows what the client asked for.
        if !seen.offeredCiphers.isEmpty, seen.serverName == nil {
            add(.noServerName, session.evidence(""), about: session.client.host)
        }
        guard let certificate = seen.certificates.first else { return }
        judge(certificate, seen.serverName, about: host, session)
    }

    private mutating func judge(
        _ certificate: TLSCertificate, _ wanted: String?, about host: String, _ session: SessionAudit
    ) {
        let name = Shorten.line(certificate.subject)
        if certificate.notAfter != 0, session.info.start > certificate.notAfter {
            add(.expired, session.evidence("\(name), until \(Timestamp.rfc3339(certificate.notAfter))"), about: host)
        } else if session.info.start < certificate.notBefore {
            add(.expired, session.evidence("\(name), from \(Timestamp.rfc3339(certificate.notBefore))"), about: host)
        } else if certificate.notAfter != 0, certificate.notAfter - session.info.start < Self.soon {
            add(.expiring, session.evidence("\(name), until \(Timestamp.rfc3339(certificate.notAfter))"), about: host)
        }
        if certificate.isSelfIssued { add(.selfSigned, session.evidence(name), about: host) }
        if let wanted, !Self.fits(wanted, certificate) {
            add(.wrongName, session.evidence("\(Shorten.line(wanted)) wanted, \(name) shown"), about: host)
        }
        if certificate.keyType == "RSA", certificate.keyBits > 0, certificate.keyBits < 2_048 {
            add(.weakKey, session.evidence("RSA with \(certificate.keyBits) bits"), about: host)
        }
        let signature = certificate.signature.lowercased()
        if signature.hasPrefix("md5") || signature.hasPrefix("sha1") || signature.hasPrefix("md2") {
            add(.weakSignature, session.evidence(certificate.signature), about: host)
        }
    }

    /// The certificate is for the name (RFC 7817 §3; RFC 9525 §6.3: a star stands for one label, the leftmost).
    static func fits(_ wanted: String, _ certificate: TLSCertificate) -> Bool {
        let wanted = wanted.lowercased()
        var names = certificate.names.map { $0.lowercased() }
        if names.isEmpty {
            names = certificate.subject.split(separator: ",").compactMap { part in
                let part = part.drop { $0 == " " }
                return part.hasPrefix("CN=") ? part.dropFirst(3).lowercased() : nil
            }
        }
        return names.contains { name in
            guard name.hasPrefix("*.") else { return name == wanted }
            let rest = wanted.drop { $0 != "." }
            return !rest.isEmpty && rest.count < wanted.count && rest.dropFirst() == name.dropFirst(2)
        }
    }
}
