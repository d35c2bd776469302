// `mailproxy verify`: is a recording as it was written?

import ArgumentParser
import Glibc
import MailRecording
import MailStore

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check recordings against their signed chain.",
        discussion: """
            A line is printed for each segment, with what was changed, removed, moved, added or cut off in it. Exit status 0 \
            when all is as it was signed, 1 when anything is not. What a chain proves, and what it cannot, is in \
            Docs/Evidence.md: keep its head elsewhere (--head), and check against that (--expect).
            """)

    @Argument(help: "Directories of recordings; the usual one when none is given.") var directories: [String] = []
    @Option(help: "The directory of recordings.") var recordDir: String?
    @Flag(help: "One JSON line a segment, then one for the chain.") var json = false
    @Flag(help: "Print only where the chain ends, to be kept elsewhere.") var head = false
    @Option(help: "A head that was kept: the chain must still have it.") var expect: String?
    @Option(
        help: ArgumentHelp("A public key that may sign, in base64 or a PEM file; may be repeated.", valueName: "key"))
    var key: [String] = []
    @Flag(help: "Print the public key with which this machine signs, in PEM.") var printKey = false
    @OptionGroup var data: DataDirectory

    func run() throws {
        if printKey { return try printPublicKey() }
        let directories = Defaults.recordings(directories, recordDir)
        let keys = try key.map(Self.publicKey)
        let expected = try expect.map(Self.head)
        if expected != nil, directories.count > 1 {
            throw CLIError.usage("--expect is of one recording: give one directory")
        }
        for directory in directories { try Self.check(directory) }
        var faults = 0
        for directory in directories { faults += try verify(directory, keys, expected) }
        if faults > 0 { throw CLIError(message: "", exit: 1) }
    }

    private func verify(_ directory: String, _ keys: [ChainPublicKey], _ expected: ChainHead?) throws -> Int {
        if head { return try printHead(directory, keys, expected) }
        let progress = ReadingProgress(
            "segments verified", octets: Int64(RecordingDirectory.segments(in: directory).count))
        let verifier = ChainVerifier(directory, keys: keys, expected: expected) { finding in
            progress.makeRoom()
            defer { if finding.segment != nil { progress.advance(by: 1) } }
            if json { print(VerifyText.json(finding, directory)) } else { VerifyText.show(finding, directory) }
        }
        let summary: ChainSummary
        defer { progress.end() }
        do { summary = try verifier.run() } catch { throw CLIError.fault("\(error)") }
        progress.end()
        if json {
            print(VerifyText.json(summary, directory))
        } else {
            let own = (try? ChainKey(in: data.path))?.publicKey.text
            VerifyText.show(summary, directory, own: own, isTrusted: !keys.isEmpty)
        }
        return summary.faults
    }

    private func printHead(_ directory: String, _ keys: [ChainPublicKey], _ expected: ChainHead?) throws -> Int {
        let summary: ChainSummary
        // A head of a chain that does not hold is worth nothing.
        var faults: [ChainFault] = []
        let verifier = ChainVerifier(directory, keys: keys, expected: expected) { finding in
            if finding.segment == nil { faults = finding.faults }
        }
        do { summary = try verifier.runChain() } catch { throw CLIError.fault("\(error)") }
        for fault in faults { Console.error("\(directory): \(fault.text)") }
        guard faults.isEmpty else { return faults.count }
        guard let head = summary.head else { throw CLIError.usage("\(directory): there is no chain yet") }
        print(Defaults.recordings(directories, recordDir).count > 1 ? "\(head)  \(Shown.inert(directory))" : "\(head)")
        return 0
    }

    private func printPublicKey() throws {
        let found: ChainKey?
        do { found = try ChainKey(in: data.path) } catch { throw CLIError.usage("\(error)") }
        guard let found else {
            throw CLIError.usage(
                "\(ChainKey.path(in: data.path)): there is no key yet; the first recording makes it")
        }
        print(found.publicKey.pem, terminator: "")
    }

    private static func publicKey(_ text: String) throws -> ChainPublicKey {
        if let key = ChainPublicKey(text) { return key }
        guard access(text, F_OK) == 0 else {
            throw CLIError.usage("--key \(text): is neither an Ed25519 public key in base64 nor a file")
        }
        let content = try TextFile.read(text, what: "public key")
        guard let key = ChainPublicKey(content) ?? ChainPublicKey(String(content.prefix { $0 != "\n" })) else {
            throw CLIError.usage("\(text): holds no Ed25519 public key (PEM, or 32 octets in base64)")
        }
        return key
    }

    private static func head(_ text: String) throws -> ChainHead {
        guard let head = ChainHead(text) else {
            throw CLIError.usage(
                "--expect \(text): is no head of a chain; 'mailproxy verify --head' prints one: a number, a colon and 64 hex digits"
            )
        }
        return head
    }

    private static func check(_ directory: String) throws {
        var status = stat()
        guard stat(directory, &status) == 0 else {
            throw CLIError.usage("\(directory): \(String(cString: strerror(errno)).lowercased())")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw CLIError.usage("\(directory): is no directory of recordings; a chain is of a whole directory")
        }
        // Of a recording whose segments were all removed its index or its chain is left.
        guard RecordingDirectory.belongsToRecorder(directory) || !RecordingDirectory.segments(in: directory).isEmpty
        else { throw CLIError.usage("\(directory): there is no recording in this directory") }
    }
}

/// What was found, for people and for programs.
private enum VerifyText {
    static func show(_ finding: ChainFinding, _ directory: String) {
        guard let segment = finding.segment else {
            for fault in finding.faults { print("chain: \(Shown.inert(fault.text))") }
            if !finding.note.isEmpty { print("chain: \(Shown.inert(finding.note))") }
            return
        }
        let size = "\(Figures.grouped(finding.octets)) octets, \(Figures.count(finding.blocks, "block"))"
        let note = Shown.inert(finding.note)
        let text =
            switch finding.state {
            case .signed: "ok         \(size), closed \(note)"
            case .recovered: "recovered  \(size); its recorder was killed, the rest was signed \(note)"
            case .open:
                "open       \(size); \(note): signed up to octet \(Figures.grouped(finding.signed)), "
                    + "\(Figures.grouped(max(0, finding.octets - finding.signed))) not yet"
            case .removed: "removed    by retention: \(note)"
            case .thinned: "thinned    \(size); sessions removed by retention: \(note)"
            case .faulty: "FAULTY"
            }
        print("\(Shown.inert(segment))  \(text)")
        if let loss = finding.loss { print("    lost: \(Self.text(loss))") }
        for fault in finding.faults { print("    \(fault.kind.rawValue): \(Shown.inert(fault.text))") }
    }

    /// What was not recorded, in words.
    private static func text(_ loss: RecordComment.Loss) -> String {
        var text = ""
        if loss.octets > 0 || loss.packets > 0 {
            text =
                "\(Figures.grouped(Int(loss.octets))) octets in \(Figures.count(Int(loss.packets), "packet")) before it were not recorded"
            if loss.sessions > 0 { text += ", of \(Figures.count(Int(loss.sessions), "session"))" }
        }
        if loss.unsynced > 0 {
            text += text.isEmpty ? "" : "; "
            text +=
                "\(Figures.grouped(Int(loss.unsynced))) octets of the segment before were not synced when the disk failed"
        }
        if text.isEmpty { text = "the disk failed before it, and nothing is missing" }
        text += ", \(Timestamp.rfc3339(loss.from)) to \(Timestamp.rfc3339(loss.to))"
        return loss.reason.isEmpty ? text : "\(text): \(Shown.inert(loss.reason))"
    }

    static func show(_ summary: ChainSummary, _ directory: String, own: String?, isTrusted: Bool) {
        let place = Shown.inert(directory)
        if let head = summary.head {
            print("\(place): \(Figures.count(summary.segments, "segment")), head of the chain \(head)")
        }
        for key in summary.keys {
            let whose =
                isTrusted
                ? "" : key == own ? " (this machine's)" : " (not this machine's: ask its owner, and give it with --key)"
            print("\(place): signed by \(key)\(whose)")
        }
        if summary.lostOctets > 0 {
            print("\(place): \(Figures.grouped(Int(summary.lostOctets))) octets were not recorded, as it says itself")
        }
        print("\(place): \(summary.faults == 0 ? "no faults" : Figures.count(summary.faults, "fault"))")
    }

    static func json(_ finding: ChainFinding, _ directory: String) -> String {
        var writer = JSONWriter()
        writer.object { json in
            json.member("directory", directory)
            json.member("segment", finding.segment)
            json.member("state", finding.state.rawValue)
            if finding.segment != nil {
                json.member("bytes", finding.octets)
                json.member("blocks", finding.blocks)
                if finding.state == .open { json.member("signed", finding.signed) }
            }
            if finding.segment != nil || !finding.note.isEmpty { json.member("note", finding.note) }
            if let loss = finding.loss {
                json.object("lost") { json in
                    json.member("bytes", loss.octets)
                    json.member("packets", loss.packets)
                    json.member("sessions", loss.sessions)
                    json.member("unsynced", loss.unsynced)
                    json.member("from", time: loss.from)
                    json.member("to", time: loss.to)
                    json.member("reason", loss.reason)
                }
            }
            json.array("faults") { json in
                for fault in finding.faults {
                    json.object { json in
                        json.member("kind", fault.kind.rawValue)
                        json.member("offset", fault.offset)
                        json.member("was", fault.was)
                        json.member("bytes", fault.octets)
                        json.member("blocks", fault.blocks)
                        json.member("text", fault.text)
                    }
                }
            }
        }
        return writer.text
    }

    static func json(_ summary: ChainSummary, _ directory: String) -> String {
        var writer = JSONWriter()
        writer.object { json in
            json.member("summary", true)
            json.member("directory", directory)
            json.member("entries", summary.entries)
            json.member("segments", summary.segments)
            json.member("head", summary.head?.description)
            json.member("keys", summary.keys)
            json.member("lost", summary.lostOctets)
            json.member("faults", summary.faults)
        }
        return writer.text
    }
}
