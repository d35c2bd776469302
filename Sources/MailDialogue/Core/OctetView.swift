// Lines are read where they are. A slice of an array counts those who hold it, and each part of it that a parser cuts off is
// one more; a view counts nobody. What reads lines therefore takes either of them.

/// Octets of a line: a slice that keeps them, or a view that only looks at them.
package protocol OctetLine: RandomAccessCollection
where Element == UInt8, Index == Int, SubSequence == Self, Indices == Range<Int> {}

extension ArraySlice: OctetLine where Element == UInt8 {}

/// A look at the octets of a slice, with the indices of that slice.
///
/// It lives no longer than the call of ``Swift/ArraySlice/withView(_:)`` that made it: it does not keep the octets. Nothing
/// outside of them is ever read: what is asked for beyond an end of the view is not there, or is NUL.
struct OctetView: OctetLine {
    private let octets: UnsafeBufferPointer<UInt8>
    /// The index of the first octet in `octets`.
    private let origin: Int
    let startIndex: Int
    let endIndex: Int

    fileprivate init(_ octets: UnsafeBufferPointer<UInt8>, from origin: Int) {
        self.octets = octets
        self.origin = origin
        startIndex = origin
        endIndex = origin + octets.count
    }

    private init(_ octets: UnsafeBufferPointer<UInt8>, _ origin: Int, _ bounds: Range<Int>) {
        self.octets = octets
        self.origin = origin
        startIndex = bounds.lowerBound
        endIndex = bounds.upperBound
    }

    subscript(index: Int) -> UInt8 {
        return index >= startIndex && index < endIndex ? octets[index &- origin] : 0
    }

    subscript(bounds: Range<Int>) -> OctetView {
        return OctetView(octets, origin, bounds.clamped(to: startIndex..<endIndex))
    }

    /// Nothing, to begin with.
    static var empty: OctetView { OctetView(UnsafeBufferPointer(start: nil, count: 0), from: 0) }

    func withContiguousStorageIfAvailable<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R? {
        try body(UnsafeBufferPointer(rebasing: octets[(startIndex &- origin)..<(endIndex &- origin)]))
    }

    /// The octets in memory, for the time of the call.
    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        body(
            UnsafeRawBufferPointer(
                rebasing: UnsafeRawBufferPointer(octets)[(startIndex &- origin)..<(endIndex &- origin)]))
    }
}

extension ArraySlice<UInt8> {
    /// Lends a view of the octets.
    func withView<R>(_ body: (OctetView) -> R) -> R {
        let from = startIndex
        return withUnsafeBufferPointer { body(OctetView($0, from: from)) }
    }

    /// The octets at which a view of this slice looks.
    func part(_ view: OctetView) -> ArraySlice<UInt8> { self[view.startIndex..<view.endIndex] }
}
