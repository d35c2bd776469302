// Names of routes and of rules, each looked up by a call that blocks. A name server that does not answer keeps a thread for as long as the
// call lasts, whatever number of sessions ask: so a name has one thread, and keeps nobody waiting but who asks for it.

import MailRecording
import Synchronization

/// Looks up the names of upstreams. Used by all loops.
final class RouteNames: Sendable {
    typealias Answer = Result<[SocketAddress], ResolverError>

    /// Threads: so many names without an answer do not keep another one waiting.
    static let threads = 16

    private struct Name: Hashable {
        let host: String
        let port: UInt16
    }

    /// Who waits for the names that are looked up.
    private let asking = Mutex<[Name: [@Sendable (Answer) -> Void]]>([:])
    private let pool: WorkerPool
    private let lookUp: @Sendable (String, UInt16) -> Answer

    /// - Parameter lookUp: the call that blocks.
    init(
        threads: Int = RouteNames.threads,
        lookUp: @escaping @Sendable (String, UInt16) -> Answer = { Resolver.addresses(of: $0, port: $1) }
    ) {
        pool = WorkerPool(threads: threads)
        self.lookUp = lookUp
    }

    /// Gives the addresses of a name to `then`, on a thread of ours. Whoever asks while the name is looked up gets the same answer.
    func find(_ host: String, _ port: UInt16, then: @escaping @Sendable (Answer) -> Void) {
        let name = Name(host: host, port: port)
        let isFirst = asking.withLock { asking in
            asking[name, default: []].append(then)
            return asking[name]?.count == 1
        }
        guard isFirst else { return }
        pool.submit { [self] in
            let answer = lookUp(host, port)
            for then in asking.withLock({ $0.removeValue(forKey: name) }) ?? [] { then(answer) }
        }
    }

    /// Names that are looked up.
    var count: Int { asking.withLock { $0.count } }

    /// Lets the threads end when the queue is empty.
    func stop() { pool.stop() }
}
