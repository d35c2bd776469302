// What all TLS connections of a kind share: versions, ciphers, roots, whom to tell keys. Made once and used on any thread.

import COpenSSL
import Glibc
import Synchronization

/// A version of the protocol.
package enum TLSVersion: String, Sendable, Comparable, CaseIterable {
    /// Broken (RFC 8996): for old devices only, on routes that say so.
    case v10 = "1.0"
    case v11 = "1.1"
    case v12 = "1.2"
    case v13 = "1.3"

    var number: Int32 {
        switch self {
        case .v10: TLS1_VERSION
        case .v11: TLS1_1_VERSION
        case .v12: TLS1_2_VERSION
        case .v13: TLS1_3_VERSION
        }
    }

    package static func < (a: TLSVersion, b: TLSVersion) -> Bool { a.number < b.number }
}

/// How one side of TLS behaves.
package struct TLSSettings: Sendable {
    /// Whom a client believes.
    package enum Trust: Sendable {
        /// The system's roots.
        case system
        /// These roots alone.
        case roots([Certificate])
        /// Anybody. What would have been wrong is known all the same.
        case anybody
    }

    package var least = TLSVersion.v12
    package var greatest = TLSVersion.v13
    package var trust = Trust.system
    /// Digests of public keys (``Certificate/keyPin``) of which the peer's chain must hold one; none when empty.
    package var pins: [[UInt8]] = []
    /// Application protocols in the order of preference (RFC 7301); none when empty.
    package var applicationProtocols: [String] = []
    /// What a client proves itself with, when the server asks for it (RFC 8446 §4.3.2).
    package var identity: TLSIdentity?
    /// For how many seconds behind a full handshake a client takes up its session with the server again (RFC 8446 §2.2,
    /// RFC 5077); 0 for never. For contexts whose connections all lead to one server.
    ///
    /// A session that is taken up proves that the server has the keys of its tickets, not that it has the key of a certificate:
    /// the server may show another one by now. Each session can be prolonged by the next for ever, so the time counts from the
    /// last proof, and what was proved is checked anew each time. Where keys are pinned each connection has to prove them.
    package var resumesFor: Int64 = 0
    /// A server keeps a digest of what each client offers (``TLSConnection/helloDigest``).
    package var digestsHellos = false
    /// What to do about a client that does not trust what it is shown.
    package var distrustAdvice = ""
    /// Gives the time, in seconds since 1970.
    package var clock: @Sendable () -> Int64 = { Int64(time(nil)) }
    /// Gets each line for an SSLKEYLOGFILE, without its end. Called on any thread.
    package var tellsKeys: (@Sendable (String) -> Void)?

    package init() {}
}

/// What a server has shown in a full handshake.
struct TLSProof: Sendable {
    /// Its certificates, its own first.
    var chain: [Certificate]
    /// When, in seconds since 1970.
    var time: Int64
}

/// The context of connections.
///
/// Unchecked: OpenSSL's contexts may be used by any thread once they are set up, and this one is never changed behind its
/// initialiser.
package final class TLSContext: @unchecked Sendable {
    let handle: OpaquePointer
    let settings: TLSSettings
    package let isServer: Bool
    /// The last session with the server.
    private let session = Mutex<Session?>(nil)

    /// A session with the server, and what it rests on.
    ///
    /// Unchecked: OpenSSL counts the references of a session in one step, and nothing else of it is changed.
    private final class Session: @unchecked Sendable {
        let handle: OpaquePointer
        let proof: TLSProof
        init(_ handle: OpaquePointer, _ proof: TLSProof) {
            self.handle = handle
            self.proof = proof
        }
        deinit { SSL_SESSION_free(handle) }
    }

    /// Forward secrecy and authenticated encryption alone, as RFC 9325 §4.2 has it.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!PSK"
    /// What devices of the time before TLS 1.2 know.
    private static let oldCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE:DHE:AES:!aNULL:!PSK:@SECLEVEL=0"

    /// - Parameter isServer: its connections are those of servers.
    package init(_ settings: TLSSettings, isServer: Bool) throws(TLSFailure) {
        guard let handle = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
            throw .openSSL("TLS", "no context can be made")
        }
        self.handle = handle
        self.settings = settings
        self.isServer = isServer
        mp_set_modes(handle)
        guard settings.least <= settings.greatest,
            mp_set_versions(handle, settings.least.number, settings.greatest.number) == 1
        else {
            throw TLSFailure(
                "TLS \(settings.least.rawValue) to \(settings.greatest.rawValue)", "is no range of versions",
                advice: "write the lower version first")
        }
        guard SSL_CTX_set_cipher_list(handle, settings.least < .v12 ? Self.oldCiphers : Self.ciphers) == 1 else {
            throw .openSSL("TLS", "the ciphers are not known")
        }
        mp_keep_sessions(handle, isServer ? 1 : 0)
        // A session is taken up by the context alone that it came from, and of those of servers for the same name alone.
        var name = Array("mailproxy".utf8)
        SSL_CTX_set_session_id_context(handle, &name, UInt32(name.count))
        if isServer { setUpServer() } else { try setUpClient() }
        if settings.tellsKeys != nil {
            SSL_CTX_set_keylog_callback(handle) { connection, line in
                guard let connection, let line, let owner = TLSConnection.owner(of: connection) else { return }
                owner.context.settings.tellsKeys?(String(cString: line))
            }
        }
    }

    deinit { SSL_CTX_free(handle) }

    private var resumes: Bool { settings.resumesFor > 0 && settings.pins.isEmpty }

    /// A connection may go on with the last session, when what that rests on still holds. Gives what it rests on.
    func resume(_ connection: OpaquePointer) -> TLSProof? {
        guard resumes, let last = session.withLock({ $0 }) else { return nil }
        let age = settings.clock() &- last.proof.time
        guard age >= 0, age < settings.resumesFor, isTrusted(last.proof, connection) else {
            forgetSession()
            return nil
        }
        SSL_set_session(connection, last.handle)
        return last.proof
    }

    /// The certificates still are what this connection would believe.
    private func isTrusted(_ proof: TLSProof, _ connection: OpaquePointer) -> Bool {
        if case .anybody = settings.trust { return true }
        guard let leaf = proof.chain.first else { return false }
        defer { ERR_clear_error() }
        let others = proof.chain.dropFirst().map { Optional($0.handle) }
        return mp_verify(handle, connection, leaf.handle, others, Int32(clamping: others.count)) == 1
    }

    /// The last session is of no use any more: its server did not take it up, or is not whom it was.
    func forgetSession() { session.withLock { $0 = nil } }

    private func keep(_ session: OpaquePointer, _ proof: TLSProof) {
        let kept = Session(session, proof)
        self.session.withLock { $0 = kept }
    }

    private func setUpServer() {
        // The certificate depends on the name that the client asks for, and on what the upstream shows: the handshake stops
        // until its owner has one.
        SSL_CTX_set_cert_cb(
            handle,
            { connection, _ in
                guard let connection, let owner = TLSConnection.owner(of: connection) else { return 0 }
                return owner.hasCertificate ? 1 : -1
            }, nil)
        SSL_CTX_set_client_hello_cb(
            handle,
            { connection, _, _ in
                guard let connection, let owner = TLSConnection.owner(of: connection) else {
                    return SSL_CLIENT_HELLO_SUCCESS
                }
                owner.tieSessionToName()
                if owner.context.settings.digestsHellos { owner.digestHello() }
                return SSL_CLIENT_HELLO_SUCCESS
            }, nil)
        guard !settings.applicationProtocols.isEmpty else { return }
        SSL_CTX_set_alpn_select_cb(
            handle,
            { connection, out, count, offered, offeredCount, _ in
                guard let connection, let owner = TLSConnection.owner(of: connection), let offered else {
                    return SSL_TLSEXT_ERR_NOACK
                }
                let list = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
                guard let place = owner.context.choose(among: list) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                out?.pointee = offered + place + 1
                count?.pointee = offered[place]
                return SSL_TLSEXT_ERR_OK
            }, nil)
    }

    /// Where, in the client's list of names with their lengths, our first choice among them begins.
    private func choose(among offered: UnsafeBufferPointer<UInt8>) -> Int? {
        for name in settings.applicationProtocols {
            var place = 0
            while place < offered.count {
                let end = place + 1 + Int(offered[place])
                guard end <= offered.count else { break }
                if offered[(place + 1)..<end].elementsEqual(name.utf8) { return place }
                place = end
            }
        }
        return nil
    }

    private func setUpClient() throws(TLSFailure) {
        switch settings.trust {
        case .system, .anybody:
            guard SSL_CTX_set_default_verify_paths(handle) == 1 else {
                throw .openSSL("TLS", "the system has no roots")
            }
        case .roots(let roots):
            let store = SSL_CTX_get_cert_store(handle)
            for root in roots where X509_STORE_add_cert(store, root.handle) != 1 {
                throw .openSSL(root.subject, "cannot be trusted")
            }
        }
        if let identity = settings.identity, let leaf = identity.chain.first {
            guard SSL_CTX_use_certificate(handle, leaf.handle) == 1,
                SSL_CTX_use_PrivateKey(handle, identity.key.handle) == 1,
                identity.chain.dropFirst().allSatisfy({ mp_context_add_chain(handle, $0.handle) == 1 })
            else { throw .openSSL("TLS", "the client's certificate cannot be used") }
        }
        if resumes {
            SSL_CTX_sess_set_new_cb(handle) { connection, session in
                guard let connection, let session, let owner = TLSConnection.owner(of: connection) else { return 0 }
                owner.context.keep(session, owner.proof)
                return 1
            }
        }
        let isChecked = if case .anybody = settings.trust { false } else { true }
        SSL_CTX_set_verify(handle, isChecked ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        guard !settings.applicationProtocols.isEmpty else { return }
        let list = settings.applicationProtocols.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8) }
        // Zero is success here, unlike everywhere else.
        guard SSL_CTX_set_alpn_protos(handle, list, UInt32(list.count)) == 0 else {
            throw .openSSL("TLS", "the application protocols cannot be offered")
        }
    }
}
