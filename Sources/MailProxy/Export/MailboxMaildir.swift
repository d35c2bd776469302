// A mailbox as a client believed it to be, as Maildir: messages that were seen whole are written to the octet, of the others nothing is.

import CLinux
import Glibc
import MailCapture
import MailDialogue
import MailRecording
import MailSessions
import MailStore

/// Writes a picture of a mailbox.
final class MailboxMaildir {
    /// What was written, and what was not.
    struct Outcome {
        var written = 0
        var notSeen = 0
    }

    /// A message that is to be written when its octets pass.
    private struct Wanted {
        var folder: Int
        var message: PicturedMessage
    }

    private let root: String
    private let picture: MailboxPicture
    private var folders: [MaildirFolder] = []
    private var keywords: [KeywordTable] = []
    private var wanted: [String: [Int: [Wanted]]] = [:]
    private var pickers: [String: MessageExtractor<ContentPicker>] = [:]
    private(set) var outcome = Outcome()

    /// - Parameter path: a directory that is not there yet, or is empty.
    init(_ path: String, _ picture: MailboxPicture) throws {
        root = path
        self.picture = picture
        try Self.claim(path)
        var taken: Set<String> = []
        for (number, folder) in picture.folders.enumerated() {
            var name = MaildirTree.directory(folder.folder.levels.map(Self.encoded))
            var copy = 1
            while !taken.insert(name).inserted {
                copy += 1
                name = MaildirTree.directory(folder.folder.levels.map(Self.encoded)) + "-\(copy)"
            }
            let directory = name.isEmpty ? path : "\(path)/\(name)"
            folders.append(try MaildirFolder(directory))
            keywords.append(KeywordTable())
            if !name.isEmpty { try Self.write([], to: directory + "/maildirfolder") }
            for message in folder.messages {
                guard let content = message.message.content else {
                    outcome.notSeen += 1
                    continue
                }
                wanted[content.session, default: [:]][content.ordinal, default: []].append(
                    Wanted(folder: number, message: message))
            }
        }
    }

    /// The sessions in which messages passed.
    var sessions: Set<String> { Set(wanted.keys) }

    /// Takes the next step of one of the sessions.
    func accept(_ batch: SessionBatch) throws {
        let id = batch.info.id
        guard let here = wanted[id] else { return }
        var picker =
            pickers.removeValue(forKey: id)
            ?? MessageExtractor(ContentPicker(wanted: Set(here.keys), directory: root + "/tmp"))
        picker.accept(batch.notes[...])
        var isOver = false
        for event in batch.events {
            switch event {
            case .secured: picker.close()
            case .closed:
                picker.close()
                isOver = true
            case .opened, .octets, .secret, .gap, .remark, .changed, .exchange, .message, .credential: break
            }
        }
        if let failure = picker.sink.failure { throw failure }
        for (ordinal, octets) in picker.sink.take() {
            for one in wanted[id]?.removeValue(forKey: ordinal) ?? [] { try publish(one, octets, batch.info) }
        }
        if !isOver { pickers[id] = picker }
    }

    /// All sessions were read.
    func finish() throws {
        for number in folders.indices where keywords[number] != KeywordTable() {
            try Self.write(keywords[number].serialized, to: folders[number].path + "/" + KeywordTable.fileName)
        }
    }

    private func publish(_ one: Wanted, _ octets: Spill, _ info: SessionInfo) throws {
        guard let content = one.message.message.content, octets.count == content.bytes else { return }
        let copy = Spill(in: folders[one.folder].directory)
        try octets.read { try copy.append($0) }
        var record = MessageRecord(exchange: content.exchange, carrier: .fetch)
        record.bytes = content.bytes
        let time = one.message.message.internalDate ?? one.message.message.time
        let path = try folders[one.folder].take(
            ExportedMessage(
                info: info, record: record, section: "", flags: letters(one), time: time, octets: copy, ordinal: 1),
            uid: one.message.message.uid == 0 ? nil : one.message.message.uid)
        // What Maildir has for INTERNALDATE is the time of the file.
        if let date = one.message.message.internalDate {
            let seconds = timespec(tv_sec: Int(date / 1_000_000), tv_nsec: 0)
            utimensat(AT_FDCWD, path, [seconds, seconds], AT_SYMLINK_NOFOLLOW)
        }
        outcome.written += 1
    }

    /// Letters of the flags; nil when they were not told.
    private func letters(_ one: Wanted) -> String? {
        guard let flags = one.message.flags else { return nil }
        var letters = FlagWatch.letters(Array(flags.joined(separator: " ").utf8)[...])
        for flag in flags where !flag.hasPrefix("\\") && flag.lowercased() != "$forwarded" {
            let letter = keywords[one.folder].letter(of: flag) ?? keywords[one.folder].add(flag)
            if let letter { letters.unicodeScalars.append(Unicode.Scalar(letter)) }
        }
        let sorted = letters.unicodeScalars.sorted { $0.value < $1.value }
        return String(String.UnicodeScalarView(sorted))
    }

    /// A level in modified UTF-7, whichever way the server wrote it.
    private static func encoded(_ level: [UInt8]) -> [UInt8] {
        guard level.contains(where: { $0 > 127 }) else { return level }
        return ModifiedUTF7.encode(String(decoding: level, as: UTF8.self))
    }

    private static func claim(_ path: String) throws {
        if let directory = opendir(path) {
            defer { closedir(directory) }
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name == "." || name == ".." else {
                    throw CLIError.usage("\(path): is not empty; a mailbox is written to a directory of its own")
                }
            }
        }
        try OutputFile.makeDirectory(path)
    }

    private static func write(_ octets: [UInt8], to path: String) throws {
        let file = try OutputFile(path, replaces: false)
        try SpoolFile.write(octets[...], to: file.descriptor, name: path)
        try file.publish()
    }
}

/// Keeps the octets of some contents of a session.
private struct ContentPicker: MessageSink {
    private let wanted: Set<Int>
    private let directory: String
    private var count = 0
    private var client: (ordinal: Int, octets: Spill)?
    private var server: (ordinal: Int, octets: Spill)?
    private var parked: [UInt32: (ordinal: Int, octets: Spill)] = [:]
    private var whole: [(Int, Spill)] = []
    private(set) var failure: (any Error)?

    init(wanted: Set<Int>, directory: String) {
        self.wanted = wanted
        self.directory = directory
    }

    mutating func begin(_ message: MessageStart) {
        count += 1
        let kept = wanted.contains(count) ? (count, Spill(in: directory)) : nil
        switch message.side {
        case .client: client = kept
        case .server: server = kept
        }
    }

    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        do {
            switch side {
            case .client: try client?.octets.append(octets)
            case .server: try server?.octets.append(octets)
            }
        } catch {
            failure = error
        }
    }

    mutating func end(_ side: Side, complete: Bool, exchange: Int) {
        let kept = side == .client ? client : server
        if complete, let kept { whole.append(kept) }
        switch side {
        case .client: client = nil
        case .server: server = nil
        }
    }

    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {
        end(side, complete: false, exchange: exchange)
    }

    mutating func park(_ key: UInt32) {
        guard let waiting = server else { return }
        server = nil
        do { try waiting.octets.rest() } catch { failure = error }
        parked[key] = waiting
    }

    mutating func resume(_ key: UInt32) { server = parked.removeValue(forKey: key) }

    mutating func drop(_ key: UInt32) { parked[key] = nil }

    /// The contents that have ended whole.
    mutating func take() -> [(Int, Spill)] {
        defer { whole = [] }
        return whole
    }
}
