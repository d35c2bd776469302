// Many at once on one mailbox: nothing is lost, nothing is doubled, every session ends with the same view.

import Glibc
import MailSessions
import Synchronization
import TestSupport
import Testing

@testable import MailStore

struct ConcurrencyTests {
    /// For how long one waits for another, in microseconds; then something hangs.
    private static let patience: Int64 = 250_000_000

    /// What a client of a session believes.
    private struct View {
        let session: StoreSession
        let keyword: String
        var flags: [UInt32: [String]] = [:]
        var isBroken = false

        mutating func open(_ account: Account) {
            let reply = session.perform(.open(account, "INBOX", readOnly: false))
            guard case .opened(_, let entries) = reply else { return fail(reply) }
            for entry in entries { flags[entry.uid] = entry.flags }
        }

        mutating func refresh() {
            let reply = session.perform(.refresh)
            guard case .changes(let changes) = reply, !changes.lost, changes.removed.isEmpty else { return fail(reply) }
            for entry in changes.added {
                if flags.updateValue(entry.flags, forKey: entry.uid) != nil { Issue.record("UID \(entry.uid) twice") }
            }
            for entry in changes.flags { flags[entry.uid] = entry.flags }
        }

        /// Gives its keyword to every message without it; false when there was none.
        mutating func markNew() -> Bool {
            refresh()
            let fresh = flags.filter { !$0.value.contains(keyword) }.keys.sorted()
            guard !fresh.isEmpty else { return false }
            let reply = session.perform(.store(uids: fresh, .add, [keyword]))
            guard case .changes(let changes) = reply else {
                fail(reply)
                return false
            }
            for entry in changes.flags { flags[entry.uid] = entry.flags }
            return true
        }

        private mutating func fail(_ reply: StoreReply) {
            isBroken = true
            Issue.record("\(keyword) was told \(reply)")
        }
    }

    @Test func deliverersAndSessionsShareAMailbox() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let account = try store.makeSession().account("a@example.com")
        let deliveries = 40
        let done = Atomic<Int>(0)
        let stored = Atomic<Int>(0)
        let views = Mutex<[[UInt32: [String]]]>([])
        var bodies: [@Sendable () -> Void] = []
        let deadline = System.monotonicClock() + Self.patience
        for deliverer in 0..<4 {
            bodies.append {
                let session = store.makeSession()
                for number in 0..<deliveries {
                    if session.deliver("X: \(deliverer)-\(number)\r\n\r\n", to: "a@example.com").isStored {
                        stored.add(1, ordering: .relaxed)
                    }
                }
                done.add(1, ordering: .sequentiallyConsistent)
            }
        }
        for number in 0..<4 {
            bodies.append {
                var view = View(session: store.makeSession(), keyword: "s\(number)")
                view.open(account)
                // Once more after the last delivery: what came between the look and the end is not missed.
                var isLast = false
                while !view.isBroken, System.monotonicClock() < deadline {
                    let found = view.markNew()
                    if !found, isLast { break }
                    isLast = done.load(ordering: .sequentiallyConsistent) >= 4
                }
                done.add(1, ordering: .sequentiallyConsistent)
                while done.load(ordering: .sequentiallyConsistent) < 8, System.monotonicClock() < deadline {
                    sched_yield()
                }
                view.refresh()
                let end = view.flags
                views.withLock { $0.append(end) }
            }
        }
        #expect(atOnce(bodies) == [])
        #expect(System.monotonicClock() < deadline)
        #expect(stored.load(ordering: .relaxed) == 4 * deliveries)
        let all = views.withLock { $0 }
        #expect(all.count == 4)
        for view in all {
            #expect(view == all.first)
            #expect(view.count == 4 * deliveries)
            #expect(view.values.allSatisfy { Set($0) == ["s0", "s1", "s2", "s3"] })
        }
        let session = store.makeSession()
        let entries = try session.open(account)
        #expect(entries.map(\.uid) == (1...UInt32(4 * deliveries)).map { $0 })
        let texts = try entries.map { try session.text($0.uid) }
        #expect(Set(texts).count == 4 * deliveries)
        // Each deliverer's messages have UIDs in their order.
        for deliverer in 0..<4 {
            let mine = texts.filter { $0.hasPrefix("X: \(deliverer)-") }
            #expect(mine == (0..<deliveries).map { "X: \(deliverer)-\($0)\r\n\r\n" })
        }
    }

    @Test func copiesInOppositeDirectionsDoNotBlockEachOther() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let session = store.makeSession()
        let account = try session.account("a")
        _ = session.perform(.createMailbox(account, "B"))
        for mailbox in ["INBOX", "B"] {
            _ = session.perform(.append(account, mailbox, .octets([65]), flags: [], internalDate: nil))
        }
        let failures = Atomic<Int>(0)
        func copier(_ from: String, _ to: String) -> @Sendable () -> Void {
            {
                let session = store.makeSession()
                _ = session.perform(.open(account, from, readOnly: false))
                for number in 0..<30 {
                    _ = session.perform(.store(uids: [1], number % 2 == 0 ? .add : .remove, ["\\Seen"]))
                    if session.perform(.copy(uids: [1], account, to)).copiedUIDs?.count != 1 {
                        failures.add(1, ordering: .relaxed)
                    }
                }
            }
        }
        #expect(atOnce([copier("INBOX", "B"), copier("B", "INBOX"), copier("INBOX", "INBOX")]) == [])
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(try session.open(account, "B").count == 31)
        #expect(try session.open(account).count == 61)
    }
}
