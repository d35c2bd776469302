// A TCP connection, as the tracker of sessions knows it.

import MailDialogue
import MailRecording

extension SessionTracker {
    /// A TCP connection. All are kept, those that are no mail among them.
    final class Flow {
        let number: Int
        var client: IPEndpoint
        var server: IPEndpoint
        /// Microseconds since 1970, as rows have it, and the nanoseconds beyond them.
        let start: Int64
        let startFraction: Int
        let isMidstream: Bool
        var state: State
        /// It ends because the session goes on under TLS, in another connection.
        var isHandedOver = false
        /// Who was taken for the client is the server.
        var isTurned = false
        /// It waits for secrets of its TLS no more.
        var gaveUpKeys = false
        /// There was no memory for more of its beginning.
        var isHurried = false
        /// What it keeps until it is known what it speaks, where that is more than a little.
        var share: CommonMemory.Share?
        fileprivate var rare: Rare?

        /// - Parameter start: nanoseconds since 1970.
        init(_ number: Int, _ client: IPEndpoint, _ server: IPEndpoint, _ start: Int64, _ isMidstream: Bool) {
            self.number = number
            self.client = client
            self.server = server
            self.start = NanosecondTime.microseconds(start)
            startFraction = NanosecondTime.fraction(start)
            self.isMidstream = isMidstream
            state = .fresh
        }

        /// Its start in nanoseconds.
        var opened: Int64 { NanosecondTime.of(start, startFraction) }

        /// Where the client wanted to go.
        var end: IPEndpoint {
            var end = tunnel?.server ?? server
            if let port = tunnel?.port { end.port = port }
            return end
        }

        /// Finds out what is spoken, behind what was stepped over.
        func guess() -> ProtocolGuess { ProtocolGuess(client: client, server: end, midstream: isLate) }

        /// The session had begun before its first octets here.
        var isLate: Bool { tunnel?.isCut ?? isMidstream }

        func turn() {
            isTurned = true
            swap(&client, &server)
        }
    }
}

extension SessionTracker.Flow {
    /// What few connections have, so that many of the others take little memory.
    fileprivate final class Rare {
        var closing: RecordComment.Closing?
        var route: String?
        var tls: TLSLeg?
        var sealedInfo: SessionInfo?
        var tunnel: Tunnel?
        var awaitsSince: Int64?
        var awaitedOctets = 0
    }

    private var more: Rare {
        if let rare { return rare }
        let made = Rare()
        rare = made
        return made
    }

    /// How it ended, as a recording says.
    var closing: RecordComment.Closing? {
        get { rare?.closing }
        set { if newValue != nil || rare != nil { more.closing = newValue } }
    }

    /// What a file of another program says.
    var route: String? {
        get { rare?.route }
        set { if newValue != nil || rare != nil { more.route = newValue } }
    }

    var tls: TLSLeg? {
        get { rare?.tls }
        set { if newValue != nil || rare != nil { more.tls = newValue } }
    }

    /// What our recording says of the session, where its octets are under TLS and there are keys.
    var sealedInfo: SessionInfo? {
        get { rare?.sealedInfo }
        set { if newValue != nil || rare != nil { more.sealedInfo = newValue } }
    }

    /// What was stepped over.
    var tunnel: Tunnel? {
        get { rare?.tunnel }
        set { if newValue != nil || rare != nil { more.tunnel = newValue } }
    }

    /// Since when it waits for secrets of its TLS, by the capture's clock.
    var awaitsSince: Int64? {
        get { rare?.awaitsSince }
        set { if newValue != nil || rare != nil { more.awaitsSince = newValue } }
    }

    /// How much of it waits for them.
    var awaitedOctets: Int {
        get { rare?.awaitedOctets ?? 0 }
        set { if newValue != 0 || rare != nil { more.awaitedOctets = newValue } }
    }
}
