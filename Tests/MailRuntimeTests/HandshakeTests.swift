// Clients that do not come to an end with their TLS handshake have a time for it, wherever it begins.

import Glibc
import MailDialogue
import MailRecording
import MailRules
import MailSessions
import MailTLS
import Testing

@testable import MailRuntime

@Suite struct HandshakeTests {
    /// An authority whose files are gone again.
    private static func minter() throws -> CertificateMinter {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(parent)/mailproxy-handshake-XXXXXX".utf8CString)
        let path = String(cString: try #require(mkdtemp(&name)))
        defer {
            for file in [CertificateAuthority.certificatePath(in: path), CertificateAuthority.keyPath(in: path)] {
                unlink(file)
            }
            rmdir(CertificateAuthority.directory(in: path))
            rmdir(path)
        }
        return CertificateMinter(try CertificateAuthority.create(in: path, days: 30, now: Int64(time(nil))))
    }

    /// One octet, and nothing more: on a listener under TLS from the first octet on, and behind STARTTLS.
    @Test(arguments: [
        ("imaps://127.0.0.1:0=fallback", [] as [(String, String)]), ("smtps://127.0.0.1:0=fallback", []),
        ("pop3s://127.0.0.1:0=fallback", []),
        ("smtp://127.0.0.1:0=fallback", [("", "220 "), ("STARTTLS\r\n", "220 ")]),
        ("pop3://127.0.0.1:0=fallback", [("", "+OK "), ("STLS\r\n", "+OK ")]),
        ("imap://127.0.0.1:0=fallback", [("", "* OK "), ("a STARTTLS\r\n", "a OK ")]),
    ])
    func oneOctetAndNothingMore(_ text: String, _ words: [(String, String)]) throws {
        let minter = try Self.minter()
        let route = try Route(text)
        let security = try RouteSecurity(route) { () throws(TLSFailure) in minter }
        var times = RuntimeTimes()
        times.handshake = 0.2
        let server = try MailServer.started(route, security: security, times: times)
        let client = try Peer(to: server.addresses[0].address)
        for (said, heard) in words {
            client.send(said)
            #expect(client.read(to: "\n").hasPrefix(heard))
        }
        client.send([22])
        #expect(client.readAll().octets.isEmpty)
        server.stop(within: 5)
        #expect(server.openSessions == 0)
    }

    /// The same where the client's leg waits for nothing but the client: the upstream is there already.
    @Test func oneOctetBeforeAServer() throws {
        let minter = try Self.minter()
        let upstream = try Listener(SocketAddress(.v4(0x7F00_0001), 0))
        let route = try Route("imaps://127.0.0.1:0=imap://127.0.0.1:\(upstream.address.port)?tls=none")
        let security = try RouteSecurity(route) { () throws(TLSFailure) in minter }
        var times = RuntimeTimes()
        times.handshake = 0.2
        let server = try MailServer.started(route, security: security, times: times)
        let client = try Peer(to: server.addresses[0].address)
        let peer = try #require(Peer(from: upstream))
        client.send([22])
        #expect(client.readAll().octets.isEmpty)
        #expect(peer.readAll().octets.isEmpty)
        server.stop(within: 5)
        upstream.closeDescriptor()
        #expect(server.openSessions == 0)
    }
}
