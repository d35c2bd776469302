// Text of which each word is replaced by its pseudonym, and all between the words stays. What is encoded within it (encoded words, percent signs,
// base64) is decoded, replaced and encoded again in the same length; an IP address becomes another.

import MailMessage

/// Which words stay.
struct WordRule {
    /// Words that stay, by mark.
    var words: Set<UInt64> = []
    /// Numbers of so many digits stay.
    var longestNumber = 0
    /// Numbers with dots and colons are addresses.
    var findsAddresses = true
    /// The end of a file name stays.
    var keepsExtension = false
    /// Words of ``words`` stay only before an equals sign, or behind one.
    var onlyAsKeys = false
    /// `+41` is an octet (RFC 3461 §4).
    var isXText = false
    /// The charset of octets beyond ASCII has characters of several octets, and is not UTF-8.
    var hasWideOctets = false

    /// What people and machines are called, and what people say: nothing stays but ends of domains and signs of replies.
    static let names = WordRule()
    /// Words of a protocol, where no name is expected.
    static let syntax = WordRule(
        words: AnonymousWords.spoken.union(AnonymousWords.dates), longestNumber: Int.max, findsAddresses: false)
    /// What a server says to people.
    static let speech = WordRule(words: AnonymousWords.spoken, longestNumber: 4)
    static let mime = WordRule(words: AnonymousWords.mime, longestNumber: 4, findsAddresses: false)
    static let fields = WordRule(words: AnonymousWords.fields)
    static let date = WordRule(words: AnonymousWords.dates, longestNumber: 4)
    static let trace = WordRule(words: AnonymousWords.traces)
    static let keys = WordRule(words: AnonymousWords.keys, longestNumber: 0, onlyAsKeys: true)
    static let token = WordRule(
        words: AnonymousWords.mime, longestNumber: 4, findsAddresses: false, keepsExtension: true)
    static let fileName = WordRule(keepsExtension: true)
}

/// Replaces text.
struct TextAnonymizer {
    /// A longer run of letters is several words.
    static let longestWord = 256
    let pseudonyms: Pseudonyms

    func replaced(_ text: ArraySlice<UInt8>, _ rule: WordRule) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        replace(text, rule, into: &out)
        return out
    }

    /// Appends what stands for `text`: as many octets.
    func replace(_ text: ArraySlice<UInt8>, _ rule: WordRule, into out: inout [UInt8]) {
        var index = text.startIndex
        var glyphs: [Glyph] = []
        while index < text.endIndex {
            let octet = text[index]
            if octet == 61, let end = encodedWord(text[index...], rule, into: &out) {
                index = end
                continue
            }
            if octet == 37, let end = percents(text[index...], rule, into: &out) {
                index = end
                continue
            }
            if octet == 43, rule.isXText, let value = HexPair.octet(text, at: index) {
                out.append(octet)
                // Digits of an octet are no word; letters that need not have been encoded are not said.
                let shown = Glyph.next([value], at: 0).glyph == nil ? value : UInt8(ascii: "x")
                HexPair.append(shown, like: text[(index + 1)..<(index + 3)], to: &out)
                index += 3
                continue
            }
            if rule.findsAddresses, let end = address(text, at: index, into: &out) {
                index = end
                continue
            }
            let start = index
            glyphs.removeAll(keepingCapacity: true)
            while index < text.endIndex, glyphs.count < Self.longestWord {
                let (glyph, width) = Glyph.next(text, at: index)
                guard let glyph else {
                    if glyphs.isEmpty { index += width }
                    break
                }
                glyphs.append(glyph)
                index += width
            }
            if glyphs.isEmpty {
                out += text[start..<index]
            } else if rule.hasWideOctets, glyphs.contains(where: { $0.alphabet != 0 && $0.alphabet != 1 }) {
                out += text[start..<index].map { $0 < 128 ? UInt8(ascii: "x") : 0xB0 }
            } else if stays(glyphs, text, start..<index, rule) {
                out += text[start..<index]
            } else {
                out += pseudonyms.word(text[start..<index], glyphs)
            }
        }
    }

    private func stays(_ word: [Glyph], _ text: ArraySlice<UInt8>, _ range: Range<Int>, _ rule: WordRule) -> Bool {
        if rule.longestNumber > 0, word.count <= rule.longestNumber, word.allSatisfy({ $0.alphabet == 1 }) {
            return true
        }
        let mark = AnonymousWords.Mark.of(word)
        let before = range.lowerBound > text.startIndex ? text[range.lowerBound - 1] : nil
        let after = range.upperBound < text.endIndex ? text[range.upperBound] : nil
        if rule.words.contains(mark) {
            guard rule.onlyAsKeys else { return true }
            return after == 61 || before == 61 && (after == nil || after == 44 || after == 32)
        }
        if before == 46, AnonymousWords.domains.contains(mark), !goesOn(text, range.upperBound) { return true }
        if before == 46, rule.keepsExtension, after == nil || after == 34, AnonymousWords.extensions.contains(mark) {
            return true
        }
        if after == 58, AnonymousWords.replies.contains(mark) { return true }
        return mark == Self.localhost
    }

    private static let localhost = AnonymousWords.Mark.of("localhost")

    /// A dot and another word follow.
    private func goesOn(_ text: ArraySlice<UInt8>, _ index: Int) -> Bool {
        guard index + 1 < text.endIndex, text[index] == 46 else { return false }
        return Glyph.next(text, at: index + 1).glyph != nil
    }

    // MARK: Addresses

    /// An IP address at `index`, and only there.
    private func address(_ text: ArraySlice<UInt8>, at index: Int, into out: inout [UInt8]) -> Int? {
        guard let (address, end) = Self.address(text, at: index) else { return nil }
        let old = text[index..<end]
        let made = Array(pseudonyms.address(address).description.utf8)
        if made.count == old.count {
            // Groups of digits of an IPv6 address read like words.
            if address.isIPv6 { pseudonyms.keep(made[...]) }
            out += made
        } else {
            // Not as RFC 5952 writes it. Its digits are replaced; that it is the same as another is lost.
            for octet in old { out.append(HexPair.value(octet) == nil ? octet : octet <= 57 ? 49 : 97) }
        }
        return end
    }

    /// Reads an IP address that begins at `index` and is not part of something longer.
    static func address(_ text: ArraySlice<UInt8>, at index: Int) -> (address: IPAddress, end: Int)? {
        let first = text[index]
        guard HexPair.value(first) != nil || first == 58 else { return nil }
        // Dotted hex digits and colons: a letter or a digit before it makes it part of a word.
        if index > text.startIndex {
            let before = text[index - 1]
            if Glyph.next(text, at: index - 1).glyph != nil || before == 46 { return nil }
            // `IPv6:` stands before an address (RFC 5321 §4.1.3).
            if before == 58, !text[..<index].suffix(5).elementsEqual("IPv6:".utf8) { return nil }
        }
        var end = index
        var colons = 0
        var dots = 0
        while end < text.endIndex, end - index < 46 {
            let octet = text[end]
            if octet == 58 {
                colons += 1
            } else if octet == 46 {
                dots += 1
            } else if HexPair.value(octet) == nil {
                break
            }
            end += 1
        }
        guard dots >= 3 || colons >= 2 else { return nil }
        while end > index,
            text[end - 1] == 46 || (text[end - 1] == 58 && !text[..<end].suffix(2).elementsEqual([58, 58]))
        {
            end -= 1
        }
        // A port may follow behind a colon, another word may not.
        if colons == 1, let colon = text[index..<end].firstIndex(of: 58) { end = colon }
        if end < text.endIndex, Glyph.next(text, at: end).glyph != nil { return nil }
        guard end - index >= 3, let address = IPAddress(String(decoding: text[index..<end], as: UTF8.self)) else {
            return nil
        }
        return (address, end)
    }

    // MARK: What is encoded

    /// Octets behind percent signs (RFC 3986 §2.1, RFC 2231 §4).
    private func percents(_ text: ArraySlice<UInt8>, _ rule: WordRule, into out: inout [UInt8]) -> Int? {
        var octets: [UInt8] = []
        var index = text.startIndex
        while octets.count < Self.longestWord, index < text.endIndex, text[index] == 37,
            let octet = HexPair.octet(text, at: index)
        {
            octets.append(octet)
            index += 3
        }
        guard !octets.isEmpty else { return nil }
        var inner = rule
        inner.keepsExtension = false
        for (place, octet) in replaced(octets[...], inner).enumerated() {
            let start = text.startIndex + place * 3
            out.append(37)
            HexPair.append(octet, like: text[(start + 1)..<(start + 3)], to: &out)
        }
        return index
    }

    /// An encoded word (RFC 2047 §2) at the front of `text`.
    private func encodedWord(_ text: ArraySlice<UInt8>, _ rule: WordRule, into out: inout [UInt8]) -> Int? {
        guard let word = Self.encodedWord(at: text.startIndex, in: text) else { return nil }
        var inner = rule
        inner.hasWideOctets = word.charset == .wide
        let end = word.body.upperBound + 2
        out += text[..<word.body.lowerBound]
        out +=
            word.isBase64
            ? base64(text[word.body]) { replacedEncoded($0, word.charset, inner) }
            : quoted(text[word.body], word.charset, inner)
        out += text[word.body.upperBound..<end]
        return end
    }

    /// An encoded word in a charset that is known: where what it encodes stands.
    struct EncodedWord {
        var charset: EncodedCharset
        var isBase64: Bool
        var body: Range<Int>
    }

    /// The encoded word that begins at `start`.
    static func encodedWord(at start: Int, in text: ArraySlice<UInt8>) -> EncodedWord? {
        guard text.endIndex - start >= 8, text[start + 1] == 63 else { return nil }
        var marks: [Int] = []
        var index = start + 2
        while index < text.endIndex, index - start < 2048, marks.count < 3 {
            if text[index] == 63 { marks.append(index) } else if text[index] <= 32 || text[index] > 126 { return nil }
            index += 1
        }
        guard marks.count == 3, marks[1] == marks[0] + 2, marks[2] + 1 < text.endIndex, text[marks[2] + 1] == 61,
            let charset = EncodedCharset(text[(start + 2)..<marks[0]])
        else { return nil }
        let isBase64: Bool
        switch text[marks[0] + 1] {
        case 66, 98: isBase64 = true
        case 81, 113: isBase64 = false
        default: return nil
        }
        return EncodedWord(charset: charset, isBase64: isBase64, body: (marks[1] + 1)..<marks[2])
    }

    private func replacedEncoded(_ octets: ArraySlice<UInt8>, _ kind: EncodedCharset, _ rule: WordRule) -> [UInt8] {
        switch kind {
        case .octets, .wide: return replaced(octets, rule)
        case .opaque: return octets.map { Glyph.next([$0], at: 0).glyph == nil && $0 < 128 ? $0 : UInt8(ascii: "x") }
        }
    }

    /// The octets of base64, replaced by as many, in as many digits. What is no base64 is replaced digit by digit.
    func base64(_ text: ArraySlice<UInt8>, _ replace: (ArraySlice<UInt8>) -> [UInt8]) -> [UInt8] {
        guard let octets = Base64.decode(text) else {
            pseudonyms.unread += text.count
            return text.map { Base64.value(of: $0) == nil ? $0 : UInt8(ascii: "x") }
        }
        var made = Base64.encode(replace(octets[...]))
        // Bits behind the octets, and pad characters, as they were.
        let pads = text.reversed().prefix { $0 == 61 }.count
        while made.last == 61 { made.removeLast() }
        if let place = made.indices.last, made.count + pads == text.count, made.count & 3 > 1,
            let old = Base64.value(of: text[text.startIndex + place]), let new = Base64.value(of: made[place])
        {
            let mask: UInt8 = made.count & 3 == 2 ? 15 : 3
            made[place] = Self.digits[Int(new & ~mask | old & mask)]
        }
        made += [UInt8](repeating: 61, count: pads)
        return made.count == text.count ? made : text.map { Base64.value(of: $0) == nil ? $0 : UInt8(ascii: "x") }
    }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The Q encoding (RFC 2047 §4.2): the octets are replaced where they stand, each in the form in which it was.
    private func quoted(_ text: ArraySlice<UInt8>, _ kind: EncodedCharset, _ rule: WordRule) -> [UInt8] {
        var octets: [UInt8] = []
        var places: [Int] = []
        var index = text.startIndex
        while index < text.endIndex {
            places.append(index)
            if text[index] == 61, let octet = HexPair.octet(text, at: index) {
                octets.append(octet)
                index += 3
            } else {
                octets.append(text[index] == 95 ? 32 : text[index])
                index += 1
            }
        }
        var out: [UInt8] = []
        for (place, octet) in zip(places, replacedEncoded(octets[...], kind, rule)) {
            if text[place] == 61, HexPair.octet(text, at: place) != nil {
                out.append(61)
                HexPair.append(octet, like: text[(place + 1)..<(place + 3)], to: &out)
            } else {
                out.append(octet == 32 ? 95 : octet)
            }
        }
        return out
    }
}

/// How the octets of a charset are told apart.
enum EncodedCharset {
    /// UTF-8, or an octet a character.
    case octets
    /// Several octets a character.
    case wide
    /// ASCII octets that are not what they seem.
    case opaque

    /// Nil when the charset is not known.
    init?(_ name: ArraySlice<UInt8>) {
        // A language may stand behind it (RFC 2231 §5).
        let text = name.prefix { $0 != 42 }
        if text.hasPrefixIgnoringCase("iso-2022") || text.hasPrefixIgnoringCase("utf-7")
            || text.hasPrefixIgnoringCase("utf-16") || text.hasPrefixIgnoringCase("utf-32")
        {
            self = .opaque
            return
        }
        var words = text[...]
        var isKnown = !text.isEmpty
        while !words.isEmpty {
            let word = words.prefix { $0 != 45 && $0 != 95 }
            words = words.dropFirst(word.count + 1)
            if !word.isEmpty, !AnonymousWords.mime.contains(AnonymousWords.Mark.of(word)) { isKnown = false }
        }
        guard isKnown else { return nil }
        let isNarrow =
            text.hasPrefixIgnoringCase("utf") || text.hasPrefixIgnoringCase("iso-8859")
            || text.hasPrefixIgnoringCase("us-ascii") || text.hasPrefixIgnoringCase("windows")
            || text.hasPrefixIgnoringCase("latin") || text.hasPrefixIgnoringCase("koi8")
        self = isNarrow ? .octets : .wide
    }
}
