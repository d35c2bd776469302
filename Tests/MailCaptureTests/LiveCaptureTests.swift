// Live capture on the loopback interface: a connection that passes is seen whole. Without the right to capture, it must
// say so.

import Glibc
import MailCapture
import MailDialogue
import MailRecording
import Testing

struct LiveCaptureTests {
    private let mayCapture = geteuid() == 0

    @Test func devicesAreListed() throws {
        let devices = try LiveCapture.devices()
        if mayCapture {
            let loopback = try #require(devices.first { $0.name == "lo" })
            #expect(loopback.isLoopback)
            #expect(loopback.isUp)
        } else {
            #expect(devices.allSatisfy { !$0.name.isEmpty })
        }
    }

    @Test func missingDeviceIsNamed() {
        let error = #expect(throws: CaptureError.self) { try LiveCapture(interface: "none0") }
        #expect(error?.code == (mayCapture ? .noSuchDevice : .noPermission) || error?.code == .noSuchDevice)
        #expect(error?.text.hasPrefix("none0: ") == true)
    }

    @Test func badFilterIsExplained() {
        var options = LiveCapture.Options()
        options.filter = "port port"
        let error = #expect(throws: CaptureError.self) { try LiveCapture(interface: "lo", options: options) }
        #expect(error?.code == (mayCapture ? .badFilter : .noPermission))
    }

    @Test(arguments: [true, false])
    func connectionIsSeen(isImmediate: Bool) throws {
        let listener = try #require(listen())
        defer { close(listener.descriptor) }
        var options = LiveCapture.Options()
        options.filter = "tcp port \(listener.port)"
        options.isImmediate = isImmediate
        guard mayCapture else {
            let error = #expect(throws: CaptureError.self) { try LiveCapture(interface: "lo", options: options) }
            #expect(error?.code == .noPermission)
            return
        }
        let capture = try LiveCapture(interface: "lo", options: options)
        #expect(capture.descriptor >= 0)
        #expect(try capture.next() == nil)
        #expect(!capture.wait(milliseconds: 0))
        #expect(talk(listener))
        var reassembler = TCPReassembler()
        var decoder = PacketDecoder()
        var events: [FlowEvent] = []
        var last: Int64 = 0
        // The kernel hands over what it has within moments; the bound is for a broken capture.
        for _ in 0..<600 where logs(events).first?.end == nil {
            _ = capture.wait(milliseconds: 100)
            while let record = try capture.next() {
                #expect(record.time >= last)
                last = record.time
                guard case .tcp(let segment) = decoder.decode(record) else { continue }
                reassembler.accept(segment, time: record.nanoseconds, packet: record.index, into: &events)
            }
        }
        let flow = try #require(logs(events).first)
        #expect(flow.turns == ["C: EHLO x\r\n", "S: 250 ok\r\n"])
        #expect(flow.end == .fin)
        #expect(flow.gaps == 0)
        let now = Int64(time(nil)) * 1_000_000
        #expect(abs(last - now) < 60_000_000)
        let statistics = try capture.statistics()
        #expect(statistics.received >= capture.packets)
        #expect(statistics.dropped == 0)
        #expect(capture.packets > 8)
    }

    private struct Listener {
        var descriptor: Int32
        var port: UInt16
    }

    private func listen() -> Listener? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 1) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        return isBound ? Listener(descriptor: descriptor, port: address.sin_port.bigEndian) : nil
    }

    private func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// A connection to the listener with one turn of each side, closed by both.
    private func talk(_ listener: Listener) -> Bool {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var address = loopback(port: listener.port)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let server = accept(listener.descriptor, nil, nil)
        guard isConnected, server >= 0 else { return false }
        defer { close(server) }
        return say("EHLO x\r\n", client, server) && say("250 ok\r\n", server, client)
            && shutdown(client, Int32(SHUT_WR)) == 0 && shutdown(server, Int32(SHUT_WR)) == 0
    }

    private func say(_ text: String, _ from: Int32, _ to: Int32) -> Bool {
        let octets = Array(text.utf8)
        var heard = [UInt8](repeating: 0, count: octets.count)
        return send(from, octets, octets.count, 0) == octets.count
            && recv(to, &heard, heard.count, Int32(MSG_WAITALL)) == octets.count && heard == octets
    }
}
