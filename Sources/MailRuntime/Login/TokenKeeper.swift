// The token of one entry: asked for once, kept for its time, shared by all sessions. Whoever comes while it is asked for waits for it.

import MailDialogue
import MailRecording
import MailSessions
import Synchronization

/// Where a token comes from.
package struct TokenSource: Equatable, Sendable {
    package let command: TokenCommand
    package let bearer: UpstreamCredential.Bearer
    /// Seconds for which it is good; nil for what it says of itself, or ``TokenKeeper/lifetime``.
    package let lifetime: Int?

    package init(command: TokenCommand, bearer: UpstreamCredential.Bearer, lifetime: Int? = nil) {
        self.command = command
        self.bearer = bearer
        self.lifetime = lifetime
    }
}

/// Keeps the token of one entry.
final class TokenKeeper: Sendable {
    /// Seconds for which a token is good that says nothing of it: a few minutes cost nobody a login with one that is over, as it
    /// is asked for again then.
    static let lifetime = 300
    /// Seconds before its end at which a token is not used any more: it has to arrive.
    private static let margin = 30

    typealias Done = @Sendable (Result<SecretBytes, TokenFailure>) -> Void

    private struct State {
        var token: SecretBytes?
        var until: Int64 = 0
        var isRunning = false
        var waiting: [Done] = []
    }

    let source: TokenSource
    private let programs: RunningPrograms
    private let state = Mutex(State())

    init(_ source: TokenSource, among programs: RunningPrograms = RunningPrograms()) {
        self.source = source
        self.programs = programs
    }

    /// Gives the token, from any thread.
    /// - Parameter refused: one that the upstream does not take; it is given to nobody any more.
    func token(insteadOf refused: SecretBytes?, on pool: WorkerPool, _ done: @escaping Done) {
        let (kept, begins) = state.withLock { state -> (SecretBytes?, Bool) in
            if let refused, state.token == refused { state.token = nil }
            if let token = state.token, Clock.monotonic() < state.until { return (token, false) }
            state.waiting.append(done)
            defer { state.isRunning = true }
            return (nil, !state.isRunning)
        }
        if let kept { return done(.success(kept)) }
        guard begins else { return }
        pool.submit { [self] in
            let result = ask()
            let waiting = state.withLock { state in
                if case .success(let (token, seconds)) = result {
                    state.token = token
                    state.until = Clock.monotonic() &+ Int64(seconds) &* 1_000_000
                }
                state.isRunning = false
                defer { state.waiting = [] }
                return state.waiting
            }
            for done in waiting { done(result.map(\.0)) }
        }
    }

    private func ask() -> Result<(SecretBytes, Int), TokenFailure> {
        switch source.command.run(among: programs) {
        case .failed(let reason): .failure(TokenFailure(reason: "the command \(reason)"))
        case .output(let octets):
            Self.token(in: octets, lifetime: source.lifetime).map { .success($0) }
                ?? .failure(
                    TokenFailure(reason: "the command '\(source.command.arguments.first ?? "")' prints no token"))
        }
    }

    /// The token of an output: its first line, or `access_token` of the object that a token endpoint answers with (RFC 6749 §5.1);
    /// and the seconds for which it is good.
    static func token(in output: [UInt8], lifetime: Int?) -> (SecretBytes, Int)? {
        var text = output.drop { $0 == 32 || (9...13).contains($0) }
        var seconds = lifetime ?? Self.lifetime
        if text.first == UInt8(ascii: "{") {
            guard let value = JSONValue(parsing: text), let token = value["access_token"]?.string else { return nil }
            if let said = value["expires_in"]?.integer {
                let rest = Int(clamping: max(0, max(0, said) - Int64(margin)))
                seconds = lifetime.map { min($0, rest) } ?? rest
            }
            text = Array(token.utf8)[...]
        } else {
            text = text.prefix { $0 != 10 && $0 != 13 }
            while let last = text.last, last == 32 || last == 9 { text = text.dropLast() }
        }
        // RFC 6750 §2.1 has fewer characters; what is no printable ASCII is certainly none.
        guard !text.isEmpty, text.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
        return (SecretBytes(text), min(seconds, 31_536_000))
    }
}

/// Why there is no token.
struct TokenFailure: Error, Equatable {
    let reason: String
}
