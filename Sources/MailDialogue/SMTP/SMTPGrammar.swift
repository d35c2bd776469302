// The terminals of RFC 5321 §4.1.2 and of the parameters of SMTP's extensions, judged octet by octet.

/// Grammar that SMTP's commands and replies share. Everything looks at a line in place and recurses nowhere.
enum SMTPGrammar {
    static func isDigit(_ octet: UInt8) -> Bool { octet >= 48 && octet <= 57 }

    static func isLetter(_ octet: UInt8) -> Bool { (octet | 32) >= 97 && (octet | 32) <= 122 }

    static func isLetterOrDigit(_ octet: UInt8) -> Bool { isLetter(octet) || isDigit(octet) }

    static func isHexDigit(_ octet: UInt8) -> Bool { isDigit(octet) || ((octet | 32) >= 97 && (octet | 32) <= 102) }

    /// An ASCII letter in its capital form, any other octet as it is.
    static func capital(_ octet: UInt8) -> UInt8 { octet >= 97 && octet <= 122 ? octet - 32 : octet }

    /// Every octet passes a test.
    @inline(__always)
    static func all(_ text: Span<UInt8>, _ passes: (UInt8) -> Bool) -> Bool {
        var index = 0
        while index < text.count {
            if !passes(text[index]) { return false }
            index += 1
        }
        return true
    }

    /// `Domain`: labels of letters, digits and inner hyphens, parted by dots. Octets beyond ASCII are taken for parts of
    /// a U-label.
    static func isDomain(_ text: Span<UInt8>) -> Bool {
        var index = 0
        while true {
            let length = text.labelLength(from: index)
            guard length > 0, text[index] != 45, text[index + length - 1] != 45 else { return false }
            index += length
            if index == text.count { return true }
            guard text[index] == 46 else { return false }
            index += 1
        }
    }

    /// `Domain / address-literal`: what stands in EHLO, in the greeting and behind the @.
    static func isHost(_ text: Span<UInt8>) -> Bool {
        text.count > 0 && text[0] == UInt8(ascii: "[") ? isAddressLiteral(text) : isDomain(text)
    }

    /// `address-literal` (§4.1.3): an IPv4 address, `IPv6:` and an address, or a tag and printable octets.
    static func isAddressLiteral(_ text: Span<UInt8>) -> Bool {
        guard text.count > 2, text[0] == UInt8(ascii: "["), text[text.count - 1] == UInt8(ascii: "]") else {
            return false
        }
        let inner = text.extracting(1..<(text.count - 1))
        if isIPv4(inner) { return true }
        guard let colon = inner.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return false }
        let tag = inner.extracting(0..<colon)
        let address = inner.extracting(inner.clamp(colon + 1)...)
        if tag.equalsIgnoringCase("IPv6") { return isIPv6(address) }
        return isLetterOrDigit(tag[colon - 1]) && address.count > 0 && all(tag) { isLetterOrDigit($0) || $0 == 45 }
            && all(address) { ($0 >= 33 && $0 <= 90) || ($0 >= 94 && $0 <= 126) }
    }

    /// Four numbers of up to three digits, 0 to 255.
    static func isIPv4(_ text: Span<UInt8>) -> Bool {
        var numbers = 0
        var index = 0
        while true {
            var value = 0
            var digits = 0
            while index < text.count, isDigit(text[index]), digits < 4 {
                value = value * 10 + Int(text[index] - 48)
                digits += 1
                index += 1
            }
            guard digits >= 1, digits <= 3, value <= 255 else { return false }
            numbers += 1
            if index == text.count { return numbers == 4 }
            guard text[index] == 46, numbers < 4 else { return false }
            index += 1
        }
    }

    /// `IPv6-addr`: eight groups, or fewer with one `::`, the last two perhaps as an IPv4 address.
    static func isIPv6(_ text: Span<UInt8>) -> Bool {
        var groups = 0
        var isShortened = false
        var index = 0
        if text.count >= 2, text[0] == 58, text[1] == 58 {
            isShortened = true
            index = 2
            if text.count == 2 { return true }
        }
        while true {
            let start = index
            while index < text.count, isHexDigit(text[index]), index - start < 5 { index += 1 }
            guard index > start, index - start <= 4 else { return false }
            if index < text.count, text[index] == 46 {
                groups += 2
                return isIPv4(text.extracting(text.clamp(start)...)) && (isShortened ? groups <= 6 : groups == 8)
            }
            groups += 1
            guard groups <= 8 else { return false }
            if index == text.count { return isShortened ? groups <= 6 : groups == 8 }
            guard text[index] == 58 else { return false }
            index += 1
            if index < text.count, text[index] == 58 {
                guard !isShortened else { return false }
                isShortened = true
                index += 1
                if index == text.count { return groups <= 6 }
            }
        }
    }

    /// `esmtp-keyword` and `ehlo-keyword`: a letter or digit, then letters, digits and hyphens.
    static func isKeyword(_ text: Span<UInt8>) -> Bool {
        text.count > 0 && isLetterOrDigit(text[0]) && all(text) { isLetterOrDigit($0) || $0 == 45 }
    }

    /// `esmtp-value`: no space, no control, no `=`; beyond ASCII under SMTPUTF8 only (RFC 6531 §3.3), which is judged with
    /// the whole line.
    static func isValue(_ text: Span<UInt8>) -> Bool {
        text.count > 0 && all(text) { $0 > 32 && $0 != 61 && $0 != 127 }
    }

    /// `xtext` (RFC 3461 §4): `+` stands before two hexadecimal digits in capitals.
    static func isXtext(_ text: Span<UInt8>) -> Bool {
        func isCapitalHex(_ octet: UInt8) -> Bool { isDigit(octet) || (octet >= 65 && octet <= 70) }
        var index = 0
        while true {
            index += text.xtextLength(from: index)
            if index == text.count { return true }
            guard index + 2 < text.count, text[index] == 43, isCapitalHex(text[index + 1]),
                isCapitalHex(text[index + 2])
            else { return false }
            index += 3
        }
    }

    /// One to `most` digits.
    static func isNumber(_ text: Span<UInt8>, most: Int) -> Bool {
        text.count > 0 && text.count <= most && all(text, isDigit)
    }

    /// `date-time` of RFC 3339 §5.6, its digits in their places.
    static func isDateTime(_ text: Span<UInt8>, onlyUTC: Bool) -> Bool {
        guard text.count >= 20 else { return false }
        for index in 0..<19 {
            let octet = text[index]
            switch index {
            case 4, 7: if octet != 45 { return false }
            case 10: if capital(octet) != UInt8(ascii: "T") { return false }
            case 13, 16: if octet != 58 { return false }
            default: if !isDigit(octet) { return false }
            }
        }
        var index = 19
        if text[index] == 46 {
            index += 1
            let start = index
            while index < text.count, isDigit(text[index]) { index += 1 }
            guard index > start else { return false }
        }
        let zone = text.extracting(text.clamp(index)...)
        if zone.count == 1 { return capital(zone[0]) == UInt8(ascii: "Z") }
        guard !onlyUTC, zone.count == 6, zone[0] == 43 || zone[0] == 45, zone[3] == 58 else { return false }
        return isDigit(zone[1]) && isDigit(zone[2]) && isDigit(zone[4]) && isDigit(zone[5])
    }

    /// The octets are UTF-8 (RFC 3629 §4).
    static func isUTF8(_ text: Span<UInt8>) -> Bool {
        text.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil }
    }
}
