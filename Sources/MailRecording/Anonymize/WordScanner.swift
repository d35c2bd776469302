// The words of octets, in every form in which they may be hidden: as they stand, in base64, quoted-printable, hexadecimal, percent signs and UTF-7. The
// same is used to learn the words of the original and to look for them in the copy.

import MailDialogue
import MailMessage

/// Finds words.
package struct WordScanner {
    /// How a word was written.
    package enum Form: String, Sendable {
        case plain = "as it stands"
        case base64 = "in base64"
        case quotedPrintable = "in quoted-printable"
        case hex = "in hexadecimal"
        case percent = "behind percent signs"
        case utf7 = "in UTF-7"
    }

    /// A line longer than this is scanned in pieces.
    private static let longestLine = 65_536
    /// Base64 of fewer digits is a word like any other.
    private static let shortestEncoded = 6
    /// Digits behind which a line is base64 and no word.
    private static let longestPlain = 40

    /// All shifts of base64 are tried.
    private let isThorough: Bool
    /// The words may stand anywhere: what comes out when they are taken for an encoding says nothing.
    private let isExempt: (UInt64) -> Bool
    /// The octets begin, or end, within a word maybe.
    var beginsWithinWord = false
    var endsWithinWord = false
    private var line: [UInt8] = []
    /// Decoded octets of the line before, which the next may go on.
    private var carried: [UInt8] = []
    private var softBroken: [UInt8] = []
    /// Octets that were looked at to decode soft breaks and UTF-7: so many as the input has, but for a factor.
    private(set) var work = 0
    /// A run of UTF-7 up to this is always tried; of longer ones that end at the same place, a few.
    private static let longestTried = 256
    private static let mostTried = 8

    /// - Parameters:
    ///   - isThorough: all shifts of base64 are tried, which finds what is part of something larger.
    ///   - isExempt: says of a word's mark that it may stand anywhere.
    package init(isThorough: Bool, isExempt: @escaping (UInt64) -> Bool) {
        self.isThorough = isThorough
        self.isExempt = isExempt
    }

    /// Takes octets of a stream.
    /// - Parameters:
    ///   - isContent: they are of a message; numbers count there.
    ///   - visit: gets the mark of each word.
    package mutating func accept(
        _ octets: ArraySlice<UInt8>, isContent: Bool, address: (IPAddress) -> Void, visit: (UInt64, Form) -> Void
    ) {
        var rest = octets
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
            line += rest[..<end]
            rest = rest[end...]
            if line.last == 10 || line.count >= Self.longestLine {
                scan(isContent, address, visit)
            }
        }
    }

    /// The stream ends, or something else follows.
    package mutating func finish(
        isContent: Bool, address: (IPAddress) -> Void, visit: (UInt64, Form) -> Void
    ) {
        if endsWithinWord {
            while let last = line.last, last >= 128 || Glyph.next([last], at: 0).glyph != nil { line.removeLast() }
        }
        scan(isContent, address, visit)
        flush(&carried, .base64, isContent, visit)
        flush(&softBroken, .quotedPrintable, isContent, visit)
        beginsWithinWord = false
        endsWithinWord = false
    }

    private func flush(_ rest: inout [UInt8], _ form: Form, _ isContent: Bool, _ visit: (UInt64, Form) -> Void) {
        if !rest.isEmpty { words(rest[...], form, isContent, visit) }
        rest = []
    }

    private mutating func scan(
        _ isContent: Bool, _ address: (IPAddress) -> Void, _ visit: (UInt64, Form) -> Void
    ) {
        guard !line.isEmpty else { return }
        var text = line[...]
        while text.last == 10 || text.last == 13 { text = text.dropLast() }
        if beginsWithinWord {
            text = text.drop { $0 >= 128 || Glyph.next([$0], at: 0).glyph != nil }
            beginsWithinWord = false
        }
        let isBase64 = isContent && BodyFiller.isBase64(text)
        if !isBase64 || text.count <= Self.longestPlain { plain(text, isContent, visit) }
        if isBase64, let decoded = Base64.decode(text), Self.isText(decoded) {
            carried += decoded
            // The last word may go on in the next line.
            let cut = carried.lastIndex { $0 < 128 && Glyph.next([$0], at: 0).glyph == nil } ?? carried.count - 1
            words(carried[...cut], .base64, isContent, visit)
            carried = carried.count - cut > 1024 ? [] : Array(carried[(cut + 1)...])
        } else {
            flush(&carried, .base64, isContent, visit)
            encoded(text, isContent, visit)
        }
        quotedPrintable(text, isContent, visit)
        if !isBase64 {
            percents(text, isContent, visit)
            utf7(text, isContent, visit)
            addresses(text, address)
        }
        line.removeAll(keepingCapacity: true)
    }

    // MARK: Forms

    /// The words of a line as it stands. Of encoded words (RFC 2047 §2) those that they say: the letters and digits of the encoding are no
    /// words, and may be the same where nothing was to be replaced.
    private func plain(_ text: ArraySlice<UInt8>, _ isContent: Bool, _ visit: (UInt64, Form) -> Void) {
        var from = text.startIndex
        var index = text.startIndex
        while let sign = text[index...].firstIndex(of: 61) {
            guard let word = TextAnonymizer.encodedWord(at: sign, in: text) else {
                index = sign + 1
                continue
            }
            words(text[from..<word.body.lowerBound], .plain, isContent, visit)
            // Quoted-printable is looked at in the whole line.
            if word.isBase64 {
                if let decoded = Base64.decode(text[word.body]) {
                    words(decoded[...], .base64, isContent, visit)
                } else {
                    words(text[word.body], .plain, isContent, visit)
                }
            }
            from = word.body.upperBound
            index = from
        }
        words(text[from...], .plain, isContent, visit)
    }

    /// The words of a text as it stands.
    private func words(
        _ text: ArraySlice<UInt8>, _ form: Form, _ isContent: Bool, least: Int = Pseudonyms.shortestSought,
        _ visit: (UInt64, Form) -> Void
    ) {
        forEachWord(text, isContent, least: least) { mark, _ in visit(mark, form) }
    }

    private func forEachWord(
        _ text: ArraySlice<UInt8>, _ isContent: Bool, least: Int = Pseudonyms.shortestSought,
        _ visit: (UInt64, Range<Int>) -> Void
    ) {
        var index = text.startIndex
        var start = index
        var mark = AnonymousWords.Mark()
        var count = 0
        var digits = 0
        func settle() {
            let isNumber = count == digits
            if count >= (isNumber ? max(least, Pseudonyms.shortestNumber) : least), !isNumber || isContent {
                visit(mark.value, start..<index)
            }
            mark = AnonymousWords.Mark()
            count = 0
            digits = 0
        }
        while index < text.endIndex {
            let (glyph, width) = Glyph.next(text, at: index)
            guard let glyph else {
                if count > 0 { settle() }
                index += width
                continue
            }
            if count == 0 { start = index }
            mark.add(glyph)
            count += 1
            if glyph.alphabet == 1 { digits += 1 }
            index += width
            if count == TextAnonymizer.longestWord { settle() }
        }
        if count > 0 { settle() }
    }

    /// Words of base64 within a line.
    private func encoded(_ text: ArraySlice<UInt8>, _ isContent: Bool, _ visit: (UInt64, Form) -> Void) {
        var index = text.startIndex
        while index < text.endIndex {
            guard Base64.value(of: text[index]) != nil else {
                index += 1
                continue
            }
            let end = text[index...].firstIndex { Base64.value(of: $0) == nil } ?? text.endIndex
            let run = text[index..<end]
            index = end
            guard run.count >= Self.shortestEncoded, !isCommon(run, with: { _ in true }) else { continue }
            for shift in 0..<(isThorough ? 4 : 1) {
                let digits = run.dropFirst(shift)
                // A last digit alone says nothing.
                let whole = digits.dropLast(digits.count & 3 == 1 ? 1 : 0)
                let pads = [UInt8](repeating: 61, count: (4 - whole.count & 3) & 3)
                guard let decoded = Base64.decode((whole + pads)[...]) else { continue }
                // Words of a few letters come out of any digits.
                let least = shift > 0 ? 8 : Self.isPlainText(decoded) ? Pseudonyms.shortestSought : 6
                words(decoded[...], .base64, isContent, least: least, visit)
                if decoded.contains(0) {
                    words(decoded.filter { $0 != 0 }[...], .base64, isContent, least: max(least, 6), visit)
                }
            }
            if run.count >= 8, run.count & 1 == 0, run.allSatisfy({ HexPair.value($0) != nil }) {
                var decoded: [UInt8] = []
                var place = run.startIndex
                while place + 1 < run.endIndex, let high = HexPair.value(run[place]),
                    let low = HexPair.value(run[place + 1])
                {
                    decoded.append(high << 4 | low)
                    place += 2
                }
                words(
                    decoded[...], .hex, isContent, least: Self.isPlainText(decoded) ? Pseudonyms.shortestSought : 6,
                    visit)
            }
        }
    }

    /// `=41`, and lines that end with an equals sign and go on.
    private mutating func quotedPrintable(
        _ text: ArraySlice<UInt8>, _ isContent: Bool, _ visit: (UInt64, Form) -> Void
    ) {
        guard text.contains(61) || !softBroken.isEmpty else { return }
        // It is gone on with in place: what many lines have before their last separator is not looked at again in each of them.
        var decoded = softBroken
        softBroken = []
        // There is no separator in what lines before have left.
        let carried = decoded.count
        // Where each octet of this line stands in it.
        var places: [Int] = []
        var index = text.startIndex
        var isBroken = false
        while index < text.endIndex {
            places.append(index)
            if text[index] == 61, let octet = HexPair.octet(text, at: index) {
                decoded.append(octet)
                index += 3
            } else if text[index] == 61, let word = TextAnonymizer.encodedWord(at: index, in: text), word.isBase64 {
                // What it encodes is base64.
                decoded.append(61)
                index = word.body.upperBound
            } else if text[index] == 61, index + 1 == text.endIndex {
                isBroken = true
                places.removeLast()
                index += 1
            } else {
                decoded.append(text[index] == 95 ? 32 : text[index])
                index += 1
            }
        }
        places.append(text.endIndex)
        let goesOn = isBroken && decoded.count < Self.longestLine
        work += text.count
        let separator = decoded[carried...].lastIndex { $0 < 128 && Glyph.next([$0], at: 0).glyph == nil }
        guard let cut = goesOn ? separator : decoded.count - 1 else {
            softBroken = decoded
            return
        }
        work += cut + 1
        softBroken = Array(decoded[(cut + 1)...])
        func place(_ index: Int) -> Int { index < carried ? text.startIndex : places[index - carried] }
        // A long word comes in pieces, which are judged as the one word that they are of.
        var word = text[..<text.startIndex]
        var isWordCommon = false
        var judged = 0
        forEachWord(decoded[..<(cut + 1)], isContent) { mark, range in
            // `type=delivery`, `SIZE=52`: keywords that are followed by what looks like an octet.
            let raw = text[place(range.lowerBound)..<place(range.upperBound)]
            if raw.startIndex < word.startIndex || raw.endIndex > word.endIndex || raw.contains(61) {
                let whole = Self.widened(raw, in: text)
                judged += whole.count
                isWordCommon = isCommon(whole, with: { $0 > 2 })
                // With an equals sign in it, it is more than one word: others are judged on their own.
                word = raw.contains(61) ? text[..<text.startIndex] : whole
            }
            if !isWordCommon { visit(mark, .quotedPrintable) }
        }
        work += judged
    }

    /// The text with the words at its edges whole.
    private static func widened(_ part: ArraySlice<UInt8>, in text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var (from, end) = (part.startIndex, part.endIndex)
        while from > text.startIndex, Glyph.next(text, at: from - 1).glyph != nil { from -= 1 }
        while end < text.endIndex, Glyph.next(text, at: end).glyph != nil { end += 1 }
        return text[from..<end]
    }

    /// All words of a text may stand anywhere, or are numbers; and one of them has a length that counts.
    private func isCommon(_ text: ArraySlice<UInt8>, with counts: (Int) -> Bool) -> Bool {
        var index = text.startIndex
        var isLong = false
        var mark = AnonymousWords.Mark()
        var (count, digits) = (0, 0)
        while index <= text.endIndex {
            let (glyph, width) = index < text.endIndex ? Glyph.next(text, at: index) : (nil, 1)
            if let glyph {
                mark.add(glyph)
                count += 1
                if glyph.alphabet == 1 { digits += 1 }
            } else if count > 0 {
                if count != digits, !isExempt(mark.value) { return false }
                if counts(count) { isLong = true }
                mark = AnonymousWords.Mark()
                (count, digits) = (0, 0)
            }
            index += width
        }
        return isLong
    }

    private func percents(_ text: ArraySlice<UInt8>, _ isContent: Bool, _ visit: (UInt64, Form) -> Void) {
        guard text.contains(37) else { return }
        var decoded: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == 37, let octet = HexPair.octet(text, at: index) {
                decoded.append(octet)
                index += 3
            } else {
                decoded.append(text[index])
                index += 1
            }
        }
        words(decoded[...], .percent, isContent, visit)
    }

    /// `&AOQ-` of mailbox names and `+AOQ-` of UTF-7.
    private mutating func utf7(_ text: ArraySlice<UInt8>, _ isContent: Bool, _ visit: (UInt64, Form) -> Void) {
        guard text.contains(38) || text.contains(43) else { return }
        var decoded: [UInt8] = []
        var index = text.startIndex
        var isEncoded = false
        // The end of the run that was looked for last, and how often one up to there was decoded in vain.
        var end = text.startIndex
        var tried = 0
        while index < text.endIndex {
            let octet = text[index]
            guard octet == 38 || octet == 43 else {
                decoded.append(octet)
                index += 1
                continue
            }
            if end <= index {
                end = text[index...].firstIndex { $0 == 45 || $0 <= 32 } ?? text.endIndex
                work += end - index
                tried = 0
            }
            var scalars: [UInt32]?
            if end < text.endIndex, text[end] == 45, end > index + 2,
                end - index <= Self.longestTried || tried < Self.mostTried
            {
                work += end - index
                if end - index > Self.longestTried { tried += 1 }
                scalars = TextAnonymizer.scalars(text[(index + 1)..<end])
            }
            if let scalars {
                for scalar in scalars { UTF8Scalar.write(scalar, to: &decoded) }
                index = end + 1
                isEncoded = true
            } else {
                decoded.append(octet)
                index += 1
            }
        }
        if isEncoded { words(decoded[...], .utf7, isContent, visit) }
    }

    private func addresses(_ text: ArraySlice<UInt8>, _ visit: (IPAddress) -> Void) {
        guard text.contains(46) || text.contains(58) else { return }
        var index = text.startIndex
        while index < text.endIndex {
            guard let (address, end) = TextAnonymizer.address(text, at: index) else {
                index += 1
                continue
            }
            // Numbers of parts are no address: `BODY[1.2.3.4]`.
            let before = text[..<index].suffix(5)
            if !before.elementsEqual("BODY[".utf8), !before.elementsEqual("PEEK[".utf8),
                !before.elementsEqual("NARY[".utf8)
            {
                visit(address)
            }
            index = end
        }
    }

    /// So many octets are text by no chance.
    private static func isPlainText(_ octets: [UInt8]) -> Bool {
        octets.count >= 12 && octets.allSatisfy { $0 == 9 || $0 == 10 || $0 == 13 || $0 >= 32 && $0 < 127 }
    }

    /// Octets that are text rather than anything else.
    private static func isText(_ octets: [UInt8]) -> Bool {
        guard !octets.isEmpty else { return false }
        let odd = octets.reduce(0) { $0 + ($1 == 9 || $1 == 10 || $1 == 13 || $1 >= 32 && $1 != 127 ? 0 : 1) }
        let high = octets.reduce(0) { $0 + ($1 >= 128 ? 1 : 0) }
        return odd * 10 <= octets.count * 3 && high * 3 <= octets.count * 2
    }
}

/// The words of a side of a session: those of messages and those of lines apart, as chunks of a message belong together and lines stand between them.
struct NoteScanner {
    private var lines: WordScanner
    private var content: WordScanner
    private var continues = false

    init(isThorough: Bool, isExempt: @escaping (UInt64) -> Bool) {
        lines = WordScanner(isThorough: isThorough, isExempt: isExempt)
        content = lines
    }

    mutating func accept(_ note: Note, address: (IPAddress) -> Void, visit: (UInt64, WordScanner.Form) -> Void) {
        switch note.element {
        case .contentBegin(let begun):
            if !continues { content.finish(isContent: true, address: address, visit: visit) }
            continues = begun.continues
            let (_, origin) = SessionAnonymizer.section(begun.section)
            content.beginsWithinWord = origin > 0
            content.endsWithinWord = begun.section.utf8.last == 62
        case .content: content.accept(note.raw, isContent: true, address: address, visit: visit)
        case .contentEnd: if !continues { content.finish(isContent: true, address: address, visit: visit) }
        case .greeting, .command, .commandPart, .reply, .data, .dataPart, .goAhead, .challenge, .response, .done,
            .opaque, .gap,
            .unplaced, .incomplete, .unknown:
            lines.accept(note.raw, isContent: false, address: address, visit: visit)
            if note.raw.last != 10 { lines.finish(isContent: false, address: address, visit: visit) }
        }
    }

    mutating func finish(address: (IPAddress) -> Void, visit: (UInt64, WordScanner.Form) -> Void) {
        lines.finish(isContent: false, address: address, visit: visit)
        content.finish(isContent: true, address: address, visit: visit)
    }
}
