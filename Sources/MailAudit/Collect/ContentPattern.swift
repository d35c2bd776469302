// What should not stand in messages in clear: card numbers, bank accounts, keys, passwords. Numbers count only when their check digits
// are right, so that order numbers and telephone numbers stay out.

/// Something that should not stand in a message in clear.
package struct ContentPattern: Sendable {
    package let name: String
    /// The first place of the text that fits, in a form that can be shown; nil when none does.
    package let find: @Sendable (String) -> String?

    package init(_ name: String, _ find: @escaping @Sendable (String) -> String?) {
        self.name = name
        self.find = find
    }

    /// What everybody wants to know of.
    package static let builtIn: [ContentPattern] = [
        ContentPattern("card number", cardNumber), ContentPattern("bank account", bankAccount),
        ContentPattern("private key", privateKey), ContentPattern("access key", accessKey),
        ContentPattern("password", password),
    ]

    private static func isDigit(_ octet: UInt8) -> Bool { octet >= 48 && octet <= 57 }
    private static func isCapital(_ octet: UInt8) -> Bool { octet >= 65 && octet <= 90 }
    private static func isWord(_ octet: UInt8) -> Bool {
        isDigit(octet) || isCapital(octet) || octet >= 97 && octet <= 122 || octet == 95 || octet >= 128
    }

    /// 13 to 19 digits with spaces or dashes between, beginning as cards do, whose last one checks (ISO/IEC 7812-1).
    private static func cardNumber(_ text: String) -> String? {
        var digits: [UInt8] = []
        var before: UInt8 = 32
        var begins: UInt8 = 32
        func judge(_ after: UInt8) -> String? {
            guard digits.count >= 13, digits.count <= 19, !isWord(begins), !isWord(after),
                let first = digits.first, (3...6).contains(first - 48), Set(digits).count > 1
            else { return nil }
            var sum = 0
            for (place, digit) in digits.reversed().enumerated() {
                let value = Int(digit - 48)
                sum += place % 2 == 0 ? value : value > 4 ? value * 2 - 9 : value * 2
            }
            guard sum % 10 == 0 else { return nil }
            return String(repeating: "*", count: digits.count - 4) + String(decoding: digits.suffix(4), as: UTF8.self)
        }
        for octet in text.utf8 {
            if isDigit(octet) {
                if digits.isEmpty { begins = before }
                digits.append(octet)
            } else if octet == 32 || octet == 45, !digits.isEmpty, before != octet {
                // A separator within the number.
                before = octet
                if digits.count >= 13, let found = judge(octet) { return found }
                continue
            } else {
                if let found = judge(octet) { return found }
                digits.removeAll(keepingCapacity: true)
            }
            if digits.count > 19 { digits.removeAll(keepingCapacity: true) }
            before = octet
        }
        return judge(32)
    }

    /// An IBAN whose check digits are right (ISO 13616-1, ISO/IEC 7064 MOD 97-10).
    private static func bankAccount(_ text: String) -> String? {
        let octets = Array(text.utf8)
        var at = 0
        while at + 15 <= octets.count {
            defer { at += 1 }
            guard isCapital(octets[at]), isCapital(octets[at + 1]), isDigit(octets[at + 2]), isDigit(octets[at + 3]),
                at == 0 || !isWord(octets[at - 1])
            else { continue }
            var account: [UInt8] = []
            var place = at
            while place < octets.count, account.count < 34 {
                let octet = octets[place]
                if isDigit(octet) || isCapital(octet) {
                    account.append(octet)
                } else if octet != 32 || place + 1 < octets.count && octets[place + 1] == 32 {
                    break
                }
                place += 1
                // Each length from 15 on may be a country's.
                if account.count >= 15, place == octets.count || !isWord(octets[place]), remainder(account) == 1 {
                    return String(decoding: account.prefix(4), as: UTF8.self)
                        + String(repeating: "*", count: account.count - 4)
                }
            }
        }
        return nil
    }

    private static func remainder(_ account: [UInt8]) -> Int {
        var rest = 0
        for octet in account.dropFirst(4) + account.prefix(4) {
            if isDigit(octet) {
                rest = (rest * 10 + Int(octet - 48)) % 97
            } else {
                rest = (rest * 100 + Int(octet - 55)) % 97
            }
        }
        return rest
    }

    private static func privateKey(_ text: String) -> String? {
        for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA ", "PGP "] {
            let line = "-----BEGIN \(kind)PRIVATE KEY\(kind == "PGP " ? " BLOCK" : "")-----"
            if text.contains(line) { return line }
        }
        return nil
    }

    /// Keys of services by the form that their issuers gave them.
    private static func accessKey(_ text: String) -> String? {
        let forms: [(prefix: String, length: Int)] = [
            ("AKIA", 20), ("ASIA", 20), ("ghp_", 40), ("gho_", 40), ("github_pat_", 60), ("xoxb-", 24), ("xoxp-", 24),
            ("sk_live_", 24), ("AIza", 39), ("glpat-", 26),
        ]
        for word in text.utf8.split(whereSeparator: { $0 <= 32 || $0 == 34 || $0 == 39 || $0 == 61 || $0 == 44 }) {
            for form in forms where word.count >= form.length && word.starts(with: form.prefix.utf8) {
                guard word.allSatisfy({ isWord($0) || $0 == 45 }) else { continue }
                return form.prefix + String(repeating: "*", count: word.count - form.prefix.utf8.count)
            }
        }
        return nil
    }

    /// `password: something` in the languages of most mail.
    private static func password(_ text: String) -> String? {
        let lower = text.lowercased()
        for word in ["password", "passwort", "kennwort", "mot de passe", "contraseña", "passphrase", "pin code"] {
            var rest = lower[...]
            while let range = rest.firstRange(of: word) {
                rest = rest[range.upperBound...]
                let behind = rest.prefix(40).drop { $0 == " " || $0 == "*" }
                var value = behind.dropFirst()
                if behind.hasPrefix("is ") || behind.hasPrefix("ist ") { value = behind.drop { $0 != " " } }
                guard
                    behind.hasPrefix(":") || behind.hasPrefix("=") || value.startIndex != behind.dropFirst().startIndex
                else { continue }
                let shown = value.drop { $0 == " " }.prefix { !$0.isWhitespace }
                // A sentence goes on with letters alone; passwords have something else.
                guard shown.count >= 6, shown.contains(where: \.isNumber) else { continue }
                return "\(word): \(String(repeating: "*", count: shown.count))"
            }
        }
        return nil
    }
}

/// Names of files that run when they are opened.
enum ProgramNames {
    private static let endings: Set<String> = [
        "exe", "scr", "com", "pif", "bat", "cmd", "msi", "msp", "dll", "cpl", "hta", "js", "jse", "vbs", "vbe", "wsf",
        "wsh",
        "ps1", "psm1", "jar", "lnk", "reg", "iso", "img", "vhd", "vhdx", "docm", "xlsm", "pptm", "xll", "one", "chm",
        "gadget",
        "inf", "scf", "url", "appx", "msix", "apk", "dmg", "pkg", "app", "command", "sh", "run", "deb", "rpm",
    ]

    /// The first program that header fields name; nil without one.
    static func first(in header: String) -> String? {
        for line in header.split(separator: "\n") {
            guard line.contains("name") else { continue }
            for parameter in line.split(separator: ";").dropFirst() {
                let pair = parameter.split(separator: "=", maxSplits: 1)
                guard pair.count == 2, pair[0].lowercased().contains("name") else { continue }
                let name = String(pair[1].drop { $0 == " " || $0 == "\"" }.prefix { $0 != "\"" }).trimmed
                guard let ending = name.split(separator: ".").last, name.contains("."),
                    endings.contains(ending.lowercased())
                else { continue }
                return String(name.suffix(100))
            }
        }
        return nil
    }
}

extension String {
    /// Without spaces at its ends.
    fileprivate var trimmed: String {
        let front = drop { $0 == " " }
        return String(front.reversed().drop { $0 == " " }.reversed())
    }
}
