"""Passive capture: from tcpdump's file and live from the loopback; the same sessions as the proxy recorded."""

import re

import pytest

import clients
import mailproxy
import pcap
import tshark
from mailproxy import MailProxy, command
from processes import HOST, Process


@pytest.fixture(scope="module")
def both(servers, module_scratch):
    """The folder of the proxy's recording and tcpdump's file of the same sessions."""
    with MailProxy(module_scratch, servers.ports, listener="?capabilities=all") as proxy:
        capture = pcap.Capture(module_scratch, list(proxy.ports.values()))
        for driver in clients.SMTP_DRIVERS + clients.POP3_DRIVERS + clients.IMAP_DRIVERS:
            servers.drive(driver, proxy.ports)
        capture.all_closed(*proxy.ports.values())
        path = capture.stop()
    return proxy.record, path, proxy.ports


def _shown(source):
    """{(client address, protocol): (session, exchanges)} without ids and times."""
    shown = mailproxy.all_exchanges(source)
    found = {}
    for row in mailproxy.sessions(source):
        exchanges = [mailproxy.timeless(exchange) for exchange in shown.get(row["id"], [])]
        found[row["client"], row["protocol"]] = (mailproxy.timeless(row), exchanges)
    return found


def _check_same(ours, theirs):
    assert set(ours) == set(theirs) != set()
    for client in ours:
        assert ours[client] == theirs[client]


def test_capture_of_a_file_tells_what_the_proxy_recorded(both, scratch):
    record, path, _ = both
    command("capture", "-r", path, "--record-dir", scratch / "again", status=0)
    _check_same(_shown(record), _shown(scratch / "again"))


def test_commands_read_a_capture_file_as_it_is(both):
    record, path, _ = both
    _check_same(_shown(record), _shown(path))


def test_transcripts_are_the_same(both, scratch):
    record, path, _ = both
    command("capture", "-r", path, "--record-dir", scratch / "again", status=0)

    def transcripts(source):
        """The dialogue below the head of each session, without times."""
        ids = {row["id"]: (row["client"], row["protocol"]) for row in mailproxy.sessions(source)}
        text = command("sessions", "show", source, status=0).stdout.decode()
        found, client, in_head = {}, None, True
        for line in text.splitlines():
            words = line.split()
            if words[:1] == ["Session"] and words[1] in ids:
                client, in_head = ids[words[1]], True
            elif not words:
                in_head = False
            elif not in_head:
                found.setdefault(client, []).append(re.sub(r"\d+[.:][\d.:]*\d", "T", line))
        return found

    assert set(transcripts(record)) == {(row["client"], row["protocol"]) for row in mailproxy.sessions(record)}
    assert transcripts(record) == transcripts(scratch / "again")


def test_recording_made_from_a_capture_is_read_by_tshark(both, scratch):
    _, path, ports = both
    command("capture", "-r", path, "--record-dir", scratch / "again", status=0)
    seen = [tshark.commands(segment) for segment in mailproxy.segments(scratch / "again")]
    assert any("MAIL" in s["smtp"] for s in seen) and any("RETR" in s["pop"] for s in seen)
    assert any("FETCH" in s["imap"] for s in seen)


def test_filter_of_packets(both, scratch):
    """-f takes a BPF expression: only the POP3 port's sessions are recorded."""
    _, path, ports = both
    command("capture", "-r", path, "-f", f"tcp port {ports['pop3']}", "--record-dir", scratch / "again", status=0)
    assert {row["protocol"] for row in mailproxy.sessions(scratch / "again")} == {"pop3"}


def test_live_capture(servers, scratch):
    """-i lo while clients talk to the servers; SIGINT ends it with status 0."""
    ports = " or ".join(f"tcp port {p}" for p in servers.ports.values())
    live = Process(
        [mailproxy.binary(), "capture", "-i", "lo", "-f", ports, "--record-dir", scratch / "live"],
        scratch,
        "live",
        env=mailproxy.environment(scratch),
        cwd=scratch,
    )
    try:
        live.wait_for("it captures", lambda: "capturing" in live.out + live.err or "listening" in live.out + live.err)
        for driver in (
            clients.smtp_clients.burst,
            clients.pop3_clients.poplib_whole,
            clients.imap_clients.imaplib_whole,
        ):
            servers.drive(driver, servers.ports)
        live.wait_for("its first sessions", lambda: len(list((scratch / "live").glob("*.pcapng"))) > 0)
    finally:
        status = live.stop(2)
    assert status == 0, live.err
    rows = mailproxy.sessions(scratch / "live")
    assert sorted(row["protocol"] for row in rows) == ["imap", "pop3", "smtp"]
    assert all(row["gaps"] == 0 and row["server"].startswith(HOST) for row in rows)
