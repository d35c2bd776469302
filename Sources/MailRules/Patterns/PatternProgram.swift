// A pattern as a Thompson automaton: a short list of instructions whose size is bounded.

/// An instruction of the automaton. Targets are indices of instructions.
enum PatternInstruction: Equatable, Sendable {
    /// Takes one octet, goes on behind this instruction.
    case octet(OctetSet)
    /// Goes on at both.
    case split(Int, Int)
    case jump(Int)
    /// Goes on when the place fits.
    case assertion(PatternAssertion)
    case found
}

/// Writes the instructions of a pattern.
struct PatternProgram: Equatable, Sendable {
    /// Instructions of a pattern at most, repetitions written out.
    static let largest = 10_000

    private(set) var instructions: [PatternInstruction] = []
    /// For each octet its class: octets that no instruction tells apart share one.
    private(set) var classOf: [UInt8] = []
    /// An octet of each class.
    private(set) var representatives: [UInt8] = []
    /// Nodes that were written; bounds the time for repetitions of nothing.
    private var work = 0

    init(_ node: PatternNode) throws(PatternError) {
        // The text may begin anywhere: an endless choice between beginning here and taking an octet more.
        instructions = [.split(3, 1), .octet(.all), .jump(0)]
        try write(node)
        try emit(.found)
        classify()
    }

    private mutating func emit(_ instruction: PatternInstruction) throws(PatternError) {
        guard instructions.count < Self.largest else {
            throw PatternError(
                message: "the pattern is too large: repetitions written out are more than \(Self.largest) steps",
                offset: 0)
        }
        instructions.append(instruction)
    }

    private mutating func write(_ node: PatternNode) throws(PatternError) {
        work += 1
        guard work <= Self.largest * 4 else {
            throw PatternError(
                message: "the pattern is too large: repetitions written out are more than \(Self.largest) steps",
                offset: 0)
        }
        switch node {
        case .empty: break
        case .octet(let set): try emit(.octet(set))
        case .assertion(let assertion): try emit(.assertion(assertion))
        case .sequence(let parts): for part in parts { try write(part) }
        case .choice(let branches): try write(choice: branches)
        case .repeated(let inner, let least, let most): try write(inner, least, most)
        }
    }

    private mutating func write(choice branches: [PatternNode]) throws(PatternError) {
        var ends: [Int] = []
        for (number, branch) in branches.enumerated() {
            let isLast = number == branches.count - 1
            let split = instructions.count
            if !isLast { try emit(.split(split + 1, 0)) }
            try write(branch)
            if !isLast {
                ends.append(instructions.count)
                try emit(.jump(0))
                instructions[split] = .split(split + 1, instructions.count)
            }
        }
        for end in ends { instructions[end] = .jump(instructions.count) }
    }

    private mutating func write(_ inner: PatternNode, _ least: Int, _ most: Int?) throws(PatternError) {
        for _ in 0..<least { try write(inner) }
        guard let most else {
            let split = instructions.count
            try emit(.split(split + 1, 0))
            try write(inner)
            try emit(.jump(split))
            instructions[split] = .split(split + 1, instructions.count)
            return
        }
        guard most > least else { return }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(instructions.count)
            try emit(.split(instructions.count + 1, 0))
            try write(inner)
        }
        for split in splits { instructions[split] = .split(split + 1, instructions.count) }
    }

    /// Octets with the same answers from all sets and assertions get one class.
    private mutating func classify() {
        var sets: Set<OctetSet> = [OctetSet(10), .wordOctets]
        for case .octet(let set) in instructions { sets.insert(set) }
        var classes = [UInt8](repeating: 0, count: 256)
        var count = 1
        for set in sets where count < 256 {
            // Splits each class into those in the set and those outside of it.
            var renamed: [UInt16: UInt8] = [:]
            for octet in 0..<256 {
                let key = UInt16(classes[octet]) << 1 | (set.contains(UInt8(octet)) ? 1 : 0)
                let name = renamed[key] ?? UInt8(truncatingIfNeeded: renamed.count)
                renamed[key] = name
                classes[octet] = name
            }
            count = renamed.count
        }
        classOf = classes
        representatives = [UInt8](repeating: 0, count: count)
        for octet in 0..<256 { representatives[Int(classes[octet])] = UInt8(octet) }
    }
}
