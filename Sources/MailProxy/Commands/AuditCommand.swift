// `mailproxy audit`: what went in clear, what is wrong, and what to do about it, of recordings and captures.

import ArgumentParser
import Glibc
import MailAudit
import MailCapture
import MailRecording
import MailRules
import MailStore

extension Severity: ExpressibleByArgument {}
extension AuditReport.Table: ExpressibleByArgument {}

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Report what recordings and captures show: credentials and messages in clear, findings.",
        discussion: """
            A PATH may be a directory of recordings, a segment of one, or any pcap or pcapng file; - is standard input. Exit \
            status 1 says that something was found that is as grave as --fail-on, or graver.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, html, json, csv, sarif }

    @Argument(help: "Recordings or captures.") var paths: [String] = []
    @OptionGroup var place: SessionPlace
    @Option(help: "text, html, json, csv or sarif.") var format = Format.text
    @Option(help: "With --format csv: which table.")
    var table = AuditReport.Table.findings
    @Option(name: .shortAndLong, help: "Write the report into this file.") var output: String?
    @Flag(help: "Replace the file.") var force = false
    @Option(help: "The severity from which on findings make exit status 1.")
    var failOn = FailOn(severity: .high)
    @Option(help: "An earlier report in JSON; what changed since then is told.") var baseline: String?
    @Option(help: "Only sessions that began then or later.", transform: TimeArgument.init) var since: TimeArgument?
    @Option(help: "Only sessions that began before then.", transform: TimeArgument.init) var until: TimeArgument?
    @Flag(help: "Tell the secrets, too. Who reads the report then has the accounts.") var reveal = false
    @Flag(help: "Tell challenges and responses in hashcat's form.") var hashes = false
    @Option(help: "A domain of yours; mail that a server takes for others from strangers is relayed. May be repeated.")
    var localDomain: [String] = []
    @Option(help: "A domain to which mail may go; others are told. May be repeated.") var expectedDomain: [String] = []
    @Option(help: "The address of your proxy; what passes by it is told. May be repeated.") var proxy: [String] = []
    @Flag(help: "Take messages apart: their format, programs, card numbers, keys and the like; takes longer.")
    var deep = false
    @Option(
        help: ArgumentHelp(
            "What should not stand in messages in clear: a name and a regular expression. May be repeated.",
            valueName: "name=pattern"))
    var pattern: [String] = []
    @Flag(help: "Tell findings as they are made, of the recording of a running proxy or, with -i, of an interface.")
    var watch = false
    @Option(name: [.short, .customLong("interface")], help: "With --watch: the interface; 'any' is all of them.")
    var interface: String?
    @Option(
        name: [.customShort("f"), .customLong("bpf")],
        help: "With -i: only packets that this pcap-filter(7) expression takes.")
    var bpf: String?
    @OptionGroup(title: "Watching") var live: LiveOptions
    @Option(help: "With --watch: the severity from which on findings are told.") var least = Severity.low
    @Flag(help: "Do not compute the SHA-256 of the files, nor of messages.") var noHash = false
    @Flag(help: "List the kinds of findings, and read nothing.") var listFindings = false
    @Flag(help: "With --list-findings: the reference page, Docs/Findings.md.") var markdown = false
    @Option(help: "Explain the kind of findings with this code, and read nothing. May be repeated.")
    var explain: [String] = []

    /// `--fail-on`.
    struct FailOn: ExpressibleByArgument {
        var severity: Severity?

        init(severity: Severity?) { self.severity = severity }
        init?(argument: String) {
            if argument == "never" {
                severity = nil
            } else if let severity = Severity(rawValue: argument) {
                self.severity = severity
            } else {
                return nil
            }
        }
        var defaultValueDescription: String { severity?.rawValue ?? "never" }
        static var allValueStrings: [String] { Severity.allCases.map(\.rawValue) + ["never"] }
    }

    mutating func validate() throws {
        output = output.map(OutputFile.spoken)
        if interface != nil, !watch {
            throw ValidationError("-i needs --watch; -r of 'mailproxy capture' records first")
        }
        if watch, paths.count > 1 { throw ValidationError("--watch takes one directory of recordings") }
        if watch, place.filter != nil || place.text != nil || since != nil || until != nil {
            throw ValidationError("--watch has neither --filter, --text, --since nor --until")
        }
        if markdown, !listFindings { throw ValidationError("--markdown needs --list-findings") }
        if listFindings || !explain.isEmpty, !paths.isEmpty {
            throw ValidationError("--list-findings and --explain read no recordings")
        }
    }

    func run() throws {
        if listFindings || !explain.isEmpty { return try tellKinds() }
        if live.duration != nil, !watch { throw CLIError.usage("--duration needs --watch") }
        // Of a directory there is nothing but the time to be said.
        if interface == nil {
            var rest = live
            rest.duration = nil
            try rest.check(isFile: true)
            if live.user != nil { throw CLIError.usage("--user is for -i") }
        }
        try live.check(isFile: false)
        let earlier = try baseline.map(Self.read)
        // What would be in vain is not begun: of a large capture that takes long.
        let file = try openOutput()
        var options = try options()
        options.tellsFresh = watch
        var book = AuditBook(options)
        let (sources, failure) = try watch ? watch(&book, earlier) : (read(&book), nil)
        Self.add(sources, &book)
        let report = report(book.finish(), sources, earlier)
        // Who watched has seen the findings; the report is for the file.
        if let file {
            try write(report, to: file)
        } else if let output {
            if OutputFile.isStream(output) { Console.error("\(output): the report waits for who reads it") }
            try write(report)
        }
        if let failure { throw failure }
        if let severity = failOn.severity, report.reaches(severity) { throw CLIError(message: "", exit: 1) }
        try endSessions()
    }

    /// What the files themselves say of what is missing.
    static func add(_ sources: [AuditSource], _ book: inout AuditBook) {
        for (number, source) in sources.enumerated() {
            func add(_ kind: FindingKind, _ count: UInt64) {
                guard count > 0 else { return }
                book.add(
                    kind, file: number, time: 0, detail: "\(count) in \(source.file)", subject: source.file)
            }
            add(.drops, source.dropped)
            add(.cut, UInt64(clamping: source.cut))
            add(.undecoded, UInt64(clamping: source.undecoded))
        }
    }

    private func read(_ book: inout AuditBook) throws -> [AuditSource] {
        let catalog = try place.catalog(paths)
        var search = catalog.search()
        search.since = since?.time
        search.until = until?.time
        return try catalog.audit(
            search, isDeep: deep, keepsText: deep || !book.options.patterns.isEmpty, hashes: !noHash,
            hashesMessages: hashesMessages
        ) { book.accept($0) }
    }

    /// The report has the SHA-256 of messages.
    var hashesMessages: Bool {
        if noHash { return false }
        switch format {
        case .html, .json: return true
        case .csv: return table == .messages
        case .text, .sarif: return false
        }
    }

    func report(_ found: AuditFindings, _ sources: [AuditSource], _ baseline: AuditBaseline?) -> AuditReport {
        var report = AuditReport(
            found: found, sources: sources, program: "mailproxy \(Defaults.version)", made: Self.now(),
            baseline: baseline)
        report.command = ShellWords.line(["mailproxy"] + CommandLine.arguments.dropFirst())
        return report
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    }

    private func options() throws -> AuditOptions {
        var options = AuditOptions()
        options.localDomains = localDomain.map { $0.lowercased() }
        options.expectedDomains = expectedDomain.map { $0.lowercased() }
        options.revealsSecrets = reveal
        options.tellsHashes = hashes
        for text in proxy {
            guard let address = IPAddress(text) else {
                throw CLIError.usage("--proxy \(text): is no IP address; write it as 192.0.2.1 or 2001:db8::1")
            }
            options.proxies.insert(address)
        }
        if deep { options.patterns = ContentPattern.builtIn }
        for text in pattern { options.patterns.append(try Self.pattern(text)) }
        // The system's generator, which is made for keys.
        options.fingerprintKey = (0..<32).map { _ in UInt8.random(in: 0...255) }
        return options
    }

    private static func pattern(_ text: String) throws -> ContentPattern {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw CLIError.usage("--pattern \(text): write it as NAME=REGULAR-EXPRESSION")
        }
        do {
            let pattern = try Pattern(String(parts[1]))
            // What it fits is what must not be shown.
            return ContentPattern(String(parts[0])) { pattern.isFound(in: Array($0.utf8)) ? "found" : nil }
        } catch {
            let place = parts[0].utf8.count + 2 + error.offset
            throw CLIError.usage("--pattern \(text), column \(place): \(error.message)")
        }
    }

    private static func read(_ path: String) throws -> AuditBaseline {
        let octets = try whole(path)
        guard let json = JSONValue(parsing: octets[...]), let baseline = AuditBaseline(json) else {
            throw CLIError.usage("--baseline \(path): is no report of 'mailproxy audit --format json'")
        }
        return baseline
    }

    /// A report is not larger.
    private static let mostBaseline = 256 << 20

    private static func whole(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CLIError.usage("--baseline \(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0, octets.count <= mostBaseline else {
                throw CLIError.usage("--baseline \(path): cannot be read")
            }
            if count == 0 { return octets }
            octets += buffer.prefix(count)
        }
    }

    /// The file of the report; nil when it is written anew while the audit watches.
    private func openOutput() throws -> OutputFile? {
        guard let output else { return watch ? nil : try OutputFile("-", replaces: force) }
        if force || watch { try OutputFile.refuse(output, among: place.reading.files) }
        if interface == nil, output != "-" {
            let directory = place.recordDir ?? Defaults.recordDirectory
            let given = paths.filter { $0 != "-" } + (paths.isEmpty || place.recordDir != nil ? [directory] : [])
            if force || watch { try OutputFile.refuse(output, readFrom: given) }
        }
        // Who reads a pipe would take the end of this look at it for the end of the report.
        if watch, OutputFile.isStream(output) { return nil }
        let file = try OutputFile(output, replaces: force)
        return watch ? nil : file
    }

    /// The report of a watch replaces the one before.
    func write(_ report: AuditReport) throws {
        try write(report, to: try OutputFile(output ?? "-", replaces: true))
    }

    func write(_ report: AuditReport, to file: OutputFile) throws {
        func put(_ octets: ArraySlice<UInt8>) throws {
            try SpoolFile.write(octets, to: file.descriptor, name: output ?? "standard output")
        }
        func put(_ text: String) throws { try put(Array(text.utf8)[...]) }
        switch format {
        case .text: try put(report.text(TextStyle(isColoured: output == nil && Terminal.isColoured)))
        case .html: try put(report.html)
        case .json: try report.json(put)
        case .csv: try put(report.csv(table))
        case .sarif: try put(report.sarif)
        }
        try file.publish()
    }
}
