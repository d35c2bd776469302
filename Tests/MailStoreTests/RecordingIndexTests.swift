// Reading the index: order, conditions, prefixes, and indexes that are none.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct RecordingIndexTests {
    private func recorded() throws -> (RecorderScratch, RecordingIndex) {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        for number in 1...12 {
            recorder.append([SampleSession.smtp(number), .imap(number), .pop3(number)][number % 3].events)
        }
        recorder.close()
        return (scratch, try RecordingIndex(directory: scratch.path))
    }

    @Test func ordersAndFilters() throws {
        let (_, index) = try recorded()
        let all = try index.sessions()
        #expect(all.count == 12)
        #expect(all.map(\.info.start) == all.map(\.info.start).sorted())
        #expect(try index.sessions(order: .newestFirst) == all.reversed())
        #expect(try index.sessions(limit: 3) == Array(all.prefix(3)))
        #expect(try index.sessions(limit: 0).isEmpty)
        let imap = all.filter { $0.info.mailProtocol == .imap }
        #expect(imap.count == 4)
        #expect(try index.sessions(where: "protocol = ?", [.text("imap")]) == imap)
        #expect(try index.sessions(limit: 2) { $0.info.mailProtocol == .imap } == Array(imap.prefix(2)))
        #expect(throws: RecordingIndexError.self) { try index.sessions(where: "nonsense = 1") }
    }

    @Test func findsByPrefix() throws {
        let (_, index) = try recorded()
        let id = "20261123T080000-000012"
        #expect(try index.session(id)?.info.id == id)
        #expect(try index.session("20261123T080000-000012x") == nil)
        #expect(try index.session("") == nil)
        #expect(try index.session("20261123T080000-000009")?.info.id == "20261123T080000-000009")
        do {
            _ = try index.session("20261123T080000-00001")
            Issue.record("three sessions begin so")
        } catch {
            let ids = ["20261123T080000-000010", "20261123T080000-000011", "20261123T080000-000012"]
            #expect(error == .ambiguous(prefix: "20261123T080000-00001", ids: ids))
        }
    }

    @Test func indexesThatAreNone() throws {
        let scratch = try RecorderScratch()
        let path = scratch.path + "/index.sqlite"
        func error() -> RecordingIndexError? {
            do {
                _ = try RecordingIndex(directory: scratch.path)
                return nil
            } catch {
                return error
            }
        }
        #expect(error() == .missing(path: path))
        try RecorderScratch.write([], to: path)
        #expect(error() == .missing(path: path))
        try RecorderScratch.write([UInt8](repeating: 1, count: 600), to: path)
        #expect(error() == .broken(path: path, reason: "file is not a database"))
        unlink(path)
        let other = try Database(path: path, .readWrite)
        try other.execute("CREATE TABLE t (a)")
        #expect(error() == .broken(path: path, reason: "it has none of our tables"))
        try other.execute("PRAGMA user_version = 99")
        #expect(error() == .otherVersion(path: path, version: 99))
        #expect(throws: RecorderError.self) { try Recorder(.init(directory: scratch.path)) }
    }

    /// Takes what makes searches fast out of an index.
    private static let unsearched =
        ["protocol", "user", "client", "server", "end", "violations", "opaque", "gaps", "tags", "unsettled"]
        .map { "DROP INDEX sessions_\($0); " }.joined()
        + "ALTER TABLE exchanges DROP COLUMN mailbox; DROP TABLE texts_0; DROP TABLE stretches; DROP TABLE findings; DROP TABLE sqlite_stat1; ALTER TABLE sessions DROP COLUMN settled; "

    /// An index that an earlier program made: readers say what to do, and the next recorder brings it up to date.
    @Test(arguments: [
        """
        DROP TABLE unread; ALTER TABLE sessions DROP COLUMN tls; ALTER TABLE sessions DROP COLUMN way;
        PRAGMA user_version = 1
        """,
        "DROP TABLE unread; ALTER TABLE sessions DROP COLUMN way; PRAGMA user_version = 2",
        "DROP TABLE unread; PRAGMA user_version = 3", "ALTER TABLE unread DROP COLUMN behind; PRAGMA user_version = 4",
    ])
    func anEarlierVersionIsBroughtUpToDate(_ change: String) throws {
        let scratch = try RecorderScratch()
        let path = scratch.path + "/index.sqlite"
        do {
            let earlier = try Database(path: path, .readWrite)
            try earlier.execute(IndexSchema.tables)
            try earlier.execute(Self.unsearched + change)
        }
        let failure = #expect(throws: RecordingIndexError.self) { try RecordingIndex(directory: scratch.path) }
        #expect(failure?.description.hasSuffix("; 'mailproxy sessions reindex' brings it up to date") == true)
        let recorder = try Recorder(.init(directory: scratch.path))
        var info = SampleSession.imap(1).info
        info.tls = TLSLeg(version: "TLSv1.3", cipher: "C", serverName: "a.example", how: .implicit)
        info.upstreamTLS = TLSLeg(version: "TLSv1.2", cipher: "D", serverName: nil, how: .starttls, distrust: "old")
        info.way = ClientWay(.socks, peer: SocketAddress("192.0.2.1:7"), destination: "mail.example.com:143")
        recorder.append([.opened(info)])
        recorder.close()
        let read = try RecordingIndex(directory: scratch.path).sessions()
        #expect(read.map(\.info.way) == [info.way])
        #expect(read.map(\.info.tls) == [info.tls])
        #expect(read.map(\.info.upstreamTLS) == [info.upstreamTLS])
    }

    @Test func violationsKeepTheirMeaning() throws {
        let known = try #require(Violation.all.first)
        let text = IndexSchema.violations([known, Violation("new/code", .server, .attack, "x", "y", example: "")])
        let read = IndexSchema.violations(text)
        #expect(read.map(\.code) == [known.code, "new/code"])
        #expect(read.first?.section == known.section)
        #expect(read.first?.severity == known.severity)
        #expect(IndexSchema.violations(nil) == [])
        #expect(IndexSchema.violations("not json") == [])
        #expect(IndexSchema.violations(#"["x","y/9","z/0"]"#).map(\.code) == ["z"])
        #expect(IndexSchema.violations([]) == nil)
    }
}
