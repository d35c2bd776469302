// "Did you mean": the known word that is nearest to an unknown one.

/// Finds near words.
package enum Suggestion {
    /// ` (did you mean 'x'?)`, or nothing when no word is near.
    package static func hint(_ word: String, among words: [String]) -> String {
        guard let near = nearest(word, among: words) else { return "" }
        return " (did you mean '\(near)'?)"
    }

    /// The nearest word, when at most a third of the letters differ.
    package static func nearest(_ word: String, among words: [String]) -> String? {
        let letters = Array(word.lowercased().utf8.prefix(64))
        var best: (word: String, distance: Int)?
        for candidate in words {
            let distance = distance(letters, Array(candidate.lowercased().utf8))
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(1, letters.count / 3) else { return nil }
        return best.word
    }

    /// Letters to change, add, leave out, or swap with their neighbour.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var older: [Int] = []
        var old = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(old[j + 1] + 1, row[j] + 1, old[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, older[j - 1] + 1) }
                row.append(cost)
            }
            older = old
            old = row
        }
        return old.last ?? 0
    }
}
