// Octets that wait until they are whole: in memory while they are few, else in a file beside the output, where there is room.

import CLinux
import Glibc

/// A sequence of octets that is written once and may then be read.
final class Spill {
    /// Octets of one that stay in memory, and of all.
    private static let most = 256 << 10
    private static let mostOfAll = 32 << 20
    nonisolated(unsafe) private static var held = 0
    /// Space of one that has gone.
    nonisolated(unsafe) private static var spare: [UInt8] = []
    /// A file without a name for those that rest, one for all: each of many small ones would take a descriptor. Its space is used again when
    /// none rests any more.
    nonisolated(unsafe) private static var yard: (descriptor: Int32, end: Int, guests: Int) = (-1, 0, 0)

    private let directory: String
    private var memory: [UInt8] = []
    private var descriptor: Int32 = -1
    /// The name of the file while it has one.
    private var name: String?
    /// Where it is in the yard while it rests there.
    private(set) var place: Int?
    /// It has rested there, and went on: it has a file of its own from the next time on, so that what it grows by is all that is written.
    private var hasRested = false
    private(set) var count = 0

    /// - Parameter directory: where the file is made when one is needed.
    init(in directory: String) {
        self.directory = directory
        swap(&memory, &Self.spare)
    }

    deinit {
        leaveYard()
        Self.held -= memory.count
        // The next one has its space, as one goes when the other begins.
        if memory.capacity <= Self.most, memory.capacity > Self.spare.capacity {
            memory.removeAll(keepingCapacity: true)
            swap(&memory, &Self.spare)
        }
        if descriptor >= 0 { close(descriptor) }
        if let name { unlink(name) }
    }

    func append(_ octets: ArraySlice<UInt8>) throws {
        if place != nil { try wake() }
        count += octets.count
        octets.withUnsafeBufferPointer { memory.append(contentsOf: $0) }
        Self.held += octets.count
        if memory.count > Self.most || Self.held > Self.mostOfAll { try spill() }
    }

    func append(_ text: String) throws { try append(Array(text.utf8)[...]) }

    /// Nothing is done with it for long, and there may be many: it takes no more memory than it needs, and none where memory is short.
    func rest() throws {
        guard descriptor < 0, place == nil else {
            if !memory.isEmpty { try spill() }
            return
        }
        if hasRested, Self.held > Self.mostOfAll / 2, !memory.isEmpty { return try spill() }
        guard Self.held > Self.mostOfAll / 2, !memory.isEmpty else {
            guard memory.capacity > memory.count * 2 + 4096 else { return }
            var small = memory.map { $0 }
            swap(&small, &memory)
            if small.capacity <= Self.most, small.capacity > Self.spare.capacity {
                small.removeAll(keepingCapacity: true)
                Self.spare = small
            }
            return
        }
        if Self.yard.descriptor < 0 {
            let name = OutputFile.draftName(in: directory)
            Self.yard.descriptor = mp_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
            guard Self.yard.descriptor >= 0 else {
                throw CLIError.fault("\(directory): cannot write: \(String(cString: strerror(errno)))")
            }
            unlink(name)
        }
        lseek(Self.yard.descriptor, off_t(Self.yard.end), SEEK_SET)
        try SpoolFile.write(memory[...], to: Self.yard.descriptor, name: directory)
        place = Self.yard.end
        hasRested = true
        Self.yard.end += memory.count
        Self.yard.guests += 1
        Self.held -= memory.count
        memory = []
    }

    /// It is in memory again.
    private func wake() throws {
        guard let place else { return }
        var octets = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < octets.count {
            let got = octets.withUnsafeMutableBytes { octets in
                pread(
                    Self.yard.descriptor, octets.baseAddress?.advanced(by: done), octets.count - done,
                    off_t(place + done))
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else {
                throw CLIError.fault("\(directory): cannot read: \(String(cString: strerror(errno)))")
            }
            done += got
        }
        memory = octets
        Self.held += count
        leaveYard()
    }

    private func leaveYard() {
        guard place != nil else { return }
        place = nil
        Self.yard.guests -= 1
        guard Self.yard.guests == 0 else { return }
        Self.yard.end = 0
        ftruncate(Self.yard.descriptor, 0)
    }

    private func spill() throws {
        if descriptor < 0 {
            let name = OutputFile.draftName(in: directory)
            descriptor = mp_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else {
                throw CLIError.fault("\(directory): cannot write: \(String(cString: strerror(errno)))")
            }
            self.name = name
        }
        try SpoolFile.write(memory[...], to: descriptor, name: directory)
        Self.held -= memory.count
        memory.removeAll(keepingCapacity: false)
    }

    /// Reads octets, piece by piece.
    func read(_ range: Range<Int>? = nil, _ take: (ArraySlice<UInt8>) throws -> Void) throws {
        if place != nil { try wake() }
        let range = (range ?? 0..<count).clamped(to: 0..<count)
        if descriptor < 0 {
            if !range.isEmpty { try take(memory[range]) }
            return
        }
        if !memory.isEmpty { try spill() }
        var offset = range.lowerBound
        var buffer = [UInt8](repeating: 0, count: min(max(range.count, 1), 1 << 18))
        while offset < range.upperBound {
            let wanted = min(buffer.count, range.upperBound - offset)
            let got = pread(descriptor, &buffer, wanted, off_t(offset))
            if got < 0, errno == EINTR { continue }
            guard got > 0 else {
                throw CLIError.fault("\(directory): cannot read: \(String(cString: strerror(errno)))")
            }
            try take(buffer[..<got])
            offset += got
        }
    }

    /// The octets become a new file. Those in memory are written to one without a name, which gets its name when it is whole: a draft's
    /// name, and taking it back, are more work for the file system. Where it knows no such files they are written under their name,
    /// and taken away when they are not whole.
    func publish(asNew path: String) throws {
        if place != nil { try wake() }
        guard descriptor < 0 else { return try publish(as: path, replaces: false) }
        let nameless = mp_open_nameless(OutputFile.directory(of: path), 0o600)
        let file = nameless >= 0 ? nameless : mp_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw Self.failure(path) }
        do {
            try SpoolFile.write(memory[...], to: file, name: path)
            if nameless >= 0, mp_give_name(file, path) != 0 { throw Self.failure(path) }
        } catch {
            close(file)
            if nameless < 0 { unlink(path) }
            throw error
        }
        // On network file systems the error of a write may come with the close.
        guard close(file) == 0 || errno == EINTR else {
            let error = CLIError.fault("\(path): \(String(cString: strerror(errno)))")
            unlink(path)
            throw error
        }
    }

    /// Why there is no such file now, by `errno`.
    private static func failure(_ path: String) -> CLIError {
        errno == EEXIST ? OutputFile.exists(path) : OutputFile.unwritable(path)
    }

    /// The octets become a file.
    func publish(as path: String, replaces: Bool) throws {
        if place != nil { try wake() }
        if descriptor < 0 || !memory.isEmpty { try spill() }
        guard let name else { return }
        // On network file systems the error of a write may come with the close.
        guard close(descriptor) == 0 || errno == EINTR else {
            descriptor = -1
            throw CLIError.fault("\(path): \(String(cString: strerror(errno)))")
        }
        descriptor = -1
        try OutputFile.publish(name, as: path, replaces: replaces)
        self.name = nil
    }
}
