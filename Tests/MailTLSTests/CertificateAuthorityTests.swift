// The authority: its files, what it refuses, and what the certificates say that it makes.

import Glibc
import Testing

@testable import MailTLS

/// A directory that goes with the test.
private final class Scratch {
    let path: String

    init() throws {
        var name = Array("/tmp/mailtls-XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil)
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["/ca/ca.crt", "/ca/ca.key"] { unlink(path + name) }
        rmdir(path + "/ca")
        rmdir(path)
    }

    var certificate: String { CertificateAuthority.certificatePath(in: path) }
    var key: String { CertificateAuthority.keyPath(in: path) }

    func mode(_ path: String) -> UInt32 {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    func write(_ octets: [UInt8], _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, octets, octets.count) == octets.count)
    }
}

struct CertificateAuthorityTests {
    private let now: Int64 = 1_795_000_000

    @Test func isMadeOnceAndKeptToItsOwner() throws {
        let scratch = try Scratch()
        let before = umask(0)
        let made = try CertificateAuthority.create(in: scratch.path, days: 10, now: now)
        umask(before)
        #expect(scratch.mode(scratch.key) == 0o600)
        #expect(scratch.mode(scratch.certificate) == 0o644)
        #expect(scratch.mode(scratch.path + "/ca") == 0o700)
        let read = try CertificateAuthority(in: scratch.path, now: now)
        #expect(read.certificate.fingerprint == made.certificate.fingerprint)
        let octets = try PEMFile.read(scratch.certificate)
        let secret = try PEMFile.read(scratch.key)
        for missing in ["", scratch.certificate, scratch.key] {
            // Either of the files is enough to be refused, and neither is touched.
            if !missing.isEmpty { unlink(missing) }
            #expect(throws: TLSFailure.self) { try CertificateAuthority.create(in: scratch.path, days: 10, now: now) }
            if missing == scratch.certificate { try scratch.write(octets, missing) }
        }
        #expect(try PEMFile.read(scratch.certificate) == octets)
        #expect(String(decoding: secret, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----"))
    }

    @Test func saysWhatItIs() throws {
        let scratch = try Scratch()
        let root = try CertificateAuthority.create(in: scratch.path, name: "Tests, ü", days: 10, now: now).certificate
        #expect(root.subject == #"CN=Tests\, ü,O=MailProxy"#)
        #expect(root.issuer == root.subject)
        #expect(root.isAuthority && root.isSigned(by: root))
        #expect(root.notBefore == now - 86_400)
        #expect(root.notAfter == now + 10 * 86_400)
        #expect(root.serial.count == 32)
        #expect(root.fingerprint.count == 32 && root.keyPin.count == 32)
        #expect(root.names.isEmpty)
    }

    @Test(arguments: [0, -1, 36_501])
    func lifetimesThatAreNoneAreRefused(days: Int) throws {
        let scratch = try Scratch()
        #expect(throws: TLSFailure.self) { try CertificateAuthority.create(in: scratch.path, days: days, now: now) }
        #expect(scratch.mode(scratch.key) == 0)
    }

    @Test func certificatesOfServers() throws {
        let scratch = try Scratch()
        let authority = try CertificateAuthority.create(in: scratch.path, days: 3_650, now: now)
        let names = try ["Mail.Example.com.", "*.example.org", "192.0.2.1", "[2001:db8::1]"].map {
            try #require(CertificateName($0))
        }
        let leaf = try authority.mint(names, now: now)
        #expect(leaf.names == names)
        #expect(
            leaf.names.map(\.description) == ["mail.example.com", "*.example.org", "192.0.2.1", "2001:db8:0:0:0:0:0:1"])
        #expect(leaf.subject == "CN=mail.example.com")
        #expect(leaf.issuer == authority.certificate.subject)
        #expect(leaf.isSigned(by: authority.certificate) && !leaf.isAuthority)
        #expect(leaf.fits(authority.leafKey))
        #expect(leaf.notAfter == now + CertificateAuthority.leafLifetime)
        #expect(try authority.mint(names, now: now).serial != leaf.serial)
        #expect(throws: TLSFailure.self) { try authority.mint([], now: now) }
    }

    /// None holds longer than the authority, or before it.
    @Test func certificatesEndWithTheAuthority() throws {
        let scratch = try Scratch()
        let authority = try CertificateAuthority.create(in: scratch.path, days: 1, now: now)
        let name = try #require(CertificateName("a.example"))
        #expect(try authority.mint([name], now: now).notAfter == authority.certificate.notAfter)
        #expect(try authority.mint([name], now: now - 86_400).notBefore == authority.certificate.notBefore)
    }

    @Test func longNamesHaveNoCommonName() throws {
        let scratch = try Scratch()
        let authority = try CertificateAuthority.create(in: scratch.path, days: 1, now: now)
        let long = try #require(CertificateName(String(repeating: "abcdefgh.", count: 20) + "example"))
        let leaf = try authority.mint([long], now: now)
        #expect(leaf.subject.isEmpty)
        #expect(leaf.names == [long])
    }

    @Test(arguments: [
        "", ".", "a..b", "-a.example", "a-.example", "a b.example", "*", "*.example", "a.*.example", "ä.example",
    ])
    func namesThatAreNone(host: String) { #expect(CertificateName(host) == nil) }

    // MARK: Files that are no good

    private func failure(_ scratch: Scratch, at time: Int64? = nil) -> String {
        do throws(TLSFailure) { _ = try CertificateAuthority(in: scratch.path, now: time ?? now) } catch {
            return error.description
        }
        return ""
    }

    @Test func filesThatAreNoGoodAreNamed() throws {
        let scratch = try Scratch()
        #expect(failure(scratch).hasPrefix(scratch.certificate + ": there is no authority; make one with"))
        _ = try CertificateAuthority.create(in: scratch.path, days: 1, now: now)
        #expect(failure(scratch) == "")
        #expect(failure(scratch, at: now + 86_400).hasPrefix(scratch.certificate + ": has expired"))
        let certificate = try PEMFile.read(scratch.certificate)
        let key = try PEMFile.read(scratch.key)

        chmod(scratch.key, 0o640)
        #expect(
            failure(scratch).contains(
                "can be read by others (mode 640); take that away with 'chmod 600 \(scratch.key)'"))
        chmod(scratch.key, 0o600)

        try scratch.write(try PrivateKey.make().revealedPEM(), scratch.key)
        #expect(failure(scratch).hasPrefix(scratch.key + ": is not the key of \(scratch.certificate)"))
        try scratch.write(certificate, scratch.key)
        #expect(failure(scratch).hasPrefix(scratch.key + ": holds no private key that can be read"))
        try scratch.write([], scratch.key)
        #expect(failure(scratch).hasPrefix(scratch.key + ": holds no private key that can be read"))
        unlink(scratch.key)
        #expect(failure(scratch) == scratch.key + ": cannot be read: No such file or directory")
        try scratch.write(key, scratch.key)

        try scratch.write(key, scratch.certificate)
        #expect(failure(scratch).hasPrefix(scratch.certificate + ": holds no certificate"))
        try scratch.write(Array(certificate.dropLast(60)), scratch.certificate)
        #expect(failure(scratch).hasPrefix(scratch.certificate + ": holds no certificate"))
        try scratch.write([UInt8](repeating: 65, count: PEMFile.limit + 1), scratch.certificate)
        #expect(failure(scratch).contains("larger than any certificate"))
    }

    @Test func aServersCertificateIsNoAuthority() throws {
        let scratch = try Scratch()
        let authority = try CertificateAuthority.create(in: scratch.path, days: 1, now: now)
        let leaf = try authority.mint([try #require(CertificateName("a.example"))], now: now)
        try scratch.write(try leaf.pem, scratch.certificate)
        try scratch.write(try authority.leafKey.revealedPEM(), scratch.key)
        #expect(failure(scratch).contains("may not sign others"))
    }

    /// Chains are read whole, and one that breaks off is refused.
    @Test func chains() throws {
        let scratch = try Scratch()
        let authority = try CertificateAuthority.create(in: scratch.path, days: 1, now: now)
        let leaf = try authority.mint([try #require(CertificateName("a.example"))], now: now)
        let chain = try leaf.pem + authority.certificate.pem
        let read = try Certificate.read(pem: chain, name: "chain")
        #expect(read.map(\.fingerprint) == [leaf.fingerprint, authority.certificate.fingerprint])
        #expect(throws: TLSFailure.self) { try Certificate.read(pem: chain.dropLast(100) + [], name: "chain") }
    }
}
