// How long the end of a peer is awaited, step by step.

import Testing

@testable import MailRuntime

@Suite("Lingering")
struct LingeringTests {
    @Test("a peer that takes what is left for it now and then is awaited to its last octet")
    func pauses() {
        var lingering = Lingering(heard: 0)
        for left in stride(from: 1_000_000, to: 0, by: -100_000) {
            // Ten rounds of two seconds without an octet each time.
            for _ in 0..<10 {
                let isAwaited = lingering.awaits(left: left, heard: 0)
                #expect(isAwaited)
            }
        }
        let isAwaited = lingering.awaits(left: 0, heard: 0)
        #expect(!isAwaited)
    }

    @Test("a peer that takes nothing is given up after the time that any peer may pause")
    func stalls() {
        var lingering = Lingering(heard: 0)
        var seconds = 0.0
        while lingering.awaits(left: 5, heard: 0), seconds < 1_000 { seconds += Lingering.round }
        #expect(seconds == RuntimeLimits.stalled)
    }

    @Test("a peer that speaks in vain, but takes nothing of what is left, is given up no later")
    func speaksAndStalls() {
        var lingering = Lingering(heard: 0)
        var rounds = 0
        while lingering.awaits(left: 5, heard: rounds + 1), rounds < 1_000 { rounds += 1 }
        #expect(Double(rounds) * Lingering.round == RuntimeLimits.stalled)
    }

    @Test("a peer that has all is awaited as long as it speaks, but not for ever")
    func speaks() {
        var lingering = Lingering(heard: 7)
        let awaited = [lingering.awaits(left: 0, heard: 8), lingering.awaits(left: 0, heard: 8)]
        #expect(awaited == [true, false])
        var rounds = 0
        lingering = Lingering(heard: 0)
        while lingering.awaits(left: 0, heard: rounds + 1), rounds < 1_000 { rounds += 1 }
        #expect(Double(rounds + 1) * Lingering.round == RuntimeLimits.stalled)
    }
}
