// One TLS connection as a machine without a socket: octets of the wire in, octets for the wire and the plaintext out. It runs
// on any event loop, and in tests on none.

import COpenSSL

/// One side of a TLS connection. Used by one thread at a time.
package final class TLSConnection {
    /// Where the connection stands.
    package enum State: Equatable {
        /// Successors: all others.
        case handshake
        /// The client has said whom it wants to speak to; ``present(_:key:)`` goes on. Successors: `handshake`, `failed`.
        case needsCertificate
        /// Successors: `ended`, `failed`.
        case open
        /// The peer said that it sends no more (RFC 8446 §6.1). We may.
        case ended
        case failed(TLSFailure)
    }

    /// What was agreed upon.
    package struct Facts: Equatable, Sendable {
        /// `TLSv1.3`.
        package var version: String
        /// `TLS_AES_256_GCM_SHA384`.
        package var cipher: String
        /// An earlier session was taken up.
        package var isResumed: Bool
        /// The application protocol (RFC 7301).
        package var applicationProtocol: String?
    }

    package let context: TLSContext
    /// Whom errors name: the host on the other side.
    private let peer: String
    private let handle: OpaquePointer
    private var carrier: UnsafeMutablePointer<mp_carrier>
    /// Octets of the wire that came and were not looked at yet; valid during a call of ``receive(_:room:_:)``.
    private var incoming = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Those that were left when nobody wanted more plaintext.
    private var held: [UInt8] = []
    private var isStopped = false
    private var outgoing: [UInt8] = []
    /// What was to be written before the handshake was over.
    private var early: [UInt8] = []
    package private(set) var state = State.handshake
    private(set) var hasCertificate = false
    private var mustEnd = false
    /// What the client of a server offers, in twelve hexadecimal digits: the same for the same program, whatever host it asks for.
    /// Nil before its first message, and without ``TLSSettings/digestsHellos``.
    package private(set) var helloDigest: String?
    /// What the session rests on that the server was offered to take up.
    private var resumed: TLSProof?

    /// One method for all connections.
    ///
    /// Unchecked: it is made once and only read.
    private struct Method: @unchecked Sendable { let handle = mp_carrier_method() }
    private static let method = Method()

    /// - Parameters:
    ///   - peer: a client's: the host that it wants to speak to, which the certificate must name. A server's: who called, for
    ///     errors.
    ///   - serverName: what a client asks for instead of `peer` (RFC 6066 §3); empty for nothing.
    package init(_ context: TLSContext, peer: String, serverName: String? = nil) throws(TLSFailure) {
        guard let handle = SSL_new(context.handle), let method = Self.method.handle else {
            throw .openSSL(peer, "no TLS connection can be made")
        }
        self.context = context
        self.peer = peer
        self.handle = handle
        carrier = .allocate(capacity: 1)
        carrier.initialize(
            to: mp_carrier(
                owner: Unmanaged.passUnretained(self).toOpaque(),
                read: { owner, room, count in
                    TLSConnection.at(owner).take(into: room, Int(count))
                },
                write: { owner, octets, count in
                    TLSConnection.at(owner).outgoing.append(
                        contentsOf: UnsafeRawBufferPointer(start: octets, count: Int(count)))
                }))
        guard mp_carry(handle, method, carrier) == 1 else { throw .openSSL(peer, "no TLS connection can be made") }
        if context.isServer { SSL_set_accept_state(handle) } else { try setUpClient(serverName) }
    }

    deinit {
        SSL_free(handle)
        carrier.deallocate()
    }

    private static func at(_ owner: UnsafeMutableRawPointer) -> TLSConnection {
        Unmanaged<TLSConnection>.fromOpaque(owner).takeUnretainedValue()
    }

    /// The connection of OpenSSL's.
    static func owner(of handle: OpaquePointer) -> TLSConnection? {
        guard let bio = SSL_get_rbio(handle), let data = BIO_get_data(bio) else { return nil }
        return at(data.assumingMemoryBound(to: mp_carrier.self).pointee.owner)
    }

    private func take(into room: UnsafeMutablePointer<CChar>, _ count: Int) -> Int32 {
        let part = min(count, incoming.count)
        guard part > 0, let source = incoming.baseAddress else { return 0 }
        UnsafeMutableRawPointer(room).copyMemory(from: source, byteCount: part)
        incoming = UnsafeRawBufferPointer(rebasing: incoming[part...])
        return Int32(part)
    }

    private func setUpClient(_ serverName: String?) throws(TLSFailure) {
        SSL_set_connect_state(handle)
        let name = CertificateName(peer)
        let parameters = SSL_get0_param(handle)
        switch name {
        case .dns(let host):
            X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            guard X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1 else {
                throw .openSSL(peer, "is no host that a certificate can name")
            }
        case .address(let octets):
            guard X509_VERIFY_PARAM_set1_ip(parameters, octets, octets.count) == 1 else {
                throw .openSSL(peer, "is no address that a certificate can name")
            }
        case nil: throw TLSFailure(peer, "is no host that a certificate can name")
        }
        // An address is never asked for (RFC 6066 §3).
        let asked: String? =
            if let serverName { serverName.isEmpty ? nil : serverName } else if case .dns(let host) = name { host } else
            { nil }
        if let asked { mp_set_server_name(handle, asked) }
        resumed = context.resume(handle)
    }

    // MARK: Octets

    /// Begins the handshake of a client; a server waits.
    package func start() { if !context.isServer { advance() } }

    /// Octets of the wire came.
    /// - Parameters:
    ///   - room: where plaintext is put.
    ///   - plain: gets each piece of plaintext, valid during the call. It may call ``write(_:)``. False when no more is wanted
    ///     for now; ``resume(room:_:)`` goes on.
    package func receive(
        _ octets: UnsafeRawBufferPointer, room: UnsafeMutableRawBufferPointer, _ plain: (UnsafeRawBufferPointer) -> Bool
    ) {
        guard held.isEmpty, !isStopped else { return held.append(contentsOf: octets) }
        read(octets, room, plain)
    }

    /// Plaintext may wait that nobody wanted so far.
    package var holdsBack: Bool { isStopped }

    /// More plaintext is wanted. What waits is given as if it came now.
    package func resume(room: UnsafeMutableRawBufferPointer, _ plain: (UnsafeRawBufferPointer) -> Bool) {
        guard isStopped else { return }
        isStopped = false
        let waiting = held
        held = []
        waiting.withUnsafeBytes { read($0, room, plain) }
    }

    private func read(
        _ octets: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer,
        _ plain: (UnsafeRawBufferPointer) -> Bool
    ) {
        incoming = octets
        defer {
            // A certificate that is still to come, or plaintext that is not wanted: the rest waits.
            if !incoming.isEmpty { held = [UInt8](incoming) + held }
            incoming = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        if state == .handshake {
            advance()
            // What stands behind the handshake is given when its owner knows that it is over, and may have stopped reading.
            if state == .open, !incoming.isEmpty || SSL_has_pending(handle) == 1 { isStopped = true }
        }
        while state == .open, !isStopped {
            let count = SSL_read(handle, room.baseAddress, Int32(clamping: room.count))
            guard count > 0 else { return judge(count) }
            if !plain(UnsafeRawBufferPointer(rebasing: room[..<Int(count)])) { isStopped = true }
        }
    }

    /// Plaintext for the peer. What comes before the handshake is over waits for it.
    package func write(_ octets: UnsafeRawBufferPointer) {
        switch state {
        case .handshake, .needsCertificate: early.append(contentsOf: octets)
        case .open, .ended: encrypt(octets)
        case .failed: return
        }
    }

    private func encrypt(_ octets: UnsafeRawBufferPointer) {
        var rest = octets
        while !rest.isEmpty {
            let count = SSL_write(handle, rest.baseAddress, Int32(clamping: rest.count))
            guard count > 0 else { return judge(count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        }
    }

    /// Octets for the wire. The caller gives them their room back by letting them go.
    package func takeOutput() -> [UInt8] {
        defer { outgoing = [] }
        return outgoing
    }

    package var hasOutput: Bool { !outgoing.isEmpty }

    /// Plaintext that waits for the end of the handshake.
    package var backlog: Int { early.count }

    /// Octets that OpenSSL keeps for a handshake: its buffers, the transcript, and what both sides have shown.
    private static let handshakeOctets = 32_768
    /// Octets that it keeps until a record is whole (RFC 8446 §5.2).
    private static let recordOctets = 16_384 + 256

    /// Octets that wait here for the peer to make a record or the handshake whole, for somebody who wants them, or for the wire. Of what
    /// OpenSSL keeps it is an estimate; a connection at rest has none.
    package var waiting: Int {
        switch state {
        case .handshake, .needsCertificate: Self.handshakeOctets + held.count + early.count + outgoing.count
        case .open, .ended: (keepsRecord ? Self.recordOctets : 0) + held.count + outgoing.count
        case .failed: 0
        }
    }

    /// OpenSSL has a part of a record, or only the head of one: it reads the body then.
    private var keepsRecord: Bool {
        SSL_has_pending(handle) == 1 || SSL_rstate_string(handle)?[1] == CChar(bitPattern: UInt8(ascii: "B"))
    }

    /// Says that we send no more, once all that was written is on its way (RFC 8446 §6.1).
    package func endOutput() {
        switch state {
        case .handshake, .needsCertificate: mustEnd = true
        case .open, .ended:
            SSL_shutdown(handle)
            ERR_clear_error()
        case .failed: return
        }
    }

    // MARK: The handshake

    /// The name that the client asks for (RFC 6066 §3), in lower case; nil when it names none.
    package var serverName: String? {
        SSL_get_servername(handle, TLSEXT_NAMETYPE_host_name).map { String(cString: $0).lowercased() }
    }

    /// The certificate that a server shows, with those that lead to one the client trusts, and its key. The handshake goes on.
    package func present(_ chain: [Certificate], key: PrivateKey) {
        guard let leaf = chain.first, SSL_use_certificate(handle, leaf.handle) == 1,
            SSL_use_PrivateKey(handle, key.handle) == 1,
            chain.dropFirst().allSatisfy({ mp_add_chain(handle, $0.handle) == 1 })
        else { return fail(.openSSL(peer, "the certificate cannot be used", advice: "give a key that fits it")) }
        hasCertificate = true
        guard state == .needsCertificate else { return }
        state = .handshake
        advance()
        // What came meanwhile is looked at when its reader says so.
        if !held.isEmpty { isStopped = true }
    }

    private func advance() {
        let result = SSL_do_handshake(handle)
        guard result == 1 else { return judge(result) }
        if let failure = missingPin { return fail(failure) }
        state = .open
        let waiting = early
        early = []
        waiting.withUnsafeBytes { encrypt($0) }
        if mustEnd { endOutput() }
    }

    private var missingPin: TLSFailure? {
        guard !context.isServer, !context.settings.pins.isEmpty else { return nil }
        let pins = peerChain.map(\.keyPin)
        if pins.contains(where: context.settings.pins.contains) { return nil }
        var failure = TLSFailure(
            peer, "shows no key that is pinned",
            advice: "its own has the pin \(pins.first?.hex ?? "-"); pin that if you are sure of it")
        failure.kind = .untrusted
        return failure
    }

    private func judge(_ result: Int32) {
        switch SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: ERR_clear_error()
        case SSL_ERROR_WANT_X509_LOOKUP:
            ERR_clear_error()
            state = .needsCertificate
        case SSL_ERROR_ZERO_RETURN: state = .ended
        default: fail(reason)
        }
    }

    /// Why the handshake, or the connection, failed.
    private var reason: TLSFailure {
        let verdict = SSL_get_verify_result(handle)
        if !context.isServer, verdict != X509_V_OK, state == .handshake,
            let text = X509_verify_cert_error_string(verdict)
        {
            ERR_clear_error()
            var failure = TLSFailure(
                peer, "its certificate is not to be trusted: \(String(cString: text))",
                advice: "give its root with 'ca=FILE', or do without the check with 'verify=off'")
            failure.kind = .untrusted
            return failure
        }
        guard state == .handshake else { return .openSSL(peer, "the TLS connection broke") }
        switch ERR_GET_REASON(ERR_peek_error()) {
        // What clients say who do not know the authority (RFC 8446 §6.2).
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
            if context.isServer {
                return .openSSL(
                    peer, "it does not trust the certificate that it was shown", advice: context.settings.distrustAdvice
                )
            }
        default: break
        }
        return .openSSL(peer, "no TLS was agreed upon")
    }

    private func fail(_ failure: TLSFailure) {
        if state == .handshake { context.forgetSession() }
        early = []
        held = []
        ERR_clear_error()
        state = .failed(failure)
    }

    /// A session is not taken up by a client that asks for another name than it did then (RFC 6066 §3): it was shown a certificate for
    /// that one. Called while OpenSSL has the client's first message at hand, before it looks for a session.
    func tieSessionToName() {
        var octets: UnsafePointer<UInt8>?
        var count = 0
        // The extension as it came: who writes the same name otherwise has a full handshake, no more.
        guard SSL_client_hello_get0_ext(handle, UInt32(TLSEXT_TYPE_server_name), &octets, &count) == 1, let octets
        else {
            return
        }
        var digest = [UInt8](repeating: 0, count: Int(SSL_MAX_SID_CTX_LENGTH))
        guard EVP_Digest(octets, count, &digest, nil, EVP_sha256(), nil) == 1 else { return }
        SSL_set_session_id_context(handle, digest, UInt32(digest.count))
    }

    /// Looks at the client's first message, which OpenSSL has at hand now: its ciphers and extensions, sorted, since some programs
    /// shuffle them. Left out is what differs from connection to connection: values that stand for nothing (RFC 8701), the name
    /// of the host, padding, and what takes up an earlier session.
    func digestHello() {
        var octets: UnsafePointer<UInt8>?
        let count = SSL_client_hello_get0_ciphers(handle, &octets)
        let list = UnsafeBufferPointer(start: octets, count: octets == nil ? 0 : count)
        var numbers = stride(from: 0, to: list.count - list.count % 2, by: 2).map {
            UInt16(list[$0]) << 8 | UInt16(list[$0 + 1])
        }
        numbers = numbers.filter { !Self.isGrease($0) }.sorted()
        // What parts the two lists is no extension that anybody sends.
        numbers.append(0xFFFF)
        var present: UnsafeMutablePointer<Int32>?
        var presentCount = 0
        if SSL_client_hello_get1_extensions_present(handle, &present, &presentCount) == 1, let present {
            let kinds = UnsafeBufferPointer(start: present, count: presentCount).map { UInt16(truncatingIfNeeded: $0) }
            // server_name, padding, pre_shared_key, session_ticket, early_data.
            numbers += kinds.filter { !Self.isGrease($0) && ![0, 21, 41, 35, 42].contains($0) }.sorted()
            CRYPTO_free(present, nil, 0)
        }
        let message = numbers.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_Digest(message, message.count, &digest, nil, EVP_sha256(), nil) == 1 else { return }
        helloDigest = Array(digest.prefix(6)).hex
    }

    private static func isGrease(_ number: UInt16) -> Bool { number & 0x0F0F == 0x0A0A && number >> 8 == number & 0xFF }

    // MARK: What was agreed upon

    /// Nil before the handshake is over.
    package var facts: Facts? {
        guard SSL_is_init_finished(handle) == 1 else { return nil }
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(handle, &name, &count)
        return Facts(
            version: String(cString: SSL_get_version(handle)),
            cipher: SSL_CIPHER_get_name(SSL_get_current_cipher(handle)).map { String(cString: $0) } ?? "",
            isResumed: SSL_session_reused(handle) == 1,
            applicationProtocol: name.map {
                String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self)
            })
    }

    /// The certificates that the peer sent, its own first. A server's is at hand as soon as the handshake is over.
    package var peerChain: [Certificate] {
        var chain: [Certificate] = []
        while chain.count < 100, let found = mp_peer_certificate(handle, Int32(chain.count)) {
            X509_up_ref(found)
            chain.append(Certificate(found))
        }
        return chain
    }

    /// What the server has shown: now, or when the session began that it took up.
    var proof: TLSProof {
        if SSL_session_reused(handle) == 1, let resumed { return resumed }
        return TLSProof(chain: peerChain, time: context.settings.clock())
    }

    /// What is wrong with the peer's certificate, also when it was not asked for (``TLSSettings/Trust/anybody``); nil when it is
    /// good.
    package var distrust: String? {
        let verdict = SSL_get_verify_result(handle)
        return verdict == X509_V_OK ? nil : X509_verify_cert_error_string(verdict).map { String(cString: $0) }
    }
}
