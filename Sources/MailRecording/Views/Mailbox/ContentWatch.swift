// Watches the messages that pass in a session: which is where, how large, and what its header says.

import Crypto
import MailDialogue
import MailMessage

/// Numbers the contents of a session and reads their headers.
struct ContentWatch: MessageSink {
    /// A content that has ended.
    struct Ended {
        var ordinal: Int
        var exchange: Int
        /// The item of FETCH when it is no message.
        var section: String
        var isWhole: Bool
        var bytes: Int
        var sha256: String
        var envelope: BelievedEnvelope?
    }

    private struct Passing {
        var ordinal: Int
        var exchange: Int
        var bytes = 0
        var hash = SHA256()
        var header: HeaderScanner?
        var isHeaderWhole = false
        /// What the header says, when it was read before the end.
        var envelope: BelievedEnvelope?
        /// What follows was not recorded.
        var isLeftOut = false
    }

    private var client: Passing?
    private var server: Passing?
    private var parked: [UInt32: Passing] = [:]
    private var count = 0
    /// Contents that have begun, and that have ended, since these were emptied.
    var begun: [(side: Side, ordinal: Int, exchange: Int)] = []
    var ended: [Ended] = []

    mutating func begin(_ message: MessageStart) {
        count += 1
        let readsHeader = message.section.isEmpty || Self.isHeader(message.section)
        let passing = Passing(
            ordinal: count, exchange: message.exchange, header: readsHeader ? HeaderScanner() : nil)
        switch message.side {
        case .client: client = passing
        case .server: server = passing
        }
        begun.append((message.side, count, message.exchange))
    }

    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        switch side {
        case .client: Self.take(octets, &client)
        case .server: Self.take(octets, &server)
        }
    }

    mutating func leaveOut(_ side: Side) {
        switch side {
        case .client: client?.isLeftOut = true
        case .server: server?.isLeftOut = true
        }
    }

    mutating func end(_ side: Side, complete: Bool, exchange: Int) { close(side, "", complete) }

    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {
        close(side, section, complete)
    }

    mutating func park(_ key: UInt32) {
        guard var waiting = server else { return }
        server = nil
        // Many may wait, for long: of a header that is whole only what it says is kept.
        if waiting.isHeaderWhole, let header = waiting.header {
            waiting.envelope = Self.envelope(header)
            waiting.header = nil
        }
        parked[key] = waiting
    }

    mutating func resume(_ key: UInt32) { server = parked.removeValue(forKey: key) }

    mutating func drop(_ key: UInt32) {
        guard let piece = parked.removeValue(forKey: key) else { return }
        // Whoever keeps account of contents hears of its end; the message that it is a piece of has them all.
        ended.append(
            Ended(
                ordinal: piece.ordinal, exchange: piece.exchange, section: "", isWhole: false, bytes: 0, sha256: "",
                envelope: nil))
    }

    /// The item has header fields of the message itself, maybe not all.
    static func isHeader(_ section: String) -> Bool {
        let section = Array(section.utf8)[...]
        return section.hasPrefixIgnoringCase("BODY[HEADER") || section.equalsIgnoringCase("RFC822.HEADER")
    }

    private static func take(_ octets: ArraySlice<UInt8>, _ passing: inout Passing?) {
        if passing?.isLeftOut == true { return }
        octets.withUnsafeBytes { passing?.hash.update(bufferPointer: $0) }
        passing?.bytes += octets.count
        guard passing?.isHeaderWhole == false, case .complete = passing?.header?.feed(octets) else { return }
        passing?.isHeaderWhole = true
    }

    private mutating func close(_ side: Side, _ section: String, _ isWhole: Bool) {
        let passing: Passing?
        switch side {
        case .client:
            passing = client
            client = nil
        case .server:
            passing = server
            server = nil
        }
        guard let passing else { return }
        ended.append(
            Ended(
                ordinal: passing.ordinal, exchange: passing.exchange, section: section, isWhole: isWhole,
                bytes: passing.bytes, sha256: Hex.text(passing.hash.finalize()),
                envelope: passing.envelope ?? passing.header.map(Self.envelope)))
    }

    private static let fields = ["date", "subject", "from", "to", "message-id"].map { Array($0.utf8) }

    private static func envelope(_ header: HeaderScanner) -> BelievedEnvelope {
        let header = header.header(keeping: fields)
        func clip(_ text: String?) -> String { String((text ?? "").prefix(BelievedEnvelope.longest)) }
        return BelievedEnvelope(
            date: clip(header.text("Date")), subject: clip(header.text("Subject")),
            from: header.addressTexts("From", limit: BelievedEnvelope.mostAddresses).map { clip($0) },
            to: header.addressTexts("To", limit: BelievedEnvelope.mostAddresses).map { clip($0) },
            messageID: clip(header.text("Message-ID")))
    }
}

/// Brings contents that have ended to the messages that they are of, whichever is known first.
struct ContentDesk {
    /// Contents that wait for their message, and messages that wait for the end of their content.
    private static let most = 1024

    private var owners: [Int: UInt32] = [:]
    private var waiting: [Int: ContentWatch.Ended] = [:]

    /// The message of a content.
    mutating func own(_ ordinal: Int, by serial: UInt32, of session: String, _ belief: inout MailboxBelief) {
        if let ended = waiting.removeValue(forKey: ordinal) {
            Self.give(ended, serial, session, &belief)
        } else {
            if owners.count >= Self.most { owners.removeAll() }
            owners[ordinal] = serial
        }
    }

    /// A content has ended.
    mutating func take(_ ended: ContentWatch.Ended, of session: String, _ belief: inout MailboxBelief) {
        if let serial = owners.removeValue(forKey: ended.ordinal) {
            Self.give(ended, serial, session, &belief)
        } else {
            if waiting.count >= Self.most { waiting.removeAll() }
            waiting[ended.ordinal] = ended
        }
    }

    private static func give(
        _ ended: ContentWatch.Ended, _ serial: UInt32, _ session: String, _ belief: inout MailboxBelief
    ) {
        // Of what was not recorded nothing was seen.
        guard ended.bytes > 0 || ended.isWhole else { return }
        if let envelope = ended.envelope { belief.set(envelope, of: serial) }
        let isMessage = ended.section.isEmpty
        if isMessage, ended.isWhole {
            belief.set(
                SeenContent(
                    session: session, ordinal: ended.ordinal, exchange: ended.exchange, bytes: ended.bytes,
                    sha256: ended.sha256), of: serial)
        } else {
            belief.change(message: serial) { message in
                if isMessage || ContentWatch.isHeader(ended.section) {
                    message.headerWasSeen = true
                } else {
                    message.partWasSeen = true
                }
            }
        }
    }
}
