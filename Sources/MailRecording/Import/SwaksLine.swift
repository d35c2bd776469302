// The lines that swaks prints: three signs say who spoke and whether under TLS, then a space.

import MailDialogue

/// A line of a transcript of swaks.
package enum SwaksLine: Equatable, Sendable {
    /// What a side said, without its line end.
    case said(Side, ArraySlice<UInt8>)
    /// ` -> 14 lines sent`: the message was left out.
    case leftOut
    /// `=== Connected to 192.0.2.1.`, `=== Trying mail.example.com:25...`: where to.
    case connected(host: String, port: UInt16?)
    /// `=== TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256`.
    case secured(version: String, cipher: String)
    /// `=== Connection closed with remote host.`
    case closed
    /// `*** …`: swaks complains.
    case complaint
    /// `=== …`: anything else that swaks says.
    case remark
    /// No line of swaks.
    case other

    /// - Parameter line: without its line end.
    package init(_ line: ArraySlice<UInt8>) {
        let signs = line.prefix(3).text
        // An empty line has its signs alone where somebody took spaces away from the ends of lines.
        guard line.count == 3 || line.dropFirst(3).first == 32 else {
            self = .other
            return
        }
        let rest = line.dropFirst(4)
        switch signs {
        case " ->", " ~>", "**>", "*~>":
            let words = rest.split(separator: 32)
            let isCount =
                words.count == 3 && words[0].decimal != nil && words[1].text == "lines" && words[2].text == "sent"
            self = isCount ? .leftOut : .said(.client, rest)
        case "<- ", "<~ ", "<**", "<~*": self = .said(.server, rest)
        case "===": self = Self.remark(rest)
        case "***": self = .complaint
        default: self = .other
        }
    }

    private static func remark(_ rest: ArraySlice<UInt8>) -> SwaksLine {
        let text = rest.prefix(300).text
        func after(_ start: String) -> Substring? { text.hasPrefix(start) ? text.dropFirst(start.count) : nil }
        if let place = after("Trying ") {
            let bare = place.hasSuffix("...") ? place.dropLast(3) : place
            guard let colon = bare.lastIndex(of: ":") else { return .remark }
            return .connected(host: String(bare[..<colon]), port: UInt16(bare[bare.index(after: colon)...]))
        }
        if let host = after("Connected to ") { return .connected(host: String(host.dropLast()), port: nil) }
        if let cipher = after("TLS started with cipher ") {
            let parts = cipher.split(separator: ":")
            return .secured(
                version: parts.first.map(String.init) ?? "", cipher: parts.dropFirst().first.map(String.init) ?? "")
        }
        if text.hasPrefix("Connection closed") { return .closed }
        return .remark
    }
}
