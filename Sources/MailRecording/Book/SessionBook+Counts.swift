// Books without rows: a session is counted while it passes, and who wants to know its exchanges and messages reads them from the
// octets that were recorded. The counts are those that the rows would give.

import MailDialogue

extension SessionBook {
    /// Exchanges of which is remembered what rules changed, so that each change is told once.
    private static let mostRemembered = 64

    /// Counts a note.
    mutating func count(_ note: Note, _ events: inout [RecordEvent]) {
        switch note.element {
        case .content: break
        case .greeting: countGreeting()
        case .command:
            countCommand(note.exchange)
            countMessages { $0.accept(note, &$1) }
        case .contentBegin, .contentEnd, .opaque, .gap, .data(_, complete: false), .dataPart, .commandPart:
            countMessages { $0.accept(note, &$1) }
        case .data:
            if messages.awaitsResponse { countMessages { $0.accept(note, &$1) } }
        case .reply: if messages.awaitsReply { countMessages { $0.accept(note, &$1) } }
        case .unplaced where note.side == .client && messages.holdsWaiting: countMessages { $0.accept(note, &$1) }
        case .goAhead, .challenge, .response, .done, .incomplete, .unplaced, .unknown: break
        }
        if note.isPlain { return }
        for violation in note.violations {
            summary.violations += 1
            insertFinding(violation.code)
        }
        for fact in note.facts { count(fact, note, &events) }
    }

    /// The exchange of the greeting, of which each line is a note.
    mutating func countGreeting() { if summary.exchanges == 0, lastNumber == 0 { summary.exchanges = 1 } }

    /// The exchange of a command.
    mutating func countCommand(_ number: Int) {
        guard number > lastNumber else { return }
        lastNumber = number
        summary.exchanges += 1
    }

    private mutating func count(_ fact: Fact, _ note: Note, _ events: inout [RecordEvent]) {
        switch fact {
        case .credential(let credential): remember(credential, note, &events)
        case .login(let accepted): judge(accepted, note.exchange, &events)
        case .opaque(let reason): summary.opaque = summary.opaque ?? reason
        case .clear: if summary.opaque == .tls { summary.opaque = nil }
        case .reversePath, .recipient, .messageAccepted, .messageRefused, .clientName, .recipientRefused,
            .transactionReset, .mailbox, .contentCut, .leftOut, .resumed:
            break
        }
    }

    /// Counts the messages that end by `step`.
    mutating func countMessages(_ step: (inout MessageAssembler, inout MessageTally) -> Void) {
        var tally = MessageTally()
        step(&messages, &tally)
        summary.messages += tally.messages
    }

    /// Remembers what a rule changed until it can be told.
    mutating func noteChange(_ exchange: Int, _ rule: String) {
        if foretold[exchange]?.contains(rule) == true { return }
        if foretold.count >= Self.mostRemembered, let oldest = foretold.keys.min() { foretold[oldest] = nil }
        foretold[exchange, default: []].append(rule)
        untold.append((exchange, rule))
    }

    /// Tells what rules changed.
    mutating func tellChanges(_ events: inout [RecordEvent]) {
        for change in untold {
            events.append(.changed(session: summary.info.id, exchange: change.exchange, rules: [change.rule]))
        }
        untold = []
    }
}

/// Counts messages that have ended.
struct MessageTally: MessageSink {
    static var takesOctets: Bool { false }
    private(set) var messages = 0

    mutating func begin(_ message: MessageStart) {}
    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {}
    mutating func end(_ side: Side, complete: Bool, exchange: Int) { messages += 1 }
    mutating func park(_ key: UInt32) {}
    mutating func resume(_ key: UInt32) {}
    mutating func drop(_ key: UInt32) {}
}
