// APPEND (RFC 9051 §6.3.12). The mailbox and the size are looked at before the message is asked for; the message
// streams to the store and is not gathered with the command.
//
//     C: A1 APPEND Sent (\Seen) {310}
//     S: + go on
//     C: (310 octets, then CRLF)
//     S: A1 OK [APPENDUID 7 42] done

import MailDialogue
import MailMessage

/// An APPEND whose message comes.
struct IMAPAppend: Equatable, Sendable {
    /// What stands before the message.
    struct Head: Equatable, Sendable {
        /// Nil when the name is none.
        var mailbox: String?
        var flags: [String] = []
        /// Seconds since 1970.
        var date: Int64?

        /// Nil when the octets, which end in the header of `literal`, do not go as far as the message.
        init?(_ octets: [UInt8], _ literal: IMAPLiteral) {
            var scanner = IMAPScanner(octets)
            guard let name = scanner.astring(), scanner.space() else { return nil }
            mailbox = IMAPScanner.mailboxName(name)
            if scanner.next == UInt8(ascii: "(") {
                guard let list = scanner.list({ $0.flag() }), scanner.space() else { return nil }
                flags = list
            }
            if scanner.next == UInt8(ascii: "\"") {
                guard let text = scanner.quoted(), let date = MailDate(parsingInternalDate: text[...]), scanner.space()
                else { return nil }
                self.date = date.seconds
            }
            guard let last = IMAPLiteral(endOf: scanner.rest), last.start == scanner.rest.startIndex else { return nil }
        }
    }

    enum Stage: Equatable, Sendable {
        /// The store is asked whether there is such a mailbox. Successors: `receiving`, or the command ends.
        case checking(isSynchronizing: Bool)
        /// The message comes. Successor: `received`.
        case receiving
        /// The command is complete.
        case received
    }

    let head: Head
    var stage = Stage.receiving
    /// The tagged reply that is certain; the rest is read and dropped.
    var refusal: String?
    /// The literal was held to the limit before; line ends that are repaired may make it longer.
    var intake = MessageIntake(limit: .max)
    var lineEnds = LineEndRepair()

    init(_ head: Head) { self.head = head }
}

/// Makes every line end CRLF. In SMTP a lone CR or LF is an attack; clients that file away old mail mean no harm by it,
/// and POP3 could not send it on.
struct LineEndRepair: Equatable, Sendable {
    private var afterCR = false

    mutating func repair(_ piece: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(piece.count + 16)
        var position = piece.startIndex
        var walk = LineEndWalk(piece)
        if afterCR, let first = piece.first {
            afterCR = false
            out.append(10)
            if first == 10 { position += 1 }
        }
        while let end = walk.next(from: position) {
            out.append(contentsOf: piece[position..<end])
            out.append(13)
            position = end + 1
            if piece[end] == 13 {
                guard position < piece.endIndex else {
                    afterCR = true
                    return out
                }
                if piece[position] == 10 { position += 1 }
            }
            out.append(10)
        }
        out.append(contentsOf: piece[position...])
        return out
    }

    /// What is missing at the end.
    mutating func finish() -> [UInt8] {
        defer { afterCR = false }
        return afterCR ? [10] : []
    }
}

extension IMAPServer {
    /// The header of the message's literal is there.
    mutating func append(_ head: IMAPAppend.Head, _ literal: IMAPLiteral) {
        var append = IMAPAppend(head)
        if literal.size.map({ $0 > settings.maximumMessage }) ?? true {
            append.refusal = "NO [TOOBIG] the message is larger than \(settings.maximumMessage) octets"
        } else if literal.isBinary {
            append.refusal = "BAD binary literals are not offered"
        } else if head.mailbox == nil {
            append.refusal = Self.text(.invalidName)
        }
        if let refusal = append.refusal {
            guard literal.isNonSynchronizing else { return reply(refusal) }
            activity = .appending(append)
        } else if let account, let mailbox = head.mailbox {
            append.stage = .checking(isSynchronizing: !literal.isNonSynchronizing)
            activity = .appending(append)
            connection.ask(.status(account, mailbox))
        }
    }

    mutating func appendContent(_ append: inout IMAPAppend, _ piece: ArraySlice<UInt8>) {
        if append.refusal != nil {
            // It is read and dropped.
        } else if piece.firstIndex(ofOctet: 0) != nil {
            append.refusal = "NO [CANNOT] a message holds no NUL"
            append.intake.fail(.failed)
        } else {
            append.intake.take(append.lineEnds.repair(piece))
        }
        appendOn(append)
    }

    mutating func appendContentEnded(_ given: IMAPAppend) {
        var append = given
        append.intake.take(append.lineEnds.finish())
        activity = .appending(append)
    }

    /// The line behind the message: empty, since one message comes at a time.
    mutating func appendLine(_ given: IMAPAppend, _ line: ArraySlice<UInt8>, _ crlf: Bool, _ literal: IMAPLiteral?) {
        var append = given
        if !crlf || !line.isEmpty { append.refusal = append.refusal ?? "BAD one message at a time" }
        if append.refusal != nil { append.intake.fail(.failed) }
        if literal?.isNonSynchronizing ?? false {
            activity = .appending(append)
        } else {
            append.stage = .received
            appendOn(append)
        }
    }

    mutating func appendStored(_ given: IMAPAppend, _ answer: StoreReply) {
        var append = given
        if case .checking(let isSynchronizing) = append.stage {
            append.stage = .receiving
            if case .refused(let refusal) = answer {
                append.refusal =
                    refusal == .noSuchMailbox ? "NO [TRYCREATE] no such mailbox" : Self.text(refusal)
                append.intake.fail(.failed)
            }
            activity = .appending(append)
            guard isSynchronizing else { return }
            if let refusal = append.refusal { return reply(refusal) }
            return connection.send("+ go on\r\n")
        }
        append.intake.accept(answer)
        appendOn(append)
    }

    private mutating func appendOn(_ given: IMAPAppend) {
        var append = given
        if let request = append.intake.request(isComplete: append.stage == .received) {
            activity = .appending(append)
            return connection.ask(request)
        }
        guard append.stage == .received else {
            activity = .appending(append)
            return
        }
        activity = .commands
        if let refusal = append.refusal { return reply(refusal) }
        guard append.intake.fault == nil, let account, let mailbox = append.head.mailbox else {
            return conclude(Self.text(append.intake.fault == .noSpace ? .noSpace : .failed("")))
        }
        ask(
            .append,
            .append(
                account, mailbox, append.intake.source(), flags: append.head.flags, internalDate: append.head.date))
    }
}
