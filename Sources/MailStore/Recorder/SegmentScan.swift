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
        var extents: [Leg: Extent] = [:]
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
    private var flows: [Flow: (session: Int, leg: Leg)] = [:]
    private var decoder = PacketDecoder()

    private struct Flow: Hashable {
        var interface: Int
        var tuple: FourTuple
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
        guard case .tcp(let segment) = decoder.decode(record) else { return }
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
                flows[Flow(interface: record.interface, tuple: tuple)] = (place, leg)
            case .closed(let closing):
                if let place = places[closing.session] { sessions[place].closing = closing }
            case .secured, .changed, .unseen, .sealed, .lost: break
            }
        }
        let sent = FourTuple(client: segment.source, server: segment.destination)
        let received = FourTuple(client: segment.destination, server: segment.source)
        let isSent = flows[Flow(interface: record.interface, tuple: sent)]
        guard let flow = isSent ?? flows[Flow(interface: record.interface, tuple: received)] else { return }
        sessions[flow.session].last = max(sessions[flow.session].last, record.time)
        switch flow.leg {
        case .client:
            if isSent != nil {
                sessions[flow.session].clientBytes += segment.payload.count
            } else {
                sessions[flow.session].serverBytes += segment.payload.count
            }
        case .server: break
        }
        var extent =
            sessions[flow.session].extents[flow.leg]
            ?? Extent(segment: number, leg: flow.leg, first: Int64(record.offset), end: end, packets: 0)
        extent.end = end
        extent.packets += 1
        sessions[flow.session].extents[flow.leg] = extent
    }
}
