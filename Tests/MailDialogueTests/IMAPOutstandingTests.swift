// The commands that await replies, held against a list that is searched from its front.

import Testing

@testable import MailDialogue

@Suite struct IMAPOutstandingTests {
    private func tag(_ text: String) -> IMAPTag { IMAPTag(Array("..\(text)".utf8)[2...]) }

    @Test func tagsAreTheirOctets() {
        let all = [
            "a", "a1", "a01", "a001", "A1", "1", "01", "12345678", "123456789", "abcdefgh1", "abcdefghi1", "abcdefghj1",
            "]", "a1b", "a1b1", "1234567890123456789012345", "0234567890123456789012345",
        ]
        for one in all {
            for other in all { #expect((tag(one) == tag(other)) == (one == other), "\(one) \(other)") }
        }
        let long = String(repeating: "x", count: IMAPTag.limit)
        #expect(tag(long) != tag(String(long.dropLast())))
        #expect(tag(long + "y") == tag(long), "what is beyond the limit is not kept")
    }

    /// A list does the same, only slower.
    @Test func theSameAsAList() {
        struct Item {
            var tag: String
            var entry: IMAPOutstanding.Entry
        }
        var numbers = SeededNumbers(seed: 5)
        for _ in 0..<300 {
            var table = IMAPOutstanding()
            var list: [Item] = []
            var exchange = 0
            var counter = Int.random(in: 0...12, using: &numbers)
            for _ in 0..<Int.random(in: 1...120, using: &numbers) {
                if Int.random(in: 0..<5, using: &numbers) < 3 {
                    exchange += Int.random(in: 0..<8, using: &numbers) == 0 ? 2 : 1
                    switch Int.random(in: 0..<10, using: &numbers) {
                    case 0: counter = Int.random(in: 0...12, using: &numbers)
                    case 1: break
                    default: counter += 1
                    }
                    let text = ["a\(counter)", "b", "\(counter)", "a0\(counter)"].randomElement(using: &numbers) ?? "a"
                    let verb: IMAPVerb = Int.random(in: 0..<4, using: &numbers) == 0 ? .select : .fetch
                    let isSecret = Int.random(in: 0..<10, using: &numbers) == 0
                    let entry = IMAPOutstanding.Entry(
                        verb: verb, exchange: exchange, secrecy: isSecret ? .line : .none)
                    #expect(table.contains(tag(text)) == list.contains { $0.tag == text })
                    table.append(tag(text), entry)
                    list.append(Item(tag: text, entry: entry))
                } else {
                    let text =
                        Bool.random(using: &numbers)
                        ? list.randomElement(using: &numbers)?.tag ?? "z"
                        : "a\(Int.random(in: 0...14, using: &numbers))"
                    let index = list.firstIndex { $0.tag == text }
                    #expect(table.find(tag(text)) == index.map { list[$0].entry })
                    #expect(table.remove(tag(text)) == index.map { list[$0].entry })
                    if let index { list.remove(at: index) }
                }
                #expect(table.count == list.count)
                #expect(table.first == list.first?.entry)
                #expect(table.lastExchange == list.last?.entry.exchange)
                #expect(table.opening == list.count { $0.entry.verb == .select })
                #expect(table.holdingNumbers == list.count { $0.entry.verb == .fetch })
            }
            let middle = list.isEmpty ? 0 : list[list.count / 2].entry.exchange
            table.removeAll(before: middle)
            #expect(table.count == list.count { $0.entry.exchange >= middle })
        }
    }

    @Test func tagsThatCountUpTakeOneRun() {
        var table = IMAPOutstanding()
        for number in 1...9_999 {
            table.append(tag("\(number)"), IMAPOutstanding.Entry(verb: .uidFetch, exchange: number))
        }
        #expect(table.count == 9_999 && !table.isFull)
        // A run for each length of the number.
        #expect(table.footprint < 1_024)
        for number in [5_000, 1, 9_999, 10, 9] {
            #expect(table.remove(tag("\(number)"))?.exchange == number)
            #expect(!table.contains(tag("\(number)")))
        }
        #expect(table.count == 9_994)
    }

    /// However many there were.
    @Test func manyLeaveNoRoomBehind() {
        for count in 1...300 {
            var table = IMAPOutstanding()
            for number in 1...count {
                table.append(tag("a\(number)"), .init(verb: number % 2 == 0 ? .noop : .check, exchange: number))
            }
            for number in 1...count { #expect(table.remove(tag("a\(number)"))?.exchange == number) }
            #expect(table.footprint < 2_048, "\(count)")
        }
    }

    @Test func whatTagsTakeIsBounded() {
        var table = IMAPOutstanding()
        var numbers = SeededNumbers(seed: 6)
        var exchange = 0
        while !table.isFull {
            exchange += 1
            let text = String((0..<64).map { _ in "abcdefghijkl".randomElement(using: &numbers) ?? "a" })
            table.append(tag(text), IMAPOutstanding.Entry(verb: .noop, exchange: exchange))
        }
        #expect(exchange > 380)
        #expect(table.footprint < 65_536)
    }
}
