// Which connections are admitted, and that what is remembered of addresses stays bounded.

import MailRecording
import Testing

@testable import MailRuntime

@Suite struct AdmissionTests {
    private func limits(_ sessions: Int = 0, address: Int = 0, rate: Int = 0) -> ServerLimits {
        var limits = ServerLimits()
        limits.sessions = sessions
        limits.sessionsPerAddress = address
        limits.connectionsPerSecond = rate
        return limits
    }

    private let ann = IPAddress.v4(0x0A00_0001)
    private let bob = IPAddress.v4(0x0A00_0002)

    @Test func withoutLimitsNothingIsRefusedAndNothingKept() {
        let admission = Admission(limits())
        for _ in 0..<1_000 { #expect(admission.admit(ann, now: 0) == nil) }
        admission.left(ann)
        #expect(admission.known == 0)
    }

    @Test func sessionsInAll() {
        let admission = Admission(limits(2))
        #expect(admission.admit(ann, now: 0) == nil)
        #expect(admission.admit(bob, now: 0) == nil)
        #expect(admission.admit(bob, now: 0) == .sessions)
        admission.left(ann)
        #expect(admission.admit(bob, now: 0) == nil)
    }

    @Test func sessionsOfAnAddress() {
        let admission = Admission(limits(address: 1))
        #expect(admission.admit(ann, now: 0) == nil)
        #expect(admission.admit(ann, now: 0) == .sessionsPerAddress)
        #expect(admission.admit(bob, now: 0) == nil)
        admission.left(ann)
        #expect(admission.known == 1)
        #expect(admission.admit(ann, now: 0) == nil)
    }

    @Test func aNetworkOfIPv6IsOneAddress() {
        let admission = Admission(limits(address: 1))
        #expect(admission.admit(.v6(0x2001_0db8_0000_0001, 1), now: 0) == nil)
        #expect(admission.admit(.v6(0x2001_0db8_0000_0001, 2), now: 0) == .sessionsPerAddress)
        #expect(admission.admit(.v6(0x2001_0db8_0000_0002, 2), now: 0) == nil)
    }

    /// A second's connections may come at once, and as many in each second that passes.
    @Test func connectionsInASecond() {
        let admission = Admission(limits(rate: 2))
        var now: Int64 = 5_000_000
        for refusal in [nil, nil, Admission.Refusal.connectionsPerSecond] {
            #expect(admission.admit(ann, now: now) == refusal)
        }
        #expect(admission.admit(bob, now: now) == nil)
        now += 500_000
        #expect(admission.admit(ann, now: now) == nil)
        #expect(admission.admit(ann, now: now) == .connectionsPerSecond)
        // However long nobody came, no more than a second's connections may come at once.
        now += 3_600_000_000
        for refusal in [nil, nil, Admission.Refusal.connectionsPerSecond] {
            #expect(admission.admit(ann, now: now) == refusal)
        }
        // A clock that stands or goes back gives nothing.
        #expect(admission.admit(ann, now: 0) == .connectionsPerSecond)
    }

    @Test func aFloodOfAddressesIsForgotten() {
        let admission = Admission(limits(rate: 1))
        #expect(admission.admit(ann, now: 0) == nil)
        for number in 0..<UInt32(200_000) {
            let address = IPAddress.v4(0x0B00_0000 + number)
            if admission.admit(address, now: Int64(number)) == nil { admission.left(address) }
        }
        #expect(admission.known <= RuntimeLimits.addresses)
        // Who has a session is not forgotten.
        #expect(admission.admit(ann, now: 1) == .connectionsPerSecond)
    }
}
