// The last lines of a session, kept so that evidence can show what was said. Few and short: an audit has many sessions open.

import MailDialogue
import MailRecording

/// What was said last. Secrets are masked, content is left out.
struct Excerpt {
    /// Lines that are shown of an exchange.
    static let mostLines = 6
    /// Octets of a line that are kept.
    static let mostOctets = 200
    /// Lines that are kept: with pipelining the lines of several exchanges stand between each other.
    private static let window = 12

    private struct Line {
        var exchange: Int
        var side: Side
        var octets: [UInt8]
        var isCut: Bool
    }

    /// The last lines; when there are ``window`` of them the oldest is at `oldest`, and gives its space to the next.
    private var lines: [Line] = []
    private var oldest = 0
    /// How the session began: what it is about as a whole is mostly decided there.
    private var beginning: [Line] = []

    /// Takes the next frame.
    mutating func take(_ note: Note) {
        switch note.element {
        case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done,
            .unplaced,
            .incomplete, .unknown:
            keep(note.exchange, note.side, note.publicOctets.withoutLineEnd.line)
        case .contentBegin: keep(note.exchange, note.side, Self.content[...])
        case .gap: keep(note.exchange, note.side, Self.missing[...])
        case .opaque:
            // Octets in clear at the edge of TLS are what the finding is about. What is under TLS says nothing.
            if !note.violations.isEmpty { keepLines(of: note) }
        case .content, .contentEnd: break
        }
    }

    /// Keeps the first lines of octets that nobody took apart.
    private mutating func keepLines(of note: Note) {
        var rest = note.publicOctets.prefix(Self.mostOctets * Self.mostLines)
        for _ in 0..<(Self.mostLines - 3) where !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            keep(note.exchange, note.side, rest[..<end].withoutLineEnd.line)
            rest = rest[end...]
        }
        if !rest.isEmpty || note.raw.count > Self.mostOctets * Self.mostLines {
            keep(note.exchange, note.side, [], isCut: true)
        }
    }

    private static let content = Array("(content)".utf8)
    private static let missing = Array("(octets are missing)".utf8)

    private mutating func keep(_ exchange: Int, _ side: Side, _ line: ArraySlice<UInt8>, isCut: Bool = false) {
        let isCut = isCut || line.count > Self.mostOctets
        if lines.count < Self.window {
            lines.append(
                Line(exchange: exchange, side: side, octets: Array(line.prefix(Self.mostOctets)), isCut: isCut))
            if beginning.count < Self.mostLines, let line = lines.last { beginning.append(line) }
            return
        }
        Self.put(exchange, side, line, isCut, into: &lines[oldest])
        oldest = (oldest + 1) % Self.window
    }

    private static func put(
        _ exchange: Int, _ side: Side, _ octets: ArraySlice<UInt8>, _ isCut: Bool, into line: inout Line
    ) {
        line.exchange = exchange
        line.side = side
        line.isCut = isCut
        line.octets.removeAll(keepingCapacity: true)
        line.octets += octets.prefix(mostOctets)
    }

    /// The lines of an exchange, the first and the last of many; without an exchange the beginning of the session.
    func text(of exchange: Int?) -> [String] {
        guard let exchange else { return beginning.map(Self.text) }
        let inOrder = lines[oldest...] + lines[..<oldest]
        let chosen = inOrder.filter { $0.exchange == exchange }.map(Self.text)
        guard chosen.count > Self.mostLines else { return chosen }
        return Array(chosen.prefix(1)) + ["…"] + chosen.suffix(Self.mostLines - 2)
    }

    private static func text(_ line: Line) -> String {
        "\(line.side == .client ? "C" : "S"): \(InertText.of(line.octets))\(line.isCut ? "…" : "")"
    }
}
