// Messages, line by line, with next to no state: a line of a part becomes the same whether the part comes alone or within its message, and what was
// sent by SMTP the same that IMAP fetches.
//
// - A header section is replaced field by field (`HeaderAnonymizer`).
// - A line that begins with two hyphens may be a delimiter: its words get pseudonyms, as the parameter `boundary` does.
// - A line in a body that begins with the name of a known field is replaced like one: it may be of a message within the message.
// - A line of base64 digits becomes base64 of as many octets.
// - All other lines become filler of the same length (`BodyFiller`).

import MailMessage

/// Replaces a message, or a part of one.
struct MessageAnonymizer {
    /// A longer line is replaced in pieces of this length.
    static let longestPiece = 65_536

    private enum Place: Equatable {
        /// In a header section; the field that is open.
        case header(HeaderAnonymizer.Field?)
        /// In the header section of a part, if it has one.
        case partHeader(HeaderAnonymizer.Field?)
        case body
        /// In a field that stands in a body.
        case quotedHeader(HeaderAnonymizer.Field)
    }

    private let header: HeaderAnonymizer
    private var text: TextAnonymizer { header.text }
    private let isDotStuffed: Bool
    private var place: Place
    /// The line that is not whole.
    private var line: [UInt8] = []
    /// Its beginning was replaced already.
    private var isAmidLine = false
    /// Of the line, octets that were told before it was whole, as the piece ended with them.
    private var told = 0

    /// - Parameters:
    ///   - startsWithHeader: the first octets are of a header section.
    ///   - isDotStuffed: dots at the front of lines are doubled (RFC 5321 §4.5.2).
    init(_ text: TextAnonymizer, startsWithHeader: Bool, isDotStuffed: Bool) {
        header = HeaderAnonymizer(text: text)
        self.isDotStuffed = isDotStuffed
        place = startsWithHeader ? .header(nil) : .body
    }

    /// Takes octets; appends what stands for those that are certain.
    mutating func accept(_ octets: ArraySlice<UInt8>, into out: inout [UInt8]) {
        var rest = octets
        while !rest.isEmpty {
            let room = rest.prefix(Self.longestPiece - line.count)
            let end = room.firstIndex(of: 10).map { $0 + 1 } ?? room.endIndex
            line += rest[..<end]
            rest = rest[end...]
            if line.last == 10 || line.count == Self.longestPiece { settle(into: &out) }
        }
    }

    /// The octets end, within a line maybe: appends what stands for the rest of them. The message may go on in another piece.
    mutating func pause(into out: inout [UInt8]) {
        guard line.count > told else { return }
        // As if it ended here: what follows is replaced when the whole line is known.
        var copy = self
        let made = copy.replaced(line[...])
        out += made[told...]
        told = line.count
    }

    private mutating func settle(into out: inout [UInt8]) {
        let made = replaced(line[...])
        out += made.dropFirst(told)
        told = 0
        isAmidLine = line.last != 10
        line.removeAll(keepingCapacity: true)
    }

    /// What stands for a line with its end, and where the next one is.
    private mutating func replaced(_ whole: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(whole.count)
        let line: ArraySlice<UInt8>
        if whole.last == 10 {
            line = whole.dropLast(whole.count > 1 && whole[whole.endIndex - 2] == 13 ? 2 : 1)
        } else {
            line = whole
        }
        var content = line
        if isDotStuffed, !isAmidLine, content.first == 46 {
            out.append(46)
            content = content.dropFirst()
        }
        append(content, isFirst: out.isEmpty, to: &out)
        out += whole[line.endIndex...]
        return out
    }

    private mutating func append(_ line: ArraySlice<UInt8>, isFirst: Bool, to out: inout [UInt8]) {
        if isAmidLine {
            // No line of a header is so long; what it is of does not matter.
            if BodyFiller.isBase64(line) {
                BodyFiller.appendBase64(line, to: &out)
            } else {
                BodyFiller.appendText(line, to: &out)
            }
            return
        }
        switch place {
        case .header(let open):
            if line.isEmpty || line.elementsEqual([13]) {
                out += line
                place = .body
            } else if var field = open, line.first == 32 || line.first == 9 {
                header.goOn(line, &field, into: &out)
                place = .header(field)
            } else if HeaderAnonymizer.name(line) != nil {
                place = .header(header.begin(line, into: &out))
            } else {
                // No field: a line of a mailbox file, or one that somebody broke.
                text.replace(line, .names, into: &out)
                place = .header(nil)
            }
        case .partHeader(let open):
            if line.isEmpty || line.elementsEqual([13]) {
                out += line
                place = .body
            } else if var field = open, line.first == 32 || line.first == 9 {
                header.goOn(line, &field, into: &out)
                place = .partHeader(field)
            } else if !isDelimiter(line), HeaderAnonymizer.name(line) != nil {
                place = .partHeader(header.begin(line, into: &out))
            } else {
                place = .body
                appendBody(line, to: &out)
            }
        case .quotedHeader(var field):
            if line.first == 32 || line.first == 9 {
                header.goOn(line, &field, into: &out)
                place = .quotedHeader(field)
            } else {
                place = .body
                appendBody(line, to: &out)
            }
        case .body: appendBody(line, to: &out)
        }
    }

    private mutating func appendBody(_ line: ArraySlice<UInt8>, to out: inout [UInt8]) {
        if isDelimiter(line) {
            text.replace(line, .names, into: &out)
            place = .partHeader(nil)
        } else if let name = HeaderAnonymizer.name(line), HeaderAnonymizer.isKnown(name) {
            place = .quotedHeader(header.begin(line, into: &out))
        } else if BodyFiller.isBase64(line) {
            BodyFiller.appendBase64(line, to: &out)
        } else {
            BodyFiller.appendText(line, to: &out)
        }
    }

    /// Two hyphens and what may be a boundary (RFC 2046 §5.1.1); readers take lines for one that have more behind it. A line that goes on
    /// in the next, as quoted-printable has it, is none.
    private func isDelimiter(_ line: ArraySlice<UInt8>) -> Bool {
        guard line.starts(with: [45, 45]), let third = line.dropFirst(2).first, third > 32 else { return false }
        let goesOn =
            line.last == 61 && line.dropLast().last != 61
            && line.indices.contains { HexPair.octet(line, at: $0) != nil && line[$0] == 61 }
        return line.count <= MessageStructure.maximumBoundary + 4 && !goesOn
    }
}
