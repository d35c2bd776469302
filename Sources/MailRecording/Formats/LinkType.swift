// Link types (LINKTYPE_ numbers): which of them are decoded, and the names of others, so that a message can say what a
// file holds.

/// A link type that is decoded.
enum LinkType {
    case null, ethernet, ppp, directedPPP, pppoe, raw, loop, linuxCooked, linuxCooked2, ipv4, ipv6
    case ciscoHDLC, mpls, llc, fddi, firewire, enc, pflog, nflog, pktap, wireless, radiotap, avs

    init?(_ number: UInt32) {
        switch number {
        case 0: self = .null
        case 1: self = .ethernet
        case 9, 50: self = .ppp
        case 10: self = .fddi
        case 11: self = .llc
        case 51: self = .pppoe
        // 12 and 14 are the numbers of DLT_RAW on BSD and OpenBSD, found in old files.
        case 12, 14, 101: self = .raw
        case 104: self = .ciscoHDLC
        case 105: self = .wireless
        case 108: self = .loop
        case 109: self = .enc
        case 113: self = .linuxCooked
        case 117: self = .pflog
        case 127: self = .radiotap
        case 138: self = .firewire
        case 163: self = .avs
        case 166, 204: self = .directedPPP
        case 219: self = .mpls
        case 228: self = .ipv4
        case 229: self = .ipv6
        case 239: self = .nflog
        case 258: self = .pktap
        case 276: self = .linuxCooked2
        default: return nil
        }
    }
}

/// Names of link types.
package enum LinkTypeName {
    private static let names: [UInt32: String] = [
        0: "NULL", 1: "ETHERNET", 6: "IEEE802_5", 7: "ARCNET_BSD", 8: "SLIP", 9: "PPP", 10: "FDDI", 12: "RAW",
        14: "RAW",
        11: "ATM_RFC1483", 50: "PPP_HDLC", 51: "PPP_ETHER", 101: "RAW", 104: "C_HDLC", 105: "IEEE802_11", 107: "FRELAY",
        108: "LOOP", 109: "ENC",
        113: "LINUX_SLL", 117: "PFLOG", 119: "IEEE802_11_PRISM", 127: "IEEE802_11_RADIOTAP",
        138: "APPLE_IP_OVER_IEEE1394", 143: "DOCSIS",
        147: "USER0",
        163: "IEEE802_11_AVS", 166: "PPP_PPPD", 187: "BLUETOOTH_HCI_H4", 189: "USB_LINUX", 192: "PPI",
        195: "IEEE802_15_4_WITHFCS", 201: "BLUETOOTH_HCI_H4_WITH_PHDR", 204: "PPP_WITH_DIR", 219: "MPLS",
        220: "USB_LINUX_MMAPPED", 227: "CAN_SOCKETCAN",
        228: "IPV4", 229: "IPV6", 239: "NFLOG", 240: "NETANALYZER", 249: "USBPCAP", 252: "WIRESHARK_UPPER_PDU",
        253: "NETLINK", 258: "PKTAP", 276: "LINUX_SLL2",
    ]

    /// The number and, where it is known, the name: `105 (IEEE802_11)`.
    package static func text(_ number: UInt32) -> String { names[number].map { "\(number) (\($0))" } ?? "\(number)" }

    /// Packets of this link type are decoded.
    package static func isDecoded(_ number: UInt32) -> Bool { LinkType(number) != nil }
}
