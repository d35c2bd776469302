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
            let names = try captures(in: path)
            guard !names.isEmpty else {
                throw CaptureError(.unreadable, "\(path): there is no recording and no capture in this directory")
            }
            files += names.map { path + "/" + $0 }
        }
        return files
    }

    /// What captures end with.
    package static let endings = [".pcapng", ".pcap", ".cap"].flatMap { [$0, $0 + PackedFile.suffix, $0 + ".gz"] }

    private static func captures(in directory: String) throws(CaptureError) -> [String] {
        guard let handle = opendir(directory) else {
            throw CaptureError(.unreadable, "\(directory): \(String(cString: strerror(errno)))")
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { octets in
                String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
            }
            let isWanted = endings.contains { name.hasSuffix($0) } || name.hasSuffix(".in")
            if isWanted, !name.hasPrefix(".") { names.append(name) }
        }
        // A segment that is just being packed is there twice.
        let all = Set(names)
        names.removeAll {
            $0.hasSuffix(PackedFile.suffix) && all.contains(String($0.dropLast(PackedFile.suffix.count)))
        }
        // Of rawlogs there are two files each; others may end so, too.
        names.removeAll { $0.hasSuffix(".in") && TranscriptReader.partner(of: directory + "/" + $0) == nil }
        // Segments have a number behind the last dash that outgrows its four digits; other names sort as text.
        return names.sorted { (number($0), $0) < (number($1), $1) }
    }

    /// The number of a segment by its name; 0 of what is none.
    static func number(_ name: String) -> Int {
        let name = name.hasSuffix(PackedFile.suffix) ? name.dropLast(PackedFile.suffix.count) : name[...]
        guard name.hasSuffix(".pcapng"), let dash = name.lastIndex(of: "-") else { return 0 }
        return Int(name[name.index(after: dash)...].dropLast(7)) ?? 0
    }
}
