// What a segment says of octets that were not recorded before it began. No fault, as it was signed so; who checks a recording wants to
// know all the same.

import MailCompression
import MailRecording

enum SegmentLoss {
    /// Octets of a segment in which its header is: it has two interfaces and a comment.
    private static let header = 1 << 16

    /// The loss in the header of a segment; nil when nothing was lost, or it can't be read.
    static func read(_ path: String) -> RecordComment.Loss? {
        guard let file = try? PackedFile(path: path), let octets = try? file.read(header) else { return nil }
        var reader = CaptureFileReader()
        reader.feed(octets)
        _ = try? reader.next()
        for case .lost(let loss)? in reader.sectionComments.map({ RecordComment($0) }) { return loss }
        return nil
    }
}
