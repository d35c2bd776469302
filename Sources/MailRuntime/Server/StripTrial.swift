// What a route needs to put its clients to the test: how often, and the TLS that is wrong on purpose. And what all routes share:
// who was tested with what, and who wants to know.

import MailRecording
import MailSessions
import MailTLS
import Synchronization

/// The tests of a route. Used by all loops.
final class StripTrial: Sendable {
    /// A name that nobody can have (RFC 6761 §6.4): the certificate of another host.
    private static let otherHost = CertificateName.dns("another-host.invalid")

    let settings: Route.StripSettings
    /// A context for each kind of TLS that is tested. A session that began in one is not taken up in another, where the client
    /// would not look at the certificate any more.
    private let contexts: [StripVector: TLSContext]
    /// Of an authority that nobody knows.
    private let stranger: CertificateMinter

    init(
        _ settings: Route.StripSettings, _ route: Route, tellsKeys: (@Sendable (String) -> Void)?, now: Int64
    ) throws(TLSFailure) {
        self.settings = settings
        stranger = CertificateMinter(try .ephemeral(name: "Unknown Authority", now: now))
        var contexts: [StripVector: TLSContext] = [:]
        for vector in [StripVector.control, .untrustedCertificate, .wrongName, .expired, .oldVersion] {
            var tls = TLSSettings()
            tls.digestsHellos = true
            tls.tellsKeys = tellsKeys
            tls.applicationProtocols = [route.mailProtocol.rawValue]
            tls.least = route.listenerTLS?.least ?? .v12
            if vector == .oldVersion {
                tls.least = .v10
                tls.greatest = .v10
            }
            contexts[vector] = try TLSContext(tls, isServer: true)
        }
        self.contexts = contexts
    }

    /// The context of a test; nil when it is that of the route.
    func context(_ vector: StripVector) -> TLSContext? { contexts[vector] }

    /// What a client is shown in a test.
    func identity(
        _ vector: StripVector, for names: [CertificateName], _ minter: CertificateMinter, now: Int64
    ) throws(TLSFailure) -> TLSIdentity {
        switch vector {
        case .untrustedCertificate: try stranger.identity(for: names, now: now)
        case .wrongName: try minter.identity(for: [Self.otherHost], now: now)
        case .expired: try minter.expiredIdentity(for: names, now: now)
        case .control, .oldVersion, .injectedResponse, .capabilityRemoved, .extensionsRefused, .temporaryError,
            .permanentError,
            .invalidAnswer, .clearAnswer, .preAuthenticated:
            try minter.identity(for: names, now: now)
        }
    }
}

/// Who was tested with what, by all routes.
final class StripRegistry: Sendable {
    private let ledger = Mutex(StripLedger())
    private let tells: (@Sendable (StripReport) -> Void)?

    /// - Parameter tells: gets each verdict. May block; called by the workers.
    init(tells: (@Sendable (StripReport) -> Void)?) { self.tells = tells }

    /// The test of a session that begins; nil when the client is to be served.
    func next(_ info: SessionInfo, _ security: RouteSecurity?) -> StripVector? {
        guard let security, let trial = security.trial else { return nil }
        let key = Self.key(info, security)
        return ledger.withLock {
            $0.next(key, interval: trial.settings.interval, chance: .random(in: .min ... .max))
        }
    }

    /// A test is over. Gives what is known of the client's program by now, and what the test is worth.
    func file(
        _ outcome: StripOutcome, _ vector: StripVector, _ program: StripProgram, _ info: SessionInfo,
        _ security: RouteSecurity, _ core: ServerCore
    ) -> (program: StripProgram, outcome: StripOutcome) {
        let key = Self.key(info, security)
        let (known, outcome) = ledger.withLock { ledger in
            let known = ledger.file(outcome, vector, program, of: key)
            return (known, ledger.conclusion(outcome, vector, known, of: key))
        }
        guard let tells else { return (known, outcome) }
        let report = StripReport(
            info, vector, outcome, known, isImplicit: security.isImplicit, time: Clock.now())
        core.workers.submit { tells(report) }
        return (known, outcome)
    }

    private static func key(_ info: SessionInfo, _ security: RouteSecurity) -> StripLedger.Key {
        StripLedger.Key(
            client: info.client.ip, route: info.route, mailProtocol: info.mailProtocol,
            isImplicit: security.isImplicit)
    }
}
