// The page of figures for Prometheus, and one that says that the proxy lives: `/metrics` and `/healthz`, on a loop of the server.
//
// A page of another origin must not read it in the browser of somebody who can: a request is only answered when its Host field
// has an address, `localhost` or the name of this machine's listener, which a name that was bound anew to our address is not.

import Glibc
import MailRecording
import MailTLS

/// Answers on one listener.
package final class MetricsServer: Sendable {
    /// Requests at once; one more is closed at once.
    fileprivate static let limit = 64
    /// Seconds for a request to come, and for its answer to be taken.
    fileprivate static let patience = 10.0

    package let listener: Listener
    private let pages: @Sendable (String) -> HTTPResponse?

    /// - Parameter pages: makes the page of a path; nil when there is none.
    package init(_ address: SocketAddress, pages: @escaping @Sendable (String) -> HTTPResponse?) throws(SystemError) {
        listener = try Listener(address)
        self.pages = pages
    }

    /// Answers on `loop` from now on.
    func start(on loop: EventLoop, log: RuntimeLog) {
        let desk = MetricsDesk(listener, loop, pages)
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
    private var requests: [ObjectIdentifier: MetricsRequest] = [:]

    init(_ listener: Listener, _ loop: EventLoop, _ pages: @escaping (String) -> HTTPResponse?) {
        self.listener = listener
        self.loop = loop
        self.pages = pages
    }

    func start() throws(SystemError) {
        let acceptor = Acceptor(
            listener, on: loop, accepted: { descriptor, _ in self.accept(descriptor) }, exhausted: { _ in })
        try acceptor.start()
        self.acceptor = acceptor
    }

    private func accept(_ descriptor: Int32) {
        guard requests.count < MetricsServer.limit else {
            close(descriptor)
            return
        }
        let request = MetricsRequest(descriptor, loop, self)
        requests[ObjectIdentifier(request)] = request
        request.start()
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard let host = request.host else { return HTTPResponse(.badRequest, "one Host field is needed") }
        guard host == "localhost" || IPAddress(host) != nil else {
            return HTTPResponse(.misdirected, "ask for it by an address or as localhost")
        }
        guard request.method == "GET" || request.method == "HEAD" else { return HTTPResponse(.notAllowed) }
        return pages(request.path) ?? HTTPResponse(.notFound, "there are /metrics and /healthz")
    }

    func finished(_ request: MetricsRequest) { requests[ObjectIdentifier(request)] = nil }
}

/// A connection: one request, one answer.
private final class MetricsRequest: StreamOwner {
    private let desk: MetricsDesk
    private let loop: EventLoop
    private var stream: Stream?
    private var head: [UInt8] = []
    private var isAnswered = false
    private var isFinished = false

    init(_ descriptor: Int32, _ loop: EventLoop, _ desk: MetricsDesk) {
        self.desk = desk
        self.loop = loop
        stream = Stream(descriptor, on: loop, owner: self)
    }

    func start() {
        do { try stream?.start() } catch { return finish() }
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

    private func finish() {
        guard !isFinished else { return }
        isFinished = true
        stream?.close()
        desk.finished(self)
    }
}
