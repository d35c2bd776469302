// A file of credentials as it is used: who may log in, and what the upstream gets. Passwords are compared and commands run on threads that
// may block.

import MailDialogue
import MailSessions

/// Who may log in through a route. Used by all loops.
package final class CredentialBook: Sendable {
    /// An entry of the file.
    package struct Item: Equatable, Sendable {
        package let entry: LoginBook.Entry
        package let token: TokenSource?

        package init(_ entry: LoginBook.Entry, token: TokenSource? = nil) {
            self.entry = entry
            self.token = token
        }
    }

    /// What became of a login.
    enum Outcome: Sendable {
        case refused
        case granted(UpstreamCredential, entry: Int)
        case unavailable(String)
    }

    /// Commands that run at once.
    private static let commands = 4

    private let book: LoginBook
    private let keepers: [TokenKeeper?]
    /// For commands only, so that slow ones keep nobody else waiting; nil when there are none.
    private let pool: WorkerPool?
    private let programs = RunningPrograms()

    package init(_ items: [Item]) {
        book = LoginBook(items.map(\.entry))
        let programs = programs
        keepers = items.map { $0.token.map { TokenKeeper($0, among: programs) } }
        pool = keepers.contains { $0 != nil } ? WorkerPool(threads: Self.commands) : nil
    }

    deinit {
        // Nobody waits for a token any more.
        programs.stop()
        pool?.stop()
    }

    /// Ends the commands that run. None is run any more.
    func stop() { programs.stop() }

    /// How many may log in.
    package var count: Int { book.entries.count }

    /// Checks a login. `done` comes from any thread.
    func check(_ login: ClientCredential, on workers: WorkerPool, _ done: @escaping @Sendable (Outcome) -> Void) {
        workers.submit { [self] in
            guard let index = book.entry(for: login) else { return done(.refused) }
            give(index, insteadOf: nil, done)
        }
    }

    /// Another token for the one that was refused. `refused` when there is none.
    func renew(_ index: Int, _ refused: UpstreamCredential, _ done: @escaping @Sendable (Outcome) -> Void) {
        guard keepers.indices.contains(index), keepers[index] != nil, case .token(let token, _) = refused.proof else {
            return done(.refused)
        }
        give(index, insteadOf: token) { outcome in
            guard case .granted(var credential, let entry) = outcome else { return done(outcome) }
            // Asked for once more, and not for ever.
            credential.isRenewable = false
            done(credential.proof == refused.proof ? .refused : .granted(credential, entry: entry))
        }
    }

    private func give(
        _ index: Int, insteadOf refused: SecretBytes?, _ done: @escaping @Sendable (Outcome) -> Void
    ) {
        let entry = book.entries[index]
        if let password = entry.upstreamPassword {
            return done(.granted(UpstreamCredential(account: entry.account, proof: .password(password)), entry: index))
        }
        guard let keeper = keepers[index], let pool else { return done(.unavailable("there is no token")) }
        keeper.token(insteadOf: refused, on: pool) { result in
            switch result {
            case .success(let token):
                var credential = UpstreamCredential(
                    account: entry.account, proof: .token(token, keeper.source.bearer))
                credential.isRenewable = true
                done(.granted(credential, entry: index))
            case .failure(let failure): done(.unavailable("token of '\(entry.user)': \(failure.reason)"))
            }
        }
    }
}

/// What logins of the routes need beside the routes themselves.
package struct RouteLogins: Sendable {
    /// The files of credentials, by their paths.
    package var books: [String: CredentialBook]
    /// The upstreams that rules may choose, each as a route to it.
    package var targets: [Route]

    package init(books: [String: CredentialBook] = [:], targets: [Route] = []) {
        self.books = books
        self.targets = targets
    }

    /// The upstreams by their texts.
    func places(_ security: [String: RouteSecurity]) -> [String: UpstreamTarget] {
        var found: [String: UpstreamTarget] = [:]
        for route in targets { found[route.text] = UpstreamTarget(route, security[route.key], books) }
        return found
    }
}

extension UpstreamTarget {
    /// Where a route leads.
    convenience init(_ route: Route, _ security: RouteSecurity?, _ books: [String: CredentialBook]) {
        self.init(
            UpstreamAddress(route), security, route.introduction,
            credentials: route.credentials.flatMap { books[$0] })
    }
}
