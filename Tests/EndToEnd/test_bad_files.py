"""Files that are cut, damaged, hostile or something else altogether, given to each command that takes a file: it ends soon, with one line a
fault that says where, in little memory, and never by a signal."""

import gzip
import os
import random
import shutil
import signal
import struct
import subprocess

import pytest

import mailproxy
from made_capture import Conversation, pcap
from mailproxy import PATIENCE, MailProxy, binary, command, environment
from processes import HOST, crowding
from wire import SMTP

SECONDS = 20
KILOBYTES = 100_000


def block(kind, body=b"", length=None):
    """A block of a pcapng file; `length` is what it claims."""
    size = length if length is not None else 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 101, 0, 65535))
PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def packet(captured, octets=b"", interface=0):
    return block(6, struct.pack("<IIIII", interface, 0, 0, captured, captured) + octets)


def bomb():
    """Two gigabytes of blocks that are passed over, in two megabytes."""
    return gzip.compress(SECTION + INTERFACE, 1) + gzip.compress(block(0xBAD, bytes(1 << 23)), 6) * 256


# Name, content, and what the line that is said of it must have; None for what is no fault but holds nothing.
CAPTURES = [
    ("empty", b"", "at offset 0"),
    ("one-octet", b"\n", "at offset 0"),
    ("words", b"this is no capture\n" * 5000, "at offset 0"),
    ("noise", random.Random(5).randbytes(1 << 20), "at offset 0"),
    ("elf", b"\x7fELF\x02\x01\x01" + bytes(60_000), "at offset 0"),
    ("zip", b"PK\x03\x04" + bytes(60_000), "at offset 0"),
    ("png", b"\x89PNG\r\n\x1a\n" + bytes(60_000), "at offset 0"),
    ("sqlite", b"SQLite format 3\0" + bytes(60_000), "at offset 0"),
    ("xz", b"\xfd7zXZ\0" + bytes(60_000), "xz"),
    ("zeros", bytes(4 << 20), "at offset 0"),
    ("section-cut", SECTION[:20], "at offset 0"),
    ("section-order", SECTION[:8] + b"\1\2\3\4" + SECTION[12:], "at offset"),
    ("block-of-nothing", SECTION + block(6, b"", 0), f"at offset {len(SECTION) + 4}"),
    ("block-of-four-gigabytes", SECTION + INTERFACE + block(6, b"x" * 40, 0xFFFFFFF0), f"at offset {len(SECTION + INTERFACE) + 4}"),
    ("block-of-odd-length", SECTION + block(6, b"x" * 8, 21), f"at offset {len(SECTION) + 4}"),
    ("trailer-differs", SECTION + INTERFACE[:-4] + b"\0\0\0\1" + packet(4, b"abcd"), f"at offset {len(SECTION + INTERFACE) - 4}"),
    ("packet-without-interface", SECTION + packet(4, b"abcd"), f"at offset {len(SECTION)}"),
    ("packet-longer-than-block", SECTION + INTERFACE + packet(1 << 30, b"abcd"), f"at offset {len(SECTION + INTERFACE)}"),
    ("pcap-version", PCAP[:4] + b"\x63\0\0\0" + PCAP[8:], "at offset 4"),
    ("pcap-record-of-two-gigabytes", PCAP + struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 0x7FFFFFFF), "at offset 24"),
    ("pcap-cut", PCAP + struct.pack("<IIII", 0, 0, 60, 60) + bytes(20), "at offset 24"),
    ("gzip-noise", b"\x1f\x8b\x08\0" + random.Random(6).randbytes(5000), "at offset"),
    ("gzip-cut", gzip.compress(SECTION + INTERFACE + packet(4, b"abcd") * 999)[:-30], "at offset"),
    ("gzip-bomb", bomb(), "it unpacks to more than 250 times its size"),
    ("zstd-noise", b"\x28\xb5\x2f\xfd" + random.Random(7).randbytes(5000), "at offset"),
]  # fmt: skip

CAPTURE_COMMANDS = [
    ("sessions", "list", "{}"), ("sessions", "list", "{}", "--json", "--filter", "subject contains \"x\""), ("sessions", "show", "{}"),
    ("sessions", "export", "{}", "--format", "eml", "-o", "{out}"), ("sessions", "export", "{}", "--format", "pcapng", "-o", "{out}"),
    ("sessions", "cost", "{}"),
    ("capture", "-r", "{}", "--record-dir", "{out}", "--data-dir", "{data}"),
    ("replay", "{}", "--to", f"smtp://{HOST}:1"),
]  # fmt: skip


# Starts a program and tells its status and its kilobytes. A process of its own, as what a child needs is counted from what its parent has.
METER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(child.pid, 0)
os.write(3, b"%d %d" % (os.waitstatus_to_exitcode(status), usage.ru_maxrss))
"""


def measured(*arguments, folder, seconds=SECONDS):
    """Status, lines on stderr, and kilobytes, of a command that must end by itself."""
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err, open(folder / "meter", "wb") as meter:
        meter_fd = meter.fileno()
        child = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-S", "-c", METER, str(binary()), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment(folder), cwd=folder, start_new_session=True,
            preexec_fn=lambda: os.dup2(meter_fd, 3), pass_fds=(3,),
        )  # fmt: skip
        try:
            child.wait(seconds * PATIENCE * crowding())
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise AssertionError(f"{' '.join(map(str, arguments))} hangs") from None
    status, kilobytes = map(int, (folder / "meter").read_text().split())
    return status, (folder / "stderr").read_text(errors="replace").splitlines(), kilobytes


def _judge(status, lines, kilobytes, what, expected=(2, 3)):
    assert status in expected, f"{what}: ended with {status}: {lines[-3:]}"
    assert 1 <= len(lines) <= 3 and all(line.startswith("mailproxy: ") for line in lines), f"{what}: {lines[:5]}"
    assert kilobytes < KILOBYTES * PATIENCE, f"{what}: {kilobytes} kB"


@pytest.mark.parametrize("name, content, place", CAPTURES, ids=[row[0] for row in CAPTURES])
def test_captures(scratch, name, content, place):
    path = scratch / name
    path.write_bytes(content)
    for number, words in enumerate(CAPTURE_COMMANDS):
        arguments = [word.format(path, out=scratch / f"out{number}", data=scratch / "data") for word in words]
        status, lines, kilobytes = measured(*arguments, folder=scratch)
        what = f"{name}: {' '.join(words)}"
        print(what, status, lines, kilobytes)
        # A file that is cut is no fault by itself: what there is was read.
        _judge(status, lines, kilobytes, what, expected=(0, 2, 3))
        assert any(name in line and place in line for line in lines), f"{what}: {lines}"


TEXTS = [
    ("nuls", bytes(1 << 20)),
    ("noise", random.Random(8).randbytes(1 << 20)),
    ("not-utf-8", b"record:\n  dir: \xff\xfe\n"),
    ("long-line", b"a" * (8 << 20)),
    ("large", b"# a comment\n" * (2 << 20)),
    ("deep-lists", b"[" * 100_000),
    ("deep-maps", b"".join(b" " * n + b"a:\n" for n in range(3_000))),
    ("aliases", b"a0: &a0 x\n" + b"".join(b"a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n" % (n, n, *(n - 1,) * 4) for n in range(1, 60))),
    ("tabs", b"record:\n\tdir: x\n"),
    ("a-capture", SECTION + INTERFACE),
]  # fmt: skip

TEXT_COMMANDS = [
    ("config", "check", "{}"), ("config", "show", "--config", "{}"), ("run", "--no-ui", "--no-record", "--data-dir", "{data}", "--config", "{}"),
    ("rules", "check", "{}"), ("rules", "explain", "{}"), ("rules", "test", "{}"),
    ("run", "--no-ui", "--no-record", "--data-dir", "{data}", "--rules", "{}"),
]  # fmt: skip


@pytest.mark.parametrize("name, content", TEXTS, ids=[row[0] for row in TEXTS])
def test_texts(scratch, name, content):
    path = scratch / f"{name}.yaml"
    path.write_bytes(content)
    path.chmod(0o600)
    for words in TEXT_COMMANDS:
        arguments = [word.format(path, data=scratch / "data") for word in words]
        status, lines, kilobytes = measured(*arguments, folder=scratch)
        what = f"{name}: {' '.join(words)}"
        assert status in (2, 3), f"{what}: ended with {status}: {lines[-3:]}"
        # `rules check` lists on stdout what it finds.
        lines += (scratch / "stdout").read_text(errors="replace").splitlines()
        assert 1 <= len(lines) <= 100 and str(path) in "".join(lines), f"{what}: {[line[:200] for line in lines[:5]]}"
        assert max(map(len, lines)) < 1_000, f"{what}: a line of {max(map(len, lines))} octets"
        assert kilobytes < KILOBYTES * PATIENCE, f"{what}: {kilobytes} kB"


TRANSCRIPTS = [
    ("nuls", bytes(1 << 20)), ("long-line", b"<- " + b"x" * (20 << 20)), ("noise", random.Random(9).randbytes(1 << 20)),
    ("ends", b"\r\n" * (1 << 18)), ("arrows", b" -> \n<-  \n" * 100_000), ("times", b"9" * 400 + b".0 S: x\n"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["rawlog", "swaks", "openssl"])
@pytest.mark.parametrize("name, content", TRANSCRIPTS, ids=[row[0] for row in TRANSCRIPTS])
def test_transcripts(scratch, name, content, form):
    path = scratch / f"{name}.in"
    path.write_bytes(content)
    for words in ("sessions", "list"), ("sessions", "show"), ("capture", "-r"):
        more = ["--record-dir", scratch / "out", "--data-dir", scratch / "data"] if words[0] == "capture" else ["--from", form]
        status, lines, kilobytes = measured(*words, path, *more, folder=scratch)
        what = f"{name}: {' '.join(words)} --from {form}"
        assert status in (0, 2, 3) and len(lines) <= 5, f"{what}: {status} {[line[:200] for line in lines]}"
        assert kilobytes < KILOBYTES * PATIENCE, f"{what}: {kilobytes} kB"


@pytest.fixture(scope="module")
def recording(module_scratch):
    """A recording of two segments with all that belongs to it."""
    for _ in range(2):
        with MailProxy(module_scratch, {"smtp": "fallback"}) as proxy:
            with SMTP(HOST, proxy.ports["smtp"]) as client:
                client.reply(220)
                client.say("EHLO client.example.org", 250)
                client.say("QUIT", 221)
    return proxy.record


DAMAGE = [
    ("empty", lambda old: b""), ("cut", lambda old: old[: len(old) // 2 + 3]), ("noise", lambda old: random.Random(10).randbytes(len(old))),
    ("large", lambda old: old + bytes(32 << 20)), ("long-line", lambda old: old + b"{" * (8 << 20) + b"\n"),
    ("deep", lambda old: old + b'{"a":' * 150_000 + b"\n"), ("numbers", lambda old: old.replace(b":1", b":99999999999999999999")),
]  # fmt: skip


@pytest.mark.parametrize("file", ["segment", "chain.jsonl", "seals", "index.sqlite", "fingerprint.key"])
@pytest.mark.parametrize("name, damage", DAMAGE, ids=[row[0] for row in DAMAGE])
def test_recordings(recording, scratch, file, name, damage):
    """A file of a recording is damaged: what is wrong is said, the rest is read, and a new index is made."""
    folder = scratch / "recording"
    shutil.copytree(recording, folder)
    first = mailproxy.segments(folder)[0]
    path = {"segment": first, "seals": folder / first.name.replace(".pcapng", ".seals.jsonl")}.get(file, folder / file)
    path.write_bytes(damage(path.read_bytes()))
    for words in ("verify",), ("sessions", "list"), ("sessions", "show"), ("sessions", "reindex", "--record-dir"), ("sessions", "list", "--json"):
        status, lines, kilobytes = measured(*words, folder, folder=scratch)
        what = f"{file} {name}: {' '.join(words)}"
        assert status in (0, 1, 2, 3) and len(lines) <= 5, f"{what}: {status} {[line[:200] for line in lines]}"
        assert all(line.startswith("mailproxy: ") and len(line) < 1_000 for line in lines), f"{what}: {lines}"
        assert kilobytes < KILOBYTES * PATIENCE, f"{what}: {kilobytes} kB"
        if words == ("verify",) and file in ("segment", "chain.jsonl", "seals") and damage(b"x:1") != b"x:1":
            said = (scratch / "stdout").read_text()
            assert status == 1 and ("FAULTY" in said or "chain: " in said), f"{what}: {said}"
    # Whatever it was, the other segment's session is there.
    assert len(mailproxy.sessions(folder)) >= 1


def test_a_segment_of_zeros_among_others(recording, scratch):
    """As a power cut may leave one: it is told, and the others are read."""
    folder = scratch / "recording"
    shutil.copytree(recording, folder)
    (folder / "index.sqlite").unlink()
    last = mailproxy.segments(folder)[1]
    last.write_bytes(bytes(9_000))
    done = command("sessions", "list", folder, "--json", status=3)
    assert len(mailproxy.rows(done)) == 1 and f"{last.name}: the file is neither pcap nor pcapng (at offset 0)" in done.stderr.decode()


def test_handshakes_that_do_not_end(tmp_path):
    """A thousand clients that send 55 KB of a handshake each, in turns: what a reader keeps of all of them is bounded."""
    hello = b"\x01\x00\xff\xf0\x03\x03" + bytes(70_000)
    stream = b"".join(b"\x16\x03\x01\x3f\xff" + hello[at : at + 0x3FFF] for at in range(0, len(hello), 0x3FFF))
    conversations = []
    for index in range(1000):
        one = Conversation(1_700_000_000_000_000 + index, client_port=20_000 + index, port=993)
        for turn in range(39):
            one.say(10 + turn * 10, "C", stream[turn * 1400 : (turn + 1) * 1400])
        conversations.append(one)
    (tmp_path / "x.pcap").write_bytes(pcap(*conversations))
    status, lines, kilobytes = measured("sessions", "list", tmp_path / "x.pcap", folder=tmp_path)
    assert status == 0, lines
    assert (tmp_path / "stdout").read_text().count("open (tls)") == 1000
    # The capture has 56 MB.
    assert kilobytes < 90_000, f"{kilobytes} KB"


def test_lines_that_do_not_end(tmp_path):
    """Clients that stop in the middle of a line, far apart in a large capture: of it only what they said is kept."""
    def size(word):
        conversations = []
        for index in range(200):
            start = 1_700_000_000_000_000 + index * 100_000
            one = Conversation(start, client_port=20_000 + index, port=143).play([(1, "S: * OK IMAP4rev1")]).say(2, "C", word)
            other = Conversation(start + 3_000, client_port=20_000 + index, port=9_999)
            for turn in range(200):
                other.say(turn / 100, "S" if turn % 2 else "C", b"\x99" * 1400)
            conversations += [one, other]
        (tmp_path / "x.pcap").write_bytes(pcap(*conversations))
        status, lines, kilobytes = measured("sessions", "list", tmp_path / "x.pcap", folder=tmp_path)
        assert status == 0, lines
        assert (tmp_path / "stdout").read_text().count("imap") == 200
        return kilobytes

    # The capture has 57 MB.
    whole, half = size(b"a NOOP\r\n"), size(b"a NOOP")
    assert half < whole + 8_000, f"{half} KB, and {whole} KB with whole lines"
