// The files that are read as captures: a directory stands for the recordings and captures in it.

import Glibc
import MailCompression

/// The names of captures.
package enum CapturePaths {
    /// The files behind names: a directory stands for the recordings and captures in it, oldest segment first.
    package static func expand(_ paths: [String]) throws(CaptureError) -> [String] {
        var files: [String] = []
        for path in paths {
            if path == "-" {
                files.append(path)
                continue
            }
            var status = stat()
            // A segment that was packed in the meantime is found under its new name by whoever opens it.
            guard stat(path, &status) == 0 || stat(path + PackedFile.suffix, &status) == 0 else {
                let code = errno
                if code == ENOENT || code == ENOTDIR {
                    throw CaptureError(.unreadable, "\(path): no such file or directory")
                }
                throw CaptureError(.unreadable, "\(path): \(String(cString: strerror(code)))")
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                // The two files of a rawlog are one session.
                let isSecond = path.hasSuffix(".out") && paths.contains(path.dropLast(4) + ".in")
                if !isSecond { files.append(path) }
                continue
            }
            let (names, hasFolders) = try captures(in: path)
            guard !names.isEmpty else {
                let hint = hasFolders ? "; directories in it are not read, name them (\(path)/*)" : ""
                throw CaptureError(
                    .unreadable, "\(path): there is no recording and no capture in this directory\(hint)")
            }
            files += names.map { path + "/" + $0 }
        }
        return files
    }

    /// Captures of others in the order of their first packets, whatever they are called: `day.pcap10` goes on where `day.pcap9` ends, and
    /// comes before it in every list of names. Segments of recordings stay where they are, and so does what has no packet.
    package static func ordered(_ files: [String]) -> [String] {
        guard files.count > 1 else { return files }
        let timed = files.indices.compactMap { place in firstTime(files[place]).map { (place: place, time: $0) } }
        var ordered = files
        for (slot, from) in zip(timed, timed.sorted { ($0.time, $0.place) < ($1.time, $1.place) }) {
            ordered[slot.place] = files[from.place]
        }
        return ordered
    }

    /// The time of the first packet of a capture that is a file.
    private static func firstTime(_ path: String) -> Int64? {
        var status = stat()
        guard !isSegment(path), stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try? CaptureFile(path: path).next()?.nanoseconds
    }

    /// What captures end with.
    package static let endings = [".pcapng", ".pcap", ".cap"].flatMap { [$0, $0 + PackedFile.suffix, $0 + ".gz"] }

    /// The captures in a directory, and whether there are directories in it.
    private static func captures(
        in directory: String
    ) throws(CaptureError) -> (names: [String], hasFolders: Bool) {
        guard let handle = opendir(directory) else {
            throw CaptureError(.unreadable, "\(directory): \(String(cString: strerror(errno)))")
        }
        defer { closedir(handle) }
        var names: [String] = []
        var hasFolders = false
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { octets in
                String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard !name.hasPrefix(".") else { continue }
            // Of pipes and directories nobody said that they are to be read, whatever they are called. A link that leads nowhere is told.
            let path = directory + "/" + name
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
                if status.st_mode & S_IFMT == S_IFDIR { hasFolders = true }
                continue
            }
            if isNamedSo(name) || name.hasSuffix(".in") || !isIndex(name) && isCapture(path) { names.append(name) }
        }
        // A segment that is just being packed is there twice.
        let all = Set(names)
        names.removeAll {
            $0.hasSuffix(PackedFile.suffix) && all.contains(String($0.dropLast(PackedFile.suffix.count)))
        }
        // Of rawlogs there are two files each; others may end so, too.
        names.removeAll { $0.hasSuffix(".in") && TranscriptReader.partner(of: directory + "/" + $0) == nil }
        // Segments have a number behind the last dash that outgrows its four digits; other names sort as text.
        return (names.sorted { (number($0), $0) < (number($1), $1) }, hasFolders)
    }

    /// It is called as captures are, packed ones too; `tcpdump -C -z gzip` writes `day.pcap12.gz`.
    private static func isNamedSo(_ name: String) -> Bool {
        var stem = name.lowercased()[...]
        if let packing = [PackedFile.suffix, ".gz"].first(where: { stem.hasSuffix($0) }) {
            stem.removeLast(packing.count)
        }
        while let last = stem.last, last.isASCII, last.isNumber { stem.removeLast() }
        if stem.last == "." { stem.removeLast() }
        return endings.contains { stem.hasSuffix($0) }
    }

    /// The index of a recording, or what SQLite keeps beside it. Whoever closes such a file gives up the locks that this process
    /// has on it, where it is open elsewhere (fcntl(2), F_SETLK), and these keep other processes from changing it meanwhile.
    private static func isIndex(_ name: String) -> Bool {
        ["", "-wal", "-shm", "-journal"].contains { name.hasSuffix(".sqlite" + $0) }
    }

    /// A file that begins as captures do, whatever it is called.
    private static func isCapture(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: 4)
        guard read(descriptor, &octets, 4) == 4 else { return false }
        let word = octets.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        // pcapng; pcap in both orders, with microseconds and with nanoseconds.
        return [0x0A0D_0D0A, 0xA1B2_C3D4, 0xD4C3_B2A1, 0xA1B2_3C4D, 0x4D3C_B2A1].contains(word)
    }

    /// Its name is that of a recording's segment: `2026-11-23T08-00-00Z-0001.pcapng`.
    private static func isSegment(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        guard number(String(name)) > 0, let dash = name.lastIndex(of: "-") else { return false }
        return name[..<dash].utf8.count == 20 && name[..<dash].hasSuffix("Z")
    }

    /// The number of a segment by its name; 0 of what is none.
    static func number(_ name: String) -> Int {
        let name = name.hasSuffix(PackedFile.suffix) ? name.dropLast(PackedFile.suffix.count) : name[...]
        guard name.hasSuffix(".pcapng"), let dash = name.lastIndex(of: "-") else { return 0 }
        return Int(name[name.index(after: dash)...].dropLast(7)) ?? 0
    }
}
