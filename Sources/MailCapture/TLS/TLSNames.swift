// Names in TLS: cipher suites as IANA registers them, alerts (RFC 8446 §6.2 and the registry), and how suites protect records.

/// A cipher suite.
struct CipherSuite: Equatable, Sendable {
    var code: UInt16

    /// The name of IANA's registry, without which it is the number: `0xC02F`.
    var name: String {
        if let name = Self.names[code] { return "TLS_" + name }
        let digits = String(code, radix: 16, uppercase: true)
        return "0x" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }

    /// How records are protected, where we can open them.
    enum Protection: Equatable, Sendable {
        /// AES-GCM (RFC 5288).
        case gcm(key: Int)
        /// ChaCha20-Poly1305 (RFC 7905).
        case chacha
        /// AES-CBC with HMAC (RFC 5246 §6.2.3.2).
        case cbc(key: Int, mac: Hash)
    }

    enum Hash: Equatable, Sendable {
        case sha1, sha256, sha384

        /// Octets of a digest.
        var length: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .sha384: 48
            }
        }
    }

    /// Nil for suites that are not opened here.
    var protection: Protection? {
        guard let name = Self.names[code] else { return nil }
        if name.contains("CHACHA20") { return .chacha }
        guard let key = name.contains("AES_128_") ? 16 : name.contains("AES_256_") ? 32 : nil else { return nil }
        if name.contains("_GCM_") { return .gcm(key: key) }
        guard name.contains("_CBC_") else { return nil }
        return .cbc(key: key, mac: name.hasSuffix("_SHA384") ? .sha384 : name.hasSuffix("_SHA256") ? .sha256 : .sha1)
    }

    /// The hash of the key schedule in TLS 1.3, and of the pseudo-random function in TLS 1.2 (RFC 5246 §5, RFC 5289 §3).
    var hash: Hash { Self.names[code]?.hasSuffix("_SHA384") == true ? .sha384 : .sha256 }

    /// Reserved values that clients send so that nobody relies on what they know (RFC 8701 §2).
    static func isGrease(_ code: UInt16) -> Bool { code & 0x0F0F == 0x0A0A && code >> 8 == code & 0xFF }

    private static let names: [UInt16: String] = {
        var names: [UInt16: String] = [:]
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let code = UInt16(words[0], radix: 16) { names[code] = String(words[1]) }
        }
        return names
    }()

    /// Those that are met with mail, without `TLS_`. Suites of PSK, SRP, Kerberos and GOST are not.
    private static let table = """
        0001 RSA_WITH_NULL_MD5
        0002 RSA_WITH_NULL_SHA
        0003 RSA_EXPORT_WITH_RC4_40_MD5
        0004 RSA_WITH_RC4_128_MD5
        0005 RSA_WITH_RC4_128_SHA
        0006 RSA_EXPORT_WITH_RC2_CBC_40_MD5
        0008 RSA_EXPORT_WITH_DES40_CBC_SHA
        0009 RSA_WITH_DES_CBC_SHA
        000a RSA_WITH_3DES_EDE_CBC_SHA
        0011 DHE_DSS_EXPORT_WITH_DES40_CBC_SHA
        0012 DHE_DSS_WITH_DES_CBC_SHA
        0013 DHE_DSS_WITH_3DES_EDE_CBC_SHA
        0014 DHE_RSA_EXPORT_WITH_DES40_CBC_SHA
        0015 DHE_RSA_WITH_DES_CBC_SHA
        0016 DHE_RSA_WITH_3DES_EDE_CBC_SHA
        0017 DH_anon_EXPORT_WITH_RC4_40_MD5
        0018 DH_anon_WITH_RC4_128_MD5
        0019 DH_anon_EXPORT_WITH_DES40_CBC_SHA
        001a DH_anon_WITH_DES_CBC_SHA
        001b DH_anon_WITH_3DES_EDE_CBC_SHA
        002f RSA_WITH_AES_128_CBC_SHA
        0032 DHE_DSS_WITH_AES_128_CBC_SHA
        0033 DHE_RSA_WITH_AES_128_CBC_SHA
        0034 DH_anon_WITH_AES_128_CBC_SHA
        0035 RSA_WITH_AES_256_CBC_SHA
        0038 DHE_DSS_WITH_AES_256_CBC_SHA
        0039 DHE_RSA_WITH_AES_256_CBC_SHA
        003a DH_anon_WITH_AES_256_CBC_SHA
        003b RSA_WITH_NULL_SHA256
        003c RSA_WITH_AES_128_CBC_SHA256
        003d RSA_WITH_AES_256_CBC_SHA256
        0040 DHE_DSS_WITH_AES_128_CBC_SHA256
        0041 RSA_WITH_CAMELLIA_128_CBC_SHA
        0044 DHE_DSS_WITH_CAMELLIA_128_CBC_SHA
        0045 DHE_RSA_WITH_CAMELLIA_128_CBC_SHA
        0046 DH_anon_WITH_CAMELLIA_128_CBC_SHA
        0066 DHE_DSS_WITH_RC4_128_SHA
        0067 DHE_RSA_WITH_AES_128_CBC_SHA256
        006a DHE_DSS_WITH_AES_256_CBC_SHA256
        006b DHE_RSA_WITH_AES_256_CBC_SHA256
        006c DH_anon_WITH_AES_128_CBC_SHA256
        006d DH_anon_WITH_AES_256_CBC_SHA256
        0084 RSA_WITH_CAMELLIA_256_CBC_SHA
        0087 DHE_DSS_WITH_CAMELLIA_256_CBC_SHA
        0088 DHE_RSA_WITH_CAMELLIA_256_CBC_SHA
        0089 DH_anon_WITH_CAMELLIA_256_CBC_SHA
        009c RSA_WITH_AES_128_GCM_SHA256
        009d RSA_WITH_AES_256_GCM_SHA384
        009e DHE_RSA_WITH_AES_128_GCM_SHA256
        009f DHE_RSA_WITH_AES_256_GCM_SHA384
        00a2 DHE_DSS_WITH_AES_128_GCM_SHA256
        00a3 DHE_DSS_WITH_AES_256_GCM_SHA384
        00a6 DH_anon_WITH_AES_128_GCM_SHA256
        00a7 DH_anon_WITH_AES_256_GCM_SHA384
        00ba RSA_WITH_CAMELLIA_128_CBC_SHA256
        00bd DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256
        00be DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256
        00bf DH_anon_WITH_CAMELLIA_128_CBC_SHA256
        00c0 RSA_WITH_CAMELLIA_256_CBC_SHA256
        00c3 DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256
        00c4 DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256
        00c5 DH_anon_WITH_CAMELLIA_256_CBC_SHA256
        00ff EMPTY_RENEGOTIATION_INFO_SCSV
        1301 AES_128_GCM_SHA256
        1302 AES_256_GCM_SHA384
        1303 CHACHA20_POLY1305_SHA256
        1304 AES_128_CCM_SHA256
        1305 AES_128_CCM_8_SHA256
        5600 FALLBACK_SCSV
        c001 ECDH_ECDSA_WITH_NULL_SHA
        c002 ECDH_ECDSA_WITH_RC4_128_SHA
        c003 ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA
        c004 ECDH_ECDSA_WITH_AES_128_CBC_SHA
        c005 ECDH_ECDSA_WITH_AES_256_CBC_SHA
        c006 ECDHE_ECDSA_WITH_NULL_SHA
        c007 ECDHE_ECDSA_WITH_RC4_128_SHA
        c008 ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA
        c009 ECDHE_ECDSA_WITH_AES_128_CBC_SHA
        c00a ECDHE_ECDSA_WITH_AES_256_CBC_SHA
        c00b ECDH_RSA_WITH_NULL_SHA
        c00c ECDH_RSA_WITH_RC4_128_SHA
        c00d ECDH_RSA_WITH_3DES_EDE_CBC_SHA
        c00e ECDH_RSA_WITH_AES_128_CBC_SHA
        c00f ECDH_RSA_WITH_AES_256_CBC_SHA
        c010 ECDHE_RSA_WITH_NULL_SHA
        c011 ECDHE_RSA_WITH_RC4_128_SHA
        c012 ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
        c013 ECDHE_RSA_WITH_AES_128_CBC_SHA
        c014 ECDHE_RSA_WITH_AES_256_CBC_SHA
        c015 ECDH_anon_WITH_NULL_SHA
        c016 ECDH_anon_WITH_RC4_128_SHA
        c017 ECDH_anon_WITH_3DES_EDE_CBC_SHA
        c018 ECDH_anon_WITH_AES_128_CBC_SHA
        c019 ECDH_anon_WITH_AES_256_CBC_SHA
        c023 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
        c024 ECDHE_ECDSA_WITH_AES_256_CBC_SHA384
        c025 ECDH_ECDSA_WITH_AES_128_CBC_SHA256
        c026 ECDH_ECDSA_WITH_AES_256_CBC_SHA384
        c027 ECDHE_RSA_WITH_AES_128_CBC_SHA256
        c028 ECDHE_RSA_WITH_AES_256_CBC_SHA384
        c029 ECDH_RSA_WITH_AES_128_CBC_SHA256
        c02a ECDH_RSA_WITH_AES_256_CBC_SHA384
        c02b ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        c02c ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        c02d ECDH_ECDSA_WITH_AES_128_GCM_SHA256
        c02e ECDH_ECDSA_WITH_AES_256_GCM_SHA384
        c02f ECDHE_RSA_WITH_AES_128_GCM_SHA256
        c030 ECDHE_RSA_WITH_AES_256_GCM_SHA384
        c031 ECDH_RSA_WITH_AES_128_GCM_SHA256
        c032 ECDH_RSA_WITH_AES_256_GCM_SHA384
        c072 ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256
        c073 ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384
        c074 ECDH_ECDSA_WITH_CAMELLIA_128_CBC_SHA256
        c075 ECDH_ECDSA_WITH_CAMELLIA_256_CBC_SHA384
        c076 ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256
        c077 ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384
        c078 ECDH_RSA_WITH_CAMELLIA_128_CBC_SHA256
        c079 ECDH_RSA_WITH_CAMELLIA_256_CBC_SHA384
        c07a RSA_WITH_CAMELLIA_128_GCM_SHA256
        c07b RSA_WITH_CAMELLIA_256_GCM_SHA384
        c07c DHE_RSA_WITH_CAMELLIA_128_GCM_SHA256
        c07d DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384
        c080 DHE_DSS_WITH_CAMELLIA_128_GCM_SHA256
        c081 DHE_DSS_WITH_CAMELLIA_256_GCM_SHA384
        c084 DH_anon_WITH_CAMELLIA_128_GCM_SHA256
        c085 DH_anon_WITH_CAMELLIA_256_GCM_SHA384
        c086 ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256
        c087 ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384
        c088 ECDH_ECDSA_WITH_CAMELLIA_128_GCM_SHA256
        c089 ECDH_ECDSA_WITH_CAMELLIA_256_GCM_SHA384
        c08a ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256
        c08b ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384
        c08c ECDH_RSA_WITH_CAMELLIA_128_GCM_SHA256
        c08d ECDH_RSA_WITH_CAMELLIA_256_GCM_SHA384
        c09c RSA_WITH_AES_128_CCM
        c09d RSA_WITH_AES_256_CCM
        c09e DHE_RSA_WITH_AES_128_CCM
        c09f DHE_RSA_WITH_AES_256_CCM
        c0a0 RSA_WITH_AES_128_CCM_8
        c0a1 RSA_WITH_AES_256_CCM_8
        c0a2 DHE_RSA_WITH_AES_128_CCM_8
        c0a3 DHE_RSA_WITH_AES_256_CCM_8
        c0ac ECDHE_ECDSA_WITH_AES_128_CCM
        c0ad ECDHE_ECDSA_WITH_AES_256_CCM
        c0ae ECDHE_ECDSA_WITH_AES_128_CCM_8
        c0af ECDHE_ECDSA_WITH_AES_256_CCM_8
        cc13 ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        cc14 ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        cc15 DHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        cca8 ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        cca9 ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        ccaa DHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        e410 RSA_WITH_ESTREAM_SALSA20_SHA1
        e411 RSA_WITH_SALSA20_SHA1
        e412 ECDHE_RSA_WITH_ESTREAM_SALSA20_SHA1
        e413 ECDHE_RSA_WITH_SALSA20_SHA1
        e414 ECDHE_ECDSA_WITH_ESTREAM_SALSA20_SHA1
        e415 ECDHE_ECDSA_WITH_SALSA20_SHA1
        e41e DHE_RSA_WITH_ESTREAM_SALSA20_SHA1
        e41f DHE_RSA_WITH_SALSA20_SHA1
        """
}

/// Alerts.
enum TLSAlertName {
    /// The name of RFC 8446 §6, or the number.
    static func of(_ code: UInt8) -> String { names[code] ?? String(code) }

    private static let names: [UInt8: String] = [
        0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
        22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate",
        42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
        46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
        51: "decrypt_error", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
        80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
        109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable",
        112: "unrecognized_name", 113: "bad_certificate_status_response", 114: "bad_certificate_hash_value",
        115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
    ]
}
