// Captures of real and crafted mail traffic by others: every stream of each, octet by octet as an independent checker
// sees it; and what each holds, decided by hand from its octets where tshark, tcpflow and we see it differently.

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

    /// The sessions of each capture as `Reading.sessionLines()` tells them, below the capture's name; `#` before remarks.
    private static let expected = """
        # Checksums are left to the network card: tshark loses the end.
        OISF+suricata-verify/bug-1045__smtpsuricataflowbitsFN.pcap
            smtp EHLO MAIL RCPT DATA QUIT | DATA 525
        OISF+suricata-verify/bug-6207-2__input.pcap
            smtp EHLO MAIL RCPT DATA QUIT | DATA 799 | 3: smtp-bad-path smtp-data-bare-lf
        # The reply to EHLO is never ended: by RFC 5321 §4.2 each reply is that of the command before, and DATA was
        # refused.
        OISF+suricata-verify/detect-email-received__input.pcap
            smtp EHLO MAIL RCPT×5 DATA SUBJECT: RECEIVED:×3 FROM: TO: CC: CONTENT-TYPE: ? HELLO, . QUIT | 39: \
            smtp-data-not-awaited smtp-early-talker smtp-pipelined-behind-sync smtp-pipelining-not-offered \
            smtp-space-before-path smtp-unexpected-intermediate smtp-unknown-command
        OISF+suricata-verify/firewall__ruletype-firewall-125-smtp-all-rcpts-required-drop__two-rcpt.pcap
            smtp HELO MAIL RCPT×2 DATA QUIT | DATA 269
        OISF+suricata-verify/firewall__ruletype-firewall-128-smtp-rset-next-tx-delivered__smtp-rset-change-sender.pcap
            smtp HELO MAIL×2 RSET RCPT DATA QUIT | DATA 237
        OISF+suricata-verify/firewall__ruletype-firewall-131-smtp-quit-after-mail-from__smtp-quit-after-mail.pcap
            smtp HELO MAIL QUIT
        # The first RCPT and DATA are refused; tshark takes what follows for data.
        OISF+suricata-verify/firewall__ruletype-firewall-133-smtp-out-of-order-commands__smtp-out-of-order.pcap
            smtp HELO RCPT×2 DATA×2 MAIL QUIT | DATA 223 | 2: smtp-bad-sequence
        OISF+suricata-verify/firewall__ruletype-firewall-135-smtp-multi-mail-accept__smtp-multi-mail.pcap
            smtp HELO MAIL×3 RCPT×4 DATA×3 QUIT | DATA 199 + 200 + 223
        OISF+suricata-verify/firewall__ruletype-firewall-140-smtp-pipelined-post-data-rset-sequence__smtp-pipelined-post-data-rset-sequence.pcap
            smtp EHLO MAIL×2 RCPT×2 DATA×2 RSET QUIT | DATA 233 + 233
        OISF+suricata-verify/mime__mime-dec-parse-full-msg-test02__input.pcap
            smtp HELO MAIL RCPT DATA QUIT | DATA 501
        OISF+suricata-verify/mime__mime-dec-parse-line-test02__input.pcap
            smtp HELO MAIL RCPT DATA QUIT | DATA 585
        OISF+suricata-verify/mime__mime-dec-parse-long-filename02__input.pcap
            smtp HELO MAIL RCPT DATA QUIT | DATA 1065
        OISF+suricata-verify/mime__mime-dec-parse-rem-sp__input.pcap
            smtp HELO MAIL RCPT DATA QUIT | DATA 547
        OISF+suricata-verify/mime__mime-dec-very-small-inp__input.pcap
            smtp HELO MAIL RCPT DATA QUIT | DATA 551
        OISF+suricata-verify/mime__smtp-mime-encap-8649-combined__input.pcap
            smtp EHLO MAIL RCPT DATA QUIT | DATA 406
        # The greeting is GBK. LIST is answered as STAT is, and never ended.
        OISF+suricata-verify/pop3-03-bug-7709__input.pcap
            pop3 USER PASS QUIT | USER test@tt.com refused | 1: pop3-8bit-reply
            pop3 USER PASS STAT LIST | USER test accepted | 1: pop3-8bit-reply
        # TOP gives parts of messages.
        OISF+suricata-verify/pop3__input.pcap
            pop3 USER PASS STAT LIST RSET UIDL TOP×49 | TOP×49 68406 not whole | USER \
            moises.nunez@ingenierianumar.com accepted
        # "BDAT 5 X": nobody can say whether octets follow, until 354 asks for a message.
        OISF+suricata-verify/smtp-bdat-bad-tail-reply-queue__input.pcap
            smtp EHLO BDAT QUIT | DATA 133 | 2: smtp-bad-chunk-size smtp-bad-sequence
        OISF+suricata-verify/smtp-bdat-multichunk-inspection__input.pcap
            smtp EHLO MAIL×2 RCPT×2 BDAT×2 DATA QUIT | BDAT 123 | DATA 43
        OISF+suricata-verify/smtp-bdat-pipelined-next-mail__input.pcap
            smtp EHLO MAIL×2 RCPT×2 BDAT×2 DATA QUIT | BDAT 216 | DATA 225
        # A segment of 6,458 octets and four within it, whose texts were replaced differently.
        OISF+suricata-verify/smtp-bug-5981__input.pcap
            smtp EHLO AUTH MAIL RCPT DATA QUIT | DATA 15162 | LOGIN galunt accepted | 2: smtp-space-before-path | \
            ? overlap
        # As above; the responses to AUTH answer challenges that came for other commands, and are masked.
        OISF+suricata-verify/smtp-bug-6053__input.pcap
            smtp EHLO AUTH ? MAIL RCPT QUIT | LOGIN - accepted | 12: smtp-early-talker smtp-long-reply \
            smtp-pipelined-behind-sync smtp-pipelining-not-offered smtp-space-before-path \
            smtp-unexpected-intermediate smtp-unknown-command
        OISF+suricata-verify/smtp-ehlo-reset-after-rejected-data__input.pcap
            smtp HELO DATA×2 EHLO MAIL RCPT QUIT | DATA 243 | 1: smtp-bad-sequence
        # Garbage, a message, a refused sender, TLS behind the greeting that the server took for commands.
        OISF+suricata-verify/smtp-errors__smtperr.pcap
            smtp G ?ZFP?ZS??Z?<?[* ????????X???GK?HZK???K?5?K???K\"? ?F???\\M?AVM???M?>??&?????????:NM | 31: \
            smtp-bad-reply smtp-bare-lf smtp-control-in-command smtp-control-in-reply smtp-early-talker \
            smtp-long-command smtp-non-ascii-command smtp-nul-in-command smtp-reply-bare-cr smtp-reply-bare-lf \
            smtp-unknown-command smtp-unsolicited-reply
            smtp HELO MAIL RCPT DATA | DATA 36380 | 3: smtp-bad-reply smtp-space-before-path
            smtp EHLO MAIL RCPT DATA | 2: smtp-reply-code-out-of-range smtp-space-before-path
            smtp
        OISF+suricata-verify/smtp-file-data-01__input.pcap
            smtp EHLO MAIL RCPT DATA QUIT | DATA 17219 | 4: smtp-bad-keyword smtp-space-before-path
        # As in smtp-bug-5981.
        OISF+suricata-verify/smtp-long-DATA-line__input.pcap
            smtp EHLO AUTH MAIL RCPT DATA QUIT | DATA 15162 | LOGIN galunt accepted | 2: smtp-space-before-path | \
            ? overlap
        OISF+suricata-verify/smtp-no-helo-quit__input.pcap
            smtp QUIT
        OISF+suricata-verify/smtp-no-helo-rset__input.pcap
            smtp RSET
        OISF+suricata-verify/smtp-pipelined-rset-after-complete__input.pcap
            smtp EHLO MAIL×2 RCPT×2 DATA×2 RSET QUIT | DATA 218 + 218
        OISF+suricata-verify/smtp-pipelining__input.pcap
            smtp EHLO MAIL RCPT DATA | DATA 16 | 1: smtp-data-before-354
        OISF+suricata-verify/smtp-raw-extraction__input.pcap
            smtp EHLO AUTH MAIL RCPT DATA QUIT | DATA 15162 | LOGIN galunt accepted | 2: smtp-space-before-path
        OISF+suricata-verify/smtp-rfc2231__input.pcap
            smtp EHLO MAIL RCPT DATA QUIT | DATA 71497 | 2: smtp-bad-path
        OISF+suricata-verify/smtp-rset__input.pcap
            smtp EHLO MAIL×2 RCPT×2 BDAT×2 RSET QUIT | BDAT 11 + 13
        # TLS from the first octet, which the server answers in clear.
        OISF+suricata-verify/smtp-tls-protodetect__input.pcap
            smtp
        # All lines end in LF alone: the end of data never comes. tshark sees nothing in it.
        OISF+suricata-verify/smtp-url-base64__smtp-url-b64.pcap
            smtp EHLO HELO MAIL RCPT DATA | DATA 448 not whole | 15: smtp-bare-lf smtp-data-bare-lf \
            smtp-reply-bare-lf smtp-reply-during-data smtp-smuggling | desynchronised
        # Headers only: no message.
        ntop+nDPI/imap.pcap
            imap CAPABILITY LOGIN LIST LSUB SELECT UID FETCH | LOGIN samir accepted
        # tshark takes SASL responses for commands and sees one login of four.
        ntop+nDPI/pop3.pcap
            pop3 USER PASS LIST UIDL RETR QUIT | RETR 1476 | USER cicciopernacchio@mail.com accepted
            pop3 CAPA QUIT
            pop3 AUTH×2 CAPA | PLAIN digitalinvestigator@networksims.com refused | 1: pop3-auth-without-mechanism
            pop3 CAPA QUIT
            pop3 AUTH×2 CAPA QUIT | PLAIN digitalinvestigator@networksims.com accepted | 1: \
            pop3-auth-without-mechanism
            pop3 AUTH×2 CAPA STAT LIST UIDL RETR×3 QUIT | RETR 5565 + 8412 + 5214 | PLAIN \
            digitalinvestigator@networksims.com accepted | 1: pop3-auth-without-mechanism
        ntop+nDPI/pop3_stls.pcap
            pop3 AUTH CAPA STLS | 1: pop3-auth-without-mechanism | tls
        ntop+nDPI/smtp.pcap
            smtp EHLO HELO MAIL RCPT×30 DATA QUIT | DATA 15264
        # "ehlo" in five packets, without its name.
        zeek+zeek/communityid__ipv6.pcap
            smtp EHLO | 1: smtp-argument-missing
        # Every line ends in LF alone; three lines of garbage before the answer to STAT.
        zeek+zeek/pop3-unknown-commands.pcap
            pop3 USER PASS STAT QUIT | USER zeek@zeek.org accepted | 16: pop3-bad-reply pop3-bare-lf \
            pop3-reply-bare-cr pop3-reply-bare-lf
        zeek+zeek/pop3__pop3.pcap
            pop3 CAPA QUIT
            pop3 AUTH×2 CAPA | PLAIN digitalinvestigator@networksims.com refused | 1: pop3-auth-without-mechanism
            pop3 CAPA QUIT
            pop3 AUTH×2 CAPA QUIT | PLAIN digitalinvestigator@networksims.com accepted | 1: \
            pop3-auth-without-mechanism
            pop3 AUTH×2 CAPA STAT LIST UIDL RETR×3 QUIT | RETR 5565 + 8412 + 5214 | PLAIN \
            digitalinvestigator@networksims.com accepted | 1: pop3-auth-without-mechanism
        # The server was not captured: whether it asked for the data is not known.
        zeek+zeek/smtp-attachment-msg.pcap
            smtp EHLO MAIL RCPT DATA | DATA 586 | ? one-sided | gaps 7
        # 451 for a timeout that nobody asked for.
        zeek+zeek/smtp-multi-addr.pcap
            smtp EHLO MAIL RCPT DATA | DATA 684 | 1: smtp-unsolicited-reply
        # One TLS connection, three halves of other protocols.
        zeek+zeek/smtp.pcap
            smtp EHLO AUTH MAIL RCPT DATA QUIT | DATA 14545 | LOGIN gurpartap@patriots.in accepted | 2: \
            smtp-space-before-path
            smtp EHLO MAIL RCPT×3 DATA | DATA 804
        zeek+zeek/smtp__rfc3030-bdat-0-last.pcap
            smtp EHLO MAIL RCPT BDAT QUIT | BDAT 0
        zeek+zeek/smtp__rfc3030-bdat-example1.pcap
            smtp EHLO MAIL RCPT BDAT QUIT | BDAT 86
        zeek+zeek/smtp__rfc3030-bdat-multipart-chunked.pcap
            smtp EHLO MAIL RCPT BDAT×27 QUIT | BDAT 3460
        zeek+zeek/smtp__rfc3030-bdat-multipart.pcap
            smtp EHLO MAIL RCPT BDAT QUIT | BDAT 3460
        # Two replies to the last chunk.
        zeek+zeek/smtp__rfc3030-bdat-nonascii.pcap
            smtp EHLO MAIL RCPT BDAT×2 QUIT | BDAT 604 | 4: smtp-bad-path smtp-reply-without-text \
            smtp-unsolicited-reply
        # A size beyond all numbers: nobody can say whether octets follow.
        zeek+zeek/smtp__smtp-bdat-cmd-chunk-size-overflow.pcap
            smtp EHLO MAIL RCPT BDAT | 2: smtp-bad-chunk-size smtp-bare-cr
        # The same.
        zeek+zeek/smtp__smtp-bdat-cmd-chunk-size-overflow2.pcap
            smtp EHLO MAIL RCPT BDAT | 2: smtp-bad-chunk-size smtp-bare-cr
        # The same.
        zeek+zeek/smtp__smtp-bdat-cmd-negative-chunk-size.pcap
            smtp EHLO MAIL RCPT BDAT | 2: smtp-bad-chunk-size smtp-bare-cr
        zeek+zeek/smtp__smtp-bdat-pipeline-8bitmime.pcap
            smtp EHLO MAIL×2 RCPT×2 BDAT×2 QUIT | BDAT 4404 + 8757 | 1: smtp-bad-keyword
        zeek+zeek/smtp__smtp-many-addresses.pcap
            smtp EHLO MAIL RCPT×600 DATA QUIT | DATA 116178
        zeek+zeek/tls__imap-starttls.pcap
            imap CAPABILITY STARTTLS | tls
        zeek+zeek/tls__pop3-starttls.pcap
            pop3 STLS | tls
        zeek+zeek/tls__smtp-starttls.pcap
            smtp EHLO STARTTLS | tls
        """

    /// Every capture is followed to its end, and holds the commands, messages, credentials and breaches of rules that a
    /// person finds in it.
    @Test func everyCaptureHoldsWhatItHolds() throws {
        var sessions: [String: [String]] = [:]
        var name = ""
        for line in Self.expected.split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("    ") {
                // Long lines are folded.
                sessions[name, default: []].append(line.split(separator: " ").joined(separator: " "))
            } else {
                name = String(line)
                sessions[name] = []
            }
        }
        let captures = CaseFiles.captures.filter { $0.hasPrefix("pcaps/") }.map { String($0.dropFirst(6)) }
        #expect(captures.isEmpty || captures.sorted() == sessions.keys.sorted())
        for capture in captures {
            let reading = try Reading([CaseFiles.root.path + "/pcaps/" + capture])
            #expect(reading.sessionLines() == sessions[capture], "\(capture)")
        }
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
                reassembler.accept(segment, time: record.nanoseconds, packet: record.index, into: &events)
            case .malformed: malformed += 1
            case .other, .fragment, .unknownLinkType: break
            }
        }
        reassembler.finish(into: &events)
        return (logs(events), malformed)
    }
}
