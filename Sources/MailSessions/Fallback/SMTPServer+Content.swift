// Message data of our SMTP server: DATA up to CRLF.CRLF (RFC 5321 §4.1.1.4) and the chunks of BDAT (RFC 3030 §2).
//
// Whatever is wrong with a message, its octets are read to their end before the refusal, or the rest would become
// commands. A bare CR or LF is never repaired: servers that read it otherwise see other messages (SMTP smuggling).

import MailDialogue

/// Message data that comes in.
struct SMTPInbound: Equatable, Sendable {
    /// What was taken of a message, over all its chunks.
    struct Message: Equatable, Sendable {
        var intake: MessageIntake
        var lineEnds = LineEndCheck()
        var hops = HopCounter()
        var dots = DotUnstuffer()
        var isBroken = false
    }

    /// The octets of a chunk; nil for DATA.
    var chunk: Int?
    /// No further chunk belongs to the message.
    var isLast: Bool
    /// The reply that was certain before the octets came.
    var refusal: String?
    /// The last octet was seen.
    var isComplete = false
    var message: Message
}

extension SMTPServer {
    /// The hops after which a message is taken to run in a circle (RFC 5321 §6.3).
    static var mostHops: Int { 100 }

    // MARK: Commands

    mutating func data(_ command: SMTPCommand) {
        guard takesNone(command) else { return refuse("501 5.5.4 this command takes no argument") }
        guard let transaction else { return refuse("503 5.5.1 MAIL comes before DATA") }
        guard transaction.chunks == .none else {
            self.transaction?.chunks = .failed
            return refuse("503 5.5.1 no DATA behind BDAT")
        }
        guard !transaction.recipients.isEmpty else { return refuse("503 5.5.1 no recipient was accepted") }
        activity = .content(SMTPInbound(chunk: nil, isLast: true, message: newMessage(transaction)))
        reply("354 end with a lone dot")
    }

    /// `refusal` is that of a malformed line, which has to wait like all others.
    mutating func bdat(_ command: SMTPCommand, refusal: String?) {
        guard let chunk = command.chunk else {
            // Where the message ends can't be known any more.
            return leave("421 4.5.4 BDAT without a size")
        }
        var refusal = refusal
        switch transaction?.chunks {
        case nil: refusal = refusal ?? "503 5.5.1 MAIL comes before BDAT"
        case .failed: refusal = refusal ?? "503 5.5.1 RSET comes first"
        case .open: break
        case .none?:
            if transaction?.recipients.isEmpty ?? true { refusal = refusal ?? "503 5.5.1 no recipient was accepted" }
        }
        let message =
            transaction?.message
            ?? newMessage(transaction ?? Transaction(reversePath: "", isUTF8: false))
        transaction?.message = nil
        activity = .content(
            SMTPInbound(chunk: chunk.size, isLast: chunk.isLast, refusal: refusal, message: message))
    }

    private mutating func newMessage(_ transaction: Transaction) -> SMTPInbound.Message {
        serial += 1
        let trace = SMTPTrace(
            reversePath: transaction.reversePath, recipients: transaction.recipients,
            clientName: introduction?.name ?? "", client: client?.host ?? "", host: settings.hostName,
            with: settings.lmtp
                ? .lmtp : transaction.isUTF8 ? .utf8 : introduction?.isExtended ?? false ? .esmtp : .smtp,
            isAuthenticated: account != nil, identifier: nonce &+ UInt64(truncatingIfNeeded: serial), time: now)
        return SMTPInbound.Message(
            intake: MessageIntake(limit: settings.maximumMessage, prefix: Array(trace.fields.utf8)))
    }

    // MARK: Octets

    mutating func content(_ frame: Note) {
        guard case .content(var inbound) = activity else { return }
        activity = .commands
        if inbound.refusal == nil {
            if inbound.chunk == nil {
                let octets = inbound.message.dots.unstuff(frame.raw)
                inbound.message.hops.take(octets[...])
                inbound.message.intake.take(octets)
                if !frame.violations.isEmpty { inbound.message.isBroken = true }
            } else {
                inbound.message.lineEnds.take(frame.raw)
                inbound.message.hops.take(frame.raw)
                inbound.message.intake.take(frame.raw)
            }
            if inbound.message.isBroken { inbound.message.intake.fail(.failed) }
        }
        advance(inbound)
    }

    mutating func contentEnded(_ frame: Note) {
        guard case .content(var inbound) = activity else { return }
        if !frame.violations.isEmpty { inbound.message.isBroken = true }
        inbound.isComplete = true
        inbound.refusal = inbound.refusal ?? judge(inbound)
        if inbound.refusal != nil { inbound.message.intake.fail(.failed) }
        advance(inbound)
    }

    /// What is wrong with the message as far as it has come.
    private func judge(_ inbound: SMTPInbound) -> String? {
        let message = inbound.message
        if message.isBroken || message.lineEnds.isBroken(atEnd: inbound.isLast) {
            return "550 5.6.0 the message has a CR or an LF alone"
        }
        if message.hops.count >= Self.mostHops { return "554 5.4.6 the message runs in a circle" }
        switch message.intake.fault {
        case .tooLarge: return "552 5.3.4 the message is larger than \(settings.maximumMessage) octets"
        case .noSpace: return "452 4.3.1 the disk is full"
        case .failed: return "451 4.3.0 the message could not be written"
        case nil: return nil
        }
    }

    mutating func contentStored(_ answer: StoreReply) {
        guard case .content(var inbound) = activity else { return }
        inbound.message.intake.accept(answer)
        if inbound.isComplete { inbound.refusal = inbound.refusal ?? judge(inbound) }
        advance(inbound)
    }

    /// The next request to the store, or what follows when there is none.
    private mutating func advance(_ given: SMTPInbound) {
        var inbound = given
        let endsMessage = inbound.isComplete && (inbound.isLast || inbound.refusal != nil)
        if let request = inbound.message.intake.request(isComplete: endsMessage) {
            activity = .content(inbound)
            return connection.ask(request)
        }
        guard inbound.isComplete else {
            activity = .content(inbound)
            return
        }
        activity = .commands
        if let refusal = inbound.refusal { return refuseContent(inbound, refusal) }
        guard inbound.isLast else {
            transaction?.chunks = .open
            transaction?.message = inbound.message
            return reply("250 2.0.0 \(inbound.chunk ?? 0) octets taken")
        }
        guard let transaction else { return }
        activity = .delivering
        var seen: Set<String> = []
        let recipients = transaction.recipients.filter { seen.insert($0).inserted }
        connection.ask(
            .deliver(
                inbound.message.intake.source(),
                Envelope(reversePath: transaction.reversePath, recipients: recipients)))
    }

    private mutating func refuseContent(_ inbound: SMTPInbound, _ refusal: String) {
        guard inbound.chunk != nil else {
            let recipients = transaction?.recipients ?? []
            transaction = nil
            return conclude(refusal, recipients)
        }
        guard inbound.isLast else {
            transaction?.chunks = .failed
            return refuse(refusal)
        }
        let recipients = transaction?.recipients ?? []
        if transaction?.chunks == .failed || recipients.isEmpty {
            // Out of order: it stays so until RSET, but these recipients have had their replies (RFC 2033 §4.3).
            transaction?.chunks = .failed
            transaction?.recipients = []
        } else {
            transaction = nil
        }
        conclude(refusal, recipients)
    }

    mutating func delivered(_ answer: StoreReply) {
        activity = .commands
        let transaction = transaction
        self.transaction = nil
        let recipients = transaction?.recipients ?? []
        switch answer {
        case .delivered(.stored(let id)):
            connection.effect(.log("\(id) accepted for \(recipients.count) recipients"))
            for _ in 0..<(settings.lmtp ? recipients.count : 1) { reply("250 2.0.0 stored as \(id)") }
        case .delivered(.noSpace), .refused(.noSpace): conclude("452 4.3.1 the disk is full", recipients)
        case .delivered(.failed(let reason)), .refused(.failed(let reason)):
            connection.effect(.log("a delivery failed: \(reason)"))
            conclude("451 4.3.0 the message could not be written", recipients)
        case .refused(.unknownRecipient): conclude("550 5.1.1 no such mailbox here", recipients)
        case .refused, .done, .account, .scramKeys, .spool, .mailboxes, .status, .opened, .changes, .octets, .structure,
            .appended,
            .copied:
            conclude("451 4.3.0 the message could not be written", recipients)
        }
    }

    /// The reply to a whole message: one, or in LMTP one for each accepted recipient, and none where there is no such
    /// recipient (RFC 2033 §4.2, §4.3).
    private mutating func conclude(_ refusal: String, _ recipients: [String]) {
        guard settings.lmtp else { return refusal.hasPrefix("5") ? refuse(refusal) : reply(refusal) }
        for _ in recipients { reply(refusal) }
    }
}
