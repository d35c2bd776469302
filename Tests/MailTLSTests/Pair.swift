// Two TLS connections whose octets go from one to the other.

import Testing

@testable import MailTLS

/// A client and a server, and no wire between them but this.
struct Pair {
    let client: TLSConnection
    let server: TLSConnection
    /// What came out at each side.
    var atClient: [UInt8] = []
    var atServer: [UInt8] = []
    /// How many octets cross at once.
    var piece = Int.max

    init(
        _ authority: CertificateAuthority, client: TLSSettings, server: TLSSettings = TLSSettings(),
        peer: String = "mail.example.com", serverName: String? = nil
    ) throws {
        self.client = try TLSConnection(try TLSContext(client, isServer: false), peer: peer, serverName: serverName)
        self.server = try TLSConnection(try TLSContext(server, isServer: true), peer: "a client")
        self.client.start()
    }

    init(_ client: TLSConnection, _ server: TLSConnection) {
        self.client = client
        self.server = server
        client.start()
    }

    /// Carries octets until none are left.
    mutating func settle() {
        while client.hasOutput || server.hasOutput {
            Self.carry(client, server, piece, &atServer)
            Self.carry(server, client, piece, &atClient)
        }
    }

    private static func carry(_ from: TLSConnection, _ to: TLSConnection, _ piece: Int, _ out: inout [UInt8]) {
        var room = [UInt8](repeating: 0, count: 4_096)
        var rest = from.takeOutput()[...]
        while !rest.isEmpty {
            let part = rest.prefix(piece)
            rest = rest.dropFirst(part.count)
            let wasOpen = to.state == .open
            part.withUnsafeBytes { octets in
                room.withUnsafeMutableBytes { room in
                    to.receive(octets, room: room) {
                        out.append(contentsOf: $0)
                        return true
                    }
                    // The end of the handshake is told before what stands behind it.
                    if wasOpen { return }
                    to.resume(room: room) {
                        out.append(contentsOf: $0)
                        return true
                    }
                }
            }
        }
    }

    /// The whole handshake, with a certificate for the name that the client asks for.
    mutating func shake(_ authority: CertificateAuthority, names: [String]? = nil, now: Int64) throws {
        settle()
        guard server.state == .needsCertificate else { return }
        let wanted = names ?? [server.serverName ?? "192.0.2.1"]
        let leaf = try authority.mint(try wanted.map { try #require(CertificateName($0)) }, now: now)
        server.present([leaf, authority.certificate], key: authority.leafKey)
        settle()
    }
}
