// Certificates for the servers that the proxy stands in for, made when a client asks and kept for the next.

import COpenSSL
import Synchronization

/// What a server shows and proves itself with.
package struct TLSIdentity: Sendable {
    /// Its own certificate first.
    package var chain: [Certificate]
    package var key: PrivateKey

    package init(chain: [Certificate], key: PrivateKey) {
        self.chain = chain
        self.key = key
    }

    /// Its certificate is for the host.
    package func isFor(_ host: String) -> Bool { chain.first?.isFor(host) == true }

    /// Reads the files of a certificate, with those that lead to its root, and its key.
    /// - Parameter now: seconds since 1970.
    package init(certificate: String, key: String, now: Int64) throws(TLSFailure) {
        chain = try Certificate.read(pem: PEMFile.read(certificate), name: certificate)
        self.key = try PrivateKey(pem: PEMFile.readSecret(key), name: key)
        guard let leaf = chain.first, leaf.fits(self.key) else {
            throw TLSFailure(
                key, "is not the key of \(certificate)",
                advice: "give the two that belong together, the server's certificate before those that lead to its root"
            )
        }
        guard leaf.notAfter > now else {
            throw TLSFailure(certificate, "has expired", advice: "have it renewed")
        }
        guard leaf.notBefore <= now else {
            throw TLSFailure(
                certificate, "is not valid yet", advice: "look whether the clock of this machine is right, or wait")
        }
    }
}

/// Makes certificates and keeps them. Used from any thread.
package final class CertificateMinter: Sendable {
    /// Sets of names whose certificates are kept: more upstreams than anybody has on one proxy.
    private static let mostKept = 1_000
    /// Seconds before its end from which a certificate is made anew: no session should outlive the one it began with.
    private static let renewal: Int64 = 7 * 86_400

    private let authority: CertificateAuthority
    private let kept = Mutex<[[CertificateName]: Certificate]>([:])

    package init(_ authority: CertificateAuthority) { self.authority = authority }

    /// The identity of a server with these names, in this order.
    /// - Parameter now: seconds since 1970.
    package func identity(for names: [CertificateName], now: Int64) throws(TLSFailure) -> TLSIdentity {
        let made = kept.withLock { $0[names] }
        let certificate: Certificate
        if let made, made.notAfter > now + Self.renewal {
            certificate = made
        } else {
            certificate = try authority.mint(names, now: now)
            kept.withLock { kept in
                if kept.count >= Self.mostKept { kept.removeAll() }
                kept[names] = certificate
            }
        }
        return TLSIdentity(chain: [certificate, authority.certificate], key: authority.leafKey)
    }

    /// The identity of a server whose certificate has expired: it was good for ninety days, until a month ago.
    /// - Parameter now: seconds since 1970.
    package func expiredIdentity(for names: [CertificateName], now: Int64) throws(TLSFailure) -> TLSIdentity {
        let end = now - 30 * 86_400
        let certificate = try authority.mint(names, from: end - CertificateAuthority.leafLifetime, to: end)
        return TLSIdentity(chain: [certificate, authority.certificate], key: authority.leafKey)
    }

    /// The certificate that clients have to trust.
    package var root: Certificate { authority.certificate }
}
