// What the one who audits knows of his network, and what he wants to be told.

import MailDialogue
import MailRecording

/// What is judged, and how.
package struct AuditOptions: Sendable {
    /// Domains to which mail is expected to go, and their subdomains; empty when nobody said: then none is unexpected.
    package var expectedDomains: [String] = []
    /// Domains that the servers serve: mail to others is relayed. Empty when nobody said: then they are guessed.
    package var localDomains: [String] = []
    /// Addresses of the proxy: what passes by it is found. Empty when there is none.
    package var proxies: Set<IPAddress> = []
    /// Secrets are told.
    package var revealsSecrets = false
    /// What can be attacked is told in hashcat's form.
    package var tellsHashes = false
    /// Findings are told as they are made: ``AuditBook/takeFresh()``.
    package var tellsFresh = false
    /// Messages are searched for these; empty for none.
    package var patterns: [ContentPattern] = []
    /// The key for marks of secrets; the same key gives the same marks.
    package var fingerprintKey: [UInt8] = []

    /// Refused logins of one account from one client within ``window`` that are guessing.
    package var guessesPerAccount = 5
    /// Accounts whose logins one client had refused within ``window``, that are spraying.
    package var accountsPerClient = 5
    /// Recipients that one client had refused within ``window``, that are probing.
    package var recipientsPerClient = 10
    /// Microseconds.
    package var window: Int64 = 600_000_000
    /// Recipients of one session that are many.
    package var manyRecipients = 100
    /// Messages deleted or fetched in one session that are many.
    package var manyMessages = 100
    /// Addresses that use one account, that are many.
    package var manyClients = 5

    package init() {}

    /// The domain is one of these or below one.
    static func isWithin(_ domain: String, _ domains: [String]) -> Bool {
        domains.contains { domain == $0 || domain.hasSuffix("." + $0) }
    }
}

/// What is understood of a session by one step, with where it stands.
package struct AuditStep {
    /// Whose step it is. Looked at once a session, and so not copied for each step.
    private let session: any AuditedSession
    package var info: SessionInfo { session.info }
    var id: String { session.id }
    /// The addresses as the packets have them.
    package var client: IPEndpoint
    package var server: IPEndpoint
    package var notes: [Note]
    package var events: [RecordEvent]
    /// Microseconds since 1970.
    package var time: Int64
    /// The number of the packet, from 1; nil when there are none.
    package var frame: Int?
    /// The file, from 0.
    package var source: Int
    /// Octets within messages that came before and are in no note.
    package var passedClient = 0
    package var passedServer = 0

    package init(
        info: SessionInfo, client: IPEndpoint, server: IPEndpoint, notes: [Note], events: [RecordEvent], time: Int64,
        frame: Int?, source: Int
    ) {
        self.init(
            session: Told(info), client: client, server: server, notes: notes, events: events, time: time, frame: frame,
            source: source)
    }

    /// A step of a session that somebody keeps.
    package init(
        session: any AuditedSession, client: IPEndpoint, server: IPEndpoint, notes: [Note], events: [RecordEvent],
        time: Int64, frame: Int?, source: Int
    ) {
        self.session = session
        self.client = client
        self.server = server
        self.notes = notes
        self.events = events
        self.time = time
        self.frame = frame
        self.source = source
    }

    private final class Told: AuditedSession {
        let info: SessionInfo
        var id: String { info.id }

        init(_ info: SessionInfo) { self.info = info }
    }
}

/// What is known of a session when it begins.
package protocol AuditedSession: AnyObject, Sendable {
    var info: SessionInfo { get }
    var id: String { get }
}
