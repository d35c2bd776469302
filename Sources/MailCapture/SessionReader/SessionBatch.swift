// What is told of a session step by step, and what was counted on the way.

import MailDialogue
import MailRecording
import MailSessions

/// What all steps of a session have in common, until its TLS begins.
package final class SessionIdentity: Sendable {
    package let info: SessionInfo
    /// The TCP connection as its packets have it: the addresses of `info` are the true ones of a recording.
    package let client: IPEndpoint
    package let server: IPEndpoint

    init(_ info: SessionInfo, _ client: IPEndpoint, _ server: IPEndpoint) {
        self.info = info
        self.client = client
        self.server = server
    }
}

/// What was understood of a session by one step.
package struct SessionBatch {
    package let session: SessionIdentity
    package var info: SessionInfo { session.info }
    package var client: IPEndpoint { session.client }
    package var server: IPEndpoint { session.server }
    /// Microseconds since 1970.
    package var time: Int64
    /// Frames, in order.
    package var notes: [Note]
    /// What is to be recorded of them.
    package var events: [RecordEvent]
    /// What few batches have.
    private var rare: Rare?
    /// Rules that changed something in exchanges that may have been told before; only recordings say that.
    package var changes: [ExchangeChange] {
        get { rare?.changes ?? [] }
        set { rare = Rare(changes: newValue, tls: rare?.tls) }
    }
    /// Octets within messages that no note has, since the batch before.
    package var passed = PassedOctets()
    /// The packet with whose octets it was understood, from 1 in its file; 0 when it was none.
    package var frame = 0
    /// The file of that packet, from 0 in the order in which files are read.
    package var source = 0
    /// What the TLS of the session showed, in a batch once its handshake has; and again at the end when there is more.
    package var tls: TLSObservation? {
        get { rare?.tls }
        set { rare = Rare(changes: rare?.changes ?? [], tls: newValue) }
    }

    init(session: SessionIdentity, time: Int64, notes: [Note], events: [RecordEvent]) {
        self.session = session
        self.time = time
        self.notes = notes
        self.events = events
    }

    /// It tells nothing.
    var isEmpty: Bool { notes.isEmpty && events.isEmpty && (rare?.isEmpty ?? true) }

    /// Apart, as it is large and batches are many.
    private final class Rare {
        let changes: [ExchangeChange]
        let tls: TLSObservation?
        let isEmpty: Bool

        init(changes: [ExchangeChange], tls: TLSObservation?) {
            self.changes = changes
            self.tls = tls
            isEmpty = changes.isEmpty && tls == nil
        }
    }
}

/// Rules that changed something in an exchange.
package struct ExchangeChange: Equatable, Sendable {
    package var exchange: Int
    package var rules: [String]

    package init(exchange: Int, rules: [String]) {
        self.exchange = exchange
        self.rules = rules
    }
}

/// What was read of one file.
package struct FileFigures: Equatable, Sendable {
    package var path: String
    package var packets = 0
    package var gaps = 0
    package var undecoded = 0
    /// Packets of which the capture kept the beginning only.
    package var cut = 0
    /// Packets that the capturing kernel lost, as the file says.
    package var dropped: UInt64 = 0
    package var problem: ReadProblem?
    /// Why it was not read, or not to its end.
    package var failure: String?
    /// What there is to say of its packets: of their order, and whether another file has them.
    package var disorder: String?

    init(path: String) { self.path = path }
}

/// What was read, and what could not be.
package struct TrackerCounters: Equatable, Sendable {
    package var packets = 0
    /// Packets that are not TCP over IP.
    package var other = 0
    package var malformed = 0
    /// Packets of link types that are not decoded, and one of these types.
    package var undecoded = 0
    package var undecodedLinkType: UInt32?
    /// Packets of which the capture kept the beginning only, and the most octets that it kept of one of them.
    package var cut = 0
    package var cutTo = 0
    package var sessions = 0
    /// Connections that speak something else, or nothing.
    package var notMail = 0
    /// Of these, how many speak what.
    package var foreign: [ForeignSpeech: Int] = [:]
    /// Connections that were judged by fewer octets than usual, for want of memory (``CommonMemory/forBeginnings``).
    package var hurried = 0
    /// Connections under TLS from their first octet; those that are sessions as well.
    package var encrypted = 0
    /// Places at which octets are missing.
    package var gaps = 0

    package init() {}

    /// A connection is no mail.
    /// - Parameter held: what came of it.
    mutating func count(foreign held: [FlowEvent]) {
        notMail += 1
        foreign[ForeignSpeech(held), default: 0] += 1
    }
}
