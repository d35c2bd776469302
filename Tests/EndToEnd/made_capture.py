"""Captures made by hand: what is said at which moment, so that what is measured in them is known."""

import ipaddress
import struct


def pcap(*conversations):
    """A pcap file (raw IPv4, microseconds) of conversations, packets in the order of their times."""
    packets = sorted((packet for one in conversations for packet in one.packets), key=lambda packet: packet[0])
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    return header + b"".join(
        struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(octets), len(octets)) + octets for time, octets in packets
    )


class Conversation:
    """A TCP connection whose first packet is at `start`, in microseconds since 1970."""

    def __init__(self, start, client="192.0.2.1", client_port=40000, server="192.0.2.25", port=25):
        self.packets, self.start = [], start
        self.ends = {"C": (client, client_port), "S": (server, port)}
        self.next = {"C": 1000, "S": 9000}
        self._send(0, "C", 0x02)
        self.next["C"] += 1
        self._send(0, "S", 0x12)
        self.next["S"] += 1
        self._send(0, "C", 0x10)

    def say(self, milliseconds, side, octets):
        """What a side sends, so many milliseconds after the start; nothing longer than a packet."""
        self._send(milliseconds, side, 0x18, octets)
        self.next[side] += len(octets)
        return self

    def play(self, turns):
        """Turns such as (12, "C: NOOP")."""
        for milliseconds, line in turns:
            self.say(milliseconds, line[0], line[3:].encode() + b"\r\n")
        return self

    def close(self, milliseconds):
        for side in "CS":
            self._send(milliseconds, side, 0x11)
            self.next[side] += 1
        return self

    def _send(self, milliseconds, side, flags, octets=b""):
        other = "S" if side == "C" else "C"
        (source, source_port), (target, target_port) = self.ends[side], self.ends[other]
        acknowledged = 0 if flags == 0x02 else self.next[other]
        tcp = struct.pack("!HHIIBBHHH", source_port, target_port, self.next[side], acknowledged, 0x50, flags, 65535, 0, 0) + octets
        addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses
        self.packets.append((self.start + round(milliseconds * 1000), ip + tcp))
