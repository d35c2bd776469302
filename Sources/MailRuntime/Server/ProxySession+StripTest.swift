// The beginning of a session that puts its client to the test: the upstream is called as for any session, looked at, and let go.
// Only then is the client's connection handed to the test, so that nothing of the client can reach the upstream.

import MailRecording
import MailSessions

extension ProxySession {
    /// A test that is to come.
    struct Trial {
        let vector: StripVector
        /// Under way with an upstream.
        var probe: StripProbe?
    }

    /// The upstream is there: it is looked at.
    func lookAtUpstream() {
        allow(wordsTimeout) { [self] in lateInConnecting("it does not answer when it is looked at") }
        trial?.probe = StripProbe(info.mailProtocol, name: context.core.settings.hostName)
        let greeting = secrecy.greeting
        secrecy.greeting = []
        if !greeting.isEmpty { greeting.withUnsafeBytes { probe($0) } }
    }

    /// Octets of an upstream that is looked at.
    func probe(_ octets: UnsafeRawBufferPointer) {
        guard let step = trial?.probe?.receive(octets) else { return }
        switch step {
        case .more: break
        case .send(let words): server?.write(words)
        case .failed(let reason):
            trial?.probe = nil
            unavailable("\(upstreamName): \(reason)")
        case .done(let facade, let goodbye):
            server?.write(goodbye)
            begin(facade)
        }
    }

    private func begin(_ facade: StripFacade) {
        guard let trial, let security, let descriptor = client?.release() else { return finish(.reset) }
        phase = .finished
        choice?.abandoned(now: context.loop.now)
        closeUpstream()
        let session = StripTestSession(
            descriptor, info, security, trial.vector, facade, context, upstream: secrecy.upstreamCertificate)
        context.test(self, session)
    }
}
