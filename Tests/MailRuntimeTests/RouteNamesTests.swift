// Names of routes: one that has no answer keeps nobody waiting but those who ask for it.

import MailRecording
import Synchronization
import Testing

@testable import MailRuntime

@Suite struct RouteNamesTests {
    /// Many sessions ask for a name that is not answered: it has one thread, another name has its answer at once, and all hear it in the end.
    @Test func aNameWithoutAnswerKeepsNobodyElseWaiting() {
        let (begun, gate, done) = (Semaphore(), Semaphore(), Semaphore())
        let calls = Mutex<[String]>([])
        let names = RouteNames(threads: 2) { host, port in
            calls.withLock { $0.append(host) }
            if host == "slow" {
                begun.signal()
                gate.wait()
            }
            return .success([SocketAddress(.v4(0x7F00_0001), port)])
        }
        defer { names.stop() }
        let heard = Mutex<[UInt16]>([])
        for _ in 0..<100 {
            names.find("slow", 25) { answer in
                if case .success(let addresses) = answer { heard.withLock { $0 += addresses.map(\.port) } }
                done.signal()
            }
        }
        begun.wait()
        for _ in 0..<20 {
            names.find("quick", 143) { _ in done.signal() }
            done.wait()
        }
        #expect(heard.withLock { $0 } == [] && names.count >= 1)
        gate.signal()
        for _ in 0..<100 { done.wait() }
        #expect(heard.withLock { $0 } == [UInt16](repeating: 25, count: 100))
        #expect(calls.withLock { $0.filter { $0 == "slow" }.count } == 1)
        #expect(names.count == 0)
        // Nothing is kept: who asks later has it looked up again.
        names.find("quick", 143) { _ in done.signal() }
        done.wait()
        #expect(calls.withLock { $0.filter { $0 == "quick" }.count } == 21)
    }
}
