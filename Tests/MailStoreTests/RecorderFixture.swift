// What the tests of the recorder share: a directory that goes away, sessions of the three protocols, and a plain
// reader of segments that knows nothing of the recorder.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

/// A directory for one test, removed at its end.
final class RecorderScratch {
    let path: String

    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/mailproxy-test-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        path = try #require(made)
    }

    deinit { Self.remove(path) }

    var segments: [String] { RecordingDirectory.segments(in: path).map { path + "/" + $0.name } }

    private static func remove(_ path: String) {
        for name in System.names(in: path) {
            let inner = path + "/" + name
            if unlink(inner) != 0 { remove(inner) }
        }
        rmdir(path)
    }
}

extension RecorderScratch {
    /// The octets of a file.
    static func contents(_ path: String) throws -> [UInt8] {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return try #require(System.read(path, limit: Int(status.st_size)))
    }

    /// Writes a file anew.
    static func write(_ octets: some Sequence<UInt8>, to path: String) throws {
        unlink(path)
        let descriptor = FileCalls().create(path)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let all = Array(octets)
        var rest = all[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            try #require(count > 0)
            rest = rest.dropFirst(count)
        }
    }

    /// The mode of a file without its type.
    static func mode(_ path: String) throws -> mode_t {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status.st_mode & 0o7777
    }

    /// Runs a program to its end.
    static func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let scratch = try RecorderScratch()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, name) in [(Int32(1), "out"), (2, "err")] {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, scratch.path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let settings = ["PATH=/usr/bin:/bin", "HOME=\(scratch.path)", "LC_ALL=C.UTF-8"]
        var environment: [UnsafeMutablePointer<CChar>?] = settings.map { strdup($0) } + [nil]
        defer { for word in environment { free(word) } }
        var child = pid_t()
        try #require(posix_spawn(&child, path, &actions, nil, &words, &environment) == 0, "\(path) cannot be run")
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 { try #require(errno == EINTR) }
        func text(_ name: String) throws -> String {
            String(decoding: try contents(scratch.path + "/" + name), as: UTF8.self)
        }
        return (status >> 8 & 0xFF | status & 0x7F, try text("out"), try text("err"))
    }
}

/// A session as events: lines of `C:` and `S:`, each an octets event, one exchange a client's line.
struct SampleSession {
    var info: SessionInfo
    var lines: [(Side, [UInt8])]
    var leg = Leg.client

    static let start: Int64 = 1_795_420_800_000_000

    init(
        _ number: Int, _ mailProtocol: MailProtocol, port: UInt16, client: IPAddress = IPAddress(v4: 0x7F00_0001),
        server: IPAddress = IPAddress(v4: 0x7F00_0001), _ lines: [String]
    ) {
        let digits = String(number)
        info = SessionInfo(
            id: "20261123T080000-" + String(repeating: "0", count: 6 - digits.count) + digits,
            mailProtocol: mailProtocol,
            start: Self.start + Int64(number) * 1_000, client: IPEndpoint(client, UInt16(40_000 + number % 20_000)),
            server: IPEndpoint(server, port), route: "\(mailProtocol.rawValue)://127.0.0.1:\(port)=fallback")
        self.lines = lines.map { line in
            (line.hasPrefix("C:") ? .client : .server, Array(line.dropFirst(3).utf8) + [13, 10])
        }
    }

    static func smtp(_ number: Int, port: UInt16 = 1025) -> SampleSession {
        SampleSession(
            number, .smtp, port: port,
            [
                "S: 220 mx.example.com ESMTP", "C: EHLO client.example.org", "S: 250 mx.example.com",
                "C: MAIL FROM:<a@example.org>", "S: 250 2.1.0 ok", "C: RCPT TO:<b@example.com>", "S: 250 2.1.5 ok",
                "C: DATA", "S: 354 go ahead", "C: Subject: hello \(number)\r\n\r\nText.\r\n.", "S: 250 2.0.0 queued",
                "C: QUIT", "S: 221 bye",
            ])
    }

    static func pop3(_ number: Int, port: UInt16 = 1110) -> SampleSession {
        SampleSession(
            number, .pop3, port: port,
            ["S: +OK ready", "C: USER tim", "S: +OK", "C: STAT", "S: +OK 0 0", "C: QUIT", "S: +OK bye"])
    }

    static func imap(_ number: Int, port: UInt16 = 1143) -> SampleSession {
        SampleSession(
            number, .imap, port: port,
            [
                "S: * OK ready", "C: a1 CAPABILITY", "S: * CAPABILITY IMAP4rev1\r\na1 OK done", "C: a2 SELECT INBOX",
                "S: * 0 EXISTS\r\na2 OK [READ-WRITE] done", "C: a3 LOGOUT", "S: * BYE\r\na3 OK done",
            ])
    }

    var summary: SessionSummary {
        var summary = SessionSummary(info: info)
        summary.last = info.start + Int64(lines.count)
        summary.end = .closed
        summary.exchanges = lines.count { $0.0 == .client }
        summary.clientBytes = stream(.client).count
        summary.serverBytes = stream(.server).count
        return summary
    }

    func stream(_ side: Side) -> [UInt8] { lines.flatMap { $0.0 == side ? $0.1 : [] } }

    /// The exchanges that ``events`` tells.
    var exchanges: [Exchange] {
        var exchanges: [Exchange] = []
        for (index, line) in lines.enumerated() where line.0 == .client {
            var exchange = Exchange(
                number: exchanges.count + 1, time: info.start + Int64(index), command: "X",
                line: String(decoding: line.1, as: UTF8.self))
            exchange.replyStatus = .ok
            exchange.replyCode = "250"
            exchange.replyText = "ok"
            exchanges.append(exchange)
        }
        return exchanges
    }

    var octets: [RecordEvent] {
        lines.enumerated().map { index, line in
            .octets(session: info.id, leg: leg, side: line.0, time: info.start + Int64(index), [line.1[...]])
        }
    }

    var events: [RecordEvent] {
        [.opened(info)] + octets + exchanges.map { .exchange(session: info.id, $0) } + [.closed(summary)]
    }
}

/// What a reader without knowledge of the recorder finds in segments: the octets of each session by sequence number.
struct RecordedStreams {
    var clientOctets: [String: [UInt8]] = [:]
    var serverOctets: [String: [UInt8]] = [:]
    var comments: [RecordComment] = []
    var sectionComments: [RecordComment] = []
    var wrongChecksums = 0
    /// Segments whose sequence number did not follow.
    var holes = 0
    var packets = 0
    var dropped: UInt64 = 0

    private struct Flow: Hashable {
        var interface: Int
        var source: IPEndpoint
        var destination: IPEndpoint
    }

    private var expected: [Flow: UInt32] = [:]
    private var sessions: [Flow: (String, Side)] = [:]

    /// Reads segments in order, as far as they are whole.
    init(_ paths: [String], leg: Leg = .client) throws {
        for path in paths { try read(RecorderScratch.contents(path), leg: leg) }
    }

    init(octets: [UInt8]) throws { try read(octets, leg: .client) }

    private mutating func read(_ octets: [UInt8], leg: Leg) throws {
        var reader = CaptureFileReader()
        var decoder = PacketDecoder()
        reader.feed(octets)
        while let record = try reader.next() {
            packets += 1
            guard case .tcp(let segment) = decoder.decode(record) else {
                Issue.record("packet \(record.index) is no TCP")
                continue
            }
            if segment.checksum != .right { wrongChecksums += 1 }
            let flow = Flow(interface: record.interface, source: segment.source, destination: segment.destination)
            let back = Flow(interface: record.interface, source: segment.destination, destination: segment.source)
            for comment in record.comments.compactMap({ RecordComment($0) }) {
                comments.append(comment)
                if case .opened(let info, leg: _, isContinued: let isContinued) = comment {
                    sessions[flow] = (info.id, .client)
                    sessions[back] = (info.id, .server)
                    if !isContinued {
                        expected[flow] = nil
                        expected[back] = nil
                    }
                }
            }
            if let next = expected[flow], next != segment.sequence { holes += 1 }
            let extra: UInt32 = segment.flags.contains(.syn) || segment.flags.contains(.fin) ? 1 : 0
            expected[flow] = segment.sequence &+ UInt32(segment.payload.count) &+ extra
            guard record.interface == Int(leg.rawValue), let (session, side) = sessions[flow] else { continue }
            switch side {
            case .client: clientOctets[session, default: []] += segment.payload
            case .server: serverOctets[session, default: []] += segment.payload
            }
        }
        sectionComments += reader.sectionComments.compactMap { RecordComment($0) }
        dropped += reader.dropped
    }
}
