// The line that says how far long work is.

import Testing

@testable import MailProxy

@Suite struct ProgressTests {
    private final class Terminal {
        var now: Int64 = 0
        var shown: [String] = []
    }

    @Test func aLineAfterAWhile() {
        let terminal = Terminal()
        var progress = Progress("sessions", of: 200, clock: { terminal.now }) { terminal.shown.append($0) }
        progress.advance(by: 20)
        #expect(terminal.shown == [])
        terminal.now = 500_000
        progress.advance(by: 30)
        #expect(terminal.shown == ["\rsessions: 25 %\u{1B}[K"])
        // Not at every step.
        terminal.now = 599_999
        progress.advance(by: 50)
        #expect(terminal.shown.count == 1)
        terminal.now = 600_000
        progress.advance(by: 1000)
        #expect(terminal.shown.last == "\rsessions: 100 %\u{1B}[K")
        progress.end()
        #expect(terminal.shown.last == "\r\u{1B}[K" && terminal.shown.count == 3)
        progress.end()
        terminal.now = 9_000_000
        progress.advance(by: 1)
        #expect(terminal.shown.count == 3)
    }

    @Test func theLineMakesRoomAndComesAgain() {
        let terminal = Terminal()
        var progress = Progress("segments", of: 4, clock: { terminal.now }) { terminal.shown.append($0) }
        // Nothing was shown, so nothing is in the way.
        progress.makeRoom()
        #expect(terminal.shown == [])
        terminal.now = 500_000
        progress.advance(by: 1)
        progress.makeRoom()
        #expect(terminal.shown == ["\rsegments: 25 %\u{1B}[K", "\r\u{1B}[K"])
        terminal.now = 600_000
        progress.advance(by: 1)
        #expect(terminal.shown.last == "\rsegments: 50 %\u{1B}[K")
        progress.end()
        #expect(terminal.shown.last == "\r\u{1B}[K" && terminal.shown.count == 4)
    }

    @Test func whatIsDoneAtOnceShowsNothing() {
        let terminal = Terminal()
        var progress = Progress("sessions", of: 0, clock: { terminal.now }) { terminal.shown.append($0) }
        progress.advance(by: 1)
        progress.end()
        #expect(terminal.shown == [])
        // And where nobody looks, nothing ever is.
        var silent = Progress("sessions", of: 1, clock: { terminal.now }, show: nil)
        terminal.now = .max
        silent.advance(by: 1)
        silent.end()
    }
}
