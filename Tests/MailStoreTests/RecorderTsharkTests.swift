// An independent reader: tshark opens every segment, finds nothing malformed, and its dissectors see the commands.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailStore

@Suite struct RecorderTsharkTests {
    private func tshark(_ path: String, _ filter: String, fields: [String] = []) throws -> [String] {
        var arguments = ["-n", "-r", path, "-Y", filter]
        if !fields.isEmpty { arguments += ["-T", "fields"] + fields.flatMap { ["-e", $0] } }
        let result = try RecorderScratch.run("/usr/bin/tshark", arguments)
        #expect(result.status == 0, "\(result.errors)")
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test func dissectorsFollow() throws {
        let scratch = try RecorderScratch()
        var settings = Recorder.Settings(directory: scratch.path)
        settings.segmentBytes = 70_000
        let recorder = try Recorder(settings)
        var samples: [SampleSession] = []
        for number in 1...60 {
            let v6 = IPAddress(high: 0x2001_0DB8_0000_0000, low: UInt64(number))
            var sample = [SampleSession.smtp(number), .pop3(number), .imap(number)][number % 3]
            if number % 2 == 0 { sample.info.client.address = v6 }
            if number % 4 == 0 { sample.info.server.address = v6 }
            samples.append(sample)
        }
        for sample in samples { recorder.append([.opened(sample.info)]) }
        for turn in 0..<13 {
            for sample in samples where turn < sample.lines.count { recorder.append([sample.octets[turn]]) }
        }
        for sample in samples { recorder.append([.closed(sample.summary)]) }
        recorder.close()

        #expect(scratch.segments.count > 1)
        var commands: [String: Int] = [:]
        for path in scratch.segments {
            #expect(try tshark(path, "_ws.malformed") == [])
            #expect(try tshark(path, "tcp.checksum.status == 0 || ip.checksum.status == 0") == [])
            let trouble =
                "tcp.analysis.lost_segment || tcp.analysis.retransmission || tcp.analysis.out_of_order || "
                + "tcp.analysis.ack_lost_segment"
            #expect(try tshark(path, trouble) == [])
            let fields = ["smtp.req.command", "pop.request.command", "imap.request.command"]
            for line in try tshark(path, "smtp.req || pop.request || imap.request", fields: fields) {
                commands[line.trimmingTabs, default: 0] += 1
            }
        }
        for (command, count) in [
            ("EHLO", 20), ("MAIL", 20), ("RCPT", 20), ("DATA", 20), ("USER", 20), ("STAT", 20), ("CAPABILITY", 20),
            ("SELECT", 20), ("LOGOUT", 20), ("QUIT", 40),
        ] {
            #expect(commands[command] == count, "\(command): \(commands)")
        }
    }

    @Test func commentsShow() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        let sample = SampleSession.imap(1)
        recorder.append(sample.events)
        recorder.close()
        let path = try #require(scratch.segments.first)
        let comments = try tshark(path, "frame.comment", fields: ["frame.comment"])
        #expect(
            comments == [
                RecordComment.opened(sample.info, leg: .client, isContinued: false).text,
                RecordComment.closed(RecordComment.Closing(sample.summary)).text,
            ])
        let ends = try tshark(path, "tcp.flags.fin == 1 || tcp.flags.syn == 1", fields: ["frame.number"])
        #expect(ends.count == 4)
        let times = try tshark(path, "frame.number == 1", fields: ["frame.time_epoch"])
        #expect(times == ["1795420800.001000000"])
    }

    @Test func aCutSegmentIsReadToItsLastBlock() throws {
        let scratch = try RecorderScratch()
        let recorder = try Recorder(.init(directory: scratch.path))
        recorder.append(SampleSession.smtp(1).events)
        recorder.close()
        let path = try #require(scratch.segments.first)
        let octets = try RecorderScratch.contents(path)
        let whole = try RecordedStreams(octets: octets)
        try RecorderScratch.write(octets.dropLast(150), to: path)
        let cut = try RecordedStreams([path])
        #expect(cut.packets < whole.packets)
        let result = try RecorderScratch.run("/usr/bin/tshark", ["-n", "-r", path])
        #expect(result.output.split(separator: "\n").count == cut.packets)
    }
}

extension String {
    fileprivate var trimmingTabs: String { split(separator: "\t").joined() }
}
