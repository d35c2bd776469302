"""Disks that are full, read-only or dying, as the kernel shows them: system calls of a running recorder fail (strace), or its file system has
no room (a tmpfs in a mount namespace of the test's own). Mail goes on, the proxy tells, the recording opens and says what is missing."""

import datetime
import os

import pytest

import mailproxy
from mailproxy import PATIENCE, MailProxy, command, rows
from processes import HOST, free_port, until
from wire import SMTP


def deliver(port, name, lines=40):
    """A message through the proxy; returns its text."""
    text = f"Subject: {name}\r\n\r\n".encode() + b"a line of a message that is recorded\r\n" * lines
    with SMTP(HOST, port, seconds=60 * PATIENCE) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        client.say("MAIL FROM:<ada@example.org>", 250)
        client.say("RCPT TO:<user@example.com>", 250)
        client.say("DATA", 354)
        client.send(text + b".\r\n")
        client.reply(250)
        client.say("QUIT", 221)
    return text


def subjects(record, folder):
    """The subjects of the complete messages of a recording."""
    out = folder / "messages"
    export = rows(command("sessions", "export", record, "--format", "eml", "-o", out, "--json", status=0))
    return sorted(
        line.removeprefix(b"Subject: ").decode()
        for row in export
        if row["complete"]
        for line in (folder / "messages" / row["file"]).read_bytes().splitlines()[:1]
    )


def verified(record):
    """What `verify` says: the faults, and the losses that the recording tells by itself."""
    done = command("verify", record, "--json", status=(0, 1))
    found = rows(done)
    faults = [fault for row in found if isinstance(row.get("faults"), list) for fault in row["faults"]]
    assert (done.returncode == 1) == bool(faults)
    return faults, [row["lost"] for row in found if isinstance(row.get("lost"), dict)]


def traced(folder, *injections, paths):
    """A prefix that lets system calls on these paths fail. Thousands of names are no burden: only those calls are looked at by name."""
    return [
        "strace", "-D", "-f", "-qq", "-o", folder / "trace", "-e", "signal=none",
        "-e", "trace=" + ",".join(sorted({one.split(":")[0] for one in injections})),
        *(part for path in paths for part in ("-P", path)), *(part for one in injections for part in ("-e", f"inject={one}")),
    ]  # fmt: skip


def names(record, suffix, count=3, seconds=240):
    """The names that segments begun within the next minutes may have."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamps = [(now + datetime.timedelta(seconds=n)).strftime("%Y-%m-%dT%H-%M-%SZ") for n in range(-1, seconds)]
    return [record / f"{stamp}-{number:04}{suffix}" for stamp in stamps for number in range(1, count + 1)]


# What fails, with which error, at which call of a thread, and of which file. A thread that records makes a segment with its first writes.
SEGMENTS = [
    ("write", "ENOSPC", "1..3"), ("write", "ENOSPC", "2"), ("write", "EIO", "3..5"), ("write", "EDQUOT", "4..6"), ("write", "EROFS", "2..4"),
    ("openat", "EROFS", "1..2"), ("openat", "ENOSPC", "1"), ("openat", "EMFILE", "1..2"),
    ("fdatasync", "EIO", "1"), ("fdatasync", "ENOSPC", "2"), ("fdatasync", "EIO", "1..3"),
]  # fmt: skip


def _faulty(scratch, injections, paths, *options):
    """Mail through a proxy whose recorder meets the faults; the recording, what the proxy said, and the subjects of all messages."""
    proxy = MailProxy(
        scratch, {"smtp": "fallback"}, "--set", "record.sync=always", "--set", "metrics.listen=127.0.0.1:0", *options,
        prefix=traced(scratch, *injections, paths=paths),
    )  # fmt: skip
    sent = []
    with proxy:
        for number in range(6):
            sent.append(f"message-{number}")
            deliver(proxy.ports["smtp"], sent[-1])
        until("the recorder to be well", lambda: not _failing(proxy), 30)
        sent.append("message-after")
        deliver(proxy.ports["smtp"], sent[-1])
    return proxy.record, proxy.said(), sent


def _failing(proxy):
    said = proxy.said()
    return said.count("recording waits for the disk") + said.count("recording stopped") > said.count("recording again")


@pytest.mark.parametrize("call, error, when", SEGMENTS)
def test_sessions_wait_for_the_disk(scratch, call, error, when):
    record = scratch / "mailproxy-recording"
    record.mkdir(mode=0o700)
    record, said, sent = _faulty(scratch, [f"{call}:error={error}:when={when}"], names(record, ".pcapng"))
    assert "(INJECTED)" in (scratch / "trace").read_text(), "nothing failed: the test proves nothing"
    assert "recording waits for the disk" in said and "recording again" in said, said
    # Nothing is lost, as sessions waited; whatever failed.
    assert subjects(record, scratch) == sorted(sent)
    assert len([row for row in mailproxy.sessions(record) if row["end"] == "closed"]) == len(sent)
    faults, lost = verified(record)
    assert faults == [] and sum(one["bytes"] for one in lost) == 0
    if call == "fdatasync":
        assert lost and all(one["unsynced"] > 0 and one["reason"] for one in lost)


@pytest.mark.parametrize("call, error, when", SEGMENTS[:3])
def test_sessions_go_on_unrecorded(scratch, call, error, when):
    record = scratch / "mailproxy-recording"
    record.mkdir(mode=0o700)
    record, said, sent = _faulty(
        scratch, [f"{call}:error={error}:when={when}"], names(record, ".pcapng", count=9), "--set", "record.when-full=unrecorded"
    )
    assert "recording stopped, mail goes on" in said and "recording again" in said, said
    faults, lost = verified(record)
    assert faults == []
    assert sum(one["bytes"] for one in lost) > 0 and all(one["reason"] for one in lost if one["bytes"])
    found = subjects(record, scratch)
    assert "message-after" in found and set(found) < set(sent)


# Of the other files of a recording: what is signed, and the index.
OTHERS = [
    ("write", "ENOSPC", "1..2", "chain.jsonl"), ("write", "EIO", "1", "chain.jsonl"), ("fdatasync", "EIO", "1", "chain.jsonl"),
    ("write", "ENOSPC", "1", ".seals.jsonl"), ("write", "EIO", "1..2", ".seals.jsonl"), ("fdatasync", "EIO", "1", ".seals.jsonl"),
    ("openat", "ENOSPC", "1", ".seals.jsonl"),
    ("pwrite64", "ENOSPC", "20..22", "index.sqlite-wal"), ("pwrite64", "EIO", "40", "index.sqlite-wal"),
    ("pwrite64", "ENOSPC", "30..200", "index.sqlite-wal"), ("pwrite64", "ENOSPC", "30+", "index.sqlite-wal"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, when, file", OTHERS)
def test_what_stands_beside_the_segments(scratch, call, error, when, file):
    """Faults of the chain and of the index cost neither mail nor packets, and are told."""
    record = scratch / "mailproxy-recording"
    record.mkdir(mode=0o700)
    paths = names(record, file) if file.startswith(".") else [record / file]
    # The chain's first line is written before anything is recorded: without it there is no start.
    with MailProxy(scratch, {"smtp": "fallback"}) as first:
        deliver(first.ports["smtp"], "first")
    proxy = MailProxy(
        scratch, {"smtp": "fallback"}, data=first.data,
        prefix=traced(scratch, f"{call}:error={error}:when={when}", paths=paths),
    )  # fmt: skip
    sent = ["first"]
    with proxy:
        for number in range(12):
            sent.append(f"message-{number}")
            deliver(proxy.ports["smtp"], sent[-1])
        # Whatever became of the index, all sessions are found while the recorder goes on.
        until("all are found", lambda: len([row for row in mailproxy.sessions(record) if row["end"] == "closed"]) == len(sent))
        found = command("sessions", "list", "--filter", f'subject == "{sent[-1]}"', "--json", record, status=0)
        assert len(rows(found)) == 1
        if when == "30+":
            assert b"the index lacks rows" in found.stderr and proxy.said().count("the index is not written") == 1
    assert "(INJECTED)" in (scratch / "trace").read_text(), "nothing failed: the test proves nothing"
    assert subjects(record, scratch) == sorted(sent)
    assert len([row for row in mailproxy.sessions(record) if row["end"] == "closed"]) == len(sent)
    # Nobody records any more, and the next recorder puts right what is left.
    with MailProxy(scratch, {"smtp": "fallback"}, data=first.data):
        pass
    faults, _ = verified(record)
    assert faults == [], faults
    command("sessions", "reindex", "--record-dir", record, status=0)
    assert len(mailproxy.sessions(record)) == len(sent)


STARTS = [
    ("openat", "EROFS", "recorder.lock"), ("openat", "ENOSPC", "fingerprint.key.new"), ("rename", "EROFS", "fingerprint.key.new"),
    ("write", "ENOSPC", "fingerprint.key.new"), ("openat", "EROFS", "index.sqlite"), ("openat", "EACCES", "chain.jsonl"),
    ("write", "ENOSPC", "chain.jsonl"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, file", STARTS)
def test_a_recording_that_cannot_be_begun(scratch, call, error, file):
    """One line that names the file, and no proxy that records nothing."""
    record = scratch / "recording"
    record.mkdir(mode=0o700)
    calls = "rename,renameat,renameat2" if call == "rename" else call
    prefix = traced(scratch, f"{calls}:error={error}", paths=[record / file])
    arguments = ["run", "--no-ui", "--data-dir", scratch / "data", "--record-dir", record, "--route", f"smtp://{HOST}:{free_port()}=fallback"]
    done = mailproxy.run([*prefix, mailproxy.binary(), *arguments], b"", 60.0 * PATIENCE, mailproxy.environment(scratch), scratch)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 3 and len(lines) == 1, lines
    assert str(record / file).removesuffix(".new") in lines[0] and os.strerror(getattr(__import__("errno"), error)) in lines[0], lines


def test_packing_that_fails(scratch):
    """A segment that cannot be packed stays as it is, and is packed by the next recorder."""
    record = scratch / "mailproxy-recording"
    record.mkdir(mode=0o700)
    env = {"MAILPROXY_RECORD_COMPRESS": "zstd"}
    with MailProxy(scratch, {"smtp": "fallback"}, env=env) as first:
        deliver(first.ports["smtp"], "first")
    (plain,) = [path for path in record.iterdir() if ".pcapng" in path.name]
    if plain.suffix == ".zst":
        return  # it was packed before the stop: nothing is left to fail
    part = record / f".{plain.name}.zst.part"
    prefix = traced(scratch, "write:error=ENOSPC", "fdatasync:error=EIO", "rename,renameat,renameat2:error=EROFS", paths=[part])
    with MailProxy(scratch, {"smtp": "fallback"}, env=env, data=first.data, prefix=prefix) as second:
        second.process.wait_for("it was told", lambda: "is not packed" in second.said())
        deliver(second.ports["smtp"], "second")
    assert plain.exists() and not part.exists()
    assert verified(record)[0] == []


@pytest.fixture
def small_disk(scratch):
    """A prefix for programs that see a file system of a megabyte at a folder; the folder as others reach it."""
    folder = scratch / "mailproxy-recording"
    folder.mkdir()
    return folder, ["unshare", "-m", "--propagation", "private", "sh", "-c", f'mount -t tmpfs -o size=1m,mode=700 none {folder} && exec "$@"', "sh"]


def _inside(proxy, folder):
    """The folder as the process sees it."""
    return f"/proc/{proxy.process.pid}/root{folder}"


@pytest.mark.parametrize("mode", ["slow", "unrecorded"])
def test_a_full_file_system(scratch, small_disk, mode):
    """Case F9: disk full while recording. No mail is lost, the recording opens, what is missing is said."""
    folder, prefix = small_disk
    proxy = MailProxy(scratch, {"smtp": "fallback"}, "--set", f"record.when-full={mode}", prefix=prefix)
    with proxy:
        inside = _inside(proxy, folder)
        sent = [deliver(proxy.ports["smtp"], "before")]
        # It is written behind the session; what is not when the disk is full is counted as missing.
        until("the first session in the recording", lambda: b"Subject: before" in b"".join(_segments(inside)), 20)
        ballast = f"{inside}/ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        said = lambda: "recording waits for the disk" in proxy.said() or "recording stopped" in proxy.said()
        number = 0
        while not said() and number < 60:
            number += 1
            sent.append(deliver(proxy.ports["smtp"], f"full-{number}"))
        assert said(), proxy.said()
        # Mail goes on: what sessions say waits in memory, or is counted.
        for more in range(20):
            sent.append(deliver(proxy.ports["smtp"], f"still-{more}"))
        os.unlink(ballast)
        until("the recorder to be well", lambda: "recording again" in proxy.said(), 30)
        sent.append(deliver(proxy.ports["smtp"], "after"))
        until("the last session in the recording", lambda: b"Subject: after" in b"".join(_segments(inside)), 20)
        copied = scratch / "copy"
        _copy(inside, copied)
    # Every message was delivered.
    maildir = [path for path in proxy.data.rglob("*") if path.is_file() and path.parent.name in ("new", "cur")]
    assert len(maildir) == len(sent)
    found = subjects(copied, scratch)
    assert "before" in found and "after" in found
    if mode == "slow":
        assert len(found) == len(sent) and "nothing was lost" in proxy.said()
    else:
        _, lost = verified(copied)
        assert len(found) < len(sent) and sum(one["sessions"] for one in lost) > 0
        assert any("No space left" in one["reason"] for one in lost)


def _segments(inside):
    for name in sorted(os.listdir(inside)):
        if name.endswith(".pcapng"):
            with open(f"{inside}/{name}", "rb") as file:
                yield file.read()


def _copy(source, target):
    """A recording as it is while it is written, but for the index, which is made anew."""
    os.mkdir(target, 0o700)
    for name in os.listdir(source):
        if not name.startswith(("index.sqlite", "recorder.lock", "ballast")):
            with open(f"{source}/{name}", "rb") as file, open(f"{target}/{name}", "wb") as copy:
                copy.write(file.read())
