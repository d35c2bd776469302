// Packing a file with zstd so that any place in it is reached by unpacking a mebibyte: frames of their own, and a table of them at the
// end. `zstd -d` gives back the very file.

import CZstd
import Glibc

/// Packs files.
package struct SeekablePacker {
    /// Octets in a frame.
    package static let frame = 1 << 20

    /// From 1 to 19.
    package let level: Int

    package init(level: Int) { self.level = level }

    /// Packs what a descriptor gives from its beginning into another.
    /// - Parameters:
    ///   - calls: asked before each frame; when it says no, nothing more is done.
    ///   - plain: gets each frame before it is packed.
    /// - Returns: the octets read and those written; nil when it was not to go on.
    package func pack(
        from source: Int32, to target: Int32, while goesOn: () -> Bool, plain: (UnsafeRawBufferPointer) -> Void
    ) throws(PackedFileError) -> (plain: Int, packed: Int)? {
        guard let context = ZSTD_createCCtx() else {
            throw PackedFileError(.unreadable, "there is no memory to pack it")
        }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(clamping: level))
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        let input = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.frame, alignment: 16)
        defer { input.deallocate() }
        let output = UnsafeMutableRawBufferPointer.allocate(
            byteCount: ZSTD_compressBound(Self.frame), alignment: 16)
        defer { output.deallocate() }
        var table = SeekTable()
        var offset = 0
        while goesOn() {
            var count = 0
            while count < input.count {
                let got = pread(
                    source, input.baseAddress.map { $0 + count }, input.count - count, off_t(offset + count))
                if got > 0 {
                    count += got
                } else if got == 0 {
                    break
                } else if errno != EINTR {
                    throw PackedFileError(.unreadable, at: offset + count, String(cString: strerror(errno)))
                }
            }
            if count == 0 {
                let end = table.octets
                output.copyBytes(from: end.prefix(output.count))
                guard end.count <= output.count else {
                    throw PackedFileError(.tooLarge, "it has more frames than a table of them holds")
                }
                try write(UnsafeRawBufferPointer(rebasing: output[..<end.count]), to: target)
                return (offset, (table.packed.last ?? 0) + end.count)
            }
            let piece = UnsafeRawBufferPointer(rebasing: input[..<count])
            plain(piece)
            let size = ZSTD_compress2(context, output.baseAddress, output.count, piece.baseAddress, piece.count)
            guard ZSTD_isError(size) == 0 else {
                throw PackedFileError(.damaged, at: offset, String(cString: ZSTD_getErrorName(size)))
            }
            try write(UnsafeRawBufferPointer(rebasing: output[..<size]), to: target)
            table.append(packed: size, plain: count)
            offset += count
        }
        return nil
    }

    private func write(_ octets: UnsafeRawBufferPointer, to descriptor: Int32) throws(PackedFileError) {
        var rest = octets[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                throw PackedFileError(.unreadable, "cannot be written: \(String(cString: strerror(errno)))")
            }
        }
    }
}
