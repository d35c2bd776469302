// Replies of our own, each in its turn among those of the server.

import MailDialogue

extension Relay {
    /// A reply of our own, when its turn comes.
    mutating func answer(_ octets: [UInt8], _ out: inout Output) {
        switch mailProtocol {
        case .smtp, .lmtp, .pop3: due.append(.local(octets))
        case .imap: localsWaiting.append(octets)
        }
        flushLocals(&out)
    }

    /// Sends those replies of ours whose turn it is.
    mutating func flushLocals(_ out: inout Output) {
        guard isGreeted, !waiting else { return }
        while !isClosed {
            switch due.first {
            case .local(let octets):
                due.popFirst()
                // LMTP answers a message once for each recipient (RFC 2033 §4.2).
                var more = acceptedRecipients
                while !toClient(octets[...], isOurs: true, &out), mailProtocol == .lmtp, more > 0 { more -= 1 }
                continue
            case .offer(let data):
                if acceptedRecipients > 0 {
                    due.popFirst()
                    message = .offered(data)
                    toClient(Array("354 Go ahead\r\n".utf8)[...], isOurs: true, &out)
                    continue
                }
                due.first = .forwarded(data.sent)
                toServer(data.raw, &out)
            case .consent(let reply):
                due.popFirst()
                reachEdge(reply, &out)
            case .forwarded, .replaced, .injected, .ownData, nil: break
            }
            break
        }
        if let reply = consent, !serverMidFrame, relayed.isEmpty {
            consent = nil
            reachEdge(reply, &out)
        }
        if !serverMidFrame, !localsWaiting.isEmpty {
            let locals = localsWaiting
            localsWaiting = []
            for octets in locals { toClient(octets[...], isOurs: true, &out) }
        }
        beginDueLogin(&out)
    }
}
