"""Load and sudden ends: kill -9, a message of 200 MB, thousands of sessions at once."""

import collections
import hashlib
import selectors
import socket
import threading
import time

import pytest

import clients
import imap_clients
import mailproxy
import messages
import pcap
import peers
import tshark
from mailproxy import MailProxy, command
from processes import HOST, until
from wire import SMTP


class Load:
    """SMTP clients that send numbered messages, one after another, and keep the numbers of those answered 250."""

    def __init__(self, port, account, senders=8):
        self.port, self.account = port, account
        self.accepted = []
        self.threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(senders)]
        for thread in self.threads:
            thread.start()

    def _send(self, sender):
        number = 0
        try:
            with SMTP(HOST, self.port, seconds=20) as client:
                client.reply(220)
                client.say("EHLO client.example.org", 250)
                while True:
                    number += 1
                    name = f"load-{sender}-{number}-{id(self):x}"
                    client.send(f"MAIL FROM:<ada@example.org>\r\nRCPT TO:<{self.account.address}>\r\nDATA\r\n")
                    for code in (250, 250, 354):
                        client.reply(code)
                    client.send(self.text(name) + b".\r\n")
                    client.reply(250)
                    self.accepted.append(name)
        except (OSError, EOFError):
            pass  # the server was killed: that is the test

    @staticmethod
    def text(name):
        lines = "".join(f"line {n} of {name}\r\n" for n in range(60))
        return f"Subject: {name}\r\n\r\n{lines}end of {name}\r\n".encode()

    def finish(self):
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive(), "a client never noticed that the server is gone"


def _mailbox(data):
    """{subject: content} of the messages in the Maildirs below the data folder, and how often each is there."""
    found, count = {}, collections.Counter()
    for path in data.rglob("*"):
        if path.is_file() and path.parent.name in ("new", "cur"):
            content = path.read_bytes()
            names = [line for line in content.splitlines() if line.startswith(b"Subject: load-")]
            if names:
                name = names[0].decode().removeprefix("Subject: ")
                found[name] = content
                count[name] += 1
    return found, count


def test_kill_loses_no_accepted_message(scratch, accounts):
    """Three times: kill -9 amid the load; then every message that was answered 250 is whole in the Maildir, none is
    there in part or twice, and after the restart the server lists them all."""
    account = accounts.fresh()
    upstreams = {"smtp": "fallback", "imap": "fallback"}
    accepted, records, data = [], [], None
    for round_ in range(3):
        proxy = MailProxy(scratch, upstreams, name=f"round{round_}", data=data)
        data = proxy.data
        load = Load(proxy.ports["smtp"], account)
        until("200 accepted messages", lambda: len(load.accepted) >= 200, 60)
        proxy.kill()
        load.finish()
        accepted += load.accepted
        records.append(proxy.record)
        there, count = _mailbox(data)
        missing = [name for name in accepted if name not in there]
        assert missing == [], f"{len(missing)} of {len(accepted)} accepted messages are lost"
        for name, content in there.items():
            assert messages.is_delivered_form(content, Load.text(name)), f"{name} is not whole"
        assert max(count.values()) == 1
        assert len(there) <= len(accepted) + 8 * (round_ + 1), "more messages than were sent"
    with MailProxy(scratch, upstreams, name="after", data=data) as proxy:
        found = imap_clients.inbox(clients.Place(proxy.ports["imap"]), account)
    listed = {
        line.decode() for content in found for line in content.split(b"\r\n") if line.startswith(b"Subject: load-")
    }
    assert {f"Subject: {name}" for name in accepted} <= listed
    for record in records:
        _check_readable(record)


def _check_readable(record):
    """tshark and our own commands read the recording of a killed process up to its last complete block: both see the
    same sessions, and every message that is whole."""
    segments = mailproxy.segments(record)
    assert segments
    seen = [word for path in segments for word in tshark.commands(path, cut_short=True)["smtp"]]
    connections = [session for path in segments for session in pcap.sessions(path.read_bytes())]
    assert 1 <= len(connections) <= 8 and seen.count("MAIL") > 0
    rows = mailproxy.sessions(record)
    assert {row["client"] for row in rows} == {f"{s.client[0]}:{s.client[1]}" for s in connections}
    assert sum(row["messages"] for row in rows) >= seen.count("MAIL") - len(connections)
    assert sum(map(len, mailproxy.all_exchanges(record).values())) >= seen.count("MAIL")
    for row in rows:
        command("sessions", "show", row["id"], record, status=0)


def test_kill_right_after_a_session_began(scratch):
    """The index may not have heard of the session yet: it is listed all the same, from the segment."""
    proxy = MailProxy(scratch, {"smtp": "fallback"})
    with SMTP(HOST, proxy.ports["smtp"]) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        until(
            "the command to be recorded",
            lambda: any(b"EHLO client" in path.read_bytes() for path in mailproxy.segments(proxy.record)),
        )
        proxy.kill()
    (row,) = mailproxy.sessions(proxy.record)
    assert [e["command"] for e in mailproxy.exchanges(proxy.record, row["id"])][-1] == "EHLO"


def test_killed_sessions_are_lost_in_a_new_index_too(scratch):
    """Nobody saw how they ended, whichever way the index was made; those that ended before did end."""
    proxy = MailProxy(scratch, {"smtp": "fallback"})
    with SMTP(HOST, proxy.ports["smtp"]) as client:
        client.reply(220)
        client.say("QUIT", 221)
    until("the first session to end", lambda: [row["end"] for row in mailproxy.sessions(proxy.record)] == ["closed"])
    with SMTP(HOST, proxy.ports["smtp"]) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        until(
            "the command to be recorded",
            lambda: any(b"EHLO client" in path.read_bytes() for path in mailproxy.segments(proxy.record)),
        )
        proxy.kill()
    for _ in range(2):
        command("sessions", "reindex", "--record-dir", proxy.record, status=0)
        assert [row["end"] for row in mailproxy.sessions(proxy.record)] == ["closed", "lost"]


def test_recording_cut_anywhere_is_read_up_to_there(servers, scratch):
    """A segment that ends in the middle of a block, as after a power cut."""
    with MailProxy(scratch, servers.ports) as proxy:
        for driver in (clients.smtp_clients.burst, clients.pop3_clients.burst, clients.imap_clients.imaplib_uid):
            servers.drive(driver, proxy.ports)
    whole = mailproxy.segments(proxy.record)[0].read_bytes()
    for tenths in (3, 6, 9):
        cut = scratch / f"cut{tenths}.pcapng"
        cut.write_bytes(whole[: len(whole) * tenths // 10 - 3])
        rows = mailproxy.sessions(cut)
        assert 1 <= len(rows) <= 3
        assert tshark.commands(cut, cut_short=True)["smtp"]


class HashingSink:
    """An SMTP server for one message that keeps only its digest, so that the test's own memory stays small too."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.digest, self.size = hashlib.sha256(), 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb", 1 << 20) as lines:
            connection.sendall(b"220 mx.example.com\r\n")
            while command_line := lines.readline():
                if command_line.startswith(b"DATA"):
                    connection.sendall(b"354 go on\r\n")
                    tail = b""
                    while not (tail + b"").endswith(b"\r\n.\r\n"):
                        piece = lines.read1(1 << 20)
                        if not piece:
                            return
                        self.digest.update(piece)
                        self.size += len(piece)
                        tail = (tail + piece[-5:])[-5:]
                elif command_line.startswith(b"QUIT"):
                    connection.sendall(b"221 bye\r\n")
                    return
                connection.sendall(b"250 ok\r\n")


def test_message_of_200_megabytes_in_little_memory(scratch):
    """Through proxy and recorder, while the process stays below 150 MB; then out of the recording, byte-exact."""
    sink = HashingSink()
    line = b"0123456789abcdef" * 4 + b"\r\n"
    piece = line * 15_887  # a little above 1 MiB
    sent = hashlib.sha256()
    with MailProxy(scratch, {"smtp": sink.port}) as proxy:
        with SMTP(HOST, proxy.ports["smtp"], seconds=60) as client:
            client.reply(220)
            client.say("EHLO client.example.org", 250)
            client.say("MAIL FROM:<ada@example.org>", 250)
            client.say("RCPT TO:<user@example.com>", 250)
            client.say("DATA", 354)
            size = 0
            start = time.monotonic()
            while size < 200_000_000:
                client.send(piece)
                sent.update(piece)
                size += len(piece)
            client.send(b".\r\n")
            client.reply(250)
            seconds = time.monotonic() - start
            client.say("QUIT", 221)
        peak = proxy.peak_kilobytes()
    message = sent.copy().hexdigest()
    sent.update(b".\r\n")
    assert sink.digest.hexdigest() == sent.hexdigest() and sink.size == size + 3
    assert peak < 150_000, f"{peak} kB resident at the peak"
    assert seconds < 60, f"200 MB took {seconds:.0f} s"
    (row,) = mailproxy.sessions(proxy.record)
    assert row["messages"] == 1 and row["bytes"]["client"] > size
    (export,) = mailproxy.rows(
        command(
            "sessions",
            "export",
            proxy.record,
            "--format",
            "eml",
            "-o",
            scratch / "eml",
            "--json",
            status=0,
            seconds=120,
        )
    )
    assert export["sha256"] == message and export["bytes"] == size and export["complete"] is True
    assert sum(path.stat().st_size for path in (scratch / "eml").rglob("*") if path.is_file()) == size


class Crowd:
    """Many SMTP clients in one thread: all are connected before the first goes on."""

    def __init__(self, port, size):
        self.selector = selectors.DefaultSelector()
        self.members = []
        for _ in range(size):
            member = socket.socket()
            member.setblocking(False)
            member.connect_ex((HOST, port))
            self.members.append(member)
            self.selector.register(member, selectors.EVENT_READ, bytearray())

    def expect(self, end, seconds=60.0):
        """Every member reads until what it has read matches `end`."""
        left, limit = len(self.members), time.monotonic() + seconds
        done = set()
        while left:
            assert time.monotonic() < limit, f"{left} of {len(self.members)} sessions still wait for {end!r}"
            for key, _ in self.selector.select(1.0):
                piece = key.fileobj.recv(65536)
                if not piece and key.fileobj in done:
                    self.selector.unregister(key.fileobj)  # closed after its last reply
                    continue
                assert piece, f"a session was closed before {end!r}: {bytes(key.data)!r}"
                key.data.extend(piece)
                if key.fileobj not in done and end(bytes(key.data)):
                    done.add(key.fileobj)
                    key.data.clear()
                    left -= 1

    def say(self, data):
        for member in self.members:
            member.setblocking(True)
            member.sendall(data)
            member.setblocking(False)

    def close(self):
        for member in self.members:
            member.close()
        self.selector.close()


def _ends_with(code):
    """Whether the last complete line is the end of a reply with this code."""
    return lambda data: data.endswith(b"\r\n") and data.split(b"\r\n")[-2].startswith(code + b" ")


def _dialogue(crowd):
    """Each member of the crowd sends a message, all in step, so that all are in the same state at once."""
    crowd.expect(_ends_with(b"220"))
    for words, code in (
        (b"EHLO client.example.org\r\n", b"250"),
        (b"MAIL FROM:<ada@example.org>\r\n", b"250"),
        (b"RCPT TO:<user@example.com>\r\n", b"250"),
        (b"DATA\r\n", b"354"),
        (b"Subject: one of many\r\n\r\nhello\r\n.\r\n", b"250"),
        (b"QUIT\r\n", b"221"),
    ):
        crowd.say(words)
        crowd.expect(_ends_with(code))


def test_two_thousand_sessions_through_the_proxy(scratch):
    sink = peers.SMTPSink(scratch)
    try:
        with MailProxy(scratch, {"smtp": sink.port}) as proxy:
            crowd = Crowd(proxy.ports["smtp"], 2000)
            _dialogue(crowd)
            crowd.close()
            peak = proxy.peak_kilobytes()
        assert peak < 400_000, f"{peak} kB for 2,000 sessions"
        rows = mailproxy.sessions(proxy.record)
        assert len(rows) == 2000 and all(row["messages"] == 1 for row in rows)
    finally:
        sink.stop()


def test_two_thousand_sessions_at_the_fallback(scratch):
    with MailProxy(scratch, {"smtp": "fallback", "imap": "fallback"}) as proxy:
        crowd = Crowd(proxy.ports["smtp"], 2000)
        _dialogue(crowd)
        crowd.close()
        found = imap_clients.inbox(clients.Place(proxy.ports["imap"]), peers.Account("user", "any"))
    assert len(found) == 2000


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_client_that_never_reads_costs_little(protocol, scratch):
    """A server that talks without end to a client that does not read: back-pressure, no growing memory."""
    listener = socket.create_server((HOST, 0))
    stop = threading.Event()
    sent = [0]

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.sendall({"smtp": b"220 hello\r\n", "pop3": b"+OK\r\n", "imap": b"* OK\r\n"}[protocol])
            connection.settimeout(0.5)
            line = b"* " + b"x" * 998 + b"\r\n"
            while not stop.is_set() and sent[0] < 300_000_000:
                try:
                    sent[0] += connection.send(line * 100)
                except TimeoutError:
                    pass  # held up; the test asks whether it is to go on
                except OSError:
                    return  # the client has left

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with MailProxy(scratch, {protocol: listener.getsockname()[1]}) as proxy:
        with socket.create_connection((HOST, proxy.ports[protocol])) as client:
            client.recv(100)
            last = -1

            def stalled():
                nonlocal last
                before, last = last, sent[0]
                return before == last and last > 0

            until("the server to be held up", stalled, 30, 0.7)
            assert sent[0] < 100_000_000, "the proxy takes in whatever comes"
            assert proxy.peak_kilobytes() < 150_000
            stop.set()
        thread.join(5)
    listener.close()
