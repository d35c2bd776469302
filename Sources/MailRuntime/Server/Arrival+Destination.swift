// Clients that say, or show, where they want to go: their server is called before the session begins, so that SOCKS can answer with
// what came of it, and so that the greeting can tell the protocol on a port that no protocol has.

import Glibc
import MailDialogue
import MailRecording
import MailSessions

extension Arrival {
    // MARK: Where to

    /// A connection that the kernel turned to us.
    func takeTurned() {
        if context.core.ownEnds.contains(peer) {
            return giveUp(
                "this is our own connection to a server, turned back to us; let the rule that turns connections leave out ours"
            )
        }
        guard let wanted = SocketAddress.original(of: client.descriptor, isIPv6: local.address.isIPv6), wanted != local
        else {
            return giveUp("it came to the listener itself, so nothing says where it wants to go")
        }
        call(SOCKSServer.Destination(host: .address(wanted.address), port: wanted.port), .transparent)
    }

    func call(_ wanted: SOCKSServer.Destination, _ kind: ClientWay.Kind) {
        phase = .connecting
        destination = wanted
        switch wanted.host {
        case .address(let address):
            info.way = ClientWay(kind, peer: info.way?.peer)
            candidates = [SocketAddress(address, wanted.port)]
            tryNext(nil)
        case .name(let name):
            info.way = ClientWay(kind, peer: info.way?.peer, destination: wanted.description)
            allow(context.core.times.connect)
            let loop = context.loop
            let box = Confined(self)
            let isTaken = context.core.names.submit(for: info.client.ip) {
                let result = Resolver.addresses(of: name, port: wanted.port)
                loop.post {
                    guard box.value.phase == .connecting, box.value.server == nil else { return }
                    switch result {
                    case .success(let addresses):
                        box.value.candidates = addresses
                        box.value.tryNext(nil)
                    case .failure(let error): box.value.unreachable(error.description, .hostUnreachable)
                    }
                }
            }
            if !isTaken { unreachable("\(info.client.ip) has asked for too many names at once", .general) }
        }
    }

    // MARK: Calling

    private func tryNext(_ last: SystemError?) {
        guard !candidates.isEmpty else {
            return unreachable(
                "\(destination?.description ?? ""): \(last?.reason ?? "no address")", last.map(Self.failure) ?? .general
            )
        }
        let address = candidates.removeFirst()
        if service.isOwn(address) {
            return unreachable("\(address) is a listener of ours, a loop", .notAllowed)
        }
        info.server = address
        info.upstream = address
        do throws(SystemError) {
            let (descriptor, entry) = try context.core.ownEnds.connect(to: address)
            let watch = Watch(descriptor, on: context.loop)
            watch.owner = self
            server = watch
            ownEnd = entry
            try watch.start(writes: true)
            allow(context.core.times.connect)
        } catch {
            attemptFailed(error)
        }
    }

    func attemptFailed(_ error: SystemError) {
        server?.close()
        server = nil
        ownEnd = nil
        tryNext(error)
    }

    func settleConnection() {
        switch server?.connection {
        case nil: return
        case .failure(let error): return attemptFailed(error)
        case .success: break
        }
        guard let server, let destination else { return finish() }
        if entrance.kind == .socks5 {
            let end = SocketAddress.local(of: server.descriptor) ?? SocketAddress(IPAddress(v4: 0), 0)
            guard client.send(SOCKSServer.granted(from: end)) else { return finish() }
        }
        if let known, !known.implicitTLS || destination.name != nil {
            return begin(known.0, isImplicit: known.implicitTLS, host: nil)
        }
        // Under TLS to an address the client alone can say which name the certificate has to have.
        phase = .recognising
        allow(context.core.times.arrival)
        recognise()
    }

    /// What the port of the destination says.
    private var known: (MailProtocol, implicitTLS: Bool)? { destination.flatMap { MailProtocol.ofPort($0.port) } }

    /// No server answers. Who came by SOCKS hears so in its words, others in those of their protocol where that is known.
    func unreachable(_ reason: String, _ failure: SOCKSServer.Failure) {
        if entrance.kind == .socks5 { return leave(SOCKSServer.refusal(failure), reason) }
        guard let (mailProtocol, isImplicit) = known, failure != .notAllowed else { return giveUp(reason) }
        info.mailProtocol = mailProtocol
        let security = service.security(mailProtocol, isImplicit: isImplicit)
        begin(UpstreamTarget(.unreachable(info.upstream, reason: reason), security, service.route.introduction))
    }

    /// What SOCKS calls it (RFC 1928 §6).
    private static func failure(_ error: SystemError) -> SOCKSServer.Failure {
        switch error.code {
        case ECONNREFUSED: .connectionRefused
        case ENETUNREACH, ENETDOWN: .networkUnreachable
        case EHOSTUNREACH, EHOSTDOWN, ETIMEDOUT: .hostUnreachable
        case EACCES, EPERM: .notAllowed
        case EAFNOSUPPORT: .addressTypeNotSupported
        default: .general
        }
    }

    // MARK: Which protocol

    /// Both sides are looked at: under TLS the client speaks first, in clear the server.
    func recognise() {
        let first: FirstOctets
        switch client.look(FirstOctets.longest) {
        case .octets(let octets): first = FirstOctets(of: octets[...])
        case .last(let octets):
            if octets.isEmpty { return finish() }
            first = FirstOctets(of: octets[...], all: true)
        case .failed: return finish()
        }
        switch first {
        case .tls(let hello):
            guard let mailProtocol = known?.0 ?? hello.mailProtocol ?? entrance.mailProtocol, mailProtocol != .lmtp
            else {
                return giveUp(
                    "it begins TLS with \(destination?.description ?? "a server"), and neither the port nor the client says which protocol is in it"
                )
            }
            begin(mailProtocol, isImplicit: true, host: hello.serverName)
        case .undecided, .clear:
            // Where TLS is due it is for TLS to say that this is none.
            if let known, first == .clear { return begin(known.0, isImplicit: known.implicitTLS, host: nil) }
            if known == nil { recogniseGreeting() }
        }
    }

    private func recogniseGreeting() {
        let octets: [UInt8]
        switch server?.look(4) {
        case .octets(let seen): octets = seen
        case .last(let seen):
            guard seen.count == 4 else { return finish() }
            octets = seen
        case .failed, nil: return finish()
        }
        if let found = MailProtocol(greeting: octets[...]) {
            begin(entrance.mailProtocol ?? found, isImplicit: false, host: nil)
        } else if octets.count >= 4 {
            giveUp("\(destination?.description ?? "the server") does not greet as a mail server does")
        }
    }

    /// - Parameter host: the name that the client asks for; nil when it says none.
    private func begin(_ mailProtocol: MailProtocol, isImplicit: Bool, host: String?) {
        guard let server, let address = info.upstream, let destination else { return finish() }
        info.mailProtocol = mailProtocol
        let name = destination.name ?? host ?? address.host
        let security = service.security(mailProtocol, isImplicit: isImplicit)?.aimed(at: name)
        let descriptor = server.release()
        self.server = nil
        begin(
            UpstreamTarget(.connected(descriptor, address), security, service.route.introduction, ownEnd: ownEnd))
    }
}

extension SOCKSServer.Destination {
    /// The name, when it is no address.
    var name: String? {
        switch host {
        case .address: nil
        case .name(let name): name
        }
    }
}
