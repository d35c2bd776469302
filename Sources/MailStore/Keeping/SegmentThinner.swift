// Writes a segment without some of its sessions. What stays is copied block by block as it is; a comment in the header says that
// something is missing.

import Glibc
import MailCompression
import MailDialogue
import MailRecording

/// A segment without some of its sessions.
struct SegmentThinner {
    /// Packets that were left out, and their octets in the file.
    private(set) var packets = 0
    private(set) var octets: Int64 = 0
    /// Sessions that were left out.
    private(set) var sessions: Set<String> = []
    /// Where those that are left are now.
    private(set) var places: [String: [Leg: Extent]] = [:]
    /// Octets that were written.
    private(set) var size: Int64 = 0

    private struct Flow: Hashable {
        var interface: Int
        var tuple: FourTuple
    }

    private let number: Int
    private let gone: Set<String>
    private let target: Int32
    private var flows: [Flow: (session: String, leg: Leg)] = [:]
    private var decoder = PacketDecoder()
    private var out: [UInt8] = []
    private var isFirst = true

    private static let bufferLimit = 1 << 18

    /// Copies the segment.
    /// - Parameters:
    ///   - number: of the segment.
    ///   - gone: ids of the sessions to leave out.
    ///   - target: where to write.
    ///   - goesOn: false when nobody wants it any more.
    /// - Returns: nil when it was stopped, or the segment cannot be read to its end: then it stays as it is.
    static func thin(
        _ path: String, number: Int, without gone: Set<String>, to target: Int32, while goesOn: () -> Bool
    ) throws(PackedFileError) -> SegmentThinner? {
        var thinner = SegmentThinner(number: number, gone: gone, target: target)
        let file = try PackedFile(path: path)
        var reader = CaptureFileReader()
        var raw: [UInt8] = []
        // The offset of the first octet of `raw` in the segment.
        var base = 0
        do {
            while true {
                guard goesOn() else { return nil }
                let chunk = try file.read(1 << 18)
                if chunk.isEmpty { break }
                raw += chunk
                reader.feed(chunk)
                var copied = base
                while let record = try reader.next() {
                    try thinner.copy(raw[(copied - base)..<(record.offset - base)])
                    copied = reader.offset
                    try thinner.take(record, raw[(record.offset - base)..<(copied - base)])
                }
                try thinner.copy(raw[(copied - base)..<(reader.offset - base)])
                raw.removeFirst(reader.offset - base)
                base = reader.offset
            }
            try thinner.flush()
        } catch let error as PackedFileError {
            throw error
        } catch {
            return nil
        }
        return thinner
    }

    private init(number: Int, gone: Set<String>, target: Int32) {
        self.number = number
        self.gone = gone
        self.target = target
    }

    private mutating func take(_ record: CaptureRecord, _ block: ArraySlice<UInt8>) throws(PackedFileError) {
        guard case .tcp(let segment) = decoder.decode(record) else { return try copy(block) }
        let sent = FourTuple(client: segment.source, server: segment.destination)
        let received = FourTuple(client: segment.destination, server: segment.source)
        for case .opened(let info, let leg, _)? in record.comments.map({ RecordComment($0) }) {
            flows[Flow(interface: record.interface, tuple: sent)] = (info.id, leg)
        }
        let flow =
            flows[Flow(interface: record.interface, tuple: sent)]
            ?? flows[Flow(interface: record.interface, tuple: received)]
        guard let flow else { return try copy(block) }
        if gone.contains(flow.session) {
            sessions.insert(flow.session)
            packets += 1
            octets += Int64(block.count)
            return
        }
        let first = size + Int64(out.count)
        try copy(block)
        var extent =
            places[flow.session]?[flow.leg]
            ?? Extent(segment: number, leg: flow.leg, first: first, end: first, packets: 0)
        extent.end = first + Int64(block.count)
        extent.packets += 1
        places[flow.session, default: [:]][flow.leg] = extent
    }

    private mutating func copy(_ octets: ArraySlice<UInt8>) throws(PackedFileError) {
        guard !octets.isEmpty else { return }
        if isFirst {
            isFirst = false
            var json = JSONWriter()
            json.object { json in
                json.member("mailproxy", RecordComment.version)
                json.member("thinned", true)
            }
            out += PcapngWriter.commented(octets, json.text)
        } else {
            out += octets
        }
        if out.count >= Self.bufferLimit { try flush() }
    }

    private mutating func flush() throws(PackedFileError) {
        let calls = FileCalls()
        var rest = out[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { calls.write(target, $0) }
            guard count > 0 else {
                throw PackedFileError(.unreadable, System.text(count == 0 ? EIO : Int32(clamping: -count)))
            }
            rest = rest.dropFirst(count)
        }
        size += Int64(out.count)
        out.removeAll(keepingCapacity: true)
    }
}
