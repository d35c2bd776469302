// `mailproxy unseal`: recordings with their secrets, for who has the key.

import ArgumentParser
import CLinux
import Glibc
import MailCapture
import MailCompression
import MailDialogue
import MailRecording
import MailStore

struct UnsealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unseal", abstract: "Give back the secrets of recordings that were sealed.",
        discussion: """
            With -o a copy is written in which each secret stands where its mask was, octet for octet; with --list the logins are \
            listed with their secrets. A PATH is a directory of recordings or a segment. Exit status 3 when something sealed does \
            not open; what does is given all the same.
            """)

    @Argument(help: "Directories of recordings, or segments; the usual directory when none is given.") var paths:
        [String] = []
    @Option(help: "The directory of recordings.") var recordDir: String?
    @Option(help: ArgumentHelp("The file of the private key ('mailproxy seal').", valueName: "file")) var key: String?
    @Option(name: .shortAndLong, help: "The directory of the copy, which is made.") var output: String?
    @Flag(help: "List the logins with their secrets.") var list = false
    @Flag(help: "With --list: one JSON line a login.") var json = false
    @OptionGroup var data: DataDirectory

    func run() throws {
        guard list != (output != nil) else {
            throw CLIError.usage("unseal how? -o DIRECTORY writes a copy, --list lists the logins")
        }
        let key = try Unsealing.key(key, in: data.path)
        let unsealing = Unsealing(key)
        let paths = Defaults.recordings(paths, recordDir)
        let files: [String]
        do { files = try CapturePaths.expand(paths) } catch { throw CLIError.usage("\(error)") }
        if let output { try copy(files, to: output, unsealing) } else { try list(files, unsealing) }
        try unsealing.end(of: paths)
    }

    // MARK: The copy

    private func copy(_ files: [String], to directory: String, _ unsealing: Unsealing) throws {
        // Segments in clear among those of a recorder would take the place of what is sealed.
        if RecordingDirectory.belongsToRecorder(directory) {
            throw CLIError.usage(
                "\(directory): is a directory of recordings; a copy with secrets goes into one of its own")
        }
        let targets = files.map { path in
            var name = path.split(separator: "/").last.map(String.init) ?? path
            if name.hasSuffix(PackedFile.suffix) { name.removeLast(PackedFile.suffix.count) }
            return directory + "/" + name
        }
        for target in targets {
            for path in [target, target + PackedFile.suffix] where access(path, F_OK) == 0 {
                throw CLIError.usage("\(path): is there already; name another directory")
            }
        }
        try OutputFile.makeDirectory(directory)
        var restored = 0
        for (path, target) in zip(files, targets) {
            let file = try OutputFile(target, replaces: false)
            var out = StandardOutput(file.descriptor, name: target)
            unsealing.path = path
            var copied = 0
            do {
                try Self.copy(path, unsealing, &copied) { try out.write($0) }
            } catch let error as Damage {
                // One segment must not take the others with it.
                if error.isForeign, files.count == 1 { throw CLIError.usage("\(path): \(error.text)") }
                let rest = copied > 0 ? "what comes before it was copied" : "nothing of it was copied"
                Console.error("\(path): \(error.text); \(rest)")
                unsealing.isIncomplete = true
                if copied == 0 { continue }
            }
            try out.flush()
            try file.publish()
            print("\(Shown.inert(target))  \(Figures.count(unsealing.opened - restored, "secret"))")
            restored = unsealing.opened
        }
    }

    /// What is wrong with a segment.
    private struct Damage: Error {
        var text: String
        /// It is none of ours.
        var isForeign = false
    }

    /// Copies a segment block by block; only packets with sealed secrets are others.
    /// - Parameter copied: octets of it that were copied.
    private static func copy(
        _ path: String, _ unsealing: Unsealing, _ copied: inout Int, to out: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        var reader = CaptureFileReader()
        var pending: [UInt8] = []
        do {
            let file = try PackedFile(path: path)
            while true {
                let chunk = try file.read(1 << 18)
                if chunk.isEmpty { break }
                pending += chunk
                var rest = pending[...]
                while let block = try Self.block(rest, at: copied) {
                    rest = rest[block.endIndex...]
                    reader.feed(Array(block))
                    copied += block.count
                    let record = try reader.next()
                    guard let record, !SecretRestorer.sealed(in: record).isEmpty else {
                        try out(block)
                        continue
                    }
                    let restored = unsealing.restore(record)
                    try out(
                        PcapngWriter.packet(
                            interface: UInt32(clamping: restored.interface), time: Self.ticks(block), restored.bytes,
                            originalLength: UInt32(clamping: restored.originalLength), comment: restored.comments.first
                        )[...])
                }
                pending = Array(rest)
            }
        } catch let error as PackedFileError {
            throw Damage(text: error.text)
        } catch let error as CaptureFormatError {
            throw Damage(text: "\(error)")
        }
        if !pending.isEmpty {
            Console.error(
                "\(path): ends in the middle of a block (at offset \(copied)); what comes before it was copied")
        }
    }

    /// The time of an enhanced packet block as it stands there, in the units of its interface.
    private static func ticks(_ block: ArraySlice<UInt8>) -> Int64 {
        let words = block.dropFirst(12).prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // The upper half comes first.
        return Int64(bitPattern: words << 32 | words >> 32)
    }

    /// The next whole block of one of our recordings; nil when more octets are needed.
    private static func block(_ octets: ArraySlice<UInt8>, at offset: Int) throws -> ArraySlice<UInt8>? {
        guard octets.count >= 12 else { return nil }
        if offset == 0, !octets.starts(with: [0x0A, 0x0D, 0x0D, 0x0A]) || octets.dropFirst(8).first != 0x4D {
            throw Damage(text: "is none of our recordings (at offset 0)", isForeign: true)
        }
        let length = octets.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length >= 12, length & 3 == 0, length <= CaptureFileReader.largestBlock else {
            throw Damage(text: "a block claims a length of \(length) octets (at offset \(offset + 4))")
        }
        return octets.count >= length ? octets.prefix(length) : nil
    }

    // MARK: The list

    private func list(_ files: [String], _ unsealing: Unsealing) throws {
        var shown: [String: [Int: [Credential]]] = [:]
        // Written as it is read: columns have the width that most need. The head comes with the first row, as there may be none.
        var hasHead = json
        var reader: SessionReader
        do { reader = try SessionReader(files) } catch { throw CLIError.usage("\(error)") }
        reader.restore = unsealing.restore
        do {
            try reader.read { batch in
                let id = batch.info.id
                for note in batch.notes where !note.isPlain {
                    for case .credential(let credential) in note.facts {
                        shown[id, default: [:]][note.exchange, default: []].append(credential)
                    }
                }
                for event in batch.events {
                    switch event {
                    case .credential(_, let record):
                        let secret = shown[id]?[record.exchange]?.last { $0.mechanism == record.mechanism }?.secret
                        let text = secret?.withRevealed { $0[...].text } ?? ""
                        if json {
                            print(Self.row(batch.info, record, text))
                        } else {
                            if !hasHead { Self.tell(["SESSION", "MECHANISM", "ACCOUNT", "SECRET", "OUTCOME"]) }
                            hasHead = true
                            Self.tell([
                                id, record.mechanism, InertText.of(record.account), InertText.of(text),
                                record.outcome.rawValue,
                            ])
                        }
                    case .closed: shown[id] = nil
                    case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .exchange, .message: break
                    }
                }
            }
        } catch let error as CaptureError {
            throw CLIError.usage("\(error)")
        }
        for problem in reader.problems { Console.error("\(problem); what comes before it was read") }
        if reader.problems.contains(where: { !$0.isTruncation }) { unsealing.isIncomplete = true }
    }

    private static func tell(_ row: [String]) {
        print(
            zip(row, [20, 13, 24, 24]).map { $0.padded(to: $1) }.joined(separator: "  ") + "  " + (row.last ?? ""))
    }

    private static func row(_ info: SessionInfo, _ record: CredentialRecord, _ secret: String) -> String {
        var writer = JSONWriter()
        writer.object { json in
            json.member("session", info.id)
            json.member("exchange", record.exchange)
            json.member("protocol", info.mailProtocol.rawValue)
            json.member("mechanism", record.mechanism)
            json.member("account", record.account)
            json.member("secret", secret)
            json.member("outcome", record.outcome.rawValue)
        }
        return writer.text
    }
}

/// Opens what is sealed, and remembers what does not open.
final class Unsealing {
    /// Troubles that are told one by one.
    private static let most = 10
    /// Other keys that are told by their ids.
    private static let mostKeys = 16

    private let key: SealPrivateKey
    private let id: String
    /// The file that is read, where only one is at a time.
    var path: String?
    private(set) var opened = 0
    /// Not all of what was to be read could be.
    var isIncomplete = false
    private var failed = 0
    private var otherKeys: [String: Int] = [:]
    /// Secrets that are sealed to keys beyond those.
    private var beyond = 0

    init(_ key: SealPrivateKey) {
        self.key = key
        id = key.publicKey.id
    }

    /// The private key: as given, else that of the data directory.
    static func key(_ path: String?, in data: String) throws -> SealPrivateKey {
        let path = path ?? SealKeyFile.privatePath(in: data)
        guard access(path, F_OK) == 0 else {
            throw CLIError.usage("\(path): there is no key; --key names the file of the private key")
        }
        return try SealCommand.told { () throws(SealKeyError) in try SealPrivateKey(path: path) }
    }

    func restore(_ record: CaptureRecord) -> CaptureRecord {
        SecretRestorer.restore(record, key: id) { secret in
            guard let octets = key.open(secret) else { return nil }
            opened += 1
            return octets
        } told: { secret, trouble in
            switch trouble {
            case .otherKey(let other):
                if otherKeys[other] == nil, otherKeys.count >= Self.mostKeys {
                    beyond += 1
                } else {
                    otherKeys[other, default: 0] += 1
                }
            case .damaged:
                failed += 1
                guard failed <= Self.most else { return }
                let place = path.map { "\($0): " } ?? ""
                Console.error(
                    "\(place)session \(InertText.of(secret.session)): what is sealed at offset \(record.offset) does not open; it was changed or cut"
                )
            }
        }
    }

    /// Says what did not open; the exit status says so, too.
    func end(of paths: [String]) throws {
        fflush(nil)
        if failed > Self.most { Console.error("\(failed - Self.most) more do not open") }
        let others = otherKeys.sorted { $0.key < $1.key }
        for (other, count) in others {
            Console.error(
                "\(paths.joined(separator: ", ")): \(Figures.count(count, "secret")) sealed to the key \(InertText.of(other)); the key given is \(id)"
            )
        }
        if beyond > 0 { Console.error("\(Figures.count(beyond, "secret")) sealed to more keys than are told") }
        if failed > 0 || isIncomplete || !others.isEmpty { throw CLIError(message: "", exit: 3) }
        guard opened > 0 else {
            throw CLIError(message: "\(paths.joined(separator: ", ")): no secret is sealed here", exit: 1)
        }
    }
}
