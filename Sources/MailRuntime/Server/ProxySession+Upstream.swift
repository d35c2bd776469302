// How a proxied session comes to its upstream, and what it says there before the client hears anything: a PROXY header, and who the
// client is. TLS is in ProxySession+TLS.swift.

import Glibc
import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    // MARK: The way to the upstream

    /// Goes on with a connection that stands already.
    func takeUpstream() {
        guard let server else { return finish(.reset) }
        do { try server.start() } catch { return finish(.reset) }
        connected(server)
    }

    func resolve(_ host: String, _ port: UInt16) {
        let loop = context.loop
        let box = Confined(self)
        context.core.resolvers.submit {
            let result = Resolver.addresses(of: host, port: port)
            loop.post {
                guard box.value.phase == .connecting else { return }
                switch result {
                case .success(let addresses): box.value.connect(addresses)
                case .failure(let error): box.value.unavailable(error.description)
                }
            }
        }
    }

    func connect(path: String) {
        do throws(SystemError) {
            let stream = Stream(try LocalSocket.connect(to: path), on: context.loop, owner: self, connecting: true)
            server = stream
            try stream.start()
        } catch {
            server = nil
            unavailable("unix:\(path): \(error.reason)")
        }
    }

    func connect(_ addresses: [SocketAddress]) {
        candidates = addresses
        tryNext(nil)
    }

    func tryNext(_ last: SystemError?) {
        guard !candidates.isEmpty else {
            return unavailable("\(info.upstream.map(\.description) ?? "upstream"): \(last?.reason ?? "no address")")
        }
        let address = candidates.removeFirst()
        info.upstream = address
        do {
            let stream = Stream(try address.connectSocket(), on: context.loop, owner: self, connecting: true)
            server = stream
            try stream.start()
            // The timer keeps the session until it is cancelled, which happens in every case: a weak reference would make
            // each later use of the session go through a table beside it.
            timer = context.loop.schedule(after: context.core.times.connect) { [self] in
                guard phase == .connecting, server === stream else { return }
                stream.close()
                tryNext(SystemError("connect", code: ETIMEDOUT))
            }
        } catch {
            server = nil
            tryNext(error)
        }
    }

    func connected(_ stream: Stream) {
        guard phase == .connecting, stream === server else { return }
        if let version = target.introduction.header {
            // The ends of the client's connection, as far as they have addresses.
            let ends = info.way?.kind == .unix ? nil : ProxyHeader.Ends(client: info.client, server: info.server)
            stream.write(ProxyHeader(version: version, ends: ends).octets)
        }
        switch security?.beginning {
        case .implicit: secureUpstream()
        case .starttls:
            secrecy.upgrade = UpstreamUpgrade(info.mailProtocol, name: context.core.settings.hostName)
            awaitFirstWords()
        case .mirrored, nil: upstreamIsReady()
        }
    }

    /// The upstream's handshake is over, or it has none.
    func upstreamIsReady() {
        guard let client else { return }
        if introduces() { return }
        cancelTimer()
        if security?.isImplicit == true { return awaitClient() }
        // Nothing is asked of the client's socket before: a new one would tell at once that it can be written.
        do { try client.start() } catch { return finish(.reset) }
        begin()
    }

    // MARK: Who the client is

    /// Begins to tell the upstream who the client is. False when there is nothing to tell, or it was told.
    func introduces() -> Bool {
        guard introduction.means != nil, secrecy.introduction == nil, info.way?.kind != .unix else { return false }
        let kept = Kept(
            UpstreamIntroduction(
                info.mailProtocol, name: context.core.settings.hostName, client: info.client, server: info.server))
        secrecy.introduction = kept
        awaitIntroduction()
        if !secrecy.greeting.isEmpty { advance(kept.value.begin(greeting: secrecy.greeting)) }
        return true
    }

    private func awaitIntroduction() {
        allow(context.core.times.firstWords) { [self] in lateInConnecting("it does not answer before its greeting") }
    }

    func introduce(_ octets: UnsafeRawBufferPointer) {
        guard let kept = secrecy.introduction else { return }
        advance(kept.value.receive(octets))
    }

    private func advance(_ step: UpstreamIntroduction.Step) {
        switch step {
        case .more: break
        case .send(let words):
            server?.write(words)
            awaitIntroduction()
        case .done(let greeting, let complaint):
            if let complaint {
                context.core.log.warning(
                    "\(info.id) \(info.route): \(security?.host ?? "upstream"): \(complaint); it is not told who the client is"
                )
            }
            secrecy.greeting = greeting
            upstreamIsReady()
        case .failed(let reason): lateInConnecting(reason)
        }
    }
}
