// What many quiet flows keep of the memory that they once needed.

import MailDialogue
import Testing

@testable import MailCapture

@Suite struct KeptSpaceTests {
    /// Octets that were delivered and acknowledged leave nothing behind when there are many flows; when there are few, small spaces. Large
    /// ones go to whoever needs them next.
    @Test(arguments: [100, 3_000], [600, 1_400]) func quietFlows(_ count: Int, _ length: Int) {
        var reassembler = TCPReassembler()
        var events: [FlowEvent] = []
        var packet = 0
        for flow in 0..<count {
            var wire = Wire(clientPort: UInt16(2_000 + flow))
            var segments = wire.handshake()
            for side in Side.allCases {
                segments += [wire.say(side, [UInt8](repeating: 65, count: length)), wire.acknowledge(side.other)]
            }
            for segment in segments {
                packet += 1
                reassembler.accept(segment, time: Int64(packet), packet: packet, into: &events)
            }
        }
        #expect(reassembler.table.count == count && reassembler.allRecent == 0)
        let kept = reassembler.table.streams.reduce(0) { $0 + $1.recent.capacity }
        if length == 600 { #expect(kept >= min(count, TCPReassembler.mostWithSpace) * 2 * length) }
        #expect(kept <= (length == 600 ? TCPReassembler.mostWithSpace * 2 * 1_024 : 0))
    }
}
