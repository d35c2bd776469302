"""Captures that lack packets, as a busy mirror port makes them: a login that is in the capture is told, whichever packets before it are not,
and nothing of it is recorded."""

import base64
import itertools
import json

import mailproxy
from made_capture import Conversation, pcap
from mailproxy import command


def coded(*words):
    return base64.b64encode("\0".join(words).encode()).decode()


# The lines of a session; those of the login, which are always in the capture, begin with a mark.
SCRIPTS = {
    "smtp-plain": (25, ["S: 220 mx ESMTP", "C: EHLO c", "S: 250-mx\r\n250 AUTH PLAIN LOGIN", "!C: AUTH PLAIN {plain}", "S: 235 ok", "C: QUIT"]),
    "smtp-login": (
        587,
        ["S: 220 mx ESMTP", "C: EHLO c", "S: 250-mx\r\n250 AUTH PLAIN LOGIN", "C: AUTH LOGIN", "!S: 334 VXNlcm5hbWU6", "!C: {name64}"]
        + ["!S: 334 UGFzc3dvcmQ6", "!C: {secret64}", "S: 235 ok", "C: QUIT"],
    ),
    "pop3-user": (110, ["S: +OK pop", "C: CAPA", "S: +OK\r\nUSER\r\n.", "!C: USER {name}", "S: +OK", "!C: PASS {secret}", "S: +OK", "C: QUIT"]),
    "pop3-plain": (110, ["S: +OK pop", "C: CAPA", "S: +OK\r\nSASL PLAIN\r\n.", "!C: AUTH PLAIN {plain}", "S: +OK", "C: QUIT"]),
    "imap-login": (143, ["S: * OK hi", "C: a0 CAPABILITY", "S: * CAPABILITY IMAP4rev1\r\na0 OK x", '!C: a1 LOGIN {name} "{secret}"', "S: a1 OK x"]),
    "imap-literal": (
        143,
        ["S: * OK hi", "C: a0 NOOP", "S: a0 OK x", "!C: a1 LOGIN {{{name_size}}}", "S: + go", "!C: {name} {{{secret_size}}}"]
        + ["S: + go", "!C: {secret}", "S: a1 OK x"],
    ),
    "imap-plain": (143, ["S: * OK hi", "C: a0 NOOP", "S: a0 OK x", "C: a1 AUTHENTICATE PLAIN", "!S: + ", "!C: {plain}", "S: a1 OK x"]),
}  # fmt: skip


def variants():
    """Each script with each set of up to two lines before the login gone, with all of them gone, and each of these without a handshake."""
    for name, (port, lines) in SCRIPTS.items():
        end = max(index for index, line in enumerate(lines) if line[0] == "!")
        others = [index for index, line in enumerate(lines[:end]) if line[0] != "!"]
        sets = {()} | {one for count in (1, 2) for one in itertools.combinations(others, count)} | {tuple(others)}
        for gone in sorted(sets):
            for handshake in (True, False):
                yield name, port, lines, gone, handshake


def test_logins_behind_packets_that_are_missing(scratch):
    conversations, expected, secrets = [], {}, []
    for number, (name, port, lines, gone, handshake) in enumerate(variants()):
        account, secret = f"user{number:03}", f"hidden-{number:03}"
        words = {
            "name": account, "secret": secret, "name64": coded(account), "secret64": coded(secret), "plain": coded("", account, secret),
            "name_size": len(account), "secret_size": len(secret),
        }  # fmt: skip
        one = Conversation(1_700_000_000_000_000 + number * 60_000_000, client_port=20_000 + number, port=port)
        lost = [] if handshake else [0, 1, 2]
        for index, line in enumerate(lines):
            if index in gone:
                lost.append(len(one.packets))
            side, text = line.lstrip("!").split(": ", 1)
            one.say(10 + index * 10, side, text.format(**words).encode() + b"\r\n")
        one.close(500)
        one.packets = [packet for at, packet in enumerate(one.packets) if at not in lost]
        conversations.append(one)
        expected[account] = (secret, name, gone, handshake)
        secrets += [secret.encode(), coded(secret).rstrip("=").encode()[:-1], coded("", account, secret).rstrip("=").encode()[:-1]]
    assert len(expected) > 100
    path = scratch / "lossy.pcap"
    path.write_bytes(pcap(*conversations))
    report = json.loads(command("audit", path, "--format", "json", "--reveal", "--fail-on", "never", status=0).stdout)
    found = {row["secret"]: row["account"] for row in report["credentials"]}
    missed = [what for account, what in expected.items() if found.get(what[0], "") != account]
    # A gap that is seen behind "Username:" may have the name in it: what follows may be a password, and is not told as a name.
    assert all(name == "smtp-login" and found.get(secret) == "" and 2 in gone for secret, name, gone, _ in missed), missed[:10]
    assert len(report["credentials"]) == len(expected) and len(missed) < 10
    # The recording has the names and no secret, and says the same.
    record = scratch / "record"
    command("capture", "-r", path, "--record-dir", record, status=0)
    octets = b"".join(one.read_bytes() for one in mailproxy.segments(record))
    assert octets.count(b"user") and not [secret for secret in secrets if secret in octets]
    again = json.loads(command("audit", record, "--format", "json", "--fail-on", "never", status=0).stdout)
    assert sorted(row["account"] for row in again["credentials"]) == sorted(row["account"] for row in report["credentials"])
