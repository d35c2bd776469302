// What TLS shows to who looks on.

import MailDialogue
import MailRecording
import Testing

@testable import MailAudit

@Suite struct AuditTLSTests {
    /// 2026-01-01 and a year.
    private static let start: Int64 = 1_767_225_600_000_000
    private static let year: Int64 = 365 * 86_400 * 1_000_000

    private func certificate(_ edit: (inout TLSCertificate) -> Void = { _ in }) -> TLSCertificate {
        var certificate = TLSCertificate()
        certificate.subject = "CN=mx.example.com"
        certificate.issuer = "CN=Example CA"
        certificate.names = ["mx.example.com", "*.mail.example.com"]
        certificate.notBefore = Self.start - Self.year
        certificate.notAfter = Self.start + Self.year
        certificate.keyType = "RSA"
        certificate.keyBits = 2_048
        certificate.signature = "sha256WithRSAEncryption"
        edit(&certificate)
        return certificate
    }

    /// A sealed session from its first octet on.
    private func found(
        failure: String? = nil, _ edit: (inout TLSObservation) -> Void = { _ in }
    ) -> AuditFindings {
        var seen = TLSObservation(how: .implicit)
        seen.offeredVersions = [.tls13, .tls12]
        seen.offeredCiphers = ["TLS_AES_256_GCM_SHA384"]
        seen.version = .tls12
        seen.cipher = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        seen.serverName = "mx.example.com"
        seen.certificates = [certificate()]
        edit(&seen)
        var book = AuditBook()
        guard let client = IPEndpoint("10.0.0.1:4000"), let server = IPEndpoint("10.0.0.2:993") else {
            return book.finish()
        }
        var leg = TLSLeg(seen)
        leg.failure = failure
        let info = SessionInfo(
            id: "s", mailProtocol: .imap, start: Self.start, client: client, server: server, route: "capture",
            tls: leg)
        book.accept(
            AuditStep(
                info: info, client: client, server: server, notes: [],
                events: [.opened(info), .closed(SessionSummary(info: info))], time: 9, frame: 7, source: 0))
        return book.finish()
    }

    private let all: Set<String> = Set(FindingKind.tls.map(\.code))

    @Test func goodTLSIsNoFinding() {
        let found = found()
        #expect(found.codes.isDisjoint(with: all), "\(found.codes)")
        #expect(found.clearSessions == 0 && found.clients.first?.posture == .protected)
        let row = found.tls.first
        #expect(row?.version == "TLSv1.2" && row?.serverName == "mx.example.com" && row?.subject == "CN=mx.example.com")
        #expect(row?.sessions == 1 && row?.isSealed == true && row?.clients == ["10.0.0.1"])
        let report = AuditReport(found: found, sources: [], program: "test", made: 0)
        #expect(report.sentence == "The one session was under TLS.")
        let old = AuditReport(found: self.found { $0.version = .tls10 }, sources: [], program: "test", made: 0)
        #expect(old.sentence.hasSuffix("What is to be looked at first: old versions of TLS were used."))
    }

    /// The client began TLS, and the server answered in the words of its protocol: nothing was under TLS.
    @Test(arguments: [TLSLeg.How.implicit, .starttls]) func handshakesInVain(_ how: TLSLeg.How) {
        let found = found(failure: "the server answered with something else") { seen in
            seen.how = how
            (seen.version, seen.cipher, seen.certificates) = (nil, nil, [])
        }
        #expect(found.codes.contains("tls-handshake-failed"))
        #expect(found.codes.isDisjoint(with: ["under-tls", "port-scan"]))
        #expect(found.clearSessions == 1 && found.clients.first?.tlsSessions == 0)
        #expect(found.clients.first?.posture == .unknown && found.servers.first?.tlsSessions == 0)
        #expect(found.tls.isEmpty && found.edges.first?.tls == 0)
        // Where the server said no with an alert its octets were those of TLS.
        let refused = self.found(failure: "protocol_version") { seen in
            (seen.version, seen.cipher, seen.certificates) = (nil, nil, [])
            seen.alert = TLSObservation.Alert(side: .server, isFatal: true, code: 70, name: "protocol_version")
        }
        #expect(refused.clearSessions == 0 && refused.clients.first?.tlsSessions == 1)
    }

    @Test func versionsAndCiphers() {
        #expect(found { $0.version = .tls10 }.codes.contains("tls-version-old"))
        #expect(found { $0.offeredVersions = [.tls12, .tls10] }.finding(.oldVersionOffered)?.subjects == ["10.0.0.1"])
        #expect(found { $0.cipher = "TLS_RSA_WITH_RC4_128_SHA" }.codes.contains("tls-cipher-weak"))
        #expect(found { $0.cipher = "TLS_RSA_WITH_3DES_EDE_CBC_SHA" }.codes.contains("tls-cipher-weak"))
        #expect(found { $0.cipher = "TLS_RSA_WITH_AES_128_CBC_SHA" }.codes.contains("tls-no-forward-secrecy"))
        #expect(
            found {
                $0.version = .tls13
                $0.cipher = "TLS_AES_128_GCM_SHA256"
            }.codes.isDisjoint(with: all))
        #expect(found { $0.serverName = nil }.codes.contains("tls-no-server-name"))
        let alert = TLSObservation.Alert(side: .client, isFatal: true, code: 48, name: "unknown_ca")
        #expect(
            found { $0.alert = alert }.finding(.handshakeFailed)?.evidence.first?.detail
                == "unknown_ca, said the client")
    }

    @Test func certificates() {
        func codes(_ edit: (inout TLSCertificate) -> Void) -> Set<String> {
            let shown = certificate(edit)
            return found { $0.certificates = [shown] }.codes.intersection(all)
        }
        #expect(codes { $0.notAfter = Self.start - 1 } == ["certificate-expired"])
        #expect(codes { $0.notBefore = Self.start + 1 } == ["certificate-expired"])
        #expect(codes { $0.notAfter = Self.start + 86_400_000_000 } == ["certificate-expires-soon"])
        #expect(codes { $0.isSelfIssued = true } == ["certificate-self-signed"])
        #expect(codes { $0.names = ["www.example.com"] } == ["certificate-wrong-name"])
        #expect(codes { $0.keyBits = 1_024 } == ["certificate-weak-key"])
        #expect(codes { $0.signature = "sha1WithRSAEncryption" } == ["certificate-weak-signature"])
        #expect(
            codes {
                $0.keyType = "EC P-256"; $0.keyBits = 256
            } == [])
    }

    @Test(arguments: [
        ("MX.example.com", true), ("a.mail.example.com", true), ("a.b.mail.example.com", false),
        ("mail.example.com", false), ("example.com", false), (".mail.example.com", false),
    ]) func names(_ wanted: String, _ fits: Bool) { #expect(AuditBook.fits(wanted, certificate()) == fits) }

    @Test func withoutNamesTheSubjectCounts() {
        let old = certificate {
            $0.names = []
            $0.subject = "O=Example, CN=old.example.com"
        }
        #expect(AuditBook.fits("old.example.com", old) && !AuditBook.fits("mx.example.com", old))
    }
}
