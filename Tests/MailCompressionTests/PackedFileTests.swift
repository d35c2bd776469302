// Packed files are read as the plain ones, from the beginning and from any place, and those that are cut, damaged or made to
// fill the memory end in a word.

import CLinux
import Glibc
import Testing

@testable import MailCompression

/// A directory for one test.
final class PackedScratch {
    let path: String

    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/mailproxy-test-XXXXXX".utf8CString)
        path = try #require(
            template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }.map {
                String(cString: $0)
            })
    }

    deinit {
        for name in ["plain", "packed", "packed.zst", "plain.gz", "again"] { unlink(path + "/" + name) }
        rmdir(path)
    }

    func write(_ octets: [UInt8], _ name: String) throws -> String {
        let file = path + "/" + name
        let descriptor = mp_open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(octets.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } == octets.count)
        return file
    }

    /// Packs octets as we do.
    func pack(_ octets: [UInt8], level: Int = 3) throws -> String {
        let source = mp_open(try write(octets, "plain"), O_RDONLY, 0)
        let target = mp_open(path + "/packed", O_RDWR | O_CREAT | O_TRUNC, 0o600)
        try #require(source >= 0 && target >= 0)
        defer {
            close(source)
            close(target)
        }
        let sizes = try SeekablePacker(level: level).pack(from: source, to: target, while: { true }, plain: { _ in })
        #expect(sizes?.plain == octets.count)
        var status = stat()
        #expect(fstat(target, &status) == 0 && Int(status.st_size) == sizes?.packed)
        return path + "/packed"
    }

    /// Runs a program with its output to a file.
    func run(_ program: String, _ arguments: [String], to name: String) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        try #require(posix_spawn(&child, program, &actions, nil, &words, [nil]) == 0)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 { try #require(errno == EINTR) }
        return status
    }
}

private func readAll(_ file: PackedFile, _ step: Int = 100_000) throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
        let octets = try file.read(step)
        if octets.isEmpty { return all }
        all += octets
    }
}

/// Octets that pack well, without repeating themselves.
private func sample(_ count: Int) -> [UInt8] {
    var state: UInt64 = 42
    return (0..<count).map { index in
        if index % 7 == 0 { state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 }
        return UInt8(truncatingIfNeeded: index % 7 < 4 ? UInt64(index % 7) : state >> 40)
    }
}

private func same(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool { a.elementsEqual(b) }

struct PackedFileTests {
    private let octets = sample(3_500_000)

    @Test func whatWasPackedIsReadFromAnyPlace() throws {
        let scratch = try PackedScratch()
        let file = try PackedFile(path: scratch.pack(octets))
        #expect(file.packing == .zstd)
        #expect(file.plainSize == octets.count)
        #expect(same(try readAll(file), octets))
        for offset in [0, 1, 1_048_575, 1_048_576, 1_048_577, 2_500_000, 3_499_999, 17, 3_145_728] {
            try file.seek(to: offset)
            #expect(same(try file.read(1_000), octets[offset...].prefix(1_000)))
        }
        try file.seek(to: octets.count)
        #expect(try file.read(10).isEmpty)
        try file.seek(to: octets.count + 5)
        #expect(try file.read(10).isEmpty)
    }

    @Test func itsOwnProgramUnpacksIt() throws {
        let scratch = try PackedScratch()
        let path = try scratch.pack(octets)
        #expect(try scratch.run("/usr/bin/zstd", ["-q", "-d", "-c", path], to: "again") == 0)
        #expect(same(try readAll(PackedFile(path: scratch.path + "/again")), octets))
    }

    @Test func othersFilesAreRead() throws {
        let scratch = try PackedScratch()
        let plain = try scratch.write(octets, "plain")
        #expect(try scratch.run("/usr/bin/zstd", ["-q", "-19", "-c", plain], to: "packed") == 0)
        let foreign = try PackedFile(path: scratch.path + "/packed")
        #expect(same(try readAll(foreign, 7_777), octets))
        try foreign.seek(to: 3_000_001)
        #expect(same(try foreign.read(100), octets[3_000_001...].prefix(100)))
        #expect(try scratch.run("/usr/bin/gzip", ["-c", plain, plain], to: "plain.gz") == 0)
        let twice = try PackedFile(path: scratch.path + "/plain.gz")
        #expect(twice.packing == .gzip)
        #expect(same(try readAll(twice), octets + octets))
        try twice.seek(to: octets.count - 3)
        #expect(same(try twice.read(6), octets.suffix(3) + octets.prefix(3)))
    }

    @Test func plainFilesAndEmptyOnes() throws {
        let scratch = try PackedScratch()
        let file = try PackedFile(path: scratch.write(octets, "plain"))
        #expect(file.packing == .none)
        #expect(same(try readAll(file), octets))
        try file.seek(to: 1_234_567)
        #expect(same(try file.read(50), octets[1_234_567...].prefix(50)))
        let empty = try PackedFile(path: scratch.write([], "plain"))
        #expect(try empty.read(10).isEmpty)
        #expect(try readAll(PackedFile(path: scratch.pack([]))).isEmpty)
    }

    @Test func aFileThatWasPackedMeanwhileIsFound() throws {
        let scratch = try PackedScratch()
        let packed = try scratch.pack(octets)
        #expect(rename(packed, packed + ".zst") == 0)
        #expect(same(try readAll(PackedFile(path: packed)), octets))
        let missing = #expect(throws: PackedFileError.self) { try PackedFile(path: scratch.path + "/none") }
        #expect(missing?.code == .unreadable)
        #expect(missing?.text == "No such file or directory")
    }

    @Test(arguments: ["zstd", "gzip"]) func cutFilesGiveWhatTheyHave(_ program: String) throws {
        let scratch = try PackedScratch()
        let plain = try scratch.write(octets, "plain")
        #expect(try scratch.run("/usr/bin/\(program)", ["-c", "-q", plain], to: "packed") == 0)
        let packed = try readPlain(scratch.path + "/packed")
        for cut in [packed.count - 1, packed.count / 2, 20, 5] {
            let file = try PackedFile(path: scratch.write(Array(packed[..<cut]), "again"))
            var got: [UInt8] = []
            let error = #expect(throws: PackedFileError.self) {
                while true { got += try file.read(50_000) }
            }
            #expect(error?.code == .truncated)
            #expect(error?.offset == cut)
            #expect(same(got, octets.prefix(got.count)))
        }
    }

    @Test(arguments: ["zstd", "gzip"]) func damageIsTold(_ program: String) throws {
        let scratch = try PackedScratch()
        let plain = try scratch.write(octets, "plain")
        #expect(try scratch.run("/usr/bin/\(program)", ["-c", "-q", plain], to: "packed") == 0)
        var packed = try readPlain(scratch.path + "/packed")
        packed[packed.count / 2] ^= 0x55
        packed[packed.count / 2 + 1] ^= 0x55
        let file = try PackedFile(path: scratch.write(packed, "again"))
        let error = #expect(throws: PackedFileError.self) { _ = try readAll(file) }
        #expect(error?.code == .damaged)
    }

    @Test func bombsAreNotUnpacked() throws {
        let scratch = try PackedScratch()
        // A frame of a mebibyte of zeros is some fifty octets; ten thousand of them are 10 GiB.
        let frame = try readPlain(scratch.pack([UInt8](repeating: 0, count: 1 << 20))).dropLast(25)
        let file = try PackedFile(
            path: scratch.write(Array(repeatElement(frame, count: 10_000).joined()), "again"))
        var got = 0
        let error = #expect(throws: PackedFileError.self) {
            while true { got += try file.read(1 << 20).count }
        }
        #expect(error?.code == .tooLarge)
        #expect(got < PackedFile.freely + (2 << 20))
    }

    @Test func windowsThatFillTheMemoryAreRefused() throws {
        let scratch = try PackedScratch()
        let plain = try scratch.write(sample(20_000_000), "plain")
        #expect(try scratch.run("/usr/bin/zstd", ["-q", "-1", "--long=27", "-c", plain], to: "packed") == 0)
        let file = try PackedFile(path: scratch.path + "/packed")
        let error = #expect(throws: PackedFileError.self) { _ = try readAll(file) }
        #expect(error?.code == .tooLarge)
        #expect(error?.text.contains("zstd -d --long=31") == true)
    }

    /// Tables that lie are not believed.
    @Test func foreignTables() throws {
        let scratch = try PackedScratch()
        let packed = try readPlain(scratch.pack(octets))
        for place in [packed.count - 1, packed.count - 5, packed.count - 9, packed.count - 20, packed.count - 30] {
            var changed = packed
            changed[place] ^= 0xFF
            let file = try PackedFile(path: scratch.write(changed, "again"))
            // Whatever it says, what is read is what stands there, or an error; never a trap.
            try? file.seek(to: 2_000_000)
            _ = try? file.read(10)
        }
        #expect(SeekTable(size: 8) { _, _ in nil } == nil)
        let claims = [UInt8](repeating: 0xFF, count: 4) + [0] + [0xB1, 0xEA, 0x92, 0x8F]
        #expect(SeekTable(size: 1 << 40) { _, count in count == 9 ? claims : nil } == nil)
    }

    private func readPlain(_ path: String) throws -> [UInt8] {
        let descriptor = mp_open(path, O_RDONLY, 0)
        defer { close(descriptor) }
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count <= 0 { return all }
            all += piece[..<count]
        }
    }
}
