// Writes segments: blocks are gathered and written together, whole ones only, so that a file is readable up to its last
// complete block whenever the process dies. When a write fails the file is cut back to its last complete block, what
// could not be written is counted, and a new segment, whose header says what is missing, is tried a second later.

import CLinux
import Glibc
import MailDialogue
import MailRecording

/// The segment files of one recorder. Used by its thread only.
struct SegmentWriter {
    /// A segment that is written to.
    struct Segment {
        let number: Int
        let name: String
        let descriptor: Int32
        /// On the monotonic clock.
        let opened: Int64
        /// Microseconds since 1970.
        let began: Int64
        /// The midnight, in microseconds since 1970, at which it ends whatever its age.
        let midnight: Int64
        /// Octets in the file.
        var size: Int64
        /// Of them, those that the kernel was asked to write.
        var begun: Int64 = 0
        /// Packets by interface.
        var packets: (UInt64, UInt64) = (0, 0)
        /// Packets that were lost before it began.
        let dropped: UInt64
        /// Something was written since the last sync.
        var isDirty = true
        /// Octets that had been synced.
        var synced: Int64 = 0
    }

    /// Why the last attempt to write failed.
    struct Failure: Error, Equatable {
        let path: String
        let code: Int32
        var text: String { "\(path): \(System.text(code))" }
    }

    /// Blocks gathered beyond this are written at once.
    static let bufferLimit = 1 << 18
    /// Octets after which the kernel is asked to begin writing them to the disk, so that no sync finds a second's worth at once.
    private static let stride: Int64 = 8 << 20
    /// Octets that stay in the page cache behind the last that were written, for those who read what was recorded just now. A day's
    /// recording would else drive everything else from it, and each write would have to find memory that nobody used lately.
    private static let cached: Int64 = 64 << 20
    let directory: String
    let segmentBytes: Int64
    /// Microseconds.
    let segmentAge: Int64
    /// Whose midnight ends a segment.
    let day: RecordingDay
    /// Microseconds from a failure to the next attempt.
    let retryAfter: Int64
    let calls: FileCalls
    /// Asked when the disk takes nothing: true, some time later, when the same is to be tried once more.
    var holds: (Failure) -> Bool = { _ in false }
    /// Told the name of a segment before there is one, and that there is none after all.
    var announce: (_ name: String) -> Void = { _ in }
    var retract: (_ name: String) -> Void = { _ in }

    /// What is written is hashed, for who signs it.
    var hashes = false
    private var digest = WrittenDigest()

    /// Packets that a capture has lost so far, before they came to us.
    var captureDropped: () -> UInt64 = { 0 }
    /// Of them, those that segments have told.
    private var toldDropped: UInt64 = 0

    private(set) var current: Segment?
    private(set) var buffer: [UInt8] = []
    private var bufferedPackets: Int64 = 0
    private var bufferedOctets: Int64 = 0
    private var nextNumber: Int
    /// The time on the monotonic clock before which nothing is tried.
    private(set) var retryAt = Int64.min
    /// What was lost since the last segment began; nil when nothing was.
    private(set) var loss: RecordComment.Loss?

    init(
        directory: String, segmentBytes: Int64, segmentAge: Int64, day: RecordingDay, retryAfter: Int64,
        calls: FileCalls
    ) {
        self.directory = directory
        self.segmentBytes = segmentBytes
        self.segmentAge = segmentAge
        self.day = day
        self.retryAfter = retryAfter
        self.calls = calls
        nextNumber = (RecordingDirectory.segments(in: directory).last?.number ?? 0) &+ 1
        buffer.reserveCapacity(Self.bufferLimit + (1 << 17))
    }

    /// Where the next block will begin.
    var offset: Int64 { (current?.size ?? 0) + Int64(buffer.count) }

    /// The segment is full, or old and not empty.
    func isDue(_ now: Int64) -> Bool {
        guard let current else { return false }
        return offset >= segmentBytes || now &- current.opened >= segmentAge
    }

    /// When the segment has to end, on the monotonic clock: for its age, or as the day is over.
    func ends(_ now: Int64) -> Int64 {
        guard let current else { return .max }
        let (aged, isEndless) = current.opened.addingReportingOverflow(segmentAge)
        let night = current.midnight == .max ? .max : now &+ max(0, current.midnight &- calls.wallClock())
        return min(isEndless ? .max : aged, night)
    }

    /// May a segment be opened, or must it wait after a failure?
    func mayOpen(_ now: Int64) -> Bool { now >= retryAt }

    /// Opens the next segment.
    mutating func open(_ now: Int64) throws(Failure) {
        let wall = calls.wallClock()
        var name = ""
        var descriptor: Int32 = -EEXIST
        // A file of that name may have been put there by someone else: never write to it, take the next number.
        var failure: Failure?
        repeat {
            for _ in 0..<100 where descriptor == -EEXIST {
                name = RecordingDirectory.segmentName(time: wall, number: nextNumber)
                nextNumber &+= 1
                announce(name)
                descriptor = calls.create(directory + "/" + name)
                if descriptor < 0 { retract(name) }
            }
            failure = descriptor < 0 ? Failure(path: directory + "/" + name, code: -descriptor) : nil
            if failure != nil { descriptor = -EEXIST }
        } while failure.map(holds) ?? false
        if let failure {
            retryAt = now &+ retryAfter
            lose(failure)
            throw failure
        }
        let dropped = UInt64(clamping: loss?.packets ?? 0)
        var header = PcapngWriter.recordingHeader(
            application: "mailproxy", comment: loss.map { RecordComment.lost($0).text })
        if dropped > 0 {
            header += PcapngWriter.statistics(
                interface: PcapngWriter.clientLeg, time: NanosecondTime.of(wall), received: 0, dropped: dropped)
        }
        current = Segment(
            number: nextNumber &- 1, name: name, descriptor: descriptor, opened: now, began: wall,
            midnight: day.end(of: wall), size: 0,
            dropped: dropped)
        digest = WrittenDigest()
        try write(header, now)
        // A name that the disk has is that of a capture, whenever the power goes.
        try sync(now)
        System.syncDirectory(directory)
        loss = nil
    }

    /// Gathers a packet of `leg`. `payload` counts the octets of the mail protocol in it.
    mutating func append(_ packet: [UInt8], leg: Leg, time: Int64, payload: Int, comment: String?) {
        let interface = leg == .client ? PcapngWriter.clientLeg : PcapngWriter.serverLeg
        PcapngWriter.appendPacket(interface: interface, time: time, packet[...], comment: comment, to: &buffer)
        bufferedPackets &+= 1
        bufferedOctets &+= Int64(payload)
        switch leg {
        case .client: current?.packets.0 &+= 1
        case .server: current?.packets.1 &+= 1
        }
    }

    /// Gathers the segments of TCP that carry `pieces`. Gives how many they are; 0, with nothing gathered, when more than them is to be
    /// written.
    mutating func append(
        _ pieces: [ArraySlice<UInt8>], count: Int, from side: Side, by synthesizer: inout PacketSynthesizer, leg: Leg,
        time: Int64
    ) -> Int {
        guard count > 0, synthesizer.isOpen else { return 0 }
        let interface = leg == .client ? PcapngWriter.clientLeg : PcapngWriter.serverLeg
        var copy = synthesizer
        let start = buffer.count
        var packets = 0
        var rest = PieceCutter(pieces, count: count)
        // Reads of a loop are somewhat longer than a packet can be.
        while let (part, size) = rest.next(PacketSynthesizer.longestPayload) {
            var isDone = false
            PcapngWriter.appendPacket(
                interface: interface, time: time, length: copy.packetLength(payload: size), to: &buffer
            ) { isDone = copy.appendSegment(from: side, part, count: size, isLast: rest.isEmpty, to: &$0) }
            guard isDone else {
                buffer.removeSubrange(start...)
                return 0
            }
            packets += 1
        }
        synthesizer = copy
        bufferedPackets &+= Int64(packets)
        bufferedOctets &+= Int64(count)
        switch leg {
        case .client: current?.packets.0 &+= UInt64(packets)
        case .server: current?.packets.1 &+= UInt64(packets)
        }
        return packets
    }

    /// Counts what cannot be written: packets, octets of mail in them, sessions that nothing was missing of before.
    mutating func lose(
        packets: Int64 = 0, octets: Int64 = 0, sessions: Int64 = 0, unsynced: Int64 = 0, _ failure: Failure? = nil
    ) {
        let now = System.wallClock()
        var loss = loss ?? RecordComment.Loss(octets: 0, packets: 0, from: now, to: now)
        loss.octets &+= octets
        loss.packets &+= packets
        loss.sessions &+= sessions
        loss.unsynced &+= unsynced
        if let failure, loss.reason.isEmpty { loss.reason = System.text(failure.code) }
        loss.to = now
        self.loss = loss
    }

    /// Writes what was gathered. When that fails, all of it is counted as lost.
    mutating func flush(_ now: Int64) throws(Failure) {
        guard !buffer.isEmpty else { return }
        defer {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 4 * Self.bufferLimit)
            bufferedPackets = 0
            bufferedOctets = 0
        }
        do {
            try write(buffer, now)
        } catch {
            lose(packets: bufferedPackets, octets: bufferedOctets, error)
            throw error
        }
    }

    /// Makes what was written durable.
    mutating func sync(_ now: Int64) throws(Failure) {
        guard let segment = current, segment.isDirty else { return }
        let code = calls.sync(segment.descriptor)
        guard code == 0 else {
            // What the disk kept of the segment is not known any more: go on in a new one.
            Glibc.close(segment.descriptor)
            current = nil
            // At once, unless the last one was begun a moment ago: a disk that syncs nothing would be strewn with segments.
            retryAt = segment.opened &+ retryAfter
            let failure = Failure(path: directory + "/" + segment.name, code: -code)
            lose(unsynced: segment.size &- segment.synced, failure)
            throw failure
        }
        current?.isDirty = false
        current?.synced = segment.size
    }

    /// Ends the segment: counts of its packets, sync, close. Gives what it was.
    mutating func close(_ now: Int64) throws(Failure) -> Segment? {
        guard let segment = current else { return nil }
        let time = NanosecondTime.of(System.wallClock())
        let all = captureDropped()
        buffer += PcapngWriter.statistics(
            interface: PcapngWriter.clientLeg, time: time, received: segment.packets.0,
            dropped: segment.dropped &+ (all &- min(toldDropped, all)))
        toldDropped = max(toldDropped, all)
        if segment.packets.1 > 0 {
            buffer += PcapngWriter.statistics(
                interface: PcapngWriter.serverLeg, time: time, received: segment.packets.1, dropped: 0)
        }
        try flush(now)
        try sync(now)
        let closed = current
        Glibc.close(segment.descriptor)
        current = nil
        return closed
    }

    /// What was hashed of the segment, the last one when there is none now, since this was last asked.
    mutating func takeHashed() -> [HashedBlocks] { digest.take() }

    private mutating func write(_ octets: [UInt8], _ now: Int64) throws(Failure) {
        guard let segment = current else { return }
        let path = directory + "/" + segment.name
        var failure: Failure?
        octets.withUnsafeBytes { all in
            var rest = all[...]
            while !rest.isEmpty {
                let count = calls.write(segment.descriptor, UnsafeRawBufferPointer(rebasing: rest))
                if count > 0 {
                    rest = rest.dropFirst(count)
                    continue
                }
                let refused = Failure(path: path, code: count == 0 ? EIO : Int32(clamping: -count))
                // What the disk took of a block stays, and the rest follows: readers stop before the part meanwhile.
                if holds(refused) { continue }
                failure = refused
                return
            }
        }
        if let failure {
            if segment.size == 0 {
                unlink(path)
                retract(segment.name)
            } else {
                // Blocks of which a part was written are taken back; should that fail too, readers stop before the
                // part.
                ftruncate(segment.descriptor, off_t(segment.size))
            }
            Glibc.close(segment.descriptor)
            current = nil
            retryAt = now &+ retryAfter
            lose(failure)
            throw failure
        }
        // As long as it is in the processor's cache.
        if hashes { digest.append(octets) }
        let size = segment.size &+ Int64(octets.count)
        current?.size = size
        current?.isDirty = true
        if size &- segment.begun >= Self.stride {
            mp_write_behind(segment.descriptor, off_t(segment.begun), off_t(size &- segment.begun))
            if size > Self.cached { mp_leave_cache(segment.descriptor, off_t(size &- Self.cached)) }
            current?.begun = size
        }
    }
}

/// Cuts octets that came in pieces anew.
private struct PieceCutter {
    private var pieces: [ArraySlice<UInt8>]
    /// Octets that are left.
    private var count: Int
    /// The piece that is next.
    private var index = 0

    init(_ pieces: [ArraySlice<UInt8>], count: Int) {
        self.pieces = pieces
        self.count = count
    }

    var isEmpty: Bool { count == 0 }

    /// The next octets, no more than `most`, and how many they are; nil behind the last.
    mutating func next(_ most: Int) -> (pieces: [ArraySlice<UInt8>], count: Int)? {
        guard count > 0 else { return nil }
        if index == 0, count <= most {
            defer { count = 0 }
            return (pieces, count)
        }
        var part: [ArraySlice<UInt8>] = []
        var size = 0
        while size < most, index < pieces.count {
            let piece = pieces[index].prefix(most - size)
            part.append(piece)
            size += piece.count
            if piece.count == pieces[index].count {
                index += 1
            } else {
                pieces[index] = pieces[index].dropFirst(piece.count)
            }
        }
        count -= size
        return (part, size)
    }
}
