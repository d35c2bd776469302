// Captures of real and crafted mail traffic by others: every stream of each, octet by octet as an independent checker
// sees it.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

struct CaseCapturesTests {
    /// A direction of a connection with its octets.
    struct Stream: Hashable, Comparable, CustomStringConvertible {
        var ends: String
        var octets: [UInt8]

        static func < (a: Stream, b: Stream) -> Bool {
            (a.ends, a.octets.count, a.description) < (b.ends, b.octets.count, b.description)
        }
        var description: String {
            "\(ends): \(octets.count) octets, \(String(decoding: octets.prefix(60), as: UTF8.self))"
        }
    }

    /// The folder is not a part of the package; where it is named it must be there.
    @Test func namedFolderIsThere() {
        let isNamed = ProcessInfo.processInfo.environment["MAILPROXY_CASES"] != nil
        #expect(isNamed ? CaseFiles.captures.count >= 59 : CaseFiles.captures.isEmpty || CaseFiles.captures.count >= 59)
    }

    @Test func everyStreamIsAsTheCheckerSeesIt() throws {
        let expected = try checker(CaseFiles.captures.map { CaseFiles.root.appendingPathComponent($0).path })
        var streams = 0
        for capture in CaseFiles.captures {
            let path = CaseFiles.root.appendingPathComponent(capture).path
            let (flows, malformed) = try read(path)
            #expect(malformed == 0, "\(capture)")
            let ours = flows.flatMap { flow -> [Stream] in
                let ends = flow.endpoints.split(separator: " ").map(String.init)
                return [
                    Stream(ends: "\(ends[0])>\(ends[1])", octets: flow.client),
                    Stream(ends: "\(ends[1])>\(ends[0])", octets: flow.server),
                ].filter { !$0.octets.isEmpty }
            }.sorted()
            let theirs = try #require(expected[path])
            let extra = ours.filter { !theirs.contains($0) }
            let lacking = theirs.filter { !ours.contains($0) }
            #expect(extra.isEmpty && lacking.isEmpty, "\(capture): ours alone: \(extra); the checker's: \(lacking)")
            #expect(ours.count == theirs.count, "\(capture)")
            streams += ours.count
        }
        #expect(CaseFiles.captures.isEmpty || streams > 150)
    }

    /// What a few lines of Python, which share nothing with us, make of the captures: for each direction of a
    /// connection a table from place to octet, in which the first that came with a right checksum stays, else the
    /// first.
    private func checker(_ paths: [String]) throws -> [String: [Stream]] {
        let script = #"""
            import json, socket, struct, sys

            def packets(data):
                if data[:4] == b"\x0a\x0d\x0d\x0a":
                    at, links = 0, []
                    while at + 12 <= len(data):
                        kind, size = struct.unpack("<II", data[at:at + 8])
                        if kind == 1:
                            links.append(struct.unpack("<H", data[at + 8:at + 10])[0])
                        if kind == 6:
                            i, n = struct.unpack("<I8xI", data[at + 8:at + 24])
                            yield links[i], data[at + 28:at + 28 + n]
                        at += size
                    return
                order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
                link = struct.unpack(order + "I", data[20:24])[0]
                at = 24
                while at + 16 <= len(data):
                    size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
                    yield link, data[at + 16:at + 16 + size]
                    at += 16 + size

            def segment(link, p):
                if link == 1:
                    kind, p = p[12:14], p[14:]
                    while kind == b"\x81\x00":
                        kind, p = p[2:4], p[4:]
                    if kind not in (b"\x08\x00", b"\x86\xdd"):
                        return
                elif link == 0:
                    p = p[4:]
                if p[0] >> 4 == 4:
                    if p[9] != 6:
                        return
                    n, total = (p[0] & 15) * 4, struct.unpack(">H", p[2:4])[0]
                    a, b, t = socket.inet_ntop(2, p[12:16]), socket.inet_ntop(2, p[16:20]), p[n:total]
                else:
                    if p[6] != 6:
                        return
                    a, b = ("[" + socket.inet_ntop(10, p[i:i + 16]) + "]" for i in (8, 24))
                    t = p[40:40 + struct.unpack(">H", p[4:6])[0]]
                s, d, seq, ack, off, flags = struct.unpack(">HHIIBB", t[:14])
                raw = p[12:20] if p[0] >> 4 == 4 else p[8:40]
                sums = raw + struct.pack(">II", len(t), 6) + t + b"\0" * (len(t) % 2)
                right = sum(struct.unpack(f">{len(sums) // 2}H", sums)) % 65535 == 0
                return f"{a}:{s}", f"{b}:{d}", seq, flags, t[(off >> 4) * 4:], right

            out = {}
            for path in sys.argv[1:]:
                live, done = {}, []
                for link, p in packets(open(path, "rb").read()):
                    found = segment(link, p)
                    if not found:
                        continue
                    a, b, seq, flags, data, right = found
                    key = (a, b)
                    if flags & 2 and (key not in live or live[key][0] != (seq + 1) % 2**32):
                        if key in live:
                            done.append((key, live.pop(key)))
                        live[key] = ((seq + 1) % 2**32, {}, {})
                    live.setdefault(key, (seq, {}, {}))
                    base, table = live[key][0], live[key][1 if right else 2]
                    start = (seq - base + 2**31) % 2**32 - 2**31
                    if not flags & 6:
                        for i, octet in enumerate(data):
                            table.setdefault(start + i, octet)
                done = [(key, {**wrong, **right}) for key, (_, right, wrong) in done + list(live.items())]
                out[path] = [[f"{a}>{b}", bytes(t[i] for i in sorted(t)).hex()] for (a, b), t in done if t]
            print(json.dumps(out))
            """#
        let result = try run(["python3", "-c", script] + paths)
        #expect(result.status == 0, "\(result.errors)")
        let parsed = try JSONDecoder().decode([String: [[String]]].self, from: Data(result.output))
        return parsed.mapValues { streams in
            streams.map { Stream(ends: $0[0], octets: octets(hex: $0[1])) }.sorted()
        }
    }

    private func octets(hex: String) -> [UInt8] {
        let digits = hex.utf8.map { $0 < 58 ? $0 - 48 : $0 - 87 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private func read(_ path: String) throws -> (flows: [FlowLog], malformed: Int) {
        let file = try CaptureFile(path: path)
        var decoder = PacketDecoder()
        var reassembler = TCPReassembler()
        var events: [FlowEvent] = []
        var malformed = 0
        while let record = try file.next() {
            switch decoder.decode(record) {
            case .tcp(let segment):
                reassembler.accept(segment, time: record.time, packet: record.index, into: &events)
            case .malformed: malformed += 1
            case .other, .fragment, .unknownLinkType: break
            }
        }
        reassembler.finish(into: &events)
        return (logs(events), malformed)
    }
}
