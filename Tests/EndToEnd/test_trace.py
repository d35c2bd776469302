"""`sessions trace`: messages through Postfix, LMTP and Dovecot, with the proxy on each hop and two recordings of them."""

import imaplib
import poplib
import re
import smtplib

import pytest

import clients
import imap_clients
import messages
import peers
from imap_clients import ok
from mailproxy import MailProxy, command, rows, sessions
from processes import HOST, free_port, until

RULES = """rules:
  - name: mark
    when: 'lmtp and header["subject"] == "to be marked"'
    then:
      - set-header: {name: Subject, value: "[checked] to be marked"}
"""


class Hops:
    """A proxy before Postfix and between Postfix and Dovecot, and another one before Dovecot for those who read."""

    def __init__(self, folder, servers):
        self.servers = servers
        # Sessions of clients by protocol, as far as they have ended.
        self.ended = {"smtp": 0, "imap": 0, "pop3": 0}
        lmtp = free_port()
        dovecot = servers.dovecot
        self.postfix = peers.Postfix(
            folder / "postfix", dovecot, servers.certificate, f"virtual_transport = lmtp:inet:{HOST}:{lmtp}\nlmtp_host_lookup = native\n"
        )
        try:
            (folder / "rules.yaml").write_text(RULES)
            self.front = MailProxy(
                folder, {"smtp": self.postfix.port, "lmtp": dovecot.lmtp}, "--rules", folder / "rules.yaml", name="front", ports={"smtp": free_port(), "lmtp": lmtp}
            )
            self.back = MailProxy(folder, {"imap": dovecot.imap, "pop3": dovecot.pop3}, name="back")
        except BaseException:
            self.postfix.stop()
            raise

    def stop(self):
        for proxy in (self.front, self.back):
            if proxy.process.running():
                proxy.stop()
        self.postfix.stop()

    def send(self, message, *accounts):
        with smtplib.SMTP(HOST, self.front.ports["smtp"], timeout=20) as client:
            client.sendmail("ada@example.org", [account.address for account in accounts], message)
        self.ended["smtp"] += 1

    def recorded(self):
        """Waits until the recorders have told the indexes of all sessions of clients, and of what Postfix delivered of their messages."""

        def is_whole():
            rows = [row for proxy in (self.front, self.back) for row in sessions(proxy.record)]
            found = [row["protocol"] for row in rows if row["end"] != "open"]
            deliveries = sum(row["messages"] for row in rows if row["protocol"] == "lmtp" and row["end"] != "open")
            return deliveries >= self.ended["smtp"] and all(found.count(protocol) == count for protocol, count in self.ended.items())

        until("all sessions to be recorded", is_whole, 20, 0.05)

    def arrived(self, account, count):
        place = clients.Place(self.servers.dovecot.side_door)
        until(f"{count} messages to arrive", lambda: len(imap_clients.inbox(place, account)) >= count, 20, 0.05)

    def fetch(self, account):
        client = imaplib.IMAP4(HOST, self.back.ports["imap"], timeout=20)
        ok(client.login(account.address, account.password))
        ok(client.select("INBOX"))
        uids = ok(client.uid("SEARCH", "ALL"))[0].split()
        for uid in uids:
            ok(client.uid("FETCH", uid.decode(), "(FLAGS BODY[])"))
        client.logout()
        self.ended["imap"] += 1
        return [int(uid) for uid in uids]

    def retrieve(self, account):
        client = poplib.POP3(HOST, self.back.ports["pop3"], timeout=20)
        client.user(account.address)
        client.pass_(account.password)
        for number in range(1, client.stat()[0] + 1):
            client.retr(number)
        client.quit()
        self.ended["pop3"] += 1


@pytest.fixture(scope="module")
def hops(servers, module_scratch):
    running = Hops(module_scratch, servers)
    yield running
    running.stop()


def traced(hops, identity):
    hops.recorded()
    found = rows(command("sessions", "trace", identity, hops.front.record, hops.back.record, "--json", status=0))
    return [row for row in found if "carrier" in row], [row for row in found if "remark" in row]


def identity(message):
    return re.search(rb"^Message-ID: (.*)\r$", message, re.M).group(1).decode()


def test_from_submission_to_both_readers(hops):
    one, two, absent = (hops.servers.accounts.fresh() for _ in range(3))
    message = messages.attachment(one.address).replace(b"Message-ID: <", b"Message-ID: <trace.")
    hops.send(message, one, two, absent)
    for account in (one, two, absent):
        hops.arrived(account, 1)
    hops.fetch(one)
    hops.retrieve(two)
    stations, remarks = traced(hops, identity(message))
    assert [row["carrier"] for row in stations] == ["DATA", "LMTP", "FETCH", "RETR"]
    assert [row["source"] for row in stations] == [None, 1, 2, 2] and all(row["proven"] for row in stations[1:])
    given, handed, fetched, retrieved = stations
    assert given["from"] == handed["from"] == "ada@example.org"
    everyone = {account.address for account in (one, two, absent)}
    assert {to["to"] for to in given["recipients"]} == {to["to"] for to in handed["recipients"]} == everyone
    assert all(to["status"] == "ok" for to in given["recipients"] + handed["recipients"])
    queue = re.search(r"queued as (\w+)", given["reply"]).group(1)
    assert handed["queue"] == queue == handed["received"][0]["id"] and handed["hops"] == 1 and handed["delay"] > 0
    assert given["bytes"] == len(message) and given["received"] == []
    assert handed["received"][0]["by"] == "mx.example.com"
    assert [len(row["received"]) for row in (fetched, retrieved)] == [2, 2]
    assert fetched["received"][0]["with"] == "LMTP"
    assert (fetched["user"], fetched["mailbox"], fetched["uid"]) == (one.address, "INBOX", 1)
    assert (retrieved["user"], retrieved["number"]) == (two.address, 1)
    for row in stations[1:]:
        assert row["changed"]["body"] == "same" and row["changed"]["removed"] == [] and row["body_sha256"] == given["body_sha256"]
    assert [line.partition(":")[0] for line in handed["changed"]["added"]] == ["Received"]
    assert {line.partition(":")[0] for line in fetched["changed"]["added"]} >= {"Return-Path", "Received"}
    assert [(row["remark"], row["station"], row["recipient"]) for row in remarks] == [("unfetched", 2, absent.address)]
    text = command("sessions", "trace", identity(message).strip("<>"), hops.front.record, hops.back.record, status=0).stdout.decode()
    assert f"in the queue as {queue}" in text and "body      the same" in text and f"unfetched  station 2: {absent.address}" in text
    # The delivery alone, with nothing before it.
    only = rows(command("sessions", "trace", identity(message), hops.front.record, "--filter", "lmtp", "--json", status=0))
    assert [row["carrier"] for row in only if "carrier" in row] == ["LMTP"] and only[0]["source"] is None


def test_what_was_rewritten_and_came_twice(hops):
    account = hops.servers.accounts.fresh()
    message = messages.plain(account.address, "to be marked").replace(b"Message-ID: <", b"Message-ID: <marked.")
    hops.send(message, account)
    hops.send(message, account)
    hops.arrived(account, 2)
    assert hops.fetch(account) == [1, 2]
    stations, remarks = traced(hops, identity(message))
    assert sorted(row["carrier"] for row in stations) == ["DATA", "DATA", "FETCH", "FETCH", "LMTP", "LMTP"]
    fetches = [row for row in stations if row["carrier"] == "FETCH"]
    for row in fetches:
        assert stations[row["source"] - 1]["carrier"] == "LMTP"
        assert "Subject: to be marked" in row["changed"]["removed"] and "Subject: [checked] to be marked" in row["changed"]["added"]
        assert row["changed"]["body"] == "same"
    assert len({row["source"] for row in fetches}) == 2
    kinds = [(row["remark"], row["text"]) for row in remarks]
    assert sum(kind == "doubled" for kind, _ in kinds) == 3
    assert sum(kind == "changed" and "Subject is another one" in text for kind, text in kinds) == 2


def test_refused_and_unknown(hops, scratch):
    account = hops.servers.accounts.fresh()
    message = messages.plain(account.address).replace(b"Message-ID: <", b"Message-ID: <refused.")
    with smtplib.SMTP(HOST, hops.front.ports["smtp"], timeout=20) as client:
        refused = client.sendmail("ada@example.org", [account.address, "nobody.here@example.com"], message)
    hops.ended["smtp"] += 1
    assert set(refused) == {"nobody.here@example.com"}
    hops.arrived(account, 1)
    _, remarks = traced(hops, identity(message))
    assert ("refused", 1, "nobody.here@example.com") in [(row["remark"], row["station"], row["recipient"]) for row in remarks]
    done = command("sessions", "trace", "<never@example.com>", hops.front.record, status=2)
    assert b"no message with the Message-ID <never@example.com>" in done.stderr
    assert b"which message" in command("sessions", "trace", "<>", hops.front.record, status=2).stderr
    (scratch / "bad.pcap").write_bytes(b"no capture at all")
    assert b"bad.pcap" in command("sessions", "trace", "x", scratch / "bad.pcap", status=2).stderr
