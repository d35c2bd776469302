// What a reader tells of files, gathered; and recordings made of events as the recorder makes them.

import MailCapture
import MailDialogue
import MailRecording

/// Everything that a reader tells of files.
struct Reading {
    var summaries: [SessionSummary] = []
    var messages: [MessageRecord] = []
    var credentials: [CredentialRecord] = []
    var exchanges: [Exchange] = []
    var bodies: [[UInt8]] = []
    /// Transcripts without their heads, by session.
    var transcripts: [String: String] = [:]
    /// What was known of sessions when TLS began in them.
    var secured: [SessionInfo] = []
    /// What was seen of the TLS of sessions, as it was told last.
    var tls: [String: TLSObservation] = [:]
    var events: [RecordEvent] = []
    /// Notes in which an octet of the wire is missing or doubled, by comparison with what was recorded.
    var counters = TrackerCounters()
    var reassembly = ReassemblyCounters()
    var problems: [ReadProblem] = []

    /// Keeps the octets of messages.
    private struct Bodies: MessageSink {
        var open: [Side: [UInt8]] = [:]
        var parked: [UInt32: [UInt8]] = [:]
        var done: [[UInt8]] = []

        mutating func begin(_ message: MessageStart) { open[message.side] = [] }
        mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) { open[side]? += octets }
        mutating func end(_ side: Side, complete: Bool, exchange: Int) {
            if complete, let body = open.removeValue(forKey: side) { done.append(body) }
        }
        mutating func park(_ key: UInt32) { parked[key] = open.removeValue(forKey: .server) }
        mutating func resume(_ key: UInt32) { open[.server] = parked.removeValue(forKey: key) }
        mutating func drop(_ key: UInt32) { parked[key] = nil }
    }

    init(_ paths: [String], only: Set<String>? = nil, keys: TLSKeyLog? = nil, tellsOctets: Bool = true) throws {
        var reader = try SessionReader(paths, fingerprintKey: [1, 2, 3])
        reader.tellsOctets = tellsOctets
        reader.only = only
        reader.keys = keys
        var gathering = Gathering()
        try reader.read { take($0, &gathering) }
        counters = reader.counters
        problems = reader.problems
        finish(gathering)
    }

    /// What is told of packets, in order.
    init(_ records: [CaptureRecord], checksums: ChecksumPolicy = .auto, overlap: OverlapPolicy = .first) {
        var tracker = SessionTracker(fingerprintKey: [1, 2, 3], checksums: checksums, overlap: overlap)
        var gathering = Gathering()
        for record in records { tracker.accept(record, isRecording: false) { take($0, &gathering) } }
        tracker.finish { take($0, &gathering) }
        counters = tracker.counters
        reassembly = tracker.reassembly
        finish(gathering)
    }

    private struct Gathering {
        var extractors: [String: MessageExtractor<Bodies>] = [:]
        var renderers: [String: TranscriptRenderer] = [:]
    }

    private mutating func take(_ batch: SessionBatch, _ gathering: inout Gathering) {
        let id = batch.info.id
        gathering.extractors[id, default: MessageExtractor(Bodies())].accept(batch.notes[...])
        gathering.renderers[id, default: TranscriptRenderer(batch.info)].accept(
            batch.notes[...], at: batch.time, into: &transcripts[id, default: ""])
        events += batch.events
        if let seen = batch.tls { tls[id] = seen }
        for event in batch.events {
            switch event {
            case .opened, .gap, .remark, .changed, .octets, .secret: break
            case .secured(let info, time: let time):
                secured.append(info)
                gathering.renderers[id]?.secured(
                    info, at: NanosecondTime.microseconds(time), into: &transcripts[id, default: ""])
            case .exchange(_, let row): exchanges.append(row)
            case .message(_, let record): messages.append(record)
            case .credential(_, let record): credentials.append(record)
            case .closed(let summary):
                gathering.renderers[id]?.close(summary, into: &transcripts[id, default: ""])
                summaries.append(summary)
            }
        }
    }

    private mutating func finish(_ gathering: Gathering) {
        for id in gathering.extractors.keys.sorted() { bodies += gathering.extractors[id]?.sink.done ?? [] }
        summaries.sort { $0.info.id < $1.info.id }
    }

    /// `smtp 2+1 alice tls`: protocol, complete and other messages, user, why it is not followed; one word a session.
    func outline() -> [String] {
        summaries.map { summary in
            let mine = events.compactMap { event -> MessageRecord? in
                if case .message(summary.info.id, let record) = event { record } else { nil }
            }
            let complete = mine.count { $0.complete }
            return [
                summary.info.mailProtocol.rawValue, "\(complete)+\(mine.count - complete)", summary.user ?? "-",
                summary.opaque?.rawValue ?? "-",
            ].joined(separator: " ")
        }
    }
}

/// Writes recordings of events: two segments of one directory when `splitAfter` events are in the first.
struct TestRecording {
    private var client: [String: PacketSynthesizer] = [:]
    private var infos: [String: SessionInfo] = [:]
    private(set) var segments: [[UInt8]] = [PcapngWriter.recordingHeader(application: "test")]
    private var announced: Set<String> = []
    /// A comment for the next packet.
    private var remark: String?
    /// One that stays until there is a packet.
    private var waiting: String?

    init(_ events: [RecordEvent], splitAfter: Int = Int.max, remark: String? = nil, on remarked: Int = -1) {
        for (place, event) in events.enumerated() {
            self.remark = place == remarked ? remark : nil
            if place == splitAfter {
                segments.append(PcapngWriter.recordingHeader(application: "test"))
                announced = []
            }
            take(event)
        }
    }

    private mutating func take(_ event: RecordEvent) {
        switch event {
        case .opened(let info):
            var synthesizer = PacketSynthesizer(client: info.client, server: info.server)
            let packets = synthesizer.open()
            client[info.id] = synthesizer
            infos[info.id] = info
            write(packets, info.id, info.begin)
        case .secured(let info, time: let time):
            let end = client[info.id]?.close(by: .client) ?? []
            write(end, info.id, time, RecordComment.secured(session: info.id).text)
            client[info.id]?.startOver()
            infos[info.id] = info
            announced.remove(info.id)
            write(client[info.id]?.open() ?? [], info.id, time)
        case .octets(let id, .client, let side, let time, let pieces):
            for piece in pieces { write(client[id]?.data(from: side, piece) ?? [], id, time) }
        case .octets, .secret: break
        case .gap(let id, _, let side, let time, let octets):
            // As the recorder does: where nobody knows how many are missing, one is.
            write(client[id]?.gap(from: side, UInt32(max(octets, 1))) ?? [], id, time)
        case .closed(let summary):
            let id = summary.info.id
            let packets = client[id]?.close(by: .client) ?? []
            write(packets, id, summary.ending, RecordComment.closed(RecordComment.Closing(summary)).text)
        case .remark(let id, let side, let unseen):
            waiting = RecordComment.unseen(session: id, side: side, unseen).text
        case .changed, .exchange, .message, .credential: break
        }
    }

    private mutating func write(_ packets: [[UInt8]], _ id: String, _ time: Int64, _ comment: String? = nil) {
        guard let info = infos[id] else { return }
        var comment = comment ?? remark
        remark = nil
        if !announced.contains(id) {
            announced.insert(id)
            // Of a session that goes on the recorder makes an empty packet of the client for the comment.
            let opened = RecordComment.opened(info, leg: .client, isContinued: segments.count > 1).text
            if segments.count > 1 {
                for packet in client[id]?.gap(from: .server, 0) ?? [] { append(packet, time, opened) }
            } else {
                comment = opened
            }
        }
        for packet in packets {
            if comment == nil {
                comment = waiting
                waiting = nil
            }
            append(packet, time, comment)
            comment = nil
        }
    }

    private mutating func append(_ packet: [UInt8], _ time: Int64, _ comment: String?) {
        segments[segments.count - 1] += PcapngWriter.packet(
            interface: PcapngWriter.clientLeg, time: time, packet[...], comment: comment)
    }

    /// A packet of the server's leg at the end of the last segment.
    mutating func addServerLeg(_ info: SessionInfo, _ octets: [UInt8]) {
        var synthesizer = PacketSynthesizer(client: info.client, server: info.server, seed: 7)
        var comment: String? = RecordComment.opened(info, leg: .server, isContinued: false).text
        for packet in synthesizer.open() + synthesizer.data(from: .server, octets[...]) {
            segments[segments.count - 1] += PcapngWriter.packet(
                interface: PcapngWriter.serverLeg, time: info.begin, packet[...], comment: comment)
            comment = nil
        }
    }
}
