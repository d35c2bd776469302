// Deflates what a transcript says to be deflated, as a peer that flushes behind each line does (RFC 4978 §4).

import CZlib

/// A raw deflate stream of one side.
final class Deflater {
    struct NoMemory: Error {}

    private var stream = z_stream()

    init() throws {
        guard mp_deflate_init(&stream) == Z_OK else { throw NoMemory() }
    }

    deinit { deflateEnd(&stream) }

    /// The octets deflated, up to a flush.
    func deflate(_ octets: [UInt8]) -> [UInt8] {
        var input = octets
        var output = [UInt8](repeating: 0, count: octets.count + 64)
        let written = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                let status = CZlib.deflate(&stream, Z_SYNC_FLUSH)
                return status == Z_OK ? target.count - Int(stream.avail_out) : 0
            }
        }
        return Array(output.prefix(written))
    }
}
