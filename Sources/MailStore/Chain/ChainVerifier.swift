// Checks a recording against its chain: every line of the chain, every segment, and what lies in the directory without an entry.

import Crypto
import Glibc
import MailCompression
import MailRecording

/// Something that is wrong.
package struct ChainFault: Equatable, Sendable {
    package var kind: ChainFaultKind
    /// Where in the segment as it is now; nil for what is gone, and for faults of whole files.
    package var offset: Int?
    /// Where it was when it was signed.
    package var was: Int?
    package var octets: Int?
    package var blocks: Int?
    /// One line for people.
    package var text: String

    init(
        _ kind: ChainFaultKind, offset: Int? = nil, was: Int? = nil, octets: Int? = nil, blocks: Int? = nil,
        _ text: String
    ) {
        self.kind = kind
        self.offset = offset
        self.was = was
        self.octets = octets
        self.blocks = blocks
        self.text = text
    }
}

/// What was found of a segment, or, without a name, of the chain.
package struct ChainFinding: Equatable, Sendable {
    package enum State: String, Sendable {
        /// It is as it was when it was closed and signed.
        case signed
        /// Its recorder was killed: it is as it was when the next one began.
        case recovered
        /// It is being written, or its recorder was killed and none began since: what is signed so far holds.
        case open
        /// Retention removed it, as the chain says.
        case removed
        /// Retention took sessions out of it, as the chain says; it is as it was then.
        case thinned
        case faulty
    }

    package var segment: String?
    package var state: State
    package var octets = 0
    package var blocks = 0
    /// Octets of a segment in state `open` that carry a signature.
    package var signed = 0
    /// When it was signed, or why it was removed; of the chain, what a recorder left undone.
    package var note = ""
    package var faults: [ChainFault] = []
    /// What was not recorded before it began.
    package var loss: RecordComment.Loss?
}

/// What was found of a recording.
package struct ChainSummary: Equatable, Sendable {
    /// Nil when there is no chain.
    package var head: ChainHead?
    package var entries = 0
    /// Those that signed, in order.
    package var keys: [String] = []
    package var segments = 0
    package var faults = 0
    /// Octets of mail that were not recorded, as the segments that are there say.
    package var lostOctets: Int64 = 0
}

/// Checks one directory. Not for several threads at once.
package final class ChainVerifier {
    /// Faults that are named for one segment; of more their number is told.
    package static let most = 100

    let directory: String
    private let trusted: [ChainPublicKey]
    private let expected: ChainHead?
    private let tell: (ChainFinding) -> Void

    private var summary = ChainSummary()
    /// The key that the chain says signs what follows.
    private var key: ChainPublicKey?
    private var segments: [ChainEntry.Segment] = []
    private var removed: [String: String] = [:]
    private var chainFaults: [ChainFault] = []
    private var chainNote = ""

    /// - Parameters:
    ///   - keys: those that may sign; empty: the one that the chain names first.
    ///   - expected: a head that was kept.
    ///   - tell: gets what was found: segments in order, and at the end the chain.
    package init(
        _ directory: String, keys: [ChainPublicKey] = [], expected: ChainHead? = nil,
        tell: @escaping (ChainFinding) -> Void
    ) {
        self.directory = directory
        trusted = keys
        self.expected = expected
        self.tell = tell
    }

    /// Checks all of it. Throws when the directory cannot be read.
    package func run() throws(RecorderError) -> ChainSummary {
        // The list of what there is comes first: a segment that is begun in the meantime is no fault.
        let there = RecordingDirectory.segments(in: directory).map(\.name)
        let isRecorded = RecordingDirectory.isRecording(directory)
        try readChain()
        let signed = Set(segments.map(\.name))
        for segment in segments {
            report(isRecorded ? settled(segment) : examined(segment))
        }
        for name in there where !signed.contains(name) && removed[name] == nil {
            checkOpen(name, isLast: name == there.last, isRecorded: isRecorded)
        }
        for name in sealsWithoutSegment(known: signed.union(there)) {
            report(
                fault(name, ChainFault(.missing, "the segment was begun and is not there")))
        }
        reportChain()
        return summary
    }

    /// Checks the lines of the chain alone.
    package func runChain() throws(RecorderError) -> ChainSummary {
        try readChain()
        reportChain()
        return summary
    }

    // MARK: The chain

    private func readChain() throws(RecorderError) {
        let path = directory + "/" + ChainEntry.fileName
        let descriptor = System.openToRead(path)
        guard descriptor >= 0 else {
            let code = errno
            guard code == ENOENT else { throw .failed(action: "read", path: path, reason: System.text(code)) }
            chainFaults.append(ChainFault(.missing, "there is no chain: nothing of this recording is signed"))
            if expected != nil { chainFaults.append(ChainFault(.head, "the head that was kept is of a chain")) }
            return
        }
        defer { Glibc.close(descriptor) }
        var reader = LineReader(descriptor)
        var previous = SignedFile.nothing
        var number = 0
        var lines = 0
        var isExpectedFound = false
        while let line = reader.next() {
            lines += 1
            guard case .line(let octets) = line, let signed = SignedLine(octets) else {
                chainFault(.link, "line \(lines) is none of a chain")
                if case .line(let octets) = line { previous = Hex.text(SHA256.of(octets)) }
                number += 1
                continue
            }
            judge(signed, lines, &number, previous)
            previous = signed.digest
            if expected?.number == number - 1 {
                isExpectedFound = true
                if expected?.digest != previous {
                    chainFault(.head, "entry \(number - 1) is not the one that was kept: the chain was written anew")
                }
            }
            if let entry = ChainEntry(signed) {
                take(entry, lines)
            } else {
                chainFault(.link, "line \(lines) says nothing that this version knows")
            }
        }
        if reader.failure != 0 {
            throw .failed(action: "read", path: path, reason: System.text(reader.failure))
        }
        if reader.rest > 0 {
            // A kill can end a write between two pages. Half a line says as much as none, and the next recorder takes it away.
            if ChainEntry.mayBegin(reader.half, number: number) {
                chainNote =
                    "line \(lines + 1) was not written to its end, as its recorder was killed; the next one writes it anew"
            } else {
                chainFault(.link, "line \(lines + 1) is cut off")
            }
        }
        if let expected, !isExpectedFound {
            chainFault(
                .head,
                "the end was cut off: the chain ends with entry \(number - 1), and entry \(expected.number) was kept")
        }
        summary.entries = lines
        if lines > 0 { summary.head = ChainHead(number: number - 1, digest: previous) }
    }

    private func judge(_ line: SignedLine, _ place: Int, _ number: inout Int, _ previous: String) {
        let claimed = line.number("n") ?? -1
        if line.text("previous") != previous || claimed != number {
            let text =
                switch claimed {
                case (number + 1)...: "entries \(number) to \(claimed - 1) are missing before line \(place)"
                case number: "line \(place) does not follow line \(place - 1): one of them was changed"
                default: "line \(place) holds entry \(claimed) once more, or out of its place"
                }
            chainFault(.link, text)
        }
        number = max(number, claimed == Int.max ? number : claimed + 1)
        // The entry of a key is signed by that key: it vouches for itself.
        var signer = key
        if case .key(let own) = ChainEntry(line) { signer = own }
        guard let signer else {
            chainFault(.signature, "line \(place) comes before the chain says which key signs")
            return
        }
        if !line.isSigned(by: signer) { chainFault(.signature, "line \(place) is not signed by the chain's key") }
    }

    private func take(_ entry: ChainEntry, _ place: Int) {
        switch entry {
        case .key(let named):
            if !trusted.isEmpty, !trusted.contains(named) {
                chainFault(.key, "from line \(place) on another key signs than the one that was given: \(named.text)")
            } else if trusted.isEmpty, let key, key != named {
                chainFault(.key, "from line \(place) on another key signs: \(named.text)")
            }
            key = named
            if !summary.keys.contains(named.text) { summary.keys.append(named.text) }
        case .segment(let segment):
            if segments.contains(where: { $0.name == segment.name }) {
                chainFault(.link, "line \(place) signs \(segment.name) once more")
            } else {
                segments.append(segment)
            }
        case .removed(let name, let reason): removed[name] = reason
        case .thinned(var segment, sessions: _, let reason):
            guard let place = segments.firstIndex(where: { $0.name == segment.name }) else {
                chainFault(.link, "line \(place) takes sessions out of \(segment.name), which was never signed")
                return
            }
            // Said once more, as the disk did not sync what was said.
            guard segment.sha256 != segments[place].sha256 else { return }
            segment.thinning = .init(reason: reason, before: segments[place].sha256)
            segments[place] = segment
        }
    }

    private func reportChain() {
        report(
            ChainFinding(
                segment: nil, state: chainFaults.isEmpty ? .signed : .faulty, note: chainNote, faults: chainFaults))
    }

    private func chainFault(_ kind: ChainFaultKind, _ text: String) { chainFaults.append(ChainFault(kind, text)) }

    // MARK: Segments

    private func report(_ finding: ChainFinding) {
        var finding = finding
        summary.faults += finding.faults.count
        if let name = finding.segment {
            summary.segments += 1
            finding.loss = SegmentLoss.read(directory + "/" + name)
            summary.lostOctets &+= finding.loss?.octets ?? 0
        }
        tell(finding)
    }

    private func fault(_ name: String, _ faults: ChainFault...) -> ChainFinding {
        ChainFinding(segment: name, state: .faulty, faults: faults)
    }

    /// A segment while somebody records: retention says in the chain what it is about to do, and does it a moment later.
    private func settled(_ entry: ChainEntry.Segment) -> ChainFinding {
        var entry = entry
        var finding = examined(entry)
        for _ in 0..<Self.mostLooks where !finding.faults.isEmpty {
            if let later = fate(of: entry.name) {
                switch later {
                case .removed(let name, let reason): removed[name] = reason
                case .thinned(var segment, sessions: _, let reason):
                    segment.thinning = .init(reason: reason, before: entry.sha256)
                    entry = segment
                case .key, .segment: break
                }
            } else if removed[entry.name] == nil, entry.thinning == nil {
                break
            }
            finding = examined(entry)
            if !finding.faults.isEmpty { poll(nil, 0, 50) }
        }
        return finding
    }

    /// A second in all.
    private static let mostLooks = 20

    /// What the chain says of a segment in lines that were added since it was read.
    private func fate(of name: String) -> ChainEntry? {
        let descriptor = System.openToRead(directory + "/" + ChainEntry.fileName)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var reader = LineReader(descriptor)
        var lines = 0
        var found: ChainEntry?
        while let line = reader.next() {
            lines += 1
            guard lines > summary.entries, case .line(let octets) = line, let signed = SignedLine(octets),
                let key, signed.isSigned(by: key), signed.text("segment") == name
            else { continue }
            found = ChainEntry(signed) ?? found
        }
        return found
    }

    private func examined(_ entry: ChainEntry.Segment) -> ChainFinding {
        guard let reason = removed[entry.name] else { return check(entry) }
        var finding = ChainFinding(segment: entry.name, state: .removed, note: reason)
        finding.octets = entry.octets
        finding.blocks = entry.blocks
        let path = directory + "/" + entry.name
        if access(path, F_OK) == 0 || access(path + PackedFile.suffix, F_OK) == 0 {
            finding.state = .faulty
            finding.faults = [ChainFault(.kept, "it was removed (\(reason)), as the chain says, and it is there")]
        }
        return finding
    }

    private func check(_ entry: ChainEntry.Segment) -> ChainFinding {
        var finding = ChainFinding(segment: entry.name, state: entry.isRecovered ? .recovered : .signed)
        if let thinning = entry.thinning {
            finding.state = .thinned
            finding.note = thinning.reason
        }
        finding.octets = entry.octets
        finding.blocks = entry.blocks
        if entry.thinning == nil { finding.note = entry.time }
        let seals = SealsFile(directory, entry.name)
        let isWhole = seals.head == entry.seals && seals.isLinked
        if !isWhole || !seals.isClean {
            finding.faults.append(
                ChainFault(
                    seals.head == nil ? .missing : .link,
                    seals.head == nil
                        ? "\(SegmentSeals.name(for: entry.name)) is not there: what changes would no longer be named"
                        : "\(SegmentSeals.name(for: entry.name)) is not as it was signed"))
        }
        let trusted = isWhole ? seals.stretches : []
        do throws(PackedFileError) {
            let file = try PackedFile(path: directory + "/" + entry.name)
            let reading = try SegmentReading(file, checkpoints: trusted)
            // What was signed while it was written counts, even when a later signature covers the change.
            let isChanged = reading.size != entry.octets || reading.sha256 != entry.sha256
            if let thinning = entry.thinning, reading.sha256 == thinning.before {
                finding.faults = [
                    ChainFault(
                        .kept,
                        "sessions were taken out of it (\(thinning.reason)), as the chain says, and they are there")
                ]
            } else if isChanged || reading.firstWrong != nil {
                finding.faults += try SegmentDiagnosis.faults(
                    of: file, seals: isWhole ? seals : nil, reading, signed: entry.octets)
            }
        } catch {
            finding.faults.append(unreadable(error))
        }
        if !finding.faults.isEmpty { finding.state = .faulty }
        return finding
    }

    private func unreadable(_ error: PackedFileError) -> ChainFault {
        if error.code == .unreadable, error.text == System.text(ENOENT) {
            return ChainFault(.missing, "the segment is not there")
        }
        return ChainFault(
            error.code == .truncated ? .cut : error.code == .damaged ? .changed : .unreadable, offset: error.offset,
            "\(error.text)\(error.offset.map { ", at octet \($0) of the file" } ?? "")")
    }

    /// A segment without an entry: the one that is being written, or was when its recorder was killed.
    private func checkOpen(_ name: String, isLast: Bool, isRecorded: Bool) {
        let seals = SealsFile(directory, name)
        guard seals.head != nil else {
            report(fault(name, ChainFault(.unsigned, "it has no entry in the chain, and was never signed")))
            return
        }
        var finding = ChainFinding(segment: name, state: .open)
        finding.signed = seals.stretches.last?.end ?? 0
        finding.note = isRecorded && isLast ? "being written" : "its recorder was killed"
        // The last line vouches for those before it.
        if let key, seals.last?.isSigned(by: key) != true || !seals.isLinked {
            finding.faults.append(
                ChainFault(.signature, "\(SegmentSeals.name(for: name)) is not signed by the chain's key"))
        } else if key == nil {
            finding.faults.append(ChainFault(.unsigned, "no chain says whose signatures these are"))
        }
        do throws(PackedFileError) {
            let file = try PackedFile(path: directory + "/" + name)
            let reading = try SegmentReading(file, checkpoints: seals.stretches)
            finding.octets = reading.size
            finding.blocks = seals.blocks
            if reading.firstWrong != nil || reading.size < finding.signed {
                finding.faults += try SegmentDiagnosis.faults(
                    of: file, seals: seals, reading, signed: finding.signed, isOpen: true)
            }
        } catch {
            finding.faults.append(unreadable(error))
        }
        if !finding.faults.isEmpty { finding.state = .faulty }
        report(finding)
    }

    private func sealsWithoutSegment(known: Set<String>) -> [String] {
        System.names(in: directory)
            .filter { $0.hasSuffix(SegmentSeals.suffix) }
            .map { String($0.dropLast(SegmentSeals.suffix.count)) + ".pcapng" }
            .filter { !known.contains($0) && removed[$0] == nil && RecordingDirectory.segmentNumber($0) != nil }
            // Who is killed between the two files has recorded nothing in the segment.
            .filter { !SegmentSeals.isBegunOnly(directory, $0) }
            .sorted()
    }
}
