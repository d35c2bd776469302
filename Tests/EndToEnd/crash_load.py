"""Mail under which a proxy may be killed at any moment, with a ledger of what the clients know for certain, and what a recording must
say when it is held against that ledger. For test_crash_series.py and Scripts/crash."""

import dataclasses
import hashlib
import random
import shutil
import socket
import threading
import time

from mailproxy import command, rows
from processes import HOST
from wire import SMTP


@dataclasses.dataclass
class Sent:
    """What a client knows of its session."""

    # Seconds on the monotonic clock at which the server said goodbye; 0 while it has not.
    goodbye: float = 0.0
    # The client began to end it, be it with QUIT or by closing.
    leaves: bool = False
    # SHA-256 of each message that was sent up to its last dot, with the time at which it was answered, 0 while it was not.
    messages: dict = dataclasses.field(default_factory=dict)


class Load:
    """Clients that send mail in one session after the other until the server is gone. Some leave without a word."""

    def __init__(self, port, clients=4, seed=0, pause=0.0):
        self.port, self.pause = port, pause
        # By the client's address, as the recording names it. A port may come twice: then both are told.
        self.sessions = {}
        self.goodbyes = 0
        # When the server was killed, on the monotonic clock.
        self.killed = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._work, args=(random.Random(seed * 100 + n),), daemon=True) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def _work(self, chance):
        while not self._stop.is_set():
            try:
                with SMTP(HOST, self.port, seconds=20) as client:
                    self._session(client, chance)
                self._stop.wait(self.pause)
            except (OSError, EOFError):
                if self._gone():
                    return

    def _gone(self):
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) != 0

    def _session(self, client, chance):
        name = "%s:%d" % client.socket.getsockname()
        sent = Sent()
        with self._lock:
            self.sessions.setdefault(name, []).append(sent)
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        for number in range(chance.randrange(1, 4)):
            client.send("MAIL FROM:<ada@example.org>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
            for code in (250, 250, 354):
                client.reply(code)
            text = f"Subject: {name} {number} {chance.random()}\r\n\r\n".encode() + b"a line of a message\r\n" * chance.randrange(1, 150)
            half = len(text) // 2
            client.send(text[:half])
            digest = hashlib.sha256(text).hexdigest()
            # From here on the whole of it may have arrived.
            sent.messages[digest] = 0.0
            client.send(text[half:] + b".\r\n")
            client.reply(250)
            sent.messages[digest] = time.monotonic()
        sent.leaves = True
        if chance.random() < 0.2:
            return
        client.say("QUIT", 221)
        sent.goodbye = time.monotonic()
        self.goodbyes += 1

    def finish(self):
        """Ends the clients of a server that is gone, or of one that goes on."""
        self.killed = time.monotonic()
        self._stop.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client never noticed that the server is gone"


def faults_of(record):
    """What `verify` finds wrong; it must be able to tell."""
    done = command("verify", record, "--json", status=(0, 1))
    found = [(row.get("segment"), fault["text"]) for row in rows(done) if isinstance(row.get("faults"), list) for fault in row["faults"]]
    assert (done.returncode == 1) == bool(found), "the exit status says something else"
    return found


def check(record, folder, loads, lag):
    """A recording after the end of its recorders, the last of which was under the last of the loads, and so on: it opens, it takes nothing
    for complete that was not, and it has all that was done `lag` seconds before each end. Returns how many sessions and complete messages
    it has, and of how many it had to have each."""
    ledger = {}
    for load in loads:
        for name, sessions in load.sessions.items():
            ledger.setdefault(name, []).extend((one, load.killed - lag) for one in sessions)
    # A disk that lost pages in the middle of what was not synced is told by status 3: what stands before them was read.
    listed = rows(command("sessions", "list", record, "--json", status=(0, 3), seconds=180))
    # Where no session is there is none to export: that is status 2.
    good = (0, 3) if listed else (0, 2, 3)
    listed = [row for row in listed if row["client"] in ledger]
    ended = [row for row in listed if row["end"] == "closed"]
    for row in ended:
        assert any(one.leaves for one, _ in ledger[row["client"]]), f"{row} is said to be over, and its client was in the middle of it"
    out = folder / "out"
    export = rows(command("sessions", "export", record, "--format", "eml", "-o", out, "--json", status=good, seconds=180))
    shutil.rmtree(out, ignore_errors=True)
    complete = {row["sha256"] for row in export if row["complete"]}
    sent = {digest for sessions in ledger.values() for one, _ in sessions for digest in one.messages}
    known = {row["id"] for row in listed}
    wrong = [row for row in export if row["complete"] and row["sha256"] not in sent and row["session"] in known]
    assert wrong == [], "a message is said to be complete that nobody sent to its end"
    due = {digest for sessions in ledger.values() for one, limit in sessions for digest, at in one.messages.items() if at and at < limit}
    assert due <= complete, f"{len(due - complete)} messages of {len(due)} that were answered {lag} s before the end are not there"
    goodbyes = sum(1 for sessions in ledger.values() for one, limit in sessions if one.goodbye and one.goodbye < limit)
    assert len(ended) >= goodbyes, f"{len(ended)} sessions have an end, {goodbyes} had one {lag} s before"
    return len(listed), len(complete & sent), goodbyes, len(due)
