// Packets that are not in the order of their times are told, and a little disorder is not.

import MailCapture
import Testing

@Suite struct PacketOrderTests {
    private func remark(_ seconds: [Double]) -> String? {
        var order = PacketOrder()
        for second in seconds { order.accept(Int64(second * 1e9)) }
        return order.remark
    }

    @Test func aLittleDisorderIsUsual() {
        #expect(remark([]) == nil)
        #expect(remark([1, 2, 3, 3, 4]) == nil)
        #expect(remark([1, 2, 1.5, 3, 2.9, 4, 5]) == nil)
        #expect(remark([2, 1.99]) == nil)
    }

    @Test func whatRunsBackwardsIsTold() {
        #expect(remark([1, 2, 3, 1])?.hasPrefix("1 packet is older") == true)
        #expect(remark([10, 8, 7, 6])?.hasPrefix("3 packets are older") == true)
        // Of a moment.
        #expect(remark((0..<10).map { 5 - Double($0) / 100 })?.hasPrefix("9 packets are older") == true)
        #expect(remark([Double](repeating: 4, count: 9)) == nil)
    }
}
