"""Nanoseconds of packets: what a capture has, its recording has, and all that is made of it, as tshark reads them."""

import base64
import struct

import pytest

import mailproxy
import test_capture_live as living
import tshark
from made_capture import Conversation
from mailproxy import command

START = 1_700_000_000_123_456
LOGIN = base64.b64encode(b"\0maria\0a password of hers").decode()
TURNS = [
    (1, "S: 220 mx.example.com ESMTP"),
    (2, "C: EHLO client.example.com"),
    (3, "S: 250 AUTH PLAIN"),
    (4, f"C: AUTH PLAIN {LOGIN}"),
    (5, "S: 235 ok"),
    (6, "C: QUIT"),
    (7, "S: 221 bye"),
]


def _times(path):
    """When packets with octets came, in nanoseconds, in their order."""
    told = tshark._run(path, (), "-Y", "tcp.len > 0", "-T", "fields", "-e", "frame.time_epoch")
    return [int(line.replace(".", "").ljust(19, "0")) for line in told.split()]


def _records(path, *more):
    command("capture", "-r", path, "--record-dir", *more, status=0)
    (segment,) = mailproxy.segments(more[0])
    return segment


@pytest.fixture(scope="module")
def capture(module_scratch):
    """A pcap file whose packets have nanoseconds, each others."""
    session = Conversation(START).play(TURNS).close(8)
    octets = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101)
    for number, (time, packet) in enumerate(session.packets):
        nanoseconds = time * 1000 + 101 + 97 * number % 800
        octets += struct.pack("<IIII", *divmod(nanoseconds, 1_000_000_000), len(packet), len(packet)) + packet
    path = module_scratch / "nano.pcap"
    path.write_bytes(octets)
    times = _times(path)
    assert len(times) == len(TURNS) and all(time % 1000 for time in times) and len({time % 1000 for time in times}) > 5
    return path, times


def test_a_recording_has_them_and_what_is_made_of_it(capture, scratch):
    path, times = capture
    record, data = scratch / "record", scratch / "data"
    command("seal", "create", "--data-dir", data, status=0)
    key = data / "seal" / "seal.pub"
    segment = _records(path, record, "--secrets", "seal", "--seal-key", key, "--data-dir", data)
    assert _times(segment) == times
    # The opening and the end that a recording makes are where the capture has them: before and behind, not in between.
    every = tshark._run(segment, (), "-T", "fields", "-e", "frame.time_epoch").split()
    assert every == sorted(every)
    command("verify", record, status=0)
    rows = mailproxy.rows(command("sessions", "list", record, "--json", status=0))
    command("sessions", "reindex", "--record-dir", record, status=0)
    assert mailproxy.rows(command("sessions", "list", record, "--json", status=0)) == rows
    assert rows[0]["start"] == "2023-11-14T22:13:20.123456Z"
    command("sessions", "export", record, "--format", "pcapng", "-o", scratch / "out.pcapng", status=0)
    assert _times(scratch / "out.pcapng") == times
    command("unseal", record, "-o", scratch / "open", "--key", data / "seal" / "seal.key", status=0)
    (opened,) = mailproxy.segments(scratch / "open")
    assert _times(opened) == times and LOGIN.encode() in opened.read_bytes()
    copy, moved = scratch / "copy.pcapng", scratch / "moved.pcapng"
    command("anonymize", record, "-o", copy, "--data-dir", data, status=0)
    assert _times(copy) == times
    command("anonymize", record, "-o", moved, "--shift", "1d", "--data-dir", data, status=0)
    assert [time - 86_400 * 1_000_000_000 for time in _times(moved)] == times


def test_what_waits_for_a_rule_keeps_them(capture, scratch):
    path, times = capture
    assert _times(_records(path, scratch / "record", "--what", "envelope", "--no-chain")) == times


def test_exported_captures_have_them(capture, scratch):
    """And pcapng with nanoseconds is read with them."""
    path, times = capture
    command("sessions", "export", path, "--format", "pcapng", "-o", scratch / "out.pcapng", status=0)
    assert _times(scratch / "out.pcapng") == times
    assert _times(_records(scratch / "out.pcapng", scratch / "record", "--no-chain")) == times


def test_older_recordings_are_read_and_unsealed(capture, scratch):
    """Segments had microseconds before: they are read, and a copy with secrets keeps the unit."""
    path, times = capture
    data = scratch / "data"
    command("seal", "create", "--data-dir", data, status=0)
    segment = _records(
        path, scratch / "record", "--secrets", "seal", "--seal-key", data / "seal" / "seal.pub", "--no-chain"
    )
    older = scratch / "older" / segment.name
    older.parent.mkdir()
    older.write_bytes(_in_microseconds(segment.read_bytes()))
    micros = [time // 1000 * 1000 for time in times]
    assert _times(older) == micros
    start = mailproxy.rows(command("sessions", "list", segment, "--json", status=0))
    assert mailproxy.rows(command("sessions", "list", older, "--json", status=0)) == start
    command("unseal", older, "-o", scratch / "open", "--key", data / "seal" / "seal.key", status=0)
    assert _times(scratch / "open" / older.name) == micros
    command("sessions", "reindex", "--record-dir", older.parent, status=0)
    assert mailproxy.rows(command("sessions", "list", older.parent, "--json", status=0)) == start


def _in_microseconds(octets):
    """A segment of ours with if_tsresol 6."""
    out, at = b"", 0
    while at < len(octets):
        kind, length = struct.unpack_from("<II", octets, at)
        block = bytearray(octets[at : at + length])
        if kind == 1:
            place = block.index(struct.pack("<HHB", 9, 1, 9))
            block[place + 4] = 6
        elif kind in (5, 6):
            high, low = struct.unpack_from("<II", block, 12)
            time = (high << 32 | low) // 1000
            struct.pack_into("<II", block, 12, time >> 32, time & 0xFFFFFFFF)
        out += block
        at += length
    return out


def test_a_live_capture_has_them(scratch):
    server = living.Answering()
    live = living.Live(scratch, "lo", "-f", f"tcp port {server.port}")
    for _ in range(3):
        server.talk(b"EHLO x\r\n", b"QUIT\r\n")
    live.stop()
    server.close()
    (segment,) = mailproxy.segments(live.record)
    times = _times(segment)
    assert len(times) == 15 and sum(time % 1000 != 0 for time in times) > 10
