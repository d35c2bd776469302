// A session: what its notes say decides what is done with their octets. As many octets come out as went in, in the same order on each side; those of a
// line that is not whole come with the rest of it.

import MailDialogue

/// Replaces the octets of one session.
package struct SessionAnonymizer {
    /// Commands whose answers are owed, as their replies are read by them.
    private static let mostOwed = 512
    /// A literal that is no message is replaced at once up to so many octets.
    private static let longestLiteral = 65_536
    /// The longest line that is remembered of a piece of a message, so that the next piece goes on in it.
    private struct Piece {
        var section: String
        var message: Int
        var end: Int
        var anonymizer: MessageAnonymizer
    }

    /// What is under way on a side.
    private struct Stream {
        var message: MessageAnonymizer?
        var literal: [UInt8]?
        /// Where a piece of a message began, and how much of it came.
        var piece: (section: String, message: Int, end: Int)?
        var line: IMAPLineAnonymizer
        /// The last piece of a message, that the next may go on.
        var last: Piece?
    }

    private let mailProtocol: MailProtocol
    private let text: TextAnonymizer
    private let lines: LineAnonymizer
    private var client: Stream?
    private var server: Stream?
    private var mechanism = ""
    private var verbs: [Int: String] = [:]
    /// The exchange whose reply began.
    private var answered = -1

    package init(_ mailProtocol: MailProtocol, _ pseudonyms: Pseudonyms) {
        self.mailProtocol = mailProtocol
        text = TextAnonymizer(pseudonyms: pseudonyms)
        lines = LineAnonymizer(text)
        client = Stream(line: IMAPLineAnonymizer(text, side: .client))
        server = Stream(line: IMAPLineAnonymizer(text, side: .server))
    }

    /// Takes the next note of the session; gives what stands for octets of its side that are certain now.
    package mutating func accept(_ note: Note) -> [UInt8] {
        // Taken out while it changes, so that it is nobody else's.
        switch note.side {
        case .client:
            guard var stream = client.take() else { return [] }
            defer { client = stream }
            return accept(note, &stream)
        case .server:
            guard var stream = server.take() else { return [] }
            defer { server = stream }
            return accept(note, &stream)
        }
    }

    /// The octets of a side end here, whole or not.
    package mutating func end(_ side: Side) -> [UInt8] {
        var out: [UInt8] = []
        switch side {
        case .client:
            guard var stream = client.take() else { return [] }
            Self.flush(&stream, into: &out)
            client = stream
        case .server:
            guard var stream = server.take() else { return [] }
            Self.flush(&stream, into: &out)
            server = stream
        }
        return out
    }

    private mutating func accept(_ note: Note, _ stream: inout Stream) -> [UInt8] {
        var out: [UInt8] = []
        let octets = note.publicOctets
        switch note.element {
        case .contentBegin(let content): begin(content, &stream)
        case .content:
            if stream.message != nil {
                stream.message?.accept(octets, into: &out)
                stream.piece?.end += octets.count
            } else if stream.literal != nil {
                stream.literal? += octets
                // Longer than any name: replaced as it comes, up to the last blank.
                if let literal = stream.literal, literal.count > Self.longestLiteral {
                    let cut =
                        literal.lastIndex { Glyph.next([$0], at: 0).glyph == nil && $0 < 128 } ?? literal.count - 1
                    stream.line.replaceLiteral(literal[...cut], into: &out)
                    stream.literal = Array(literal[(cut + 1)...])
                }
            } else {
                lines.unread(octets, into: &out)
            }
        case .contentEnd:
            Self.flush(&stream, into: &out)
            out += octets
        case .command, .commandPart, .reply, .greeting, .data, .dataPart, .goAhead, .challenge, .response, .done:
            Self.flush(&stream, into: &out)
            replaceLine(note, octets, &stream, into: &out)
        case .unplaced, .unknown:
            Self.flush(&stream, into: &out)
            let (line, _) = LineAnonymizer.parts(octets)
            if octets.last == 10, lines.readsLikeOne(line, of: note.side, in: mailProtocol) {
                replaceLine(note, octets, &stream, into: &out)
            } else {
                lines.unread(octets, into: &out)
            }
        case .opaque, .incomplete:
            Self.flush(&stream, into: &out)
            lines.unread(octets, into: &out)
        case .gap: Self.flush(&stream, into: &out)
        }
        return out
    }

    // MARK: Content

    private mutating func begin(_ content: Content, _ stream: inout Stream) {
        switch content.kind {
        case .literal: stream.literal = []
        case .message:
            let (section, origin) = Self.section(content.section)
            if let last = stream.last, last.section == section, last.end == origin, last.message == stream.line.message,
                origin > 0
            {
                stream.message = last.anonymizer
                stream.piece = (section, last.message, origin)
            } else {
                stream.message = MessageAnonymizer(
                    text, startsWithHeader: Self.startsWithHeader(section) && origin == 0,
                    isDotStuffed: content.dotStuffed)
                stream.piece = content.section.isEmpty ? nil : (section, stream.line.message, origin)
            }
            // BDAT goes on where the last chunk ended.
            if content.continues || stream.last?.section == "BDAT" {
                if let last = stream.last, last.section == "BDAT" { stream.message = last.anonymizer }
                stream.piece = content.continues ? ("BDAT", 0, 0) : nil
            }
            stream.last = nil
        }
    }

    /// A section without its piece, and where the piece begins: `BODY[1]<1024>`.
    static func section(_ text: String) -> (section: String, origin: Int) {
        guard let open = text.utf8.lastIndex(of: 60), text.utf8.last == 62 else { return (text, 0) }
        let digits = text.utf8[text.utf8.index(after: open)...].prefix { $0 >= 48 && $0 <= 57 }
        return (String(text[..<open]), Int(String(digits) ?? "") ?? 0)
    }

    /// The first octets of a section are of a header.
    static func startsWithHeader(_ section: String) -> Bool {
        let words = ["HEADER", "MIME"]
        if words.contains(where: { section.uppercased().contains($0) }) { return true }
        let name = section.uppercased()
        // A text, or a part by its number: what is a message within it shows its fields by their names.
        if name.hasSuffix(".TEXT") || name.contains("[TEXT") { return false }
        guard let bracket = name.utf8.firstIndex(of: 91) else { return true }
        let after = name.utf8.index(after: bracket)
        return after < name.utf8.endIndex && name.utf8[after] == 93
    }

    private static func flush(_ stream: inout Stream, into out: inout [UInt8]) {
        if var message = stream.message {
            message.pause(into: &out)
            if let piece = stream.piece {
                stream.last = Piece(section: piece.section, message: piece.message, end: piece.end, anonymizer: message)
            }
            stream.message = nil
            stream.piece = nil
        }
        if let literal = stream.literal {
            stream.line.replaceLiteral(literal[...], into: &out)
            stream.literal = nil
        }
    }

    // MARK: Lines

    private mutating func replaceLine(
        _ note: Note, _ octets: ArraySlice<UInt8>, _ stream: inout Stream, into out: inout [UInt8]
    ) {
        let (line, end) = LineAnonymizer.parts(octets)
        defer { out += end }
        if case .command(let command) = note.element {
            if verbs.count >= Self.mostOwed {
                verbs = verbs.filter { $0.key > note.exchange - Self.mostOwed / 2 }
            }
            verbs[note.exchange] = command.verb
            if !command.isKnown { return lines.unread(line, into: &out) }
        }
        var verb = verbs[note.exchange] ?? ""
        if note.element == .unplaced || note.element == .unknown {
            let word =
                note.side == .client && mailProtocol == .imap ? line.firstWord.rest.firstWord.word : line.firstWord.word
            verb = note.side == .client ? word.keyword() : ""
        }
        switch note.element {
        case .response: return lines.challenge(line, mechanism, behindWord: false, into: &out)
        case .challenge: return lines.challenge(line, mechanism, behindWord: true, into: &out)
        case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .done, .contentBegin, .content,
            .contentEnd, .opaque, .gap, .unplaced, .incomplete, .unknown:
            break
        }
        let isFirst = note.side == .client || answered != note.exchange
        if note.side == .server { answered = note.exchange }
        switch mailProtocol {
        case .smtp, .lmtp:
            if note.side == .client {
                lines.smtpCommand(line, verb: verb, &mechanism, into: &out)
            } else {
                lines.smtpReply(line, verb: verb, isFirst: isFirst, into: &out)
            }
        case .pop3:
            if note.side == .client {
                lines.pop3Command(line, verb: verb, &mechanism, into: &out)
            } else if case .data = note.element {
                lines.pop3Reply(line, verb: verb, isListing: true, into: &out)
            } else {
                lines.pop3Reply(line, verb: verb, isListing: false, into: &out)
            }
        case .imap: replaceIMAP(note, line, verb, &stream, into: &out)
        }
    }

    private mutating func replaceIMAP(
        _ note: Note, _ line: ArraySlice<UInt8>, _ verb: String, _ stream: inout Stream, into out: inout [UInt8]
    ) {
        switch note.element {
        case .command where verb == "AUTHENTICATE":
            let (tag, rest) = line.firstWord
            stream.line.accept(tag, isFirst: true, into: &out)
            let word = rest.trimmed.firstWord.word
            out += line[tag.endIndex..<word.startIndex]
            out += word
            lines.login(line[word.endIndex...], &mechanism, into: &out)
        case .commandPart, .dataPart: stream.line.accept(line, isFirst: false, into: &out)
        case .goAhead:
            out += line.prefix(1)
            text.replace(line.dropFirst(), .speech, into: &out)
        case .greeting, .command, .reply, .data, .done, .content, .contentBegin, .contentEnd, .opaque, .gap, .unplaced,
            .incomplete, .unknown, .challenge, .response:
            stream.line.accept(line, isFirst: true, into: &out)
        }
    }
}
