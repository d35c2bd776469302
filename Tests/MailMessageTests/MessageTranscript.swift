// Messages in a readable form with what a reader must say of them, as the files of Tests/Transcripts/message have them.

import MailMessage

/// A message and its verdicts. The form, line by line:
///
///     # what it shows
///     M: a line of the message, which CRLF ends
///     M*3: a line that comes three times
///     = flaw mime-type 4:1 x2
///     = part 0 text/plain 7bit 12 octets 1 line
///     ---
///
/// `\r \n \t \0 \xNN \\` are octets, `{x*99}` is an x 99 times, and a `\` at the end of a line takes its CRLF away. A place is
/// line:column, lines ended by LF, columns counted in octets, both from 1. All flaws, and the first 20 parts and attachments, must be named;
/// `= envelope` and `= structure` where they are of interest; `= cut` says that the end is missing.
struct MessageTranscript {
    var title = ""
    var octets: [UInt8] = []
    var verdicts: [String] = []
    var isCut = false

    /// The messages of a file; they are parted by lines of three hyphens.
    static func parse(_ text: String) -> [MessageTranscript] {
        var found: [MessageTranscript] = []
        var present = MessageTranscript()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "---" {
                found.append(present)
                present = MessageTranscript()
            } else if line.hasPrefix("# ") {
                present.title += (present.title.isEmpty ? "" : " ") + line.dropFirst(2)
            } else if line == "= cut" {
                present.isCut = true
            } else if line.hasPrefix("= ") {
                present.verdicts.append(String(line.dropFirst(2)))
            } else if line.hasPrefix("M"), let colon = line.firstIndex(of: ":") {
                let count = Int(line[..<colon].dropFirst(2)) ?? 1
                let rest = line[line.index(after: colon)...]
                let octets = unescape(Array(rest.dropFirst(rest.hasPrefix(" ") ? 1 : 0).utf8))
                for _ in 0..<count { present.octets += octets }
            }
        }
        if !present.octets.isEmpty || !present.verdicts.isEmpty { found.append(present) }
        return found
    }

    private static func unescape(_ line: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var at = 0
        while at < line.count {
            let octet = line[at]
            if octet == UInt8(ascii: "\\") {
                guard at + 1 < line.count else { return out }
                at += 2
                switch line[at - 1] {
                case UInt8(ascii: "r"): out.append(13)
                case UInt8(ascii: "n"): out.append(10)
                case UInt8(ascii: "t"): out.append(9)
                case UInt8(ascii: "0"): out.append(0)
                case UInt8(ascii: "x"):
                    out.append(
                        UInt8(String(decoding: line[at..<min(at + 2, line.count)], as: UTF8.self), radix: 16) ?? 63)
                    at += 2
                default: out.append(line[at - 1])
                }
            } else if octet == UInt8(ascii: "{"), let end = line[at...].firstIndex(of: UInt8(ascii: "}")), end - at > 3,
                line[at + 2] == UInt8(ascii: "*"),
                let count = Int(String(decoding: line[(at + 3)..<end], as: UTF8.self))
            {
                out += [UInt8](repeating: line[at + 1], count: count)
                at = end + 1
            } else {
                out.append(octet)
                at += 1
            }
        }
        return out + [13, 10]
    }

    /// What a report says, in the words of the file.
    func verdicts(of report: MessageReport) -> [String] {
        var said = report.flaws.map { found in
            "flaw \(found.flaw.code) \(place(found.offset))" + (found.count > 1 ? " x\(found.count)" : "")
        }
        for (number, part) in report.structure.parts.enumerated().prefix(20) {
            let type = "\(part.mediaType.type)/\(part.mediaType.subtype)"
            var line = "part \(part.depth) \(type) \(part.encoding) \(part.size) octets \(part.lines) lines"
            let decoded = report.decodedSize(ofPart: number)
            if decoded != part.size { line += " decoded \(decoded)" }
            if part.content == .opaque { line += " opaque" }
            said.append(line)
        }
        for attachment in report.attachments.prefix(20) {
            let name = attachment.filename.map { "\"\(MessageTranscript.shown(Array($0.utf8)))\"" } ?? "unnamed"
            said.append(
                "attachment \(name) \(attachment.mediaType) \(attachment.disposition ?? "-") \(attachment.encoding) "
                    + "\(attachment.size) octets")
        }
        if verdicts.contains(where: { $0.hasPrefix("envelope") }) {
            said.append("envelope " + MessageTranscript.shown(report.envelope.imapBytes))
        }
        if verdicts.contains(where: { $0.hasPrefix("structure") }) {
            said.append("structure " + MessageTranscript.shown(report.imapStructure(isExtended: true)))
        }
        return said
    }

    private func place(_ offset: Int) -> String {
        let before = octets[..<min(max(offset, 0), octets.count)]
        let line = before.count { $0 == 10 } + 1
        let start = before.lastIndex(of: 10).map { $0 + 1 } ?? 0
        return "\(line):\(before.count - start + 1)"
    }

    /// Octets as the file writes them.
    private static func shown(_ octets: [UInt8]) -> String {
        var out: [UInt8] = []
        for octet in octets {
            switch octet {
            case 13: out += Array("\\r".utf8)
            case 10: out += Array("\\n".utf8)
            case 9: out += Array("\\t".utf8)
            case 0: out += Array("\\0".utf8)
            case 32...126: out.append(octet)
            default:
                let digits = String(octet, radix: 16, uppercase: true)
                out += Array("\\x\(digits.utf8.count < 2 ? "0" : "")\(digits)".utf8)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
