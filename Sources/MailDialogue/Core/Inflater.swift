// Undoes COMPRESS=DEFLATE (RFC 4978) for one direction, in steps of bounded size: what a few octets inflate to is cut and
// followed before more of them are read, so that a peer can't make us hold more than a line or a buffer of it.

import CZlib

/// A raw deflate stream (RFC 1951) that is being inflated. A value: a copy goes its own way.
struct Inflater: Equatable, Sendable {
    /// What a step gave.
    enum Step: Equatable {
        /// Octets, at most ``Inflater/step`` of them.
        case octets([UInt8])
        /// More of the stream is needed.
        case needsMore
        /// The stream has ended, or is none: what is left can't be read.
        case broken
    }

    /// What a step towards the end of the stream gave.
    enum Ending: Equatable {
        /// The stream has ended: what was not looked at stands behind it.
        case ended
        /// More of it is needed, or an octet behind it.
        case needsMore
        /// The stream goes on: octets, at most ``Inflater/step`` of them.
        case octets([UInt8])
        /// It is no stream any more, and did not end before: what is left can't be read.
        case broken
    }

    /// Octets that one step gives at most.
    static let step = 16_384

    private var state: State
    /// Deflated octets that wait.
    private var input: ArraySlice<UInt8> = []
    private var consumed = 0
    private var produced = 0
    /// The header of a block is due or under way, and what came of it; it has some hundred octets at most (RFC 1951 §3.2.7).
    private var isInHeader = true
    private var opening: [UInt8] = []
    /// The last block seen has ended and nothing of another was looked at: zlib's `data_type` there.
    private var between: Int32?
    /// Nothing more comes of what was given.
    private var isDrained = true

    /// Nil when there is no memory for it.
    init?() {
        guard let state = State() else { return nil }
        self.state = state
    }

    /// zlib's state.
    ///
    /// Unchecked: whoever changes it makes sure first that nobody else refers to it.
    private final class State: @unchecked Sendable {
        /// On the heap: zlib remembers the address and refuses another.
        let stream: UnsafeMutablePointer<z_stream>

        init?() {
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard mp_inflate_init(stream) == Z_OK else {
                stream.deallocate()
                return nil
            }
            self.stream = stream
        }

        /// The same state once more.
        init?(copy other: State) {
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard inflateCopy(stream, other.stream) == Z_OK else {
                stream.deallocate()
                return nil
            }
            self.stream = stream
        }

        deinit {
            inflateEnd(stream)
            stream.deallocate()
        }
    }

    /// Deflated octets that were not looked at.
    var pending: Int { input.count }

    mutating func append(_ octets: ArraySlice<UInt8>) {
        if input.isEmpty { input = octets } else { input.append(contentsOf: octets) }
        isDrained = isDrained && input.isEmpty
    }

    /// The octets that were not looked at, and none in their place.
    mutating func rest() -> ArraySlice<UInt8> {
        defer { input = [] }
        return input
    }

    /// Inflates a bounded piece.
    mutating func next() -> Step {
        if isDrained { return .needsMore }
        guard own() else { return .broken }
        while true {
            switch move() {
            case .octets(let octets): return .octets(octets)
            case .on: continue
            case .drained: return .needsMore
            case .broken: return .broken
            }
        }
    }

    /// Inflates a bounded piece of the block that is under way, and nothing behind it.
    mutating func nextOfBlock() -> Step {
        while between == nil {
            if isDrained { return .needsMore }
            guard own() else { return .broken }
            switch move() {
            case .octets(let octets): return .octets(octets)
            case .on: continue
            case .drained: return .needsMore
            case .broken: return .broken
            }
        }
        return .needsMore
    }

    /// Looks for the end of a stream of which all octets are out that its sender wanted to send.
    ///
    /// It has certainly ended behind its last block (RFC 1951 §3.2.3), and where a block ends at the end of an octet and a
    /// printable octet stands behind it. Of the blocks that carry nothing and that a flush or an end adds there none begins so:
    /// in their first octet only the lowest bits can be set. A block that ends within an octet proves nothing by itself.
    mutating func end() -> Ending {
        while true {
            if let place = between {
                if place & Self.isLast != 0 { return .ended }
                if place & Self.unusedBits == 0 {
                    guard let first = input.first else { return .needsMore }
                    if (33...126).contains(first) { return .ended }
                }
            }
            if isDrained { return .needsMore }
            guard own() else { return .broken }
            switch move() {
            case .octets(let octets): return .octets(octets)
            case .on: continue
            case .drained: return .needsMore
            case .broken: return .broken
            }
        }
    }

    /// Makes sure that nobody else refers to zlib's state. False when there is no memory for a copy.
    private mutating func own() -> Bool {
        if isKnownUniquelyReferenced(&state) { return true }
        guard let copy = State(copy: state) else { return false }
        state = copy
        return true
    }

    /// What zlib did when it was called once.
    private enum Move {
        case octets([UInt8])
        /// Something that gives nothing: it stops behind the header of each block and behind each block (Z_TREES).
        case on
        case drained
        case broken
    }

    private mutating func move() -> Move {
        let given = input
        let before = state.stream.pointee.data_type
        let (octets, status, used) = inflateOnce()
        let place = state.stream.pointee.data_type
        input = given.dropFirst(used)
        if input.isEmpty { input = [] }
        consumed &+= used
        produced &+= octets.count
        if octets.isEmpty, status != Z_OK, status != Z_BUF_ERROR {
            // What is the header of no block is left as it is, so that no octet of it is lost. Where a block went wrong,
            // or the last one ended, the octets behind that place are.
            if isInHeader {
                input = opening + given
                consumed &-= opening.count &+ used
            }
            opening = []
            isInHeader = false
            between = nil
            return .broken
        }
        if isInHeader { opening += given.prefix(used) }
        if place & Self.blockEnded != 0 {
            isInHeader = true
            opening = []
            between = place
        } else {
            if place & Self.headerEnded != 0 {
                isInHeader = false
                opening = []
            }
            // Asked for more without octets zlib forgets to say that it stands between blocks; it has not looked at a bit.
            if used > 0 || place & ~Self.isLast != (between ?? -1) & Self.unusedBits { between = nil }
        }
        if !octets.isEmpty { return .octets(octets) }
        guard used == 0, place == before else { return .on }
        isDrained = input.isEmpty
        return isDrained ? .drained : .broken
    }

    /// Bits of zlib's `data_type`.
    private static let blockEnded: Int32 = 128
    private static let headerEnded: Int32 = 256
    private static let isLast: Int32 = 64
    private static let unusedBits: Int32 = 63

    private func inflateOnce() -> (octets: [UInt8], status: Int32, used: Int) {
        let stream = state.stream
        var status = Z_OK
        var left = 0
        let given = Int(UInt32(clamping: input.count))
        let octets = input.withUnsafeBytes { source in
            [UInt8](unsafeUninitializedCapacity: Self.step) { buffer, count in
                // zlib reads through this pointer only, whatever its type says.
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(given)
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(buffer.count)
                status = inflate(stream, Z_TREES)
                left = Int(stream.pointee.avail_in)
                count = buffer.count - Int(stream.pointee.avail_out)
                stream.pointee.next_in = nil
                stream.pointee.next_out = nil
            }
        }
        return (octets, status, max(given - left, 0))
    }

    /// The same octets were read and given; the state behind them is then the same too.
    static func == (a: Inflater, b: Inflater) -> Bool {
        a.consumed == b.consumed && a.produced == b.produced && a.input == b.input
    }
}
