// Reassembly of IP fragments (RFC 791 §3.2, RFC 8200 §4.5), within bounds. Where fragments overlap the first or the last
// one wins, as for TCP; that they disagreed is told.

/// Collects fragments until their datagram is whole.
struct IPFragments: Sendable {
    /// Datagrams that are collected at once, and octets in all of them: beyond, the oldest are given up.
    static let mostDatagrams = 1_024
    static let mostOctets = 8 << 20
    /// Fragments of one datagram: 65,535 octets in pieces of eight would be 8,192; real ones are some dozens.
    static let mostPieces = 1_024
    /// Datagrams that were given and are kept for a while, and octets in all of them, to compare what comes late.
    static let mostDone = 256
    static let mostDoneOctets = 1 << 20
    /// Microseconds to wait for the rest (RFC 791 §3.2 names 15 s as a lower bound, Linux takes 30).
    static let lifetime: Int64 = 30_000_000

    struct Key: Hashable, Sendable {
        var source: IPAddress
        var destination: IPAddress
        var protocolNumber: UInt8
        var identification: UInt32
    }

    struct Whole {
        var payload: [UInt8]
        var hasConflict: Bool
        /// The lowest of its fragments: the one that goes least far.
        var hopLimit: UInt8
        /// The datagram was given before; a fragment that came afterwards makes another one of it.
        var isLate = false
    }

    private struct Datagram: Sendable {
        /// Pieces in order of `offset`, without overlap.
        var pieces: [(offset: Int, bytes: [UInt8])] = []
        var length: Int?
        var octets = 0
        var firstSeen: Int64
        var order: UInt64
        var hasConflict = false
        var hopLimit = UInt8.max
    }

    /// Which of two fragments counts where they differ.
    let overlap: OverlapPolicy
    private var datagrams: [Key: Datagram] = [:]
    private var octets = 0
    /// Datagrams that were given, in the order in which they were.
    private var done: [(key: Key, payload: [UInt8], time: Int64)] = []
    private var doneOctets = 0
    private var counter: UInt64 = 0
    /// The datagrams in the order in which they began; numbers whose datagram is gone are passed over.
    private var begun: [(key: Key, order: UInt64)] = []
    private var begunStart = 0

    init(overlap: OverlapPolicy = .first) { self.overlap = overlap }

    /// Takes a fragment; gives the datagram's payload once it is whole. Nil too for what cannot be: beyond 65,535
    /// octets.
    mutating func accept(
        _ key: Key, offset: Int, hasMore: Bool, _ bytes: ArraySlice<UInt8>, hopLimit: UInt8,
        time: Int64
    ) -> Whole? {
        guard offset + bytes.count <= 65_535, !bytes.isEmpty || !hasMore, !hasMore || bytes.count & 7 == 0 else {
            return nil
        }
        giveUp(before: time.subtractingReportingOverflow(Self.lifetime).partialValue)
        counter &+= 1
        var late: Whole?
        if datagrams[key] == nil {
            late = changed(key, offset, bytes, hopLimit, time)
            begun.append((key, counter))
        }
        var datagram = datagrams.removeValue(forKey: key) ?? Datagram(firstSeen: time, order: counter)
        octets -= datagram.octets
        datagram.hopLimit = min(datagram.hopLimit, hopLimit)
        if !hasMore, datagram.length == nil { datagram.length = offset + bytes.count }
        insert(bytes, at: offset, into: &datagram)
        if let length = datagram.length, let payload = whole(datagram, length) {
            keep(key, payload, time)
            return Whole(payload: payload, hasConflict: datagram.hasConflict, hopLimit: datagram.hopLimit)
        }
        guard datagram.pieces.count <= Self.mostPieces else { return late }
        octets += datagram.octets
        datagrams[key] = datagram
        while datagrams.count > Self.mostDatagrams || octets > Self.mostOctets
            || begun.count - begunStart > 4 * Self.mostDatagrams
        { guard dropOldest() else { break } }
        return late
    }

    private mutating func keep(_ key: Key, _ payload: [UInt8], _ time: Int64) {
        done.append((key, payload, time))
        doneOctets += payload.count
        while done.count > Self.mostDone || doneOctets > Self.mostDoneOctets {
            doneOctets -= done.removeFirst().payload.count
        }
    }

    /// A fragment of a datagram that was given already, with other octets: whose fragment came too early was forged, or this one is. Or it
    /// is the first of another datagram with the same number; the checksum in what is made of both tells.
    private mutating func changed(
        _ key: Key, _ offset: Int, _ bytes: ArraySlice<UInt8>, _ hopLimit: UInt8, _ time: Int64
    ) -> Whole? {
        guard let index = done.lastIndex(where: { $0.key == key }),
            done[index].time >= time.subtractingReportingOverflow(Self.lifetime).partialValue,
            offset + bytes.count <= done[index].payload.count, !bytes.isEmpty
        else { return nil }
        let place = offset..<(offset + bytes.count)
        guard !done[index].payload[place].elementsEqual(bytes) else { return nil }
        let number = Array(done[index].payload.prefix(8).suffix(4))
        done[index].payload.replaceSubrange(place, with: bytes)
        // Another sequence number (RFC 9293 §3.1) is that of another segment.
        guard done[index].payload.prefix(8).suffix(4).elementsEqual(number) else {
            doneOctets -= done.remove(at: index).payload.count
            return nil
        }
        return Whole(payload: done[index].payload, hasConflict: true, hopLimit: hopLimit, isLate: true)
    }

    private mutating func giveUp(before limit: Int64) {
        while begunStart < begun.count {
            let oldest = begun[begunStart]
            if let datagram = datagrams[oldest.key], datagram.order == oldest.order, datagram.firstSeen >= limit {
                return
            }
            _ = dropOldest()
        }
    }

    private mutating func dropOldest() -> Bool {
        guard begunStart < begun.count else { return false }
        let oldest = begun[begunStart]
        begunStart += 1
        if datagrams[oldest.key]?.order == oldest.order, let gone = datagrams.removeValue(forKey: oldest.key) {
            octets -= gone.octets
        }
        if begunStart > 4_096, begunStart > begun.count / 2 {
            begun.removeFirst(begunStart)
            begunStart = 0
        }
        return true
    }

    /// Adds what is not there yet, and replaces what is where the last copy counts.
    private func insert(_ bytes: ArraySlice<UInt8>, at offset: Int, into datagram: inout Datagram) {
        var rest = bytes
        var at = offset
        var index = 0
        while !rest.isEmpty {
            guard index < datagram.pieces.count else {
                datagram.pieces.append((at, Array(rest)))
                datagram.octets += rest.count
                return
            }
            let piece = datagram.pieces[index]
            let end = piece.offset + piece.bytes.count
            if at < piece.offset {
                let head = rest.prefix(piece.offset - at)
                datagram.pieces.insert((at, Array(head)), at: index)
                datagram.octets += head.count
                rest = rest.dropFirst(head.count)
                at += head.count
                index += 1
            } else if at < end {
                let common = rest.prefix(end - at)
                if !common.elementsEqual(piece.bytes[(at - piece.offset)...].prefix(common.count)) {
                    datagram.hasConflict = true
                    switch overlap {
                    case .first: break
                    case .last:
                        let place = (at - piece.offset)..<(at - piece.offset + common.count)
                        datagram.pieces[index].bytes.replaceSubrange(place, with: common)
                    }
                }
                rest = rest.dropFirst(common.count)
                at += common.count
                index += 1
            } else {
                index += 1
            }
        }
    }

    private func whole(_ datagram: Datagram, _ length: Int) -> [UInt8]? {
        guard datagram.octets >= length else { return nil }
        var payload: [UInt8] = []
        for piece in datagram.pieces {
            guard piece.offset == payload.count else { return nil }
            payload += piece.bytes
        }
        guard payload.count >= length else { return nil }
        // Octets beyond the end that the last fragment named are a conflict, too; first come is the end.
        return Array(payload.prefix(length))
    }
}
