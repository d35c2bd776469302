// Captures made of what the sides of a connection say.

import MailDialogue
import MailRecording

/// Turns of a conversation, octet by octet.
typealias Turns = [(side: Side, octets: [UInt8])]

/// The packets of conversations, as a capture of another program.
struct MadeCapture {
    private(set) var octets: [UInt8]
    private var time: Int64 = 1_700_000_000_000_000
    private var clientPort: UInt16 = 40_000

    static let client = IPAddress(v4: 0x0A00_0001)
    static let server = IPAddress(v4: 0x0A00_0002)

    init() {
        octets =
            PcapngWriter.sectionHeader(application: "other")
            + PcapngWriter.interfaceDescription(name: "eth0", description: "")
    }

    init(_ turns: Turns, port: UInt16, chunk: Int = 1_400, only: Side? = nil, from first: Int = 0) {
        self.init()
        add(turns, port: port, chunk: chunk, only: only, from: first)
    }

    /// - Parameters:
    ///   - chunk: octets in a packet.
    ///   - only: the side whose packets are in the capture; nil for both.
    ///   - first: how many packets are not in it.
    ///   - lost: packets that are not in it.
    ///   - closes: the connection ends; else it stays open.
    mutating func add(
        _ turns: Turns, port: UInt16, chunk: Int = 1_400, only: Side? = nil, from first: Int = 0, lost: Set<Int> = [],
        closes: Bool = true
    ) {
        let client = SocketAddress(Self.client, clientPort)
        clientPort += 1
        var synthesizer = PacketSynthesizer(client: client, server: SocketAddress(Self.server, port))
        // The second packet of the handshake is the server's.
        var packets = zip(synthesizer.open(), [Side.client, .server, .client]).map { ($0, $1) }
        for (side, octets) in turns {
            var rest = octets[...]
            while !rest.isEmpty {
                packets += synthesizer.data(from: side, rest.prefix(chunk)).map { ($0, side) }
                rest = rest.dropFirst(chunk)
            }
        }
        if closes {
            packets += zip(synthesizer.close(by: .client), [Side.client, .server, .client]).map { ($0, $1) }
        }
        for (index, (packet, side)) in packets.enumerated()
        where index >= first && !lost.contains(index) && (only == nil || side == only) {
            octets += PcapngWriter.packet(interface: 0, time: (time + Int64(index) * 1_000) * 1_000, packet[...])
        }
        time += Int64(packets.count) * 1_000 + 1_000_000
    }

    func read() throws -> Reading {
        let scratch = try Scratch()
        return try Reading([try scratch.write(octets, "made.pcapng")])
    }
}

/// Conversations in clear.
enum SomeMail {
    static func turns(_ lines: [String]) -> Turns {
        lines.map { ($0.hasPrefix("C") ? .client : .server, Array($0.dropFirst(3).utf8)) }
    }

    static let smtp = turns([
        "S: 220 mx.example.com ESMTP\r\n", "C: EHLO a.example.com\r\n", "S: 250-mx\r\n250 AUTH PLAIN\r\n",
        "C: AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n", "S: 235 in\r\n", "C: MAIL FROM:<a@example.com>\r\n", "S: 250 ok\r\n",
        "C: RCPT TO:<b@example.org>\r\n", "S: 250 ok\r\n", "C: DATA\r\n", "S: 354 go\r\n",
        "C: Subject: one\r\n\r\nhello\r\n.\r\n", "S: 250 kept\r\n", "C: QUIT\r\n", "S: 221 bye\r\n",
    ])

    static let pop3 = turns([
        "S: +OK ready\r\n", "C: USER alice\r\n", "S: +OK\r\n", "C: PASS s3cret\r\n", "S: +OK\r\n", "C: QUIT\r\n",
        "S: +OK bye\r\n",
    ])

    static let imap = turns([
        "S: * OK [CAPABILITY IMAP4rev1] ready\r\n", "C: a LOGIN alice s3cret\r\n", "S: a OK in\r\n", "C: b LOGOUT\r\n",
        "S: * BYE bye\r\nb OK bye\r\n",
    ])
}

extension Reading {
    /// All octets that would be recorded, as text.
    var recorded: String {
        var all: [UInt8] = []
        for case .octets(_, _, _, _, let pieces) in events { for piece in pieces { all += piece } }
        return String(decoding: all, as: UTF8.self)
    }
}
