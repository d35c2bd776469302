// Live capture through libpcap: packets of an interface as they pass.

import CPcap
import Glibc
import MailRecording

/// An interface on which packets can be captured.
package struct CaptureDevice: Equatable, Sendable {
    package var name: String
    package var details: String
    package var isLoopback: Bool
    package var isUp: Bool
}

/// What the kernel counted since the capture began.
package struct CaptureStatistics: Equatable, Sendable {
    package var received: Int = 0
    /// Packets that were lost for want of space in the kernel's buffer.
    package var dropped: Int = 0
    /// Packets that the interface or its driver lost.
    package var interfaceDropped: Int = 0

    package init(received: Int = 0, dropped: Int = 0, interfaceDropped: Int = 0) {
        self.received = received
        self.dropped = dropped
        self.interfaceDropped = interfaceDropped
    }

    /// All that were lost.
    package var lost: Int { dropped &+ interfaceDropped }
}

/// A live capture. Never blocks but in ``wait(milliseconds:)``. Not for several threads at once.
package final class LiveCapture {
    package struct Options: Sendable {
        package var filter = ""
        /// Octets of a packet that are kept.
        package var snapLength: Int32 = 262_144
        /// The kernel's buffer in octets: what it holds while we are busy. Half a second of 1 Gbit/s.
        package var bufferSize: Int32 = 64 << 20
        /// Packets are given as soon as they pass instead of in blocks: for a person who watches, at more cost a
        /// packet. The kernel's buffer then has slots of the snap length (TPACKET_V2), and holds few packets.
        package var isImmediate = false
        /// Packets for others are captured, too, as on the mirrored port of a switch.
        package var isPromiscuous = false

        package init() {}
    }

    private let handle: OpaquePointer
    private let name: String
    /// Readable when packets wait: for an event loop. -1 when the interface has none.
    package let descriptor: Int32
    /// The LINKTYPE_ number of the packets.
    package let linkType: UInt32
    private let isNano: Bool
    private let bufferSize: Int
    /// Milliseconds after which the kernel gives a block of packets that is not full.
    private static let blockTime: Int32 = 100
    /// Packets given so far.
    package private(set) var packets = 0

    /// Starts capturing on the interface `name`; `any` stands for all of them.
    package init(interface name: String, options: Options = Options()) throws(CaptureError) {
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = pcap_create(name, &message) else {
            throw CaptureError(.failed, "\(name): \(Self.text(message))")
        }
        var isDone = false
        defer { if !isDone { pcap_close(handle) } }
        pcap_set_snaplen(handle, options.snapLength)
        pcap_set_promisc(handle, options.isPromiscuous ? 1 : 0)
        pcap_set_timeout(handle, Self.blockTime)
        bufferSize = Int(options.bufferSize)
        pcap_set_buffer_size(handle, options.bufferSize)
        pcap_set_immediate_mode(handle, options.isImmediate ? 1 : 0)
        pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO)
        let status = pcap_activate(handle)
        guard status >= 0 else { throw Self.error(status, name, handle) }
        isNano = pcap_get_tstamp_precision(handle) == PCAP_TSTAMP_PRECISION_NANO
        let type = pcap_datalink(handle)
        linkType = type == DLT_RAW ? 101 : UInt32(bitPattern: type)
        if !options.filter.isEmpty {
            var program = bpf_program()
            guard pcap_compile(handle, &program, options.filter, 1, mp_netmask_unknown()) == 0 else {
                throw CaptureError(
                    .badFilter, "filter \"\(options.filter)\": \(String(cString: pcap_geterr(handle)))")
            }
            defer { pcap_freecode(&program) }
            guard pcap_setfilter(handle, &program) == 0 else {
                throw CaptureError(.failed, "\(name): \(String(cString: pcap_geterr(handle)))")
            }
        }
        guard pcap_setnonblock(handle, 1, &message) == 0 else {
            throw CaptureError(.failed, "\(name): \(Self.text(message))")
        }
        descriptor = pcap_get_selectable_fd(handle)
        self.handle = handle
        self.name = name
        isDone = true
    }

    deinit { pcap_close(handle) }

    /// The next packet; nil when none waits now.
    package func next() throws(CaptureError) -> CaptureRecord? {
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var data: UnsafePointer<UInt8>?
        errno = 0
        let status = pcap_next_ex(handle, &header, &data)
        // libpcap takes it for an error of nflog and nfqueue that nothing waits there.
        if status == 0 || status == PCAP_ERROR && errno == EAGAIN { return nil }
        guard status > 0, let header, let data else { throw Self.error(status, name, handle) }
        let bytes = Array(UnsafeBufferPointer(start: data, count: Int(header.pointee.caplen)))
        // With nanoseconds they stand where the microseconds do else (pcap_set_tstamp_precision(3PCAP)).
        let part = Int64(header.pointee.ts.tv_usec)
        packets += 1
        return CaptureRecord(
            index: packets, time: Int64(header.pointee.ts.tv_sec) * 1_000_000 + (isNano ? part / 1_000 : part),
            fraction: isNano ? Int(truncatingIfNeeded: part % 1_000) : 0,
            linkType: linkType, bytes: bytes[...], originalLength: Int(header.pointee.len))
    }

    /// Waits until a packet may be there, at most `milliseconds`. False when the time is over.
    package func wait(milliseconds: Int32) -> Bool {
        // libpcap's own time-out only ends a block that has begun to fill: on a silent link it would wait for ever.
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }

    /// Gives what the kernel still has of the packets that passed until now: it gives blocks when they are full or old.
    /// - Parameters:
    ///   - most: no more packets than these, with all that were given before.
    ///   - now: nanoseconds since 1970 UTC.
    package func takeRest(
        atMost most: Int, now: Int64, _ take: (CaptureRecord) -> Void
    ) throws(CaptureError) {
        // It holds no more octets than this: an end that no clock can move, and no busy machine either.
        var room = bufferSize
        var vain = 0
        while packets < most, room > 0, vain < 10 {
            if let packet = try next() {
                if packet.nanoseconds > now { return }
                room -= packet.bytes.count
                vain = 0
                take(packet)
            } else if wait(milliseconds: 200) {
                vain += 1
            } else {
                return
            }
        }
    }

    /// Gives what the kernel still has when the interface is gone: libpcap says so before it gives what passed just before. Takes a
    /// moment, in which the kernel ends the block that it was filling.
    /// - Parameter most: no more packets than these, with all that were given before.
    package func takeRemains(atMost most: Int, _ take: (CaptureRecord) -> Void) {
        poll(nil, 0, 2 * Self.blockTime)
        var room = bufferSize
        var failures = 0
        while packets < most, room > 0, failures < 10 {
            do throws(CaptureError) {
                guard let packet = try next() else { return }
                room -= packet.bytes.count
                take(packet)
            } catch {
                failures += 1
            }
        }
    }

    /// What was received and lost so far.
    package func statistics() throws(CaptureError) -> CaptureStatistics {
        var counters = pcap_stat()
        guard pcap_stats(handle, &counters) == 0 else { throw Self.error(PCAP_ERROR, name, handle) }
        return CaptureStatistics(
            received: Int(counters.ps_recv), dropped: Int(counters.ps_drop), interfaceDropped: Int(counters.ps_ifdrop))
    }

    /// The interfaces that this user may capture on.
    package static func devices() throws(CaptureError) -> [CaptureDevice] {
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        var list: UnsafeMutablePointer<pcap_if_t>?
        guard pcap_findalldevs(&list, &message) == 0 else { throw CaptureError(.failed, text(message)) }
        defer { pcap_freealldevs(list) }
        var out: [CaptureDevice] = []
        var entry = list
        while let device = entry?.pointee {
            out.append(
                CaptureDevice(
                    name: device.name.map { String(cString: $0) } ?? "",
                    details: device.description.map { String(cString: $0) } ?? "",
                    isLoopback: device.flags & UInt32(PCAP_IF_LOOPBACK) != 0,
                    isUp: device.flags & UInt32(PCAP_IF_UP) != 0))
            entry = device.next
        }
        return out
    }

    private static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func error(_ status: Int32, _ name: String, _ handle: OpaquePointer) -> CaptureError {
        let said = String(cString: pcap_geterr(handle))
        let details = said.isEmpty ? String(cString: pcap_statustostr(status)) : said
        switch status {
        case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED:
            return CaptureError(
                .noPermission, "\(name): no permission to capture; run as root or give the program CAP_NET_RAW")
        case PCAP_ERROR_NO_SUCH_DEVICE:
            return CaptureError(
                .noSuchDevice,
                "\(name): there is no such interface; 'mailproxy capture --list' shows those that there are")
        case PCAP_ERROR_IFACE_NOT_UP: return CaptureError(.deviceDown, "\(name): the interface is down")
        default: return CaptureError(.failed, "\(name): \(details)")
        }
    }
}
