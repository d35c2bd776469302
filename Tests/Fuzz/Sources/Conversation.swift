// A conversation: what each side sent, in order, and where octets were lost. It is followed several times, cut in
// another way each time, and must give the same notes.

import Glibc
import MailDialogue

/// Something that happened on the wire.
enum Step: Equatable {
    case octets(Side, [UInt8])
    /// Octets of a side are missing; nil when nobody knows how many.
    case gap(Side, Int?)
}

/// What was followed.
struct Followed<D: Dialogue> {
    var tap: Tap<D>
    var notes: [Note] = []
    /// The octets were inflated at some time: notes hold what they inflated to.
    var wasCompressed = false
}

extension Step {
    /// As a transcript has it.
    fileprivate var shown: String {
        switch self {
        case .octets(let side, let octets): "\(side == .client ? "C" : "S")> \(octets.shown)"
        case .gap(let side, let count): "\(side == .client ? "C" : "S")! \(count.map { "\($0)" } ?? "?")"
        }
    }
}

/// A conversation, growing.
struct Conversation {
    /// FUZZ_SHOW is set: conversations are written on standard error before they are followed.
    static let isShown = getenv("FUZZ_SHOW") != nil

    private(set) var steps: [Step] = []

    mutating func add(_ step: Step) {
        if case .octets(_, let octets) = step, octets.isEmpty { return }
        steps.append(step)
    }

    /// All octets of a side.
    func octets(_ side: Side) -> [UInt8] {
        steps.flatMap { step -> [UInt8] in
            if case .octets(side, let octets) = step { return octets }
            return []
        }
    }

    /// Ways to cut.
    enum Cutting: CaseIterable {
        /// As the steps are.
        case asSteps
        /// As many octets at once as follow each other from one side.
        case turns
        /// Each octet alone.
        case single
        /// In pieces of random size.
        case random
    }

    /// The same steps cut in another way.
    func cut(_ cutting: Cutting, _ numbers: inout SeededNumbers) -> [Step] {
        var cut: [Step] = []
        for step in steps {
            guard case .octets(let side, let octets) = step else {
                cut.append(step)
                continue
            }
            switch cutting {
            case .asSteps: cut.append(step)
            case .turns:
                if case .octets(side, let before) = cut.last {
                    cut[cut.count - 1] = .octets(side, before + octets)
                } else {
                    cut.append(step)
                }
            case .single: cut += octets.map { .octets(side, [$0]) }
            case .random:
                var rest = octets[...]
                while !rest.isEmpty {
                    let size = numbers.size()
                    cut.append(.octets(side, Array(rest.prefix(size))))
                    rest = rest.dropFirst(size)
                }
            }
        }
        return cut
    }

    /// Follows the steps, then the ends of both sides.
    static func follow<D: Dialogue>(_ steps: [Step], _ dialogue: D) -> Followed<D> {
        var followed = Followed(tap: Tap(dialogue))
        for step in steps { followed.take(step) }
        followed.finish()
        return followed
    }

    /// The invariant of all dialogues: nothing is lost or added, secrets keep their length, notes and memory are
    /// bounded by the octets, and another cutting says the same.
    /// - Parameter content: what the notes of a side hold when it is not what was sent; nil when nobody knows.
    @discardableResult
    func check<D: Dialogue>(
        _ dialogue: D, _ numbers: inout SeededNumbers, content: ((Side) -> [UInt8]?)? = nil
    ) -> Followed<D> {
        if Self.isShown { for step in steps { complain(step.shown) } }
        let reference = Self.follow(steps, dialogue)
        for side in Side.allCases {
            let expected = content.map { $0(side) } ?? (reference.wasCompressed ? nil : octets(side))
            if let expected { reference.checkOctets(side, expected) }
        }
        reference.checkNotes()
        let size = octets(.client).count + octets(.server).count
        for cutting in Cutting.allCases where cutting != .asSteps {
            // Octet by octet is the dearest way: long conversations are cut so but now and then.
            if cutting == .single, size > 512, !numbers.oneIn(8) { continue }
            let other = Self.follow(cut(cutting, &numbers), dialogue)
            other.compare(reference, "cut \(cutting)")
        }
        return reference
    }

    /// Who reads a recording, which has the masked forms, finds what was found on the wire: the same frames of the same exchanges
    /// with the same violations. Left out are those of SASL: behind a response that is masked as a whole its exchange is not judged
    /// any more, not even the server's part in it.
    func checkRecording<D: Dialogue>(_ live: Followed<D>, _ dialogue: D) {
        guard !live.wasCompressed else { return }
        var rest: [Side: ArraySlice<UInt8>] = [:]
        for side in Side.allCases { rest[side] = live.notes.filter { $0.side == side }.flatMap(\.publicOctets)[...] }
        let recorded = steps.map { step -> Step in
            guard case .octets(let side, let octets) = step, let left = rest[side] else { return step }
            rest[side] = left.dropFirst(octets.count)
            return .octets(side, Array(left.prefix(octets.count)))
        }
        let read = Self.follow(recorded, dialogue)
        for side in Side.allCases {
            let (ours, theirs) = (live.notes.joined(side), read.notes.joined(side))
            for (our, their) in zip(ours, theirs) {
                must(
                    our.element == their.element && our.exchange == their.exchange
                        && our.publicOctets == their.publicOctets && our.provable == their.provable,
                    "the recording of\n  \(our.shown)\nreads as\n  \(their.shown)")
            }
            must(ours.count == theirs.count, "\(ours.count) notes of the \(side) are \(theirs.count) in the recording")
        }
    }
}

extension Note {
    /// Codes of the violations that its masked form shows.
    fileprivate var provable: [String] { violations.map(\.code).filter { !$0.hasPrefix("sasl-") } }
}

extension Followed {
    mutating func take(_ step: Step) {
        switch step {
        case .octets(let side, let octets):
            tap.receive(octets, from: side, into: &notes)
            if Side.allCases.contains(where: { tap.dialogue.deflation($0) != .none }) { wasCompressed = true }
            must(
                tap.pending(side) <= FuzzLimits.pending + octets.count,
                "\(tap.pending(side)) octets of the \(side) wait")
        case .gap(let side, let count): tap.lose(side, count, into: &notes)
        }
    }

    mutating func finish() {
        tap.end(.client, into: &notes)
        tap.end(.server, into: &notes)
        for side in Side.allCases { must(tap.pending(side) == 0, "octets of the \(side) are kept after the end") }
    }

    /// The notes of a side are its octets.
    func checkOctets(_ side: Side, _ sent: [UInt8]) {
        var at = 0
        for note in notes where note.side == side {
            must(
                sent[at...].starts(with: note.raw),
                "octets of the \(side) changed at \(at): \(sent[at...].prefix(40).shown) became \(note.shown)")
            at += note.raw.count
        }
        must(at == sent.count, "the last \(sent.count - at) octets of the \(side) are missing")
    }

    func checkNotes() {
        var octets = 0
        for note in notes {
            octets += note.raw.count
            if let masked = note.masked {
                must(masked.count == note.raw.count, "a mask of another length: \(note.shown)")
            }
            for case .credential(let credential) in note.facts { credential.check(in: note) }
        }
        // Begin and end of content have no octets of their own; a gap has none.
        must(notes.count <= 3 * octets + 64, "\(notes.count) notes of \(octets) octets")
    }

    /// What of two states is not the same, as `dump` has them.
    private static func difference(_ ours: Tap<D>, _ theirs: Tap<D>) -> String {
        var (our, their) = ("", "")
        dump(ours, to: &our)
        dump(theirs, to: &their)
        return zip(our.split(separator: "\n"), their.split(separator: "\n")).filter { $0 != $1 }.prefix(20)
            .map { "  \($0)\nin place of\n  \($1)" }.joined(separator: "\n")
    }

    /// Says the same as another.
    func compare(_ other: Followed<D>, _ what: String) {
        for side in Side.allCases {
            let ours = notes.joined(side)
            let theirs = other.notes.joined(side)
            for (our, their) in zip(ours, theirs) {
                must(our == their, "\(what) gives\n  \(our.shown)\nin place of\n  \(their.shown)")
            }
            must(
                ours.count == theirs.count,
                "\(what) gives \(ours.count) notes of the \(side) in place of \(theirs.count)")
        }
        // Who books exchanges reads the notes of both sides in order.
        let ours = notes.filter { !$0.element.isInPieces }
        let theirs = other.notes.filter { !$0.element.isInPieces }
        for (our, their) in zip(ours, theirs) {
            must(our.side == their.side, "\(what) tells\n  \(our.shown)\nbefore\n  \(their.shown)")
        }
        must(tap == other.tap, "\(what) leaves another state\n\(Self.difference(tap, other.tap))")
    }
}

/// What is bounded, in octets.
enum FuzzLimits {
    /// Octets of a side that wait: a line, or what is held for an answer.
    static let pending = max(DialogueLimits.held, DialogueLimits.imapResponseLine, DialogueLimits.line)
}

extension Credential {
    /// A secret that stands in a note once stands in what may be shown of it not at all. A short one may be a part of
    /// something else.
    fileprivate func check(in note: Note) {
        let octets = secret.withRevealed { $0 }
        guard octets.count >= 12, note.raw.occurrences(of: octets) == 1 else { return }
        must(note.publicOctets.occurrences(of: octets) == 0, "a secret is shown: \(note.shown)")
    }
}

extension Sequence<UInt8> {
    fileprivate func occurrences(of wanted: [UInt8]) -> Int {
        let all = Array(self)
        guard all.count >= wanted.count else { return 0 }
        return (0...(all.count - wanted.count)).count { all[$0...].starts(with: wanted) }
    }
}

extension Note {
    /// For the message of a finding.
    var shown: String {
        var text = "\(side) #\(exchange) \(element) \(raw.prefix(200).shown)"
        if let masked { text += " ~ \(masked.prefix(200).shown)" }
        if !facts.isEmpty { text += " \(facts)" }
        if !violations.isEmpty { text += " \(violations.map(\.code))" }
        return text
    }
}

extension [Note] {
    /// The notes of a side with pieces of content and of what is not followed joined, whatever way they were cut.
    func joined(_ side: Side) -> [Note] {
        var out: [Note] = []
        for note in self where note.side == side {
            if let last = out.last, last.exchange == note.exchange, last.element == note.element,
                note.element.isInPieces
            {
                out[out.count - 1].join(note)
            } else {
                out.append(note)
            }
        }
        for index in out.indices { out[index].violations.sort { $0.code < $1.code } }
        return out
    }
}

extension Element {
    /// Its octets come as they are, in pieces.
    fileprivate var isInPieces: Bool { self == .content || self == .opaque || self == .unplaced }
}

extension Note {
    fileprivate mutating func join(_ next: Note) {
        if masked != nil || next.masked != nil { masked = publicOctets + next.publicOctets }
        raw += next.raw
        facts += next.facts
        violations += next.violations
    }
}
