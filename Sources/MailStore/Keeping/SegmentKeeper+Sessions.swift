// Removes sessions one by one, as the lines of `record.keep` say. The segment is written anew without them, the chain says what it is now
// and why, and only then the new file takes the place of the old one.

import Glibc
import MailCompression
import MailRecording

/// What is known of segments whose sessions are removed one by one.
struct SessionRetention {
    /// When there may be something to remove of a segment; microseconds since 1970.
    var next: [Int: Int64] = [:]
    /// Segments that have only sessions that are kept longer than others.
    var reduced: Set<Int> = []
    /// Why sessions are not removed at present, so that it is said once.
    var failure: String?
}

extension SegmentKeeper {
    /// Removes what is old enough, and then what is too much.
    func removeSessions() {
        let index: RecordingIndex
        do {
            index = try RecordingIndex(directory: directory)
            // Whoever knows only some of the sessions would keep, and throw away, the wrong ones.
            guard try !index.isIncomplete else {
                return complain("the index lacks rows: 'mailproxy sessions reindex' completes it")
            }
        } catch {
            return complain("\(error)")
        }
        retention.withLock { $0.failure = nil }
        let closed = Set(closed)
        let all = segments.filter { closed.contains($0.name) }
        let wall = System.wallClock()
        for segment in all where goesOn && retention.withLock({ $0.next[segment.number] ?? .min }) <= wall {
            guard let sessions = sessions(of: segment, index) else { continue }
            // A segment without any session has no time of its own.
            let judged = sessions.isEmpty ? [KeptSession(id: "", last: segment.time, rule: nil)] : sessions
            let decision = KeepingDecision(judged, policy.rules, standard: policy.age, now: wall)
            retention.withLock { $0.next[segment.number] = decision.next }
            if !decision.gone.isEmpty { take(decision, outOf: segment, judged) }
        }
        guard let most = policy.octets else { return }
        for segment in all where goesOn && !retention.withLock({ $0.reduced.contains(segment.number) }) {
            guard segments.reduce(0, { $0 + $1.octets }) > most else { return }
            guard let sessions = sessions(of: segment, index) else { continue }
            let decision = KeepingDecision(sessions, policy.rules, standard: policy.age, beyond: most)
            if decision.gone.isEmpty || take(decision, outOf: segment, sessions) {
                retention.withLock { _ = $0.reduced.insert(segment.number) }
            }
        }
    }

    private func complain(_ text: String) {
        let isNew = retention.withLock { retention in
            defer { retention.failure = text }
            return retention.failure != text
        }
        if isNew { log("sessions are not removed at present: \(text)") }
    }

    private func sessions(of segment: StoredSegment, _ index: RecordingIndex) -> [KeptSession]? {
        do { return try index.sessions(ofSegment: segment.number, policy.rules) } catch {
            complain("\(error)")
            return nil
        }
    }

    /// Takes sessions out of a segment. True when they are gone.
    @discardableResult
    private func take(_ decision: KeepingDecision, outOf segment: StoredSegment, _ all: [KeptSession]) -> Bool {
        if decision.gone.count == all.count { return remove(segment, decision.reason) }
        do throws(PackedFileError) {
            return try thin(segment, decision)
        } catch {
            log("\(directory)/\(segment.name): sessions are not taken out of it: \(error.text)")
            return false
        }
    }

    private func thin(_ segment: StoredSegment, _ decision: KeepingDecision) throws(PackedFileError) -> Bool {
        let path = directory + "/" + segment.name
        let parts = ThinnedSegment.parts(segment.name)
        let (part, seals) = (directory + "/" + parts.segment, directory + "/" + parts.seals)
        for file in [part, seals] { unlink(file) }
        let target = FileCalls().create(part)
        guard target >= 0 else { throw PackedFileError(.unreadable, System.text(-target)) }
        var isDone = false
        defer {
            Glibc.close(target)
            if !isDone { for file in [part, seals] { unlink(file) } }
        }
        let thinned = try SegmentThinner.thin(
            path, number: segment.number, without: decision.gone, to: target, while: { goesOn })
        guard let thinned else { return false }
        guard fdatasync(target) == 0 else { throw PackedFileError(.unreadable, System.text(errno)) }
        // Ages of files are those of what was recorded.
        let times = [timespec(tv_sec: Int(segment.time / 1_000_000), tv_nsec: 0)]
        _ = (times + times).withUnsafeBufferPointer { futimens(target, $0.baseAddress) }
        System.syncDirectory(directory)
        let reason = "\(decision.reason); \(thinned.packets) packets of \(thinned.octets) octets"
        if let notary {
            let told = ThinnedSegment(name: segment.name, sessions: thinned.sessions.count, reason: reason)
            guard notary.tell(.thinned(told)) else { return false }
        }
        isDone = true
        ThinnedSegment.place(segment.name, in: directory)
        told("\(segment.name): without \(reason)")
        tell(
            .thinned(
                ThinnedPlaces(
                    segment: segment.number, octets: thinned.size, gone: Array(decision.gone),
                    kept: thinned.places.mapValues { Array($0.values) })))
        return true
    }
}
