// Looks for guessing: logins refused again and again, accounts and recipients tried one after the other. Within a sliding window,
// and bounded: of what is too much the oldest is forgotten.

import MailDialogue
import MailRecording

/// Watches refusals.
struct GuessWatch {
    /// Clients, and pairs of clients with accounts, that are watched at the same time.
    private static let most = 20_000

    private struct Guesses {
        var times: [Int64] = []
        var isTold = false
    }
    private var byAccount: [String: Guesses] = [:]
    private var byClient: [IPAddress: [String: Int64]] = [:]
    private var sprayers: Set<IPAddress> = []
    private var recipients: [IPAddress: Guesses] = [:]

    /// Something that guesses have come to.
    typealias Found = (kind: FindingKind, detail: String, about: String)

    /// A login whose outcome is known; gives what it is one too many of.
    mutating func note(_ row: AuditCredential, _ options: AuditOptions) -> [Found] {
        let key = "\(row.client.host) \(row.account.lowercased())"
        switch row.outcome {
        case .refused:
            var found: [Found] = []
            if byAccount.count >= Self.most { byAccount.removeAll() }
            var guesses = byAccount.removeValue(forKey: key) ?? Guesses()
            guesses.times = guesses.times.suffix(63).filter { row.time - $0 <= options.window } + [row.time]
            if guesses.times.count >= options.guessesPerAccount, !guesses.isTold {
                guesses.isTold = true
                let detail = "\(row.account) from \(row.client.host), \(guesses.times.count) refused so far"
                found.append((.bruteForce, detail, row.account))
            }
            byAccount[key] = guesses
            if let accounts = spray(row, options) {
                found.append((.spraying, "\(row.client.host) tried \(accounts) accounts", row.client.host))
            }
            return found
        case .accepted:
            guard let guesses = byAccount.removeValue(forKey: key) else { return [] }
            let recent = guesses.times.count { row.time - $0 <= options.window }
            guard recent >= options.guessesPerAccount else { return [] }
            let detail = "\(row.account) from \(row.client.host) after \(recent) refusals"
            return [(.bruteForceSucceeded, detail, row.account)]
        case .unknown: return []
        }
    }

    /// How many accounts the client tried, when that is one too many, the first time.
    private mutating func spray(_ row: AuditCredential, _ options: AuditOptions) -> Int? {
        let client = row.client.address
        guard !sprayers.contains(client) else { return nil }
        if byClient.count >= Self.most { byClient.removeAll() }
        var accounts = (byClient.removeValue(forKey: client) ?? [:]).filter { row.time - $0.value <= options.window }
        accounts[row.account.lowercased()] = row.time
        guard accounts.count >= options.accountsPerClient else {
            byClient[client] = accounts
            return nil
        }
        if sprayers.count < Self.most { sprayers.insert(client) }
        return accounts.count
    }

    /// A recipient was refused. True when it is one too many, the first time.
    mutating func refused(_ client: IPAddress, at time: Int64, _ options: AuditOptions) -> Bool {
        if recipients.count >= Self.most { recipients.removeAll() }
        var guesses = recipients[client] ?? Guesses()
        guesses.times = guesses.times.suffix(255).filter { time - $0 <= options.window } + [time]
        let isTold = guesses.isTold
        if guesses.times.count >= options.recipientsPerClient { guesses.isTold = true }
        recipients[client] = guesses
        return guesses.isTold && !isTold
    }
}

extension AuditBook {
    /// A recipient was refused by the server.
    mutating func refusedRecipient(_ path: String, of session: SessionAudit, exchange: Int) {
        guard guesses.refused(session.client.address, at: session.time, options) else { return }
        add(
            .recipientProbing,
            session.evidence(
                "\(options.recipientsPerClient) refused, the last \(Shorten.line(path))", exchange: exchange),
            about: session.client.host)
    }
}
