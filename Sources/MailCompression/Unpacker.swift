// Unpacking in steps of bounded memory: octets of a zstd file (RFC 8878) or a gzip file (RFC 1952) in, what they stand for out.

import CZlib
import CZstd

/// What a file is packed with.
package enum Packing: Sendable {
    case none
    case gzip
    case zstd

    /// As the first octets say. A skippable frame may be the first of a zstd file (RFC 8878 §3.1.2).
    package init(magic octets: ArraySlice<UInt8>) {
        let head = Array(octets.prefix(4))
        if head.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if head == [0x28, 0xB5, 0x2F, 0xFD]
            || head.count == 4 && head[0] & 0xF0 == 0x50
                && head[1...] == [0x2A, 0x4D, 0x18]
        {
            self = .zstd
        } else {
            self = .none
        }
    }
}

/// The result of a step.
struct UnpackStep {
    var consumed = 0
    var produced = 0
    /// Nothing is begun that has not ended.
    var isWhole = false
    /// What follows is not packed any more and of no meaning.
    var hasEnded = false
}

/// Unpacks one file. Not for several threads at once.
protocol Unpacker: AnyObject {
    /// Takes some of `input`, fills some of `output`. Throws a text when the input is damaged.
    func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(UnpackFailure)
        -> UnpackStep
    /// What comes next is the beginning of a frame or member.
    func startOver()
}

struct UnpackFailure: Error {
    var text: String
    var isTooLarge = false
}

/// zstd, frame after frame.
final class ZstdUnpacker: Unpacker {
    /// The largest window that is kept, as a power of two: what `zstd -19` makes; `--ultra` and `--long` ask for more.
    static let windowLog: Int32 = 23

    private let stream: OpaquePointer?
    private var isWhole = true

    init() {
        stream = ZSTD_createDCtx()
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.windowLog)
    }

    deinit { ZSTD_freeDCtx(stream) }

    func startOver() {
        ZSTD_DCtx_reset(stream, ZSTD_reset_session_only)
        isWhole = true
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackFailure) -> UnpackStep {
        guard stream != nil else { throw UnpackFailure(text: "there is no memory to unpack it") }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = ZSTD_decompressStream(stream, &target, &source)
        if ZSTD_isError(result) != 0 {
            if ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge {
                throw UnpackFailure(
                    text: "it was packed with a window of more than \(1 << Self.windowLog) octets: unpack it first "
                        + "with 'zstd -d --long=31'", isTooLarge: true)
            }
            throw UnpackFailure(text: String(cString: ZSTD_getErrorName(result)).lowercased())
        }
        if source.pos > 0 || target.pos > 0 { isWhole = result == 0 }
        return UnpackStep(consumed: source.pos, produced: target.pos, isWhole: isWhole)
    }
}

/// gzip, member after member.
final class GzipUnpacker: Unpacker {
    private let stream: UnsafeMutablePointer<z_stream>
    private let isReady: Bool
    /// Between members.
    private var isBetween = false

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        isReady = mp_gunzip_init(stream) == Z_OK
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    func startOver() {
        inflateReset(stream)
        isBetween = false
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackFailure) -> UnpackStep {
        guard isReady else { throw UnpackFailure(text: "there is no memory to unpack it") }
        if isBetween {
            guard let first = input.first else { return UnpackStep(isWhole: true) }
            // Padding behind the last member is none.
            guard first == 0x1F else { return UnpackStep(consumed: input.count, isWhole: true, hasEnded: true) }
            startOver()
        }
        // zlib writes nothing through next_in, which its type does not say.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(clamping: input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: output.count)
        let result = inflate(stream, Z_NO_FLUSH)
        let step = UnpackStep(
            consumed: input.count - Int(stream.pointee.avail_in),
            produced: output.count - Int(stream.pointee.avail_out),
            isWhole: result == Z_STREAM_END)
        switch result {
        case Z_STREAM_END: isBetween = true
        case Z_OK, Z_BUF_ERROR: break
        default:
            throw UnpackFailure(text: stream.pointee.msg.map { String(cString: $0) } ?? "the data are damaged")
        }
        return step
    }
}
