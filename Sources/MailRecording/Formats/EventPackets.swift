// A recording made of what the books tell of sessions, as the recorder makes one, for sessions of which there are no packets: those that
// were read from logs and transcripts.

import MailDialogue

/// Makes the blocks of a recording: one leg, secrets masked.
package struct EventPackets: Sendable {
    private struct Session: Sendable {
        var info: SessionInfo
        var synthesizer: PacketSynthesizer
        /// To be said on the next packet.
        var remark: String?
    }

    private var sessions: [String: Session] = [:]
    /// The client port of the next session whose own nobody knows.
    private var nextPort: UInt16 = 49_152
    package private(set) var packets = 0

    package init() {}

    /// What the file begins with.
    package static var header: [UInt8] { PcapngWriter.recordingHeader(application: "mailproxy") }

    /// Appends what the next event comes to.
    package mutating func append(_ event: RecordEvent, to out: inout [UInt8]) {
        switch event {
        case .opened(let info):
            var session = Session(info: info, synthesizer: synthesizer(info))
            let comment = RecordComment.opened(info, leg: .client, isContinued: false).text
            put(session.synthesizer.open(), info.begin, comment, &out)
            sessions[info.id] = session
        case .secured(let info, time: let time):
            guard var session = sessions.removeValue(forKey: info.id) else { return }
            put(session.synthesizer.close(by: .client), time, RecordComment.secured(session: info.id).text, &out)
            session.synthesizer.startOver()
            session.info = info
            let comment = RecordComment.opened(info, leg: .client, isContinued: false).text
            put(session.synthesizer.open(), time, comment, &out)
            sessions[info.id] = session
        case .octets(let id, .client, let side, let time, let pieces):
            guard var session = sessions.removeValue(forKey: id) else { return }
            for piece in pieces {
                put(session.synthesizer.data(from: side, piece), time, session.remark, &out)
                session.remark = nil
            }
            sessions[id] = session
        case .secret(session: let id, leg: .client, side: let side, time: let time, let masked, _):
            append(.octets(session: id, leg: .client, side: side, time: time, [masked]), to: &out)
        case .gap(let id, .client, let side, let time, let octets):
            // Where nobody knows how many are missing, one is.
            put(sessions[id]?.synthesizer.gap(from: side, UInt32(clamping: max(octets, 1))) ?? [], time, nil, &out)
        case .remark(let id, let side, let unseen):
            sessions[id]?.remark = RecordComment.unseen(session: id, side: side, unseen).text
        case .changed(let id, let exchange, let rules):
            sessions[id]?.remark = RecordComment.changed(session: id, exchange: exchange, rules: rules).text
        case .closed(let summary):
            guard var session = sessions.removeValue(forKey: summary.info.id) else { return }
            let comment = RecordComment.closed(RecordComment.Closing(summary)).text
            put(session.synthesizer.close(by: .client), summary.ending, comment, &out)
        case .octets, .secret, .gap, .exchange, .message, .credential: break
        }
    }

    private mutating func synthesizer(_ info: SessionInfo) -> PacketSynthesizer {
        let seed = info.id.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        var client = info.client
        if client.port == 0 {
            client.port = nextPort
            nextPort = nextPort == UInt16.max ? 49_152 : nextPort + 1
        }
        // The port by which dissectors know the protocol in clear; the comment has the true one. What is TLS is known by that.
        let isSealed = info.tls?.isSealedFromStart ?? false
        let server = IPEndpoint(
            info.server.address, isSealed ? info.server.port : info.mailProtocol.wellKnownPort)
        return PacketSynthesizer(client: client, server: server, seed: seed)
    }

    private mutating func put(_ made: [[UInt8]], _ time: Int64, _ comment: String?, _ out: inout [UInt8]) {
        var comment = comment
        for packet in made {
            PcapngWriter.appendPacket(
                interface: PcapngWriter.clientLeg, time: time, packet[...], comment: comment, to: &out)
            comment = nil
            packets += 1
        }
    }
}
