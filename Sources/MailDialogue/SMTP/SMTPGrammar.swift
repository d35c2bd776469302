// The terminals of RFC 5321 §4.1.2 and of the parameters of SMTP's extensions, judged octet by octet.

/// Grammar that SMTP's commands and replies share. Everything takes slices of a line, copies nothing and recurses nowhere.
enum SMTPGrammar {
    static func isDigit(_ octet: UInt8) -> Bool { octet >= 48 && octet <= 57 }

    static func isLetter(_ octet: UInt8) -> Bool { (octet | 32) >= 97 && (octet | 32) <= 122 }

    static func isLetterOrDigit(_ octet: UInt8) -> Bool { isLetter(octet) || isDigit(octet) }

    /// `atext` (RFC 5322 §3.2.3); beyond ASCII when the line may be UTF-8 (RFC 6531 §3.3), which is judged apart.
    static func isAtext(_ octet: UInt8) -> Bool {
        switch octet {
        case 97...122, 65...90, 48...57, 128...255: true
        case 33, 35...39, 42, 43, 45, 47, 61, 63, 94...96, 123...126: true  // !#$%&'*+-/=?^_`{|}~
        default: false
        }
    }

    /// `Domain`: labels of letters, digits and inner hyphens, parted by dots. Octets beyond ASCII are taken for parts of
    /// a U-label.
    static func isDomain(_ text: ArraySlice<UInt8>) -> Bool {
        var previous = UInt8(ascii: ".")
        for octet in text {
            switch octet {
            case 97...122, 65...90, 48...57, 128...255: break
            case 45: if previous == 46 { return false }
            case 46: if previous == 46 || previous == 45 { return false }
            default: return false
            }
            previous = octet
        }
        return previous != 46 && previous != 45
    }

    /// `Domain / address-literal`: what stands in EHLO, in the greeting and behind the @.
    static func isHost(_ text: ArraySlice<UInt8>) -> Bool {
        text.first == UInt8(ascii: "[") ? isAddressLiteral(text) : isDomain(text)
    }

    /// `address-literal` (§4.1.3): an IPv4 address, `IPv6:` and an address, or a tag and printable octets.
    static func isAddressLiteral(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.count > 2, text.first == UInt8(ascii: "["), text.last == UInt8(ascii: "]") else { return false }
        let inner = text.dropFirst().dropLast()
        if isIPv4(inner) { return true }
        guard let colon = inner.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let tag = inner[..<colon]
        let address = inner[(colon + 1)...]
        if tag.equalsIgnoringCase("IPv6") { return isIPv6(address) }
        guard let last = tag.last, isLetterOrDigit(last), !address.isEmpty else { return false }
        return tag.allSatisfy { isLetterOrDigit($0) || $0 == 45 }
            && address.allSatisfy { ($0 >= 33 && $0 <= 90) || ($0 >= 94 && $0 <= 126) }
    }

    /// Four numbers of up to three digits, 0 to 255.
    static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
        var numbers = 0
        var rest = text
        while true {
            let digits = rest.prefix { isDigit($0) }
            guard digits.count <= 3, let value = digits.decimal, value <= 255 else { return false }
            numbers += 1
            rest = rest[digits.endIndex...]
            if rest.isEmpty { return numbers == 4 }
            guard rest.first == 46, numbers < 4 else { return false }
            rest = rest[(rest.startIndex + 1)...]
        }
    }

    /// `IPv6-addr`: eight groups, or fewer with one `::`, the last two perhaps as an IPv4 address.
    static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
        var groups = 0
        var isShortened = false
        var rest = text
        if rest.starts(with: [58, 58]) {
            isShortened = true
            rest = rest[(rest.startIndex + 2)...]
            if rest.isEmpty { return true }
        }
        while true {
            let digits = rest.prefix { isHexDigit($0) }
            guard !digits.isEmpty, digits.count <= 4 else { return false }
            let behind = rest[digits.endIndex...]
            if behind.first == 46 {
                groups += 2
                guard isIPv4(rest) else { return false }
                return isShortened ? groups <= 6 : groups == 8
            }
            groups += 1
            guard groups <= 8 else { return false }
            if behind.isEmpty { return isShortened ? groups <= 6 : groups == 8 }
            guard behind.first == 58 else { return false }
            rest = behind[(behind.startIndex + 1)...]
            if rest.first == 58 {
                guard !isShortened else { return false }
                isShortened = true
                rest = rest[(rest.startIndex + 1)...]
                if rest.isEmpty { return groups <= 6 }
            }
        }
    }

    static func isHexDigit(_ octet: UInt8) -> Bool {
        isDigit(octet) || ((octet | 32) >= 97 && (octet | 32) <= 102)
    }

    /// `esmtp-keyword` and `ehlo-keyword`: a letter or digit, then letters, digits and hyphens.
    static func isKeyword(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first, isLetterOrDigit(first) else { return false }
        return text.allSatisfy { isLetterOrDigit($0) || $0 == 45 }
    }

    /// `esmtp-value`: no space, no control, no `=`; beyond ASCII under SMTPUTF8 only (RFC 6531 §3.3), which is judged with
    /// the whole line.
    static func isValue(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.allSatisfy { ($0 > 32 && $0 != 61 && $0 != 127) }
    }

    /// `xtext` (RFC 3461 §4): `+` stands before two hexadecimal digits in capitals.
    static func isXtext(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        while let octet = rest.popFirst() {
            guard octet >= 33, octet <= 126, octet != 61 else { return false }
            guard octet == 43 else { continue }
            for _ in 0..<2 {
                guard let digit = rest.popFirst(), isDigit(digit) || (digit >= 65 && digit <= 70) else { return false }
            }
        }
        return true
    }

    /// One to `most` digits.
    static func isNumber(_ text: ArraySlice<UInt8>, most: Int) -> Bool {
        !text.isEmpty && text.count <= most && text.allSatisfy(isDigit)
    }

    /// `date-time` of RFC 3339 §5.6, its digits in their places.
    static func isDateTime(_ text: ArraySlice<UInt8>, onlyUTC: Bool) -> Bool {
        let pattern: StaticString = "dddd-dd-ddTdd:dd:dd"
        guard text.count >= 20 else { return false }
        let fits = pattern.withUTF8Buffer { pattern in
            zip(pattern, text).allSatisfy { wanted, octet in
                switch wanted {
                case UInt8(ascii: "d"): isDigit(octet)
                case UInt8(ascii: "T"): octet | 32 == UInt8(ascii: "t")
                default: octet == wanted
                }
            }
        }
        guard fits else { return false }
        var zone = text.dropFirst(19)
        if zone.first == 46 {
            let fraction = zone.dropFirst().prefix { isDigit($0) }
            guard !fraction.isEmpty else { return false }
            zone = zone[fraction.endIndex...]
        }
        if zone.count == 1, let letter = zone.first { return letter | 32 == UInt8(ascii: "z") }
        guard !onlyUTC, zone.count == 6, let sign = zone.first, sign == 43 || sign == 45 else { return false }
        let offset = zone.dropFirst()
        return offset.enumerated().allSatisfy { $0.offset == 2 ? $0.element == 58 : isDigit($0.element) }
    }

    /// The octets are UTF-8 (RFC 3629 §4).
    static func isUTF8(_ text: ArraySlice<UInt8>) -> Bool {
        text.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil }
    }
}
