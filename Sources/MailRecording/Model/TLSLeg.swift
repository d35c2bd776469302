// The TLS of one leg of a session, as recordings keep it beside the plaintext.

/// TLS that the proxy took part in.
package struct TLSLeg: Equatable, Sendable {
    /// When TLS began.
    package enum How: String, Sendable {
        /// With the first octet (RFC 8314 §3).
        case implicit
        /// After STARTTLS or STLS.
        case starttls
    }

    /// `TLSv1.3`.
    package var version: String
    /// `TLS_AES_256_GCM_SHA384`.
    package var cipher: String
    /// The name that the client of the leg asked for (RFC 6066 §3).
    package var serverName: String?
    package var how: How
    /// What is wrong with the certificate of the server of the leg, which was accepted all the same; nil when it is good, or
    /// ours.
    package var distrust: String?

    package init(version: String, cipher: String, serverName: String?, how: How, distrust: String? = nil) {
        self.version = version
        self.cipher = cipher
        self.serverName = serverName
        self.how = how
        self.distrust = distrust
    }

    /// Writes it as the member `name` of an object.
    package static func write(_ leg: TLSLeg?, _ name: String, _ json: inout JSONWriter) {
        guard let leg else { return json.member(name, nil as String?) }
        json.object(name) { json in
            json.member("version", leg.version)
            json.member("cipher", leg.cipher)
            json.member("sni", leg.serverName)
            json.member("how", leg.how.rawValue)
            if let distrust = leg.distrust { json.member("distrust", distrust) }
        }
    }

    /// Reads what was written. Nil when it is none.
    package init?(_ json: JSONValue?) {
        guard let version = json?["version"]?.string, let cipher = json?["cipher"]?.string,
            let how = json?["how"]?.string.flatMap(How.init(rawValue:))
        else { return nil }
        self.init(
            version: version, cipher: cipher, serverName: json?["sni"]?.string, how: how,
            distrust: json?["distrust"]?.string)
    }
}
