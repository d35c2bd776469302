// What the packets of a session leave in doubt: their octets were read in one way, and somebody may have read them in
// another. Told with the session, so that no reading is silently the wrong one.

import MailDialogue

/// A doubt about the reading of a session's packets, with the first place at which it arose.
package struct PacketDoubt: Equatable, Sendable {
    /// What happened.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Octets came twice with different content. One copy was taken, the receiver may have taken the other.
        case overlap
        /// IP fragments overlapped with different content. The receiver may have taken others than were taken.
        case fragments
        /// A reset that the receiver does not take (RFC 5961 §3.2), or after which its sender went on: forged, or from
        /// another connection. The session was followed on.
        case reset
        /// A side sent octets behind its own FIN. They were left out: no receiver takes them, if the FIN reached it.
        case end
        /// Segments with a wrong checksum were left out, as receivers do.
        case checksum
        /// Segments outside of the receiver's window were left out, as receivers do (RFC 9293 §3.10.7.4).
        case window
        /// Octets of segments whose TTL is far from that of the side's others: they contradict others, or nobody acknowledged
        /// them. They may have been made not to reach the receiver.
        case ttl
        /// The packets begin in the middle of the session.
        case midstream
        /// Only one direction was captured: what the other side said is known by its size alone.
        case oneSided = "one-sided"

        /// The code among a session's findings: `capture-overlap`.
        package var code: String { "capture-" + rawValue }

        /// One sentence for who reads the session.
        package var meaning: String {
            switch self {
            case .overlap: "octets came twice with different content"
            case .fragments: "IP fragments overlapped with different content"
            case .reset: "a reset that did not end the session: forged, or of another connection"
            case .end: "octets behind the end of the side's stream, left out"
            case .checksum: "segments with a wrong checksum, left out"
            case .window: "segments outside of the receiver's window, left out"
            case .ttl: "octets that may not have reached the receiver, by their TTL"
            case .midstream: "the capture begins in the middle of the session"
            case .oneSided: "nothing of this side was captured"
            }
        }
    }

    package var kind: Kind
    /// Who sent the packets; of ``Kind/oneSided`` the side of which nothing was captured.
    package var side: Side
    /// Microseconds since 1970, of the first.
    package var time: Int64
    /// The number of the first packet within its capture, from 1; 0 when there is none.
    package var packet: Int
    /// How often it happened.
    package var count: Int
    /// Octets of all of them together: those that differ, or those that were left out.
    package var octets: Int
    /// Of ``Kind/overlap`` and ``Kind/fragments``: which copy is shown.
    package var copy: OverlapPolicy

    package init(
        _ kind: Kind, _ side: Side, time: Int64, packet: Int, count: Int = 1, octets: Int = 0,
        copy: OverlapPolicy = .first
    ) {
        self.kind = kind
        self.side = side
        self.time = time
        self.packet = packet
        self.count = count
        self.octets = octets
        self.copy = copy
    }

    /// For a person: `octets came twice …: client, packet 12, 27 octets, 3 times`.
    package var text: String {
        let shown: String
        switch (kind, copy) {
        case (.overlap, .first): shown = "; the first copy is shown"
        case (.overlap, .last): shown = "; the last copy is shown"
        case (.fragments, .first): shown = "; the first are shown"
        case (.fragments, .last): shown = "; the last are shown"
        case (.reset, _), (.end, _), (.checksum, _), (.window, _), (.ttl, _), (.midstream, _), (.oneSided, _):
            shown = ""
        }
        var text = "\(kind.meaning)\(shown): \(side == .client ? "client" : "server")"
        if packet > 0 { text += ", packet \(packet)" }
        if octets > 0 { text += ", \(Figures.count(octets, "octet"))" }
        if count > 1 { text += ", \(count) times" }
        return text
    }

    func write(_ json: inout JSONWriter) {
        json.object { json in
            json.member("kind", kind.rawValue)
            json.member("side", side == .client ? "client" : "server")
            json.member("time", time)
            json.member("packet", packet)
            json.member("count", count)
            json.member("octets", octets)
            switch copy {
            case .first: break
            case .last: json.member("copy", copy.rawValue)
            }
        }
    }

    init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:)),
            let side = Side.allCases.first(where: { json["side"]?.string == RecordComment.name($0) }),
            let time = json["time"]?.integer
        else { return nil }
        self.kind = kind
        self.side = side
        self.time = time
        packet = Int(clamping: json["packet"]?.integer ?? 0)
        count = max(1, Int(clamping: json["count"]?.integer ?? 1))
        octets = max(0, Int(clamping: json["octets"]?.integer ?? 0))
        copy = json["copy"]?.string.flatMap(OverlapPolicy.init(rawValue:)) ?? .first
    }
}

extension SessionSummary {
    /// Adds a doubt: those of a kind and a side of which the same copy is shown are one.
    mutating func add(_ doubt: PacketDoubt) {
        guard
            let index = doubts.firstIndex(where: {
                $0.kind == doubt.kind && $0.side == doubt.side && $0.copy == doubt.copy
            })
        else {
            doubts.append(doubt)
            return
        }
        doubts[index].count &+= doubt.count
        doubts[index].octets &+= doubt.octets
    }
}
