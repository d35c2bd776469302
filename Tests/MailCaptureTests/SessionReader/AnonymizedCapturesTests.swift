// Captures by others and their anonymous copies: the notes of the copy are those of the original, octet for octet as long, and no word is left.

import Foundation
import MailCapture
import MailDialogue
import MailRecording
import Testing

struct AnonymizedCapturesTests {
    /// What a session says, without what is said.
    private struct Outline {
        var lines: [String] = []

        /// The lines of a side.
        func of(_ side: Side) -> [String] { lines.filter { $0.hasPrefix("\(side) ") } }

        /// Notes in which nothing but the number of pieces may differ are joined.
        mutating func add(_ note: Note) {
            let what: String
            switch note.element {
            case .command(let command): what = "command \(command.isKnown ? command.verb : "?")"
            case .reply(let reply): what = "reply \(reply.code) \(reply.isLast)"
            case .greeting(let reply): what = "greeting \(reply.code)"
            case .data(let keyword, let complete): what = "data \(keyword) \(complete)"
            case .contentBegin(let content): what = "begin \(content.size ?? -1)"
            case .gap: return
            default: what = "\(note.element)"
            }
            let head = "\(note.side) \(note.exchange) \(what) \(note.violations.map(\.code))"
            switch note.element {
            case .content, .opaque:
                if let last = lines.last, last.hasPrefix(head + " ") {
                    let count = Int(last.dropFirst(head.count + 1)) ?? 0
                    lines[lines.count - 1] = "\(head) \(count + note.raw.count)"
                    return
                }
                // Where nothing is followed, what is told without octets is told with them.
                if note.element == .opaque, note.raw.isEmpty { return }
            default: break
            }
            lines.append("\(head) \(note.raw.count)")
        }
    }

    private func outlines(_ path: String, _ also: (SessionBatch) -> Void = { _ in }) throws -> [Outline] {
        var sessions: [String: Outline] = [:]
        var order: [String] = []
        var reader = try SessionReader([path])
        reader.keepsRows = false
        try reader.read { batch in
            also(batch)
            if sessions[batch.info.id] == nil { order.append(batch.info.id) }
            for note in batch.notes { sessions[batch.info.id, default: Outline()].add(note) }
        }
        return order.compactMap { sessions[$0] }
    }

    private func copy(_ path: String, _ pseudonyms: Pseudonyms) throws -> [UInt8] {
        var recording = RecordingAnonymizer(pseudonyms)
        var packets = EventPackets()
        var octets = EventPackets.header
        for isSecond in [false, true] {
            var reader = try SessionReader([path])
            reader.keepsRows = false
            try reader.read { batch in
                guard isSecond else { return recording.learn(batch.info, batch.notes, batch.events) }
                for event in recording.replace(batch.info, batch.notes, batch.events) {
                    packets.append(event, to: &octets)
                }
            }
        }
        return octets
    }

    @Test func copiesSayTheSame() throws {
        let scratch = try Scratch()
        var sessions = 0
        for capture in CaseFiles.captures {
            let path = CaseFiles.root.appendingPathComponent(capture).path
            let before = try outlines(path)
            guard !before.isEmpty else { continue }
            let pseudonyms = Pseudonyms(key: Array("a key of these tests".utf8))
            let file = try scratch.write(copy(path, pseudonyms), "copy.pcapng")
            var search = ResidueSearch(pseudonyms)
            let after = try outlines(file) { search.accept($0.info, $0.notes, $0.events) }
            #expect(search.residue == nil, "\(capture)")
            #expect(before.count == after.count, "\(capture)")
            for (a, b) in zip(before, after) {
                // Half a line of one side is told when that side ends, or when the session does.
                let isSame = Side.allCases.allSatisfy { a.of($0) == b.of($0) }
                #expect(isSame, "\(capture)")
                if !isSame, let place = zip(a.lines, b.lines).first(where: { $0.0 != $0.1 }) {
                    Issue.record("\(place.0) became \(place.1)")
                }
                sessions += 1
            }
        }
        #expect(CaseFiles.captures.isEmpty || sessions > 60)
    }
}
