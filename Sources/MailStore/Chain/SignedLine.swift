// Lines that are signed and linked: JSON objects whose last member is the signature of the line without that member, and which name
// the digest of the line before them. Anybody's tools check them (Docs/Evidence.md).

import Crypto
import Glibc
import MailMessage
import MailRecording

/// A line as it stands in a file.
struct SignedLine: Equatable, Sendable {
    /// Without its line end.
    let octets: [UInt8]
    /// Octets of the line that are signed: an object that ends where the signature's comma stood.
    let signed: [UInt8]
    let signature: [UInt8]
    let value: JSONValue

    /// The most that a line has: a stretch of a mebibyte with blocks of 48 octets.
    static let longest = 1 << 20
    private static let mark = Array(",\"signature\":\"".utf8)

    /// The SHA-256 of the line in hex: what the next one names.
    var digest: String { Hex.text(SHA256.of(octets)) }

    /// Reads a line. Nil when it is none of this form.
    init?(_ octets: [UInt8]) {
        // Base64 of 64 octets has 88, and behind it stand a quote and a brace.
        let place = octets.count - 90 - Self.mark.count
        guard octets.count <= Self.longest, place > 0, octets[place...].starts(with: Self.mark),
            octets.suffix(2).elementsEqual("\"}".utf8),
            let signature = Base64.decode(octets[(octets.count - 90)..<(octets.count - 2)]),
            // A text has one form: bits that stand for nothing are zero (RFC 4648 §3.5).
            Base64.encode(signature).elementsEqual(octets[(octets.count - 90)..<(octets.count - 2)]),
            let value = JSONValue(parsing: octets[...])
        else { return nil }
        self.octets = octets
        signed = octets[..<place] + [UInt8(ascii: "}")]
        self.signature = signature
        self.value = value
    }

    /// Signs what `members` writes. Nil when the key cannot.
    init?(signedBy key: ChainKey, _ members: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.object(members)
        signed = writer.octets
        guard let signature = key.sign(signed) else { return nil }
        self.signature = signature
        octets =
            signed.dropLast() + Self.mark + Base64.encode(signature) + [UInt8(ascii: "\""), UInt8(ascii: "}")]
        guard octets.count <= Self.longest, let value = JSONValue(parsing: octets[...]) else { return nil }
        self.value = value
    }

    func isSigned(by key: ChainPublicKey) -> Bool { key.hasSigned(signed, signature) }

    func text(_ name: String) -> String? { value[name]?.string }
    func number(_ name: String) -> Int? { value[name]?.integer.flatMap { $0 >= 0 ? Int(exactly: $0) : nil } }
    var kind: String { text("kind") ?? "" }
}

extension SHA256 {
    static func of(_ octets: [UInt8]) -> SHA256Digest {
        var hash = SHA256()
        octets.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize()
    }
}

/// A file of such lines that grows at its end.
final class SignedFile {
    /// What stands for the line before the first.
    static let nothing = String(repeating: "0", count: 64)

    let path: String
    private let descriptor: Int32
    private let calls: FileCalls
    private var size: Int
    /// The digest of the last line.
    private(set) var head = SignedFile.nothing
    /// Lines in it.
    private(set) var count = 0
    /// The last line.
    private(set) var last: SignedLine?

    /// Opens or makes a file. A last line that was not written to its end, as when the power went, is cut off.
    /// - Parameter take: gets each line.
    init(path: String, calls: FileCalls = FileCalls(), take: (SignedLine) -> Void = { _ in }) throws(RecorderError) {
        self.path = path
        self.calls = calls
        descriptor = System.openToAppend(path)
        guard descriptor >= 0 else { throw .failed(action: "open", path: path, reason: System.text(errno)) }
        size = 0
        var reader = LineReader(descriptor)
        while let line = reader.next() {
            size = reader.end
            count += 1
            guard case .line(let octets) = line, let signed = SignedLine(octets) else {
                // What stands there is not ours; verify names it. The chain goes on behind it.
                if case .line(let octets) = line { head = Hex.text(SHA256.of(octets)) }
                continue
            }
            head = signed.digest
            last = signed
            take(signed)
        }
        if reader.rest > 0 { ftruncate(descriptor, off_t(size)) }
    }

    deinit { Glibc.close(descriptor) }

    /// Adds a line. When it could not be written whole it is not there at all.
    func append(_ line: SignedLine) throws(RecorderError) {
        let octets = line.octets + [10]
        var rest = octets[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { calls.write(descriptor, $0) }
            guard written > 0 else {
                ftruncate(descriptor, off_t(size))
                throw .failed(action: "write", path: path, reason: System.text(written == 0 ? EIO : Int32(-written)))
            }
            rest = rest.dropFirst(written)
        }
        size += octets.count
        count += 1
        head = line.digest
        last = line
    }

    /// Makes it durable.
    func sync() throws(RecorderError) {
        let code = calls.sync(descriptor)
        guard code == 0 else { throw .failed(action: "sync", path: path, reason: System.text(-code)) }
    }
}

/// Lines of a file, each within the limit, in bounded memory.
struct LineReader {
    enum Line {
        case line([UInt8])
        /// Longer than any of ours.
        case tooLong
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var hasEnded = false
    /// The offset behind the last line that was given.
    private(set) var end = 0
    /// Why it cannot be read any further.
    private(set) var failure: Int32 = 0

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Octets behind the last line that has an end.
    var rest: Int { buffer.count - position }
    /// What stands there: the beginning of a line, when nobody changed it.
    var half: ArraySlice<UInt8> { buffer[position...] }

    /// The next line; nil when there is none that has an end.
    mutating func next() -> Line? {
        var searched = position
        var dropped = 0
        while true {
            if let place = buffer[searched...].firstIndex(of: 10) {
                let line = buffer[position..<place]
                end += dropped + line.count + 1
                position = place + 1
                return dropped > 0 || line.count > SignedLine.longest ? .tooLong : .line(Array(line))
            }
            if buffer.count - position > SignedLine.longest {
                dropped += buffer.count - position
                buffer = []
            } else {
                buffer.removeFirst(position)
            }
            position = 0
            searched = buffer.count
            if hasEnded { return nil }
            guard let piece = System.read(descriptor, limit: 1 << 16) else {
                failure = errno
                return nil
            }
            hasEnded = piece.isEmpty
            buffer += piece
        }
    }
}
