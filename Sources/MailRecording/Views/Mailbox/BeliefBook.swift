// Follows all sessions of a recording for the mailboxes that they tell of, up to a moment. Sessions of one account follow one another in
// one mailbox; those that go on at the same time tell of it together.

import MailDialogue

/// Whose mailbox it is.
package struct BeliefAccount: Hashable, Sendable {
    package let mailProtocol: MailProtocol
    /// Empty when nobody saw the login.
    package let user: String
    /// The address of the server, the upstream's where a proxy stands between.
    package let host: String

    package init(mailProtocol: MailProtocol, user: String, host: String) {
        self.mailProtocol = mailProtocol
        self.user = user
        self.host = host
    }
}

/// The mailboxes of accounts as their clients believed them to be.
package struct BeliefBook: Sendable {
    /// Accounts that are kept.
    private static let mostAccounts = 10_000

    private enum Machine: Sendable {
        case imap(IMAPBeliefSession)
        case pop3(POP3BeliefSession)
    }

    private struct Following: Sendable {
        var machine: Machine
        var assembler = MessageAssembler()
        var watch = ContentWatch()
        var user: String?
        /// A place in `accounts`; nil until the mailbox is told of, or nobody asks for it.
        var account: Int?
        var isUnwanted = false
    }

    /// The last moment that counts; microseconds since 1970.
    private let until: Int64
    private let user: String?
    private let server: String?
    package private(set) var accounts: [(account: BeliefAccount, belief: MailboxBelief)] = []
    private var places: [BeliefAccount: Int] = [:]
    private var sessions: [String: Following] = [:]
    /// Accounts beyond those that are kept.
    package private(set) var accountsNotKept = 0

    /// - Parameters:
    ///   - until: what came later is not known yet.
    ///   - user: only this account's; nil for all.
    ///   - server: only those at this address, `host` or `host:port`.
    package init(until: Int64, user: String? = nil, server: String? = nil) {
        self.until = until
        self.user = user
        self.server = server
    }

    /// The session may tell of a mailbox that is asked for.
    package func wants(_ info: SessionInfo) -> Bool {
        guard info.mailProtocol == .imap || info.mailProtocol == .pop3, info.start <= until else { return false }
        guard let server else { return true }
        return [info.upstream, info.server].contains { address in
            address.map { $0.host == server || $0.description == server } ?? false
        }
    }

    /// Takes the next step of a session.
    package mutating func accept(_ notes: [Note], _ events: [RecordEvent], of info: SessionInfo, at time: Int64) {
        guard time <= until, wants(info) else { return }
        var following: Following
        if let known = sessions.removeValue(forKey: info.id) {
            following = known
        } else {
            let machine: Machine =
                info.mailProtocol == .pop3
                ? .pop3(POP3BeliefSession(session: info.id)) : .imap(IMAPBeliefSession(session: info.id))
            following = Following(machine: machine)
        }
        if !following.isUnwanted {
            for note in notes { take(note, info, time, &following) }
        }
        var isOver = false
        for event in events {
            switch event {
            case .secured:
                following.assembler.close(&following.watch)
                following.watch.ended = []
            // A session of which the end is not there yet goes on.
            case .closed(let summary): isOver = summary.end != .open
            case .opened, .octets, .secret, .gap, .remark, .changed, .exchange, .message, .credential: break
            }
        }
        if isOver {
            closeContents(&following, info.id)
            end(&following)
        } else {
            sessions[info.id] = following
        }
    }

    /// What is known at the end. Folders that are open stay open. To be called once, behind the last step.
    package mutating func settle() {
        for id in sessions.keys.sorted() {
            guard var following = sessions[id], let account = following.account else { continue }
            closeContents(&following, id)
            if case .imap(let session) = following.machine { session.reconcile(&accounts[account].belief) }
            sessions[id] = following
        }
    }

    /// What passes ends here: a header that a text may follow is one all the same.
    private mutating func closeContents(_ following: inout Following, _ id: String) {
        following.assembler.close(&following.watch)
        let ended = following.watch.ended
        following.watch.ended = []
        guard let account = following.account else { return }
        give(ended, &following, account, id)
    }

    private mutating func give(
        _ ended: [ContentWatch.Ended], _ following: inout Following, _ account: Int, _ id: String
    ) {
        guard !ended.isEmpty else { return }
        switch following.machine {
        case .imap(var session):
            for content in ended { session.desk.take(content, of: id, &accounts[account].belief) }
            following.machine = .imap(session)
        case .pop3(var session):
            for content in ended { session.desk.take(content, of: id, &accounts[account].belief) }
            following.machine = .pop3(session)
        }
    }

    /// The numbers of messages in folders that are open, by serial number; of POP3 those of the session that goes on, and which messages
    /// are marked to be removed.
    func numbers(of account: Int) -> (numbers: [UInt32: UInt32], marked: Set<UInt32>, open: Set<Int>) {
        var numbers: [UInt32: UInt32] = [:]
        var marked: Set<UInt32> = []
        var open: Set<Int> = []
        for id in sessions.keys.sorted() {
            guard let following = sessions[id], following.account == account else { continue }
            switch following.machine {
            case .imap(let session):
                guard let view = session.selected else { continue }
                open.insert(view.folder)
                view.numbering.forEach { number, _, serial in numbers[serial] = number }
            case .pop3(let session):
                if let folder = accounts[account].belief.place(POP3BeliefSession.folderName[...]) {
                    open.insert(folder)
                }
                for (number, serial) in session.numbers { numbers[serial] = number }
                marked.formUnion(session.markedSerials)
            }
        }
        return (numbers, marked, open)
    }

    // MARK: Steps

    private mutating func take(_ note: Note, _ info: SessionInfo, _ time: Int64, _ following: inout Following) {
        following.assembler.accept(note, &following.watch)
        for fact in note.facts {
            switch fact {
            case .credential(let credential): if !credential.account.isEmpty { following.user = credential.account }
            case .login(accepted: true): logIn(info, time, &following)
            case .clientName, .login, .reversePath, .recipient, .recipientRefused, .messageAccepted, .messageRefused,
                .transactionReset, .mailbox, .opaque, .contentCut, .leftOut, .resumed, .clear:
                break
            }
        }
        let begun = following.watch.begun
        let ended = following.watch.ended
        if !begun.isEmpty { following.watch.begun = [] }
        if !ended.isEmpty { following.watch.ended = [] }
        // Of a session whose login nobody saw the mailbox is told of all the same.
        if following.account == nil, Self.tells(note) { open(info, time, &following) }
        guard let account = following.account else { return }
        accounts[account].belief.earn(note.raw.count)
        accounts[account].belief.last = max(accounts[account].belief.last, time)
        switch following.machine {
        case .imap(var session):
            // Not shared with the enum while it is changed.
            following.machine = .pop3(POP3BeliefSession(session: ""))
            session.accept(note, begun: begun, at: time, &accounts[account].belief)
            following.machine = .imap(session)
        case .pop3(var session):
            following.machine = .pop3(POP3BeliefSession(session: ""))
            session.accept(note, begun: begun, at: time, &accounts[account].belief)
            following.machine = .pop3(session)
        }
        give(ended, &following, account, info.id)
    }

    /// A frame that only a session behind its login has.
    private static func tells(_ note: Note) -> Bool {
        switch note.element {
        case .command(let command):
            switch command.verb {
            case "SELECT", "EXAMINE", "LIST", "LSUB", "STATUS", "FETCH", "UID FETCH", "STORE", "UID STORE", "APPEND",
                "STAT", "UIDL", "RETR", "TOP", "DELE":
                true
            default: false
            }
        case .data(let keyword, _):
            keyword == "EXISTS" || keyword == "FETCH" || keyword == "EXPUNGE" || keyword == "VANISHED"
        case .greeting, .commandPart, .reply, .dataPart, .goAhead, .challenge, .response, .done, .contentBegin,
            .content, .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            false
        }
    }

    private mutating func logIn(_ info: SessionInfo, _ time: Int64, _ following: inout Following) {
        end(&following)
        open(info, time, &following)
    }

    private mutating func open(_ info: SessionInfo, _ time: Int64, _ following: inout Following) {
        let name = following.user ?? ""
        if let user, user != name {
            following.isUnwanted = true
            return
        }
        let account = BeliefAccount(
            mailProtocol: info.mailProtocol, user: name, host: (info.upstream ?? info.server).host)
        let place: Int
        if let known = places[account] {
            place = known
        } else {
            guard accounts.count < Self.mostAccounts else {
                accountsNotKept += 1
                following.isUnwanted = true
                return
            }
            place = accounts.count
            accounts.append((account, MailboxBelief()))
            places[account] = place
        }
        following.account = place
        accounts[place].belief.sessions += 1
        if case .pop3(var session) = following.machine {
            session.begin(at: time, &accounts[place].belief)
            following.machine = .pop3(session)
        }
    }

    private mutating func end(_ following: inout Following) {
        guard let account = following.account else { return }
        following.account = nil
        switch following.machine {
        case .imap(var session):
            session.end(&accounts[account].belief)
            following.machine = .imap(session)
        case .pop3(var session):
            session.end()
            following.machine = .pop3(session)
        }
    }
}
