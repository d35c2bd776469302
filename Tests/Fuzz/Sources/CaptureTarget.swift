// A capture file, whatever it is, through the whole reader: blocks, packets, fragments, reassembly, recognition, sessions.

import MailCapture
import MailDialogue
import MailRecording

extension FuzzTarget {
    static let captures = FuzzTarget(
        name: "pcapng", longest: 16_384, words: "pcapng",
        invariant: "Any file gives the same packets and sessions however it is read, and ends in one error at most."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let policy = numbers.pick(ChecksumPolicy.ignore, .auto, .verify, .recorded)
        let overlap = numbers.pick(OverlapPolicy.first, .last)
        let whole = Reading(input.octets, policy, overlap) { input.octets.count }
        let pieces = Reading(input.octets, policy, overlap) { numbers.size() }
        must(pieces.records == whole.records, "pieces give other packets")
        must(pieces.error == whole.error, "pieces give \(String(describing: pieces.error))")
        must(whole.records.allSatisfy { $0.bytes.count <= input.octets.count }, "a packet is longer than its file")
        must(pieces.sessions == whole.sessions, "pieces give other sessions")
        let octets = whole.records.reduce(0) { $0 + $1.bytes.count }
        must(whole.noted <= octets, "\(whole.noted) octets of sessions from \(octets) of packets")
    }

    private struct Reading {
        var records: [CaptureRecord] = []
        var error: CaptureFormatError?
        var sessions: [String] = []
        var noted = 0

        init(_ file: [UInt8], _ policy: ChecksumPolicy, _ overlap: OverlapPolicy, _ size: () -> Int) {
            var reader = CaptureFileReader()
            var tracker = SessionTracker(fingerprintKey: [1, 2, 3], checksums: policy, overlap: overlap)
            do throws(CaptureFormatError) {
                var rest = file[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(max(size(), 1))
                    rest = rest.dropFirst(piece.count)
                    reader.feed(Array(piece))
                    while let record = try reader.next() {
                        records.append(record)
                        tracker.accept(record, isRecording: SessionReader.isRecording(reader.interfaces)) { take($0) }
                    }
                }
                try reader.finish()
            } catch {
                self.error = error
            }
            tracker.finish { take($0) }
        }

        private mutating func take(_ batch: SessionBatch) {
            noted += batch.notes.reduce(0) { $0 + $1.raw.count }
            sessions.append("\(batch.info) \(batch.notes.map(\.shown))")
            for note in batch.notes {
                must(note.masked.map { $0.count == note.raw.count } ?? true, "a mask of another length")
            }
        }
    }
}
