// IMAP commands about mailboxes (RFC 9051 §6.3, RFC 3501 §6.3): SELECT, CREATE, LIST, STATUS and their kin, and what
// the answers of the store mean for each.

import MailDialogue

/// A request whose answer completes a command.
enum IMAPRequest: Equatable, Sendable {
    case select(isReadOnly: Bool)
    /// CREATE, SUBSCRIBE, UNSUBSCRIBE.
    case simple
    case delete(String)
    case rename(from: String, to: String)
    case list(IMAPListing)
    case status(String, [String])
    case expunge
    /// CLOSE: what is marked goes without a word; then the mailbox is let go.
    case expungeAndClose
    case close
    case store(IMAPFlagUpdate)
    case copy([UInt32])
    case move([UInt32])
    case removeMoved
    case append
}

extension IMAPServer {
    mutating func ask(_ request: IMAPRequest, _ question: StoreRequest) {
        activity = .asking(request)
        connection.ask(question)
    }

    mutating func answered(_ request: IMAPRequest, _ answer: StoreReply) {
        if case .refused(let refusal) = answer { return refused(request, refusal) }
        switch request {
        case .select(let isReadOnly): selected(answer, isReadOnly)
        case .simple: conclude("OK done")
        case .delete(let name):
            if view?.name == name { view = nil }
            conclude("OK done")
        case .rename(let from, let to):
            view?.renamed(from: from, to: to)
            conclude("OK done")
        case .list(let listing):
            guard case .mailboxes(let mailboxes) = answer else { return conclude(Self.broken) }
            connection.send(listing.lines(mailboxes))
            conclude("OK done")
        case .status(let name, let items):
            guard case .status(let status) = answer else { return conclude(Self.broken) }
            tell(status, name, items)
        case .expunge, .removeMoved: if news(answer, mayExpunge: true) { conclude("OK done") }
        case .expungeAndClose: ask(.close, .close)
        case .close:
            view = nil
            reply("OK done")
        case .store(let update): stored(update, answer)
        case .copy(let uids): copied(uids, answer, isMove: false)
        case .move(let uids): copied(uids, answer, isMove: true)
        case .append:
            guard case .appended(let validity, let uid) = answer else { return conclude(Self.broken) }
            conclude("OK [APPENDUID \(validity) \(uid)] done")
        }
    }

    private mutating func refused(_ request: IMAPRequest, _ refusal: StoreRefusal) {
        switch request {
        case .select: return reply(Self.text(refusal))
        case .copy, .move, .append:
            if refusal == .noSuchMailbox { return conclude("NO [TRYCREATE] no such mailbox") }
        case .expungeAndClose:
            // It stays open, and nothing is lost.
            break
        case .simple, .delete, .rename, .list, .status, .expunge, .close, .store, .removeMoved: break
        }
        if case .failed(let reason) = refusal { connection.effect(.log("\(verb) failed: \(reason)")) }
        conclude(Self.text(refusal))
    }

    static let broken = "NO [UNAVAILABLE] this could not be done"

    /// RFC 5530 names most codes.
    static func text(_ refusal: StoreRefusal) -> String {
        switch refusal {
        case .noSuchMailbox: "NO [NONEXISTENT] no such mailbox"
        case .alreadyExists: "NO [ALREADYEXISTS] there is such a mailbox"
        case .hasChildren: "NO [HASCHILDREN] there are mailboxes below it"
        case .invalidName: "NO [CANNOT] this name can't be used"
        case .inbox: "NO [CANNOT] not with INBOX"
        case .noSuchMessage: "NO [EXPUNGEISSUED] some messages are gone"
        case .readOnly: "NO the mailbox is read-only"
        case .noSpace: "NO [OVERQUOTA] the disk is full"
        case .limit: "NO [LIMIT] there are too many"
        case .badCredentials, .unknownRecipient, .failed: broken
        }
    }

    // MARK: SELECT, EXAMINE, CLOSE, UNSELECT

    mutating func select(_ scanner: inout IMAPScanner) {
        guard let octets = scanner.astring(), scanner.isAtEnd, let account else { return reply(Self.syntax) }
        // The mailbox before is closed, also when this one can't be opened (RFC 9051 §6.3.2).
        if view != nil { connection.send("* OK [CLOSED] the mailbox before is closed\r\n") }
        view = nil
        guard let name = IMAPScanner.mailboxName(octets) else { return reply(Self.text(.noSuchMailbox)) }
        let isReadOnly = verb == "EXAMINE"
        ask(.select(isReadOnly: isReadOnly), .open(account, name, readOnly: isReadOnly))
    }

    private mutating func selected(_ answer: StoreReply, _ isReadOnly: Bool) {
        guard case .opened(let status, let messages) = answer else { return reply(Self.broken) }
        let view = IMAPMailboxView(status, messages, isReadOnly: isReadOnly)
        self.view = view
        var text = "* FLAGS (\(view.flagList))\r\n* \(messages.count) EXISTS\r\n* 0 RECENT\r\n"
        if let unseen = messages.firstIndex(where: { !$0.flags.contains("\\Seen") }) {
            text += "* OK [UNSEEN \(unseen + 1)] first unseen\r\n"
        }
        text += "* OK [PERMANENTFLAGS (\(isReadOnly ? "" : view.flagList + " \\*"))] what stays\r\n"
        text += "* OK [UIDVALIDITY \(view.uidValidity)] of these UIDs\r\n* OK [UIDNEXT \(view.uidNext)] next\r\n"
        connection.send(text)
        reply(isReadOnly ? "OK [READ-ONLY] done" : "OK [READ-WRITE] done")
    }

    /// CLOSE removes what is marked, silently, unless the mailbox is read-only; UNSELECT removes nothing.
    mutating func close() {
        if verb == "CLOSE", view?.isReadOnly == false {
            ask(.expungeAndClose, .expunge(uids: nil))
        } else {
            ask(.close, .close)
        }
    }

    // MARK: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE

    mutating func manage(_ scanner: inout IMAPScanner) {
        guard let octets = scanner.astring(), scanner.isAtEnd, let account else { return reply(Self.syntax) }
        // A separator at the end only says that mailboxes below are meant to follow (RFC 9051 §6.3.4).
        let isDeclared = verb == "CREATE" && octets.count > 1 && octets.last == UInt8(ascii: "/")
        guard let name = Self.validName(isDeclared ? octets.dropLast() : octets[...]) else {
            return conclude(Self.text(.invalidName))
        }
        switch verb {
        case "CREATE":
            name == "INBOX" ? conclude(Self.text(.alreadyExists)) : ask(.simple, .createMailbox(account, name))
        case "DELETE": name == "INBOX" ? conclude(Self.text(.inbox)) : ask(.delete(name), .deleteMailbox(account, name))
        default: ask(.simple, .subscribe(account, name, verb == "SUBSCRIBE"))
        }
    }

    mutating func rename(_ scanner: inout IMAPScanner) {
        guard let from = scanner.astring(), scanner.space(), let to = scanner.astring(), scanner.isAtEnd, let account
        else { return reply(Self.syntax) }
        guard let from = Self.validName(from[...]), let to = Self.validName(to[...]) else {
            return conclude(Self.text(.invalidName))
        }
        ask(.rename(from: from, to: to), .renameMailbox(account, from: from, to: to))
    }

    /// A name that a mailbox may have: levels that are not empty, and not endless.
    static func validName(_ octets: ArraySlice<UInt8>) -> String? {
        guard let name = IMAPScanner.mailboxName(Array(octets)), name.utf8.count <= 1_000 else { return nil }
        let levels = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return levels.allSatisfy { !$0.isEmpty } ? name : nil
    }

    // MARK: LIST, LSUB, STATUS

    mutating func list(_ scanner: inout IMAPScanner) {
        guard let listing = IMAPListing(&scanner, isSubscribed: verb == "LSUB"), let account else {
            return reply(Self.syntax)
        }
        if listing.asksForSeparator {
            connection.send("* \(verb) (\\Noselect) \"/\" \"\"\r\n")
            return conclude("OK done")
        }
        ask(.list(listing), .listMailboxes(account))
    }

    mutating func status(_ scanner: inout IMAPScanner) {
        guard let octets = scanner.astring(), scanner.space(), let items = scanner.list({ $0.atom()?.keyword() }),
            scanner.isAtEnd, !items.isEmpty, items.allSatisfy(Self.statusItems.contains), let account
        else { return reply(Self.syntax) }
        guard let name = IMAPScanner.mailboxName(octets) else { return conclude(Self.text(.noSuchMailbox)) }
        ask(.status(name, items), .status(account, name))
    }

    private static let statusItems = ["MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE"]

    private mutating func tell(_ status: MailboxStatus, _ name: String, _ items: [String]) {
        let values = items.map { item -> String in
            switch item {
            case "MESSAGES": "MESSAGES \(status.messages)"
            case "UIDNEXT": "UIDNEXT \(status.uidNext)"
            case "UIDVALIDITY": "UIDVALIDITY \(status.uidValidity)"
            case "UNSEEN": "UNSEEN \(status.unseen)"
            case "DELETED": "DELETED \(status.deleted)"
            case "SIZE": "SIZE \(status.size)"
            default: "\(item) 0"
            }
        }
        let line = Array("* STATUS ".utf8) + IMAPListing.quoted(name)
        connection.send(line + Array(" (\(values.joined(separator: " ")))\r\n".utf8))
        conclude("OK done")
    }
}
