// A queue of few elements: the commands that await their replies.

/// First in, first out; removing is constant time on average.
package struct Fifo<Item: Equatable & Sendable>: Equatable, Sendable {
    private var items: [Item] = []
    private var head = 0

    /// Elements for which a queue keeps room when it is empty.
    private static var keptRoom: Int { 32 }

    package init() {}

    package var isEmpty: Bool { head == items.count }
    package var count: Int { items.count - head }

    package var first: Item? {
        get { isEmpty ? nil : items[head] }
        set {
            guard let newValue, !isEmpty else { return }
            items[head] = newValue
        }
    }

    package var last: Item? {
        get { isEmpty ? nil : items.last }
        set {
            guard let newValue, !isEmpty else { return }
            items[items.count - 1] = newValue
        }
    }

    package mutating func append(_ item: Item) { items.append(item) }

    /// Octets that the queue takes, without what its elements refer to; 0 for a short one, as nearly all are.
    package var footprint: Int {
        let room = items.capacity
        return room <= Self.keptRoom ? 0 : room &* MemoryLayout<Item>.stride
    }

    /// What `body` reads of the first element, which is not copied for it; nil when there is none.
    package func peek<Part>(_ body: (Item) -> Part) -> Part? { isEmpty ? nil : body(items[head]) }

    @discardableResult
    package mutating func popFirst() -> Item? {
        guard !isEmpty else { return nil }
        let item = items[head]
        dropFirst()
        return item
    }

    /// Removes the first element, if there is one.
    package mutating func dropFirst() {
        guard !isEmpty else { return }
        head += 1
        if head == items.count {
            // A short queue keeps its room, so that commands one by one allocate nothing; a long one gives it back.
            if items.capacity <= Self.keptRoom { while items.popLast() != nil {} } else { items = [] }
            head = 0
        } else if head > 32, head * 2 > items.count {
            // With room of its own: what was long gives back what it does not need, before it is empty.
            items = Array(items[head...])
            head = 0
        }
    }

    /// Removes and returns the first element that fits.
    package mutating func remove(where fits: (Item) -> Bool) -> Item? {
        guard let index = items[head...].firstIndex(where: fits) else { return nil }
        return index == head ? popFirst() : items.remove(at: index)
    }

    package func first(where fits: (Item) -> Bool) -> Item? { items[head...].first(where: fits) }
    package mutating func removeAll() {
        items = []
        head = 0
    }

    /// All that wait, oldest first.
    package var elements: ArraySlice<Item> { items[head...] }

    package static func == (a: Fifo, b: Fifo) -> Bool { a.items[a.head...] == b.items[b.head...] }
}
