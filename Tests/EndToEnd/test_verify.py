"""`mailproxy verify`: a recording is as it was signed, or the line says what was done to it."""

import base64
import hashlib
import json
import random
import shutil
import stat

import pytest

import mailproxy
from mailproxy import MailProxy, command, rows
from processes import HOST, checked, until
from wire import SMTP


def _send(port, count=3):
    for number in range(count):
        with SMTP(HOST, port) as client:
            client.reply(220)
            client.say("EHLO client.example.org", 250)
            client.send(f"MAIL FROM:<ada@example.org>\r\nRCPT TO:<b{number}@example.com>\r\nDATA\r\n")
            for code in (250, 250, 354):
                client.reply(code)
            client.send(f"Subject: {number}\r\n\r\n{'line of text' * 20}\r\n.\r\nQUIT\r\n".encode())
            client.reply(250)


@pytest.fixture(scope="module")
def original(module_scratch):
    """A recording of three segments, and the data folder with the key."""
    for turn in range(3):
        with MailProxy(module_scratch, {"smtp": "fallback"}, "--set", "record.compress=none") as proxy:
            _send(proxy.ports["smtp"])
    assert len(mailproxy.segments(proxy.record)) == 3
    return proxy.record, proxy.data


@pytest.fixture
def recording(original, scratch):
    shutil.copytree(original[0], scratch / "recording")
    return scratch / "recording"


def verify(folder, *options, status):
    return rows(command("verify", folder, "--json", *options, status=status))


def faults(folder, *options):
    return [(row["segment"], fault) for row in verify(folder, *options, status=1) if "faults" in row and not row.get("summary") for fault in row["faults"]]


def blocks(octets):
    place, found = 0, []
    while place < len(octets):
        length = int.from_bytes(octets[place + 4 : place + 8], "little")
        found.append((place, length))
        place += length
    return found


def test_a_sound_recording(original, recording):
    *segments, chain, summary = verify(recording, status=0)
    assert [row["state"] for row in segments] == ["signed"] * 3
    assert chain["segment"] is None and chain["faults"] == []
    assert summary["faults"] == 0 and summary["segments"] == 3 and summary["entries"] == 4
    text = command("verify", recording, "--data-dir", original[1], status=0).stdout.decode()
    assert text.count("ok ") == 3 and "no faults" in text and "this machine's" in text
    named = command("verify", "--record-dir", recording, "--data-dir", original[1], status=0).stdout.decode()
    assert named == text
    both = command("verify", original[0], "--record-dir", recording, "--head", status=0).stdout.decode().splitlines()
    assert len(both) == 2 and str(recording) in both[1]
    for line in (recording / "chain.jsonl").read_text().splitlines()[1:]:
        entry = json.loads(line)
        assert hashlib.sha256((recording / entry["segment"]).read_bytes()).hexdigest() == entry["sha256"]
    key = original[1] / "chain" / "chain.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for path in [recording / "chain.jsonl", *recording.glob("*.seals.jsonl")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_block_changed_removed_doubled_and_moved(recording):
    path = mailproxy.segments(recording)[1]
    octets = path.read_bytes()
    found = blocks(octets)
    chosen = random.Random(7)
    for kind in ("changed", "removed", "doubled", "moved", "cut"):
        place, length = found[chosen.randrange(3, len(found) - 4)]
        block, rest = octets[place : place + length], octets[place + length :]
        if kind == "changed":
            path.write_bytes(octets[: place + 20] + bytes([octets[place + 20] ^ 1]) + octets[place + 21 :])
        elif kind == "removed":
            path.write_bytes(octets[:place] + rest)
        elif kind == "doubled":
            path.write_bytes(octets[:place] + block + block + rest)
        elif kind == "moved":
            last = found[-2][0]
            path.write_bytes(octets[:place] + octets[place + length : last] + block + octets[last:])
        else:
            path.write_bytes(octets[: place + 5])
        ((segment, fault),) = faults(recording)
        assert segment == path.name and fault["kind"] == kind, fault
        assert place in (fault["offset"], fault["was"]) or kind == "cut" and fault["was"] == place + 5 or kind == "doubled"
        said = command("verify", recording, status=1).stdout.decode()
        assert f"{path.name}  FAULTY" in said and f"{kind}: " in said
    path.write_bytes(octets)
    verify(recording, status=0)


def test_segments_and_entries_that_are_gone(recording):
    head = command("verify", recording, "--head", status=0).stdout.decode().strip()
    verify(recording, "--expect", head, status=0)
    first, second, third = mailproxy.segments(recording)
    kept = second.read_bytes()
    second.unlink()
    assert [(s, f["kind"]) for s, f in faults(recording)] == [(second.name, "missing")]
    second.write_bytes(kept)
    chain = recording / "chain.jsonl"
    lines = chain.read_text().splitlines()
    # The last segment with all that is signed of it: without a kept head nothing is missed.
    chain.write_text("\n".join(lines[:-1]) + "\n")
    third.unlink()
    (recording / third.name.replace(".pcapng", ".seals.jsonl")).unlink()
    verify(recording, status=0)
    assert [f["kind"] for _, f in faults(recording, "--expect", head)] == ["head"]
    assert "the end was cut off" in command("verify", recording, "--expect", head, "--head", status=1).stderr.decode()


def test_the_key(original, recording, scratch):
    pem = command("verify", "--print-key", "--data-dir", original[1], status=0).stdout.decode()
    (scratch / "key.pem").write_text(pem)
    verify(recording, "--key", scratch / "key.pem", status=0)
    (key,) = verify(recording, status=0)[-1]["keys"]
    verify(recording, "--key", key, status=0)
    other = base64.b64encode(bytes(range(32))).decode()
    assert [f["kind"] for _, f in faults(recording, "--key", other)] == ["key"]
    # Anybody's tools check a line.
    line = (recording / "chain.jsonl").read_text().splitlines()[-1]
    signed, signature = line[:-2].split(',"signature":"')
    (scratch / "line").write_text(signed + "}")
    (scratch / "signature").write_bytes(base64.b64decode(signature))
    checked(
        ["/usr/bin/openssl", "pkeyutl", "-verify", "-pubin", "-inkey", scratch / "key.pem", "-rawin",
         "-in", scratch / "line", "-sigfile", scratch / "signature"], cwd=scratch,
    )  # fmt: skip


def test_killed_and_started_again(scratch):
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        _send(proxy.ports["smtp"])

        def signed():
            return [r for r in verify(proxy.record, status=0) if r.get("state") == "open" and r["signed"] > 1000]

        (row,) = until("what was written is signed", signed, 20, 0.2)
        assert row["note"] == "being written"
        proxy.kill()
    (row,) = [r for r in verify(proxy.record, status=0) if r.get("state") == "open"]
    assert row["note"] == "its recorder was killed" and row["signed"] > 1000
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        _send(proxy.ports["smtp"], 1)
    states = [r["state"] for r in verify(proxy.record, status=0) if not r.get("summary")]
    assert states == ["recovered", "signed", "signed"]


def test_what_is_captured_is_signed(original, scratch):
    source = mailproxy.segments(original[0])[0]
    command("capture", "-r", source, "--record-dir", scratch / "rec", "--data-dir", scratch / "data", status=0)
    assert verify(scratch / "rec", status=0)[-1]["entries"] == 2
    command("capture", "-r", source, "--record-dir", scratch / "bare", "--no-chain", status=0)
    assert not (scratch / "bare" / "chain.jsonl").exists()
    assert "there is no chain" in command("verify", scratch / "bare", status=1).stdout.decode()


@pytest.mark.parametrize(
    "options, reason",
    [
        (["/no/such/folder"], "/no/such/folder: no such file or directory"),
        (["{segment}"], "is no directory of recordings"),
        (["{folder}", "--expect", "12"], "--expect 12: is no head of a chain"),
        (["{folder}", "{folder}", "--expect", "1:" + "a" * 64], "--expect is of one recording"),
        (["{folder}", "--key", "abc"], "--key abc: is neither an Ed25519 public key in base64 nor a file"),
        (["{folder}", "--key", "{folder}/chain.jsonl"], "holds no Ed25519 public key"),
        (["--print-key", "--data-dir", "{folder}"], "there is no key yet"),
    ],
)
def test_wrong_usage(recording, options, reason):
    words = [o.format(folder=recording, segment=mailproxy.segments(recording)[0]) for o in options]
    said = command("verify", *words, status=2).stderr.decode()
    assert reason in said and len(said.splitlines()) == 1


def test_hostile_chains(recording):
    chain = recording / "chain.jsonl"
    lines = chain.read_text().splitlines()
    for content in (b"", b"\n" * 5000, b"{" * 3_000_000, b"\xff\x00\n" * 999, b'{"n":1e999,"kind":[[[[' * 9999, ("\n".join(reversed(lines)) + "\n").encode()):
        chain.write_bytes(content)
        assert verify(recording, status=1)[-1]["faults"] > 0
    chain.unlink()
    chain.symlink_to("/dev/zero")
    assert "chain.jsonl" in command("verify", recording, status=3).stderr.decode()


def test_a_key_that_is_not_one(scratch):
    data = scratch / "mailproxy-data"
    (data / "chain").mkdir(parents=True)
    key = data / "chain" / "chain.key"
    for content, mode, reason in (("no key\n", 0o600, "holds no Ed25519 key"), ("x", 0o644, "can be read by others")):
        key.write_text(content)
        key.chmod(mode)
        done = command("run", "--record-dir", scratch / "rec", "--data-dir", data, "--route", f"smtp://{HOST}:0=fallback", status=3)
        assert reason in done.stderr.decode() and "record.chain=false" in done.stderr.decode()
