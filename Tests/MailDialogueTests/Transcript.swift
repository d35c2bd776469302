// A dialogue in a file, as people write one: `C:` and `S:` lines, and what is to be said of them.
//
//     # a comment
//     S: 220 mx.example.com          a line of the server, CRLF added; `S:` alone is an empty line
//     = greeting ok 220              the notes that begin in the line above, one each
//     C> MAIL FROM:<>\n\x00          octets with escapes \r \n \0 \\ \xNN, nothing added
//
// A frame without `=` lines is not compared, but a violation in it must be stated. A file that states nothing fails.

import Foundation

@testable import MailDialogue

/// A transcript file.
struct Transcript: Sendable, CustomStringConvertible {
    /// Octets of one side and what is expected of them.
    struct Frame: Sendable {
        var side: Side
        var octets: [UInt8]
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

    var description: String { "\(protocolName)/\(name)" }

    /// All octets of a side.
    func octets(_ side: Side) -> [UInt8] { frames.filter { $0.side == side }.flatMap(\.octets) }

    /// Frames of one side that follow each other.
    var turns: [(side: Side, octets: [UInt8])] {
        var turns: [(side: Side, octets: [UInt8])] = []
        for frame in frames {
            if turns.last?.side == frame.side {
                turns[turns.count - 1].octets += frame.octets
            } else {
                turns.append((frame.side, frame.octets))
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
    }

    private mutating func add(_ line: Substring, _ number: Int) throws {
        if line.isEmpty || line.hasPrefix("#") { return }
        let sides: [Character: Side] = ["C": .client, "S": .server]
        let second = line.dropFirst().first
        if line.hasPrefix("= "), !frames.isEmpty {
            frames[frames.count - 1].expected.append(String(line.dropFirst(2)))
        } else if let side = line.first.flatMap({ sides[$0] }), second == ":" {
            let rest = line.dropFirst(2)
            let text = rest.hasPrefix(" ") ? rest.dropFirst() : rest
            frames.append(Frame(side: side, octets: Array(text.utf8) + [13, 10], line: number))
        } else if let side = line.first.flatMap({ sides[$0] }), second == ">" {
            frames.append(Frame(side: side, octets: try Self.unescape(line.dropFirst(3), number), line: number))
        } else {
            throw Malformed(description: "\(name):\(number): \(line)")
        }
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
