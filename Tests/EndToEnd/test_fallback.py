"""MailProxy's own servers, with no server behind them: the same clients as for the real ones."""

import pytest

import clients
import conftest
import imap_clients
import messages
import peers
from mailproxy import MailProxy
from processes import HOST
from wire import IMAP, POP3, SMTP


@pytest.fixture(scope="module")
def fallback(module_scratch):
    with MailProxy(module_scratch, {protocol: "fallback" for protocol in ("smtp", "pop3", "imap")}) as running:
        yield running


@pytest.mark.parametrize(
    "driver", clients.for_fallback(clients.SMTP_DRIVERS + clients.POP3_DRIVERS + clients.IMAP_DRIVERS), ids=clients.name
)
def test_client(driver, fallback, accounts):
    protocol = driver.__module__.removesuffix("_clients")
    account = (
        peers.Account("quoting", accounts.quoted.password)
        if driver is imap_clients.quoted_password
        else accounts.fresh()
    )
    conftest.run_driver(driver, protocol, fallback.ports[protocol], account, clients.Place(fallback.ports["imap"]))


def _send(port, account, *sent):
    with SMTP(HOST, port) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        for message in sent:
            client.say("MAIL FROM:<ada@example.org>", 250)
            client.say(f"RCPT TO:<{account.address}>", 250)
            client.say("DATA", 354)
            client.send(messages.dot_stuffed(message) + b".\r\n")
            client.reply(250)
        client.say("QUIT", 221)


def test_mail_comes_out_as_it_went_in(fallback, accounts):
    """Sent by SMTP, read over POP3 and IMAP: the same bytes, and the same over both."""
    account = accounts.fresh()
    sent = messages.many(account.address) + [messages.international(account.address)]
    _send(fallback.ports["smtp"], account, *sent)
    over_imap = imap_clients.inbox(clients.Place(fallback.ports["imap"]), account)
    conftest.check_delivered(over_imap, sent)
    with POP3(HOST, fallback.ports["pop3"]) as client:
        client.status()
        client.say("USER " + account.address)
        client.say("PASS " + account.password)
        over_pop3 = [client.say_block(f"RETR {n}") for n in range(1, len(sent) + 1)]
        client.say("QUIT")
    assert over_pop3 == over_imap


def test_mailbox_opens_by_address_and_by_local_part(fallback, accounts):
    account = accounts.fresh()
    _send(fallback.ports["smtp"], account, messages.plain(account.address))
    for user in (account.address, account.name):
        with IMAP(HOST, fallback.ports["imap"]) as client:
            client.until(b"* OK")
            client.say(f"LOGIN {user} anything")
            assert b"* 1 EXISTS\r\n" in client.say("SELECT INBOX")
            client.say("LOGOUT")


def test_idling_client_sees_what_another_marks_and_what_arrives(fallback, accounts):
    account = accounts.fresh()
    _send(fallback.ports["smtp"], account, messages.plain(account.address), messages.dotted(account.address))
    with IMAP(HOST, fallback.ports["imap"]) as idling, IMAP(HOST, fallback.ports["imap"]) as other:
        idling.login(account)
        idling.say("SELECT INBOX")
        idling.send("i IDLE\r\n")
        idling.continuation()
        other.login(account)
        other.say("SELECT INBOX")
        other.say("STORE 2 +FLAGS (\\Seen)")
        seen = idling.until(b"* 2 FETCH")[-1]
        assert b"\\Seen" in seen, seen
        other.say("FETCH 1 BODY[TEXT]")
        seen = idling.until(b"* 1 FETCH")[-1]
        assert b"\\Seen" in seen, seen
        _send(fallback.ports["smtp"], account, messages.plain(account.address))
        idling.until(b"* 3 EXISTS")
        other.say("STORE 1 +FLAGS (\\Deleted)")
        other.say("EXPUNGE")
        idling.until(b"* 1 EXPUNGE")
        idling.send("DONE\r\n")
        idling.until(b"i OK")
        idling.say("LOGOUT")
        other.say("LOGOUT")


def test_state_survives_a_restart(scratch, accounts):
    """Messages, UIDs, flags and folders are the same after SIGTERM and a new start."""
    account = accounts.fresh()
    upstreams = {"smtp": "fallback", "imap": "fallback"}

    def look(port):
        with IMAP(HOST, port) as client:
            client.login(account)
            selected = [line for line in client.say("SELECT INBOX") if b"UIDVALIDITY" in line]
            state = client.say("UID FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[])")[:-1]
            folders = sorted(line for line in client.say('LIST "" "*"') if line.startswith(b"* LIST"))
            client.say("LOGOUT")
            return [line.replace(b" \\Recent", b"").replace(b"\\Recent", b"") for line in selected + state + folders]

    with MailProxy(scratch, upstreams) as first:
        _send(first.ports["smtp"], account, *messages.many(account.address))
        with IMAP(HOST, first.ports["imap"]) as client:
            client.login(account)
            client.say("SELECT INBOX")
            client.say("STORE 1:2 +FLAGS.SILENT (\\Seen \\Flagged)")
            client.say("STORE 3 +FLAGS.SILENT (\\Deleted)")
            client.say("EXPUNGE")
            client.say("CREATE Archive")
            client.say("COPY 1 Archive")
            client.say("LOGOUT")
        before = look(first.ports["imap"])
    with MailProxy(scratch, upstreams, name="again", data=first.data) as second:
        assert look(second.ports["imap"]) == before
