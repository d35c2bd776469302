// The forms in which messages are written: a file each, an mbox file, a Maildir.

import CLinux
import Glibc
import MailDialogue
import MailRecording

/// A file a message: `SESSION-EXCHANGE.eml`.
final class MessageFiles: MessageTarget {
    let directory: String
    private let replaces: Bool

    init(_ directory: String, replaces: Bool) throws {
        try OutputFile.makeDirectory(directory)
        self.directory = directory
        self.replaces = replaces
    }

    func take(_ message: ExportedMessage) throws -> String {
        let path = directory + "/" + Self.name(of: message)
        if replaces {
            try message.octets.publish(as: path, replaces: true)
        } else {
            try message.octets.publish(asNew: path)
        }
        return path
    }

    func finish() {}

    /// The name of a message's file.
    static func name(of message: ExportedMessage) -> String {
        let number = message.ordinal == 1 ? "" : "-\(message.ordinal)"
        let name = "\(stem(message.info.id))-\(message.record.exchange)\(number)"
        guard !message.section.isEmpty else { return name + ".eml" }
        return name + "." + String(message.section.prefix(60).map(plain)) + ".part"
    }

    /// Ids of foreign recordings are not to be trusted with a path.
    static func stem(_ id: String) -> String {
        // Ours are letters and digits.
        let isPlain = id.utf8.count <= 64 && id.utf8.allSatisfy { 48...57 ~= $0 || 97...122 ~= $0 || $0 == 45 }
        return isPlain ? id : String(id.prefix(64).map(plain))
    }

    private static func plain(_ character: Character) -> Character {
        character.isASCII && (character.isLetter || character.isNumber || character == "-" || character == "_")
            ? character : "_"
    }
}

/// One mbox file, quoted so that it can be undone.
final class MboxFile: MessageTarget {
    let directory: String
    private let path: String
    private let file: OutputFile
    private var out: StandardOutput

    init(_ path: String, replaces: Bool) throws {
        self.path = path
        file = try OutputFile(path, replaces: replaces)
        out = StandardOutput(file.descriptor, name: path)
        directory = path == "-" ? Defaults.environment("TMPDIR") ?? "/tmp" : OutputFile.directory(of: path)
    }

    func take(_ message: ExportedMessage) throws -> String {
        var isTerminated = true
        if message.octets.count > 0 {
            try message.octets.read(message.octets.count - 1..<message.octets.count) { isTerminated = $0.last == 10 }
        }
        // A header's field may have a name beside the address.
        let from = message.record.from
        let sender = from.lastIndex(of: "<").map { String(from[from.index(after: $0)...].prefix { $0 != ">" }) } ?? from
        let opening = MboxLine.opening(sender: sender, time: message.time, isTerminated: isTerminated)
        try out.write(opening)
        var quoter = MboxQuoter()
        var quoted: [UInt8] = []
        try message.octets.read { piece in
            quoter.append(piece, to: &quoted)
            try out.write(quoted)
            quoted.removeAll(keepingCapacity: true)
        }
        quoter.finish(to: &quoted)
        quoted.append(10)
        if !isTerminated { quoted.append(10) }
        try out.write(quoted)
        return path
    }

    func finish() throws {
        try out.flush()
        try file.publish()
    }
}

/// A Maildir, one that is there or a new one.
final class MaildirFolder: MessageTarget {
    var directory: String { path + "/tmp" }
    let path: String
    private let host: String
    private var number = 0

    init(_ path: String) throws {
        self.path = path
        try OutputFile.makeDirectory(path)
        for name in ["tmp", "new", "cur"] { try OutputFile.makeDirectory(path + "/" + name) }
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, buffer.count - 1)
        // What maildir(5) writes for signs that mean something in names.
        let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        host = SafeFileName.of(name.split(separator: ":").joined(separator: "\\072"), fallback: "localhost")
    }

    func take(_ message: ExportedMessage) throws -> String { try take(message, uid: nil) }

    /// - Parameter uid: stands in the name, as mbsync writes it.
    func take(_ message: ExportedMessage, uid: UInt32?) throws -> String {
        let seconds = max(message.time, 0) / 1_000_000
        let size = message.octets.count
        let mark = uid.map { ",U=\($0)" } ?? ""
        while true {
            number += 1
            let unique =
                "\(seconds).M\(max(message.time, 0) % 1_000_000)P\(getpid())Q\(number).\(host),S=\(size)\(mark)"
            let flags = message.flags ?? ""
            // What was seen or marked is in `cur`; what is new has no flags.
            let path = flags.isEmpty ? "\(self.path)/new/\(unique)" : "\(self.path)/cur/\(unique):2,\(flags)"
            var status = stat()
            if lstat(path, &status) == 0 { continue }
            try message.octets.publish(as: path, replaces: false)
            return path
        }
    }

    func finish() {}
}
