// The grammar of IMAP responses, and the view of a mailbox that is made of them.

import MailDialogue

extension FuzzTarget {
    static let grammar = FuzzTarget(
        name: "imap-grammar", longest: 4096, words: "imap",
        invariant:
            "Any octets are read into values that lie within them, and a view of a mailbox stays within its bounds."
    ) { input in
        let input = FuzzInput(input)
        var numbers = input.numbers
        let limits = IMAPMailboxView.Limits(
            messages: numbers.pick(100_000, 3, 0), octets: numbers.pick(4_194_304, 300))
        var view = IMAPMailboxView(name: "INBOX", isUIDOnly: numbers.oneIn(4), limits: limits)
        var scanned = view
        // A NUL parts the responses.
        for octets in input.octets.split(separator: 0, maxSplits: 255) {
            let charset = numbers.pick(IMAPCharset.unknown, .ascii, .utf8)
            let text = IMAPText(octets)
            let reading = IMAPResponseReading(text, charset: charset)
            check(reading)
            must(
                IMAPResponseReading(inPieces(octets, &numbers), charset: charset).isSame(as: reading),
                "pieces are read otherwise")
            let faults = view.apply(reading)
            let scan = IMAPFetchScan(text)
            if case .fetch(let data) = reading.value, reading.faults.isEmpty,
                scan != nil || data.items.allSatisfy(\.isKnown)
            {
                guard let scan else { broken("a FETCH that is read is not scanned: \(octets.shown)") }
                must(
                    scan.number == data.number && scan.uid == data.uid && scan.modSeq == data.modSeq,
                    "\(octets.shown) is scanned as \(scan)")
                let others = scanned.apply(scan, text)
                must(others == faults, "a scan of \(octets.shown) finds \(others) in place of \(faults)")
            } else {
                _ = scanned.apply(reading)
            }
            must(view == scanned, "a scan of \(octets.shown) leaves another view")
            must(view.knownMessages <= max(limits.messages, 0), "\(view.knownMessages) messages are kept")
            must(view.footprint <= limits.octets + 16_384, "the view takes \(view.footprint) octets")
            if numbers.oneIn(32) {
                view.forget()
                scanned.forget()
            }
            _ = IMAPMailboxName.text(octets)
        }
    }

    /// The text as the tap gives it: pieces behind each other.
    private static func inPieces(_ octets: ArraySlice<UInt8>, _ numbers: inout SeededNumbers) -> IMAPText {
        var rest = octets
        let first = rest.prefix(numbers.size())
        rest = rest.dropFirst(first.count)
        var text = IMAPText(first)
        while !rest.isEmpty {
            let piece = rest.prefix(numbers.size())
            rest = rest.dropFirst(piece.count)
            text.append(piece)
        }
        return text
    }

    private static func check(_ reading: IMAPResponseReading) {
        must(reading.faults.count <= 16, "\(reading.faults.count) faults are kept")
        for fault in reading.faults {
            must((0...reading.text.octets.count).contains(fault.offset), "\(fault.code) is at \(fault.offset)")
        }
        check(Mirror(reflecting: reading.value), reading.text, depth: 0)
    }

    /// Every span lies within the text, wherever in the value it stands.
    private static func check(_ mirror: Mirror, _ text: IMAPText, depth: Int) {
        guard depth < 12 else { return }
        for child in mirror.children {
            if let span = child.value as? IMAPSpan {
                switch span.form {
                case .none: break
                case .omitted: broken("a literal that is there is left out")
                case .bare, .quoted, .escaped, .literal:
                    must(
                        Int(span.start) + Int(span.count) <= text.octets.count,
                        "a value at \(span.start), \(span.count) octets, of \(text.octets.count)")
                }
                must(text.size(of: span) == text.octets(of: span)?.count ?? 0, "a value has two sizes")
            } else {
                check(Mirror(reflecting: child.value), text, depth: depth + 1)
            }
        }
    }
}

extension IMAPResponseReading {
    /// The same was read, whatever the storage.
    fileprivate func isSame(as other: IMAPResponseReading) -> Bool { value == other.value && faults == other.faults }
}

extension IMAPFetchedItem {
    /// An item of some RFC; the syntax of the others is anybody's guess.
    fileprivate var isKnown: Bool {
        if case .other = self { return false }
        return true
    }
}
