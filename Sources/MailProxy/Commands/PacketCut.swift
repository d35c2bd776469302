// Cuts the packets of some sessions out of captures, as they are: for recordings their comments say which packets these
// are, for other captures the connection and its time.

import MailCapture
import MailRecording

/// Chooses packets and writes them as pcapng.
struct PacketCut {
    private struct Ends: Hashable {
        var interface: Int
        var low: SocketAddress
        var high: SocketAddress

        init(_ interface: Int, _ a: SocketAddress, _ b: SocketAddress) {
            self.interface = interface
            (low, high) = a.description < b.description ? (a, b) : (b, a)
        }
    }

    /// Packets that follow the end of a connection belong to it for so long.
    private static let trail: Int64 = 5_000_000

    private let ids: Set<String>
    private var decoder = PacketDecoder()
    /// Times of the sessions on a connection; for captures.
    private var spans: [Ends: [(id: String, from: Int64, to: Int64)]] = [:]
    /// Connections of a recording whose packets are copied now.
    private var active: Set<Ends> = []
    /// The numbers of the written interfaces.
    private var interfaces: [Interface: UInt32] = [:]
    private var hasHeader = false
    private(set) var packets = 0

    private struct Interface: Hashable {
        var linkType: UInt32
        var name: String
    }

    init(_ ids: Set<String>) { self.ids = ids }

    /// Learns of a connection in the first reading.
    mutating func learn(_ batch: SessionBatch) {
        guard ids.contains(batch.session.info.id) else { return }
        let ends = Ends(0, batch.client, batch.server)
        var list = spans[ends] ?? []
        if let place = list.lastIndex(where: { $0.id == batch.session.info.id }) {
            list[place].to = max(list[place].to, batch.time)
        } else {
            list.append((batch.session.info.id, min(batch.session.info.start, batch.time), batch.time))
        }
        spans[ends] = list
    }

    /// The blocks to be written for the next packet of the second reading; empty when it is of other sessions.
    mutating func take(_ record: CaptureRecord, _ described: [CaptureInterface]) -> [UInt8] {
        guard case .tcp(let segment) = decoder.decode(record) else { return [] }
        let isRecording = SessionReader.isRecording(described)
        let ends = Ends(isRecording ? record.interface : 0, segment.source, segment.destination)
        if isRecording {
            for comment in record.comments {
                guard case .opened(let info, leg: _, isContinued: _) = RecordComment(comment) else { continue }
                if ids.contains(info.id) { active.insert(ends) } else { active.remove(ends) }
            }
            guard active.contains(ends) else { return [] }
        } else {
            let isWithin =
                spans[ends]?.contains { $0.from <= record.time && record.time <= $0.to &+ Self.trail } ?? false
            guard isWithin else { return [] }
        }
        packets += 1
        var out: [UInt8] = []
        if !hasHeader {
            hasHeader = true
            if isRecording {
                out += PcapngWriter.recordingHeader(application: "mailproxy")
                interfaces[Interface(linkType: UInt32(PcapngWriter.linkType), name: "client")] = 0
                interfaces[Interface(linkType: UInt32(PcapngWriter.linkType), name: "server")] = 1
            } else {
                out += PcapngWriter.sectionHeader(application: "mailproxy")
            }
        }
        let name = record.interface < described.count ? described[record.interface].name : ""
        let interface = Interface(linkType: record.linkType, name: name)
        let number: UInt32
        if let known = interfaces[interface] {
            number = known
        } else {
            number = UInt32(interfaces.count)
            interfaces[interface] = number
            out += PcapngWriter.interfaceDescription(
                name: name, description: "", linkType: UInt16(truncatingIfNeeded: record.linkType))
        }
        PcapngWriter.appendPacket(
            interface: number, time: record.nanoseconds, record.bytes,
            originalLength: UInt32(clamping: record.originalLength),
            comment: record.comments.first, to: &out)
        return out
    }
}
