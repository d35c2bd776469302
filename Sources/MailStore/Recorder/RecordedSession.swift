// A session while it is recorded: its TCP conversations as they are written, and what the index will say of it.

import MailDialogue
import MailRecording

/// Where in a segment the packets of a leg of a session are.
package struct Extent: Equatable, Sendable {
    /// The number of the segment.
    package var segment: Int
    package var leg: Leg
    /// Offset in the file of the first packet's block.
    package var first: Int64
    /// Offset behind the last packet's block.
    package var end: Int64
    package var packets: Int

    package init(segment: Int, leg: Leg, first: Int64, end: Int64, packets: Int) {
        self.segment = segment
        self.leg = leg
        self.first = first
        self.end = end
        self.packets = packets
    }
}

/// Both ends of a conversation as its packets say them.
struct FourTuple: Hashable {
    var client: IPEndpoint
    var server: IPEndpoint
}

/// The TCP conversation that a leg of a session is written as.
struct Conversation {
    let tuple: FourTuple
    var synthesizer: PacketSynthesizer
    /// Where its packets of the last segment are; nil before the first is on disk or gathered.
    var extent: Extent?
    /// The extent as it was before the packets that are gathered now: what remains if they cannot be written.
    var written: Extent?
    /// It was told to the index as it is.
    var isIndexed = true
    /// Its handshake was made.
    var isOpen = false

    init(_ info: SessionInfo, _ leg: Leg, _ tuple: FourTuple) {
        // FNV-1a: the same ends in another session must get other sequence numbers.
        let seed = info.id.utf8.reduce(UInt32(2_166_136_261) &+ UInt32(leg.rawValue)) {
            ($0 ^ UInt32($1)) &* 16_777_619
        }
        self.tuple = tuple
        synthesizer = PacketSynthesizer(client: tuple.client, server: tuple.server, seed: seed)
    }

    /// What was gathered is on disk.
    mutating func settle() { written = extent }

    /// What was gathered is lost.
    mutating func forget() { extent = written }
}

/// A session while it is recorded. Used by the recorder's thread only.
final class RecordedSession {
    /// Its row in the index.
    let row: Int64
    var summary: SessionSummary
    var client: Conversation
    var server: Conversation?
    /// What is to be said on the next packet.
    var remarks: [RecordComment] = []
    /// Extents in segments that it has left, not yet in the index.
    var left: [Extent] = []
    /// Of its client leg the index knows extents in segments that it has left, which are kept nowhere else.
    var isSplit = false
    /// The row in the index is as `summary` is.
    var isIndexed = false
    /// Rows of messages and of credentials that were written.
    var messageRows = 0
    var credentialRows = 0
    /// Packets of it are gathered and not yet written.
    var isTouched = false
    /// Places where the recording lacks octets of it, as the disk took nothing, and that it is at such a place.
    var holes = 0
    private var isMissing = false

    init(row: Int64, summary: SessionSummary, client: Conversation) {
        self.row = row
        self.summary = summary
        self.client = client
    }

    subscript(leg: Leg) -> Conversation? {
        get {
            switch leg {
            case .client: client
            case .server: server
            }
        }
        _modify {
            switch leg {
            case .client:
                var value: Conversation? = client
                yield &value
                if let value { client = value }
            case .server: yield &server
            }
        }
    }

    /// Octets of it could not be written: a place, however long it lasts, in the recording and in the index. True at the first octets.
    func miss() -> Bool {
        guard !isMissing else { return false }
        isMissing = true
        holes &+= 1
        summary.gaps &+= 1
        isIndexed = false
        return true
    }

    /// The gathered packets are on disk.
    func settle() {
        isTouched = false
        isMissing = false
        client.settle()
        server?.settle()
    }

    /// The gathered packets are lost.
    func forget() {
        isTouched = false
        client.forget()
        server?.forget()
    }
}

/// The 4-tuples that open conversations are written under.
struct TupleTable {
    private var inUse: Set<FourTuple> = []

    /// Takes a tuple for a leg. The server's port is the one under which dissectors know the cleartext protocol, so
    /// that they follow. When an open conversation has that tuple already, the true port stays, and when that is taken
    /// too (a relay whose listener and upstream share an address), the client's port changes. The comment says the
    /// truth in every case.
    /// - Parameter isSealed: what is recorded is TLS as it was on the wire, which is known by the true port.
    mutating func take(
        client: SocketAddress, server: SocketAddress, _ mailProtocol: MailProtocol, isSealed: Bool = false
    ) -> FourTuple {
        let isKnown = isSealed || mailProtocol.schemes.contains { $0.port == server.port && !$0.implicitTLS }
        let port = isKnown ? server.port : mailProtocol.wellKnownPort
        let known = FourTuple(client: client, server: IPEndpoint(server.address, port))
        var tuple = known
        if inUse.contains(tuple) { tuple.server = server }
        if inUse.contains(tuple) {
            tuple = known
            repeat { tuple.client.port &+= 1 } while tuple.client.port != client.port && inUse.contains(tuple)
        }
        inUse.insert(tuple)
        return tuple
    }

    mutating func release(_ tuple: FourTuple) { inUse.remove(tuple) }
}
