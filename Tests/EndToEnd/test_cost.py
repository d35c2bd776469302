"""`sessions cost` over captures whose times are known, and over recordings of the proxy."""

import imaplib
import json
import smtplib

import pytest

from made_capture import Conversation, pcap
from mailproxy import MailProxy, command, rows, sessions
from processes import HOST

START = 1_790_000_000_000_000

SUBMISSION = [
    (12, "S: 220 mx.example.com"), (20, "C: EHLO a.example.com"), (23, "S: 250-mx.example.com\r\n250 PIPELINING"),
    (30, "C: MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>"),
    (31, "S: 250 ok"), (131, "S: 250 ok"), (132, "S: 550 5.1.1 no"),
    (140, "C: DATA"), (142, "S: 354 go"), (143, "C: Subject: x\r\n\r\nx"), (343, "C: ."), (393, "S: 250 ok"),
    (1393, "C: QUIT"), (1394, "S: 221 bye"),
]  # fmt: skip
MAILBOX = [
    (1, "S: * OK hi"), (2, "C: a LOGIN you@example.com secret"), (102, "S: a OK"),
    (103, "C: b SELECT INBOX"), (104, "S: * 2 EXISTS"), (110, "S: b OK"),
    (120, "C: c FETCH 1:2 FLAGS"), (121, "S: * 1 FETCH (FLAGS ())"), (150, "S: * 2 FETCH (FLAGS ())\r\nc OK"),
    (160, "C: d IDLE"), (161, "S: + ok"), (9000, "S: * 3 EXISTS"), (20000, "C: DONE"), (20002, "S: d OK"),
]  # fmt: skip


@pytest.fixture(scope="module")
def capture(module_scratch):
    path = module_scratch / "known.pcap"
    path.write_bytes(
        pcap(
            Conversation(START).play(SUBMISSION).close(1400),
            Conversation(START + 500_000, client="192.0.2.2", port=143).play(MAILBOX).close(20010),
            Conversation(START + 700_000, client="192.0.2.2", client_port=40001, port=143).play(MAILBOX).close(20010),
        )
    )
    return path


def costs(*arguments):
    """Groups by their key, the total, the worst."""
    found = rows(command("sessions", "cost", "--json", *arguments, status=0))
    groups = {tuple(row["key"]): row for row in found if row.get("total") is False}
    (total,) = [row for row in found if row.get("total")]
    return groups, total, [row for row in found if "worst" in row]


def times(row, what):
    return row[what]["count"], row[what]["seconds"]


def test_figures_are_those_of_the_capture(capture):
    groups, total, worst = costs(capture)
    assert times(groups[("(greeting)",)], "server") == (3, 0.014)
    assert times(groups[("MAIL",)], "server") == (1, 0.001)
    assert times(groups[("RCPT",)], "server") == (2, 0.101)
    assert (groups[("RCPT",)]["server"]["p50"], groups[("RCPT",)]["server"]["p95"]) == (0.001, 0.1)
    data = groups[("DATA",)]
    assert (data["round_trips"], times(data, "first"), times(data, "think")) == (2, (1, 0.052), (1, 0.009))
    assert times(groups[("QUIT",)], "think") == (1, 1.0)
    fetch = groups[("FETCH",)]
    assert (fetch["sessions"], fetch["exchanges"], times(fetch, "first"), times(fetch, "server")) == (2, 2, (2, 0.002), (2, 0.06))
    assert fetch["bytes"] == {"client": 2 * len("c FETCH 1:2 FLAGS\r\n"), "server": 2 * len("* 1 FETCH (FLAGS ())\r\n* 2 FETCH (FLAGS ())\r\nc OK\r\n")}
    idle = groups[("IDLE",)]
    assert (idle["round_trips"], times(idle, "server"), times(idle, "think")) == (4, (2, 0.006), (2, 0.02))
    assert total["sessions"] == 3 and total["exchanges"] == 7 + 2 * 5
    listed = sessions(capture)
    for side in ("client", "server"):
        assert total["bytes"][side] == sum(row["bytes"][side] for row in listed)
        assert total["bytes"][side] == sum(row["bytes"][side] or 0 for row in groups.values())
    assert [(row["command"], row["server"]) for row in worst[:3]] == [("RCPT", 0.1), ("LOGIN", 0.1), ("LOGIN", 0.1)]
    assert "secret" not in json.dumps(worst)


def test_groups_and_filters(capture):
    groups, total, _ = costs(capture, "--by", "client", "--by", "user")
    assert {key: row["sessions"] for key, row in groups.items()} == {("192.0.2.1", ""): 1, ("192.0.2.2", "you@example.com"): 2}
    groups, total, _ = costs(capture, "--by", "command", "--by", "client", "--filter", "imap")
    assert total["sessions"] == 2 and ("192.0.2.2", "SELECT") in groups and ("192.0.2.1", "DATA") not in groups
    _, total, _ = costs(capture, "--since", "2026-09-21T14:13:20.600Z")
    assert total["sessions"] == 1
    text = command("sessions", "cost", capture, "--by", "protocol", status=0).stdout.decode()
    assert [line.split()[:3] for line in text.splitlines()[:4]] == [
        ["PROTOCOL", "SESSIONS", "EXCH"], ["imap", "2", "10"], ["smtp", "1", "7"], ["total", "3", "17"],
    ]  # fmt: skip
    none = command("sessions", "cost", capture, "--filter", "pop3", status=0)
    assert b"no session in" in none.stderr and none.stdout == b""
    for wrong in (["--limit=-1"], ["--by", "client", "--by", "client"], ["--by", "weather"], ["--worst", "1001"]):
        assert command("sessions", "cost", capture, *wrong, status=2).stdout == b""


def test_a_recording_by_its_octets_and_by_its_index(servers, scratch):
    account = servers.accounts.fresh()
    with MailProxy(scratch, {"smtp": servers.ports["smtp"], "imap": servers.ports["imap"]}) as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as smtp:
            smtp.sendmail(account.address, [account.address], "Subject: cost\r\n\r\nx\r\n")
        imap = imaplib.IMAP4(HOST, proxy.ports["imap"])
        imap.login(account.address, account.password)
        imap.select()
        imap.logout()
    exact, total, _ = costs(proxy.record)
    quick, quick_total, _ = costs(proxy.record, "--quick")
    assert {key[0] for key in exact} >= {"EHLO", "MAIL", "RCPT", "DATA", "LOGIN", "SELECT", "LOGOUT"}
    assert total["sessions"] == quick_total["sessions"] == 2 and total["exchanges"] == quick_total["exchanges"]
    assert total["bytes"] == quick_total["bytes"]
    for verb in ("EHLO", "SELECT"):
        assert exact[(verb,)]["server"] == quick[(verb,)]["server"]
    assert quick[("SELECT",)]["round_trips"] is None and quick[("SELECT",)]["bytes"] == {"client": None, "server": None}
    assert quick[("DATA",)]["server"]["count"] == 0 and exact[("DATA",)]["round_trips"] == 2
    assert costs(proxy.record, "--filter", "imap")[1]["sessions"] == 1
