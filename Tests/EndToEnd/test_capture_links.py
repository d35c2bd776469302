"""Captures of every link type and through every tunnel that is in clear: what is in them is what tshark finds."""

import struct

import pytest

import mailproxy
import made_capture
import tshark
from mailproxy import command
from processes import checked

MESSAGE = "Subject: hello\r\n\r\nfirst line\r\n..second\r\n"
TURNS = [
    (1, "S: 220 mx.example.com ESMTP"), (2, "C: EHLO client.example.org"), (3, "S: 250 mx.example.com"),
    (4, "C: MAIL FROM:<a@example.org>"), (5, "S: 250 ok"), (6, "C: RCPT TO:<b@example.com>"), (7, "S: 250 ok"),
    (8, "C: DATA"), (9, "S: 354 go on"),
]  # fmt: skip
COMMANDS = ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
MAC = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
FROM, TO = bytes([10, 1, 1, 1]), bytes([10, 1, 1, 2])
SNAP = bytes.fromhex("aaaa030000000800")


def packets():
    """(microseconds, IPv4 packet) of a session with a message."""
    one = made_capture.Conversation(1_700_000_000_000_000).play(TURNS)
    one.say(10, "C", MESSAGE.encode() + b".\r\n").play([(11, "S: 250 taken"), (12, "C: QUIT"), (13, "S: 221 bye")]).close(14)
    return one.packets


def six(packet):
    """The same over IPv6; checksums are left out."""
    return struct.pack("!IHBB", 6 << 28, len(packet) - 20, 6, 64) + bytes(11) + b"\1" + packet[12:16] + bytes(11) + b"\1" + packet[16:20] + packet[20:]


def ip(number, payload):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, number, 0) + FROM + TO
    total = sum(struct.unpack("!10H", head))
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack("!H", total) + head[12:] + payload


def udp(port, payload):
    return ip(17, struct.pack("!HHHH", 50000, port, 8 + len(payload), 0) + payload)


def ether(packet, kind=b"\x08\x00"):
    return MAC + kind + packet


def tagged(*tags):
    def wrap(packet):
        return MAC + b"".join(struct.pack("!HH", kind, number) for kind, number in tags) + b"\x08\x00" + packet

    return wrap


LINKS = {
    "raw": (101, lambda p: p),
    "ipv4": (228, lambda p: p),
    "ipv6": (229, six),
    "ethernet": (1, ether),
    "ethernet-ipv6": (1, lambda p: ether(six(p), b"\x86\xdd")),
    "vlan": (1, tagged((0x8100, 5))),
    "qinq": (1, tagged((0x88A8, 7), (0x8100, 5))),
    "qinq-9100": (1, tagged((0x9100, 7), (0x8100, 5))),
    "three-tags": (1, tagged((0x8100, 7), (0x8100, 6), (0x8100, 5))),
    "snap": (1, lambda p: MAC + struct.pack("!H", len(p) + 8) + SNAP + p),
    "null": (0, lambda p: struct.pack("<I", 2) + p),
    "null-big": (0, lambda p: struct.pack(">I", 2) + p),
    "loop": (108, lambda p: struct.pack(">I", 2) + p),
    "sll": (113, lambda p: bytes.fromhex("00000001000602000000000200000800") + p),
    "sll2": (276, lambda p: bytes.fromhex("0800000000000002000100060200000000020000") + p),
    "ppp": (9, lambda p: b"\xff\x03\x00\x21" + p),
    "ppp-serial": (50, lambda p: b"\xff\x03\x00\x21" + p),
    "ppp-direction": (204, lambda p: b"\x01\xff\x03\x00\x21" + p),
    "cisco-hdlc": (104, lambda p: b"\x0f\x00\x08\x00" + p),
    "pppoe": (1, lambda p: ether(struct.pack("!BBHHH", 0x11, 0, 9, len(p) + 2, 0x21) + p, b"\x88\x64")),
    "pppoe-vlan": (1, lambda p: ether(struct.pack("!HHBBHHH", 5, 0x8864, 0x11, 0, 9, len(p) + 2, 0x21) + p, b"\x81\x00")),
    "mpls": (1, lambda p: ether(bytes.fromhex("0001004000020140") + p, b"\x88\x47")),
    "mpls-link": (219, lambda p: bytes.fromhex("00020140") + p),
    "fddi": (10, lambda p: b"\x50" + MAC + SNAP + p),
    "atm-llc": (11, lambda p: SNAP + p),
    "802.11": (105, lambda p: bytes.fromhex("08010000") + MAC + MAC[:6] + b"\x10\x00" + SNAP + p),
    "radiotap": (127, lambda p: bytes.fromhex("0000080000000000" + "88020000") + MAC + MAC[:6] + b"\x10\x00\x06\x00" + SNAP + p),
    "nflog": (239, lambda p: bytes([2, 0, 0, 0]) + struct.pack("<HH", 4 + len(p), 9) + p),
    "pflog": (117, lambda p: bytes([61, 2, 0, 0]) + bytes(60) + p),
    "enc": (109, lambda p: struct.pack("<I", 2) + bytes(8) + p),
    "ip-in-ip": (1, lambda p: ether(ip(4, p))),
    "6in4": (1, lambda p: ether(ip(41, six(p)))),
    "gre": (1, lambda p: ether(ip(47, bytes.fromhex("00000800") + p))),
    "gre-key": (1, lambda p: ether(ip(47, bytes.fromhex("2000080000000007") + p))),
    "gre-key-sequence": (1, lambda p: ether(ip(47, bytes.fromhex("300008000000000700000001") + p))),
    "gre-ethernet": (1, lambda p: ether(ip(47, bytes.fromhex("00006558") + ether(p)))),
    "gre-ipv6": (1, lambda p: ether(ip(47, bytes.fromhex("000086dd") + six(p)))),
    "erspan-2": (1, lambda p: ether(ip(47, bytes.fromhex("100088be00000001" + "1001000000000000") + ether(p)))),
    "vxlan": (1, lambda p: ether(udp(4789, bytes.fromhex("0800000000000900") + ether(p)))),
    "geneve": (1, lambda p: ether(udp(6081, bytes.fromhex("0000655800000900") + ether(p)))),
    "geneve-options": (1, lambda p: ether(udp(6081, bytes.fromhex("0200655800000900" + "0102800100000000") + ether(p)))),
    "vxlan-vlan-mpls": (1, lambda p: ether(udp(4789, bytes.fromhex("0800000000000900") + MAC + bytes.fromhex("810000058847" + "00020140") + p))),
}  # fmt: skip


def write(path, link, wrap, made):
    records = []
    for time, packet in made:
        frame = wrap(packet)
        records.append(struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link) + b"".join(records))
    return path


@pytest.mark.parametrize("name", LINKS)
def test_c22_link_types_and_tunnels(name, scratch):
    link, wrap = LINKS[name]
    path = write(scratch / "a.pcap", link, wrap, packets())
    if link == 219:
        # tshark has no such link type; tcpdump says what it sees of a packet.
        seen = checked(["/usr/bin/tcpdump", "-n", "-A", "-r", path]).stdout
        assert all(word.encode() in seen for word in COMMANDS), seen
    else:
        assert tshark.commands(path)["smtp"] == COMMANDS, "the capture is not what it should be"
    row, = mailproxy.sessions(path)
    assert (row["protocol"], row["messages"], row["gaps"], row["end"], row["findings"]) == ("smtp", 1, 0, "closed", [])
    assert [e["command"] for e in mailproxy.exchanges(path, row["id"])] == ["", *COMMANDS]
    done = command("capture", "-r", path, "--record-dir", scratch / "record", "--json", status=0)
    summary, = mailproxy.rows(done)
    assert (summary["packets"], summary["malformed"], summary["messages"]) == (len(packets()), 0, 1)


def test_c22_unknown_link_type_is_named_and_skipped(scratch):
    """USB frames beside Ethernet in one file: the first are named, the others read."""
    path = write(scratch / "a.pcap", 189, lambda p: bytes(64) + p, packets())
    done = command("capture", "-r", path, "--record-dir", scratch / "record", status=0)
    assert "189 (USB_LINUX)" in done.stdout.decode()
    assert mailproxy.rows(command("sessions", "list", path, "--json")) == []
