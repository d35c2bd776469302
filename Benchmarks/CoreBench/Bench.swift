// Measures a piece of work: the best of some rounds, in octets and frames a second of the processor's time, and what it
// allocates and how often it counts a reference up or down. The machine may be shared: what others do is not counted, but it
// slows down all the same, so that within one run only ratios are to be trusted, and counts always.

import CAllocations

/// What all benchmarks write to.
struct Bench {
    /// Only benchmarks whose name begins so.
    var only = ""
    /// Rounds of each; the best counts.
    var rounds = 3

    /// Some benchmark whose name begins so may be asked for; else nothing need be made ready for them.
    func wants(_ group: String) -> Bool { group.hasPrefix(only) || only.hasPrefix(group) }

    /// - Parameters:
    ///   - goal: MB/s that the project promises; printed beside what was measured.
    ///   - octets: that one call of `body` works through.
    ///   - body: gives how many frames it made.
    func measure(_ name: String, goal: Int? = nil, octets: Int, _ body: () -> Int) {
        guard name.hasPrefix(only) else { return }
        var best = UInt.max
        var frames = 0
        var allocations = 0
        _ = body()
        for _ in 0..<rounds {
            let before = mp_allocations()
            let began = mp_thread_nanoseconds()
            frames = body()
            best = min(best, mp_thread_nanoseconds() - began)
            allocations = Int(mp_allocations() - before)
        }
        // A round of its own, which is not timed.
        let counted = mp_references()
        mp_count_references(1)
        _ = body()
        mp_count_references(0)
        let references = Int(mp_references() - counted)
        let seconds = Double(best) / 1e9
        let rate = Double(octets) / seconds / 1e6
        var line = pad(name, 44) + pad(number(rate), 10, right: true) + " MB/s"
        line += pad(goal.map { "goal \($0)" } ?? "", 12, right: true)
        if frames > 0 {
            line += pad(number(seconds * 1e9 / Double(frames)), 10, right: true) + " ns/frame"
            line += pad(decimal(Double(allocations) / Double(frames)), 8, right: true) + " allocations/frame"
            line += pad(decimal(Double(references) / Double(frames)), 8, right: true) + " arc/frame"
        }
        print(line)
    }

    /// A figure that is no rate.
    func tell(_ name: String, _ value: String) {
        guard name.hasPrefix(only) else { return }
        print(pad(name, 44) + pad(value, 10, right: true))
    }

    private func number(_ value: Double) -> String { value < 10 ? decimal(value) : String(Int(value + 0.5)) }

    func decimal(_ value: Double) -> String {
        let hundredths = Int(value * 100 + 0.5)
        let rest = hundredths % 100
        return "\(hundredths / 100)." + (rest < 10 ? "0" : "") + "\(rest)"
    }

    private func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
        let fill = String(repeating: " ", count: max(0, width - text.count))
        return right ? fill + text : text + fill
    }
}

/// Octets of a text.
func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

/// `piece` over and over, to at least `size` octets.
func filled(_ piece: [UInt8], _ size: Int) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(size + piece.count)
    while out.count < size { out += piece }
    return out
}
