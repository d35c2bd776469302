"""Replay: recorded sessions played against the same state of a server, and against a changed one."""

import json

import pytest

import clients
import imap_clients
import mailproxy
import messages
import pcap
import peers
import pop3_clients
import smtp_clients
from mailproxy import MailProxy, command
from processes import HOST, free_port


def _record(servers, folder, protocol, driver, account, stored):
    """Runs one driver through the proxy and returns the recording; Dovecot's mailboxes are then what they were
    before."""
    if stored is not None:
        imap_clients.seed(clients.Place(servers.dovecot.side_door), account, stored)
        servers.dovecot.save(account)
    with MailProxy(folder, {protocol: servers.ports[protocol]}) as proxy:
        place = clients.Place(proxy.ports[protocol])
        driver(place, account) if stored is None else driver(place, account, stored)
    if stored is not None:
        servers.dovecot.restore(account)
    return proxy.record


def _replay(servers, record, protocol, account, *options, status):
    return command(
        "replay",
        *(["--record-dir", record] if protocol == "pop3" else [record]),
        "--to",
        f"{protocol}://{HOST}:{servers.ports[protocol]}",
        "--user",
        account.address,
        "--password",
        account.password,
        *options,
        status=status,
        seconds=60,
    )


CASES = [
    ("imap", imap_clients.imaplib_whole),
    ("imap", imap_clients.imaplib_uid),
    ("imap", imap_clients.literals),
    ("imap", imap_clients.nc_typed),
    ("pop3", pop3_clients.poplib_whole),
    ("pop3", pop3_clients.burst),
    ("pop3", pop3_clients.sasl_plain),
    ("smtp", smtp_clients.smtplib_plain),
    ("smtp", smtp_clients.burst),
    ("smtp", smtp_clients.chunking),
    ("smtp", smtp_clients.strange_words),
]


@pytest.mark.parametrize(
    "protocol, driver", CASES, ids=lambda value: value if isinstance(value, str) else value.__name__
)
def test_same_server_answers_the_same(protocol, driver, servers, scratch):
    account = servers.accounts.fresh()
    stored = None if protocol == "smtp" else messages.many(account.address)
    record = _record(servers, scratch, protocol, driver, account, stored)
    done = _replay(servers, record, protocol, account, "--json", status=0)
    lines = mailproxy.rows(done)
    assert lines[-1]["summary"] is True
    assert len(lines) - 1 == len(mailproxy.sessions(record)) > 0
    for line in lines[:-1]:
        assert {"session", "result", "exchanges", "differences", "seconds"} <= set(line)
        assert line["result"] == "same" and line["exchanges"] > 0
        assert all(d["class"] in ("allowed", "quirk") for d in line["differences"])
    assert account.password not in done.stdout.decode() + done.stderr.decode()


def test_changed_mailbox_is_a_difference(servers, scratch):
    account = servers.accounts.fresh()
    record = _record(servers, scratch, "imap", imap_clients.imaplib_whole, account, messages.many(account.address))
    emptied = imap_clients._login(clients.Place(servers.dovecot.side_door), account)
    emptied.select("INBOX")
    emptied.store("2:*", "+FLAGS", "(\\Deleted)")
    emptied.expunge()
    emptied.logout()
    lines = mailproxy.rows(_replay(servers, record, "imap", account, "--json", status=1))
    assert lines[0]["result"] == "differs"
    assert lines[0]["differences"]
    for difference in lines[0]["differences"]:
        assert {"exchange", "class", "expected", "got", "section"} <= set(difference)
        assert difference["class"] in ("allowed", "quirk", "violation", "regression")
    text = _replay(servers, record, "imap", account, status=1).stdout.decode()
    assert "differ" in text


def test_refused_recipient_is_a_difference(servers, scratch):
    """The recording was made with a server that takes the mail; this one does not know the recipient."""
    account = servers.accounts.fresh()
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        somebody = peers.Account("nobody-here", account.password)
        smtp_clients.burst(clients.Place(proxy.ports["smtp"]), somebody)
    lines = mailproxy.rows(_replay(servers, proxy.record, "smtp", account, "--json", status=1))
    assert any("RCPT" in json.dumps(d) or "550" in json.dumps(d) for d in lines[0]["differences"])


def test_wrong_password_is_a_difference(servers, scratch):
    account = servers.accounts.fresh()
    record = _record(servers, scratch, "pop3", pop3_clients.poplib_whole, account, messages.many(account.address))
    account = peers.Account(account.name, "something else")
    lines = mailproxy.rows(_replay(servers, record, "pop3", account, "--json", status=1))
    assert lines[0]["result"] in ("differs", "failed")


def test_server_that_is_not_there(servers, scratch):
    account = servers.accounts.fresh()
    record = _record(servers, scratch, "smtp", smtp_clients.burst, account, None)
    done = command("replay", record, "--to", f"smtp://{HOST}:{free_port()}", status=3)
    assert len(done.stderr.decode().splitlines()) == 1, done.stderr


def test_replay_of_a_capture_file(servers, scratch):
    """Any pcap will do."""
    account = servers.accounts.fresh()
    capture = pcap.Capture(scratch, [servers.ports["smtp"]])
    smtp_clients.burst(clients.Place(servers.ports["smtp"]), account)
    capture.all_closed(servers.ports["smtp"])
    path = capture.stop()
    _replay(servers, path, "smtp", account, status=0)
