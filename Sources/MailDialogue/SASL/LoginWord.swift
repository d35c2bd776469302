// Words that tell what comes behind them: a line that no protocol knows and in which one of them stands was meant as a login, by a client
// that speaks another protocol, or this one badly.

enum LoginWord {
    private static let all: [StaticString] = ["PASS", "AUTH", "LOGIN", "LOGON", "APOP", "USER", "PWD"]

    /// Where what may be a secret begins: behind the first of them that is in the first words of a line, or, where it stands within a word
    /// (`XPASS`), behind that. Nil when none is there.
    static func end(in line: ArraySlice<UInt8>, words: Int) -> Int? {
        var rest = line
        for _ in 0..<words {
            let (word, behind) = rest.trimmed.firstWord
            for start in word.indices {
                let tail = word[start...]
                for name in all where tail.hasPrefixIgnoringCase(name) {
                    return start == word.startIndex ? start + name.utf8CodeUnitCount : word.endIndex
                }
            }
            rest = behind
        }
        return nil
    }
}
