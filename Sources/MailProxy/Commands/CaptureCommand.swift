// `mailproxy capture`: follows mail sessions on an interface, or in a capture file, and records them as if they had
// passed through the proxy.

import ArgumentParser
import CLinux
import Glibc
import MailCapture
import MailDialogue
import MailRecording
import MailStore

struct CaptureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capture", abstract: "Record mail sessions from an interface or a capture file.",
        discussion: """
            Mail is recognised by what is spoken, on any port. Ctrl-C ends a live capture. What was recorded is seen with \
            'mailproxy sessions list'.
            """)

    @Option(name: [.short, .customLong("interface")], help: "Capture on this interface; 'any' is all of them.")
    var interface: String?
    @Option(name: [.short, .customLong("read")], help: "Read this capture file; - is standard input.") var read: String?
    @Option(
        name: [.customShort("f"), .customLong("bpf")], help: "Only packets that this pcap-filter(7) expression takes.")
    var bpf: String?
    @OptionGroup var live: LiveOptions
    @Option(help: "The directory of recordings.") var recordDir: String?
    @Flag(help: "Do not sign what is recorded.") var noChain = false
    @Option(
        help: ArgumentHelp(
            "How much is recorded, as record.what has it: 'envelope', or 'headers when imap'; may be repeated.",
            valueName: "scope"))
    var what: [String] = []
    @Option(help: "What becomes of secrets: mask, seal or keep.") var secrets: String?
    @Option(help: "With --secrets seal: the file of the public key.") var sealKey: String?
    @OptionGroup var reading: ReadingOptions
    @Option(
        help: ArgumentHelp(
            "A setting of the recording, such as record.segment-size=100000000 or record.keep-days=7; may be repeated.",
            valueName: "key=value"))
    var set: [String] = []
    @OptionGroup var data: DataDirectory
    @Flag(help: "List the interfaces on which packets can be captured.") var list = false
    @Flag(help: "The summary as a JSON line.") var json = false

    func run() throws {
        if list { return try listDevices() }
        try live.check(isFile: read != nil)
        switch (interface, read) {
        case (nil, nil): throw CLIError.usage("capture what? -i names an interface ('--list' shows them), -r a file")
        case (.some, .some): throw CLIError.usage("-i and -r exclude each other")
        case (nil, .some(let path)): try readFile(path)
        case (.some(let name), nil): try listen(on: name)
        }
    }

    private func listDevices() throws {
        let devices: [CaptureDevice]
        do { devices = try LiveCapture.devices() } catch { throw CLIError.fault("\(error)") }
        let width = devices.map(\.name.count).max() ?? 0
        for device in devices {
            if json {
                var writer = JSONWriter()
                writer.object { json in
                    json.member("name", device.name)
                    json.member("description", device.details)
                    json.member("loopback", device.isLoopback)
                    json.member("up", device.isUp)
                }
                print(writer.text)
            } else {
                let state = device.isUp ? "" : "  (down)"
                print(InertText.of("\(device.name.padded(to: width))  \(device.details)\(state)"))
            }
        }
    }

    // MARK: Recording

    /// Where packets go.
    private final class Pipeline {
        let recorder: Recorder
        private var tracker: SessionTracker
        private(set) var messages = 0
        private(set) var credentials = 0
        /// What the kernel and the interface lost, and how much of it was said.
        var dropped: UInt64 = 0
        var kernel = CaptureStatistics()
        var losses = LossNotice()

        init(_ recorder: Recorder, keys: TLSKeyLog?, _ reading: ReadingOptions) {
            self.recorder = recorder
            tracker = SessionTracker(
                fingerprintKey: recorder.fingerprintKey, checksums: reading.checksums.policy, overlap: reading.overlap)
            tracker.keepsText = !recorder.readsRows
            tracker.keepsRows = !recorder.readsRows
            tracker.privacy = recorder.privacy
            tracker.keys = keys
        }

        var counters: TrackerCounters { tracker.counters }

        func accept(_ packet: CaptureRecord, isRecording: Bool) {
            tracker.accept(packet, isRecording: isRecording) { take($0) }
        }

        func take(secrets: [CaptureSecrets]) { tracker.take(secrets: secrets) }
        func take(keys lines: [UInt8]) { tracker.add(keys: lines[...]) { take($0) } }
        func advance(to time: Int64) { tracker.advance(to: time) { take($0) } }
        func finish() { tracker.finish { take($0) } }

        private func take(_ batch: SessionBatch) {
            for event in batch.events {
                switch event {
                case .message: messages += 1
                case .credential: credentials += 1
                case .closed(let summary): if recorder.readsRows { messages += summary.messages }
                case .opened, .secured, .octets, .secret, .gap, .remark, .changed, .exchange: break
                }
            }
            recorder.append(batch.events)
            // A file is read faster than a disk writes; of an interface the kernel keeps what comes meanwhile.
            while recorder.isCongested { usleep(1000) }
        }
    }

    /// Settings of `run` that a capture has options for, or nothing to do with.
    private static let others = [
        "record.enabled": "", "record.dir": "--record-dir", "record.chain": "--no-chain", "record.when-full": "",
        "record.full-text": "",
    ]

    /// How it is recorded, as the settings of `run` say it.
    private func settings() throws -> Settings {
        var settings = Settings()
        for assignment in set {
            let key = String(assignment.prefix { $0 != "=" })
            if let option = Self.others[key] {
                throw CLIError.usage("--set \(key): not of a capture" + (option.isEmpty ? "" : "; \(option) says it"))
            }
            guard key.hasPrefix("record.") else {
                throw CLIError.usage("--set \(key): a capture has the settings record.* only")
            }
            try settings.set(assignment: assignment)
        }
        for scope in what { try settings.set(assignment: "record.what=\(scope)", said: "--what") }
        if let secrets { try settings.set(assignment: "record.secrets=\(secrets)", said: "--secrets \(secrets)") }
        if let sealKey { settings.set("record.seal-key", [sealKey]) }
        settings.set("data.dir", [data.path])
        return settings
    }

    /// - Parameter isLive: packets come whether we are ready or not. What of a session can be read from its recording is then read when
    ///   there is time for it (Docs/Decisions/055).
    private func record(isLive: Bool, keys: TLSKeyLog?, _ body: (Pipeline) throws -> Void) throws {
        let directory = recordDir ?? Defaults.recordDirectory
        let said = try self.settings()
        let orders = try said.recorderOrders()
        // Blocked before the recorder's thread begins, so that it inherits that: signals are asked for between packets.
        Interruption.block()
        var settings = Recorder.Settings(directory: directory)
        settings.log = { Console.error($0) }
        said.put(into: &settings)
        settings.privacy = orders.privacy
        settings.sealKey = orders.sealKey
        settings.keeping = orders.keeping
        // What was captured stays as other programs read it, unless it is to be packed.
        if said.text("record.compress") == nil { settings.keeping.level = nil }
        // The traffic does not wait for who looks on.
        settings.whenFull = .unrecorded
        if !noChain {
            settings.chainKey = try RecordingKey.get(
                data.path, otherwise: "--no-chain records without signatures, --data-dir names another place")
        }
        if isLive { settings.readRows = RecordedRows.reader(keepsText: settings.keepsText) }
        let recorder: Recorder
        do { recorder = try Recorder(settings) } catch {
            switch error {
            case .inUse:
                throw CLIError.usage("\(error); end it, or record elsewhere with --record-dir")
            case .failed, .badKey, .chain, .index: throw CLIError.fault("\(error)")
            }
        }
        let pipeline = Pipeline(recorder, keys: keys, reading)
        var failure: (any Error)?
        do { try body(pipeline) } catch { failure = error }
        pipeline.finish()
        catchUp(recorder)
        recorder.close()
        summarise(pipeline, directory)
        if let failure { throw failure }
        if recorder.lostOctets > 0 {
            throw CLIError.fault("\(Figures.count(Int(recorder.lostOctets), "octet")) could not be recorded")
        }
    }

    /// Nothing comes any more, and perhaps nobody records here again: what waits is read into the index, unless somebody is in a hurry.
    private func catchUp(_ recorder: Recorder) {
        let begin = Self.now()
        var isTold = false
        while recorder.hasUnread, recorder.failure == nil {
            if Interruption.isWanted {
                Console.error(
                    "what is not in the index yet is read by the next capture or 'mailproxy sessions reindex', and until then where it is"
                )
                return
            }
            if !isTold, Self.now() &- begin > Self.lookInterval {
                isTold = true
                Console.error("messages are read into the index; Ctrl-C leaves that for later")
            }
            usleep(5_000)
        }
    }

    private func summarise(_ pipeline: Pipeline, _ directory: String) {
        let counters = pipeline.counters
        if json {
            var writer = JSONWriter()
            writer.object { json in
                json.member("packets", counters.packets)
                json.member("sessions", counters.sessions)
                json.member("messages", pipeline.messages)
                json.member("credentials", pipeline.credentials)
                json.member("encrypted", counters.encrypted)
                json.member("not_mail", counters.notMail)
                json.object("not_mail_speaks") { json in
                    for (speech, count) in counters.foreign.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                        json.member(speech.rawValue, count)
                    }
                }
                json.member("hurried", counters.hurried)
                json.member("gaps", counters.gaps)
                json.member("dropped", pipeline.dropped)
                if interface != nil {
                    json.member("dropped_by_kernel", pipeline.kernel.dropped)
                    json.member("dropped_by_interface", pipeline.kernel.interfaceDropped)
                }
                json.member("malformed", counters.malformed)
                json.member("cut", counters.cut)
                json.member("directory", directory)
            }
            print(writer.text)
        } else {
            var parts = [
                Figures.count(counters.packets, "packet"), Figures.count(counters.sessions, "session"),
                Figures.count(pipeline.messages, "message"), Figures.count(pipeline.credentials, "credential"),
                Figures.count(counters.gaps, "gap"), "\(Figures.grouped(Int(clamping: pipeline.dropped))) dropped",
            ]
            if counters.encrypted > 0 { parts.append("\(counters.encrypted) under TLS from the start") }
            if counters.notMail > 0 {
                let speech = counters.foreign.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
                let words = speech.map { "\(Figures.grouped($0.value)) \($0.key.text)" }.joined(separator: ", ")
                parts.append("\(Figures.count(counters.notMail, "connection")) of something else (\(words))")
            }
            if counters.hurried > 0 {
                parts.append("\(Figures.count(counters.hurried, "connection")) judged early for want of memory")
            }
            if counters.cut > 0 { parts.append("\(Figures.grouped(counters.cut)) cut after \(counters.cutTo) octets") }
            if counters.malformed > 0 { parts.append("\(counters.malformed) malformed") }
            if counters.undecoded > 0 {
                let name = counters.undecodedLinkType.map(LinkTypeName.text) ?? "?"
                parts.append("\(counters.undecoded) of link type \(name), which is not decoded")
            }
            print("\(parts.joined(separator: ", ")) → \(directory)")
        }
    }

    // MARK: Sources

    // A source is opened before the recorder, so that a wrong name leaves no directory behind.

    private func readFile(_ path: String) throws {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw CLIError.usage(
                "\(path): is a directory; -r takes one capture ('sessions' and 'audit' read all of a directory)")
        }
        let file: CaptureFile
        let first: CaptureRecord?
        var filters: [UInt32: CaptureFilter] = [:]
        do throws(CaptureError) {
            file = try CaptureFile(path: path)
            first = try file.next()
            if let bpf { filters[first?.linkType ?? 1] = try CaptureFilter(bpf, linkType: first?.linkType ?? 1) }
        } catch {
            throw CLIError.usage(error.text)
        }
        // Read before rights are given up, as the capture is opened.
        let keys = try reading.keys()
        try live.drop()
        var isCut = false
        // Of a stream the end is where nobody waits any more: what its writer, who was interrupted as well, has still to give is taken.
        var patience: Int64?
        file.goesOn = {
            guard Interruption.isWanted else { return patience.map { Self.now() < $0 } ?? true }
            patience = patience == nil ? Self.now() &+ Self.lookInterval : 0
            return patience != 0
        }
        try record(isLive: false, keys: keys) { pipeline in
            defer {
                pipeline.dropped = file.dropped
                pipeline.recorder.captureLost(packets: file.dropped)
            }
            var order = PacketOrder()
            defer { if let remark = order.remark { Console.error("\(path): \(remark)") } }
            do throws(CaptureError) {
                var next = first
                while let packet = next {
                    order.accept(packet.nanoseconds)
                    pipeline.take(secrets: file.takeSecrets())
                    if try takes(packet, &filters) {
                        pipeline.accept(packet, isRecording: SessionReader.isRecording(file.interfaces))
                    }
                    next = try file.next()
                    if file.size != nil, file.packets % 1024 == 0, Interruption.isWanted {
                        isCut = next != nil
                        break
                    }
                }
            } catch {
                // A file whose writer was killed ends anywhere: what it has is recorded.
                guard error.format?.code == .truncated else { throw CLIError.fault(error.text) }
                if patience == nil { Console.error("\(error.text); what comes before it was recorded") }
            }
        }
        // Nobody may take a part of a file for all of it.
        if isCut { throw CLIError.fault("\(path): interrupted; what comes after these packets was not read") }
    }

    private func takes(
        _ packet: CaptureRecord, _ filters: inout [UInt32: CaptureFilter]
    ) throws(CaptureError) -> Bool {
        guard let bpf else { return true }
        if filters[packet.linkType] == nil {
            filters[packet.linkType] = try CaptureFilter(bpf, linkType: packet.linkType)
        }
        return filters[packet.linkType]?.matches(packet) ?? false
    }

    private func listen(on name: String) throws {
        // First, as it may be large, and packets wait in the kernel from then on.
        let keys = try reading.growingKeys()
        let source = try live.open(name, bpf)
        // Nothing that is read of the packets is read with the right to capture them.
        try live.drop()
        // Who read what is said may go away, and the traffic does not wait for another.
        signal(SIGPIPE, SIG_IGN)
        try record(isLive: true, keys: keys?.log) { pipeline in
            Console.error(
                "capturing on \(name) (link type \(LinkTypeName.text(source.linkType))), recording to \(pipeline.recorder.directory); Ctrl-C ends it"
            )
            defer { note(source, pipeline) }
            do throws(CaptureError) { try follow(source, keys, pipeline) } catch {
                source.takeRemains(atMost: live.count ?? Int.max) { pipeline.accept($0, isRecording: false) }
                throw CLIError.fault("\(error.text); what passed before was recorded")
            }
        }
    }

    private func follow(
        _ source: LiveCapture, _ keys: GrowingKeyLog?, _ pipeline: Pipeline
    ) throws(CaptureError) {
        let start = Self.now()
        let end = live.duration.map { start &+ Int64($0 * 1_000_000) } ?? Int64.max
        var nextLook = start &+ Self.lookInterval
        while !Interruption.isWanted, source.packets < live.count ?? Int.max {
            let room = min(1024, (live.count ?? Int.max) - source.packets)
            var taken = 0
            while taken < room, let packet = try source.next() {
                pipeline.accept(packet, isRecording: false)
                taken += 1
            }
            let now = Self.now()
            if let lines = keys?.more(now) { pipeline.take(keys: lines) }
            if now >= end { break }
            if now >= nextLook {
                nextLook = now &+ Self.lookInterval
                note(source, pipeline)
            }
            guard taken == 0 else { continue }
            let patience = Int32(clamping: min(200, (end &- now) / 1_000 &+ 1))
            if !source.wait(milliseconds: patience) { pipeline.advance(to: Self.now()) }
        }
        try source.takeRest(atMost: live.count ?? Int.max, now: NanosecondTime.of(Self.now())) {
            pipeline.accept($0, isRecording: false)
        }
        while let lines = keys?.more(Self.now(), isLast: true) { pipeline.take(keys: lines) }
    }

    /// How often it is asked what was lost, in microseconds.
    private static let lookInterval: Int64 = 1_000_000

    /// What was lost so far goes into the recording, and is said when it became more.
    private func note(_ source: LiveCapture, _ pipeline: Pipeline) {
        guard let statistics = try? source.statistics() else { return }
        pipeline.kernel = statistics
        pipeline.dropped = UInt64(clamping: statistics.lost)
        pipeline.recorder.captureLost(packets: pipeline.dropped)
        pipeline.losses.tell(statistics)
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    }
}

/// SIGINT and SIGTERM, asked for instead of taken.
enum Interruption {
    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        return set
    }

    static func block() {
        var set = signals
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// From now on they end the process again. Those that came before count as taken.
    static func unblock() {
        while isWanted {}
        var set = signals
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// One of them has come.
    static var isWanted: Bool {
        var set = signals
        var none = timespec(tv_sec: 0, tv_nsec: 0)
        return sigtimedwait(&set, nil, &none) > 0
    }
}
