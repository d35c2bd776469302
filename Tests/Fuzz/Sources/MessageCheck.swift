// Messages that are taken out of a session, whatever it is: each call of a sink is in its place, no more waits than may, and who takes no
// octets counts the same messages.

import MailDialogue
import MailRecording

/// Takes messages, and complains of what a sink may not be told.
private struct CheckedSink: MessageSink {
    /// Messages and parts that may be set aside, with room for a moment.
    private static let mostParked = 170

    private var open: Set<Side> = []
    private var parked: Set<UInt32> = []
    private(set) var counts = SinkCounts()

    mutating func begin(_ message: MessageStart) {
        must(open.insert(message.side).inserted, "a message of the \(message.side) begins in another")
    }
    mutating func willAlter(_ side: Side) {
        must(open.contains(side), "octets of no message of the \(side) are altered")
    }
    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {
        must(open.contains(side), "octets of no message of the \(side)")
    }
    mutating func end(_ side: Side, complete: Bool, exchange: Int) {
        must(open.remove(side) != nil, "no message of the \(side) ends")
        counts.end(complete)
    }
    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) {
        must(open.remove(side) != nil, "no part of the \(side) ends")
        counts.endPart(complete)
    }
    mutating func park(_ key: UInt32) {
        must(open.remove(.server) != nil, "what is not open is set aside")
        must(parked.insert(key).inserted, "two are set aside with the same key")
        must(parked.count <= Self.mostParked, "\(parked.count) are set aside")
    }
    mutating func resume(_ key: UInt32) {
        must(parked.remove(key) != nil, "what was not set aside goes on")
        must(open.insert(.server).inserted, "a message goes on in another")
    }
    mutating func drop(_ key: UInt32) { must(parked.remove(key) != nil, "what was not set aside is dropped") }

    func finish() { must(open.isEmpty && parked.isEmpty, "messages are open behind the end") }
}

/// What ended.
private struct SinkCounts: Equatable {
    var messages = 0
    var whole = 0
    var parts = 0

    mutating func end(_ complete: Bool) {
        messages += 1
        if complete { whole += 1 }
    }
    mutating func endPart(_ complete: Bool) { parts += complete ? 1 : 1 << 32 }
}

/// Counts without octets.
private struct CountingSink: MessageSink {
    static var takesOctets: Bool { false }
    private(set) var counts = SinkCounts()

    mutating func begin(_ message: MessageStart) {}
    mutating func bytes(_ octets: ArraySlice<UInt8>, _ side: Side) {}
    mutating func end(_ side: Side, complete: Bool, exchange: Int) { counts.end(complete) }
    mutating func endPart(_ side: Side, _ section: String, complete: Bool, exchange: Int) { counts.endPart(complete) }
    mutating func park(_ key: UInt32) {}
    mutating func resume(_ key: UInt32) {}
    mutating func drop(_ key: UInt32) {}
}

enum MessageCheck {
    static func run(_ notes: [Note]) {
        var checked = MessageExtractor(CheckedSink())
        checked.accept(notes[...])
        checked.close()
        checked.sink.finish()
        var counting = MessageExtractor(CountingSink())
        counting.accept(notes[...])
        counting.close()
        must(
            checked.sink.counts == counting.sink.counts,
            "\(checked.sink.counts) in place of \(counting.sink.counts) without octets")
    }
}
