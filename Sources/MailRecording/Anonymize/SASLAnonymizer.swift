// SASL messages: secrets are masked already, as they are in every recording; account names, realms, hosts and nonces in them are replaced within
// the base64 in which they came.

import MailMessage

/// Replaces the messages of a SASL exchange.
struct SASLAnonymizer {
    let text: TextAnonymizer

    /// What stands for a message in base64: as many digits.
    /// - Parameter isChallenge: the server says it.
    func replaced(_ base64: ArraySlice<UInt8>, _ mechanism: String, isChallenge: Bool) -> [UInt8] {
        // Masked as a whole, or a sign that there is nothing.
        if base64.allSatisfy({ $0 == 42 || $0 == 61 || $0 == 45 }) { return Array(base64) }
        if isChallenge, mechanism == "LOGIN" || mechanism.isEmpty {
            return text.base64(base64) { text.replaced($0, WordRule(words: AnonymousWords.greetings)) }
        }
        return text.base64(base64) { message($0, mechanism) }
    }

    private func message(_ octets: ArraySlice<UInt8>, _ mechanism: String) -> [UInt8] {
        if octets.starts(with: Array("NTLMSSP\0".utf8)) { return ntlm(octets) }
        if mechanism.hasPrefix("SCRAM") { return scram(octets) }
        if mechanism == "DIGEST-MD5" { return digest(octets) }
        switch mechanism {
        // Only names in these, and masks.
        case "PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "ANONYMOUS": return text.replaced(octets, .names)
        default: return text.replaced(octets, .keys)
        }
    }

    // MARK: DIGEST-MD5 (RFC 2831 §2.1)

    /// `key="value",key=value`.
    private func digest(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        var index = octets.startIndex
        while index < octets.endIndex {
            let equals = octets[index...].firstIndex(of: 61) ?? octets.endIndex
            let key = octets[index..<equals]
            text.replace(key, WordRule(words: AnonymousWords.keys), into: &out)
            guard equals < octets.endIndex else { break }
            out.append(61)
            index = equals + 1
            var end = index
            if index < octets.endIndex, octets[index] == 34 {
                end = min(HeaderAnonymizer.quoteEnd(octets[(index + 1)...]) + 1, octets.endIndex)
            }
            end = octets[end...].firstIndex(of: 44) ?? octets.endIndex
            let value = octets[index..<end]
            let name = key.suffix(16).trimmed.drop { $0 == 44 }
            if name.equalsIgnoringCase("rspauth") || name.equalsIgnoringCase("response") {
                out += value.map { HexPair.value($0) == nil ? $0 : UInt8(ascii: "0") }
            } else if ["username", "realm", "nonce", "cnonce", "authzid"].contains(where: {
                name.elementsEqual($0.utf8)
            }) {
                text.replace(value, .names, into: &out)
            } else {
                // Words of the mechanism, numbers, and the service before a host.
                var rule = WordRule(words: AnonymousWords.keys.union(AnonymousWords.spoken), longestNumber: 8)
                rule.findsAddresses = name.elementsEqual("digest-uri".utf8)
                text.replace(value, rule, into: &out)
            }
            index = end
            if index < octets.endIndex {
                out.append(44)
                index += 1
            }
        }
        return out
    }

    // MARK: SCRAM (RFC 5802 §7)

    /// The server's nonce begins with the client's: it is replaced octet by octet. What is base64 within stays base64.
    private func scram(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        for (place, part) in octets.split(separator: 44, omittingEmptySubsequences: false).enumerated() {
            if place > 0 { out.append(44) }
            guard part.count >= 2, part[part.startIndex + 1] == 61 else {
                text.replace(part, .keys, into: &out)
                continue
            }
            let value = part.dropFirst(2)
            out += part.prefix(2)
            switch part.first {
            // The kind of the channel binding, in the header of the first message.
            case UInt8(ascii: "p") where place == 0:
                text.replace(value, WordRule(words: AnonymousWords.keys), into: &out)
            case UInt8(ascii: "r"), UInt8(ascii: "s"), UInt8(ascii: "v"), UInt8(ascii: "p"): out += turned(value)
            case UInt8(ascii: "c"):
                let made = text.base64(value) { text.replaced($0, .keys) }
                if made.elementsEqual(value) { text.pseudonyms.keep(value) }
                out += made
            case UInt8(ascii: "i"): out += value
            default: text.replace(value, .names, into: &out)
            }
        }
        return out
    }

    /// Each letter and digit by one that depends on its place only.
    private func turned(_ value: ArraySlice<UInt8>) -> [UInt8] {
        value.enumerated().map { place, octet in
            guard octet < 128, var glyph = Glyph.next([octet], at: 0).glyph else { return octet }
            var seed: [UInt8] = []
            seed.appendBig32(UInt32(truncatingIfNeeded: place))
            glyph.digit = (glyph.digit + UInt32(text.pseudonyms.number(seed) % UInt64(glyph.radix))) % glyph.radix
            var out: [UInt8] = []
            glyph.write(to: &out)
            return out.first ?? octet
        }
    }

    // MARK: NTLM (MS-NLMP §2.2)

    /// Names in UTF-16, little-endian: each is read as one word. Lengths and flags stay, and so does what is masked.
    private func ntlm(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var out = Array(octets.prefix(12))
        var index = octets.startIndex + min(12, octets.count)
        while index < octets.endIndex {
            var end = index
            var name: [UInt8] = []
            while end + 1 < octets.endIndex, octets[end + 1] == 0, octets[end] > 32, octets[end] < 127 {
                name.append(octets[end])
                end += 2
            }
            // Names in the charset of the machine, where UTF-16 was not agreed upon yet.
            let plain = octets[index...].prefix { Glyph.next([$0], at: 0).glyph != nil && $0 < 128 }
            if name.count >= 2 {
                for octet in text.replaced(name[...], .names) { out += [octet, 0] }
                index = end
            } else if plain.count >= 3 {
                text.replace(plain, .names, into: &out)
                index = plain.endIndex
            } else {
                out.append(octets[index])
                index += 1
            }
        }
        // The challenge of the server is nobody's name, but it is the same nowhere else.
        if octets.count >= 32, octets[octets.startIndex + 8] == 2 {
            for place in 24..<32 {
                out[place] = UInt8(truncatingIfNeeded: text.pseudonyms.number([out[place], UInt8(place)]))
            }
        }
        return out
    }
}
