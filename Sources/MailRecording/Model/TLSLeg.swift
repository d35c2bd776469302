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

    /// `TLSv1.3`; empty when the handshake failed.
    package var version: String
    /// `TLS_AES_256_GCM_SHA384`; empty when the handshake failed.
    package var cipher: String
    /// The name that the client of the leg asked for (RFC 6066 §3).
    package var serverName: String?
    package var how: How
    /// What is wrong with the certificate of the server of the leg, which was accepted all the same; nil when it is good, or
    /// ours.
    package var distrust: String?
    /// Why the handshake did not come to its end; nil when it did.
    package var failure: String?

    package init(version: String, cipher: String, serverName: String?, how: How, distrust: String? = nil) {
        self.version = version
        self.cipher = cipher
        self.serverName = serverName
        self.how = how
        self.distrust = distrust
    }

    /// A handshake that did not come to its end.
    /// - Parameter serverName: the name that the client asked for, when it came so far.
    package init(failed failure: String, how: How, serverName: String?) {
        self.init(version: "", cipher: "", serverName: serverName, how: how)
        self.failure = failure
    }

    /// Writes it as the member `name` of an object.
    package static func write(_ leg: TLSLeg?, _ name: String, _ json: inout JSONWriter) {
        guard let leg else { return json.member(name, nil as String?) }
        json.object(name) { json in
            json.member("version", leg.failure == nil ? leg.version : nil)
            json.member("cipher", leg.failure == nil ? leg.cipher : nil)
            json.member("sni", leg.serverName)
            json.member("how", leg.how.rawValue)
            if let distrust = leg.distrust { json.member("distrust", distrust) }
            if let failure = leg.failure { json.member("failure", failure) }
        }
    }

    /// Reads what was written. Nil when it is none.
    package init?(_ json: JSONValue?) {
        guard let how = json?["how"]?.string.flatMap(How.init(rawValue:)) else { return nil }
        if let failure = json?["failure"]?.string {
            self.init(failed: failure, how: how, serverName: json?["sni"]?.string)
            return
        }
        guard let version = json?["version"]?.string, let cipher = json?["cipher"]?.string else { return nil }
        self.init(
            version: version, cipher: cipher, serverName: json?["sni"]?.string, how: how,
            distrust: json?["distrust"]?.string)
    }
}
