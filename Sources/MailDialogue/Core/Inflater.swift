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
        if !isKnownUniquelyReferenced(&state) {
            guard let copy = State(copy: state) else { return .broken }
            state = copy
        }
        // zlib stops behind the header of each block and behind each block (Z_TREES), which gives nothing.
        while true {
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
                return .broken
            }
            if isInHeader { opening += given.prefix(used) }
            if place & Self.blockEnded != 0 {
                isInHeader = true
                opening = []
            } else if place & Self.headerEnded != 0 {
                isInHeader = false
                opening = []
            }
            if !octets.isEmpty { return .octets(octets) }
            if used == 0, place == before {
                isDrained = input.isEmpty
                return isDrained ? .needsMore : .broken
            }
        }
    }

    /// Bits of zlib's `data_type`.
    private static let blockEnded: Int32 = 128
    private static let headerEnded: Int32 = 256

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
