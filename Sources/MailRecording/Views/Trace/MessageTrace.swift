// One message through several sessions: which passage came from which, what happened to it on the way, and what became of its recipients.

import MailDialogue

/// What changed between two passages.
package struct TraceChange: Equatable, Sendable {
    package enum Body: String, Sendable {
        case same
        /// Line ends, or empty lines at the end.
        case lineEnds = "line-ends"
        case changed
        /// One of both was not seen to its end.
        case unknown
    }

    package var header: [ListDifference<TraceField>.Change] = []
    package var body = Body.same
    /// Lines of the body that are not alike; empty when they are too many to be kept.
    package var lines: [ListDifference<String>.Change] = []
    /// The number of the first line of the body that is not alike, from 1.
    package var firstLine = 0
}

/// How a passage follows from an earlier one.
package struct TraceLink: Equatable, Sendable {
    /// The station that it came from, from 0.
    package var source: Int
    /// The trail of Received fields shows it; else only the time does.
    package var isProven: Bool
    /// From the verdict there to the first octet here, in microseconds.
    package var delay: Int64
    /// The id under which the message waited in between, when the reply there and the trail here have it.
    package var queue: String?
    /// Received fields that came in between, the newest first: places in `received`.
    package var hops: Int
    package var change: TraceChange
}

/// Something that someone who looks for a message wants to know.
package struct TraceRemark: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// The server refused it, or said that it may be tried again.
        case refused, deferred
        /// It was taken, and nothing later of it was read.
        case lastSeen = "last-seen"
        /// It was taken for a recipient, and went on for others only.
        case lost
        /// It was delivered to a recipient, and nobody fetched it.
        case unfetched
        /// A recipient got it more than once.
        case doubled
        /// Its content, or header fields other than those that every hop adds, are not what they were.
        case changed
        /// It did not come to its end.
        case incomplete
    }

    package var kind: Kind
    /// The station that it is about, from 0.
    package var station: Int
    package var recipient: String?
    package var text: String
}

/// The way of a message.
package struct MessageTrace: Sendable {
    /// Passages that are kept, octets of their bodies, and lines of a body that are compared.
    package static let mostStations = 5_000
    private static let mostBodies = 32 << 20
    private static let mostHeaders = 32 << 20
    private static let mostDiffs = 200
    private static let longestLine = 200

    /// Without angle brackets.
    package let id: String
    /// In the order of their times.
    package private(set) var stations: [TraceStation] = []
    /// How each came about; nil where nothing earlier was seen.
    package private(set) var links: [TraceLink?] = []
    package private(set) var remarks: [TraceRemark] = []
    /// Passages beyond those that are kept.
    package private(set) var notKept = 0

    private var watches: [String: TraceWatch] = [:]
    private var bodies = 0
    private var headers = 0
    /// The Received fields of each station, while it is found out how they hang together.
    private var trails: [[TraceField]] = []
    /// The UIDs of messages that came from a passage, the first of each mailbox.
    private var claims: [Claim: UInt32] = [:]
    /// The stations that came from each.
    private var onward: [[Int]] = []
    private var diffs = 0

    package init(id: String) { self.id = TracedID.normal(id) }

    /// Takes the next step of a session.
    package mutating func accept(_ notes: [Note], _ events: [RecordEvent], of info: SessionInfo, at time: Int64) {
        var watch = watches.removeValue(forKey: info.id) ?? TraceWatch(id: id, info)
        var found: [TraceStation] = []
        for note in notes { watch.accept(note, at: time, &found) }
        var isOver = false
        for event in events {
            switch event {
            case .secured: watch.close(&found)
            case .closed:
                watch.close(&found)
                isOver = true
            case .opened, .octets, .secret, .gap, .remark, .changed, .exchange, .message, .credential: break
            }
        }
        for station in found { keep(station) }
        if !isOver { watches[info.id] = watch }
    }

    private mutating func keep(_ station: TraceStation) {
        headers += station.fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 64 }
        guard stations.count < Self.mostStations, headers <= Self.mostHeaders else {
            notKept += 1
            return
        }
        var station = station
        bodies += station.body?.count ?? 0
        if bodies > Self.mostBodies { station.body = nil }
        stations.append(station)
    }

    /// All was read: finds out how passages hang together. To be called once.
    package mutating func finish() {
        stations.sort { ($0.began, $0.info.id, $0.exchange) < ($1.began, $1.info.id, $1.exchange) }
        trails = stations.map(\.trail)
        // Each passage looks back; of very many only at some.
        for place in stations.indices { links.append(link(place)) }
        onward = Array(repeating: [], count: stations.count)
        for (place, link) in links.enumerated() { if let link { onward[link.source].append(place) } }
        for place in stations.indices { judge(place) }
        findDoubles()
        trails = []
        claims = [:]
    }

    // MARK: Where it came from

    private static let farthest = 1_000
    /// Passages that fit alike which are compared by what they carried.
    private static let mostAlike = 100

    private mutating func link(_ place: Int) -> TraceLink? {
        let station = stations[place]
        let trail = trails[place]
        var best: (source: Int, length: Int, likeness: Likeness)?
        let fields = Set(station.fields)
        var alike = 0
        // The best of those that only may be it.
        var doubtful: Int?
        var last: Int?
        for source in stations.indices[..<place].reversed().prefix(Self.farthest) {
            let earlier = stations[source]
            guard earlier.isAccepted, (earlier.judged ?? earlier.ended) <= station.began else { continue }
            last = last ?? source
            let before = trails[source]
            guard trail.count >= before.count, trail.suffix(before.count).elementsEqual(before) else { continue }
            // The same message given twice to one server comes from the same client, not from there; and what a client puts into a
            // folder is its own copy, unless it has been further than that.
            let isOnward =
                !station.isDelivery || trail.count > before.count
                || station.carrier != .append && !Self.isSameServer(station, earlier)
            guard isOnward else { continue }
            if station.isDelivery, trail.count == before.count {
                // Two copies of a message that was split for its recipients have the same trail, too.
                if Self.areSiblings(station, earlier) { continue }
                if !shares(station, earlier) {
                    doubtful = doubtful ?? source
                    continue
                }
            }
            if let found = best, before.count < found.length { continue }
            if before.count == best?.length, alike == Self.mostAlike { continue }
            alike = before.count == best?.length ? alike + 1 : 0
            let isClaimed = Claim(source, station).map { claims[$0] != nil && claims[$0] != station.uid } ?? false
            let likeness = Likeness(
                shares: shares(station, earlier),
                content: (station.bodySHA256 == earlier.bodySHA256 ? 1 : 0)
                    + (earlier.fields.allSatisfy(fields.contains) ? 1 : 0),
                isFree: !isClaimed)
            if let found = best, before.count == found.length, likeness <= found.likeness { continue }
            best = (source, before.count, likeness)
        }
        if best == nil, let doubtful { best = (doubtful, trails[doubtful].count, Likeness()) }
        guard let source = best?.source ?? (station.isDelivery ? nil : last) else { return nil }
        if best != nil, let claim = Claim(source, station), claims[claim] == nil { claims[claim] = station.uid }
        let earlier = stations[source]
        let hops = best == nil ? 0 : trail.count - trails[source].count
        var queue: String?
        for hop in station.received.prefix(hops) where !hop.id.isEmpty {
            let said = [earlier.reply] + earlier.recipients.map(\.reply)
            if said.contains(where: { Self.names($0, hop.id) }) { queue = hop.id }
        }
        return TraceLink(
            source: source, isProven: best != nil, delay: max(0, station.began - (earlier.judged ?? earlier.ended)),
            queue: queue, hops: hops, change: change(from: earlier, to: station))
    }

    /// How well an earlier passage fits, beside others whose Received fields fit as well. Of those that are alike in all of it the latest
    /// is taken.
    private struct Likeness: Comparable {
        /// It had the message for a recipient of the later one.
        var shares = false
        /// 1 for the body when it is as it was, and 1 for the header when nothing of it is gone: hops only add to it.
        var content = 0
        /// It is not yet known as where another message of the same mailbox came from.
        var isFree = false

        static func < (one: Likeness, other: Likeness) -> Bool {
            (one.shares ? 1 : 0, one.content, one.isFree ? 1 : 0)
                < (other.shares ? 1 : 0, other.content, other.isFree ? 1 : 0)
        }
    }

    /// A message of a mailbox came from a passage.
    private struct Claim: Hashable {
        let source: Int
        let server: String
        let user: String?
        let mailbox: String

        /// Nil when it is not known which message of which mailbox the station has.
        init?(_ source: Int, _ station: TraceStation) {
            guard station.uid != nil, !station.isDelivery, let mailbox = station.mailbox else { return nil }
            self.source = source
            self.mailbox = mailbox
            user = station.user
            server = (station.info.upstream ?? station.info.server).host
        }
    }

    private static func isSameServer(_ one: TraceStation, _ other: TraceStation) -> Bool {
        (one.info.upstream ?? one.info.server) == (other.info.upstream ?? other.info.server)
    }

    /// Both come from one host that is not the server of the earlier one: the later one was not given on by that.
    private static func areSiblings(_ one: TraceStation, _ earlier: TraceStation) -> Bool {
        one.info.client.address == earlier.info.client.address
            && one.info.client.address != (earlier.info.upstream ?? earlier.info.server).address
    }

    /// A recipient for whom the earlier one was taken has it here, too; of very many the first are asked.
    private func shares(_ station: TraceStation, _ earlier: TraceStation) -> Bool {
        earlier.recipients.prefix(32).contains { carries(station, $0.address) }
    }

    /// The id stands in a reply as a word.
    private static func names(_ reply: String, _ id: String) -> Bool {
        reply.split { " <>[]()=,;".contains($0) }.contains { $0 == id }
    }

    private mutating func change(from earlier: TraceStation, to station: TraceStation) -> TraceChange {
        var change = TraceChange()
        change.header = ListDifference(earlier.fields, station.fields).changes
        guard earlier.isComplete, station.isComplete else {
            change.body = .unknown
            return change
        }
        if earlier.bodySHA256 == station.bodySHA256 { return change }
        if earlier.looseSHA256 == station.looseSHA256 {
            change.body = .lineEnds
            return change
        }
        change.body = .changed
        guard let before = earlier.body, let after = station.body, diffs < Self.mostDiffs else { return change }
        diffs += 1
        let difference = ListDifference(Self.lines(before), Self.lines(after))
        change.lines = difference.changes
        change.firstLine = difference.start + 1
        return change
    }

    private static func lines(_ body: [UInt8]) -> [String] {
        body.split(separator: 10, omittingEmptySubsequences: false).map { line in
            let line = line.last == 13 ? line.dropLast() : line
            return line.count > longestLine
                ? line.prefix(longestLine).text + "… (\(line.count) octets)" : line.text
        }
    }

    // MARK: What became of it

    private mutating func remark(_ kind: TraceRemark.Kind, _ station: Int, _ recipient: String?, _ text: String) {
        remarks.append(TraceRemark(kind: kind, station: station, recipient: recipient, text: text))
    }

    private mutating func judge(_ place: Int) {
        let station = stations[place]
        if !station.isComplete, !station.isLeftOut, station.carrier != .top, !station.isPresumed {
            remark(.incomplete, place, nil, "broke off after \(Figures.count(station.bytes, "octet"))")
        }
        var isRefused = false
        for recipient in station.recipients {
            switch recipient.status {
            case .refused, .bad: remark(.refused, place, recipient.address, recipient.reply)
            case .temporary, .closing: remark(.deferred, place, recipient.address, recipient.reply)
            case .ok, .intermediate, .unknown, nil: continue
            }
            isRefused = true
        }
        if !isRefused, station.isDelivery {
            switch station.status {
            case .refused, .bad: remark(.refused, place, nil, station.reply)
            case .temporary, .closing: remark(.deferred, place, nil, station.reply)
            case .ok, .intermediate, .unknown, nil: break
            }
        }
        if let link = links[place] { judge(link, place) }
        guard station.isAccepted else { return }
        let onward = onward[place]
        guard !onward.isEmpty else {
            if station.carrier != .append {
                let accepted = station.recipients.count { $0.status == .ok }
                remark(
                    .lastSeen, place, nil,
                    "taken for \(Figures.count(accepted, "recipient")), and nothing later of it was read")
            }
            return
        }
        for recipient in station.recipients where recipient.status == .ok {
            let isSeen = onward.contains { carries(stations[$0], recipient.address) }
            if isSeen { continue }
            // Other names of the same recipient may have gone on in its place.
            let others = onward.filter { next in
                stations[next].isDelivery
                    && !stations[next].recipients.allSatisfy { one in
                        station.recipients.contains { Self.isSame($0.address, one.address) }
                    }
            }
            if !others.isEmpty { continue }
            if station.carrier == .lmtp || onward.contains(where: { !stations[$0].isDelivery }) {
                remark(.unfetched, place, recipient.address, "delivered, and not fetched in what was read")
            } else {
                remark(
                    .lost, place, recipient.address,
                    "taken with \(recipient.reply), and not seen again in what was read")
            }
        }
    }

    private mutating func judge(_ link: TraceLink, _ place: Int) {
        if link.change.body == .changed {
            remark(.changed, place, nil, "the body is not what it was at station \(link.source + 1)")
        }
        for case .removed(let field) in link.change.header {
            let isReplaced = link.change.header.contains { change in
                if case .added(let other) = change { other.name.lowercased() == field.name.lowercased() } else { false }
            }
            remark(
                .changed, place, nil,
                isReplaced
                    ? "\(field.name) is another one than at station \(link.source + 1)" : "\(field.name) was removed")
        }
    }

    /// The station has the message for a recipient.
    private func carries(_ station: TraceStation, _ address: String) -> Bool {
        if station.isDelivery, station.carrier != .append {
            return station.recipients.contains { Self.isSame($0.address, address) }
        }
        guard let user = station.user else { return true }
        return Self.isSame(user, address) || Self.isSame(user, String(address.prefix { $0 != "@" }))
    }

    /// Domains have no case (RFC 5321 §2.4), and of local parts nobody uses it.
    private static func isSame(_ one: String, _ other: String) -> Bool { one.lowercased() == other.lowercased() }

    private mutating func findDoubles() {
        var deliveries: [String: [Int]] = [:]
        var copies: [String: [Int]] = [:]
        for (place, station) in stations.enumerated() {
            if station.isDelivery, station.carrier != .append {
                let server = (station.info.upstream ?? station.info.server).description
                for recipient in station.recipients where recipient.status == .ok {
                    deliveries["\(server) \(recipient.address.lowercased())", default: []].append(place)
                }
            } else if !station.isDelivery, let mailbox = station.mailbox, let uid = station.uid {
                let server = (station.info.upstream ?? station.info.server).host
                let key = "\(station.user ?? "") \(server) \(mailbox)"
                let isKnown = copies[key, default: []].contains { stations[$0].uid == uid }
                if !isKnown { copies[key, default: []].append(place) }
            }
        }
        for key in deliveries.keys.sorted() {
            guard let places = deliveries[key], places.count > 1, let last = places.last else { continue }
            let recipient = stations[last].recipients.first { key.hasSuffix(" " + $0.address.lowercased()) }?.address
            remark(
                .doubled, last, recipient,
                "taken \(places.count) times by the same server, at stations \(Self.list(places))")
        }
        for key in copies.keys.sorted() {
            guard let places = copies[key], places.count > 1, let last = places.last else { continue }
            remark(
                .doubled, last, stations[last].user,
                "\(places.count) messages in \(stations[last].mailbox ?? ""), at stations \(Self.list(places))")
        }
        remarks.sort { $0.station < $1.station }
    }

    private static func list(_ places: [Int]) -> String {
        let shown = places.prefix(10).map { "\($0 + 1)" }.joined(separator: ", ")
        return places.count > 10 ? shown + ", …" : shown
    }
}
