// TLS of a route: what its listener shows to clients, and what it demands of its upstream. Made once, when the server starts.

import Glibc
import MailRecording
import MailTLS

/// The TLS of a route. Used by all loops.
package final class RouteSecurity: Sendable {
    /// What clients are shown.
    private enum Identity: Sendable {
        case fixed(TLSIdentity)
        case minted(CertificateMinter)
    }

    /// Nil when clients speak in clear.
    let listener: TLSContext?
    /// Nil when the upstream is spoken to in clear.
    let upstream: TLSContext?
    private let identity: Identity?
    /// The host of the upstream: what its certificate has to name, and ours when a client names nothing.
    let host: String?
    private let address: CertificateName?

    /// - Parameter minter: gives the authority when the route needs one.
    /// - Throws: what is wrong with the files that the route names, or with the authority.
    package init(_ route: Route, minter: () throws(TLSFailure) -> CertificateMinter) throws(TLSFailure) {
        address = CertificateName(route.listen.host.description)
        switch route.upstream {
        case .fallback: host = nil
        case .server(let name, _): host = route.upstreamTLS?.serverName ?? name
        }
        if let tls = route.listenerTLS {
            listener = try TLSContext(TLSSettings(), isServer: true)
            if let certificate = tls.certificate, let key = tls.key {
                identity = .fixed(try TLSIdentity(certificate: certificate, key: key, now: Self.now))
            } else {
                identity = .minted(try minter())
            }
        } else {
            listener = nil
            identity = nil
        }
        if let tls = route.upstreamTLS {
            var settings = TLSSettings()
            if !tls.verifies {
                settings.trust = .anybody
            } else if let roots = tls.roots {
                settings.trust = .roots(try Certificate.read(pem: PEMFile.read(roots), name: roots))
            }
            settings.pins = tls.pins
            upstream = try TLSContext(settings, isServer: false)
        } else {
            upstream = nil
        }
    }

    /// Seconds since 1970.
    private static var now: Int64 { Clock.now() / 1_000_000 }

    /// What a client is shown that asks for a name: a certificate of its own for that name, and for all that the upstream's is
    /// for.
    func identity(for serverName: String?, upstream certificate: Certificate?) throws(TLSFailure) -> TLSIdentity {
        switch identity {
        case .fixed(let identity): return identity
        case .minted(let minter):
            var names: [CertificateName] = []
            for name in [serverName.flatMap { CertificateName($0) }, host.flatMap { CertificateName($0) }, address] {
                guard let name else { continue }
                // A client that names nobody expects the upstream, or at least the address that it called.
                if !names.contains(name) { names.append(name) }
            }
            for name in certificate?.names ?? [] where !names.contains(name) { names.append(name) }
            return try minter.identity(for: names, now: Self.now)
        case nil: throw TLSFailure("TLS", "this listener speaks in clear")
        }
    }

    /// A connection that waits for the client's first octets.
    func connection(from client: String) throws(TLSFailure) -> TLSConnection? {
        guard let listener else { return nil }
        return try TLSConnection(listener, peer: client)
    }

    /// A connection to the upstream.
    func upstreamConnection() throws(TLSFailure) -> TLSConnection? {
        guard let upstream, let host else { return nil }
        return try TLSConnection(upstream, peer: host)
    }
}

extension TLSLeg {
    /// The TLS of a connection whose handshake is over.
    init(_ connection: TLSConnection, how: How) {
        let facts = connection.facts
        self.init(
            version: facts?.version ?? "", cipher: facts?.cipher ?? "", serverName: connection.serverName, how: how,
            distrust: connection.context.isServer ? nil : connection.distrust)
    }
}
