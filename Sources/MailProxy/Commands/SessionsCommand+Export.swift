// `mailproxy sessions export`: sessions as files for other programs.

import ArgumentParser
import CLinux
import Glibc
import MailCapture
import MailDialogue
import MailRecording

/// The form of exported sessions.
enum ExportFormat: String, ExpressibleByArgument, CaseIterable {
    case transcript, json, eml, pcapng
}

struct SessionsExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write sessions to files: transcript, json, eml, pcapng.",
        discussion: """
            IDs are the ids of sessions, their first characters, or 'last'; without one all sessions are exported. With eml, \
            OUT is a directory that gets one file a message; else it is a file, - for standard output.
            """)

    @Argument(help: ArgumentHelp("Sessions, then recordings or captures.", valueName: "id-or-path")) var words:
        [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "transcript, json, eml or pcapng.") var format: ExportFormat
    @Option(name: .shortAndLong, help: "The file, or with eml the directory.") var output: String
    @Flag(help: "With eml: one JSON line a message.") var json = false

    func run() throws {
        let selection = SessionSelection(words)
        let catalog = try place.catalog(selection.paths)
        let entries = try selection.entries(of: catalog)
        if entries.isEmpty { throw CLIError.usage("no sessions in \(catalog.names) to export") }
        switch format {
        case .transcript, .json: try exportText(entries, catalog)
        case .eml: try exportMessages(entries, catalog)
        case .pcapng: try exportPackets(entries, catalog)
        }
        try endSessions()
    }

    // MARK: Text

    private func exportText(_ entries: [CatalogEntry], _ catalog: SessionCatalog) throws {
        let file = try OutputFile(output)
        var out = StandardOutput(file.descriptor, name: output)
        try SessionWriter.write(
            entries, of: catalog, format: format == .json ? .json : .transcript,
            TranscriptRenderer.Options(isFull: true), namesSessions: true
        ) { try out.write($0) }
        try out.flush()
    }

    // MARK: Messages

    private func exportMessages(_ entries: [CatalogEntry], _ catalog: SessionCatalog) throws {
        guard output != "-" else { throw CLIError.usage("-o names a directory when messages are exported") }
        guard mkdir(output, 0o700) == 0 || errno == EEXIST else {
            throw CLIError.fault("\(output): cannot make the directory: \(String(cString: strerror(errno)))")
        }
        let ids = Set(entries.map(\.summary.info.id))
        var extractors: [String: MessageExtractor<MessageFiles>] = [:]
        var count = 0
        try catalog.read(ids) { batch in
            let id = batch.session.info.id
            var extractor =
                extractors.removeValue(forKey: id)
                ?? MessageExtractor(MessageFiles(directory: output, session: id))
            extractor.accept(batch.notes[...])
            var isClosed = false
            for event in batch.events {
                if case .closed = event { isClosed = true }
            }
            if isClosed { extractor.close() }
            if let failure = extractor.sink.failure { throw failure }
            for case .message(_, let record) in batch.events {
                let file = extractor.sink.name(of: record)
                count += 1
                if json {
                    print(SessionJSON.line(record, session: id, file: file))
                } else {
                    let subject = record.subject.isEmpty ? "" : "  \(InertText.of(record.subject))"
                    let part = record.complete ? "" : "  (incomplete)"
                    print("\(file)  \(Figures.count(record.bytes, "octet"))\(part)\(subject)")
                }
            }
            if !isClosed { extractors[id] = extractor }
        }
        fflush(nil)
        if count == 0 { Console.error("there is no message in \(Figures.count(entries.count, "session"))") }
    }

    // MARK: Packets

    private func exportPackets(_ entries: [CatalogEntry], _ catalog: SessionCatalog) throws {
        if output == "-", isatty(1) == 1 {
            throw CLIError.usage("a capture is not written to a terminal; name a file with -o, or pipe it on")
        }
        let ids = Set(entries.map(\.summary.info.id))
        let files = try catalog.files(of: ids)
        var cut = PacketCut(ids)
        // The first reading finds the connections of the sessions, the second copies their packets.
        try SessionCatalog.read(files, only: ids) { cut.learn($0) }
        let file = try OutputFile(output)
        var out = StandardOutput(file.descriptor, name: output)
        try SessionCatalog.read(
            files, only: [],
            packet: { record, interfaces in
                let octets = cut.take(record, interfaces)
                if !octets.isEmpty { try out.write(octets) }
            }
        ) { _ in }
        try out.flush()
        if output != "-" {
            let line =
                "\(Figures.count(cut.packets, "packet")) of \(Figures.count(entries.count, "session")) to \(output)"
            if json {
                var writer = JSONWriter()
                writer.object { json in
                    json.member("file", output)
                    json.member("packets", cut.packets)
                    json.member("sessions", entries.count)
                }
                print(writer.text)
            } else {
                print(line)
            }
        }
    }
}

/// A file that is written to; mode 0600, as sessions are nobody else's business.
final class OutputFile {
    let descriptor: Int32

    init(_ path: String) throws {
        if path == "-" {
            descriptor = 1
            return
        }
        descriptor = mp_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else {
            throw CLIError.usage("\(path): cannot write: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if descriptor > 2 { close(descriptor) }
    }
}

/// Writes the messages of one session to files `<session>-<exchange>.eml`.
struct MessageFiles: MessageSink {
    private let directory: String
    private let stem: String
    private var open: [Side: (descriptor: Int32, name: String)] = [:]
    /// How many messages began in an exchange, and how many were named.
    private var begun: [Int: Int] = [:]
    private var named: [Int: Int] = [:]
    private(set) var failure: CLIError?

    init(directory: String, session: String) {
        self.directory = directory
        // Ids of foreign recordings are not to be trusted with a path.
        stem = String(
            session.prefix(64).map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") ? $0 : "_" })
    }

    /// The file of a message; to be asked once for each, in their order.
    mutating func name(of record: MessageRecord) -> String {
        let number = named[record.exchange, default: 0] + 1
        named[record.exchange] = number
        return name(record.exchange, number)
    }

    private func name(_ exchange: Int, _ number: Int) -> String {
        "\(stem)-\(exchange)\(number == 1 ? "" : "-\(number)").eml"
    }

    mutating func begin(_ message: MessageStart) {
        guard failure == nil else { return }
        let number = begun[message.exchange, default: 0] + 1
        begun[message.exchange] = number
        let path = directory + "/" + name(message.exchange, number)
        // Through no link, and into no file of others.
        let descriptor = mp_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            failure = .fault("\(path): cannot write: \(String(cString: strerror(errno)))")
            return
        }
        fchmod(descriptor, 0o600)
        open[message.side] = (descriptor, path)
    }

    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        guard failure == nil, let file = open[side] else { return }
        do {
            try SpoolFile.write(octets, to: file.descriptor, name: file.name)
        } catch {
            failure = error as? CLIError
        }
    }

    mutating func end(_ side: Side, complete: Bool, exchange: Int) {
        guard let file = open.removeValue(forKey: side) else { return }
        close(file.descriptor)
    }
}
