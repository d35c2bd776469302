// A secret beside the packet whose octets are its mask: sealed to a public key (RFC 9180), so that who records can't read it back.

import MailDialogue
import MailMessage

/// What stands in the comment of a packet whose payload begins with masked octets.
package struct SealedSecret: Equatable, Sendable {
    /// Octets that are sealed at once: fewer than a packet holds.
    package static let longest = 32_768

    package var session: String
    package var leg: Leg
    package var side: Side
    /// The octets, from the first of the packet's payload on, that the secret is restored to.
    package var octets: Int
    /// The first 8 octets of the SHA-256 of the public key, in hex: tells which key opens it.
    package var key: String
    /// The encapsulated key.
    package var encapsulated: [UInt8]
    /// The octets as they were, encrypted and authenticated.
    package var box: [UInt8]

    package init(
        session: String, leg: Leg, side: Side, octets: Int, key: String, encapsulated: [UInt8], box: [UInt8]
    ) {
        self.session = session
        self.leg = leg
        self.side = side
        self.octets = octets
        self.key = key
        self.encapsulated = encapsulated
        self.box = box
    }

    /// What is authenticated with the octets: a box that is moved to another session, leg, side or length does not open.
    package var associated: [UInt8] { Self.associated(session, leg, side, octets) }

    package static func associated(_ session: String, _ leg: Leg, _ side: Side, _ octets: Int) -> [UInt8] {
        Array("\(session) \(leg == .client ? "client" : "server") \(RecordComment.name(side)) \(octets)".utf8)
    }

    func write(_ json: inout JSONWriter) {
        json.member("session", session)
        json.member("side", RecordComment.name(side))
        switch leg {
        case .client: break
        case .server: json.member("leg", "server")
        }
        json.object("sealed") { json in
            json.member("octets", octets)
            json.member("key", key)
            json.member("enc", Base64.encode(encapsulated)[...].text)
            json.member("box", Base64.encode(box)[...].text)
        }
    }

    init?(_ session: String, _ json: JSONValue) {
        guard let sealed = json["sealed"], let octets = sealed["octets"]?.integer, let key = sealed["key"]?.string,
            let encapsulated = sealed["enc"]?.string.flatMap({ Base64.decode(Array($0.utf8)[...]) }),
            let box = sealed["box"]?.string.flatMap({ Base64.decode(Array($0.utf8)[...]) }),
            let side = Side.allCases.first(where: { json["side"]?.string == RecordComment.name($0) }),
            (1...Int64(Self.longest)).contains(octets)
        else { return nil }
        self.init(
            session: session, leg: json["leg"]?.string == "server" ? .server : .client, side: side, octets: Int(octets),
            key: key, encapsulated: encapsulated, box: box)
    }
}
