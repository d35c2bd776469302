// libpcap's filter expressions (pcap-filter(7)), for packets of files as for live ones.

import CPcap
import MailRecording

extension CaptureFilter {
    /// What is captured from an interface when nothing is said: all but what has no mail in it for certain. Mail is
    /// recognised on any port, and within VLANs, MPLS, PPPoE and tunnels; UDP is a tunnel's when it has its port, or
    /// comes in fragments, of which only the first has a port.
    package static let usual = """
        not (arp or icmp or icmp6 or (udp and not (udp port 4789 or udp port 8472 or udp port 6081 or \
        (ip[6:2] & 0x3fff != 0))))
        """
}

/// A compiled filter for packets of one link type. Not for several threads at once.
package final class CaptureFilter {
    private var program = bpf_program()

    /// - Parameters:
    ///   - expression: as tcpdump takes it; empty means every packet.
    ///   - linkType: the LINKTYPE_ number of the packets.
    package init(_ expression: String, linkType: UInt32) throws(CaptureError) {
        // The number of raw IP within libpcap is DLT_RAW's, not that of files.
        let type = linkType == 101 ? DLT_RAW : Int32(truncatingIfNeeded: linkType)
        guard let dead = pcap_open_dead(type, 262_144) else {
            throw CaptureError(.failed, "no memory for a filter")
        }
        defer { pcap_close(dead) }
        guard pcap_compile(dead, &program, expression, 1, mp_netmask_unknown()) == 0 else {
            throw CaptureError(.badFilter, "filter \"\(expression)\": \(String(cString: pcap_geterr(dead)))")
        }
    }

    deinit { pcap_freecode(&program) }

    /// Whether the filter takes the packet. The link type must be the one that the filter was made for.
    package func matches(_ record: CaptureRecord) -> Bool {
        record.bytes.withUnsafeBufferPointer { bytes in
            // libpcap reads nothing from an empty packet, but asks for an address.
            guard let start = bytes.baseAddress else { return false }
            var header = pcap_pkthdr()
            header.caplen = UInt32(clamping: bytes.count)
            header.len = UInt32(clamping: record.originalLength)
            return pcap_offline_filter(&program, &header, start) != 0
        }
    }
}
