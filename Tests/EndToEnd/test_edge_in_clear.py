"""TLS that was agreed upon and does not come: what is said in clear behind it is seen, in captures and in recordings of them."""

import json
import ssl

import pytest

import mailproxy
from made_capture import Conversation, pcap
from mailproxy import command

START = 1_700_000_000_000_000
SECRET = "kanarie-8hQ2"
PORTS = {"smtp": 25, "pop3": 110, "imap": 143}
BEGINNINGS = {
    "smtp": ["S: 220 mx", "C: EHLO c.example.com", "S: 250-mx\r\n250-AUTH LOGIN\r\n250 STARTTLS", "C: STARTTLS", "S: 220 go"],
    "pop3": ["S: +OK", "C: CAPA", "S: +OK\r\nSTLS\r\nUSER\r\n.", "C: STLS", "S: +OK go"],
    "imap": ["S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C: a STARTTLS", "S: a OK go"],
}
LOGINS = {
    "smtp": ["C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: YW5uYQ==", "S: 334 UGFzc3dvcmQ6", "C: a2FuYXJpZS04aFEy", "S: 235 in"],
    "pop3": ["C: USER anna", "S: +OK", f"C: PASS {SECRET}", "S: +OK in"],
    "imap": [f"C: b LOGIN anna {SECRET}", "S: b OK in"],
}
REFUSALS = {"smtp": "S: 454 no TLS", "pop3": "S: -ERR no TLS", "imap": "S: * BAD no TLS"}


def _hello():
    """What a client of TLS begins with."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="mx.example.com").do_handshake()
    return outgoing.read()


def _ways(protocol):
    beginning, refusal = BEGINNINGS[protocol], REFUSALS[protocol]
    yield "client goes on", beginning
    yield "server refuses", [*beginning, _hello(), refusal]
    yield "client begins", [_hello(), beginning[0], refusal, *(beginning[1:3] if protocol == "smtp" else [])]


def _conversation(number, protocol, turns):
    made, now = Conversation(START + number * 1_000_000, f"192.0.2.{number}", port=PORTS[protocol]), 10
    for turn in turns:
        side, octets = ("C", turn) if isinstance(turn, bytes) else (turn[0], turn[3:].encode() + b"\r\n")
        made.say(now, side, octets)
        now += 10
    return made.close(now)


def test_logins_behind_tls_that_never_came_are_seen(scratch):
    every = [(way, protocol, [*turns, *LOGINS[protocol]]) for protocol in PORTS for way, turns in _ways(protocol)]
    capture = scratch / "made.pcap"
    capture.write_bytes(pcap(*(_conversation(number, protocol, turns) for number, (_, protocol, turns) in enumerate(every, 1))))
    command("capture", "-r", capture, "--record-dir", scratch / "record", "--no-chain", status=0)
    for place in (capture, scratch / "record"):
        found = {row["client"].split(":")[0]: row for row in mailproxy.sessions(place)}
        report = json.loads(command("audit", place, "--format", "json", "--fail-on", "never", status=0).stdout)
        failed = {finding["code"]: json.dumps(finding["evidence"]) for finding in report["findings"]}
        assert len(report["credentials"]) == len(found) == len(every)
        assert {(row["account"], row["outcome"], row["tls"]) for row in report["credentials"]} == {("anna", "accepted", False)}
        for number, (way, protocol, _) in enumerate(every, 1):
            row = found[f"192.0.2.{number}"]
            said = (row["protocol"], row["user"], row["credentials"], row["opaque"], row["violations"])
            assert said == (protocol, "anna", 1, False, 0), way
            assert row["tls"]["how"] == ("implicit" if way == "client begins" else "starttls"), way
            assert (f"192.0.2.{number}:" in failed["tls-handshake-failed"]) == (way == "client begins"), way
            assert f"192.0.2.{number}:" in failed["tls-handshake-failed" if way == "client begins" else "starttls-failed"], way
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in (scratch / "record").glob("*.pcapng"))
