"""Live capture: the sessions that the proxy records, rights given up, limits, and what is lost said."""

import contextlib
import os
import pathlib
import pwd
import signal
import socket
import sqlite3
import struct
import threading

import pytest

import clients
import mailproxy
import test_capture
from mailproxy import MailProxy, command
from processes import HOST, Process


class Live:
    """`mailproxy capture -i`, until it is stopped."""

    def __init__(self, folder, interface, *options, record=None, name="live"):
        self.record = record or folder / f"{name}-record"
        self.process = Process(
            [mailproxy.binary(), "capture", "-i", interface, "--record-dir", self.record, "--json", *options],
            folder,
            name,
            env=mailproxy.environment(folder),
            cwd=folder,
        )
        self.process.wait_for("it captures", lambda: "capturing" in self.process.err)

    def stop(self):
        """The summary."""
        status = self.process.stop(signal.SIGINT)
        assert status == 0, self.process.err
        return self.summary()

    def summary(self):
        (line,) = self.process.out.splitlines()
        return mailproxy.json.loads(line)

    def statuses(self):
        """/proc/PID/status of every thread."""
        for path in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            yield dict(line.split(":\t", 1) for line in (path / "status").read_text().splitlines() if ":\t" in line)


class Answering:
    """A server that says what a session says, for one connection after another."""

    def __init__(self, text=b"220 mx ESMTP\r\n250 ok\r\n221 bye\r\n"):
        self.lines = text.splitlines(keepends=True)
        self.socket = socket.create_server((HOST, 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as lines:
                peer.sendall(self.lines[0])
                for answer in self.lines[1:]:
                    if not lines.readline():
                        break
                    peer.sendall(answer)

    def talk(self, *says):
        with socket.create_connection((HOST, self.port)) as client, client.makefile("rb") as lines:
            lines.readline()
            for say in says:
                client.sendall(say)
                lines.readline()
            lines.read()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def server():
    made = Answering()
    yield made
    made.close()


def test_live_capture_tells_what_the_proxy_records(servers, scratch):
    """All clients, through the proxy and captured before it: the same sessions, exchanges and messages."""
    with MailProxy(scratch, servers.ports, listener="?capabilities=all") as proxy:
        ports = " or ".join(f"tcp port {port}" for port in proxy.ports.values())
        live = Live(scratch, "lo", "-f", ports)
        for driver in clients.SMTP_DRIVERS + clients.POP3_DRIVERS + clients.IMAP_DRIVERS:
            servers.drive(driver, proxy.ports)
    summary = live.stop()
    assert (summary["dropped"], summary["gaps"], summary["malformed"]) == (0, 0, 0)
    test_capture._check_same(test_capture._shown(proxy.record), test_capture._shown(live.record))
    # What is read behind the sessions is in the index when the command has ended.
    with contextlib.closing(sqlite3.connect(live.record / "index.sqlite")) as index:
        count = index.execute("SELECT (SELECT count(*) FROM unread), (SELECT count(*) FROM messages)").fetchone()
    assert count == (0, summary["messages"]) and summary["messages"] > 0


@pytest.mark.parametrize("interface", ["lo", "any"])
def test_without_a_filter_mail_is_found_on_any_port(interface, server, scratch):
    live = Live(scratch, interface)
    server.talk(b"EHLO x\r\n", b"QUIT\r\n")
    live.stop()
    rows = [row for row in mailproxy.sessions(live.record) if row["server"].endswith(f":{server.port}")]
    # On `any` the loopback shows each packet twice, out and in.
    assert [(row["protocol"], row["gaps"], row["findings"]) for row in rows] == [("smtp", 0, [])]


def test_c29_rights_are_given_up(server, scratch):
    """With --user nothing is left of root in any thread; capturing goes on."""
    nobody = pwd.getpwnam("nobody")
    scratch.chmod(0o755)
    record = scratch / "record"
    record.mkdir()
    os.chown(record, nobody.pw_uid, nobody.pw_gid)
    record.chmod(0o700)
    live = Live(scratch, "lo", "--user", "nobody", "--data-dir", record / "data", "--immediate", record=record)
    statuses = list(live.statuses())
    assert len(statuses) > 1
    for status in statuses:
        assert set(status["Uid"].split()) == {str(nobody.pw_uid)} and set(status["Gid"].split()) == {str(nobody.pw_gid)}
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(status[name], 16) == 0, (name, status[name])
        assert status["NoNewPrivs"].strip() == "1"
    server.talk(b"EHLO x\r\n", b"QUIT\r\n")
    live.stop()
    assert [row["end"] for row in mailproxy.sessions(record) if row["server"].endswith(f":{server.port}")] == ["closed"]
    assert all(path.stat().st_uid == nobody.pw_uid for path in record.rglob("*"))


def test_c29_root_keeps_nothing_but_the_files_of_others(scratch):
    live = Live(scratch, "lo")
    assert {int(status["CapEff"], 16) for status in live.statuses()} == {1 << 1}
    live.stop()


def test_it_ends_after_packets_or_seconds(server, scratch):
    live = Live(scratch, "lo", "-f", f"tcp port {server.port}", "--count", "5", "--immediate")
    server.talk(b"EHLO x\r\n", b"QUIT\r\n")
    assert live.process.wait() == 0
    assert live.summary()["packets"] == 5
    short = Live(scratch, "lo", "-f", f"tcp port {server.port}", "--duration", "0.3", name="short")
    assert short.process.wait() == 0
    assert short.summary()["packets"] == 0


def test_a_log_of_the_firewall_in_which_nothing_waits(scratch):
    """libpcap takes it for an error that nothing waits there."""
    done = command("capture", "-i", "nflog", "--duration", "0.3", "--record-dir", scratch / "record", "--data-dir", scratch / "data", "--json", status=0)
    assert mailproxy.rows(done)[0]["packets"] == 0


def test_what_the_snap_length_cuts_is_a_gap(server, scratch):
    live = Live(scratch, "lo", "-f", f"tcp port {server.port}", "--snaplen", "100")
    server.talk(b"EHLO " + b"x" * 200 + b"\r\n", b"QUIT\r\n")
    live.stop()
    (row,) = mailproxy.sessions(live.record)
    assert row["gaps"] > 0


def test_c28_what_the_kernel_drops_is_said_and_recorded(scratch):
    """The capture does not come to read for a while, and its buffer is small: losses are counted, and are gaps in the
    sessions that they hit."""
    server = Answering(b"220 mx ESMTP\r\n250 ok\r\n250 ok\r\n221 bye\r\n")
    sink = socket.create_server((HOST, 0))
    live = Live(scratch, "lo", "-f", f"tcp port {server.port} or tcp port {sink.getsockname()[1]}", "--buffer", "256K")
    client = socket.create_connection((HOST, server.port))
    lines = client.makefile("rb")
    lines.readline()
    client.sendall(b"EHLO x\r\n")
    lines.readline()
    live.process.wait_for("it has taken the beginning", lambda: list(live.record.glob("*.pcapng")))
    live.process.kill(signal.SIGSTOP)
    flood = socket.create_connection(sink.getsockname())
    taker, _ = sink.accept()
    with flood, taker:
        for _ in range(200):
            flood.sendall(bytes(60_000))
            taken = 0
            while taken < 60_000:
                taken += len(taker.recv(60_000))
    # Said while nothing more can be kept.
    client.sendall(b"NOOP\r\n")
    lines.readline()
    live.process.kill(signal.SIGCONT)
    live.process.wait_for("it says what was lost", lambda: "dropped (" in live.process.err)
    client.sendall(b"QUIT\r\n")
    lines.read()
    client.close()
    sink.close()
    server.close()
    summary = live.stop()
    assert summary["dropped_by_kernel"] > 0 and summary["dropped"] >= summary["dropped_by_kernel"]
    assert summary["gaps"] > 0
    (row,) = [row for row in mailproxy.sessions(live.record) if row["server"].endswith(f":{server.port}")]
    assert row["gaps"] > 0
    assert sum(_dropped(path) for path in mailproxy.segments(live.record)) == summary["dropped"]


def _dropped(path):
    """The last isb_ifdrop of a segment's first interface."""
    data, at, found = path.read_bytes(), 0, 0
    while at + 12 <= len(data):
        kind, length = struct.unpack("<II", data[at : at + 8])
        if kind == 5 and struct.unpack("<I", data[at + 8 : at + 12])[0] == 0:
            option = at + 20
            while option + 4 <= at + length - 4:
                code, size = struct.unpack("<HH", data[option : option + 4])
                if code == 5:
                    (found,) = struct.unpack("<Q", data[option + 4 : option + 12])
                option += 4 + (size + 3) // 4 * 4
        at += length
    return found


class Taking:
    """An SMTP server that takes messages of one connection."""

    def __init__(self):
        self.socket = socket.create_server((HOST, 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        peer, _ = self.socket.accept()
        with peer, peer.makefile("rb") as lines:
            peer.sendall(b"220 mx ESMTP\r\n")
            for line in lines:
                if line == b"DATA\r\n":
                    peer.sendall(b"354 go\r\n")
                    while lines.readline() != b".\r\n":
                        pass
                peer.sendall(b"250 ok\r\n")

    def take(self, count, message):
        with socket.create_connection((HOST, self.port)) as client, client.makefile("rb") as lines:
            lines.readline()
            for say in [b"EHLO x\r\n"] + [b"MAIL FROM:<a@b.c>\r\n", b"RCPT TO:<d@e.f>\r\n", b"DATA\r\n", message] * count:
                client.sendall(say)
                lines.readline()
        self.thread.join()
        self.socket.close()


def test_a_second_interrupt_leaves_the_index_for_later(scratch):
    """It ends at once, with all recorded, and says how the index gets what it lacks."""
    server, count = Taking(), 150
    live = Live(scratch, "lo", "-f", f"tcp port {server.port}")
    words = b"".join(b"Line %d of a message with words to be found, one of which is number%d\r\n" % (n, n) for n in range(2000))
    server.take(count, b"Subject: many words\r\n\r\n" + words + b".\r\n")
    # Both at once: the second is there when the first has ended the capture.
    live.process.kill(signal.SIGINT)
    live.process.kill(signal.SIGTERM)
    assert live.process.wait(20) == 0, live.process.err
    assert "read by the next capture or 'mailproxy sessions reindex'" in live.process.err
    command("verify", live.record, status=0)
    assert _unread(live.record) == 1
    command("sessions", "reindex", "--record-dir", live.record, status=0, seconds=120)
    assert _unread(live.record) == 0
    (row,) = mailproxy.sessions(live.record)
    assert (row["messages"], row["gaps"]) == (count, 0)


def _unread(record):
    with contextlib.closing(sqlite3.connect(record / "index.sqlite")) as index:
        return index.execute("SELECT count(*) FROM unread").fetchone()[0]


@pytest.mark.parametrize(
    "options, said",
    [
        (["-i", "none0"], "none0"),
        (["-i", "lo", "-f", "port port"], "port port"),
        (["-i", "lo", "--snaplen", "0"], "--snaplen"),
        (["-i", "lo", "--buffer", "1K"], "--buffer"),
        (["-i", "lo", "--buffer", "much"], "much"),
        (["-i", "lo", "--duration", "-1"], "duration"),
        (["-i", "lo", "--user", "nobody-of-this-name"], "nobody-of-this-name"),
        (["-i", "lo", "--user", "root"], "root"),
        (["-r", "/dev/null", "--count", "3"], "--count"),
        (["-r", "/dev/null", "-i", "lo"], "exclude"),
    ],
)
def test_wrong_options_are_explained(options, said, scratch):
    done = command("capture", *options, "--record-dir", scratch / "record", status=(2, 64))
    assert said in done.stderr.decode()
    assert not (scratch / "record").exists()


def test_interfaces_are_listed():
    rows = mailproxy.rows(command("capture", "--list", "--json", status=0))
    assert {"name": "lo", "loopback": True}.items() <= next(row for row in rows if row["name"] == "lo").items()
    assert any(row["name"] == "any" for row in rows)
