// Files as if nobody had packed them: plain ones, gzip and zstd, told by their first octets, read from the beginning or from any
// place, in bounded memory.

import CLinux
import Glibc

/// A file that is read, whatever it is packed with. Not for several threads at once.
package final class PackedFile {
    /// Octets of the file read at once.
    private static let chunk = 128 << 10
    /// A file may unpack to so many octets, or to ``mostRatio`` times its own, whichever is more. Recordings of nothing but
    /// equal sessions reach 100.
    package static let freely = 256 << 20
    package static let mostRatio = 250

    /// What the name of a packed segment has at its end.
    package static let suffix = ".zst"

    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private let name: String
    /// The size in octets, as stored, when the file is a regular one.
    package let size: Int?
    /// What it is packed with.
    package let packing: Packing

    /// Of a stream, such as standard input: asked before each waiting, and several times a second while nothing comes. When it says no the
    /// stream ends where it is.
    package var goesOn: (() -> Bool)?

    private var unpacker: (any Unpacker)?
    /// Why not even its first octets can be read.
    private let failure: PackedFileError?
    private var input: [UInt8] = []
    /// What was taken of `input`.
    private var position = 0
    private var inputEnded = false
    private var isWhole = true
    /// Octets of the file before `input`.
    private var base = 0
    /// Octets taken and given since the beginning or the last jump.
    private var taken = 0
    private var given = 0
    private lazy var table: SeekTable? = packing == .zstd ? readTable() : nil

    /// Opens a file. A segment that was packed in the meantime is found under its new name.
    package convenience init(path: String) throws(PackedFileError) {
        var descriptor = mp_open(path, O_RDONLY, 0)
        if descriptor < 0, errno == ENOENT, !path.hasSuffix(Self.suffix) {
            descriptor = mp_open(path + Self.suffix, O_RDONLY, 0)
            if descriptor < 0 { errno = ENOENT }
        }
        guard descriptor >= 0 else { throw Self.systemError() }
        self.init(descriptor: descriptor, name: path, owns: true)
    }

    /// Reads what a descriptor gives, from where it stands: the beginning.
    /// - Parameter owns: close it at the end.
    package init(descriptor: Int32, name: String, owns: Bool) {
        self.descriptor = descriptor
        self.name = name
        ownsDescriptor = owns
        var status = stat()
        size = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
        var head: [UInt8] = []
        var hasEnded = false
        var failure: PackedFileError?
        while head.count < 4, !hasEnded, failure == nil {
            switch Self.read(descriptor) {
            case .success(let octets):
                head += octets
                hasEnded = octets.isEmpty
            case .failure(let error): failure = error
            }
        }
        packing = Packing(magic: head[...])
        input = head
        inputEnded = hasEnded
        switch packing {
        case .none: break
        case .gzip: unpacker = GzipUnpacker()
        case .zstd: unpacker = ZstdUnpacker()
        }
        self.failure = failure
    }

    deinit { if ownsDescriptor { close(descriptor) } }

    /// Up to `limit` octets that follow; empty at the end.
    package func read(_ limit: Int) throws(PackedFileError) -> [UInt8] {
        if let failure { throw failure }
        guard let unpacker else { return try readPlain(limit) }
        var failure: PackedFileError?
        let octets = [UInt8](unsafeUninitializedCapacity: limit) { space, count in
            count = 0
            let all = UnsafeMutableRawBufferPointer(space)
            do throws(PackedFileError) {
                while count < limit {
                    if position == input.count, !inputEnded { try refill() }
                    if position == input.count, isWhole { break }
                    let step = try self.step(unpacker, UnsafeMutableRawBufferPointer(rebasing: all[count...]))
                    count += step.produced
                    if step.consumed == 0, step.produced == 0 {
                        guard position == input.count else {
                            throw PackedFileError(.damaged, at: base + position, "what is packed does not go on")
                        }
                        guard inputEnded else { continue }
                        throw PackedFileError(
                            .truncated, at: base + position, "the file ends in the middle of what is packed")
                    }
                }
            } catch {
                failure = error
            }
        }
        // What was unpacked before the damage is given first; the damage is met again.
        if let failure, octets.isEmpty { throw failure }
        return octets
    }

    /// The same behind `rest`, which was read before and is needed with what follows: nothing is copied twice.
    package func read(_ limit: Int, behind rest: ArraySlice<UInt8>) throws(PackedFileError) -> [UInt8] {
        guard unpacker == nil, failure == nil, position == input.count, !inputEnded else {
            return Array(rest) + (try read(limit))
        }
        guard isAwaited() else { return Array(rest) }
        let octets = try Self.read(descriptor, limit, behind: rest).get()
        base += octets.count - rest.count
        return octets
    }

    /// Goes on at an offset of what was packed, be it behind the end. A file that has no table of its frames, and gzip, is unpacked up to
    /// there.
    package func seek(to offset: Int) throws(PackedFileError) {
        guard let unpacker else { return try jump(to: offset) }
        unpacker.startOver()
        isWhole = true
        let start = table?.frame(of: offset) ?? (packed: 0, plain: 0)
        try jump(to: start.packed)
        var rest = offset - start.plain
        while rest > 0 {
            let skipped = try read(min(rest, Self.chunk)).count
            if skipped == 0 { return }
            rest -= skipped
        }
    }

    /// Octets of the file, as stored, that were read so far.
    package var stored: Int { base + position }

    /// Octets of what was packed, where that is known without unpacking.
    package var plainSize: Int? { packing == .none ? size : table?.plainSize }

    // MARK: Steps

    private func step(
        _ unpacker: any Unpacker, _ output: UnsafeMutableRawBufferPointer
    ) throws(PackedFileError) -> UnpackStep {
        var failure: UnpackFailure?
        var step = UnpackStep()
        input.withUnsafeBytes { all in
            do throws(UnpackFailure) {
                step = try unpacker.step(UnsafeRawBufferPointer(rebasing: all[position...]), output)
            } catch {
                failure = error
            }
        }
        if let failure {
            throw PackedFileError(
                failure.isTooLarge ? .tooLarge : .damaged, at: base + position,
                failure.isTooLarge ? failure.text : "what is packed is damaged: \(failure.text)")
        }
        position += step.consumed
        taken += step.consumed
        given += step.produced
        isWhole = step.isWhole
        if step.hasEnded {
            inputEnded = true
            position = input.count
        }
        if given > Self.freely, given / Self.mostRatio > taken {
            throw PackedFileError(
                .tooLarge, at: base + position,
                "it unpacks to more than \(Self.mostRatio) times its size; if that is what it should do, unpack it first"
            )
        }
        return step
    }

    private func readPlain(_ limit: Int) throws(PackedFileError) -> [UInt8] {
        if position < input.count {
            defer {
                base += input.count
                input = []
                position = 0
            }
            return Array(input[position...])
        }
        if inputEnded || !isAwaited() { return [] }
        let octets = try Self.read(descriptor, limit).get()
        base += octets.count
        return octets
    }

    private func refill() throws(PackedFileError) {
        base += input.count
        position = 0
        input = []
        if isAwaited() { input = try Self.read(descriptor).get() }
        inputEnded = input.isEmpty
    }

    /// Waits for octets of a stream, or its end. False when nobody wants to wait any more.
    private func isAwaited() -> Bool {
        guard size == nil, let goesOn else { return true }
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while goesOn() {
            if poll(&wanted, 1, 100) != 0, wanted.revents != 0 { return true }
        }
        return false
    }

    private func jump(to offset: Int) throws(PackedFileError) {
        guard lseek(descriptor, off_t(offset), SEEK_SET) == off_t(offset) else { throw Self.systemError() }
        input = []
        position = 0
        base = offset
        inputEnded = false
        (taken, given) = (0, 0)
    }

    private func readTable() -> SeekTable? {
        guard let size else { return nil }
        return SeekTable(size: size) { offset, count in
            var failed = false
            let octets = [UInt8](unsafeUninitializedCapacity: count) { space, filled in
                filled = 0
                while filled < count {
                    let got = pread(
                        descriptor, space.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
                    if got > 0 { filled += got } else if got == 0 || errno != EINTR { break }
                }
                failed = filled < count
            }
            return failed ? nil : octets
        }
    }

    private static func read(
        _ descriptor: Int32, _ limit: Int = chunk, behind rest: ArraySlice<UInt8> = []
    ) -> Result<[UInt8], PackedFileError> {
        var failure: PackedFileError?
        let octets = [UInt8](unsafeUninitializedCapacity: rest.count + limit) { space, count in
            _ = space[..<rest.count].initialize(fromContentsOf: rest)
            count = rest.count
            while true {
                let got = Glibc.read(descriptor, space.baseAddress.map { $0 + rest.count }, limit)
                if got >= 0 {
                    count += got
                    return
                }
                if errno != EINTR {
                    failure = systemError()
                    return
                }
            }
        }
        return failure.map { .failure($0) } ?? .success(octets)
    }

    private static func systemError() -> PackedFileError {
        PackedFileError(.unreadable, String(cString: strerror(errno)))
    }
}
