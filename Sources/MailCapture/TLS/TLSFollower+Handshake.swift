// The messages of a handshake, and the keys that they lead to (RFC 8446 §4 and §7, RFC 5246 §7).

import MailDialogue
import MailRecording

extension TLSFollower {
    mutating func handshake(_ content: ArraySlice<UInt8>, _ side: Side) {
        self[side].message += content
        while self[side].message.count >= 4, !self[side].isLost {
            let message = self[side].message
            let length = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
            guard length <= Self.longestMessage else { return stop(side) }
            guard message.count >= length else { return }
            self[side].message = Array(message[length...])
            take(message: message[0], message[4..<length], side)
        }
    }

    /// Message types of RFC 8446 §4 and RFC 5246 §7.4.
    private mutating func take(message type: UInt8, _ body: ArraySlice<UInt8>, _ side: Side) {
        switch (type, side) {
        case (1, .client): take(hello: body)
        case (2, .server): take(choice: body)
        case (8, .server): encryptedExtensions(body)
        case (11, .client): observation.clientCertificates = CertificateReader.chain(body, isTLS13: isTLS13)
        case (11, .server): observation.certificates = CertificateReader.chain(body, isTLS13: isTLS13)
        case (14, .server):
            sawDone = true
            settle()
        case (20, _) where isTLS13:
            // Finished: what follows is protected with the secrets of the session (RFC 8446 §4.4.4).
            if let opener = applicationOpener(side) { enterApplication(side, opener) } else { stop(side) }
            if side == .server { settle() }
        case (24, _) where isTLS13 && self[side].isApplication: updateKey(side)
        default: break
        }
    }

    private mutating func take(hello body: ArraySlice<UInt8>) {
        guard let read = SeenClientHello(body) else {
            isForeign = hello == nil && choice == nil
            return stop(.client)
        }
        let isFirst = hello == nil
        hello = read
        if let keys { secrets = keys.secrets(of: read.random) }
        if secrets == nil, reading == .undecided { reading = .sealed }
        // A second one answers a HelloRetryRequest, or begins a handshake within the session.
        guard isFirst else { return }
        observation.offeredVersions = read.offeredVersions.map { SeenTLSVersion($0) }
        observation.offeredCiphers = read.ciphers.filter { !CipherSuite.isGrease($0) }.map {
            CipherSuite(code: $0).name
        }
        observation.serverName = read.serverName
        observation.offeredProtocols = read.applicationProtocols.map { String(decoding: $0, as: UTF8.self) }
        observation.ja3 = TLSFingerprint.ja3(read)
        observation.ja4 = TLSFingerprint.ja4(read)
    }

    private mutating func take(choice body: ArraySlice<UInt8>) {
        guard let read = SeenServerHello(body) else { return stop(.server) }
        observation.version = SeenTLSVersion(read.version)
        if read.isRetry { return }
        choice = read
        let suite = CipherSuite(code: read.cipher)
        observation.cipher = suite.name
        if observation.ja3s == nil { observation.ja3s = TLSFingerprint.ja3s(read) }
        if let name = read.applicationProtocol { observation.chosenProtocol = String(decoding: name, as: UTF8.self) }
        openers = nil
        sawDone = false
        if isTLS13 {
            observation.isResumed = read.extensions.contains(TLSExtension.preSharedKey)
            protect(suite)
        } else if let hello, let master = secrets?[.master] {
            openers = RecordOpener.pair(
                master: master, clientRandom: hello.random, serverRandom: read.random, suite: suite,
                version: read.version, encryptThenMAC: read.extensions.contains(TLSExtension.encryptThenMAC))
            decide(openers != nil)
        } else {
            decide(false)
        }
    }

    private mutating func decide(_ canOpen: Bool) {
        if reading == .undecided { reading = canOpen ? .open : .sealed }
        if reading == .open { observation.isDecrypted = true }
    }

    /// Both sides of TLS 1.3 send under handshake keys from here on.
    private mutating func protect(_ suite: CipherSuite) {
        let pairs: [(Side, TLSKeyLog.Label)] = [(.client, .clientHandshake), (.server, .serverHandshake)]
        for (side, label) in pairs {
            self[side].isProtected = true
            self[side].number = 0
            self[side].message = []
            if let secret = secrets?[label] { self[side].opener = RecordOpener(secret: secret, suite: suite) }
        }
        decide(applicationOpener(.client) != nil && applicationOpener(.server) != nil)
        if reading != .open { settle() }
    }

    func applicationOpener(_ side: Side) -> RecordOpener? {
        guard let choice, let secret = secrets?[side == .client ? .clientTraffic : .serverTraffic] else { return nil }
        return RecordOpener(secret: secret, suite: CipherSuite(code: choice.cipher))
    }

    mutating func enterApplication(_ side: Side, _ opener: RecordOpener) {
        self[side].opener = opener
        self[side].secret = secrets?[side == .client ? .clientTraffic : .serverTraffic] ?? []
        self[side].number = 0
        self[side].isApplication = true
        self[side].message = []
    }

    /// The next generation of keys (RFC 8446 §7.2).
    private mutating func updateKey(_ side: Side) {
        guard let choice else { return }
        let suite = CipherSuite(code: choice.cipher)
        self[side].secret = TLSSchedule.expand(self[side].secret, "traffic upd", suite.hash.length, suite.hash)
        self[side].opener = RecordOpener(secret: self[side].secret, suite: suite)
        self[side].number = 0
    }

    /// The protocol that the server chose (RFC 7301 §3.1) stands here in TLS 1.3.
    private mutating func encryptedExtensions(_ body: ArraySlice<UInt8>) {
        var fields = TLSFields(body)
        var items = TLSFields(fields.vector(2) ?? [])
        while let kind = items.code(), let data = items.vector(2) {
            guard kind == TLSExtension.applicationProtocols else { continue }
            var value = TLSFields(data)
            if let name = SeenServerHello.chosen(&value) {
                observation.chosenProtocol = String(decoding: name, as: UTF8.self)
            }
        }
    }

    /// Of TLS 1.2 and before: what follows of this side is protected (RFC 5246 §7.1).
    mutating func changeCipher(_ side: Side) {
        if isTLS13 { return }
        self[side].isProtected = true
        self[side].number = 0
        self[side].message = []
        self[side].opener = side == .client ? openers?.client : openers?.server
        guard side == .server else { return }
        if choice != nil, !sawDone { observation.isResumed = true }
        settle()
    }
}
