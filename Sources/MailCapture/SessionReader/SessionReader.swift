// Reads captures and recordings to the end and tells the sessions in them.

import MailDialogue
import MailRecording

/// Something that is wrong with a file, though what came before was read.
package struct ReadProblem: Error, Equatable, Sendable, CustomStringConvertible {
    package var path: String
    package var error: CaptureFormatError

    package var description: String { "\(path == "-" ? "standard input" : path): \(error)" }

    /// The file ends in the middle of a packet, as a file does whose writer still writes or was killed.
    package var isTruncation: Bool { error.code == .truncated }
}

/// A file, or a stretch of one, that could not be read, though others were.
package struct UnreadFile: Equatable, Sendable {
    package var path: String
    /// What is wrong with it, with its path.
    package var text: String
}

/// Reads files as one capture: a session may go on from one segment of a recording to the next.
package struct SessionReader {
    /// Octets after which it is told that they were read.
    private static let stride = 1 << 20

    /// Files in the order in which they are read.
    package let files: [String]
    /// Those that were named, not found in a directory.
    private let named: Set<String>
    /// A file of a directory that can't be opened or read goes to ``missing``, and the others are read.
    package var isPatient = false
    private var tracker: SessionTracker
    /// What is wrong with the files that were read.
    package private(set) var problems: [ReadProblem] = []
    /// Segments that could not be read to their end, or at all.
    package private(set) var missing: [UnreadFile] = []
    /// What the user should know of the files that were read: what is not in them.
    package private(set) var remarks: [String] = []
    /// What there is to say of the packets of the file that was read last.
    private var disorder: String?
    /// Of several files, whether their packets are the same.
    private var repeated = RepeatedPackets()
    /// The form of all files, when they are no captures; nil when their content tells.
    package var form: ImportFormat?
    /// Packets that the capturing kernel lost, as the files say.
    package private(set) var dropped: UInt64 = 0
    /// Told now and then how many octets of files, as stored, were read since it was told last.
    package var progress: ((Int64) -> Void)?
    /// What was read of each file so far.
    package private(set) var figures: [FileFigures] = []

    /// - Parameters:
    ///   - paths: captures of any origin, our recordings, directories of both, `-` for standard input.
    ///   - fingerprintKey: the key for the marks of secrets.
    ///   - overlap: which of two copies of octets counts.
    package init(
        _ paths: [String], fingerprintKey: [UInt8] = [], checksums: ChecksumPolicy = .auto,
        overlap: OverlapPolicy = .first
    ) throws(CaptureError) {
        files = CapturePaths.ordered(try CapturePaths.expand(paths))
        named = Set(paths)
        tracker = SessionTracker(fingerprintKey: fingerprintKey, checksums: checksums, overlap: overlap)
    }

    /// Only these sessions are followed; nil for all.
    package var only: Set<String>? {
        get { tracker.only }
        set { tracker.only = newValue }
    }

    /// Puts sealed secrets back into packets, where somebody has the key.
    package var restore: ((CaptureRecord) -> CaptureRecord)? {
        get { tracker.restore }
        set { tracker.restore = newValue }
    }

    /// Secrets of TLS connections, where somebody has them. What the files bring with them is added.
    package var keys: TLSKeyLog? {
        get { tracker.keys }
        set { tracker.keys = newValue }
    }

    /// Messages are read and judged too.
    package var judgesMessages: Bool {
        get { tracker.judgesMessages }
        set { tracker.judgesMessages = newValue }
    }

    /// Messages and contents are told with their SHA-256.
    package var hashes: Bool {
        get { tracker.hashes }
        set { tracker.hashes = newValue }
    }

    /// Exchanges and messages are told one by one, not only counted, which takes half as long.
    package var keepsRows: Bool {
        get { tracker.keepsRows }
        set { tracker.keepsRows = newValue }
    }

    /// Of these rows exchanges are wanted too.
    package var keepsExchanges: Bool {
        get { tracker.keepsExchanges }
        set { tracker.keepsExchanges = newValue }
    }

    /// All octets are told, in notes and as what is to be recorded; else those within messages are only counted.
    package var tellsOctets: Bool {
        get { tracker.tellsOctets }
        set { tracker.tellsOctets = newValue }
    }

    /// Messages are told with their text.
    package var keepsText: Bool {
        get { tracker.keepsText }
        set { tracker.keepsText = newValue }
    }

    /// Header fields that are told with messages: their names in lower case.
    package var keepsFields: [String] {
        get { tracker.keepsFields }
        set { tracker.keepsFields = newValue }
    }

    package var counters: TrackerCounters { tracker.counters }
    package var reassembly: ReassemblyCounters { tracker.reassembly }

    /// Reads all files. What is wrong within a file goes to `problems`; a file that is no capture at all is an error, and so is one that
    /// can't be opened, but for ``isPatient``.
    /// - Parameters:
    ///   - packet: gets each packet before it is followed, with the interfaces of its file so far.
    ///   - deliver: gets what was understood, in order.
    package mutating func read(
        packet: ((CaptureRecord, [CaptureInterface]) throws -> Void)? = nil, deliver: (SessionBatch) throws -> Void
    ) throws {
        for (number, path) in files.enumerated() {
            tracker.source = number
            var figures = FileFigures(path: path)
            let (before, lost, known) = (tracker.counters, dropped, problems.count)
            disorder = nil
            do { try read(path, packet, deliver) } catch let error as CaptureError {
                // Where nothing was read there is nothing to go on with.
                guard isPatient, error.format == nil, !named.contains(path), missing.count + 1 < files.count else {
                    throw error
                }
                missing.append(UnreadFile(path: path, text: "\(error)"))
                figures.failure = "\(error)".replacing("\(path): ", with: "", maxReplacements: 1)
            }
            figures.disorder = disorder
            figures.packets = tracker.counters.packets - before.packets
            figures.gaps = tracker.counters.gaps - before.gaps
            figures.undecoded =
                tracker.counters.undecoded - before.undecoded + tracker.counters.malformed - before.malformed
            figures.cut = tracker.counters.cut - before.cut
            figures.dropped = dropped &- lost
            if problems.count > known { figures.problem = problems.last }
            self.figures.append(figures)
        }
        // What was waited for until the end is missing as well.
        let gaps = tracker.counters.gaps
        try tracker.finish(deliver: deliver)
        if !figures.isEmpty { figures[figures.count - 1].gaps += tracker.counters.gaps - gaps }
    }

    /// A stretch of a recording's segment; it begins and ends with whole blocks. Up to `Int.max` it is all that there is so far.
    package struct Stretch {
        package var path: String
        package var octets: Range<Int>

        package init(path: String, octets: Range<Int>) {
            self.path = path
            self.octets = octets
        }
    }

    /// Reads stretches of our own segments, in order, for the sessions in ``only``. A session that began before a stretch is told
    /// from where the stretch says that it goes on.
    /// - Parameters:
    ///   - goesOn: asked before each packet; when it says no the rest is not read.
    ///   - isPatient: what is wrong with a segment goes to ``problems``, and the others are read.
    ///   - packet: gets each packet before it is followed, with the interfaces of its file.
    package mutating func read(
        _ stretches: [Stretch], while goesOn: () -> Bool = { true }, isPatient: Bool = false,
        packet: ((CaptureRecord, [CaptureInterface]) throws -> Void)? = nil, deliver: (SessionBatch) throws -> Void
    ) throws {
        tracker.ignoresUnannounced = true
        var opened: (path: String, file: CaptureFile)?
        for stretch in stretches {
            do {
                let last = opened.flatMap { $0.path == stretch.path ? $0.file : nil }
                opened = nil
                let file = try last ?? CaptureFile(path: stretch.path)
                try file.seek(to: stretch.octets.lowerBound)
                while goesOn(), file.offset < stretch.octets.upperBound, let record = try file.next() {
                    try packet?(record, file.interfaces)
                    try tracker.accept(record, isRecording: true, deliver: deliver)
                }
                opened = (stretch.path, file)
            } catch let error as CaptureError {
                // A segment that goes on ends within a packet now and then.
                if stretch.octets.upperBound == Int.max, error.format?.code == .truncated { continue }
                guard isPatient else { throw error }
                let file = UnreadFile(path: stretch.path, text: "\(error)")
                if file != missing.last { missing.append(file) }
            }
        }
        guard goesOn() else { return }
        try tracker.finish(deliver: deliver)
    }

    /// A reader for ``read(_:while:deliver:)``.
    package init(only sessions: Set<String>) {
        files = []
        named = []
        tracker = SessionTracker()
        tracker.only = sessions
    }

    private mutating func read(
        _ path: String, _ packet: ((CaptureRecord, [CaptureInterface]) throws -> Void)?,
        _ deliver: (SessionBatch) throws -> Void
    ) throws {
        if let form = try form ?? TranscriptReader.form(of: path) {
            try read(path, as: form, deliver)
            return
        }
        let file = try CaptureFile(path: path)
        var told = 0
        var order = PacketOrder()
        defer {
            dropped &+= file.dropped
            progress?(Int64(file.stored - told))
            // A recorder writes what waited behind what did not.
            var found = Self.isRecording(file.interfaces) ? [] : [order.remark]
            if files.count > 1 { found.append(repeated.end(path)) }
            for remark in found.compactMap({ $0 }) { remarks.append("\(path): \(remark)") }
            disorder = found.contains { $0 != nil } ? found.compactMap { $0 }.joined(separator: "; ") : nil
        }
        do {
            while let record = try file.next() {
                order.accept(record.nanoseconds)
                if files.count > 1 { repeated.accept(record) }
                if let progress, file.stored &- told >= Self.stride {
                    progress(Int64(file.stored - told))
                    told = file.stored
                }
                tracker.take(secrets: file.takeSecrets())
                if let packet { try packet(record, file.interfaces) }
                let isRecording = file.interfaceCount == 2 && Self.isRecording(file.interfaces)
                try tracker.accept(record, isRecording: isRecording, deliver: deliver)
            }
        } catch let error as CaptureError {
            guard let format = error.format else { throw error }
            // The first octets are not those of a capture: most likely the wrong file. Among others, or with the header of a recording, it
            // is what a dying disk left.
            if files.count == 1, file.packets == 0, !Self.isRecording(file.interfaces),
                format.code != .truncated || format.offset == 0
            {
                throw error
            }
            problems.append(ReadProblem(path: path, error: format))
        }
    }

    private mutating func read(
        _ path: String, as form: ImportFormat, _ deliver: (SessionBatch) throws -> Void
    ) throws {
        var transcript = TranscriptReader()
        defer { remarks += transcript.remarks }
        do {
            try transcript.read(path, as: form) { try tracker.accept($0, deliver: deliver) }
        } catch let error as CaptureError {
            guard let format = error.format else { throw error }
            // Nothing of it was understood: most likely the wrong file.
            if format.offset == 0 { throw error }
            problems.append(ReadProblem(path: path, error: format))
            try tracker.breakOff(deliver: deliver)
        }
    }

    /// The interfaces are those of one of our recordings.
    package static func isRecording(_ interfaces: [CaptureInterface]) -> Bool {
        interfaces.count == 2 && interfaces[0].name == "client" && interfaces[1].name == "server"
            && [PcapngWriter.linkType, PcapngWriter.formerLinkType].contains { interfaces[1].linkType == UInt32($0) }
    }
}
