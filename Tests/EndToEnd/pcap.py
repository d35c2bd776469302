"""A packet capture of the loopback, read by code that shares nothing with MailProxy: tcpdump writes, a small reader
puts the TCP streams together, and `differences` says whether two legs carried the same bytes."""

import re
import signal
import socket
import struct
import uuid

from processes import HOST, Process, until

ETHERNET, RAW = 1, 101
FIN, SYN, RST, ACK = 1, 2, 4, 16


def packets(data):
    """Yields (seconds, linktype, frame) of a pcap or pcapng file; an incomplete last packet is left out."""
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from _pcapng_packets(data)
        return
    order = {
        b"\xd4\xc3\xb2\xa1": "<",
        b"\x4d\x3c\xb2\xa1": "<",
        b"\xa1\xb2\xc3\xd4": ">",
        b"\xa1\xb2\x3c\x4d": ">",
    }.get(magic)
    if order is None:
        if len(data) < 24:
            return
        raise AssertionError(f"no pcap file: {magic!r}")
    fraction = 1e-9 if b"\x3c" in magic else 1e-6
    linktype = struct.unpack(order + "I", data[20:24])[0] & 0x0FFFFFFF
    at = 24
    while at + 16 <= len(data):
        seconds, part, kept, length = struct.unpack(order + "IIII", data[at : at + 16])
        at += 16
        if at + kept > len(data):
            return
        assert kept == length, "the capture cut a packet short"
        yield seconds + part * fraction, linktype, data[at : at + kept]
        at += kept


def _pcapng_packets(data):
    """The enhanced packets of a pcapng file (section, interface and packet blocks; others are skipped)."""
    at, order, interfaces = 0, "<", []
    while at + 12 <= len(data):
        kind = struct.unpack(order + "I", data[at : at + 4])[0]
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        length = struct.unpack(order + "I", data[at + 4 : at + 8])[0]
        assert length >= 12 and length % 4 == 0, f"a block of {length} bytes"
        if at + length > len(data):
            return
        body = data[at + 8 : at + length - 4]
        if kind == 1:
            exponent, option = 6, 8
            while option + 4 <= len(body):
                code, size = struct.unpack(order + "HH", body[option : option + 4])
                if code == 9:
                    exponent = body[option + 4]
                option += 4 + (size + 3) // 4 * 4
            interfaces.append((struct.unpack(order + "H", body[:2])[0], 10.0**-exponent))
        elif kind == 6:
            interface, high, low, kept, whole = struct.unpack(order + "IIIII", body[:20])
            assert kept == whole, "the recording cut a packet short"
            linktype, unit = interfaces[interface]
            yield ((high << 32) + low) * unit, linktype, body[20 : 20 + kept]
        at += length


def segments(data):
    """Yields (seconds, (address, port), (address, port), sequence number, flags, payload) of the TCP segments."""
    for seconds, linktype, frame in packets(data):
        if linktype == ETHERNET:
            if frame[12:14] != b"\x08\x00":
                continue
            frame = frame[14:]
        elif linktype != RAW:
            raise AssertionError(f"unexpected link type {linktype}")
        if len(frame) < 40 or frame[0] >> 4 != 4 or frame[9] != 6:
            continue
        header = (frame[0] & 15) * 4
        total = struct.unpack("!H", frame[2:4])[0] or len(frame)
        tcp = frame[header:total]
        source, target, sequence, _, offset, flags = struct.unpack("!HHIIBB", tcp[:14])
        yield (
            seconds,
            (socket.inet_ntoa(frame[12:16]), source),
            (socket.inet_ntoa(frame[16:20]), target),
            sequence,
            flags,
            tcp[(offset >> 4) * 4 :],
        )


class Stream:
    """One direction of a connection: pieces as they were sent, with their place."""

    def __init__(self):
        self.first = None
        self.pieces = {}
        self.ended = False

    def add(self, sequence, flags, payload):
        if flags & SYN:
            self.first = (sequence + 1) & 0xFFFFFFFF
        elif self.first is None:
            self.first = sequence
        if payload:
            place = (sequence + (1 if flags & SYN else 0) - self.first) & 0xFFFFFFFF
            if place < 1 << 31 and len(self.pieces.get(place, b"")) < len(payload):
                self.pieces[place] = payload
        if flags & (FIN | RST):
            self.ended = True

    def bytes(self):
        whole = bytearray()
        for place in sorted(self.pieces):
            piece = self.pieces[place]
            assert place <= len(whole), f"the capture misses {place - len(whole)} bytes at {len(whole)}"
            whole += piece[len(whole) - place :]
        return bytes(whole)


class Session:
    """A connection seen in the capture."""

    def __init__(self, start, client, server):
        self.start, self.client, self.server = start, client, server
        self.sent, self.received = Stream(), Stream()
        self.reset = False

    @property
    def closed(self):
        return self.reset or (self.sent.ended and self.received.ended)

    def describe(self):
        """For a failure's text."""
        ends = [f"{name} {'ended' if stream.ended else 'open'} behind {bytes(stream.pieces[max(stream.pieces)])[-60:] if stream.pieces else b''!r}"
                for name, stream in (("client", self.sent), ("server", self.received))]  # fmt: skip
        return f"{self.client[1]} to {self.server[1]}: {', '.join(ends)}"

    def both(self):
        return self.sent.bytes(), self.received.bytes()


def sessions(data, port=None):
    """The connections of a capture in the order of their start; with `port`, those to that server port."""
    live, found = {}, []
    for seconds, source, target, sequence, flags, payload in segments(data):
        if flags & SYN and not flags & ACK:
            known = live.get((source, target))
            if known is None or known.closed:
                live[source, target] = Session(seconds, source, target)
                found.append(live[source, target])
        session, stream = live.get((source, target)), "sent"
        if session is None:
            session, stream = live.get((target, source)), "received"
        if session is None:
            continue
        getattr(session, stream).add(sequence, flags, payload)
        session.reset = session.reset or bool(flags & RST)
    return [s for s in found if port is None or s.server[1] == port]


def first_difference(one, other):
    """What stands where two byte strings part, for a failure's text."""
    at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    ours, theirs = (text[max(0, at - 40) : at + 40] for text in (one, other))
    return f"at byte {at} of {len(one)} and {len(other)}: {ours!r} is not {theirs!r}"


def differences(front, back):
    """Compares the sessions of the two legs of a proxy; returns sentences, none when every session of one leg has a
    session with the same bytes in both directions on the other leg."""
    left, found = [s.both() for s in back], []
    unmatched = []
    for session in front:
        pair = session.both()
        if pair in left:
            left.remove(pair)
        else:
            unmatched.append(pair)
    for pair in unmatched:
        if not left:
            found.append(f"a session of the client leg has no server leg; the client sent {pair[0][:200]!r}")
            continue
        other = left.pop(0)
        for name, ours, theirs in (("client", pair[0], other[0]), ("server", pair[1], other[1])):
            if ours != theirs:
                found.append(
                    f"the {name}'s bytes differ between client leg and server leg {first_difference(ours, theirs)}"
                )
    found += [f"a session of the server leg has no client leg; it began with {pair[0][:200]!r}" for pair in left]
    return found


class Capture:
    """tcpdump on the loopback, for the TCP ports given."""

    def __init__(self, folder, ports, name="capture"):
        self.path = folder / f"{name}.pcap"
        # Datagrams to this port mark places in the capture: what the kernel handled before one stands before it.
        self._marks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._marks.bind((HOST, 0))
        mark = self._marks.getsockname()[1]
        wanted = " or ".join(f"tcp port {p}" for p in ports)
        self.process = Process(
            [
                "/usr/bin/tcpdump",
                "-i",
                "lo",
                "-n",
                "-s",
                "66000",
                "-B",
                "131072",
                "--immediate-mode",
                "-U",
                "-Z",
                "root",
                "-w",
                self.path,
                f"{wanted} or udp port {mark}",
            ],
            folder,
            name,
        )
        self.process.wait_for("tcpdump to listen", lambda: "listening on" in self.process.err)
        self.mark()

    def mark(self):
        """Waits until everything that happened until now is in the file."""
        token = uuid.uuid4().bytes
        self._marks.sendto(token, self._marks.getsockname())
        until("the capture to catch up", lambda: token in self.path.read_bytes(), 20)

    def expect_sessions(self, ports):
        """Fails when no connection to any of the ports (a dictionary's values) was made: then nothing was compared."""
        self.mark()
        found = {s.server[1] for s in sessions(self.path.read_bytes())}
        assert found & set(ports.values()), "no client connected"

    def all_closed(self, *ports):
        """Waits until every connection to the ports is closed in both directions, and returns the sessions of each
        port."""

        def ask():
            self.mark()
            whole = sessions(self.path.read_bytes())
            found = [[s for s in whole if s.server[1] == port] for port in ports]
            return found if all(s.closed for group in found for s in group) else None

        try:
            return until("the connections to close", ask, 15, 0.05)
        except AssertionError as failure:
            whole = sessions(self.path.read_bytes())
            left = "\n".join(s.describe() for s in whole if s.server[1] in ports and not s.closed)
            raise AssertionError(f"{failure}; open are:\n{left}\n{self.process.err}") from None

    def stop(self):
        if self.process.running():
            self.mark()
        self.process.stop(signal.SIGINT)
        self._marks.close()
        dropped = re.search(r"(\d+) packets? dropped by kernel", self.process.err)
        assert dropped and dropped.group(1) == "0", f"the capture is incomplete: {self.process.err}"
        return self.path
