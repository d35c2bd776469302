"""How far long work is: one line on standard error where that is a terminal, and nothing anywhere else."""

import os
import pty
import select
import signal
import subprocess
import time

import pytest

from made_capture import Conversation, pcap
from mailproxy import binary, command, environment
from processes import until

START = 1_795_680_000_000_000
CLEAR = "\r\x1b[K"


@pytest.fixture(scope="module")
def recording(module_scratch):
    """A recording of one message of four million octets, and the capture that it was made of."""
    talk = Conversation(START)
    talk.play([(1, "S: 220 ready"), (2, "C: EHLO me.example"), (3, "S: 250 hello"), (4, "C: MAIL FROM:<a@me.example>")])
    talk.play([(5, "S: 250 ok"), (6, "C: RCPT TO:<b@you.example>"), (7, "S: 250 ok"), (8, "C: DATA"), (9, "S: 354 go on")])
    lines = (b"These are words of a long message, and no more than that.\r\n" * 1100)[:64_000 // 59 * 59]
    for place in range(4_000_000 // len(lines)):
        talk.say(10 + place, "C", lines)
    talk.play([(1000, "C: ."), (1001, "S: 250 taken"), (1002, "C: QUIT"), (1003, "S: 221 bye")]).close(1004)
    capture = module_scratch / "long.pcap"
    capture.write_bytes(pcap(talk))
    record = module_scratch / "recording"
    command("capture", "-r", capture, "--record-dir", record, "--data-dir", module_scratch / "data", status=0, folder=module_scratch)
    return capture, record


def held(arguments, folder, reads, onto):
    """Runs a command that is held for a while as soon as it has opened the file that it reads: those who wait that long are told. Gives
    its standard output."""
    process = subprocess.Popen(
        [binary(), *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=onto, env=environment(folder, TERM="xterm"), cwd=folder,
    )

    def has_opened():
        try:
            return any(str(path).endswith(reads) for path in map(os.readlink, (entry.path for entry in os.scandir(f"/proc/{process.pid}/fd"))))
        except OSError:
            return False

    try:
        until(f"{arguments} reads", has_opened, pause=0.0005)
        process.send_signal(signal.SIGSTOP)
        # It stands still, and nothing can come of it; the time is what the line is shown after.
        end = time.monotonic() + 0.7
        while (rest := end - time.monotonic()) > 0:
            select.select([process.stdout], [], [], rest)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        return out, err
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def on_terminal(arguments, folder, reads):
    """What a terminal that is the command's standard error has then."""
    master, slave = pty.openpty()
    try:
        try:
            held(arguments, folder, reads, slave)
        finally:
            os.close(slave)
        shown = b""
        while True:
            try:
                octets = os.read(master, 65536)
            except OSError:  # what Linux says when nobody has the other side any more
                return shown.decode()
            if not octets:
                return shown.decode()
            shown += octets
    finally:
        os.close(master)


def work(recording, scratch):
    capture, record = recording
    return {
        "reindex": (("sessions", "reindex", record), ".pcapng", "segments read: "),
        "export": (("sessions", "export", capture, "--format", "eml", "-o", scratch / "messages"), ".pcap", "captures read: "),
        "verify": (("verify", record), ".pcapng", "segments verified: "),
    }


@pytest.mark.parametrize("name", ["reindex", "export", "verify"])
def test_a_terminal_shows_how_far_long_work_is(recording, scratch, name):
    arguments, reads, what = work(recording, scratch)[name]
    shown = on_terminal(arguments, scratch, reads)
    assert f"\r{what}" in shown and shown.endswith(CLEAR), shown
    percents = [int(piece.split(" %")[0]) for piece in shown.split(f"\r{what}")[1:]]
    assert percents == sorted(percents) and 0 < percents[-1] <= 100
    # One line that is written anew, and gone at the end.
    assert "\n" not in shown


@pytest.mark.parametrize("name", ["reindex", "export", "verify"])
def test_nothing_is_shown_in_a_pipe(recording, scratch, name):
    arguments, reads, _ = work(recording, scratch)[name]
    out, err = held(arguments, scratch, reads, subprocess.PIPE)
    assert err == b"" and b"%" not in out and b"\x1b" not in out
