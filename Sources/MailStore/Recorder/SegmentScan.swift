// What a segment says of its sessions without following a dialogue: comments, addresses, sizes and places. Enough to
// bring an index up to date after a crash.

import MailCompression
import MailDialogue
import MailRecording

/// The sessions of one segment, as its packets and comments tell them.
struct SegmentScan {
    /// A session as far as this segment knows it.
    struct Session {
        var info: SessionInfo
        /// It began in an earlier segment.
        var isContinued: Bool
        var closing: RecordComment.Closing?
        /// Time of the last packet.
        var last: Int64
        /// Octets of the client leg.
        var clientBytes = 0
        var serverBytes = 0
        var extents: [Leg: Extent] {
            var all: [Leg: Extent] = [:]
            all[.client] = client
            all[.server] = server
            return all
        }
        fileprivate var client: Extent?
        fileprivate var server: Extent?

        /// A packet of a leg lies there.
        fileprivate mutating func extend(_ leg: Leg, _ segment: Int, from first: Int64, to end: Int64) {
            switch leg {
            case .client: Self.extend(&client, leg, segment, first, end)
            case .server: Self.extend(&server, leg, segment, first, end)
            }
        }

        private static func extend(
            _ extent: inout Extent?, _ leg: Leg, _ segment: Int, _ first: Int64, _ end: Int64
        ) {
            if extent == nil { extent = Extent(segment: segment, leg: leg, first: first, end: end, packets: 0) }
            extent?.end = end
            extent?.packets += 1
        }
    }

    let number: Int
    /// In the order in which they appear.
    private(set) var sessions: [Session] = []
    /// Octets up to the end of the last complete block.
    private(set) var bytes: Int64 = 0
    /// Why reading stopped before the end of the file; a file that ends within a block is not told, as a crash leaves
    /// that.
    private(set) var damage: CaptureFormatError?

    private var places: [String: Int] = [:]
    private var flows: [Flow: Owner] = [:]
    private var decoder = PacketDecoder()
    /// Flows that were found lately, by their ports: a packet is hardly ever the first of its flow.
    private var lately: [(sent: Flow, owner: Owner)?] = Array(repeating: nil, count: 1 << Int(latelyBits))
    private static let latelyBits: UInt32 = 10

    private struct Flow: Hashable {
        var interface: Int
        var tuple: FourTuple
    }

    /// The session of a flow, by its place in `sessions`.
    private struct Owner {
        var session: Int
        var leg: Leg
        var isSent: Bool
    }

    /// Reads a segment.
    init(path: String, number: Int) throws(RecorderError) {
        self.number = number
        var reader = CaptureFileReader()
        do {
            let file = try PackedFile(path: path)
            while true {
                let chunk = try file.read(1 << 18)
                if chunk.isEmpty { break }
                reader.feed(chunk)
                while let record = try reader.next() { take(record, end: Int64(reader.offset)) }
                bytes = Int64(reader.offset)
            }
        } catch let error as CaptureFormatError {
            bytes = Int64(reader.offset)
            damage = error
        } catch let error as PackedFileError {
            bytes = Int64(reader.offset)
            switch error.code {
            case .unreadable: throw .failed(action: "read", path: path, reason: error.text)
            case .truncated: break
            case .damaged, .tooLarge:
                damage = CaptureFormatError(.badPacking, at: error.offset ?? reader.offset, error.text)
            }
        } catch {
            throw .failed(action: "read", path: path, reason: "\(error)")
        }
    }

    private mutating func take(_ record: CaptureRecord, end: Int64) {
        let decoded = PacketDecoder.plain(record.bytes, linkType: record.linkType) ?? decoder.segment(record)
        guard let segment = decoded else { return }
        for text in record.comments {
            guard let comment = RecordComment(text) else { continue }
            switch comment {
            case .opened(let info, let leg, let isContinued):
                let place = places[info.id] ?? sessions.count
                if place == sessions.count {
                    places[info.id] = place
                    sessions.append(Session(info: info, isContinued: isContinued, last: record.time))
                }
                // What is known of a session grows when TLS begins in it.
                sessions[place].info = info
                // Such a comment is always on a packet of the client.
                let tuple = FourTuple(client: segment.source, server: segment.destination)
                flows[Flow(interface: record.interface, tuple: tuple)] = Owner(session: place, leg: leg, isSent: true)
                lately[Self.place(of: segment.source.port, segment.destination.port)] = nil
                lately[Self.place(of: segment.destination.port, segment.source.port)] = nil
            case .closed(let closing):
                if let place = places[closing.session] { sessions[place].closing = closing }
            case .secured, .changed, .unseen, .sealed, .lost: break
            }
        }
        guard let flow = owner(of: segment, record.interface) else { return }
        sessions[flow.session].last = max(sessions[flow.session].last, record.time)
        switch flow.leg {
        case .client:
            if flow.isSent {
                sessions[flow.session].clientBytes += segment.payload.count
            } else {
                sessions[flow.session].serverBytes += segment.payload.count
            }
        case .server: break
        }
        sessions[flow.session].extend(flow.leg, number, from: Int64(record.offset), to: end)
    }

    /// The session that a packet belongs to.
    private mutating func owner(of segment: TCPSegment, _ interface: Int) -> Owner? {
        let sent = Flow(
            interface: interface, tuple: FourTuple(client: segment.source, server: segment.destination))
        let place = Self.place(of: segment.source.port, segment.destination.port)
        if let known = lately[place], known.sent == sent { return known.owner }
        var found = flows[sent]
        if found == nil {
            let received = FourTuple(client: segment.destination, server: segment.source)
            found = flows[Flow(interface: interface, tuple: received)]
            found?.isSent = false
        }
        if let found { lately[place] = (sent, found) }
        return found
    }

    /// Where in `lately` a flow has its place.
    private static func place(of source: UInt16, _ destination: UInt16) -> Int {
        Int((UInt32(source) &* 0x9E37_79B1 &+ UInt32(destination) &* 0x85EB_CA77) >> (32 - latelyBits))
    }
}

extension PacketDecoder {
    /// The segment in a packet that is one of TCP.
    fileprivate mutating func segment(_ record: CaptureRecord) -> TCPSegment? {
        guard case .tcp(let segment) = decode(record) else { return nil }
        return segment
    }
}
