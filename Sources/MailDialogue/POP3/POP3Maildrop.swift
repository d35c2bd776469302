// What an observer can know of a maildrop: how many messages there are, how long they are, which of them are marked as
// deleted. Numbers and sizes stand from the login to the end (RFC 1939 §4). All of it is bounded.

import CBytes

/// A maildrop as far as the session showed it.
package struct POP3Maildrop: Equatable, Sendable {
    /// Messages whose size or mark is kept: numbers above have neither. 4 octets and a bit for each, when they are
    /// listed.
    static let mostKept = 1_024

    /// Messages at the login, those included that were marked since; nil while not known.
    package private(set) var count: Int?
    /// Octets of all messages that were not marked when STAT or a whole LIST told them last; nil while not known.
    package private(set) var octets: Int?
    /// How many messages are marked; nil when that is not known.
    package private(set) var marked: Int? = 0
    /// Sizes by number, from 1; `UInt32.max` where none is known.
    private var sizes: [UInt32] = []
    /// Marks by number, 64 in each element.
    private var marks: [UInt64] = []

    package init() {}

    /// The message is marked as deleted, for all that was seen.
    package func isMarked(_ number: Int) -> Bool {
        guard number > 0, number <= Self.mostKept else { return false }
        let (word, bit) = (number - 1).quotientAndRemainder(dividingBy: 64)
        return word < marks.count && marks[word] & (1 << UInt64(bit)) != 0
    }

    /// DELE was accepted.
    mutating func mark(_ number: Int) {
        octets = nil
        guard number > 0, number <= Self.mostKept else {
            // It can't be told whether it was marked before.
            marked = nil
            return
        }
        let (word, bit) = (number - 1).quotientAndRemainder(dividingBy: 64)
        while marks.count <= word { marks.append(0) }
        if marks[word] & (1 << UInt64(bit)) == 0, let before = marked { marked = before + 1 }
        marks[word] |= 1 << UInt64(bit)
    }

    /// The server shows that a message is not marked though it should be: the marks are not to be trusted.
    mutating func doubtMarks() {
        marks = []
        marked = nil
        octets = nil
    }

    /// RSET was accepted.
    mutating func unmarkAll() {
        if marked != 0 { octets = nil }
        marks = []
        marked = 0
    }

    /// STAT told the messages that are not marked. False when that contradicts what was known.
    mutating func tell(unmarked: Int, octets: Int) -> Bool {
        self.octets = octets
        return tell(unmarked: unmarked)
    }

    /// A whole listing told how many messages are not marked. False when that contradicts what was known.
    mutating func tell(unmarked: Int) -> Bool {
        guard let marked else { return true }
        let (total, over) = unmarked.addingReportingOverflow(marked)
        guard !over else { return false }
        defer { count = total }
        return count == nil || count == total
    }

    /// A whole listing told all sizes.
    mutating func tell(octets: Int) { self.octets = octets }

    /// There is no message of this number.
    package func lacks(_ number: Int) -> Bool { count.map { number > $0 } ?? false }

    /// LIST told a size.
    mutating func tell(size: Int, of number: Int) {
        guard number > 0, number <= Self.mostKept else { return }
        while sizes.count < number { sizes.append(.max) }
        sizes[number - 1] = UInt32(exactly: size) ?? .max
    }

    /// The octets of a message as LIST told them; nil when it did not.
    package func size(of number: Int) -> Int? {
        guard number > 0, number <= sizes.count, sizes[number - 1] != .max else { return nil }
        return Int(sizes[number - 1])
    }

    /// The sizes hold no longer: UTF-8 mode changes what is sent (RFC 6856 §2.1).
    mutating func forgetSizes() {
        sizes = []
        octets = nil
    }

    /// Octets are missing: a DELE or RSET may stand among them.
    mutating func forgetMarks() { doubtMarks() }
}

/// A listing under way: what its lines have shown.
struct POP3Listing: Equatable, Sendable {
    /// Unique-ids of a listing that are kept to be compared with those behind them. It bounds room and time.
    static let mostIDs = 128

    let word: String
    let verb: POP3Verb?
    /// Lines of the right form.
    var lines = 0
    /// All lines were of the right form.
    var isSound = true
    /// The last number, and the first of the numbers before it that follow each other without a hole: all of them were
    /// listed.
    private var runStart = 0
    private var last = 0
    var octets = 0
    var offer = POP3Offer()
    /// The kept unique-ids behind each other, where each of them ends, and a mark of each that is quick to compare.
    private var ids: [UInt8] = []
    private var idEnds: [Int] = []
    private var idMarks: [UInt64] = []

    init(_ word: String = "", _ verb: POP3Verb? = nil) {
        self.word = word
        self.verb = verb
    }

    /// Takes the number of a line. False when that number was listed before.
    mutating func take(_ number: Int) -> Bool {
        lines &+= 1
        if lines > 1, number >= runStart, number <= last {
            isSound = false
            return false
        }
        if lines == 1 || number != last &+ 1 { runStart = number }
        last = number
        return true
    }

    /// Takes a unique-id. False when one that is kept is the same.
    mutating func take(id: some OctetLine) -> Bool {
        guard idEnds.count < Self.mostIDs else { return true }
        // Equal marks are looked at octet by octet.
        let mark = id.withContiguousStorageIfAvailable { mp_mark($0.baseAddress, $0.count) } ?? 0
        var isNew = true
        for index in idMarks.indices where idMarks[index] == mark {
            let start = index == 0 ? 0 : idEnds[index - 1]
            guard ids[start..<idEnds[index]].elementsEqual(id) else { continue }
            isNew = false
            break
        }
        if id.withContiguousStorageIfAvailable({ ids.append(contentsOf: $0) }) == nil { ids += id }
        idEnds.append(ids.count)
        idMarks.append(mark)
        return isNew
    }
}
