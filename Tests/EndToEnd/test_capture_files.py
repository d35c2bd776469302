"""Captures in every form of file, packed or not, by name or from a pipe: the same sessions."""

import gzip
import json
import shutil
import struct
import subprocess

import pytest

import mailproxy
import test_capture_links as made
from made_capture import Conversation, pcap
from mailproxy import MailProxy, command, rows
from processes import checked, until


@pytest.fixture(scope="module")
def plain(module_scratch):
    return made.write(module_scratch / "plain.pcap", 1, made.ether, made.packets())


def _pcap(order, nano, minor=4):
    def write(path):
        magic = 0xA1B23C4D if nano else 0xA1B2C3D4
        data = struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, 262144, 1)
        for time, packet in made.packets():
            frame = made.ether(packet)
            fraction = time % 1_000_000 * (1000 if nano else 1)
            lengths = (len(frame), len(frame))
            data += struct.pack(order + "IIII", time // 1_000_000, fraction, *lengths) + frame
        path.write_bytes(data)

    return write


def _converted(kind):
    def write(path):
        plain = path.with_suffix(".plain")
        made.write(plain, 1, made.ether, made.packets())
        checked(["/usr/bin/editcap", "-F", kind, plain, path])

    return write


FORMS = {
    "little": _pcap("<", False), "big": _pcap(">", False), "little-nano": _pcap("<", True), "big-nano": _pcap(">", True),
    "version-2.3": _pcap("<", False, 3), "version-2.2": _pcap(">", False, 2), "pcapng": _converted("pcapng"),
    "nsecpcap": _converted("nsecpcap"),
}  # fmt: skip


def _shown(path, **more):
    row, = mailproxy.rows(command("sessions", "list", path, "--json", status=0, **more))
    return mailproxy.timeless(row), row["start"]


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_files(form, plain, scratch):
    path = scratch / "a.cap"
    FORMS[form](path)
    assert _shown(path) == _shown(plain)


def _zstd(data):
    return subprocess.run(["/usr/bin/zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


PACKINGS = {"plain": bytes, "gzip": gzip.compress, "zstd": _zstd, "two-members": lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:])}


@pytest.mark.parametrize("packing", PACKINGS)
def test_packed_files_are_known_by_their_octets(packing, plain, scratch):
    """The name says nothing: neither does it of standard input."""
    octets = PACKINGS[packing](plain.read_bytes())
    path = scratch / "some-file"
    path.write_bytes(octets)
    assert _shown(path) == _shown(plain)
    done = command("capture", "-r", "-", "--record-dir", scratch / "record", "--json", status=0, stdin=octets)
    summary, = mailproxy.rows(done)
    assert (summary["sessions"], summary["messages"], summary["packets"]) == (1, 1, len(made.packets()))
    assert _shown(scratch / "record")[0]["messages"] == 1


def test_tcpdump_writes_into_capture(plain, scratch):
    """`tcpdump -w - | mailproxy capture -r -`, as it is typed."""
    line = f"/usr/bin/tcpdump -q -r {plain} -Z root -U -w - | {mailproxy.binary()} capture -r - --record-dir {scratch}/record --json"
    done = subprocess.run(["/bin/sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=mailproxy.environment(scratch), check=True)
    assert b'"messages":1' in done.stdout, (done.stdout, done.stderr)


@pytest.mark.parametrize("size", [23, 30, 200, -1])
def test_c20_a_file_that_is_cut(size, plain, scratch):
    """What comes before the cut is recorded; the place is named."""
    octets = plain.read_bytes()[:size]
    path = scratch / "cut.pcap"
    path.write_bytes(octets)
    done = command("capture", "-r", path, "--record-dir", scratch / "record", status=(0, 2))
    said = done.stderr.decode()
    assert str(path) in said and "offset" in said
    if size == -1:
        assert done.returncode == 0 and mailproxy.sessions(scratch / "record")[0]["messages"] == 1


def test_dropped_packets_of_a_file_are_told(plain, scratch):
    """pcapng says how many packets were lost (isb_ifdrop): so do the summary and the recording."""
    ng = scratch / "a.pcapng"
    checked(["/usr/bin/editcap", "-F", "pcapng", plain, ng])
    body = struct.pack("<III", 0, 0, 0) + struct.pack("<HHQ", 5, 8, 7) + struct.pack("<I", 0)
    block = struct.pack("<II", 5, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))
    ng.write_bytes(ng.read_bytes() + block)
    done = command("capture", "-r", ng, "--record-dir", scratch / "record", "--json", status=0)
    summary, = mailproxy.rows(done)
    assert summary["dropped"] == 7
    segment, = mailproxy.segments(scratch / "record")
    shutil.copy(segment, scratch / "copy.pcapng")
    again, = mailproxy.rows(command("capture", "-r", scratch / "copy.pcapng", "--record-dir", scratch / "third", "--json", status=0))
    assert again["dropped"] == 7


def test_segments_of_a_capture_rotate(scratch):
    """Settings of recordings hold for captures: segments of 64 KiB, packed, and none that is too much."""
    talks = []
    for number in range(40):
        talk = Conversation(1_700_000_000_000_000 + number * 1_000_000, client_port=20_000 + number)
        talk.play([(1, "S: 220 mx ESMTP"), (2, "C: EHLO a.example.com"), (3, "S: 250 mx"), (4, "C: MAIL FROM:<ada@example.com>"), (5, "S: 250 ok")])
        talk.play([(6, "C: RCPT TO:<bob@example.org>"), (7, "S: 250 ok"), (8, "C: DATA"), (9, "S: 354 go")])
        for line in range(10):
            talk.say(10 + line, "C", b"x" * 998 + b"\r\n")
        talks.append(talk.play([(20, "C: ."), (21, "S: 250 ok"), (22, "C: QUIT"), (23, "S: 221 bye")]).close(24))
    path = scratch / "many.pcap"
    path.write_bytes(pcap(*talks))
    small = ("--set", "record.segment-size=65536")
    command("capture", "-r", path, "--record-dir", scratch / "all", *small, status=0)
    assert len(mailproxy.segments(scratch / "all")) >= 7
    assert [row["messages"] for row in mailproxy.sessions(scratch / "all")] == [1] * 40
    command("capture", "-r", path, "--record-dir", scratch / "packed", *small, "--set", "record.compress=zstd", status=0)
    # What the capture had no time to pack the next recorder does.
    zstd = {"MAILPROXY_RECORD_COMPRESS": "zstd"}
    with MailProxy(scratch, {"smtp": "fallback"}, "--record-dir", scratch / "packed", record=None, env=zstd):
        until("all segments are packed", lambda: not [part for part in (scratch / "packed").iterdir() if part.suffix == ".pcapng"], 30)
    assert len([part for part in (scratch / "packed").iterdir() if part.suffix == ".zst"]) >= 7
    assert [row["messages"] for row in mailproxy.sessions(scratch / "packed")] == [1] * 40
    for wrong, line in (("record.dir=x", b"--record-dir"), ("log.level=debug", b"record.*"), ("record.segment-size=1", b"65536")):
        assert line in command("capture", "-r", path, "--set", wrong, status=2).stderr


def doubled():
    """A session in which a command comes twice, both times before what stands before it: first for bob, then for eve."""
    talk = Conversation(1_700_000_000_000_000)
    talk.play([(1, "S: 220 mx ESMTP"), (2, "C: EHLO a.example.com"), (3, "S: 250 mx"), (4, "C: MAIL FROM:<ada@example.com>"), (5, "S: 250 ok")])
    place = talk.next["C"]
    for moment, name in ((6, b"bob"), (7, b"eve")):
        talk.next["C"] = place + 1
        talk.say(moment, "C", b"CPT TO:<" + name + b"@example.org>\r\n")
    after = talk.next["C"]
    talk.next["C"] = place
    talk.say(8, "C", b"R")
    talk.next["C"] = after
    return pcap(talk.play([(9, "S: 250 ok"), (10, "C: QUIT"), (11, "S: 221 bye")]).close(12))


@pytest.mark.parametrize(("policy", "shown", "hidden"), [("first", b"bob", b"eve"), ("last", b"eve", b"bob")])
def test_c1_the_copy_that_was_asked_for_is_shown(policy, shown, hidden, scratch):
    path = scratch / "doubled.pcap"
    path.write_bytes(doubled())
    option = ("--overlap", policy)
    (row,) = mailproxy.rows(command("sessions", "list", path, "--json", *option, status=0))
    assert row["findings"] == ["capture-overlap"]
    transcript = command("sessions", "show", row["id"], path, *option, status=0).stdout
    assert shown in transcript and hidden not in transcript
    assert f"the {policy} copy is shown: client, packet 10, 26 octets".encode() in transcript
    report = command("audit", path, *option, "--fail-on", "never", status=0).stdout
    assert b"overlapping-segments" in report and f"the {policy} copy".encode() in report
    command("capture", "-r", path, *option, "--record-dir", scratch / "kept", status=0)
    recorded = command("sessions", "show", row["id"], scratch / "kept", status=0).stdout
    assert shown in recorded and hidden not in recorded and f"the {policy} copy is shown".encode() in recorded
    assert b"'first' and 'last'" in command("audit", path, "--overlap", "middle", status=2).stderr


def test_c12_checksums_by_policy(scratch):
    """A command with a wrong checksum among right ones that nobody acknowledged by itself, and the true one behind it."""
    talk = Conversation(1_700_000_000_000_000)
    talk.play([(1, "S: 220 mx ESMTP"), (2, "C: EHLO a.example.com"), (3, "S: 250 mx"), (4, "C: MAIL FROM:<ada@example.com>"), (5, "S: 250 ok")])
    place = talk.next["C"]
    talk.say(6, "C", b"RCPT TO:<eve@example.org>\r\n")
    talk.next["C"] = place
    talk.play([(7, "C: RCPT TO:<bob@example.org>"), (8, "S: 250 ok"), (9, "C: QUIT"), (10, "S: 221 bye")]).close(11)
    packets = [(time, summed(octets, wrong=b"eve@" in octets)) for time, octets in talk.packets]
    talk.packets = packets
    path = scratch / "sums.pcap"
    path.write_bytes(pcap(talk))
    for policy, shown in (("auto", b"bob"), ("verify", b"bob"), ("ignore", b"eve")):
        (row,) = mailproxy.rows(command("sessions", "list", path, "--json", "--checksums", policy, status=0))
        transcript = command("sessions", "show", row["id"], path, "--checksums", policy, status=0).stdout
        assert b"RCPT TO:<" + shown in transcript and (b"bob" in transcript) != (b"eve" in transcript)
        assert row["findings"] == {"auto": ["capture-overlap"], "verify": ["capture-checksum"], "ignore": ["capture-overlap"]}[policy]


def summed(octets, wrong):
    """A packet of IPv4 with the checksum of TCP, or one beside it."""
    head, tcp = octets[:20], bytearray(octets[20:])
    words = head[12:20] + struct.pack("!BBH", 0, 6, len(tcp)) + tcp + b"\0" * (len(tcp) % 2)
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    tcp[16:18] = struct.pack("!H", (~total & 0xFFFF) ^ (0x1234 if wrong else 0))
    return head + bytes(tcp)


def test_packets_that_are_in_two_files(scratch):
    """A capture and a copy of a part of it: it is said, and each session is taken once, however long the capture is."""
    day = 1_700_000_000_000_000
    talks = []
    for hour in range(3):
        talk = Conversation(day + hour * 3_600_000_000, "10.0.0.1", 4001 + hour, "10.0.0.2", 143)
        talks.append(talk.play([(1, "S: * OK hi"), (2, f"C: a LOGIN ada{hour} geheim-12345"), (3, "S: a OK")]).close(4))
    folder = scratch / "captures"
    folder.mkdir()
    (folder / "a.pcap").write_bytes(pcap(*talks))
    (folder / "b.pcap").write_bytes(pcap(*talks[1:]))
    (folder / "c.pcap").write_bytes(pcap(Conversation(day + 1, "10.0.0.9").play([(1, "S: * OK hi")]).close(2)))
    for paths in [folder], [folder / "a.pcap", folder / "b.pcap", folder / "c.pcap"]:
        done = command("audit", *paths, "--format", "json", "--fail-on", "never", status=0)
        report = json.loads(done.stdout)
        assert sorted(row["account"] for row in report["credentials"]) == ["ada0", "ada1", "ada2"]
        problems = {source["file"].rsplit("/", 1)[-1]: source["problem"] for source in report["sources"]}
        assert problems["a.pcap"] is None and problems["c.pcap"] is None
        assert "stand in" in problems["b.pcap"] and "a.pcap" in problems["b.pcap"]
        assert b"b.pcap: its packets stand in" in done.stderr


def test_a_file_that_cannot_be_opened_does_not_end_the_reading(scratch):
    """It is told, and the exit status says so; of what was named itself nothing else is read."""
    folder = scratch / "day"
    folder.mkdir()
    turns = ["S: +OK", "C: USER a", "S: +OK", "C: PASS b", "S: +OK"]
    (folder / "b.pcap").write_bytes(pcap(Conversation(1_700_000_000_000_000, port=110).play(enumerate(turns, 10)).close(40)))
    for name in "a.pcap", "c.pcap":
        (folder / name).symlink_to("/nowhere")
    done = command("sessions", "list", folder, "--json", status=3)
    assert len(rows(done)) == 1 and done.stderr.count(b"No such file or directory; what else there is was read") == 2
    report = json.loads(command("audit", folder, "--format", "json", "--fail-on", "never", status=3).stdout)
    assert len(report["credentials"]) == 1
    assert [row["problem"] for row in report["sources"]] == ["No such file or directory", None, "No such file or directory"]
    for named in ([folder, folder / "c.pcap"], [folder / "a.pcap"]):
        assert command("sessions", "list", *named, status=2).stdout == b""
    (folder / "b.pcap").unlink()
    assert b"c.pcap: No such file or directory" in command("sessions", "list", folder, status=2).stderr
    assert command("anonymize", folder, "-o", scratch / "copy.pcapng", status=2).stdout == b""
