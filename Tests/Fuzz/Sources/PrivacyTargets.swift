// What leaves octets out or puts others in their place: scopes (`record.what`) and anonymous copies. The first octet of an input says which
// protocol is spoken and which scopes hold; what follows is a conversation as in BothSides.swift.

import MailDialogue
import MailRecording
import MailSessions

extension FuzzTarget {
    static let scopes = FuzzTarget(
        name: "scopes", longest: 4096, words: "imap",
        invariant:
            "Scopes hide octets in their place: none is added or lost, less is shown in the stricter one, and cuts change nothing."
    ) { input in
        let session = PrivateSession(FuzzInput(input))
        session.checkScopes()
    }

    static let anonymize = FuzzTarget(
        name: "anonymize", longest: 4096, words: "imap",
        invariant:
            "A copy under other names has as many octets of each side as the original, before and behind each gap."
    ) { input in
        let session = PrivateSession(FuzzInput(input))
        session.checkCopy()
    }
}

/// A conversation, and what is recorded of it.
private struct PrivateSession {
    /// What a list of scopes may look like; the last of each decides what is left over.
    private static let rules: [[String]] = [
        ["envelope"], ["headers"], ["never when user == \"alice\"", "headers"], ["envelope when tls", "all"],
        ["headers when subject contains \"a\"", "envelope when rcpt.domain == \"example.com\""],
        ["envelope when mailbox == \"INBOX\"", "headers when size > 20"], ["never when not tls and user == \"\""],
        ["envelope when header[\"from\"] contains \"a\" or sender == \"\"", "headers when carrier == \"FETCH\""],
    ]

    private let proto: MailProtocol
    private let rules: [String]
    private let conversation: Conversation
    private let numbers: SeededNumbers

    init(_ input: FuzzInput) {
        let first = Int(input.octets.first ?? 0)
        proto = MailProtocol.allCases[first % MailProtocol.allCases.count]
        rules = Self.rules[first / MailProtocol.allCases.count % Self.rules.count]
        conversation = BothSides.decode(Array(input.octets.dropFirst()))
        numbers = input.numbers
        if Conversation.isShown {
            complain("\(proto) \(rules)")
            for step in conversation.steps { complain("\(step)") }
        }
    }

    /// A step: what was understood, and what is recorded.
    typealias Batch = (notes: [Note], events: [RecordEvent])

    /// Follows the session, and keeps it as a capture would.
    private func recorded(_ steps: [Step], _ rules: [String]) -> [Batch] {
        let decide = (try? ScopeRule.decider(rules.map { try ScopeRule($0) })) ?? nil
        must(decide != nil || rules == ["all"], "a rule of the target is none: \(rules)")
        guard let end = SocketAddress("127.0.0.1:1") else { return [] }
        let info = SessionInfo(
            id: "0000000000000", mailProtocol: proto, start: 0, client: end, server: end, route: "capture")
        var observer = Observer(
            info: info, fingerprintKey: [], privacy: RecordingPrivacy(secrets: .mask, scopes: decide))
        var batches: [Batch] = []
        func take(_ body: (inout [RecordEvent], inout [Note]) -> Void) {
            var batch: Batch = ([], [])
            body(&batch.events, &batch.notes)
            batches.append(batch)
        }
        take { events, _ in observer.open(into: &events) }
        for (time, step) in steps.enumerated() {
            take { events, notes in
                switch step {
                case .octets(let side, let octets):
                    observer.receive(octets[...], from: side, at: Int64(time), events: &events, notes: &notes)
                case .gap(let side, let count):
                    observer.lose(side, octets: count ?? 0, at: Int64(time), events: &events, notes: &notes)
                }
            }
        }
        take { events, notes in observer.close(.closed, at: Int64(steps.count), events: &events, notes: &notes) }
        return batches
    }

    /// What is kept of a side: its octets, and where some are missing.
    private struct Kept: Equatable {
        var octets: [UInt8] = []
        /// How many octets stood before a gap, and how many it says are missing.
        var gaps: [[Int]] = []

        /// As much of it as the other one has.
        func upTo(_ other: Kept) -> Kept {
            Kept(octets: Array(octets.prefix(other.octets.count)), gaps: Array(gaps.prefix(other.gaps.count)))
        }
    }

    private static func kept(_ events: [RecordEvent], _ side: Side) -> Kept {
        var kept = Kept()
        for event in events {
            switch event {
            case .octets(_, .client, side, _, let pieces): for piece in pieces { kept.octets += piece }
            case .secret(_, .client, side, _, let masked, _): kept.octets += masked
            case .gap(_, .client, side, _, let octets): kept.gaps.append([kept.octets.count, octets])
            case .octets, .secret, .gap, .opened, .secured, .remark, .changed, .exchange, .message, .credential,
                .closed:
                break
            }
        }
        return kept
    }

    // MARK: Scopes

    func checkScopes() {
        var numbers = numbers
        let all = recorded(conversation.steps, ["all"]).flatMap(\.events)
        let chosen = recorded(conversation.steps, rules).flatMap(\.events)
        let headers = recorded(conversation.steps, ["headers"]).flatMap(\.events)
        let envelope = recorded(conversation.steps, ["envelope"]).flatMap(\.events)
        for side in Side.allCases {
            let whole = Self.kept(all, side)
            let (some, least) = (Self.kept(headers, side), Self.kept(envelope, side))
            Self.compare(some, whole, "\(side), headers")
            Self.compare(least, whole, "\(side), envelope")
            for index in whole.octets.indices where some.octets[index] != whole.octets[index] {
                must(
                    least.octets[index] == some.octets[index],
                    "\(side), octet \(index) is hidden by 'headers' and shown by 'envelope'")
            }
            // A session that is not recorded is not there at all, or ends where that was known.
            let kept = Self.kept(chosen, side)
            let endsEarly = rules.contains { $0.hasPrefix("never") }
            if !chosen.isEmpty { Self.compare(kept, endsEarly ? whole.upTo(kept) : whole, "\(side), \(rules)") }
        }
        for cutting in [Conversation.Cutting.turns, .random] {
            let cut = recorded(conversation.cut(cutting, &numbers), rules).flatMap(\.events)
            for side in Side.allCases {
                let (ours, theirs) = (Self.kept(cut, side), Self.kept(chosen, side))
                must(
                    ours == theirs,
                    "\(side), \(rules), cut \(cutting): \(ours.octets.shown) \(ours.gaps) in place of \(theirs.octets.shown) \(theirs.gaps)"
                )
            }
        }
    }

    private static func compare(_ hidden: Kept, _ whole: Kept, _ what: String) {
        must(
            hidden.octets.count == whole.octets.count,
            "\(what): \(hidden.octets.count) octets of \(whole.octets.count)")
        must(hidden.gaps == whole.gaps, "\(what): gaps \(hidden.gaps) in place of \(whole.gaps)")
        for index in whole.octets.indices where whole.octets[index] == 10 || hidden.octets[index] == 10 {
            must(
                whole.octets[index] == hidden.octets[index], "\(what): the end of a line at \(index) came or went")
        }
    }

    // MARK: Copies

    func checkCopy() {
        let batches = recorded(conversation.steps, ["all"])
        guard let end = SocketAddress("192.0.2.7:40000"), let server = SocketAddress("[2001:db8::1]:25") else { return }
        let info = SessionInfo(
            id: "0000000000000", mailProtocol: proto, start: 0, client: end, server: server, route: "capture")
        let pseudonyms = Pseudonyms(key: Array("a key of sixteen".utf8))
        var copier = RecordingAnonymizer(pseudonyms)
        for batch in batches { copier.learn(info, batch.notes, batch.events) }
        var copy: [RecordEvent] = []
        for batch in batches { copy += copier.replace(info, batch.notes, batch.events) }
        must(copier.count == 1, "\(copier.count) sessions")
        let original = batches.flatMap(\.events)
        var search = ResidueSearch(pseudonyms)
        var reader = MailTap(proto)
        for event in copy {
            var notes: [Note] = []
            switch event {
            case .octets(_, _, let side, _, let pieces):
                for piece in pieces { reader.receive(piece, from: side, into: &notes) }
            case .gap(_, _, let side, _, let octets): reader.lose(side, octets > 0 ? octets : nil, into: &notes)
            case .opened, .secured, .secret, .remark, .changed, .exchange, .message, .credential, .closed: break
            }
            search.accept(info, notes, [event])
        }
        for side in Side.allCases {
            let (ours, theirs) = (Self.kept(copy, side), Self.kept(original, side))
            must(
                ours.octets.count == theirs.octets.count && ours.gaps == theirs.gaps,
                "\(side): \(ours.octets.count) octets, gaps \(ours.gaps), of \(theirs.octets.count), \(theirs.gaps)\n"
                    + "  \(theirs.octets.shown)\n  \(ours.octets.shown)")
        }
    }
}
