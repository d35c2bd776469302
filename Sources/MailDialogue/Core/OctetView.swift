// Lines are read where they are. A slice of an array counts those who hold it, and each part of it that a parser cuts off is
// one more; a view counts nobody. What reads lines therefore takes either of them.

import CBytes

/// Octets of a line: a slice that keeps them, or a view that only looks at them.
package protocol OctetLine: RandomAccessCollection
where Element == UInt8, Index == Int, SubSequence == Self, Indices == Range<Int> {
    func firstIndex(of octet: UInt8) -> Int?
    func contains(_ octet: UInt8) -> Bool
    /// The octets as an unsigned decimal number; nil when it is none or beyond 63 bits.
    var decimal: Int? { get }
}

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

    private var base: UnsafeRawPointer? { octets.baseAddress.map { UnsafeRawPointer($0 + (startIndex &- origin)) } }

    /// Where the octet first stands. Many octets are compared at once.
    package func firstIndex(of octet: UInt8) -> Int? {
        let offset = mp_find_byte(base, endIndex &- startIndex, octet)
        return offset < 0 ? nil : startIndex &+ offset
    }

    package func contains(_ octet: UInt8) -> Bool { mp_find_byte(base, endIndex &- startIndex, octet) >= 0 }

    /// The line without its line end, and whether that was CRLF.
    @inline(__always)
    var withoutLineEnd: (line: OctetView, crlf: Bool) {
        guard endIndex > startIndex, octets[endIndex &- 1 &- origin] == 10 else { return (self, false) }
        let end = endIndex &- 1
        guard end > startIndex, octets[end &- 1 &- origin] == 13 else {
            return (OctetView(octets, origin, startIndex..<end), false)
        }
        return (OctetView(octets, origin, startIndex..<(end &- 1)), true)
    }

    /// Without spaces and tabs at both ends.
    var trimmed: OctetView {
        var from = startIndex
        var upTo = endIndex
        while from < upTo, Self.isBlank(octets[from &- origin]) { from &+= 1 }
        while from < upTo, Self.isBlank(octets[upTo &- 1 &- origin]) { upTo &-= 1 }
        return OctetView(octets, origin, from..<upTo)
    }

    private static func isBlank(_ octet: UInt8) -> Bool { octet == 32 || octet == 9 }

    /// The octets as an unsigned decimal number; nil when it is none or beyond 63 bits (RFC 9051 §4.3, number64).
    var decimal: Int? {
        guard endIndex > startIndex else { return nil }
        var value = 0
        for index in startIndex..<endIndex {
            let digit = octets[index &- origin] &- 48
            guard digit <= 9 else { return nil }
            // Up to 18 digits fit in any case.
            if index &- startIndex < 18 {
                value = value &* 10 &+ Int(digit)
                continue
            }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int(digit))
            if over || more { return nil }
            value = sum
        }
        return value
    }

    /// All octets are printable ASCII other than space: `VCHAR` of RFC 5234 §B.1.
    var isVisible: Bool { mp_is_visible(base, endIndex &- startIndex) != 0 }

    /// All octets are printable ASCII or spaces, as in most lines. What else a line may hold need not be looked for then.
    var isPrintable: Bool { mp_is_printable(base, endIndex &- startIndex) != 0 }

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
