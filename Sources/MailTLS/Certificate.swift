// Certificates (RFC 5280): read, shown, and asked for what they vouch for.

import COpenSSL

/// A name that a certificate vouches for (RFC 5280 §4.2.1.6).
package enum CertificateName: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// A DNS name, perhaps with a wildcard as its first label, in lower case and without a dot at its end.
    case dns(String)
    /// An address: 4 or 16 octets.
    case address([UInt8])

    /// A host as people write it; nil when a certificate can't name it.
    package init?(_ host: String) {
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        if let octets = Self.octets(ofAddress: bare) {
            self = .address(octets)
            return
        }
        let name = (host.hasSuffix(".") ? String(host.dropLast()) : host).lowercased()
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isGood = labels.enumerated().allSatisfy { place, label in
            // A wildcard stands for a whole label, the first, and not for all names (RFC 9525 §6.3).
            if label == "*" { return place == 0 && labels.count > 2 }
            return !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy {
                    (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95
                }
        }
        guard isGood, name.utf8.count <= 253 else { return nil }
        self = .dns(name)
    }

    private static func octets(ofAddress text: String) -> [UInt8]? {
        guard let value = a2i_IPADDRESS(text) else { return nil }
        defer { ASN1_OCTET_STRING_free(value) }
        return [UInt8](UnsafeRawBufferPointer(start: value.pointee.data, count: Int(value.pointee.length)))
    }

    package var description: String {
        switch self {
        case .dns(let name): name
        case .address(let octets):
            octets.count == 4
                ? octets.map { "\($0)" }.joined(separator: ".")
                : stride(from: 0, to: octets.count - 1, by: 2).map {
                    String(Int(octets[$0]) << 8 | Int(octets[$0 + 1]), radix: 16)
                }.joined(separator: ":")
        }
    }
}

/// An X.509 certificate.
///
/// Unchecked: OpenSSL counts references to certificates with atomic operations, and nothing changes one that was made.
package final class Certificate: @unchecked Sendable {
    let handle: OpaquePointer

    /// Takes over a reference.
    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { X509_free(handle) }

    /// All certificates of a PEM file, in its order: for a chain the leaf first.
    /// - Parameter name: how errors call it.
    package static func read(pem: [UInt8], name: String) throws(TLSFailure) -> [Certificate] {
        let bio = pem.withUnsafeBytes { BIO_new_mem_buf($0.baseAddress, Int32(clamping: $0.count)) }
        defer { BIO_free(bio) }
        var found: [Certificate] = []
        while let handle = PEM_read_bio_X509(bio, nil, nil, nil) { found.append(Certificate(handle)) }
        let code = ERR_peek_last_error()
        // The end of the file is no fault: no further block begins.
        let isEnd = code == 0 || ERR_GET_REASON(code) == PEM_R_NO_START_LINE
        // A sequence of ASN.1: what a certificate is without PEM around it.
        guard pem.first != 0x30 else {
            ERR_clear_error()
            throw TLSFailure(
                name, "is in DER, not in PEM",
                advice: "write it so: 'openssl x509 -inform DER -in \(name) -out NEW.pem'")
        }
        guard isEnd, !found.isEmpty else {
            throw .openSSL(
                name, found.isEmpty ? "holds no certificate" : "holds a certificate that can't be read",
                advice: "give a PEM file with CERTIFICATE blocks, that of the server first")
        }
        ERR_clear_error()
        return found
    }

    package var pem: [UInt8] {
        get throws(TLSFailure) { try Memory.write(about: "certificate") { PEM_write_bio_X509($0, self.handle) } }
    }

    package var der: [UInt8] {
        get throws(TLSFailure) { try Memory.write(about: "certificate") { i2d_X509_bio($0, self.handle) } }
    }

    /// The subject as RFC 4514 writes it.
    package var subject: String { Self.text(X509_get_subject_name(handle)) }
    package var issuer: String { Self.text(X509_get_issuer_name(handle)) }

    private static func text(_ name: OpaquePointer?) -> String {
        guard let name else { return "" }
        let octets = try? Memory.write(about: "name") { mp_write_name($0, name) }
        return String(decoding: octets ?? [], as: UTF8.self)
    }

    /// When it begins and ends to be valid, in seconds since 1970.
    package var notBefore: Int64 { Self.seconds(X509_get0_notBefore(handle)) }
    package var notAfter: Int64 { Self.seconds(X509_get0_notAfter(handle)) }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard let epoch = ASN1_TIME_set(nil, 0) else { return 0 }
        defer { ASN1_TIME_free(epoch) }
        guard let time, ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return 0 }
        return Int64(days) * 86_400 + Int64(seconds)
    }

    /// The serial number in hexadecimal.
    package var serial: String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(handle), nil) else { return "" }
        defer { BN_free(number) }
        guard let text = BN_bn2hex(number) else { return "" }
        defer { CRYPTO_free(text, nil, 0) }
        return String(cString: text).lowercased()
    }

    /// The SHA-256 digest of the certificate.
    package var fingerprint: [UInt8] { digest { X509_digest(handle, EVP_sha256(), $0, $1) } }

    /// The SHA-256 digest of its public key with its algorithm: what is pinned (RFC 7469 §2.4).
    package var keyPin: [UInt8] {
        guard let key = X509_get_X509_PUBKEY(handle),
            let octets = try? Memory.write(about: "public key", { i2d_X509_PUBKEY_bio($0, key) })
        else { return [] }
        return digest { EVP_Digest(octets, octets.count, $0, $1, EVP_sha256(), nil) }
    }

    private func digest(_ body: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt32>) -> Int32) -> [UInt8] {
        var octets = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard body(&octets, &count) == 1 else { return [] }
        return Array(octets.prefix(Int(count)))
    }

    /// The names of its `subjectAltName`.
    package var names: [CertificateName] {
        guard let list = X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(list)
        defer { mp_free_names(names) }
        return (0..<mp_count_names(names)).compactMap { index in
            var kind: Int32 = 0
            var count: Int32 = 0
            guard let octets = mp_name(names, index, &kind, &count) else { return nil }
            let value = UnsafeBufferPointer(start: octets, count: Int(count))
            return kind == GEN_IPADD
                ? .address(Array(value)) : .dns(String(decoding: value, as: UTF8.self).lowercased())
        }
    }

    /// It may sign others (RFC 5280 §4.2.1.9).
    package var isAuthority: Bool { X509_check_ca(handle) == 1 }

    /// It is for the host, by one of its names (RFC 9525 §6.3): a wildcard stands for one whole label.
    package func isFor(_ host: String) -> Bool {
        defer { ERR_clear_error() }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        return X509_check_host(handle, name, name.utf8.count, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS), nil) == 1
    }

    /// The private key is the one of its public key.
    package func fits(_ key: PrivateKey) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(handle, key.handle) == 1
    }

    /// It was signed by the key of `authority`.
    package func isSigned(by authority: Certificate) -> Bool {
        defer { ERR_clear_error() }
        return X509_verify(handle, X509_get0_pubkey(authority.handle)) == 1
    }
}
