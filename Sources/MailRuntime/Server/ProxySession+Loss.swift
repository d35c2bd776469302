// What becomes of a session whose upstream goes away in the middle of it: by an end or a reset of the connection, or of its TLS.
//
// The client gets all that the upstream had said, then words of ours where a line can stand (`Bereavement` says which), then the end.
// One that is in the middle of a message is let finish it, since it reads no answer before; its message goes nowhere, and is refused.
// Where nothing can be said, within a literal or an answer of many lines, the end itself says that it is cut: as a reset when
// the upstream's was one, or was an end that TLS does not vouch for (RFC 8446 §6.1).

import MailDialogue
import MailRecording
import MailSessions

extension ProxySession {
    /// The upstream is gone. False when that is no loss: it had said goodbye, the client is gone too, or nothing is looked into.
    func losesServer(_ reason: String) -> Bool {
        guard !isBereft, !clientEnded, security == nil || security?.policy != nil else { return false }
        let isRuled: Bool
        switch mode {
        case .ruled(let kept):
            guard kept.value.relay.losesServer else { return false }
            isRuled = true
        case .followed, .observed:
            guard bereavement != .passes else { return false }
            isRuled = false
        }
        context.core.log.warning("\(upstreamName): \(reason) in the middle of the session", of: info)
        isBereft = true
        // What waits for the rest of a line or of a list can't be used any more.
        filter = nil
        guard isRuled else {
            settleLoss()
            return true
        }
        // The relay says when all that the upstream sent was passed on.
        withRelay { relay, effects, seen, told in relay.end(.server, &effects, seen: &seen, told: &told) }
        return true
    }

    private var bereavement: Bereavement {
        switch mode {
        case .followed(let kept): Bereavement(kept.value, info.mailProtocol)
        case .observed(let kept): Bereavement(kept.value.tap, info.mailProtocol)
        case .ruled(let kept): kept.value.relay.bereavement
        }
    }

    /// All that the upstream had said was passed on.
    func settleLoss() {
        guard isBereft, phase == .open, let client else { return }
        switch bereavement {
        case .waits:
            server?.close()
            settleReading()
        case .words(let words, let exchange):
            noteChange(exchange, by: ExchangeMark.goodbye)
            if case .ruled = mode {
                return withRelay { relay, effects, seen, told in
                    relay.sayGoodbye(words, &effects, seen: &seen, told: &told)
                }
            }
            follow(words[...], from: .server)
            client.write(words)
            closeAfterFlush()
        case .cut:
            if server?.wasCutOff == false { closeAfterFlush() } else { passFailure(to: client) }
        case .passes:
            isBereft = false
            if server?.wasCutOff == false { client.endOutput() } else { passFailure(to: client) }
        }
    }

    /// Octets of a client whose upstream is gone: only where its message ends is still of interest.
    func takeInVain(_ bytes: UnsafeRawBufferPointer) {
        switch mode {
        case .followed(let kept):
            let passed = kept.value.pass(bytes, from: .client)
            if passed < bytes.count { follow([UInt8](bytes[passed...])[...], from: .client) }
        case .observed: follow([UInt8](bytes)[...], from: .client)
        case .ruled:
            let octets = [UInt8](bytes)
            withRelay { relay, effects, seen, told in
                relay.receive(octets[...], from: .client, &effects, seen: &seen, told: &told)
            }
        }
        settleLoss()
    }

    /// Awaits the client's end behind our last words, so that they are not lost to a reset.
    func linger(_ lingering: Lingering) {
        context.loop.schedule(after: Lingering.round) { [weak self] in
            guard let self, phase == .closing, let client else { return }
            var lingering = lingering
            guard lingering.awaits(left: client.undelivered, heard: client.receivedOctets) else {
                return finish(goodbye)
            }
            linger(lingering)
        }
    }
}
