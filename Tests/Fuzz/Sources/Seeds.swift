// The first inputs of every target: the transcripts, whole, by side, as captures; the messages in them; and cases of the
// outside when there are any.

import Foundation
import MailDialogue
import MailRecording

/// Writes a folder of inputs for each target.
struct Seeds {
    let transcripts: String
    let cases: String
    let corpus: String

    func write() {
        for proto in MailProtocol.allCases {
            for file in files(transcripts + "/" + proto.rawValue, "txt") { write(file, proto) }
        }
        for file in files(cases + "/eml", "eml") where file.octets.count <= 16_000 {
            write(FuzzInput.encode(file.octets, seed: 1), "mime", file.name)
        }
        for file in files(cases + "/pcaps", "pcap") + files(cases + "/pcaps", "pcapng")
        where file.octets.count <= 16_000 {
            write(FuzzInput.encode(file.octets, seed: 0), "pcapng", file.name)
        }
        for (index, exchange) in Self.exchanges.enumerated() {
            for seed in 0..<24 {
                write(FuzzInput.encode(Array(exchange.utf8), seed: UInt64(seed)), "sasl", "\(index)-\(seed)")
            }
        }
        for (index, text) in Self.logs.enumerated() {
            write(FuzzInput.encode(Array(text.utf8), seed: 0), "imports", "log-\(index)")
        }
        for (index, octets) in Self.arrivals.enumerated() {
            // Which of its parsers reads an input follows from the seed and the length.
            for seed in 0..<5 {
                write(FuzzInput.encode(octets, seed: UInt64(seed)), "arrival", "\(index)-\(seed)")
            }
        }
        for (index, steps) in Self.entrances.enumerated() {
            write(FuzzInput.encode(BothSides.encode(steps), seed: UInt64(index)), "entrance", "\(index)")
        }
        for (index, turns) in Self.logins.enumerated() {
            let steps = turns.map { Step.octets($0.0, Array($0.1.utf8)) }
            let client = turns.filter { $0.0 == .client }.flatMap { Array($0.1.utf8) }
            // Protocol, decisions and tests follow from the seed.
            for seed in 0..<24 {
                write(FuzzInput.encode(BothSides.encode(steps), seed: UInt64(seed)), "login", "\(index)-\(seed)")
                write(FuzzInput.encode(client, seed: UInt64(seed)), "strip-test", "\(index)-\(seed)")
            }
        }
        for (index, text) in Self.texts.enumerated() {
            write(FuzzInput.encode(Array(text.octets.utf8), seed: text.kind), "expressions", "text-\(index)")
        }
    }

    private struct File {
        let name: String
        let octets: [UInt8]
    }

    private func files(_ folder: String, _ ending: String) -> [File] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix("." + ending) }.sorted().compactMap { name in
            FileManager.default.contents(atPath: folder + "/" + name).map { File(name: name, octets: Array($0)) }
        }
    }

    private func write(_ octets: [UInt8], _ target: String, _ name: String) {
        let folder = corpus + "/" + target
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(octets).write(to: URL(fileURLWithPath: folder + "/" + name))
        } catch {
            complain("\(folder)/\(name): \(error)")
            exit(3)
        }
    }

    private func write(_ file: File, _ proto: MailProtocol) {
        let steps = Self.steps(file.octets)
        let turns = steps.compactMap { step -> (side: Side, octets: [UInt8])? in
            if case .octets(let side, let octets) = step { return (side, octets) }
            return nil
        }
        let name = "\(proto.rawValue)-\(file.name)"
        for side in Side.allCases {
            let octets = turns.filter { $0.side == side }.flatMap(\.octets)
            write(
                FuzzInput.encode(octets, seed: 7), "\(proto.rawValue)-\(side == .client ? "client" : "server")", name)
        }
        let losses: [(String, (Int) -> UInt8?)] = [
            ("whole", { _ in nil }), ("late", { $0 == 0 ? 0x06 : nil }), ("hole", { $0 % 5 == 3 ? 0x12 : nil }),
            ("holes", { $0 % 3 == 2 ? 0x04 : nil }),
        ]
        for (kind, losing) in losses {
            write(
                FuzzInput.encode(BothSides.encode(steps, losing: losing), seed: 3), proto.rawValue, "\(kind)-\(name)")
        }
        write(FuzzInput.encode(Self.capture(turns, proto), seed: 0), "pcapng", name)
        // The first octet says which protocol it is, and which scopes hold.
        let place = UInt8(MailProtocol.allCases.firstIndex(of: proto) ?? 0)
        for kind in UInt8(0)..<8 {
            let octets = [place + kind * UInt8(MailProtocol.allCases.count)] + BothSides.encode(steps)
            write(FuzzInput.encode(octets, seed: 9), "scopes", "\(kind)-\(name)")
            if kind == 0 { write(FuzzInput.encode(octets, seed: 9), "anonymize", name) }
        }
        // Which protocol a relay speaks follows from the seed.
        for seed in 0..<4 {
            write(FuzzInput.encode(BothSides.encode(steps), seed: UInt64(seed)), "relay", "\(seed)-\(name)")
        }
        if proto == .imap {
            write(FuzzInput.encode(Self.responses(turns), seed: 1), "imap-grammar", name)
            write(FuzzInput.encode(BothSides.encode(steps), seed: 1), "imap-compressed", name)
        }
        for (index, message) in Self.messages(turns, proto).enumerated() {
            write(FuzzInput.encode(message, seed: 5), "mime", "\(index)-\(name)")
        }
    }

    /// The lines of a transcript: see Transcript.swift of the tests, which complains about what is malformed.
    static func steps(_ file: [UInt8]) -> [Step] {
        file.split(separator: 10).compactMap { line in
            let side: Side? =
                switch line.first {
                case UInt8(ascii: "C"): .client
                case UInt8(ascii: "S"): .server
                default: nil
                }
            guard let side, let kind = line.dropFirst().first else { return nil }
            let rest = line.dropFirst(2)
            let text = Array(rest.first == UInt8(ascii: " ") ? rest.dropFirst() : rest)
            switch kind {
            case UInt8(ascii: ":"): return .octets(side, text + [13, 10])
            case UInt8(ascii: ">"): return .octets(side, unescape(text))
            case UInt8(ascii: "!"): return .gap(side, Int(String(decoding: text, as: UTF8.self)))
            default: return nil
            }
        }
    }

    private static func unescape(_ text: [UInt8]) -> [UInt8] {
        var octets: [UInt8] = []
        var rest = text[...]
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "\\"), let kind = rest.popFirst() else {
                octets.append(octet)
                continue
            }
            switch kind {
            case UInt8(ascii: "r"): octets.append(13)
            case UInt8(ascii: "n"): octets.append(10)
            case UInt8(ascii: "0"): octets.append(0)
            case UInt8(ascii: "x"):
                octets.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            default: octets.append(kind)
            }
        }
        return octets
    }

    /// Logins, and what an upstream says while we log in to it.
    private static let logins: [[(Side, String)]] = [
        [
            (.server, "220 mx.example.com ESMTP\r\n"), (.client, "EHLO me\r\n"),
            (.server, "250-mx.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"),
            (.client, "AUTH PLAIN AG1lAHNlY3JldA==\r\n"), (.server, "250-x\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n"),
            (.server, "235 2.7.0 in\r\n"), (.client, "MAIL FROM:<me@example.com>\r\nSTARTTLS\r\n"),
            (.server, "250 ok\r\n"),
        ],
        [
            (.server, "220 x\r\n"), (.client, "EHLO me\r\n"), (.server, "250 AUTH LOGIN CRAM-MD5 SCRAM-SHA-256\r\n"),
            (.client, "AUTH LOGIN\r\nbWU=\r\nc2VjcmV0\r\nQUIT\r\n"),
            (.server, "250 AUTH LOGIN CRAM-MD5\r\n334 PDEuMkB4Pg==\r\n"),
            (.server, "535 5.7.8 not: Qx7-zWv9~swapped~Kp3\r\n"),
        ],
        [
            (.server, "+OK ready <1.2@mx.example.com>\r\n"),
            (.client, "STLS\r\nCAPA\r\nUSER me\r\nPASS secret\r\nSTAT\r\n"),
            (.server, "+OK\r\nSASL PLAIN XOAUTH2 OAUTHBEARER\r\n.\r\n+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"),
            (.server, "-ERR [AUTH] not PASS Qx7-zWv9~swapped~Kp3\r\n-ERR\r\n"), (.server, "+OK in\r\n+OK 0 0\r\n"),
        ],
        [
            (.server, "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"),
            (.client, "a STARTTLS\r\nb CAPABILITY\r\nc LOGIN {2+}\r\nme {6+}\r\nsecret\r\nd NOOP\r\n"),
            (.server, "* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=OAUTHBEARER SASL-IR\r\nmailproxy OK done\r\n"),
            (.server, "* NO [ALERT] not Qx7-zWv9~swapped~Kp3\r\nmailproxy OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        ],
        [
            (.server, "* OK ready\r\n"), (.client, "a AUTHENTICATE PLAIN\r\nAG1lAHNlY3JldA==\r\nb SELECT INBOX\r\n"),
            (.server, "* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=LOGIN\r\nmailproxy OK\r\n+ %%%\r\nmailproxy BAD\r\n"),
        ],
    ]

    /// The transcript as a capture of its connection.
    private static func capture(_ turns: [(side: Side, octets: [UInt8])], _ proto: MailProtocol) -> [UInt8] {
        let ports: [MailProtocol: UInt16] = [.smtp: 25, .lmtp: 24, .pop3: 110, .imap: 143]
        var packets = PacketSynthesizer(
            client: IPEndpoint(IPAddress(v4: 0xc000_0201), 40_000),
            server: IPEndpoint(IPAddress(v4: 0xc000_0202), ports[proto] ?? 25))
        var all = packets.open()
        for turn in turns { all += packets.data(from: turn.side, turn.octets[...]) }
        all += packets.close(by: .client)
        var file =
            PcapngWriter.sectionHeader(application: "x") + PcapngWriter.interfaceDescription(name: "x", description: "")
        for (index, packet) in all.enumerated() {
            file += PcapngWriter.packet(interface: 0, time: Int64(index) * 1_000_000, packet[...])
        }
        return file
    }

    /// The server's responses with a NUL between them; where a literal follows a line, one goes on.
    private static func responses(_ turns: [(side: Side, octets: [UInt8])]) -> [UInt8] {
        let lines = turns.filter { $0.side == .server }.flatMap(\.octets).split(separator: 10)
        return lines.flatMap { line -> [UInt8] in
            line + [10] + (line.suffix(2).elementsEqual([UInt8(ascii: "}"), 13]) ? [] : [0])
        }
    }

    /// The messages that the transcript carries.
    private static func messages(_ turns: [(side: Side, octets: [UInt8])], _ proto: MailProtocol) -> [[UInt8]] {
        var tap = MailTap(proto)
        var notes: [Note] = []
        for turn in turns { tap.receive(turn.octets[...], from: turn.side, into: &notes) }
        var messages: [[UInt8]] = []
        for note in notes {
            switch note.element {
            case .contentBegin: messages.append([])
            case .content: messages[messages.count - 1] += note.raw
            default: break
            }
        }
        return messages.filter { !$0.isEmpty }
    }

    /// Exchanges of SASL: see `FuzzTarget.sasl` for what stands before a message.
    private static let exchanges = [
        "C\0ann\0secretword", "SUsername:\nCann\nSPassword:\nCsecretword",
        "S<1.2@example.com>\nCann b913a602c7eda7a495b4e6e7334d3890",
        "Cn,,n=ann,r=fyko+d2lbbFgONRv\nSr=fyko+d2lbbFgONRvxyz,s=QSXCR+Q6sek8bf92,i=4096\nCc=biws,r=fyko+d2lbbFgONRvxyz,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=\nSv=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        "Cn,a=ann,\u{1}host=example.com\u{1}port=143\u{1}auth=Bearer token.token\u{1}\u{1}\nS{\"status\":\"401\"}\nC\u{1}",
        "Cuser=ann\u{1}auth=Bearer token.token\u{1}\u{1}", "ann\n\nsecretword", "ann\nbob\npassword", "c*",
    ]

    /// Files of other programs.
    private static let logs = [
        "1795687200.000250 a LOGIN ann x\r\n1795687200.000251 b NOOP\r\n",
        "1795687200.000250 I: a NOOP\r\n1795687200.000251 O> * OK1795687200.000252 O: x\r\n",
        "=== Trying 192.0.2.1:25...\n=== Connected to 192.0.2.1.\n<-  220 mx ESMTP\n -> EHLO a\n<** 500 no\n -> 3 lines sent\n",
        "CONNECTED(00000003)\ndepth=0 CN = a\n---\nNew, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\n---\n* OK hi\na LIST \"\" *\n",
        "+OK hi\nRETR 1\n+OK\nSubject: x\n\n>From y\nFrom z\n.\nQUIT\n",
    ]

    /// What comes before sessions.
    /// Tunnels and the beginning of a mail session, and TLS 1.2 up to a certificate.
    private static let entrances: [[Step]] = {
        let greeting = Step.octets(.server, Array("220 mx ESMTP\r\n".utf8))
        func record(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
            [type, 3, 3, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
        }
        func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
            [type, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
        }
        let random = [UInt8](repeating: 9, count: 32)
        let hello =
            [3, 3] + random + [0, 0, 4, 0xC0, 0x2B, 0x0A, 0x0A, 1, 0, 0, 37, 0, 16, 0, 7, 0, 5, 4] + Array("imap".utf8)
            + [0, 43, 0, 3, 2, 3, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3]
        // version, serial number, algorithm, issuer, validity, subject, key.
        let name: [UInt8] = [0x30, 13, 0x31, 11, 0x30, 9, 6, 3, 85, 4, 3, 12, 2, 65, 66]
        let times: [UInt8] =
            [0x30, 30, 0x17, 13] + Array("260101000000Z".utf8) + [0x17, 13] + Array("270101000000Z".utf8)
        let key: [UInt8] = [
            0x30, 26, 0x30, 19, 6, 7, 42, 134, 72, 206, 61, 2, 1, 6, 8, 42, 134, 72, 206, 61, 3, 1, 7, 3, 3, 0, 4, 1,
        ]
        let algorithm: [UInt8] = [0x30, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 2]
        let body = [0xA0, 3, 2, 1, 2, 2, 1, 1] + algorithm + name + times + name + key
        let inner = [0x30, UInt8(body.count)] + body
        let certificate = [0x30, 0x81, UInt8(inner.count)] + inner
        let size = UInt8(certificate.count)
        let chain = [0, 0, size + 3, 0, 0, size] + certificate
        let choice = [3, 3] + random + [0, 0xC0, 0x2B, 0]
        return [
            [
                .octets(.client, [5, 1, 2]), .octets(.server, [5, 2]), .octets(.client, [1, 1, 65, 1, 66]),
                .octets(.server, [1, 0]), .octets(.client, [5, 1, 0, 3, 2, 109, 120, 0, 25]),
                .octets(.server, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), greeting,
            ],
            [
                .octets(.client, [4, 1, 0, 25, 0, 0, 0, 1, 65, 0, 109, 120, 0]),
                .octets(.server, [0, 90, 0, 0, 0, 0, 0, 0]), greeting,
            ],
            [
                .octets(
                    .client,
                    Array("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\nCONNECT mx:25 HTTP/1.1\r\nA: b\r\n\r\n".utf8)),
                .octets(.server, Array("HTTP/1.1 200 OK\r\n\r\n".utf8)), greeting,
            ], [.octets(.server, [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), greeting],
            [
                .octets(.client, record(22, message(1, hello))),
                .octets(.server, record(22, message(2, choice) + message(11, chain) + message(14, []))),
                .octets(.client, record(20, [1]) + record(22, random)),
                .octets(.server, record(20, [1]) + record(22, random)),
                .octets(.client, record(23, random)), .octets(.server, record(21, [2, 48])),
            ],
        ]
    }()

    private static let arrivals: [[UInt8]] = [
        Array("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n".utf8), Array("PROXY UNKNOWN x\r\n".utf8),
        [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x11, 0, 12] + [192, 0, 2, 1, 198, 51, 100, 7]
            + [1, 2, 3, 4],
        [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 143], [5, 1, 0, 5, 1, 0, 3, 9] + Array("a.example".utf8) + [0, 25],
        [5, 1, 2, 1, 3] + Array("you".utf8) + [6] + Array("secret".utf8) + [5, 1, 0, 4]
            + [UInt8](repeating: 0, count: 15) + [1, 0, 143],
        [22, 3, 1, 0, 0x3A, 1, 0, 0, 0x36, 3, 3] + [UInt8](repeating: 9, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
            + [0, 11, 0, 16, 0, 7, 0, 5, 4] + Array("imap".utf8),
        Array("220 a\r\n250-a\r\n250 XCLIENT ADDR PORT\r\n220 b\r\n".utf8),
        Array("* OK a\r\n* CAPABILITY ID\r\nmailproxy OK a\r\n* ID NIL\r\nmailproxy OK b\r\n".utf8),
        Array("* OK [CAPABILITY ID] a\r\nmailproxy OK b\r\n".utf8), Array("10.0.0.0/8".utf8),
        Array("2001:db8::/32".utf8),
    ]

    /// Expressions, patterns (kind 0) and rule files (kind 1).
    private static let texts: [(kind: UInt64, octets: String)] = [
        (2, "imap and command == \"FETCH\" and size > 1 MB"),
        (2, "rcpt.domain in {\"example.com\", \"example.org\"} and not tls"),
        (2, "header[\"subject\"] matches \"(?i)invoice\""), (2, "finding == \"smtp-bare-lf\" or duration >= 1.5 s"),
        (2, "(user != \"ann\" || reply.code >= 500) && !opaque"),
        (0, "(?i)^a.*b+c{2,5}$\0xxabbcc"), (0, "\\d{1,3}(\\.\\d+){3}\0192.0.2.1"), (0, "[^a-z\\s]|\\bx\\B\0ax"),
        (
            1,
            "rules:\n  - name: a\n    when: smtp and subject matches \"(?i)\\\\.exe$\"\n    then:\n      - reject: \"554 5.7.1 no\"\n      - tag: b\n"
        ),
        (1, "rules:\n  - {name: b, when: imap, then: [{delay: 2 s}, {log: \"{user} from {client.address}\"}]}\n"),
    ]
}
