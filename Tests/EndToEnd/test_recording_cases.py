"""The cases of recordings by their numbers in the list that the project must survive, as far as no other file has them: F1 and F10 are unit
tests, F4 and F15 are in test_store.py, F9 in test_disk_faults.py, F13 in test_crash_series.py."""

import os
import stat

import pytest

import pcap
import peers
from mailproxy import MailProxy, binary, command, environment, segments, sessions
from processes import HOST, free_port, run, until
from wire import SMTP

FILES = ["recorder.lock", "index.sqlite", "chain.jsonl", "fingerprint.key", "fingerprint.key.new"]


@pytest.mark.parametrize("file", FILES)
def test_f8_planted_links(scratch, file):
    """Case F8: a shared directory with a symbolic link where a file of ours is to be. Nothing is written through it."""
    record = scratch / "recording"
    record.mkdir(mode=0o777)
    victim = scratch / "victim"
    victim.write_text("untouched")
    (record / file).symlink_to(victim)
    arguments = ["run", "--no-ui", "--data-dir", scratch / "data", "--record-dir", record, "--route", f"smtp://{HOST}:{free_port()}=fallback"]
    if file == "fingerprint.key.new":
        # What is left of an earlier start is removed, not followed.
        with MailProxy(scratch, {"smtp": "fallback"}, "--record-dir", record, record=None):
            pass
        assert stat.S_IMODE(os.lstat(record / "fingerprint.key").st_mode) == 0o600
    else:
        done = run([binary(), *arguments], b"", 30, environment(scratch), scratch)
        (line,) = done.stderr.decode().splitlines()
        assert done.returncode == 3 and str(record / file) in line, line
    assert victim.read_text() == "untouched"


def test_f8_links_for_segments_and_modes(scratch):
    """Case F8: names of segments can be guessed. Where something is, another number is taken; all files are for their owner alone."""
    record = scratch / "recording"
    record.mkdir(mode=0o777)
    victim = scratch / "victim"
    victim.write_text("untouched")
    with MailProxy(scratch, {"smtp": "fallback"}, "--record-dir", record, "--set", "record.segment-size=65536", record=None) as proxy:

        def send():
            with SMTP(HOST, proxy.ports["smtp"]) as client:
                client.reply(220)
                client.say("NOOP " + "x" * 400, 250)
                client.say("QUIT", 221)

        send()
        until("a segment", lambda: segments(record))
        stem = segments(record)[0].name[: len("2026-11-26T14-54")]
        planted = []
        for minute in range(2):
            hour_minute = f"{stem[:-2]}{(int(stem[-2:]) + minute) % 60:02}"
            for second in range(60):
                planted.append(record / f"{hour_minute}-{second:02}Z-0002.pcapng")
        for link in planted:
            if not link.exists():
                link.symlink_to(victim)
        for _ in range(120):
            send()
        until("the next segment", lambda: [path for path in segments(record) if path.name.endswith("-0003.pcapng")])
    assert victim.read_text() == "untouched"
    for path in record.iterdir():
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_f11_recording_and_tcpdump(scratch):
    """Case F11: what is recorded of a thousand sessions is what tcpdump sees of both sides."""
    sink = peers.SMTPSink(scratch)
    try:
        with MailProxy(scratch, {"smtp": sink.port}) as proxy:
            port = proxy.ports["smtp"]
            capture = pcap.Capture(scratch, [port, sink.port])
            for number in range(1000):
                with SMTP(HOST, port) as client:
                    client.reply(220)
                    client.say(f"EHLO client{number}.example.org", 250)
                    client.say("NOOP", 250)
                    client.say("QUIT", 221)
            seen = capture.all_closed(port, sink.port)
            capture.stop()
        front, back = seen
        assert len(front) == len(back) == 1000
        recorded = [session for path in segments(proxy.record) for session in pcap.sessions(path.read_bytes())]
        # Each says who it is, so that a port that comes twice mixes nothing up.
        differing = {*map(_octets, front)} ^ {*map(_octets, recorded)}
        assert len(recorded) == 1000 and not differing, f"{len(differing)}: {sorted(differing)[:2]}"
        # What the server says of itself is not all passed on; what clients say is.
        assert sorted(one.sent.bytes() for one in front) == sorted(one.sent.bytes() for one in back)
        assert len(sessions(proxy.record)) == 1000
    finally:
        sink.stop()


def _octets(session):
    return session.both()
