// Octets of a message file with CRLF line ends. A file that has them already is read where asked; one with bare LFs,
// as other delivery programs write it, is converted piece by piece, so that its size does not matter.

/// An open message file. Its name may change meanwhile.
final class MessageReader {
    private let files: any FileSystem
    private let descriptor: Int32
    /// Size of the file equals that with CRLF line ends: nothing to convert.
    private let isPlain: Bool

    /// A converted piece, where it begins in the message, and where the next begins in the file.
    private var piece: [UInt8] = []
    private var pieceStart = 0
    private var filePosition = 0
    private var endsInCR = false

    static let pieceSize = 64 << 10

    init(_ path: String, wireSize: Int, files: any FileSystem) throws(FileError) {
        self.files = files
        let descriptor = try files.open(path, .read)
        do throws(FileError) { isPlain = try files.status(of: descriptor).size == wireSize } catch {
            files.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { files.close(descriptor) }

    /// Up to `count` octets; fewer at the end.
    func read(offset: Int, count: Int) throws(FileError) -> [UInt8] {
        guard offset >= 0, count > 0 else { return [] }
        if isPlain { return try files.readUp(to: count, descriptor, at: offset) }
        if offset < pieceStart { rewind() }
        var result: [UInt8] = []
        while result.count < count {
            let begin = offset + result.count - pieceStart
            if begin < piece.count {
                result += piece[begin..<min(piece.count, begin + count - result.count)]
            } else if try !advance() {
                break
            }
        }
        return result
    }

    private func rewind() {
        piece = []
        pieceStart = 0
        filePosition = 0
        endsInCR = false
    }

    private func advance() throws(FileError) -> Bool {
        let raw = try files.readUp(to: MessageReader.pieceSize, descriptor, at: filePosition)
        guard !raw.isEmpty else { return false }
        pieceStart += piece.count
        filePosition += raw.count
        piece = LineEnds.converted(raw, afterCR: endsInCR)
        endsInCR = raw.last == UInt8(ascii: "\r")
        return true
    }

    /// The size that a file has with CRLF line ends.
    static func wireSize(_ path: String, _ files: any FileSystem) throws(FileError) -> Int {
        let descriptor = try files.open(path, .read)
        defer { files.close(descriptor) }
        var position = 0
        var bare = 0
        var endsInCR = false
        while true {
            let raw = try files.readUp(to: pieceSize, descriptor, at: position)
            guard !raw.isEmpty else { return position + bare }
            bare += LineEnds.bareCount(raw, afterCR: endsInCR)
            endsInCR = raw.last == UInt8(ascii: "\r")
            position += raw.count
        }
    }
}
