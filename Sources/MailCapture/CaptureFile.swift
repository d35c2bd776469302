// Packets of a capture file or of standard input, in bounded memory.

import Glibc
import MailCompression
import MailRecording

/// A capture file that is read from its beginning to its end. Not for several threads at once.
package final class CaptureFile {
    /// Octets read at once.
    private static let chunk = 256 << 10

    private let file: PackedFile
    private let path: String
    /// Whoever changes it is alone with it, which need not be proved for each packet.
    @exclusivity(unchecked) private var reader = CaptureFileReader()
    private var hasEnded = false
    /// The size in octets, as stored, when the file is a regular one: for a progress report.
    package var size: Int? { file.size }
    /// Octets of the file, as stored, that were read so far.
    package var stored: Int { file.stored }
    /// Of a stream: asked while nothing comes; when it says no the stream ends there.
    package var goesOn: (() -> Bool)? {
        get { file.goesOn }
        set { file.goesOn = newValue }
    }

    /// Opens a file, be it packed with gzip or zstd; `-` is standard input.
    package init(path: String) throws(CaptureError) {
        self.path = path == "-" ? "standard input" : path
        do throws(PackedFileError) {
            file =
                path == "-"
                ? PackedFile(descriptor: STDIN_FILENO, name: "standard input", owns: false)
                : try PackedFile(path: path)
        } catch {
            throw CaptureError(.unreadable, "\(path == "-" ? "standard input" : path): \(error.text)")
        }
    }

    /// The next packet; nil at the end. A file that ends in the middle throws `badFormat` with the code `truncated`
    /// after its last whole packet.
    package func next() throws(CaptureError) -> CaptureRecord? { try next(isWhole: true) }

    /// The next packet of a file that is still being written; nil when there is none yet, or none that is whole.
    package func nextSoFar() throws(CaptureError) -> CaptureRecord? { try next(isWhole: false) }

    private func next(isWhole: Bool) throws(CaptureError) -> CaptureRecord? {
        do {
            while true {
                if let record = try reader.next() { return record }
                if hasEnded { return nil }
                if try readOn() { continue }
                guard isWhole else { return nil }
                hasEnded = true
                try reader.finish()
            }
        } catch let error as CaptureFormatError {
            throw CaptureError(.badFormat, "\(path): \(error)", format: error)
        } catch let error as CaptureError {
            throw error
        } catch {
            throw CaptureError(.failed, "\(path): \(error)")
        }
    }

    /// Goes on at an offset at which a packet's block begins, of a file of which nothing was read yet, or of one of our recordings.
    package func seek(to offset: Int) throws(CaptureError) {
        // The header says what is needed to understand the packets.
        if reader.interfaces.isEmpty {
            let first = try read()
            reader.feed(first)
            do { _ = try reader.next() } catch {
                throw CaptureError(.badFormat, "\(path): \(error)", format: error)
            }
        }
        hasEnded = false
        reader.jump(to: offset)
        do throws(PackedFileError) { try file.seek(to: offset) } catch { throw told(error) }
    }

    /// Octets of the file that were understood.
    package var offset: Int { reader.offset }
    /// Packets that were delivered.
    package var packets: Int { reader.packets }
    /// Packets that the capturing kernel lost, as the file says.
    package var dropped: UInt64 { reader.dropped }
    /// The secrets that came since they were last taken, to decrypt the packets that follow.
    package func takeSecrets() -> [CaptureSecrets] { reader.takeSecrets() }
    /// The interfaces of the current section.
    package var interfaces: [CaptureInterface] { reader.interfaces }
    /// How many they are.
    package var interfaceCount: Int { reader.interfaces.count }
    /// The comments of the current section.
    package var sectionComments: [String] { reader.sectionComments }

    private func read() throws(CaptureError) -> [UInt8] {
        do throws(PackedFileError) { return try file.read(Self.chunk) } catch { throw told(error) }
    }

    /// Reads on. False at the end.
    private func readOn() throws(CaptureError) -> Bool {
        let rest = reader.unread
        // Of a long packet the beginning is not copied for each part that is read of it.
        guard rest.count < Self.chunk / 4 else {
            let octets = try read()
            reader.feed(octets)
            return !octets.isEmpty
        }
        let octets: [UInt8]
        do throws(PackedFileError) { octets = try file.read(Self.chunk, behind: rest) } catch { throw told(error) }
        guard octets.count > rest.count else { return false }
        reader.feed(withUnread: octets)
        return true
    }

    /// What is wrong with what the file is packed with, at the place in what was unpacked so far.
    private func told(_ error: PackedFileError) -> CaptureError {
        let code: CaptureFormatError.Code
        switch error.code {
        case .unreadable: return CaptureError(.unreadable, "\(path): \(error.text)")
        case .truncated: code = .truncated
        case .damaged: code = .badPacking
        case .tooLarge: code = .tooLarge
        }
        let format = CaptureFormatError(code, at: error.offset ?? reader.offset, error.text)
        return CaptureError(.badFormat, "\(path): \(format)", format: format)
    }
}
