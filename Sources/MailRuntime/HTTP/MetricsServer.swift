// The page of figures for Prometheus, and one that says that the proxy lives: `/metrics` and `/healthz`, on a loop of the server.
//
// A page of another origin must not read it in the browser of somebody who can: a request is only answered when its Host field
// has an address, `localhost` or a name that the operator has given, which a name that was bound anew to our address is not. Without
// that field only HTTP/1.0 is answered, which no browser speaks; and no field that only browsers send may stand in it.

import Glibc
import MailRecording
import MailTLS

/// Answers on one listener.
package final class MetricsServer: Sendable {
    /// Connections at once, and of one address. Beyond it the one that has kept silent for the longest makes room.
    static let limit = 256
    static let limitPerAddress = 32
    /// Seconds for a request to come: who reads figures asks at once.
    static let headPatience = 2.0
    /// Seconds for the answer to be taken.
    fileprivate static let patience = 10.0

    package let listener: Listener
    private let hosts: Set<String>
    private let pages: @Sendable (String) -> HTTPResponse?

    /// - Parameters:
    ///   - hosts: names by which it may be asked for, beside addresses and `localhost`.
    ///   - pages: makes the page of a path; nil when there is none.
    package init(
        _ address: SocketAddress, hosts: [String] = [], pages: @escaping @Sendable (String) -> HTTPResponse?
    ) throws(SystemError) {
        listener = try Listener(address)
        self.hosts = Set(hosts.map { $0.lowercased() })
        self.pages = pages
    }

    /// Answers on `loop` from now on.
    func start(on loop: EventLoop, log: RuntimeLog) {
        let desk = MetricsDesk(listener, loop, hosts, pages)
        do {
            try desk.start()
        } catch {
            log.error("metrics on \(listener.address): \(error)")
        }
    }
}

/// The part of it that lives on the loop. The loop keeps it.
private final class MetricsDesk {
    private let loop: EventLoop
    private let pages: (String) -> HTTPResponse?
    private let listener: Listener
    private var acceptor: Acceptor?
    private let hosts: Set<String>
    private var requests: [ObjectIdentifier: MetricsRequest] = [:]
    /// Those that were begun, oldest first.
    private var order: [ObjectIdentifier] = []

    init(_ listener: Listener, _ loop: EventLoop, _ hosts: Set<String>, _ pages: @escaping (String) -> HTTPResponse?) {
        self.listener = listener
        self.loop = loop
        self.hosts = hosts
        self.pages = pages
    }

    func start() throws(SystemError) {
        let acceptor = Acceptor(
            listener, on: loop, accepted: { descriptor, client in self.accept(descriptor, client.ip) },
            exhausted: { _ in })
        try acceptor.start()
        self.acceptor = acceptor
    }

    private func accept(_ descriptor: Int32, _ client: IPAddress) {
        makeRoom(for: client)
        guard requests.count < MetricsServer.limit else {
            close(descriptor)
            return
        }
        let request = MetricsRequest(descriptor, client, loop, self)
        requests[ObjectIdentifier(request)] = request
        order.append(ObjectIdentifier(request))
        request.start()
    }

    /// Who has not asked yet makes room for who may: of the same address when that has its share, else whoever it is.
    private func makeRoom(for client: IPAddress) {
        let own = order.filter { requests[$0]?.client == client }
        if own.count >= MetricsServer.limitPerAddress {
            own.lazy.compactMap { self.requests[$0] }.first { $0.isSilent }?.finish()
        }
        if requests.count >= MetricsServer.limit {
            order.lazy.compactMap { self.requests[$0] }.first { $0.isSilent }?.finish()
        }
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard request.isWithoutHost ? request.version == "HTTP/1.0" && !request.isOfBrowser : request.host != nil else {
            return HTTPResponse(.badRequest, "one Host field is needed")
        }
        if let host = request.host, host != "localhost", IPAddress(host) == nil, !hosts.contains(host) {
            return HTTPResponse(.misdirected, "ask for it by an address, as localhost, or by a name of metrics.hosts")
        }
        guard request.method == "GET" || request.method == "HEAD" else { return HTTPResponse(.notAllowed) }
        return pages(request.path) ?? HTTPResponse(.notFound, "there are /metrics and /healthz")
    }

    func finished(_ request: MetricsRequest) {
        requests[ObjectIdentifier(request)] = nil
        order.removeAll { $0 == ObjectIdentifier(request) }
    }
}

/// A connection: one request, one answer.
private final class MetricsRequest: StreamOwner {
    private let desk: MetricsDesk
    private let loop: EventLoop
    private var stream: Stream?
    private var head: [UInt8] = []
    private var isAnswered = false
    private var isFinished = false
    let client: IPAddress
    /// It has not asked for anything yet.
    var isSilent: Bool { !isAnswered }

    init(_ descriptor: Int32, _ client: IPAddress, _ loop: EventLoop, _ desk: MetricsDesk) {
        self.desk = desk
        self.client = client
        self.loop = loop
        stream = Stream(descriptor, on: loop, owner: self)
    }

    func start() {
        do { try stream?.start() } catch { return finish() }
        loop.schedule(after: MetricsServer.headPatience) { [weak self] in
            guard let self, !self.isAnswered else { return }
            self.finish()
        }
        loop.schedule(after: MetricsServer.patience) { [weak self] in self?.finish() }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on stream: Stream) {
        // What stands behind the request is nobody's.
        guard !isAnswered else { return }
        head += bytes.prefix(HTTPRequest.limit)
        switch HTTPRequest.read(head) {
        case .more: break
        case .request(let request): reply(desk.answer(request), withBody: request.method != "HEAD")
        case .bad(let status): reply(HTTPResponse(status), withBody: true)
        }
    }

    private func reply(_ response: HTTPResponse, withBody: Bool) {
        isAnswered = true
        head = []
        stream?.write(response.octets(withBody: withBody))
        stream?.endOutput()
    }

    /// The client's end is awaited, so that our answer is not lost to a reset.
    func ended(_ stream: Stream) { if isAnswered, stream.backlog > 0 { stream.endOutput() } else { finish() } }
    func drained(_ stream: Stream) { if stream.hasEnded, stream.backlog == 0 { finish() } }
    func failed(_ stream: Stream, _ error: SystemError) { finish() }
    func connected(_ stream: Stream) {}
    func secured(_ stream: Stream, _ tls: TLSConnection) {}
    func needsCertificate(_ stream: Stream, _ tls: TLSConnection) {}

    func finish() {
        guard !isFinished else { return }
        isFinished = true
        stream?.close()
        desk.finished(self)
    }
}
