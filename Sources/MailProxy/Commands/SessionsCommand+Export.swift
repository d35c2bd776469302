// `mailproxy sessions export`: sessions as files for other programs.

import ArgumentParser
import Glibc
import MailCapture
import MailRecording
import MailStore

/// The form of exported sessions.
enum ExportFormat: String, ExpressibleByArgument, CaseIterable {
    case transcript, html, json, jsonl, har, eml, mbox, maildir, attachments, pcapng, rawlog
}

extension AttachmentNaming: ExpressibleByArgument {}

struct SessionsExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write sessions to files, in forms that other programs read.",
        discussion: """
            IDs are the ids of sessions, their first characters, or 'last'; without one all sessions are exported.
            OUT is a file, - for standard output: transcript and html for people, json (a line an exchange) and har for programs, mbox, \
            and pcapng. It is a directory with eml (a file a message), maildir, attachments (the files in messages) and rawlog (two files a \
            session, as Dovecot's). What is there already is not replaced without --force.
            """)

    @Argument(help: ArgumentHelp("Sessions, then recordings or captures.", valueName: "id-or-path")) var words:
        [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "transcript, html, json, har, eml, mbox, maildir, attachments, pcapng or rawlog.") var format:
        ExportFormat
    @Option(name: .shortAndLong, help: "The file or the directory, as the format has it.") var output: String
    @Flag(help: "One JSON line a message, an attachment or a file.") var json = false
    @Flag(help: "Replace files that are there.") var force = false
    @Flag(help: "With eml: parts of messages too, such as BODY[1] of a FETCH.") var parts = false
    @Option(help: "With attachments: call files by the name that the sender gave, or by their hash.") var by =
        AttachmentNaming.name
    @Option(help: "With attachments: only those of this type, such as application/pdf or image/*.") var type: String?
    @Option(help: "With attachments: only those with such a name, * and ? as in a shell.") var name: String?
    @Option(help: "With attachments: only those whose SHA-256 begins so.") var hash: String?

    mutating func validate() throws {
        output = OutputFile.spoken(output)
        if parts, format != .eml { throw ValidationError("--parts goes with --format eml") }
        if by != .name || type != nil || name != nil || hash != nil, format != .attachments {
            throw ValidationError("--by, --type, --name and --hash go with --format attachments")
        }
    }

    func run() throws {
        let selection = SessionSelection(words)
        let catalog = try place.catalog(selection)
        if force {
            try OutputFile.refuse(output, readFrom: catalog.paths)
            try OutputFile.refuse(output, among: place.reading.files)
        }
        switch format {
        case .eml, .mbox, .maildir, .attachments: try exportMessages(selection, catalog)
        case .transcript, .json, .jsonl, .html, .har, .pcapng, .rawlog:
            let entries = try selection.entries(of: catalog)
            if entries.isEmpty { throw nothing(catalog) }
            switch format {
            case .transcript: try exportText(entries, catalog, .transcript)
            case .json, .jsonl: try exportText(entries, catalog, .json)
            case .html: try exportText(entries, catalog, .html)
            case .har: try exportArchive(entries, catalog)
            case .rawlog: try exportRawlogs(entries, catalog)
            case .pcapng, .eml, .mbox, .maildir, .attachments: try exportPackets(entries, catalog)
            }
        }
        fflush(nil)
        try endSessions()
    }

    private func nothing(_ catalog: SessionCatalog) -> CLIError {
        .usage("\(catalog.nothing()); there is nothing to export")
    }

    // MARK: Text

    private func exportText(_ entries: [CatalogEntry], _ catalog: SessionCatalog, _ form: SessionForm) throws {
        let file = try OutputFile(output, replaces: force)
        var out = StandardOutput(file.descriptor, name: output)
        let summaries = entries.map(\.summary)
        if form == .html {
            let title = entries.count == 1 ? "Session \(summaries[0].info.id)" : Figures.count(entries.count, "session")
            try out.write(HTMLTranscript.head(title: title, sessions: summaries))
        }
        let style = form == .html ? HTMLTranscript.style : TextStyle(isColoured: false)
        try SessionWriter.write(
            entries, of: catalog, form: form, TranscriptRenderer.Options(isFull: true, style: style),
            namesSessions: true, spillingTo: output == "-" ? Defaults.temporary : OutputFile.directory(of: output)
        ) { try out.write($0) }
        if form == .html { try out.write(HTMLTranscript.foot) }
        try out.flush()
        try file.publish()
    }

    private func exportArchive(_ entries: [CatalogEntry], _ catalog: SessionCatalog) throws {
        let file = try OutputFile(output, replaces: force)
        var out = StandardOutput(file.descriptor, name: output)
        try out.write(HARWriter.head(version: Defaults.version))
        let ids = Set(entries.map(\.summary.info.id))
        var rows: [String: ExchangeRows] = [:]
        var isFirst = true
        try catalog.read(ids, judgesMessages: true) { batch in
            let id = batch.info.id
            for row in rows[id, default: ExchangeRows()].take(batch) {
                try out.write((isFirst ? "" : ",\n") + HARWriter.entry(row, batch.info))
                isFirst = false
            }
            for case .closed in batch.events { rows[id] = nil }
        }
        try out.write(HARWriter.middle)
        for (place, entry) in entries.enumerated() {
            try out.write((place == 0 ? "" : ",\n") + HARWriter.page(entry.summary))
        }
        try out.write(HARWriter.foot)
        try out.flush()
        try file.publish()
    }

    /// Shows how far files have been read. Where what is written is named on the same terminal, those lines show it.
    private func progress(_ paths: [String]) -> ReadingProgress {
        ReadingProgress("captures read", of: (try? CapturePaths.expand(paths)) ?? [])
    }

    // MARK: Messages

    private func exportMessages(_ selection: SessionSelection, _ catalog: SessionCatalog) throws {
        if output == "-", json { throw CLIError.usage("--json needs standard output; name a file with -o") }
        // Of all sessions nothing has to be known before they are read.
        var ids: Set<String>?
        if !selection.ids.isEmpty || catalog.filter != nil || catalog.text != nil {
            let entries = try selection.entries(of: catalog)
            if entries.isEmpty { throw nothing(catalog) }
            ids = Set(entries.map(\.summary.info.id))
        } else {
            // What is not there shows before anything is made.
            do { _ = try CapturePaths.expand(catalog.paths) } catch { throw CLIError.usage("\(error)") }
        }
        var attachments: AttachmentFiles?
        let target: any MessageTarget
        switch format {
        case .mbox: target = try MboxFile(output, replaces: force)
        case .maildir: target = try MaildirFolder(output)
        case .attachments:
            let choice = AttachmentChoice(type: type, name: name, hash: hash)
            let files = try AttachmentFiles(output, naming: by, choice: choice, json: json)
            attachments = files
            target = files
        case .eml, .transcript, .html, .json, .jsonl, .har, .pcapng, .rawlog:
            target = try MessageFiles(output, replaces: force)
        }
        let isSilent = attachments != nil || output == "-"
        let export = MessageExport(target: target, takesParts: parts) { message, file in
            if isSilent { return }
            if json {
                print(
                    SessionJSON.line(message.record, session: message.info.id, file: file, section: message.section))
            } else {
                let record = message.record
                let subject = record.subject.isEmpty ? "" : "  \(InertText.of(record.subject))"
                var mark = record.complete ? "" : "  (incomplete)"
                if !message.section.isEmpty { mark = "  (\(InertText.of(message.section)))" + mark }
                print("\(file)  \(Figures.count(record.bytes, "octet"))\(mark)\(subject)")
            }
        }
        let done = try export.run { deliver in
            if let ids {
                try catalog.read(ids, deliver)
            } else {
                // Only JSON has the messages' digests.
                try SessionCatalog.read(
                    catalog.paths, hashes: json, keepsExchanges: false,
                    progress: isSilent || isatty(1) == 0 ? progress(catalog.paths) : nil, deliver)
            }
        }
        fflush(nil)
        if done.sessions == 0 { throw nothing(catalog) }
        if let attachments, attachments.count == 0 {
            Console.error("there is no such attachment in \(Figures.count(done.messages, "message"))")
        } else if done.messages == 0 {
            Console.error("there is no message in \(Figures.count(done.sessions, "session"))")
        }
        if done.notKept > 0 {
            Console.error(
                "\(Figures.count(done.notKept, "piece")) of IMAP messages came before what precedes them, more than 1 MiB or too many "
                    + "in a session to wait: those messages are incomplete")
        }
    }

    // MARK: Packets

    private func exportPackets(_ entries: [CatalogEntry], _ catalog: SessionCatalog) throws {
        if output == "-", isatty(1) == 1 {
            throw CLIError.usage("a capture is not written to a terminal; name a file with -o, or pipe it on")
        }
        let ids = Set(entries.map(\.summary.info.id))
        let files = try catalog.files(of: ids)
        let file = try OutputFile(output, replaces: force)
        var out = StandardOutput(file.descriptor, name: output)
        let packets: Int
        if entries.contains(where: { ImportFormat(route: $0.summary.info.route) != nil }) {
            // What was read from logs has no packets: they are made.
            var made = EventPackets()
            try out.write(EventPackets.header)
            var octets: [UInt8] = []
            try SessionCatalog.read(files, only: ids) { batch in
                for event in batch.events { made.append(event, to: &octets) }
                try out.write(octets)
                octets.removeAll(keepingCapacity: true)
            }
            packets = made.packets
        } else {
            var cut = PacketCut(ids)
            // The first reading finds the connections of the sessions, the second copies their packets.
            try SessionCatalog.read(files, only: ids, progress: progress(files)) { cut.learn($0) }
            try SessionCatalog.read(
                files, only: [], progress: progress(files),
                packet: { record, interfaces in
                    let octets = cut.take(record, interfaces)
                    if !octets.isEmpty { try out.write(octets) }
                }
            ) { _ in }
            packets = cut.packets
        }
        try out.flush()
        try file.publish()
        guard output != "-" else { return }
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("file", output)
                json.member("packets", packets)
                json.member("sessions", entries.count)
            }
            print(writer.text)
        } else {
            print("\(Figures.count(packets, "packet")) of \(Figures.count(entries.count, "session")) to \(output)")
        }
    }

    // MARK: Rawlogs

    private func exportRawlogs(_ entries: [CatalogEntry], _ catalog: SessionCatalog) throws {
        try OutputFile.makeDirectory(output)
        let ids = Set(entries.map(\.summary.info.id))
        var logs: [String: RawlogPair] = [:]
        try catalog.read(ids) { batch in
            let id = batch.info.id
            let pair = logs[id] ?? RawlogPair(in: output)
            logs[id] = pair
            for event in batch.events {
                switch event {
                case .octets(_, .client, let side, let time, let pieces):
                    let time = NanosecondTime.microseconds(time)
                    for piece in pieces { try pair.append(piece, from: side, at: time) }
                case .closed:
                    logs[id] = nil
                    for path in try pair.publish(as: "\(output)/\(MessageFiles.stem(id))", replaces: force) {
                        tell(path, id)
                    }
                case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .exchange, .message, .credential:
                    break
                }
            }
        }
    }

    private func tell(_ path: String, _ session: String) {
        guard json else {
            print(path)
            return
        }
        var writer = JSONWriter()
        writer.object { json in
            json.member("session", session)
            json.member("file", path)
        }
        print(writer.text)
    }
}
