// The lines of `chain.jsonl`: what was closed, what was taken away, and by which key all that is said.

import MailRecording

/// An entry of the chain.
enum ChainEntry: Equatable, Sendable {
    /// What follows is signed by this key.
    case key(ChainPublicKey)
    case segment(Segment)
    /// A segment was removed by retention.
    case removed(name: String, reason: String)
    /// Retention took sessions out of a segment: what is there now is this.
    case thinned(Segment, sessions: Int, reason: String)

    /// A closed segment.
    struct Segment: Equatable, Sendable {
        var name: String
        /// As it was written, whatever it is packed with later.
        var octets: Int
        var sha256: String
        var blocks: Int
        /// The digest of the last line of its file of stretches.
        var seals: String
        /// Its recorder was killed: what was not signed before was signed when the next one began.
        var isRecovered: Bool
        /// When it was closed, or found.
        var time = ""
        /// Why sessions were taken out of it, and its digest before; nil when it is as it was recorded. Not in its own entry.
        var thinning: Thinning?
    }

    /// Why a segment is not as it was recorded.
    struct Thinning: Equatable, Sendable {
        var reason: String
        var before: String
    }

    static let fileName = "chain.jsonl"

    func line(_ number: Int, previous: String, _ time: Int64, _ key: ChainKey) -> SignedLine? {
        SignedLine(signedBy: key) { json in
            json.member("n", number)
            switch self {
            case .key(let key):
                json.member("kind", "key")
                json.member("key", key.text)
            case .segment(let segment):
                json.member("kind", "segment")
                json.member("segment", segment.name)
                json.member("octets", segment.octets)
                json.member("sha256", segment.sha256)
                json.member("blocks", segment.blocks)
                json.member("seals", segment.seals)
                if segment.isRecovered { json.member("recovered", true) }
            case .removed(let name, let reason):
                json.member("kind", "removed")
                json.member("segment", name)
                json.member("reason", reason)
            case .thinned(let segment, let sessions, let reason):
                json.member("kind", "thinned")
                json.member("segment", segment.name)
                json.member("octets", segment.octets)
                json.member("sha256", segment.sha256)
                json.member("blocks", segment.blocks)
                json.member("seals", segment.seals)
                json.member("sessions", sessions)
                json.member("reason", reason)
            }
            json.member("time", time: time)
            json.member("previous", previous)
        }
    }

    /// The octets are the beginning of the line of entry `number`, and not more than the line.
    static func mayBegin(_ octets: ArraySlice<UInt8>, number: Int) -> Bool {
        let begin = Array("{\"n\":\(number),\"kind\":\"".utf8)
        return octets.prefix(begin.count).elementsEqual(begin.prefix(octets.count))
            && octets.count <= SignedLine.longest && SignedLine(Array(octets.dropLast())) == nil
    }

    /// Nil when the line says nothing that is known.
    init?(_ line: SignedLine) {
        switch line.kind {
        case "key":
            guard let key = line.text("key").flatMap({ ChainPublicKey($0) }) else { return nil }
            self = .key(key)
        case "segment", "thinned":
            guard let name = line.text("segment"), let octets = line.number("octets"),
                let sha256 = line.text("sha256"), let blocks = line.number("blocks"), let seals = line.text("seals")
            else { return nil }
            let segment = Segment(
                name: name, octets: octets, sha256: sha256, blocks: blocks, seals: seals,
                isRecovered: line.value["recovered"]?.bool ?? false, time: line.text("time") ?? "")
            self =
                line.kind == "segment"
                ? .segment(segment)
                : .thinned(segment, sessions: line.number("sessions") ?? 0, reason: line.text("reason") ?? "")
        case "removed":
            guard let name = line.text("segment") else { return nil }
            self = .removed(name: name, reason: line.text("reason") ?? "")
        default: return nil
        }
    }
}

/// Where a chain ends, to be kept elsewhere: `12:` and the digest of entry 12.
package struct ChainHead: Equatable, Sendable, CustomStringConvertible {
    package var number: Int
    package var digest: String

    package init(number: Int, digest: String) {
        self.number = number
        self.digest = digest
    }

    /// Reads what ``description`` writes.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(parts[0]), number >= 0, parts[1].utf8.count == 64,
            parts[1].utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        self.number = number
        digest = String(parts[1])
    }

    package var description: String { "\(number):\(digest)" }
}
