// The TLS of one leg of a session, as recordings keep it beside the octets.

/// TLS that the proxy took part in, or that was seen in a capture.
package struct TLSLeg: Equatable, Sendable {
    /// When TLS began.
    package enum How: String, Sendable {
        /// With the first octet (RFC 8314 §3).
        case implicit
        /// After STARTTLS or STLS.
        case starttls
    }

    /// `TLSv1.3`; empty when the handshake failed, or what the server chose was not seen.
    package var version: String
    /// `TLS_AES_256_GCM_SHA384`; empty as the version is.
    package var cipher: String
    /// The name that the client of the leg asked for (RFC 6066 §3).
    package var serverName: String?
    package var how: How
    /// What is wrong with the certificate of the server of the leg, which was accepted all the same; nil when it is good, or
    /// ours.
    package var distrust: String?
    /// Why the handshake did not come to its end; nil when it did.
    package var failure: String?
    /// The octets of the session that came under it are as they were on the wire: nobody had the keys.
    package var isOpaque = false
    /// All octets of the session are so.
    package var isSealedFromStart: Bool { isOpaque && how == .implicit }
    /// The client began TLS and the server answered with something else: neither chose a version, nor did anyone say an alert.
    package var isVain: Bool { failure != nil && version.isEmpty && observation?.alert == nil }
    private var seen: Seen?

    /// Kept in a box: few sessions have one, and all would have to keep room for it.
    private final class Seen: Equatable, Sendable {
        let observation: TLSObservation
        init(_ observation: TLSObservation) { self.observation = observation }
        static func == (a: Seen, b: Seen) -> Bool { a.observation == b.observation }
    }

    /// What was seen of it from outside; nil where we took part in it.
    package var observation: TLSObservation? {
        get { seen?.observation }
        set { seen = newValue.map { Seen($0) } }
    }

    /// What was seen from outside.
    package init(_ observation: TLSObservation) {
        self.init(
            version: observation.version?.description ?? "", cipher: observation.cipher ?? "",
            serverName: observation.serverName, how: observation.how)
        isOpaque = !observation.isDecrypted
        self.observation = observation
    }

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
            json.member("version", leg.version.isEmpty ? nil : leg.version)
            json.member("cipher", leg.cipher.isEmpty ? nil : leg.cipher)
            json.member("sni", leg.serverName)
            json.member("how", leg.how.rawValue)
            if let distrust = leg.distrust { json.member("distrust", distrust) }
            if let failure = leg.failure { json.member("failure", failure) }
            if leg.isOpaque { json.member("opaque", true) }
            leg.observation?.write("seen", &json)
        }
    }

    /// Reads what was written. Nil when it is none.
    package init?(_ json: JSONValue?) {
        guard let how = json?["how"]?.string.flatMap(How.init(rawValue:)) else { return nil }
        if let failure = json?["failure"]?.string {
            self.init(failed: failure, how: how, serverName: json?["sni"]?.string)
            version = json?["version"]?.string ?? ""
            cipher = json?["cipher"]?.string ?? ""
            isOpaque = json?["opaque"]?.bool ?? false
            observation = TLSObservation(json?["seen"], of: self)
            return
        }
        self.init(
            version: json?["version"]?.string ?? "", cipher: json?["cipher"]?.string ?? "",
            serverName: json?["sni"]?.string, how: how, distrust: json?["distrust"]?.string)
        isOpaque = json?["opaque"]?.bool ?? false
        guard isOpaque || !version.isEmpty else { return nil }
        observation = TLSObservation(json?["seen"], of: self)
    }
}
