// TLS of a route: what its listener shows to clients, what it demands of its upstream, and which capabilities go through.
// Made once, when the server starts.

import Glibc
import MailRecording
import MailSessions
import MailTLS

/// The TLS of a route. Used by all loops.
package final class RouteSecurity: Sendable {
    /// Gives the authority that signs certificates, when a route needs it. Any thread may ask.
    package typealias Signer = @Sendable () throws(TLSFailure) -> CertificateMinter

    /// What clients are shown.
    private enum Identity: Sendable {
        /// The first for a client whose name none is for.
        case fixed([TLSIdentity])
        case minted(Signer)
    }

    /// Seconds for which a session with the upstream is taken up again before it has to show its certificate anew: a certificate
    /// that it has changed is seen as soon, and one full handshake in that time costs a busy route nothing.
    private static let resumesFor: Int64 = 300

    /// Nil when we have no part in the TLS of clients.
    let listener: TLSContext?
    /// Clients begin with TLS.
    let isImplicit: Bool
    /// What becomes of a client's STARTTLS.
    let clientTLS: ClientTLS
    /// Nil when the upstream is spoken to in clear.
    let upstream: TLSContext?
    /// When we begin TLS with it.
    let beginning: Route.UpstreamTLS.Beginning?
    /// The capabilities that clients see before TLS; nil when all pass.
    let policy: CapabilityPolicy?
    private let identity: Identity?
    /// What is shown to clients that are put to the test; nil when none are.
    let trial: StripTrial?
    /// The test that this is the TLS of; nil when clients are served.
    private let vector: StripVector?
    /// The host of the upstream: what its certificate has to name, and ours when a client names nothing.
    let host: String?
    private let address: CertificateName?

    /// - Parameters:
    ///   - signer: gives the authority; asked for it when the first certificate is made, and by ``prepare()``.
    /// - Throws: what is wrong with the files that the route names.
    ///   - tellsKeys: gets each line for an SSLKEYLOGFILE.
    package init(
        _ route: Route, tellsKeys: (@Sendable (String) -> Void)? = nil, signer: @escaping Signer
    ) throws(TLSFailure) {
        address = CertificateName(route.listen.host.description)
        switch route.upstream {
        case .fallback: host = nil
        case .unix: host = route.upstreamTLS?.serverName ?? "localhost"
        case .destination: host = route.upstreamTLS?.serverName
        case .server(let name, _): host = route.upstreamTLS?.serverName ?? name
        }
        isImplicit = route.listenerTLS?.beginning == .implicit
        vector = nil
        trial = try route.stripTest.map { settings throws(TLSFailure) in
            try StripTrial(settings, route, tellsKeys: tellsKeys, now: Self.now)
        }
        if let tls = route.listenerTLS {
            var settings = TLSSettings()
            settings.least = tls.least
            settings.digestsHellos = route.stripTest != nil
            settings.tellsKeys = tellsKeys
            // A client that asks for something else has been led astray (RFC 7301 §3.2).
            settings.applicationProtocols = [route.mailProtocol.rawValue]
            settings.distrustAdvice =
                tls.isMinted
                ? "make it trust our authority, as 'mailproxy ca show' says"
                : "make it trust whoever signed \(tls.files.map(\.certificate).joined(separator: ", "))"
            listener = try TLSContext(settings, isServer: true)
            if !tls.isMinted {
                var identities: [TLSIdentity] = []
                for files in tls.files {
                    identities.append(try TLSIdentity(certificate: files.certificate, key: files.key, now: Self.now))
                }
                identity = .fixed(identities)
            } else {
                identity = .minted(signer)
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
                let found = try Certificate.read(pem: PEMFile.read(roots), name: roots)
                guard found.contains(where: { $0.notAfter > Self.now }) else {
                    throw TLSFailure(
                        roots, "has expired, and nobody can be trusted for it",
                        advice: "have it renewed, or give another")
                }
                settings.trust = .roots(found)
            }
            settings.pins = tls.pins
            settings.least = tls.least
            settings.tellsKeys = tellsKeys
            settings.resumesFor = Self.resumesFor
            if let certificate = tls.certificate, let key = tls.key {
                settings.identity = try TLSIdentity(certificate: certificate, key: key, now: Self.now)
            }
            upstream = try TLSContext(settings, isServer: false)
        } else {
            upstream = nil
        }
        beginning = route.upstreamTLS?.beginning
        switch route.listenerTLS?.beginning {
        case .implicit, nil: clientTLS = .passes
        case .mirrored: clientTLS = .mirrored
        case .ours(let isRequired): clientTLS = .ours(isRequired: isRequired)
        }
        policy = route.isPassthrough ? nil : Self.policy(clientTLS, route)
    }

    /// The same for an upstream of that name, unless the route itself names one.
    func aimed(at host: String) -> RouteSecurity { self.host == nil ? RouteSecurity(self, host: host) : self }

    /// The same as clients see it in a test.
    func facing(_ vector: StripVector) -> RouteSecurity { RouteSecurity(self, host: host, vector: vector) }

    private init(_ route: RouteSecurity, host: String?, vector: StripVector? = nil) {
        listener = vector.flatMap { route.trial?.context($0) } ?? route.listener
        trial = route.trial
        self.vector = vector
        isImplicit = route.isImplicit
        clientTLS = route.clientTLS
        upstream = route.upstream
        beginning = route.beginning
        policy = route.policy
        identity = route.identity
        address = route.address
        self.host = host
    }

    /// The same for clients, with another upstream.
    func toward(_ other: RouteSecurity?) -> RouteSecurity { RouteSecurity(self, toward: other) }

    private init(_ route: RouteSecurity, toward other: RouteSecurity?) {
        listener = route.listener
        isImplicit = route.isImplicit
        clientTLS = route.clientTLS
        policy = route.policy
        identity = route.identity
        address = route.address
        trial = route.trial
        vector = route.vector
        upstream = other?.upstream
        beginning = other?.beginning
        host = other?.host
    }

    private static func policy(_ tls: ClientTLS, _ route: Route) -> CapabilityPolicy {
        var policy: CapabilityPolicy
        switch tls {
        case .passes: policy = CapabilityPolicy(tls: .hidden)
        case .mirrored: policy = CapabilityPolicy(tls: .asServer)
        case .ours(let isRequired):
            policy = CapabilityPolicy(tls: .added)
            policy.hidesLogins = isRequired
        }
        policy.hidesUnfollowed = !route.showsAllCapabilities
        return policy
    }

    /// The capabilities that clients see under TLS; nil when all pass.
    /// - Parameter upstream: the TLS of the other leg.
    func policyUnderTLS(upstream: TLSLeg?) -> CapabilityPolicy? {
        guard var policy else { return nil }
        policy.tls = .hidden
        policy.hidesLogins = false
        policy.keepsRequireTLS = upstream != nil && upstream?.distrust == nil
        return policy
    }

    /// Seconds since 1970.
    private static var now: Int64 { Clock.now() / 1_000_000 }

    /// What a client is shown that asks for a name: a certificate of its own for that name, and for all that the upstream's is
    /// for.
    func identity(for serverName: String?, upstream certificate: Certificate?) throws(TLSFailure) -> TLSIdentity {
        switch identity {
        case .fixed(let identities):
            // Without a name, or with one that none is for, the first, as servers do (RFC 6066 §3 leaves it to them).
            let named = serverName.flatMap { name in identities.first { $0.isFor(name) } }
            guard let identity = named ?? identities.first else { throw TLSFailure("TLS", "there is no certificate") }
            return identity
        case .minted(let signer):
            var names: [CertificateName] = []
            for name in [serverName.flatMap { CertificateName($0) }, host.flatMap { CertificateName($0) }, address] {
                guard let name else { continue }
                // A client that names nobody expects the upstream, or at least the address that it called.
                if !names.contains(name) { names.append(name) }
            }
            for name in certificate?.names ?? [] where !names.contains(name) { names.append(name) }
            if let trial, let vector { return try trial.identity(vector, for: names, signer(), now: Self.now) }
            return try signer().identity(for: names, now: Self.now)
        case nil: throw TLSFailure("TLS", "this listener speaks in clear")
        }
    }

    /// Has the authority made that clients who begin with TLS need at once, when there is none. For when all else is known to be
    /// good.
    package func prepare() throws(TLSFailure) { if isImplicit { try checkSigner() } }

    /// Certificates can be made, or need not be.
    func checkSigner() throws(TLSFailure) {
        switch identity {
        case .minted(let signer): _ = try signer()
        case .fixed, nil: break
        }
    }

    /// Shows a client a certificate for the name that it asks for. What can't be done is told to the caller.
    func present(to tls: TLSConnection, upstream certificate: Certificate?) throws(TLSFailure) {
        let identity = try identity(for: tls.serverName, upstream: certificate)
        tls.present(identity.chain, key: identity.key)
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
