// Counts and hashes messages while they pass and reads their header: what `MessageRecord` says of them.

import Crypto
import MailDialogue
import MailMessage

/// Books the messages of a session. Of each side one message is open at a time; those of the server that wait for further pieces are parked.
struct MessageLedger: MessageSink {
    /// A message that passes. It is large, and most sessions that wait have none: they are kept by the thousand.
    private final class Open {
        var record: MessageRecord
        /// The digest so far; nil when none is wanted.
        var hash: SHA256?
        var header = HeaderScanner()
        var readsHeader = true
        let side: Side
        var inspector: MessageInspector?
        /// The beginning of it, where its text is wanted.
        var octets: [UInt8]?
        /// What its octets were is not known.
        var isLeftOut = false
        /// What the record says of the header is in it.
        var isDescribed = false

        init(_ message: MessageStart, hash: SHA256?, inspector: MessageInspector?, octets: [UInt8]?) {
            record = MessageRecord(exchange: message.exchange, carrier: message.carrier)
            side = message.side
            self.hash = hash
            self.inspector = inspector
            self.octets = octets
        }

        /// From here on only its length is known.
        func leaveOut() {
            isLeftOut = true
            readsHeader = false
            inspector = nil
        }

        func take(_ piece: ArraySlice<UInt8>) {
            hash?.update(piece)
            record.bytes += piece.count
            inspector?.feed(piece)
            if !isLeftOut, let kept = octets?.count, kept < MessageText.mostOctets {
                octets?.append(contentsOf: piece.prefix(MessageText.mostOctets - kept))
            }
            guard readsHeader else { return }
            switch header.feed(piece) {
            case .more: break
            case .complete, .tooLong: readsHeader = false
            }
        }

        /// The header as far as it came is read into the record. Its octets are not needed any more.
        func describe(keeping fields: [String]) {
            guard !isDescribed else { return }
            isDescribed = true
            let isAddressed: Bool
            switch record.carrier {
            // The envelope says from whom and to whom, when the server has judged it.
            case .data, .bdat, .lmtp: isAddressed = false
            case .retr, .top, .fetch, .append: isAddressed = true
            }
            let known = isAddressed ? MessageLedger.addressedFields : MessageLedger.fields
            let header = self.header.header(keeping: fields.isEmpty ? known : known + fields.map { Array($0.utf8) })
            for name in fields {
                record.fields += header.all(name).map { HeaderText(name: name, text: $0.text) }
            }
            record.subject = MessageLedger.clip(header.text("Subject"))
            record.messageID = MessageLedger.clip(header.text("Message-ID"))
            if isAddressed {
                record.from = MessageLedger.clip(header.addressTexts("From", limit: 1).first)
                record.to = header.addressTexts("To", limit: MessageLedger.mostRecipients).map {
                    MessageLedger.clip($0)
                }
            }
        }
    }

    /// A message that has ended, and the exchange whose reply judges it.
    struct Ended {
        var record: MessageRecord
        var exchange: Int
        var side: Side
        /// What is wrong with it, when messages are judged.
        var flaws: [FoundFlaw] = []
    }

    /// Characters of a header field that are kept.
    static let longestText = 1000
    /// Recipients that are kept.
    static let mostRecipients = 1000

    /// The header fields that are read.
    private static let fields = ["subject", "message-id"].map { Array($0.utf8) }
    private static let addressedFields = fields + ["from", "to"].map { Array($0.utf8) }

    /// Messages are judged.
    var judges = false
    /// Their text is told.
    var keepsText = false
    /// Header fields that are told with messages: their names in lower case.
    var keepsFields: [String] = []
    /// Digests of messages and contents are wanted.
    var hashes = true
    /// The digest of the content is wanted where it differs from that of its message.
    var hashesWire = true
    private var client: Open?
    private var server: Open?
    private var parked: [UInt32: Open] = [:]
    /// The digest of the octets on the wire, from where it differs from that of the message.
    private var clientWire: SHA256?
    private var serverWire: SHA256?
    /// The content under way is known by its length only.
    private var clientLeftOut = false
    private var serverLeftOut = false
    /// Messages that have ended since this was emptied last.
    var ended: [Ended] = []

    /// A content begins on this side. Its digest is that of the message when the message begins with it, else it goes
    /// on from `digest`.
    mutating func beginWire(_ side: Side, _ digest: SHA256?) {
        switch side {
        case .client:
            clientWire = digest
            clientLeftOut = false
        case .server:
            serverWire = digest
            serverLeftOut = false
        }
    }

    mutating func leaveOut(_ side: Side) {
        switch side {
        case .client:
            clientLeftOut = true
            client?.leaveOut()
        case .server:
            serverLeftOut = true
            server?.leaveOut()
        }
    }

    /// Octets of the content as they are on the wire, after the message took them.
    mutating func wire(_ octets: ArraySlice<UInt8>, _ side: Side) {
        switch side {
        case .client: clientWire?.update(octets)
        case .server: serverWire?.update(octets)
        }
    }

    /// The digest of the content so far, to be asked for before the message ends; nil when its octets are not known, or none is wanted.
    func wireDigest(_ side: Side) -> SHA256? {
        guard hashes else { return nil }
        switch side {
        case .client: return clientLeftOut ? nil : clientWire ?? client?.hash ?? SHA256()
        case .server: return serverLeftOut ? nil : serverWire ?? server?.hash ?? SHA256()
        }
    }

    mutating func begin(_ message: MessageStart) {
        let open = Open(
            message, hash: hashes ? SHA256() : nil, inspector: judges ? MessageInspector() : nil,
            octets: keepsText ? [] : nil)
        switch message.side {
        case .client: client = open
        case .server: server = open
        }
    }

    mutating func willAlter(_ side: Side) {
        guard hashes, hashesWire else { return }
        switch side {
        case .client: clientWire = clientWire ?? client?.hash
        case .server: serverWire = serverWire ?? server?.hash
        }
    }

    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        switch side {
        case .client: client?.take(octets)
        case .server: server?.take(octets)
        }
    }

    mutating func end(_ side: Side, complete: Bool, exchange: Int) {
        var message: Open?
        switch side {
        case .client: swap(&client, &message)
        case .server: swap(&server, &message)
        }
        if let message { finish(message, complete, exchange) }
    }

    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {
        switch side {
        case .client: client = nil
        case .server: server = nil
        }
    }

    mutating func park(_ key: UInt32) {
        var waiting: Open?
        swap(&server, &waiting)
        guard let waiting else { return }
        // Many may wait, for long: a header that is whole is read now.
        if !waiting.readsHeader, !waiting.isLeftOut {
            waiting.describe(keeping: keepsFields)
            waiting.header = HeaderScanner()
        }
        parked[key] = waiting
    }

    mutating func resume(_ key: UInt32) { server = parked.removeValue(forKey: key) }

    mutating func drop(_ key: UInt32) { parked[key] = nil }

    private mutating func finish(_ open: Open, _ complete: Bool, _ exchange: Int) {
        open.describe(keeping: keepsFields)
        var record = open.record
        record.complete = complete
        record.sha256 = open.isLeftOut ? "" : open.hash?.hex ?? ""
        record.text = open.octets.flatMap { open.isLeftOut && $0.isEmpty ? nil : MessageText($0) }
        var inspector = open.inspector
        let flaws = inspector?.finish(isComplete: complete).flaws ?? []
        record.flaws = flaws.map(\.flaw)
        ended.append(Ended(record: record, exchange: exchange, side: open.side, flaws: flaws))
    }

    /// At most `longestText` octets of a text.
    static func clip(_ text: String?) -> String {
        guard let text else { return "" }
        guard text.utf8.count > longestText else { return text }
        return String(decoding: text.utf8.prefix(longestText), as: UTF8.self)
    }
}
