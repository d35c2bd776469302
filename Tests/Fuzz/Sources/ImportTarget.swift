// Files of other programs, whatever is in them: stamps of rawlogs, lines of swaks, what openssl prints, and who said a line.

import MailDialogue
import MailRecording

extension FuzzTarget {
    static let imports = FuzzTarget(
        name: "imports", longest: 8192, words: "smtp",
        invariant: "Any lines are sorted into sides and noise, and what is said of a line is of that line."
    ) { input in
        let input = FuzzInput(input)
        var noise = OpenSSLNoise()
        var dialogue = TypedDialogue()
        for line in input.octets.split(separator: 10, omittingEmptySubsequences: false) {
            if let stamp = RawlogStamp(line) {
                must(stamp.length <= line.count, "a stamp longer than its line")
                must(stamp.time >= 0, "a time before all times")
            }
            if case .said(_, let said) = SwaksLine(line) {
                must(said.count <= line.count, "more was said than stands there")
            }
            _ = noise.take(line)
            _ = dialogue.side(of: line + [13, 10])
        }
        checkLines(input.octets)
        checkMbox(input.octets)
        let name = SafeFileName.of(String(decoding: input.octets, as: UTF8.self), fallback: "x")
        must(!name.isEmpty && name.utf8.count <= SafeFileName.longest + 1, "a name of \(name.utf8.count) octets")
        must(!name.utf8.contains(47) && !name.utf8.contains(0) && name != ".." && name != ".", "the name \(name)")
        must(name.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }, "a control in a name")
    }

    /// A rawlog that we wrote is read as what was written.
    private static func checkLines(_ octets: [UInt8]) {
        var lines = RawlogLines()
        var written: [UInt8] = []
        var rest = octets[...]
        while !rest.isEmpty {
            lines.append(rest.prefix(97), at: 1_000_000_250, to: &written)
            rest = rest.dropFirst(97)
        }
        var read: [UInt8] = []
        var left = written[...]
        while !left.isEmpty {
            let end = left.firstIndex(of: 10).map { $0 + 1 } ?? left.endIndex
            guard let stamp = RawlogStamp(left[..<end]) else { broken("a line without a stamp") }
            // A line of the session may look like the mark of a direction.
            read += left[..<end].dropFirst(stamp.side == nil ? stamp.length : stamp.length - 3)
            left = left[end...]
        }
        must(read == octets, "the log is not what was written")
    }

    /// No line of a quoted message begins another, however it is cut.
    private static func checkMbox(_ octets: [UInt8]) {
        var whole: [UInt8] = []
        var quoter = MboxQuoter()
        quoter.append(octets[...], to: &whole)
        quoter.finish(to: &whole)
        var pieces: [UInt8] = []
        var other = MboxQuoter()
        for octet in octets { other.append([octet], to: &pieces) }
        other.finish(to: &pieces)
        must(whole == pieces, "pieces are quoted otherwise")
        for line in whole.split(separator: 10) {
            must(!line.starts(with: Array("From ".utf8)), "a line begins a message")
        }
    }
}
