// Regular expressions: what fits, what is refused, and that no pattern is slow.

import TestSupport
import Testing

@testable import MailRules

@Suite struct PatternTests {
    private func found(_ pattern: String, _ text: String) throws -> Bool {
        try Pattern(pattern).isFound(in: Array(text.utf8))
    }

    @Test(
        "What fits and what does not",
        arguments: [
            ("abc", "xxabcxx", true), ("abc", "ab", false), ("", "", true), ("a.c", "a\nc", false),
            ("(?s)a.c", "a\nc", true),
            ("^abc$", "abc", true), ("^abc$", "abcd", false), ("(?m)^b$", "a\nb\nc", true), ("^b$", "a\nb\nc", false),
            ("[a-c]+x", "bbbx", true), ("[^a-c]", "abc", false), ("[]x]", "]", true), ("[a-]", "-", true),
            ("\\d{3}-\\d{2}", "123-45", true), ("\\d{3}", "12", false), ("^a{2,3}$", "aaaa", false),
            ("^a{2,}$", "aaaa", true),
            ("a{0}b", "b", true), ("x{", "x{", true), ("x{a}", "x{a}", true), ("(ab|cd)*e", "abcdabe", true),
            ("^(a|)b$", "b", true), ("a|b|", "zzz", true), ("(?i)InVoice", "your INVOICE", true),
            ("(?i)[a-c]", "B", true),
            ("Invoice", "invoice", false), ("a(?i)b", "aB", true), ("a(?i:b)c", "aBC", false),
            ("(a(?i)b)c", "aBC", false),
            ("\\bcat\\b", "a cat.", true), ("\\bcat\\b", "concat", false), ("\\Bcat", "concat", true),
            ("\\bcat", "cat", true),
            ("\\.(exe|scr|js)$", "x.exe", true), ("\\.(exe|scr|js)$", "x.exec", false), ("\\x41", "A", true),
            ("\\s\\S\\w\\W\\D", " xa!z", true), ("ä+", "ää", true), ("^(ä|ö)$", "ö", true), ("a??b", "b", true),
            ("\\Aab\\z", "ab", true), ("(?:x)y", "xy", true), ("(a*)*b", "aaab", true), ("(^|,)x", "a,x", true),
            ("\\$\\^\\(", "$^(", true), ("[\\d\\-x]+$", "1-x", true), ("[\\]]", "]", true), ("$^", "", true),
        ])
    func fits(pattern: String, text: String, expected: Bool) throws {
        #expect(try found(pattern, text) == expected, "\(pattern) in \(text)")
    }

    @Test(
        "What is refused, and where",
        arguments: [
            ("a(b", 1), ("a)b", 1), ("a[b", 1), ("*a", 0), ("a**", 2), ("a\\", 1), ("(a)\\1", 3), ("(?=a)", 0),
            ("(?<!a)", 0),
            ("(?<n>a)", 0), ("a{3,1}", 1), ("a{2000}", 1), ("[z-a]", 1), ("a\\q", 1), ("(?x)a", 2), ("\\xZZ", 0),
            ("[[:alpha:]]", 1),
            ("a++", 2), ("[ä]", 1), ("(?P<n>a)", 0), ("(?i", 0),
        ])
    func refused(pattern: String, offset: Int) {
        do {
            _ = try Pattern(pattern)
            Issue.record("taken: \(pattern)")
        } catch {
            #expect(error.offset == offset, "\(pattern): \(error.message)")
        }
    }

    @Test(
        "Patterns that grow beyond all bounds are refused at once",
        arguments: ["((a{1000}){1000}){1000}", "((){1000}){1000}", "(((((x{9}){9}){9}){9}){9}){9}"])
    func tooLarge(pattern: String) {
        let time = processorTime {
            #expect(throws: PatternError.self) { try Pattern(pattern) }
        }
        #expect(time < .seconds(2))
    }

    @Test("Groups in each other have a bound")
    func nesting() {
        let deep = String(repeating: "(", count: 5000) + "a" + String(repeating: ")", count: 5000)
        #expect(throws: PatternError.self) { try Pattern(deep) }
        #expect(throws: Never.self) {
            try Pattern(String(repeating: "(", count: 90) + "a" + String(repeating: ")", count: 90))
        }
    }

    @Test(
        "Patterns that make other engines stall run in linear time",
        arguments: ["(a+)+b", "(a|a)*b", "(a*)*b", "(a|aa)+$b", "([a-z]+)*\\d"])
    func linear(pattern: String) throws {
        let compiled = try Pattern(pattern)
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
        // Linear it takes a few milliseconds. With the square of the length it would be ten thousand million steps, and more than
        // that with backtracking: no machine is busy enough to make one look like the other.
        let time = processorTime { #expect(!compiled.isFound(in: text)) }
        #expect(time < .seconds(4), "\(pattern)")
    }

    @Test("A pattern with more states than are remembered stays right")
    func manyStates() throws {
        // The classic that needs 2^13 states as a deterministic automaton.
        let compiled = try Pattern("^(a|b)*a(a|b){13}$")
        var random: UInt64 = 7
        for _ in 0..<20 {
            var text: [UInt8] = []
            for _ in 0..<3000 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.append(random >> 63 == 0 ? 97 : 98)
            }
            #expect(compiled.isFound(in: text) == (text[text.count - 14] == 97))
        }
    }

    @Test("Against a slow matcher that is plainly right")
    func againstNaive() throws {
        var random: UInt64 = 99
        func pick(_ count: Int) -> Int {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((random >> 33) % UInt64(count))
        }
        func pattern(_ depth: Int) -> String {
            switch pick(depth > 0 ? 8 : 3) {
            case 0: return "a"
            case 1: return "b"
            case 2: return "[ab]"
            case 3: return pattern(depth - 1) + pattern(depth - 1)
            case 4: return "(\(pattern(depth - 1))|\(pattern(depth - 1)))"
            case 5: return "(\(pattern(depth - 1)))*"
            case 6: return "(\(pattern(depth - 1)))?"
            default: return "(\(pattern(depth - 1))){1,2}"
            }
        }
        for _ in 0..<300 {
            let source = pattern(4)
            let node = try PatternParser.parse(Array("^(\(source))$".utf8))
            let compiled = try Pattern("^(\(source))$")
            for _ in 0..<10 {
                let text = (0..<pick(8)).map { _ in UInt8(97 + pick(2)) }
                let expected = Naive.ends(node, text, from: [0]).contains(text.count)
                #expect(compiled.isFound(in: text) == expected, "\(source) in \(text)")
            }
        }
    }
}

/// Gives all places at which a node can end: no memory, no automaton.
private enum Naive {
    static func ends(_ node: PatternNode, _ text: [UInt8], from: Set<Int>) -> Set<Int> {
        switch node {
        case .empty: return from
        case .octet(let set): return Set(from.filter { $0 < text.count && set.contains(text[$0]) }.map { $0 + 1 })
        case .assertion(.textStart): return from.intersection([0])
        case .assertion: return from.intersection([text.count])
        case .sequence(let parts): return parts.reduce(from) { ends($1, text, from: $0) }
        case .choice(let branches): return branches.reduce([]) { $0.union(ends($1, text, from: from)) }
        case .repeated(let inner, let least, let most):
            var at = from
            for _ in 0..<least { at = ends(inner, text, from: at) }
            var all = at
            for _ in 0..<(most.map { $0 - least } ?? text.count + 1) {
                at = ends(inner, text, from: at)
                all.formUnion(at)
            }
            return all
        }
    }
}
