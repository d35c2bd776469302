// Logins in lines of a POP3 client whose place is not known.

import MailMessage

extension POP3Dialogue {
    /// A line that is of a login in good form: what it shows was seen, wherever the line stands. False when it is none.
    mutating func showLogin(
        _ command: POP3Command, _ raw: ArraySlice<UInt8>, _ next: inout Search, _ remarks: inout Remarks
    ) -> Bool {
        func hide(_ part: ArraySlice<UInt8>) {
            remarks.mask(raw.masking((part.startIndex - raw.startIndex)..<(part.endIndex - raw.startIndex)))
        }
        let named = next.named
        next.named = nil
        let (word, rest) = command.argument.firstWord
        // Each login has a number of its own, by which it is known.
        func number() {
            exchange += 1
            remarks.exchange = exchange
        }
        switch command.verb {
        case .user: next.named = command.argument.text
        case .pass:
            number()
            hide(command.rest)
            remarks.tell(
                .credential(Credential(mechanism: "USER", account: named ?? "", secret: SecretBytes(command.rest))))
        case .apop:
            let digest = rest.trimmed
            guard APOP.isDigest(digest) || SASLMask.covers(digest) else { return false }
            number()
            hide(digest)
            remarks.tell(.credential(APOP.credential(account: word, digest: digest, timestamp: timestamp)))
        case .auth:
            guard SASLMechanism.isName(word) else { return false }
            number()
            var follower = SASLFollower(word)
            let initial = rest.trimmed
            if !initial.isEmpty {
                let reading = follower.presumedResponse(initial)
                remarks.mask(reading.masked.map { raw[..<initial.startIndex] + $0 + raw[initial.endIndex...] })
                if let credential = reading.credential { remarks.tell(.credential(credential)) }
            }
            next.follower = follower
        case .stls, .capa, .utf8, .lang, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .last, .quit, nil:
            return false
        }
        return true
    }
}
