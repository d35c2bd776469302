// Deflates what a transcript says to be deflated, as a peer that flushes behind each line does (RFC 4978 §4).

import CZlib

/// A raw deflate stream of one side.
final class Deflater {
    struct NoMemory: Error {}

    private var stream = z_stream()

    /// - Parameter level: zlib's; 0 stores.
    init(level: Int32 = Z_DEFAULT_COMPRESSION) throws {
        guard mp_deflate_init(&stream) == Z_OK else { throw NoMemory() }
        if level != Z_DEFAULT_COMPRESSION { deflateParams(&stream, level, Z_DEFAULT_STRATEGY) }
    }

    deinit { deflateEnd(&stream) }

    /// The octets deflated, up to a flush.
    /// - Parameter flush: how it ends: `Z_SYNC_FLUSH`, `Z_FINISH` and the like.
    func deflate(_ octets: [UInt8], _ flush: Int32 = Z_SYNC_FLUSH) -> [UInt8] {
        var input = octets
        var output = [UInt8](repeating: 0, count: octets.count + 64)
        let written = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                let status = CZlib.deflate(&stream, flush)
                return status == Z_OK || status == Z_STREAM_END ? target.count - Int(stream.avail_out) : 0
            }
        }
        return Array(output.prefix(written))
    }
}
