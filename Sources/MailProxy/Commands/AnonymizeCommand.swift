// `mailproxy anonymize`: a recording under other names. The original is read twice: its words are learned, then replaced. The copy is read
// once more before it gets its name: when anything of the original is in it, there is no copy.

import ArgumentParser
import CLinux
import Glibc
import MailCapture
import MailRecording
import MailStore

struct AnonymizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anonymize", abstract: "Copy recordings or captures under other names.",
        discussion: """
            Addresses, names, domains, IP addresses, Message-IDs, folders and accounts get pseudonyms, the same wherever they stand; texts are \
            replaced by filler of the same length. Sizes, literals, structure, UIDs and flags stay true, so that the copy replays. What stands for \
            what, and what is not promised, is in Docs/Anonymize.md. The copy is searched for words of the original; when one is found nothing \
            is written, and the exit status is 1.
            """)

    @Argument(help: "Recordings, or captures of any origin; they are read twice.") var paths: [String]
    @Option(
        name: .shortAndLong,
        help:
            "The copy: a pcapng file, or a directory (one that is there, or a name that ends with /) for a recording with its index."
    )
    var output: String
    @Option(
        help:
            "A file of 16 octets or more: the same key gives the same pseudonyms. Without it they are made once and forgotten."
    )
    var key: String?
    @Option(help: ArgumentHelp("Add this to the times of packets: seconds, or 90d, -12h.", valueName: "time"))
    var shift: String?
    @OptionGroup var reading: ReadingOptions
    @Flag(help: "Replace a file that is there.") var force = false
    @Flag(help: "The summary as a JSON line.") var json = false
    @Flag(help: "Do not sign a recording that is made.") var noChain = false
    @OptionGroup var data: DataDirectory

    func run() throws {
        if paths.contains("-") { throw CLIError.usage("standard input cannot be read twice; name a file") }
        if output == "-" { throw CLIError.usage("the copy is searched before it is given away; name a file with -o") }
        let shift = try shift.map(Self.microseconds) ?? 0
        let keys = try reading.keys()
        let pseudonyms = Pseudonyms(key: try Self.key(key))
        let directory = Self.isDirectory(output) ? output : nil
        try Self.refuseDevices(output)
        try Self.refuseInputs(output, paths)
        if force { try OutputFile.refuse(output, among: reading.files + [key].compactMap { $0 }) }
        if let directory { try Self.check(directory) }
        // Where the copy becomes whole: beside its place, on the same disk.
        let draft = try OutputFile(
            directory.map { Self.beside($0) } ?? output, replaces: directory == nil && force)
        let counters = try write(pseudonyms, shift, keys, to: draft)
        try search(pseudonyms, draft.draftPath)
        if let directory {
            try record(draft.draftPath, in: directory)
        } else {
            try draft.publish()
        }
        summarise(counters, pseudonyms)
    }

    private struct Counters {
        var sessions = 0
        var packets = 0
        /// Connections that are not in the copy, as nobody knows what they are.
        var left = 0
    }

    // MARK: Passes

    private func write(_ pseudonyms: Pseudonyms, _ shift: Int64, _ keys: TLSKeyLog?, to draft: OutputFile) throws
        -> Counters
    {
        var replacer = RecordingAnonymizer(pseudonyms, shift: shift)
        try read(paths, keys) { replacer.learn($0.info, $0.notes, $0.events) }
        var out = StandardOutput(draft.descriptor, name: output)
        var made = EventPackets()
        var octets: [UInt8] = []
        try out.write(EventPackets.header)
        let tracked = try read(paths, keys) { batch in
            let changes = batch.changes.map { (exchange: $0.exchange, rules: $0.rules) }
            for event in replacer.replace(batch.info, batch.notes, batch.events, changes: changes) {
                made.append(event, to: &octets)
            }
            try out.write(octets)
            octets.removeAll(keepingCapacity: true)
        }
        try out.flush()
        if tracked.sessions == 0 { throw CLIError.usage("no sessions in \(paths.joined(separator: ", "))") }
        return Counters(
            sessions: replacer.count, packets: made.packets, left: tracked.encrypted + tracked.notMail)
    }

    @discardableResult
    private func read(
        _ paths: [String], _ keys: TLSKeyLog?, _ deliver: (SessionBatch) throws -> Void
    ) throws -> TrackerCounters {
        var reader: SessionReader
        do { reader = try SessionReader(paths, checksums: reading.checksums.policy, overlap: reading.overlap) } catch {
            throw CLIError.usage("\(error)")
        }
        reader.keys = keys
        reader.keepsRows = false
        do { try reader.read(deliver: deliver) } catch let error as CaptureError { throw CLIError.usage(error.text) }
        // What can't be read is not in the copy; that it is missing must be known.
        if let problem = reader.problems.first(where: { !$0.isTruncation }) { throw CLIError.fault("\(problem)") }
        return reader.counters
    }

    /// Reads the copy as anybody will. Nothing of the original may be in it.
    private func search(_ pseudonyms: Pseudonyms, _ path: String) throws {
        var search = ResidueSearch(pseudonyms)
        var reader: SessionReader
        do { reader = try SessionReader([path]) } catch { throw CLIError.fault("\(error)") }
        reader.keepsRows = false
        do {
            try reader.read(
                packet: { record, _ in
                    for comment in record.comments { search.accept(comment: comment) }
                }
            ) { search.accept($0.info, $0.notes, $0.events) }
        } catch let error as CaptureError {
            throw CLIError.fault("the copy cannot be read: \(error.text)")
        }
        if let problem = reader.problems.first { throw CLIError.fault("the copy cannot be read: \(problem)") }
        guard let residue = search.residue else { return }
        let place =
            residue.session.isEmpty
            ? "a comment" : "session \(residue.session), exchange \(residue.exchange), \(residue.side) side"
        throw CLIError(
            message: "a word of the original is in the copy (\(place), \(residue.form.rawValue)); nothing was written",
            exit: 1)
    }

    /// Makes a recording of the copy, with an index and a chain of its own.
    private func record(_ path: String, in directory: String) throws {
        var settings = Recorder.Settings(directory: directory)
        settings.log = { Console.error($0) }
        if !noChain {
            settings.chainKey = try RecordingKey.get(
                data.path, otherwise: "--no-chain records without signatures, --data-dir names another place")
        }
        let recorder: Recorder
        do { recorder = try Recorder(settings) } catch { throw CLIError.fault("\(error)") }
        defer { recorder.close() }
        var reader: SessionReader
        do {
            reader = try SessionReader([path], fingerprintKey: recorder.fingerprintKey)
        } catch {
            throw CLIError.fault("\(error)")
        }
        reader.keepsText = true
        try reader.read { batch in
            recorder.append(batch.events)
            while recorder.isCongested { usleep(1000) }
        }
        recorder.close()
        if recorder.lostOctets > 0 {
            throw CLIError.fault("\(Figures.count(Int(recorder.lostOctets), "octet")) could not be written")
        }
    }

    private func summarise(_ counters: Counters, _ pseudonyms: Pseudonyms) {
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("output", output)
                json.member("sessions", counters.sessions)
                json.member("packets", counters.packets)
                json.member("words", pseudonyms.replaced)
                json.member("unread", pseudonyms.unread)
                json.member("left_out", counters.left)
            }
            print(writer.text)
        } else {
            var parts = [
                Figures.count(counters.sessions, "session"), "\(Figures.count(pseudonyms.replaced, "word")) replaced",
            ]
            if pseudonyms.unread > 0 {
                parts.append("\(Figures.count(pseudonyms.unread, "octet")) that nobody could read")
            }
            if counters.left > 0 { parts.append("\(Figures.count(counters.left, "connection")) left out") }
            print("\(parts.joined(separator: ", ")) → \(InertText.of(output))")
        }
    }

    // MARK: Options

    /// The octets of the key file; without one, a key of now.
    static func key(_ path: String?) throws -> [UInt8] {
        guard let path else {
            // Forgotten with the process.
            var random = SystemRandomNumberGenerator()
            return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        }
        var key = try TextFile.octets(path, what: "key file")
        guard key.count >= 16 else { throw CLIError.usage("\(path): a key has 16 octets or more") }
        // The line end that an editor leaves is none of a key of text.
        while key.count > 16, key.last == 10 || key.last == 13 { key.removeLast() }
        return key
    }

    /// `90`, `-90s`, `15m`, `12h`, `90d`.
    static func microseconds(_ text: String) throws -> Int64 {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = text.last.flatMap { units[$0] }
        // Not the absolute value: that of the least number is none.
        let most: Int64 = 100 * 366 * 86_400 / (unit ?? 1)
        guard let number = Int64(unit == nil ? text[...] : text.dropLast()), (-most...most).contains(number) else {
            throw CLIError.usage("--shift: write seconds, or a number with m, h or d, up to a hundred years")
        }
        return number * (unit ?? 1) * 1_000_000
    }

    /// What is written to a pipe or a device is away before it was searched.
    private static func refuseDevices(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFDIR else {
            throw CLIError.usage("\(path): the copy is searched before it is given away; name a file with -o")
        }
    }

    /// The copy never takes the place of what it is a copy of, by whatever name; nor does it come among captures that are read.
    private static func refuseInputs(_ output: String, _ paths: [String]) throws {
        func identity(_ path: String) -> (UInt64, UInt64)? {
            var status = stat()
            return stat(path, &status) == 0 ? (UInt64(status.st_dev), UInt64(status.st_ino)) : nil
        }
        guard let target = identity(output) else { return }
        let files: [String]
        do { files = try CapturePaths.expand(paths) } catch { throw CLIError.usage("\(error)") }
        for file in files + paths {
            for path in [file, OutputFile.directory(of: file)] {
                if let other = identity(path), other == target {
                    throw CLIError.usage("\(output): is read from; name another place for the copy")
                }
            }
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return path.hasSuffix("/") || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The directory holds no recording yet: the copy would be among what it is a copy of.
    private static func check(_ directory: String) throws {
        try OutputFile.makeDirectory(
            directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory)
        guard RecordingDirectory.segments(in: directory).isEmpty else {
            throw CLIError.usage("\(directory): holds a recording already")
        }
    }

    /// A file in the directory that is never published.
    private static func beside(_ directory: String) -> String {
        (directory.hasSuffix("/") ? directory : directory + "/") + "copy.pcapng"
    }
}
