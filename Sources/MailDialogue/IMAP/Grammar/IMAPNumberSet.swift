// Sets of message numbers or UIDs (RFC 9051 §9, sequence-set), as ranges: a set of four billion messages is one range.

/// A set of sequence numbers or UIDs as it was written: in its order, overlaps included.
package struct IMAPNumberSet: Equatable, Sendable {
    /// A number or a range of them. Its ends are as written, the larger one may come first.
    package struct Range: Equatable, Sendable {
        /// 0 stands for `*`, the largest number in use.
        package let first: UInt32
        package let last: UInt32

        package init(_ first: UInt32, _ last: UInt32) {
            self.first = first
            self.last = last
        }

        /// `*` is one of its ends.
        package var hasStar: Bool { first == 0 || last == 0 }

        /// The numbers with `*` for `largest`, in ascending order (RFC 9051 §9, seq-range).
        package func resolved(largest: UInt32) -> ClosedRange<UInt32> {
            let one = first == 0 ? largest : first
            let other = last == 0 ? largest : last
            return min(one, other)...max(one, other)
        }
    }

    package var ranges: [Range]
    /// `$`: the result that a search saved (RFC 9051 §6.4.4.1). There are no ranges then.
    package var isSavedResult: Bool

    package init(_ ranges: [Range] = [], isSavedResult: Bool = false) {
        self.ranges = ranges
        self.isSavedResult = isSavedResult
    }

    package var isEmpty: Bool { ranges.isEmpty && !isSavedResult }

    package var hasStar: Bool { ranges.contains { $0.hasStar } }

    /// How many numbers it names, each as often as it stands there; nil when that depends on the mailbox.
    package var count: Int? {
        guard !isSavedResult, !hasStar else { return nil }
        return ranges.reduce(0) { $0 &+ $1.resolved(largest: 0).count }
    }

    /// It names `number`, `*` being `largest`.
    package func contains(_ number: UInt32, largest: UInt32) -> Bool {
        ranges.contains { $0.resolved(largest: largest).contains(number) }
    }

    /// The set as it stands on the wire, a range of one number as that number.
    package var wireText: String {
        if isSavedResult { return "$" }
        func text(_ number: UInt32) -> String { number == 0 ? "*" : String(number) }
        return ranges.map { $0.first == $0.last ? text($0.first) : "\(text($0.first)):\(text($0.last))" }
            .joined(separator: ",")
    }

    /// The largest number that it names itself; 0 when there is none.
    package var largestNamed: UInt32 { ranges.reduce(0) { max($0, $1.first, $1.last) } }
}

extension IMAPLexer {
    /// What a set may hold besides numbers.
    struct SetRule {
        var star = true
        var saved = true

        static let any = SetRule()
        /// Numbers alone: what a server says, and UIDs that are known.
        static let numbers = SetRule(star: false, saved: false)
        /// No `$`.
        static let noSaved = SetRule(saved: false)
    }

    /// sequence-set.
    mutating func numberSet(_ rule: SetRule = .any) -> IMAPNumberSet {
        let start = at
        if next == UInt8(ascii: "$") {
            at &+= 1
            if !rule.saved { note(.misplacedSavedResult, at: start) }
            endOfSet(start)
            return IMAPNumberSet([], isSavedResult: true)
        }
        var ranges: [IMAPNumberSet.Range] = []
        repeat {
            let first = sequenceNumber(rule, start)
            var last = first
            if next == UInt8(ascii: ":") {
                at &+= 1
                last = sequenceNumber(rule, start)
            }
            if failed { break }
            ranges.append(IMAPNumberSet.Range(first, last))
        } while take(UInt8(ascii: ","))
        endOfSet(start)
        return IMAPNumberSet(ranges)
    }

    private mutating func endOfSet(_ start: Int) {
        guard isGoing, !IMAPOctet.endsWord(next), next != UInt8(ascii: "]") else { return }
        fail(.badSequenceSet, at: at)
    }

    private mutating func sequenceNumber(_ rule: SetRule, _ start: Int) -> UInt32 {
        if next == UInt8(ascii: "*") {
            if !rule.star { note(.misplacedStar) }
            at &+= 1
            return 0
        }
        guard IMAPOctet.isDigit(next) else {
            if !failed { isAtEnd ? fail(.ended) : fail(.badSequenceSet, at: at) }
            return 0
        }
        let from = at
        let number = nonZero()
        // Zero names no message; 0 stands for `*` in a range, so that it must not be kept.
        if number == 0, !failed { fail(.badSequenceSet, at: from) }
        return number
    }
}
