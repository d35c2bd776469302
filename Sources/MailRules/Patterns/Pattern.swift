// A regular expression over octets that runs in linear time whatever the pattern and the text: the automaton is
// followed state set by state set, and each state set that was seen is remembered with where each octet leads (a
// deterministic automaton, built as far as the text needs it). What is remembered is bounded.

/// A compiled pattern.
package struct Pattern: Equatable, Sendable {
    /// As it was written.
    package let text: String
    private let program: PatternProgram

    package init(_ octets: [UInt8]) throws(PatternError) {
        text = String(decoding: octets, as: UTF8.self)
        program = try PatternProgram(PatternParser.parse(octets))
    }

    package init(_ text: String) throws(PatternError) { try self.init(Array(text.utf8)) }

    package static func == (a: Pattern, b: Pattern) -> Bool { a.text == b.text }

    /// The pattern fits somewhere in the octets.
    package func isFound(in octets: UnsafeBufferPointer<UInt8>) -> Bool {
        var automaton = PatternAutomaton(program)
        return automaton.run(octets)
    }

    package func isFound(in octets: [UInt8]) -> Bool { octets.withUnsafeBufferPointer { isFound(in: $0) } }
}

/// The automaton of one run.
private struct PatternAutomaton {
    /// States that are remembered, and the members of all of them, at most; then the memory starts anew.
    private static let mostStates = 1000
    private static let mostMembers = 200_000
    /// A transition that is not known yet, and the one that ends the search.
    private static let unknown: Int32 = -1
    private static let found: Int32 = -2

    /// Instructions to go on at, and what stands before.
    private struct State: Hashable {
        var members: [Int32]
        var before: Before
    }

    private enum Before: Hashable {
        case start, lineFeed, word, other
    }

    private let program: PatternProgram
    private let symbols: Int
    private var states: [State] = []
    private var numbers: [State: Int32] = [:]
    private var table: [Int32] = []
    private var members = 0
    /// Marks of instructions that the present closure has visited.
    private var visited: [UInt32]
    private var visit: UInt32 = 0
    private var stack: [Int32] = []

    init(_ program: PatternProgram) {
        self.program = program
        symbols = program.representatives.count + 1
        visited = [UInt32](repeating: 0, count: program.instructions.count)
    }

    mutating func run(_ octets: UnsafeBufferPointer<UInt8>) -> Bool {
        var state = number(State(members: [0], before: .start))
        for octet in octets {
            let symbol = Int(program.classOf[Int(octet)])
            var next = table[Int(state) * symbols + symbol]
            if next == Self.unknown { next = step(state, symbol) }
            if next == Self.found { return true }
            state = next
        }
        return step(state, symbols - 1) == Self.found
    }

    /// The number of a state, a new one when it was not seen.
    private mutating func number(_ state: State) -> Int32 {
        if let number = numbers[state] { return number }
        if states.count >= Self.mostStates || members > Self.mostMembers {
            states.removeAll(keepingCapacity: true)
            numbers.removeAll(keepingCapacity: true)
            table.removeAll(keepingCapacity: true)
            members = 0
        }
        let number = Int32(states.count)
        states.append(state)
        numbers[state] = number
        table.append(contentsOf: repeatElement(Self.unknown, count: symbols))
        members += state.members.count
        return number
    }

    /// Where `symbol` leads; the last symbol is the end of the text.
    private mutating func step(_ from: Int32, _ symbol: Int) -> Int32 {
        let state = states[Int(from)]
        let octet = symbol < program.representatives.count ? program.representatives[symbol] : nil
        visit += 1
        var next: [Int32] = []
        var isFound = false
        stack.removeAll(keepingCapacity: true)
        stack.append(contentsOf: state.members)
        while let at = stack.popLast() {
            let index = Int(at)
            guard visited[index] != visit else { continue }
            visited[index] = visit
            switch program.instructions[index] {
            case .octet(let set): if let octet, set.contains(octet) { next.append(at + 1) }
            case .split(let one, let other):
                stack.append(Int32(other))
                stack.append(Int32(one))
            case .jump(let target): stack.append(Int32(target))
            case .assertion(let assertion):
                if Self.fits(assertion, state.before, octet) { stack.append(at + 1) }
            case .found: isFound = true
            }
        }
        if isFound {
            table[Int(from) * symbols + symbol] = Self.found
            return Self.found
        }
        guard let octet else { return Self.unknown }
        next.sort()
        let before: Before =
            octet == 10 ? .lineFeed : OctetSet.wordOctets.contains(octet) ? .word : .other
        let generation = states.count
        let target = number(State(members: next, before: before))
        // When the memory started anew, the state that we come from is gone.
        if states.count >= generation { table[Int(from) * symbols + symbol] = target }
        return target
    }

    private static func fits(_ assertion: PatternAssertion, _ before: Before, _ octet: UInt8?) -> Bool {
        let isWord = octet.map { OctetSet.wordOctets.contains($0) } ?? false
        switch assertion {
        case .textStart: return before == .start
        case .textEnd: return octet == nil
        case .lineStart: return before == .start || before == .lineFeed
        case .lineEnd: return octet == nil || octet == 10
        case .wordEdge: return isWord != (before == .word)
        case .noWordEdge: return isWord == (before == .word)
        }
    }
}
