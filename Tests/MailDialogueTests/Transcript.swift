// A dialogue in a file, as people write one: `C:` and `S:` lines, and what is to be said of them.
//
//     # a comment
//     S: 220 mx.example.com          a line of the server, CRLF added; `S:` alone is an empty line
//     = greeting ok 220              the notes that begin in the line above, one each
//     C> MAIL FROM:<>\n\x00          octets with escapes \r \n \0 \\ \xNN, nothing added
//     C> NOOP \*600(x)\r\n           what stands in the parentheses 600 times
//     C! 12                          a capture lost 12 octets of the client here
//     S! ?                           it lost some of the server, nobody knows how many
//     C~ a NOOP                      a line that comes deflated, CRLF and a flush added (RFC 4978); a line of the same side
//                                    that does not ends the stream
//
// Only an observer can miss octets: a transcript with gaps is run from that vantage alone. One that begins with `C! ?`
// and `S! ?` is of a capture that began in the middle of a session. Notes of deflated lines hold what they inflate to, so
// that a transcript with such lines is run from that vantage too.
//
// `limit 4096` at the beginning: no line of an IMAP response has more octets, in place of the megabytes that are allowed.
//
// What is to be said may hold the like of `\*600(x)` too.
// A frame without `=` lines is not compared, but a violation in it must be stated. A file that states nothing fails.

import Foundation

@testable import MailDialogue

/// Octets of a side that a capture lost.
enum Gap: Equatable, Sendable {
    case octets(Int)
    /// Nobody knows how many.
    case unknown

    /// As `Tap.lose` wants it.
    var count: Int? {
        switch self {
        case .octets(let count): count
        case .unknown: nil
        }
    }
}

/// What comes of one side in one go: octets, or a gap.
struct Turn: Sendable {
    var side: Side
    var octets: [UInt8]
    var gap: Gap?
    /// What is known of it by who recorded it.
    var unseen: [Unseen] = []

    /// What can't be seen in octets that were recorded, as a recording says it.
    enum Unseen: Equatable, Sendable {
        case opaque(OpaqueReason)
        case haste
    }

    /// Where to split it: everywhere, but what is long only near its ends and now and then.
    var cuts: [Int] {
        let count = octets.count
        return octets.indices.dropFirst().filter { count < 4_096 || $0 < 40 || $0 >= count - 40 || $0 % 2_999 == 0 }
    }

    init(_ side: Side, _ octets: [UInt8], gap: Gap? = nil) {
        self.side = side
        self.octets = octets
        self.gap = gap
    }
}

/// A transcript file.
struct Transcript: Sendable, CustomStringConvertible {
    /// Octets of one side and what is expected of them.
    struct Frame: Sendable {
        var side: Side
        var octets: [UInt8]
        /// What is on the wire, when that is not the octets themselves.
        var deflated: [UInt8]?
        /// The frame is no octets but the loss of some.
        var gap: Gap?
        var expected: [String] = []
        var line: Int
    }

    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    let name: String
    let protocolName: String
    let url: URL
    var frames: [Frame]
    /// Octets of the longest line of an IMAP response.
    private(set) var responseLine = DialogueLimits.imapResponseLine

    var description: String { "\(protocolName)/\(name)" }

    /// All octets of a side.
    func octets(_ side: Side) -> [UInt8] { frames.filter { $0.side == side }.flatMap(\.octets) }

    /// Some of it comes deflated.
    var isDeflated: Bool { frames.contains { $0.deflated != nil } }

    /// A capture lost octets of it.
    var hasGaps: Bool { frames.contains { $0.gap != nil } }

    /// Frames of one side that follow each other; a gap stands alone.
    var turns: [Turn] {
        var turns: [Turn] = []
        for frame in frames {
            if let last = turns.last, last.side == frame.side, last.gap == nil, frame.gap == nil {
                turns[turns.count - 1].octets += frame.deflated ?? frame.octets
            } else {
                turns.append(Turn(frame.side, frame.deflated ?? frame.octets, gap: frame.gap))
            }
        }
        return turns
    }

    init(url: URL, protocolName: String) throws {
        self.url = url
        self.protocolName = protocolName
        name = url.deletingPathExtension().lastPathComponent
        frames = []
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            try add(line, number + 1)
        }
        var deflaters: [Side: Deflater] = [:]
        for index in frames.indices {
            let side = frames[index].side
            guard frames[index].deflated != nil else {
                deflaters[side] = nil
                continue
            }
            let deflater = try deflaters[side] ?? Deflater()
            deflaters[side] = deflater
            frames[index].deflated = deflater.deflate(frames[index].octets)
        }
    }

    private mutating func add(_ line: Substring, _ number: Int) throws {
        if line.isEmpty || line.hasPrefix("#") { return }
        let sides: [Character: Side] = ["C": .client, "S": .server]
        let second = line.dropFirst().first
        if line.hasPrefix("limit "), frames.isEmpty, let limit = Int(line.dropFirst(6)) {
            responseLine = limit
        } else if line.hasPrefix("= "), !frames.isEmpty {
            frames[frames.count - 1].expected.append(try Self.repeated(line.dropFirst(2), number))
        } else if let side = line.first.flatMap({ sides[$0] }), second == ":" {
            let rest = line.dropFirst(2)
            let text = rest.hasPrefix(" ") ? rest.dropFirst() : rest
            frames.append(Frame(side: side, octets: Array(text.utf8) + [13, 10], line: number))
        } else if let side = line.first.flatMap({ sides[$0] }), second == ">" {
            frames.append(Frame(side: side, octets: try Self.unescape(line.dropFirst(3), number), line: number))
        } else if let side = line.first.flatMap({ sides[$0] }), second == "~" {
            frames.append(
                Frame(side: side, octets: Array(line.dropFirst(3).utf8) + [13, 10], deflated: [], line: number))
        } else if let side = line.first.flatMap({ sides[$0] }), line.dropFirst().hasPrefix("! ") {
            let word = line.dropFirst(3)
            guard let gap = word == "?" ? .unknown : Int(word).map(Gap.octets) else {
                throw Malformed(description: "\(name):\(number): a gap is a number of octets or ?")
            }
            frames.append(Frame(side: side, octets: [], gap: gap, line: number))
        } else {
            throw Malformed(description: "\(name):\(number): \(line)")
        }
    }

    /// The text with each `\*n(x)` in it as x n times; what else has a backslash stays.
    private static func repeated(_ text: Substring, _ number: Int) throws -> String {
        guard text.contains("\\*") else { return String(text) }
        var out = ""
        var rest = text
        while let mark = rest.range(of: "\\*") {
            out += rest[..<mark.lowerBound]
            guard let end = rest[mark.upperBound...].firstIndex(of: ")") else {
                throw Malformed(description: "line \(number): \\* without a parenthesis")
            }
            out += String(decoding: try unescape(rest[mark.lowerBound...end], number), as: UTF8.self)
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }

    static func unescape(_ text: Substring, _ number: Int) throws -> [UInt8] {
        var octets: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "\\") else {
                octets.append(octet)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "r"): octets.append(13)
            case UInt8(ascii: "n"): octets.append(10)
            case UInt8(ascii: "0"): octets.append(0)
            case UInt8(ascii: "\\"): octets.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "*"):
                let count = rest.prefix { $0 >= 48 && $0 <= 57 }
                let text = rest.dropFirst(count.count + 1).prefix { $0 != UInt8(ascii: ")") }
                guard let times = count.decimal, rest.dropFirst(count.count).first == UInt8(ascii: "(") else {
                    throw Malformed(description: "line \(number): \\* without a number and parentheses")
                }
                let piece = try unescape(Substring(text.text), number)
                for _ in 0..<times { octets += piece }
                rest = rest.dropFirst(count.count + text.count + 2)
            case UInt8(ascii: "x"):
                guard let value = UInt8(rest.prefix(2).text, radix: 16) else {
                    throw Malformed(description: "line \(number): \\x without two digits")
                }
                octets.append(value)
                rest = rest.dropFirst(2)
            default: throw Malformed(description: "line \(number): unknown escape")
            }
        }
        return octets
    }

    /// The folder of the files.
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Transcripts")

    /// Every file below the folder; the folder's name is the protocol's.
    static func load() throws -> [Transcript] {
        try MailProtocol.allCases.flatMap { proto in
            try FileManager.default.contentsOfDirectory(
                at: folder.appendingPathComponent(proto.rawValue), includingPropertiesForKeys: nil
            ).filter { $0.pathExtension == "txt" }.sorted { $0.path < $1.path }
                .map { try Transcript(url: $0, protocolName: proto.rawValue) }
        }
    }
}
