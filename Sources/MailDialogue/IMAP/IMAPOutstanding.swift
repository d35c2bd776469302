// The commands that await their tagged replies.
//
// Clients count their tags up and some send thousands of commands at once, so that commands whose tags follow each other
// are kept as one run: prefix, first number, how many. A run more is needed where the verb changes or an answer comes out
// of order. The number of runs is bounded, and with it both memory and the time that a tag is looked for.

/// A tag, in two parts: what stands before its last digits, and their number.
struct IMAPTag: Equatable, Sendable {
    /// The octets before the number when they are at most eight, which most are; else a part of their hash.
    let front: UInt64
    /// The octets before the number when they are more.
    let long: String
    let number: UInt64
    /// Digits of the number, leading zeros with them: `a01` is not `a1`.
    let digits: UInt8

    /// Longest tag that is kept whole.
    static let limit = 64

    /// - Parameter tag: only its first `limit` octets tell it from others.
    init(_ tag: some OctetLine) {
        let octets = tag.prefix(Self.limit)
        let cut = octets.withContiguousStorageIfAvailable { Self.cut($0) } ?? Cut()
        front = cut.front
        number = cut.number
        digits = UInt8(truncatingIfNeeded: octets.count - cut.length)
        long = cut.length > 8 ? octets.prefix(cut.length).wireText : ""
    }

    private struct Cut {
        var front: UInt64 = 0
        /// Octets before the number.
        var length = 0
        var number: UInt64 = 0
    }

    private static func cut(_ octets: UnsafeBufferPointer<UInt8>) -> Cut {
        var cut = Cut(length: octets.count)
        // 18 digits never overflow.
        let most = max(0, octets.count &- 18)
        while cut.length > most, octets[cut.length &- 1] &- 48 < 10 { cut.length &-= 1 }
        for index in cut.length..<octets.count { cut.number = cut.number &* 10 &+ UInt64(octets[index] &- 48) }
        for index in 0..<cut.length {
            cut.front = cut.front &<< 8 ^ cut.front &>> 56 &* 0x9e37_79b9 ^ UInt64(octets[index])
        }
        return cut
    }
}

/// Commands that await their tagged replies, oldest first.
struct IMAPOutstanding: Equatable, Sendable {
    /// A command.
    struct Entry: Equatable, Sendable {
        var verb: IMAPVerb
        var exchange: Int
        /// Servers repeat what they did not understand.
        var secrecy = Secrecy.none

        var isSecret: Bool { secrecy != .none }
        /// Its arguments, or what follows it, have a password.
        var isLogin: Bool { verb == .login || verb == .authenticate }
    }

    /// What of a command may be a password.
    enum Secrecy: UInt8, Sendable { case none, arguments, line }

    /// Commands with the same verb whose tags and exchanges follow each other.
    private struct Run: Equatable, Sendable {
        let front: UInt64
        let long: String
        var number: UInt64
        var exchange: Int
        var count: UInt32
        let digits: UInt8
        /// 0 when all have the same tag, else 1.
        var step: UInt8
        let verb: IMAPVerb
        var secrecy: Secrecy

        var entry: Entry { Entry(verb: verb, exchange: exchange, secrecy: secrecy) }

        /// How many commands stand before the first one with the tag; nil when none has it.
        func place(_ tag: IMAPTag) -> Int? {
            guard tag.front == front, tag.digits == digits, tag.long == long else { return nil }
            if step == 0 || count == 1 { return tag.number == number ? 0 : nil }
            let offset = tag.number &- number
            return offset < UInt64(count) ? Int(offset) : nil
        }

        /// Takes one more command in. False when it does not follow the last.
        mutating func extend(_ tag: IMAPTag, _ entry: Entry) -> Bool {
            guard tag.front == front, tag.digits == digits, entry.verb == verb, entry.secrecy == .none,
                secrecy == .none,
                entry.exchange == exchange &+ Int(count), tag.long == long, count < .max
            else { return false }
            let offset = tag.number &- number
            if count == 1, offset <= 1 { step = UInt8(truncatingIfNeeded: offset) }
            guard offset == (step == 0 ? 0 : UInt64(count)) else { return false }
            count += 1
            return true
        }

        /// The first command is answered; there are more.
        mutating func dropFirst() {
            number &+= UInt64(step)
            exchange &+= 1
            count -= 1
        }

        /// The commands behind the first `skipped` ones.
        func dropping(_ skipped: Int) -> Run {
            var rest = self
            rest.number = number &+ UInt64(truncatingIfNeeded: skipped) &* UInt64(step)
            rest.exchange = exchange &+ skipped
            rest.count = count - UInt32(truncatingIfNeeded: min(skipped, Int(count)))
            return rest
        }
    }

    /// Most runs: with tags of 64 octets they take 56 KiB.
    static let runLimit = 384

    private var runs: [Run] = []
    private var head = 0
    private(set) var count = 0
    /// Commands during which no EXPUNGE may come.
    private(set) var holdingNumbers = 0
    /// Commands whose answers may hold the text of strangers.
    private(set) var notPlain = 0
    /// Commands that open a mailbox.
    private(set) var opening = 0
    /// Commands that may make the list of capabilities void.
    private(set) var changing = 0
    /// SEARCH by sequence numbers, and by UIDs.
    private(set) var searching = 0
    private(set) var searchingUIDs = 0

    /// Memory that the runs take, in octets.
    var footprint: Int {
        runs.capacity * MemoryLayout<Run>.stride
            + runs[head...].reduce(0) { $0 + ($1.long.utf8.count > 15 ? $1.long.utf8.count + 32 : 0) }
    }

    /// No more can be kept.
    var isFull: Bool { count > DialogueLimits.outstanding || runs.count - head > Self.runLimit }
    var isEmpty: Bool { count == 0 }
    /// The oldest.
    var first: Entry? { head < runs.count ? runs[head].entry : nil }
    /// The exchange of the newest.
    var lastExchange: Int? {
        guard head < runs.count, let last = runs.last else { return nil }
        return last.exchange &+ Int(last.count) &- 1
    }

    /// A command was sent.
    mutating func append(_ tag: IMAPTag, _ entry: Entry) {
        count += 1
        tally(entry.verb, 1)
        if head < runs.count, runs[runs.count - 1].extend(tag, entry) { return }
        runs.append(
            Run(
                front: tag.front, long: tag.long, number: tag.number, exchange: entry.exchange, count: 1,
                digits: tag.digits, step: 1, verb: entry.verb, secrecy: entry.secrecy))
    }

    /// One behind `exchange` asks for items of messages.
    func fetches(after exchange: Int) -> Bool {
        runs[head...].contains { run in
            (run.verb == .fetch || run.verb == .uidFetch) && run.exchange &+ Int(run.count) > exchange &+ 1
        }
    }

    func contains(_ tag: IMAPTag) -> Bool { runs[head...].contains { $0.place(tag) != nil } }

    /// The oldest command with the tag, which stays.
    func find(_ tag: IMAPTag) -> Entry? {
        for run in runs[head...] {
            if let place = run.place(tag) { return run.dropping(place).entry }
        }
        return nil
    }

    /// Removes and returns the oldest command with the tag (RFC 9051 §2.2.1 lets tags be used again).
    mutating func remove(_ tag: IMAPTag) -> Entry? {
        var index = head
        while index < runs.count {
            if let place = runs[index].place(tag) { return remove(place, ofRun: index) }
            index += 1
        }
        return nil
    }

    private mutating func remove(_ place: Int, ofRun index: Int) -> Entry {
        if place == 0, runs[index].count > 1 {
            // The common case: the oldest is answered.
            let entry = runs[index].entry
            runs[index].dropFirst()
            count -= 1
            tally(entry.verb, -1)
            return entry
        }
        let run = runs[index]
        let entry = run.dropping(place).entry
        let behind = run.dropping(place + 1)
        count -= 1
        tally(entry.verb, -1)
        if place == 0 {
            if behind.count > 0 { runs[index] = behind } else { removeRun(index) }
        } else {
            runs[index].count = UInt32(truncatingIfNeeded: place)
            if behind.count > 0 { runs.insert(behind, at: index + 1) }
        }
        return entry
    }

    private mutating func removeRun(_ index: Int) {
        guard index == head else {
            runs.remove(at: index)
            return
        }
        head += 1
        if head == runs.count {
            // One by one, as nearly always there is one; a long queue gives its room back.
            if runs.capacity <= 16 { while runs.popLast() != nil {} } else { runs = [] }
            head = 0
        } else if head > 32, head * 2 > runs.count {
            runs.removeFirst(head)
            head = 0
        }
    }

    /// Forgets the commands before an exchange.
    mutating func removeAll(before exchange: Int) {
        while let run = head < runs.count ? runs[head] : nil, run.exchange < exchange {
            _ = remove(0, ofRun: head)
        }
    }

    mutating func removeAll() { self = IMAPOutstanding() }

    private mutating func tally(_ verb: IMAPVerb, _ change: Int) {
        let kind = verb.kind
        if kind.contains(.holdsNumbers) { holdingNumbers += change }
        if !kind.contains(.isPlain) { notPlain += change }
        switch verb {
        case .select, .examine: opening += change
        case .login, .authenticate, .unauthenticate, .starttls: changing += change
        case .search: searching += change
        case .uidSearch: searchingUIDs += change
        default: break
        }
    }

    static func == (a: IMAPOutstanding, b: IMAPOutstanding) -> Bool {
        a.count == b.count && a.runs[a.head...] == b.runs[b.head...]
    }
}
