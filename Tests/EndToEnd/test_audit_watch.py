"""Audits while mail passes: of the recording of a running proxy, and of an interface; and the audit of the mixed capture."""

import imaplib
import json
import os
import pathlib
import signal
import smtplib
import socket
import struct
import subprocess

import pytest

import mailproxy
import messages
import pcap as reading
from imap_clients import ok
from mailproxy import MailProxy, binary, command, environment, rows
from made_capture import Conversation, pcap
from processes import HOST, Process, checked, run

CASES = pathlib.Path(os.environ.get("MAILPROXY_CASES") or pathlib.Path(__file__).parents[3] / "shared" / "cases")
MIXED = CASES / "mixed-11-sessions" / "mail.pcap"

FOUND = 1


def login(port, account):
    client = imaplib.IMAP4(HOST, port, timeout=20)
    ok(client.login(account.address, account.password))
    client.logout()


class Watch:
    """`audit --watch` until it is interrupted."""

    def __init__(self, folder, *options):
        self.report = folder / "report.json"
        self.process = Process(
            [binary(), "audit", "--watch", "--format", "json", "--fail-on", "medium", "-o", self.report, *options],
            folder,
            "watch",
            env=environment(folder),
        )
        self.process.wait_for("it watches", lambda: "watching" in self.process.err)

    def lines(self):
        return [json.loads(line) for line in self.process.out.splitlines()]

    def told(self, code, subject):
        return [row for row in self.lines() if (row["code"], row["subject"]) == (code, subject)]

    def wait(self, code, subject):
        self.process.wait_for(f"{code} of {subject} is told", lambda: self.told(code, subject))
        return self.told(code, subject)

    def stop(self):
        """Ctrl-C; gives the report."""
        self.process.kill(signal.SIGINT)
        assert self.process.wait() == FOUND, self.process.err
        return json.loads(self.report.read_text())


def test_of_a_running_proxy(servers, scratch):
    first, second = (servers.accounts.fresh() for _ in range(2))
    with MailProxy(scratch, {"imap": servers.dovecot.imap, "smtp": servers.postfix.port}) as proxy:
        login(proxy.ports["imap"], first)
        watch = Watch(scratch, proxy.record)
        # What was there, and what comes.
        (row,) = watch.wait("credentials-in-clear", first.address)
        assert (row["severity"], row["detail"]) == ("medium", "LOGIN, accepted")
        login(proxy.ports["imap"], second)
        watch.wait("credentials-in-clear", second.address)
        with smtplib.SMTP(HOST, proxy.ports["smtp"], timeout=20) as client:
            client.sendmail("ada@example.org", [second.address], messages.plain(second.address, "watched"))
        watch.wait("messages-in-clear", "ada@example.org")
        login(proxy.ports["imap"], second)
    report = watch.stop()
    assert len(watch.told("credentials-in-clear", second.address)) == 1
    assert [row["account"] for row in report["credentials"]] == [first.address, second.address, second.address]
    assert [row["subject"] for row in report["messages"]] == ["watched"]
    everything = watch.process.out + watch.report.read_text()
    assert first.password not in everything and second.password not in everything
    assert oct(watch.report.stat().st_mode & 0o777) == "0o600"
    # The same from the recording at rest.
    later = json.loads(command("audit", proxy.record, "--format", "json", "--fail-on", "medium", status=FOUND).stdout)
    assert {row["code"] for row in later["findings"]} == {row["code"] for row in report["findings"]}
    marks = [row["fingerprint"] for row in later["credentials"]]
    # The index knows which secrets are the same.
    assert None not in marks and marks[1] == marks[2] != marks[0]
    assert [row["fingerprint"] for row in report["credentials"]] == marks


def test_what_a_recording_lacks_is_told(scratch):
    """Gaps, and what the kernel dropped when it was made: the same as of the recording at rest."""
    talk = Conversation(1_700_000_000_000_000).play([(1, "S: 220 mx ESMTP"), (2, "C: EHLO a.example.com"), (3, "S: 250 mx")])
    talk.next["S"] += 100
    talk.play([(4, "C: MAIL FROM:<ada@example.com>"), (5, "S: 250 ok"), (6, "C: QUIT"), (7, "S: 221 bye")]).close(8)
    plain, counted = scratch / "plain.pcap", scratch / "counted.pcapng"
    plain.write_bytes(pcap(talk))
    checked(["/usr/bin/editcap", "-F", "pcapng", plain, counted])
    body = struct.pack("<III", 0, 0, 0) + struct.pack("<HHQ", 5, 8, 7) + struct.pack("<I", 0)
    counted.write_bytes(counted.read_bytes() + struct.pack("<II", 5, 12 + len(body)) + body + struct.pack("<I", 12 + len(body)))
    command("capture", "-r", counted, "--record-dir", scratch / "record", status=0)
    options = ("--format", "json", "--fail-on", "never", "-o", scratch / "watched.json")
    command("audit", "--watch", scratch / "record", "--duration", "1", *options, status=0)
    watched = json.loads((scratch / "watched.json").read_text())
    (rest,) = rows(command("audit", scratch / "record", "--format", "json", "--fail-on", "never", "--no-hash", status=0))
    assert watched["sources"] == rest["sources"]
    assert (rest["sources"][0]["gaps"], rest["sources"][0]["dropped"]) == (1, 7)
    assert "capture-drops" in {row["code"] for row in watched["findings"]} == {row["code"] for row in rest["findings"]}


def test_of_an_interface(servers, scratch):
    account = servers.accounts.fresh()
    watch = Watch(scratch, "-i", "lo", "-f", f"tcp port {servers.dovecot.imap}")
    login(servers.dovecot.imap, account)
    watch.wait("credentials-in-clear", account.address)
    report = watch.stop()
    (source,) = report["sources"]
    assert source["file"] == "lo" and source["packets"] > 10 and source["dropped"] == 0


def test_what_passed_before_the_end_is_seen(servers, scratch):
    """What waits in the kernel when the signal comes is read."""
    account = servers.accounts.fresh()
    watch = Watch(scratch, "-i", "lo", "-f", f"tcp port {servers.dovecot.imap}")
    watch.process.kill(signal.SIGSTOP)
    login(servers.dovecot.imap, account)
    watch.process.kill(signal.SIGINT)
    watch.process.kill(signal.SIGCONT)
    assert [row["account"] for row in watch.stop()["accounts"]] == [account.address]


IP = "/usr/sbin/ip"


@pytest.fixture
def pair():
    """Two interfaces, of which each gets what the other sends."""
    near, far = (f"mp{os.getpid() % 100_000}{side}" for side in "ab")
    checked([IP, "link", "add", near, "type", "veth", "peer", "name", far])
    for name in (near, far):
        checked([IP, "link", "set", name, "up"])
    yield near, far
    run([IP, "link", "del", near])


def replay(interface):
    """Sends the packets of the mixed capture, which have no frames."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        for _, _, frame in reading.packets(MIXED.read_bytes()):
            sender.send(bytes(12) + b"\x08\x00" + frame)


def test_an_interface_that_goes_away_while_it_is_watched(pair, scratch):
    """What passed before is read to the last packet, and the report is written and says why there is no more."""
    near, far = pair
    watch = Watch(scratch, "-i", far)
    replay(near)
    checked([IP, "link", "del", near])
    assert watch.process.wait() == 3
    assert f"{far}: The interface disappeared" in watch.process.err and "--help" not in watch.process.err
    report = json.loads(watch.report.read_text())
    assert (report["sessions"], len(report["credentials"])) == (11, 9)
    assert "disappeared" in report["sources"][0]["problem"]


def test_an_interface_that_goes_away_while_it_is_captured(pair, scratch):
    near, far = pair
    live = Process(
        [binary(), "capture", "-i", far, "--record-dir", scratch / "record", "--json"], scratch, "live", env=environment(scratch), cwd=scratch
    )  # fmt: skip
    live.wait_for("it captures", lambda: "capturing" in live.err)
    replay(near)
    checked([IP, "link", "del", near])
    assert live.wait() == 3 and "what passed before was recorded" in live.err
    assert json.loads(live.out)["credentials"] == 9


def test_who_watches_must_be_able_to_write_the_report(scratch):
    """Said at once, not when the first report is due."""
    folder = scratch / "ours"
    folder.mkdir(0o700)
    said = command("audit", "--watch", "-i", "lo", "--user", "nobody", "-o", folder / "report", "--duration", "20", status=2, seconds=10).stderr
    assert b"cannot write: Permission denied" in said and b"watching" not in said


def test_nobody_reads_the_pipe_of_the_report(scratch):
    """It is said what is waited for, and a second Ctrl-C ends that."""
    folder, pipe = scratch / "empty", scratch / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    with subprocess.Popen(
        [binary(), "audit", "--watch", folder, "-o", pipe], stderr=subprocess.PIPE, env=environment(scratch),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as watch:  # fmt: skip
        try:
            assert b"watching" in watch.stderr.readline()
            watch.send_signal(signal.SIGINT)
            assert b"waits for who reads it" in watch.stderr.readline()
            watch.send_signal(signal.SIGINT)
            assert watch.wait(20 * mailproxy.PATIENCE) in (-signal.SIGINT, 128 + signal.SIGINT)
        finally:
            watch.kill()


def test_a_capture_of_headers_accuses_nobody(scratch):
    """Of what was cut off nothing is said to have been absent; how much was cut is."""
    cut = scratch / "cut.pcap"
    checked(["/usr/bin/editcap", "-s", "66", MIXED, cut])
    report = json.loads(command("audit", cut, "--format", "json", "--fail-on", "never", status=0).stdout)
    (source,) = report["sources"]
    assert source["cut"] == source["gaps"] == 31
    codes = {row["code"] for row in report["findings"]}
    assert {"packets-cut", "capture-gaps"} <= codes
    assert not codes & {"starttls-stripped", "tls-not-offered", "tls-not-offered-relay", "port-scan"}
    assert [row["posture"] for row in report["clients"]] == ["unprotected"]
    done = command("capture", "-r", cut, "--record-dir", scratch / "record", status=0)
    assert b"31 cut after 66 octets" in done.stdout
    # Without anything of TCP there is no session, which is no all-clear.
    checked(["/usr/bin/editcap", "-s", "40", MIXED, cut])
    said = command("audit", cut, "--fail-on", "never", status=0).stdout.decode()
    assert "there is nothing to judge. The capture kept only the beginning of packets." in said


def test_for_a_while(scratch):
    folder = scratch / "empty"
    folder.mkdir()
    done = command("audit", "--watch", folder, "--duration", "1", "-o", scratch / "r.json", "--format", "json", status=0)
    assert done.stdout == b"" and json.loads((scratch / "r.json").read_text())["verdict"] == "clear"


def test_what_can_not_be_watched(scratch):
    assert b"is no directory of recordings" in command("audit", "--watch", MIXED, status=2).stderr
    assert b"-i needs --watch" in command("audit", "-i", "lo", status=2).stderr
    assert b"no such" in command("audit", "--watch", "-i", "nowhere0", status=2).stderr.lower()
    assert b"--filter" in command("audit", "--watch", scratch, "--filter", "imap", status=2).stderr


@pytest.mark.parametrize("direction", ["dst", "src"])
def test_one_direction_of_the_mixed_capture(direction, scratch):
    """A mirror port that shows one direction only: all that this side says is found, and is the same as in the whole capture."""
    ports = " or ".join(f"tcp {direction} port {port}" for port in (25, 110, 143, 587, 2525))
    half = scratch / "half.pcap"
    subprocess.run(["/usr/bin/tcpdump", "-q", "-r", MIXED, "-Z", "root", "-w", half, ports], check=True, capture_output=True)

    def audit(path):
        report = json.loads(command("audit", path, "--format", "json", "--reveal", "--fail-on", "never", status=0).stdout)
        return report, {(row["account"], row["secret"]) for row in report["credentials"]}, {row["sha256"] for row in report["messages"]}

    whole, logins, messages = audit(MIXED)
    report, found, read = audit(half)
    carriers = ["DATA", "DATA", "DATA", "BDAT", "APPEND"] if direction == "dst" else ["RETR", "RETR", "RETR", "FETCH"]
    assert found == (logins if direction == "dst" else set())
    assert sorted(row["carrier"] for row in report["messages"]) == sorted(carriers)
    assert read < messages and all(row["complete"] for row in report["messages"])
    assert {row["outcome"] for row in report["credentials"]} <= {"unknown"} and len(whole["messages"]) == 9
    assert report["verdict"] != "info" and "one-sided" in {row["code"] for row in report["findings"]}


def test_the_mixed_capture():
    """Nine credentials, nine messages, and the injection behind STARTTLS, where other readers find three and three."""
    report = json.loads(command("audit", MIXED, "--format", "json", "--reveal", status=FOUND).stdout)
    shown = {(row["account"], row["protocol"], row["mechanism"]) for row in report["credentials"]}
    assert shown == {
        ("alice", "smtp", "PLAIN"),
        ("bob", "smtp", "LOGIN"),
        ("carol", "pop3", "USER"),
        ("dave", "pop3", "PLAIN"),
        ("erin", "imap", "LOGIN"),
        ("frank", "imap", "PLAIN"),
        ("grace", "imap", "LOGIN"),
        ("heidi", "imap", "PLAIN"),
        ("ivan", "smtp", "PLAIN"),
    }
    assert len(report["credentials"]) == 9 and all(row["outcome"] == "accepted" and row["secret"] for row in report["credentials"])
    names = {"smtp-data", "smtp-bdat", "smtp-pipelined", "pop3-retr", "pop3-pipe1", "pop3-pipe2", "imap-fetch", "imap-append", "smtp-oddport"}
    assert {row["subject"] for row in report["messages"]} == names and all(row["complete"] for row in report["messages"])
    found = {row["code"]: row for row in report["findings"]}
    (place,) = found["starttls-injection"]["evidence"]
    assert place["excerpt"][:2] == ["C: STARTTLS", "S: 220 go"] and place["excerpt"][2].startswith("C: ")
    assert report["verdict"] == "critical" and place["client"] == "10.0.0.1:40011" and place["frame"] == 182
    # What is revealed is revealed to who asked for it alone.
    assert b'"secret"' not in command("audit", MIXED, "--format", "json", status=FOUND).stdout
    assert command("audit", MIXED, "--fail-on", "never", status=0).stdout.startswith(b"Verdict: critical")
    assert rows(command("audit", MIXED, "--format", "json", "--fail-on", "critical", status=FOUND))[0]["sources"][0]["packets"] == 185
