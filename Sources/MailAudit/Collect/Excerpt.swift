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

    private var lines: [Line] = []
    /// How the session began: what it is about as a whole is mostly decided there.
    private var beginning: [Line] = []

    /// Takes the next frame.
    mutating func take(_ note: Note) {
        switch note.element {
        case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done,
            .unplaced,
            .incomplete, .unknown:
            let line = note.publicOctets.withoutLineEnd.line
            keep(
                Line(
                    exchange: note.exchange, side: note.side, octets: Array(line.prefix(Self.mostOctets)),
                    isCut: line.count > Self.mostOctets))
        case .contentBegin:
            keep(Line(exchange: note.exchange, side: note.side, octets: Array("(content)".utf8), isCut: false))
        case .gap:
            keep(
                Line(exchange: note.exchange, side: note.side, octets: Array("(octets are missing)".utf8), isCut: false)
            )
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
            let line = rest[..<end].withoutLineEnd.line
            keep(
                Line(
                    exchange: note.exchange, side: note.side, octets: Array(line.prefix(Self.mostOctets)),
                    isCut: line.count > Self.mostOctets))
            rest = rest[end...]
        }
        if !rest.isEmpty || note.raw.count > Self.mostOctets * Self.mostLines {
            keep(Line(exchange: note.exchange, side: note.side, octets: [], isCut: true))
        }
    }

    private mutating func keep(_ line: Line) {
        if lines.count >= Self.window { lines.removeFirst() }
        lines.append(line)
        if beginning.count < Self.mostLines { beginning.append(line) }
    }

    /// The lines of an exchange, the first and the last of many; without an exchange the beginning of the session.
    func text(of exchange: Int?) -> [String] {
        guard let exchange else { return beginning.map(Self.text) }
        let chosen = lines.filter { $0.exchange == exchange }.map(Self.text)
        guard chosen.count > Self.mostLines else { return chosen }
        return Array(chosen.prefix(1)) + ["…"] + chosen.suffix(Self.mostLines - 2)
    }

    private static func text(_ line: Line) -> String {
        "\(line.side == .client ? "C" : "S"): \(InertText.of(line.octets))\(line.isCut ? "…" : "")"
    }
}
