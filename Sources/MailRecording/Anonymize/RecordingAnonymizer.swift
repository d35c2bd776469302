// A recording: sessions in, the same sessions under other names out, as events from which packets are made. Two passes over the original: the first learns
// its words, so that no pseudonym is one of them, the second replaces.

import MailDialogue

/// Replaces what is recorded.
package struct RecordingAnonymizer {
    private let pseudonyms: Pseudonyms
    private let text: TextAnonymizer
    /// Microseconds that are added to all times.
    private let shift: Int64
    private var sessions: [String: SessionAnonymizer] = [:]
    private var scanners: [String: (client: NoteScanner, server: NoteScanner)] = [:]
    /// Sessions that were replaced.
    package private(set) var count = 0

    package init(_ pseudonyms: Pseudonyms, shift: Int64 = 0) {
        self.pseudonyms = pseudonyms
        text = TextAnonymizer(pseudonyms: pseudonyms)
        self.shift = shift
    }

    // MARK: First pass

    /// Learns what a session says.
    package mutating func learn(_ info: SessionInfo, _ notes: [Note], _ events: [RecordEvent]) {
        for address in [info.client, info.server] + [info.upstream, info.way?.peer].compactMap({ $0 }) {
            pseudonyms.learn(address.address)
        }
        for name in [info.tls?.serverName, info.upstreamTLS?.serverName, info.way?.destination] {
            guard let name else { continue }
            var scanner = WordScanner(isThorough: false, isExempt: AnonymousWords.isCommon)
            scanner.accept(Array((name + "\n").utf8)[...], isContent: false, address: { pseudonyms.learn($0) }) {
                mark, _ in
                pseudonyms.learn(mark)
            }
        }
        func fresh() -> NoteScanner { NoteScanner(isThorough: false, isExempt: AnonymousWords.isCommon) }
        var pair = scanners.removeValue(forKey: info.id) ?? (fresh(), fresh())
        for note in notes {
            switch note.side {
            case .client: learn(note, &pair.client)
            case .server: learn(note, &pair.server)
            }
        }
        for event in events {
            if case .closed = event {
                finish(&pair.client)
                finish(&pair.server)
                return
            }
        }
        scanners[info.id] = pair
    }

    private func learn(_ note: Note, _ scanner: inout NoteScanner) {
        scanner.accept(note, address: { pseudonyms.learn($0) }, visit: { mark, _ in pseudonyms.learn(mark) })
    }

    private func finish(_ scanner: inout NoteScanner) {
        scanner.finish(address: { pseudonyms.learn($0) }, visit: { mark, _ in pseudonyms.learn(mark) })
    }

    // MARK: Second pass

    /// What is to be recorded in the place of a step of a session.
    /// - Parameter changes: rules that changed something in exchanges.
    package mutating func replace(
        _ info: SessionInfo, _ notes: [Note], _ events: [RecordEvent], changes: [(exchange: Int, rules: [String])] = []
    ) -> [RecordEvent] {
        var out: [RecordEvent] = []
        let id = session(info.id)
        var session = sessions.removeValue(forKey: info.id) ?? SessionAnonymizer(info.mailProtocol, pseudonyms)
        var rest = notes[...]
        for change in changes {
            out.append(.changed(session: id, exchange: change.exchange, rules: change.rules.map { rule($0) }))
        }
        var isOver = false
        for event in events {
            switch event {
            case .opened(let info): out.append(.opened(replaced(info)))
            case .secured(let info, let time):
                Self.flush(&session, id, shifted(time), &out)
                session = SessionAnonymizer(info.mailProtocol, pseudonyms)
                out.append(.secured(replaced(info), time: shifted(time)))
            case .octets(_, .client, let side, let time, let pieces):
                let end = pieces.reduce(0) { $0 + $1.count }
                Self.take(&rest, octets: end, &session, side, id, shifted(time), &out)
            case .secret(_, .client, let side, let time, let masked, _):
                Self.take(&rest, octets: masked.count, &session, side, id, shifted(time), &out)
            case .gap(_, .client, let side, let time, let octets):
                // What waited for the end of its line comes before.
                Self.take(&rest, octets: 0, &session, side, id, shifted(time), &out)
                let held = session.end(side)
                if !held.isEmpty {
                    out.append(.octets(session: id, leg: .client, side: side, time: shifted(time), [held[...]]))
                }
                out.append(.gap(session: id, leg: .client, side: side, time: shifted(time), octets: octets))
            case .remark(_, let side, .haste): out.append(.remark(session: id, side: side, .haste))
            case .remark(_, let side, .leftOut): out.append(.remark(session: id, side: side, .leftOut))
            // Told with the octets from which on nobody follows, or somebody does again.
            case .remark(_, _, .opaque), .remark(_, _, .clear): break
            case .closed(let summary):
                Self.take(&rest, octets: Int.max, &session, .client, id, shifted(summary.ending), &out)
                Self.flush(&session, id, shifted(summary.ending), &out)
                out.append(.closed(replaced(summary)))
                isOver = true
                count += 1
            // Rows are made anew of what is recorded; the server's leg repeats what the client's says.
            case .octets, .secret, .gap, .changed, .exchange, .message, .credential: break
            }
        }
        let time = shifted(info.begin)
        Self.take(&rest, octets: Int.max, &session, .client, id, time, &out)
        if !isOver { sessions[info.id] = session }
        return out
    }

    /// A time in nanoseconds, moved.
    private func shifted(_ time: Int64) -> Int64 {
        let (sum, overflow) = time.addingReportingOverflow(NanosecondTime.of(shift))
        return overflow ? (shift < 0 ? Int64.min : Int64.max) : sum
    }

    /// Replaces the notes of so many octets, and those of none before and behind them.
    private static func take(
        _ notes: inout ArraySlice<Note>, octets: Int, _ session: inout SessionAnonymizer, _ side: Side, _ id: String,
        _ time: Int64,
        _ out: inout [RecordEvent]
    ) {
        var made: [UInt8] = []
        var rest = octets
        while let note = notes.first, note.raw.isEmpty ? octets > 0 : rest > 0 {
            notes = notes.dropFirst()
            rest -= note.raw.count
            if let unseen = unseen(note) {
                // Replaced, they no longer show it.
                if !made.isEmpty { out.append(.octets(session: id, leg: .client, side: side, time: time, [made[...]])) }
                made = []
                out.append(.remark(session: id, side: note.side, unseen))
            }
            let piece = session.accept(note)
            if note.side == side {
                made += piece
            } else if !piece.isEmpty {
                out.append(.octets(session: id, leg: .client, side: note.side, time: time, [piece[...]]))
            }
        }
        if !made.isEmpty { out.append(.octets(session: id, leg: .client, side: side, time: time, [made[...]])) }
    }

    /// Why the session is not followed from this note on, where that is not said by a reply; or that it is again.
    private static func unseen(_ note: Note) -> Unseen? {
        guard note.element == .opaque || note.isGap else { return nil }
        if note.facts.contains(.clear) { return .clear }
        for case .opaque(let reason) in note.facts { return .opaque(reason) }
        return nil
    }

    private static func flush(
        _ session: inout SessionAnonymizer, _ id: String, _ time: Int64, _ out: inout [RecordEvent]
    ) {
        for side in Side.allCases {
            let rest = session.end(side)
            if !rest.isEmpty { out.append(.octets(session: id, leg: .client, side: side, time: time, [rest[...]])) }
        }
    }

    // MARK: What is said of sessions

    /// What stands for an address and its port, which stays.
    package func replaced(_ endpoint: SocketAddress) -> SocketAddress {
        SocketAddress(pseudonyms.address(endpoint.address), endpoint.port)
    }

    private func replaced(_ info: SessionInfo) -> SessionInfo {
        var out = info
        out.id = session(info.id)
        out.start = info.start &+ shift
        out.client = replaced(info.client)
        out.server = replaced(info.server)
        out.upstream = info.upstream.map { replaced($0) }
        out.route = route(info.route)
        out.tls = info.tls.map { replaced($0) }
        out.upstreamTLS = info.upstreamTLS.map { replaced($0) }
        out.way = info.way.map { way in
            ClientWay(
                way.kind, peer: way.peer.map { replaced($0) }, destination: way.destination.map { words($0, .names) })
        }
        return out
    }

    private func replaced(_ tls: TLSLeg) -> TLSLeg {
        var out = tls
        out.serverName = tls.serverName.map { words($0, .names) }
        out.distrust = tls.distrust.map { words($0, .speech) }
        out.failure = tls.failure.map { words($0, .speech) }
        // Certificates are signed for the names in them: there is none with others.
        out.observation = nil
        return out
    }

    private func replaced(_ summary: SessionSummary) -> SessionSummary {
        var out = summary
        out.info = replaced(summary.info)
        out.last = summary.last &+ shift
        out.user = summary.user.map { words($0, .names) }
        out.tags = summary.tags.map { words($0, .names) }
        for index in out.doubts.indices { out.doubts[index].time &+= shift }
        return out
    }

    /// Schemes, ports and what we say ourselves stay.
    private func route(_ route: String) -> String {
        if route == "capture" || route.hasPrefix("import:") { return route }
        return words(route, Self.routes)
    }

    private static let routes: WordRule = {
        var rule = WordRule.names
        rule.words = AnonymousWords.set(
            "smtp smtps submission submissions lmtp pop3 pop3s imap imaps fallback mock transparent socks5 tls none starttls implicit verify off proxy protocol v1 v2"
        )
        rule.longestNumber = 5
        return rule
    }()

    /// The name of a rule; the marks that we set stay.
    private func rule(_ name: String) -> String {
        [ExchangeMark.goodbye, ExchangeMark.capabilities, ExchangeMark.login].contains(name)
            ? name : words(name, .names)
    }

    private func words(_ value: String, _ rule: WordRule) -> String {
        String(decoding: text.replaced(Array(value.utf8)[...], rule), as: UTF8.self)
    }

    /// The id of a session keeps its time; what else is in it may tell addresses.
    private func session(_ id: String) -> String {
        guard let value = Self.value(id) else { return words(id, .names) }
        let time = value >> 12
        let bits = pseudonyms.idBits(value & 4095, at: time)
        return Self.text((time &+ UInt64(bitPattern: shift)) << 12 | bits)
    }

    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    private static func value(_ id: String) -> UInt64? {
        guard id.utf8.count == 13 else { return nil }
        var value: UInt64 = 0
        for octet in id.utf8 {
            guard let digit = digits.firstIndex(of: octet), value >> 59 == 0 else { return nil }
            value = value << 5 | UInt64(digit)
        }
        return value
    }

    private static func text(_ value: UInt64) -> String {
        String(decoding: (0..<13).map { digits[Int(value >> UInt64(60 - 5 * $0) & 31)] }, as: UTF8.self)
    }
}

extension Note {
    /// Octets are missing here.
    fileprivate var isGap: Bool { if case .gap = element { true } else { false } }
}
