// What `openssl s_client` prints of itself between the lines of a session: certificates, the connection's state, session tickets, and
// with -msg, -debug and -state a great deal more.

import MailDialogue

/// Tells the program's own lines from those of the session.
package struct OpenSSLNoise: Sendable {
    /// What a line is.
    package enum Line: Equatable, Sendable {
        /// Of the session.
        case session
        /// Of the program.
        case noise
        /// `Connecting to 192.0.2.1`
        case connecting(String)
        /// `New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384`
        case secured(version: String, cipher: String)
        /// The program says that the connection has ended.
        case closed
    }

    private enum Place: Equatable {
        /// Before the first line of the program.
        case start
        /// Between `---` lines, or in the dump of a certificate.
        case block
        case session
        /// The block of a session ticket, which ends with the second `---`.
        case ticket
    }

    private var place = Place.start

    package init() {}

    /// The next line, without its line end.
    package mutating func take(_ line: ArraySlice<UInt8>) -> Line {
        let text = line.prefix(200).text
        switch place {
        case .start:
            if text.hasPrefix("CONNECTED(") { place = .block }
            if text.hasPrefix("Connecting to ") { return .connecting(String(text.dropFirst(14))) }
            return text.hasPrefix("CONNECTED(") || Self.isNoise(text) ? .noise : .session
        case .block:
            if text.hasPrefix("New, "), let cipher = text.range("Cipher is ") {
                let version = text.dropFirst(5).prefix { $0 != "," }
                return .secured(version: String(version), cipher: String(cipher))
            }
            // The last line of the block says so; without one, the first that is a greeting or a reply does.
            if text.hasPrefix("read R BLOCK") { place = .session }
            if Self.isServer(line) {
                place = .session
                return .session
            }
            return .noise
        case .session:
            if text == "---" {
                place = .ticket
                return .noise
            }
            if text == "closed" || text == "DONE" { return .closed }
            return Self.isNoise(text) ? .noise : .session
        case .ticket:
            if text == "---" || text == "read R BLOCK" { place = .session }
            return .noise
        }
    }

    /// Lines that stand anywhere.
    private static func isNoise(_ text: String) -> Bool {
        let starts = [
            ">>> ", "<<< ", "read R BLOCK", "depth=", "verify ", "Can't use SSL_get_servername", "RENEGOTIATING",
            "KEYUPDATE", "Post-Handshake New Session Ticket", "SSL_connect:", "SSL3 alert", "read from 0x",
            "write to 0x",
            "Connecting to ", "CONNECTED(", "didn't found starttls", "Didn't find STARTTLS",
        ]
        if starts.contains(where: { text.hasPrefix($0) }) { return true }
        return isDump(text)
    }

    /// `    16 03 01 00 c8 …` of -msg, `0000 - 16 03 01 …` of -debug.
    private static func isDump(_ text: String) -> Bool {
        let octets = Array(text.utf8)
        func isHex(_ octet: UInt8) -> Bool { (48...57).contains(octet) || (97...102).contains(octet) }
        if octets.count >= 6, octets.starts(with: Array("    ".utf8)) {
            return octets.dropFirst(4).allSatisfy { isHex($0) || $0 == 32 || $0 == UInt8(ascii: ".") }
        }
        return octets.count >= 8 && octets.prefix(4).allSatisfy(isHex) && octets[4...].starts(with: Array(" - ".utf8))
    }

    /// A greeting or a reply.
    private static func isServer(_ line: ArraySlice<UInt8>) -> Bool {
        if line.hasPrefixIgnoringCase("+OK") || line.hasPrefixIgnoringCase("* OK") { return true }
        if line.hasPrefixIgnoringCase("* PREAUTH") || line.hasPrefixIgnoringCase("* CAPABILITY") { return true }
        return line.count > 3 && line.prefix(3).decimal != nil
            && (line.dropFirst(3).first == 32 || line.dropFirst(3).first == UInt8(ascii: "-"))
    }
}

extension String {
    /// What follows the first occurrence of a text.
    fileprivate func range(_ text: String) -> Substring? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) { return rest.dropFirst(text.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
